//! Title, artist, album, place in it, year, cue points and loudness of a file, from `ID3v2`, `APEv2`, the tags of its container, `ID3v1`, and its name, in this order.

use std::fs::File;
use std::io;
use std::path::Path;

use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::meta::well_known::METADATA_ID_ID3V1;
use symphonia::core::meta::{MetadataRevision, RawValue, StandardTag};

use super::album_place::AlbumPlace;
use super::ape;
use super::asf;
use super::charset;
use super::cue_points::CuePoints;
use super::id3::{Field, read_v1, read_v2};
use super::one_line::clean;
use super::replay_gain;
use super::sniff::Content;
use super::tag_blocks::{self, TagBlock};

/// The longest text of an `APEv2` item.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// The metadata in tags.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Tags {
    /// The title; empty if unknown.
    pub title: String,
    /// The artist; empty if unknown.
    pub artist: String,
    /// The length according to the container.
    pub seconds: Option<f64>,
    /// The album, and its numbers in it.
    pub place: AlbumPlace,
    /// Its beginning and end.
    pub cue_points: CuePoints,
    /// Its loudness.
    pub lufs: Option<f64>,
    /// The code of the recording (ISRC), like `DEA123456789`; empty if unknown.
    pub isrc: String,
}

impl Tags {
    /// Reads all tags of a file.
    pub fn read(file: &mut File, content: &Content) -> io::Result<Self> {
        let mut tags = Self::default();
        tag_blocks::for_each(file, content, |block| match block {
            TagBlock::Id3v2(tag) => tags.offer_all(read_v2(&tag)),
            TagBlock::Ape(items) => tags.read_ape_items(&items),
            TagBlock::Info(info) => tags.read_info(info),
            TagBlock::Container(mut reader, extension) => {
                let text = if extension == "aiff" { from_bytes } else { str::to_owned };
                tags.read_container(&mut *reader, text);
            }
            TagBlock::Asf(head) => tags.offer_all(asf::fields(&head)),
            TagBlock::Id3v1(tag) => tags.offer_all(read_v1(&tag)),
        })?;
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

    /// Sets the year, if there is none yet.
    fn offer_year(&mut self, date: &str) {
        if self.place.year == 0 {
            self.place.year = AlbumPlace::year(date).unwrap_or(0);
        }
    }

    fn offer_all(&mut self, fields: Vec<Field>) {
        for field in fields {
            match field {
                Field::Title(title) => self.offer_title(&title),
                Field::Artist(artist) => self.offer_artist(&artist),
                Field::Album(album) => offer(&mut self.place.album, &album),
                Field::Track(number) => offer_number(&mut self.place.track, &number),
                Field::Disc(number) => offer_number(&mut self.place.disc, &number),
                Field::Year(date) => self.offer_year(&date),
                Field::Other(name, value) => self.offer_other(&name, &value),
            }
        }
    }

    /// Reads a tag of any name.
    fn offer_other(&mut self, name: &str, value: &str) {
        self.cue_points.offer(name, value);
        self.lufs = self.lufs.or_else(|| replay_gain::lufs(name, value));
        if self.isrc.is_empty() && ["isrc", "tsrc"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
            self.isrc = isrc(value).unwrap_or_default();
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

    fn read_ape_items(&mut self, items: &[u8]) {
        ape::for_each_item(items, |key, value| {
            // Others may be pictures.
            let text = || if value.len() <= MAX_TEXT_BYTES { values(value) } else { String::new() };
            match key.to_ascii_lowercase().as_slice() {
                b"title" => self.offer_title(&text()),
                b"artist" => self.offer_artist(&text()),
                b"album" => offer(&mut self.place.album, &text()),
                b"track" => offer_number(&mut self.place.track, &text()),
                b"disc" => offer_number(&mut self.place.disc, &text()),
                b"year" => self.offer_year(&text()),
                _ => self.offer_other(&String::from_utf8_lossy(key), &text()),
            }
        });
    }

    /// Reads `LIST` chunks of type `INFO`.
    fn read_info(&mut self, mut info: &[u8]) {
        while let Some((head, rest)) = info.split_at_checked(8) {
            let n_bytes = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let value = &rest[..n_bytes.min(rest.len())];
            match &head[..4] {
                b"INAM" => self.offer_title(&values(value)),
                b"IART" => self.offer_artist(&values(value)),
                b"IPRD" => offer(&mut self.place.album, &values(value)),
                b"ICRD" => self.offer_year(&values(value)),
                b"ITRK" | b"IPRT" => offer_number(&mut self.place.track, &values(value)),
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
            // `ID3v1` comes last of all, and is read for all files.
            let is_own = |revision: &&MetadataRevision| revision.info.metadata != METADATA_ID_ID3V1;
            if let Some(revision) = metadata.current().filter(is_own) {
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
                Some(StandardTag::Album(album)) => offer(&mut self.place.album, &text(album)),
                Some(StandardTag::TrackNumber(number)) => {
                    offer_number(&mut self.place.track, &number.to_string());
                }
                Some(StandardTag::RecordingDate(date) | StandardTag::ReleaseDate(date)) => {
                    self.offer_year(date);
                }
                Some(StandardTag::RecordingYear(year) | StandardTag::ReleaseYear(year)) => {
                    self.offer_year(&year.to_string());
                }
                Some(StandardTag::DiscNumber(number)) => {
                    offer_number(&mut self.place.disc, &number.to_string());
                }
                _ => {}
            }
            // MP4 has the name of the program that made it up before the name.
            let name = tag.raw.key.rsplit(':').next().unwrap_or_default();
            if let RawValue::String(value) = &tag.raw.value {
                self.offer_other(name, value);
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

/// A code of a recording: two letters, three letters or digits, seven digits; hyphens may be between them.
fn isrc(text: &str) -> Option<String> {
    let code: String = text.trim().chars().filter(|c| *c != '-').collect::<String>().to_ascii_uppercase();
    let is_code = code.len() == 12
        && code.bytes().take(2).all(|byte| byte.is_ascii_uppercase())
        && code.bytes().skip(2).take(3).all(|byte| byte.is_ascii_alphanumeric())
        && code.bytes().skip(5).all(|byte| byte.is_ascii_digit());
    is_code.then_some(code)
}

/// Sets a number that is missing.
fn offer_number(known: &mut u32, text: &str) {
    if *known == 0 {
        *known = AlbumPlace::number(text).unwrap_or(0);
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
    // The head of a fragmented MP4 says nothing of the fragments.
    let n_frames = track.num_frames.filter(|n_frames| *n_frames > 0)?;
    Some(n_frames as f64 / f64::from(rate))
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
    fn codes_of_recordings_are_twelve_letters_and_digits() {
        assert_eq!(isrc(" de-a12-34-56789 ").as_deref(), Some("DEA123456789"));
        for none in ["", "DEA12345678", "1EA123456789", "DEA12345678X", "DE\u{e9}123456789"] {
            assert_eq!(isrc(none), None, "{none}");
        }
    }

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
            let mut tags = Tags { title: title.into(), artist: artist.into(), ..Tags::default() };
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
