//! An event as it came, but for what no JSON library would read: its text is untouched until the hub reads it.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::encode::Wire;
use crate::effect::Effects;
use crate::json::{self, Text};

/// Events of this process so far.
static EVENTS: AtomicU64 = AtomicU64::new(0);

/// An event's text: `["event", argument, …]` of Socket.IO, or a plain WebSocket's object.
pub struct Incoming {
    text: Bytes,
    wire: Wire,
    /// The number under which the sender wants an answer.
    pub ack: Option<i64>,
    /// The event's own number, which its lines in the log bear on its whole way.
    pub id: u64,
}

impl Incoming {
    /// A Socket.IO event, with the number of its acknowledgement if one is asked for.
    pub fn packet(text: Bytes, ack: Option<i64>) -> Self {
        Self::new(text, Wire::SocketIo, ack)
    }

    /// A text, or binary, frame of a plain WebSocket.
    pub fn frame(text: Bytes) -> Self {
        Self::new(text, Wire::Plain, None)
    }

    fn new(text: Bytes, wire: Wire, ack: Option<i64>) -> Self {
        Self { text: json::mended(text), wire, ack, id: EVENTS.fetch_add(1, Ordering::Relaxed) + 1 }
    }

    /// Its text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The wire that it came over.
    pub fn wire(&self) -> Wire {
        self.wire
    }

    /// The length of its text.
    pub fn n_bytes(&self) -> usize {
        self.text.len()
    }

    /// The event's name and payload; `None` if a packet is no event at all.
    pub fn read(&self) -> Option<Event<'_>> {
        Event::read(self.wire, &self.text)
    }
}

/// An event that has no name is ignored, and answered if an answer was asked for.
pub fn unread<R>() -> Effects<R> {
    let mut effects = Effects::none();
    effects.ack();
    effects
}

impl<'a> Event<'a> {
    /// An event of that wire, whose text was mended before; `None` if a packet is no event at all.
    ///
    /// What others could not read is none: it may be relayed to the letter.
    pub fn read(wire: Wire, text: &'a [u8]) -> Option<Self> {
        let text = if json::is_readable(text) { text } else { &[] };
        match wire {
            Wire::SocketIo => serde_json::from_slice(text).ok(),
            Wire::Plain => Some(Self::read_frame(text)),
        }
    }

    /// An object's `type` is the event's name, and the object its payload.
    fn read_frame(text: &'a [u8]) -> Self {
        let payload = serde_json::from_slice::<&RawValue>(text).ok();
        let Some(payload) = payload.filter(|payload| payload.get().starts_with('{')) else {
            return Event { name: Cow::Borrowed(""), payload: None };
        };
        let name = json::object(payload.get()).map_or(Cow::Borrowed(""), |typed: Typed<'_>| typed.name.0);
        Event { name, payload: Some(payload) }
    }
}

/// A named event and its payload.
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
        let Text(name) = items.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
        let payload = items.next_element()?;
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Event { name, payload })
    }
}

/// What names a frame of a plain WebSocket.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type")]
    name: Text<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(incoming: &Incoming) -> Option<(String, Option<String>)> {
        let event = incoming.read()?;
        Some((event.name.into_owned(), event.payload.map(|payload| payload.get().to_owned())))
    }

    fn is(found: Option<&(String, Option<String>)>, name: &str, payload: Option<&str>) -> bool {
        found.is_some_and(|(n, p)| n == name && p.as_deref() == payload)
    }

    #[test]
    fn a_packet_is_a_name_and_whatever_follows() {
        let packet = |text: &'static str| read(&Incoming::packet(Bytes::from_static(text.as_bytes()), None));
        assert!(is(packet(r#"["join",{"b":1,"a":2}]"#).as_ref(), "join", Some(r#"{"b":1,"a":2}"#)));
        assert!(is(packet(r#"["jo\u0069n",[1],2,3]"#).as_ref(), "join", Some("[1]")));
        assert!(is(packet(r#"["join"]"#).as_ref(), "join", None));
        assert!(is(packet(r#"["join",null]"#).as_ref(), "join", Some("null")));
        assert_eq!(packet("[]"), None);
        assert_eq!(packet("[1]"), None);
    }

    #[test]
    fn what_others_could_not_read_is_no_event() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        for unreadable in [deep, "9".repeat(5000)] {
            let packet = Incoming::packet(format!("[\"message\",{unreadable}]").into(), None);
            assert_eq!(read(&packet), None, "{unreadable}");
            let frame = Incoming::frame(format!("{{\"type\":\"message\",\"x\":{unreadable}}}").into());
            assert!(is(read(&frame).as_ref(), "", None), "{unreadable}");
        }
    }

    #[test]
    fn a_frame_is_an_object_named_by_its_type() {
        let frame = |text: &'static [u8]| read(&Incoming::frame(Bytes::from_static(text)));
        let join = r#"{"roomId":"a","type":"join"}"#;
        assert!(is(frame(join.as_bytes()).as_ref(), "join", Some(join)));
        assert!(is(frame(br#" {"device_id":"d1"} "#).as_ref(), "", Some(r#"{"device_id":"d1"}"#)));
        assert!(is(frame(br#"{"type":7}"#).as_ref(), "", Some(r#"{"type":7}"#)));
        let twice = r#"{"type":"join","type":"leave"}"#;
        assert!(is(frame(twice.as_bytes()).as_ref(), "leave", Some(twice)));
        let marked = "\u{feff}{\"type\":\"join\"}\n".as_bytes();
        assert!(is(frame(marked).as_ref(), "join", Some(r#"{"type":"join"}"#)));
        assert!(is(
            frame(br#"{"type":"\udc00","\ud83d":0}"#).as_ref(),
            "\u{fffd}",
            Some(r#"{"type":"\ufffd","\ufffd":0}"#)
        ));
        for text in [&b"[1]"[..], b"{", b"\"join\"", b"{\"a\":NaN}", b"\xff\xfe", b"", b"{} {}", b"{}\0"] {
            assert!(is(frame(text).as_ref(), "", None), "{text:?}");
        }
    }
}
