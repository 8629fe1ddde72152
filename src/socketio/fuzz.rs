//! Fuzz targets of Engine.IO and Socket.IO.

use bytes::Bytes;

use super::conversation::{Packet, Unread};
use super::engine::id_of_handshake;
use super::meter::{Meter, Passed};
use super::post::{self, MAX_NAMESPACE_BYTES};
use super::seal::Seal;
use super::token_of;
use crate::rooms::Incoming;

/// A text as a client sends it, in either transport.
pub fn packet(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let _ = (id_of_handshake(&text), token_of(&text));
    let seal = Seal::new("east-1");
    assert_eq!(seal.open(&text), None, "an id that was not sealed here");
    match Packet::read(&text) {
        Ok(Packet::Event { ack, begins }) => {
            let data = &text[begins..];
            assert!(ack.is_some() || !data.starts_with(|c: char| c.is_ascii_digit()));
            let _ = Incoming::packet(Bytes::copy_from_slice(data.as_bytes()), ack).read();
        }
        Ok(Packet::Connect { auth }) => {
            let _ = token_of(auth);
        }
        Ok(_) | Err(_) => {}
    }
}

/// A polling client's payload: each packet of it is judged as it would be on a WebSocket.
pub fn post(input: &[u8]) {
    let packets = || input.split(|byte| *byte == post::SEPARATOR);
    assert_eq!(post::is_abusive(input), packets().any(post::is_abusive));
    for packet in packets() {
        let Some(text) = packet.strip_prefix(b"4").and_then(|text| str::from_utf8(text).ok()) else {
            continue;
        };
        match Packet::read(text) {
            Err(Unread::Elsewhere(namespace)) if namespace.len() > MAX_NAMESPACE_BYTES => {
                assert!(post::is_abusive(packet), "what ends a WebSocket is taken from a poll");
            }
            // The library takes a query as part of the name.
            Err(Unread::Elsewhere(_)) | Ok(Packet::Connect { .. }) => {}
            Ok(_) | Err(Unread::Malformed) => assert!(!post::is_abusive(packet), "no connect packet"),
        }
    }
}

/// WebSocket frames as they are written: the same count however they are cut.
pub fn meter(input: &[u8]) {
    let count = |n: usize| {
        let mut meter = Meter::default();
        input.chunks(n).map(|piece| meter.watch(piece)).fold(Passed::default(), |sum, more| Passed {
            messages: sum.messages + more.messages,
            bytes: sum.bytes + more.bytes,
        })
    };
    let whole = count(input.len().max(1));
    assert!(whole.bytes <= input.len() && whole.messages * 4 <= whole.bytes);
    for n in [1, 2, 7] {
        assert_eq!(count(n), whole);
    }
}
