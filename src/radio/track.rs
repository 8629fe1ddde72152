//! A file that can go on the air, and what its tags say.

use std::fs::File;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::{MetadataOptions, MetadataRevision, StandardTag};

use super::format::Format;
use super::index::Facts;
use super::mp3::FrameReader;

/// Longer tags are cut: a title block has 4080 bytes for both.
const MAX_CHARS: usize = 300;

/// What players are told of a track.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Track {
    /// The name of its file.
    pub file: String,
    /// Its title; the file's name without extension where it has none.
    pub title: String,
    /// Who made it; empty if nobody says.
    pub artist: String,
    /// How long it is, if its head says so.
    pub duration_seconds: Option<f64>,
}

impl Track {
    /// The track of a file of which this is known. What has no title has its file's name for one.
    pub fn of(path: &Path, facts: &Facts) -> Self {
        let name = |name: Option<&std::ffi::OsStr>| name.unwrap_or_default().to_string_lossy().into_owned();
        let title = if facts.title.is_empty() { clean(&name(path.file_stem())) } else { facts.title.clone() };
        Self {
            file: name(path.file_name()),
            title,
            artist: facts.artist.clone(),
            duration_seconds: facts.duration_seconds,
        }
    }

    /// `Artist - Title`, or the title alone.
    pub fn display(&self) -> String {
        if self.artist.is_empty() { self.title.clone() } else { format!("{} - {}", self.artist, self.title) }
    }
}

impl Facts {
    /// Reads a file's head: its tags, and the format of its frames. What cannot be read is not known.
    pub fn read(path: &Path) -> Self {
        let tags = catch_unwind(AssertUnwindSafe(|| tags(path))).ok().flatten().unwrap_or_default();
        Self {
            format: if is_mp3(path) { frame_format(path).ok() } else { None },
            title: tags.title,
            artist: tags.artist,
            duration_seconds: tags.seconds,
            loudness: None,
        }
    }
}

/// Whether a file may pass through as it is.
pub fn is_mp3(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mp3"))
}

/// The format of an MP3 file's first frame.
pub fn frame_format(path: &Path) -> Result<Format> {
    let mut reader = FrameReader::new(BufReader::new(File::open(path).context("cannot be opened")?));
    let frame = reader.next_frame()?.context("no MP3 frame in it")?;
    Ok(frame.header.format)
}

#[derive(Default)]
struct Tags {
    title: String,
    artist: String,
    seconds: Option<f64>,
}

fn tags(path: &Path) -> Option<Tags> {
    let file = File::open(path).ok()?;
    let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
        hint.with_extension(extension);
    }
    let probe = symphonia::default::get_probe();
    let mut reader = probe.probe(&hint, stream, FormatOptions::default(), MetadataOptions::default()).ok()?;
    let mut tags = Tags { seconds: seconds(&*reader), ..Tags::default() };
    let mut metadata = reader.metadata();
    loop {
        if let Some(revision) = metadata.current() {
            tags.take(revision);
        }
        if metadata.pop().is_none() {
            return Some(tags);
        }
    }
}

fn seconds(reader: &dyn FormatReader) -> Option<f64> {
    let track = reader.default_track(TrackType::Audio)?;
    let rate = track.codec_params.as_ref()?.audio()?.sample_rate.filter(|rate| *rate > 0)?;
    Some(track.num_frames? as f64 / f64::from(rate))
}

impl Tags {
    /// Takes what is not known yet.
    fn take(&mut self, revision: &MetadataRevision) {
        let of_tracks = revision.per_track.iter().flat_map(|track| &track.metadata.tags);
        for tag in revision.media.tags.iter().chain(of_tracks) {
            match &tag.std {
                Some(StandardTag::TrackTitle(title)) if self.title.is_empty() => self.title = clean(title),
                Some(StandardTag::Artist(artist)) if self.artist.is_empty() => self.artist = clean(artist),
                _ => {}
            }
        }
    }
}

/// One line of ordinary characters.
pub fn clean(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CHARS).collect();
    line.trim().to_owned()
}
