//! Keeps a station's track queue in step with its folder: watches it where the file system supports that, and rescans
//! it at intervals.
//!
//! Everything that may block on a disk runs on a thread per folder. Files are queued while the scan goes on, and files
//! in the index are queued before it begins.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tracing::{info, warn};

use super::listed_files::ListedFiles;
use super::order::by_value;
use super::playlist::Order;
use super::playlist_file::{self, Entry};
use super::track_index::TrackIndex;
use super::track_queue::{Found, ScanProgress, TrackQueue};
use crate::audio::track_info::TrackInfo;
use crate::folder::changes::watch_in_background;
use crate::folder::file_stamp::FileStamp;
use crate::folder::stable_files::StableFiles;
use crate::folder::walk::{LinkPolicy, WalkReport, has_extension, walk};
use crate::runtime::Clock;

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

/// The order of play gets to know tags so often: it may have to sort all tracks anew.
const LEARN_EVERY: Duration = Duration::from_secs(5);

/// What a library watcher needs.
pub struct WatcherSettings {
    /// The folder.
    pub folder: PathBuf,
    /// The playlist file that gives the order of `Order::Playlist`; `None` takes those at the top of the folder.
    pub playlist: Option<PathBuf>,
    /// A folder whose files are none of the tracks, wherever it is.
    pub left_out: Option<PathBuf>,
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
    /// The extensions of files that play.
    pub extensions: &'static [&'static str],
    /// The process's clock.
    pub clock: Clock,
    /// Counts up when the visible state of the queue changes.
    pub changes: Arc<watch::Sender<u64>>,
}

struct LibraryWatcher {
    settings: WatcherSettings,
    /// The number of the folder in the queue.
    part: usize,
    files: StableFiles,
    /// Files whose tags have not been read.
    unread: VecDeque<(Arc<Path>, FileStamp)>,
    /// Files whose tags have been read, and are not known to the order of play yet.
    learned: Vec<(Arc<Path>, FileStamp)>,
    /// The process's uptime when the order of play last got to know files.
    learned_at: Duration,
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
    /// Entries of playlist files that do not play, with the reasons.
    unlisted: Vec<(PathBuf, String)>,
}

/// Starts watching a folder; sending to the returned channel requests a scan.
pub fn start(settings: WatcherSettings) -> Result<SyncSender<()>> {
    // One waiting request is as good as many.
    let (requests, requested) = sync_channel(1);
    let sender = requests.clone();
    let mut watcher = LibraryWatcher {
        part: settings.queue.add_part(),
        settings,
        files: StableFiles::default(),
        unread: VecDeque::new(),
        learned: Vec::new(),
        learned_at: Duration::ZERO,
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
        let WatcherSettings { folder, queue, index, left_out, .. } = &self.settings;
        let is_track = |path: &Path| left_out.as_ref().is_none_or(|out| !path.starts_with(out));
        queue.add(index.below(folder).into_iter().filter(|(path, _)| is_track(path)));
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
        let WatcherSettings {
            folder,
            queue,
            index,
            max_tracks,
            links,
            extensions,
            clock,
            changes,
            left_out,
            ..
        } = &self.settings;
        let is_left_out = |path: &Path| left_out.as_ref().is_some_and(|out| path.starts_with(out));
        let needs_facts = queue.playlist.lock().needs_facts();
        let started = clock.uptime();
        let (mut queued_at, mut logged_at) = (started, started);
        let (mut found, mut n_found) = (Vec::new(), 0);
        let is_first = self.n_stable.is_none();
        let (files, part) = (&mut self.files, self.part);
        let report = walk(folder, extensions, *max_tracks, *links, |path, stamp| {
            if is_left_out(&path) {
                return;
            }
            n_found += 1;
            found.extend(files.observe(path, stamp, clock.now()).map(|path| (path, stamp)));
            let now = clock.uptime();
            if now.saturating_sub(queued_at) >= QUEUE_EVERY {
                queued_at = now;
                queue.add(index.facts(found.iter().map(|(path, stamp)| (path, *stamp))));
                found.clear();
                if is_first {
                    let scan = ScanProgress { is_running: true, files: n_found, unread: n_found };
                    queue.set_scan(part, scan);
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
        }
        let took = clock.uptime().saturating_sub(started);
        if self.n_stable.replace(stable.len()) != Some(stable.len()) {
            let (tracks, folders, millis) = (stable.len(), report.n_folders, took.as_millis() as u64);
            info!(folder = %folder.display(), tracks, folders, millis, "library scanned");
        }
        let mut why_empty = (n_found == 0).then(|| report.why_empty());
        if needs_facts {
            queue.playlist.lock().learn(index.facts(files.stable(now)));
        }
        let mut found = Found { tracks: stable, ..Found::default() };
        let mut unlisted = Vec::new();
        if queue.playlist.lock().order() == Order::Playlist {
            let listed = self.listed(&found.tracks);
            why_empty = why_empty.or(listed.problem);
            found.tracks = listed.sequence.iter().cloned().collect();
            found.sequence = listed.sequence;
            unlisted = listed.unlisted;
        }
        found.empty_reason.clone_from(&why_empty);
        queue.set_found(part, found);
        if report.is_complete {
            queue.retain_skipped();
        }
        for (path, reason) in &unlisted {
            queue.add_skipped(path, reason);
        }
        queue.set_scan(part, ScanProgress { is_running: false, files: n_found, unread: self.unread.len() });
        changes.send_modify(|n| *n += 1);
        self.log_problems(why_empty, &report, unlisted);
        took
    }

    /// What playlist files list of the files of the folder.
    fn listed(&self, files: &BTreeSet<Arc<Path>>) -> Listed {
        let WatcherSettings { folder, playlist, links, extensions, max_tracks, .. } = &self.settings;
        let lists = playlist.as_ref().map_or_else(|| lists_in(folder), |list| vec![list.clone()]);
        let files = ListedFiles::new(files, *links, extensions);
        let mut listed = Listed::default();
        if lists.is_empty() {
            listed.problem = Some("no playlist in the folder: .m3u, .m3u8, .pls or .xspf is expected".into());
        }
        for list in lists {
            let entries = match read_list(&list) {
                Ok(entries) => entries,
                Err(error) => {
                    let problem = format!("{}: {error:#}", list.display());
                    listed.problem.get_or_insert(problem);
                    continue;
                }
            };
            let parent = list.parent().unwrap_or(folder);
            for entry in entries {
                if listed.sequence.len() + listed.unlisted.len() >= *max_tracks {
                    break;
                }
                match files.find(&entry, parent) {
                    Ok(path) => listed.sequence.push(path),
                    Err(reason) => listed.unlisted.push((entry.text.into(), reason.into())),
                }
            }
        }
        if listed.sequence.is_empty() {
            listed.problem.get_or_insert("no playlist lists a file that can be played".into());
        } else {
            listed.problem = None;
        }
        listed
    }

    /// Logs what keeps files from being played, if it has changed.
    fn log_problems(
        &mut self,
        why_empty: Option<String>,
        report: &WalkReport,
        unlisted: Vec<(PathBuf, String)>,
    ) {
        let WatcherSettings { folder, max_tracks, .. } = &self.settings;
        let (links, unreadable) = (report.n_links, report.n_unreadable);
        let problems = LoggedProblems { why_empty, n_links: links, n_unreadable: unreadable, unlisted };
        if problems != self.logged {
            if let Some(why) = &problems.why_empty {
                warn!(folder = %folder.display(), why, "nothing to play: the station starts when files appear");
            } else if links + unreadable > 0 {
                warn!(folder = %folder.display(), links, unreadable, "links out of the folder, and folders without permission, are left out");
            }
            if let Some((entry, reason)) =
                problems.unlisted.first().filter(|_| problems.unlisted != self.logged.unlisted)
            {
                let entries = problems.unlisted.len();
                warn!(folder = %folder.display(), entries, first = %entry.display(), reason, "entries of playlists do not play");
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
        let n_before = self.unread.len();
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
            self.learned.push((path, stamp));
            if self.unread.is_empty() {
                info!(folder = %folder.display(), "the tags of all tracks have been read");
            }
        }
        queue.note_read(self.part, n_before - self.unread.len());
        let now = clock.uptime();
        if self.unread.is_empty() || now.saturating_sub(self.learned_at) >= LEARN_EVERY {
            self.learned_at = now;
            let learned = std::mem::take(&mut self.learned);
            let mut playlist = queue.playlist.lock();
            if playlist.needs_facts() && !learned.is_empty() {
                playlist.learn(index.facts(learned.iter().map(|(path, stamp)| (path, *stamp))));
            }
        }
    }
}

/// What playlist files list.
#[derive(Default)]
struct Listed {
    sequence: Vec<Arc<Path>>,
    /// Entries that do not play, with the reasons.
    unlisted: Vec<(PathBuf, String)>,
    /// Why nothing plays.
    problem: Option<String>,
}

/// The playlist files at the top of a folder, by name.
fn lists_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut lists: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| has_extension(path, &playlist_file::EXTENSIONS) && !is_hidden(path))
        .collect();
    lists.sort_by_key(|path| by_value(&path.to_string_lossy()));
    lists
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn read_list(path: &Path) -> Result<Vec<Entry>> {
    let mut bytes = Vec::new();
    let file = File::open(path).context("cannot be opened")?;
    file.take(playlist_file::MAX_BYTES).read_to_end(&mut bytes).context("cannot be read")?;
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    Ok(playlist_file::entries(&bytes, extension))
}
