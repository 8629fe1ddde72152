//! The files of one folder that are complete: those whose size and modification time have not changed for some time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::file_stamp::FileStamp;
use super::walk::WalkReport;
use crate::time::Timestamp;

/// A file that is being copied in changes at least this often.
const STABLE_AFTER: Duration = Duration::from_secs(2);

/// What recent scans have seen of one folder.
#[derive(Debug, Default)]
pub struct StableFiles {
    seen: BTreeMap<Arc<Path>, Seen>,
    scan: u64,
}

#[derive(Debug)]
struct Seen {
    stamp: FileStamp,
    since: Timestamp,
    scan: u64,
}

impl StableFiles {
    /// Records a file of the current scan; returns its path if it is stable.
    ///
    /// A new file is stable at once if it was last modified long enough ago.
    pub fn observe(&mut self, path: PathBuf, stamp: FileStamp, now: Timestamp) -> Option<Arc<Path>> {
        let known = self.seen.get_key_value(&*path).map(|(path, seen)| (Arc::clone(path), seen));
        let since = match &known {
            Some((_, seen)) if seen.stamp == stamp => seen.since,
            Some(_) => now,
            None => stamp.modified_at.min(now),
        };
        let path = known.map_or_else(|| path.into(), |(path, _)| path);
        self.seen.insert(Arc::clone(&path), Seen { stamp, since, scan: self.scan });
        (now.since(since) >= STABLE_AFTER).then_some(path)
    }

    /// Ends a scan: forgets the files that it did not find, unless it was incomplete.
    pub fn end_scan(&mut self, report: &WalkReport) {
        if report.is_complete {
            self.seen.retain(|_, seen| seen.scan == self.scan);
        }
        self.scan += 1;
    }

    /// The stable files with their stamps.
    pub fn stable(&self, now: Timestamp) -> impl Iterator<Item = (&Arc<Path>, FileStamp)> {
        self.seen
            .iter()
            .filter(move |(_, seen)| now.since(seen.since) >= STABLE_AFTER)
            .map(|(path, seen)| (path, seen.stamp))
    }

    /// The paths of the stable files.
    pub fn stable_paths(&self, now: Timestamp) -> BTreeSet<Arc<Path>> {
        self.stable(now).map(|(path, _)| Arc::clone(path)).collect()
    }

    /// How many files are known, stable or not.
    pub fn n_seen(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> WalkReport {
        WalkReport { n_folders: 1, is_complete: true, ..WalkReport::default() }
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + second * 1000)
    }

    fn is_stable(files: &mut StableFiles, n_bytes: u64, modified: u64, now: u64) -> bool {
        let stamp = FileStamp { n_bytes, modified_at: at(modified) };
        let is_stable = files.observe("a.mp3".into(), stamp, at(now)).is_some();
        files.end_scan(&complete());
        is_stable
    }

    #[test]
    fn a_file_is_stable_once_it_has_not_changed_for_some_time() {
        let mut files = StableFiles::default();
        assert!(!is_stable(&mut files, 5000, 10, 10));
        assert!(!is_stable(&mut files, 9000, 11, 11));
        assert!(is_stable(&mut files, 9000, 11, 14));
        // Copied with its old time kept: only its size tells that it grows.
        assert!(!is_stable(&mut files, 9500, 1, 15));
        assert!(is_stable(&mut files, 9500, 1, 17));
    }

    #[test]
    fn missing_files_are_forgotten_unless_the_disk_failed() {
        let mut files = StableFiles::default();
        assert!(is_stable(&mut files, 5000, 1, 10));
        files.end_scan(&WalkReport { is_complete: false, ..complete() });
        assert_eq!(files.n_seen(), 1);
        files.end_scan(&complete());
        assert_eq!(files.n_seen(), 0);
    }
}
