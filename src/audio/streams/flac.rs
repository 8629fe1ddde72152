//! FLAC of 16 bits, by `flacenc`.

use std::mem;

use anyhow::{Context as _, Result, anyhow};
use flacenc::bitsink::ByteSink;
use flacenc::component::{BitRepr as _, StreamInfo};
use flacenc::config;
use flacenc::error::{Verified, Verify as _};
use flacenc::source::{Fill as _, FrameBuf};

use super::ogg::{Packet, Packets};
use crate::audio::format::Format;

/// Samples of a frame, in each channel.
const FRAME_SAMPLES: usize = 4096;

/// The least samples of a last frame, which is filled up with silence; a chain ends with a frame, be it silence alone.
const MIN_FRAME_SAMPLES: usize = 64;

const BITS: usize = 16;

/// The largest value of a sample.
const FULL_SCALE: f32 = 32_767.0;

/// Frames of one chain.
pub struct FlacPackets {
    format: Format,
    config: Verified<config::Encoder>,
    stream: StreamInfo,
    waiting: Vec<i32>,
    n_frames: usize,
    n_out: u64,
}

impl FlacPackets {
    pub fn new(format: Format) -> Result<Self> {
        let config =
            config::Encoder::default().into_verified().map_err(|(_, error)| anyhow!("FLAC: {error}"))?;
        let stream = StreamInfo::new(format.rate as usize, usize::from(format.channels), BITS)
            .map_err(|error| anyhow!("FLAC: {error}"))?;
        Ok(Self { format, config, stream, waiting: Vec::new(), n_frames: 0, n_out: 0 })
    }

    fn channels(&self) -> usize {
        usize::from(self.format.channels)
    }

    fn frame(&mut self, samples: &[i32]) -> Result<Packet> {
        let n = samples.len() / self.channels();
        let mut buffer = FrameBuf::with_size(self.channels(), n).map_err(|error| anyhow!("FLAC: {error}"))?;
        buffer.fill_interleaved(samples).map_err(|error| anyhow!("FLAC: {error}"))?;
        let frame = flacenc::encode_fixed_size_frame(&self.config, &buffer, self.n_frames, &self.stream)
            .map_err(|error| anyhow!("FLAC: {error}"))?;
        let mut sink = ByteSink::new();
        frame.write(&mut sink).ok().context("FLAC: a frame that cannot be written")?;
        self.n_frames += 1;
        self.n_out += n as u64;
        Ok(Packet { bytes: sink.into_inner(), end: self.n_out })
    }
}

impl Packets for FlacPackets {
    fn head(&self, comment: &[u8]) -> [Vec<u8>; 2] {
        // The mapping's version, and one packet of head after this one.
        let mut first = b"\x7fFLAC\x01\x00\x00\x01fLaC".to_vec();
        first.extend([0, 0, 0, 34]);
        let frame = (FRAME_SAMPLES as u16).to_be_bytes();
        first.extend([frame, frame].concat());
        // Sizes of frames, the length and its checksum are not known.
        first.extend([0; 6]);
        let (rate, channels) = (u64::from(self.format.rate), u64::from(self.format.channels));
        first.extend((rate << 44 | (channels - 1) << 41 | (BITS as u64 - 1) << 36).to_be_bytes());
        first.extend([0; 16]);
        // The last block of the head, of type 4.
        let length = (comment.len() as u32).to_be_bytes();
        let second = [&[0x84, length[1], length[2], length[3]], comment].concat();
        [first, second]
    }

    fn encode(&mut self, samples: &[f32]) -> Result<Vec<Packet>> {
        let quantized = samples.iter().map(|sample| (sample.clamp(-1.0, 1.0) * FULL_SCALE).round() as i32);
        self.waiting.extend(quantized);
        let length = FRAME_SAMPLES * self.channels();
        let mut packets = Vec::new();
        let waiting = mem::take(&mut self.waiting);
        let whole = waiting.chunks_exact(length);
        self.waiting = whole.remainder().to_vec();
        for samples in whole {
            packets.push(self.frame(samples)?);
        }
        Ok(packets)
    }

    fn finish(&mut self) -> Result<Vec<Packet>> {
        let mut rest = mem::take(&mut self.waiting);
        if rest.is_empty() && self.n_frames == 0 {
            return Ok(Vec::new());
        }
        let least = MIN_FRAME_SAMPLES * self.channels();
        rest.resize(rest.len().max(least), 0);
        Ok(vec![self.frame(&rest)?])
    }
}
