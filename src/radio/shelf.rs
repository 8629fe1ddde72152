//! What a station plays from, shared by those who fill it, the thread that reads it, and those who ask.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use serde::Serialize;

use super::format::Format;
use super::playlist::{Order, Playlist};
use super::track::Track;

/// Skipped files that are remembered.
const KEPT_REASONS: usize = 20;

/// How far a folder has been looked through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Scan {
    /// Whether somebody is at it.
    pub is_running: bool,
    /// Audio files found so far.
    pub files: usize,
    /// Those whose tags nobody has read yet.
    pub unread: usize,
}

/// One station's tracks.
#[derive(Debug)]
pub struct Shelf {
    /// The order.
    pub playlist: Mutex<Playlist>,
    /// The station's format, once it is settled.
    pub format: OnceLock<Format>,
    /// How far the folder has been looked through.
    pub scan: Mutex<Scan>,
    /// Tracks that are being read ahead, by serial.
    pub upcoming: Mutex<VecDeque<(u64, Arc<Track>)>>,
    /// Files that could not be played, with the reasons.
    pub skipped: Mutex<VecDeque<(String, String)>>,
    /// Where another shelf's tracks come from.
    source: Option<Arc<Shelf>>,
    /// Why there are no tracks, as the last look through the folder found.
    empty: Mutex<Option<String>>,
    /// Whether every track has failed.
    is_hopeless: AtomicBool,
    /// Whether it was once known that there is nothing to play.
    was_idle: AtomicBool,
    /// The serial of the track being read.
    serial: AtomicU64,
    /// Tracks up to this serial are not to be read on.
    abandoned: AtomicU64,
}

impl Shelf {
    /// An empty one, whose tracks play in that order.
    pub fn new(order: Order, seed: u64, source: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self {
            playlist: Mutex::new(Playlist::new(seed).in_order(order)),
            source,
            empty: Mutex::default(),
            is_hopeless: AtomicBool::new(false),
            was_idle: AtomicBool::new(false),
            format: OnceLock::new(),
            scan: Mutex::default(),
            upcoming: Mutex::default(),
            skipped: Mutex::default(),
            serial: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
        })
    }

    /// Another one with the same tracks, in another order.
    pub fn copy(self: &Arc<Self>, seed: u64) -> Arc<Self> {
        let order = self.playlist.lock().order();
        let copy = Self::new(order, seed, Some(Arc::clone(self)));
        copy.refresh();
        copy
    }

    /// Takes the tracks of the shelf that it is a copy of, as they are by now.
    pub fn refresh(&self) {
        if let Some(source) = &self.source {
            let tracks = source.playlist.lock().tracks().clone();
            self.playlist.lock().rescan(tracks);
            self.was_idle.fetch_or(source.was_idle(), Ordering::AcqRel);
        }
    }

    /// Notes whether the folder holds anything, and if not, why.
    pub fn found(&self, why_empty: Option<String>) {
        self.was_idle.fetch_or(why_empty.is_some(), Ordering::AcqRel);
        *self.empty.lock() = why_empty;
    }

    /// Notes whether every track has failed.
    pub fn despair(&self, is_hopeless: bool) {
        self.is_hopeless.store(is_hopeless, Ordering::Release);
        self.was_idle.fetch_or(is_hopeless, Ordering::AcqRel);
    }

    /// Whether it was once known that there is nothing to play.
    pub fn was_idle(&self) -> bool {
        self.was_idle.load(Ordering::Acquire)
    }

    /// Why nothing plays; `None` if something does, or is about to.
    pub fn remark(&self) -> Option<String> {
        let empty = self.empty.lock().clone();
        let is_hopeless = self.is_hopeless.load(Ordering::Acquire);
        empty.or_else(|| {
            let n_tracks = self.playlist.lock().n_tracks();
            (is_hopeless && n_tracks > 0).then(|| format!("none of {n_tracks} tracks can be played"))
        })
    }

    /// Begins to read a track: its serial.
    pub fn begin(&self, track: &Arc<Track>) -> u64 {
        let serial = self.serial.fetch_add(1, Ordering::AcqRel) + 1;
        self.upcoming.lock().push_back((serial, Arc::clone(track)));
        serial
    }

    /// The track of that serial is on the air.
    pub fn on_air(&self, serial: u64) {
        self.upcoming.lock().retain(|(known, _)| *known > serial);
    }

    /// Whether a track need not be read on.
    pub fn is_abandoned(&self, serial: u64) -> bool {
        self.abandoned.load(Ordering::Acquire) >= serial
    }

    /// Leaves the track on the air for the next one: all up to the serial that comes back are over.
    pub fn skip(&self, on_air: u64) -> u64 {
        self.abandoned.fetch_max(on_air, Ordering::AcqRel);
        on_air
    }

    /// Goes back to the track before the one on the air: all up to the serial that comes back are over.
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
    pub fn skipped(&self, path: &Path, reason: &str) {
        let mut skipped = self.skipped.lock();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        skipped.retain(|(known, _)| *known != name);
        skipped.push_back((name, reason.to_owned()));
        if skipped.len() > KEPT_REASONS {
            skipped.pop_front();
        }
    }

    /// A file could be played, or has changed since it was skipped.
    pub fn played(&self, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.skipped.lock().retain(|(known, _)| *known != name);
    }

    /// Forgets files that were skipped and are gone.
    pub fn forget_skipped(&self, files: &BTreeSet<Arc<Path>>) {
        let mut skipped = self.skipped.lock();
        if !skipped.is_empty() {
            let names: HashSet<_> =
                files.iter().map(|path| path.file_name().unwrap_or_default().to_string_lossy()).collect();
            skipped.retain(|(known, _)| names.contains(known.as_str()));
        }
    }

    /// The name of the file that comes after the one on the air.
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
