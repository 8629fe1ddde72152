//! An event as it came: its text untouched until the hub reads it, and the way to acknowledge it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use socketioxide::extract::AckSender;
use socketioxide::handler::{FromMessageParts, Value};
use socketioxide::socket::Socket;

/// The text `["event", argument, …]`, with its acknowledgement if the sender asked for one.
pub struct Incoming {
    packet: Value,
    reply: Option<Reply>,
}

/// The way to acknowledge an event, once.
pub struct Reply {
    /// The number that the sender knows it by.
    pub id: i64,
    /// The way through the socket's queue.
    pub sender: AckSender,
}

impl Incoming {
    /// Takes a packet as socketioxide hands it over.
    pub fn new(socket: &Arc<Socket>, mut packet: Value, ack_id: Option<i64>) -> Self {
        let reply = ack_id.map(|id| {
            let Ok(sender) = AckSender::from_message_parts(socket, &mut packet, &ack_id);
            Reply { id, sender }
        });
        Self { packet, reply }
    }

    /// An event that nobody sent.
    #[cfg(test)]
    pub fn of(text: &'static str) -> Self {
        Self { packet: Value::Str(text.into(), None), reply: None }
    }

    /// The length of its text.
    pub fn n_bytes(&self) -> usize {
        self.text().len()
    }

    /// The event's name and first argument; `None` if it is no event at all.
    pub fn read(&self) -> Option<Event<'_>> {
        serde_json::from_str(self.text()).ok()
    }

    /// Takes the way to acknowledge it, if its sender asked for that.
    pub fn take_reply(&mut self) -> Option<Reply> {
        self.reply.take()
    }

    fn text(&self) -> &str {
        match &self.packet {
            Value::Str(text, _) => text.as_str(),
            Value::Bytes(_) => "",
        }
    }
}

/// A named event and its first argument.
#[derive(Debug)]
pub struct Event<'a> {
    pub name: Cow<'a, str>,
    pub payload: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Event<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(EventReader)
    }
}

struct EventReader;

impl<'de> Visitor<'de> for EventReader {
    type Value = Event<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of a name and arguments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Event<'de>, A::Error> {
        let name: Name<'de> = items.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
        let payload = items.next_element()?;
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Event { name: name.0, payload })
    }
}

/// Borrowed where the text has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, Option<String>)> {
        let event: Event<'_> = serde_json::from_str(text).ok()?;
        Some((event.name.into_owned(), event.payload.map(|payload| payload.get().to_owned())))
    }

    #[test]
    fn an_event_is_a_name_and_whatever_follows() {
        let of = |name: &str, payload: Option<&str>| Some((name.to_owned(), payload.map(str::to_owned)));
        assert_eq!(read(r#"["join",{"b":1,"a":2}]"#), of("join", Some(r#"{"b":1,"a":2}"#)));
        assert_eq!(read(r#"["jo\u0069n",[1],2,3]"#), of("join", Some("[1]")));
        assert_eq!(read(r#"["join"]"#), of("join", None));
        assert_eq!(read(r#"["join",null]"#), of("join", Some("null")));
        assert_eq!(read("[]"), None);
        assert_eq!(read("[1]"), None);
    }
}
