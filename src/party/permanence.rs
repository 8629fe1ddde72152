//! Rooms that stay when they are empty, until nobody has used them for long.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How many rooms may stay.
#[derive(Debug, Clone, Copy)]
pub struct PermanentRooms {
    /// Of all addresses together.
    pub most: usize,
    /// Made from one address, so that nobody takes them all.
    pub most_per_address: usize,
}

impl PermanentRooms {
    /// Whether a room that was made from an address may stay besides others, told by the addresses that they were made
    /// from; `None` is one whose rooms are not limited.
    pub fn allow(self, made_from: Option<IpAddr>, others: impl Iterator<Item = Option<IpAddr>>) -> bool {
        let (mut n_all, mut n_own) = (0, 0);
        for other in others {
            n_all += 1;
            n_own += usize::from(made_from.is_some() && other == made_from);
        }
        n_all < self.most && n_own < self.most_per_address
    }
}

/// Whether a room stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Permanence {
    /// Whether its owner wants it to.
    pub is_permanent: bool,
    /// Since when nobody is there.
    unused_since: Option<Timestamp>,
}

impl Permanence {
    /// Somebody is there.
    pub fn use_now(&mut self) {
        self.unused_since = None;
    }

    /// The last one has gone.
    pub fn stand_empty(&mut self, now: Timestamp) {
        self.unused_since.get_or_insert(now);
    }

    /// Whether nobody has used a permanent room for so long.
    pub fn has_expired(&self, unused: Duration, now: Timestamp) -> bool {
        self.is_permanent && self.unused_since.is_some_and(|since| now.since(since) >= unused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rooms::test_stage::START;

    #[test]
    fn one_address_takes_no_more_than_its_share_of_the_rooms_that_stay() {
        let rooms = PermanentRooms { most: 4, most_per_address: 2 };
        let [ann, bob] = [1, 2].map(|n| Some(IpAddr::from([192, 0, 2, n])));
        assert!(rooms.allow(ann, [ann, bob].into_iter()));
        assert!(!rooms.allow(ann, [ann, ann].into_iter()));
        assert!(rooms.allow(bob, [ann, ann].into_iter()));
        assert!(!rooms.allow(bob, [ann, ann, None, None].into_iter()));
        assert!(rooms.allow(None, [None, None, None].into_iter()), "a proxy has many behind it");
    }

    #[test]
    fn a_permanent_room_expires_when_nobody_has_used_it_for_long() {
        let day = Duration::from_hours(24);
        let mut room = Permanence { is_permanent: true, ..Permanence::default() };
        assert!(!room.has_expired(day, START + day), "somebody is there");
        room.stand_empty(START);
        room.stand_empty(START + Duration::from_secs(1));
        assert!(!room.has_expired(day, START) && room.has_expired(day, START + day));
        room.use_now();
        assert!(!room.has_expired(day, START + day));
        room.stand_empty(START);
        room.is_permanent = false;
        assert!(!room.has_expired(day, START + day), "it goes as other rooms do");
    }
}
