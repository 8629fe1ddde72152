//! The sound of a station cut into segments of six seconds, and the list of the latest ones. Pure: no I/O, no clock.
//!
//! Segments share the ring's chunks and are never copied together. Their numbers go on from the time of day, so that
//! a station that was started anew never gives a number twice: caches between it and its listeners keep segments.
//!
//! A station's own sound is cut by its length (`push`). What follows it in another encoding is cut where that was
//! (`begin`, `add`), and has the same numbers.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;

use super::timed_id3;
use crate::audio::streams::Tags;
use crate::time::Timestamp;

/// What a segment is as long as, in seconds, as Apple recommends to authors: a chunk ends it that comes within half of its own
/// length.
const SECONDS: f64 = 6.0;

/// Half a chunk.
const TOLERANCE: f64 = 0.05;

/// Segments in the list: a player begins three before the end.
const LISTED: usize = 6;

/// Segments that are kept: whoever has an old list may still fetch what is in it.
const KEPT: usize = 12;

/// Beyond this, the machine was asleep or its clock was put: what comes is dated anew.
const SUSPENDED: Duration = Duration::from_secs(10);

/// A part of the stream.
#[derive(Debug, Clone, Default)]
pub struct Segment {
    /// It counts up, over restarts too.
    pub number: u64,
    /// Whole frames, piece by piece, with their time and their title in front.
    pub pieces: Vec<Bytes>,
    /// Its title in the list, with which it begins.
    title: String,
    /// Its title in front of the frames: one that begins in its first half is that too.
    tags: Tags,
    /// The sound before it, in seconds.
    at: f64,
    started_at: Timestamp,
    seconds: f64,
}

impl Segment {
    /// Its length.
    pub fn n_bytes(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }
}

impl Segment {
    fn new(beginning: Beginning, at: f64) -> Self {
        let Beginning { number, tags, started_at, .. } = beginning;
        let pieces = vec![timed_id3::beginning(at, &tags)];
        Self { number, pieces, title: tags.display(), tags, at, started_at, seconds: 0.0 }
    }
}

/// Where a segment begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Beginning {
    /// The segment's number.
    pub number: u64,
    /// The sound before it, in seconds.
    pub at: f64,
    tags: Tags,
    started_at: Timestamp,
}

/// The latest segments, and the one that is being filled.
#[derive(Debug)]
pub struct Segments {
    /// Part of every name: another process has another one.
    tag: String,
    extension: &'static str,
    done: VecDeque<Segment>,
    filling: Option<Segment>,
    next_number: u64,
    /// Sound before the segment that is being filled.
    seconds_before: f64,
}

impl Segments {
    /// None yet, of a process with that tag, and sound whose files have that extension.
    pub fn new(tag: String, extension: &'static str) -> Self {
        let done = VecDeque::new();
        Self { tag, extension, done, filling: None, next_number: 0, seconds_before: 0.0 }
    }

    /// Adds whole frames that are due, by the wall clock, now. Returns where the segment begins that begins with them.
    pub fn push(&mut self, sound: Bytes, seconds: f64, tags: &Tags, now: Timestamp) -> Option<Beginning> {
        let beginning = self.filling.is_none().then(|| self.next_beginning(tags, now));
        if let Some(beginning) = &beginning {
            self.filling = Some(Segment::new(beginning.clone(), beginning.at));
        }
        self.add(sound, seconds, tags);
        if self.filling.as_ref().is_some_and(|filling| filling.seconds + TOLERANCE >= SECONDS) {
            self.finish();
        }
        beginning
    }

    /// Begins a segment, whose first frame is at `at`, and ends the one before. Behind a gap, older ones are not listed:
    /// numbers in a list have none.
    pub fn begin(&mut self, beginning: Beginning, at: f64) {
        self.finish();
        if self.next_number != beginning.number {
            self.done.clear();
            self.next_number = beginning.number;
        }
        self.filling = Some(Segment::new(beginning, at));
    }

    /// Adds whole frames under a title to the segment that is being filled.
    pub fn add(&mut self, sound: Bytes, seconds: f64, tags: &Tags) {
        if let Some(filling) = &mut self.filling {
            // Tags between frames are taken for damage by some players.
            if filling.tags != *tags && filling.seconds < SECONDS / 2.0 {
                filling.pieces[0] = timed_id3::beginning(filling.at, tags);
                filling.tags = tags.clone();
            }
            filling.pieces.push(sound);
            filling.seconds += seconds;
        }
    }

    /// Drops all segments, also the one that is being filled.
    pub fn clear(&mut self) {
        self.done.clear();
        self.filling = None;
    }

    fn finish(&mut self) {
        let Some(filling) = self.filling.take() else { return };
        self.next_number += 1;
        self.seconds_before += filling.seconds;
        self.done.push_back(filling);
        if self.done.len() > KEPT {
            self.done.pop_front();
        }
    }

    /// The sound so far, in seconds.
    pub fn seconds(&self) -> f64 {
        self.seconds_before + self.filling.as_ref().map_or(0.0, |filling| filling.seconds)
    }

    /// The number of whole segments.
    pub fn n_done(&self) -> usize {
        self.done.len()
    }

    /// The most bits a second of any of them.
    pub fn peak_bandwidth(&self) -> f64 {
        let bandwidth = |segment: &Segment| segment.n_bytes() as f64 * 8.0 / segment.seconds.max(TOLERANCE);
        self.done.iter().map(bandwidth).fold(0.0, f64::max)
    }

    fn next_beginning(&mut self, tags: &Tags, now: Timestamp) -> Beginning {
        let started_at = self.start_of_next(now);
        Beginning { number: self.next_number, at: self.seconds_before, tags: tags.clone(), started_at }
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

    /// The list of the latest segments, for players, with addresses that begin with `folder`; `None` before there is one.
    pub fn playlist(&self, folder: &str) -> Option<String> {
        let listed = self.done.iter().skip(self.done.len().saturating_sub(LISTED));
        let first = listed.clone().next()?.number;
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{SECONDS:.0}\n#EXT-X-MEDIA-SEQUENCE:{first}\n"
        );
        for segment in listed {
            let Segment { number, title, started_at, seconds, .. } = segment;
            let _ = write!(
                text,
                "#EXT-X-PROGRAM-DATE-TIME:{started_at}\n#EXTINF:{seconds:.3},{title}\n{folder}{number}-{}.{}\n",
                self.tag, self.extension
            );
        }
        Some(text)
    }

    /// The segment of that name, as the list has it after `hls/`.
    pub fn named(&self, name: &str) -> Option<Segment> {
        let (name, extension) = name.rsplit_once('.')?;
        let (number, tag) = name.split_once('-').filter(|_| extension == self.extension)?;
        let number: u64 = number.parse().ok().filter(|_| tag == self.tag)?;
        self.done.iter().find(|segment| segment.number == number).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn tags(title: &str) -> Tags {
        Tags { title: title.to_owned(), artist: "Ann".to_owned() }
    }

    /// Chunks of a tenth of a second, each of its own number.
    fn fill(segments: &mut Segments, chunks: std::ops::Range<u32>) {
        for n in chunks {
            let now = START + Duration::from_millis(u64::from(n) * 100);
            segments.push(Bytes::copy_from_slice(&n.to_be_bytes()), 0.1, &tags("Eins"), now);
        }
    }

    #[test]
    fn segments_of_six_seconds_are_listed_once_they_are_whole() {
        let mut segments = Segments::new("ab".into(), "mp3");
        fill(&mut segments, 0..59);
        assert_eq!(segments.playlist("hls/"), None);
        fill(&mut segments, 59..125);
        let expected = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:283333333\n\
            #EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n#EXTINF:6.000,Ann - Eins\nhls/283333333-ab.mp3\n\
            #EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:26.000Z\n#EXTINF:6.000,Ann - Eins\nhls/283333334-ab.mp3\n";
        assert_eq!(segments.playlist("hls/").as_deref(), Some(expected));
    }

    #[test]
    fn every_chunk_is_in_one_segment_behind_the_time_at_which_it_begins() {
        let mut segments = Segments::new("ab".into(), "mp3");
        fill(&mut segments, 0..120);
        let second = segments.named("283333334-ab.mp3").unwrap();
        let n_bytes = timed_id3::beginning(6.0, &tags("Eins")).len();
        let expected = (61, n_bytes, n_bytes + 240);
        assert_eq!((second.pieces.len(), second.pieces[0].len(), second.n_bytes()), expected);
        assert_eq!(second.pieces[0][65..73], 540_000_u64.to_be_bytes());
        assert_eq!(second.pieces[1][..], 60_u32.to_be_bytes());
        assert!(segments.named("283333334-cd.mp3").is_none() && segments.named("x").is_none());
    }

    #[test]
    fn the_title_of_a_segment_is_what_begins_in_its_first_half_or_else_what_it_begins_with() {
        let mut segments = Segments::new("ab".into(), "mp3");
        for n in 0..180 {
            let title = match n {
                0..29 => "Eins",
                29..100 => "Zwei",
                _ => "Drei",
            };
            segments.push(Bytes::from_static(b"sound"), 0.1, &tags(title), START);
        }
        let first = |number| segments.named(&format!("{number}-ab.mp3")).unwrap().pieces[0].clone();
        assert_eq!(first(283_333_333), timed_id3::beginning(0.0, &tags("Zwei")));
        assert_eq!(first(283_333_334), timed_id3::beginning(6.0, &tags("Zwei")));
        assert_eq!(first(283_333_335), timed_id3::beginning(12.0, &tags("Drei")));
        assert!(segments.playlist("").unwrap().contains(",Ann - Eins\n"));
    }

    #[test]
    fn segments_are_dated_anew_when_the_clock_is_put() {
        for put in [2 * 86_400_000_000, -86_400_000_000] {
            let mut segments = Segments::new("ab".into(), "mp3");
            fill(&mut segments, 0..60);
            for n in 60..120 {
                let now = START.shifted(put) + Duration::from_millis(n * 100);
                segments.push(Bytes::from_static(b"sound"), 0.1, &tags("Eins"), now);
            }
            let second = START.shifted(put) + Duration::from_secs(6);
            let expected =
                format!("#EXT-X-PROGRAM-DATE-TIME:{second}\n#EXTINF:6.000,Ann - Eins\nhls/283333334-");
            let playlist = segments.playlist("hls/").unwrap();
            assert!(playlist.contains(&expected), "numbers go on: {playlist}");
        }
    }

    #[test]
    fn only_the_latest_are_listed_and_a_few_more_kept() {
        let mut segments = Segments::new("ab".into(), "mp3");
        fill(&mut segments, 0..60 * 40);
        let playlist = segments.playlist("hls/").unwrap();
        assert!(
            playlist.matches("#EXTINF").count() == LISTED && playlist.contains("SEQUENCE:283333367\n"),
            "{playlist}"
        );
        assert!(segments.named("283333361-ab.mp3").is_some() && segments.named("283333360-ab.mp3").is_none());
    }
}
