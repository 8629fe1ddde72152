//! The encoded sound of a stream, once for all listeners: as it is, and once more with titles woven in, unless they stand
//! in the sound itself.
//!
//! A title block stands after each 16,000 bytes of sound, at the same places for all who ask for titles. Whoever
//! joins at a frame boundary between two places first gets a tag that players skip, as long as the distance, so
//! that the next block comes where it must. Frames, chunks and titles are bytes here; there is no clock.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use crate::audio::streams::Piece;

/// Bytes of sound between two titles, as in the contract.
pub const META_INTERVAL: usize = 16_000;

/// The longest title block: 255 times 16 bytes.
const MAX_TITLE_BYTES: usize = 4080;

/// A tag that players skip has at least its own head.
const TAG_HEAD: usize = 10;

/// What a listener asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IcyMode {
    /// Sound alone.
    Plain,
    /// Titles among the sound.
    Titled,
}

#[derive(Debug)]
struct Chunk {
    plain: Bytes,
    titled: Bytes,
    /// Bytes of sound since the last title block, at the chunk's start.
    phase: usize,
    seconds: f64,
    /// What whoever begins here is sent first, and whether the chunk has that itself.
    head: Bytes,
    has_head: bool,
}

/// The last minutes of sound.
#[derive(Debug)]
pub struct Ring {
    chunks: VecDeque<Chunk>,
    /// The number of the oldest chunk.
    oldest: u64,
    n_bytes: usize,
    max_bytes: usize,
    phase: usize,
    /// Whether titles are woven in.
    is_titled: bool,
    merged: [Option<(u64, u64, Bytes)>; 2],
}

impl Ring {
    /// An empty ring for this many bytes of sound.
    pub fn new(max_bytes: usize) -> Self {
        let merged = [None, None];
        Self { chunks: VecDeque::new(), oldest: 0, n_bytes: 0, max_bytes, phase: 0, is_titled: true, merged }
    }

    /// The same for sound in which titles stand already.
    pub fn untitled(max_bytes: usize) -> Self {
        Self { is_titled: false, ..Self::new(max_bytes) }
    }

    /// Adds whole frames, under a title; gives them back as they lie here.
    pub fn push(&mut self, sound: &[u8], title: &Bytes, seconds: f64) -> Bytes {
        let piece = Piece { bytes: sound.to_vec(), seconds, head: Bytes::new(), has_head: false };
        self.push_piece(piece, title)
    }

    /// Adds a chunk with its title; returns it as it is in the ring.
    pub fn push_piece(&mut self, piece: Piece, title: &Bytes) -> Bytes {
        let phase = self.phase;
        let plain = Bytes::from(piece.bytes);
        let titled = if self.is_titled { self.weave(&plain, title) } else { Bytes::new() };
        self.n_bytes += plain.len();
        let Piece { seconds, head, has_head, .. } = piece;
        self.chunks.push_back(Chunk { plain: plain.clone(), titled, phase, seconds, head, has_head });
        self.merged = [None, None];
        while self.n_bytes > self.max_bytes && self.chunks.len() > 1 {
            let gone = self.chunks.pop_front().map_or(0, |chunk| chunk.plain.len());
            self.n_bytes -= gone;
            self.oldest += 1;
        }
        plain
    }

    /// Drops all sound. What comes goes on with the next number.
    pub fn clear(&mut self) {
        self.oldest = self.head();
        self.chunks.clear();
        self.n_bytes = 0;
        self.merged = [None, None];
    }

    /// The number that the next chunk will have.
    pub fn head(&self) -> u64 {
        self.oldest + self.chunks.len() as u64
    }

    /// Whether a chunk has left the ring.
    pub fn is_lost(&self, number: u64) -> bool {
        number < self.oldest
    }

    /// Where to begin so that `seconds` lie before the head; with titles, where the least must be filled up.
    pub fn start(&self, seconds: f64, icy_mode: IcyMode) -> u64 {
        let mut held = 0.0;
        let mut number = self.head();
        for chunk in self.chunks.iter().rev() {
            if held + chunk.seconds > seconds + 0.001 {
                break;
            }
            held += chunk.seconds;
            number -= 1;
        }
        if icy_mode == IcyMode::Plain {
            return number;
        }
        // A chunk or two later, its place may be nearer to a title's.
        let candidates = number..(number + 3).min(self.head().max(number + 1));
        candidates
            .filter(|number| self.is_fillable(*number))
            .min_by_key(|number| self.phase_at(*number))
            .unwrap_or(number)
    }

    /// What must come before that chunk, for one who has none of the sound yet.
    pub fn opening(&self, number: u64, icy_mode: IcyMode) -> Bytes {
        match icy_mode {
            IcyMode::Plain => self
                .chunk(number)
                .filter(|chunk| !chunk.has_head)
                .map(|chunk| chunk.head.clone())
                .unwrap_or_default(),
            IcyMode::Titled => skipped_tag(self.phase_at(number)),
        }
    }

    /// The head of the chain that a chunk is of.
    pub fn head_of(&self, number: u64) -> Option<&Bytes> {
        self.chunk(number).map(|chunk| &chunk.head)
    }

    /// What leads from one place to another, for one who loses what lies between.
    pub fn bridge(&self, from_phase: usize, number: u64) -> Bytes {
        let to = self.phase_at(number);
        let mut bytes = BytesMut::new();
        if to >= from_phase {
            bytes.put_bytes(0, to - from_phase);
        } else {
            bytes.put_bytes(0, META_INTERVAL - from_phase);
            // An empty title: nothing has changed.
            bytes.put_u8(0);
            bytes.put_bytes(0, to);
        }
        bytes.freeze()
    }

    /// Bytes of sound since the last title, at a chunk's start.
    pub fn phase_at(&self, number: u64) -> usize {
        self.chunk(number).map_or(self.phase, |chunk| chunk.phase)
    }

    fn chunk(&self, number: u64) -> Option<&Chunk> {
        number.checked_sub(self.oldest).and_then(|at| self.chunks.get(at as usize))
    }

    /// Everything from a chunk on, but at most `max_bytes` unless one chunk has more; and the number after it.
    pub fn since(&mut self, number: u64, icy_mode: IcyMode, max_bytes: usize) -> (Bytes, u64) {
        let slot = icy_mode as usize;
        if let Some((from, to, bytes)) = &self.merged[slot]
            && *from == number
        {
            return (bytes.clone(), *to);
        }
        let start = number.saturating_sub(self.oldest) as usize;
        let of = |chunk: &Chunk| match icy_mode {
            IcyMode::Plain => chunk.plain.clone(),
            IcyMode::Titled => chunk.titled.clone(),
        };
        let mut pieces: Vec<Bytes> = Vec::new();
        let mut n_bytes = 0;
        for piece in self.chunks.iter().skip(start).map(of) {
            if n_bytes > 0 && n_bytes + piece.len() > max_bytes {
                break;
            }
            n_bytes += piece.len();
            pieces.push(piece);
        }
        let end = self.oldest.max(number) + pieces.len() as u64;
        let bytes = if pieces.len() == 1 { pieces.remove(0) } else { pieces.concat().into() };
        self.merged[slot] = Some((number, end, bytes.clone()));
        (bytes, end)
    }

    /// Sound with a title after each interval.
    fn weave(&mut self, mut sound: &[u8], title: &Bytes) -> Bytes {
        let mut woven = BytesMut::with_capacity(sound.len() + title.len());
        while self.phase + sound.len() >= META_INTERVAL {
            let (before, after) = sound.split_at(META_INTERVAL - self.phase);
            woven.put_slice(before);
            woven.put_slice(title);
            sound = after;
            self.phase = 0;
        }
        woven.put_slice(sound);
        self.phase += sound.len();
        woven.freeze()
    }

    fn is_fillable(&self, number: u64) -> bool {
        let phase = self.phase_at(number);
        phase == 0 || phase >= TAG_HEAD
    }
}

/// A title as a block: its length in units of 16 bytes, then the words, then zeros.
pub fn title_block(title: &str) -> Bytes {
    const AROUND: usize = "StreamTitle='';".len();
    let mut end = title.len().min(MAX_TITLE_BYTES - AROUND);
    while !title.is_char_boundary(end) {
        end -= 1;
    }
    // Players end the title at the first quote before a semicolon.
    let text = format!("StreamTitle='{}';", title[..end].replace("';", "’;"));
    let n_units = text.len().div_ceil(16).min(255);
    let mut block = BytesMut::with_capacity(1 + n_units * 16);
    block.put_u8(n_units as u8);
    block.put_slice(&text.as_bytes()[..text.len().min(n_units * 16)]);
    block.put_bytes(0, 1 + n_units * 16 - block.len());
    block.freeze()
}

/// An empty `ID3v2` tag of that length in all; less than its head is zeros.
fn skipped_tag(n_bytes: usize) -> Bytes {
    let mut tag = BytesMut::with_capacity(n_bytes);
    if n_bytes >= TAG_HEAD {
        let body = n_bytes - TAG_HEAD;
        tag.put_slice(b"ID3\x04\0\0");
        tag.put_slice(&[0, (body >> 14) as u8 & 0x7f, (body >> 7) as u8 & 0x7f, body as u8 & 0x7f]);
    }
    tag.put_bytes(0, n_bytes - tag.len());
    tag.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> Ring {
        let mut ring = Ring::new(1_000_000);
        for n in 0..60_u8 {
            ring.push(&vec![n + 1; 1_700], &title_block(&format!("Title {n}")), 0.1);
        }
        ring
    }

    /// Takes titles out as a player does.
    fn read(mut bytes: &[u8]) -> (Vec<u8>, Vec<String>) {
        let (mut sound, mut titles) = (Vec::new(), Vec::new());
        while bytes.len() > META_INTERVAL {
            sound.extend(&bytes[..META_INTERVAL]);
            let n = usize::from(bytes[META_INTERVAL]) * 16;
            let title = &bytes[META_INTERVAL + 1..META_INTERVAL + 1 + n];
            titles.push(String::from_utf8(title.to_vec()).unwrap().trim_end_matches('\0').to_owned());
            bytes = &bytes[META_INTERVAL + 1 + n..];
        }
        sound.extend(bytes);
        (sound, titles)
    }

    #[test]
    fn whoever_joins_anywhere_gets_sound_and_titles_in_their_places() {
        let mut ring = ring();
        for seconds in [0.5, 1.0, 2.0, 3.3, 5.0] {
            let start = ring.start(seconds, IcyMode::Titled);
            let opening = ring.opening(start, IcyMode::Titled);
            let stream = [opening.clone(), ring.since(start, IcyMode::Titled, usize::MAX).0].concat();
            let plain = ring.since(start, IcyMode::Plain, usize::MAX).0;
            let (sound, titles) = read(&stream);
            assert_eq!(sound[opening.len()..], plain[..]);
            assert!(titles.iter().all(|title| title.starts_with("StreamTitle='Title ")), "{titles:?}");
        }
    }

    #[test]
    fn whoever_loses_a_part_still_finds_titles_in_their_places() {
        let mut ring = ring();
        for (from, to) in [(3, 20), (9, 30), (10, 11)] {
            let before = ring.start(5.9, IcyMode::Plain);
            assert_eq!(before, 1);
            let mut stream = ring.opening(from, IcyMode::Titled).to_vec();
            stream.extend(ring.bridge(ring.phase_at(from), to));
            stream.extend(ring.since(to, IcyMode::Titled, usize::MAX).0);
            let (_, titles) = read(&stream);
            assert!(titles.iter().all(|title| title.is_empty() || title.ends_with("';")), "{titles:?}");
            ring.merged = [None, None];
        }
    }

    #[test]
    fn a_title_is_cut_between_characters() {
        let block = title_block(&"歌".repeat(3000));
        assert!(block.len() <= MAX_TITLE_BYTES + 1);
        assert!(std::str::from_utf8(&block[1..]).unwrap().trim_end_matches('\0').ends_with("歌';"));
        assert_eq!(title_block("a").len(), 17);
    }
}
