//! Counts the events in what a connection writes, to know when everything queued is out.

use crate::http::frames::{LENGTH_16, LENGTH_64};

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
    use super::*;
    use crate::effect::Frame;
    use crate::rooms::{EncodedFrame, Pending, Wire, framed_length};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_meter_counts_every_event_however_the_bytes_are_cut(
            sizes in proptest::collection::vec(prop_oneof![0..300usize, Just(125), Just(126), Just(70_000)], 1..8),
            cut in 1..5000usize,
        ) {
            let mut stream = Vec::new();
            let mut expected = Passed::default();
            for size in sizes {
                let frame = Frame::new("x", &"y".repeat(size));
                let written = EncodedFrame::new(frame, &Pending::default());
                let message = written.bytes(Wire::SocketIo);
                prop_assert_eq!(message.len(), framed_length(size + 10));
                expected.messages += 1;
                expected.bytes += message.len();
                stream.extend_from_slice(message);
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
