//! The files of a folder: found recursively, and counted once their size and time have stood still.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::time::Timestamp;

/// What the decoders read, by extension.
const EXTENSIONS: [&str; 9] = ["mp3", "wav", "flac", "ogg", "oga", "m4a", "mp4", "aac", "alac"];

/// Smaller files hold no music.
const MIN_BYTES: u64 = 1024;

/// A file that is being copied in changes at least this often.
const STILL_FOR: Duration = Duration::from_secs(2);

/// Folders within folders within folders: more are a loop of links.
const MAX_DEPTH: usize = 32;

/// What a file looked like when it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Its size.
    pub n_bytes: u64,
    /// When it was last written to.
    pub modified_at: Timestamp,
}

/// What has been seen of one folder.
#[derive(Debug, Default)]
pub struct Library {
    seen: BTreeMap<PathBuf, (Look, Timestamp)>,
}

impl Library {
    /// Takes what is in the folder now; gives the files that have stood still.
    ///
    /// A file whose last change is old enough counts at once.
    pub fn take(&mut self, looks: BTreeMap<PathBuf, Look>, now: Timestamp) -> BTreeSet<PathBuf> {
        let before = std::mem::take(&mut self.seen);
        let mut still = BTreeSet::new();
        for (path, look) in looks {
            let since = match before.get(&path) {
                Some((known, since)) if *known == look => *since,
                Some(_) => now,
                None => look.modified_at.min(now),
            };
            if now.since(since) >= STILL_FOR {
                still.insert(path.clone());
            }
            self.seen.insert(path, (look, since));
        }
        still
    }

    /// Whether a file has been seen that does not count yet.
    pub fn is_waiting(&self, counted: &BTreeSet<PathBuf>) -> bool {
        self.seen.len() > counted.len()
    }
}

/// Every audio file below a folder; what cannot be read is left out.
pub fn scan(folder: &Path) -> BTreeMap<PathBuf, Look> {
    let mut found = BTreeMap::new();
    scan_into(folder, 0, &mut found);
    found
}

fn scan_into(folder: &Path, depth: usize, found: &mut BTreeMap<PathBuf, Look>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
            continue;
        }
        let Ok(facts) = fs::metadata(&path) else { continue };
        if facts.is_dir() && depth < MAX_DEPTH {
            scan_into(&path, depth + 1, found);
        } else if facts.is_file() && facts.len() >= MIN_BYTES && is_audio(&path) {
            let modified = facts.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
            let modified_at = Timestamp::from_micros(modified.unwrap_or_default().as_micros() as u64);
            found.insert(path, Look { n_bytes: facts.len(), modified_at });
        }
    }
}

fn is_audio(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + second * 1000)
    }

    fn looks(n_bytes: u64, modified: u64) -> BTreeMap<PathBuf, Look> {
        BTreeMap::from([(PathBuf::from("a.mp3"), Look { n_bytes, modified_at: at(modified) })])
    }

    #[test]
    fn a_file_counts_once_it_has_stood_still() {
        let mut library = Library::default();
        assert_eq!(library.take(looks(5000, 10), at(10)).len(), 0);
        assert_eq!(library.take(looks(9000, 11), at(11)).len(), 0);
        assert_eq!(library.take(looks(9000, 11), at(14)).len(), 1);
        // Copied with its old time kept: only its size tells that it grows.
        assert_eq!(library.take(looks(9500, 1), at(15)).len(), 0);
        assert_eq!(library.take(looks(9500, 1), at(17)).len(), 1);
    }

    #[test]
    fn hidden_tiny_and_foreign_files_are_no_music() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("Ж")).unwrap();
        for (name, n_bytes) in
            [("a.MP3", 2000), (".b.mp3", 2000), ("c.mp3", 100), ("d.txt", 2000), ("Ж/歌🎵.flac", 2000)]
        {
            fs::write(folder.path().join(name), vec![0; n_bytes]).unwrap();
        }
        let invalid = std::ffi::OsStr::from_bytes(b"\xff\xfe.wav");
        fs::write(folder.path().join(invalid), vec![0; 2000]).unwrap();
        let found: Vec<_> = scan(folder.path()).into_keys().collect();
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
