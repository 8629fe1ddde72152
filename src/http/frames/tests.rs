//! What goes on of frames: the same messages in smaller frames, and nothing that breaks the protocol.

use proptest::prelude::*;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::http::fuzz;
use crate::http::fuzz::frames::pass;

const MAX_BYTES: usize = 100_000;

/// A client's frame; the mask is the one that a real client would have made up.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(MASKED | length as u8),
        length @ 126..=0xffff => {
            frame.push(MASKED | LENGTH_16);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(MASKED | LENGTH_64);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// What goes on of bytes that come in pieces.
fn passed(bytes: &[u8], piece: usize) -> (Vec<u8>, Option<Violation>, Frames) {
    pass(bytes, piece, MAX_BYTES)
}

/// The messages that a server reads, without pings.
fn read(bytes: Vec<u8>) -> Vec<Message> {
    let (mut messages, _) = fuzz::frames::read(bytes, MAX_BYTES);
    messages.retain(|message| message.is_text() || message.is_binary());
    messages
}

proptest! {
    #[test]
    fn a_reader_gets_the_same_messages_in_small_frames(
        sizes in proptest::collection::vec(prop_oneof![0..300_usize, Just(4096), Just(4097), 1000..70_000_usize], 1..6),
        piece in prop_oneof![1..40_usize, 1000..9000_usize],
    ) {
        let mut stream = Vec::new();
        for (i, size) in sizes.iter().enumerate() {
            let text = "ä".repeat(size / 2);
            let (start, end) = text.as_bytes().split_at(size / 3);
            match i % 3 {
                0 => stream.extend(frame(FINAL | TEXT, text.as_bytes())),
                1 => stream.extend([frame(BINARY, start), frame(0x89, b"ping"), frame(FINAL, end)].concat()),
                _ => stream.extend([frame(TEXT, start), frame(0, b""), frame(FINAL, end)].concat()),
            }
        }
        let (output, violation, frames) = passed(&stream, piece);
        prop_assert_eq!(violation, None);
        prop_assert_eq!((frames.held_bytes(), frames.under_way()), (0, None));
        let messages = read(stream);
        prop_assert_eq!(messages.len(), sizes.len());
        prop_assert!(output.len() < messages.iter().map(Message::len).sum::<usize>() * 102 / 100 + 200);
        prop_assert_eq!(read(output), messages);
    }
}

#[test]
fn an_unfinished_message_counts_as_what_has_come_of_it() {
    let large = frame(FINAL | TEXT, &vec![b'x'; 50_000]);
    let (_, _, mut frames) = passed(&large[..30_008], 4096);
    assert_eq!((frames.held_bytes(), frames.under_way()), (30_000, Some(0)));
    frames.take(&large[30_008..]);
    assert_eq!((frames.held_bytes(), frames.under_way()), (0, None));
    let parts = [frame(FINAL | TEXT, b"one"), frame(TEXT, &[b'x'; 500]), frame(FINAL | 0x9, b"")].concat();
    let (_, _, frames) = passed(&parts, 7);
    assert_eq!((frames.held_bytes(), frames.under_way()), (500, Some(1)));
    assert_eq!(passed(&large[..1], 1).2.under_way(), Some(0), "half a head is a message under way");
}

#[test]
fn what_breaks_the_protocol_is_told_apart_and_what_came_before_it_goes_on() {
    let good = frame(FINAL | TEXT, b"good");
    let too_big = [FINAL | TEXT, MASKED | LENGTH_64, 0xff, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4];
    let fragments = [frame(TEXT, &vec![b'x'; 60_000]), frame(FINAL, &vec![b'x'; 60_000])].concat();
    for (bad, violation) in [
        (vec![FINAL | TEXT, 4], Violation::Malformed),
        (frame(FINAL | 0x40 | TEXT, b"compressed"), Violation::Malformed),
        (frame(FINAL | 0x3, b"reserved"), Violation::Malformed),
        (frame(FINAL | 0xb, b"reserved"), Violation::Malformed),
        (frame(9, b"a ping in parts"), Violation::Malformed),
        (frame(FINAL | 0x9, &[0; 126]), Violation::Malformed),
        (frame(FINAL, b"continues nothing"), Violation::Malformed),
        ([frame(TEXT, b"a"), frame(FINAL | TEXT, b"b")].concat(), Violation::Malformed),
        (too_big.to_vec(), Violation::TooBig),
        (frame(FINAL | BINARY, &vec![0; MAX_BYTES + 1]), Violation::TooBig),
        (fragments, Violation::TooBig),
        (frame(FINAL | TEXT, b"40/too long"), Violation::TooBig),
        ([frame(TEXT, b"4"), frame(0, b"0/"), frame(FINAL, b"too long")].concat(), Violation::TooBig),
    ] {
        for piece in [1, 5, 4096] {
            let (output, found, _) = passed(&[&good[..], &bad].concat(), piece);
            assert_eq!(found, Some(violation), "{:?}", &bad[..2]);
            assert!(output.starts_with(&good));
        }
    }
    let large = vec![b'x'; MAX_BYTES];
    for good in [&large[..], b"40/short", b"40{}, long enough", b"42/another"] {
        assert_eq!(passed(&frame(FINAL | TEXT, good), 4096).1, None);
    }
}

#[test]
fn a_ping_between_the_parts_of_a_short_message_is_no_part_of_it() {
    let parts = [frame(TEXT, b"40/abc"), frame(FINAL | 0x9, b"a long ping"), frame(FINAL, b"")].concat();
    for piece in [1, 4096] {
        assert_eq!(passed(&parts, piece).1, None);
    }
}

#[test]
fn a_text_is_checked_however_it_is_cut() {
    let check = |text: &[u8], n_first: usize, n_bytes: usize| {
        let (first, rest) = text.split_at(n_first);
        let bytes = [frame(TEXT, first), frame(FINAL | PONG, b"\xff"), frame(FINAL, rest)].concat();
        let mut frames = Frames::new(MAX_BYTES, None, TextCheck::Here);
        bytes.chunks(n_bytes).find_map(|piece| frames.take(piece).1)
    };
    let text = "h\u{e9}llo, \u{20ac} \u{1f600}".as_bytes();
    for n_first in 0..=text.len() {
        for n_bytes in 1..30 {
            assert_eq!(check(text, n_first, n_bytes), None, "{n_first} {n_bytes}");
            let half = &text[..text.len() - 1];
            let violation = check(half, n_first.min(half.len()), n_bytes);
            assert_eq!(violation, Some(Violation::NotText), "{n_first} {n_bytes}");
            let wrong = [&text[..3], b"(\xc3(", &text[3..]].concat();
            assert_eq!(check(&wrong, n_first, n_bytes), Some(Violation::NotText), "{n_first} {n_bytes}");
        }
    }
    let long = "\u{20ac}".repeat(20_000);
    assert_eq!(check(long.as_bytes(), 10_000, 1_500), None);
    assert_eq!(check(&long.as_bytes()[1..], 10_000, 1_500), Some(Violation::NotText));
}
