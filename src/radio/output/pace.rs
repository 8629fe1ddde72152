//! When sound may leave: counted in samples from one start, so that errors never add up. No clock, no sleep.

use std::time::Duration;

use crate::time::Timestamp;

/// Later than this, the machine was asleep: the count starts anew, and nothing is sent to catch up.
const SUSPENDED: Duration = Duration::from_secs(2);

/// The pace of one station.
#[derive(Debug, Clone)]
pub struct Pacer {
    started_at: Timestamp,
    rate: u32,
    n_samples: u64,
    burst: Duration,
}

impl Pacer {
    /// Begins now, at `rate` samples a second.
    pub fn new(rate: u32, now: Timestamp) -> Self {
        Self { started_at: now, rate, n_samples: 0, burst: Duration::ZERO }
    }

    /// Begins with the first `burst` of sound due already.
    pub fn ahead(rate: u32, burst: Duration, now: Timestamp) -> Self {
        Self { burst, ..Self::new(rate, now.earlier(burst)) }
    }

    /// Lets `n_samples` more leave once their time has come: how long to wait for that.
    pub fn release(&mut self, n_samples: u32, now: Timestamp) -> Duration {
        if self.was_suspended(now) {
            self.started_at = now;
            self.n_samples = 0;
        }
        let wait = self.due().since(now);
        self.n_samples += u64::from(n_samples);
        wait
    }

    /// Whether so much time has passed without sound that none of it is made up for.
    pub fn was_suspended(&self, now: Timestamp) -> bool {
        now.since(self.due()) > SUSPENDED + self.burst
    }

    /// When the next sample is due.
    pub fn due(&self) -> Timestamp {
        let micros = u128::from(self.n_samples) * 1_000_000 / u128::from(self.rate);
        self.started_at + Duration::from_micros(micros as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn an_hour_drifts_by_less_than_a_frame() {
        let mut now = START;
        let mut pacer = Pacer::new(44_100, now);
        let n_frames = 44_100 * 3600 / 1152;
        for n in 0..n_frames {
            // A timer is late now and then.
            now = now + pacer.release(1152, now) + Duration::from_micros(n % 900);
        }
        let played = Duration::from_secs_f64((n_frames - 1) as f64 * 1152.0 / 44_100.0);
        let drift = now.since(START).abs_diff(played);
        assert!(drift < Duration::from_millis(26), "{drift:?}");
    }

    #[test]
    fn after_a_suspend_nothing_floods_out() {
        let mut pacer = Pacer::new(48_000, START);
        assert_eq!(pacer.release(1152, START), Duration::ZERO);
        let woken = START + Duration::from_hours(8);
        assert_eq!(pacer.release(1152, woken), Duration::ZERO);
        assert_eq!(pacer.release(1152, woken), Duration::from_millis(24));
    }
}
