//! The fields of a client's event, in either spelling, forgiving whatever does not belong.

use std::fmt;

use serde::Deserialize;
use serde_json::Number;
use serde_json::value::RawValue;

use super::names::{Dialect, RoomId, Track};
use crate::json;
use crate::party::PersonId;
use crate::time::Seconds;

/// The longest name that a page may introduce itself by, in characters; pages show it on one line.
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
    #[serde(borrow, default)]
    password: Option<&'a RawValue>,
    #[serde(borrow, default)]
    person: Option<&'a RawValue>,
    #[serde(borrow, default)]
    invitation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    is_public: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "isPublic")]
    kebab_is_public: Option<&'a RawValue>,
}

/// What somebody shows to come in.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The room's password.
    pub password: Option<String>,
    /// Who it is.
    pub person: Option<PersonId>,
    /// An invitation's token.
    pub invitation: Option<String>,
}

/// Secrets do not show.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
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
        payload.and_then(|payload| json::object(payload.get())).unwrap_or_default()
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

    /// Whether a room is to be listed: it is, unless its founder says no.
    pub fn is_public(&self) -> bool {
        let given = self.is_public.or(self.kebab_is_public);
        given.and_then(|given| serde_json::from_str(given.get()).ok()).unwrap_or(true)
    }

    /// Who the sender is, if it says so in a way that counts.
    pub fn person(&self) -> Option<PersonId> {
        text(self.person).and_then(|secret| PersonId::of_secret(&secret))
    }

    /// What the sender shows to come in; nothing in quotes is nothing.
    pub fn credentials(&self) -> Credentials {
        let given = |field| text(field).filter(|text| !text.is_empty());
        Credentials {
            password: given(self.password),
            person: self.person(),
            invitation: given(self.invitation),
        }
    }

    /// The client's own clock, in milliseconds.
    pub fn client_time(&self) -> Option<f64> {
        self.client_time.and_then(|time| serde_json::from_str(time.get()).ok())
    }
}

fn text(field: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(field?.get()).ok()
}
