//! Packets of Engine.IO 4 and Socket.IO 5, as a client writes and reads them.
//!
//! The server's side shares nothing with this one, so whoever uses it holds the server against the protocol.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// Where a session begins that runs over a WebSocket.
pub const WEBSOCKET_PATH: &str = "/socket.io/?EIO=4&transport=websocket";

/// Where a session begins that polls.
pub const POLLING_PATH: &str = "/socket.io/?EIO=4&transport=polling";

/// Stands between the packets of one request, or of one answer, of a session that polls.
pub const SEPARATOR: char = '\u{1e}';

/// Ends a session.
pub const CLOSE: &str = "1";

/// Asks whether the other side is there.
pub const PING: &str = "2";

/// Says so.
pub const PONG: &str = "3";

/// Answers a poll when there is nothing to say.
pub const NOOP: &str = "6";

/// How the packet begins that opens a session.
pub const OPEN: &str = "0";

/// How the packets begin that ask for the namespace, and that give it.
pub const CONNECT: &str = "40";

/// How the packet begins that leaves the namespace.
pub const DISCONNECT: &str = "41";

/// How an event begins.
pub const EVENT: &str = "42";

/// How the answer to an event begins.
pub const ANSWER: &str = "43";

/// Asks to join the namespace; `auth` is JSON, or nothing.
pub fn connect(auth: &str) -> String {
    format!("{CONNECT}{auth}")
}

/// An event.
pub fn event(name: &str, payload: &Value) -> String {
    format!("{EVENT}{}", json!([name, payload]))
}

/// An event that is to be answered under a number.
pub fn question(id: u64, name: &str, payload: Option<&Value>) -> String {
    let arguments = payload.map_or_else(|| json!([name]), |payload| json!([name, payload]));
    format!("{EVENT}{id}{arguments}")
}

/// What a server says.
#[derive(Debug, Clone, PartialEq)]
pub enum Packet {
    /// A session is open; what the server says of it.
    Opened(Value),
    /// The namespace is joined, under this id.
    Joined(String),
    /// The namespace is left.
    Left,
    /// An event and its first argument.
    Event(String, Value),
    /// The first argument of the answer to a question.
    Answer(u64, Value),
}

impl Packet {
    /// Reads a packet.
    ///
    /// # Errors
    /// It is none that a client is sent.
    pub fn read(text: &str) -> Result<Self> {
        let told = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        if let Some(rest) = text.strip_prefix(EVENT) {
            let mut parts = arguments(rest)?.into_iter();
            let name = parts.next().and_then(|name| name.as_str().map(str::to_owned));
            Ok(Self::Event(name.context("an event without a name")?, parts.next().unwrap_or_default()))
        } else if let Some(rest) = text.strip_prefix(ANSWER) {
            let (id, data) = rest.split_at(rest.len() - without_digits(rest).len());
            Ok(Self::Answer(id.parse()?, arguments(data)?.into_iter().next().unwrap_or_default()))
        } else if let Some(rest) = text.strip_prefix(CONNECT) {
            Ok(Self::Joined(told(rest)["sid"].as_str().unwrap_or_default().to_owned()))
        } else if text.starts_with(DISCONNECT) {
            Ok(Self::Left)
        } else if let Some(rest) = text.strip_prefix(OPEN) {
            Ok(Self::Opened(told(rest)))
        } else {
            bail!("no packet: {text}")
        }
    }
}

fn arguments(text: &str) -> Result<Vec<Value>> {
    serde_json::from_str(without_digits(text)).with_context(|| format!("no event: {text}"))
}

fn without_digits(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_as_the_protocol_says() {
        let read = |text: &str| Packet::read(text).unwrap();
        assert_eq!(
            read(r#"0{"sid":"a","upgrades":[]}"#),
            Packet::Opened(json!({"sid": "a", "upgrades": []}))
        );
        assert_eq!(read(r#"40{"sid":"b"}"#), Packet::Joined("b".into()));
        assert_eq!(read("41"), Packet::Left);
        assert_eq!(read(r#"42["x",{"y":1}]"#), Packet::Event("x".into(), json!({"y": 1})));
        assert_eq!(read(r#"427["x"]"#), Packet::Event("x".into(), Value::Null));
        assert_eq!(read(r#"4317["yes"]"#), Packet::Answer(17, json!("yes")));
        assert_eq!(read("430[]"), Packet::Answer(0, Value::Null));
        for text in ["", "2", "5", r#"44{"message":"no"}"#, "42{}", "42[]", "43[]"] {
            assert!(Packet::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn packets_are_written_as_the_protocol_says() {
        assert_eq!(connect(""), "40");
        assert_eq!(event("x", &json!({"y": 1})), r#"42["x",{"y":1}]"#);
        assert_eq!(question(3, "x", None), r#"423["x"]"#);
        assert_eq!(question(0, "x", Some(&json!(1))), r#"420["x",1]"#);
    }
}
