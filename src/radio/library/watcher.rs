//! Keeps a station's track queue in step with its folder: watches it where the file system supports that, and rescans
//! it at intervals.
//!
//! Everything that may block on a disk runs on a thread per folder. Files are queued while the scan goes on, and files
//! in the index are queued before it begins.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tracing::{info, warn};

use super::track_index::TrackIndex;
use super::track_queue::{ScanProgress, TrackQueue};
use crate::audio::track_info::TrackInfo;
use crate::folder::changes::watch_in_background;
use crate::folder::file_stamp::FileStamp;
use crate::folder::stable_files::StableFiles;
use crate::folder::walk::{LinkPolicy, WalkReport, walk};
use crate::runtime::Clock;

/// The extensions of files that the decoders read.
const EXTENSIONS: [&str; 17] = [
    "mp3", "wav", "flac", "ogg", "oga", "m4a", "mp4", "aac", "alac", "m4b", "mp2", "mpga", "wave", "w64",
    "aif", "aiff", "aifc",
];

/// A folder with files that are not stable yet is scanned again after this time.
const UNSTABLE_RESCAN: Duration = Duration::from_millis(700);

/// File system events are debounced for this long: changes come in bursts.
const DEBOUNCE: Duration = Duration::from_millis(200);

/// After a scan, the disk is left idle for this many times as long as the scan took.
const IDLE_FACTOR: u32 = 4;

/// During a scan, files are queued this often.
const QUEUE_EVERY: Duration = Duration::from_millis(100);

/// During a scan, progress is logged this often.
const LOG_EVERY: Duration = Duration::from_secs(5);

/// Tags are read for so long at a time…
const READ_SLICE: Duration = Duration::from_millis(20);

/// …with such pauses in between: a fifth of a core at most.
const READ_PAUSE: Duration = Duration::from_millis(80);

/// What a library watcher needs.
pub struct WatcherSettings {
    /// The folder.
    pub folder: PathBuf,
    /// Where its files are queued.
    pub queue: Arc<TrackQueue>,
    /// What is known of the files.
    pub index: Arc<TrackIndex>,
    /// The interval between two scans.
    pub rescan_interval: Duration,
    /// The most files that are queued.
    pub max_tracks: usize,
    /// Which symbolic links are followed.
    pub links: LinkPolicy,
    /// The process's clock.
    pub clock: Clock,
    /// Counts up when the visible state of the queue changes.
    pub changes: Arc<watch::Sender<u64>>,
}

struct LibraryWatcher {
    settings: WatcherSettings,
    files: StableFiles,
    /// Files whose tags have not been read.
    unread: VecDeque<(Arc<Path>, FileStamp)>,
    /// The number of stable files at the last scan.
    n_stable: Option<usize>,
    is_truncated: bool,
    logged: LoggedProblems,
}

/// The problems that were last logged, so that each is logged once.
#[derive(Default, PartialEq, Eq)]
struct LoggedProblems {
    why_empty: Option<String>,
    n_links: usize,
    n_unreadable: usize,
}

/// Starts watching a folder; sending to the returned channel requests a scan.
pub fn start(settings: WatcherSettings) -> Result<SyncSender<()>> {
    // One waiting request is as good as many.
    let (requests, requested) = sync_channel(1);
    let sender = requests.clone();
    let mut watcher = LibraryWatcher {
        settings,
        files: StableFiles::default(),
        unread: VecDeque::new(),
        n_stable: None,
        is_truncated: false,
        logged: LoggedProblems::default(),
    };
    let run = move || watcher.run(&requested, &sender);
    thread::Builder::new().name("radio library".into()).spawn(run).context("a thread for a library")?;
    Ok(requests)
}

impl LibraryWatcher {
    fn run(&mut self, requested: &Receiver<()>, requests: &SyncSender<()>) {
        let WatcherSettings { folder, queue, index, .. } = &self.settings;
        queue.playlist.lock().add(index.below(folder));
        let mut starting = watch_in_background(folder.clone(), requests.clone());
        let mut watcher = None;
        loop {
            let took = self.scan();
            match starting.try_recv() {
                Ok(started) => watcher = Some(started),
                // The folder may not have existed.
                Err(TryRecvError::Disconnected) if watcher.is_none() => {
                    starting = watch_in_background(self.settings.folder.clone(), requests.clone());
                }
                Err(TryRecvError::Disconnected | TryRecvError::Empty) => {}
            }
            let has_unstable = self.files.n_seen() > self.n_stable.unwrap_or(0);
            self.wait(requested, if has_unstable { UNSTABLE_RESCAN } else { self.settings.rescan_interval });
            thread::park_timeout(DEBOUNCE.max(took * IDLE_FACTOR));
            while requested.try_recv().is_ok() {}
        }
    }

    /// Scans the folder; returns how long that took.
    fn scan(&mut self) -> Duration {
        let WatcherSettings { folder, queue, index, max_tracks, links, clock, changes, .. } = &self.settings;
        let started = clock.uptime();
        let (mut queued_at, mut logged_at) = (started, started);
        let (mut found, mut n_found) = (Vec::new(), 0);
        let is_first = self.n_stable.is_none();
        let files = &mut self.files;
        let report = walk(folder, &EXTENSIONS, *max_tracks, *links, |path, stamp| {
            n_found += 1;
            found.extend(files.observe(path, stamp, clock.now()));
            let now = clock.uptime();
            if now.saturating_sub(queued_at) >= QUEUE_EVERY {
                queued_at = now;
                queue.playlist.lock().add(found.drain(..));
                if is_first {
                    *queue.scan.lock() = ScanProgress { is_running: true, files: n_found, unread: n_found };
                    changes.send_modify(|n| *n += 1);
                }
            }
            if now.saturating_sub(logged_at) >= LOG_EVERY {
                logged_at = now;
                info!(folder = %folder.display(), files = n_found, "library is being scanned");
            }
        });
        files.end_scan(&report);
        let now = clock.now();
        let stable = files.stable_paths(now);
        self.unread = files
            .stable(now)
            .filter(|(path, stamp)| !index.knows(path, *stamp))
            .map(|(path, stamp)| (Arc::clone(path), stamp))
            .collect();
        for changed in index.failures.remove_changed(files.stable(now)) {
            queue.remove_skipped(&changed);
        }
        if report.is_complete {
            index.retain(folder, &stable);
            queue.retain_skipped(&stable);
        }
        let took = clock.uptime().saturating_sub(started);
        if self.n_stable.replace(stable.len()) != Some(stable.len()) {
            let (tracks, folders, millis) = (stable.len(), report.n_folders, took.as_millis() as u64);
            info!(folder = %folder.display(), tracks, folders, millis, "library scanned");
        }
        let why_empty = (n_found == 0).then(|| report.why_empty());
        queue.playlist.lock().rescan(stable);
        queue.set_empty_reason(why_empty.clone());
        *queue.scan.lock() = ScanProgress { is_running: false, files: n_found, unread: self.unread.len() };
        changes.send_modify(|n| *n += 1);
        self.log_problems(why_empty, &report);
        took
    }

    /// Logs what keeps files from being played, if it has changed.
    fn log_problems(&mut self, why_empty: Option<String>, report: &WalkReport) {
        let WatcherSettings { folder, max_tracks, .. } = &self.settings;
        let (links, unreadable) = (report.n_links, report.n_unreadable);
        let problems = LoggedProblems { why_empty, n_links: links, n_unreadable: unreadable };
        if problems != self.logged {
            if let Some(why) = &problems.why_empty {
                warn!(folder = %folder.display(), why, "nothing to play: the station starts when files appear");
            } else if links + unreadable > 0 {
                warn!(folder = %folder.display(), links, unreadable, "links out of the folder, and folders without permission, are left out");
            }
            self.logged = problems;
        }
        if report.is_truncated && !std::mem::replace(&mut self.is_truncated, true) {
            warn!(folder = %folder.display(), max_tracks, "there are more files in the folder than [radio] max_tracks");
        }
    }

    /// Waits for a scan request, at most for `pause`; reads tags meanwhile.
    fn wait(&mut self, requested: &Receiver<()>, pause: Duration) {
        let clock = self.settings.clock;
        let until = clock.uptime() + pause;
        loop {
            let left = until.saturating_sub(clock.uptime());
            let step = if self.unread.is_empty() { left } else { left.min(READ_PAUSE) };
            if left.is_zero() || requested.recv_timeout(step).is_ok() {
                return;
            }
            self.read_tags();
        }
    }

    /// Reads the tags of unread files for one time slice.
    fn read_tags(&mut self) {
        let WatcherSettings { index, clock, folder, queue, .. } = &self.settings;
        let until = clock.uptime() + READ_SLICE;
        while clock.uptime() < until
            && let Some((path, stamp)) = self.unread.pop_front()
        {
            // A station that has played the file knows more.
            if !index.knows(&path, stamp) {
                // The disk may have failed.
                if let Ok(info) = TrackInfo::read(&path) {
                    index.insert(&path, stamp, info);
                }
            }
            if self.unread.is_empty() {
                info!(folder = %folder.display(), "the tags of all tracks have been read");
            }
        }
        queue.scan.lock().unread = self.unread.len();
    }
}
