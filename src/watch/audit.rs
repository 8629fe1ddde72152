//! Lines of the event log: who did what in which room, and never what was said there.

use std::net::IpAddr;

use serde::Serialize;

use super::protocol::RoomId;
use super::room::Room;
use crate::effect::MemberId;
use crate::time::Timestamp;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditEvent {
    RoomCreated,
    RoomDeleted,
    Joined,
    OwnerReturned,
    Left,
    CutOff,
    HandedOver,
    Kicked,
    ClosedByAdmin,
    KickedByAdmin,
    BannerByAdmin,
}

/// A line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry<'a> {
    time: String,
    event: AuditEvent,
    room_id: RoomId,
    room: &'a str,
    member_id: MemberId,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
}

impl<'a> AuditEntry<'a> {
    /// What a member did, or had done to it, when the wall clock said `at`.
    pub fn new(at: Timestamp, event: AuditEvent, room: &'a Room, member: MemberId) -> Self {
        Self {
            time: at.to_string(),
            event,
            room_id: room.id(),
            room: room.name(),
            member_id: member,
            member: room.name_of(member),
            address: room.address_of(member),
        }
    }
}
