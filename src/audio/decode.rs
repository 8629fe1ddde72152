//! Decodes any audio file into blocks of interleaved samples of one or two channels, each at most a second long. A
//! decoder is chosen by the file's content; if it finds no audio, others are tried.

use std::fs::File;
use std::io::{BufReader, Take};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use super::block::{Block, tame};
use super::ffmpeg::{Ffmpeg, FfmpegDecoder};
use super::format::Format;
use super::frame_reader::FrameReader;
use super::mp3::Frame;
use super::opus_decoder::OpusDecoder;
use super::sniff::{Content, is_named_mp3, mp3_frames, sniff};
use super::symphonia_decoder::{Section, SymphoniaDecoder};
use super::vbr_header::DECODER_DELAY;
use super::wav::WavDecoder;

/// The range of valid sample rates; others come from broken headers.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// An open file that contains audio.
pub struct Decoder {
    source: Source,
    /// The first block, decoded to verify that there is one.
    first: Option<Block>,
}

enum Source {
    /// WAV, by hound.
    Wav(Box<WavDecoder>),
    /// MP3, by nanomp3.
    Mp3(Box<Mp3File>),
    /// MPEG audio that `FrameReader` does not read (free format, layers I and II), by nanomp3's reader.
    Nanomp3(Box<nanomp3::Reader<BufReader<File>, f32>>),
    /// Everything else, by symphonia.
    Symphonia(Box<SymphoniaDecoder>),
    /// Opus, by opus-pure.
    Opus(Box<OpusDecoder<BufReader<Section>>>),
    /// What nothing else decodes, by ffmpeg.
    Ffmpeg(Box<FfmpegDecoder>),
}

impl Decoder {
    /// Opens a file. If its type is known and no decoder of this process finds audio in it, ffmpeg is asked.
    ///
    /// # Errors
    /// If no decoder finds audio in it.
    pub fn open(path: &Path, ffmpeg: Option<&Ffmpeg>) -> Result<Self> {
        let open = || File::open(path).context("cannot be opened");
        let content = sniff(&mut open()?)?;
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let mp3 = || -> Result<Source> {
            let frames = mp3_frames(path, open()?, &content)?.context("no MP3")?;
            Ok(Source::Mp3(Box::new(Mp3File::new(frames))))
        };
        let nanomp3 = || -> Result<Source> {
            let mut options = nanomp3::Options::default();
            options.skip_scan = true;
            options.allow_mono_stereo_transition = true;
            let reader = nanomp3::Reader::with_options(BufReader::new(open()?), options);
            Ok(Source::Nanomp3(Box::new(reader.map_err(|error| anyhow!("{error}"))?)))
        };
        let symphonia = |start, extension: &str| -> Result<Source> {
            Ok(Source::Symphonia(Box::new(SymphoniaDecoder::open(open()?, start, extension)?)))
        };
        let opus = |start| -> Result<Source> {
            let section = BufReader::new(Section::new(open()?, start)?);
            Ok(Source::Opus(Box::new(OpusDecoder::open(section)?)))
        };
        let by_ffmpeg = || -> Result<Source> {
            let ffmpeg = ffmpeg.context("no ffmpeg")?;
            Ok(Source::Ffmpeg(Box::new(ffmpeg.open(path)?)))
        };
        match &content {
            Content::Wav(chunks) => first_that_decodes(&[
                &|| Ok(Source::Wav(Box::new(WavDecoder::open(open()?, chunks)?))),
                &|| Ok(Source::Symphonia(Box::new(SymphoniaDecoder::open_wav(open()?, chunks)?))),
                &by_ffmpeg,
            ]),
            Content::Mp3(_) => first_that_decodes(&[&mp3, &|| symphonia(0, "mp3")]),
            // Among pictures there may be what looks like frames of MP3.
            Content::Matroska => first_that_decodes(&[&|| symphonia(0, "mkv"), &by_ffmpeg]),
            Content::Other(start, extension @ "m4a") => {
                first_that_decodes(&[&|| symphonia(*start, extension), &by_ffmpeg])
            }
            Content::Other(start, extension) => first_that_decodes(&[
                &|| symphonia(*start, extension),
                &|| opus(*start),
                &nanomp3,
                &by_ffmpeg,
            ]),
            Content::Foreign(name) => {
                ensure!(ffmpeg.is_some(), "{name} is decoded by ffmpeg, which does not run here");
                first_that_decodes(&[&by_ffmpeg])
            }
            Content::Unknown if is_named_mp3(path) => {
                first_that_decodes(&[&mp3, &|| symphonia(0, "mp3"), &nanomp3])
            }
            Content::Unknown => first_that_decodes(&[&|| symphonia(0, extension), &nanomp3]),
        }
    }

    /// The next block; `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let block = match &mut self.source {
            Source::Wav(wav) => wav.next_block()?,
            Source::Mp3(mp3) => mp3.next_block()?,
            Source::Nanomp3(reader) => nanomp3_block(reader)?,
            Source::Symphonia(other) => other.next_block()?,
            Source::Opus(opus) => opus.next_block()?,
            Source::Ffmpeg(ffmpeg) => ffmpeg.next_block()?,
        };
        let Some(mut block) = block else { return Ok(None) };
        tame(&mut block.samples);
        ensure!(RATES.contains(&block.rate), "a sample rate of {} Hz", block.rate);
        Ok(Some(block))
    }
}

/// The first source that yields audio; if none does, the error of the first, which is the likeliest.
fn first_that_decodes(sources: &[&dyn Fn() -> Result<Source>]) -> Result<Decoder> {
    let mut problem = None;
    for open in sources {
        let opened = || -> Result<Decoder> {
            let mut decoder = Decoder { source: open()?, first: None };
            decoder.first = Some(decoder.next_block()?.context("no audio in it")?);
            Ok(decoder)
        };
        // Another decoder may bear what one panics over.
        let opened = catch_unwind(AssertUnwindSafe(opened)).unwrap_or_else(|_| bail!("its decoder panicked"));
        match opened {
            Ok(decoder) => return Ok(decoder),
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    Err(problem.context("no decoder")?)
}

fn nanomp3_block(reader: &mut nanomp3::Reader<BufReader<File>, f32>) -> Result<Option<Block>> {
    let mut samples = vec![0.0; nanomp3::MAX_SAMPLES_PER_FRAME];
    let n = reader.read(&mut samples).map_err(|error| anyhow!("{error}"))?;
    samples.truncate(n);
    let channels = if reader.channels() == Some(nanomp3::Channels::Mono) { 1 } else { 2 };
    Ok((n > 0).then(|| Block { rate: reader.sample_rate(), channels, samples }))
}

/// Decodes consecutive MP3 frames.
pub struct Mp3Decoder {
    decoder: Box<nanomp3::Decoder>,
    samples: Vec<f32>,
    format: Option<Format>,
}

impl Default for Mp3Decoder {
    fn default() -> Self {
        Self {
            decoder: Box::new(nanomp3::Decoder::new()),
            samples: vec![0.0; nanomp3::MAX_SAMPLES_PER_FRAME],
            format: None,
        }
    }
}

impl Mp3Decoder {
    /// A decoder without a previous frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes a frame; one that cannot be decoded becomes silence of the same length.
    pub fn decode(&mut self, frame: &Frame) -> Block {
        let format = frame.header.format;
        if self.format.replace(format).is_some_and(|before| before != format) {
            *self.decoder = nanomp3::Decoder::new();
        }
        let channels = usize::from(format.channels);
        let n = frame.header.n_samples as usize * channels;
        if self.decoder.decode(&frame.bytes, &mut self.samples).1.is_err() {
            self.samples[..n].fill(0.0);
        }
        Block { rate: format.rate, channels, samples: self.samples[..n].to_vec() }
    }
}

/// Decodes an MP3 file, without encoder delay, decoder delay and padding.
pub struct Mp3File {
    frames: FrameReader<Take<File>>,
    mp3: Mp3Decoder,
    /// Samples of one channel to drop at the beginning.
    before: usize,
    /// Samples of one channel to drop at the end.
    after: usize,
    /// Samples that may be padding.
    held: Vec<f32>,
}

impl Mp3File {
    fn new(frames: FrameReader<Take<File>>) -> Self {
        Self { frames, mp3: Mp3Decoder::new(), before: DECODER_DELAY as usize, after: 0, held: Vec::new() }
    }

    fn next_block(&mut self) -> Result<Option<Block>> {
        while let Some(frame) = self.frames.next_frame()? {
            if let Some(vbr_header) = self.frames.take_vbr_header() {
                // Another file begins, of several that were concatenated.
                self.held.clear();
                self.before = vbr_header.samples_before() as usize;
                self.after = vbr_header.samples_after() as usize;
            }
            let mut block = self.mp3.decode(&frame);
            let early = self.before.min(block.samples.len() / block.channels);
            self.before -= early;
            block.samples.drain(..early * block.channels);
            self.held.append(&mut block.samples);
            let n = self.held.len().saturating_sub(self.after * block.channels);
            let samples: Vec<f32> = self.held.drain(..n / block.channels * block.channels).collect();
            if !samples.is_empty() {
                return Ok(Some(Block { samples, ..block }));
            }
        }
        Ok(None)
    }
}

/// The length of an MP3 file in seconds, counted frame by frame.
pub fn counted_seconds(path: &Path) -> Result<f64> {
    let mut file = File::open(path).context("cannot be opened")?;
    let content = sniff(&mut file)?;
    let Some(mut frames) = mp3_frames(path, file, &content)? else { bail!("no MP3") };
    let mut seconds = 0.0;
    while let Some(frame) = frames.next_frame()? {
        if let Some(vbr_header) = frames.take_vbr_header() {
            let around = vbr_header.delay.unwrap_or(0) + vbr_header.padding;
            seconds -= f64::from(around) / f64::from(frame.header.format.rate);
        }
        seconds += f64::from(frame.header.n_samples) / f64::from(frame.header.format.rate);
    }
    Ok(f64::max(seconds, 0.0))
}
