//! What the rules of the watch rooms go by: who may do what, how long rooms wait, how much members may say.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Config;
use crate::rooms::Allowance;

/// Who may seek, pause and resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Control {
    /// Any member.
    Any,
    /// The owner alone.
    Owner,
}

/// What becomes of a room whose owner says that it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnerLeave {
    /// It is disbanded.
    Disband,
    /// It waits for its owner, as after a cut connection.
    Keep,
}

/// How long a room bears the silence of its owner, and its own emptiness.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// What is on the screen goes after this long without the owner.
    pub state: Duration,
    /// The room goes after this long without the owner.
    pub owner: Duration,
    /// A room whose members were all cut off waits this long for any of them.
    pub empty: Duration,
    /// A room whose members were cut off by the end of their server waits this long for any of them.
    pub lost: Duration,
}

impl Config {
    /// How long rooms wait.
    pub(super) fn patience(&self) -> Patience {
        Patience {
            state: self.state_silence,
            owner: self.owner_silence,
            empty: self.empty_grace,
            lost: self.room_comeback,
        }
    }

    /// Chat messages of one member.
    pub(super) fn chats(&self) -> Allowance {
        Allowance::new(self.chats_per_second, self.chat_burst)
    }

    /// Bytes of voices in one room.
    pub(super) fn voices(&self) -> Allowance {
        Allowance::new(self.voice_bytes_per_second, self.voice_burst_bytes)
    }
}
