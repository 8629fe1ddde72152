//! What stands in the file of a recording: a header, then a line for each thing that happened.
//!
//! Times are milliseconds since the epoch, positions and spans seconds. A reader skips what it does not know.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::names::{Owner, RecordingId};
use crate::effect::MemberId;
use crate::time::Seconds;

/// What the first line says that it is.
const KIND: &str = "recording";

/// The format of the lines.
const VERSION: u32 = 1;

/// Bytes of the first line; a longer one is none of ours. Names of rooms are far shorter.
pub const MAX_HEADER_BYTES: u64 = 4096;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    roomhub: Cow<'static, str>,
    version: u32,
    /// The recording's name.
    pub id: RecordingId,
    /// The service that the room is of.
    pub service: Cow<'static, str>,
    /// The room's name.
    pub room: String,
    /// When it began, by the wall clock.
    pub started_at: u64,
    /// Whether it has what was said.
    pub with_chat: bool,
    /// Whose it is; nobody else is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

impl Header {
    /// The header of a recording that begins.
    pub fn new(
        id: RecordingId,
        service: &'static str,
        room: String,
        started_at: u64,
        with_chat: bool,
        owner: Owner,
    ) -> Self {
        Self {
            roomhub: Cow::Borrowed(KIND),
            version: VERSION,
            id,
            service: Cow::Borrowed(service),
            room,
            started_at,
            with_chat,
            owner: Some(owner),
        }
    }

    /// The header in that line, if this version can read what follows.
    pub fn read(line: &[u8]) -> Option<Self> {
        let header: Self = serde_json::from_slice(line).ok()?;
        (header.roomhub == KIND && header.version == VERSION).then_some(header)
    }

    /// The line as others than the owner's server get it.
    pub fn public_line(&self) -> String {
        let public = Self { owner: None, ..self.clone() };
        serde_json::to_string(&public).expect("a header has string keys") + "\n"
    }
}

/// Who did something.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct By<'a> {
    /// By the id of its connection.
    pub id: MemberId,
    /// What it is called.
    pub name: &'a str,
}

/// Every line but the first.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    /// Its number, from 0 on; one that is missing was lost.
    pub n: u64,
    /// Seconds since the recording began.
    pub at: Seconds,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry<'a>,
}

/// What happened. Positions are of the film or track.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Entry<'a> {
    Screen { state: Option<&'a RawValue> },
    Play { by: Option<By<'a>>, position: Option<Seconds> },
    Pause { by: Option<By<'a>>, position: Option<Seconds> },
    Seek { by: Option<By<'a>>, position: Option<Seconds> },
    Speed { by: Option<By<'a>>, position: Option<Seconds>, speed: f64 },
    Chat { by: Option<By<'a>>, content: &'a str, r#type: &'a str, position: Option<Seconds> },
    Reaction { by: Option<By<'a>>, emoji: &'a str, position: Option<Seconds> },
    Joined { by: Option<By<'a>> },
    Left { by: Option<By<'a>> },
    End,
}

/// What the server itself reads of a line.
#[derive(Debug, Deserialize)]
pub struct Tail {
    n: u64,
    at: f64,
    kind: String,
}

impl Tail {
    /// The number of the line that follows.
    pub fn next(&self) -> u64 {
        self.n.saturating_add(1)
    }

    /// When it was, in seconds since the beginning.
    pub fn seconds(&self) -> f64 {
        self.at
    }

    /// Whether it is the last one.
    pub fn is_end(&self) -> bool {
        self.kind == "end"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_objects_of_one_level_with_what_was_on_the_screen_as_it_came() {
        let state = RawValue::from_string("{\"a\": 1e2}".into()).unwrap();
        let by = Some(By { id: MemberId::new("x").unwrap(), name: "Ann" });
        let position = Seconds::new(1.5);
        let write = |entry| serde_json::to_string(&Line { n: 3, at: Seconds::ZERO, entry }).unwrap();
        assert_eq!(
            write(Entry::Screen { state: Some(&state) }),
            r#"{"n":3,"at":0,"kind":"screen","state":{"a": 1e2}}"#
        );
        assert_eq!(
            write(Entry::Chat { by, content: "hi", r#type: "text", position }),
            r#"{"n":3,"at":0,"kind":"chat","by":{"id":"x","name":"Ann"},"content":"hi","type":"text","position":1.5}"#
        );
        let end = write(Entry::End);
        assert_eq!(end, r#"{"n":3,"at":0,"kind":"end"}"#);
        let tail: Tail = serde_json::from_str(&end).unwrap();
        assert!(tail.is_end() && tail.next() == 4);
    }
}
