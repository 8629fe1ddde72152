//! Limits on the number of listeners: in total, per station and per address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// The most listeners that are admitted.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// In total.
    pub total: usize,
    /// On one station.
    pub per_station: usize,
    /// From one address.
    pub per_address: usize,
}

/// Counts listeners and admits them up to the limits.
#[derive(Debug, Default)]
pub struct ListenerLimiter {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    by_station: HashMap<Arc<str>, usize>,
    by_address: HashMap<IpAddr, usize>,
}

/// A listener's share of the limits; given back on drop.
pub struct ListenerPermit {
    limiter: Arc<ListenerLimiter>,
    station: Arc<str>,
    address: Option<IpAddr>,
}

impl ListenerLimiter {
    /// The number of listeners of a station.
    pub fn count(&self, station: &str) -> usize {
        self.counts.lock().by_station.get(station).copied().unwrap_or(0)
    }

    /// Admits a listener; `None` if a limit is reached. An exempt address is `None`.
    pub fn acquire(
        self: &Arc<Self>,
        station: &Arc<str>,
        address: Option<IpAddr>,
        limits: Limits,
    ) -> Option<ListenerPermit> {
        let mut counts = self.counts.lock();
        let of_station = counts.by_station.get(station).copied().unwrap_or(0);
        let of_address = address.and_then(|address| counts.by_address.get(&address).copied()).unwrap_or(0);
        if counts.total >= limits.total
            || of_station >= limits.per_station
            || of_address >= limits.per_address
        {
            return None;
        }
        counts.total += 1;
        *counts.by_station.entry(Arc::clone(station)).or_default() += 1;
        if let Some(address) = address {
            *counts.by_address.entry(address).or_default() += 1;
        }
        drop(counts);
        Some(ListenerPermit { limiter: Arc::clone(self), station: Arc::clone(station), address })
    }
}

impl ListenerPermit {
    /// The listener hears another station from now on: an operator wants it so, whatever the limits are.
    pub fn move_to(&mut self, station: &Arc<str>) {
        let mut counts = self.limiter.counts.lock();
        if let Some(of_station) = counts.by_station.get_mut(&self.station) {
            *of_station -= 1;
        }
        *counts.by_station.entry(Arc::clone(station)).or_default() += 1;
        self.station = Arc::clone(station);
    }
}

impl Drop for ListenerPermit {
    fn drop(&mut self) {
        let mut counts = self.limiter.counts.lock();
        counts.total -= 1;
        if let Some(of_station) = counts.by_station.get_mut(&self.station) {
            *of_station -= 1;
        }
        let Some(address) = self.address else { return };
        if let Some(of_address) = counts.by_address.get_mut(&address) {
            *of_address -= 1;
            if *of_address == 0 {
                counts.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_given_back() {
        let limiter = Arc::new(ListenerLimiter::default());
        let limits = Limits { total: 3, per_station: 2, per_address: 1 };
        let (a, b): (Arc<str>, Arc<str>) = ("/a".into(), "/b".into());
        let address = |text: &str| Some(text.parse().unwrap());
        let first = limiter.acquire(&a, address("203.0.113.1"), limits);
        assert!(first.is_some());
        assert!(limiter.acquire(&a, address("203.0.113.1"), limits).is_none());
        let second = limiter.acquire(&a, None, limits);
        assert!(limiter.acquire(&a, None, limits).is_none());
        let third = limiter.acquire(&b, None, limits);
        assert!(limiter.acquire(&b, None, limits).is_none());
        assert_eq!((limiter.count("/a"), limiter.count("/b")), (2, 1));
        let mut second = second.unwrap();
        second.move_to(&b);
        assert_eq!((limiter.count("/a"), limiter.count("/b")), (1, 2));
        drop((first, second, third));
        assert_eq!(limiter.counts.lock().total, 0);
        assert!(limiter.counts.lock().by_address.is_empty());
    }
}
