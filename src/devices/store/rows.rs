//! What is read from the database, as HTTP tells it; and records sorted by the table they go to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Named;
use crate::devices::protocol::MessageType;
use crate::devices::protocol::names::{DeviceId, RoomId};
use crate::devices::record::{Message, Record, RecordId};
use crate::time::Timestamp;

/// Which messages are asked for.
#[derive(Debug, Clone, Default)]
pub struct MessageQuery {
    /// Of this room.
    pub room: Option<RoomId>,
    /// From or to this device.
    pub device: Option<DeviceId>,
    /// Of this type.
    pub kind: Option<MessageType>,
    /// Sent at this moment or later, in milliseconds.
    pub since_ms: Option<u64>,
    /// Sent before this moment.
    pub until_ms: Option<u64>,
    /// With a smaller id: the last id of the page before.
    pub before: Option<i64>,
    /// So many at most.
    pub limit: usize,
}

/// A message in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredMessage {
    /// Its id.
    pub id: i64,
    /// Who sent it.
    pub from_device_id: String,
    /// Whom it was for.
    pub to_device_id: Option<String>,
    /// Where.
    pub room_id: String,
    /// `broadcast` or `direct`.
    pub message_type: String,
    /// The client's whole object.
    pub message_content: String,
    /// When, in UTC.
    pub sent_at: String,
}

/// A connection in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredConnection {
    /// Its id.
    pub id: i64,
    /// The room.
    pub room_id: String,
    /// What the device said it was.
    pub identity: String,
    /// Where it came from.
    pub client_ip: String,
    /// When it began, in UTC.
    pub connected_at: String,
    /// When it ended, if it has.
    pub disconnected_at: Option<String>,
}

/// Messages of one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Minute {
    /// Its start, in milliseconds since the epoch.
    pub at: u64,
    /// How many.
    pub messages: u64,
}

/// A moment in the database, as HTTP tells it.
pub fn moment(millis: i64) -> String {
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(0)).to_string()
}

/// A moment as the tables hold it: UTC, with milliseconds, without a zone.
pub fn stamp(at: Timestamp) -> String {
    at.to_string().replace('T', " ").replace('Z', "")
}

/// Records by the table they go to. What refers to a row of another table comes after that row.
#[derive(Default)]
pub struct ByTable<'a> {
    /// Rooms that were made, or were there: another node may not have come to tell of them yet. In the order of their
    /// names, so that two nodes that write the same ones do not wait for each other.
    pub rooms: BTreeMap<RoomId, Timestamp>,
    /// Devices that said who they are.
    pub devices: Vec<(&'a DeviceId, &'a str, RoomId, Timestamp)>,
    /// Devices that somebody spoke for.
    pub named: Vec<(&'a DeviceId, Timestamp)>,
    /// Connections that began.
    pub connections: Vec<&'a Record>,
    /// Messages.
    pub messages: Vec<(RecordId, &'a Message)>,
    /// Queries.
    pub queries: Vec<(RecordId, &'a DeviceId, RoomId, Timestamp)>,
    /// Connections that ended.
    pub ends: Vec<(RecordId, Timestamp)>,
}

impl<'a> ByTable<'a> {
    /// Sorts a batch; the order within each table is that of the records.
    pub fn of(records: &'a [Named]) -> Self {
        let mut tables = Self::default();
        for (id, record) in records {
            match record {
                Record::RoomCreated { room, at } => tables.mention(*room, *at),
                Record::DeviceSeen { device, identity, room, at, .. } => {
                    tables.mention(*room, *at);
                    tables.devices.push((device, identity, *room, *at));
                }
                Record::DeviceNamed { device, at } => tables.named.push((device, *at)),
                Record::Connected { .. } => tables.connections.push(record),
                Record::Disconnected { connection, at } => tables.ends.push((*connection, *at)),
                Record::Message(message) => {
                    tables.mention(message.room, message.at);
                    tables.messages.push((*id, message));
                }
                Record::RoomQuery { device, room, at } => tables.queries.push((*id, device, *room, *at)),
                Record::Collected { .. } | Record::Revoked { .. } | Record::Erased { .. } => {}
            }
        }
        tables
    }

    fn mention(&mut self, room: RoomId, at: Timestamp) {
        let first = self.rooms.entry(room).or_insert(at);
        *first = at.min(*first);
    }
}
