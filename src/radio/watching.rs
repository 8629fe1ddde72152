//! Keeps shelves as their folders are: told of changes where the file system tells, and looked through now and then.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use notify::{RecursiveMode, Watcher};
use tracing::{debug, info};

use super::library::{Library, scan};
use super::shelf::Shelf;
use crate::runtime::Clock;

/// A file that is being copied in is looked at again after this time.
const SETTLING: Duration = Duration::from_millis(700);

/// Changes come in swarms: the folder is looked through once for all of them.
const SWARM: Duration = Duration::from_millis(200);

/// Watches a folder for a shelf; whatever is sent makes it look again.
pub fn start(folder: PathBuf, shelf: Arc<Shelf>, rescan: Duration, clock: Clock) -> Result<Sender<()>> {
    let (told, changes) = channel();
    let of_watcher = told.clone();
    let watch = move |folder: &Path| {
        let tell = of_watcher.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _ = tell.send(());
            }
        })
        .ok()?;
        watcher.watch(folder, RecursiveMode::Recursive).ok()?;
        Some(watcher)
    };
    let name = "radio library".to_owned();
    let run = move || {
        let mut library = Library::default();
        let mut watcher = None;
        let mut n_known = usize::MAX;
        loop {
            if watcher.is_none() {
                watcher = watch(&folder);
            }
            let looks = scan(&folder);
            let still = library.take(looks.clone(), clock.now());
            let is_waiting = library.is_waiting(&still);
            if still.len() != n_known {
                n_known = still.len();
                info!(folder = %folder.display(), tracks = n_known, "library scanned");
            }
            *shelf.looks.lock() = looks;
            shelf.playlist.lock().rescan(still);
            let pause = if is_waiting { SETTLING } else { rescan };
            match changes.recv_timeout(pause) {
                Ok(()) => {
                    thread::park_timeout(SWARM);
                    while changes.try_recv().is_ok() {}
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return debug!("a library is watched no longer"),
            }
        }
    };
    thread::Builder::new().name(name).spawn(run).context("a thread for a library")?;
    Ok(told)
}
