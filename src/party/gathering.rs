//! How often something large is told to all members of a room: at once, or gathered if it changes a lot. No clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rooms::{Allowance, Bucket};
use crate::time::Timestamp;

/// What could not be told at once is told after this long, with all that has changed since.
const GATHER: Duration = Duration::from_millis(500);

/// What has been told of something, and when the rest is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Gathering {
    told: Bucket,
    due: Option<Timestamp>,
}

impl Gathering {
    /// Whether a change is told now; if not, it is due later.
    pub fn take(&mut self, allowance: Allowance, now: Timestamp) -> bool {
        let is_now = self.told.take(allowance, now);
        if !is_now {
            self.due.get_or_insert(now + GATHER);
        }
        is_now
    }

    /// When the rest is due.
    pub fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// Whether the rest is to be told now; if so, it is.
    pub fn take_due(&mut self, now: Timestamp) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }

    /// Whether nothing was ever told.
    pub fn is_unused(&self) -> bool {
        self.told.is_unused() && self.due.is_none()
    }
}
