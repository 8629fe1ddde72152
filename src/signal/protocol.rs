//! The wire: what clients say, what they are told, and each name, text and code once.
//!
//! Server payloads carry their event's name as `type`, so that a plain WebSocket understands them too.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::names::Id;
use super::turn::IceServer;
use crate::effect::{Frame, MemberId};
use crate::json;

/// The event under which everything may travel.
pub const MESSAGE: &str = "message";

/// The names under which the server alone speaks, as an event or as a `type`.
const SERVER_NAMES: [&str; 6] = ["connected", "joined", "user-joined", "leaved", "user-left", "error"];

/// The events that Socket.IO clients raise themselves: one from the wire would look like their own.
const CLIENT_NAMES: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

fn is_server_name(name: &str) -> bool {
    SERVER_NAMES.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}

/// An event of a client.
#[derive(Debug)]
pub enum ClientEvent {
    /// Joins a room.
    Join(Seating),
    /// Leaves a room.
    Leave(Seating),
    /// Says something to a room, or to one in it.
    Relay(Relay),
}

/// Who joins or leaves which room.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seating {
    pub user_id: Id,
    pub room_id: Id,
    /// Of a join: `true` for a place that is kept for a while after the connection breaks, or the word by which
    /// such a place is taken again.
    #[serde(default)]
    pub resume: Option<Resume>,
    /// Of a join: what lets its user into its room, where that is asked for.
    #[serde(default)]
    pub token: Option<Box<str>>,
}

/// What a join says of its place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Resume {
    /// Whether it should be kept.
    Wanted(bool),
    /// The word of a place that was kept.
    Word(String),
}

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
struct Addressed<'a> {
    room_id: Id,
    #[serde(default, alias = "target", alias = "targetUserId")]
    to: Option<Id>,
    #[serde(rename = "type", default, borrow, deserialize_with = "given")]
    kind: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "given")]
    from: Option<&'a RawValue>,
}

/// The type of a `message` that names no room.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(rename = "type", default, borrow, deserialize_with = "given")]
    kind: Option<&'a RawValue>,
}

/// What is there, be it `null`.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl ClientEvent {
    /// Reads an event with its payload; gives also the name under which its answers go.
    ///
    /// A `message` that holds a `join` or `leave` is one, and is answered as `message`.
    ///
    /// # Errors
    /// The refusal to tell the sender, if it is one of the events that are understood; else silence.
    pub fn read(
        event: &str,
        payload: Option<&RawValue>,
    ) -> Result<(Self, Option<&'static str>), Option<Refusal>> {
        let text = payload.map_or("", RawValue::get);
        let invalid = Some(Refusal::InvalidRequest);
        if is_server_name(event) || CLIENT_NAMES.contains(&event) {
            return Err(Some(Refusal::ReservedEvent));
        }
        match event {
            "join" => Ok((Self::Join(read(text).ok_or(invalid)?), None)),
            "leave" => Ok((Self::Leave(read(text).ok_or(invalid)?), None)),
            MESSAGE => {
                // The whole of it may come as the text of a JSON object.
                let is_text = text.starts_with('"');
                let inner: Option<String> = is_text.then(|| serde_json::from_str(text).ok()).flatten();
                let text = inner.as_deref().unwrap_or(text);
                let addressed: Option<Addressed<'_>> = read(text);
                let kind = match &addressed {
                    Some(addressed) => addressed.kind,
                    None => read::<Typed<'_>>(text).ok_or(invalid)?.kind,
                };
                match kind_of(kind)?.as_deref() {
                    Some("join") => Ok((Self::Join(read(text).ok_or(invalid)?), Some(MESSAGE))),
                    Some("leave") => Ok((Self::Leave(read(text).ok_or(invalid)?), Some(MESSAGE))),
                    _ => {
                        let (Some(payload), Some(addressed)) = (payload, addressed) else {
                            return Err(invalid);
                        };
                        Ok((Self::Relay(Relay::new(event, payload, inner.as_deref(), addressed)), None))
                    }
                }
            }
            "offer" | "answer" | "candidate" => Self::relay(event, payload, invalid),
            // A plain WebSocket's frame that is no object, or has no type.
            "" => Err(invalid),
            _ => Self::relay(event, payload, None),
        }
    }

    /// Something to pass on; `otherwise` is the answer to what names no room.
    fn relay(
        event: &str,
        payload: Option<&RawValue>,
        otherwise: Option<Refusal>,
    ) -> Result<(Self, Option<&'static str>), Option<Refusal>> {
        let payload = payload.ok_or(otherwise)?;
        let addressed: Addressed<'_> = read(payload.get()).ok_or(otherwise)?;
        kind_of(addressed.kind)?;
        Ok((Self::Relay(Relay::new(event, payload, None, addressed)), None))
    }
}

/// What a `type` says; receivers may go by it alone, so it must not be one of the server's.
///
/// # Errors
/// The refusal of a reserved one, or of a list or an object, which some receivers would take for a text.
fn kind_of(kind: Option<&RawValue>) -> Result<Option<Cow<'_, str>>, Option<Refusal>> {
    let Some(text) = kind.map(RawValue::get) else { return Ok(None) };
    if !text.starts_with(['"', '[', '{']) {
        return Ok(None);
    }
    let kind: Cow<'_, str> = serde_json::from_str(text).map_err(|_| Some(Refusal::InvalidRequest))?;
    if is_server_name(&kind) { Err(Some(Refusal::ReservedEvent)) } else { Ok(Some(kind)) }
}

/// Reads an object; a struct's fields in an array are none.
fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Option<T> {
    if text.starts_with('{') { json::read(text) } else { None }
}

impl Relay {
    /// An event to pass on as it is `addressed`; `inner` is the object in a payload that is a text.
    fn new(event: &str, payload: &RawValue, inner: Option<&str>, addressed: Addressed<'_>) -> Self {
        let Addressed { room_id: room, to, kind, from } = addressed;
        let object = inner.unwrap_or(payload.get());
        Self {
            event: event.to_owned(),
            room,
            to,
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

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Ids are missing, or are none.
    InvalidRequest,
    /// The sender is not in the room.
    NotInRoom,
    /// The room has no place left.
    RoomFull,
    /// Somebody else has that id.
    UserIdTaken,
    /// Somebody else took the id over.
    Replaced,
    /// Too many events.
    RateLimited,
    /// The key is missing or wrong.
    Unauthorized,
    /// The server has no place for more rooms.
    TooManyRooms,
    /// A join brings no token, and needs one.
    TokenRequired,
    /// The token is none, or not for that user in that room.
    InvalidToken,
    /// The token's time is over.
    TokenExpired,
    /// Nobody in the room has the id that a message is for.
    NoSuchUser,
    /// The event, or its `type`, is one of the server's own.
    ReservedEvent,
}

impl Refusal {
    /// What people read.
    pub fn message(self) -> &'static str {
        match self {
            Self::InvalidRequest => "userId and roomId are required",
            Self::NotInRoom => "not in room",
            Self::RoomFull => "room is full",
            Self::UserIdTaken => "user id is taken",
            Self::Replaced => "replaced by a new connection",
            Self::RateLimited => "rate limit exceeded",
            Self::Unauthorized => "unauthorized",
            Self::TooManyRooms => "too many rooms",
            Self::TokenRequired => "a token for this room is required",
            Self::InvalidToken => "the token is not valid for this user and room",
            Self::TokenExpired => "the token has expired",
            Self::NoSuchUser => "user is not here",
            Self::ReservedEvent => "reserved event",
        }
    }

    /// What programs read, and the name in the metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::NotInRoom => "not_in_room",
            Self::RoomFull => "room_full",
            Self::UserIdTaken => "user_id_taken",
            Self::Replaced => "replaced",
            Self::RateLimited => "rate_limited",
            Self::Unauthorized => "unauthorized",
            Self::TooManyRooms => "too_many_rooms",
            Self::TokenRequired => "token_required",
            Self::InvalidToken => "invalid_token",
            Self::TokenExpired => "token_expired",
            Self::NoSuchUser => "no_such_user",
            Self::ReservedEvent => "reserved_event",
        }
    }
}

/// What members are told.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum ServerEvent<'a> {
    /// A connection is open.
    Connected { sid: MemberId },
    /// To who has joined.
    Joined {
        user_id: &'a Id,
        room_id: &'a Id,
        users: Vec<&'a Id>,
        ice_servers: &'a [IceServer],
        #[serde(skip_serializing_if = "Option::is_none")]
        resume: Option<&'a str>,
    },
    /// To the others.
    UserJoined { user_id: &'a Id, room_id: &'a Id },
    /// To who has left.
    Leaved { user_id: &'a Id, room_id: &'a Id },
    /// To the others.
    UserLeft { user_id: &'a Id, room_id: &'a Id },
    /// A request was refused.
    Error { message: &'static str, code: &'static str },
}

impl From<Refusal> for ServerEvent<'_> {
    fn from(refusal: Refusal) -> Self {
        Self::Error { message: refusal.message(), code: refusal.code() }
    }
}

impl ServerEvent<'_> {
    /// The frame, under its own name or the one that is wanted.
    pub fn frame(&self, name: Option<&'static str>) -> Frame {
        Frame::new(name.unwrap_or(self.name()), self)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Connected { .. } => "connected",
            Self::Joined { .. } => "joined",
            Self::UserJoined { .. } => "user-joined",
            Self::Leaved { .. } => "leaved",
            Self::UserLeft { .. } => "user-left",
            Self::Error { .. } => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_the_server_says_is_reserved() {
        let id = &Id::new("a").unwrap();
        let (user_id, room_id) = (id, id);
        for event in [
            ServerEvent::Connected { sid: MemberId::new("s1").unwrap() },
            ServerEvent::Joined { user_id, room_id, users: Vec::new(), ice_servers: &[], resume: None },
            ServerEvent::UserJoined { user_id, room_id },
            ServerEvent::Leaved { user_id, room_id },
            ServerEvent::UserLeft { user_id, room_id },
            ServerEvent::from(Refusal::Replaced),
        ] {
            assert!(is_server_name(event.name()), "{}", event.name());
        }
    }
}
