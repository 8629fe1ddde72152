//! The digest of a state: by it, nodes find out whether they have the same.

use std::collections::HashMap;

use ring::digest::{SHA256, digest};

/// What a state consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    Room,
    Member,
    Fact,
}

/// A hash of each room, member and fact, and of all of them, whatever their order.
#[derive(Default)]
pub struct Digest {
    /// The offset that it was taken at last.
    pub offset: u64,
    sum: u64,
    hashes: HashMap<(Part, String), u64>,
}

impl Digest {
    /// The hash of all of it.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Takes note of what one of them is now; `None` if it is gone.
    pub fn put(&mut self, part: Part, name: &str, text: Option<&str>) {
        let key = (part, name.to_owned());
        let before = match text.map(|text| hash(part, name, text)) {
            Some(hash) => {
                self.sum = self.sum.wrapping_add(hash);
                self.hashes.insert(key, hash)
            }
            None => self.hashes.remove(&key),
        };
        self.sum = self.sum.wrapping_sub(before.unwrap_or(0));
    }
}

fn hash(part: Part, name: &str, text: &str) -> u64 {
    let part = match part {
        Part::Room => "room",
        Part::Member => "member",
        Part::Fact => "fact",
    };
    let hash = digest(&SHA256, format!("{part} {name} {text}").as_bytes());
    u64::from_be_bytes(hash.as_ref()[..8].try_into().expect("SHA-256 has 32 bytes"))
}
