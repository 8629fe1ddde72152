//! Fuzz target of a WebSocket client's frames: however they are cut, the reader gets the same messages.

use std::io::{self, Cursor, Read, Write};

use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

use crate::http::frames::{Frames, Passed, ShortMessages, TextCheck, Violation};

const MAX_MESSAGE_BYTES: usize = 20_000;
const SHORT: ShortMessages = ShortMessages { opening: *b"40/", max_bytes: 10 };

/// More than the payload of three fragments.
const MORE_BYTES: usize = 13_000;

/// What a client sends; and that with more bytes behind it, so that a large frame has a payload.
pub fn frames(input: &[u8]) {
    judge(input);
    judge(&[input, &[b'x'; MORE_BYTES]].concat());
}

fn judge(stream: &[u8]) {
    let (output, violation, _) = pass(stream, stream.len().max(1), MAX_MESSAGE_BYTES);
    for piece in [1, 2, 7] {
        let (in_pieces, found, _) = pass(stream, piece, MAX_MESSAGE_BYTES);
        assert_eq!(found, violation, "in pieces of {piece}");
        // What breaks a rule shows earlier if more is seen at once.
        let passed = if violation.is_some() { in_pieces.get(..output.len()) } else { Some(&in_pieces[..]) };
        assert_eq!(passed, Some(&output[..]), "in pieces of {piece}");
    }
    let (messages, end) = read(output, MAX_MESSAGE_BYTES);
    assert!(is_no_fault_of_a_head(&end), "the library refuses what goes on: {end}");
    let (sent, _) = read(stream.to_vec(), MAX_MESSAGE_BYTES);
    if violation.is_some() {
        assert!(sent.starts_with(&messages));
    } else {
        assert_eq!(messages, sent);
    }
}

/// What goes on of a stream that comes in pieces.
pub(in crate::http) fn pass(
    stream: &[u8],
    piece: usize,
    max_bytes: usize,
) -> (Vec<u8>, Option<Violation>, Frames) {
    let mut frames = Frames::new(max_bytes, Some(SHORT), TextCheck::ByTheReader);
    let (mut output, mut n_given) = (Vec::new(), 0);
    for bytes in stream.chunks(piece) {
        let (passed, violation) = frames.take(bytes);
        match passed {
            Passed::AsTheyAre(n) => output.extend_from_slice(&bytes[..n]),
            Passed::Rewritten(other) => output.extend(other),
        }
        if violation.is_some() {
            return (output, violation, frames);
        }
        n_given += bytes.len();
        assert!(frames.held_bytes() <= n_given.min(max_bytes + usize::from(u8::MAX)));
        assert!(frames.held_bytes() == 0 || frames.under_way().is_some());
    }
    (output, None, frames)
}

/// The stream ends, or something is wrong that shows only in a whole message.
fn is_no_fault_of_a_head(error: &Error) -> bool {
    use ProtocolError::{InvalidCloseSequence, ResetWithoutClosingHandshake};
    match error {
        Error::ConnectionClosed | Error::Utf8(_) => true,
        Error::Protocol(error) => matches!(error, ResetWithoutClosingHandshake | InvalidCloseSequence),
        _ => false,
    }
}

/// All messages that the library reads, and why it reads no more.
pub(in crate::http) fn read(stream: Vec<u8>, max_bytes: usize) -> (Vec<Message>, Error) {
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(max_bytes);
    config.max_frame_size = Some(max_bytes);
    let mut socket = WebSocket::from_raw_socket(Incoming(Cursor::new(stream)), Role::Server, Some(config));
    let mut messages = Vec::new();
    loop {
        match socket.read() {
            Ok(message) => messages.push(message),
            Err(error) => return (messages, error),
        }
    }
}

/// What a server reads; its pongs go nowhere.
struct Incoming(Cursor<Vec<u8>>);

impl Read for Incoming {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Incoming {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
