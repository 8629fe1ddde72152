//! Who listens by fetching lists of segments: nobody stays connected, so whoever came lately counts.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;

use crate::http::address::subscriber;
use crate::time::Timestamp;

/// Whoever has fetched the list within this time listens: players fetch it about every six seconds.
const LISTENING: Duration = Duration::from_secs(20);

/// Who has fetched a station's list, and when.
#[derive(Debug, Default)]
pub struct Audience {
    hasher: RandomState,
    seen: Mutex<HashMap<u64, Timestamp>>,
}

impl Audience {
    /// Counts somebody who fetches the list, known by address and program, unless there are `most` already.
    pub fn note(&self, address: IpAddr, agent: &[u8], most: usize, now: Timestamp) {
        let who = self.hasher.hash_one((subscriber(address), agent));
        let mut seen = self.seen.lock();
        if seen.len() >= most {
            seen.retain(|_, at| now.since(*at) < LISTENING);
        }
        if seen.len() < most || seen.contains_key(&who) {
            seen.insert(who, now);
        }
    }

    /// How many listen now.
    pub fn count(&self, now: Timestamp) -> usize {
        let mut seen = self.seen.lock();
        seen.retain(|_, at| now.since(*at) < LISTENING);
        seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_fetched_the_list_lately_listens() {
        let audience = Audience::default();
        let at = |second: u64| Timestamp::from_millis(1_700_000_000_000 + second * 1000);
        let address = |last: u8| IpAddr::from([203, 0, 113, last]);
        for (last, agent, second) in [(1, "mpv", 0), (1, "mpv", 6), (1, "vlc", 6), (2, "mpv", 15)] {
            audience.note(address(last), agent.as_bytes(), 3, at(second));
        }
        audience.note(address(3), b"mpv", 3, at(16));
        assert_eq!((audience.count(at(16)), audience.count(at(27)), audience.count(at(40))), (3, 1, 0));
    }
}
