//! Sound as a stream in any codec, cut into pieces that players can begin at.
//!
//! Each codec has a file: MP3 by LAME, Opus and FLAC in Ogg, AAC by ffmpeg. A title stands in Ogg itself, where each track
//! is a chain of its own; MP3 and AAC have titles beside the sound, as ICY has them.

mod aac;
mod flac;
mod mp3;
mod ogg;
mod opus;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use anyhow::{Result, ensure};
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};

use super::block::Block;
use super::encode::BITRATES;
use super::ffmpeg::Ffmpeg;
use super::format::Format;
use super::mp3::Header;
use super::transcoder;

/// The bitrates of Opus and AAC, in kbit/s.
const LOSSY_KBPS: std::ops::RangeInclusive<u32> = 16..=320;

/// The bitrate of a lossy codec for which none is given.
const DEFAULT_KBPS: [(Codec, u32); 3] = [(Codec::Mp3, 128), (Codec::Aac, 96), (Codec::Opus, 96)];

/// How sound is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// MPEG audio, layer III.
    Mp3,
    /// AAC, in ADTS.
    Aac,
    /// Opus, in Ogg.
    Opus,
    /// FLAC, in Ogg.
    Flac,
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Mp3, Self::Aac, Self::Opus, Self::Flac];

    /// Its name, which is the extension of its paths too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mp3 => "mp3",
            Self::Aac => "aac",
            Self::Opus => "opus",
            Self::Flac => "flac",
        }
    }

    /// The media type of its streams.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Mp3 => "audio/mpeg",
            Self::Aac => "audio/aac",
            Self::Opus => "audio/ogg; codecs=opus",
            Self::Flac => "audio/ogg; codecs=flac",
        }
    }

    /// What HLS calls it, where its frames can stand in segments as they are.
    pub fn hls_name(self) -> Option<&'static str> {
        match self {
            Self::Mp3 => Some("mp4a.40.34"),
            Self::Aac => Some("mp4a.40.2"),
            Self::Opus | Self::Flac => None,
        }
    }

    /// Where each whole frame ends, in sound that is nothing but frames.
    pub fn frame_ends(self, sound: &[u8]) -> Vec<usize> {
        let n_bytes = |sound: &[u8]| match self {
            Self::Mp3 => Header::parse(sound).map(|header| header.n_bytes),
            Self::Aac => aac::frame_bytes(sound),
            Self::Opus | Self::Flac => None,
        };
        let mut ends = Vec::new();
        let mut end = 0;
        while let Some(n) = sound.get(end..).and_then(n_bytes)
            && end + n <= sound.len()
        {
            end += n;
            ends.push(end);
        }
        ends
    }

    /// Whether titles stand in the stream itself.
    pub fn has_titles(self) -> bool {
        matches!(self, Self::Opus | Self::Flac)
    }
}

/// A codec and its bitrate, written like `opus 96`; FLAC has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Encoding {
    /// The codec.
    pub codec: Codec,
    /// Kilobits a second; 0 for a codec without loss.
    pub kbps: u32,
}

impl FromStr for Encoding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("{text:?}: mp3, aac, opus or flac is expected, like \"opus 96\"");
        let mut words = text.split_whitespace();
        let name = words.next().ok_or_else(expected)?;
        let codec = Codec::ALL.into_iter().find(|codec| codec.name() == name).ok_or_else(expected)?;
        let default = DEFAULT_KBPS.iter().find(|(known, _)| *known == codec).map_or(0, |(_, kbps)| *kbps);
        let kbps = match words.next() {
            None => default,
            Some(number) => number.parse().map_err(|_| expected())?,
        };
        let is_known = match codec {
            Codec::Mp3 => BITRATES.iter().any(|(known, _)| *known == kbps),
            Codec::Aac | Codec::Opus => LOSSY_KBPS.contains(&kbps),
            Codec::Flac => kbps == 0,
        };
        if !is_known || words.next().is_some() {
            return Err(match codec {
                Codec::Mp3 => {
                    let known: Vec<String> = BITRATES.iter().map(|(kbps, _)| kbps.to_string()).collect();
                    format!("{text:?}: MP3 of one of {} kbit/s is expected", known.join(", "))
                }
                Codec::Aac | Codec::Opus => {
                    format!("{text:?}: {} to {} kbit/s are expected", LOSSY_KBPS.start(), LOSSY_KBPS.end())
                }
                Codec::Flac => format!("{text:?}: FLAC has no bitrate"),
            });
        }
        Ok(Self { codec, kbps })
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.codec.name())?;
        if self.kbps > 0 { write!(f, " {}", self.kbps) } else { Ok(()) }
    }
}

impl<'de> Deserialize<'de> for Encoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Encoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Encoding {
    /// How much later sound is heard than it is encoded, in seconds; of codecs whose frames say nothing of it.
    pub fn delay(self, format: Format) -> f64 {
        let n_samples = match self.codec {
            Codec::Mp3 => transcoder::DELAY,
            Codec::Aac => aac::DELAY,
            Codec::Opus | Codec::Flac => 0,
        };
        n_samples as f64 / f64::from(format.rate)
    }

    /// The sample rate of sound that comes in that format.
    pub fn rate(self, format: Format) -> u32 {
        if self.codec == Codec::Opus { opus::RATE } else { format.rate }
    }
}

/// What a stream says of a track.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    /// The title.
    pub title: String,
    /// The artist; empty if unknown.
    pub artist: String,
}

impl Tags {
    /// `Artist - Title`, or the title alone.
    pub fn display(&self) -> String {
        if self.artist.is_empty() { self.title.clone() } else { format!("{} - {}", self.artist, self.title) }
    }
}

/// Whole frames or pages.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// The encoded sound.
    pub bytes: Vec<u8>,
    /// Its length.
    pub seconds: f64,
    /// What whoever begins here is sent before it; the same for all pieces of a chain.
    pub head: Bytes,
    /// Whether it begins with that head itself.
    pub has_head: bool,
}

/// Encodes one stream.
pub trait StreamEncoder: Send {
    /// Begins a track; returns what is left of the one before.
    fn begin(&mut self, tags: &Tags) -> Result<Option<Piece>>;

    /// Encodes blocks of any rate and channels; returns what is complete.
    fn encode(&mut self, sound: &[Block]) -> Result<Option<Piece>>;

    /// What is complete of all sound so far, where another process encodes and may be behind; waits for that for a moment.
    fn catch_up(&mut self) -> Result<Option<Piece>> {
        Ok(None)
    }
}

/// An encoder of sound in that format.
///
/// # Errors
/// If the encoder does not run here.
pub fn encoder(
    encoding: Encoding,
    format: Format,
    ffmpeg: Option<&Ffmpeg>,
) -> Result<Box<dyn StreamEncoder>> {
    ensure!(format.rate > 0 && [1, 2].contains(&format.channels), "no format of sound");
    Ok(match encoding.codec {
        Codec::Mp3 => Box::new(mp3::Mp3Stream::new(format, encoding.kbps)),
        Codec::Aac => Box::new(aac::AacStream::new(format, encoding.kbps, ffmpeg)?),
        Codec::Opus => {
            let (channels, kbps) = (format.channels, encoding.kbps);
            let begin = Box::new(move || opus::OpusPackets::new(channels, kbps));
            Box::new(ogg::OggStream::new(Format { rate: opus::RATE, channels }, begin)?)
        }
        Codec::Flac => {
            Box::new(ogg::OggStream::new(format, Box::new(move || flac::FlacPackets::new(format)))?)
        }
    })
}

#[cfg(test)]
mod tests;
