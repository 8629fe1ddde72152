//! Which erasures the files of a folder have followed: their moments, a line each, without saying whose they are.
//!
//! All nodes remember erasures for [`KEPT`]; one that was away learns here which of them are left to do.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::warn;

use crate::private;
use crate::time::Timestamp;

/// How long the nodes of a cluster remember whom they have erased.
pub const KEPT: Duration = Duration::from_hours(30 * 24);

/// Erasures that have been executed.
#[derive(Debug, Default)]
pub struct Executed {
    path: PathBuf,
    moments: BTreeSet<u64>,
}

impl Executed {
    /// What stands in a file; nothing, if there is none.
    pub fn open(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut moments: BTreeSet<u64> = text.lines().filter_map(|line| line.parse().ok()).collect();
        let newest = Timestamp::from_micros(moments.last().copied().unwrap_or(0));
        let kept = moments.split_off(&newest.earlier(KEPT).as_micros());
        let executed = Self { path: path.to_owned(), moments: kept };
        if !moments.is_empty() {
            executed.write_anew();
        }
        executed
    }

    /// Whether the erasure of that moment is executed.
    pub fn has(&self, at: Timestamp) -> bool {
        self.moments.contains(&at.as_micros())
    }

    /// Takes note of one that is about to be.
    pub fn begin(&mut self, at: Timestamp) {
        self.moments.insert(at.as_micros());
    }

    /// Writes down that one is. If that cannot be written, the next start executes it again.
    pub fn add(&mut self, at: Timestamp) {
        self.begin(at);
        let line = format!("{}\n", at.as_micros());
        let written = private::append_to(&self.path).and_then(|mut file| file.write_all(line.as_bytes()));
        if let Err(problem) = written {
            warn!(path = %self.path.display(), %problem, "it cannot be written down that somebody was erased");
        }
    }

    /// Leaves out what nobody remembers any more.
    fn write_anew(&self) {
        let text: String = self.moments.iter().map(|micros| micros.to_string() + "\n").collect();
        let fresh = self.path.with_extension("unfinished");
        let written = private::write(&fresh, text.as_bytes()).and_then(|()| fs::rename(&fresh, &self.path));
        if let Err(problem) = written {
            warn!(path = %self.path.display(), %problem, "old erasures stay in the list");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_executed_is_known_to_the_next_process_for_as_long_as_others_remember_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("watch.erasures");
        let first = Timestamp::from_millis(1_700_000_000_000);
        let mut executed = Executed::open(&path);
        executed.add(first);
        executed.add(first + Duration::from_hours(24));
        let mut next = Executed::open(&path);
        assert!(next.has(first) && next.has(first + Duration::from_hours(24)));
        assert!(!next.has(first + Duration::from_hours(1)));
        next.add(first + KEPT + Duration::from_hours(1));
        let last = Executed::open(&path);
        assert!(!last.has(first) && last.has(first + Duration::from_hours(24)));
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
    }
}
