//! Looks through a folder that anybody may ask for: so often at most, and one for all who ask meanwhile.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::sleep;

use crate::runtime::Context;
use crate::time::Timestamp;

/// Between two looks that were asked for. Changes that the file system tells of do not wait for this.
const PAUSE: Duration = Duration::from_secs(5);

/// Asks the watch of one folder.
pub struct Rescans {
    tell: SyncSender<()>,
    /// When the last look that was asked for begins, which may be yet to come.
    begins_at: Mutex<Option<Timestamp>>,
}

impl Rescans {
    /// Asks by `tell`.
    pub fn new(tell: SyncSender<()>) -> Self {
        Self { tell, begins_at: Mutex::default() }
    }

    /// Has the folder looked through now, or as soon as it may be.
    pub fn ask(&self, context: &Context) {
        let now = context.clock.now();
        let mut begins_at = self.begins_at.lock();
        let Some(wait) = wait(*begins_at, now) else { return };
        *begins_at = Some(now + wait);
        drop(begins_at);
        let tell = self.tell.clone();
        if wait.is_zero() {
            // A word that waits already is as good as two.
            let _ = tell.try_send(());
            return;
        }
        let stop = context.clone();
        context.spawn(async move {
            tokio::select! {
                () = stop.stopping() => {}
                () = sleep(wait) => {
                    // As above.
                    let _ = tell.try_send(());
                }
            }
        });
    }
}

/// How long a look has to wait that is asked for now; `None` if one is to come anyway.
fn wait(last: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    match last {
        Some(last) if last > now => None,
        Some(last) => Some((last + PAUSE).since(now)),
        None => Some(Duration::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_asked_for_all_the_time_is_looked_through_now_and_then() {
        let (mut last, mut looks) = (None, Vec::new());
        for tenth in 0..200_u64 {
            let now = Timestamp::from_millis(1_700_000_000_000 + tenth * 100);
            if let Some(wait) = wait(last, now) {
                last = Some(now + wait);
                looks.push(tenth as f64 / 10.0 + wait.as_secs_f64());
            }
        }
        assert_eq!(looks, [0.0, 5.0, 10.0, 15.0, 20.0]);
    }
}
