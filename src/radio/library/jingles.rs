//! When a jingle is due: after a number of tracks, or after a time. Pure.

use std::time::Duration;

/// How often jingles come; zero never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JingleRule {
    /// After this many tracks.
    pub every_tracks: usize,
    /// At the end of the first track after this time.
    pub every: Duration,
}

/// What has played since the last jingle.
#[derive(Debug, Clone, Copy, Default)]
pub struct JingleCounter {
    n_tracks: usize,
    /// The process's uptime at the last jingle, or at the first track.
    since: Option<Duration>,
}

impl JingleCounter {
    /// Whether a jingle is to come before the next track.
    pub fn is_due(&self, rule: JingleRule, uptime: Duration) -> bool {
        let is_counted = rule.every_tracks > 0 && self.n_tracks >= rule.every_tracks;
        let passed = self.since.map_or(Duration::ZERO, |since| uptime.saturating_sub(since));
        // One never follows another.
        self.n_tracks > 0 && (is_counted || (!rule.every.is_zero() && passed >= rule.every))
    }

    /// Counts a track.
    pub fn note_track(&mut self, uptime: Duration) {
        self.n_tracks += 1;
        self.since.get_or_insert(uptime);
    }

    /// Restarts the count after a jingle.
    pub fn note_jingle(&mut self, uptime: Duration) {
        *self = Self { n_tracks: 0, since: Some(uptime) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What plays, where each track takes two minutes and each jingle half a minute.
    fn played(every_tracks: usize, minutes: u64) -> String {
        let rule = JingleRule { every_tracks, every: Duration::from_mins(minutes) };
        let (mut counter, mut uptime) = (JingleCounter::default(), Duration::from_mins(7));
        let mut step = || {
            if counter.is_due(rule, uptime) {
                counter.note_jingle(uptime);
                uptime += Duration::from_secs(30);
                return "J";
            }
            counter.note_track(uptime);
            uptime += Duration::from_mins(2);
            "t"
        };
        (0..12).map(|_| step()).collect()
    }

    #[test]
    fn jingles_come_after_so_many_tracks_or_so_long() {
        assert_eq!(played(0, 0), "tttttttttttt");
        assert_eq!(played(1, 0), "tJtJtJtJtJtJ");
        assert_eq!(played(3, 0), "tttJtttJtttJ");
        assert_eq!(played(0, 5), "tttJtttJtttJ");
        assert_eq!(played(0, 1), "tJtJtJtJtJtJ");
        assert_eq!(played(2, 60), "ttJttJttJttJ");
    }
}
