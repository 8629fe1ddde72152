//! The name of a recording, and whose it is.

use std::fmt;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Letters of a name. With 36 letters to choose from, nobody meets another's by chance.
const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// The length of a name.
const N_LETTERS: usize = 16;

/// The name of a recording, which is the name of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordingId([u8; N_LETTERS]);

impl RecordingId {
    /// A name of random bytes.
    pub fn drawn(random: &[u8; 32]) -> Self {
        Self(std::array::from_fn(|n| LETTERS[usize::from(random[n]) % LETTERS.len()]))
    }

    /// The name in that text, if it is one: it has no characters that mean anything in a path.
    pub fn read(text: &str) -> Option<Self> {
        let letters: [u8; N_LETTERS] = text.as_bytes().try_into().ok()?;
        letters.iter().all(|letter| LETTERS.contains(letter)).then_some(Self(letters))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("letters are ASCII")
    }
}

impl fmt::Display for RecordingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RecordingId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RecordingId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| D::Error::custom("the name of a recording is expected"))
    }
}

/// Whose a recording is: the SHA-256 of the owner's key, which is kept nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner([u8; 32]);

impl Owner {
    /// Characters of a key.
    const KEY_CHARS: std::ops::RangeInclusive<usize> = 32..=128;

    /// Who has that key, if it is one.
    pub fn of(key: &str) -> Option<Self> {
        if key.len() > 4 * Self::KEY_CHARS.end() || !Self::KEY_CHARS.contains(&key.chars().count()) {
            return None;
        }
        let hash = digest(&SHA256, key.as_bytes());
        Some(Self(hash.as_ref().try_into().expect("SHA-256 has 32 bytes")))
    }

    /// The hash as text.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// The hash in that text.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).ok()?;
        Some(Self(hash))
    }
}

impl Serialize for Owner {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for Owner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| D::Error::custom("a SHA-256 as hex is expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_nothing_in_a_path() {
        let id = RecordingId::drawn(&[7; 32]);
        assert_eq!(RecordingId::read(id.as_str()), Some(id));
        for text in [
            "",
            "../../../../etc/x",
            "abcdefghijklmno",
            "abcdefghijklmnopq",
            "ABCDEFGHIJKLMNOP",
            "abc/efghijklmnop",
        ] {
            assert_eq!(RecordingId::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_is_long_enough_and_its_hash_is_no_key() {
        let key = "k".repeat(32);
        let owner = Owner::of(&key).unwrap();
        assert_eq!(Owner::from_hex(&owner.to_hex()), Some(owner));
        assert_ne!(Owner::of(&owner.to_hex()), Some(owner));
        assert_eq!(Owner::of(&"k".repeat(31)), None);
        assert_eq!(Owner::of(&"k".repeat(129)), None);
        assert!(Owner::of(&"\u{1f600}".repeat(128)).is_some());
    }
}
