//! Where the tags of a file are, whatever is looked for in them: `ID3v2`, `APEv2`, those of its container, `ID3v1`.

use std::fs::File;
use std::io;

use symphonia::core::formats::FormatReader;

use super::ape;
use super::asf;
use super::sniff::{Content, read};
use super::symphonia_decoder::probe;
use super::tag_sizes::{ID3V1_BYTES, id3v2_bytes};

/// The most bytes of a tag that are read: titles may come after pictures of 10 MiB.
const MAX_TAG_BYTES: u64 = 16 * 1024 * 1024;

/// The most `ID3v2` tags that are read at a file's beginning.
const MAX_TAGS: usize = 4;

/// A tag.
pub enum TagBlock<'a> {
    /// `ID3v2`, with its head.
    Id3v2(Vec<u8>),
    /// The items of `APEv2`.
    Ape(Vec<u8>),
    /// The chunks of a WAV's `INFO`.
    Info(&'a [u8]),
    /// Those of a container, with its usual extension.
    Container(Box<dyn FormatReader>, &'static str),
    /// The head of a file of Windows Media.
    Asf(Vec<u8>),
    /// The last bytes of a file, which are `ID3v1` if they begin as it does.
    Id3v1(Vec<u8>),
}

/// Takes all tags of a file, those that are trusted most first.
pub fn for_each(file: &mut File, content: &Content, mut take: impl FnMut(TagBlock<'_>)) -> io::Result<()> {
    let mut at = 0;
    for _ in 0..MAX_TAGS {
        let Some(n_bytes) = id3v2_bytes(&read(file, at, 10)?) else { break };
        take(TagBlock::Id3v2(read(file, at, MAX_TAG_BYTES.min(n_bytes as u64))?));
        at += n_bytes as u64;
    }
    let n_bytes = file.metadata()?.len();
    let last = read(file, n_bytes.saturating_sub(ID3V1_BYTES as u64), ID3V1_BYTES as u64)?;
    let end = if last.starts_with(b"TAG") { n_bytes - ID3V1_BYTES as u64 } else { n_bytes };
    take(TagBlock::Ape(ape::items_before(file, end)?));
    take(TagBlock::Ape(ape::items_at(file, at)?));
    match content {
        Content::Wav(chunks) => {
            take(TagBlock::Info(&chunks.info));
            if let Some(at) = chunks.id3 {
                take(TagBlock::Id3v2(read(file, at, MAX_TAG_BYTES)?));
            }
        }
        Content::Other(start, extension) => {
            if let Ok(reader) = probe(file.try_clone()?, *start, extension) {
                take(TagBlock::Container(reader, extension));
            }
        }
        Content::Matroska => {
            if let Ok(reader) = probe(file.try_clone()?, 0, "mkv") {
                take(TagBlock::Container(reader, "mkv"));
            }
        }
        Content::Foreign("WMA") => take(TagBlock::Asf(read(file, 0, asf::MAX_HEAD_BYTES)?)),
        Content::Mp3(_) | Content::Foreign(_) | Content::Unknown => {}
    }
    take(TagBlock::Id3v1(last));
    Ok(())
}
