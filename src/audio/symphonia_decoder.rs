//! Decodes files of all formats without a dedicated decoder, by symphonia.

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom};

use anyhow::{Result, anyhow, bail};
use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource};
use symphonia::core::meta::{MetadataOptions, StandardTag};

use super::block::Block;
use super::downmix::Downmix;
use super::mp4;
use super::riff::Chunks;
use super::streams::Tags;
use super::wav::{MAX_CHANNELS, Spec};

/// The most consecutive packets that cannot be decoded: a damaged section of half a minute.
const MAX_BAD_PACKETS: usize = 1000;

/// The most chained streams in one file.
const MAX_STREAMS: usize = 10_000;

/// An open file.
pub struct SymphoniaDecoder {
    reader: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    downmix: Option<(Channels, Downmix)>,
    n_streams: usize,
    /// The playable range, until the first block has been decoded.
    edit: Option<mp4::PlayableRange>,
    /// Samples of one channel to drop, and then to play.
    n_before: u64,
    n_left: u64,
    /// The tags that were taken last.
    told: Option<Tags>,
}

/// The part of a file from an offset on.
pub struct Section {
    file: File,
    start: u64,
    n_bytes: u64,
}

impl Section {
    /// The part from `start` on.
    pub fn new(mut file: File, start: u64) -> io::Result<Self> {
        let n_bytes = file.metadata()?.len().saturating_sub(start);
        file.seek(SeekFrom::Start(start))?;
        Ok(Self { file, start, n_bytes })
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Seek for Section {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => SeekFrom::Start(self.start.saturating_add(at)),
            to => to,
        };
        Ok(self.file.seek(to)?.saturating_sub(self.start))
    }
}

impl MediaSource for Section {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.n_bytes)
    }
}

/// Opens a container that begins at `start`.
pub fn probe(file: File, start: u64, extension: &str) -> Result<Box<dyn FormatReader>> {
    probe_source(Box::new(Section::new(file, start)?), extension)
}

fn probe_source(source: Box<dyn MediaSource>, extension: &str) -> Result<Box<dyn FormatReader>> {
    let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
    let mut hint = Hint::new();
    hint.with_extension(extension);
    let probe = symphonia::default::get_probe();
    Ok(probe.probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())?)
}

impl SymphoniaDecoder {
    /// Opens a container that begins at `start`; `extension` is the usual one of its format.
    pub fn open(mut file: File, start: u64, extension: &str) -> Result<Self> {
        let mut decoder = Self::of(probe(file.try_clone()?, start, extension)?)?;
        if extension == "m4a" {
            // The clones share one file position.
            let place = file.stream_position()?;
            decoder.edit = Some(mp4::playable_range(&mut file, start)?);
            file.seek(SeekFrom::Start(place))?;
        }
        Ok(decoder)
    }

    /// Opens a WAV with a codec that hound does not support.
    pub fn open_wav(mut file: File, chunks: &Chunks) -> Result<Self> {
        Spec::of(&chunks.format)?;
        let n_bytes = (chunks.data.end - chunks.data.start).min(u64::from(u32::MAX) - 1024 * 1024);
        let format_bytes = chunks.format.len() as u32;
        let mut head = b"RIFF".to_vec();
        head.extend((20 + format_bytes + n_bytes as u32).to_le_bytes());
        head.extend(b"WAVEfmt ");
        head.extend(format_bytes.to_le_bytes());
        head.extend(&chunks.format);
        head.extend(b"data");
        head.extend((n_bytes as u32).to_le_bytes());
        file.seek(SeekFrom::Start(chunks.data.start))?;
        let source = ReadOnlySource::new(Cursor::new(head).chain(file.take(n_bytes)));
        Self::of(probe_source(Box::new(source), "wav")?)
    }

    /// Opens a stream that cannot go back; `extension` is the usual one of its format.
    pub fn open_stream(source: impl Read + Send + Sync + 'static, extension: &str) -> Result<Self> {
        Self::of(probe_source(Box::new(ReadOnlySource::new(source)), extension)?)
    }

    /// The tags, if they are other ones than when this was last asked.
    pub fn take_tags(&mut self) -> Option<Tags> {
        let mut metadata = self.reader.metadata();
        let revision = metadata.skip_to_latest()?;
        let mut tags = Tags::default();
        let of_tracks = revision.per_track.iter().flat_map(|track| &track.metadata.tags);
        for tag in revision.media.tags.iter().chain(of_tracks) {
            match &tag.std {
                Some(StandardTag::TrackTitle(title)) => tags.title = title.to_string(),
                Some(StandardTag::Artist(artist)) => tags.artist = artist.to_string(),
                _ => {}
            }
        }
        let is_new = self.told.as_ref() != Some(&tags);
        is_new.then(|| self.told.insert(tags).clone())
    }

    fn of(reader: Box<dyn FormatReader>) -> Result<Self> {
        let (track, decoder) = decoder(reader.tracks())?;
        Ok(Self {
            reader,
            decoder,
            track,
            downmix: None,
            n_streams: 1,
            edit: None,
            n_before: 0,
            n_left: u64::MAX,
            told: None,
        })
    }

    /// The next block; `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        while let Some(mut block) = self.next_decoded()? {
            let samples = |seconds: f64| (seconds * f64::from(block.rate)).round() as u64;
            if let Some(edit) = self.edit.take() {
                self.n_before = samples(edit.before);
                self.n_left = edit.seconds.map_or(u64::MAX, samples);
            }
            let n = (block.samples.len() / block.channels) as u64;
            let early = self.n_before.min(n);
            let kept = (n - early).min(self.n_left);
            self.n_before -= early;
            self.n_left -= kept;
            block.samples.truncate((early + kept) as usize * block.channels);
            block.samples.drain(..early as usize * block.channels);
            if !block.samples.is_empty() {
                return Ok(Some(block));
            }
            if self.n_left == 0 {
                return Ok(None);
            }
        }
        Ok(None)
    }

    fn next_decoded(&mut self) -> Result<Option<Block>> {
        let mut n_bad = 0;
        while n_bad < MAX_BAD_PACKETS {
            let packet = match self.reader.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(None),
                Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
                Err(Error::ResetRequired) if self.n_streams < MAX_STREAMS => {
                    // Another stream follows, possibly of another format.
                    self.n_streams += 1;
                    (self.track, self.decoder) = decoder(self.reader.tracks())?;
                    continue;
                }
                Err(Error::DecodeError(_)) => {
                    n_bad += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if packet.track_id != self.track {
                continue;
            }
            match self.decoder.decode(&packet) {
                Ok(sound) if sound.frames() > 0 => {
                    let (rate, channels) = (sound.spec().rate(), sound.spec().channels().clone());
                    let mut samples = vec![0.0; sound.samples_interleaved()];
                    sound.copy_to_slice_interleaved(&mut samples);
                    return self.mixed(rate, channels, &samples).map(Some);
                }
                Ok(_) | Err(Error::DecodeError(_) | Error::ResetRequired) => n_bad += 1,
                Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => n_bad += 1,
                Err(error) => return Err(error.into()),
            }
        }
        bail!("{MAX_BAD_PACKETS} packets that cannot be decoded")
    }

    fn mixed(&mut self, rate: u32, channels: Channels, samples: &[f32]) -> Result<Block> {
        let downmix = match &mut self.downmix {
            Some((known, downmix)) if *known == channels => downmix,
            unknown => {
                let mask = match &channels {
                    Channels::Positioned(positions) => positions.bits() as u32,
                    _ => 0,
                };
                let count = channels.count();
                if !(1..=MAX_CHANNELS).contains(&count) {
                    bail!("{count} channels");
                }
                &mut unknown.insert((channels, Downmix::new(count, mask))).1
            }
        };
        Ok(downmix.mix(rate, samples))
    }
}

/// A decoder for the first audio track that has one.
fn decoder(tracks: &[Track]) -> Result<(u32, Box<dyn AudioDecoder>)> {
    let mut problem = None;
    for track in tracks {
        let Some(parameters) = track.codec_params.as_ref().and_then(|parameters| parameters.audio()) else {
            continue;
        };
        match make_decoder(parameters) {
            Ok(decoder) => return Ok((track.id, decoder)),
            Err(error) => problem = Some(error),
        }
    }
    Err(problem.unwrap_or_else(|| anyhow!("no audio in it")))
}

fn make_decoder(parameters: &AudioCodecParameters) -> Result<Box<dyn AudioDecoder>> {
    let codecs = symphonia::default::get_codecs();
    let made = codecs.make_audio_decoder(parameters, &AudioDecoderOptions::default());
    let channels = parameters.channels.as_ref().map_or(0, Channels::count);
    if made.is_err() && parameters.codec == CODEC_ID_AAC && channels > 2 {
        bail!("AAC of {channels} channels, of which there is no decoder");
    }
    let plain = || codecs.make_audio_decoder(&plain_aac(parameters)?, &AudioDecoderOptions::default()).ok();
    made.or_else(|error| plain().ok_or(error.into()))
}

/// HE-AAC as AAC-LC, which is the lower half of the spectrum at half the sample rate.
fn plain_aac(parameters: &AudioCodecParameters) -> Option<AudioCodecParameters> {
    const SBR: u8 = 5;
    const PARAMETRIC_STEREO: u8 = 29;
    const LOW_COMPLEXITY: u8 = 2;
    let extra = parameters.extra_data.as_ref().filter(|_| parameters.codec == CODEC_ID_AAC)?;
    let [first, second, ..] = **extra else { return None };
    if ![SBR, PARAMETRIC_STEREO].contains(&(first >> 3)) {
        return None;
    }
    let mut plain = parameters.clone();
    plain.extra_data = Some(vec![LOW_COMPLEXITY << 3 | first & 0x07, second & 0xf8].into());
    Some(plain)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_section_begins_where_it_begins() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"tagsound").unwrap();
        let mut section = Section::new(file, 3).unwrap();
        assert_eq!(section.byte_len(), Some(5));
        let mut text = String::new();
        section.read_to_string(&mut text).unwrap();
        assert_eq!(text, "sound");
        assert_eq!(section.seek(SeekFrom::Start(1)).unwrap(), 1);
        assert_eq!(section.seek(SeekFrom::End(-1)).unwrap(), 4);
    }
}
