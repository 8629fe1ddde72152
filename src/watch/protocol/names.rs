//! What the watch rooms speak of by name: rooms, and the token that proves an owner.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// Characters of a room's id.
const ROOM_ID_CHARS: usize = 6;

/// A room's id: six of `[0-9A-Z]`, made by the server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomId([u8; ROOM_ID_CHARS]);

impl RoomId {
    /// The digits that ids are made of.
    pub const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    /// The id of those digits.
    pub fn of(digits: [u8; ROOM_ID_CHARS]) -> Self {
        Self(digits)
    }

    /// The room of that name, if it can be one.
    pub fn read(text: &str) -> Option<Self> {
        let digits: [u8; ROOM_ID_CHARS] = text.as_bytes().try_into().ok()?;
        digits.iter().all(|digit| Self::DIGITS.contains(digit)).then_some(Self(digits))
    }

    /// The id on the wire.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are ASCII")
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RoomId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RoomId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| serde::de::Error::custom("six of [0-9A-Z] are expected"))
    }
}

/// What an owner shows to be the owner again; told to it alone.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OwnerToken(String);

impl OwnerToken {
    /// The token of those words, which nobody could guess.
    pub fn of(words: String) -> Self {
        Self(words)
    }

    /// Whether a guess is right, in a time that tells nothing about it.
    pub fn is(&self, guess: &str) -> bool {
        self.0.as_bytes().ct_eq(guess.as_bytes()).into()
    }

    /// The token itself, for its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// What members do together in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoomType {
    /// Videos and live channels.
    #[default]
    Sync,
    /// A shared screen.
    Screen,
    /// Music.
    Music,
}
