//! Keeps shelves as their folders are: told of changes where the file system tells, and looked through now and then.
//!
//! All that may wait for a disk happens on a thread of the folder's own. Files go on the shelf while others are still
//! to be found; what the index knows is there before the first is.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::index::{Facts, Index};
use super::library::{Library, Links, Look, walk};
use super::shelf::{Scan, Shelf};
use crate::runtime::Clock;

/// A file that is being copied in is looked at again after this time.
const SETTLING: Duration = Duration::from_millis(700);

/// Changes come in swarms: the folder is looked through once for all of them.
const SWARM: Duration = Duration::from_millis(200);

/// A swarm that goes on leaves the disk this many times as long in peace as a look through the folder takes.
const SWARM_REST: u32 = 4;

/// Files are put on the shelf this often while a folder is looked through, and whoever watches is told.
const SHELVED_EVERY: Duration = Duration::from_millis(100);

/// The log is told this often how far it is.
const LOGGED_EVERY: Duration = Duration::from_secs(5);

/// Heads of files that nobody has read yet are read for so long…
const READ_FOR: Duration = Duration::from_millis(20);

/// …and then left alone for so long, so that it takes a fifth of a core at most.
const READ_PAUSE: Duration = Duration::from_millis(80);

/// What a folder's watch is given.
pub struct Watch {
    /// The folder.
    pub folder: PathBuf,
    /// Where its files go.
    pub shelf: Arc<Shelf>,
    /// What is known of them.
    pub index: Arc<Index>,
    /// The time between two looks through it.
    pub rescan: Duration,
    /// Files that it may take.
    pub max_tracks: usize,
    /// Whether links that lead out of it are followed.
    pub links: Links,
    /// The process's clock.
    pub clock: Clock,
    /// Counts up when what can be seen of the shelf changes.
    pub changes: Arc<watch::Sender<u64>>,
}

struct Watching {
    watch: Watch,
    library: Library,
    /// Files whose heads nobody has read yet.
    unread: VecDeque<(Arc<Path>, Look)>,
    n_known: Option<usize>,
    is_cut: bool,
    /// What the log was last told of what is not found.
    told: (Option<String>, usize, usize),
}

/// Watches a folder for a shelf; whatever is sent makes it look again.
pub fn start(watch: Watch) -> Result<SyncSender<()>> {
    // One word waiting is as good as many.
    let (told, changes) = sync_channel(1);
    let tell = told.clone();
    let mut watching = Watching {
        watch,
        library: Library::default(),
        unread: VecDeque::new(),
        n_known: None,
        is_cut: false,
        told: (None, 0, 0),
    };
    let run = move || watching.run(&changes, &tell);
    thread::Builder::new().name("radio library".into()).spawn(run).context("a thread for a library")?;
    Ok(told)
}

impl Watching {
    fn run(&mut self, changes: &Receiver<()>, tell: &SyncSender<()>) {
        let Watch { folder, shelf, index, .. } = &self.watch;
        shelf.playlist.lock().add(index.below(folder));
        let mut watching = watch_in_background(folder.clone(), tell.clone());
        let mut watcher = None;
        loop {
            let took = self.look_through();
            match watching.try_recv() {
                Ok(works) => watcher = Some(works),
                // The folder may not have been there.
                Err(TryRecvError::Disconnected) if watcher.is_none() => {
                    watching = watch_in_background(self.watch.folder.clone(), tell.clone());
                }
                Err(TryRecvError::Disconnected | TryRecvError::Empty) => {}
            }
            let is_waiting = self.library.n_seen() > self.n_known.unwrap_or(0);
            self.wait(changes, if is_waiting { SETTLING } else { self.watch.rescan });
            thread::park_timeout(SWARM.max(took * SWARM_REST));
            while changes.try_recv().is_ok() {}
        }
    }

    /// Looks through the folder: how long that took.
    fn look_through(&mut self) -> Duration {
        let Watch { folder, shelf, index, max_tracks, links, clock, changes, .. } = &self.watch;
        let started = clock.uptime();
        let (mut shelved_at, mut logged_at) = (started, started);
        let (mut found, mut n_found) = (Vec::new(), 0);
        let is_first = self.n_known.is_none();
        let library = &mut self.library;
        let walked = walk(folder, *max_tracks, *links, |path, look| {
            n_found += 1;
            found.extend(library.see(path, look, clock.now()));
            let now = clock.uptime();
            if now.saturating_sub(shelved_at) >= SHELVED_EVERY {
                shelved_at = now;
                shelf.playlist.lock().add(found.drain(..));
                if is_first {
                    *shelf.scan.lock() = Scan { is_running: true, files: n_found, unread: n_found };
                    changes.send_modify(|n| *n += 1);
                }
            }
            if now.saturating_sub(logged_at) >= LOGGED_EVERY {
                logged_at = now;
                info!(folder = %folder.display(), files = n_found, "library is being scanned");
            }
        });
        let why_empty = (n_found == 0).then(|| walked.why_empty());
        let told = (why_empty.clone(), walked.n_links, walked.n_unreadable);
        if told != self.told {
            if let Some(why) = &why_empty {
                warn!(folder = %folder.display(), why, "nothing to play: the station starts when files appear");
            } else if walked.n_links + walked.n_unreadable > 0 {
                let (links, unreadable) = (walked.n_links, walked.n_unreadable);
                warn!(folder = %folder.display(), links, unreadable, "links out of the folder, and folders without permission, are left out");
            }
            self.told = told;
        }
        library.end_round(&walked);
        let now = clock.now();
        let counted = library.counted(now);
        self.unread = library
            .still(now)
            .filter(|(path, look)| !index.knows(path, *look))
            .map(|(path, look)| (Arc::clone(path), look))
            .collect();
        for mended in index.forget_mended(library.still(now)) {
            shelf.played(&mended);
        }
        if walked.is_whole {
            index.forget_others(folder, &counted);
            shelf.forget_skipped(&counted);
        }
        let took = clock.uptime().saturating_sub(started);
        if self.n_known.replace(counted.len()) != Some(counted.len()) {
            let (tracks, folders, millis) = (counted.len(), walked.n_folders, took.as_millis() as u64);
            info!(folder = %folder.display(), tracks, folders, millis, "library scanned");
        }
        if walked.is_cut && !std::mem::replace(&mut self.is_cut, true) {
            warn!(folder = %folder.display(), max_tracks, "there is more in the folder than [radio] max_tracks");
        }
        shelf.playlist.lock().rescan(counted);
        shelf.found(why_empty);
        *shelf.scan.lock() = Scan { is_running: false, files: n_found, unread: self.unread.len() };
        changes.send_modify(|n| *n += 1);
        took
    }

    /// Waits for a change, or for the time of the next look; meanwhile reads what nobody has read yet, bit by bit.
    fn wait(&mut self, changes: &Receiver<()>, pause: Duration) {
        let clock = self.watch.clock;
        let until = clock.uptime() + pause;
        loop {
            let left = until.saturating_sub(clock.uptime());
            let step = if self.unread.is_empty() { left } else { left.min(READ_PAUSE) };
            if left.is_zero() || changes.recv_timeout(step).is_ok() {
                return;
            }
            self.read_heads();
        }
    }

    fn read_heads(&mut self) {
        let Watch { index, clock, folder, shelf, .. } = &self.watch;
        let until = clock.uptime() + READ_FOR;
        while clock.uptime() < until
            && let Some((path, look)) = self.unread.pop_front()
        {
            // Whoever played it meanwhile knows more.
            if !index.knows(&path, look) {
                // The disk may have failed.
                if let Ok(facts) = Facts::read(&path) {
                    index.learn(&path, look, facts);
                }
            }
            if self.unread.is_empty() {
                info!(folder = %folder.display(), "every track's tags are known");
            }
        }
        shelf.scan.lock().unread = self.unread.len();
    }
}

/// Has the file system tell of changes, on a thread of its own: it walks the whole tree first.
///
/// The watcher comes out once it works, and works as long as it is kept.
fn watch_in_background(folder: PathBuf, tell: SyncSender<()>) -> Receiver<RecommendedWatcher> {
    let (done, watchers) = channel();
    let run = move || {
        if let Err(error) = watch_tree(&folder, tell, &done) {
            debug!(folder = %folder.display(), %error, "changes are found by looking");
        }
    };
    let spawned = thread::Builder::new().name("radio watcher".into()).spawn(run);
    if let Err(error) = spawned {
        debug!(%error, "changes are found by looking");
    }
    watchers
}

fn watch_tree(folder: &Path, tell: SyncSender<()>, done: &Sender<RecommendedWatcher>) -> notify::Result<()> {
    let again = tell.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // A full channel already holds the word.
            let _ = tell.try_send(());
        }
    })?;
    watcher.watch(folder, RecursiveMode::Recursive)?;
    if done.send(watcher).is_ok() {
        // What changed before it worked has told nobody.
        let _ = again.try_send(());
    }
    Ok(())
}
