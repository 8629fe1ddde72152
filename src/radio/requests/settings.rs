//! The limits of requests: those of `[radio.requests]`, and what a station has of its own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Findings;
use crate::time::human;

/// The most requests that may wait: all of them are told at once, and looked through for each track.
const MAX_WAITING: usize = 1000;

/// The most votes for a request: each is an address of 17 bytes.
const MAX_VOTES: usize = 100_000;

/// The most results of a search: a page of some 20 KiB.
const MAX_RESULTS: usize = 100;

/// The most searches of one person that others have to wait for: each takes up to some tenths of a second.
const MAX_SEARCHES: usize = 100;

/// The longest time for which tracks that have played are remembered.
const MAX_INTERVAL: Duration = Duration::from_hours(24);

/// The rules for song requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Whether they may.
    pub enabled: bool,
    /// The least number of other tracks between two that were asked for.
    pub every_tracks: usize,
    /// The most requests of one person that wait.
    pub max_per_person: usize,
    /// The shortest time between two requests of one person.
    #[serde(with = "human")]
    pub interval: Duration,
    /// A track cannot be asked for within so long after it has played.
    #[serde(with = "human")]
    pub track_interval: Duration,
    /// The most requests that wait.
    pub max_waiting: usize,
    /// The most votes for one request.
    pub max_votes: usize,
    /// The most results that a search tells at once.
    pub max_results: usize,
    /// The most searches of one person that wait or are under way, on all stations together.
    pub max_searches_per_person: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            enabled: false,
            every_tracks: 1,
            max_per_person: 3,
            interval: Duration::from_mins(1),
            track_interval: Duration::from_hours(1),
            max_waiting: 50,
            max_votes: 10_000,
            max_results: 20,
            max_searches_per_person: 4,
        }
    }
}

/// What a station has of its own; what it leaves out is as `[radio.requests]` has it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StationRules {
    /// Whether its listeners may ask for tracks.
    pub enabled: Option<bool>,
    /// The least number of other tracks between two that were asked for.
    pub every_tracks: Option<usize>,
    /// The most requests of one person that wait.
    pub max_per_person: Option<usize>,
    /// The shortest time between two requests of one person.
    #[serde(with = "human::option")]
    pub interval: Option<Duration>,
    /// A track cannot be asked for within so long after it has played.
    #[serde(with = "human::option")]
    pub track_interval: Option<Duration>,
    /// The most requests that wait.
    pub max_waiting: Option<usize>,
    /// The most votes for one request.
    pub max_votes: Option<usize>,
    /// The most results that a search tells at once.
    pub max_results: Option<usize>,
    /// The most searches of one person that wait or are under way, on all stations together.
    pub max_searches_per_person: Option<usize>,
}

impl StationRules {
    /// Those of a station, where `common` are those of `[radio.requests]`.
    pub fn over(&self, common: Rules) -> Rules {
        Rules {
            enabled: self.enabled.unwrap_or(common.enabled),
            every_tracks: self.every_tracks.unwrap_or(common.every_tracks),
            max_per_person: self.max_per_person.unwrap_or(common.max_per_person),
            interval: self.interval.unwrap_or(common.interval),
            track_interval: self.track_interval.unwrap_or(common.track_interval),
            max_waiting: self.max_waiting.unwrap_or(common.max_waiting),
            max_votes: self.max_votes.unwrap_or(common.max_votes),
            max_results: self.max_results.unwrap_or(common.max_results),
            max_searches_per_person: self.max_searches_per_person.unwrap_or(common.max_searches_per_person),
        }
    }
}

impl Rules {
    /// Checks what the types do not; `key` is that of the table.
    pub fn validate(&self, key: &str, findings: &mut Findings) {
        let counts = [
            ("max_per_person", self.max_per_person, MAX_WAITING),
            ("max_waiting", self.max_waiting, MAX_WAITING),
            ("max_votes", self.max_votes, MAX_VOTES),
            ("max_results", self.max_results, MAX_RESULTS),
            ("max_searches_per_person", self.max_searches_per_person, MAX_SEARCHES),
        ];
        for (name, count, most) in counts.into_iter().filter(|(_, count, most)| !(1..=*most).contains(count))
        {
            findings.add(format!("{key}.{name}"), format!("{count}: 1 to {most} is expected"));
        }
        for (name, interval) in [("interval", self.interval), ("track_interval", self.track_interval)] {
            if interval > MAX_INTERVAL {
                findings.add(format!("{key}.{name}"), "a day at most is expected");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_station_has_its_own_limits_and_the_common_ones_otherwise() {
        let common = Rules { enabled: true, max_waiting: 7, ..Rules::default() };
        let own: StationRules = toml::from_str("max_per_person = 1\ninterval = \"5s\"").unwrap();
        let expected = Rules { max_per_person: 1, interval: Duration::from_secs(5), ..common };
        assert_eq!(own.over(common), expected);
        assert!(!StationRules { enabled: Some(false), ..StationRules::default() }.over(common).enabled);
    }
}
