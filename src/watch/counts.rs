//! What has happened since this process started; on several nodes, on all of them.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub enum Count {
    /// Rooms that were made.
    RoomsCreated,
    /// Members that joined one.
    Joins,
    /// Chat messages.
    Chats,
    /// Events of members, all kinds together.
    Events,
}

/// How many kinds of things are counted.
const KINDS: usize = 4;

/// What has happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Rooms that were made.
    pub rooms_created: u64,
    /// Members that joined one.
    pub joins: u64,
    /// Chat messages.
    pub chats: u64,
    /// Events of members, all kinds together.
    pub events: u64,
}

/// A number for each [`Count`].
#[derive(Debug, Default)]
pub struct Counts([AtomicU64; KINDS]);

impl Counts {
    /// Counts one.
    pub fn add(&self, what: Count) {
        self.0[what as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// All of them.
    pub fn totals(&self) -> Totals {
        let [rooms_created, joins, chats, events] =
            [0, 1, 2, 3].map(|kind| self.0[kind].load(Ordering::Relaxed));
        Totals { rooms_created, joins, chats, events }
    }
}
