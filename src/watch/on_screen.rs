//! What a room looks at: an object that its clients define, kept as it came, and where a video is in it.

use std::borrow::Cow;
use std::mem;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::effect::MemberId;
use crate::json::{self, Fields};
use crate::time::Timestamp;

/// The speed at which films are made.
const USUAL_SPEED: f64 = 1.0;

/// The fields of a video's state that the server understands.
const CURRENT_TIME: &str = "currentTime";
const IS_PLAYING: &str = "isPlaying";

/// What a room looks at.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub enum OnScreen {
    /// Nothing.
    #[default]
    Nothing,
    /// A video.
    Video(Video),
    /// A live channel.
    Live(Box<RawValue>),
    /// The screen of whoever shares it.
    Share {
        /// What was said of it.
        state: Box<RawValue>,
        /// The owner, or its helper.
        by: MemberId,
    },
    /// A song.
    Music(Box<RawValue>),
}

impl OnScreen {
    /// The state as newcomers get it; `None` for nothing.
    pub fn state(&self) -> Option<Box<RawValue>> {
        match self {
            Self::Nothing => None,
            Self::Video(video) => Some(video.state()),
            Self::Live(state) | Self::Share { state, .. } | Self::Music(state) => Some(state.clone()),
        }
    }

    /// What tells it from others: the state without where it is and whether it plays.
    pub fn key(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Video(video) => key(&video.fields),
            Self::Live(state) | Self::Share { state, .. } | Self::Music(state) => key(state),
        }
    }

    /// Bytes of the state, about: what members have steered since is a few more or less.
    pub fn n_bytes(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Video(video) => video.fields.get().len(),
            Self::Live(state) | Self::Share { state, .. } | Self::Music(state) => state.get().len(),
        }
    }

    /// A song, as its owner sent it, that plays or does not if that is said.
    pub fn music(state: &RawValue, is_playing: Option<bool>) -> Self {
        Self::Music(with(state, &[(IS_PLAYING, is_playing.map(Value::from))]))
    }
}

/// A video: its state as its owner sent it, what members have steered since, and the moment at which that was true.
///
/// The state is kept as text: what is in it takes many times the memory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Video {
    fields: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_playing: Option<bool>,
    #[serde(default = "usual_speed", skip_serializing_if = "is_usual")]
    speed: f64,
    at: Timestamp,
}

fn usual_speed() -> f64 {
    USUAL_SPEED
}

/// Speeds go in steps, so this one is met exactly.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_usual(speed: &f64) -> bool {
    *speed == USUAL_SPEED
}

/// The fields that members steer, in a state; what is none of its kind is not there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Steered<'a> {
    #[serde(borrow)]
    current_time: Option<&'a RawValue>,
    #[serde(borrow)]
    is_playing: Option<&'a RawValue>,
}

impl Steered<'_> {
    fn position(&self) -> Option<f64> {
        serde_json::from_str::<Value>(self.current_time?.get()).ok()?.as_f64()
    }

    fn is_playing(&self) -> Option<bool> {
        serde_json::from_str::<Value>(self.is_playing?.get()).ok()?.as_bool()
    }
}

impl Video {
    /// The video of a client's state.
    pub fn new(state: &RawValue, now: Timestamp) -> Self {
        Self { fields: state.to_owned(), position: None, is_playing: None, speed: USUAL_SPEED, at: now }
    }

    /// The state as it was set last.
    pub fn state(&self) -> Box<RawValue> {
        self.state_with(self.position)
    }

    /// The state with the position that it has by now.
    pub fn state_at(&self, now: Timestamp) -> Box<RawValue> {
        self.state_with(self.position_at(now))
    }

    /// The same at the speed of what was on before, which its owner only tells anew.
    pub fn at_speed_of(self, before: &OnScreen) -> Self {
        match before {
            OnScreen::Video(video) => Self { speed: video.speed, ..self },
            OnScreen::Nothing | OnScreen::Live(_) | OnScreen::Share { .. } | OnScreen::Music(_) => self,
        }
    }

    /// Goes on from elsewhere.
    pub fn seek(&mut self, position: f64, now: Timestamp) {
        self.position = Some(position);
        self.at = now;
    }

    /// Plays, or stops, where it is.
    pub fn set_playing(&mut self, is_playing: bool, now: Timestamp) {
        if let Some(position) = self.position_at(now) {
            self.seek(position, now);
        }
        self.is_playing = Some(is_playing);
    }

    /// How fast it plays.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Plays faster or slower from where it is.
    pub fn set_speed(&mut self, speed: f64, now: Timestamp) {
        if let Some(position) = self.position_at(now) {
            self.seek(position, now);
        }
        self.speed = speed;
    }

    /// Whether it plays.
    pub fn is_playing(&self) -> bool {
        self.is_playing.or_else(|| self.steered()?.is_playing()).unwrap_or_default()
    }

    /// The second at which it is by now, as far as that is known.
    pub fn position_at(&self, now: Timestamp) -> Option<f64> {
        let given = self.steered();
        let position = self.position.or_else(|| given.as_ref()?.position())?;
        let is_playing = self.is_playing.or_else(|| given?.is_playing()).unwrap_or_default();
        let played = if is_playing { now.since(self.at) } else { Duration::ZERO };
        Some(position + played.as_secs_f64() * self.speed)
    }

    fn steered(&self) -> Option<Steered<'_>> {
        json::object(self.fields.get())
    }

    fn state_with(&self, position: Option<f64>) -> Box<RawValue> {
        let steered =
            [(CURRENT_TIME, position.map(Value::from)), (IS_PLAYING, self.is_playing.map(Value::from))];
        with(&self.fields, &steered)
    }
}

fn key(state: &RawValue) -> String {
    let Ok(Fields(fields)) = serde_json::from_str(state.get()) else { return state.get().to_owned() };
    let kept = fields.iter().filter(|(name, _)| name != CURRENT_TIME && name != IS_PLAYING);
    kept.flat_map(|(name, value)| [name, "\0", value.get(), "\0"]).collect()
}

/// An object with other values in some of its fields, each in its place or else behind the others.
fn with(object: &RawValue, values: &[(&'static str, Option<Value>)]) -> Box<RawValue> {
    let Ok(Fields(mut fields)) = serde_json::from_str(object.get()) else { return object.to_owned() };
    let values = values.iter().filter_map(|(name, value)| Some((*name, to_raw_value(value.as_ref()?).ok()?)));
    let values: Vec<(&str, Box<RawValue>)> = values.collect();
    if values.is_empty() {
        return object.to_owned();
    }
    for (name, value) in &values {
        let mut is_there = false;
        fields.retain_mut(|(known, old)| {
            if known != name {
                return true;
            }
            *old = value;
            !mem::replace(&mut is_there, true)
        });
        if !is_there {
            fields.push((Cow::Borrowed(name), value));
        }
    }
    to_raw_value(&Fields(fields)).expect("what was JSON is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn what_members_steer_stands_in_its_place_and_all_else_is_as_it_came() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let mut video = Video::new(&raw(r#"{ "a": [1, 2],"currentTime":1,"z":1e2,"isPlaying":true}"#), now);
        assert_eq!(video.state().get(), r#"{ "a": [1, 2],"currentTime":1,"z":1e2,"isPlaying":true}"#);
        let later = now + Duration::from_secs(2);
        assert_eq!(video.state_at(later).get(), r#"{"a":[1, 2],"currentTime":3.0,"z":1e2,"isPlaying":true}"#);
        video.set_playing(false, later);
        let kept: Video = serde_json::from_str(&serde_json::to_string(&video).unwrap()).unwrap();
        assert_eq!(kept.state().get(), r#"{"a":[1, 2],"currentTime":3.0,"z":1e2,"isPlaying":false}"#);
        let mut empty = Video::new(&raw(r#"{"\"":0,"isPlaying":0,"isPlaying":1}"#), now);
        empty.set_playing(true, now);
        assert_eq!(empty.state().get(), r#"{"\"":0,"isPlaying":true}"#);
        empty.seek(7.5, now);
        assert_eq!(empty.state_at(later).get(), r#"{"\"":0,"isPlaying":true,"currentTime":9.5}"#);
        let of_an_earlier_version = r#"{"fields":{"currentTime":5},"at":1700000000000000}"#;
        let video: Video = serde_json::from_str(of_an_earlier_version).unwrap();
        assert_eq!(video.state().get(), r#"{"currentTime":5}"#);
    }
}
