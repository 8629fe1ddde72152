//! The cover in the tags of a file, and the types of pictures by their bytes.

use std::fs::File;
use std::io;
use std::path::Path;

use symphonia::core::formats::FormatReader;
use symphonia::core::meta::{MetadataRevision, StandardVisualKey};

use super::ape;
use super::id3::pictures_v2;
use super::sniff::sniff;
use super::tag_blocks::{self, TagBlock};

/// The type of a front cover in `ID3v2`.
const FRONT: u8 = 3;

/// The name of a front cover in `APEv2`, and of every picture its beginning.
const APE_FRONT: &[u8] = b"cover art (front)";
const APE_PICTURE: &[u8] = b"cover art (";

/// The media type of a picture that browsers show, by its first bytes; `None` for everything else.
pub fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        _ => None,
    }
}

/// The front cover in a file's tags, or else the first picture; only those that browsers show, of so many bytes at most.
pub fn embedded(path: &Path, max_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let mut file = File::open(path)?;
    let content = sniff(&mut file)?;
    let mut found = Found { max_bytes, picture: None, is_front: false };
    tag_blocks::for_each(&mut file, &content, |block| match block {
        TagBlock::Id3v2(tag) => pictures_v2(&tag, |kind, picture| found.offer(kind == FRONT, picture)),
        TagBlock::Ape(items) => ape::for_each_item(&items, |key, value| found.offer_ape(key, value)),
        TagBlock::Container(mut reader, _) => found.read_container(&mut *reader),
        TagBlock::Info(_) | TagBlock::Asf(_) | TagBlock::Id3v1(_) => {}
    })?;
    Ok(found.picture)
}

/// The best picture so far.
struct Found {
    max_bytes: usize,
    picture: Option<Vec<u8>>,
    is_front: bool,
}

impl Found {
    fn offer(&mut self, is_front: bool, picture: &[u8]) {
        let is_better = self.picture.is_none() || is_front && !self.is_front;
        if is_better && picture.len() <= self.max_bytes && media_type(picture).is_some() {
            self.picture = Some(picture.to_vec());
            self.is_front = is_front;
        }
    }

    /// An item whose value is the name of a file, and behind it the picture.
    fn offer_ape(&mut self, key: &[u8], value: &[u8]) {
        let key = key.to_ascii_lowercase();
        let picture = value.iter().position(|byte| *byte == 0).and_then(|at| value.get(at + 1..));
        if let Some(picture) = picture.filter(|_| key.starts_with(APE_PICTURE)) {
            self.offer(key == APE_FRONT, picture);
        }
    }

    /// Of FLAC, Ogg and MP4.
    fn read_container(&mut self, reader: &mut dyn FormatReader) {
        let mut metadata = reader.metadata();
        loop {
            if let Some(revision) = metadata.current() {
                self.take(revision);
            }
            if metadata.pop().is_none() {
                return;
            }
        }
    }

    fn take(&mut self, revision: &MetadataRevision) {
        let of_tracks = revision.per_track.iter().flat_map(|track| &track.metadata.visuals);
        for visual in revision.media.visuals.iter().chain(of_tracks) {
            self.offer(visual.usage == Some(StandardVisualKey::FrontCover), &visual.data);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_that_browsers_show_are_recognised() {
        let cases: [(&[u8], Option<&str>); 9] = [
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"\x89PNG\r\n\x1a\n", Some("image/png")),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"GIF89a", Some("image/gif")),
            (b"GIF88a", None),
            (b"RIFF\0\0\0\0WAVEfmt ", None),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\">", None),
            (b"<html>", None),
            (b"", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(media_type(bytes), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn the_front_cover_is_preferred_and_what_is_too_large_or_no_picture_is_passed_over() {
        let mut found = Found { max_bytes: 8, picture: None, is_front: false };
        found.offer(true, b"GIF89a too large");
        found.offer(true, b"<script>");
        found.offer(false, b"GIF89a1");
        found.offer(false, b"GIF89a2");
        assert_eq!(found.picture.as_deref(), Some(&b"GIF89a1"[..]));
        found.offer_ape(b"Title", b"x\0GIF89a3");
        found.offer_ape(b"Cover Art (Front)", b"front.gif\0GIF89a3");
        found.offer(true, b"GIF89a4");
        assert_eq!(found.picture.as_deref(), Some(&b"GIF89a3"[..]));
        found.offer_ape(b"Cover Art (Front)", b"no end");
    }
}
