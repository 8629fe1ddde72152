//! A station's tracks: the playlist, the tracks that are read ahead, and the files that were skipped. Shared by the
//! library watcher, the folder source, the station and the HTTP handlers.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;

use super::jingles::{JingleCounter, JingleRule};
use super::order::TrackFacts;
use super::playlist::{Order, Playlist};
use super::track::Track;
use crate::audio::format::Format;
use crate::audio::track_info::TrackInfo;
use crate::radio::requests::desk::RequestDesk;

/// Skipped files that are remembered, for the status to name: enough to see what they have in common. The log has all.
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

/// What a whole scan of a folder has found.
#[derive(Debug, Default)]
pub struct Found {
    /// Its tracks.
    pub tracks: BTreeSet<Arc<Path>>,
    /// What its playlist files list, if they are asked.
    pub sequence: Vec<Arc<Path>>,
    /// Why there is nothing to play.
    pub empty_reason: Option<String>,
}

/// What was found in one folder.
#[derive(Debug, Default)]
struct Part {
    /// Its tracks, if there are other folders besides.
    tracks: BTreeSet<Arc<Path>>,
    /// What its playlist files list.
    sequence: Vec<Arc<Path>>,
    scan: ScanProgress,
    /// Why there are no tracks, according to the last scan.
    empty_reason: Option<String>,
}

/// What plays between tracks.
#[derive(Debug, Clone)]
pub struct Jingles {
    /// The jingles, in an order of their own.
    pub queue: Arc<TrackQueue>,
    /// When they come.
    pub rule: JingleRule,
}

/// The tracks of one station.
#[derive(Debug)]
pub struct TrackQueue {
    /// The order of play.
    pub playlist: Mutex<Playlist>,
    /// The station's format, once it is settled; all queues of a station have the same.
    pub format: Arc<OnceLock<Format>>,
    /// What plays between the tracks.
    jingles: Option<Jingles>,
    /// What of it has played.
    jingle_counter: Mutex<JingleCounter>,
    /// What listeners ask for, where they may.
    requests: OnceLock<Arc<RequestDesk>>,
    /// Files that listeners have asked for, from when they are opened until they are on the air.
    requested: Mutex<VecDeque<Arc<Path>>>,
    /// The file that was last on the air.
    on_air: Mutex<Option<Arc<Path>>>,
    /// Its serial number, or that of a jingle after it.
    on_air_serial: AtomicU64,
    /// What was found in each of its folders.
    parts: Mutex<Vec<Part>>,
    /// Tracks that are read ahead, by serial number.
    pub upcoming: Mutex<VecDeque<(u64, Arc<Track>)>>,
    /// Files that could not be played, with the reasons.
    pub skipped: Mutex<VecDeque<(String, String)>>,
    /// The queue whose tracks this one plays, if it is a fork.
    parent: Option<Arc<TrackQueue>>,
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
        Self::of(Playlist::new(seed).in_order(order), Arc::default(), None, parent)
    }

    /// An empty queue of a station with that format.
    pub fn of(
        playlist: Playlist,
        format: Arc<OnceLock<Format>>,
        jingles: Option<Jingles>,
        parent: Option<Arc<Self>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            playlist: Mutex::new(playlist),
            parent,
            jingles,
            jingle_counter: Mutex::default(),
            requests: OnceLock::new(),
            requested: Mutex::default(),
            on_air: Mutex::default(),
            on_air_serial: AtomicU64::new(0),
            has_all_failed: AtomicBool::new(false),
            has_been_idle: AtomicBool::new(false),
            format,
            parts: Mutex::default(),
            upcoming: Mutex::default(),
            skipped: Mutex::default(),
            serial: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
        })
    }

    /// A queue with the same tracks in an order of its own.
    pub fn fork(self: &Arc<Self>, seed: u64) -> Arc<Self> {
        let playlist = self.playlist.lock().fork(seed);
        let fork = Self::of(playlist, Arc::default(), self.jingles.clone(), Some(Arc::clone(self)));
        fork.refresh();
        fork
    }

    /// Updates a fork with the present tracks of its parent.
    pub fn refresh(&self) {
        if let Some(parent) = &self.parent {
            let parent_playlist = parent.playlist.lock();
            let (tracks, sequence) = (parent_playlist.tracks().clone(), parent_playlist.sequence().to_vec());
            drop(parent_playlist);
            let mut playlist = self.playlist.lock();
            playlist.rescan(&tracks);
            playlist.set_sequence(sequence);
            drop(playlist);
            self.has_been_idle.fetch_or(parent.has_been_idle(), Ordering::AcqRel);
        }
    }

    /// Adds a folder; returns its number.
    pub fn add_part(&self) -> usize {
        let mut parts = self.parts.lock();
        parts.push(Part::default());
        parts.len() - 1
    }

    /// Sets how far the scan of a folder is.
    pub fn set_scan(&self, part: usize, scan: ScanProgress) {
        self.parts.lock()[part].scan = scan;
    }

    /// Counts files of a folder whose tags have been read.
    pub fn note_read(&self, part: usize, n_files: usize) {
        let scan = &mut self.parts.lock()[part].scan;
        scan.unread = scan.unread.saturating_sub(n_files);
    }

    /// The progress of the scans of all folders.
    pub fn scan(&self) -> ScanProgress {
        let parts = self.parts.lock();
        parts.iter().fold(ScanProgress::default(), |all, Part { scan, .. }| ScanProgress {
            is_running: all.is_running || scan.is_running,
            files: all.files + scan.files,
            unread: all.unread + scan.unread,
        })
    }

    /// Takes files that a scan has found so far. Where playlist files give the order, they have to be read first.
    pub fn add(&self, tracks: impl IntoIterator<Item = (Arc<Path>, TrackFacts)>) {
        let mut playlist = self.playlist.lock();
        if playlist.order() == Order::Playlist {
            return;
        }
        for (track, facts) in tracks {
            if playlist.needs_facts() {
                playlist.learn([(Arc::clone(&track), facts)]);
            }
            playlist.add([track]);
        }
    }

    /// Takes what a whole scan of a folder has found, or why it holds nothing to play.
    pub fn set_found(&self, part: usize, found: Found) {
        let Found { tracks, sequence, empty_reason } = found;
        let mut parts = self.parts.lock();
        parts[part].empty_reason = empty_reason;
        parts[part].sequence = sequence;
        let sequence = parts.iter().flat_map(|part| part.sequence.iter().cloned()).collect();
        let is_empty = parts.iter().all(|part| part.empty_reason.is_some());
        let tracks = if parts.len() == 1 {
            tracks
        } else {
            parts[part].tracks = tracks;
            parts.iter().flat_map(|part| part.tracks.iter().cloned()).collect()
        };
        // The lock is held, so that the latest scan of each folder counts.
        let mut playlist = self.playlist.lock();
        playlist.rescan(&tracks);
        playlist.set_sequence(sequence);
        drop((playlist, parts));
        self.has_been_idle.fetch_or(is_empty, Ordering::AcqRel);
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
        let parts = self.parts.lock();
        let empty_reason = parts.iter().map(|part| part.empty_reason.clone()).reduce(Option::and);
        let empty_reason = empty_reason.flatten();
        drop(parts);
        let has_all_failed = self.has_all_failed.load(Ordering::Acquire);
        empty_reason.or_else(|| {
            let n_tracks = self.playlist.lock().n_tracks();
            (has_all_failed && n_tracks > 0).then(|| format!("none of {n_tracks} tracks can be played"))
        })
    }

    /// Plays what is asked for at this desk between its tracks.
    pub fn take_requests(&self, desk: &Arc<RequestDesk>) {
        // There is one desk a station.
        let _ = self.requests.set(Arc::clone(desk));
    }

    /// Whether what listeners ask for plays between its tracks.
    pub fn plays_requests(&self) -> bool {
        self.requests.get().is_some()
    }

    /// The file to read next: a jingle if one is due, or what was asked for, else the next track.
    pub fn next_track(&self, uptime: Duration) -> Option<Arc<Path>> {
        let mut counter = self.jingle_counter.lock();
        let jingles = self.jingles.as_ref().filter(|jingles| counter.is_due(jingles.rule, uptime));
        if let Some(jingle) = jingles.and_then(|jingles| jingles.queue.playlist.lock().next_track()) {
            counter.note_jingle(uptime);
            return Some(jingle);
        }
        let track = self.next_request(uptime).or_else(|| self.next_in_turn(uptime))?;
        counter.note_track(uptime);
        Some(track)
    }

    fn next_request(&self, uptime: Duration) -> Option<Arc<Path>> {
        let desk = self.requests.get()?;
        let mut playlist = self.playlist.lock();
        let track = desk.take_due(uptime, |path| playlist.keeps_artists_apart(path))?;
        playlist.play_out_of_turn(&track);
        drop(playlist);
        self.requested.lock().push_back(Arc::clone(&track));
        Some(track)
    }

    fn next_in_turn(&self, uptime: Duration) -> Option<Arc<Path>> {
        let track = self.playlist.lock().next_track()?;
        if self.requests.get().is_some_and(|desk| desk.note_turn(&track, uptime)) {
            self.requested.lock().push_back(Arc::clone(&track));
        }
        Some(track)
    }

    /// Drops the request for a file that cannot be played.
    pub fn drop_request(&self, path: &Path, reason: &str) {
        let mut requested = self.requested.lock();
        let n_before = requested.len();
        requested.retain(|known| **known != *path);
        if requested.len() < n_before
            && let Some(desk) = self.requests.get()
        {
            desk.drop_track(path, reason);
        }
    }

    /// Lets wait again what was asked for and was opened, where it will not be on the air.
    pub fn put_requests_back(&self, is_given_up: impl Fn(&Arc<Path>) -> bool) {
        let mut requested = self.requested.lock();
        let (given_up, kept): (VecDeque<_>, _) = requested.drain(..).partition(is_given_up);
        *requested = kept;
        if let Some(desk) = self.requests.get().filter(|_| !given_up.is_empty()) {
            desk.put_back(given_up);
        }
    }

    /// The track in a file of this queue.
    pub fn track(&self, path: &Arc<Path>, info: &TrackInfo) -> Track {
        let is_jingle = |jingles: &Jingles| jingles.queue.playlist.lock().tracks().contains(path);
        let is_requested = self.requested.lock().contains(path);
        let is_jingle = self.jingles.as_ref().is_some_and(is_jingle);
        Track { is_jingle, is_requested, ..Track::of(path, info) }
    }

    /// Prepares for a thread that reads tracks where an earlier one has ended: what that one had read ahead comes again.
    pub fn resume(&self) {
        self.upcoming.lock().clear();
        self.set_all_failed(false);
        let mut playlist = self.playlist.lock();
        if let Some(on_air) = &*self.on_air.lock() {
            playlist.rewind_to(on_air);
        }
        playlist.begin_anew();
    }

    /// The serial number of the track that was last on the air.
    pub fn on_air_serial(&self) -> u64 {
        self.on_air_serial.load(Ordering::Acquire)
    }

    /// Adds a track that is being read ahead; returns its serial number.
    pub fn start_track(&self, track: &Arc<Track>) -> u64 {
        let serial = self.serial.fetch_add(1, Ordering::AcqRel) + 1;
        self.upcoming.lock().push_back((serial, Arc::clone(track)));
        serial
    }

    /// Removes the track on the air, and those before it, from the upcoming ones.
    pub fn set_on_air(&self, serial: u64) {
        self.on_air_serial.store(serial, Ordering::Release);
        let mut upcoming = self.upcoming.lock();
        if let Some((_, track)) = upcoming.iter().find(|(known, track)| *known == serial && !track.is_jingle)
        {
            self.on_air.lock().clone_from(&track.path);
            self.requested.lock().retain(|path| track.path.as_ref() != Some(path));
        }
        upcoming.retain(|(known, _)| *known > serial);
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
        let upcoming = self.upcoming.lock();
        self.put_requests_back(|path| upcoming.iter().any(|(_, track)| track.path.as_ref() == Some(path)));
        let n_jingles = upcoming.iter().filter(|(_, track)| track.is_jingle).count() as u64;
        for _ in on_air..=newest.saturating_sub(n_jingles).max(on_air) {
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

    /// Forgets skipped files that are no tracks any more.
    pub fn retain_skipped(&self) {
        if self.skipped.lock().is_empty() {
            return;
        }
        let playlist = self.playlist.lock();
        let names: HashSet<_> = playlist.tracks().iter().filter_map(|path| path.file_name()).collect();
        self.skipped.lock().retain(|(known, _)| {
            names.iter().any(|name| name.to_str() == Some(known.as_str()) || name.to_string_lossy() == *known)
        });
    }

    /// The track that plays next, if it has been opened.
    pub fn next_track_known(&self) -> Option<Arc<Track>> {
        let upcoming = self.upcoming.lock();
        upcoming.iter().map(|(_, track)| track).find(|track| !track.is_jingle).map(Arc::clone)
    }

    /// The name of the file that plays next.
    pub fn next_file(&self) -> String {
        let upcoming = self.next_track_known().map(|track| track.file.clone());
        let name = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
        let requested = || {
            let opened = self.requested.lock().front().cloned();
            let due = || {
                let (desk, playlist) = (self.requests.get()?, self.playlist.lock());
                desk.due(|path| playlist.keeps_artists_apart(path))
            };
            opened.or_else(due).and_then(|path| name(&path))
        };
        let peek = || self.playlist.lock().peek().and_then(name);
        upcoming.or_else(requested).or_else(peek).unwrap_or_default()
    }
}
