//! Title and artist of a file, from `ID3v2`, `APEv2`, the tags of its container, `ID3v1`, and its name, in this order.

use std::fs::File;
use std::io;
use std::path::Path;

use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::meta::{MetadataRevision, StandardTag};

use super::charset;
use super::id3::{Field, read_v1, read_v2};
use super::one_line::clean;
use super::sniff::{Content, read};
use super::symphonia_decoder::probe;
use super::tag_sizes::{APE_HEAD_BYTES, ID3V1_BYTES, id3v2_bytes};

/// The most bytes of a tag that are read: titles may come after pictures of 10 MiB.
const MAX_TAG_BYTES: u64 = 16 * 1024 * 1024;

/// The most `ID3v2` tags that are read at a file's beginning.
const MAX_TAGS: usize = 4;

/// The metadata in tags.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Tags {
    /// The title; empty if unknown.
    pub title: String,
    /// The artist; empty if unknown.
    pub artist: String,
    /// The length according to the container.
    pub seconds: Option<f64>,
}

impl Tags {
    /// Reads all tags of a file.
    pub fn read(file: &mut File, content: &Content) -> io::Result<Self> {
        let mut tags = Self::default();
        let mut at = 0;
        for _ in 0..MAX_TAGS {
            let Some(n_bytes) = id3v2_bytes(&read(file, at, 10)?) else { break };
            tags.offer_all(read_v2(&read(file, at, MAX_TAG_BYTES.min(n_bytes as u64))?));
            at += n_bytes as u64;
        }
        let n_bytes = file.metadata()?.len();
        let last = read(file, n_bytes.saturating_sub(ID3V1_BYTES as u64), ID3V1_BYTES as u64)?;
        let end = if last.starts_with(b"TAG") { n_bytes - ID3V1_BYTES as u64 } else { n_bytes };
        tags.read_ape(file, end)?;
        tags.read_ape_at(file, at)?;
        match content {
            Content::Wav(chunks) => {
                tags.read_info(&chunks.info);
                if let Some(at) = chunks.id3 {
                    tags.offer_all(read_v2(&read(file, at, MAX_TAG_BYTES)?));
                }
            }
            Content::Other(start, extension) => {
                if let Ok(mut reader) = probe(file.try_clone()?, *start, extension) {
                    let text = if *extension == "aiff" { from_bytes } else { str::to_owned };
                    tags.read_container(&mut *reader, text);
                }
            }
            Content::Mp3(_) | Content::Unknown => {}
        }
        tags.offer_all(read_v1(&last));
        Ok(tags)
    }

    /// Sets the title, if there is none yet.
    fn offer_title(&mut self, text: &str) {
        offer(&mut self.title, text);
    }

    /// Sets the artist, if there is none yet.
    fn offer_artist(&mut self, text: &str) {
        offer(&mut self.artist, text);
    }

    fn offer_all(&mut self, fields: Vec<Field>) {
        for field in fields {
            match field {
                Field::Title(title) => self.offer_title(&title),
                Field::Artist(artist) => self.offer_artist(&artist),
            }
        }
    }

    /// Sets what is missing from the file name: `Artist - Title`, with or without a track number before it.
    pub fn offer_name(&mut self, path: &Path) {
        let stem = clean(&path.file_stem().unwrap_or_default().to_string_lossy());
        if !self.title.is_empty() {
            return;
        }
        let name = without_number(&stem);
        let (artist, title) = name.split_once(" - ").unwrap_or(("", name));
        if artist.trim().is_empty() || title.trim().is_empty() {
            self.title = if name.is_empty() { stem } else { name.to_owned() };
        } else if self.artist.is_empty() || self.artist.to_lowercase() == artist.trim().to_lowercase() {
            self.offer_artist(artist);
            self.title = title.trim().to_owned();
        } else {
            self.title = name.to_owned();
        }
    }

    /// Reads an `APEv2` tag that ends there.
    fn read_ape(&mut self, file: &mut File, end: u64) -> io::Result<()> {
        let head = APE_HEAD_BYTES as u64;
        let foot = read(file, end.saturating_sub(head), head)?;
        if foot.len() == APE_HEAD_BYTES && foot.starts_with(b"APETAGEX") {
            let n_bytes = u64::from(u32::from_le_bytes([foot[12], foot[13], foot[14], foot[15]]));
            if (head..=MAX_TAG_BYTES.min(end)).contains(&n_bytes) {
                self.read_ape_items(&read(file, end - n_bytes, n_bytes - head)?);
            }
        }
        Ok(())
    }

    /// Reads an `APEv2` tag that begins there.
    fn read_ape_at(&mut self, file: &mut File, at: u64) -> io::Result<()> {
        let head = read(file, at, APE_HEAD_BYTES as u64)?;
        if head.len() == APE_HEAD_BYTES && head.starts_with(b"APETAGEX") {
            let n_bytes = u64::from(u32::from_le_bytes([head[12], head[13], head[14], head[15]]));
            self.read_ape_items(&read(file, at + APE_HEAD_BYTES as u64, n_bytes.min(MAX_TAG_BYTES))?);
        }
        Ok(())
    }

    fn read_ape_items(&mut self, mut items: &[u8]) {
        while let Some((head, rest)) = items.split_at_checked(8) {
            let n_bytes = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let Some(key_bytes) = rest.iter().take(256).position(|byte| *byte == 0) else { return };
            let (key, value) = (&rest[..key_bytes], &rest[key_bytes + 1..]);
            let Some((value, next)) = value.split_at_checked(n_bytes) else { return };
            if key.eq_ignore_ascii_case(b"title") {
                self.offer_title(&values(value));
            } else if key.eq_ignore_ascii_case(b"artist") {
                self.offer_artist(&values(value));
            }
            items = next;
        }
    }

    /// Reads `LIST` chunks of type `INFO`.
    fn read_info(&mut self, mut info: &[u8]) {
        while let Some((head, rest)) = info.split_at_checked(8) {
            let n_bytes = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let value = &rest[..n_bytes.min(rest.len())];
            match &head[..4] {
                b"INAM" => self.offer_title(&values(value)),
                b"IART" => self.offer_artist(&values(value)),
                _ => {}
            }
            info = rest.get(n_bytes.saturating_add(n_bytes % 2)..).unwrap_or_default();
        }
    }

    /// Reads the tags that symphonia finds, with each text converted by `text`.
    fn read_container(&mut self, reader: &mut dyn FormatReader, text: fn(&str) -> String) {
        self.seconds = seconds(reader);
        let mut metadata = reader.metadata();
        loop {
            if let Some(revision) = metadata.current() {
                self.take(revision, text);
            }
            if metadata.pop().is_none() {
                return;
            }
        }
    }

    fn take(&mut self, revision: &MetadataRevision, text: fn(&str) -> String) {
        let of_tracks = revision.per_track.iter().flat_map(|track| &track.metadata.tags);
        let mut artists: Vec<&str> = Vec::new();
        for tag in revision.media.tags.iter().chain(of_tracks) {
            match &tag.std {
                Some(StandardTag::TrackTitle(title)) => self.offer_title(&text(title)),
                Some(StandardTag::Artist(artist)) if !artists.contains(&artist.as_str()) => {
                    artists.push(artist);
                }
                _ => {}
            }
        }
        self.offer_artist(&text(&artists.join(", ")));
    }
}

/// Sets a text that is missing, unless most of it is question marks, which another program has left of another encoding.
fn offer(known: &mut String, text: &str) {
    let n_lost = text.matches(['?', '\u{fffd}']).count();
    let n_letters = text.chars().filter(|c| c.is_alphanumeric()).count();
    if known.is_empty() && (n_lost < 3 || n_letters >= n_lost) {
        *known = clean(text);
    }
}

/// Joins values that are separated by NUL.
fn values(bytes: &[u8]) -> String {
    let values = bytes.split(|byte| *byte == 0).map(|value| charset::decode(value, None).trim().to_owned());
    values.filter(|value| !value.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Text that has been decoded as Latin-1, as symphonia does in AIFF, decoded again.
fn from_bytes(text: &str) -> String {
    let bytes: Result<Vec<u8>, _> = text.chars().map(|c| u8::try_from(u32::from(c))).collect();
    bytes.map_or_else(|_| text.to_owned(), |bytes| charset::decode(&bytes, None))
}

fn seconds(reader: &dyn FormatReader) -> Option<f64> {
    let track = reader.default_track(TrackType::Audio)?;
    let rate = track.codec_params.as_ref()?.audio()?.sample_rate.filter(|rate| *rate > 0)?;
    Some(track.num_frames? as f64 / f64::from(rate))
}

/// A name without a track number: `07. `, `07 - ` or `1-07 `.
fn without_number(name: &str) -> &str {
    let rest = name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
    let n_digits = name.len() - rest.len();
    let separated = [". ", " - ", ".", "_", ") "].iter().find_map(|mark| rest.strip_prefix(mark));
    match separated {
        Some(title) if (1..=4).contains(&n_digits) && name.starts_with(|c: char| c.is_ascii_digit()) => {
            let title = title.trim();
            // Four digits, as in "1999 - Prince", are a year and not a track number.
            if n_digits == 4 && !name[..4].contains('-') || title.is_empty() { name } else { title }
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_provide_what_tags_do_not() {
        let cases = [
            ("Ann - Song.mp3", "", "", "Ann", "Song"),
            ("07 - Song.mp3", "", "", "", "Song"),
            ("07. Ann - Song - Live.mp3", "", "", "Ann", "Song - Live"),
            ("1-07 Song.mp3", "", "", "", "1-07 Song"),
            ("99 Luftballons.mp3", "", "", "", "99 Luftballons"),
            ("1999 - Song.mp3", "", "", "1999", "Song"),
            ("07.mp3", "", "", "", "07"),
            ("Ann - Song.mp3", "ann", "", "ann", "Song"),
            ("Bob - Song.mp3", "Ann", "", "Ann", "Bob - Song"),
            ("Ann - Song.mp3", "", "Title", "", "Title"),
            (" - .mp3", "", "", "", "-"),
        ];
        for (name, artist, title, expected_artist, expected_title) in cases {
            let mut tags = Tags { title: title.into(), artist: artist.into(), seconds: None };
            tags.offer_name(Path::new(name));
            assert_eq!((&*tags.artist, &*tags.title), (expected_artist, expected_title), "{name}");
        }
    }

    #[test]
    fn text_that_another_program_has_lost_is_ignored() {
        let mut tags = Tags::default();
        tags.offer_title("?????? ????");
        tags.offer_title("  \n ");
        tags.offer_title("Wh?t ?s ?t?\r\nnext");
        assert_eq!(tags.title, "Wh?t ?s ?t? next");
    }

    #[test]
    fn info_and_ape_items_are_read_up_to_a_malformed_one() {
        let mut tags = Tags::default();
        tags.read_info(b"IART\x04\0\0\0Ann\0INAM\x05\0\0\0Caf\xe9\0\0XXXX\xff\xff\xff\xff");
        assert_eq!((&*tags.artist, &*tags.title), ("Ann", "Café"));
        let mut tags = Tags::default();
        let items = "\x03\0\0\0\0\0\0\0Title\0歌\x07\0\0\0\0\0\0\0ARTIST\0Ann\0Bob";
        tags.read_ape_items(items.as_bytes());
        assert_eq!((&*tags.artist, &*tags.title), ("Ann, Bob", "歌"));
        for end in 0..items.len() {
            Tags::default().read_ape_items(&items.as_bytes()[..end]);
        }
    }
}
