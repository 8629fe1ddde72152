//! Files that could not be played, so that they are not tried again all the time. In memory only: a later version of
//! the program may play them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::folder::file_stamp::FileStamp;

/// A file that has failed is tried again after this time, in case the disk was at fault.
const RETRY_AFTER: Duration = Duration::from_mins(10);

/// Files that could not be played.
#[derive(Debug)]
pub struct PlaybackFailures {
    max_files: usize,
    failures: Mutex<BTreeMap<Arc<Path>, Failure>>,
}

#[derive(Debug)]
struct Failure {
    /// `None` if the file's metadata could not be read.
    stamp: Option<FileStamp>,
    /// The process's uptime at the latest attempt.
    tried_at: Duration,
    reason: String,
}

impl PlaybackFailures {
    /// Remembers at most `max_files`.
    pub fn new(max_files: usize) -> Self {
        Self { max_files, failures: Mutex::default() }
    }

    /// Why an unchanged file failed recently; `uptime` is that of the process.
    pub fn recent(&self, path: &Path, stamp: Option<FileStamp>, uptime: Duration) -> Option<String> {
        let failures = self.failures.lock();
        let failure = failures.get(path).filter(|failure| failure.stamp == stamp)?;
        (uptime.saturating_sub(failure.tried_at) < RETRY_AFTER).then(|| failure.reason.clone())
    }

    /// Adds a failure; returns whether it is new.
    pub fn add(&self, path: &Arc<Path>, stamp: Option<FileStamp>, reason: &str, uptime: Duration) -> bool {
        let mut failures = self.failures.lock();
        let is_known = failures.get(path).is_some_and(|known| known.stamp == stamp && known.reason == reason);
        if failures.len() < self.max_files || failures.contains_key(path) {
            let failure = Failure { stamp, tried_at: uptime, reason: reason.to_owned() };
            failures.insert(Arc::clone(path), failure);
        }
        !is_known
    }

    /// Removes a file that has been played.
    pub fn remove(&self, path: &Path) {
        self.failures.lock().remove(path);
    }

    /// Removes the files that have changed since they failed; returns their paths.
    pub fn remove_changed<'a>(
        &self,
        files: impl Iterator<Item = (&'a Arc<Path>, FileStamp)>,
    ) -> Vec<Arc<Path>> {
        let mut failures = self.failures.lock();
        if failures.is_empty() {
            return Vec::new();
        }
        let has_changed =
            |path: &Arc<Path>, stamp| failures.get(path).is_some_and(|failure| failure.stamp != Some(stamp));
        let changed: Vec<_> = files
            .filter(|(path, stamp)| has_changed(path, *stamp))
            .map(|(path, _)| Arc::clone(path))
            .collect();
        failures.retain(|path, _| !changed.contains(path));
        changed
    }

    /// Removes what is below a folder and not among `files`.
    pub fn retain(&self, folder: &Path, files: &BTreeSet<Arc<Path>>) {
        self.failures.lock().retain(|path, _| !path.starts_with(folder) || files.contains(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn a_file_that_failed_is_tried_again_when_it_changes_or_after_some_time() {
        let failures = PlaybackFailures::new(10);
        let path: Arc<Path> = Path::new("/music/a.mp3").into();
        let stamp = FileStamp { n_bytes: 5000, modified_at: Timestamp::from_millis(1_700_000_000_000) };
        let changed = FileStamp { n_bytes: 5001, ..stamp };
        assert!(failures.add(&path, Some(stamp), "no MP3", Duration::ZERO));
        assert!(!failures.add(&path, Some(stamp), "no MP3", Duration::from_secs(1)));
        let recent = |stamp, seconds| failures.recent(&path, Some(stamp), Duration::from_secs(seconds));
        assert_eq!(recent(stamp, 2).as_deref(), Some("no MP3"));
        assert_eq!((recent(changed, 2), recent(stamp, 700)), (None, None));
        assert!(failures.remove_changed([(&path, stamp)].into_iter()).is_empty());
        assert_eq!(failures.remove_changed([(&path, changed)].into_iter()), [Arc::clone(&path)]);
        assert_eq!(recent(stamp, 2), None);
    }
}
