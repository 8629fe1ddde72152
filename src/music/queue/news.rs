//! How often a room's queue is told to its members: at once, or gathered if it changes a lot.

use serde::{Deserialize, Serialize};

use crate::party::Gathering;
use crate::rate::Allowance;
use crate::time::Timestamp;

/// Tellings a second of one room: a list may have some hundred kilobytes, and go to thousands.
const TOLD_PER_SECOND: u32 = 4;

/// Tellings at once.
const TOLD_AT_ONCE: u32 = 12;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// The playlist.
    Playlist,
    /// The suggestions.
    Suggestions,
}

/// What has been told of a queue, and what has not.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueNews {
    gathering: Gathering,
    has_playlist: bool,
    has_suggestions: bool,
}

impl QueueNews {
    /// Whether a change is told now; if not, it is due later.
    pub fn take(&mut self, changed: Changed, now: Timestamp) -> bool {
        let is_now = self.gathering.take(Allowance::new(TOLD_PER_SECOND, TOLD_AT_ONCE), now);
        *self.waiting(changed) = !is_now;
        is_now
    }

    /// When something is due.
    pub fn due(&self) -> Option<Timestamp> {
        self.gathering.due()
    }

    /// Takes what is due.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Changed> {
        if !self.gathering.take_due(now) {
            return Vec::new();
        }
        let both = [Changed::Playlist, Changed::Suggestions];
        both.into_iter().filter(|changed| std::mem::take(self.waiting(*changed))).collect()
    }

    fn waiting(&mut self, changed: Changed) -> &mut bool {
        match changed {
            Changed::Playlist => &mut self.has_playlist,
            Changed::Suggestions => &mut self.has_suggestions,
        }
    }
}
