//! What operators see of signalling, and what they do in its rooms.

use super::command::Command;
use super::hub::{Hub, nobody, refuse};
use super::protocol::{Id, Refusal, ServerEvent};
use super::room::Room;
use crate::admin::{Action, Asked, Item, Listing, Order, Overview};
use crate::effect::Effects;
use crate::rooms::Outcome;

impl Hub {
    /// Takes all users out of a room, which is gone then. Their connections stay.
    pub fn close_room(&mut self, id: &Id) -> (Outcome, Effects) {
        let mut effects = Effects::none();
        let Some(room) = self.rooms.remove(id) else { return (Outcome::NotFound, effects) };
        let members = room.others(nobody());
        for member in &members {
            if let Some(member) = self.members.get_mut(member) {
                member.rooms.remove(id);
            }
        }
        effects.tell_all(members, ServerEvent::from(Refusal::Removed).frame(None));
        (Outcome::Done, effects)
    }

    /// Takes a user out of a room, and tells it and the others. Its connection stays.
    pub fn kick(&mut self, room_id: &Id, user_id: &Id) -> (Outcome, Effects) {
        let room = self.rooms.get(room_id);
        let Some(room) = room.filter(|room| room.users().contains(&user_id)) else {
            return (Outcome::NotFound, Effects::none());
        };
        let member = room.member_of(user_id);
        let mut effects = member.map_or_else(Effects::none, |member| refuse(member, Refusal::Removed, None));
        effects.append(self.remove(user_id, room_id, nobody()));
        (Outcome::Done, effects)
    }

    /// What operators see.
    pub fn overview(&self, asked: &Asked) -> Overview {
        let is_asked_for = |(id, room): &(&Id, &Room)| {
            asked.fits([id.as_str()]) || asked.fits(room.users().into_iter().map(Id::as_str))
        };
        let mut rooms: Vec<(&Id, &Room)> = self.rooms.all().filter(is_asked_for).collect();
        rooms.sort_by_key(|(id, _)| *id);
        let rooms = Listing::new(asked).section("rooms", rooms.into_iter().map(|(id, room)| item(id, room)));
        let n_users: usize = self.rooms.values().map(Room::n_users).sum();
        Overview {
            figures: vec![
                ("rooms", self.rooms.count() as u64),
                ("members", n_users as u64),
                ("connected", self.members.count() as u64),
            ],
            sections: vec![rooms],
            ..Overview::default()
        }
    }
}

fn item(id: &Id, room: &Room) -> Item {
    let user = |user: &Id| Item {
        kind: "member",
        id: user.as_str().to_owned(),
        title: user.as_str().to_owned(),
        badges: if room.member_of(user).is_none() { vec!["away"] } else { Vec::new() },
        actions: vec![Action::grave("kick")],
        ..Item::default()
    };
    Item {
        kind: "room",
        id: id.as_str().to_owned(),
        title: id.as_str().to_owned(),
        actions: vec![Action::grave("close")],
        items: room.users().into_iter().map(user).collect(),
        ..Item::default()
    }
}

/// What an order has the hub do.
pub fn command(order: &Order) -> Option<Command> {
    match (order.kind.as_str(), order.action.as_str()) {
        ("room", "close") => Id::new(&order.id).map(Command::CloseRoom),
        ("member", "kick") => {
            let room = order.within.as_deref().and_then(Id::new);
            room.zip(Id::new(&order.id)).map(|(room, user)| Command::Kick { room, user })
        }
        _ => None,
    }
}
