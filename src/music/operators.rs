//! What operators see of listening rooms, and what they do in them.

use super::command::Command;
use super::hub::Hub;
use super::protocol::RoomId;
use super::room::Room;
use super::seat::Seat;
use crate::admin::{Action, Asked, Item, Listing, Order, Overview};
use crate::effect::{Effects, MemberId};
use crate::rooms::{Hub as _, Outcome};
use crate::time::Timestamp;

impl Hub {
    /// Closes a room: its members are put out as if each of them had been kicked, and may open it again.
    pub fn close_room(&mut self, id: &RoomId, now: Timestamp) -> (Outcome, Effects) {
        let mut effects = Effects::none();
        let Some(room) = self.rooms.get(id) else { return (Outcome::NotFound, effects) };
        let members: Vec<MemberId> = room.members().collect();
        for member in &members {
            room.tell_kicked(&mut effects, *member);
        }
        for member in members {
            self.evict(member, id);
        }
        self.record(Some(id), None, &mut effects, now);
        if let Some(mut room) = self.rooms.remove(id)
            && room.party.recording.is_running()
        {
            room.party.recording.end(&mut effects, now);
        }
        (Outcome::Done, effects)
    }

    /// Puts a member out of its room for `kick_time`, with all connections that its person has there.
    pub fn kick(&mut self, member: MemberId, now: Timestamp) -> (Outcome, Effects) {
        let Some(id) = self.room_of(member).cloned() else { return (Outcome::NotFound, Effects::none()) };
        let outcome = self.with_room(&id, now, |room, rng, moment| {
            let owner = room.owner();
            let done = room.party.expel(member, moment.scene(id.as_str(), owner));
            room.complete(done, rng, moment)
        });
        let mut effects = outcome.map_or_else(Effects::none, |outcome| self.settle(&id, outcome, now));
        self.record(Some(&id), None, &mut effects, now);
        (Outcome::Done, effects)
    }

    /// What operators see.
    pub fn overview(&self, asked: &Asked) -> Overview {
        let names = |room: &Room| room.seats.iter().filter_map(|seat| seat.name.clone()).collect::<Vec<_>>();
        let is_asked_for = |room: &&Room| {
            asked.fits([room.id.as_str(), room.facts().name])
                || asked.fits(names(room).iter().map(String::as_str))
        };
        let mut rooms: Vec<&Room> = self.rooms.values().filter(is_asked_for).collect();
        rooms.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
        let rooms = Listing::new(asked).section("rooms", rooms.into_iter().map(Room::item));
        let (n_rooms, n_seated) = (self.rooms.count() as u64, self.n_seated() as u64);
        Overview {
            figures: vec![
                ("rooms", n_rooms),
                ("members", n_seated),
                ("connected", self.members.count() as u64),
            ],
            sections: vec![rooms],
            ..Overview::default()
        }
    }
}

impl Room {
    fn item(&self) -> Item {
        let facts = self.facts();
        let badges = [
            (!facts.is_public, "hidden"),
            (facts.has_password, "password"),
            (self.is_permanent(), "permanent"),
            (self.seats.is_empty(), "empty"),
        ];
        let host = self.host();
        Item {
            kind: "room",
            id: self.id.as_str().to_owned(),
            title: facts.name.to_owned(),
            badges: badges.into_iter().filter_map(|(is_so, badge)| is_so.then_some(badge)).collect(),
            details: self.title().map(|title| ("plays", title)).into_iter().collect(),
            actions: vec![Action::grave("close")],
            items: self.seats.iter().map(|seat| seat.item(seat.id == host)).collect(),
            n_more: 0,
        }
    }
}

impl Seat {
    fn item(&self, is_host: bool) -> Item {
        Item {
            kind: "member",
            id: self.id.as_str().to_owned(),
            title: self.name.clone().unwrap_or_default(),
            badges: if is_host { vec!["host"] } else { Vec::new() },
            details: vec![("address", self.address.to_string())],
            actions: vec![Action::grave("kick")],
            ..Item::default()
        }
    }
}

/// What an order has the hub do.
pub fn command(order: &Order) -> Option<Command> {
    match (order.kind.as_str(), order.action.as_str()) {
        ("room", "close") => RoomId::new(&order.id).map(Command::CloseRoom),
        ("member", "kick") => MemberId::new(&order.id).map(Command::Kick),
        _ => None,
    }
}
