//! Presses that cross each other on their way: members press at once, and hear of each other's presses last.
//!
//! Whether a member had heard of a press before it pressed itself cannot be told here. If what it was told last says
//! otherwise and is recent, it may not have, so it is told of its own press too, and ends where the others do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::effect::MemberId;
use crate::time::Timestamp;

/// The last presses of each kind: a seek and a pause are in nobody's way, whichever comes first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Presses {
    toggles: Recent<bool>,
    seeks: Recent<f64>,
}

/// As many presses as it takes to know what any member was told last.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Recent<T> {
    last: Option<Press<T>>,
    /// What whoever made the last one was told last before.
    before: Option<Press<T>>,
}

/// What a member pressed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Press<T> {
    by: MemberId,
    at: Timestamp,
    to: T,
    /// Whether that member was told too.
    is_told_to_all: bool,
}

/// Whether a press may have crossed another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crossing {
    /// What the member was told last says the same, or was told long ago.
    None,
    /// It says otherwise, and may not have been there yet.
    Possible,
}

impl Presses {
    /// Somebody lets it play, or halts it.
    pub fn toggle(&mut self, by: MemberId, is_playing: bool, window: Duration, now: Timestamp) -> Crossing {
        self.toggles.press(by, is_playing, window, now)
    }

    /// Somebody goes elsewhere in it.
    pub fn seek(&mut self, by: MemberId, position: f64, window: Duration, now: Timestamp) -> Crossing {
        self.seeks.press(by, position, window, now)
    }
}

impl<T: Copy + PartialEq> Recent<T> {
    fn press(&mut self, by: MemberId, to: T, window: Duration, now: Timestamp) -> Crossing {
        let told = self.told_last(by);
        let crosses = told.is_some_and(|told| told.to != to && now.since(told.at) < window);
        self.before = told;
        self.last = Some(Press { by, at: now, to, is_told_to_all: crosses });
        if crosses { Crossing::Possible } else { Crossing::None }
    }

    /// What a member was told last; its own presses only if they may have crossed another's.
    fn told_last(&self, member: MemberId) -> Option<Press<T>> {
        self.last.filter(|last| last.by != member || last.is_told_to_all).or(self.before)
    }
}
