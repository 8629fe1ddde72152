//! Opens tracks on threads of their own, so that a disk that hangs holds up nothing that has been read before.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use tracing::warn;

use super::open_track::OpenTrack;
use super::track_reader::TrackReader;
use super::track_settings::{Leveling, MAX_CROSSFADE, TrackSettings};
use crate::audio::decode::counted_seconds;
use crate::audio::format::Format;
use crate::audio::loudness::{self, Loudness};
use crate::audio::track_info::TrackInfo;
use crate::folder::file_stamp::FileStamp;
use crate::radio::library::cover;
use crate::radio::library::track_index::TrackIndex;
use crate::radio::library::track_queue::TrackQueue;
use crate::runtime::Clock;

/// The time limit for measuring a track that is needed at once, which is enough for some minutes of it.
pub const URGENT_MEASUREMENT: Duration = Duration::from_secs(1);

/// A measurement of so much of a file counts for the whole file.
const REPRESENTATIVE_SECONDS: f64 = 600.0;

/// Opens the tracks of a station.
pub struct TrackOpener {
    /// How they are processed.
    pub settings: TrackSettings,
    /// Where they come from.
    pub queue: Arc<TrackQueue>,
    /// What is known of them.
    pub index: Arc<TrackIndex>,
    /// Limits measurements.
    pub clock: Clock,
}

/// A track that is being opened.
pub struct Opening {
    /// Its file.
    pub path: Arc<Path>,
    /// The track, or why it cannot be played.
    pub opened: Receiver<Result<OpenTrack, String>>,
}

impl TrackOpener {
    /// Starts to open a file, and to measure it for at most `time`, unless the track before it, `serial`, is skipped.
    pub fn start(
        self: &Arc<Self>,
        path: Arc<Path>,
        format: Format,
        time: Duration,
        serial: u64,
    ) -> Result<Opening> {
        let (done, opened) = sync_channel(1);
        let opening = Opening { path: Arc::clone(&path), opened };
        let this = Arc::clone(self);
        let name = format!("open {}", self.settings.route);
        let run = move || {
            // The station may have ended meanwhile.
            let _ = done.send(this.open_or_explain(&path, format, time, serial));
        };
        thread::Builder::new().name(name).spawn(run).context("a thread for a track")?;
        Ok(opening)
    }

    /// Opens a file. One that has failed is not tried again for some time unless it changes, and is logged once.
    fn open_or_explain(
        &self,
        path: &Arc<Path>,
        format: Format,
        time: Duration,
        serial: u64,
    ) -> Result<OpenTrack, String> {
        let stamp = FileStamp::read(path).ok();
        if let Some(reason) = self.index.failures.recent(path, stamp, self.clock.uptime()) {
            return Err(reason);
        }
        let opened = catch_unwind(AssertUnwindSafe(|| self.open(path, format, time, serial)));
        let opened = opened.unwrap_or_else(|_| Err(anyhow!("its decoder panicked")));
        if opened.is_ok() {
            self.index.failures.remove(path);
        }
        opened.map_err(|error| self.add_failure(path, stamp, &error))
    }

    /// Remembers why a file cannot be played; returns the reason.
    pub fn add_failure(&self, path: &Arc<Path>, stamp: Option<FileStamp>, error: &anyhow::Error) -> String {
        let reason = format!("{error:#}");
        if self.index.failures.add(path, stamp, &reason, self.clock.uptime()) {
            warn!(route = self.settings.route, file = %path.display(), reason, "a file cannot be played");
        }
        reason
    }

    fn open(&self, path: &Arc<Path>, format: Format, time: Duration, serial: u64) -> Result<OpenTrack> {
        let stamp = FileStamp::read(path).context("cannot be opened")?;
        let info = match self.index.info(path, stamp) {
            Some(info) => info,
            None => TrackInfo::read(path)?,
        };
        let info = self.measured(path, stamp, info, time, serial)?;
        let loudness = match self.settings.leveling {
            Leveling::Normalized(lufs) => info.loudness.unwrap_or(Loudness::Silence).towards(lufs),
            // Silence gets no gain.
            Leveling::AsRecorded => Loudness::Silence,
        };
        let points = info.cue_points.as_deref().copied().unwrap_or_default();
        let reader = if info.format == Some(format) {
            TrackReader::frames(path, format, loudness, points)?
        } else {
            TrackReader::decoded(path, format, loudness, points, self.settings.ffmpeg.as_ref())?
        };
        let mut seen = self.queue.track(path, &info);
        if !seen.is_jingle {
            seen.cover = cover::find(path, self.settings.max_cover_bytes).map(|cover| cover.id);
        }
        let mut track = OpenTrack::new(Arc::clone(path), Arc::new(seen), format, reader);
        track.place = info.place.filter(|place| place.track > 0 && !place.album.is_empty());
        track.crossfade = points.crossfade.map(|seconds| seconds.min(MAX_CROSSFADE));
        let trim = &self.settings.trim_silence;
        track.fill(format.samples(trim.longest.as_secs_f64() + 1.0))?;
        track.trim_beginning(trim);
        Ok(track)
    }

    /// Adds loudness and exact length to what is known of a file, unless they have been measured before.
    fn measured(
        &self,
        path: &Arc<Path>,
        stamp: FileStamp,
        mut info: TrackInfo,
        time: Duration,
        serial: u64,
    ) -> Result<TrackInfo> {
        if self.settings.leveling == Leveling::AsRecorded {
            if info.format.is_some() && !info.is_duration_exact {
                info.duration_seconds = Some(counted_seconds(path)?);
                info.is_duration_exact = true;
                self.index.insert(path, stamp, info.clone());
            }
            return Ok(info);
        }
        if info.loudness.is_none() {
            let started = self.clock.uptime();
            // The frames of a skipped track are dropped, so that the next one is needed at once.
            let limit = || if self.queue.is_abandoned(serial) { URGENT_MEASUREMENT.min(time) } else { time };
            let goes_on = || self.clock.uptime() < started + limit();
            let measured = loudness::measure(path, self.settings.ffmpeg.as_ref(), info.tagged_lufs, goes_on)?;
            info.loudness = Some(measured.loudness);
            let is_complete = goes_on();
            if is_complete {
                info.duration_seconds = Some(measured.seconds);
                info.is_duration_exact = true;
            }
            if is_complete || measured.seconds >= REPRESENTATIVE_SECONDS {
                self.index.insert(path, stamp, info.clone());
            }
        }
        Ok(info)
    }
}
