//! The loop of the task that owns a hub, and what brings the hub's inputs into order.
//!
//! Alone, the order is that in which they arrive ([`super::local`]); on several nodes it is that of a log
//! ([`super::replication`]). All else is the same: batches, turns of other tasks, the write barrier, the census, the end.

use std::pin::pin;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::warn;

use super::Hub;
use super::inbox::{Arrival, Arrivals};
use super::members::{Farewell, Members};
use super::write_barrier::written;

/// Arrivals that are taken at once, before timers and whatever else is due are looked at again.
const BATCH: usize = 256;

/// The task that owns the hub lets others in after so long, however much waits for it: where members send faster than the
/// rules decide, connections, probes and pages still get their turns.
const SLICE: Duration = Duration::from_millis(5);

/// The hub is counted, what has changed is kept, and clocks and timers of all nodes are looked at this often.
pub const TICK_EVERY: Duration = Duration::from_secs(1);

/// Time for clients to take their leave before they are cut, as a part of the shutdown's grace.
const FAREWELL: u32 = 2;

/// Owns a hub and its members, brings inputs into an order, and has the rules do them in it; keeps the rooms for later.
pub trait Sequencer<H: Hub>: Send {
    /// What is due by itself, beside arrivals.
    type Due: Send;

    /// The rooms.
    fn hub(&self) -> &H;

    /// The members that are connected here.
    fn members(&mut self) -> &mut Members<H::Record>;

    /// Whether arrivals may be taken.
    fn has_room(&self) -> bool {
        true
    }

    /// A batch of arrivals begins.
    fn begin(&mut self) {}

    /// Has the rules do it, at once or when its turn has come.
    fn take(&mut self, arrival: Arrival<H>);

    /// Does all that can be done before more is waited for.
    fn settle(&mut self) {
        self.members().perform_ready();
    }

    /// Waits until something is due; may be dropped and called again.
    fn due(&mut self) -> impl Future<Output = Self::Due> + Send;

    /// Does what is due.
    fn handle(&mut self, due: Self::Due) -> impl Future<Output = ()> + Send;

    /// Another second has passed; says whether there is more to be done at once, in pieces.
    fn tick(&mut self) -> bool;

    /// The process stops: members are gone from their rooms. Others are told for no longer than `patience`.
    fn stop(&mut self, patience: Duration) -> impl Future<Output = ()> + Send;
}

/// Runs until the process stops and the members have been told.
pub async fn run<H: Hub>(
    mut sequencer: impl Sequencer<H>,
    mut arrivals: Arrivals<H>,
    farewells: Vec<Farewell>,
) {
    let context = sequencer.members().context.clone();
    let clock = context.clock;
    let mut stopping = pin!(context.stopping());
    let mut writes = sequencer.members().barrier.writes();
    let mut batch = Vec::with_capacity(BATCH);
    let mut slice_ends = clock.uptime() + SLICE;
    let mut ticks = interval(TICK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_counted = false;
    loop {
        sequencer.settle();
        let may_take = sequencer.has_room() && !sequencer.members().barrier.is_full();
        let awaits_write = sequencer.members().barrier.awaits_write();
        // In no fixed order: no flood, of arrivals or of what other nodes do, may hold up the rest.
        tokio::select! {
            () = &mut stopping => break,
            due = sequencer.due() => sequencer.handle(due).await,
            () = written(&mut writes), if awaits_write => {}
            true = arrivals.next(&mut batch, BATCH), if may_take => {
                sequencer.begin();
                sequencer.members().set_pressed(batch.len() > 1);
                for arrival in batch.drain(..) {
                    if sequencer.members().admit(&arrival) {
                        sequencer.take(arrival);
                    }
                    if clock.uptime() >= slice_ends {
                        // Yielding once would only let the last task in that was woken.
                        yield_now().await;
                        yield_now().await;
                        slice_ends = clock.uptime() + SLICE;
                    }
                }
            }
            _ = ticks.tick() => {
                if !is_counted {
                    let census = sequencer.hub().census();
                    sequencer.members().count(census);
                    is_counted = true;
                }
                if sequencer.tick() {
                    ticks.reset_immediately();
                    // What members have sent meanwhile has to be read before it is an arrival.
                    yield_now().await;
                }
                continue;
            }
        }
        is_counted = false;
    }
    let patience = context.shutdown_grace / FAREWELL;
    sequencer.stop(patience).await;
    let finish_writes = async {
        sequencer.settle();
        while sequencer.members().barrier.awaits_write() {
            written(&mut writes).await;
            sequencer.settle();
        }
    };
    if timeout(patience, finish_writes).await.is_err() {
        warn!(service = sequencer.members().service, "stopping before all that was to be written is on disk");
    }
    sequencer.members().dismiss(farewells, patience).await;
}
