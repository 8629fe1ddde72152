//! What the log says is done: the rules run, and members that are connected here are told.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tracing::{debug, error, info, warn};

use super::input::{Input, RULES};
use super::{NEWER, Node, Pending, What};
use crate::cluster;
use crate::effect::{Effect, Effects};
use crate::rooms::Hub;
use crate::rooms::incoming::unread;
use crate::rooms::write_barrier::Decision;
use crate::time::Timestamp;

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
            self.metrics.missed.increment(1);
            return self.try_rejoin().await;
        }
        let Some(entry) = cluster::Entry::read(raw.number, &raw.text) else {
            error!(service = self.service, offset = raw.number, "an entry of the log cannot be read");
            self.machine.begin(raw.number, self.machine.now);
            return self.machine.end();
        };
        let is_in_flight = self.in_flight.as_ref().is_some_and(|batch| batch.sequence == entry.sequence);
        if *entry.node == *self.name && is_in_flight {
            self.apply_own(entry.offset, entry.time);
        } else {
            self.apply_other(&entry, Audience::Everybody);
        }
    }

    /// Applies the batch that was in flight.
    pub(super) fn apply_own(&mut self, offset: u64, time: Timestamp) {
        self.appending = None;
        let Some(batch) = self.in_flight.take() else { return };
        self.metrics.latency.record(batch.sent_at.elapsed().as_secs_f64());
        self.metrics.entries.increment(1);
        self.machine.begin(offset, time);
        let is_first =
            matches!(batch.pending.first().map(|first| &first.what), Some(What::Input(Input::Joined(_))));
        if !is_first && !self.machine.nodes.contains(&*self.name) {
            // The others have taken this node for dead meanwhile: it comes again first.
            self.machine.end();
            return self.queue_again(batch.pending);
        }
        self.members.set_pressed(batch.pending.len() > 1);
        let name = Arc::clone(&self.name);
        for mut pending in batch.pending {
            let effects = match &pending.what {
                What::Input(input) => {
                    self.note(input, &name, Origin::Here);
                    self.run(input, pending.command.take(), &name)
                }
                What::Query(_) => Effects::none(),
            };
            self.conclude(&pending, effects);
        }
        if let Some(write) = self.last_write.take() {
            self.members.barrier.note_entry(write, offset);
        }
        self.end_entry(Origin::Here);
    }

    /// What the entry has changed is known: if it is a checkpoint, the digest is taken.
    fn end_entry(&mut self, origin: Origin) {
        self.machine.end();
        if let Some(checkpoint) = self.passing.take() {
            self.pass_checkpoint(checkpoint, origin);
        }
    }

    /// Has the rules do what a node wants, and tells whoever gave a command here what came of it.
    fn run(
        &mut self,
        input: &Input,
        command: Option<(H::Command, oneshot::Sender<H::Outcome>)>,
        node: &Arc<str>,
    ) -> Effects<H::Record> {
        let effects = match command {
            Some((command, answer)) => {
                let (outcome, effects) = self.machine.command(input, command);
                // Whoever gave it may have gone away.
                let _ = answer.send(outcome);
                effects
            }
            None => self.machine.apply(input, node),
        };
        if !self.machine.evicted.is_empty() {
            self.members.disconnect_to_resync(self.machine.evicted.drain(..));
        }
        if let Some(is_void) = self.machine.hub.take_void() {
            // Nobody writes them down in place of a node that has not done so yet.
            self.members.barrier.void(&*is_void);
        }
        effects
    }

    /// Puts inputs that did not count before all others, but for the input by which this node comes again.
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
    pub(super) fn apply_other(&mut self, entry: &cluster::Entry<'_>, audience: Audience) {
        self.machine.begin(entry.offset, entry.time);
        let inputs = match serde_json::from_str(entry.inputs) {
            Ok(inputs) => inputs,
            Err(failure) => {
                error!(service = self.service, node = entry.node, %failure, "inputs cannot be read: is another node of another version?");
                readable(entry.inputs)
            }
        };
        self.members.set_pressed(inputs.len() > 1);
        let node: Arc<str> = Arc::from(entry.node);
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
                self.note(input, &node, Origin::Elsewhere);
                let effects = self.run(input, None, &node);
                if audience == Audience::Everybody {
                    self.perform_other(&node, entry.offset, for_members(effects));
                }
            }
        }
        self.end_entry(Origin::Elsewhere);
    }

    /// Tells the members here what came of another node's input, once that node has written down what is to be kept of it.
    fn perform_other(&mut self, author: &Arc<str>, offset: u64, effects: Effects<H::Record>) {
        // What this node appended and could not follow is on its own disk.
        let is_kept =
            **author != *self.name && effects.iter().any(|effect| matches!(effect, Effect::Append(_)));
        if is_kept {
            self.members.perform_of(author, offset, Decision::of(effects));
        } else {
            self.members.perform(Decision::of(effects));
        }
    }

    /// Writes down here what nodes had to that cannot be asked whether they did: all but those.
    pub(super) fn inherit_of_all_but(&mut self, nodes: &BTreeSet<String>) {
        for author in self.members.barrier.authors() {
            if !nodes.contains(&*author) {
                self.inherit(&author);
            }
        }
        self.members.perform_ready();
    }

    fn inherit(&mut self, author: &str) {
        let hub = &mut self.machine.hub;
        self.members.barrier.inherit(author, |effects| hub.persist(effects));
    }

    /// What an input means to this node beside what the rules make of it; before they do.
    fn note(&mut self, input: &Input, author: &str, origin: Origin) {
        match input {
            Input::Tick => self.ticked_at = self.machine.now,
            Input::NodeLost(node) if **node == *self.name => {
                if !self.is_leaving && self.machine.nodes.contains(node) {
                    self.come_again();
                }
            }
            Input::NodeLost(node) => {
                if self.machine.nodes.contains(node) {
                    let members = self.machine.members_of(node).count();
                    info!(service = self.service, node, members, "a node has gone silent: its members leave");
                }
                self.inherit(node);
                self.members.perform_ready();
            }
            Input::Joined(rules) => {
                if *rules > RULES {
                    error!(
                        service = self.service,
                        rules,
                        "a newer version runs beside this one and its rooms may differ: bring this node to it"
                    );
                    self.remark = Some(NEWER);
                    self.members.context.remark(self.service, self.remark);
                }
                if origin == Origin::Elsewhere && self.told_stored > 0 {
                    self.push_stored(None);
                }
            }
            Input::Checkpoint(checkpoint) => self.passing = Some(*checkpoint),
            Input::Stored(offset) => {
                if origin == Origin::Elsewhere {
                    self.members.barrier.stored(author, *offset);
                }
            }
            Input::Adopt(_) => {
                if origin == Origin::Here {
                    // From here on, the others know what was done here alone.
                    self.metrics.is_connected.set(1.0);
                    self.members.context.remark(self.service, self.remark);
                }
            }
            Input::Connect(..)
            | Input::Event(..)
            | Input::Heard(_)
            | Input::Leave(..)
            | Input::Command(_)
            | Input::Known(..) => {}
        }
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
                answer.unwrap_or_else(unread)
            }
        };
        let effects = self.machine.hub.persist(effects);
        let written = effects.iter().filter_map(|effect| match effect {
            Effect::Appended(write) => Some(*write),
            _ => None,
        });
        self.last_write = written.max().or(self.last_write);
        let asker = pending.member.zip(pending.ack);
        self.members.perform(Decision {
            effects,
            asker,
            arrived_at: pending.arrived_at,
            event: pending.event,
        });
    }

    /// Has the rules do at once what cannot be appended.
    pub(super) fn apply_alone(&mut self, mut pending: Pending<H>) {
        let effects = match &pending.what {
            What::Input(input) => {
                self.n_alone += 1;
                let now = self.clock.now();
                self.machine.begin_alone(now, self.n_alone);
                let effects = self.run(input, pending.command.take(), &Arc::clone(&self.name));
                self.machine.end();
                effects
            }
            What::Query(_) => Effects::none(),
        };
        self.conclude(&pending, effects);
        // No other node waits for it.
        self.last_write = None;
    }
}

/// The inputs of an entry that this version knows: those of a newer one stand beside them.
fn readable(inputs: &str) -> Vec<Input> {
    let inputs: Vec<&RawValue> = serde_json::from_str(inputs).unwrap_or_default();
    inputs.into_iter().filter_map(|input| serde_json::from_str(input.get()).ok()).collect()
}

/// What concerns members, and what each node keeps: answers, notes and counts are the affair of the node that appended the input.
fn for_members<R>(effects: Effects<R>) -> Effects<R> {
    let mut told = Effects::none();
    for effect in effects {
        if matches!(
            effect,
            Effect::Emit { .. }
                | Effect::Disconnect(..)
                | Effect::Append(_)
                | Effect::Recording(_)
                | Effect::Forget(_)
        ) {
            told.push(effect);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_an_input_of_a_newer_version_counts() {
        let inputs = readable(r#"[{"j":1000},{"z":["AB12"]},"t",{"c":["later"]},{"x":"east"}]"#);
        assert!(
            matches!(&inputs[..], [Input::Joined(1000), Input::Tick, Input::NodeLost(node)] if node == "east"),
            "{inputs:?}"
        );
        assert!(readable("no list").is_empty());
    }
}
