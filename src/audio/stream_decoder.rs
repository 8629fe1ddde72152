//! Decodes sound other than MP3 as it comes: Vorbis, Opus and FLAC in Ogg, FLAC, and AAC in ADTS. A stream may go on in another
//! chain, of another rate.

use std::io::{Cursor, Read};

use anyhow::Result;

use super::block::{Block, tame};
use super::one_line::clean;
use super::opus_decoder::OpusDecoder;
use super::streams::Tags;
use super::symphonia_decoder::SymphoniaDecoder;

/// Bytes of the beginning that tell what a stream is: the head of a page of Ogg, and the name of its codec.
pub const SNIFFED_BYTES: usize = 64;

/// What a stream is, by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// MP3, or unknown.
    Mp3,
    /// Opus in Ogg.
    Opus,
    /// Anything else in Ogg.
    Ogg,
    /// FLAC by itself.
    Flac,
    /// AAC in ADTS.
    Aac,
}

impl StreamKind {
    /// Of what begins like this.
    pub fn of(head: &[u8]) -> Self {
        let has = |name: &[u8]| head.windows(name.len()).any(|piece| piece == name);
        match head {
            [b'O', b'g', b'g', b'S', ..] if has(b"OpusHead") => Self::Opus,
            [b'O', b'g', b'g', b'S', ..] => Self::Ogg,
            [b'f', b'L', b'a', b'C', ..] => Self::Flac,
            // The layer of AAC is 0, which MP3 does not have.
            [0xff, second, ..] if second & 0xf6 == 0xf0 => Self::Aac,
            _ => Self::Mp3,
        }
    }
}

/// A stream that is being decoded.
pub enum StreamDecoder<R: Read> {
    /// Opus.
    Opus(Box<OpusDecoder<Source<R>>>),
    /// Anything else.
    Other(Box<SymphoniaDecoder>),
}

/// What was looked at already, and the rest.
pub type Source<R> = std::io::Chain<Cursor<Vec<u8>>, R>;

impl<R: Read + Send + Sync + 'static> StreamDecoder<R> {
    /// Opens a stream of that kind, which is not MP3; waits until it has come far enough.
    ///
    /// # Errors
    /// If it is something else.
    pub fn open(kind: StreamKind, source: Source<R>) -> Result<Self> {
        let extension = match kind {
            StreamKind::Opus => return Ok(Self::Opus(Box::new(OpusDecoder::open(source)?))),
            StreamKind::Ogg => "ogg",
            StreamKind::Flac => "flac",
            StreamKind::Aac => "aac",
            StreamKind::Mp3 => "mp3",
        };
        Ok(Self::Other(Box::new(SymphoniaDecoder::open_stream(source, extension)?)))
    }

    /// The next block; `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        let block = match self {
            Self::Opus(opus) => opus.next_block()?,
            Self::Other(other) => other.next_block()?,
        };
        Ok(block.map(|mut block| {
            tame(&mut block.samples);
            block
        }))
    }

    /// What the stream has said of the track that its latest block is of, once.
    pub fn take_tags(&mut self) -> Option<Tags> {
        let tags = match self {
            Self::Opus(opus) => opus.take_tags(),
            Self::Other(other) => other.take_tags(),
        };
        let tags = tags.map(|tags| Tags { title: clean(&tags.title), artist: clean(&tags.artist) });
        tags.filter(|tags| !tags.title.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::format::Format;
    use crate::audio::streams::encoder;

    #[test]
    fn streams_of_several_tracks_are_decoded_with_their_titles() {
        for (encoding, kind) in [("opus 96", StreamKind::Opus), ("flac", StreamKind::Ogg)] {
            let mut encoder = encoder(encoding.parse().unwrap(), Format::USUAL, None).unwrap();
            let mut bytes = Vec::new();
            for title in ["Eins", "Zwei", "Ende"] {
                let tags = Tags { title: title.to_owned(), artist: "Ann".to_owned() };
                bytes.extend(encoder.begin(&tags).unwrap().map_or(Vec::new(), |piece| piece.bytes));
                if title != "Ende" {
                    let samples = (0..44_100).flat_map(|at| [(at as f32 * 0.06).sin() * 0.5; 2]).collect();
                    let tone = Block { rate: 44_100, channels: 2, samples };
                    bytes.extend(encoder.encode(&[tone]).unwrap().unwrap().bytes);
                }
            }
            assert_eq!(StreamKind::of(&bytes[..SNIFFED_BYTES]), kind);
            let head = bytes.drain(..SNIFFED_BYTES).collect();
            let mut decoder = StreamDecoder::open(kind, Cursor::new(head).chain(Cursor::new(bytes))).unwrap();
            let (mut seconds, mut titles) = (0.0, Vec::new());
            while let Some(block) = decoder.next_block().unwrap() {
                titles.extend(decoder.take_tags().map(|tags| tags.title));
                seconds += block.samples.len() as f64 / block.channels as f64 / f64::from(block.rate);
            }
            assert!((seconds - 2.0).abs() < 0.01, "{encoding}: {seconds} s");
            assert_eq!(titles, ["Eins", "Zwei"], "{encoding}");
        }
    }

    #[test]
    fn a_stream_is_known_by_its_beginning() {
        assert_eq!(StreamKind::of(b"fLaC\0\0\0\x22"), StreamKind::Flac);
        assert_eq!(StreamKind::of(&[0xff, 0xf1, 0x50, 0x80]), StreamKind::Aac);
        assert_eq!(StreamKind::of(&[0xff, 0xfb, 0x90, 0]), StreamKind::Mp3);
        assert_eq!((StreamKind::of(b"ID3"), StreamKind::of(b"")), (StreamKind::Mp3, StreamKind::Mp3));
    }
}
