//! What HTTP has the hub do.

use serde::{Deserialize, Serialize};

use crate::recordings::{Limit, RecordingId, Replayed};

/// What HTTP has the hub do.
#[derive(Debug, Serialize, Deserialize)]
pub enum Command {
    /// A recording is deleted, on every node.
    DeleteRecording(Replayed),
    /// A recording has reached a limit on a node, and ends on every one.
    StopRecording(RecordingId, Limit),
}
