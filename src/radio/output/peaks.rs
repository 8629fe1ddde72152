//! The most that listened to each station.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// The most that listened to a station and its mountpoints, with those of HLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peak {
    /// Since midnight, in the time zone of `[radio]`.
    pub today: usize,
    /// Since statistics are kept, or else since the process started.
    pub ever: usize,
}

/// Those of all stations, by route.
#[derive(Debug, Default)]
pub struct Peaks(Mutex<BTreeMap<String, Peak>>);

impl Peaks {
    /// With the most that ever listened.
    pub fn new(ever: BTreeMap<String, usize>) -> Self {
        let peaks = ever.into_iter().map(|(route, ever)| (route, Peak { today: 0, ever })).collect();
        Self(Mutex::new(peaks))
    }

    /// That of a station.
    pub fn of(&self, route: &str) -> Peak {
        self.0.lock().get(route).copied().unwrap_or_default()
    }

    /// Another day begins.
    pub fn forget_day(&self) {
        self.0.lock().values_mut().for_each(|peak| peak.today = 0);
    }

    /// Notes how many listen; says whether they are more than ever.
    pub fn note(&self, route: &str, n_listeners: usize) -> (Peak, bool) {
        let mut all = self.0.lock();
        let peak = all.entry(route.to_owned()).or_default();
        let is_record = n_listeners > peak.ever;
        *peak = Peak { today: peak.today.max(n_listeners), ever: peak.ever.max(n_listeners) };
        (*peak, is_record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_of_a_day_is_forgotten_and_the_most_ever_is_not() {
        let peaks = Peaks::new(BTreeMap::from([("/a".to_owned(), 5)]));
        assert_eq!(peaks.note("/a", 3), (Peak { today: 3, ever: 5 }, false));
        assert_eq!(peaks.note("/a", 7), (Peak { today: 7, ever: 7 }, true));
        peaks.forget_day();
        assert_eq!(peaks.note("/a", 1), (Peak { today: 1, ever: 7 }, false));
        assert_eq!(peaks.of("/b"), Peak::default());
    }
}
