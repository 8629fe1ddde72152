//! Places for listeners: so many in all, on a station, and from an address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// How many listen, by station and by address.
#[derive(Debug, Default)]
pub struct Places {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    total: usize,
    by_station: HashMap<Arc<str>, usize>,
    by_address: HashMap<IpAddr, usize>,
}

/// The most that may listen.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    /// In all.
    pub total: usize,
    /// On one station.
    pub per_station: usize,
    /// From one address.
    pub per_address: usize,
}

impl Places {
    /// How many listen to a station.
    pub fn of(&self, station: &str) -> usize {
        self.held.lock().by_station.get(station).copied().unwrap_or(0)
    }
}

/// A place, until dropped.
pub struct Place {
    places: Arc<Places>,
    station: Arc<str>,
    address: Option<IpAddr>,
}

impl Places {
    /// Takes a place; an address that is exempt is `None`.
    pub fn take(self: &Arc<Self>, station: &Arc<str>, address: Option<IpAddr>, most: Most) -> Option<Place> {
        let mut held = self.held.lock();
        let of_station = held.by_station.get(station).copied().unwrap_or(0);
        let of_address = address.and_then(|address| held.by_address.get(&address).copied()).unwrap_or(0);
        if held.total >= most.total || of_station >= most.per_station || of_address >= most.per_address {
            return None;
        }
        held.total += 1;
        *held.by_station.entry(Arc::clone(station)).or_default() += 1;
        if let Some(address) = address {
            *held.by_address.entry(address).or_default() += 1;
        }
        drop(held);
        Some(Place { places: Arc::clone(self), station: Arc::clone(station), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.held.lock();
        held.total -= 1;
        if let Some(of_station) = held.by_station.get_mut(&self.station) {
            *of_station -= 1;
        }
        let Some(address) = self.address else { return };
        if let Some(of_address) = held.by_address.get_mut(&address) {
            *of_address -= 1;
            if *of_address == 0 {
                held.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let places = Arc::new(Places::default());
        let most = Most { total: 3, per_station: 2, per_address: 1 };
        let (a, b): (Arc<str>, Arc<str>) = ("/a".into(), "/b".into());
        let address = |text: &str| Some(text.parse().unwrap());
        let first = places.take(&a, address("203.0.113.1"), most);
        assert!(first.is_some());
        assert!(places.take(&a, address("203.0.113.1"), most).is_none());
        let second = places.take(&a, None, most);
        assert!(places.take(&a, None, most).is_none());
        let third = places.take(&b, None, most);
        assert!(places.take(&b, None, most).is_none());
        drop((first, second, third));
        assert_eq!(places.held.lock().total, 0);
        assert!(places.held.lock().by_address.is_empty());
    }
}
