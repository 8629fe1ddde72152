//! What operators may have the hub do.

use serde::{Deserialize, Serialize};

use super::protocol::Id;

/// What operators may have done.
#[derive(Debug, Serialize, Deserialize)]
pub enum Command {
    /// Takes all users out of a room.
    CloseRoom(Id),
    /// Takes a user out of a room.
    Kick {
        /// The room.
        room: Id,
        /// The user.
        user: Id,
    },
}
