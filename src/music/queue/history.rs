//! What played before, as far back as somebody may want to go.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::limits::QueueLimits;
use crate::music::protocol::Track;

/// Tracks, the one that played last at the end.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(VecDeque<Track>);

impl History {
    /// Keeps a track, in place of the oldest ones if it is too much.
    pub fn push(&mut self, track: Track, limits: QueueLimits) {
        self.0.push_back(track);
        let mut n_bytes: usize = self.0.iter().map(Track::n_bytes).sum();
        while self.0.len() > limits.played || n_bytes > limits.bytes {
            n_bytes -= self.0.pop_front().as_ref().map_or(n_bytes, Track::n_bytes);
        }
    }

    /// Takes out the one that played last.
    pub fn pop(&mut self) -> Option<Track> {
        self.0.pop_back()
    }
}
