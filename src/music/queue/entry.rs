//! What is known of a track that somebody has added to a queue, or suggests for it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::effect::MemberId;
use crate::music::protocol::AdderView;
use crate::party::{PersonId, clear};

/// Who has added something.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Adder {
    /// The member.
    pub id: MemberId,
    /// What it was called.
    pub name: String,
    /// Who it is, whatever its connection.
    pub person: PersonId,
}

/// A track that somebody has added or suggests.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    by: Adder,
    votes: BTreeSet<PersonId>,
}

impl Entry {
    /// One without votes.
    pub fn new(by: Adder) -> Self {
        Self { by, votes: BTreeSet::new() }
    }

    /// Who has added it, as everybody sees it.
    pub fn by(&self) -> AdderView<'_> {
        AdderView { id: self.by.id, name: &self.by.name }
    }

    /// Takes the name of who has added it away, if it is that one; gives how many names.
    pub fn erase(&mut self, name: &str) -> u64 {
        clear(&mut self.by.name, name)
    }

    /// The person who has added it.
    pub fn person(&self) -> PersonId {
        self.by.person
    }

    /// How many are for it.
    pub fn n_votes(&self) -> usize {
        self.votes.len()
    }

    /// Whether a person is for it.
    pub fn has_vote(&self, person: PersonId) -> bool {
        self.votes.contains(&person)
    }

    /// A person is for it, or is so no longer.
    pub fn vote(&mut self, person: PersonId, opinion: Opinion) {
        match opinion {
            Opinion::For => self.votes.insert(person),
            Opinion::None => self.votes.remove(&person),
        };
    }
}

/// What somebody thinks of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opinion {
    /// It should be played soon.
    For,
    /// Nothing, or nothing any longer.
    None,
}
