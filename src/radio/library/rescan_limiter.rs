//! Limits the rate of scans that clients request: requests within the interval are answered by one scan.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::sleep;

use crate::runtime::Context;
use crate::time::Timestamp;

/// Requests scans from one library watcher.
pub struct RescanLimiter {
    requests: SyncSender<()>,
    /// The shortest interval between two requested scans. File system events are not limited.
    min_interval: Duration,
    /// When the last requested scan starts, which may be in the future.
    starts_at: Mutex<Option<Timestamp>>,
}

impl RescanLimiter {
    /// Sends requests to a library watcher.
    pub fn new(requests: SyncSender<()>, min_interval: Duration) -> Self {
        Self { requests, min_interval, starts_at: Mutex::default() }
    }

    /// Requests a scan now, or as soon as the interval allows.
    pub fn request(&self, context: &Context) {
        let now = context.clock.now();
        let mut starts_at = self.starts_at.lock();
        let Some(wait) = wait(*starts_at, self.min_interval, now) else { return };
        *starts_at = Some(now + wait);
        drop(starts_at);
        let requests = self.requests.clone();
        if wait.is_zero() {
            // A full channel already holds a request.
            let _ = requests.try_send(());
            return;
        }
        let stop = context.clone();
        context.spawn(async move {
            tokio::select! {
                () = stop.stopping() => {}
                () = sleep(wait) => {
                    // As above.
                    let _ = requests.try_send(());
                }
            }
        });
    }
}

/// How long a scan has to wait that is requested now; `None` if one is due already.
fn wait(last: Option<Timestamp>, min_interval: Duration, now: Timestamp) -> Option<Duration> {
    match last {
        Some(last) if last > now => None,
        Some(last) => Some((last + min_interval).since(now)),
        None => Some(Duration::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuous_requests_cause_scans_at_the_interval() {
        let (mut last, mut scans) = (None, Vec::new());
        for tenth in 0..200_u64 {
            let now = Timestamp::from_millis(1_700_000_000_000 + tenth * 100);
            if let Some(wait) = wait(last, Duration::from_secs(5), now) {
                last = Some(now + wait);
                scans.push(tenth as f64 / 10.0 + wait.as_secs_f64());
            }
        }
        assert_eq!(scans, [0.0, 5.0, 10.0, 15.0, 20.0]);
    }
}
