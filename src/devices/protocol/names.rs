//! What devices and rooms are called.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// The longest device id and identity, in characters: what their columns hold.
pub const MAX_NAME_CHARS: usize = 255;

/// The longest id that a client may give a message, in characters.
pub const MAX_MESSAGE_ID_CHARS: usize = 64;

/// What a device calls itself; shared, for it stands in many places.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceId(Arc<str>);

impl DeviceId {
    /// The device of that name, if its column can hold it.
    pub fn new(name: &str) -> Option<Self> {
        fits(name).then(|| Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether an id was written as a string or as a number; its text is the same id either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// `"7"`.
    #[default]
    Text,
    /// `7`.
    Number,
}

/// An id as it is told, in the spelling in which it came.
#[derive(Debug, Clone, Copy)]
pub struct Spelled<'a> {
    /// The id.
    pub text: &'a str,
    /// How it was written.
    pub spelling: Spelling,
}

impl Serialize for Spelled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = || RawValue::from_string(self.text.to_owned()).ok();
        match self.spelling {
            Spelling::Number => match number() {
                Some(number) => number.serialize(serializer),
                None => serializer.serialize_str(self.text),
            },
            Spelling::Text => serializer.serialize_str(self.text),
        }
    }
}

/// An id as a client wrote it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GivenId {
    /// The id.
    pub text: Box<str>,
    /// How it was written.
    pub spelling: Spelling,
}

impl GivenId {
    /// The id that a value is, whatever its length.
    pub fn of(value: &RawValue) -> Option<Self> {
        let text = value.get();
        let is_number = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        let (text, spelling) = if is_number {
            (text.to_owned(), Spelling::Number)
        } else {
            (serde_json::from_str(text).ok()?, Spelling::Text)
        };
        (!text.is_empty()).then(|| Self { text: text.into(), spelling })
    }

    /// The id that a value is, if a column can hold it.
    pub fn read(value: &RawValue) -> Option<Self> {
        Self::of(value).filter(|id| fits(&id.text))
    }

    /// The device of that id.
    pub fn device(&self) -> Option<DeviceId> {
        DeviceId::new(&self.text)
    }
}

/// Whether a name is there and not too long.
pub fn fits(name: &str) -> bool {
    !name.is_empty() && name.chars().take(MAX_NAME_CHARS + 1).count() <= MAX_NAME_CHARS
}

/// A room's name: eight of `[A-Z0-9]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RoomId([u8; RoomId::CHARS]);

impl RoomId {
    /// Its length.
    pub const CHARS: usize = 8;

    /// What it is made of.
    pub const ALPHABET: &'static [u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    /// The room that a client names, in capitals or not.
    pub fn new(name: &str) -> Option<Self> {
        let upper = name.to_ascii_uppercase();
        let bytes: [u8; Self::CHARS] = upper.as_bytes().try_into().ok()?;
        bytes.iter().all(|byte| Self::ALPHABET.contains(byte)).then_some(Self(bytes))
    }

    /// A room's name out of random bytes; `None` if too many of them would prefer some letters over others.
    pub fn from_random(random: &[u8]) -> Option<Self> {
        /// The largest multiple of the alphabet's length that a byte holds.
        const FAIR: u8 = 252;
        let mut fair = random.iter().filter(|byte| **byte < FAIR);
        let mut name = [0; Self::CHARS];
        for place in &mut name {
            *place = Self::ALPHABET[usize::from(*fair.next()?) % Self::ALPHABET.len()];
        }
        Some(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a room's name is made of ASCII")
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

impl From<RoomId> for String {
    fn from(id: RoomId) -> Self {
        id.as_str().to_owned()
    }
}

impl TryFrom<String> for RoomId {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name).ok_or("eight of A-Z and 0-9 are expected")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_found_in_either_spelling_and_nothing_else_is_a_room() {
        assert_eq!(RoomId::new("e03ei3tx"), RoomId::new("E03EI3TX"));
        assert_eq!(RoomId::new("E03EI3TX").unwrap().as_str(), "E03EI3TX");
        for nonsense in ["", "E03EI3T", "E03EI3TXX", "E03EI3T-", "E03EI3Tß", "ﬀ03EI3"] {
            assert_eq!(RoomId::new(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn every_letter_is_as_likely_as_any_other() {
        assert_eq!(
            RoomId::from_random(&[255, 0, 254, 1, 35, 36, 253, 251, 2, 3, 4]).unwrap().as_str(),
            "AB9A9CDE"
        );
        assert_eq!(RoomId::from_random(&[252; 64]), None);
        assert_eq!(RoomId::from_random(&[0; 7]), None);
    }

    #[test]
    fn a_name_has_1_to_255_characters() {
        assert!(fits(&"ü".repeat(255)) && fits("d"));
        assert!(!fits(&"ü".repeat(256)) && !fits(""));
    }
}
