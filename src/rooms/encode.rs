//! Frames as bytes: written once for all members of a wire, as the WebSocket frames that go out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::effect::{Close, Frame};
use crate::runtime::memory;

/// Of a text that is one frame, from a server.
const HEADER: FrameHeader = FrameHeader {
    is_final: true,
    rsv1: false,
    rsv2: false,
    rsv3: false,
    opcode: OpCode::Data(Data::Text),
    mask: None,
};

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

/// How many bytes of written frames there are: each frame once, as long as it waits for any member, and besides each
/// copy that waits for one alone.
#[derive(Debug, Clone, Default)]
pub struct Pending(Arc<AtomicUsize>);

impl Pending {
    /// The bytes.
    pub fn n_bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts a message until the last who has it drops it.
    pub fn count(&self, message: Bytes) -> Bytes {
        self.0.fetch_add(message.len(), Ordering::Relaxed);
        Bytes::from_owner(Counted { message, pending: self.clone() })
    }
}

/// Bytes that wait for one member alone, in copies of its own: they are pending too, at the longest until this is dropped.
#[derive(Default)]
pub struct OwnCopies {
    pending: Pending,
    n_bytes: AtomicUsize,
}

impl OwnCopies {
    /// None yet of all that are pending.
    pub fn of(pending: &Pending) -> Self {
        Self { pending: pending.clone(), n_bytes: AtomicUsize::new(0) }
    }

    /// So many bytes more wait.
    pub fn add(&self, n_bytes: usize) {
        self.n_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        self.pending.0.fetch_add(n_bytes, Ordering::Relaxed);
    }

    /// So many bytes are gone; those that nobody added do not count.
    pub fn remove(&self, n_bytes: usize) {
        let rest = |waiting: usize| Some(waiting.saturating_sub(n_bytes));
        let before = self.n_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest);
        let waiting = before.expect("there is always a rest");
        self.pending.0.fetch_sub(waiting.min(n_bytes), Ordering::Relaxed);
    }

    /// The bytes.
    pub fn n_bytes(&self) -> usize {
        self.n_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for OwnCopies {
    fn drop(&mut self) {
        let left = *self.n_bytes.get_mut();
        self.pending.0.fetch_sub(left, Ordering::Relaxed);
        memory::freed(left);
    }
}

/// A frame that is counted until the last who has it drops it.
struct Counted {
    message: Bytes,
    pending: Pending,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.message
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.pending.0.fetch_sub(self.message.len(), Ordering::Relaxed);
    }
}

/// A frame, and its bytes on each wire that needed them so far.
pub struct EncodedFrame {
    /// What it says.
    pub frame: Frame,
    pending: Pending,
    socketio: OnceLock<Bytes>,
    plain: OnceLock<Bytes>,
}

impl EncodedFrame {
    /// A frame that has not been written yet, and where it is counted.
    pub fn new(frame: Frame, pending: &Pending) -> Self {
        Self { frame, pending: pending.clone(), socketio: OnceLock::new(), plain: OnceLock::new() }
    }

    /// The WebSocket frame: `42["event",payload]`, or the payload alone.
    pub fn bytes(&self, wire: Wire) -> &Bytes {
        let payload = self.frame.text();
        match wire {
            Wire::SocketIo => self.socketio.get_or_init(|| {
                let name = serde_json::to_string(&self.frame.event).expect("a string is written as it is");
                let comma = if payload.is_empty() { "" } else { "," };
                self.pending.count(text_frame(&["42[", &name, comma, payload, "]"]))
            }),
            Wire::Plain => self.plain.get_or_init(|| self.pending.count(text_frame(&[payload]))),
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
    let mut message = Vec::with_capacity(framed_length(length));
    HEADER.format(length as u64, &mut message).expect("memory takes all that is written");
    for part in parts {
        message.extend_from_slice(part.as_bytes());
    }
    message.into()
}

/// Bytes of a text in a WebSocket frame.
pub fn framed_length(text: usize) -> usize {
    HEADER.len(text as u64) + text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_text_in_a_frame_of_either_wire() {
        let frame = Frame::new("play", &json!({"currentTime": 1.5}));
        let written = EncodedFrame::new(frame, &Pending::default());
        assert_eq!(&written.bytes(Wire::SocketIo)[..], b"\x81\x1e42[\"play\",{\"currentTime\":1.5}]");
        assert_eq!(&written.bytes(Wire::Plain)[..], b"\x81\x13{\"currentTime\":1.5}");
        assert_eq!(
            &EncodedFrame::new(Frame::bare("play"), &Pending::default()).bytes(Wire::SocketIo)[..],
            b"\x81\x0a42[\"play\"]"
        );
        assert_eq!(&answer(17, None)[..], b"\x81\x0643\x31\x37[]");
    }

    #[test]
    fn a_frame_is_counted_once_until_the_last_member_has_it() {
        let pending = Pending::default();
        let written = EncodedFrame::new(Frame::bare("play"), &pending);
        assert_eq!(pending.n_bytes(), 0, "not written yet");
        let (one, other) = (written.bytes(Wire::SocketIo).clone(), written.bytes(Wire::SocketIo).slice(5..));
        drop(written);
        assert_eq!(pending.n_bytes(), one.len());
        drop(one);
        assert_eq!(pending.n_bytes(), 12, "a part of it waits");
        drop(other);
        assert_eq!(pending.n_bytes(), 0);
    }

    #[test]
    fn copies_for_one_member_are_pending_until_they_are_gone_or_it_is() {
        let pending = Pending::default();
        let (one, other) = (OwnCopies::of(&pending), OwnCopies::of(&pending));
        one.add(30);
        other.add(12);
        assert_eq!((one.n_bytes(), pending.n_bytes()), (30, 42));
        one.remove(40);
        assert_eq!((one.n_bytes(), pending.n_bytes()), (0, 12), "no more than it had");
        drop(other);
        assert_eq!(pending.n_bytes(), 0);
    }

    #[test]
    fn the_length_of_a_frame_is_known_before_it_is_written() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            assert_eq!(text_frame(&[&"x".repeat(length)]).len(), framed_length(length), "{length}");
        }
    }
}
