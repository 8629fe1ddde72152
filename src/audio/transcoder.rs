//! Transcodes blocks of any format to frames of the station's format, gapless from track to track.
//!
//! LAME adds some 25 ms of silence at the beginning and at the end. It stays open between tracks: what it holds at the
//! end of a track comes out with the beginning of the next, or by `finish`.

use anyhow::{Result, ensure};

use super::block::Block;
use super::encode::Encoder;
use super::format::Format;
use super::loudness;
use super::mp3::Frame;
use super::resample::Converter;

/// Resamples, levels and encodes.
pub struct Transcoder {
    format: Format,
    bitrate_kbps: u32,
    converter: Converter,
    encoder: Option<Encoder>,
}

impl Transcoder {
    /// Encodes to a format.
    pub fn new(format: Format, bitrate_kbps: u32) -> Self {
        Self { format, bitrate_kbps, converter: Converter::new(format), encoder: None }
    }

    /// Transcodes a block; returns the frames that are complete.
    pub fn transcode(&mut self, block: &Block, gain_db: f64) -> Result<Vec<Frame>> {
        let samples = self.converter.convert(block)?;
        self.encode(samples, gain_db)
    }

    /// Ends a track: later frames do not depend on earlier ones.
    pub fn end_track(&mut self, gain_db: f64) -> Result<Vec<Frame>> {
        let samples = self.converter.finish()?;
        let mut frames = self.encode(samples, gain_db)?;
        if let Some(encoder) = &mut self.encoder {
            encoder.end_reservoir()?;
            frames.extend(std::iter::from_fn(|| encoder.next_frame()));
        }
        Ok(frames)
    }

    /// Drains the encoder, after the end of a track.
    pub fn finish(&mut self) -> Result<Vec<Frame>> {
        self.converter = Converter::new(self.format);
        let Some(mut encoder) = self.encoder.take() else { return Ok(Vec::new()) };
        encoder.finish()?;
        Ok(std::iter::from_fn(|| encoder.next_frame()).collect())
    }

    fn encode(&mut self, mut samples: Vec<f32>, gain_db: f64) -> Result<Vec<Frame>> {
        if self.encoder.is_none() && samples.is_empty() {
            return Ok(Vec::new());
        }
        loudness::amplify(&mut samples, gain_db);
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(Encoder::new(self.format, self.bitrate_kbps)?),
        };
        encoder.encode(&samples)?;
        let frames: Vec<Frame> = std::iter::from_fn(|| encoder.next_frame()).collect();
        ensure!(frames.iter().all(|frame| frame.header.format == self.format), "LAME used another format");
        Ok(frames)
    }
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
    fn a_track_does_not_depend_on_the_previous_one() {
        let mut transcoder = Transcoder::new(Format::USUAL, 320);
        let mut frames = transcoder.transcode(&tone(60_000), 0.0).unwrap();
        frames.extend(transcoder.end_track(0.0).unwrap());
        let next = transcoder.transcode(&tone(30_000), 0.0).unwrap();
        assert_eq!(next[0].main_data_begin(), 0);
        assert!(frames.len() > 45 && next.len() > 20);
    }
}
