//! What devices say: the fields of their frames, and what is made of them.

use ring::digest;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::names::{DeviceId, GivenId, MAX_MESSAGE_ID_CHARS, MAX_NAME_CHARS};
use super::refusals::Refusal;
use crate::devices::record::RecordId;
use crate::json;

/// The longest id that a refusal says again, in bytes.
const MAX_ECHO_BYTES: usize = 1024;

/// The types by which devices know what the server itself says.
const SERVER_TYPES: [&str; 5] = ["connection", "room", "room_info", "ack", "error"];

/// What a frame may hold; every field is judged by itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow, rename = "type", deserialize_with = "present")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "present")]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    target_device_id: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "present")]
    message_id: Option<&'a RawValue>,
    #[serde(borrow)]
    device_id: Option<&'a RawValue>,
    #[serde(borrow)]
    identity: Option<&'a RawValue>,
    #[serde(borrow)]
    room_id: Option<&'a RawValue>,
}

/// A field that is there, also if it says `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Fields<'a> {
    /// `None` if it is no object.
    fn of(payload: Option<&'a RawValue>) -> Option<Self> {
        json::object(payload?.get())
    }
}

/// A value that names something: its text, or its JSON if it is none, cut where no name is longer; nothing if it is
/// empty, or what Python takes for nothing.
fn name(value: Option<&RawValue>) -> Option<String> {
    let value = value?.get();
    let name = match serde_json::from_str::<String>(value) {
        Ok(name) => name,
        Err(_) if ["null", "false", "[]", "{}"].contains(&value) => return None,
        Err(_) => value.to_owned(),
    };
    (!name.is_empty()).then(|| name.chars().take(MAX_NAME_CHARS + 1).collect())
}

/// A first frame: `{"device_id":"d1","identity":"mobile_user","room_id":"E03EI3TX"}`.
#[derive(Debug)]
pub struct Identification {
    /// Who it is.
    pub device: GivenId,
    /// What it says it is.
    pub identity: GivenId,
    /// The room that it names, as it spells it.
    pub room: Option<String>,
}

impl Identification {
    /// Reads a first frame.
    pub fn read(payload: Option<&RawValue>) -> Result<Self, Refusal> {
        let fields = Fields::of(payload).ok_or(Refusal::InvalidFirstFrame)?;
        let identity = fields.identity.and_then(GivenId::read).ok_or(Refusal::MissingIdentity)?;
        let device = fields.device_id.and_then(GivenId::read).ok_or(Refusal::MissingDeviceId)?;
        // No room is called 0: that is what clients write who mean none.
        let room = name(fields.room_id).filter(|_| fields.room_id.is_none_or(|room| room.get() != "0"));
        Ok(Self { device, identity, room })
    }
}

/// A later frame.
#[derive(Debug)]
pub enum ClientFrame<'a> {
    /// `{"type":"query_room"}`.
    QueryRoom,
    /// `{"type":"message","content":…}`.
    Message(Said<'a>),
}

/// A message as its sender wrote it.
#[derive(Debug)]
pub struct Said<'a> {
    /// Its type.
    pub kind: &'a RawValue,
    /// A string or an object.
    pub content: &'a RawValue,
    /// The device that it is for.
    pub target: Option<String>,
    /// Its sender's own time.
    pub timestamp: Option<&'a RawValue>,
    /// Its sender's id for it, as it was written.
    pub message_id: Option<&'a RawValue>,
    /// The whole object.
    pub whole: &'a RawValue,
}

impl<'a> ClientFrame<'a> {
    /// Reads a later frame.
    pub fn read(event: &str, payload: Option<&'a RawValue>) -> Result<Self, Refusal> {
        let (Some(whole), Some(fields)) = (payload, Fields::of(payload)) else {
            return Err(Refusal::InvalidFrame);
        };
        if event == "query_room" {
            return Ok(Self::QueryRoom);
        }
        if let Some(message_id) = fields.message_id {
            let id = GivenId::of(message_id).ok_or(Refusal::InvalidMessageId)?;
            if id.text.chars().take(MAX_MESSAGE_ID_CHARS + 1).count() > MAX_MESSAGE_ID_CHARS {
                return Err(Refusal::MessageIdTooLong);
            }
        }
        let (Some(kind), Some(content)) = (fields.kind, fields.content) else {
            return Err(Refusal::MissingFields);
        };
        if !content.get().starts_with(['"', '{']) {
            return Err(Refusal::InvalidContent);
        }
        if is_reserved(kind.get()) {
            return Err(Refusal::ReservedType);
        }
        Ok(Self::Message(Said {
            kind,
            content,
            target: name(fields.target_device_id),
            timestamp: fields.timestamp.filter(|timestamp| timestamp.get() != "null"),
            message_id: fields.message_id,
            whole,
        }))
    }
}

/// Whether a type may be taken for one of the server's: it is, or a list or an object, which compares equal to a text in
/// some languages.
fn is_reserved(kind: &str) -> bool {
    let is_servers = |kind: String| SERVER_TYPES.iter().any(|reserved| reserved.eq_ignore_ascii_case(&kind));
    kind.starts_with(['[', '{']) || serde_json::from_str(kind).is_ok_and(is_servers)
}

/// The id of a message that is refused, as its sender wrote it, unless it is nothing to be said again.
pub fn message_id(payload: Option<&RawValue>) -> Option<&RawValue> {
    let is_small = |id: &&RawValue| id.get().len() <= MAX_ECHO_BYTES && !id.get().starts_with(['[', '{']);
    Fields::of(payload)?.message_id.filter(is_small)
}

impl Said<'_> {
    /// What the message has in common with its repetitions alone: its sender, its id, and what it says to whom.
    ///
    /// The rest of the object, like the time of an attempt, may differ. Of a message without an id, none is a repetition.
    pub fn identity(&self, from: &DeviceId) -> Option<RecordId> {
        let id = GivenId::of(self.message_id?)?;
        let mut context = digest::Context::new(&digest::SHA256);
        let parts = [
            from.as_str(),
            &id.text,
            &json::compact(self.kind.get()),
            &json::compact(self.content.get()),
            self.target.as_deref().unwrap_or_default(),
        ];
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut bytes = [0; RecordId::BYTES];
        bytes.copy_from_slice(&context.finish().as_ref()[..RecordId::BYTES]);
        Some(RecordId(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(from: &str, message: &str) -> RecordId {
        let whole = RawValue::from_string(message.to_owned()).unwrap();
        let Ok(ClientFrame::Message(said)) = ClientFrame::read("message", Some(&whole)) else {
            panic!("{message}")
        };
        said.identity(&DeviceId::new(from).unwrap()).unwrap()
    }

    #[test]
    fn nobody_speaks_as_the_server() {
        let is_taken = |kind: &str| {
            let whole = RawValue::from_string(format!(r#"{{"type":{kind},"content":"x"}}"#)).unwrap();
            ClientFrame::read("", Some(&whole)).is_ok()
        };
        for kind in [r#""error""#, r#""\u0065rror""#, r#""ROOM""#, r#"["ack"]"#, "{}"] {
            assert!(!is_taken(kind), "{kind}");
        }
        for kind in [r#""message""#, r#""errors""#, r#""""#, "7", "null"] {
            assert!(is_taken(kind), "{kind}");
        }
    }

    #[test]
    fn a_repetition_says_the_same_to_the_same_under_the_same_id() {
        let first = identity("d1", r#"{"type":"m","content":{"a":[1, 2]},"message_id":7}"#);
        for same in [
            r#"{"message_id":"7","content":{"a":[1,2]},"type":"m"}"#,
            r#"{"type":"m","content":{"a":[1,2]},"message_id":7,"timestamp":"later"}"#,
        ] {
            assert_eq!(identity("d1", same), first, "{same}");
        }
        for other in [
            r#"{"type":"m","content":{"a":[1,3]},"message_id":7}"#,
            r#"{"type":"m","content":{"a":[18446744073709551617]},"message_id":7}"#,
            r#"{"type":"m","content":{"a":[18446744073709551618]},"message_id":7}"#,
            r#"{"type":"n","content":{"a":[1,2]},"message_id":7}"#,
            r#"{"type":"m","content":{"a":[1,2]},"message_id":8}"#,
            r#"{"type":"m","content":{"a":[1,2]},"message_id":7,"target_device_id":"d2"}"#,
        ] {
            assert_ne!(identity("d1", other), first, "{other}");
        }
        assert_ne!(identity("d2", r#"{"type":"m","content":{"a":[1,2]},"message_id":7}"#), first);
        let shifted = |from: &str, id: &str| {
            identity(from, &format!(r#"{{"type":"m","content":"x","message_id":"{id}"}}"#))
        };
        assert_ne!(shifted("d1", "1x"), shifted("d11", "x"), "where one part ends is told");
    }
}
