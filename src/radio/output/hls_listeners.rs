//! HLS listeners: they hold no connection, so everyone who has fetched the playlist recently counts.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;

use super::addresses::Origin;
use super::listener_limits::Limits;
use crate::audio::one_line::clean;
use crate::http::address::rate_limit_key;
use crate::time::Timestamp;

/// One of them.
#[derive(Debug, Clone)]
pub struct HlsListener {
    /// Where it is from.
    pub origin: Origin,
    /// What its player calls itself, on one line.
    pub player: Box<str>,
    /// When it first fetched the playlist.
    pub joined_at: Timestamp,
    /// When it last did.
    pub fetched_at: Timestamp,
}

/// Whose fetch of a playlist it is.
#[derive(Debug, Clone, Copy)]
pub struct Fetcher<'a> {
    /// Its address.
    pub address: IpAddr,
    /// What its player calls itself.
    pub agent: &'a [u8],
    /// Whether it may be any number of listeners, like all of them behind a proxy.
    pub is_exempt: bool,
}

/// Who has fetched a station's playlist, and when.
#[derive(Debug)]
pub struct HlsListeners {
    /// A listener counts for this long after it has fetched the playlist; players fetch it about every six seconds.
    timeout: Duration,
    hasher: RandomState,
    seats: Mutex<Seats>,
}

/// The listeners, and how many of them each address is.
#[derive(Debug, Default)]
struct Seats {
    listeners: HashMap<u64, (HlsListener, Option<IpAddr>)>,
    by_address: HashMap<IpAddr, usize>,
}

impl HlsListeners {
    /// No listeners yet.
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, hasher: RandomState::new(), seats: Mutex::default() }
    }

    /// Records a fetch of the playlist. A listener is an address and a user agent; new ones beyond the limits of a station
    /// and of an address are ignored.
    pub fn record(
        &self,
        fetcher: Fetcher<'_>,
        limits: Limits,
        now: Timestamp,
        origin: impl FnOnce() -> Origin,
    ) {
        let Fetcher { address, agent, is_exempt } = fetcher;
        let key = rate_limit_key(address);
        let number = self.hasher.hash_one((key, agent));
        let mut seats = self.seats.lock();
        if let Some((listener, _)) = seats.listeners.get_mut(&number) {
            listener.fetched_at = now;
            return;
        }
        let of_address = seats.by_address.get(&key).copied().unwrap_or(0);
        if seats.listeners.len() >= limits.per_station || of_address >= limits.per_address {
            return;
        }
        let counted = (!is_exempt).then_some(key);
        if let Some(key) = counted {
            *seats.by_address.entry(key).or_default() += 1;
        }
        let player = clean(&String::from_utf8_lossy(agent)).into();
        let listener = HlsListener { origin: origin(), player, joined_at: now, fetched_at: now };
        seats.listeners.insert(number, (listener, counted));
    }

    /// The number of listeners.
    pub fn count(&self, now: Timestamp) -> usize {
        self.seats.lock().listeners.values().filter(|(listener, _)| self.is_there(listener, now)).count()
    }

    /// Up to a number of them.
    pub fn listed(&self, most: usize, now: Timestamp) -> Vec<HlsListener> {
        let seats = self.seats.lock();
        let listeners = seats.listeners.values().map(|(listener, _)| listener);
        listeners.filter(|listener| self.is_there(listener, now)).take(most).cloned().collect()
    }

    /// Forgets those who have gone, and gives them back.
    pub fn take_gone(&self, now: Timestamp) -> Vec<HlsListener> {
        let mut seats = self.seats.lock();
        let Seats { listeners, by_address } = &mut *seats;
        let gone = listeners.extract_if(|_, (listener, _)| !self.is_there(listener, now));
        let forgotten = gone.map(|(_, (listener, key))| {
            if let Some((key, n)) = key.and_then(|key| Some((key, by_address.get_mut(&key)?))) {
                *n -= 1;
                if *n == 0 {
                    by_address.remove(&key);
                }
            }
            listener
        });
        forgotten.collect()
    }

    fn is_there(&self, listener: &HlsListener, now: Timestamp) -> bool {
        now.since(listener.fetched_at) < self.timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetcher(last: u8, agent: &str) -> Fetcher<'_> {
        Fetcher { address: [203, 0, 113, last].into(), agent: agent.as_bytes(), is_exempt: false }
    }

    #[test]
    fn a_stranger_with_many_names_for_its_player_is_no_crowd() {
        let listeners = HlsListeners::new(Duration::from_secs(20));
        let limits = Limits { total: 1000, per_station: 1000, per_address: 2 };
        let [now, later] = [1_700_000_000_000, 1_700_000_030_000].map(Timestamp::from_millis);
        let names: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        for name in &names {
            listeners.record(fetcher(1, name), limits, now, Origin::default);
        }
        listeners.record(fetcher(2, "mpv"), limits, now, Origin::default);
        assert_eq!(listeners.count(now), 3);
        for name in &names {
            let behind_a_proxy = Fetcher { is_exempt: true, ..fetcher(3, name) };
            listeners.record(behind_a_proxy, limits, now, Origin::default);
        }
        assert_eq!(listeners.count(now), 103);
        // Who has gone makes room.
        assert_eq!(listeners.take_gone(later).len(), 103);
        assert!(listeners.seats.lock().by_address.is_empty());
        listeners.record(fetcher(1, "mpv"), limits, later, Origin::default);
        assert_eq!(listeners.count(later), 1);
    }

    #[test]
    fn a_listener_counts_until_it_has_not_fetched_the_playlist_for_some_time() {
        let listeners = HlsListeners::new(Duration::from_secs(20));
        let at = |second: u64| Timestamp::from_millis(1_700_000_000_000 + second * 1000);
        let limits = Limits { total: 3, per_station: 3, per_address: 3 };
        for (last, agent, second) in
            [(1, "mpv", 0), (1, "mpv", 6), (1, "vlc", 6), (2, "mpv", 15), (3, "mpv", 16)]
        {
            listeners.record(fetcher(last, agent), limits, at(second), Origin::default);
        }
        assert_eq!((listeners.count(at(16)), listeners.count(at(27)), listeners.count(at(40))), (3, 1, 0));
        let gone = listeners.take_gone(at(27));
        assert_eq!((gone.len(), listeners.take_gone(at(27)).len()), (2, 0));
        let times: Vec<_> = gone.iter().map(|gone| gone.fetched_at.since(gone.joined_at).as_secs()).collect();
        assert!(times.contains(&6) && times.contains(&0), "{times:?}");
    }
}
