//! Ids of users and rooms: texts or whole numbers, echoed as they were given.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest id, in characters.
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
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Number(i64),
            Text(String),
        }
        match Given::deserialize(deserializer)? {
            Given::Number(number) => {
                Ok(Self { text: number.to_string().into(), spelling: Spelling::Number(number) })
            }
            Given::Text(text) => Self::new(&text)
                .ok_or_else(|| serde::de::Error::custom("an id of 1 to 128 characters is expected")),
        }
    }
}
