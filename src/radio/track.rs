//! A file that can go on the air, and what its tags say.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde::Serialize;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::{MetadataOptions, MetadataRevision, StandardTag};

/// Longer tags are cut: a title block has 4080 bytes for both.
const MAX_CHARS: usize = 300;

/// What players are told of a track.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Track {
    /// Where it is; empty for what comes from no file.
    #[serde(skip)]
    pub path: PathBuf,
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
    /// Reads a file's tags. What cannot be read has its name for a title.
    pub fn read(path: &Path) -> Self {
        let tags = catch_unwind(AssertUnwindSafe(|| tags(path))).ok().flatten().unwrap_or_default();
        let name = |name: Option<&std::ffi::OsStr>| name.unwrap_or_default().to_string_lossy().into_owned();
        let title = if tags.title.is_empty() { clean(&name(path.file_stem())) } else { tags.title };
        Self {
            path: path.to_owned(),
            file: name(path.file_name()),
            title,
            artist: tags.artist,
            duration_seconds: tags.seconds,
        }
    }

    /// `Artist - Title`, or the title alone.
    pub fn display(&self) -> String {
        if self.artist.is_empty() { self.title.clone() } else { format!("{} - {}", self.artist, self.title) }
    }
}

#[derive(Default)]
struct Tags {
    title: String,
    artist: String,
    seconds: Option<f64>,
}

fn tags(path: &Path) -> Option<Tags> {
    let file = std::fs::File::open(path).ok()?;
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
