//! What HTTP and the metrics tell of all rooms.

use super::Hub;
use crate::admin::{Action, Asked, Item, Listing, Overview};
use crate::devices::protocol::names::{DeviceId, RoomId};
use crate::devices::room::{ClientReport, Room, RoomReport, Seat};
use crate::rooms::Census;

impl Hub {
    /// What HTTP tells of a room.
    pub fn report(&self, room: RoomId) -> RoomReport {
        self.rooms.get(&room).map_or_else(|| Room::new(room).report(), Room::report)
    }

    /// What HTTP tells of rooms with somebody in them, after one of them by name: so many at most, and no more once so
    /// many connections have been told of. Gives also the last one, if others follow it.
    pub fn reports(
        &self,
        after: Option<RoomId>,
        limit: usize,
        max_clients: usize,
    ) -> (Vec<RoomReport>, Option<RoomId>) {
        let is_next = |(id, _): &(&RoomId, &Room)| after.is_none_or(|after| **id > after);
        let mut rooms: Vec<_> = self.rooms.all().filter(is_next).collect();
        rooms.sort_unstable_by_key(|(id, _)| **id);
        let mut n_clients = 0;
        let is_within = |(_, room): &&(&RoomId, &Room)| {
            let is_within = n_clients < max_clients;
            n_clients += room.seats().len();
            is_within
        };
        let page: Vec<_> = rooms.iter().take(limit).take_while(is_within).collect();
        let next = page.last().filter(|_| page.len() < rooms.len()).map(|(id, _)| **id);
        (page.into_iter().map(|(_, room)| room.report()).collect(), next)
    }

    /// What HTTP tells of a device's connections, up to a number.
    pub fn connections(&self, device: &DeviceId, limit: usize) -> Vec<ClientReport> {
        let seats = self.rooms.all().flat_map(|(id, room)| room.seats().iter().map(move |seat| (id, seat)));
        let own = seats.filter(|(_, seat)| seat.device == *device);
        own.take(limit).map(|(id, seat)| seat.report(*id)).collect()
    }

    /// What operators of the process see.
    pub fn overview(&self, asked: &Asked) -> Overview {
        let is_asked_for = |(id, room): &(&RoomId, &Room)| {
            asked.fits([id.as_str()])
                || asked.fits(room.seats().iter().flat_map(|seat| [seat.device.as_str(), &seat.identity]))
        };
        let mut rooms: Vec<(&RoomId, &Room)> = self.rooms.all().filter(is_asked_for).collect();
        rooms.sort_unstable_by_key(|(id, _)| **id);
        let room = |(id, room): (&RoomId, &Room)| Item {
            kind: "room",
            id: id.as_str().to_owned(),
            title: id.as_str().to_owned(),
            items: room.seats().iter().map(Seat::item).collect(),
            ..Item::default()
        };
        Overview {
            figures: vec![
                ("rooms", self.n_rooms() as u64),
                ("members", self.n_seated() as u64),
                ("connected", self.n_members() as u64),
            ],
            sections: vec![Listing::new(asked).section("rooms", rooms.into_iter().map(room))],
            ..Overview::default()
        }
    }

    /// Connections, in a room or not.
    pub fn n_members(&self) -> usize {
        self.members.count()
    }

    /// How much of it is here.
    pub fn census(&self) -> Census {
        Census::of(self.members.values().filter_map(|member| member.room))
    }

    /// Connections in rooms.
    pub fn n_seated(&self) -> usize {
        self.rooms.values().map(|room| room.seats().len()).sum()
    }

    /// Rooms with somebody in them.
    pub fn n_rooms(&self) -> usize {
        self.rooms.count()
    }
}

impl Seat {
    fn item(&self) -> Item {
        Item {
            kind: "device",
            id: self.device.as_str().to_owned(),
            title: self.device.as_str().to_owned(),
            details: vec![
                ("identity", self.identity.to_string()),
                ("address", self.address.to_string()),
                ("since", self.joined_at.to_string()),
            ],
            actions: vec![Action::grave("disconnect")],
            ..Item::default()
        }
    }
}
