//! How busy the rooms are: the last hour, minute by minute.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use super::counts::Totals;
use crate::time::{Timestamp, WallOffset};

/// Between two looks.
const MINUTE: Duration = Duration::from_mins(1);

/// Looks that are kept.
const MINUTES: usize = 60;

/// The state of things at a minute, and what happened in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Minute {
    /// Its end, in milliseconds since the epoch.
    pub at: u64,
    /// Rooms at its end.
    pub rooms: usize,
    /// Seated members at its end.
    pub members: usize,
    /// Chat messages in it.
    pub chats: u64,
    /// Events in it.
    pub events: u64,
}

/// The last hour.
#[derive(Debug)]
pub struct History {
    minutes: VecDeque<Minute>,
    next_at: Timestamp,
    before: Totals,
}

impl History {
    /// Nothing yet.
    pub fn new(now: Timestamp) -> Self {
        Self { minutes: VecDeque::with_capacity(MINUTES), next_at: now + MINUTE, before: Totals::default() }
    }

    /// Takes a look, if a minute is over.
    pub fn look(&mut self, rooms: usize, members: usize, totals: Totals, now: Timestamp) {
        if now < self.next_at {
            return;
        }
        if self.minutes.len() == MINUTES {
            self.minutes.pop_front();
        }
        let chats = totals.chats - self.before.chats;
        let events = totals.events - self.before.events;
        self.minutes.push_back(Minute { at: now.as_millis(), rooms, members, chats, events });
        self.before = totals;
        self.next_at = now + MINUTE;
    }

    /// The looks so far, the oldest first.
    pub fn minutes(&self, wall: WallOffset) -> Vec<Minute> {
        let told = |at| wall.wall(Timestamp::from_millis(at)).as_millis();
        self.minutes.iter().map(|minute| Minute { at: told(minute.at), ..*minute }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_minute_by_minute() {
        let start = Timestamp::from_millis(1_700_000_000_000);
        let mut history = History::new(start);
        for tens in 0..6 * 61_u64 {
            let totals = Totals { chats: tens, ..Totals::default() };
            history.look(1, 2, totals, start + Duration::from_secs(10 * tens));
        }
        let minutes = history.minutes(WallOffset::default());
        assert_eq!(minutes.len(), 60);
        assert!(minutes.iter().all(|minute| minute.chats == 6));
        assert_eq!(minutes[59].at - minutes[0].at, 59 * 60_000);
    }
}
