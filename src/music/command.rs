//! What HTTP has the hub do.

use serde::{Deserialize, Serialize};

use super::protocol::RoomId;
use crate::effect::MemberId;
use crate::recordings::{Limit, RecordingId, Replayed};

/// What HTTP has the hub do.
#[derive(Debug, Serialize, Deserialize)]
pub enum Command {
    /// A recording is deleted, on every node.
    DeleteRecording(Replayed),
    /// A recording has reached a limit on a node, and ends on every one.
    StopRecording(RecordingId, Limit),
    /// An operator closes a room.
    CloseRoom(RoomId),
    /// An operator puts a member out of its room.
    Kick(MemberId),
    /// Persons of that name are taken out of all rooms, and of the files of every node.
    Erase(String),
}
