//! What stands in the log: everything that changes a hub, as text, so that all nodes have the rules do the same.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::effect::MemberId;
use crate::rooms::encode::Wire;
use crate::rooms::incoming::Incoming;
use crate::rooms::{Departure, Handshake};

/// The number of the rules. Rules that make something else of a log have another one: nodes of different numbers would
/// have different rooms. The golden logs in the tests of the hubs tell when it has to change; it does too with a new kind of
/// input or command, which earlier nodes pass over.
pub const RULES: u32 = 5;

/// One input of the rules.
#[derive(Debug, Serialize, Deserialize)]
pub enum Input {
    /// A member connected to the node; what it brought has been looked at there.
    #[serde(rename = "c")]
    Connect(MemberId, IpAddr, Option<Box<str>>),
    /// A member sent an event: its text, as it came, and its number on its node.
    #[serde(rename = "e")]
    Event(MemberId, Wire, String, u64),
    /// A member is still there.
    #[serde(rename = "h")]
    Heard(MemberId),
    /// A member is gone.
    #[serde(rename = "l")]
    Leave(MemberId, Departure),
    /// Somebody outside has something done.
    #[serde(rename = "o")]
    Command(Box<RawValue>),
    /// What the node alone knows and the rules go by when they do this.
    #[serde(rename = "w")]
    Known(Box<RawValue>, Box<Input>),
    /// What the node had to write down for its entries up to that offset is on its disk.
    #[serde(rename = "s")]
    Stored(u64),
    /// A timer may be due.
    #[serde(rename = "t")]
    Tick,
    /// The node takes part from here on, with rules of that number.
    #[serde(rename = "j")]
    Joined(u32),
    /// A node is gone, and all its members with it; what it appends later does not count.
    #[serde(rename = "x")]
    NodeLost(String),
    /// What a node has done while it could not append to the log.
    #[serde(rename = "a")]
    Adopt(Box<Adoption>),
    /// All nodes take the digest of their state, and one of them writes the snapshot.
    #[serde(rename = "k")]
    Checkpoint(Checkpoint),
}

/// A state that a node offers for rooms that nobody else has changed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Adoption {
    /// Rooms with the offset of the last change that the node has seen of each; `None` for a room that is gone.
    pub rooms: Vec<(String, u64, Option<Box<RawValue>>)>,
    /// Members of the node, with the rooms that they believe to be in.
    pub members: Vec<(MemberId, Box<RawValue>, Vec<String>)>,
    /// Members that have left rooms.
    pub left: Vec<(MemberId, String)>,
    /// Members that are gone.
    pub gone: Vec<MemberId>,
    /// Facts that have changed.
    pub facts: Vec<(String, String)>,
}

/// What the writer of the snapshots tells the others.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The offset of the last snapshot that is known to be written.
    pub written: u64,
    /// The checkpoint before, and the digest of the writer's state there.
    pub previous: Option<(u64, u64)>,
}

impl Input {
    /// A member's event; what is no text says as little as an empty one.
    pub fn event(member: MemberId, incoming: &Incoming) -> Self {
        let text = std::str::from_utf8(incoming.text()).unwrap_or_default();
        Self::Event(member, incoming.wire(), text.to_owned(), incoming.id)
    }

    /// The number of a member's event.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Event(.., number) => Some(*number),
            Self::Known(_, input) => input.number(),
            _ => None,
        }
    }

    /// A member's connect.
    pub fn connect(member: MemberId, handshake: Handshake) -> Self {
        Self::Connect(member, handshake.address, handshake.token)
    }
}
