//! A track as listeners see it: its file, title, artist and duration.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::cover::CoverId;
use crate::audio::streams::Tags;
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
    /// Its album; empty if unknown.
    pub album: String,
    /// The year in which it appeared; `None` if unknown.
    pub year: Option<u32>,
    /// Its length, if known.
    pub duration_seconds: Option<f64>,
    /// Its file; `None` if it has none.
    #[serde(skip)]
    pub path: Option<Arc<Path>>,
    /// Its cover, if it has one.
    #[serde(skip)]
    pub cover: Option<CoverId>,
    /// Whether it is a jingle.
    #[serde(skip)]
    pub is_jingle: bool,
    /// Whether a listener has asked for it.
    pub is_requested: bool,
}

impl Track {
    /// The track in a file.
    pub fn of(path: &Arc<Path>, info: &TrackInfo) -> Self {
        let place = info.place.as_deref();
        Self {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            title: info.title.clone(),
            artist: info.artist.clone(),
            album: place.map(|place| place.album.clone()).unwrap_or_default(),
            year: place.map(|place| place.year).filter(|year| *year > 0),
            duration_seconds: match &info.cue_points {
                Some(points) => info.duration_seconds.map(|seconds| points.seconds(seconds)),
                None => info.duration_seconds,
            },
            path: Some(Arc::clone(path)),
            cover: None,
            is_jingle: false,
            is_requested: false,
        }
    }

    /// What streams say of it.
    pub fn tags(&self) -> Tags {
        Tags { title: self.title.clone(), artist: self.artist.clone() }
    }

    /// `Artist - Title`, or the title alone.
    pub fn display(&self) -> String {
        self.tags().display()
    }
}
