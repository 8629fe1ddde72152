//! What a room looks at: an object that its clients define, kept as it came, and where a video is in it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use crate::effect::MemberId;
use crate::time::Timestamp;

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

    /// A song, as its owner sent it, that plays or does not if that is said.
    pub fn music(state: &RawValue, is_playing: Option<bool>) -> Self {
        let Some(is_playing) = is_playing else { return Self::Music(state.to_owned()) };
        let mut fields: Map<String, Value> = serde_json::from_str(state.get()).unwrap_or_default();
        fields.insert(IS_PLAYING.into(), is_playing.into());
        Self::Music(written(&fields))
    }
}

/// A video: its state, and the moment at which that was true.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Video {
    fields: Map<String, Value>,
    at: Timestamp,
}

impl Video {
    /// The video of a client's state.
    pub fn new(state: &RawValue, now: Timestamp) -> Self {
        Self { fields: serde_json::from_str(state.get()).unwrap_or_default(), at: now }
    }

    /// The state as it was set last.
    pub fn state(&self) -> Box<RawValue> {
        written(&self.fields)
    }

    /// The state with the position that it has by now.
    pub fn state_at(&self, now: Timestamp) -> Box<RawValue> {
        let mut fields = self.fields.clone();
        if let Some(position) = self.position_at(now) {
            fields.insert(CURRENT_TIME.into(), position.into());
        }
        written(&fields)
    }

    /// Goes on from elsewhere.
    pub fn seek(&mut self, position: f64, now: Timestamp) {
        self.fields.insert(CURRENT_TIME.into(), position.into());
        self.at = now;
    }

    /// Plays, or stops, where it is.
    pub fn set_playing(&mut self, is_playing: bool, now: Timestamp) {
        if let Some(position) = self.position_at(now) {
            self.seek(position, now);
        }
        self.fields.insert(IS_PLAYING.into(), is_playing.into());
    }

    fn position_at(&self, now: Timestamp) -> Option<f64> {
        let position = self.fields.get(CURRENT_TIME)?.as_f64()?;
        let is_playing = self.fields.get(IS_PLAYING).and_then(Value::as_bool).unwrap_or_default();
        let played = if is_playing { now.since(self.at) } else { Duration::ZERO };
        Some(position + played.as_secs_f64())
    }
}

fn written(fields: &Map<String, Value>) -> Box<RawValue> {
    to_raw_value(fields).expect("what was JSON is JSON")
}
