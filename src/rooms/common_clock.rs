//! The one clock that all nodes go by: that of Redis, as far as can be told from here.

use std::time::Duration;

use crate::runtime::Clock;
use crate::time::Timestamp;

/// A clock that is put by less is of no concern to anybody.
const NOTEWORTHY: Duration = Duration::from_millis(100);

/// Redis' time on this machine's clock.
pub struct CommonClock {
    clock: Clock,
    /// How far Redis' clock is ahead, in microseconds; unknown before it has been heard of.
    lead: Option<i64>,
}

impl CommonClock {
    /// This machine's clock, until Redis is heard of.
    pub fn new(clock: Clock) -> Self {
        Self { clock, lead: None }
    }

    /// This machine's own time, to time a request to Redis by.
    pub fn own(&self) -> Timestamp {
        self.clock.now()
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now().shifted(self.lead.unwrap_or(0))
    }

    /// Takes note of Redis' time, read between two moments of this machine; gives how far the clock was put when
    /// that was noteworthy.
    pub fn heard(&mut self, theirs: Timestamp, asked: Timestamp, told: Timestamp) -> Option<Duration> {
        let before = self.lead;
        let lead = corrected(before, theirs, asked, told);
        self.lead = Some(lead);
        let put = Duration::from_micros(lead.abs_diff(before.unwrap_or(0)));
        (put >= NOTEWORTHY).then_some(put)
    }
}

/// The lead that agrees with what was heard and is nearest to the one that was known: an answer that was long under way
/// says little, and changes little.
fn corrected(known: Option<i64>, theirs: Timestamp, asked: Timestamp, told: Timestamp) -> i64 {
    let ahead_of = |own: Timestamp| theirs.as_micros().cast_signed() - own.as_micros().cast_signed();
    let (least, most) = (ahead_of(told), ahead_of(asked).max(ahead_of(told)));
    known.map_or(least.midpoint(most), |known| known.clamp(least, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    #[test]
    fn the_first_answer_is_taken_to_have_been_given_half_way() {
        assert_eq!(corrected(None, at(3005), at(0), at(10)), 3_000_000);
        assert_eq!(corrected(None, at(0), at(3000), at(3010)), -3_005_000);
    }

    #[test]
    fn a_slow_answer_changes_nothing_and_a_quick_one_as_much_as_it_shows() {
        let lead = Some(3_000_000);
        assert_eq!(corrected(lead, at(3400), at(0), at(500)), 3_000_000);
        assert_eq!(corrected(lead, at(3011), at(10), at(12)), 3_000_000);
        assert_eq!(corrected(lead, at(3015), at(10), at(12)), 3_003_000);
        assert_eq!(corrected(lead, at(3007), at(10), at(12)), 2_997_000);
    }
}
