//! What HTTP has the hub do.

use serde::{Deserialize, Serialize};

use crate::recordings::Replayed;

/// What HTTP has the hub do.
#[derive(Debug, Serialize, Deserialize)]
pub enum Command {
    /// A recording is deleted, on every node.
    DeleteRecording(Replayed),
}
