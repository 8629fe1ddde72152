//! What is written down, each thing once: first to the spool, then to the database.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::protocol::names::{DeviceId, RoomId};
use crate::json::is_default;
use crate::time::Timestamp;

/// The number of a record in this run of the program; 0 is none.
pub type SequenceNumber = u64;

/// The name of a record, or of a connection: 128 bits that no other has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RecordId(pub [u8; RecordId::BYTES]);

impl RecordId {
    /// Its length.
    pub const BYTES: usize = 16;

    /// The record of that number in a run of the program, whose own name is random.
    pub fn new(run: [u8; 8], number: u64) -> Self {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&run);
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        Self(bytes)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl From<RecordId> for String {
    fn from(id: RecordId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for RecordId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; Self::BYTES];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| "32 hexadecimal digits are expected")?;
        Ok(Self(bytes))
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Record {
    /// The server made a room.
    RoomCreated { room: RoomId, at: Timestamp },
    /// A device said who it is; its last room is that one from here on. If that is provisional, it is only unless the
    /// database, which could not be asked, has another one.
    DeviceSeen {
        device: DeviceId,
        identity: Box<str>,
        room: RoomId,
        #[serde(default, skip_serializing_if = "is_default")]
        is_provisional: bool,
        at: Timestamp,
    },
    /// Somebody speaks for a device that has been here before; another node may not have come to tell of it yet.
    DeviceNamed { device: DeviceId, at: Timestamp },
    /// A device's connection is in a room.
    Connected {
        connection: RecordId,
        device: DeviceId,
        identity: Box<str>,
        room: RoomId,
        address: IpAddr,
        at: Timestamp,
    },
    /// That connection has ended.
    Disconnected { connection: RecordId, at: Timestamp },
    /// A message was accepted.
    Message(Message),
    /// A device asked who is in its room.
    RoomQuery { device: DeviceId, room: RoomId, at: Timestamp },
    /// A device has been given what waited for it in a room.
    Collected { device: DeviceId, room: RoomId, at: Timestamp },
    /// Those records, a moment before, do not hold: another node was faster, and nobody has been told of them.
    Revoked { records: Vec<RecordId>, at: Timestamp },
    /// All that is kept of a device before this goes, here and in the database.
    Erased { device: DeviceId, at: Timestamp },
}

/// A message, to one device or to all in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who sent it.
    pub from: DeviceId,
    /// Whom it is for; nobody in particular if it is a broadcast.
    pub to: Option<DeviceId>,
    /// Where.
    pub room: RoomId,
    /// The client's whole object, as JSON text.
    pub content: Box<str>,
    /// What it has in common with its repetitions alone, if its sender gave it an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<RecordId>,
    /// Present if the device was away: the frame that it gets when it returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Box<str>>,
    /// When it was accepted.
    pub at: Timestamp,
}

impl Record {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::RoomCreated { at, .. }
            | Self::DeviceSeen { at, .. }
            | Self::DeviceNamed { at, .. }
            | Self::Connected { at, .. }
            | Self::Disconnected { at, .. }
            | Self::RoomQuery { at, .. }
            | Self::Collected { at, .. }
            | Self::Revoked { at, .. }
            | Self::Erased { at, .. } => *at,
            Self::Message(message) => message.at,
        }
    }

    /// Whether lookups depend on it: then it goes into the directory too.
    pub fn concerns_directory(&self) -> bool {
        match self {
            Self::Message(message) => message.identity.is_some() || message.waiting.is_some(),
            Self::DeviceNamed { .. } | Self::RoomQuery { .. } | Self::Revoked { .. } => false,
            Self::RoomCreated { .. }
            | Self::DeviceSeen { .. }
            | Self::Connected { .. }
            | Self::Disconnected { .. }
            | Self::Collected { .. }
            | Self::Erased { .. } => true,
        }
    }

    /// Whether it names a device. Ends of connections name nobody.
    pub fn names(&self, whom: &DeviceId) -> bool {
        match self {
            Self::DeviceSeen { device, .. }
            | Self::DeviceNamed { device, .. }
            | Self::Connected { device, .. }
            | Self::RoomQuery { device, .. }
            | Self::Collected { device, .. }
            | Self::Erased { device, .. } => device == whom,
            Self::Message(message) => message.from == *whom || message.to.as_ref() == Some(whom),
            Self::RoomCreated { .. } | Self::Disconnected { .. } | Self::Revoked { .. } => false,
        }
    }

    /// Whether it holds a frame that a device gets when it returns.
    pub fn is_waiting(&self) -> bool {
        matches!(self, Self::Message(Message { waiting: Some(_), .. }))
    }

    /// The id of a message that its sender gave one: the same on every node and at all times, so that a repetition is
    /// stored once, and whatever else comes under the same id is another record.
    pub fn own_id(&self) -> Option<RecordId> {
        if let Self::Message(message) = self { message.identity } else { None }
    }

    /// As the spool keeps it.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a record has string keys and whole numbers")
    }

    /// As the spool kept it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}
