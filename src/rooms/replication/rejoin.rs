//! How a node finds the log, loses it and finds it again.
//!
//! While Redis is away, rooms go on with what this node knows and whom it reaches. When it is back, the node takes the
//! snapshot and the log as they are. A room that nobody else has changed meanwhile becomes what it is here; of one that
//! somebody has, theirs holds, and members who have no seat there are sent back to join it anew. A Redis that has lost its
//! memory is told what the node knows that comes first, and a room becomes what the node knows that saw the most of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::mem;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout};
use tracing::{debug, error, info, warn};

use super::apply::Audience;
use super::input::{Adoption, Checkpoint, Input, RULES};
use super::machine::{State, raw};
use super::{Connectivity, NEWER, Node, Pending, What};
use crate::cluster::{Claim, Entry, Unavailable};
use crate::effect::MemberId;
use crate::rooms::Hub;

/// Facts of an earlier version in one input.
const MAX_EARLIER_FACTS: usize = 1_000;

/// What the log has of rooms that this node has not seen.
struct Theirs<H: Hub> {
    /// Rooms that other nodes have changed since.
    touched: HashSet<H::RoomId>,
    /// Whether Redis has lost its memory.
    has_forgotten: bool,
}

/// A room as earlier versions kept it in Redis.
#[derive(Deserialize)]
struct EarlierRoom {
    room: Box<RawValue>,
}

impl<H: Hub> Node<H> {
    /// Redis does not answer: rooms go on with whom this node reaches.
    pub(super) fn go_alone(&mut self, error: &Unavailable) {
        self.log.disconnect();
        if self.is_connected() {
            warn!(service = self.service, %error, "redis is away: rooms go on with the members of this node");
            self.metrics.is_connected.set(0.0);
            self.members.context.remark(self.service, Some("redis is away: rooms go on node by node"));
        }
        self.connectivity = Connectivity::Unavailable { since: Instant::now() };
        self.inherit_of_all_but(&BTreeSet::new());
        self.apply_pending_alone();
    }

    /// What is under way is done here alone; what of it came to the log shows later, and nobody waits for that.
    fn apply_pending_alone(&mut self) {
        self.appending = None;
        let in_flight = self.in_flight.take().map(|batch| batch.pending).unwrap_or_default();
        for pending in in_flight.into_iter().chain(mem::take(&mut self.queue)) {
            match &pending.what {
                What::Input(Input::Joined(_) | Input::Checkpoint(_) | Input::Tick) => {}
                What::Input(Input::NodeLost(node)) if **node != *self.name => {}
                What::Input(_) | What::Query(_) => self.apply_alone(pending),
            }
        }
    }

    /// Redis answers again, or for the first time, or has forgotten, or the node has missed something.
    pub(super) async fn try_rejoin(&mut self) {
        let since = match self.connectivity {
            Connectivity::Unavailable { since } => since,
            Connectivity::Connected { .. } => Instant::now(),
        };
        match Box::pin(self.rejoin(since)).await {
            Ok(()) => {}
            Err(error) if self.is_connected() => self.go_alone(&error),
            Err(error) => {
                self.log.disconnect();
                debug!(service = self.service, %error, "not together yet");
            }
        }
    }

    async fn rejoin(&mut self, since: Instant) -> Result<(), Unavailable> {
        let asked = self.clock.own();
        let mut reply = self.log.beat(Claim::IfFree).await?;
        self.set_clock(&reply, asked);
        if self.is_connected() {
            self.connectivity = Connectivity::Unavailable { since };
            self.apply_pending_alone();
        }
        let is_new = self.machine.offset == 0;
        let has_forgotten = !is_new && (reply.epoch != self.log.epoch || reply.head < self.machine.offset);
        if has_forgotten && reply.head < self.machine.offset {
            warn!(
                service = self.service,
                head = reply.head,
                offset = self.machine.offset,
                "redis has forgotten what this node knows"
            );
            let whole = self.machine.whole();
            if let Some(epoch) = self.log.restore(whole, &reply.epoch, reply.head).await? {
                reply.epoch = epoch;
            }
            reply.head = self.log.beat(Claim::IfFree).await?.head;
            let nodes: Vec<String> = self.machine.nodes.iter().cloned().collect();
            self.log.expect(&nodes, reply.time).await?;
        }
        self.log.epoch = reply.epoch;
        let is_first = is_new && reply.head == 0;
        let (sent_back, n_ours) = self.take_theirs(reply.head, has_forgotten).await?;
        self.inherit_of_all_but(&self.machine.nodes.clone());
        let erasures = self.machine.erasures();
        self.machine.hub.catch_up(&erasures);
        for erasure in &erasures {
            self.members.forget(erasure);
        }
        if is_first {
            self.take_earlier_rooms().await?;
        }
        self.is_checkpointer = reply.is_checkpointer;
        self.checkpoint = Checkpoint::default();
        self.snapshots.clear();
        self.trimmed = 0;
        info!(
            service = self.service,
            away_secs = since.elapsed().as_secs(),
            ours = n_ours,
            sent_back,
            "together with the other nodes"
        );
        self.connectivity = Connectivity::Connected { since: Instant::now() };
        Ok(())
    }

    /// Takes the snapshot and the log up to `head`, and offers the others what was done here alone; gives how many members
    /// are sent back, and how many rooms are offered.
    async fn take_theirs(&mut self, head: u64, has_forgotten: bool) -> Result<(usize, usize), Unavailable> {
        let snapshot = self.log.snapshot().await?;
        self.reader = self.log.reader(snapshot.offset);
        let ours = self.machine.take_state();
        let unreadable = self.machine.restore(snapshot);
        if unreadable > 0 {
            error!(
                service = self.service,
                rooms = unreadable,
                "rooms of a newer version cannot be read, and are not to be had on this node: bring it to that version"
            );
            self.remark = Some(NEWER);
        }
        let mut theirs: Theirs<H> = Theirs { touched: HashSet::new(), has_forgotten };
        if !has_forgotten {
            theirs.touched.extend(self.machine.touched_after(ours.offset).map(|(room, _)| room.clone()));
        }
        // What others did to rooms that have not changed here is told in its order, as far as the log has it.
        let must_return: HashSet<MemberId> = theirs
            .touched
            .iter()
            .filter_map(|room| ours.rooms.get(room))
            .flat_map(H::occupants)
            .filter(|member| self.members.has(*member))
            .collect();
        self.members.disconnect_to_resync(must_return.iter().copied());
        while self.machine.offset < head {
            let Ok(Some(raw)) = timeout(self.log.patience * 4, self.reader.next()).await else {
                self.machine.put_back(ours);
                return Err(Unavailable::silent());
            };
            if raw.number != self.machine.offset + 1 {
                if raw.number > self.machine.offset {
                    warn!(
                        service = self.service,
                        offset = raw.number,
                        "the log does not follow the snapshot"
                    );
                    self.machine.offset = raw.number - 1;
                } else {
                    continue;
                }
            }
            let Some(entry) = Entry::read(raw.number, &raw.text) else { continue };
            let is_news = entry.offset > ours.offset && *entry.node != *self.name;
            let audience = if is_news { Audience::Everybody } else { Audience::Nobody };
            // A snapshot that is older than the log's end says nothing of what differs there.
            self.apply_other(&entry, audience);
            if is_news {
                let touched = self.machine.touched_after(entry.offset - 1).map(|(room, _)| room.clone());
                theirs.touched.extend(touched.collect::<Vec<_>>());
            }
        }
        self.must_rejoin = false;
        let (adoption, sent_back) = self.offer(&ours, &theirs);
        self.members.disconnect_to_resync(sent_back.iter().copied());
        let n_ours = adoption.rooms.len();
        self.join_with(adoption);
        Ok((must_return.union(&sent_back).count(), n_ours))
    }

    /// Takes over the rooms of an earlier version, whose members are all gone.
    async fn take_earlier_rooms(&mut self) -> Result<(), Unavailable> {
        let mut facts = self.log.earlier_facts().await?;
        while !facts.is_empty() {
            let rest = facts.split_off(facts.len().min(MAX_EARLIER_FACTS));
            let adoption = Adoption { facts, ..Adoption::default() };
            self.queue.push_back(Pending::of(Input::Adopt(Box::new(adoption))));
            facts = rest;
        }
        let mut adoption = Adoption::default();
        for (room, text) in self.log.earlier_rooms().await? {
            let Ok(EarlierRoom { room: state }) = serde_json::from_str(&text) else { continue };
            let Ok(read) = serde_json::from_str::<H::Room>(state.get()) else { continue };
            let gone = H::occupants(&read).into_iter().rev();
            adoption.left.extend(gone.map(|member| (member, room.clone())));
            adoption.rooms.push((room, 0, Some(state)));
        }
        if !adoption.rooms.is_empty() {
            info!(
                service = self.service,
                rooms = adoption.rooms.len(),
                "rooms of an earlier version are taken over"
            );
            self.queue.push_back(Pending::of(Input::Adopt(Box::new(adoption))));
        }
        Ok(())
    }

    /// What was done here alone, as far as it can hold; and whose seat does not.
    fn offer(&mut self, ours: &State<H>, theirs: &Theirs<H>) -> (Adoption, HashSet<MemberId>) {
        let mut adoption = Adoption::default();
        let mut sent_back = HashSet::new();
        let mut candidates: BTreeMap<H::RoomId, u64> =
            ours.fork.rooms.iter().map(|(room, base)| (room.clone(), *base)).collect();
        if theirs.has_forgotten {
            let further = ours.touched.iter().filter(|(room, at)| **at > self.machine.touched(room));
            candidates.extend(further.map(|(room, at)| (room.clone(), *at)));
        }
        for (room, base) in candidates {
            let here = self.machine.touched(&room);
            let is_gone_there = base > 0 && here == 0 && !theirs.has_forgotten;
            let is_free =
                !theirs.touched.contains(&room) && !is_gone_there && (!theirs.has_forgotten || here <= base);
            let occupants = ours.rooms.get(&room).map(H::occupants).unwrap_or_default();
            if is_free {
                adoption.rooms.push((room.to_string(), here, ours.rooms.get(&room).map(raw)));
            } else {
                let there = self.machine.occupants(&room);
                let connected = occupants.iter().filter(|member| self.members.has(**member));
                sent_back.extend(connected.filter(|member| !there.contains(member)));
                let left = there.into_iter().filter(|member| !occupants.contains(member));
                let here = left.filter(|member| ours.fork.members.contains(member));
                adoption.left.extend(here.map(|member| (member, room.to_string())));
            }
        }
        let mut claims = claims::<H>(&ours.rooms);
        for (member, state) in &ours.members {
            let is_new = ours.fork.members.contains(member) || !self.machine.has(*member);
            if is_new && self.members.has(*member) {
                let rooms = claims.remove(member).unwrap_or_default();
                adoption.members.push((*member, raw(state), rooms));
            }
        }
        adoption.members.sort_by_key(|(member, ..)| *member);
        adoption.gone =
            self.machine.members_of(&self.name).filter(|member| !self.members.has(*member)).collect();
        adoption.gone.sort();
        let there = self.machine.hub.facts();
        let is_lacking =
            |fact: &String| theirs.has_forgotten && there.as_ref().is_some_and(|facts| !facts.contains(fact));
        for (fact, text) in &ours.facts {
            if ours.fork.facts.contains(fact) || is_lacking(fact) {
                adoption.facts.push((fact.clone(), text.clone()));
            }
        }
        adoption.facts.sort();
        (adoption, sent_back)
    }

    /// The others have taken this node for dead, and its members are gone: it comes again, and those with it that are in
    /// no room. The others have missed something: they come back and are told everything anew.
    pub(super) fn come_again(&mut self) {
        warn!(service = self.service, "the other nodes have taken this one for dead: it comes again");
        let own: HashSet<MemberId> = self.machine.members_of(&self.name).collect();
        let mut claims = claims::<H>(self.machine.hub.rooms().all());
        let members = self.machine.hub.members().all().filter(|(member, _)| own.contains(*member));
        let mut members: Vec<_> = members
            .map(|(member, state)| (*member, raw(state), claims.remove(member).unwrap_or_default()))
            .collect();
        members.sort_by_key(|(member, ..)| *member);
        let seated = members.iter().filter(|(_, _, rooms)| !rooms.is_empty()).map(|(member, ..)| *member);
        self.members.disconnect_to_resync(seated);
        self.join_with(Adoption { members, ..Adoption::default() });
    }

    fn join_with(&mut self, adoption: Adoption) {
        self.queue.push_front(Pending::of(Input::Adopt(Box::new(adoption))));
        self.queue.push_front(Pending::of(Input::Joined(RULES)));
    }
}

/// The rooms that each member sits in.
fn claims<'a, H: Hub>(
    rooms: impl IntoIterator<Item = (&'a H::RoomId, &'a H::Room)>,
) -> HashMap<MemberId, Vec<String>> {
    let mut claims: HashMap<MemberId, Vec<String>> = HashMap::new();
    for (room, state) in rooms {
        for member in H::occupants(state) {
            claims.entry(member).or_default().push(room.to_string());
        }
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Log;
    use crate::rooms::Config;
    use crate::rooms::members::Members;
    use crate::rooms::test_stage::{Mute, member};
    use crate::runtime::{self, Clock, Context};

    #[tokio::test]
    async fn members_and_rooms_of_a_node_stay_if_redis_is_away_again_before_they_are_offered() {
        let context = Context::new(Clock::start(), &runtime::Config::default());
        let members = Members::new("music", &Config::default(), &context);
        let mut node = Node::new(Mute::default(), members, Log::nowhere("music"));
        node.connectivity = Connectivity::Connected { since: Instant::now() };
        let ann = member("ann");
        node.join_with(Adoption {
            rooms: vec![("hall".to_owned(), 0, Some(raw(&())))],
            members: vec![(ann, raw(&()), Vec::new())],
            ..Adoption::default()
        });
        node.go_alone(&Unavailable::silent());
        assert!(node.machine.has(ann));
        let ours = node.machine.take_state();
        let theirs = Theirs { touched: HashSet::new(), has_forgotten: false };
        let (offer, _) = node.offer(&ours, &theirs);
        assert_eq!(offer.rooms[0].0, "hall", "it is offered again");
    }
}
