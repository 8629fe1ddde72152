//! What clients say.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::id::Id;
use super::refusals::Refusal;
use super::relay::{Addressed, MESSAGE, Relay, given};
use super::server_events::is_server_name;
use crate::json;

/// The events that Socket.IO clients raise themselves: one from the wire would look like their own.
const CLIENT_NAMES: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

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
    /// Of a join: `true` for a place that is kept for a while after the connection breaks, or the resume token by
    /// which such a place is taken again.
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
    /// The resume token of a place that was kept.
    Token(String),
}

/// The type of a `message` that names no room.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(rename = "type", default, borrow, deserialize_with = "given")]
    kind: Option<&'a RawValue>,
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
            "join" => Ok((Self::Join(json::object(text).ok_or(invalid)?), None)),
            "leave" => Ok((Self::Leave(json::object(text).ok_or(invalid)?), None)),
            MESSAGE => {
                // The whole of it may come as the text of a JSON object.
                let is_text = text.starts_with('"');
                let inner: Option<String> = is_text.then(|| serde_json::from_str(text).ok()).flatten();
                // What was escaped twice comes to light only now.
                let inner =
                    inner.map(|inner| json::mended(inner.into())).filter(|inner| json::is_readable(inner));
                let inner = inner.and_then(|inner| String::from_utf8(inner.into()).ok());
                let text = inner.as_deref().unwrap_or(text);
                let addressed: Option<Addressed<'_>> = json::object(text);
                let kind = match &addressed {
                    Some(addressed) => addressed.kind,
                    None => json::object::<Typed<'_>>(text).ok_or(invalid)?.kind,
                };
                match kind_of(kind)?.as_deref() {
                    Some("join") => Ok((Self::Join(json::object(text).ok_or(invalid)?), Some(MESSAGE))),
                    Some("leave") => Ok((Self::Leave(json::object(text).ok_or(invalid)?), Some(MESSAGE))),
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
        let addressed: Addressed<'_> = json::object(payload.get()).ok_or(otherwise)?;
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
