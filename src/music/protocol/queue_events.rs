//! The queue's own events, `queue:…`, which pages send and are told.

use std::num::ParseIntError;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::names::Track;
use crate::effect::MemberId;
use crate::json;
use crate::party::protocol::Refusal;
use crate::time::Seconds;

/// The number of an entry or a suggestion in its room; in JSON, a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct EntryId(u64);

impl EntryId {
    /// The one after it.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The id in a client's JSON, as a text or a number.
    pub fn read(text: &RawValue) -> Option<Self> {
        text.get().trim_matches('"').parse().ok().map(Self)
    }
}

impl TryFrom<String> for EntryId {
    type Error = ParseIntError;

    fn try_from(text: String) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

impl Serialize for EntryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Whether a track is played again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Repeat {
    /// It is not.
    #[default]
    Off,
    /// It is, until somebody asks for the next one.
    One,
    /// It is, when all others have been.
    All,
}

/// By which rules the next track is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueMode {
    /// Whether tracks are played again.
    pub repeat: Repeat,
    /// Whether any may be next.
    pub is_shuffled: bool,
    /// Whether the one with the most votes is next.
    pub by_votes: bool,
}

/// Other rules; what is not said stays as it is.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModeChange {
    repeat: Option<Repeat>,
    is_shuffled: Option<bool>,
    by_votes: Option<bool>,
}

impl ModeChange {
    /// The rules that come of it.
    pub fn of(self, mode: QueueMode) -> QueueMode {
        QueueMode {
            repeat: self.repeat.unwrap_or(mode.repeat),
            is_shuffled: self.is_shuffled.unwrap_or(mode.is_shuffled),
            by_votes: self.by_votes.unwrap_or(mode.by_votes),
        }
    }
}

/// Who has added something, as everybody sees it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AdderView<'a> {
    /// The member.
    pub id: MemberId,
    /// What it was called.
    pub name: &'a str,
}

/// A suggestion as pages see it.
#[derive(Debug, Serialize)]
pub struct SuggestionView<'a> {
    /// Its id.
    pub id: EntryId,
    /// What is suggested.
    pub track: &'a Track,
    /// By whom.
    pub by: AdderView<'a>,
    /// How many are for it.
    pub votes: usize,
}

/// The answer to `queue:add`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Added {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<EntryId>,
    is_suggested: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
}

impl Added {
    /// It is among the suggestions.
    pub fn suggestion(id: EntryId) -> Self {
        Self { success: true, id: Some(id), is_suggested: true, count: None }
    }

    /// It is in the playlist, or plays.
    pub fn entry(id: Option<EntryId>) -> Self {
        Self { success: true, id, is_suggested: false, count: None }
    }

    /// It is the first of so many that were added together.
    pub fn together(self, count: usize) -> Self {
        Self { count: Some(count), ..self }
    }
}

/// What a page asks of the queue.
#[derive(Debug)]
pub enum QueueEvent {
    /// `queue:add {track}`, or `{tracks: […]}`: into the playlist, or among the suggestions.
    Add(Vec<Track>),
    /// `queue:approve {id}`: a suggestion into the playlist.
    Approve(EntryId),
    /// `queue:reject {id}`: a suggestion away.
    Reject(EntryId),
    /// `queue:vote {id, isUp}`.
    Vote {
        /// An entry or a suggestion.
        id: EntryId,
        /// Whether the sender is for it.
        is_up: bool,
    },
    /// `queue:move {id, to}`: an entry to another place, counted from 0.
    Move {
        /// The entry.
        id: EntryId,
        /// The place.
        to: usize,
    },
    /// `queue:remove {id}`: an entry or a suggestion away.
    Remove(EntryId),
    /// `queue:mode {repeat?, isShuffled?, byVotes?}`.
    Mode(ModeChange),
    /// `queue:next {endedAt?, isUnplayable?}`: on to what is next.
    Next {
        /// Where the track that plays is over, if that is why.
        ended_at: Option<Seconds>,
        /// Whether it could not be played.
        is_unplayable: bool,
    },
    /// `queue:previous {}`: back to what played before.
    Previous,
    /// `queue:play {id}`: an entry, at once.
    Play(EntryId),
}

impl QueueEvent {
    /// Reads an event; `None` if it is not the queue's.
    pub fn read(name: &str, payload: Option<&RawValue>) -> Option<Result<Self, Refusal>> {
        let text = payload.map_or("{}", RawValue::get);
        let id = || object::<Named>(text).and_then(|named| named.id());
        Some(match name {
            "queue:add" => object::<Addition>(text)
                .and_then(|given| given.track.into_iter().chain(given.tracks).map(track).collect())
                .and_then(
                    |tracks: Vec<Track>| if tracks.is_empty() { Err(Refusal::Invalid) } else { Ok(tracks) },
                )
                .map(Self::Add),
            "queue:approve" => id().map(Self::Approve),
            "queue:reject" => id().map(Self::Reject),
            "queue:vote" => {
                object(text).and_then(|Vote { id, is_up }| Ok(Self::Vote { id: Named { id }.id()?, is_up }))
            }
            "queue:move" => {
                object(text).and_then(|Move { id, to }| Ok(Self::Move { id: Named { id }.id()?, to }))
            }
            "queue:remove" => id().map(Self::Remove),
            "queue:mode" => object(text).map(Self::Mode),
            "queue:next" => {
                object(text).map(|Next { ended_at, is_unplayable }| Self::Next { ended_at, is_unplayable })
            }
            "queue:previous" => Ok(Self::Previous),
            "queue:play" => id().map(Self::Play),
            _ => return None,
        })
    }
}

fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Refusal> {
    json::object(text).ok_or(Refusal::Invalid)
}

#[derive(Deserialize)]
struct Addition<'a> {
    #[serde(borrow, default)]
    track: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tracks: Vec<&'a RawValue>,
}

fn track(text: &RawValue) -> Result<Track, Refusal> {
    Track::new(text).ok_or(Refusal::Invalid)
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
}

impl Named<'_> {
    fn id(&self) -> Result<EntryId, Refusal> {
        EntryId::read(self.id).ok_or(Refusal::Invalid)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vote<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    is_up: bool,
}

#[derive(Deserialize)]
struct Move<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    to: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Next {
    ended_at: Option<Seconds>,
    #[serde(default)]
    is_unplayable: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, payload: &str) -> String {
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        match QueueEvent::read(name, Some(&payload)) {
            Some(Ok(event)) => format!("{event:?}"),
            Some(Err(refusal)) => refusal.code().to_owned(),
            None => "unknown".to_owned(),
        }
    }

    #[test]
    fn events_are_read_and_bad_ones_are_refused() {
        assert_eq!(read("queue:approve", r#"{"id":"7"}"#), "Approve(EntryId(7))");
        assert_eq!(read("queue:remove", r#"{"id":7}"#), "Remove(EntryId(7))");
        assert_eq!(read("queue:move", r#"{"id":"7","to":3}"#), "Move { id: EntryId(7), to: 3 }");
        assert_eq!(read("queue:vote", r#"{"id":"7","isUp":true}"#), "Vote { id: EntryId(7), is_up: true }");
        assert_eq!(read("queue:next", "{}"), "Next { ended_at: None, is_unplayable: false }");
        assert_eq!(read("queue:previous", "null"), "Previous");
        for (name, wrong) in [
            ("queue:add", "{}"),
            ("queue:add", r#"{"track":[]}"#),
            ("queue:approve", r#"{"id":-1}"#),
            ("queue:approve", r#"{"id":1e99}"#),
            ("queue:approve", r#"["7"]"#),
            ("queue:vote", r#"{"id":"7"}"#),
            ("queue:move", r#"{"id":"7","to":-1}"#),
            ("queue:mode", r#"{"repeat":"twice"}"#),
            ("queue:next", r#"{"endedAt":-1}"#),
            ("queue:play", r#"{"id":"99999999999999999999"}"#),
        ] {
            assert_eq!(read(name, wrong), "invalid", "{name} {wrong}");
        }
        assert_eq!(read("queue:fly", "{}"), "unknown");
    }

    #[test]
    fn a_mode_keeps_what_is_not_said() {
        let change: ModeChange = serde_json::from_str(r#"{"byVotes":true}"#).unwrap();
        let mode = change.of(QueueMode { repeat: Repeat::All, is_shuffled: true, by_votes: false });
        assert_eq!(mode, QueueMode { repeat: Repeat::All, is_shuffled: true, by_votes: true });
    }
}
