//! What passes from one client to others: to the letter, but for whom it is from and of which type it is.

use std::fmt::Write as _;
use std::ops::Range;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::id::Id;
use crate::effect::Frame;

/// The event under which everything may travel.
pub const MESSAGE: &str = "message";

/// What is passed on, as it came.
#[derive(Debug)]
pub struct Relay {
    /// The event's name.
    pub event: String,
    /// The room that it names.
    pub room: Id,
    /// The one user that it is for.
    pub to: Option<Id>,
    /// Itself.
    pub payload: Box<RawValue>,
    /// The object in it, if it is the text of one.
    inner: Option<Box<str>>,
    /// Whether the object says a type.
    has_type: bool,
    /// Where in the object stands whom it is from, which is not for its sender to say.
    from_at: Option<Range<usize>>,
}

/// Only the fields of a payload that matter to the server.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Addressed<'a> {
    pub room_id: Id,
    to: Option<Id>,
    target: Option<Id>,
    target_user_id: Option<Id>,
    #[serde(rename = "type", default, borrow, deserialize_with = "given")]
    pub kind: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "given")]
    from: Option<&'a RawValue>,
}

/// What is there, be it `null`.
pub fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl Relay {
    /// An event to pass on as it is `addressed`; `inner` is the object in a payload that is a text.
    pub fn new(event: &str, payload: &RawValue, inner: Option<&str>, addressed: Addressed<'_>) -> Self {
        let Addressed { room_id: room, to, target, target_user_id, kind, from } = addressed;
        let object = inner.unwrap_or(payload.get());
        Self {
            event: event.to_owned(),
            room,
            to: to.or(target).or(target_user_id),
            payload: payload.to_owned(),
            inner: inner.map(Into::into),
            has_type: kind.is_some(),
            from_at: from.and_then(|from| place_of(from.get(), object)),
        }
    }

    /// The frame for the rest of a room: itself to the letter.
    ///
    /// Events with a name of their own say it as `type`, for those on a plain WebSocket.
    pub fn frame(&self) -> Frame {
        self.written(None)
    }

    /// The frame for one user, with the sender in its `from`; a sender without an id cannot claim one.
    pub fn frame_to_one(&self, sender: Option<&Id>) -> Frame {
        let sender = match sender {
            Some(id) => Some(serde_json::to_string(id).expect("an id is plain")),
            None => self.from_at.is_some().then(|| "null".to_owned()),
        };
        self.written(sender)
    }

    fn written(&self, from: Option<String>) -> Frame {
        let lacks_type = self.event != MESSAGE && !self.has_type;
        let payload =
            if lacks_type || from.is_some() { self.extended(lacks_type, from) } else { self.payload.clone() };
        Frame { event: self.event.clone().into(), payload: Some(payload) }
    }

    /// The payload with whom it is from in its place, and what it lacks at its end; the rest of it to the letter.
    fn extended(&self, with_type: bool, from: Option<String>) -> Box<RawValue> {
        let mut text = self.inner.as_deref().unwrap_or(self.payload.get()).trim_end().to_owned();
        let mut more = String::new();
        if with_type {
            let _ = write!(more, ",\"type\":{}", Value::from(&*self.event));
        }
        match (&self.from_at, from) {
            (Some(at), Some(from)) => text.replace_range(at.clone(), &from),
            (None, Some(from)) => {
                let _ = write!(more, ",\"from\":{from}");
            }
            (_, None) => {}
        }
        // It has a room at least, so that a comma is right.
        text.insert_str(text.len() - 1, &more);
        let text = if self.inner.is_some() { Value::from(text).to_string() } else { text };
        RawValue::from_string(text).expect("what was JSON is JSON")
    }
}

/// Where a part of a text stands in it.
fn place_of(part: &str, whole: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some(start..end)
}
