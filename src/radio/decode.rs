//! From any file to sound: blocks of interleaved samples, a second at most at a time, whatever the file's length.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use super::format::Format;
use super::mp3::{Frame, FrameReader};

/// Samples of one channel in a block of a WAV.
const WAV_BLOCK: usize = 4096;

/// Packets that cannot be decoded, one after the other, before the file is given up.
const MAX_BAD_PACKETS: usize = 100;

/// Sample rates outside of this range come from broken headers.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Some sound, interleaved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Block {
    /// Samples a second, of one channel.
    pub rate: u32,
    /// Channels, as many as the file has.
    pub channels: usize,
    /// The samples, from -1 to 1.
    pub samples: Vec<f32>,
}

/// An open file.
pub enum Decoder {
    /// WAV, by hound.
    Wav(hound::WavReader<BufReader<File>>),
    /// MP3, by nanomp3.
    Mp3(FrameReader<BufReader<File>>, Mp3),
    /// Everything else, by symphonia.
    Other(Box<Other>),
}

/// Makes sound of MP3 frames that follow each other.
pub struct Mp3 {
    decoder: Box<nanomp3::Decoder>,
    samples: Vec<f32>,
}

impl Mp3 {
    /// Nothing has been heard yet.
    pub fn new() -> Self {
        Self {
            decoder: Box::new(nanomp3::Decoder::new()),
            samples: vec![0.0; nanomp3::MAX_SAMPLES_PER_FRAME],
        }
    }

    /// A frame's sound; one that cannot be decoded is silence of the same length.
    pub fn decode(&mut self, frame: &Frame) -> Block {
        let Format { rate, channels } = frame.header.format;
        let channels = usize::from(channels);
        let n = frame.header.n_samples as usize * channels;
        if self.decoder.decode(&frame.bytes, &mut self.samples).1.is_err() {
            self.samples[..n].fill(0.0);
        }
        Block { rate, channels, samples: self.samples[..n].to_vec() }
    }
}

/// What symphonia reads.
pub struct Other {
    reader: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
}

impl Decoder {
    /// Opens a file by its extension.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).context("cannot be opened")?;
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "wav" => match hound::WavReader::new(BufReader::new(file)) {
                Ok(reader) => Ok(Self::Wav(reader)),
                // hound reads PCM alone; other codecs in a WAV are symphonia's.
                Err(hound::Error::Unsupported) => Other::open(File::open(path)?, extension).map(Self::Other),
                Err(error) => bail!("no WAV: {error}"),
            },
            "mp3" => Ok(Self::Mp3(FrameReader::new(BufReader::new(file)), Mp3::new())),
            extension => Other::open(file, extension).map(Self::Other),
        }
    }

    /// The next block; `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        let block = match self {
            Self::Wav(reader) => wav_block(reader)?,
            Self::Mp3(reader, decoder) => reader.next_frame()?.map(|frame| decoder.decode(&frame)),
            Self::Other(other) => other.next_block()?,
        };
        let Some(block) = block else { return Ok(None) };
        ensure!(
            block.channels > 0 && RATES.contains(&block.rate),
            "{} Hz, {} channels",
            block.rate,
            block.channels
        );
        Ok(Some(block))
    }
}

fn wav_block(reader: &mut hound::WavReader<BufReader<File>>) -> Result<Option<Block>> {
    let spec = reader.spec();
    let channels = usize::from(spec.channels);
    ensure!(channels > 0, "no channels");
    let n = WAV_BLOCK * channels;
    // A file that was cut off plays as far as it goes.
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().take(n).map_while(Result::ok).collect(),
        hound::SampleFormat::Int => {
            let full = (1_u64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
            let samples = reader.samples::<i32>().take(n).map_while(Result::ok);
            samples.map(|sample| sample as f32 / full).collect()
        }
    };
    Ok((!samples.is_empty()).then_some(Block { rate: spec.sample_rate, channels, samples }))
}

impl Other {
    fn open(file: File, extension: &str) -> Result<Box<Self>> {
        let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
        let mut hint = Hint::new();
        hint.with_extension(extension);
        let probe = symphonia::default::get_probe();
        let reader = probe.probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())?;
        let track = reader.default_track(TrackType::Audio).context("no sound in it")?;
        let id = track.id;
        let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
        let parameters = parameters.context("no codec is named")?;
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())?;
        Ok(Box::new(Self { reader, decoder, track: id }))
    }

    fn next_block(&mut self) -> Result<Option<Block>> {
        for _ in 0..MAX_BAD_PACKETS {
            let packet = match self.reader.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(None),
                Err(Error::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            };
            if packet.track_id != self.track {
                continue;
            }
            match self.decoder.decode(&packet) {
                Ok(sound) if sound.frames() == 0 => {}
                Ok(sound) => {
                    let (rate, channels) = (sound.spec().rate(), sound.spec().channels().count());
                    let mut samples = vec![0.0; sound.samples_interleaved()];
                    sound.copy_to_slice_interleaved(&mut samples);
                    return Ok(Some(Block { rate, channels, samples }));
                }
                Err(Error::DecodeError(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bail!("{MAX_BAD_PACKETS} packets that cannot be decoded")
    }
}
