//! The digest of a state: by it, nodes find out whether they have the same.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

use ring::digest::{SHA256, digest};

use crate::effect::MemberId;
use crate::rooms::Name;

/// A hash of each part of the state, and of all of them, whatever their order.
pub struct Digest<R> {
    /// The offset that it was taken at last.
    pub offset: u64,
    sum: u64,
    rooms: HashMap<R, u64>,
    members: HashMap<MemberId, u64>,
    facts: HashMap<String, u64>,
}

impl<R> Default for Digest<R> {
    fn default() -> Self {
        Self { offset: 0, sum: 0, rooms: HashMap::new(), members: HashMap::new(), facts: HashMap::new() }
    }
}

impl<R: Name + Display> Digest<R> {
    /// The hash of all of it.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Takes note of what it is now.
    pub fn put_room(&mut self, room: R, text: Option<&str>) {
        let name = room.to_string();
        put(&mut self.rooms, &mut self.sum, room, hash("room", &name, text));
    }

    /// Takes note of what it is now.
    pub fn put_member(&mut self, member: MemberId, text: Option<&str>) {
        put(&mut self.members, &mut self.sum, member, hash("member", member.as_str(), text));
    }

    /// Takes note of what it is now.
    pub fn put_fact(&mut self, fact: String, text: Option<&str>) {
        let hash = hash("fact", &fact, text);
        put(&mut self.facts, &mut self.sum, fact, hash);
    }
}

fn put<K: Eq + Hash>(hashes: &mut HashMap<K, u64>, sum: &mut u64, key: K, hash: Option<u64>) {
    let before = match hash {
        Some(hash) => {
            *sum = sum.wrapping_add(hash);
            hashes.insert(key, hash)
        }
        None => hashes.remove(&key),
    };
    *sum = sum.wrapping_sub(before.unwrap_or(0));
}

fn hash(kind: &str, name: &str, text: Option<&str>) -> Option<u64> {
    let text = format!("{kind} {name} {}", text?);
    let hash = digest(&SHA256, text.as_bytes());
    Some(u64::from_be_bytes(hash.as_ref()[..8].try_into().expect("SHA-256 has 32 bytes")))
}
