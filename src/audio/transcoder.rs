//! Transcodes blocks of any format to frames of the station's format, gapless from track to track.
//!
//! LAME adds some 25 ms of silence at the beginning and at the end. It stays open between tracks: what it holds at the
//! end of a track comes out with the beginning of the next, or by `finish`.

use std::collections::VecDeque;

use anyhow::{Result, ensure};

use super::block::Block;
use super::encode::Encoder;
use super::format::Format;
use super::loudness;
use super::mp3::Frame;
use super::resample::Converter;
use super::vbr_header::DECODER_DELAY;

/// Samples before the sound in what is decoded of LAME's frames: its own delay, and the decoder's.
pub const DELAY: usize = 576 + DECODER_DELAY as usize;

/// Frames that are encoded to warm up where earlier frames come from elsewhere.
const WARM_UP_FRAMES: usize = 2;

/// Resamples, levels and encodes.
pub struct Transcoder {
    format: Format,
    bitrate_kbps: u32,
    converter: Converter,
    encoder: Option<Encoder>,
    /// Samples of one channel that the encoder has been given, and frames that it has made of them.
    n_in: usize,
    n_frames: usize,
    /// Samples that have not come out in frames, with the delay before them.
    held: VecDeque<f32>,
}

impl Transcoder {
    /// Encodes to a format.
    pub fn new(format: Format, bitrate_kbps: u32) -> Self {
        Self {
            format,
            bitrate_kbps,
            converter: Converter::new(format),
            encoder: None,
            n_in: 0,
            n_frames: 0,
            held: silence(format),
        }
    }

    /// Goes on behind frames that were encoded elsewhere, whose last samples are `before`: the frames that come out continue
    /// them to the sample, but for the first ones, which are to be dropped: those that are returned, and as many more as are
    /// due.
    pub fn behind(format: Format, bitrate_kbps: u32, before: &[f32]) -> Result<(Self, Vec<Frame>)> {
        let (channels, n) = (usize::from(format.channels), format.frame_samples());
        let mut transcoder = Self::new(format, bitrate_kbps);
        // The last of `before` is to be the last sample of a frame.
        let n_early = DELAY.next_multiple_of(n) + WARM_UP_FRAMES * n - DELAY;
        let mut early = vec![0.0; (n_early * channels).saturating_sub(before.len())];
        early.extend_from_slice(&before[before.len().saturating_sub(n_early * channels)..]);
        let frames = transcoder.encode(&early)?;
        Ok((transcoder, frames))
    }

    /// Samples of one channel since the beginning of a frame, where the next sample will be heard.
    pub fn phase(&self) -> usize {
        (self.n_in + DELAY) % self.format.frame_samples()
    }

    /// Whole frames before the next sample is heard that have not come out yet.
    pub fn frames_due(&self) -> usize {
        ((self.n_in + DELAY) / self.format.frame_samples()).saturating_sub(self.n_frames)
    }

    /// Transcodes a block; returns the frames that are complete.
    pub fn transcode(&mut self, block: &Block, gain_db: f64) -> Result<Vec<Frame>> {
        let mut samples = self.converter.convert(block)?;
        loudness::amplify(&mut samples, gain_db);
        self.encode(&samples)
    }

    /// Ends a track: later frames do not depend on earlier ones.
    pub fn end_track(&mut self, gain_db: f64) -> Result<Vec<Frame>> {
        let mut samples = self.converter.finish()?;
        loudness::amplify(&mut samples, gain_db);
        let mut frames = self.encode(&samples)?;
        if let Some(encoder) = &mut self.encoder {
            encoder.end_reservoir()?;
            let late = std::iter::from_fn(|| encoder.next_frame()).collect();
            frames.extend(self.out(late));
        }
        Ok(frames)
    }

    /// Drains the encoder, after the end of a track.
    pub fn finish(&mut self) -> Result<Vec<Frame>> {
        self.converter = Converter::new(self.format);
        let Some(mut encoder) = self.encoder.take() else { return Ok(Vec::new()) };
        encoder.finish()?;
        let frames = self.out(std::iter::from_fn(|| encoder.next_frame()).collect());
        (self.n_in, self.n_frames, self.held) = (0, 0, silence(self.format));
        Ok(frames)
    }

    /// Counts frames that have come out, and gives each what it was encoded from.
    fn out(&mut self, mut frames: Vec<Frame>) -> Vec<Frame> {
        self.n_frames += frames.len();
        let n = self.format.frame_samples() * usize::from(self.format.channels);
        for frame in &mut frames {
            // The encoder fills up its last frame.
            frame.samples = (self.held.len() >= n).then(|| self.held.drain(..n).collect());
        }
        frames
    }

    /// Encodes samples of the station's format, and of the level that they are to have.
    pub fn encode(&mut self, samples: &[f32]) -> Result<Vec<Frame>> {
        if self.encoder.is_none() && samples.is_empty() {
            return Ok(Vec::new());
        }
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(Encoder::new(self.format, self.bitrate_kbps)?),
        };
        encoder.encode(samples)?;
        let frames: Vec<Frame> = std::iter::from_fn(|| encoder.next_frame()).collect();
        ensure!(frames.iter().all(|frame| frame.header.format == self.format), "LAME used another format");
        self.n_in += samples.len() / usize::from(self.format.channels);
        self.held.extend(samples);
        Ok(self.out(frames))
    }
}

/// What is heard before the first sample that an encoder is given.
fn silence(format: Format) -> VecDeque<f32> {
    vec![0.0; DELAY * usize::from(format.channels)].into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::decode::Mp3Decoder;

    /// A tone of `n` samples, on both channels.
    fn tone(n: usize) -> Block {
        let samples = (0..n).flat_map(|at| [(at as f32 * 0.06).sin() * 0.5; 2]).collect();
        Block { rate: 44_100, channels: 2, samples }
    }

    #[test]
    fn there_is_no_silence_between_two_tracks() {
        let mut transcoder = Transcoder::new(Format::USUAL, 128);
        let mut frames = Vec::new();
        for _ in 0..3 {
            frames.extend(transcoder.transcode(&tone(30_000), 0.0).unwrap());
            let n_before = frames.len();
            frames.extend(transcoder.end_track(0.0).unwrap());
            frames.extend(transcoder.transcode(&tone(3_000), 0.0).unwrap());
            let begin = frames.get(n_before + 1).map(Frame::main_data_begin);
            assert!(begin.is_some(), "frames come out after the end of a track");
        }
        frames.extend(transcoder.end_track(0.0).unwrap());
        frames.extend(transcoder.finish().unwrap());
        let mut mp3 = Mp3Decoder::new();
        let sound: Vec<f32> = frames.iter().flat_map(|frame| mp3.decode(frame).samples).collect();
        let loud = |piece: &[f32]| piece.iter().fold(0.0_f32, |most, sample| most.max(sample.abs())) > 0.3;
        let pieces: Vec<bool> = sound.chunks(2 * 441).map(loud).collect();
        let first = pieces.iter().position(|is_loud| *is_loud).unwrap();
        let last = pieces.iter().rposition(|is_loud| *is_loud).unwrap();
        assert!(pieces[first..=last].iter().all(|is_loud| *is_loud), "{pieces:?}");
        assert!(((last - first) as f64 - 224.0).abs() < 4.0, "{} hundredths of a second", last - first);
    }

    #[test]
    fn frames_bear_what_is_heard_of_them() {
        let mut transcoder = Transcoder::new(Format::USUAL, 320);
        let mut frames = Vec::new();
        for n in [500, 7_000, 30_000, 11] {
            frames.extend(transcoder.transcode(&tone(n), 0.0).unwrap());
        }
        frames.extend(transcoder.end_track(0.0).unwrap());
        frames.extend(transcoder.finish().unwrap());
        let mut mp3 = Mp3Decoder::new();
        let mut n_borne = 0;
        for frame in &frames[2..] {
            let heard = mp3.decode(frame).samples;
            let Some(samples) = &frame.samples else { continue };
            n_borne += 1;
            let off = heard.iter().zip(samples).map(|(heard, sample)| (heard - sample).abs());
            // The first frames that are decoded lack those before them.
            let most = off.fold(0.0_f32, f32::max);
            assert!(n_borne < 4 || most < 0.06, "{most} in frame {n_borne}");
        }
        assert!(n_borne > 25, "{n_borne} frames");
    }

    #[test]
    fn a_track_does_not_depend_on_the_previous_one() {
        let mut transcoder = Transcoder::new(Format::USUAL, 320);
        let mut frames = transcoder.transcode(&tone(60_000), 0.0).unwrap();
        frames.extend(transcoder.end_track(0.0).unwrap());
        let next = transcoder.transcode(&tone(30_000), 0.0).unwrap();
        assert_eq!(next[0].main_data_begin(), 0);
        assert!(frames.len() > 45 && next.len() > 20);
    }
}
