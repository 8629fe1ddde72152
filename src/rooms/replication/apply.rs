//! What the log says is done: the rules run, and members that are connected here are told.

use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::{debug, error, info, warn};

use super::input::{Adoption, Checkpoint, Input, RULES};
use super::{Node, Pending, What};
use crate::cluster;
use crate::effect::{Effect, Effects};
use crate::rooms::write_barrier::Decision;
use crate::rooms::{Hub, task};
use crate::time::Timestamp;

/// What comes after an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The next one.
    Entry,
    /// The snapshot: what is here is not what the others have.
    Rejoin,
}

/// Who is told of an entry that another node has appended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    Everybody,
    /// It was told already.
    Nobody,
}

/// Where an entry comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Here,
    Elsewhere,
}

/// What is to be done once an entry is applied.
pub enum FollowUp {
    /// The others have taken this node for dead.
    ComeAgain(Box<Adoption>),
    /// A node is lost: what it had to write down is written down here.
    Inherit(String),
    /// A node that may have missed how far this one's disk is.
    AnnounceStored,
    Checkpoint(Checkpoint, u64, Origin),
}

impl<H: Hub> Node<H> {
    /// The next entry of the log, as the reader brings it.
    pub(super) async fn read(&mut self, raw: cluster::RawEntry) {
        if raw.number <= self.machine.offset {
            return;
        }
        if raw.number > self.machine.offset + 1 {
            warn!(
                service = self.service,
                missing = raw.number - self.machine.offset - 1,
                "entries of the log were missed: the snapshot is taken"
            );
            self.figures.missed.increment(1);
            return self.try_rejoin().await;
        }
        let Some(entry) = cluster::Entry::read(raw.number, &raw.text) else {
            error!(service = self.service, offset = raw.number, "an entry of the log cannot be read");
            self.machine.begin(raw.number, self.machine.now);
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

    pub(super) async fn follow(&mut self, next: Next) {
        if next == Next::Rejoin {
            self.try_rejoin().await;
        }
    }

    /// Applies the batch that was in flight.
    pub(super) fn apply_own(&mut self, offset: u64, time: Timestamp) -> Next {
        self.appending = None;
        let Some(batch) = self.in_flight.take() else { return Next::Entry };
        self.figures.latency.record(batch.sent_at.elapsed().as_secs_f64());
        self.figures.entries.increment(1);
        self.machine.begin(offset, time);
        let is_first =
            matches!(batch.pending.first().map(|first| &first.what), Some(What::Input(Input::Joined(_))));
        if !is_first && !self.machine.nodes.contains(&*self.name) {
            // The others have taken this node for dead meanwhile: it comes again first.
            self.machine.end();
            self.queue_again(batch.pending);
            return Next::Entry;
        }
        self.members.set_pressed(batch.pending.len() > 1);
        let mut after = Vec::new();
        for mut pending in batch.pending {
            match &pending.what {
                What::Input(Input::Adopt(adoption)) => {
                    let adopted = self.machine.adopt(adoption, &self.name);
                    self.members.disconnect_to_resync(adopted.evicted.iter().copied());
                    self.conclude(&pending, adopted.effects);
                    // From here on, the others know what was done here alone.
                    self.figures.is_connected.set(1.0);
                    self.context.remark(self.service, None);
                }
                What::Input(input) => {
                    after.extend(self.note(input, offset, Origin::Here));
                    let effects = self.run(input, pending.command.take());
                    self.conclude(&pending, effects);
                }
                What::Query(_) => self.conclude(&pending, Effects::none()),
            }
        }
        if let Some(write) = self.last_write.take() {
            self.unstored.push_back((write, offset));
        }
        self.machine.end();
        self.follow_up(after)
    }

    /// Has the rules do what this node wants, and tells whoever gave a command what came of it.
    fn run(
        &mut self,
        input: &Input,
        command: Option<(H::Command, oneshot::Sender<H::Outcome>)>,
    ) -> Effects<H::Record> {
        let Some((command, answer)) = command else { return self.machine.apply(input, &self.name) };
        let (outcome, effects) = self.machine.command(input, command);
        // Whoever gave it may have gone away.
        let _ = answer.send(outcome);
        effects
    }

    /// Puts inputs that did not count before all others, but for the word by which this node comes again.
    fn queue_again(&mut self, pending: Vec<Pending<H>>) {
        let mut first = Vec::new();
        while matches!(
            self.queue.front(),
            Some(Pending { what: What::Input(Input::Joined(_) | Input::Adopt(_)), .. })
        ) {
            first.extend(self.queue.pop_front());
        }
        for pending in first.into_iter().chain(pending).collect::<Vec<_>>().into_iter().rev() {
            self.queue.push_front(pending);
        }
    }

    /// Applies what another node has appended, or this one before it lost touch.
    pub(super) fn apply_other(&mut self, entry: &cluster::Entry<'_>, audience: Audience) -> Next {
        self.machine.begin(entry.offset, entry.time);
        let inputs: Vec<Input> = match serde_json::from_str(entry.inputs) {
            Ok(inputs) => inputs,
            Err(failure) => {
                error!(service = self.service, node = entry.node, %failure, "inputs cannot be read: is another node of another version?");
                self.machine.end();
                return Next::Entry;
            }
        };
        self.members.set_pressed(inputs.len() > 1);
        let node: Arc<str> = Arc::from(entry.node);
        let mut after = Vec::new();
        if self.machine.nodes.contains(entry.node) || matches!(inputs.first(), Some(Input::Joined(_))) {
            for input in &inputs {
                if let Some(event) = input.number() {
                    debug!(
                        service = self.service,
                        node = entry.node,
                        offset = entry.offset,
                        event,
                        "event applied"
                    );
                }
                after.extend(self.note(input, entry.offset, Origin::Elsewhere));
                let effects = match input {
                    Input::Adopt(adoption) => {
                        let adopted = self.machine.adopt(adoption, &node);
                        self.members.disconnect_to_resync(adopted.evicted.iter().copied());
                        adopted.effects
                    }
                    input => self.machine.apply(input, &node),
                };
                if let Input::Stored(offset) = input {
                    self.barrier.stored(entry.node, *offset);
                }
                if audience == Audience::Everybody {
                    self.perform_other(&node, entry.offset, for_members(effects));
                }
            }
        }
        self.machine.end();
        self.follow_up(after)
    }

    /// Tells the members here what came of another node's input, once that node has written down what is to be kept of it.
    fn perform_other(&mut self, author: &Arc<str>, offset: u64, effects: Effects<H::Record>) {
        // What this node appended and could not follow is on its own disk.
        let is_kept =
            **author != *self.name && effects.iter().any(|effect| matches!(effect, Effect::Append(_)));
        if is_kept {
            let members = &self.members;
            self.barrier.push_of(author, offset, Decision::of(effects), |member| members.has(member));
        } else {
            self.barrier.push(Decision::of(effects));
        }
        self.perform_ready();
    }

    /// Writes down here what a node had to that cannot be asked whether it did.
    pub(super) fn inherit(&mut self, author: &str) {
        let hub = &mut self.machine.hub;
        self.barrier.inherit(author, |effects| hub.persist(effects));
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
                if **node != *self.name {
                    return Some(FollowUp::Inherit(node.clone()));
                }
                if self.is_leaving || !self.machine.nodes.contains(node) {
                    return None;
                }
                self.disconnect_seated();
                Some(FollowUp::ComeAgain(Box::new(self.own_members())))
            }
            Input::Joined(rules) => {
                if *rules > RULES {
                    error!(
                        service = self.service,
                        rules,
                        "a newer version runs beside this one and its rooms may differ: bring this node to it"
                    );
                    self.context.remark(self.service, Some("a newer version runs on another node"));
                }
                (origin == Origin::Elsewhere && self.stored > 0).then_some(FollowUp::AnnounceStored)
            }
            Input::Checkpoint(checkpoint) => Some(FollowUp::Checkpoint(*checkpoint, offset, origin)),
            Input::Connect(..)
            | Input::Event(..)
            | Input::Heard(_)
            | Input::Leave(..)
            | Input::Command(_)
            | Input::Known(..)
            | Input::Stored(_)
            | Input::Adopt(_) => None,
        }
    }

    fn follow_up(&mut self, after: Vec<FollowUp>) -> Next {
        let mut next = Next::Entry;
        for what in after {
            match what {
                FollowUp::ComeAgain(members) => self.come_again(*members),
                FollowUp::Inherit(node) => {
                    self.inherit(&node);
                    self.perform_ready();
                }
                FollowUp::AnnounceStored => self.announce_stored(),
                FollowUp::Checkpoint(checkpoint, offset, origin) => {
                    next = self.pass_checkpoint(checkpoint, offset, origin);
                }
            }
        }
        next
    }

    /// Tells whoever is concerned what came of an input.
    pub(super) fn conclude(&mut self, pending: &Pending<H>, effects: Effects<H::Record>) {
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
                answer.unwrap_or_else(task::unread)
            }
        };
        let effects = self.machine.hub.persist(effects);
        let written = effects.iter().filter_map(|effect| match effect {
            Effect::Appended(write) => Some(*write),
            _ => None,
        });
        self.last_write = written.max().or(self.last_write);
        let asker = pending.member.zip(pending.ack);
        self.perform(Decision { effects, asker, arrived_at: pending.arrived_at, event: pending.event });
    }

    /// Has the rules do at once what cannot be appended.
    pub(super) fn apply_alone(&mut self, mut pending: Pending<H>) {
        let effects = match &pending.what {
            What::Input(input) => {
                self.n_alone += 1;
                let now = self.clock.now();
                self.machine.begin_alone(now, self.n_alone);
                let effects = self.run(input, pending.command.take());
                self.machine.end();
                effects
            }
            What::Query(_) => Effects::none(),
        };
        self.conclude(&pending, effects);
        // No other node waits for it.
        self.last_write = None;
    }

    /// The process stops while the log is out of reach: its members are lost to their rooms here alone.
    pub(super) fn lose_own_members(&mut self) {
        let now = self.clock.now();
        self.n_alone += 1;
        self.machine.begin_alone(now, self.n_alone);
        let own = self.machine.members_of(&self.name).collect();
        let effects = self.machine.lose_members(&own);
        self.machine.end();
        let effects = self.machine.hub.persist(effects);
        self.perform(Decision::of(effects));
    }
}

/// What concerns members, and what each node keeps: answers, notes and counts are the affair of the node that appended the input.
fn for_members<R>(effects: Effects<R>) -> Effects<R> {
    let mut told = Effects::none();
    for effect in effects {
        if matches!(
            effect,
            Effect::Emit { .. } | Effect::Disconnect(..) | Effect::Append(_) | Effect::Recording(_)
        ) {
            told.push(effect);
        }
    }
    told
}
