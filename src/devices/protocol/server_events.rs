//! What devices are told: each name, text and code once.

use serde::Serialize;
use serde_json::value::RawValue;

use super::names::{DeviceId, RoomId, Spelled};
use super::refusals::Refusal;
use crate::effect::Frame;

/// How a device came into its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomStatus {
    /// The server made the room for it.
    CreatedNew,
    /// It named the room.
    JoinedExisting,
    /// It named none, and is back in its last one.
    Reconnected,
}

impl RoomStatus {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreatedNew => "created_new",
            Self::JoinedExisting => "joined_existing",
            Self::Reconnected => "reconnected",
        }
    }
}

/// Whom a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageType {
    /// Everybody else in the room.
    Broadcast,
    /// One device.
    Direct,
}

impl MessageType {
    /// The type of a message to that device, or to nobody in particular.
    pub fn of(to: Option<&DeviceId>) -> Self {
        if to.is_some() { Self::Direct } else { Self::Broadcast }
    }

    /// Its name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Broadcast => "broadcast",
            Self::Direct => "direct",
        }
    }
}

/// A connection as a room tells of it.
#[derive(Debug, Clone, Serialize)]
pub struct PublicClient<'a> {
    /// The device.
    pub device_id: Spelled<'a>,
    /// What it says it is.
    pub identity: Spelled<'a>,
}

/// What the server sends.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerEvent<'a> {
    /// The connection stands.
    Connection { message: &'static str },
    /// The device is in a room.
    Room { room_id: RoomId, status: RoomStatus, message: String },
    /// Who is in the room, but for the one who asked.
    RoomInfo { room_id: RoomId, total_clients: usize, clients: Vec<PublicClient<'a>> },
    /// The message of that name is kept.
    Ack { message_id: &'a RawValue, status: &'static str },
    /// A frame is refused.
    Error {
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<&'static str>,
        /// The message's, if it had one.
        #[serde(skip_serializing_if = "Option::is_none")]
        message_id: Option<&'a RawValue>,
    },
}

impl<'a> ServerEvent<'a> {
    /// The first word.
    pub fn greeting() -> Self {
        Self::Connection { message: "Connected successfully" }
    }

    /// What a device is told of its room.
    pub fn room(room_id: RoomId, status: RoomStatus) -> Self {
        Self::Room { room_id, status, message: format!("{}: joined room {room_id}", status.name()) }
    }

    /// The message is on disk; its id is said as its sender wrote it.
    pub fn ack(message_id: &'a RawValue) -> Self {
        Self::Ack { message_id, status: "stored" }
    }

    /// A refusal, of the message of that id if it had one.
    pub fn error(refusal: &Refusal, message_id: Option<&'a RawValue>) -> Self {
        Self::Error { message: refusal.to_string(), status: refusal.status(), message_id }
    }

    /// The event as it goes out; a plain WebSocket has no names beside the object's own.
    pub fn frame(&self) -> Frame {
        Frame::new("", self)
    }
}

/// A message as others get it.
#[derive(Debug, Serialize)]
pub struct Delivery<'a> {
    /// What its sender calls it, mostly `message`.
    #[serde(rename = "type")]
    pub kind: &'a RawValue,
    /// What it says.
    pub content: &'a RawValue,
    /// Who sent it.
    pub from_device_id: Spelled<'a>,
    /// Whom it is for.
    pub message_type: MessageType,
    /// Its sender's own time, as it was given, or an empty text.
    pub timestamp: &'a RawValue,
    /// Present if the device was away when it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued: Option<bool>,
}
