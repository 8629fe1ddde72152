//! What the listening rooms speak of: rooms, tracks, what plays, and the two dialects.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json;
use crate::time::Seconds;

/// The longest room id, in characters.
const MAX_ROOM_ID_CHARS: usize = 64;

/// Characters of a title that pages are told beside the track.
const MAX_TITLE_CHARS: usize = 200;

/// How a family of clients spells events and fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Dialect {
    /// `create_room {room_id}`.
    #[default]
    Snake,
    /// `create-room {roomId}`: the deployed browser player, and the page.
    Kebab,
}

/// The name of a room: 1 to 64 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoomId(Arc<str>);

impl RoomId {
    /// The room of that name, if it can be one.
    pub fn new(text: &str) -> Option<Self> {
        let is_valid = !text.is_empty()
            && text.chars().count() <= MAX_ROOM_ID_CHARS
            && !text.chars().any(char::is_control);
        is_valid.then(|| Self(text.into()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A track: an object that clients define, kept and relayed to the letter. Copies share its text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Track(Arc<RawValue>);

impl Track {
    /// The track, if the text is an object.
    pub fn new(text: &RawValue) -> Option<Self> {
        text.get().starts_with('{').then(|| Self(text.to_owned().into()))
    }

    /// Its text.
    pub fn text(&self) -> &RawValue {
        &self.0
    }

    /// What it is called, if it says so in a way that is known.
    pub fn title(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Titled {
            title: Option<String>,
            name: Option<String>,
        }
        let Titled { title, name } = json::object(self.0.get())?;
        Some(title.or(name)?.chars().take(MAX_TITLE_CHARS).collect())
    }

    /// The length of its text.
    pub fn n_bytes(&self) -> usize {
        self.0.get().len()
    }
}

impl PartialEq for Track {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

/// What plays, as of one moment.
#[derive(Debug, Clone)]
pub struct Playback {
    /// The track, if one is set.
    pub track: Option<Track>,
    /// Whether it plays.
    pub is_playing: bool,
    /// Where it is.
    pub position: Seconds,
}
