//! What the rules of the watch rooms go by: limits, times, and who may do what.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Config;
use crate::switchboard::Allowance;

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

/// What the rules go by.
pub struct Rules {
    /// Who steers.
    pub control: Control,
    /// What an owner that leaves leaves behind.
    pub owner_leave: OwnerLeave,
    /// How long presses may be under way, and cross others.
    pub crossing_window: Duration,
    /// How long rooms wait.
    pub patience: Patience,
    /// How often they are looked at.
    pub sweep_interval: Duration,
    /// Rooms at a time.
    pub max_rooms: usize,
    /// Members of one room.
    pub max_members_per_room: usize,
    /// Characters of a room's name.
    pub max_name_chars: usize,
    /// Characters of its description.
    pub max_description_chars: usize,
    /// Characters of its password.
    pub max_password_chars: usize,
    /// Characters of a member's name.
    pub max_user_name_chars: usize,
    /// Characters of a chat message.
    pub max_chat_chars: usize,
    /// Bytes of what is on the screen.
    pub max_state_bytes: usize,
    /// Bytes of the list of rooms.
    pub max_list_bytes: usize,
    /// Bytes of the chat that a room keeps.
    pub max_chat_history_bytes: usize,
    /// Chat messages of one member.
    pub chats: Allowance,
    /// Bytes of voices in one room.
    pub voices: Allowance,
}

impl Rules {
    /// As they are configured.
    pub fn new(config: &Config) -> Self {
        Self {
            control: config.control,
            owner_leave: config.owner_leave,
            crossing_window: config.crossing_window,
            patience: Patience {
                state: config.state_silence,
                owner: config.owner_silence,
                empty: config.empty_grace,
                lost: config.room_comeback,
            },
            sweep_interval: config.sweep_interval,
            max_rooms: config.max_rooms,
            max_members_per_room: config.max_members_per_room,
            max_name_chars: config.max_name_chars,
            max_description_chars: config.max_description_chars,
            max_password_chars: config.max_password_chars,
            max_user_name_chars: config.max_user_name_chars,
            max_chat_chars: config.max_chat_chars,
            max_state_bytes: config.max_state_bytes,
            max_list_bytes: config.max_list_bytes,
            max_chat_history_bytes: config.max_chat_history_bytes,
            chats: Allowance::new(config.chats_per_second, config.chat_burst),
            voices: Allowance::new(config.voice_bytes_per_second, config.voice_burst_bytes),
        }
    }
}
