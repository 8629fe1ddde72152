//! Recordings of live shows: the bytes of a source as they came, with a cue sheet of its titles.
//!
//! ```text
//! source's thread --Tap--> bounded queue --> a thread for each show --> recordings_dir/ROUTE/2026-11-28T20-00-00 Name.mp3
//!                                             Shelf (memory) <-- podcast <-- HTTP                                     .cue
//! ```                                                                                                                 .json
//! The show never waits for the disk: what there is no room for is left out of the recording, and a disk that fails ends it. What
//! stands in the `.json` beside it makes a file one of ours; so a recording whose process was killed is finished by the next one.

pub mod cue;
mod names;
pub mod shelf;
pub mod tap;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::Config;
use super::config::station::StationConfig;
use crate::audio::stream_decoder::StreamKind;
use crate::config::Findings;
use crate::recordings::RecordingId;

/// The least that recordings may take: some seconds.
const MIN_RECORDING_BYTES: u64 = 64 * 1024;

/// What recordings may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Where they are.
    pub folder: PathBuf,
    /// Bytes of one.
    pub max_recording_bytes: u64,
    /// Bytes of all.
    pub max_bytes: u64,
    /// The number of all.
    pub max_recordings: usize,
    /// How long after their end they are deleted; zero keeps them.
    pub kept: Duration,
    /// Bytes of the disk that are left free.
    pub min_free_bytes: u64,
}

impl Limits {
    /// Those of the configuration; `None` if nothing is recorded.
    pub fn of(config: &Config) -> Option<Self> {
        (!config.recordings_dir.is_empty()).then(|| Self {
            folder: PathBuf::from(&config.recordings_dir),
            max_recording_bytes: config.recording_max_bytes,
            max_bytes: config.recordings_max_bytes,
            max_recordings: config.max_recordings,
            kept: config.recordings_kept,
            min_free_bytes: config.recordings_min_free_bytes,
        })
    }
}

/// A show that is to be recorded.
#[derive(Debug, Clone)]
pub struct Show {
    /// The station.
    pub route: String,
    /// What it is called.
    pub title: String,
    /// Whose it is.
    pub dj: Option<String>,
    /// The clocks of the station.
    pub zone: TimeZone,
}

/// A recording, as in the JSON file beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// The version of this form.
    pub version: u32,
    /// What identifies it for ever.
    pub id: RecordingId,
    /// The station.
    pub route: String,
    /// The name of its file.
    pub file: String,
    /// What the show was called.
    pub title: String,
    /// Whose it was.
    pub dj: Option<String>,
    /// When it began, in milliseconds since the epoch.
    pub started_at: u64,
    /// Its length.
    pub seconds: f64,
    /// Its bytes.
    pub n_bytes: u64,
    /// Whether nothing more comes.
    pub is_finished: bool,
}

impl Recorded {
    /// The version that is written.
    const VERSION: u32 = 1;

    /// When it ended, in milliseconds since the epoch.
    fn ended_at(&self) -> u64 {
        self.started_at.saturating_add((self.seconds.max(0.0) * 1000.0) as u64)
    }
}

impl Config {
    /// Whether live shows of a station are recorded.
    pub fn is_recorded(&self, route: &str) -> bool {
        !self.recordings_dir.is_empty() && self.of_station(route, |station| station.recording).unwrap_or(true)
    }

    /// Whether recordings of a station are a podcast.
    pub fn has_podcast(&self, route: &str) -> bool {
        let own = self.of_station(route, |station| station.podcast);
        self.is_recorded(route) && own.unwrap_or(self.podcast)
    }

    fn of_station(&self, route: &str, value: fn(&StationConfig) -> Option<bool>) -> Option<bool> {
        self.stations.iter().find(|station| station.normalized_route() == route).and_then(value)
    }
}

/// Checks what is configured of recordings.
pub fn validate(config: &Config, findings: &mut Findings) {
    findings.at_least_one("radio.max_recordings", config.max_recordings);
    findings.at_least_one("radio.max_downloads", config.max_downloads);
    findings.at_least_one("radio.max_downloads_per_address", config.max_downloads_per_address);
    for (key, bytes) in [
        ("radio.recording_max_bytes", config.recording_max_bytes),
        ("radio.recordings_max_bytes", config.recordings_max_bytes),
    ] {
        if bytes < MIN_RECORDING_BYTES {
            findings.add(key, format!("at least {MIN_RECORDING_BYTES} are expected"));
        }
    }
}

/// The extension of files of a kind.
fn extension(kind: StreamKind) -> &'static str {
    match kind {
        StreamKind::Mp3 => "mp3",
        StreamKind::Opus => "opus",
        StreamKind::Ogg => "ogg",
        StreamKind::Flac => "flac",
        StreamKind::Aac => "aac",
    }
}

/// The media type of a file.
pub fn media_type(file: &str) -> &'static str {
    match Path::new(file).extension().and_then(|extension| extension.to_str()) {
        Some("opus" | "ogg") => "audio/ogg",
        Some("flac") => "audio/flac",
        Some("aac") => "audio/aac",
        _ => "audio/mpeg",
    }
}
