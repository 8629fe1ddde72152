//! What the rules of the watch rooms go by: who may do what, how long rooms wait, how much members may say.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Config, SERVICE};
use crate::party::{HALF_PERCENT, Limits, Right, Rights, Table, Terms, VoteTerms};
use crate::rooms::{Allowance, Seed};

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
    /// A permanent room goes when nobody has used it for so long.
    pub unused: Duration,
}

impl Config {
    /// How long rooms wait.
    pub(super) fn patience(&self) -> Patience {
        Patience {
            state: self.state_silence,
            owner: self.owner_silence,
            empty: self.empty_grace,
            lost: self.room_comeback,
            unused: self.permanent_unused,
        }
    }

    /// What pages may have done in rooms, which begin with what members could before there were roles.
    pub(super) fn terms(&self, seed: &Seed) -> Terms {
        let rights = match self.control {
            Control::Any => Rights::of(&[Right::Control, Right::Chat, Right::Voice]),
            Control::Owner => Rights::of(&[Right::Chat, Right::Voice]),
        };
        let table = Table { cohost: Rights::ALL, member: rights, guest: rights };
        let limits = Limits {
            kick_time: self.kick_time,
            votes: VoteTerms { time: self.vote_time, skip_percent: HALF_PERCENT },
            max_slow_mode: self.max_slow_mode,
            wait_limit: self.wait_limit,
            max_wait_limit: self.max_wait_limit,
            max_invitations: self.max_invitations,
            max_invitation_time: self.max_invitation_time,
            ticket_grace: self.ticket_grace,
            max_absent_persons: self.max_absent_persons,
            max_password_chars: self.max_password_chars,
            reactions: Allowance::new(self.reactions_per_second, self.reaction_burst),
        };
        let records_for = (!self.recordings_dir.is_empty()).then_some(SERVICE);
        Terms { records_for, ..Terms::new(seed, table, false, limits) }
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
