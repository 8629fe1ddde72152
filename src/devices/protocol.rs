//! The wire of the device rooms: each name, text and code once.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::names::{self, DeviceId, RoomId};
use crate::effect::{Close, Frame};

/// The longest name that a client may give a message, in characters.
const MAX_MESSAGE_ID_CHARS: usize = 64;

/// The types by which devices know what the server itself says.
const SERVER_TYPES: [&str; 5] = ["connection", "room", "room_info", "ack", "error"];

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

/// Why a frame is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The first frame says nothing of an identity.
    MissingIdentity,
    /// The first frame names no device.
    MissingDeviceId,
    /// The first frame is no JSON object.
    InvalidFirstFrame,
    /// There was no first frame in time.
    IdentificationTimeout,
    /// The key that the client brought is another device's.
    NotThisDevice,
    /// The token that the client brought has ended.
    TokenExpired,
    /// No room has that name.
    RoomNotFound(String),
    /// A later frame is no JSON object.
    InvalidFrame,
    /// A message lacks its type or its content.
    MissingFields,
    /// A message's content is neither a string nor an object.
    InvalidContent,
    /// A message's type is one of the server's own.
    ReservedType,
    /// The device that a message is for is not in the room.
    TargetNotFound(String),
    /// The message cannot be kept, so it is not delivered.
    StorageUnavailable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingIdentity => f.write_str("Missing identity field"),
            Self::MissingDeviceId => f.write_str("Missing device_id field"),
            Self::InvalidFirstFrame => f.write_str("Invalid JSON format for identity"),
            Self::IdentificationTimeout => f.write_str("Identification timeout"),
            Self::NotThisDevice => f.write_str("Not authorized for this device_id"),
            Self::TokenExpired => f.write_str("Token expired"),
            Self::RoomNotFound(room) => write!(f, "Room {room} does not exist"),
            Self::InvalidFrame => f.write_str("Invalid JSON format"),
            Self::MissingFields => f.write_str("Missing required fields (type, content)"),
            Self::InvalidContent => f.write_str("Invalid content format"),
            Self::ReservedType => f.write_str("Reserved message type"),
            Self::TargetNotFound(device) => write!(f, "Target device {device} not found in room"),
            Self::StorageUnavailable => f.write_str("Storage unavailable"),
        }
    }
}

impl Refusal {
    /// Its name in the metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingIdentity => "missing_identity",
            Self::MissingDeviceId => "missing_device_id",
            Self::InvalidFirstFrame => "invalid_first_frame",
            Self::IdentificationTimeout => "identification_timeout",
            Self::NotThisDevice => "not_this_device",
            Self::TokenExpired => "token_expired",
            Self::RoomNotFound(_) => "room_not_found",
            Self::InvalidFrame => "invalid_frame",
            Self::MissingFields => "missing_fields",
            Self::InvalidContent => "invalid_content",
            Self::ReservedType => "reserved_type",
            Self::TargetNotFound(_) => "target_not_found",
            Self::StorageUnavailable => "storage_unavailable",
        }
    }

    /// How the connection ends, if it does.
    pub fn close(&self) -> Option<Close> {
        match self {
            Self::MissingIdentity
            | Self::MissingDeviceId
            | Self::InvalidFirstFrame
            | Self::RoomNotFound(_) => Some(Close::Done),
            Self::IdentificationTimeout | Self::NotThisDevice | Self::TokenExpired => Some(Close::Violation),
            Self::InvalidFrame
            | Self::MissingFields
            | Self::InvalidContent
            | Self::ReservedType
            | Self::TargetNotFound(_)
            | Self::StorageUnavailable => None,
        }
    }

    fn status(&self) -> Option<&'static str> {
        matches!(self, Self::RoomNotFound(_)).then_some("room_not_found")
    }
}

/// A connection as a room tells of it.
#[derive(Debug, Clone, Serialize)]
pub struct PublicClient<'a> {
    /// The device.
    pub device_id: &'a DeviceId,
    /// What it says it is.
    pub identity: &'a str,
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
    Ack { message_id: &'a str, status: &'static str },
    /// A frame is refused.
    Error {
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<&'static str>,
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

    /// The message is on disk.
    pub fn ack(message_id: &'a str) -> Self {
        Self::Ack { message_id, status: "stored" }
    }

    /// A refusal.
    pub fn error(refusal: &Refusal) -> Self {
        Self::Error { message: refusal.to_string(), status: refusal.status() }
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
    pub from_device_id: &'a DeviceId,
    /// Whom it is for.
    pub message_type: MessageType,
    /// Its sender's own time, as it was given, or an empty text.
    pub timestamp: &'a RawValue,
    /// Present if the device was away when it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued: Option<bool>,
}

/// A first frame: `{"device_id":"d1","identity":"mobile_user","room_id":"E03EI3TX"}`.
#[derive(Debug)]
pub struct Identification {
    /// Who it is.
    pub device: DeviceId,
    /// What it says it is.
    pub identity: Box<str>,
    /// The room that it names, as it spells it.
    pub room: Option<String>,
}

/// What a frame may hold; every field is judged by itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow, rename = "type", deserialize_with = "present")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "present")]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    target_device_id: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    message_id: Option<&'a RawValue>,
    #[serde(borrow)]
    device_id: Option<&'a RawValue>,
    #[serde(borrow)]
    identity: Option<&'a RawValue>,
    #[serde(borrow)]
    room_id: Option<&'a RawValue>,
}

/// A field that is there, also if it says `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Fields<'a> {
    /// `None` if the object names a field twice or is none.
    fn of(payload: Option<&'a RawValue>) -> Option<Self> {
        serde_json::from_str(payload?.get()).ok()
    }
}

fn text(value: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(value?.get()).ok()
}

/// A value that names something: its text, or its JSON if it is none; nothing if it is empty.
fn name(value: Option<&RawValue>) -> Option<String> {
    let value = value?.get();
    match serde_json::from_str::<String>(value) {
        Ok(name) => (!name.is_empty()).then_some(name),
        Err(_) => (!["null", "false", "0", "[]", "{}"].contains(&value)).then(|| value.to_owned()),
    }
}

impl Identification {
    /// Reads a first frame.
    pub fn read(payload: Option<&RawValue>) -> Result<Self, Refusal> {
        let fields = Fields::of(payload).ok_or(Refusal::InvalidFirstFrame)?;
        let identity = text(fields.identity).filter(|identity| names::fits(identity));
        let identity = identity.ok_or(Refusal::MissingIdentity)?;
        let device = text(fields.device_id).and_then(|device| DeviceId::new(&device));
        let device = device.ok_or(Refusal::MissingDeviceId)?;
        Ok(Self { device, identity: identity.into(), room: name(fields.room_id) })
    }
}

/// A later frame.
#[derive(Debug)]
pub enum ClientFrame<'a> {
    /// `{"type":"query_room"}`.
    QueryRoom,
    /// `{"type":"message","content":…}`.
    Message(Said<'a>),
}

/// A message as its sender wrote it.
#[derive(Debug)]
pub struct Said<'a> {
    /// Its type.
    pub kind: &'a RawValue,
    /// A string or an object.
    pub content: &'a RawValue,
    /// The device that it is for.
    pub target: Option<String>,
    /// Its sender's own time.
    pub timestamp: Option<&'a RawValue>,
    /// Its sender's name for it.
    pub message_id: Option<Box<str>>,
    /// The whole object.
    pub whole: &'a RawValue,
}

impl<'a> ClientFrame<'a> {
    /// Reads a later frame.
    pub fn read(event: &str, payload: Option<&'a RawValue>) -> Result<Self, Refusal> {
        let (Some(whole), Some(fields)) = (payload, Fields::of(payload)) else {
            return Err(Refusal::InvalidFrame);
        };
        if event == "query_room" {
            return Ok(Self::QueryRoom);
        }
        let (Some(kind), Some(content)) = (fields.kind, fields.content) else {
            return Err(Refusal::MissingFields);
        };
        if !content.get().starts_with(['"', '{']) {
            return Err(Refusal::InvalidContent);
        }
        if text(Some(kind)).is_some_and(|kind| SERVER_TYPES.contains(&&*kind)) {
            return Err(Refusal::ReservedType);
        }
        let message_id = text(fields.message_id).filter(|id| {
            !id.is_empty() && id.chars().take(MAX_MESSAGE_ID_CHARS + 1).count() <= MAX_MESSAGE_ID_CHARS
        });
        Ok(Self::Message(Said {
            kind,
            content,
            target: name(fields.target_device_id),
            timestamp: fields.timestamp.filter(|timestamp| timestamp.get() != "null"),
            message_id: message_id.map(Into::into),
            whole,
        }))
    }
}
