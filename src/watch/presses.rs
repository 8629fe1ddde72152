//! Presses that cross each other on their way: two members press at once, and each hears of the other's press last.
//!
//! Whether a member had heard of a press before it pressed itself cannot be told here. If another's press that says
//! otherwise came shortly before, it may not have, so it is told of its own press too, and ends where the others do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::effect::MemberId;
use crate::time::Timestamp;

/// The last press of each kind: a seek and a pause are in nobody's way, whichever comes first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Presses {
    toggle: Option<Press<bool>>,
    seek: Option<Press<f64>>,
}

/// What a member pressed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Press<T> {
    by: MemberId,
    at: Timestamp,
    to: T,
}

/// Whether a press may have crossed another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crossing {
    /// No other member pressed otherwise just before.
    None,
    /// One did.
    Possible,
}

impl Presses {
    /// Somebody lets the video play, or halts it.
    pub fn toggle(&mut self, by: MemberId, is_playing: bool, window: Duration, now: Timestamp) -> Crossing {
        press(&mut self.toggle, Press { by, at: now, to: is_playing }, window)
    }

    /// Somebody moves the video.
    pub fn seek(&mut self, by: MemberId, position: f64, window: Duration, now: Timestamp) -> Crossing {
        press(&mut self.seek, Press { by, at: now, to: position }, window)
    }
}

fn press<T: PartialEq>(last: &mut Option<Press<T>>, press: Press<T>, window: Duration) -> Crossing {
    let crosses =
        |last: &Press<T>| last.by != press.by && last.to != press.to && press.at.since(last.at) < window;
    let crossing = if last.as_ref().is_some_and(crosses) { Crossing::Possible } else { Crossing::None };
    *last = Some(press);
    crossing
}
