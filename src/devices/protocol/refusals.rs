//! Why frames are refused: each text and code once.

use std::fmt;

use super::names::{MAX_MESSAGE_ID_CHARS, RoomId};
use crate::effect::Close;

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
    /// The id of a message is longer than it may be.
    MessageIdTooLong,
    /// The id of a message is neither a string nor a number, or it is empty.
    InvalidMessageId,
    /// As much waits for an absent device as may.
    OfflineQueueFull(String),
    /// The room holds all the connections it may.
    RoomFull(RoomId),
    /// The device, or all those of its address, have sent too much.
    RateLimited,
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
            Self::MessageIdTooLong => {
                write!(f, "message_id is too long (at most {MAX_MESSAGE_ID_CHARS} characters)")
            }
            Self::InvalidMessageId => f.write_str("Invalid message_id (a string or a number is expected)"),
            Self::OfflineQueueFull(device) => write!(f, "Offline queue of device {device} is full"),
            Self::RoomFull(room) => write!(f, "Room {room} is full"),
            Self::RateLimited => f.write_str("Rate limit exceeded"),
        }
    }
}

/// The name of a refusal for want of storage: what waits for the disk must not hold it up.
pub const STORAGE_UNAVAILABLE: &str = "storage_unavailable";

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
            Self::StorageUnavailable => STORAGE_UNAVAILABLE,
            Self::MessageIdTooLong => "message_id_too_long",
            Self::InvalidMessageId => "invalid_message_id",
            Self::OfflineQueueFull(_) => "offline_queue_full",
            Self::RoomFull(_) => "room_full",
            Self::RateLimited => "rate_limited",
        }
    }

    /// How the connection ends, if it does.
    pub fn close(&self) -> Option<Close> {
        match self {
            Self::MissingIdentity
            | Self::MissingDeviceId
            | Self::InvalidFirstFrame
            | Self::RoomNotFound(_)
            | Self::RoomFull(_) => Some(Close::Done),
            Self::IdentificationTimeout | Self::NotThisDevice | Self::TokenExpired => Some(Close::Violation),
            Self::InvalidFrame
            | Self::MissingFields
            | Self::InvalidContent
            | Self::ReservedType
            | Self::TargetNotFound(_)
            | Self::StorageUnavailable
            | Self::MessageIdTooLong
            | Self::InvalidMessageId
            | Self::OfflineQueueFull(_)
            | Self::RateLimited => None,
        }
    }

    /// What a client that knows it is told besides.
    pub(super) fn status(&self) -> Option<&'static str> {
        let is_told = matches!(
            self,
            Self::RoomNotFound(_) | Self::OfflineQueueFull(_) | Self::RoomFull(_) | Self::RateLimited
        );
        is_told.then(|| self.code())
    }
}
