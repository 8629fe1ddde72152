//! Frames as bytes: written once for all members of a wire, as the WebSocket frames that go out.

use std::sync::OnceLock;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::effect::{Close, Frame};

/// A final frame of text.
const TEXT: u8 = 0x81;

/// The longest payload whose length stands in the second byte.
const SHORT: usize = 125;

/// Marks a length of two bytes.
pub const LENGTH_16: u8 = 126;

/// Marks a length of eight bytes.
pub const LENGTH_64: u8 = 127;

/// In which form members are told of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wire {
    /// Socket.IO packets.
    #[serde(rename = "s")]
    SocketIo,
    /// Bare JSON objects, one in each text frame.
    #[serde(rename = "p")]
    Plain,
}

/// A frame, and its bytes on each wire that needed them so far.
pub struct EncodedFrame {
    /// What it says.
    pub frame: Frame,
    socketio: OnceLock<Bytes>,
    plain: OnceLock<Bytes>,
}

impl EncodedFrame {
    /// A frame that has not been written yet.
    pub fn new(frame: Frame) -> Self {
        Self { frame, socketio: OnceLock::new(), plain: OnceLock::new() }
    }

    /// The WebSocket frame: `42["event",payload]`, or the payload alone.
    pub fn bytes(&self, wire: Wire) -> &Bytes {
        let payload = self.frame.text();
        match wire {
            Wire::SocketIo => self.socketio.get_or_init(|| {
                let name = serde_json::to_string(&self.frame.event).expect("a string is written as it is");
                let comma = if payload.is_empty() { "" } else { "," };
                text_frame(&["42[", &name, comma, payload, "]"])
            }),
            Wire::Plain => self.plain.get_or_init(|| text_frame(&[payload])),
        }
    }
}

/// `43id[payload]` in a WebSocket frame; a plain WebSocket has no answers.
pub fn answer(id: i64, payload: Option<&RawValue>) -> Bytes {
    text_frame(&["43", &id.to_string(), "[", payload.map_or("", RawValue::get), "]"])
}

/// What tells a client to go and not to come back, on a wire that has words for it.
pub fn goodbye(wire: Wire, close: Close) -> Option<Bytes> {
    match (wire, close) {
        (Wire::SocketIo, Close::Done | Close::Violation | Close::TooBig) => Some(text_frame(&["41"])),
        (Wire::SocketIo, Close::GoingAway) | (Wire::Plain, _) => None,
    }
}

/// A text in a frame of its own.
pub fn text_frame(parts: &[&str]) -> Bytes {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut message = BytesMut::with_capacity(framed_length(length));
    message.put_u8(TEXT);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if usize::from(short) <= SHORT => message.put_u8(short),
        (_, Ok(length)) => {
            message.put_u8(LENGTH_16);
            message.put_u16(length);
        }
        _ => {
            message.put_u8(LENGTH_64);
            message.put_u64(length as u64);
        }
    }
    for part in parts {
        message.put_slice(part.as_bytes());
    }
    message.freeze()
}

/// Bytes of a text in a WebSocket frame.
pub fn framed_length(text: usize) -> usize {
    text + match text {
        0..=SHORT => 2,
        126..=0xffff => 4,
        _ => 10,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_text_in_a_frame_of_either_wire() {
        let frame = Frame::new("play", &json!({"currentTime": 1.5}));
        let written = EncodedFrame::new(frame);
        assert_eq!(&written.bytes(Wire::SocketIo)[..], b"\x81\x1e42[\"play\",{\"currentTime\":1.5}]");
        assert_eq!(&written.bytes(Wire::Plain)[..], b"\x81\x13{\"currentTime\":1.5}");
        assert_eq!(
            &EncodedFrame::new(Frame::bare("play")).bytes(Wire::SocketIo)[..],
            b"\x81\x0a42[\"play\"]"
        );
        assert_eq!(&answer(17, None)[..], b"\x81\x0643\x31\x37[]");
    }

    #[test]
    fn the_length_of_a_frame_is_known_before_it_is_written() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            assert_eq!(text_frame(&[&"x".repeat(length)]).len(), framed_length(length), "{length}");
        }
    }
}
