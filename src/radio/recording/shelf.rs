//! The recordings of all stations: which there are, and what they take.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{Limits, Recorded, names};
use crate::private;
use crate::runtime::Context;

/// Bytes of what stands beside a recording; what is longer is none of ours.
const MAX_SIDECAR_BYTES: u64 = 16 * 1024;

/// Recordings are looked through this often.
const CLEAN_INTERVAL: Duration = Duration::from_mins(1);

/// A recording, by its station and the name of its file without the extension.
type Key = (String, String);

/// All recordings.
pub struct Shelf {
    /// What they may take.
    pub limits: Limits,
    /// The process.
    pub context: Context,
    known: Mutex<BTreeMap<Key, Recorded>>,
}

impl Shelf {
    /// Looks at what is there, and deletes what has had its time, from now on.
    pub fn open(limits: Limits, context: &Context) -> Arc<Self> {
        let shelf = Arc::new(Self { limits, context: context.clone(), known: Mutex::default() });
        let (keeper, stop) = (Arc::clone(&shelf), context.clone());
        context.spawn(async move {
            let stocked = Arc::clone(&keeper);
            let _ = tokio::task::spawn_blocking(move || stocked.take_stock()).await;
            loop {
                let cleaned = Arc::clone(&keeper);
                let _ = tokio::task::spawn_blocking(move || cleaned.clean()).await;
                tokio::select! {
                    () = stop.stopping() => return,
                    () = sleep(CLEAN_INTERVAL) => {}
                }
            }
        });
        shelf
    }

    /// The number of recordings, and their bytes.
    pub fn size(&self) -> (usize, u64) {
        let known = self.known.lock();
        (known.len(), known.values().map(|recorded| recorded.n_bytes).sum())
    }

    /// Takes note of a recording; false if there is one of that name.
    pub fn reserve(&self, base: &str, recorded: Recorded) -> bool {
        let key = (recorded.route.clone(), base.to_owned());
        let mut known = self.known.lock();
        if known.contains_key(&key) {
            return false;
        }
        known.insert(key, recorded);
        true
    }

    /// Takes note of what has become of it; `None` forgets it.
    pub fn note(&self, route: &str, base: &str, recorded: Option<Recorded>) {
        let key = (route.to_owned(), base.to_owned());
        let mut known = self.known.lock();
        match recorded {
            Some(recorded) => known.insert(key, recorded),
            None => known.remove(&key),
        };
    }

    /// The finished recordings of a station, the latest first.
    pub fn finished(&self, route: &str, most: usize) -> Vec<Recorded> {
        let known = self.known.lock();
        let of_station = known.values().filter(|recorded| recorded.is_finished && recorded.route == route);
        let mut found: Vec<Recorded> = of_station.cloned().collect();
        drop(known);
        found.sort_by_key(|recorded| std::cmp::Reverse(recorded.started_at));
        found.truncate(most);
        found
    }

    /// The path of a finished recording.
    pub fn find(&self, route: &str, file: &str) -> Option<PathBuf> {
        let known = self.known.lock();
        let is_it =
            |recorded: &&Recorded| recorded.is_finished && recorded.route == route && recorded.file == file;
        known.values().find(is_it).map(|recorded| self.folder(route).join(&recorded.file))
    }

    /// Where a station's recordings are.
    pub fn folder(&self, route: &str) -> PathBuf {
        self.limits.folder.join(names::folder(route))
    }

    /// Looks at the recordings that earlier processes have left; those that were cut short end there.
    fn take_stock(&self) {
        let found = match self.sidecars() {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                let folder = self.limits.folder.display();
                warn!(%folder, %error, "the recordings of radio cannot be looked through");
                return;
            }
        };
        for path in found {
            let Some((base, mut recorded)) = self.read(&path) else { continue };
            let was_finished = std::mem::replace(&mut recorded.is_finished, true);
            let route = recorded.route.clone();
            if self.reserve(&base, recorded.clone()) && !was_finished {
                info!(route, file = recorded.file, "a recording was cut short: it ends there");
                let _ = save(&path, &recorded);
            }
        }
    }

    fn sidecars(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for station in self.limits.folder.read_dir()? {
            let Ok(files) = station?.path().read_dir() else { continue };
            let paths = files.filter_map(|file| Some(file.ok()?.path()));
            found.extend(paths.filter(|path| path.extension().is_some_and(|extension| extension == "json")));
        }
        Ok(found)
    }

    /// A recording by what stands beside it, with its name; `None` if it is none of ours, or its file is gone.
    fn read(&self, path: &std::path::Path) -> Option<(String, Recorded)> {
        let mut text = Vec::new();
        File::open(path).ok()?.take(MAX_SIDECAR_BYTES).read_to_end(&mut text).ok()?;
        let mut recorded: Recorded = serde_json::from_slice(&text).ok()?;
        let base = path.file_stem()?.to_str()?.to_owned();
        let is_ours = recorded.version == Recorded::VERSION
            && names::is_plain(&recorded.file)
            && recorded.file.rsplit_once('.')?.0 == base
            && path.parent()? == self.folder(&recorded.route);
        let file = fs::symlink_metadata(path.with_file_name(&recorded.file)).ok()?;
        recorded.n_bytes = file.len();
        (is_ours && file.is_file()).then_some((base, recorded))
    }

    /// Deletes expired recordings, and forgets those whose files are gone.
    fn clean(&self) {
        let finished: Vec<(Key, Recorded)> = {
            let known = self.known.lock();
            let finished = known.iter().filter(|(_, recorded)| recorded.is_finished);
            finished.map(|(key, recorded)| (key.clone(), recorded.clone())).collect()
        };
        let kept = self.limits.kept;
        let until = self.context.clock.wall().earlier(kept).as_millis();
        for ((route, base), recorded) in finished {
            let path = self.folder(&route).join(&recorded.file);
            if !kept.is_zero() && recorded.ended_at() < until {
                info!(route, file = recorded.file, "a recording is deleted: its time is over");
                for path in [&path, &path.with_file_name(format!("{base}.cue"))] {
                    let _ = fs::remove_file(path);
                }
            } else if path.exists() {
                continue;
            }
            let _ = fs::remove_file(path.with_file_name(format!("{base}.json")));
            self.note(&route, &base, None);
        }
    }
}

/// Writes what stands beside a recording, whole or not at all.
pub fn save(path: &std::path::Path, recorded: &Recorded) -> io::Result<()> {
    let fresh = path.with_extension("json.new");
    private::write(&fresh, serde_json::to_string(recorded)?.as_bytes())?;
    fs::rename(fresh, path)
}
