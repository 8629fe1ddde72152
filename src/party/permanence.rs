//! Rooms that stay when they are empty, until nobody has used them for long.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Whether a room stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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
