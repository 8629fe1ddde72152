//! One node of several: every input goes through an ordered log, and all nodes have the same rules do the same with it.
//!
//! ```text
//! arrivals -> queue -> append -> log -> every node, this one too: rules -> effects, for the members that are connected here
//!                                └ one batch is under way at a time; what arrives meanwhile is the next one
//! ```
//! Nothing is undone and nothing is compared: what a rule says holds, because all nodes say it. Questions change nothing, so
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

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::{debug, warn};

use super::Replicated;
use super::common_clock::CommonClock;
use super::held::Deed;
use super::inbox::{Arrival, Arrivals, Order};
use super::members::{FAREWELL, Farewell, Members};
use super::task::Task;
use crate::cluster::{Away, Log, Mail};
use crate::effect::MemberId;
use crate::runtime::Context;
use crate::time::Timestamp;
use input::{Checkpoint, Input};
use machine::Machine;

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
pub struct Node<H: Replicated> {
    service: &'static str,
    context: Context,
    clock: CommonClock,
    name: Arc<str>,
    machine: Machine<H>,
    members: Members,
    log: Log,
    reader: Mail,
    /// Inputs that have to be appended, in order, with the questions between them.
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
    is_leaving: bool,
    figures: Figures,
}

/// Something that Redis has been asked, and has yet to answer.
type Work<T> = Pin<Box<dyn Future<Output = Result<T, Away>> + Send>>;

/// Something for the rules.
struct Pending<H> {
    what: What,
    /// The command that it is, with the way back to whoever gave it.
    order: Option<Box<dyn Order<H>>>,
    member: Option<MemberId>,
    /// Under which number an answer is wanted.
    ack: Option<i64>,
    arrived_at: Option<Timestamp>,
}

enum What {
    /// It goes through the log.
    Input(Input),
    /// It is a question, and answered after what came before it.
    Query(super::Incoming),
}

/// Inputs in one entry of the log.
struct Batch<H> {
    sequence: u64,
    pending: Vec<Pending<H>>,
    text: String,
    has_failed: bool,
    sent_at: Instant,
}

/// Whether the log is within reach.
enum Connectivity {
    Together { since: Instant },
    Unavailable { since: Instant },
}

/// What is counted.
struct Figures {
    entries: metrics::Counter,
    sweeps: metrics::Counter,
    missed: metrics::Counter,
    diverged: metrics::Counter,
    latency: metrics::Histogram,
    is_together: metrics::Gauge,
}

impl<H> Pending<H> {
    fn of(input: Input) -> Self {
        Self { what: What::Input(input), order: None, member: None, ack: None, arrived_at: None }
    }
}

impl<H: Replicated> Node<H> {
    /// A node that knows nothing yet.
    pub fn new(service: &'static str, context: &Context, hub: H, members: Members, log: Log) -> Self {
        Self {
            service,
            context: context.clone(),
            clock: CommonClock::new(context.clock),
            name: Arc::from(log.node.as_str()),
            machine: Machine::new(hub),
            members,
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
            is_leaving: false,
            figures: Figures {
                entries: metrics::counter!("roomhub_cluster_entries_total", "service" => service),
                sweeps: metrics::counter!("roomhub_cluster_sweeps_total", "service" => service),
                missed: metrics::counter!("roomhub_cluster_missed_entries_total", "service" => service),
                diverged: metrics::counter!("roomhub_cluster_divergences_total", "service" => service),
                latency: metrics::histogram!("roomhub_cluster_step_seconds", "service" => service),
                is_together: metrics::gauge!("roomhub_cluster_together", "service" => service),
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
            while !self.is_together() {
                self.log.connect().await;
                self.try_rejoin().await;
            }
        };
        let _ = timeout(lease, rooms).await;
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.append_next();
            let is_together = self.is_together();
            // In no fixed order: neither a flood of entries nor one of arrivals may hold up the other, or the heartbeat.
            tokio::select! {
                () = &mut stopping => break,
                () = self.log.connect(), if !is_together => self.try_rejoin().await,
                outcome = answer(&mut self.appending), if self.appending.is_some() => self.appended(outcome).await,
                Some(letter) = self.reader.next(), if is_together => self.read(letter).await,
                outcome = answer(&mut self.storing), if self.storing.is_some() => self.stored(outcome),
                _ = beats.tick(), if is_together => self.beat().await,
                _ = ticks.tick() => self.tick(),
                _ = arrivals.next(&mut batch, BATCH), if self.queue.len() < MAX_QUEUED => {
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
        self.members.dismiss(farewells, patience).await;
    }

    fn is_together(&self) -> bool {
        matches!(self.connectivity, Connectivity::Together { .. })
    }

    fn take(&mut self, arrival: Arrival<H>) {
        let now = self.clock.now();
        match arrival {
            Arrival::Question(question) => question(&self.machine.hub, now),
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
            Task::Connect { member, mut newcomer, .. } => {
                self.refused.remove(&member);
                match self.machine.hub.admit(member, &mut newcomer, now) {
                    Ok(()) => self.push(pending(Input::connect(member, *newcomer))),
                    Err(effects) => {
                        self.refused.insert(member);
                        self.members.perform(effects, None);
                    }
                }
            }
            Task::Event { member, .. } if self.refused.contains(&member) => {}
            Task::Event { member, incoming, at } => {
                let asker = incoming.ack;
                let answer = match incoming.read() {
                    Some(event) => self.machine.hub.query(member, &event.name, event.payload, now),
                    None => Some(super::task::unread()),
                };
                if answer.is_some() && self.machine.hub.needs_heard(member, now) {
                    self.push(Pending::of(Input::Heard(member)));
                }
                match answer {
                    Some(effects) if !self.busy.contains_key(&member) => self.members.perform_deed(Deed {
                        effects,
                        asker: asker.map(|id| (member, id)),
                        arrived_at: Some(at),
                    }),
                    Some(_) => self.push(Pending {
                        what: What::Query(incoming),
                        order: None,
                        member: Some(member),
                        ack: asker,
                        arrived_at: Some(at),
                    }),
                    None => {
                        let input = Input::event(member, &incoming);
                        self.push(Pending { ack: asker, arrived_at: Some(at), ..pending(input) });
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
            Task::Order(order) => {
                if let Some(text) = order.text() {
                    self.push(Pending { order: Some(order), ..Pending::of(Input::Command(text)) });
                }
            }
        }
    }

    fn push(&mut self, pending: Pending<H>) {
        if !self.is_together() {
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
        if !self.is_together() {
            return;
        }
        self.push(Pending::of(Input::NodeLost(self.name.to_string())));
        while self.is_together() && (!self.queue.is_empty() || self.in_flight.is_some()) {
            self.append_next();
            tokio::select! {
                biased;
                outcome = answer(&mut self.appending), if self.appending.is_some() => self.appended(outcome).await,
                Some(letter) = self.reader.next() => self.read(letter).await,
            }
        }
        let name = self.name.to_string();
        if let Err(away) = self.log.remove_node(&name).await {
            debug!(service = self.service, %away, "the other nodes will notice");
        }
    }
}

/// The answer to what Redis was asked.
async fn answer<T>(work: &mut Option<Work<T>>) -> Result<T, Away> {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}
