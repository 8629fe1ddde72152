//! One file of a library, and what is told of it. No I/O.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::formats::{Kind, Streams};
use crate::folder::file_stamp::FileStamp;

/// Bytes of a hash that make a name.
const ID_BYTES: usize = 12;

/// What a file is named by in addresses: it says nothing of where the file lies.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ItemId(Arc<str>);

impl ItemId {
    /// The name of a file, by its path in the library: the same after every start, and on every node.
    pub fn of(relative: &Path) -> Self {
        let hash = digest(&SHA256, relative.as_os_str().as_encoded_bytes());
        Self(hex::encode(&hash.as_ref()[..ID_BYTES]).into())
    }

    /// The name in an address, whatever it is.
    pub fn named(text: &str) -> Self {
        Self(text.into())
    }

    /// As it stands in addresses.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was read in a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Its title; empty if unknown.
    pub title: String,
    /// Its artist; empty if unknown.
    pub artist: String,
    /// Its album; empty if unknown.
    pub album: String,
    /// Its length.
    pub seconds: Option<f64>,
    /// What is in it.
    pub streams: Streams,
    /// The size of its picture.
    pub size: Option<(u32, u32)>,
    /// Whether it brings a picture of its own.
    pub has_cover: bool,
}

/// A file of subtitles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subtitle {
    /// What it is named by in addresses.
    pub id: ItemId,
    /// What a reader chooses by.
    pub label: String,
    /// Its language, if its name says so, like `en`.
    pub language: Option<String>,
    /// The file.
    pub path: PathBuf,
}

/// What lies beside a file and belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sidecars {
    /// Its subtitles.
    pub subtitles: Vec<Subtitle>,
    /// Its lyrics, with times.
    pub lyrics: Option<PathBuf>,
    /// A picture.
    pub picture: Option<PathBuf>,
}

/// One file of a library.
#[derive(Debug, Clone)]
pub struct Item {
    /// What it is named by.
    pub id: ItemId,
    /// The file.
    pub path: Arc<Path>,
    /// Its path in the library, as it is searched and sorted by.
    pub relative: String,
    /// Its size and when it was changed.
    pub stamp: FileStamp,
    /// Video or audio.
    pub kind: Kind,
    /// What was read in it.
    pub facts: Arc<Facts>,
    /// What lies beside it.
    pub sidecars: Sidecars,
}

/// What can be made of files here, beside sending them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Abilities {
    /// Frames can be taken from films.
    pub frames: bool,
    /// Films can be transcoded.
    pub hls: bool,
}

/// An item on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemReport<'a> {
    id: &'a ItemId,
    kind: Kind,
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    artist: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    album: &'a str,
    seconds: Option<f64>,
    bytes: u64,
    container: &'a str,
    codecs: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    is_playable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    poster: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lyrics: Option<String>,
    subtitles: Vec<SubtitleReport<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hls: Option<String>,
}

#[derive(Debug, Serialize)]
struct SubtitleReport<'a> {
    id: &'a ItemId,
    label: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
}

impl Item {
    /// The item as it is told.
    pub fn report(&self, abilities: Abilities) -> ItemReport<'_> {
        let facts = &*self.facts;
        let why = facts.streams.problem();
        let id = self.id.as_str();
        let has_poster = facts.has_cover
            || self.sidecars.picture.is_some()
            || abilities.frames && facts.streams.video.is_some();
        let subtitles = self.sidecars.subtitles.iter().map(|subtitle| SubtitleReport {
            id: &subtitle.id,
            label: &subtitle.label,
            language: subtitle.language.as_deref(),
        });
        ItemReport {
            id: &self.id,
            kind: self.kind,
            title: &facts.title,
            artist: &facts.artist,
            album: &facts.album,
            seconds: facts.seconds,
            bytes: self.stamp.n_bytes,
            container: &facts.streams.container,
            codecs: facts.streams.video.iter().chain(&facts.streams.audio).map(String::as_str).collect(),
            width: facts.size.map(|(width, _)| width),
            height: facts.size.map(|(_, height)| height),
            is_playable: why.is_none(),
            poster: has_poster.then(|| format!("media/poster/{id}")),
            lyrics: self.sidecars.lyrics.is_some().then(|| format!("media/lyrics/{id}")),
            subtitles: subtitles.collect(),
            hls: (abilities.hls && why.is_some() && facts.streams.is_known())
                .then(|| format!("media/hls/{id}/index.m3u8")),
            why,
        }
    }
}
