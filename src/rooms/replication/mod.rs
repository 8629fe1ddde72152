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
mod erasures;
mod heartbeat;
mod input;
mod machine;
mod rejoin;
#[cfg(test)]
pub mod replay;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout};
use tracing::{debug, warn};

use super::common_clock::CommonClock;
use super::inbox::Arrival;
use super::incoming::unread;
use super::members::Members;
use super::sequencer::{Sequencer, TICK_EVERY};
use super::write_barrier::Decision;
use super::{Asked, Hub, Incoming};
use crate::cluster::{Claim, Log, LogReader, RawEntry, Unavailable};
use crate::effect::MemberId;
use crate::time::Timestamp;
use input::{Checkpoint, Input, RULES};
use machine::{Machine, raw};

/// Inputs in one entry of the log.
const BATCH: usize = 256;

/// Inputs that wait for no more: what an entry costs is then mostly theirs.
const ENOUGH: usize = 16;

/// Bytes of inputs in one entry of the log, but for a larger single one.
const BATCH_BYTES: usize = 1024 * 1024;

/// Inputs that may wait for the log; while there are as many, no arrivals are taken, and the inbox fills within its bounds.
const MAX_QUEUED: usize = 16_384;

/// What `/readyz` says where another node has a newer version.
const NEWER: &str = "a newer version runs on another node";

/// A snapshot is written this often, if something has changed.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(3);

/// A node of a service.
pub struct Node<H: Hub> {
    service: &'static str,
    clock: CommonClock,
    name: Arc<str>,
    machine: Machine<H>,
    members: Members<H::Record>,
    /// The last entry of this node of which the others have been told that its records are on disk.
    told_stored: u64,
    /// The last write of the entry that is being applied.
    last_write: Option<u64>,
    log: Log,
    beats: Interval,
    reader: LogReader,
    /// Inputs that have to be appended, in order, with the queries between them.
    queue: VecDeque<Pending<H>>,
    /// The batch that is on its way to the log.
    in_flight: Option<Batch<H>>,
    appending: Option<Work<Option<(u64, Timestamp)>>>,
    /// The next batch goes no sooner.
    append_at: Instant,
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
    /// Anyway, where a node of an earlier version writes the snapshots.
    claim: Claim,
    /// What `/readyz` says while all is well: that another node has a newer version.
    remark: Option<&'static str>,
    checkpoint: Checkpoint,
    /// The checkpoint that the entry is which is being applied.
    passing: Option<Checkpoint>,
    /// What is here is not what the others have: the snapshot is to be taken.
    must_rejoin: bool,
    checkpoint_at: Instant,
    storing: Option<Work<bool>>,
    storing_offset: u64,
    /// When this node wrote snapshots lately, and their offsets.
    snapshots: VecDeque<(Instant, u64)>,
    /// The log is not needed up to this offset.
    trimmed: u64,
    is_leaving: bool,
    metrics: Metrics,
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
    Query(Incoming),
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
struct Metrics {
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
    pub fn new(hub: H, members: Members<H::Record>, log: Log) -> Self {
        let service = members.service;
        let mut beats = interval(log.heartbeat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            service,
            clock: CommonClock::new(members.context.clock),
            name: Arc::from(log.node.as_str()),
            machine: Machine::new(hub),
            members,
            told_stored: 0,
            last_write: None,
            beats,
            reader: log.reader(0),
            log,
            queue: VecDeque::new(),
            in_flight: None,
            appending: None,
            append_at: Instant::now(),
            sequence: 0,
            busy: HashMap::new(),
            refused: HashSet::new(),
            connectivity: Connectivity::Unavailable { since: Instant::now() },
            n_alone: 0,
            ticked_at: Timestamp::default(),
            is_checkpointer: false,
            claim: Claim::IfFree,
            remark: None,
            checkpoint: Checkpoint::default(),
            passing: None,
            must_rejoin: false,
            checkpoint_at: Instant::now(),
            storing: None,
            storing_offset: 0,
            snapshots: VecDeque::new(),
            trimmed: 0,
            is_leaving: false,
            metrics: Metrics {
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

    /// Nobody is served before the rooms are known, unless Redis goes away in this very moment.
    pub async fn started(mut self) -> Self {
        let lease = self.log.lease;
        let rooms = async {
            while !self.is_connected() {
                self.log.connect().await;
                self.try_rejoin().await;
            }
        };
        let _ = timeout(lease, rooms).await;
        self
    }

    fn is_connected(&self) -> bool {
        matches!(self.connectivity, Connectivity::Connected { .. })
    }

    /// Answers what only asks, or puts it behind what its asker has under way; all else goes to the log.
    fn take_event(&mut self, member: MemberId, incoming: Incoming, at: Timestamp) {
        let (ack, event, now) = (incoming.ack, incoming.id, self.clock.now());
        debug!(service = self.service, %member, event, "event taken");
        let hub = &self.machine.hub;
        let (answer, evidence) = match incoming.read() {
            Some(read) => match hub.query(member, &read.name, read.payload, now) {
                Some(answer) => (Some(answer), None),
                None => (None, hub.evidence(Asked::Event(member, &read.name, read.payload), now)),
            },
            None => (Some(unread()), None),
        };
        if answer.is_some() && hub.needs_heard(member, now) {
            self.push(Pending::of(Input::Heard(member)));
        }
        let what = match answer {
            Some(effects) if !self.busy.contains_key(&member) => {
                let asker = ack.map(|id| (member, id));
                return self.members.perform(Decision { effects, asker, arrived_at: Some(at), event });
            }
            Some(_) => What::Query(incoming),
            None => What::Input(with_evidence(evidence, Input::event(member, &incoming))),
        };
        let arrived_at = Some(at);
        self.push(Pending {
            what,
            command: None,
            waiters: Vec::new(),
            member: Some(member),
            ack,
            arrived_at,
            event,
        });
    }

    fn push_of(&mut self, member: MemberId, input: Input) {
        self.push(Pending { member: Some(member), ..Pending::of(input) });
    }

    /// Tells the other nodes how much of what this one writes down is on its disk: they wait for it. Many in a row are one.
    ///
    /// Whoever waits is told once that is applied here, and with it all that is in the log now.
    fn push_stored(&mut self, waiter: Option<oneshot::Sender<()>>) {
        if !self.is_connected() {
            return;
        }
        let is_last = matches!(self.queue.back(), Some(Pending { what: What::Input(Input::Stored(_)), .. }));
        if !is_last {
            self.queue.push_back(Pending::of(Input::Stored(self.told_stored)));
        }
        if let Some(last) = self.queue.back_mut() {
            last.what = What::Input(Input::Stored(self.told_stored));
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
        self.push(Pending::of(Input::NodeLost(self.name.to_string())));
        while self.is_connected() && (!self.queue.is_empty() || self.in_flight.is_some()) {
            self.append_next();
            let due = self.due().await;
            self.handle(due).await;
        }
        let name = self.name.to_string();
        if let Err(error) = self.log.remove_node(&name).await {
            debug!(service = self.service, %error, "the other nodes will notice");
        }
    }
}

/// What is due by itself on one of several nodes.
pub enum Due {
    /// Redis is within reach.
    Connected,
    /// It has answered the batch that was in flight.
    Appended(Result<Option<(u64, Timestamp)>, Unavailable>),
    /// The log has another entry.
    Entry(RawEntry),
    /// It has answered whether the snapshot is written.
    Snapshot(Result<bool, Unavailable>),
    /// A heartbeat is due.
    Beat,
    /// What waits is to go to the log.
    Append,
}

impl<H: Hub> Sequencer<H> for Node<H> {
    type Due = Due;

    fn hub(&self) -> &H {
        &self.machine.hub
    }

    fn members(&mut self) -> &mut Members<H::Record> {
        &mut self.members
    }

    fn has_room(&self) -> bool {
        self.queue.len() < MAX_QUEUED
    }

    fn take(&mut self, arrival: Arrival<H>) {
        let now = self.clock.now();
        let hub = &self.machine.hub;
        match arrival {
            Arrival::Query(query) => query(hub, now),
            // What this node appends next comes after all that is in the log now: once that is applied here, so is the rest.
            Arrival::CatchUp(waiter) => self.push_stored(Some(waiter)),
            Arrival::Connected { member, mut handshake, .. } => {
                match hub.admit(member, &mut handshake, now) {
                    Ok(()) => {
                        self.refused.remove(&member);
                        self.push_of(member, Input::connect(member, *handshake));
                    }
                    Err(effects) => {
                        self.refused.insert(member);
                        self.members.perform(Decision::of(effects));
                    }
                }
            }
            Arrival::Event { member, .. } if self.refused.contains(&member) => {
                self.metrics.refused.increment(1);
            }
            Arrival::Event { member, incoming, at, .. } => self.take_event(member, incoming, at),
            Arrival::KeepAlive { member, .. } => {
                if hub.needs_heard(member, now) {
                    self.push_of(member, Input::Heard(member));
                }
            }
            Arrival::Disconnected { member, departure, .. } => {
                if !self.refused.remove(&member) {
                    self.push_of(member, Input::Leave(member, departure));
                }
            }
            Arrival::Command(command, answer) => {
                let evidence = hub.evidence(Asked::Command(&command), now);
                let input = with_evidence(evidence, Input::Command(raw(&command)));
                self.push(Pending { command: Some((command, answer)), ..Pending::of(input) });
            }
        }
    }

    fn settle(&mut self) {
        self.members.perform_ready();
        let n_stored = self.members.barrier.n_stored();
        if mem::replace(&mut self.told_stored, n_stored) != n_stored && self.machine.nodes.len() > 1 {
            self.push_stored(None);
        }
        self.append_next();
    }

    async fn due(&mut self) -> Due {
        let (is_connected, lingers) = (self.is_connected(), self.lingers());
        // In no fixed order: entries of the log may not hold up the heartbeat.
        tokio::select! {
            () = self.log.connect(), if !is_connected => Due::Connected,
            outcome = answer(&mut self.appending), if self.appending.is_some() => Due::Appended(outcome),
            Some(raw) = self.reader.next(), if is_connected => Due::Entry(raw),
            outcome = answer(&mut self.storing), if self.storing.is_some() => Due::Snapshot(outcome),
            _ = self.beats.tick(), if is_connected => Due::Beat,
            () = sleep_until(self.append_at), if lingers => Due::Append,
        }
    }

    async fn handle(&mut self, due: Due) {
        match due {
            Due::Connected => self.try_rejoin().await,
            Due::Appended(outcome) => self.appended(outcome).await,
            Due::Entry(raw) => self.read(raw).await,
            Due::Snapshot(outcome) => self.stored(outcome),
            Due::Beat => self.beat().await,
            // Settling does it.
            Due::Append => {}
        }
        if mem::take(&mut self.must_rejoin) {
            self.try_rejoin().await;
        }
    }

    /// Has timers looked at, if no other node did so lately.
    fn tick(&mut self) -> bool {
        let is_late = self.clock.now().since(self.ticked_at) >= TICK_EVERY / 2;
        let is_queued = self.queue.iter().any(|pending| matches!(pending.what, What::Input(Input::Tick)));
        if is_late && !is_queued {
            self.push(Pending::of(Input::Tick));
        }
        if self.is_connected() && self.is_checkpointer && self.checkpoint_at.elapsed() >= CHECKPOINT_EVERY {
            self.checkpoint_at = Instant::now();
            self.push(Pending::of(Input::Checkpoint(Checkpoint { rules: RULES, ..self.checkpoint })));
        }
        self.metrics.ticks.increment(1);
        false
    }

    async fn stop(&mut self, patience: Duration) {
        if timeout(patience, self.leave()).await.is_err() {
            warn!(service = self.service, "the other nodes learn of the end by its silence alone");
        }
        self.inherit_of_all_but(&BTreeSet::new());
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
