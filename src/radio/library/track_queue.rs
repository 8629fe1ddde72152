//! A station's tracks: the playlist, the tracks that are read ahead, and the files that were skipped. Shared by the
//! library watcher, the folder source, the station and the HTTP handlers.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use serde::Serialize;

use super::playlist::{Order, Playlist};
use super::track::Track;
use crate::audio::format::Format;

/// Skipped files that are remembered.
const MAX_SKIPPED: usize = 20;

/// The progress of a scan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ScanProgress {
    /// Whether the first scan is running.
    pub is_running: bool,
    /// Audio files found so far.
    pub files: usize,
    /// Those whose tags have not been read.
    pub unread: usize,
}

/// The tracks of one station.
#[derive(Debug)]
pub struct TrackQueue {
    /// The order of play.
    pub playlist: Mutex<Playlist>,
    /// The station's format, once it is settled.
    pub format: OnceLock<Format>,
    /// The progress of the library scan.
    pub scan: Mutex<ScanProgress>,
    /// Tracks that are read ahead, by serial number.
    pub upcoming: Mutex<VecDeque<(u64, Arc<Track>)>>,
    /// Files that could not be played, with the reasons.
    pub skipped: Mutex<VecDeque<(String, String)>>,
    /// The queue whose tracks this one plays, if it is a fork.
    parent: Option<Arc<TrackQueue>>,
    /// Why there are no tracks, according to the last scan.
    empty_reason: Mutex<Option<String>>,
    /// Whether every track has failed.
    has_all_failed: AtomicBool,
    /// Whether there has been nothing to play at some time.
    has_been_idle: AtomicBool,
    /// The serial number of the track being read.
    serial: AtomicU64,
    /// Tracks up to this serial number are not read any further.
    abandoned: AtomicU64,
}

impl TrackQueue {
    /// An empty queue; the tracks of a fork are those of `parent`.
    pub fn new(order: Order, seed: u64, parent: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self {
            playlist: Mutex::new(Playlist::new(seed).in_order(order)),
            parent,
            empty_reason: Mutex::default(),
            has_all_failed: AtomicBool::new(false),
            has_been_idle: AtomicBool::new(false),
            format: OnceLock::new(),
            scan: Mutex::default(),
            upcoming: Mutex::default(),
            skipped: Mutex::default(),
            serial: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
        })
    }

    /// A queue with the same tracks in an order of its own.
    pub fn fork(self: &Arc<Self>, seed: u64) -> Arc<Self> {
        let order = self.playlist.lock().order();
        let fork = Self::new(order, seed, Some(Arc::clone(self)));
        fork.refresh();
        fork
    }

    /// Updates a fork with the present tracks of its parent.
    pub fn refresh(&self) {
        if let Some(parent) = &self.parent {
            let tracks = parent.playlist.lock().tracks().clone();
            self.playlist.lock().rescan(tracks);
            self.has_been_idle.fetch_or(parent.has_been_idle(), Ordering::AcqRel);
        }
    }

    /// Sets why the folder holds nothing to play; `None` if it does.
    pub fn set_empty_reason(&self, reason: Option<String>) {
        self.has_been_idle.fetch_or(reason.is_some(), Ordering::AcqRel);
        *self.empty_reason.lock() = reason;
    }

    /// Sets whether every track has failed.
    pub fn set_all_failed(&self, has_all_failed: bool) {
        self.has_all_failed.store(has_all_failed, Ordering::Release);
        self.has_been_idle.fetch_or(has_all_failed, Ordering::AcqRel);
    }

    /// Whether there has been nothing to play at some time.
    pub fn has_been_idle(&self) -> bool {
        self.has_been_idle.load(Ordering::Acquire)
    }

    /// Why nothing plays; `None` if something does, or is about to.
    pub fn remark(&self) -> Option<String> {
        let empty_reason = self.empty_reason.lock().clone();
        let has_all_failed = self.has_all_failed.load(Ordering::Acquire);
        empty_reason.or_else(|| {
            let n_tracks = self.playlist.lock().n_tracks();
            (has_all_failed && n_tracks > 0).then(|| format!("none of {n_tracks} tracks can be played"))
        })
    }

    /// Adds a track that is being read ahead; returns its serial number.
    pub fn start_track(&self, track: &Arc<Track>) -> u64 {
        let serial = self.serial.fetch_add(1, Ordering::AcqRel) + 1;
        self.upcoming.lock().push_back((serial, Arc::clone(track)));
        serial
    }

    /// Removes the track on the air, and those before it, from the upcoming ones.
    pub fn set_on_air(&self, serial: u64) {
        self.upcoming.lock().retain(|(known, _)| *known > serial);
    }

    /// Whether a track need not be read any further.
    pub fn is_abandoned(&self, serial: u64) -> bool {
        self.abandoned.load(Ordering::Acquire) >= serial
    }

    /// Skips the track on the air; frames up to the returned serial number are to be dropped.
    pub fn skip(&self, on_air: u64) -> u64 {
        self.abandoned.fetch_max(on_air, Ordering::AcqRel);
        on_air
    }

    /// Goes back to the previous track; frames up to the returned serial number are to be dropped.
    pub fn go_back(&self, on_air: u64) -> u64 {
        let mut playlist = self.playlist.lock();
        let newest = self.serial.load(Ordering::Acquire);
        self.abandoned.fetch_max(newest, Ordering::AcqRel);
        for _ in on_air..=newest {
            playlist.go_back();
        }
        newest
    }

    /// Remembers why a file was skipped.
    pub fn add_skipped(&self, path: &Path, reason: &str) {
        let mut skipped = self.skipped.lock();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        skipped.retain(|(known, _)| *known != name);
        skipped.push_back((name, reason.to_owned()));
        if skipped.len() > MAX_SKIPPED {
            skipped.pop_front();
        }
    }

    /// Forgets that a file was skipped: it has been played, or has changed.
    pub fn remove_skipped(&self, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.skipped.lock().retain(|(known, _)| *known != name);
    }

    /// Forgets skipped files that are not among `files`.
    pub fn retain_skipped(&self, files: &BTreeSet<Arc<Path>>) {
        let mut skipped = self.skipped.lock();
        if !skipped.is_empty() {
            let names: HashSet<_> =
                files.iter().map(|path| path.file_name().unwrap_or_default().to_string_lossy()).collect();
            skipped.retain(|(known, _)| names.contains(known.as_str()));
        }
    }

    /// The name of the file that plays next.
    pub fn next_file(&self) -> String {
        let upcoming = self.upcoming.lock().front().map(|(_, track)| track.file.clone());
        let peek = || {
            let mut playlist = self.playlist.lock();
            let path = playlist.peek()?.file_name()?.to_string_lossy().into_owned();
            Some(path)
        };
        upcoming.or_else(peek).unwrap_or_default()
    }
}
