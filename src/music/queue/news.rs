//! How often a room's queue is told to its members: at once, or gathered if it changes a lot.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rate::{Allowance, Bucket};
use crate::time::Timestamp;

/// Tellings a second of one room: a list may have some hundred kilobytes, and go to thousands.
const TOLD_PER_SECOND: u32 = 4;

/// Tellings at once.
const TOLD_AT_ONCE: u32 = 12;

/// What could not be told at once is told after this long, with all that has changed since.
const GATHER: Duration = Duration::from_millis(500);

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
    told: Bucket,
    has_playlist: bool,
    has_suggestions: bool,
    due: Option<Timestamp>,
}

impl QueueNews {
    /// Whether a change is told now; if not, it is due later.
    pub fn take(&mut self, changed: Changed, now: Timestamp) -> bool {
        if self.told.take(Allowance::new(TOLD_PER_SECOND, TOLD_AT_ONCE), now) {
            *self.waiting(changed) = false;
            return true;
        }
        *self.waiting(changed) = true;
        self.due.get_or_insert(now + GATHER);
        false
    }

    /// When something is due.
    pub fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// Takes what is due.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Changed> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.due = None;
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
