//! The task that owns a hub: arrivals go in, effects come out and become frames to the members.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::{mpsc, watch};
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tracing::warn;

use super::inbox::{Arrival, Arrivals, Queries, inbox};
use super::members::{FAREWELL, Farewell, Members};
use super::session::Ingress;
use super::snapshot_store::{Flush, Progress, SnapshotStore};
use super::storage::Storage;
use super::write_barrier::{Decision, WriteBarrier};
use super::{Config, Hub, replication};
use crate::recordings::Recorder;
use crate::runtime::{Clock, Context};

/// Arrivals handled before the timers are looked at again.
const BATCH: usize = 256;

/// Whether the wall clock was put is looked at this often.
const CLOCK_EVERY: Duration = Duration::from_secs(1);

/// The hub is counted, and what has changed is kept, at most this often.
const CENSUS_EVERY: Duration = Duration::from_secs(1);

/// A hub's members, and what is counted on the way to them.
pub struct Runner<H: Hub> {
    /// The service's name, for metrics.
    pub service: &'static str,
    /// The process that it runs in.
    pub context: Context,
    /// What its members may do.
    pub limits: Config,
    /// What the rules are told.
    clock: Clock,
    ingress: Arc<Ingress<H>>,
    arrivals: Arrivals<H>,
    farewells: Vec<Farewell>,
    writes: Option<watch::Receiver<u64>>,
    snapshots: Option<SnapshotStore>,
    members: Members,
}

impl<H: Hub> Runner<H> {
    /// Nobody is connected yet.
    pub fn new(service: &'static str, config: &Config, context: &Context) -> Self {
        let (inbox, arrivals) = inbox(config);
        Self {
            service,
            context: context.clone(),
            limits: config.clone(),
            clock: context.clock,
            ingress: Ingress::new(service, config, inbox, context.clock),
            arrivals,
            farewells: Vec::new(),
            writes: None,
            snapshots: None,
            members: Members::new(service, config, context),
        }
    }

    /// Where lines of new members end.
    pub fn ingress(&self) -> &Arc<Ingress<H>> {
        &self.ingress
    }

    /// Adds what is to be done when the process stops, before whoever is left is cut.
    pub fn on_stop(&mut self, farewell: impl Future<Output = ()> + Send + 'static) {
        self.farewells.push(Box::pin(farewell));
    }

    /// Hands the notes of the rules to whoever writes them down; those that it cannot take are counted and lost.
    pub fn keep_notes(&mut self, notes: mpsc::Sender<Box<RawValue>>) {
        self.members.notes = Some(notes);
    }

    /// Hands what is recorded to whoever writes it down, on this node.
    pub fn keep_recordings(&mut self, recorder: Recorder) {
        self.members.recorder = Some(recorder);
    }

    /// Follows a journal, by the number of its last write on disk: effects may wait for one.
    pub fn follow(&mut self, writes: watch::Receiver<u64>) {
        self.writes = Some(writes);
    }

    /// Starts the task that owns `hub`, whose rooms live there; gives the right to ask it.
    pub fn run(mut self, storage: Storage, mut hub: H) -> Queries<H> {
        let queries = self.ingress.queries();
        let context = self.context.clone();
        self.clock = storage.clock(&context);
        match storage {
            Storage::Memory(_) => context.spawn(self.serve(hub)),
            Storage::SnapshotStore(mut snapshots) => {
                snapshots.restore(&mut hub, self.clock.now());
                self.snapshots = Some(snapshots);
                context.spawn(self.serve(hub));
            }
            Storage::Log(log) => {
                let node =
                    replication::Node::new(self.service, &context, hub, self.members, self.writes, *log);
                context.spawn(node.serve(self.arrivals, self.farewells));
            }
        }
        queries
    }

    fn keep(&mut self, hub: &mut H, flush: Flush) -> Progress {
        self.snapshots.as_mut().map_or(Progress::Done, |snapshots| snapshots.keep(hub, flush))
    }

    /// Runs until the process stops and the members have been told.
    async fn serve(mut self, mut hub: H) {
        let clock = self.clock;
        let mut batch = Vec::with_capacity(BATCH);
        let context = self.context.clone();
        let mut stopping = pin!(context.stopping());
        let mut timer = pin!(sleep_until(Instant::now()));
        let mut timer_is_for = None;
        let mut barrier = WriteBarrier::new(self.writes.take());
        let mut census = pin!(sleep_until(Instant::now()));
        let mut is_settled = true;
        let mut clock_look = interval(CLOCK_EVERY);
        clock_look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        hub.set_wall(clock.offset());
        loop {
            let due = hub.next_timeout();
            if let Some(moment) = due.filter(|_| due != timer_is_for) {
                timer.as_mut().reset(clock.instant_of(moment));
                timer_is_for = due;
            }
            tokio::select! {
                biased;
                () = &mut stopping => break,
                () = barrier.written(), if barrier.awaits_write() => {}
                _ = self.arrivals.next(&mut batch, BATCH), if !barrier.is_full() => {
                    hub.set_wall(clock.offset());
                    self.members.set_pressed(batch.len() > 1);
                    for arrival in batch.drain(..) {
                        self.take(&mut hub, arrival, &mut barrier);
                    }
                }
                () = &mut timer, if due.is_some() => {
                    hub.set_wall(clock.offset());
                    let effects = hub.handle_timeout(clock.now());
                    barrier.push(Decision::of(hub.persist(effects)));
                    timer_is_for = None;
                }
                () = &mut census, if !is_settled => {
                    let progress = self.keep(&mut hub, Flush::Soon);
                    if progress != Progress::Piece {
                        self.members.count(&hub);
                        census.as_mut().reset(Instant::now() + CENSUS_EVERY);
                    }
                    is_settled = progress == Progress::Done;
                    // What members have sent meanwhile has to be read before it is an arrival.
                    yield_now().await;
                    continue;
                }
                _ = clock_look.tick() => {
                    // The next timer may be due at another moment.
                    hub.set_wall(clock.offset());
                    is_settled &= self.snapshots.as_ref().is_none_or(SnapshotStore::knows_the_time);
                    continue;
                }
            }
            self.perform_due(&mut barrier);
            is_settled = false;
        }
        hub.set_wall(clock.offset());
        let effects = hub.stop(clock.now());
        barrier.push(Decision::of(hub.persist(effects)));
        self.keep(&mut hub, Flush::Last);
        let patience = context.shutdown_grace / FAREWELL;
        let written = timeout(patience, async {
            self.perform_due(&mut barrier);
            while barrier.awaits_write() {
                barrier.written().await;
                self.perform_due(&mut barrier);
            }
        });
        if written.await.is_err() {
            warn!(service = self.service, "stopping before all that was to be written is on disk");
        }
        self.members.dismiss(self.farewells, patience).await;
    }

    fn take(&mut self, hub: &mut H, arrival: Arrival<H>, barrier: &mut WriteBarrier<H::Record>) {
        let now = self.clock.now();
        if let Arrival::Query(query) = arrival {
            return query(hub, now);
        }
        let Some(task) = self.members.admit(arrival) else { return };
        let decision = task.run(hub, now);
        barrier.push(Decision { effects: hub.persist(decision.effects), ..decision });
        self.perform_due(barrier);
    }

    /// Performs all that need not wait for a write.
    fn perform_due(&mut self, barrier: &mut WriteBarrier<H::Record>) {
        while let Some(decision) = barrier.next() {
            self.members.perform_decision(decision);
        }
    }
}
