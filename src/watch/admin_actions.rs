//! What operators do in the rooms.

use std::net::IpAddr;
use std::time::Duration;

use super::audit::{AuditEntry, AuditEvent};
use super::hub::Hub;
use super::protocol::{RoomId, ServerEvent};
use super::room::{Fate, Room};
use crate::effect::{Close, Effects, MemberId};
use crate::rooms::{Departure, Outcome};
use crate::time::Timestamp;

impl Hub {
    /// Disbands a room.
    pub fn close_room(&mut self, id: RoomId, now: Timestamp) -> (Outcome, Effects) {
        let mut effects = Effects::none();
        let Some(room) = self.rooms.get(&id) else { return (Outcome::NotFound, effects) };
        effects
            .tell_all(room.members(), ServerEvent::RoomDeleted { reason: Some("closed_by_admin") }.frame());
        effects.note(&AuditEntry::new(self.wall.wall(now), AuditEvent::ClosedByAdmin, room, room.owner()));
        self.decide(&mut effects, id, Fate::Gone, now);
        (Outcome::Done, effects)
    }

    /// Shows everybody in a room a message, in clients that know of banners.
    pub fn show_banner(&mut self, id: RoomId, message: &str, now: Timestamp) -> (Outcome, Effects) {
        let mut effects = Effects::none();
        let Some(room) = self.rooms.get(&id) else { return (Outcome::NotFound, effects) };
        let banner = ServerEvent::Banner { message, timestamp: self.wall.wall(now).as_millis() };
        effects.tell_all(room.members(), banner.frame());
        effects.note(&AuditEntry::new(self.wall.wall(now), AuditEvent::BannerByAdmin, room, room.owner()));
        (Outcome::Done, effects)
    }

    /// Disconnects a member.
    pub fn kick(&mut self, member: MemberId, now: Timestamp) -> (Outcome, Effects) {
        let mut effects = Effects::none();
        let seat = self.rooms.values().find(|room| room.has(member)).map(Room::id);
        if seat.is_none() && !self.members.contains(&member) {
            return (Outcome::NotFound, effects);
        }
        if let Some(id) = seat {
            if let Some(room) = self.rooms.get(&id) {
                effects.note(&AuditEntry::new(self.wall.wall(now), AuditEvent::KickedByAdmin, room, member));
            }
            let person =
                self.rooms.get(&id).and_then(|room| room.party.get(member)).map(|present| present.person);
            effects.append(self.leave_room(member, id, Departure::CutOff, now));
            if let (Some(person), Some(room)) = (person, self.rooms.get_mut(&id)) {
                room.party.end_ticket_of(person);
            }
        }
        effects.disconnect(member, Close::Violation);
        (Outcome::Done, effects)
    }

    /// Keeps an address out for a time, and disconnects whoever is there from it.
    pub fn ban(&mut self, address: IpAddr, span: Duration, now: Timestamp) -> (Outcome, Effects) {
        self.bans.add(&mut self.facts, address, now + span, now);
        (Outcome::Done, self.let_go_of_banned(now))
    }

    /// Disconnects whoever is here from an address that is banned.
    pub fn let_go_of_banned(&mut self, now: Timestamp) -> Effects {
        let mut banned: Vec<MemberId> = self
            .members
            .all()
            .filter(|(_, member)| self.bans.holds(member.address, now))
            .map(|(id, _)| *id)
            .collect();
        banned.sort();
        let mut effects = Effects::none();
        for member in banned {
            effects.append(self.kick(member, now).1);
        }
        effects
    }

    /// Lets an address in again.
    pub fn lift_ban(&mut self, address: IpAddr) -> (Outcome, Effects) {
        let outcome =
            if self.bans.lift(&mut self.facts, address) { Outcome::Done } else { Outcome::NotFound };
        (outcome, Effects::none())
    }
}
