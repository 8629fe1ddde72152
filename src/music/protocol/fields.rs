//! The fields of a client's event, in either spelling, forgiving whatever does not belong.

use serde::Deserialize;
use serde_json::Number;
use serde_json::value::RawValue;

use super::names::{Dialect, RoomId, Track};
use crate::json;
use crate::time::Seconds;

/// The longest name that a page may introduce itself by, in characters.
const MAX_NAME_CHARS: usize = 40;

/// Every field that some event has, unread; `null` is no value.
#[derive(Deserialize, Default)]
pub struct Fields<'a> {
    #[serde(borrow, default)]
    room_id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "roomId")]
    kebab_room_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    current_time: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "currentTime")]
    kebab_current_time: Option<&'a RawValue>,
    #[serde(borrow, default)]
    track: Option<&'a RawValue>,
    #[serde(borrow, default)]
    playlist: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "clientTime")]
    client_time: Option<&'a RawValue>,
}

/// What stands where a room's id should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenRoom {
    /// Nothing, or nothing in quotes.
    Missing,
    /// Something that is no id.
    Invalid,
    /// An id.
    Valid(RoomId),
}

impl<'a> Fields<'a> {
    /// Reads the payload of an event; one that is no object has no fields.
    pub fn of(payload: Option<&'a RawValue>) -> Self {
        payload.and_then(|payload| json::read(payload.get())).unwrap_or_default()
    }

    /// The dialect that the spelling gives away.
    pub fn dialect(&self) -> Option<Dialect> {
        let is_snake = self.room_id.is_some() || self.current_time.is_some();
        let is_kebab = self.kebab_room_id.is_some() || self.kebab_current_time.is_some();
        match (is_snake, is_kebab) {
            (true, false) => Some(Dialect::Snake),
            (false, true) => Some(Dialect::Kebab),
            _ => None,
        }
    }

    /// The room; a number stands for its decimal string.
    pub fn room(&self) -> GivenRoom {
        let Some(given) = self.room_id.or(self.kebab_room_id) else { return GivenRoom::Missing };
        let text = match serde_json::from_str::<String>(given.get()) {
            Ok(text) => text,
            Err(_) => match serde_json::from_str::<Number>(given.get()) {
                Ok(number) => number.to_string(),
                Err(_) => return GivenRoom::Invalid,
            },
        };
        if text.is_empty() {
            return GivenRoom::Missing;
        }
        RoomId::new(&text).map_or(GivenRoom::Invalid, GivenRoom::Valid)
    }

    /// The position, if there is one.
    pub fn position(&self) -> Option<Seconds> {
        self.current_time.or(self.kebab_current_time).and_then(|time| serde_json::from_str(time.get()).ok())
    }

    /// The track, if it is an object.
    pub fn track(&self) -> Option<Track> {
        self.track.and_then(Track::new)
    }

    /// The playlist, if it is one.
    pub fn playlist(&self) -> Option<Box<RawValue>> {
        self.playlist.filter(|list| list.get().starts_with('[')).map(ToOwned::to_owned)
    }

    /// The name, without control characters and cut to length; `None` if nothing is left.
    pub fn name(&self) -> Option<String> {
        let name: String = self.name.and_then(|name| serde_json::from_str(name.get()).ok())?;
        let name: String = name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
        let name = name.trim();
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// The client's own clock, in milliseconds.
    pub fn client_time(&self) -> Option<f64> {
        self.client_time.and_then(|time| serde_json::from_str(time.get()).ok())
    }
}
