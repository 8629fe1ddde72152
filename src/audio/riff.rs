//! The chunks of a WAV file: RIFF, RF64 and Wave64, including files that were written to pipes or truncated.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;

/// The most chunks of one file that are read.
const MAX_CHUNKS: usize = 1000;

/// The most bytes of `fmt ` and `LIST` chunks that are read: coefficients of ADPCM, and a few titles.
const MAX_CHUNK_BYTES: u64 = 64 * 1024;

/// How far `data` is searched for if a chunk with a wrong length hides it.
const SEARCHED_BYTES: u64 = 1024 * 1024;

/// The rest of the GUID after the four characters of Wave64's outer chunk.
const W64_TAIL: [u8; 12] = [0x2e, 0x91, 0xcf, 0x11, 0xa5, 0xd6, 0x28, 0xdb, 0x04, 0xc1, 0, 0];

/// Known chunk ids.
const NAMES: [&[u8; 4]; 17] = [
    b"fmt ", b"data", b"LIST", b"bext", b"JUNK", b"junk", b"fact", b"cue ", b"smpl", b"inst", b"id3 ",
    b"ID3 ", b"PEAK", b"iXML", b"PAD ", b"_PMX", b"ds64",
];

/// A file's chunks.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chunks {
    /// The `fmt ` chunk.
    pub format: Vec<u8>,
    /// The position of the audio.
    pub data: Range<u64>,
    /// The content of `LIST` chunks of type `INFO`.
    pub info: Vec<u8>,
    /// The position of an `ID3v2` tag.
    pub id3: Option<u64>,
}

/// Whether a file with this beginning is a WAV.
pub fn is_wav(head: &[u8]) -> bool {
    let is_riff = [b"RIFF", b"RF64", b"BW64"].iter().any(|word| head.starts_with(*word));
    is_riff && head.get(8..12) == Some(b"WAVE") || is_w64(head)
}

fn is_w64(head: &[u8]) -> bool {
    head.starts_with(b"riff") && head.get(4..16) == Some(&W64_TAIL)
}

/// Finds the chunks of a WAV that begins at `start`; an impossible length means the rest of the file.
///
/// # Errors
/// If reading fails, or `fmt ` or `data` is missing.
pub fn chunks<R: Read + Seek>(file: &mut R, start: u64) -> io::Result<Chunks> {
    let end = file.seek(SeekFrom::End(0))?;
    let head = read(file, start, 40)?;
    let is_64 = is_w64(&head);
    let mut at = start + if is_64 { 40 } else { 12 };
    let mut chunks = Chunks::default();
    let mut long_data = None;
    for _ in 0..MAX_CHUNKS {
        let head = read(file, at, if is_64 { 24 } else { 8 })?;
        let (name, n_bytes, body) = match (is_64, head.len()) {
            (false, 8) => {
                (&head[..4], u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]])), at + 8)
            }
            (true, 24) => {
                let size = u64::from_le_bytes(head[16..24].try_into().expect("eight bytes"));
                (&head[..4], size.saturating_sub(24), at + 24)
            }
            _ => break,
        };
        let mut n_bytes = n_bytes;
        let left = end.saturating_sub(body);
        match name {
            b"fmt " if chunks.format.is_empty() => {
                chunks.format = read(file, body, n_bytes.min(MAX_CHUNK_BYTES))?;
            }
            b"ds64" => {
                let sizes = read(file, body, 16)?;
                long_data =
                    sizes.get(8..16).map(|size| u64::from_le_bytes(size.try_into().expect("eight bytes")));
            }
            b"data" if chunks.data.is_empty() => {
                if let Some(size) = long_data.filter(|_| n_bytes == u64::from(u32::MAX)) {
                    n_bytes = size;
                }
                // A program that was killed or wrote to a pipe leaves no length.
                let is_open = n_bytes == 0 && !is_name(&read(file, body, 4)?);
                if is_open || n_bytes > left {
                    n_bytes = left;
                }
                chunks.data = body..body + n_bytes;
            }
            b"LIST" => {
                let list = read(file, body, n_bytes.min(MAX_CHUNK_BYTES))?;
                chunks.info.extend(list.strip_prefix(b"INFO").unwrap_or_default());
            }
            b"id3 " | b"ID3 " => chunks.id3 = Some(body),
            _ => {}
        }
        if n_bytes >= left {
            break;
        }
        at = body + n_bytes;
        if is_64 {
            at = at.next_multiple_of(8);
        } else if n_bytes % 2 == 1 {
            // Some programs omit the padding byte after an odd length.
            let next = read(file, at, 5)?;
            let is_unpadded = next.len() < 5 || !is_name(&next[1..]) && is_name(&next[..4]);
            at += u64::from(!is_unpadded);
        }
    }
    if chunks.data.is_empty() {
        chunks.data = search_data(file, start, end)?;
    }
    if chunks.format.len() < 14 || chunks.data.is_empty() {
        return Err(io::Error::new(ErrorKind::InvalidData, "a WAV without audio"));
    }
    Ok(chunks)
}

/// Searches for the `data` chunk, which extends to the end of the file.
fn search_data<R: Read + Seek>(file: &mut R, start: u64, end: u64) -> io::Result<Range<u64>> {
    let bytes = read(file, start, SEARCHED_BYTES)?;
    let found = bytes.windows(4).position(|four| four == b"data");
    Ok(found.map_or(0..0, |at| (start + at as u64 + 8).min(end)..end))
}

fn is_name(bytes: &[u8]) -> bool {
    NAMES.iter().any(|name| *name == bytes)
}

/// Reads at most `n_bytes` at a position.
fn read<R: Read + Seek>(file: &mut R, at: u64, n_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(n_bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const FORMAT: [u8; 16] = [1, 0, 1, 0, 0x44, 0xac, 0, 0, 0x88, 0x58, 1, 0, 2, 0, 16, 0];

    fn chunk(name: &[u8], n_bytes: u32, body: &[u8]) -> Vec<u8> {
        [name, &n_bytes.to_le_bytes(), body].concat()
    }

    fn found(parts: &[Vec<u8>]) -> Option<(u64, u64)> {
        let head = [&b"RIFF"[..], &[0xff; 4], b"WAVE"].concat();
        let file = [head, parts.concat()].concat();
        let chunks = chunks(&mut Cursor::new(&file), 0).ok()?;
        assert_eq!(chunks.format, FORMAT);
        Some((chunks.data.start, chunks.data.end))
    }

    #[test]
    fn data_is_found_whatever_its_length_and_the_chunks_before_it() {
        let format = || chunk(b"fmt ", 16, &FORMAT);
        let sound = [7; 100];
        // Complete, to a pipe, truncated, killed before the length was written.
        for n_bytes in [100, u32::MAX, 5000, 0] {
            assert_eq!(found(&[format(), chunk(b"data", n_bytes, &sound)]), Some((44, 144)), "{n_bytes}");
        }
        let odd = chunk(b"junk", 3, b"abc");
        assert_eq!(found(&[odd.clone(), format(), chunk(b"data", 100, &sound)]), Some((55, 155)));
        let padded = [odd, vec![0]].concat();
        assert_eq!(found(&[padded, format(), chunk(b"data", 100, &sound)]), Some((56, 156)));
        // A chunk that claims to be longer than the file.
        let lying = chunk(b"bext", 90_000, b"abcd");
        assert_eq!(found(&[format(), lying, chunk(b"data", 100, &sound)]), Some((56, 156)));
        assert_eq!(found(&[format()]), None);
        assert_eq!(found(&[chunk(b"data", 100, &sound)]), None);
    }

    #[test]
    fn info_is_found_before_and_after_the_data() {
        let info = |text: &[u8]| chunk(b"LIST", 4 + text.len() as u32, &[b"INFO", text].concat());
        let head = [&b"RIFF"[..], &[0; 4], b"WAVE"].concat();
        let file = [
            head,
            info(b"ab"),
            chunk(b"fmt ", 16, &FORMAT),
            chunk(b"data", 3, &[1, 2, 3]),
            vec![0],
            info(b"cd"),
            chunk(b"id3 ", 4, b"ID3x"),
        ];
        let file = file.concat();
        let chunks = chunks(&mut Cursor::new(&file), 0).unwrap();
        assert_eq!((&chunks.info[..], chunks.id3), (&b"abcd"[..], Some(file.len() as u64 - 4)));
    }
}
