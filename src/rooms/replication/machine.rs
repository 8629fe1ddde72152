//! The replicated state machine: a hub, and what all nodes know beside it. Pure: entries of the log go in, effects come out.
//!
//! Whatever this does must be the same on every node: no clock, no chance, no order of a `HashMap`.

mod adoption;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::mem;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::digest::{Digest, Part};
use super::erasures::Erasures;
use super::input::Input;
use crate::cluster::{Changes, Snapshot};
use crate::effect::{Effect, Effects, Erasure, MemberId};
use crate::rooms::incoming::Event;
use crate::rooms::{Departure, Handshake, Hub, TrackedMap};
use crate::time::{Timestamp, WallOffset};

/// A hub that is the same on all nodes.
pub struct Machine<H: Hub> {
    /// The rules.
    pub hub: H,
    /// The last entry that was applied.
    pub offset: u64,
    /// Its time, which never goes back.
    pub now: Timestamp,
    /// Nodes whose entries count.
    pub nodes: BTreeSet<String>,
    /// The node that each member is connected to.
    homes: HashMap<MemberId, Arc<str>>,
    /// The last entry that changed each room.
    touched: HashMap<H::RoomId, u64>,
    /// What has changed, and when, since the last snapshot that is known to be written.
    changed: Changed<H::RoomId>,
    /// What has changed here alone, while the log was out of reach.
    fork: Option<Fork<H::RoomId>>,
    /// Members who have lost a seat by an adoption, and must be told everything anew.
    pub evicted: Vec<MemberId>,
    digest: Digest,
    erasures: Erasures,
}

/// What has changed since a moment, each with the offset of its last change.
struct Changed<R> {
    rooms: HashMap<R, u64>,
    members: HashMap<MemberId, u64>,
    facts: HashMap<String, u64>,
}

/// What has changed while the log was out of reach.
pub struct Fork<R> {
    /// Rooms, with the offset of the last change before.
    pub rooms: HashMap<R, u64>,
    /// Members.
    pub members: HashSet<MemberId>,
    /// Facts.
    pub facts: HashSet<String>,
}

/// A state that is taken out of a machine.
pub struct State<H: Hub> {
    pub offset: u64,
    pub rooms: HashMap<H::RoomId, H::Room>,
    pub members: HashMap<MemberId, H::Member>,
    pub facts: HashMap<String, String>,
    pub touched: HashMap<H::RoomId, u64>,
    pub fork: Fork<H::RoomId>,
    nodes: BTreeSet<String>,
    homes: HashMap<MemberId, Arc<str>>,
}

/// What a snapshot says of the whole.
#[derive(Default, Serialize, Deserialize)]
struct Meta {
    time: Timestamp,
    nodes: BTreeSet<String>,
}

impl<R> Default for Changed<R> {
    fn default() -> Self {
        Self { rooms: HashMap::new(), members: HashMap::new(), facts: HashMap::new() }
    }
}

impl<R> Default for Fork<R> {
    fn default() -> Self {
        Self { rooms: HashMap::new(), members: HashSet::new(), facts: HashSet::new() }
    }
}

impl<H: Hub> Machine<H> {
    /// A hub before the first entry.
    pub fn new(mut hub: H) -> Self {
        hub.rooms().note_changes();
        hub.members().note_changes();
        if let Some(facts) = hub.facts() {
            facts.note_changes();
        }
        Self {
            hub,
            offset: 0,
            now: Timestamp::default(),
            nodes: BTreeSet::new(),
            homes: HashMap::new(),
            touched: HashMap::new(),
            changed: Changed::default(),
            fork: None,
            evicted: Vec::new(),
            digest: Digest::default(),
            erasures: Erasures::default(),
        }
    }

    /// Begins an entry; all its inputs but `Joined` count only if its node takes part.
    pub fn begin(&mut self, offset: u64, time: Timestamp) {
        self.offset = offset;
        self.set_time(time);
        self.hub.seed(self.now, offset);
    }

    /// Begins an input that is not in the log, because that is out of reach.
    pub fn begin_alone(&mut self, time: Timestamp, number: u64) {
        self.fork.get_or_insert_default();
        self.set_time(time);
        self.hub.seed(self.now, number);
    }

    fn set_time(&mut self, time: Timestamp) {
        self.now = self.now.max(time);
        self.hub.set_wall(WallOffset::default());
    }

    /// Ends an entry: notes what it has changed.
    pub fn end(&mut self) {
        let (rooms, members) = (self.hub.rooms().changes(), self.hub.members().changes());
        let facts = self.hub.facts().map(TrackedMap::changes).unwrap_or_default();
        if let Some(fork) = &mut self.fork {
            for room in rooms {
                let base = self.touched.get(&room).copied().unwrap_or(0);
                fork.rooms.entry(room).or_insert(base);
            }
            fork.members.extend(members);
            fork.facts.extend(facts);
            return;
        }
        for room in rooms {
            if self.hub.rooms().contains(&room) {
                self.touched.insert(room.clone(), self.offset);
            } else {
                self.touched.remove(&room);
            }
            self.changed.rooms.insert(room, self.offset);
        }
        self.changed.members.extend(members.into_iter().map(|member| (member, self.offset)));
        self.changed.facts.extend(facts.into_iter().map(|fact| (fact, self.offset)));
    }

    /// Has the rules do what a node wants.
    pub fn apply(&mut self, input: &Input, node: &Arc<str>) -> Effects<H::Record> {
        let now = self.now;
        match input {
            Input::Connect(member, address, token) => {
                let is_known = self.homes.insert(*member, Arc::clone(node)).is_some();
                let mut effects =
                    if is_known { self.hub.leave(*member, Departure::CutOff, now) } else { Effects::none() };
                let handshake = Handshake { address: *address, token: token.clone() };
                effects.append(self.hub.connect(*member, handshake, now));
                effects
            }
            Input::Event(member, wire, text, _) => match Event::read(*wire, text.as_bytes()) {
                Some(event) => self.hub.handle(*member, &event.name, event.payload, now),
                None => Effects::none(),
            },
            Input::Heard(member) => {
                self.hub.heard(*member, now);
                Effects::none()
            }
            Input::Leave(member, departure) => {
                self.homes.remove(member);
                self.hub.leave(*member, *departure, now)
            }
            Input::Command(text) => match serde_json::from_str::<H::Command>(text.get()) {
                Ok(command) => {
                    let (_, effects) = self.hub.command(command, now);
                    self.note_erasures(&effects);
                    effects
                }
                Err(_) => Effects::none(),
            },
            Input::Known(evidence, input) => {
                self.hub.set_evidence(Some(evidence));
                let effects = self.apply(input, node);
                self.hub.set_evidence(None);
                effects
            }
            Input::Tick => {
                if let Some(facts) = self.hub.facts() {
                    self.erasures.forget_old(facts, now);
                }
                self.hub.tick(now)
            }
            Input::Joined(_) => {
                self.nodes.insert(node.to_string());
                Effects::none()
            }
            Input::NodeLost(node) => self.lose_node(node),
            Input::Adopt(adoption) => self.adopt(adoption, node),
            Input::Checkpoint(_) | Input::Stored(_) => Effects::none(),
        }
    }

    /// Has the rules do a command that was given here, of which the log has the text.
    pub fn command(&mut self, input: &Input, command: H::Command) -> (H::Outcome, Effects<H::Record>) {
        if let Input::Known(evidence, _) = input {
            self.hub.set_evidence(Some(evidence));
        }
        let done = self.hub.command(command, self.now);
        self.hub.set_evidence(None);
        self.note_erasures(&done.1);
        done
    }

    fn note_erasures(&mut self, effects: &Effects<H::Record>) {
        for effect in effects {
            if let Effect::Forget(erasure) = effect
                && let Some(facts) = self.hub.facts()
            {
                self.erasures.add(facts, &erasure.name, erasure.at);
            }
        }
    }

    /// Who was erased lately: files that have not followed yet are to.
    pub fn erasures(&self) -> Vec<Erasure> {
        self.erasures.late()
    }

    /// A node is gone, and none of its members by its own will.
    fn lose_node(&mut self, node: &str) -> Effects<H::Record> {
        self.nodes.remove(node);
        let lost = self.members_of(node).collect();
        self.lose_members(&lost)
    }

    /// Members are gone, and none of them by its own will.
    fn lose_members(&mut self, lost: &HashSet<MemberId>) -> Effects<H::Record> {
        let mut effects = Effects::none();
        if lost.is_empty() {
            return effects;
        }
        let mut seats: Vec<(H::RoomId, Vec<MemberId>)> =
            self.hub.rooms().all().map(|(id, room)| (id.clone(), H::occupants(room))).collect();
        seats.sort_by(|a, b| a.0.cmp(&b.0));
        for (room, occupants) in seats {
            for member in occupants.into_iter().rev().filter(|member| lost.contains(member)) {
                effects.append(self.hub.on_member_lost(member, &room, self.now));
            }
        }
        for member in lost {
            self.homes.remove(member);
            self.hub.members().remove(member);
        }
        effects
    }

    /// The last entry that changed a room; 0 if there is no such room.
    pub fn touched(&self, room: &H::RoomId) -> u64 {
        self.touched.get(room).copied().unwrap_or(0)
    }

    /// Rooms that were changed by an entry after that one.
    pub fn touched_after(&self, offset: u64) -> impl Iterator<Item = (&H::RoomId, u64)> {
        self.touched.iter().filter(move |(_, at)| **at > offset).map(|(room, at)| (room, *at))
    }

    /// Who sits in a room.
    pub fn occupants(&mut self, room: &H::RoomId) -> Vec<MemberId> {
        self.hub.rooms().get(room).map(H::occupants).unwrap_or_default()
    }

    /// Whether a member is known.
    pub fn has(&self, member: MemberId) -> bool {
        self.homes.contains_key(&member)
    }

    /// Members of a node.
    pub fn members_of<'a>(&'a self, node: &'a str) -> impl Iterator<Item = MemberId> + 'a {
        self.homes.iter().filter(move |(_, home)| &***home == node).map(|(member, _)| *member)
    }

    /// Takes the state out: what is left is as before the first entry.
    pub fn take_state(&mut self) -> State<H> {
        self.changed = Changed::default();
        self.digest = Digest::default();
        self.erasures = Erasures::default();
        State {
            offset: mem::take(&mut self.offset),
            rooms: self.hub.rooms().take_all(),
            members: self.hub.members().take_all(),
            facts: self.hub.facts().map(TrackedMap::take_all).unwrap_or_default(),
            touched: mem::take(&mut self.touched),
            fork: self.fork.take().unwrap_or_default(),
            nodes: mem::take(&mut self.nodes),
            homes: mem::take(&mut self.homes),
        }
    }

    /// Becomes again what was taken out.
    pub fn put_back(&mut self, state: State<H>) {
        self.take_state();
        self.offset = state.offset;
        self.hub.rooms().put_all(state.rooms);
        self.hub.members().put_all(state.members);
        if let Some(facts) = self.hub.facts() {
            facts.put_all(state.facts);
            self.erasures = Erasures::among(facts);
        }
        (self.touched, self.nodes, self.homes) = (state.touched, state.nodes, state.homes);
        self.fork = Some(state.fork);
        self.hub.restored(self.now);
    }

    /// Becomes what a snapshot says, on a machine whose state was taken out; gives the number of rooms in it that this
    /// version cannot read.
    pub fn restore(&mut self, snapshot: Snapshot) -> usize {
        let mut unreadable = 0;
        let meta: Meta = serde_json::from_str(&snapshot.meta).unwrap_or_default();
        self.offset = snapshot.offset;
        self.now = self.now.max(meta.time);
        self.nodes = meta.nodes;
        for (name, text) in snapshot.rooms {
            let read = text.split_once(' ').and_then(|(touched, text)| {
                Some((H::room_id(&name)?, touched.parse().ok()?, serde_json::from_str(text).ok()?))
            });
            if let Some((room, touched, state)) = read {
                self.touched.insert(room.clone(), touched);
                self.digest.put(Part::Room, &name, Some(&text));
                self.hub.rooms().put(room, Some(state));
            } else {
                unreadable += 1;
            }
        }
        for (name, text) in snapshot.members {
            let read = text.split_once(' ').and_then(|(home, text)| {
                Some((MemberId::new(&name)?, Arc::from(home), serde_json::from_str(text).ok()?))
            });
            if let Some((member, home, state)) = read {
                self.homes.insert(member, home);
                self.digest.put(Part::Member, &name, Some(&text));
                self.hub.members().put(member, Some(state));
            }
        }
        for (fact, text) in snapshot.facts {
            self.digest.put(Part::Fact, &fact, Some(&text));
            if let Some(facts) = self.hub.facts() {
                facts.put(fact, Some(text));
            }
        }
        self.erasures = self.hub.facts().map(|facts| Erasures::among(facts)).unwrap_or_default();
        self.digest.offset = self.offset;
        self.hub.restored(self.now);
        unreadable
    }

    /// Takes the digest of the state as it is.
    pub fn take_digest(&mut self) -> u64 {
        let since = mem::replace(&mut self.digest.offset, self.offset);
        let Changes { rooms, members, facts, .. } = self.changes_after(since);
        for (part, texts) in [(Part::Room, rooms), (Part::Member, members), (Part::Fact, facts)] {
            for (name, text) in texts {
                self.digest.put(part, &name, text.as_deref());
            }
        }
        self.digest.sum()
    }

    /// A snapshot at that offset is written: what has not changed since is in it.
    pub fn forget_changes(&mut self, written: u64) {
        self.changed.rooms.retain(|_, at| *at > written);
        self.changed.members.retain(|_, at| *at > written);
        self.changed.facts.retain(|_, at| *at > written);
    }

    /// What has changed since the last snapshot that is known to be written.
    pub fn changes(&mut self) -> Changes {
        self.changes_after(0)
    }

    fn changes_after(&mut self, offset: u64) -> Changes {
        let Changed { rooms, members, facts } = &self.changed;
        let (rooms, members, facts) = (after(rooms, offset), after(members, offset), after(facts, offset));
        self.texts(rooms, members, facts)
    }

    /// The whole state; what has changed here alone as if it had changed with the next entry.
    pub fn whole(&mut self) -> Changes {
        let fork = self.fork.take().unwrap_or_default();
        self.offset += 1;
        for room in fork.rooms.into_keys() {
            if self.hub.rooms().contains(&room) {
                self.touched.insert(room, self.offset);
            } else {
                self.touched.remove(&room);
            }
        }
        let rooms = self.hub.rooms().all().map(|(room, _)| room.clone()).collect();
        let members = self.hub.members().all().map(|(member, _)| *member).collect();
        let facts = self.hub.facts().map(|facts| facts.all().map(|(fact, _)| fact.clone()).collect());
        self.texts(rooms, members, facts.unwrap_or_default())
    }

    fn texts(&mut self, rooms: Vec<H::RoomId>, members: Vec<MemberId>, facts: Vec<String>) -> Changes {
        let meta = Meta { time: self.now, nodes: self.nodes.clone() };
        Changes {
            offset: self.offset,
            meta: serde_json::to_string(&meta).expect("names and a time are plain data"),
            rooms: rooms.into_iter().map(|room| (room.to_string(), self.room_text(&room))).collect(),
            members: members
                .into_iter()
                .map(|member| (member.to_string(), self.member_text(member)))
                .collect(),
            facts: facts.into_iter().map(|fact| (fact.clone(), self.fact_text(&fact))).collect(),
        }
    }

    fn room_text(&mut self, room: &H::RoomId) -> Option<String> {
        let touched = self.touched(room);
        let text = serde_json::to_string(self.hub.rooms().get(room)?).expect("a room is plain data");
        Some(format!("{touched} {text}"))
    }

    fn member_text(&mut self, member: MemberId) -> Option<String> {
        let home = self.homes.get(&member).cloned().unwrap_or_default();
        let text = serde_json::to_string(self.hub.members().get(&member)?).expect("a member is plain data");
        Some(format!("{home} {text}"))
    }

    fn fact_text(&mut self, fact: &String) -> Option<String> {
        self.hub.facts()?.get(fact).cloned()
    }
}

/// What has changed after that offset.
fn after<K: Clone>(changed: &HashMap<K, u64>, offset: u64) -> Vec<K> {
    changed.iter().filter(|(_, at)| **at > offset).map(|(key, _)| key.clone()).collect()
}

/// A state as it travels in the log.
pub fn raw(state: &impl Serialize) -> Box<RawValue> {
    to_raw_value(state).expect("rooms and members are plain data")
}
