//! Determines the type of a file by its content, because extensions are unreliable.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use super::frame_reader::{FILE_JUNK_BYTES, FrameReader, STREAM_JUNK_BYTES};
use super::itunes;
use super::riff::{self, Chunks};
use super::tag_sizes::id3v2_bytes;
use super::wav::Spec;

/// Bytes that are examined after the tags: more than three of the longest frames, and some junk before them.
const SNIFFED_BYTES: u64 = 64 * 1024;

/// How far a file is searched for what iTunes says of its encoder's padding, which comes before pictures.
const TAG_BYTES: u64 = 64 * 1024;

/// The most tags before the audio.
const MAX_TAGS: usize = 16;

/// The first bytes of Matroska.
const EBML: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];

/// The first bytes of ASF.
const ASF: [u8; 16] =
    [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, 0xa6, 0xd9, 0x00, 0xaa, 0x00, 0x62, 0xce, 0x6c];

/// The lengths of packets of MPEG-TS, and where in each its sync byte is: bare, and with a time before it.
const TS_PACKETS: [(usize, usize); 2] = [(188, 0), (192, 4)];

/// The type of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Content {
    /// WAV, with its chunks.
    Wav(Chunks),
    /// MP3, with the range of its frames in bytes.
    Mp3(Range<u64>),
    /// Another known type, with the position at which it begins and its usual extension.
    Other(u64, &'static str),
    /// Matroska and `WebM`, with sound of any codec.
    Matroska,
    /// A type that ffmpeg alone decodes, with its name.
    Foreign(&'static str),
    /// An unknown type.
    Unknown,
}

/// Determines the type of a file.
pub fn sniff(file: &mut File) -> io::Result<Content> {
    let n_bytes = file.metadata()?.len();
    let start = end_of_tags(file)?;
    let head = read(file, start, SNIFFED_BYTES)?;
    if riff::is_wav(&head) {
        return Ok(match riff::chunks(file, start) {
            Ok(chunks) if Spec::of(&chunks.format).is_ok_and(|spec| spec.is_mp3()) => {
                Content::Mp3(chunks.data)
            }
            Ok(chunks) => Content::Wav(chunks),
            Err(_) => Content::Unknown,
        });
    }
    if let Some(extension) = extension(&head) {
        return Ok(Content::Other(start, extension));
    }
    // Tags before these are none of theirs.
    if start == 0 && head.starts_with(&EBML) {
        return Ok(Content::Matroska);
    }
    if let Some(name) = foreign(&head) {
        return Ok(Content::Foreign(name));
    }
    let mut frames = FrameReader::new(Cursor::new(&head), STREAM_JUNK_BYTES);
    Ok(if frames.next_frame()?.is_some() { Content::Mp3(0..n_bytes) } else { Content::Unknown })
}

/// The MP3 frames of a file, if it is MP3, or unknown with the extension of MP3.
pub fn mp3_frames(
    path: &Path,
    file: File,
    content: &Content,
) -> io::Result<Option<FrameReader<io::Take<File>>>> {
    let mut file = file;
    let range = match content {
        Content::Mp3(range) => range.clone(),
        Content::Unknown if is_named_mp3(path) => 0..u64::MAX,
        _ => return Ok(None),
    };
    let smpb = itunes::smpb(&read(&mut file, 0, TAG_BYTES)?);
    file.seek(SeekFrom::Start(range.start))?;
    let frames = FrameReader::new(file.take(range.end - range.start), FILE_JUNK_BYTES);
    Ok(Some(frames.with_padding(smpb.map(|smpb| (smpb.delay, smpb.padding)))))
}

/// Whether a file has the extension of MP3.
pub fn is_named_mp3(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mp3"))
}

/// The position after leading `ID3v2` tags.
fn end_of_tags(file: &mut File) -> io::Result<u64> {
    let mut start = 0;
    for _ in 0..MAX_TAGS {
        let Some(tag) = id3v2_bytes(&read(file, start, 10)?) else { break };
        start += tag as u64;
    }
    Ok(start)
}

/// Reads at most `n_bytes` at a position.
pub fn read(file: &mut File, at: u64, n_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(n_bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn extension(head: &[u8]) -> Option<&'static str> {
    const ATOMS: [&[u8; 4]; 6] = [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"];
    let second = head.get(4..8).unwrap_or_default();
    let third = head.get(8..12).unwrap_or_default();
    match head {
        [b'f', b'L', b'a', b'C', ..] => Some("flac"),
        [b'O', b'g', b'g', b'S', ..] => Some("ogg"),
        [b'F', b'O', b'R', b'M', ..] if third == b"AIFF" || third == b"AIFC" => Some("aiff"),
        _ if ATOMS.iter().any(|atom| *atom == second) => Some("m4a"),
        _ if is_adts(head) => Some("aac"),
        _ => None,
    }
}

/// What ffmpeg alone decodes.
fn foreign(head: &[u8]) -> Option<&'static str> {
    let third = head.get(8..12).unwrap_or_default();
    match head {
        [b'w', b'v', b'p', b'k', ..] => Some("WavPack"),
        [b'M', b'A', b'C', b' ', ..] => Some("Monkey's Audio"),
        [b'F', b'L', b'V', 1, ..] => Some("Flash video"),
        [0, 0, 1, 0xba, ..] => Some("MPEG-PS"),
        [b'.', b's', b'n', b'd', ..] => Some("AU"),
        [b'c', b'a', b'f', b'f', ..] => Some("CAF"),
        [b'T', b'T', b'A', b'1', ..] => Some("TTA"),
        [b'D', b'S', b'D', b' ', ..] => Some("DSF"),
        [b'M', b'P', b'+', ..] | [b'M', b'P', b'C', b'K', ..] => Some("Musepack"),
        [b'R', b'I', b'F', b'F', ..] if third == b"AVI " => Some("AVI"),
        _ if head.starts_with(&ASF) => Some("WMA"),
        _ if is_ts(head) => Some("MPEG-TS"),
        _ if is_latm(head) => Some("AAC in LATM"),
        _ => None,
    }
}

/// Whether packets of MPEG-TS follow each other.
fn is_ts(head: &[u8]) -> bool {
    let has_syncs = |(n_bytes, at): (usize, usize)| (0..4).all(|n| head.get(n * n_bytes + at) == Some(&0x47));
    TS_PACKETS.into_iter().any(has_syncs)
}

/// Whether there are two consecutive frames of AAC in LATM, as in LOAS.
fn is_latm(head: &[u8]) -> bool {
    let frame_bytes = |bytes: &[u8]| match *bytes {
        [0x56, second, third, ..] if second & 0xe0 == 0xe0 => {
            Some(3 + (usize::from(second & 0x1f) << 8 | usize::from(third)))
        }
        _ => None,
    };
    let next = frame_bytes(head).and_then(|n| head.get(n..));
    next.is_some_and(|next| frame_bytes(next).is_some())
}

/// Whether there are two consecutive frames of ADTS.
fn is_adts(head: &[u8]) -> bool {
    let frame_bytes = |bytes: &[u8]| match *bytes {
        [0xff, second, _, fourth, fifth, sixth, ..] if second & 0xf6 == 0xf0 => {
            Some(usize::from(fourth & 0x03) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5))
        }
        _ => None,
    };
    let next = frame_bytes(head).filter(|n| *n > 6).and_then(|n| head.get(n..));
    next.is_some_and(|next| next.len() < 6 || frame_bytes(next).is_some())
}
