//! How a station's tracks are processed.

use std::time::Duration;

use crate::audio::ffmpeg::Ffmpeg;
use crate::audio::silence::TrimSilence;
use crate::audio::streams::Encoding;

/// The longest overlap of two tracks in seconds: both are held in memory for that time, 0.35 MB a second each.
pub const MAX_CROSSFADE: f64 = 20.0;

/// The longest silence at an end of a track that is cut off, in seconds, for the same reason.
pub const MAX_TRIMMED: f64 = 30.0;

/// How a station's tracks are processed.
#[derive(Debug, Clone)]
pub struct TrackSettings {
    /// The station, for the log.
    pub route: String,
    /// The bitrate at which tracks are encoded.
    pub bitrate_kbps: u32,
    /// Whether loudness is levelled.
    pub leveling: Leveling,
    /// The longest overlap of two tracks; zero lets none overlap.
    pub crossfade: Duration,
    /// Which silence is cut off.
    pub trim_silence: TrimSilence,
    /// The number of tracks that are read ahead.
    pub tracks_ahead: usize,
    /// Decodes what no decoder of this process does; a track has at most one run of it at a time.
    pub ffmpeg: Option<Ffmpeg>,
    /// The most bytes of a cover; 0 looks for none.
    pub max_cover_bytes: usize,
    /// Further encodings, for which sound is wanted beside frames.
    pub mountpoints: Vec<Encoding>,
    /// Where tracks come from.
    pub source: TrackSource,
}

/// Whether loudness is levelled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Leveling {
    /// To this loudness in LUFS, by EBU R128.
    Normalized(f64),
    /// Not at all.
    AsRecorded,
}

/// Where a station's tracks come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackSource {
    /// Its track queue.
    Queue,
    /// The built-in sample.
    Sample,
}
