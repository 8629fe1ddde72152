//! Encodes samples to MP3 frames, by LAME.

use std::borrow::Cow;
use std::collections::VecDeque;

use anyhow::{Result, anyhow};
use mp3lame_encoder::{Bitrate, Builder, FlushGap, FlushNoGap, InterleavedPcm, Mode, MonoPcm, Quality};

use super::block::{is_tame, tame};
use super::format::Format;
use super::mp3::{Frame, Header};

/// LAME requires this much space in addition to 1.25 bytes a sample.
const ROOM_BYTES: usize = 7200;

/// The bitrates that may be configured, in kbit/s; those of MPEG-1.
pub const BITRATES: [(u32, Bitrate); 11] = [
    (48, Bitrate::Kbps48),
    (64, Bitrate::Kbps64),
    (80, Bitrate::Kbps80),
    (96, Bitrate::Kbps96),
    (112, Bitrate::Kbps112),
    (128, Bitrate::Kbps128),
    (160, Bitrate::Kbps160),
    (192, Bitrate::Kbps192),
    (224, Bitrate::Kbps224),
    (256, Bitrate::Kbps256),
    (320, Bitrate::Kbps320),
];

/// Encodes one track.
pub struct Encoder {
    lame: mp3lame_encoder::Encoder,
    format: Format,
    bytes: VecDeque<u8>,
}

impl Encoder {
    /// Encodes to a format; MPEG-2 allows at most 160 kbit/s.
    pub fn new(format: Format, bitrate_kbps: u32) -> Result<Self> {
        let highest = if format.rate < 32_000 { 160 } else { 320 };
        let wanted = bitrate_kbps.min(highest);
        let bitrate = BITRATES
            .iter()
            .rev()
            .find(|(kbps, _)| *kbps <= wanted)
            .map_or(Bitrate::Kbps48, |(_, rate)| *rate);
        let failed = |error: mp3lame_encoder::BuildError| anyhow!("LAME: {error}");
        let builder = Builder::new().ok_or_else(|| anyhow!("LAME: no memory"))?;
        let lame = builder
            .with_num_channels(format.channels)
            .and_then(|builder| builder.with_sample_rate(format.rate))
            .and_then(|builder| builder.with_output_sample_rate(std::num::NonZeroU32::new(format.rate)))
            .and_then(|builder| builder.with_brate(bitrate))
            .and_then(|builder| {
                builder.with_mode(if format.channels == 1 { Mode::Mono } else { Mode::JointStereo })
            })
            .and_then(|builder| builder.with_quality(Quality::Good))
            // The VBR header of a file, which a stream does not have.
            .and_then(|builder| builder.with_to_write_vbr_tag(false))
            .map_err(failed)?
            .build()
            .map_err(failed)?;
        Ok(Self { lame, format, bytes: VecDeque::new() })
    }

    /// Encodes interleaved samples.
    pub fn encode(&mut self, samples: &[f32]) -> Result<()> {
        // LAME ends the process over what is no number.
        let mut samples = Cow::Borrowed(samples);
        if !is_tame(&samples) {
            tame(samples.to_mut());
        }
        let samples = &*samples;
        let mut out = Vec::with_capacity(samples.len() * 5 / 4 + ROOM_BYTES);
        match self.format.channels {
            1 => self.lame.encode_to_vec(MonoPcm(samples), &mut out),
            _ => self.lame.encode_to_vec(InterleavedPcm(samples), &mut out),
        }
        .map_err(|error| anyhow!("LAME: {error}"))?;
        self.bytes.extend(out);
        Ok(())
    }

    /// Ends the bit reservoir, so that later frames do not depend on earlier ones; delayed samples come out later.
    pub fn end_reservoir(&mut self) -> Result<()> {
        let mut out = Vec::with_capacity(ROOM_BYTES);
        self.lame.flush_to_vec::<FlushNoGap>(&mut out).map_err(|error| anyhow!("LAME: {error}"))?;
        self.bytes.extend(out);
        Ok(())
    }

    /// Flushes the encoder.
    pub fn finish(&mut self) -> Result<()> {
        let mut out = Vec::with_capacity(ROOM_BYTES);
        self.lame.flush_to_vec::<FlushGap>(&mut out).map_err(|error| anyhow!("LAME: {error}"))?;
        self.bytes.extend(out);
        Ok(())
    }

    /// The next complete frame.
    pub fn next_frame(&mut self) -> Option<Frame> {
        let head: Vec<u8> = self.bytes.iter().take(4).copied().collect();
        let header = Header::parse(&head)?;
        (self.bytes.len() >= header.n_bytes).then(|| Frame {
            header,
            bytes: self.bytes.drain(..header.n_bytes).collect(),
            samples: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_are_no_numbers_are_silence_and_do_not_end_the_process() {
        let mut encoder = Encoder::new(Format::USUAL, 128).unwrap();
        for sample in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN] {
            encoder.encode(&[0.1, sample].repeat(4_000)).unwrap();
        }
        encoder.finish().unwrap();
        assert!(encoder.next_frame().is_some());
    }

    #[test]
    fn a_second_of_samples_becomes_a_second_of_frames_in_the_stations_format() {
        for format in
            [Format::USUAL, Format { rate: 48_000, channels: 1 }, Format { rate: 22_050, channels: 2 }]
        {
            let mut encoder = Encoder::new(format, 192).unwrap();
            let n = format.rate as usize * usize::from(format.channels);
            let sound: Vec<f32> = (0..n).map(|at| (at as f32 * 0.03).sin() * 0.3).collect();
            encoder.encode(&sound).unwrap();
            encoder.finish().unwrap();
            let frames: Vec<Frame> = std::iter::from_fn(|| encoder.next_frame()).collect();
            assert!(frames.iter().all(|frame| frame.header.format == format));
            let samples: u32 = frames.iter().map(|frame| frame.header.n_samples).sum();
            assert!(
                (f64::from(samples) / f64::from(format.rate) - 1.0).abs() < 0.12,
                "{format:?}: {samples}"
            );
            assert_eq!(encoder.bytes.len(), 0);
        }
    }
}
