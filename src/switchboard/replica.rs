//! What a node knows of a cluster's rooms, beside the rooms themselves: versions, and where their occupants are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::Name;
use crate::effect::MemberId;

/// A room on its way to Redis and back.
#[derive(Serialize, Deserialize)]
pub struct Envelope {
    /// Its occupants, by the nodes that they are connected to.
    pub homes: BTreeMap<String, Vec<MemberId>>,
    /// What the rules know of it.
    pub room: Box<RawValue>,
}

/// What is known of one room.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The version in Redis that it comes from; empty if it never was there.
    pub version: String,
    /// Its text there.
    pub text: String,
    /// Its occupants, by the nodes that they are connected to.
    pub homes: BTreeMap<String, Vec<MemberId>>,
}

/// What is known of all rooms, by name.
pub struct Replica<K> {
    node: String,
    n_steps: u64,
    rooms: HashMap<K, Known>,
}

/// How many states of its room came before, from the version's text.
pub fn age(version: &str) -> u64 {
    version.split('@').next().and_then(|age| age.parse().ok()).unwrap_or(0)
}

impl<K: Name + Display> Replica<K> {
    /// Nothing is known to that node yet.
    pub fn new(node: &str) -> Self {
        Self { node: node.to_owned(), n_steps: 0, rooms: HashMap::new() }
    }

    /// What is known of a room.
    pub fn get(&self, room: &K) -> Option<&Known> {
        self.rooms.get(room)
    }

    /// The version of a room; empty if there is none.
    pub fn version(&self, room: &K) -> &str {
        self.rooms.get(room).map_or("", |known| &known.version)
    }

    /// Whether this node made that version.
    pub fn is_own(&self, version: &str) -> bool {
        let author = version.split_once('@').and_then(|(_, step)| step.rsplit_once('.'));
        author.is_some_and(|(node, _)| node == self.node)
    }

    /// The other nodes that rooms have occupants on.
    pub fn other_nodes(&self) -> Vec<String> {
        let homes = self.rooms.values().flat_map(|known| known.homes.keys());
        homes.filter(|node| **node != self.node).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// All that is known.
    pub fn all(&self) -> impl Iterator<Item = (&K, &Known)> {
        self.rooms.iter()
    }

    /// A version for the next state of a room, which no other state of any room has.
    pub fn next_version(&mut self, room: &K) -> String {
        self.n_steps += 1;
        format!("{}@{}.{}", age(self.version(room)) + 1, self.node, self.n_steps)
    }

    /// Takes over what is in Redis.
    pub fn learn(&mut self, room: K, version: String, envelope: Envelope) {
        let Envelope { homes, room: text } = envelope;
        self.rooms.insert(room, Known { version, text: text.get().to_owned(), homes });
    }

    /// Notes what this node made of a room.
    pub fn note(&mut self, room: K, known: Known) {
        self.rooms.insert(room, known);
    }

    /// A member here has lost its seat, and knows it.
    pub fn vacate(&mut self, room: &K, member: MemberId) {
        if let Some(own) = self.rooms.get_mut(room).and_then(|known| known.homes.get_mut(&self.node)) {
            own.retain(|occupant| *occupant != member);
        }
    }

    /// There is no such room.
    pub fn forget(&mut self, room: &K) {
        self.rooms.remove(room);
    }

    /// Where the occupants of a room are, but for this node.
    pub fn homes_elsewhere(&self, room: &K, into: &mut HashMap<MemberId, String>) {
        let Some(known) = self.rooms.get(room) else { return };
        for (node, members) in known.homes.iter().filter(|(node, _)| **node != self.node) {
            into.extend(members.iter().map(|member| (*member, node.clone())));
        }
    }

    /// Occupants of a room that are connected to this node.
    pub fn own_occupants(&self, room: &K) -> &[MemberId] {
        self.rooms.get(room).and_then(|known| known.homes.get(&self.node)).map_or(&[], Vec::as_slice)
    }

    /// The homes of occupants, as far as they are known: here, or where they were before.
    pub fn homes_of(
        &self,
        room: &K,
        occupants: Vec<MemberId>,
        is_here: impl Fn(MemberId) -> bool,
    ) -> BTreeMap<String, Vec<MemberId>> {
        let mut before = HashMap::new();
        self.homes_elsewhere(room, &mut before);
        let mut homes: BTreeMap<String, Vec<MemberId>> = BTreeMap::new();
        for member in occupants {
            let home = if is_here(member) { Some(&self.node) } else { before.get(&member) };
            if let Some(home) = home {
                homes.entry(home.clone()).or_default().push(member);
            }
        }
        homes
    }
}

impl Known {
    /// The envelope in which it goes to Redis.
    pub fn envelope(&self) -> Box<RawValue> {
        let room = RawValue::from_string(self.text.clone()).expect("a room is plain data");
        let envelope = Envelope { homes: self.homes.clone(), room };
        to_raw_value(&envelope).expect("an envelope is plain data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_tells_its_age_and_who_made_it() {
        let mut replica: Replica<String> = Replica::new("node");
        let version = replica.next_version(&"room".to_owned());
        assert_eq!((age(&version), replica.is_own(&version)), (1, true));
        assert_eq!((age("7@other.12"), replica.is_own("7@other.12")), (7, false));
        assert_eq!((age(""), replica.is_own("")), (0, false));
    }
}
