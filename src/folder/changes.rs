//! Tells of changes below a folder, where the file system reports them.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::thread;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tracing::debug;

/// Starts a file system watcher on a thread of its own, because that walks the whole tree.
///
/// The watcher is returned once it works, and works as long as it is kept.
pub fn watch_in_background(folder: PathBuf, requests: SyncSender<()>) -> Receiver<RecommendedWatcher> {
    let (started, watchers) = channel();
    let run = move || {
        if let Err(error) = watch_tree(&folder, requests, &started) {
            debug!(folder = %folder.display(), %error, "the folder cannot be watched and is rescanned at intervals");
        }
    };
    let spawned = thread::Builder::new().name("folder watcher".into()).spawn(run);
    if let Err(error) = spawned {
        debug!(%error, "a folder cannot be watched and is rescanned at intervals");
    }
    watchers
}

fn watch_tree(
    folder: &Path,
    requests: SyncSender<()>,
    started: &Sender<RecommendedWatcher>,
) -> notify::Result<()> {
    let first = requests.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // A full channel already holds a request.
            let _ = requests.try_send(());
        }
    })?;
    watcher.watch(folder, RecursiveMode::Recursive)?;
    if started.send(watcher).is_ok() {
        // Changes from before the watcher worked have caused no event.
        let _ = first.try_send(());
    }
    Ok(())
}
