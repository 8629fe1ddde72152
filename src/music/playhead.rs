//! Where the track is: a position, and the moment it was true.

use serde::{Deserialize, Serialize};

use crate::time::{Seconds, Timestamp};

/// What a room knows of the position in its track.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Playhead {
    /// Whether it plays.
    pub is_playing: bool,
    /// Where it was…
    pub position: Seconds,
    /// …at that moment.
    pub at: Timestamp,
}

impl Playhead {
    /// The position now, as far as it has played since.
    pub fn position_at(&self, now: Timestamp) -> Seconds {
        if self.is_playing { self.position.after(now.since(self.at)) } else { self.position }
    }
}
