//! HLS listeners: they hold no connection, so everyone who has fetched the playlist recently counts.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;

use crate::http::address::rate_limit_key;
use crate::time::Timestamp;

/// Who has fetched a station's playlist, and when.
#[derive(Debug)]
pub struct HlsListeners {
    /// A listener counts for this long after it has fetched the playlist; players fetch it about every six seconds.
    timeout: Duration,
    hasher: RandomState,
    last_fetches: Mutex<HashMap<u64, Timestamp>>,
}

impl HlsListeners {
    /// No listeners yet.
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, hasher: RandomState::new(), last_fetches: Mutex::default() }
    }

    /// Records a fetch of the playlist. A listener is an address and a user agent; new ones beyond `max` are ignored.
    pub fn record(&self, address: IpAddr, agent: &[u8], max: usize, now: Timestamp) {
        let listener = self.hasher.hash_one((rate_limit_key(address), agent));
        let mut last_fetches = self.last_fetches.lock();
        if last_fetches.len() >= max {
            last_fetches.retain(|_, at| now.since(*at) < self.timeout);
        }
        if last_fetches.len() < max || last_fetches.contains_key(&listener) {
            last_fetches.insert(listener, now);
        }
    }

    /// The number of listeners.
    pub fn count(&self, now: Timestamp) -> usize {
        let mut last_fetches = self.last_fetches.lock();
        last_fetches.retain(|_, at| now.since(*at) < self.timeout);
        last_fetches.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_counts_until_it_has_not_fetched_the_playlist_for_some_time() {
        let listeners = HlsListeners::new(Duration::from_secs(20));
        let at = |second: u64| Timestamp::from_millis(1_700_000_000_000 + second * 1000);
        let address = |last: u8| IpAddr::from([203, 0, 113, last]);
        for (last, agent, second) in [(1, "mpv", 0), (1, "mpv", 6), (1, "vlc", 6), (2, "mpv", 15)] {
            listeners.record(address(last), agent.as_bytes(), 3, at(second));
        }
        listeners.record(address(3), b"mpv", 3, at(16));
        assert_eq!((listeners.count(at(16)), listeners.count(at(27)), listeners.count(at(40))), (3, 1, 0));
    }
}
