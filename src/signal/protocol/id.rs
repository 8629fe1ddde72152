//! Ids of users and rooms: texts or whole numbers, echoed as they were given.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest id, in characters: three UUIDs, and what stands in memory and in the log for each member.
const MAX_CHARS: usize = 128;

/// The id of a user or a room; a number and its decimal digits are the same id.
#[derive(Debug, Clone)]
pub struct Id {
    text: Arc<str>,
    spelling: Spelling,
}

/// How an id was given.
#[derive(Debug, Clone, Copy)]
enum Spelling {
    Text,
    Number(i64),
}

impl Id {
    /// The id of that text, if it can be one.
    pub fn new(text: &str) -> Option<Self> {
        let is_id = (1..=MAX_CHARS).contains(&text.chars().count());
        is_id.then(|| Self { text: text.into(), spelling: Spelling::Text })
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Id {}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Id {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.spelling {
            Spelling::Text => serializer.serialize_str(&self.text),
            Spelling::Number(number) => serializer.serialize_i64(number),
        }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdReader)
    }
}

struct IdReader;

impl Visitor<'_> for IdReader {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a text of 1 to {MAX_CHARS} characters or a whole number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Id, E> {
        Id::new(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Id, E> {
        Ok(Id { text: number.to_string().into(), spelling: Spelling::Number(number) })
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Id, E> {
        let number =
            i64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))?;
        self.visit_i64(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_text_or_a_whole_number() {
        let read = |json: &str| serde_json::from_str::<Id>(json).ok();
        for (json, text) in [
            (r#""ann""#, "ann"),
            (r#""\u00e9""#, "é"),
            ("7", "7"),
            (r#""7""#, "7"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9223372036854775807", "9223372036854775807"),
        ] {
            let id = read(json).unwrap();
            assert_eq!(id, Id::new(text).unwrap());
            assert_eq!(read(&serde_json::to_string(&id).unwrap()), Some(id));
        }
        for json in [r#""""#, "null", "true", "1.5", "7.0", "1e3", "9223372036854775808", "[]", "{}"] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
