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
use tracing::{debug, error, info, warn};

use super::Replicated;
use super::common_clock::CommonClock;
use super::held::Deed;
use super::inbox::{Arrival, Arrivals, Order};
use super::members::{FAREWELL, Farewell, Members};
use super::task::Task;
use crate::cluster::{self, Away, Changes, Log, Mail};
use crate::effect::{Effect, Effects, MemberId};
use crate::runtime::Context;
use crate::time::Timestamp;
use input::{Adoption, Checkpoint, Input};
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
            tokio::select! {
                biased;
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
                        if let Some(input) = Input::event(member, &incoming) {
                            self.push(Pending { ack: asker, arrived_at: Some(at), ..pending(input) });
                        }
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

    /// Appends what waits, if nothing is on its way.
    fn append_next(&mut self) {
        while self.is_together() && self.in_flight.is_none() && !self.queue.is_empty() {
            if matches!(self.queue[0].what, What::Query(_)) {
                if let Some(pending) = self.queue.pop_front() {
                    self.conclude(pending, Effects::none());
                }
                continue;
            }
            let (mut pending, mut text) = (Vec::new(), String::from("["));
            while let Some(next) = self.queue.front() {
                if pending.len() == BATCH || (text.len() > BATCH_BYTES) {
                    break;
                }
                if let What::Input(input) = &next.what {
                    if text.len() > 1 {
                        text.push(',');
                    }
                    text.push_str(&serde_json::to_string(input).expect("inputs are plain data"));
                }
                pending.extend(self.queue.pop_front());
            }
            text.push(']');
            self.sequence += 1;
            let batch =
                Batch { sequence: self.sequence, pending, text, has_failed: false, sent_at: Instant::now() };
            self.send(&batch);
            self.in_flight = Some(batch);
        }
    }

    fn send(&mut self, batch: &Batch<H>) {
        let appending = self.log.append(batch.sequence, self.machine.offset, batch.text.clone());
        self.appending = Some(Box::pin(appending));
    }

    /// Redis has answered an append, or has not.
    async fn appended(&mut self, outcome: Result<Option<(u64, Timestamp)>, Away>) {
        self.appending = None;
        match outcome {
            Ok(Some((offset, time))) => {
                // If others came before it, the reader brings it in its turn.
                if offset == self.machine.offset + 1 {
                    let next = self.apply_own(offset, time);
                    self.follow(next).await;
                }
            }
            Ok(None) => self.try_rejoin().await,
            Err(away) => {
                self.log.disconnect();
                let Some(mut batch) = self.in_flight.take() else { return };
                let is_connected =
                    !batch.has_failed && timeout(self.log.patience, self.log.connect()).await.is_ok();
                if is_connected {
                    // A connection may end while Redis is well.
                    batch.has_failed = true;
                    self.send(&batch);
                    self.in_flight = Some(batch);
                } else {
                    self.in_flight = Some(batch);
                    self.part(&away);
                }
            }
        }
    }

    /// The next entry of the log, as the reader brings it.
    async fn read(&mut self, letter: cluster::Letter) {
        if letter.number <= self.machine.offset {
            return;
        }
        if letter.number > self.machine.offset + 1 {
            warn!(
                service = self.service,
                missing = letter.number - self.machine.offset - 1,
                "entries of the log were missed: the snapshot is taken"
            );
            self.figures.missed.increment(1);
            return self.try_rejoin().await;
        }
        let Some(entry) = cluster::Entry::read(letter.number, &letter.text) else {
            error!(service = self.service, offset = letter.number, "an entry of the log cannot be read");
            self.machine.begin(letter.number, self.machine.now);
            return self.machine.end();
        };
        let is_in_flight = self.in_flight.as_ref().is_some_and(|batch| batch.sequence == entry.sequence);
        if *entry.node == *self.name && is_in_flight {
            let next = self.apply_own(entry.offset, entry.time);
            self.follow(next).await;
        } else {
            let next = self.apply_other(&entry, Audience::Everybody);
            self.follow(next).await;
        }
    }

    async fn follow(&mut self, next: Next) {
        if next == Next::Rejoin {
            self.try_rejoin().await;
        }
    }

    /// Applies the batch that was in flight.
    fn apply_own(&mut self, offset: u64, time: Timestamp) -> Next {
        self.appending = None;
        let Some(batch) = self.in_flight.take() else { return Next::Entry };
        self.figures.latency.record(batch.sent_at.elapsed().as_secs_f64());
        self.figures.entries.increment(1);
        self.machine.begin(offset, time);
        let is_first =
            matches!(batch.pending.first().map(|first| &first.what), Some(What::Input(Input::Joined)));
        if !is_first && !self.machine.nodes.contains(&*self.name) {
            // The others have taken this node for dead meanwhile: it comes again first.
            self.machine.end();
            self.queue_again(batch.pending);
            return Next::Entry;
        }
        let mut after = Vec::new();
        for mut pending in batch.pending {
            match &pending.what {
                What::Input(Input::Adopt(adoption)) => {
                    let adopted = self.machine.adopt(adoption, &self.name);
                    self.members.send_back(adopted.unseated.iter().copied());
                    self.conclude(pending, adopted.effects);
                }
                What::Input(input) => {
                    after.extend(self.note(input, offset, Origin::Here));
                    let effects = match &mut pending.order {
                        Some(order) => order.run(&mut self.machine.hub, self.machine.now),
                        None => self.machine.apply(input, &self.name),
                    };
                    self.conclude(pending, effects);
                }
                What::Query(_) => self.conclude(pending, Effects::none()),
            }
        }
        self.machine.end();
        self.follow_up(after)
    }

    /// Puts inputs that did not count before all others, but for the word by which this node comes again.
    fn queue_again(&mut self, pending: Vec<Pending<H>>) {
        let mut first = Vec::new();
        while matches!(
            self.queue.front(),
            Some(Pending { what: What::Input(Input::Joined | Input::Adopt(_)), .. })
        ) {
            first.extend(self.queue.pop_front());
        }
        for pending in first.into_iter().chain(pending).collect::<Vec<_>>().into_iter().rev() {
            self.queue.push_front(pending);
        }
    }

    /// Applies what another node has appended, or this one before it lost touch.
    fn apply_other(&mut self, entry: &cluster::Entry, audience: Audience) -> Next {
        self.machine.begin(entry.offset, entry.time);
        let inputs: Vec<Input> = match serde_json::from_str(&entry.inputs) {
            Ok(inputs) => inputs,
            Err(failure) => {
                error!(service = self.service, node = entry.node, %failure, "inputs cannot be read: is another node of another version?");
                self.machine.end();
                return Next::Entry;
            }
        };
        let node: Arc<str> = Arc::from(entry.node.as_str());
        let mut after = Vec::new();
        if self.machine.nodes.contains(&entry.node) || matches!(inputs.first(), Some(Input::Joined)) {
            for input in &inputs {
                after.extend(self.note(input, entry.offset, Origin::Elsewhere));
                let effects = match input {
                    Input::Adopt(adoption) => {
                        let adopted = self.machine.adopt(adoption, &node);
                        self.members.send_back(adopted.unseated.iter().copied());
                        adopted.effects
                    }
                    input => self.machine.apply(input, &node),
                };
                if audience == Audience::Everybody {
                    self.members.perform(for_members(effects), None);
                }
            }
        }
        self.machine.end();
        self.follow_up(after)
    }

    /// What an input means to this node beside what the rules make of it; before they do.
    fn note(&mut self, input: &Input, offset: u64, origin: Origin) -> Option<FollowUp> {
        match input {
            Input::Tick => {
                self.ticked_at = self.machine.now;
                None
            }
            Input::NodeLost(node) => {
                let n_members = self.machine.members_of(node).count();
                if self.machine.nodes.contains(node) && **node != *self.name {
                    info!(
                        service = self.service,
                        node,
                        members = n_members,
                        "a node has gone silent: its members leave"
                    );
                }
                if **node != *self.name || self.is_leaving || !self.machine.nodes.contains(node) {
                    return None;
                }
                self.disconnect_seated();
                Some(FollowUp::ComeAgain(Box::new(self.own_members())))
            }
            Input::Checkpoint(checkpoint) => Some(FollowUp::Checkpoint(*checkpoint, offset, origin)),
            Input::Connect(..)
            | Input::Event(..)
            | Input::Heard(_)
            | Input::Leave(..)
            | Input::Command(_)
            | Input::Joined
            | Input::Adopt(_) => None,
        }
    }

    fn follow_up(&mut self, after: Vec<FollowUp>) -> Next {
        let mut next = Next::Entry;
        for what in after {
            match what {
                FollowUp::ComeAgain(members) => self.come_again(*members),
                FollowUp::Checkpoint(checkpoint, offset, origin) => {
                    next = self.pass_checkpoint(checkpoint, offset, origin);
                }
            }
        }
        next
    }

    /// All nodes take the digest here; the one that has asked for it writes the snapshot.
    fn pass_checkpoint(&mut self, told: Checkpoint, offset: u64, origin: Origin) -> Next {
        let own = self.checkpoint.previous;
        let has_diverged = match (told.previous, own) {
            (Some((at, theirs)), Some((own_at, ours))) => at == own_at && theirs != ours,
            _ => false,
        };
        self.machine.forget_changes(told.written);
        self.checkpoint.written = self.checkpoint.written.max(told.written);
        self.checkpoint.previous = Some((offset, self.machine.take_digest()));
        self.checkpoint_at = Instant::now();
        if has_diverged && origin == Origin::Elsewhere {
            error!(
                service = self.service,
                offset, "this node's rooms are not those of the others: the snapshot is taken"
            );
            self.figures.diverged.increment(1);
            self.checkpoint = Checkpoint::default();
            return Next::Rejoin;
        }
        if origin == Origin::Here && self.storing.is_none() {
            let changes: Changes = self.machine.changes();
            self.storing_offset = changes.offset;
            self.storing = Some(Box::pin(self.log.store(changes)));
        }
        Next::Entry
    }

    fn stored(&mut self, outcome: Result<bool, Away>) {
        self.storing = None;
        match outcome {
            Ok(true) => self.checkpoint.written = self.checkpoint.written.max(self.storing_offset),
            Ok(false) => {}
            Err(away) => debug!(service = self.service, %away, "the snapshot is not written"),
        }
    }

    /// Tells whoever is concerned what came of an input.
    fn conclude(&mut self, pending: Pending<H>, effects: Effects) {
        if let Some(member) = pending.member
            && let Some(n) = self.busy.get_mut(&member)
        {
            *n -= 1;
            if *n == 0 {
                self.busy.remove(&member);
            }
        }
        let effects = match &pending.what {
            What::Input(_) => effects,
            What::Query(incoming) => {
                let (Some(member), now) = (pending.member, self.clock.now()) else { return };
                let asked = incoming.read();
                let answer =
                    asked.and_then(|event| self.machine.hub.query(member, &event.name, event.payload, now));
                answer.unwrap_or_else(super::task::unread)
            }
        };
        let asker = pending.member.zip(pending.ack);
        self.members.perform_deed(Deed { effects, asker, arrived_at: pending.arrived_at });
        if let Some(order) = pending.order {
            order.answer();
        }
    }

    /// Has the rules do at once what cannot be appended.
    fn apply_alone(&mut self, mut pending: Pending<H>) {
        let effects = match &pending.what {
            What::Input(input) => {
                self.n_alone += 1;
                let now = self.clock.now();
                self.machine.begin_alone(now, self.n_alone);
                let effects = match &mut pending.order {
                    Some(order) => order.run(&mut self.machine.hub, self.machine.now),
                    None => self.machine.apply(input, &self.name),
                };
                self.machine.end();
                effects
            }
            What::Query(_) => Effects::none(),
        };
        self.conclude(pending, effects);
    }

    /// Has timers looked at, if no other node did so lately.
    fn tick(&mut self) {
        let now = self.clock.now();
        let is_late = now.since(self.ticked_at) >= TICK_EVERY / 2;
        let is_queued = self.queue.iter().any(|pending| matches!(pending.what, What::Input(Input::Tick)));
        if is_late && !is_queued {
            self.push(Pending::of(Input::Tick));
        }
        if self.is_together() && self.is_checkpointer && self.checkpoint_at.elapsed() >= CHECKPOINT_EVERY {
            self.checkpoint_at = Instant::now();
            self.push(Pending::of(Input::Checkpoint(self.checkpoint)));
        }
        self.members.count(&self.machine.hub);
        self.figures.sweeps.increment(1);
    }

    /// Shows that this node is alive, and looks for those that are not.
    async fn beat(&mut self) {
        let asked = self.clock.own();
        let reply = match self.log.beat().await {
            Ok(reply) => reply,
            Err(away) => return self.part(&away),
        };
        self.set_clock(&reply, asked);
        self.is_checkpointer = reply.is_checkpointer;
        if reply.epoch != self.log.epoch || reply.head < self.machine.offset {
            return self.try_rejoin().await;
        }
        // After an outage, everybody is given the time to show again.
        let Connectivity::Together { since } = self.connectivity else { return };
        if since.elapsed() >= self.log.lease {
            for node in reply.silent {
                self.push(Pending::of(Input::NodeLost(node.clone())));
                if let Err(away) = self.log.remove_node(&node).await {
                    return self.part(&away);
                }
            }
        }
    }

    fn set_clock(&mut self, reply: &cluster::HeartbeatReply, asked: Timestamp) {
        if let Some(put) = self.clock.heard(reply.time, asked, self.clock.own()) {
            warn!(
                service = self.service,
                off_ms = put.as_millis(),
                "this machine's clock is not that of Redis, which all nodes go by"
            );
        }
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

/// What comes after an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The next one.
    Entry,
    /// The snapshot: what is here is not what the others have.
    Rejoin,
}

/// Who is told of an entry that another node has appended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    Everybody,
    /// It was told already.
    Nobody,
}

/// Where an entry comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Here,
    Elsewhere,
}

/// What is to be done once an entry is applied.
enum FollowUp {
    /// The others have taken this node for dead.
    ComeAgain(Box<Adoption>),
    Checkpoint(Checkpoint, u64, Origin),
}

/// What concerns members alone: answers, notes and counts are the affair of the node that appended the input.
fn for_members(effects: Effects) -> Effects {
    let mut told = Effects::none();
    for effect in effects {
        if matches!(effect, Effect::Emit { .. } | Effect::Disconnect(..)) {
            told.push(effect);
        }
    }
    told
}

/// The answer to what Redis was asked.
async fn answer<T>(work: &mut Option<Work<T>>) -> Result<T, Away> {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}
