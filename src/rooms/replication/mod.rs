//! One node of several: every input goes through an ordered log, and all nodes have the same rules do the same with it.
//!
//! ```text
//! arrivals -> queue -> append -> log -> every node, this one too: rules -> effects, for the members that are connected here
//!                                └ one batch is under way at a time; what arrives meanwhile is the next one
//! ```
//! Nothing is undone and nothing is compared: what a rule says holds, because all nodes say it. Queries change nothing, so
//! they are answered from what is known here, after what their asker has under way.
//!
//! While the log is out of reach, a node applies its inputs at once (`rejoin`).

mod append;
mod apply;
mod checkpoint;
mod digest;
mod heartbeat;
mod input;
mod machine;
mod rejoin;
#[cfg(test)]
pub mod replay;

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::{debug, warn};

use super::common_clock::CommonClock;
use super::inbox::{Arrival, Arrivals};
use super::members::{FAREWELL, Farewell, Members};
use super::task::Task;
use super::write_barrier::{Decision, WriteBarrier};
use super::{Asked, Hub};
use crate::cluster::{Log, LogReader, Unavailable};
use crate::effect::MemberId;
use crate::runtime::Context;
use crate::time::Timestamp;
use input::{Checkpoint, Input};
use machine::{Machine, raw};

/// Arrivals that are taken at once, and inputs in one entry of the log.
const BATCH: usize = 256;

/// Bytes of inputs in one entry of the log, but for a larger single one.
const BATCH_BYTES: usize = 1024 * 1024;

/// Inputs that may wait for the log; while there are as many, no arrivals are taken, and the inbox fills within its bounds.
const MAX_QUEUED: usize = 16_384;

/// Timers of rooms are looked at this often, by whichever node comes first.
const TICK_EVERY: Duration = Duration::from_secs(1);

/// A snapshot is written this often, if something has changed.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(3);

/// A node of a service.
pub struct Node<H: Hub> {
    service: &'static str,
    context: Context,
    clock: CommonClock,
    name: Arc<str>,
    machine: Machine<H>,
    members: Members,
    barrier: WriteBarrier<H::Record>,
    /// Entries of this node whose records are on their way to the disk: the last write of each, and its offset.
    unstored: VecDeque<(u64, u64)>,
    /// The last entry of this node whose records are on disk.
    stored: u64,
    /// The last write of the entry that is being applied.
    last_write: Option<u64>,
    log: Log,
    reader: LogReader,
    /// Inputs that have to be appended, in order, with the queries between them.
    queue: VecDeque<Pending<H>>,
    /// The batch that is on its way to the log.
    in_flight: Option<Batch<H>>,
    appending: Option<Work<Option<(u64, Timestamp)>>>,
    sequence: u64,
    /// Inputs of each member that are queued or in flight.
    busy: HashMap<MemberId, usize>,
    /// Members that were refused when they connected: nothing of them comes to the log.
    refused: HashSet<MemberId>,
    connectivity: Connectivity,
    /// What a node does alone is numbered too.
    n_alone: u64,
    ticked_at: Timestamp,
    is_checkpointer: bool,
    checkpoint: Checkpoint,
    checkpoint_at: Instant,
    storing: Option<Work<bool>>,
    storing_offset: u64,
    /// When this node wrote snapshots lately, and their offsets.
    snapshots: VecDeque<(Instant, u64)>,
    /// The log is not needed up to this offset.
    trimmed: u64,
    is_leaving: bool,
    figures: Figures,
}

/// Something that Redis has been asked, and has yet to answer.
type Work<T> = Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send>>;

/// Something for the rules.
struct Pending<H: Hub> {
    what: What,
    /// The command that it is, with the way back to whoever gave it.
    command: Option<(H::Command, oneshot::Sender<H::Outcome>)>,
    /// Who waits until it is applied, and with it all that came before it: told by being dropped.
    waiters: Vec<oneshot::Sender<()>>,
    member: Option<MemberId>,
    /// Under which number an answer is wanted.
    ack: Option<i64>,
    arrived_at: Option<Timestamp>,
    /// The event's number; 0 if it is none.
    event: u64,
}

enum What {
    /// It goes through the log.
    Input(Input),
    /// It is a query, and answered after what came before it.
    Query(super::Incoming),
}

/// Inputs in one entry of the log.
struct Batch<H: Hub> {
    sequence: u64,
    pending: Vec<Pending<H>>,
    text: String,
    has_failed: bool,
    sent_at: Instant,
}

/// Whether the log is within reach.
enum Connectivity {
    Connected { since: Instant },
    Unavailable { since: Instant },
}

/// What is counted.
struct Figures {
    entries: metrics::Counter,
    ticks: metrics::Counter,
    missed: metrics::Counter,
    refused: metrics::Counter,
    diverged: metrics::Counter,
    latency: metrics::Histogram,
    is_connected: metrics::Gauge,
}

impl<H: Hub> Pending<H> {
    fn of(input: Input) -> Self {
        Self {
            what: What::Input(input),
            command: None,
            waiters: Vec::new(),
            member: None,
            ack: None,
            arrived_at: None,
            event: 0,
        }
    }
}

impl<H: Hub> Node<H> {
    /// A node that knows nothing yet.
    pub fn new(
        service: &'static str,
        context: &Context,
        hub: H,
        members: Members,
        writes: Option<watch::Receiver<u64>>,
        log: Log,
    ) -> Self {
        Self {
            service,
            context: context.clone(),
            clock: CommonClock::new(context.clock),
            name: Arc::from(log.node.as_str()),
            machine: Machine::new(hub),
            members,
            barrier: WriteBarrier::new(writes),
            unstored: VecDeque::new(),
            stored: 0,
            last_write: None,
            reader: log.reader(0),
            log,
            queue: VecDeque::new(),
            in_flight: None,
            appending: None,
            sequence: 0,
            busy: HashMap::new(),
            refused: HashSet::new(),
            connectivity: Connectivity::Unavailable { since: Instant::now() },
            n_alone: 0,
            ticked_at: Timestamp::default(),
            is_checkpointer: false,
            checkpoint: Checkpoint::default(),
            checkpoint_at: Instant::now(),
            storing: None,
            storing_offset: 0,
            snapshots: VecDeque::new(),
            trimmed: 0,
            is_leaving: false,
            figures: Figures {
                entries: metrics::counter!("roomhub_cluster_entries_total", "service" => service),
                ticks: metrics::counter!("roomhub_cluster_ticks_total", "service" => service),
                refused: metrics::counter!("roomhub_events_dropped_total", "service" => service, "reason" => "refused"),
                missed: metrics::counter!("roomhub_cluster_missed_entries_total", "service" => service),
                diverged: metrics::counter!("roomhub_cluster_divergences_total", "service" => service),
                latency: metrics::histogram!("roomhub_cluster_append_seconds", "service" => service),
                is_connected: metrics::gauge!("roomhub_cluster_connected", "service" => service),
            },
        }
    }

    /// Runs until the process stops and the members have been told.
    pub async fn serve(mut self, mut arrivals: Arrivals<H>, farewells: Vec<Farewell>) {
        let context = self.context.clone();
        let mut stopping = pin!(context.stopping());
        let mut batch = Vec::with_capacity(BATCH);
        let mut ticks = interval(TICK_EVERY);
        let mut beats = interval(self.log.heartbeat);
        // Nobody is served before the rooms are known, unless Redis goes away in this very moment.
        let lease = self.log.lease;
        let rooms = async {
            while !self.is_connected() {
                self.log.connect().await;
                self.try_rejoin().await;
            }
        };
        let _ = timeout(lease, rooms).await;
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.tell_stored();
            self.append_next();
            let is_connected = self.is_connected();
            // In no fixed order: neither a flood of entries nor one of arrivals may hold up the other, or the heartbeat.
            tokio::select! {
                () = &mut stopping => break,
                () = self.log.connect(), if !is_connected => self.try_rejoin().await,
                outcome = answer(&mut self.appending), if self.appending.is_some() => self.appended(outcome).await,
                Some(raw) = self.reader.next(), if is_connected => self.read(raw).await,
                outcome = answer(&mut self.storing), if self.storing.is_some() => self.stored(outcome),
                _ = beats.tick(), if is_connected => self.beat().await,
                _ = ticks.tick() => self.tick(),
                () = self.barrier.written(), if self.barrier.awaits_write() || !self.unstored.is_empty() => {}
                _ = arrivals.next(&mut batch, BATCH), if self.queue.len() < MAX_QUEUED && !self.barrier.is_full() => {
                    for arrival in batch.drain(..) {
                        self.take(arrival);
                    }
                }
            }
        }
        let patience = context.shutdown_grace / FAREWELL;
        if timeout(patience, self.leave()).await.is_err() {
            warn!(service = self.service, "the other nodes learn of the end by its silence alone");
        }
        if timeout(patience, self.finish_writes()).await.is_err() {
            warn!(service = self.service, "stopping before all that was to be written is on disk");
        }
        self.members.dismiss(farewells, patience).await;
    }

    fn is_connected(&self) -> bool {
        matches!(self.connectivity, Connectivity::Connected { .. })
    }

    fn take(&mut self, arrival: Arrival<H>) {
        let now = self.clock.now();
        match arrival {
            Arrival::Query(query) => query(&self.machine.hub, now),
            Arrival::CatchUp(waiter) => self.catch_up(waiter),
            arrival => {
                if let Some(task) = self.members.admit(arrival) {
                    self.enqueue(task, now);
                }
            }
        }
    }

    fn enqueue(&mut self, task: Task<H>, now: Timestamp) {
        let member = task.member();
        let pending = |input| Pending { member, ..Pending::of(input) };
        match task {
            Task::Connect { member, mut handshake, .. } => {
                self.refused.remove(&member);
                match self.machine.hub.admit(member, &mut handshake, now) {
                    Ok(()) => self.push(pending(Input::connect(member, *handshake))),
                    Err(effects) => {
                        self.refused.insert(member);
                        self.members.perform(effects, None);
                    }
                }
            }
            Task::Event { member, .. } if self.refused.contains(&member) => self.figures.refused.increment(1),
            Task::Event { member, incoming, at } => {
                let (ack, event) = (incoming.ack, incoming.id);
                debug!(service = self.service, %member, event, "event taken");
                let hub = &self.machine.hub;
                let (answer, evidence) = match incoming.read() {
                    Some(read) => match hub.query(member, &read.name, read.payload, now) {
                        Some(answer) => (Some(answer), None),
                        None => (None, hub.evidence(Asked::Event(member, &read.name, read.payload), now)),
                    },
                    None => (Some(super::task::unread()), None),
                };
                if answer.is_some() && hub.needs_heard(member, now) {
                    self.push(Pending::of(Input::Heard(member)));
                }
                match answer {
                    Some(effects) if !self.busy.contains_key(&member) => {
                        let asker = ack.map(|id| (member, id));
                        self.perform(Decision { effects, asker, arrived_at: Some(at), event });
                    }
                    Some(_) => self.push(Pending {
                        what: What::Query(incoming),
                        command: None,
                        waiters: Vec::new(),
                        member: Some(member),
                        ack,
                        arrived_at: Some(at),
                        event,
                    }),
                    None => {
                        let input = with_evidence(evidence, Input::event(member, &incoming));
                        self.push(Pending { ack, arrived_at: Some(at), event, ..pending(input) });
                    }
                }
            }
            Task::Heard(member) => {
                if self.machine.hub.needs_heard(member, now) {
                    self.push(pending(Input::Heard(member)));
                }
            }
            Task::Leave(member, departure) => {
                if !self.refused.remove(&member) {
                    self.push(pending(Input::Leave(member, departure)));
                }
            }
            Task::Command(command, answer) => {
                let evidence = self.machine.hub.evidence(Asked::Command(&command), now);
                let input = with_evidence(evidence, Input::Command(raw(&command)));
                self.push(Pending { command: Some((command, answer)), ..Pending::of(input) });
            }
        }
    }

    /// Does what was decided here, once all that it waits for is done.
    fn perform(&mut self, decision: Decision<H::Record>) {
        self.barrier.push(decision);
        self.perform_ready();
    }

    fn perform_ready(&mut self) {
        while let Some(decision) = self.barrier.next() {
            self.members.perform_decision(decision);
        }
    }

    /// Tells the other nodes how much of what this one writes down is on its disk: they wait for it.
    fn tell_stored(&mut self) {
        let n_written = self.barrier.look();
        self.perform_ready();
        let before = self.stored;
        while let Some((_, offset)) = self.unstored.pop_front_if(|(write, _)| *write <= n_written) {
            self.stored = offset;
        }
        if self.stored != before && self.machine.nodes.len() > 1 {
            self.announce_stored();
        }
    }

    fn announce_stored(&mut self) {
        self.push_stored(None);
    }

    /// What this node appends next comes after all that is in the log now: once that is applied here, so is the rest.
    fn catch_up(&mut self, waiter: oneshot::Sender<()>) {
        self.push_stored(Some(waiter));
    }

    /// Many in a row are one.
    fn push_stored(&mut self, waiter: Option<oneshot::Sender<()>>) {
        if !self.is_connected() {
            return;
        }
        let is_last = matches!(self.queue.back(), Some(Pending { what: What::Input(Input::Stored(_)), .. }));
        if !is_last {
            self.queue.push_back(Pending::of(Input::Stored(self.stored)));
        }
        if let Some(last) = self.queue.back_mut() {
            last.what = What::Input(Input::Stored(self.stored));
            last.waiters.extend(waiter);
        }
    }

    fn push(&mut self, pending: Pending<H>) {
        if !self.is_connected() {
            return self.apply_alone(pending);
        }
        if let Some(member) = pending.member {
            *self.busy.entry(member).or_insert(0) += 1;
        }
        self.queue.push_back(pending);
    }

    /// The process stops: its members are lost to their rooms at once, not after the lease.
    async fn leave(&mut self) {
        self.is_leaving = true;
        if !self.is_connected() {
            return self.lose_own_members();
        }
        self.push(Pending::of(Input::NodeLost(self.name.to_string())));
        while self.is_connected() && (!self.queue.is_empty() || self.in_flight.is_some()) {
            self.append_next();
            tokio::select! {
                biased;
                outcome = answer(&mut self.appending), if self.appending.is_some() => self.appended(outcome).await,
                Some(raw) = self.reader.next() => self.read(raw).await,
            }
        }
        let name = self.name.to_string();
        if let Err(error) = self.log.remove_node(&name).await {
            debug!(service = self.service, %error, "the other nodes will notice");
        }
    }

    /// Waits until all that this node has to write down is on disk.
    async fn finish_writes(&mut self) {
        for author in self.barrier.authors() {
            self.inherit(&author);
        }
        self.perform_ready();
        while self.barrier.awaits_write() {
            self.barrier.written().await;
            self.perform_ready();
        }
    }
}

/// An input with what this node alone knows of it.
fn with_evidence(evidence: Option<Box<RawValue>>, input: Input) -> Input {
    match evidence {
        Some(evidence) => Input::Known(evidence, Box::new(input)),
        None => input,
    }
}

/// The answer to what Redis was asked.
async fn answer<T>(work: &mut Option<Work<T>>) -> Result<T, Unavailable> {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}
