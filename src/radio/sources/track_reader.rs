//! Reads a file piece by piece: as MP3 frames where they are of the station's format, else as samples of that format. Either
//! has its gain, and what lies outside its cue points is left out.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Take;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::audio::block::Block;
use crate::audio::cue_points::CuePoints;
use crate::audio::decode::{Decoder, Mp3Decoder};
use crate::audio::ffmpeg::Ffmpeg;
use crate::audio::format::Format;
use crate::audio::frame_reader::FrameReader;
use crate::audio::loudness::{self, Loudness};
use crate::audio::mp3::Frame;
use crate::audio::resample::Converter;
use crate::audio::reservoir::AfterCut;
use crate::audio::sniff::{mp3_frames, sniff};
use crate::audio::vbr_header::DECODER_DELAY;

/// Frames before the first one that is heard which are read for its bit reservoir.
pub const RESERVOIR_FRAMES: usize = 4;

/// A piece of a track.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// A frame that passes as it is.
    Frame(Frame),
    /// Interleaved samples of the station's format, to be encoded.
    Samples(Vec<f32>),
}

/// Returns blocks of samples; `None` at the end.
pub type NextBlock = Box<dyn FnMut() -> Result<Option<Block>> + Send>;

/// An open file.
pub struct TrackReader {
    source: Source,
    gain_db: f64,
}

enum Source {
    Frames(Box<FrameSource>),
    Blocks(Box<BlockSource>),
}

/// What in the sound of a file is not its music, in samples of one channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Margins {
    /// Before it, in the first piece.
    pub before: usize,
    /// After it, in the last piece.
    pub after: usize,
}

impl TrackReader {
    /// Opens a file whose frames are of the station's format.
    pub fn frames(path: &Path, format: Format, loudness: Loudness, points: CuePoints) -> Result<Self> {
        let mut file = File::open(path).context("cannot be opened")?;
        let content = sniff(&mut file)?;
        let frames = mp3_frames(path, file, &content)?.context("no MP3")?;
        let steps = loudness::gain_steps(loudness);
        let source = FrameSource {
            frames,
            format,
            steps,
            gain_db: loudness::gain_db(loudness),
            points,
            ready: VecDeque::new(),
            held: VecDeque::new(),
            n_held: 0,
            margins: Margins { before: DECODER_DELAY as usize, after: 0 },
            place: None,
            other: None,
        };
        Ok(Self { source: Source::Frames(Box::new(source)), gain_db: loudness::steps_db(steps) })
    }

    /// Opens a file that is decoded.
    pub fn decoded(
        path: &Path,
        format: Format,
        loudness: Loudness,
        points: CuePoints,
        ffmpeg: Option<&Ffmpeg>,
    ) -> Result<Self> {
        let mut decoder = Decoder::open(path, ffmpeg)?;
        Ok(Self::blocks(Box::new(move || decoder.next_block()), format, loudness::gain_db(loudness), points))
    }

    /// Reads blocks.
    pub fn blocks(next_block: NextBlock, format: Format, gain_db: f64, points: CuePoints) -> Self {
        let (from, to) = points.range();
        let source = BlockSource {
            next_block,
            converter: Converter::new(format),
            gain_db,
            n_skipped: format.samples(from),
            n_left: to.map_or(usize::MAX, |to| format.samples(to - from)),
        };
        Self { source: Source::Blocks(Box::new(source)), gain_db }
    }

    /// The next piece; `None` at the end.
    pub fn next_piece(&mut self) -> Result<Option<Piece>> {
        match &mut self.source {
            Source::Frames(frames) => frames.next_piece(),
            Source::Blocks(blocks) => blocks.next_piece(),
        }
    }

    /// What was added to its level, in decibels.
    pub fn gain_db(&self) -> f64 {
        self.gain_db
    }

    /// What in its frames is not its music: what is before it once there is a piece, what is after it at the end.
    pub fn margins(&self) -> Margins {
        match &self.source {
            Source::Frames(frames) => frames.margins,
            Source::Blocks(_) => Margins::default(),
        }
    }
}

struct FrameSource {
    frames: FrameReader<Take<File>>,
    format: Format,
    /// What is added to frames that pass, and to others.
    steps: i32,
    gain_db: f64,
    points: CuePoints,
    ready: VecDeque<Piece>,
    /// Frames that may hold only the encoder's padding, and how many those are.
    held: VecDeque<Frame>,
    n_held: usize,
    margins: Margins,
    place: Option<Place>,
    /// Decodes frames of other formats.
    other: Option<(Mp3Decoder, Converter)>,
}

/// Where in a file with cue points the next frame is, in samples of one channel.
struct Place {
    n_skipped: usize,
    n_left: usize,
    cut: Option<AfterCut>,
}

impl FrameSource {
    fn next_piece(&mut self) -> Result<Option<Piece>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some(piece));
            }
            let Some(frame) = self.next_frame()? else {
                self.end_other()?;
                return Ok(self.ready.pop_front());
            };
            self.add(frame)?;
        }
    }

    /// The next frame of the part that plays.
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        while let Some(frame) = self.frames.next_frame()? {
            let n = frame.header.n_samples as usize;
            if let Some(vbr_header) = self.frames.take_vbr_header() {
                // What was held is the padding of another file, of several that were concatenated.
                self.held.clear();
                self.n_held = vbr_header.samples_after() as usize / n;
                self.margins.after = vbr_header.samples_after() as usize % n;
                if self.place.is_none() {
                    self.margins.before = vbr_header.samples_before() as usize;
                }
            }
            if self.place.is_none() {
                self.place = Some(self.first_place(n));
            }
            self.held.push_back(frame);
            if self.held.len() <= self.n_held {
                continue;
            }
            let Some((mut frame, place)) = self.held.pop_front().zip(self.place.as_mut()) else { continue };
            if place.n_skipped >= n {
                place.n_skipped -= n;
                place.cut = Some(AfterCut::default());
                continue;
            }
            if place.n_left == 0 {
                return Ok(None);
            }
            if place.n_left <= n {
                self.margins.after = n - place.n_left;
            }
            place.n_left = place.n_left.saturating_sub(n);
            if let Some(cut) = &mut place.cut {
                cut.check(&mut frame);
            }
            return Ok(Some(frame));
        }
        Ok(None)
    }

    /// The place of the first frame, which has so many samples.
    fn first_place(&mut self, n: usize) -> Place {
        let (from, to) = self.points.range();
        let rate = f64::from(self.format.rate);
        let start = self.margins.before + (from * rate) as usize;
        let n_skipped = (start / n).saturating_sub(RESERVOIR_FRAMES) * n;
        let n_left = to.map_or(usize::MAX, |to| start - n_skipped + ((to - from) * rate) as usize);
        self.margins.before = start - n_skipped;
        Place { n_skipped, n_left, cut: None }
    }

    fn add(&mut self, mut frame: Frame) -> Result<()> {
        if frame.header.format == self.format {
            self.end_other()?;
            frame.add_gain(self.steps);
            self.ready.push_back(Piece::Frame(frame));
            return Ok(());
        }
        let (mp3, converter) =
            self.other.get_or_insert_with(|| (Mp3Decoder::new(), Converter::new(self.format)));
        let samples = converter.convert(&mp3.decode(&frame))?;
        self.add_samples(samples);
        Ok(())
    }

    fn end_other(&mut self) -> Result<()> {
        if let Some((_, mut converter)) = self.other.take() {
            let samples = converter.finish()?;
            self.add_samples(samples);
        }
        Ok(())
    }

    fn add_samples(&mut self, mut samples: Vec<f32>) {
        loudness::amplify(&mut samples, self.gain_db);
        if !samples.is_empty() {
            self.ready.push_back(Piece::Samples(samples));
        }
    }
}

struct BlockSource {
    next_block: NextBlock,
    converter: Converter,
    gain_db: f64,
    /// Samples of all channels before the part that plays, and of what is left of it.
    n_skipped: usize,
    n_left: usize,
}

impl BlockSource {
    fn next_piece(&mut self) -> Result<Option<Piece>> {
        while self.n_left > 0 {
            let block = (self.next_block)()?;
            let is_last = block.is_none();
            let mut samples = match block {
                Some(block) => self.converter.convert(&block)?,
                None => self.converter.finish()?,
            };
            let n_early = self.n_skipped.min(samples.len());
            samples.drain(..n_early);
            samples.truncate(self.n_left);
            self.n_skipped -= n_early;
            self.n_left -= samples.len();
            if is_last {
                self.n_left = 0;
            }
            if !samples.is_empty() {
                loudness::amplify(&mut samples, self.gain_db);
                return Ok(Some(Piece::Samples(samples)));
            }
        }
        Ok(None)
    }
}
