//! HLS of a mountpoint, cut where its station's own segments begin, to the frame: so players change between them without a
//! jump. Pure: no I/O, no clock.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::segments::{Beginning, Segments};
use crate::audio::streams::{Codec, Tags};

/// Segments of the station that may begin before the encoder's sound comes there.
const MAX_AWAITED: usize = 8;

/// A frame begins a segment that is not farther than so much of its length behind the frame's beginning.
const NEAREST: f64 = 0.5;

/// What cuts a mountpoint's sound.
pub struct Variant {
    codec: Codec,
    segments: Arc<Mutex<Segments>>,
    /// Where the station's segments begin that have not begun here.
    awaited: VecDeque<Beginning>,
    /// The title of what comes.
    tags: Tags,
}

impl Variant {
    /// Sound of that codec, for these segments.
    pub fn new(codec: Codec, segments: Arc<Mutex<Segments>>) -> Self {
        Self { codec, segments, awaited: VecDeque::new(), tags: Tags::default() }
    }

    /// A segment of the station has begun.
    pub fn expect(&mut self, beginning: Beginning) {
        self.awaited.push_back(beginning);
        if self.awaited.len() > MAX_AWAITED {
            self.awaited.pop_front();
        }
    }

    /// What comes has another title.
    pub fn title(&mut self, tags: Tags) {
        self.tags = tags;
    }

    /// Whether there is a whole segment.
    pub fn has_segment(&self) -> bool {
        self.segments.lock().n_done() > 0
    }

    /// Drops all sound: what comes is from later.
    pub fn clear(&mut self) {
        self.awaited.clear();
        self.segments.lock().clear();
    }

    /// Adds whole frames, the first of which is heard at `at`, in seconds of the station's sound.
    pub fn push(&mut self, sound: &Bytes, at: f64, seconds: f64) {
        let ends = self.codec.frame_ends(sound);
        let frame_seconds = seconds / ends.len().max(1) as f64;
        let mut segments = self.segments.lock();
        let (mut start, mut n_before) = (0, 0);
        for (n, end) in ends.iter().enumerate() {
            let frame_at = at + n as f64 * frame_seconds;
            let begins_here = |next: &&Beginning| next.at < frame_at + NEAREST * frame_seconds;
            // After a gap, more than one may have begun.
            while let Some(beginning) = self.awaited.front().filter(begins_here).cloned() {
                self.awaited.pop_front();
                if n > n_before {
                    let part = sound.slice(start..ends[n - 1]);
                    segments.add(part, frame_seconds * (n - n_before) as f64, &self.tags);
                    (start, n_before) = (ends[n - 1], n);
                }
                segments.begin(beginning, frame_at);
            }
            if n + 1 == ends.len() {
                let part = sound.slice(start..*end);
                segments.add(part, frame_seconds * (n + 1 - n_before) as f64, &self.tags);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    /// A frame of ADTS of 20 bytes, with a number in it.
    fn frame(n: u8) -> Vec<u8> {
        let mut frame = vec![0xff, 0xf1, 0x50, 0x80, 0x14 >> 3, (0x14 & 7) << 5, 0];
        frame.resize(20, n);
        frame
    }

    /// A station's segments of chunks of a tenth of a second, and where they begin.
    fn beginnings() -> Vec<Beginning> {
        let mut station = Segments::new("ab".into(), "mp3");
        let eins = Tags { title: "Eins".into(), artist: "Ann".into() };
        let push = |_| station.push(Bytes::from_static(b"sound"), 0.1, &eins, START);
        (0..190).filter_map(push).collect()
    }

    #[test]
    fn segments_begin_with_the_frame_that_is_nearest_to_the_station_s() {
        let segments = Arc::new(Mutex::new(Segments::new("abaac64".into(), "aac")));
        let mut variant = Variant::new(Codec::Aac, Arc::clone(&segments));
        for beginning in beginnings() {
            variant.expect(beginning);
        }
        variant.title(Tags { title: "Eins".into(), artist: "Ann".into() });
        // Frames of 0.04 s, seven at a time; the first is from before the beginning.
        for n in 0..80_u8 {
            let sound: Vec<u8> = (0..7).flat_map(|_| frame(n)).collect();
            variant.push(&sound.into(), f64::from(n) * 0.28 - 0.03, 0.28);
        }
        let segments = segments.lock();
        let first = START.as_millis() / 6000;
        assert_eq!(segments.n_done(), 3);
        let playlist = segments.playlist("").unwrap();
        assert!(
            playlist.contains(&format!("#EXTINF:6.000,Ann - Eins\n{}-abaac64.aac\n", first + 1)),
            "{playlist}"
        );
        for (n, at) in [(0, 0.01), (1, 6.01), (2, 12.01)] {
            let segment = segments.named(&format!("{}-abaac64.aac", first + n)).unwrap();
            let ticks = u64::from_be_bytes(segment.pieces[0][65..73].try_into().unwrap());
            assert!((ticks as f64 / 90_000.0 - at).abs() < 0.021, "{n}: {ticks}");
            assert_eq!((segment.n_bytes() - segment.pieces[0].len()) % 20, 0, "whole frames");
        }
    }

    #[test]
    fn behind_a_gap_the_list_begins_anew_and_numbers_are_the_station_s() {
        let segments = Arc::new(Mutex::new(Segments::new("abaac64".into(), "aac")));
        let mut variant = Variant::new(Codec::Aac, Arc::clone(&segments));
        let beginnings = beginnings();
        let mut play = |beginning: &Beginning| {
            variant.expect(beginning.clone());
            for n in 0..6 {
                variant.push(&frame(n).into(), beginning.at + f64::from(n), 1.0);
            }
        };
        play(&beginnings[0]);
        play(&beginnings[1]);
        play(&beginnings[3]);
        let playlist = segments.lock().playlist("");
        assert_eq!(playlist, None, "none since the gap is whole: {playlist:?}");
        assert_eq!(beginnings[3].number, beginnings[0].number + 3);
    }

    #[test]
    fn frames_are_told_apart_and_what_is_none_is_left_out() {
        let two = [frame(1), frame(2)].concat();
        assert_eq!(Codec::Aac.frame_ends(&two), [20, 40]);
        assert_eq!(Codec::Aac.frame_ends(&two[..30]), [20]);
        assert!(Codec::Mp3.frame_ends(b"no frames").is_empty());
    }
}
