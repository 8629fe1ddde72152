//! What pages ask for, beside what every client may: each event of theirs, and what comes of it.

use super::audit::{AuditEntry, AuditEvent};
use super::draw;
use super::hub::Hub;
use super::protocol::{PageEvent, RoomId, ServerEvent};
use super::room::{Moment, Room};
use crate::effect::{Effects, MemberId};
use crate::party::protocol::{
    self as party, ClientEvent, Refusal, RoomEvent, ServerEvent as PartyEvent, Success, refuse,
};
use crate::party::{Done, FollowUp, Newcomer, PersonId, Role};
use crate::rooms::Departure;
use crate::time::Timestamp;

impl Hub {
    /// Does what a page says, if it may.
    pub(super) fn dispatch_shared(&mut self, from: MemberId, event: ClientEvent, now: Timestamp) -> Effects {
        match event {
            ClientEvent::Introduce { name, person } => self.introduce(from, name, person, now),
            ClientEvent::TimePing { client_time } => party::tell_time(from, client_time, now),
            ClientEvent::Room(event) => self.act(from, event, now).unwrap_or_else(refuse),
            ClientEvent::Recording(event) => self.act_on_recording(from, &event, now).unwrap_or_else(refuse),
        }
    }

    /// Does what a page says of the film.
    pub(super) fn dispatch_page(&mut self, from: MemberId, event: PageEvent, now: Timestamp) -> Effects {
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        let id = self.members.get(&from).and_then(|member| member.room);
        let Some(room) = id.and_then(|id| self.rooms.get_mut(&id)) else {
            return refuse(Refusal::NotInARoom);
        };
        let done = match event {
            PageEvent::Buffering(is_buffering) => Ok(room.set_buffering(from, is_buffering, moment)),
            PageEvent::CheckReady => room.check_ready(from, moment),
            PageEvent::Ready(is_ready) => Ok(room.set_ready(from, is_ready, moment)),
            PageEvent::Speed(speed) => room.set_speed(from, speed, moment),
        };
        match done {
            Ok(mut effects) => {
                effects.answer(&Success::plain());
                effects
            }
            Err(refusal) => refuse(refusal),
        }
    }

    fn introduce(
        &mut self,
        from: MemberId,
        name: Option<String>,
        person: Option<PersonId>,
        now: Timestamp,
    ) -> Effects {
        let name = name.filter(|name| !name.is_empty());
        if name.as_ref().is_some_and(|name| name.chars().count() > self.config.max_user_name_chars) {
            return refuse(Refusal::Invalid);
        }
        let Some(member) = self.members.get_mut(&from) else { return Effects::none() };
        member.is_page = true;
        member.person = person.or(member.person);
        let (room, person) = (member.room, member.person);
        let mut done = Done::default();
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        if let Some(room) = room.and_then(|id| self.rooms.get_mut(&id)) {
            done.follow_ups = room.introduce(from, name, person, moment);
            if done.follow_ups.is_empty() {
                room.tell_members(&mut done.effects, moment);
                room.greet(&mut done.effects, from, moment);
            }
        }
        done.effects.answer(&Success::plain());
        match room {
            Some(room) => self.follow_up(room, done, now),
            None => done.effects,
        }
    }

    fn act(&mut self, from: MemberId, event: RoomEvent, now: Timestamp) -> Result<Effects, Refusal> {
        let id = self.room_of(from).ok_or(Refusal::NotInARoom)?;
        let stays = matches!(&event, RoomEvent::Set(settings) if settings.is_permanent == Some(true));
        if stays {
            let others = self.rooms.values().filter(|room| room.is_permanent() && room.id() != id);
            let made_from = self.rooms.get(&id).and_then(Room::made_from);
            if !self.config.permanent_rooms().allow(made_from, others.map(Room::made_from)) {
                return Err(Refusal::TooMany);
            }
        }
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        let room = self.rooms.get_mut(&id).ok_or(Refusal::NotInARoom)?;
        let position = room.position(now);
        let scene = moment.scene(&id, room.owner);
        let done = room.party.act(from, event, position, &mut self.rng, scene)?;
        Ok(self.follow_up(id, done, now))
    }

    /// Somebody has taken a seat: who it is there, and what pages are told of it.
    pub(super) fn welcome(&mut self, member: MemberId, id: RoomId, role: Role, now: Timestamp) -> Effects {
        let Some(newcomer) = self.newcomer(member, id, role) else { return Effects::none() };
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        let Some(room) = self.rooms.get_mut(&id) else { return Effects::none() };
        let done = room.welcome(newcomer, moment);
        self.follow_up(id, done, now)
    }

    fn newcomer(&self, id: MemberId, room: RoomId, role: Role) -> Option<Newcomer> {
        let member = self.members.get(&id)?;
        let name = self.rooms.get(&room)?.name_of(id)?.to_owned();
        let address = self.quota.counted(member.address);
        Some(Newcomer { id, name, person: member.person, is_page: member.is_page, role, address })
    }

    /// Seats of a room were taken away: what pages are told, and what follows.
    pub(super) fn settle_seats(&mut self, id: RoomId, departure: Departure, now: Timestamp) -> Effects {
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        let Some(room) = self.rooms.get_mut(&id) else { return Effects::none() };
        let done = room.settle_seats(departure, moment);
        self.follow_up(id, done, now)
    }

    /// Does what is left to do in a room.
    pub(super) fn follow_up(&mut self, id: RoomId, done: Done, now: Timestamp) -> Effects {
        let mut effects = done.effects;
        for follow_up in done.follow_ups {
            match follow_up {
                FollowUp::TellRoom => self.tell_room(id, &mut effects, now),
                FollowUp::TellMembers => self.send_members(id, &mut effects, now),
                FollowUp::HandOver(to) => effects.append(self.hand_over(id, to, now)),
                FollowUp::PutOut(members) => {
                    for member in members {
                        effects.append(self.put_out(id, member, now));
                    }
                }
                // There is no queue here: nobody can vote for it.
                FollowUp::Skip => {}
                FollowUp::SetPublic(is_public) => {
                    if let Some(room) = self.rooms.get_mut(&id) {
                        room.set_public(is_public);
                    }
                }
                FollowUp::SetPassword(password) => {
                    let code = password.map(|password| self.passwords.encode(id.as_str(), &password));
                    if let Some(room) = self.rooms.get_mut(&id) {
                        room.set_code(code);
                    }
                }
            }
        }
        self.set_alarm(Some(id));
        effects
    }

    fn send_members(&self, id: RoomId, effects: &mut Effects, now: Timestamp) {
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        if let Some(room) = self.rooms.get(&id) {
            room.party.tell_members(effects, moment.scene(&id, room.owner));
        }
    }

    fn tell_room(&self, id: RoomId, effects: &mut Effects, now: Timestamp) {
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        if let Some(room) = self.rooms.get(&id) {
            room.tell_room(effects, moment);
        }
    }

    /// Hands a room over to one of its members.
    pub(super) fn hand_over(&mut self, id: RoomId, to: MemberId, now: Timestamp) -> Effects {
        let token = draw::owner_token(&mut self.rng);
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        let Some(room) = self.rooms.get_mut(&id) else { return Effects::none() };
        let mut effects = room.transfer(to, token, now);
        room.party.tell_each(&mut effects, moment.scene(&id, room.owner));
        room.tell_members(&mut effects, moment);
        effects.note(&AuditEntry::new(self.wall.wall(now), AuditEvent::HandedOver, room, to));
        effects
    }

    /// Puts a member out of a room. A client that is no page knows of rooms that are gone, and of nothing else like that.
    fn put_out(&mut self, id: RoomId, member: MemberId, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let Some(room) = self.rooms.get(&id).filter(|room| room.has(member)) else { return effects };
        let is_page = room.party.get(member).is_some_and(|present| present.is_page);
        let frame = if is_page {
            PartyEvent::Kicked.frame()
        } else {
            ServerEvent::RoomDeleted { reason: Some("kicked") }.frame()
        };
        effects.tell(member, frame);
        effects.note(&AuditEntry::new(self.wall.wall(now), AuditEvent::Kicked, room, member));
        effects.append(self.leave_room(member, id, Departure::CutOff, now));
        effects
    }

    /// The next moment of a room is waited for, if it comes first.
    pub(super) fn set_alarm(&mut self, room: Option<RoomId>) {
        let room = room.and_then(|id| self.rooms.get(&id));
        if let Some(at) = room.and_then(Room::next_timeout) {
            self.alarm_at = Some(self.alarm_at.map_or(at, |alarm| alarm.min(at)));
        }
    }

    /// Does what time has come for in votes and waits.
    pub(super) fn ring(&mut self, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let is_due = |room: &&Room| room.next_timeout().is_some_and(|at| at <= now);
        let mut due: Vec<RoomId> = self.rooms.values().filter(is_due).map(Room::id).collect();
        due.sort();
        for id in due {
            let moment = Moment { terms: &self.terms, now, wall: self.wall };
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            let mut done = Done::default();
            room.party.handle_timeout(&mut done, moment.scene(&id, room.owner));
            done.effects.append(room.look_at_waiting(moment));
            effects.append(self.follow_up(id, done, now));
            self.record(Some(id), None, &mut effects, now);
        }
        self.alarm_at = self.rooms.values().filter_map(Room::next_timeout).min();
        effects
    }
}
