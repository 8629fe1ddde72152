//! What is heard where one track ends and the next one begins. Where both are encoded, one encoder goes on. Where frames pass,
//! only those around the join are decoded, joined, and encoded again, in the places of frames and with the bit reservoir of
//! those that pass on.
//!
//! Frames can only begin where frames do, so the join is moved by a part of a frame: by a longer overlap where tracks overlap,
//! else by stretching what is encoded. No I/O beyond what the tracks have read.

use anyhow::{Result, ensure};

use super::open_track::OpenTrack;
use crate::audio::crossfade::{self, Fade, Overlap};
use crate::audio::format::Format;
use crate::audio::mp3::Frame;
use crate::audio::reservoir::repack;
use crate::audio::stretch::stretch;
use crate::audio::transcoder::Transcoder;

/// How much of each track is encoded again where sound goes on over the join, in seconds: to move the join by half a frame
/// then changes the pitch by 3 cents.
pub const STRETCHED: f64 = 4.0;

/// Frames after a join that are given to the encoder, which looks ahead, and drops them.
pub const LOOKAHEAD_FRAMES: usize = 4;

/// Frames that the encoder may hold back.
const HELD_FRAMES: usize = 4;

/// Frames around a join leave room for the bit reservoir: their bitrate is at most this, of 320.
const MAX_KBPS: u32 = 256;

/// The same of sample rates below 32 kHz, of 160.
const MAX_LOW_KBPS: u32 = 128;

/// How tracks are joined.
#[derive(Debug, Clone, Copy)]
pub struct SeamSettings {
    /// The station's format.
    pub format: Format,
    /// The bitrate at which tracks are encoded.
    pub bitrate_kbps: u32,
    /// The longest overlap in seconds; zero lets no tracks overlap.
    pub crossfade: f64,
    /// How the second track follows the first.
    pub succession: Succession,
}

/// How a track follows another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Succession {
    /// By chance: sound does not go on from one into the other.
    None,
    /// In the order of a folder: sound may go on.
    Folder,
    /// In the order of an album: sound may go on, and they do not overlap.
    Album,
}

/// A join.
pub struct Seam {
    /// Frames until the title changes: the rest of the first track.
    pub before: Vec<Frame>,
    /// Frames from then on; the second track goes on after them.
    pub after: Vec<Frame>,
    /// Frames of the second track that are in it.
    pub n_frames: usize,
    /// Whether the frames after those find their bit reservoir. An encoder at the highest bitrate leaves no room for it.
    pub has_reservoir: bool,
    /// The encoder, if the second track is encoded.
    pub transcoder: Option<Transcoder>,
}

/// How the sound of two tracks becomes one.
struct Joint {
    /// Samples of all channels of the first track that are left out or pass as frames, at the beginning of what is ahead.
    n_passed: usize,
    /// Samples of all channels until frames of the second track pass; all where it is encoded.
    n_second: usize,
    /// Frames of the second track that do not pass.
    n_second_frames: usize,
    overlap: Overlap,
}

/// Joins the end of a track and the beginning of the next. `None` where they follow each other as they are.
///
/// `transcoder` has encoded the first track; it is taken if a seam is made.
pub fn join(
    first: &OpenTrack,
    second: &OpenTrack,
    transcoder: &mut Option<Transcoder>,
    settings: SeamSettings,
) -> Result<Option<Seam>> {
    let format = settings.format;
    let (channels, n) = (usize::from(format.channels), format.frame_samples());
    let is_uniform = |track: &OpenTrack| track.is_passed() || track.is_encoded();
    if !is_uniform(first) || !is_uniform(second) || first.is_empty() || second.is_empty() {
        return Ok(None);
    }
    let longest = match first.crossfade {
        _ if settings.succession == Succession::Album => 0.0,
        Some(longest) if settings.crossfade > 0.0 => longest,
        _ => settings.crossfade,
    };
    let (is_passed, is_passed_next) = (first.frames().next().is_some(), second.frames().next().is_some());
    let goes_on = settings.succession != Succession::None && (is_passed || is_passed_next);
    if longest <= 0.0 && !goes_on {
        return Ok(None);
    }
    let (ending, beginning) = (first.ending(), second.beginning());
    let tail = &ending.samples[ending.n_played..];
    let Some(mut joint) = plan(first, second, tail, &beginning, longest, format) else { return Ok(None) };
    let phase = match (is_passed, transcoder.as_ref()) {
        (true, _) => 0,
        (false, Some(transcoder)) => transcoder.phase(),
        (false, None) => Transcoder::new(format, settings.bitrate_kbps).phase(),
    };
    let grid = is_passed_next.then_some(phase);
    let (sound, title_at) = joint.sound(tail, &beginning, format, grid, longest > 0.0)?;

    let own = settings.bitrate_kbps;
    let bitrate_kbps = if is_passed_next { room_for_reservoir(own, format) } else { own };
    let mut before: Vec<Frame> = Vec::new();
    let (encoder, frames) = if is_passed {
        before.extend(first.frames().take(joint.n_passed / channels / n).cloned());
        Transcoder::behind(format, bitrate_kbps, &ending.samples[..ending.n_played + joint.n_passed])?
    } else {
        let mut encoder = transcoder.take().unwrap_or_else(|| Transcoder::new(format, bitrate_kbps));
        if is_passed_next {
            before.extend(encoder.end_track(0.0)?);
        }
        (encoder, Vec::new())
    };
    let warm_up = is_passed.then(|| frames.len() + encoder.frames_due());
    let start = Start { format, phase, encoder, frames, warm_up, before };
    if is_passed_next {
        let lookahead = &beginning[joint.n_second..];
        let lookahead = &lookahead[..lookahead.len().min(LOOKAHEAD_FRAMES * n * channels)];
        start.into_frames(sound, lookahead, title_at, second, joint.n_second_frames).map(Some)
    } else {
        start.into_encoder(&sound, title_at).map(Some)
    }
}

impl Joint {
    /// The sound of both tracks, and at which sample of one channel the title changes. `grid` is how far into a frame it begins,
    /// if it is to end where a frame does.
    fn sound(
        &mut self,
        tail: &[f32],
        beginning: &[f32],
        format: Format,
        grid: Option<usize>,
        is_crossfade: bool,
    ) -> Result<(Vec<f32>, usize)> {
        let (channels, n) = (usize::from(format.channels), format.frame_samples());
        let first = &tail[self.n_passed..tail.len() - self.overlap.n_inaudible];
        let second = &beginning[..self.n_second];
        let n_late = |overlap: usize| {
            grid.map_or(0, |phase| (phase + (first.len() + second.len() - overlap) / channels) % n)
        };
        let mut overlap = self.overlap.n_samples;
        let wider = overlap + n_late(overlap) * channels;
        if is_crossfade && wider <= first.len().min(second.len()) {
            overlap = wider;
        }
        let sound = crossfade::mix(first, second, overlap, self.overlap.fade, channels);
        let title_at = first.len() / channels - overlap / channels / 2;
        let (n_sound, n_late) = (sound.len() / channels, n_late(overlap));
        if n_late == 0 {
            return Ok((sound, title_at));
        }
        let n_stretched = if n_late > n / 2 { n_sound + n - n_late } else { n_sound - n_late };
        ensure!(n_stretched > 0, "a track of less than a frame");
        Ok((stretch(&sound, channels, n_stretched), title_at * n_stretched / n_sound))
    }
}

/// What the encoder of a seam begins with.
struct Start {
    format: Format,
    /// How far into a frame its sound begins.
    phase: usize,
    encoder: Transcoder,
    /// What it has made so far.
    frames: Vec<Frame>,
    /// Its first frames, which are dropped, where it goes on behind frames that were passed.
    warm_up: Option<usize>,
    /// What is heard before.
    before: Vec<Frame>,
}

impl Start {
    /// Encodes sound before frames of the second track that pass.
    fn into_frames(
        mut self,
        mut sound: Vec<f32>,
        lookahead: &[f32],
        title_at: usize,
        second: &OpenTrack,
        n_second_frames: usize,
    ) -> Result<Seam> {
        let (channels, n) = (usize::from(self.format.channels), self.format.frame_samples());
        let n_dropped = self.warm_up.unwrap_or(0);
        let n_first = self.warm_up.unwrap_or_else(|| self.encoder.frames_due());
        let n_title = n_first + (self.phase + title_at) / n;
        let n_frames = n_first + (self.phase + sound.len() / channels) / n;
        // The encoder looks ahead, and holds back what it looks at.
        sound.extend_from_slice(lookahead);
        sound.resize(sound.len() + LOOKAHEAD_FRAMES * n * channels, 0.0);
        encode(&mut self.encoder, &sound, n * channels, &[n_dropped, n_title], &mut self.frames)?;
        ensure!(self.frames.len() >= n_frames, "the encoder holds back too much");
        self.frames.truncate(n_frames);
        let n_early = n_title - n_dropped;
        let reservoir = second.reservoir_before(n_second_frames);
        let mut packed = repack(&self.frames, n_dropped, n_early, &reservoir);
        let has_reservoir = !packed.is_empty();
        if !has_reservoir {
            packed = repack(&self.frames, n_dropped, n_early, &[]);
        }
        let after = packed.split_off(n_early.min(packed.len()));
        self.before.extend(packed);
        Ok(Seam { before: self.before, after, n_frames: n_second_frames, has_reservoir, transcoder: None })
    }

    /// Encodes sound before a second track that is encoded.
    fn into_encoder(mut self, sound: &[f32], title_at: usize) -> Result<Seam> {
        let channels = usize::from(self.format.channels);
        let (early, late) = sound.split_at(title_at * channels);
        let breaks = self.warm_up.as_slice();
        encode(&mut self.encoder, early, self.format.frame_samples() * channels, breaks, &mut self.frames)?;
        self.frames.extend(self.encoder.end_track(0.0)?);
        match self.warm_up {
            Some(n_dropped) => self.before.extend(repack(&self.frames, n_dropped, usize::MAX, &[])),
            None => self.before.append(&mut self.frames),
        }
        let after = self.encoder.encode(late)?;
        let transcoder = Some(self.encoder);
        Ok(Seam { before: self.before, after, n_frames: 0, has_reservoir: true, transcoder })
    }
}

/// A bitrate that leaves room for the bit reservoir of frames that pass on.
pub fn room_for_reservoir(bitrate_kbps: u32, format: Format) -> u32 {
    bitrate_kbps.min(if format.rate < 32_000 { MAX_LOW_KBPS } else { MAX_KBPS })
}

/// Encodes sound to frames, in such a way that those with the indices `breaks` depend on none before them.
pub fn encode(
    encoder: &mut Transcoder,
    sound: &[f32],
    frame_samples: usize,
    breaks: &[usize],
    frames: &mut Vec<Frame>,
) -> Result<()> {
    for piece in sound.chunks(frame_samples) {
        frames.extend(encoder.encode(piece)?);
        // A frame comes out once it is full, of which no more than a few are not.
        if breaks.iter().any(|at| (frames.len()..=frames.len() + HELD_FRAMES).contains(at)) {
            frames.extend(encoder.end_track(0.0)?);
        }
    }
    Ok(())
}

/// Decides what of both tracks is joined, and how; `None` if that is nothing.
fn plan(
    first: &OpenTrack,
    second: &OpenTrack,
    tail: &[f32],
    beginning: &[f32],
    longest: f64,
    format: Format,
) -> Option<Joint> {
    let (channels, n) = (usize::from(format.channels), format.frame_samples());
    let frame = n * channels;
    let (is_passed, is_passed_next) = (first.frames().next().is_some(), second.frames().next().is_some());
    // The end of a short track is left for its own join.
    let available =
        if second.is_ended() { beginning.len() / 2 / channels * channels } else { beginning.len() };
    let mut overlap = if longest > 0.0 {
        crossfade::plan(tail, format, longest)
    } else {
        Overlap { n_inaudible: 0, n_samples: 0, fade: Fade::AsRecorded }
    };
    if longest <= 0.0 && !crossfade::is_heard_across(tail, beginning, format) {
        return None;
    }
    overlap.n_samples = overlap.n_samples.min(available.saturating_sub(frame));
    let audible = tail.len() - overlap.n_inaudible;
    // With room for a wider overlap, or for stretching.
    let wanted = if longest > 0.0 { overlap.n_samples + frame } else { format.samples(STRETCHED) };
    let n_passed = if is_passed { audible.saturating_sub(wanted) / frame * frame } else { 0 };
    let (mut n_second, mut n_second_frames) = (beginning.len(), 0);
    if is_passed_next {
        let before = second.n_before();
        let n_frames = second.frames().count();
        let most = (before * channels + available) / frame;
        n_second_frames = (before * channels + wanted)
            .div_ceil(frame)
            .min(most)
            .min(n_frames.saturating_sub(LOOKAHEAD_FRAMES));
        n_second = (n_second_frames * n).checked_sub(before)? * channels;
        overlap.n_samples = overlap.n_samples.min(n_second);
        if n_second == 0 || n_second > beginning.len() {
            return None;
        }
    }
    Some(Joint { n_passed, n_second, n_second_frames, overlap })
}
