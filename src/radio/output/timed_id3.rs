//! The tag in front of a segment of HLS: `ID3v2.4`, as players of packed audio read it. Pure: no I/O, no clock.

use bytes::{BufMut, Bytes, BytesMut};

use crate::audio::streams::Tags;

/// What Apple's players read a segment's time from, in units of 1/90,000 s.
const OWNER: &[u8] = b"com.apple.streaming.transportStreamTimestamp\0";

/// Bytes of a title or an artist, as long as nobody reads them to the end.
const MAX_TEXT_BYTES: usize = 1_000;

/// What says that a text is in UTF-8.
const UTF_8: u8 = 3;

/// The tag with which a segment begins: at which second of the stream, and under which title.
pub fn beginning(seconds: f64, tags: &Tags) -> Bytes {
    let ticks = (seconds * 90_000.0).round() as u64 & 0x1_ffff_ffff;
    let mut frames = frame(*b"PRIV", &[OWNER, &ticks.to_be_bytes()].concat());
    if !tags.title.is_empty() {
        frames.extend(texts(tags));
    }
    tag(&frames)
}

fn texts(Tags { title, artist }: &Tags) -> Vec<u8> {
    let mut frames = text(*b"TIT2", title);
    if !artist.is_empty() {
        frames.extend(text(*b"TPE1", artist));
    }
    frames
}

fn text(id: [u8; 4], text: &str) -> Vec<u8> {
    let end = text.floor_char_boundary(MAX_TEXT_BYTES);
    frame(id, &[&[UTF_8], &text.as_bytes()[..end]].concat())
}

fn frame(id: [u8; 4], body: &[u8]) -> Vec<u8> {
    [&id[..], &size(body), &[0, 0], body].concat()
}

fn tag(frames: &[u8]) -> Bytes {
    let mut tag = BytesMut::with_capacity(10 + frames.len());
    tag.put_slice(b"ID3\x04\0\0");
    tag.put_slice(&size(frames));
    tag.put_slice(frames);
    tag.freeze()
}

/// A length in four bytes of seven bits: none of them is taken for the beginning of a frame of sound.
fn size(bytes: &[u8]) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (bytes.len() >> shift) as u8 & 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::id3::{self, Field};

    #[test]
    fn a_segment_begins_with_its_time_title_and_artist() {
        let tags = Tags { title: "Blåu".into(), artist: "歌".repeat(500) };
        let tag = beginning(6.0, &tags);
        assert_eq!(tag[65..73], 540_000_u64.to_be_bytes());
        let expected = [Field::Title("Blåu".into()), Field::Artist("歌".repeat(333))];
        assert_eq!(id3::read_v2(&tag), expected, "cut between characters");
    }

    #[test]
    fn without_a_title_there_is_the_time_alone() {
        assert_eq!(beginning(0.0, &Tags::default()).len(), 73);
    }
}
