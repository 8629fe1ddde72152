//! The sound of a station cut into segments of six seconds, and the list of the latest ones. Pure: no I/O, no clock.
//!
//! Segments share the ring's chunks and are never copied together. Their numbers go on from the time of day, so that
//! a station that was started anew never gives a number twice: caches between it and its listeners keep segments.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use crate::time::Timestamp;

/// What a segment is as long as, in seconds: a chunk ends it that comes within half of its own length.
const SECONDS: f64 = 6.0;

/// Half a chunk.
const TOLERANCE: f64 = 0.05;

/// Segments in the list: a player begins three before the end.
const LISTED: usize = 6;

/// Segments that are kept: whoever has an old list may still fetch what is in it.
const KEPT: usize = 12;

/// Beyond this, the machine was asleep or its clock was put: what comes is dated anew.
const SUSPENDED: Duration = Duration::from_secs(10);

/// What Apple's players read a segment's time from, in units of 1/90,000 s.
const OWNER: &[u8] = b"com.apple.streaming.transportStreamTimestamp\0";

/// A part of the stream.
#[derive(Debug, Clone, Default)]
pub struct Segment {
    /// It counts up, over restarts too.
    pub number: u64,
    /// Whole frames, piece by piece, with their time in front.
    pub pieces: Vec<Bytes>,
    title: String,
    started_at: Timestamp,
    seconds: f64,
}

impl Segment {
    /// Its length.
    pub fn n_bytes(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }
}

/// The latest segments, and the one that is being filled.
#[derive(Debug)]
pub struct Segments {
    /// Part of every name: another process has another one.
    tag: String,
    done: VecDeque<Segment>,
    filling: Option<Segment>,
    next_number: u64,
    /// Sound before the segment that is being filled.
    seconds_before: f64,
}

impl Segments {
    /// None yet, of a process with that tag.
    pub fn new(tag: String) -> Self {
        Self { tag, done: VecDeque::new(), filling: None, next_number: 0, seconds_before: 0.0 }
    }

    /// Adds whole frames that are due, by the wall clock, now.
    pub fn push(&mut self, sound: Bytes, seconds: f64, title: &str, now: Timestamp) {
        let mut filling = self.filling.take().unwrap_or_else(|| self.begin(title, now));
        filling.pieces.push(sound);
        filling.seconds += seconds;
        if filling.seconds + TOLERANCE < SECONDS {
            self.filling = Some(filling);
            return;
        }
        self.next_number += 1;
        self.seconds_before += filling.seconds;
        self.done.push_back(filling);
        if self.done.len() > KEPT {
            self.done.pop_front();
        }
    }

    fn begin(&mut self, title: &str, now: Timestamp) -> Segment {
        let started_at = self.start_of_next(now);
        let pieces = vec![timestamp_tag(self.seconds_before)];
        Segment { number: self.next_number, pieces, title: title.to_owned(), started_at, seconds: 0.0 }
    }

    /// Where the next one begins: where the last one ended, unless time has run away from it.
    fn start_of_next(&mut self, now: Timestamp) -> Timestamp {
        let Some(last) = self.done.back() else {
            self.next_number = now.as_millis() / (SECONDS as u64 * 1000);
            return now;
        };
        let end = last.started_at + Duration::from_secs_f64(last.seconds);
        if now.since(end).max(end.since(now)) > SUSPENDED { now } else { end }
    }

    /// The list of the latest segments, for players; `None` before there is one.
    pub fn playlist(&self) -> Option<String> {
        let listed = self.done.iter().skip(self.done.len().saturating_sub(LISTED));
        let first = listed.clone().next()?.number;
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{SECONDS:.0}\n#EXT-X-MEDIA-SEQUENCE:{first}\n"
        );
        for segment in listed {
            let Segment { number, title, started_at, seconds, .. } = segment;
            let _ = write!(
                text,
                "#EXT-X-PROGRAM-DATE-TIME:{started_at}\n#EXTINF:{seconds:.3},{title}\nhls/{number}-{}.mp3\n",
                self.tag
            );
        }
        Some(text)
    }

    /// The segment of that name, as the list has it after `hls/`.
    pub fn named(&self, name: &str) -> Option<Segment> {
        let (number, tag) = name.strip_suffix(".mp3")?.split_once('-')?;
        let number: u64 = number.parse().ok().filter(|_| tag == self.tag)?;
        self.done.iter().find(|segment| segment.number == number).cloned()
    }
}

/// An `ID3v2` tag that says at which second of the stream a segment begins.
fn timestamp_tag(seconds: f64) -> Bytes {
    let ticks = (seconds * 90_000.0).round() as u64 & 0x1_ffff_ffff;
    let frame_bytes = OWNER.len() + 8;
    let mut tag = BytesMut::new();
    tag.put_slice(b"ID3\x04\0\0\0\0\0");
    tag.put_u8(10 + frame_bytes as u8);
    tag.put_slice(b"PRIV\0\0\0");
    tag.put_u8(frame_bytes as u8);
    tag.put_slice(&[0, 0]);
    tag.put_slice(OWNER);
    tag.put_u64(ticks);
    tag.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    /// Chunks of a tenth of a second, each of its own number.
    fn fill(segments: &mut Segments, chunks: std::ops::Range<u32>) {
        for n in chunks {
            let now = START + Duration::from_millis(u64::from(n) * 100);
            segments.push(Bytes::copy_from_slice(&n.to_be_bytes()), 0.1, "Ann - Eins", now);
        }
    }

    #[test]
    fn segments_of_six_seconds_are_listed_once_they_are_whole() {
        let mut segments = Segments::new("ab".into());
        fill(&mut segments, 0..59);
        assert_eq!(segments.playlist(), None);
        fill(&mut segments, 59..125);
        let expected = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:283333333\n\
            #EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n#EXTINF:6.000,Ann - Eins\nhls/283333333-ab.mp3\n\
            #EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:26.000Z\n#EXTINF:6.000,Ann - Eins\nhls/283333334-ab.mp3\n";
        assert_eq!(segments.playlist().as_deref(), Some(expected));
    }

    #[test]
    fn every_chunk_is_in_one_segment_behind_the_time_at_which_it_begins() {
        let mut segments = Segments::new("ab".into());
        fill(&mut segments, 0..120);
        let second = segments.named("283333334-ab.mp3").unwrap();
        assert_eq!((second.pieces.len(), second.pieces[0].len(), second.n_bytes()), (61, 73, 73 + 240));
        assert_eq!(second.pieces[0][65..], 540_000_u64.to_be_bytes());
        assert_eq!(second.pieces[1][..], 60_u32.to_be_bytes());
        assert!(segments.named("283333334-cd.mp3").is_none() && segments.named("x").is_none());
    }

    #[test]
    fn segments_are_dated_anew_when_the_clock_is_put() {
        for put in [2 * 86_400_000_000, -86_400_000_000] {
            let mut segments = Segments::new("ab".into());
            fill(&mut segments, 0..60);
            for n in 60..120 {
                let now = START.shifted(put) + Duration::from_millis(n * 100);
                segments.push(Bytes::from_static(b"sound"), 0.1, "Ann - Eins", now);
            }
            let second = START.shifted(put) + Duration::from_secs(6);
            let expected =
                format!("#EXT-X-PROGRAM-DATE-TIME:{second}\n#EXTINF:6.000,Ann - Eins\nhls/283333334-");
            let playlist = segments.playlist().unwrap();
            assert!(playlist.contains(&expected), "numbers go on: {playlist}");
        }
    }

    #[test]
    fn only_the_latest_are_listed_and_a_few_more_kept() {
        let mut segments = Segments::new("ab".into());
        fill(&mut segments, 0..60 * 40);
        let playlist = segments.playlist().unwrap();
        assert!(
            playlist.matches("#EXTINF").count() == LISTED && playlist.contains("SEQUENCE:283333367\n"),
            "{playlist}"
        );
        assert!(segments.named("283333361-ab.mp3").is_some() && segments.named("283333360-ab.mp3").is_none());
    }
}
