//! Messages as bytes: Socket.IO packets in WebSocket frames, written once for all who get them.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::value::RawValue;

use crate::effect::Frame;

/// A final frame of text.
const TEXT: u8 = 0x81;

/// The longest payload whose length stands in the second byte.
const SHORT: usize = 125;

/// Marks a length of two bytes, and one of eight.
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// `42["event",payload]` in a WebSocket frame.
pub fn event(frame: &Frame) -> Bytes {
    let name = serde_json::to_string(&frame.event).expect("a string is written as it is");
    framed(&["42[", &name, ",", frame.payload.get(), "]"])
}

/// `43id[payload]` in a WebSocket frame.
pub fn acknowledgement(id: i64, payload: Option<&RawValue>) -> Bytes {
    framed(&["43", &id.to_string(), "[", payload.map_or("", RawValue::get), "]"])
}

/// A text in a frame of its own.
fn framed(parts: &[&str]) -> Bytes {
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

/// Whether a packet is an event or an acknowledgement, and not of the library's own making.
pub fn is_ours(packet: &[u8]) -> bool {
    matches!(packet, [b'4', b'2' | b'3', ..])
}

/// The longest head of a server's frame, and two bytes more.
const PEEKED: usize = 12;

/// Counts the events in what a WebSocket server writes, however it is cut into pieces.
#[derive(Debug, Default)]
pub struct Meter {
    /// The head of a frame and the first two bytes of its payload…
    head: [u8; PEEKED],
    /// …as far as they are here.
    n_head: usize,
    /// Bytes of the current frame that are still to come.
    left: usize,
}

/// What has gone by.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Events and acknowledgements that are out whole.
    pub messages: usize,
    /// Their bytes, frames included.
    pub bytes: usize,
}

impl Meter {
    /// Looks at the next bytes.
    pub fn watch(&mut self, mut bytes: &[u8]) -> Passed {
        let mut passed = Passed::default();
        while !bytes.is_empty() {
            if self.left == 0 {
                self.head[self.n_head] = bytes[0];
                self.n_head += 1;
                bytes = &bytes[1..];
                let Some((head, payload)) = lengths(&self.head[..self.n_head]) else { continue };
                let peeked = self.n_head - head;
                if peeked < payload.min(2) {
                    continue;
                }
                self.left = payload - peeked;
            }
            let taken = self.left.min(bytes.len());
            self.left -= taken;
            bytes = &bytes[taken..];
            if self.left == 0 {
                self.finish(&mut passed);
            }
        }
        passed
    }

    fn finish(&mut self, passed: &mut Passed) {
        let known = &self.head[..self.n_head];
        if let Some((head, payload)) = lengths(known)
            && is_ours(&known[head..])
        {
            passed.messages += 1;
            passed.bytes += head + payload;
        }
        self.n_head = 0;
    }
}

/// The lengths of a server's frame head and of its payload, once enough of it is here.
fn lengths(head: &[u8]) -> Option<(usize, usize)> {
    let be = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    match *head.get(1)? & 0x7f {
        LENGTH_16 => Some((4, be(head.get(2..4)?))),
        LENGTH_64 => Some((10, be(head.get(2..10)?))),
        length => Some((2, usize::from(length))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_text_in_a_frame() {
        let message = event(&Frame::new("play", &json!({"currentTime": 1.5})));
        assert_eq!(&message[..], b"\x81\x1e42[\"play\",{\"currentTime\":1.5}]");
        assert_eq!(&acknowledgement(17, None)[..], b"\x81\x0643\x31\x37[]");
    }

    proptest! {
        #[test]
        fn the_meter_counts_every_event_however_the_bytes_are_cut(
            sizes in proptest::collection::vec(prop_oneof![0..300usize, Just(125), Just(126), Just(70_000)], 1..8),
            cut in 1..5000usize,
        ) {
            let mut stream = Vec::new();
            let mut expected = Passed::default();
            for size in sizes {
                let message = event(&Frame::new("x", &"y".repeat(size)));
                prop_assert_eq!(message.len(), framed_length(size + 10));
                expected.messages += 1;
                expected.bytes += message.len();
                stream.extend_from_slice(&message);
                // A ping, a noop of nothing, a close frame: none of them ours.
                stream.extend_from_slice(b"\x81\x012\x81\x00\x88\x02\x03\xe8");
            }
            let mut meter = Meter::default();
            let mut passed = Passed::default();
            for piece in stream.chunks(cut) {
                let more = meter.watch(piece);
                passed.messages += more.messages;
                passed.bytes += more.bytes;
            }
            prop_assert_eq!(passed, expected);
        }
    }
}
