//! The process: its clock, its tasks, and how it ends.
//!
//! A shutdown has two steps. `stop` asks: listeners close, services tell their clients, queues drain.
//! Whatever still runs when the grace period is over is dropped with the runtime.

pub mod limits;
pub mod memory;
pub mod signals;
pub mod systemd;

use std::collections::BTreeMap;
use std::future::Future;
use std::panic;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::time::{Timestamp, WallOffset, human};

/// `[runtime]`: how the process ends.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long clients are given to be told and queues to drain after SIGTERM.
    #[serde(with = "human")]
    pub shutdown_grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { shutdown_grace: Duration::from_secs(10) }
    }
}

/// Clocks that are put are put by more. Two are never read at once, and a date that is told again is to be the same.
const OFFSET_STEP: Duration = Duration::from_millis(100);

/// The process's clocks: one that starts at the system's time and never jumps, and the system's own.
///
/// Rooms extrapolate playback with the first, so a correction of the system's time must not move the music. What is
/// held against the world outside (tokens, credentials, times in databases, in answers and on wires) goes by the second.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    started_at: Duration,
}

impl Clock {
    /// Starts both at the same time.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clocks")]
    pub fn start() -> Self {
        let started_at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), started_at }
    }

    /// The present moment of the clock that never jumps.
    pub fn now(&self) -> Timestamp {
        let since_epoch = self.started_at + self.uptime();
        Timestamp::from_micros(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
    }

    /// What the system's clock says; it may be put forward and back.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn wall(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
    }

    /// How far that is ahead of the clock that never jumps, to a tenth of a second.
    pub fn offset(&self) -> WallOffset {
        WallOffset::between(self.wall(), self.now()).rounded(OFFSET_STEP)
    }

    /// The clock that goes on from where another process's was: a clock of which it is known that it said `steady` when
    /// the system's said `wall`. What it has said it never says again, also where the system's was put back meanwhile.
    pub fn continuing(self, wall: Timestamp, steady: Timestamp) -> Self {
        let now = WallOffset::between(wall, steady).steady(self.wall()).max(steady);
        let started_at = Duration::from_micros(now.as_micros()).saturating_sub(self.uptime());
        Self { started_at, ..self }
    }

    /// Time since the process started.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// When a timer set for `moment` is due, on tokio's clock.
    pub fn instant_of(&self, moment: Timestamp) -> tokio::time::Instant {
        tokio::time::Instant::now() + moment.since(self.now())
    }
}

/// A disk that stands still holds up the reply to a reload for no longer.
const RELOAD_TIME: Duration = Duration::from_secs(10);

/// A request to read something again.
pub struct Reload {
    _done: mpsc::Sender<()>,
}

/// What every service is given: the clock, the right to spawn tasks, and the signal to stop.
#[derive(Clone)]
pub struct Context {
    /// The one clock.
    pub clock: Clock,
    /// How long a shutdown may take.
    pub shutdown_grace: Duration,
    tasks: TaskTracker,
    stop: CancellationToken,
    reloads: Arc<Mutex<Vec<mpsc::Sender<Reload>>>>,
    remarks: Arc<Mutex<BTreeMap<&'static str, &'static str>>>,
}

impl Context {
    /// A process that has just started.
    pub fn new(clock: Clock, config: &Config) -> Self {
        Self {
            clock,
            shutdown_grace: config.shutdown_grace,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            reloads: Arc::default(),
            remarks: Arc::default(),
        }
    }

    /// Runs a task that the process waits for when it ends. A panic in it ends it alone.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task);
    }

    /// Makes the process wait for something that is no task, like an upgraded connection, until it is dropped.
    pub fn token(&self) -> TaskTrackerToken {
        self.tasks.token()
    }

    /// Resolves when the process begins to stop.
    pub fn stopping(&self) -> WaitForCancellationFuture<'_> {
        self.stop.cancelled()
    }

    /// Whether the process has begun to stop.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Gives a request each time that SIGHUP asks to read something again; it has been read once that is dropped.
    pub fn reloads(&self) -> mpsc::Receiver<Reload> {
        let (ask, asked) = mpsc::channel(1);
        self.reloads.lock().push(ask);
        asked
    }

    /// Asks everybody to read again what may have changed on disk, and waits until that is done.
    pub async fn reload(&self) {
        let listeners: Vec<mpsc::Sender<Reload>> = {
            let mut reloads = self.reloads.lock();
            reloads.retain(|listener| !listener.is_closed());
            reloads.clone()
        };
        let (done, mut all_done) = mpsc::channel(1);
        let ask_all = async {
            for listener in listeners {
                // Who has gone meanwhile has nothing to read.
                let _ = listener.send(Reload { _done: done.clone() }).await;
            }
            drop(done);
            all_done.recv().await
        };
        if timeout(RELOAD_TIME, ask_all).await.is_err() {
            tracing::warn!("a file is still being read again");
        }
    }

    /// Notes what is not as it should be with a service that goes on all the same; `None` when it is again.
    pub fn remark(&self, service: &'static str, remark: Option<&'static str>) {
        match remark {
            Some(remark) => self.remarks.lock().insert(service, remark),
            None => self.remarks.lock().remove(service),
        };
    }

    /// What is not as it should be, by service.
    pub fn remarks(&self) -> BTreeMap<&'static str, &'static str> {
        self.remarks.lock().clone()
    }

    /// Begins to stop: listeners close, clients are told, queues drain.
    pub fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
    }

    /// Resolves once every task has ended, after [`Self::stop`].
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }

    /// How many tasks have not ended yet.
    pub fn n_tasks(&self) -> usize {
        self.tasks.len()
    }
}

/// Makes a panic one line in the log and one more in the count, in place of a backtrace on the terminal.
pub fn report_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let what = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, what, "a task panicked and was ended; the others go on");
        metrics::counter!("roomhub_panics_total").increment(1);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_its_own_task_and_the_others_are_waited_for() {
        let context = Context::new(Clock::start(), &Config::default());
        let (done, heard) = tokio::sync::oneshot::channel();
        context.spawn(async { panic!("one connection's trouble") });
        let stop = context.clone();
        context.spawn(async move {
            stop.stopping().await;
            done.send(()).expect("somebody listens");
        });
        context.stop();
        context.stopped().await;
        assert_eq!(heard.await, Ok(()));
        assert_eq!(context.n_tasks(), 0);
    }

    #[test]
    fn the_clock_starts_at_the_wall_clocks_time_and_goes_on() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(first > Timestamp::from_millis(1_700_000_000_000));
        assert!(clock.now() >= first);
    }
}
