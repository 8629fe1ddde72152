//! A track as listeners see it: its file, title, artist and duration.

use std::path::Path;

use serde::Serialize;

use crate::audio::track_info::TrackInfo;

/// A track's metadata.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Track {
    /// The name of its file.
    pub file: String,
    /// Its title; the file name without extension if it has no tags.
    pub title: String,
    /// Its artist; empty if unknown.
    pub artist: String,
    /// Its length, if known.
    pub duration_seconds: Option<f64>,
}

impl Track {
    /// The track in a file.
    pub fn of(path: &Path, info: &TrackInfo) -> Self {
        Self {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            title: info.title.clone(),
            artist: info.artist.clone(),
            duration_seconds: info.duration_seconds,
        }
    }

    /// `Artist - Title`, or the title alone.
    pub fn display(&self) -> String {
        if self.artist.is_empty() { self.title.clone() } else { format!("{} - {}", self.artist, self.title) }
    }
}
