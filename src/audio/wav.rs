//! Decodes linear samples of WAV files, by hound, one piece of the file at a time; symphonia decodes other codecs.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom, Take};
use std::ops::Range;

use anyhow::{Context as _, Result, ensure};

use super::block::Block;
use super::downmix::Downmix;
use super::riff::Chunks;

/// Samples of one channel in a block.
const BLOCK: u64 = 4096;

/// hound counts bytes in 32 bits: longer files are read in pieces of about this size.
const PIECE_BYTES: u64 = 1 << 30;

/// The most channels; more come from a broken header.
pub const MAX_CHANNELS: usize = 64;

/// Codec numbers in `fmt `.
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const MP3: u16 = 0x55;
const EXTENSIBLE: u16 = 0xfffe;

/// The content of `fmt `.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    codec: u16,
    channels: u16,
    rate: u32,
    /// Bytes of one sample of each channel.
    frame_bytes: u16,
    /// The channel mask; 0 if unknown.
    mask: u32,
}

impl Spec {
    /// Reads a `fmt ` chunk.
    pub fn of(format: &[u8]) -> Result<Self> {
        let u16_at = |at: usize| format.get(at..at + 2).map_or(0, |two| u16::from_le_bytes([two[0], two[1]]));
        let u32_at = |at: usize| u32::from(u16_at(at)) | u32::from(u16_at(at + 2)) << 16;
        let is_extensible = u16_at(0) == EXTENSIBLE;
        let codec = if is_extensible { u16_at(24) } else { u16_at(0) };
        let mask = if is_extensible { u32_at(20) } else { 0 };
        let spec = Self { codec, channels: u16_at(2), rate: u32_at(4), frame_bytes: u16_at(12), mask };
        let channels = usize::from(spec.channels);
        ensure!((1..=MAX_CHANNELS).contains(&channels), "{channels} channels");
        Ok(spec)
    }

    /// Whether the data is MP3 frames.
    pub fn is_mp3(&self) -> bool {
        self.codec == MP3
    }

    /// How many channels it has, at most [`MAX_CHANNELS`].
    pub fn channels(&self) -> usize {
        usize::from(self.channels)
    }

    /// Which loudspeakers its channels are for; 0 if unknown.
    pub fn mask(&self) -> u32 {
        self.mask
    }

    /// The sample rate.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The length of linear samples in seconds.
    pub fn seconds(&self, data: &Range<u64>) -> Option<f64> {
        self.linear_bytes().filter(|_| self.rate > 0)?;
        let n_frames = (data.end - data.start) / u64::from(self.frame_bytes);
        Some(n_frames as f64 / f64::from(self.rate))
    }

    /// Bytes of a sample, if hound supports it.
    fn linear_bytes(&self) -> Option<u16> {
        let n_bytes = self.frame_bytes / self.channels;
        let is_whole = self.frame_bytes.is_multiple_of(self.channels);
        let is_known = match self.codec {
            PCM => (1..=4).contains(&n_bytes),
            FLOAT => n_bytes == 4,
            _ => false,
        };
        (is_known && is_whole).then_some(n_bytes)
    }
}

/// Decodes linear samples.
pub struct WavDecoder {
    file: Option<File>,
    spec: Spec,
    sample_bytes: u16,
    n_left: u64,
    piece: Option<hound::WavReader<Piece>>,
    downmix: Downmix,
}

/// A header and a part of the file's data.
type Piece = std::io::Chain<Cursor<Vec<u8>>, BufReader<Take<File>>>;

impl WavDecoder {
    /// Opens a file with linear samples.
    pub fn open(mut file: File, chunks: &Chunks) -> Result<Self> {
        let spec = Spec::of(&chunks.format)?;
        let sample_bytes = spec
            .linear_bytes()
            .with_context(|| format!("WAV of codec {:#x}, of which there is no decoder", spec.codec))?;
        file.seek(SeekFrom::Start(chunks.data.start))?;
        let n_frames = (chunks.data.end - chunks.data.start) / u64::from(spec.frame_bytes);
        let downmix = Downmix::new(usize::from(spec.channels), spec.mask);
        let n_left = n_frames * u64::from(spec.frame_bytes);
        Ok(Self { file: Some(file), spec, sample_bytes, n_left, piece: None, downmix })
    }

    /// The next block; `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        loop {
            if let Some(piece) = &mut self.piece {
                let n = (BLOCK * u64::from(self.spec.channels)) as usize;
                let samples = samples(piece, n);
                if !samples.is_empty() {
                    let block = self.downmix.mix(self.spec.rate, &samples);
                    return Ok(Some(block));
                }
                let piece = self.piece.take().context("no piece")?.into_inner();
                self.file = Some(piece.into_inner().1.into_inner().into_inner());
            }
            if self.n_left == 0 {
                return Ok(None);
            }
            let frame_bytes = u64::from(self.spec.frame_bytes);
            let n_bytes = self.n_left.min(PIECE_BYTES / frame_bytes * frame_bytes);
            self.n_left -= n_bytes;
            let file = self.file.take().context("no file")?;
            let head = head(self.spec, self.sample_bytes, n_bytes as u32);
            let piece = Cursor::new(head).chain(BufReader::new(file.take(n_bytes)));
            self.piece = Some(hound::WavReader::new(piece).context("no WAV")?);
        }
    }
}

/// The header of a piece.
fn head(spec: Spec, sample_bytes: u16, n_bytes: u32) -> Vec<u8> {
    let mut head = b"RIFF".to_vec();
    head.extend((36 + n_bytes).to_le_bytes());
    head.extend(b"WAVEfmt \x10\0\0\0");
    head.extend(spec.codec.to_le_bytes());
    head.extend(spec.channels.to_le_bytes());
    head.extend(spec.rate.to_le_bytes());
    head.extend(spec.rate.wrapping_mul(u32::from(spec.frame_bytes)).to_le_bytes());
    head.extend(spec.frame_bytes.to_le_bytes());
    head.extend((sample_bytes * 8).to_le_bytes());
    head.extend(b"data");
    head.extend(n_bytes.to_le_bytes());
    head
}

/// Up to `n` samples. A truncated file plays to its end.
fn samples(reader: &mut hound::WavReader<Piece>, n: usize) -> Vec<f32> {
    let spec = reader.spec();
    match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().take(n).map_while(Result::ok).collect(),
        hound::SampleFormat::Int => {
            let full = (1_u64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
            let samples = reader.samples::<i32>().take(n).map_while(Result::ok);
            samples.map(|sample| sample as f32 / full).collect()
        }
    }
}
