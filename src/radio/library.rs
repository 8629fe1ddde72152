//! The files of a folder: walked round by round, and counted once their size and time have stood still.
//!
//! A walk tells of each file as it finds it, so that the first can play while the last is still to be found. It
//! holds the paths of a round and no more, and ends on any tree: folders are known by their numbers on the disk,
//! so that links into loops are walked once.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::fs::{self, FileType, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use crate::time::Timestamp;

/// What the decoders read, by extension.
const EXTENSIONS: [&str; 17] = [
    "mp3", "wav", "flac", "ogg", "oga", "m4a", "mp4", "aac", "alac", "m4b", "mp2", "mpga", "wave", "w64",
    "aif", "aiff", "aifc",
];

/// Smaller files hold no music.
const MIN_BYTES: u64 = 1024;

/// What is told of a root that may not be read.
const UNREADABLE: &str = "no permission to read the folder";

/// Kinds of files that are told apart where a folder holds no audio.
const MAX_KINDS: usize = 20;

/// A file that is being copied in changes at least this often.
const STILL_FOR: Duration = Duration::from_secs(2);

/// What a file looked like when it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Its size.
    pub n_bytes: u64,
    /// When it was last written to.
    pub modified_at: Timestamp,
}

impl Look {
    /// Looks at a file.
    pub fn at(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|facts| Self::of(&facts))
    }

    fn of(facts: &Metadata) -> Self {
        let modified = facts.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let modified_at = Timestamp::from_micros(modified.unwrap_or_default().as_micros() as u64);
        Self { n_bytes: facts.len(), modified_at }
    }
}

/// Whether links that lead out of a folder are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Wherever they lead.
    Followed,
    /// Only to what lies in the folder itself.
    KeptInside,
}

/// How a walk went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walked {
    /// Why the root could not be walked.
    pub problem: Option<&'static str>,
    /// Folders that may not be read.
    pub n_unreadable: usize,
    /// Links that lead out of the root and were not followed.
    pub n_links: usize,
    /// Files that are no audio, by extension.
    pub others: BTreeMap<String, usize>,
    /// Folders that were read.
    pub n_folders: usize,
    /// Whether all of the tree was seen; a failing disk may hide what is there.
    pub is_whole: bool,
    /// Whether there was more than it may take.
    pub is_cut: bool,
}

impl Walked {
    /// Why nothing was found.
    pub fn why_empty(&self) -> String {
        if let Some(problem) = self.problem {
            return problem.to_owned();
        }
        let mut text = String::from("no audio in the folder");
        let mut kinds: Vec<_> = self.others.iter().collect();
        kinds.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
        for (place, (kind, n)) in kinds.into_iter().take(3).enumerate() {
            let _ = write!(text, "{} {n} {kind}", if place == 0 { ", only" } else { "," });
        }
        if self.n_links > 0 {
            let _ = write!(text, "; {} links lead out of it (follow_links)", self.n_links);
        }
        if self.n_unreadable > 0 {
            let _ = write!(text, "; {} folders may not be read", self.n_unreadable);
        }
        text
    }
}

/// Finds every audio file below a folder, at most `max_files`, in at most as many folders. A root that is a file is
/// found itself.
///
/// What cannot be read is left out.
pub fn walk(root: &Path, max_files: usize, links: Links, mut found: impl FnMut(PathBuf, Look)) -> Walked {
    let mut walked = Walked { is_whole: true, ..Walked::default() };
    let mut known = HashSet::new();
    let mut waiting = Vec::new();
    let mut n_files = 0;
    match fs::metadata(root) {
        Ok(facts) if facts.is_dir() => {
            known.insert((facts.dev(), facts.ino()));
            waiting.push(root.to_owned());
        }
        Ok(facts) if facts.is_file() && is_audio(root) => found(root.to_owned(), Look::of(&facts)),
        Ok(_) => walked.problem = Some("a folder of audio is expected, and this is a file of another kind"),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => walked.problem = Some(UNREADABLE),
        Err(error) => {
            walked.is_whole = is_lasting(&error);
            walked.problem = Some("the folder is missing");
        }
    }
    let inside = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let leads_out = |path: &Path| fs::canonicalize(path).is_ok_and(|target| !target.starts_with(&inside));
    while let Some(folder) = waiting.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                walked.is_whole &= is_lasting(&error);
                if error.kind() == ErrorKind::PermissionDenied {
                    walked.n_unreadable += 1;
                    walked.problem = walked.problem.or_else(|| (folder == root).then_some(UNREADABLE));
                }
                continue;
            }
        };
        walked.n_folders += 1;
        for entry in entries {
            let (path, kind) = match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
                Ok(entry) => entry,
                Err(error) => {
                    walked.is_whole &= is_lasting(&error);
                    continue;
                }
            };
            if is_hidden(&path) {
                continue;
            }
            if !is_worth_a_look(&path, kind) {
                count(&mut walked.others, &path);
                continue;
            }
            if kind.is_symlink() && links == Links::KeptInside && leads_out(&path) {
                walked.n_links += 1;
                continue;
            }
            let facts = match fs::metadata(&path) {
                Ok(facts) => facts,
                Err(error) => {
                    walked.is_whole &= is_lasting(&error);
                    continue;
                }
            };
            if facts.is_dir() {
                if known.len() == max_files {
                    walked.is_cut = true;
                } else if known.insert((facts.dev(), facts.ino())) {
                    waiting.push(path);
                }
            } else if facts.is_file() && facts.len() >= MIN_BYTES && is_audio(&path) {
                if n_files == max_files {
                    return Walked { is_cut: true, ..walked };
                }
                n_files += 1;
                found(path, Look::of(&facts));
            }
        }
    }
    walked
}

/// Counts a file by its extension.
fn count(others: &mut BTreeMap<String, usize>, path: &Path) {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let kind = match extension {
        "" => "without extension".to_owned(),
        extension => format!(".{}", extension.chars().take(8).collect::<String>().to_ascii_lowercase()),
    };
    if others.len() < MAX_KINDS || others.contains_key(&kind) {
        *others.entry(kind).or_default() += 1;
    }
}

/// Whether an error says something of the tree, and not of the disk's present state.
fn is_lasting(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::NotADirectory
            | ErrorKind::InvalidFilename
    ) || error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Folders, links that may lead to some, and what is named like audio.
fn is_worth_a_look(path: &Path, kind: FileType) -> bool {
    kind.is_dir() || kind.is_symlink() || is_audio(path)
}

fn is_audio(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
}

/// What has been seen of one folder.
#[derive(Debug, Default)]
pub struct Library {
    seen: BTreeMap<Arc<Path>, Seen>,
    round: u64,
}

#[derive(Debug)]
struct Seen {
    look: Look,
    since: Timestamp,
    round: u64,
}

impl Library {
    /// Takes a file of this round; gives it back if it has stood still.
    ///
    /// A file whose last change is old enough counts at once.
    pub fn see(&mut self, path: PathBuf, look: Look, now: Timestamp) -> Option<Arc<Path>> {
        let known = self.seen.get_key_value(&*path).map(|(path, seen)| (Arc::clone(path), seen));
        let since = match &known {
            Some((_, seen)) if seen.look == look => seen.since,
            Some(_) => now,
            None => look.modified_at.min(now),
        };
        let path = known.map_or_else(|| path.into(), |(path, _)| path);
        self.seen.insert(Arc::clone(&path), Seen { look, since, round: self.round });
        (now.since(since) >= STILL_FOR).then_some(path)
    }

    /// Ends a round: forgets what was not seen in it, unless the walk could not see everything.
    pub fn end_round(&mut self, walked: &Walked) {
        if walked.is_whole {
            self.seen.retain(|_, seen| seen.round == self.round);
        }
        self.round += 1;
    }

    /// The files that have stood still, with their looks.
    pub fn still(&self, now: Timestamp) -> impl Iterator<Item = (&Arc<Path>, Look)> {
        self.seen
            .iter()
            .filter(move |(_, seen)| now.since(seen.since) >= STILL_FOR)
            .map(|(path, seen)| (path, seen.look))
    }

    /// The paths of the files that have stood still.
    pub fn counted(&self, now: Timestamp) -> BTreeSet<Arc<Path>> {
        self.still(now).map(|(path, _)| Arc::clone(path)).collect()
    }

    /// How many files were seen.
    pub fn n_seen(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    fn whole() -> Walked {
        Walked { n_folders: 1, is_whole: true, ..Walked::default() }
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + second * 1000)
    }

    fn counts(library: &mut Library, n_bytes: u64, modified: u64, now: u64) -> bool {
        let counted =
            library.see("a.mp3".into(), Look { n_bytes, modified_at: at(modified) }, at(now)).is_some();
        library.end_round(&whole());
        counted
    }

    #[test]
    fn a_file_counts_once_it_has_stood_still() {
        let mut library = Library::default();
        assert!(!counts(&mut library, 5000, 10, 10));
        assert!(!counts(&mut library, 9000, 11, 11));
        assert!(counts(&mut library, 9000, 11, 14));
        // Copied with its old time kept: only its size tells that it grows.
        assert!(!counts(&mut library, 9500, 1, 15));
        assert!(counts(&mut library, 9500, 1, 17));
    }

    #[test]
    fn what_is_gone_is_forgotten_unless_the_disk_failed() {
        let mut library = Library::default();
        assert!(counts(&mut library, 5000, 1, 10));
        library.end_round(&Walked { is_whole: false, ..whole() });
        assert_eq!(library.n_seen(), 1);
        library.end_round(&whole());
        assert_eq!(library.n_seen(), 0);
    }

    fn fill(folder: &Path, names: &[(&str, usize)]) {
        for (name, n_bytes) in names {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; *n_bytes]).unwrap();
        }
    }

    fn names(root: &Path, max_files: usize) -> (Vec<PathBuf>, Walked) {
        let mut found = Vec::new();
        let walked = walk(root, max_files, Links::KeptInside, |path, _| found.push(path));
        found.sort();
        (found, walked)
    }

    #[test]
    fn hidden_tiny_and_foreign_files_are_no_music() {
        let folder = tempfile::tempdir().unwrap();
        let files =
            [("a.MP3", 2000), (".b.mp3", 2000), ("c.mp3", 100), ("d.txt", 2000), ("Ж/歌🎵.flac", 2000)];
        fill(folder.path(), &files);
        let invalid = std::ffi::OsStr::from_bytes(b"\xff\xfe.wav");
        fs::write(folder.path().join(invalid), vec![0; 2000]).unwrap();
        assert_eq!(names(folder.path(), 100).0.len(), 3);
    }

    #[test]
    fn links_in_loops_are_walked_once() {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path(), &[("one/a.mp3", 2000), ("two/b.mp3", 2000)]);
        for (link, target) in
            [("one/up", ".."), ("one/down", "../two"), ("two/up", ".."), ("two/down", "../one")]
        {
            symlink(target, folder.path().join(link)).unwrap();
        }
        symlink("self", folder.path().join("self")).unwrap();
        let (found, walked) = names(folder.path(), 100);
        assert_eq!((found.len(), walked.n_folders, walked.is_whole), (2, 3, true), "{found:?}");
    }

    #[test]
    fn a_walk_takes_no_more_than_it_may() {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path(), &[("a.mp3", 2000), ("b.mp3", 2000), ("c/d.mp3", 2000)]);
        let (found, walked) = names(folder.path(), 2);
        assert_eq!((found.len(), walked.is_cut), (2, true));
        assert!(!names(folder.path(), 3).1.is_cut);
        assert_eq!(names(&folder.path().join("none"), 3).1.n_folders, 0);
    }

    #[test]
    fn links_out_of_the_folder_are_followed_only_if_that_is_asked_for() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fill(folder.path(), &[("a.mp3", 2000)]);
        fill(elsewhere.path(), &[("b.mp3", 2000), ("c/d.mp3", 2000)]);
        symlink(elsewhere.path().join("b.mp3"), folder.path().join("b.mp3")).unwrap();
        symlink(elsewhere.path().join("c"), folder.path().join("c")).unwrap();
        symlink(folder.path().join("a.mp3"), folder.path().join("same.mp3")).unwrap();
        let (found, walked) = names(folder.path(), 100);
        assert_eq!((found.len(), walked.n_links), (2, 2), "{found:?}");
        let mut n_found = 0;
        let walked = walk(folder.path(), 100, Links::Followed, |_, _| n_found += 1);
        assert_eq!((n_found, walked.n_links), (4, 0));
    }

    #[test]
    fn a_folder_without_audio_says_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let why = |path: &Path| names(path, 100).1.why_empty();
        assert_eq!(why(folder.path()), "no audio in the folder");
        fill(folder.path(), &[("a.wma", 2000), ("b.WMA", 2000), ("c.txt", 2000), ("d", 2000)]);
        let told = why(folder.path());
        assert!(told.starts_with("no audio in the folder, only 2 .wma, 1 "), "{told}");
        assert_eq!(why(&folder.path().join("none")), "the folder is missing");
        assert!(why(&folder.path().join("c.txt")).contains("a folder of audio is expected"));
        fill(folder.path(), &[("song.mp3", 2000)]);
        assert_eq!(names(&folder.path().join("song.mp3"), 100).0, [folder.path().join("song.mp3")]);
    }
}
