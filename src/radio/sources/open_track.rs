//! A track that plays, or is about to: its file, and what has been read of it ahead. So its end is known before it is
//! played, and so is its beginning while the track before it plays.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use super::track_reader::{Margins, Piece, RESERVOIR_FRAMES, TrackReader};
use crate::audio::album_place::AlbumPlace;
use crate::audio::decode::Mp3Decoder;
use crate::audio::format::Format;
use crate::audio::mp3::Frame;
use crate::audio::reservoir::{AfterCut, Reservoir};
use crate::audio::silence::TrimSilence;
use crate::radio::library::track::Track;

/// Frames that a decoder needs before it decodes the next one as it was: those that its bit reservoir reaches back to at
/// low bitrates, and the one that it overlaps.
const CONTEXT_FRAMES: usize = 12;

/// A track that plays, or is about to.
pub struct OpenTrack {
    /// Its file.
    pub path: Arc<Path>,
    /// What listeners see of it.
    pub track: Arc<Track>,
    /// Its place in an album.
    pub place: Option<Box<AlbumPlace>>,
    /// The longest overlap with the next track according to its tags, in seconds.
    pub crossfade: Option<f64>,
    format: Format,
    reader: TrackReader,
    ahead: VecDeque<Piece>,
    /// Samples of all channels ahead.
    n_ahead: usize,
    is_ended: bool,
    /// Frames before those ahead.
    context: VecDeque<Frame>,
    /// What of what is ahead is not its music.
    margins: Margins,
}

/// The decoded end of a track.
pub struct Ending {
    /// Samples, with those of frames that have been played.
    pub samples: Vec<f32>,
    /// How many of them have been played.
    pub n_played: usize,
}

impl OpenTrack {
    /// Nothing has been read of it.
    pub fn new(path: Arc<Path>, track: Arc<Track>, format: Format, reader: TrackReader) -> Self {
        Self {
            path,
            track,
            place: None,
            crossfade: None,
            format,
            reader,
            ahead: VecDeque::new(),
            n_ahead: 0,
            is_ended: false,
            context: VecDeque::new(),
            margins: Margins::default(),
        }
    }

    /// Reads until more than so many samples of all channels are ahead; false at the end of the file.
    pub fn fill(&mut self, n_samples: usize) -> Result<bool> {
        while self.n_ahead <= n_samples && !self.is_ended {
            match self.reader.next_piece() {
                Ok(Some(piece)) => {
                    if self.n_ahead == 0 && self.context.is_empty() {
                        self.margins.before = self.reader.margins().before;
                    }
                    self.n_ahead += self.n_samples(&piece);
                    self.ahead.push_back(piece);
                }
                Ok(None) => {
                    self.is_ended = true;
                    self.margins.after = self.reader.margins().after;
                }
                Err(error) => {
                    self.is_ended = true;
                    return Err(error);
                }
            }
        }
        Ok(!self.is_ended)
    }

    /// The next piece to play, if so many samples of all channels are ahead after it; `None` at the end of the file.
    pub fn next_beyond(&mut self, n_samples: usize) -> Result<Option<Piece>> {
        loop {
            let n_first = self.ahead.front().map_or(usize::MAX, |first| self.n_samples(first));
            if self.n_ahead.checked_sub(n_first).is_some_and(|n_after| n_after >= n_samples) {
                return Ok(self.pop());
            }
            if !self.fill(self.n_ahead)? {
                return Ok(None);
            }
        }
    }

    /// Reads no further: what is ahead is the end.
    pub fn end(&mut self) {
        self.is_ended = true;
    }

    /// The next piece to play.
    pub fn pop(&mut self) -> Option<Piece> {
        let piece = self.ahead.pop_front()?;
        self.n_ahead -= self.n_samples(&piece);
        if let Piece::Frame(frame) = &piece {
            self.context.push_back(frame.clone());
            if self.context.len() > CONTEXT_FRAMES {
                self.context.pop_front();
            }
        }
        Some(piece)
    }

    /// Whether all of it is ahead or has been played.
    pub fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Whether all that is ahead is frames.
    pub fn is_passed(&self) -> bool {
        self.ahead.iter().all(|piece| matches!(piece, Piece::Frame(_)))
    }

    /// Whether all that is ahead is samples.
    pub fn is_encoded(&self) -> bool {
        self.ahead.iter().all(|piece| matches!(piece, Piece::Samples(_)))
    }

    /// The frames ahead.
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.ahead.iter().filter_map(|piece| match piece {
            Piece::Frame(frame) => Some(frame),
            Piece::Samples(_) => None,
        })
    }

    /// Samples of one channel before the music in the frames ahead, before any has been played.
    pub fn n_before(&self) -> usize {
        self.margins.before
    }

    /// The bytes before the frame with this index ahead which it and later ones begin in.
    pub fn reservoir_before(&self, n_frames: usize) -> Vec<u8> {
        let mut reservoir = Reservoir::default();
        for frame in self.frames().take(n_frames) {
            reservoir.add(frame);
        }
        reservoir.needed(self.frames().skip(n_frames)).to_vec()
    }

    /// The music at its beginning, as far as it has been read.
    pub fn beginning(&self) -> Vec<f32> {
        let before = self.margins.before * usize::from(self.format.channels);
        let mut samples = self.decoded(&mut Mp3Decoder::new());
        samples.drain(..before.min(samples.len()));
        if self.is_ended {
            self.without_margin(&mut samples);
        }
        samples
    }

    /// The music at its end, which has been read.
    pub fn ending(&self) -> Ending {
        let mut mp3 = Mp3Decoder::new();
        let mut samples: Vec<f32> = self.context.iter().flat_map(|frame| mp3.decode(frame).samples).collect();
        let n_played = samples.len();
        samples.append(&mut self.decoded(&mut mp3));
        self.without_margin(&mut samples);
        Ending { n_played: n_played.min(samples.len()), samples }
    }

    fn without_margin(&self, samples: &mut Vec<f32>) {
        let after = self.margins.after * usize::from(self.format.channels);
        samples.truncate(samples.len().saturating_sub(after));
    }

    /// What is ahead, decoded behind what a decoder has decoded before.
    fn decoded(&self, mp3: &mut Mp3Decoder) -> Vec<f32> {
        let mut samples = Vec::with_capacity(self.n_ahead);
        for piece in &self.ahead {
            match piece {
                Piece::Frame(frame) => samples.append(&mut mp3.decode(frame).samples),
                Piece::Samples(more) => samples.extend_from_slice(more),
            }
        }
        samples
    }

    /// Leaves out silence at its beginning, of which enough is ahead.
    pub fn trim_beginning(&mut self, trim: &TrimSilence) {
        if trim.longest.is_zero() || !(self.is_passed() || self.is_encoded()) {
            return;
        }
        let channels = usize::from(self.format.channels);
        let mut n = trim.leading(&self.beginning(), self.format, self.reader.gain_db());
        if self.is_passed() {
            // Whole frames can be left out; what is left of them is before the music.
            let n_early = self.margins.before + n / channels;
            let n_frames = (n_early / self.format.frame_samples()).saturating_sub(RESERVOIR_FRAMES);
            self.margins.before = n_early - n_frames * self.format.frame_samples();
            n = n_frames * self.format.frame_samples() * channels;
        }
        self.drop_first(n);
    }

    /// Leaves out frames that hold nothing of its music, where it is not joined.
    pub fn drop_before(&mut self) {
        let n = self.margins.before / self.format.frame_samples() * self.format.frame_samples();
        self.margins.before -= n;
        self.drop_first(n * usize::from(self.format.channels));
    }

    /// Leaves out silence at its end, all of which is ahead.
    pub fn trim_end(&mut self, trim: &TrimSilence) {
        if trim.longest.is_zero() || !(self.is_passed() || self.is_encoded()) {
            return;
        }
        let channels = usize::from(self.format.channels);
        let n = trim.trailing(&self.decoded(&mut Mp3Decoder::new()), self.format, self.reader.gain_db());
        let mut n = n.max(self.margins.after * channels);
        while let Some(mut last) = self.ahead.pop_back() {
            let n_last = self.n_samples(&last);
            self.n_ahead -= n_last;
            if n_last <= n {
                n -= n_last;
                continue;
            }
            match &mut last {
                Piece::Frame(_) => self.margins.after = n / channels,
                Piece::Samples(samples) => samples.truncate(n_last - n),
            }
            self.n_ahead += self.n_samples(&last);
            self.ahead.push_back(last);
            return;
        }
    }

    /// Leaves out so many samples of all channels, which sound elsewhere or nowhere; of frames, whole ones.
    fn drop_first(&mut self, mut n: usize) {
        while let Some(mut first) = self.ahead.pop_front() {
            let n_first = self.n_samples(&first);
            self.n_ahead -= n_first;
            if n_first <= n {
                n -= n_first;
                continue;
            }
            if let Piece::Samples(samples) = &mut first {
                samples.drain(..n);
            }
            self.n_ahead += self.n_samples(&first);
            self.ahead.push_front(first);
            break;
        }
        self.silence_incomplete();
    }

    /// Silences frames ahead that need those that were dropped.
    pub fn silence_incomplete(&mut self) {
        let mut cut = AfterCut::default();
        for piece in self.ahead.iter_mut().take(CONTEXT_FRAMES) {
            if let Piece::Frame(frame) = piece {
                cut.check(frame);
            }
        }
    }

    /// Whether nothing is ahead.
    pub fn is_empty(&self) -> bool {
        self.ahead.is_empty()
    }

    /// Goes on after what is in a seam: so many frames, or all samples that are ahead.
    pub fn skip_joined(&mut self, n_frames: usize) {
        let n_pieces = if self.is_encoded() { self.ahead.len() } else { n_frames };
        for _ in 0..n_pieces {
            self.pop();
        }
    }

    fn n_samples(&self, piece: &Piece) -> usize {
        match piece {
            Piece::Frame(frame) => frame.header.n_samples as usize * usize::from(self.format.channels),
            Piece::Samples(samples) => samples.len(),
        }
    }
}
