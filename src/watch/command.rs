//! What operators may have done, and whether it was.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::protocol::RoomId;
use crate::effect::MemberId;
use crate::recordings::{Limit, RecordingId, Replayed};

/// What operators may have done.
#[derive(Debug, Serialize, Deserialize)]
pub enum Command {
    /// Disbands a room.
    CloseRoom(RoomId),
    /// Shows everybody in a room a message.
    ShowBanner(RoomId, String),
    /// Disconnects a member.
    Kick(MemberId),
    /// Keeps an address out for a time.
    Ban(IpAddr, Duration),
    /// Lets an address in again.
    LiftBan(IpAddr),
    /// Deletes a recording, on every node.
    DeleteRecording(Replayed),
    /// A recording has reached a limit on a node, and ends on every one.
    StopRecording(RecordingId, Limit),
    /// Persons of that name are taken out of all rooms, and of the files of every node.
    Erase(String),
}
