//! The burst of an encoder that starts: the latest sound of its station, as frames that are decoded when they are needed. No clock.

use std::collections::VecDeque;
use std::sync::Arc;

use super::segments::Beginning;
use crate::audio::block::Block;
use crate::audio::decode::Mp3Decoder;
use crate::audio::mp3::Frame;
use crate::radio::library::track::Track;

/// Whole segments of HLS for which sound is kept: a player begins three before the end.
const SEGMENTS: usize = 3;

/// Frames before what is decoded, for the bit reservoir and the decoder's own memory.
const CONTEXT_FRAMES: usize = 12;

/// The most chunks that are kept, whatever their length: some 50 seconds.
const MAX_CHUNKS: usize = 512;

/// What sums of lengths may be off, in seconds.
const ROUNDING: f64 = 0.001;

/// Where sound is in the station's HLS.
#[derive(Debug, Clone, Default)]
pub struct Moment {
    /// The sound before it, in seconds.
    pub at: f64,
    /// The segment that begins with it.
    pub beginning: Option<Beginning>,
}

/// Frames that are on the air.
#[derive(Debug)]
pub struct Chunk {
    /// The frames.
    pub frames: Vec<Frame>,
    /// Their length in seconds.
    pub seconds: f64,
    /// Where they are.
    pub moment: Moment,
}

/// A chunk, decoded.
#[derive(Debug, Clone)]
pub struct DecodedChunk {
    /// The track that begins with it, or of which it is, if it is the first one.
    pub track: Option<Arc<Track>>,
    /// Its sound.
    pub sound: Arc<[Block]>,
    /// Where it is.
    pub moment: Moment,
    seconds: f64,
}

/// How much sound is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurstLength {
    /// The burst of a new listener.
    pub seconds: f64,
    /// Besides, whole segments for HLS.
    pub has_segments: bool,
}

/// Keeps the latest sound.
#[derive(Debug)]
pub struct BurstBuffer {
    length: BurstLength,
    /// The track before what is kept, and the last frames of it.
    track: Option<Arc<Track>>,
    context: VecDeque<Frame>,
    chunks: VecDeque<(Option<Arc<Track>>, Chunk)>,
    /// A track that begins with the next chunk.
    next_track: Option<Arc<Track>>,
    seconds: f64,
    n_beginnings: usize,
}

impl BurstBuffer {
    /// None yet.
    pub fn new(length: BurstLength) -> Self {
        Self {
            length,
            track: None,
            context: VecDeque::new(),
            chunks: VecDeque::new(),
            next_track: None,
            seconds: 0.0,
            n_beginnings: 0,
        }
    }

    /// The next chunk is of this track.
    pub fn begin(&mut self, track: &Arc<Track>) {
        self.next_track = Some(Arc::clone(track));
    }

    /// Adds a chunk, and drops what is older than needed.
    pub fn push(&mut self, chunk: Chunk) {
        self.seconds += chunk.seconds;
        self.n_beginnings += usize::from(chunk.moment.beginning.is_some());
        self.chunks.push_back((self.next_track.take(), chunk));
        while let Some((_, first)) = self.chunks.front().filter(|(_, first)| self.is_spare(first)) {
            self.seconds -= first.seconds;
            self.n_beginnings -= usize::from(first.moment.beginning.is_some());
            let Some((track, mut chunk)) = self.chunks.pop_front() else { break };
            self.track = track.or(self.track.take());
            chunk.frames.iter_mut().for_each(|frame| frame.samples = None);
            self.context.extend(chunk.frames);
            self.context.drain(..self.context.len().saturating_sub(CONTEXT_FRAMES));
        }
        self.forget_samples();
    }

    /// Whether enough is kept without the first chunk.
    fn is_spare(&self, first: &Chunk) -> bool {
        let n_beginnings = self.n_beginnings - usize::from(first.moment.beginning.is_some());
        let has_segments = !self.length.has_segments || n_beginnings > SEGMENTS;
        let is_enough = self.seconds - first.seconds >= self.length.seconds - ROUNDING && has_segments;
        self.chunks.len() > 1 && (is_enough || self.chunks.len() > MAX_CHUNKS)
    }

    /// Samples take fifteen times as much memory as frames: only listeners of streams are given what frames were made of.
    fn forget_samples(&mut self) {
        let n_recent = n_last(self.chunks.iter().map(|(_, chunk)| chunk.seconds), self.length.seconds);
        // The others have none already, but for those that have become too old with this chunk: one, or two of unequal length.
        for (_, chunk) in self.chunks.iter_mut().rev().skip(n_recent).take(2) {
            chunk.frames.iter_mut().for_each(|frame| frame.samples = None);
        }
    }

    /// All that is kept, and the decoder that goes on after it.
    pub fn decoded(&self) -> (SoundDecoder, Vec<DecodedChunk>) {
        let mut decoder = SoundDecoder { mp3: Mp3Decoder::new(), passed_over: self.context.clone() };
        let mut chunks = Vec::with_capacity(self.chunks.len());
        for (track, chunk) in &self.chunks {
            let sound = decoder.decode(&chunk.frames);
            let (moment, seconds) = (chunk.moment.clone(), chunk.seconds);
            chunks.push(DecodedChunk { track: track.clone(), sound, moment, seconds });
        }
        if let Some(first) = chunks.first_mut() {
            first.track = first.track.take().or(self.track.clone());
        }
        (decoder, chunks)
    }
}

/// The last chunks, of so many seconds.
pub fn last_of(decoded: &[DecodedChunk], seconds: f64) -> Vec<DecodedChunk> {
    let (before, last) =
        decoded.split_at(decoded.len() - n_last(decoded.iter().map(|chunk| chunk.seconds), seconds));
    let mut last = last.to_vec();
    if let Some(first) = last.first_mut().filter(|first| first.track.is_none()) {
        first.track = before.iter().rev().find_map(|chunk| chunk.track.clone());
    }
    last
}

/// How many lengths from the end on are within a time; at least one, if there is any.
fn n_last(lengths: impl DoubleEndedIterator<Item = f64>, seconds: f64) -> usize {
    let mut sum = 0.0;
    let within = lengths.rev().enumerate().take_while(|(n, length)| {
        sum += length;
        *n == 0 || sum <= seconds + ROUNDING
    });
    within.count()
}

/// What decodes frames that are on the air, as far as it is not known what they were made of.
pub struct SoundDecoder {
    mp3: Mp3Decoder,
    /// The latest frames that needed no decoding, which the next one may begin in.
    passed_over: VecDeque<Frame>,
}

impl SoundDecoder {
    /// A decoder without a previous frame.
    pub fn new() -> Self {
        Self { mp3: Mp3Decoder::new(), passed_over: VecDeque::new() }
    }

    /// The sound of frames.
    pub fn decode(&mut self, frames: &[Frame]) -> Arc<[Block]> {
        frames.iter().map(|frame| self.block(frame)).collect()
    }

    fn block(&mut self, frame: &Frame) -> Block {
        let Some(samples) = &frame.samples else {
            for before in self.passed_over.drain(..) {
                self.mp3.decode(&before);
            }
            return self.mp3.decode(frame);
        };
        if self.passed_over.len() == CONTEXT_FRAMES {
            self.passed_over.pop_front();
        }
        let header = frame.header;
        self.passed_over.push_back(Frame { header, bytes: frame.bytes.clone(), samples: None });
        let (rate, channels) = (header.format.rate, usize::from(header.format.channels));
        Block { rate, channels, samples: samples.clone() }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::audio::encode::Encoder;
    use crate::audio::format::Format;
    use crate::audio::streams::Tags;
    use crate::radio::output::segments::Segments;
    use crate::time::Timestamp;

    /// So many frames of silence.
    fn silence(n_frames: usize) -> Vec<Frame> {
        vec![Frame::silent(Format::USUAL, 128).unwrap(); n_frames]
    }

    /// So many frames of a tone.
    fn tone(n_frames: usize) -> Vec<Frame> {
        let mut encoder = Encoder::new(Format::USUAL, 128).unwrap();
        let tone: Vec<f32> =
            (0..(n_frames + 4) * 1152).flat_map(|at| [(at as f32 * 0.05).sin() * 0.4; 2]).collect();
        encoder.encode(&tone).unwrap();
        let frames: Vec<Frame> = std::iter::from_fn(|| encoder.next_frame()).take(n_frames).collect();
        assert_eq!(frames.len(), n_frames);
        frames
    }

    /// A chunk of each frame, which count as a tenth of a second, in segments of the station.
    fn chunks(frames: Vec<Frame>) -> Vec<Chunk> {
        let mut segments = Segments::new("ab".into(), "mp3");
        let start = Timestamp::from_millis(1_700_000_000_000);
        let chunk = |frame| {
            let at = segments.seconds();
            let beginning = segments.push(Bytes::from_static(b"sound"), 0.1, &Tags::default(), start);
            Chunk { frames: vec![frame], seconds: 0.1, moment: Moment { at, beginning } }
        };
        frames.into_iter().map(chunk).collect()
    }

    fn track(title: &str) -> Arc<Track> {
        Arc::new(Track { title: title.to_owned(), ..Track::default() })
    }

    fn titles(decoded: &[DecodedChunk]) -> Vec<Option<&str>> {
        decoded.iter().map(|chunk| chunk.track.as_ref().map(|track| &*track.title)).collect()
    }

    #[test]
    fn the_burst_is_kept_and_three_whole_segments_where_there_is_hls() {
        for (has_segments, expected) in [(false, 50..=50), (true, 180..=241)] {
            let mut buffer = BurstBuffer::new(BurstLength { seconds: 5.0, has_segments });
            for chunk in chunks(silence(700)) {
                buffer.push(chunk);
            }
            let (_, decoded) = buffer.decoded();
            assert!(expected.contains(&decoded.len()), "{} tenths of a second", decoded.len());
            let n_beginnings = decoded.iter().filter(|chunk| chunk.moment.beginning.is_some()).count();
            assert!(!has_segments || n_beginnings > SEGMENTS, "{n_beginnings}");
        }
    }

    #[test]
    fn the_first_sound_is_under_the_title_of_its_track() {
        let mut buffer = BurstBuffer::new(BurstLength { seconds: 5.0, has_segments: false });
        let mut chunks = chunks(silence(150)).into_iter();
        for title in ["Eins", "Zwei"] {
            buffer.begin(&track(title));
            chunks.by_ref().take(40).for_each(|chunk| buffer.push(chunk));
        }
        let (_, decoded) = buffer.decoded();
        let mut expected = vec![None; 50];
        (expected[0], expected[10]) = (Some("Eins"), Some("Zwei"));
        assert_eq!(titles(&decoded), expected);
        assert_eq!(titles(&last_of(&decoded, 1.0))[0], Some("Zwei"));
        assert_eq!(titles(&last_of(&decoded, 4.5))[0], Some("Eins"));
        chunks.for_each(|chunk| buffer.push(chunk));
        let (_, decoded) = buffer.decoded();
        assert_eq!(titles(&decoded).into_iter().flatten().collect::<Vec<_>>(), ["Zwei"]);
    }

    #[test]
    fn what_an_encoder_starts_with_is_the_sound_that_others_were_given_in_time() {
        let mut buffer = BurstBuffer::new(BurstLength { seconds: 5.0, has_segments: false });
        let mut live = SoundDecoder::new();
        let mut in_time = Vec::new();
        let mut tone = chunks(tone(101));
        let next = tone.pop().unwrap();
        for (n, mut chunk) in tone.into_iter().enumerate() {
            // Some frames bear what they were encoded from.
            if n % 7 < 3 {
                chunk.frames[0].samples = Some(vec![n as f32; 2304]);
            }
            in_time.push(live.decode(&chunk.frames));
            buffer.push(chunk);
        }
        let (mut after, decoded) = buffer.decoded();
        let sound: Vec<_> = decoded.into_iter().map(|chunk| chunk.sound).collect();
        assert!(in_time.ends_with(&sound) && sound.len() == 50);
        assert_eq!(after.decode(&next.frames), live.decode(&next.frames));
    }

    #[test]
    fn samples_are_kept_no_longer_than_the_burst() {
        let mut buffer = BurstBuffer::new(BurstLength { seconds: 2.0, has_segments: true });
        for mut chunk in chunks(silence(300)) {
            chunk.frames[0].samples = Some(Vec::new());
            buffer.push(chunk);
        }
        let kept: Vec<bool> =
            buffer.chunks.iter().map(|(_, chunk)| chunk.frames[0].samples.is_some()).collect();
        let n_bare = kept.len() - 20;
        assert!(
            kept[..n_bare].iter().all(|kept| !kept) && kept[n_bare..].iter().all(|kept| *kept),
            "{kept:?}"
        );
    }
}
