//! Opus, by `opus-pure`: packets of 20 ms at 48 kHz.

use anyhow::{Result, anyhow};
use opus_pure::{Application, MAX_PACKET_BYTES, OpusEncoder};

use super::ogg::{Packet, Packets};

/// The sample rate of Opus, whatever the sound's was.
pub const RATE: u32 = 48_000;

/// Samples of a packet, in each channel.
const PACKET_SAMPLES: usize = 960;

/// Packets of one chain.
pub struct OpusPackets {
    encoder: OpusEncoder,
    channels: usize,
    waiting: Vec<f32>,
    /// Samples of each channel that came in, and that went out in packets.
    n_in: u64,
    n_out: u64,
}

impl OpusPackets {
    pub fn new(channels: u8, kbps: u32) -> Result<Self> {
        let channels = usize::from(channels);
        let mut encoder = OpusEncoder::new(RATE.cast_signed(), channels, Application::Audio)
            .map_err(|error| anyhow!("Opus: {error}"))?;
        encoder.bitrate_bps = kbps.cast_signed() * 1000;
        Ok(Self { encoder, channels, waiting: Vec::new(), n_in: 0, n_out: 0 })
    }

    /// Samples that a decoder drops at the beginning.
    fn pre_skip(&self) -> u16 {
        self.encoder.lookahead() as u16
    }

    /// Encodes all whole packets that wait.
    fn whole(&mut self) -> Result<Vec<Packet>> {
        let length = PACKET_SAMPLES * self.channels;
        let mut packets = Vec::new();
        let mut out = vec![0; MAX_PACKET_BYTES];
        for samples in self.waiting.chunks_exact(length) {
            let n = self
                .encoder
                .encode(samples, PACKET_SAMPLES, &mut out)
                .map_err(|error| anyhow!("Opus: {error}"))?;
            self.n_out += PACKET_SAMPLES as u64;
            packets.push(Packet { bytes: out[..n].to_vec(), end: self.n_out });
        }
        self.waiting.drain(..self.waiting.len() / length * length);
        Ok(packets)
    }
}

impl Packets for OpusPackets {
    fn head(&self, comment: &[u8]) -> [Vec<u8>; 2] {
        let mut head = b"OpusHead\x01".to_vec();
        head.push(self.channels as u8);
        head.extend(self.pre_skip().to_le_bytes());
        head.extend(RATE.to_le_bytes());
        // No gain, and one or two channels in their usual order.
        head.extend([0, 0, 0]);
        [head, [b"OpusTags", comment].concat()]
    }

    fn encode(&mut self, samples: &[f32]) -> Result<Vec<Packet>> {
        self.n_in += (samples.len() / self.channels) as u64;
        self.waiting.extend_from_slice(samples);
        self.whole()
    }

    fn finish(&mut self) -> Result<Vec<Packet>> {
        if self.n_in == 0 {
            return Ok(Vec::new());
        }
        // The last samples come out this much later than they went in.
        let end = self.n_in + u64::from(self.pre_skip());
        let n_missing = end.saturating_sub(self.n_out).next_multiple_of(PACKET_SAMPLES as u64) as usize;
        self.waiting.resize(n_missing * self.channels, 0.0);
        let mut packets = self.whole()?;
        if let Some(last) = packets.last_mut() {
            last.end = end;
        }
        Ok(packets)
    }
}
