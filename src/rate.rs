//! How fast somebody may send or connect: a leaky bucket in eight bytes, for there is one for every connection.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What one member may send.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// Between two events on average.
    interval_nanos: u64,
    /// How far events may run ahead of that.
    burst_nanos: u64,
}

impl Allowance {
    /// So many events a second on average, so many at once.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let interval_nanos = (1_000_000_000 / u64::from(per_second.max(1))).max(1);
        Self { interval_nanos, burst_nanos: interval_nanos * u64::from(burst.max(1)) }
    }
}

/// What one member has sent: the moment at which its bucket is empty again.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bucket {
    empty_at_nanos: AtomicU64,
}

impl Clone for Bucket {
    fn clone(&self) -> Self {
        Self { empty_at_nanos: AtomicU64::new(self.empty_at_nanos.load(Ordering::Relaxed)) }
    }
}

impl Bucket {
    /// Whether nothing was ever sent.
    pub fn is_unused(&self) -> bool {
        self.empty_at_nanos.load(Ordering::Relaxed) == 0
    }

    /// Whether it is as if nothing had ever been sent.
    pub fn is_empty(&self, now: Timestamp) -> bool {
        self.empty_at_nanos.load(Ordering::Relaxed) <= now.as_micros().saturating_mul(1000)
    }

    /// Whether one more event keeps to the allowance; it counts only if it does.
    pub fn take(&self, allowance: Allowance, now: Timestamp) -> bool {
        self.take_many(1, allowance, now)
    }

    /// Whether so many more keep to the allowance; they count only if all of them do.
    pub fn take_many(&self, n: u64, allowance: Allowance, now: Timestamp) -> bool {
        let now = now.as_micros().saturating_mul(1000);
        let fill = |empty_at: u64| {
            let empty_at = empty_at.max(now).saturating_add(n.saturating_mul(allowance.interval_nanos));
            (empty_at - now <= allowance.burst_nanos).then_some(empty_at)
        };
        self.empty_at_nanos.try_update(Ordering::Relaxed, Ordering::Relaxed, fill).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_average_rate() {
        let allowance = Allowance::new(10, 3);
        let bucket = Bucket::default();
        let start = Timestamp::from_millis(1_700_000_000_000);
        let taken_at = |after_ms: u64| bucket.take(allowance, start + Duration::from_millis(after_ms));
        assert_eq!(
            [0, 0, 0, 0, 99, 100, 100, 199, 200].map(taken_at),
            [true, true, true, false, false, true, false, false, true]
        );
        assert_eq!([60_000; 4].map(taken_at), [true, true, true, false]);
    }
}
