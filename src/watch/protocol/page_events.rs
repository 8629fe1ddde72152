//! What pages say and are told here, beside what they have in common with listening rooms.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::effect::Frame;
use crate::json;
use crate::party::Named;
use crate::party::protocol::Refusal;
use crate::time::Timestamp;

/// The slowest and the fastest that a film plays, and the step between two speeds.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.5..=2.0;
const SPEED_STEPS_PER_UNIT: f64 = 20.0;

/// Further off a step than by rounding.
const SPEED_TOLERANCE: f64 = 1e-6;

/// Something that a page says of the film.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PageEvent {
    /// `party:buffering`: it loads, or has loaded.
    Buffering(bool),
    /// `party:ready-check`: are all ready for the start?
    CheckReady,
    /// `party:ready`: it is, or is not.
    Ready(bool),
    /// `party:speed`.
    Speed(f64),
}

impl PageEvent {
    /// Reads an event; `None` if its name is none of these.
    pub fn read(name: &str, payload: Option<&RawValue>) -> Option<Result<Self, Refusal>> {
        let text = payload.map_or("", RawValue::get);
        let given: Given = json::object(text).unwrap_or_default();
        let event = match name {
            "party:buffering" => given.is_buffering.map(Self::Buffering),
            "party:ready-check" => Some(Self::CheckReady),
            "party:ready" => given.is_ready.map(Self::Ready),
            "party:speed" => given.speed.and_then(speed).map(Self::Speed),
            _ => return None,
        };
        Some(event.ok_or(Refusal::Invalid))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Given {
    is_buffering: Option<bool>,
    is_ready: Option<bool>,
    speed: Option<f64>,
}

/// The speed, if it is one of those that there are.
fn speed(given: f64) -> Option<f64> {
    let step = (given * SPEED_STEPS_PER_UNIT).round() / SPEED_STEPS_PER_UNIT;
    (SPEEDS.contains(&step) && (given - step).abs() < SPEED_TOLERANCE).then_some(step)
}

/// What is on the screen, and where it was at a moment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Playhead {
    /// As its client described it; nothing, if nothing is.
    pub state: Option<Box<RawValue>>,
    /// In seconds, if it is a film whose position is known.
    pub position: Option<f64>,
    /// Whether it plays.
    pub is_playing: bool,
    /// How fast.
    pub speed: f64,
    /// The moment, by the server's clock, in milliseconds.
    pub at: f64,
}

impl Playhead {
    /// The frame on the wire.
    pub fn frame(&self) -> Frame {
        Frame::new("party:playhead", self)
    }
}

/// Whom the room waits for; `until` by the server's clock, if it waits.
pub fn waiting(members: &[Named<'_>], until: Option<Timestamp>) -> Frame {
    let until = until.map(Timestamp::as_millis);
    Frame::new("party:waiting", &Waiting { members, until })
}

/// A ready check is open, or no more.
pub fn ready_check(by: Named<'_>, is_open: bool) -> Frame {
    Frame::new("party:ready-check", &ReadyCheck { by, is_open })
}

#[derive(Serialize)]
struct Waiting<'a> {
    #[serde(rename = "for")]
    members: &'a [Named<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadyCheck<'a> {
    by: Named<'a>,
    is_open: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_go_in_steps() {
        assert_eq!([0.5, 1.0, 1.05, 1.25, 2.0].map(speed), [0.5, 1.0, 1.05, 1.25, 2.0].map(Some));
        assert_eq!(speed(1.149_999_999_9), Some(1.15));
        assert_eq!([0.45, 2.05, 1.03, -1.0, f64::MAX, f64::NAN, f64::INFINITY].map(speed), [None; 7]);
    }
}
