//! Walks a folder for files of certain kinds, by extension.
//!
//! Each file is reported as it is found, so that the first can play before the last is found. A walk ends on any tree:
//! folders are known by device and inode, so that links into loops are walked once.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs::{self, FileType};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::file_stamp::FileStamp;

/// Smaller files hold no music and no film.
const MIN_BYTES: u64 = 1024;

/// The problem with a root that may not be read.
const UNREADABLE: &str = "no permission to read the folder";

/// Extensions that are counted separately where a folder holds no audio.
const MAX_EXTENSIONS: usize = 20;

/// Which symbolic links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPolicy {
    /// All of them.
    Follow,
    /// Only those to targets within the folder itself.
    StayInside,
}

/// The result of a walk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WalkReport {
    /// Why the root could not be walked.
    pub problem: Option<&'static str>,
    /// Folders without permission.
    pub n_unreadable: usize,
    /// Links out of the root that were not followed.
    pub n_links: usize,
    /// Files of other kinds, by extension.
    pub other_files: BTreeMap<String, usize>,
    /// Folders that were read.
    pub n_folders: usize,
    /// Whether the whole tree was seen; a failing disk may hide files.
    pub is_complete: bool,
    /// Whether there were more files or folders than the limit.
    pub is_truncated: bool,
}

impl WalkReport {
    /// Why no audio was found.
    pub fn why_empty(&self) -> String {
        if let Some(problem) = self.problem {
            return problem.to_owned();
        }
        let mut text = String::from("no audio in the folder");
        let mut others: Vec<_> = self.other_files.iter().collect();
        others.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
        for (at, (extension, n)) in others.into_iter().take(3).enumerate() {
            let _ = write!(text, "{} {n} {extension}", if at == 0 { ", only" } else { "," });
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

/// Reports every file below a folder that has one of these extensions: at most `max_files`, in at most as many folders.
/// A root that is a file is reported itself.
///
/// What cannot be read is left out.
pub fn walk(
    root: &Path,
    extensions: &[&str],
    max_files: usize,
    links: LinkPolicy,
    mut found: impl FnMut(PathBuf, FileStamp),
) -> WalkReport {
    let mut report = WalkReport { is_complete: true, ..WalkReport::default() };
    let mut known = HashSet::new();
    let mut waiting = Vec::new();
    let mut n_files = 0;
    match fs::metadata(root) {
        Ok(metadata) if metadata.is_dir() => {
            known.insert((metadata.dev(), metadata.ino()));
            waiting.push(root.to_owned());
        }
        Ok(metadata) if metadata.is_file() && has_extension(root, extensions) => {
            found(root.to_owned(), FileStamp::of(&metadata));
        }
        Ok(_) => report.problem = Some("a folder of audio is expected, and this is a file of another kind"),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => report.problem = Some(UNREADABLE),
        Err(error) => {
            report.is_complete = is_permanent(&error);
            report.problem = Some("the folder is missing");
        }
    }
    let inside = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let leads_out = |path: &Path| fs::canonicalize(path).is_ok_and(|target| !target.starts_with(&inside));
    while let Some(folder) = waiting.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                report.is_complete &= is_permanent(&error);
                if error.kind() == ErrorKind::PermissionDenied {
                    report.n_unreadable += 1;
                    report.problem = report.problem.or_else(|| (folder == root).then_some(UNREADABLE));
                }
                continue;
            }
        };
        report.n_folders += 1;
        for entry in entries {
            let (path, file_type) = match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
                Ok(entry) => entry,
                Err(error) => {
                    report.is_complete &= is_permanent(&error);
                    continue;
                }
            };
            if is_hidden(&path) {
                continue;
            }
            if !is_candidate(&path, file_type, extensions) {
                count(&mut report.other_files, &path);
                continue;
            }
            if file_type.is_symlink() && links == LinkPolicy::StayInside && leads_out(&path) {
                report.n_links += 1;
                continue;
            }
            let metadata = match fs::metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) => {
                    report.is_complete &= is_permanent(&error);
                    continue;
                }
            };
            if metadata.is_dir() {
                if known.len() == max_files {
                    report.is_truncated = true;
                } else if known.insert((metadata.dev(), metadata.ino())) {
                    waiting.push(path);
                }
            } else if metadata.is_file() && metadata.len() >= MIN_BYTES && has_extension(&path, extensions) {
                if n_files == max_files {
                    return WalkReport { is_truncated: true, ..report };
                }
                n_files += 1;
                found(path, FileStamp::of(&metadata));
            }
        }
    }
    report
}

/// Counts a file by its extension.
fn count(others: &mut BTreeMap<String, usize>, path: &Path) {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let label = match extension {
        "" => "without extension".to_owned(),
        extension => format!(".{}", extension.chars().take(8).collect::<String>().to_ascii_lowercase()),
    };
    if others.len() < MAX_EXTENSIONS || others.contains_key(&label) {
        *others.entry(label).or_default() += 1;
    }
}

/// Whether an error is a property of the tree, and not of the present state of the disk.
fn is_permanent(error: &io::Error) -> bool {
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

/// Folders, links that may lead to folders, and files with one of the extensions.
fn is_candidate(path: &Path, file_type: FileType, extensions: &[&str]) -> bool {
    file_type.is_dir() || file_type.is_symlink() || has_extension(path, extensions)
}

/// Whether a file has one of these extensions, in whatever case.
pub fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    extensions.iter().any(|known| known.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    const EXTENSIONS: [&str; 3] = ["mp3", "wav", "flac"];

    fn fill(folder: &Path, names: &[(&str, usize)]) {
        for (name, n_bytes) in names {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; *n_bytes]).unwrap();
        }
    }

    fn names(root: &Path, max_files: usize) -> (Vec<PathBuf>, WalkReport) {
        let mut found = Vec::new();
        let report = walk(root, &EXTENSIONS, max_files, LinkPolicy::StayInside, |path, _| found.push(path));
        found.sort();
        (found, report)
    }

    #[test]
    fn hidden_tiny_and_other_files_are_not_audio() {
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
        let (found, report) = names(folder.path(), 100);
        assert_eq!((found.len(), report.n_folders, report.is_complete), (2, 3, true), "{found:?}");
    }

    #[test]
    fn a_walk_stops_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path(), &[("a.mp3", 2000), ("b.mp3", 2000), ("c/d.mp3", 2000)]);
        let (found, report) = names(folder.path(), 2);
        assert_eq!((found.len(), report.is_truncated), (2, true));
        assert!(!names(folder.path(), 3).1.is_truncated);
        assert_eq!(names(&folder.path().join("none"), 3).1.n_folders, 0);
    }

    #[test]
    fn links_out_of_the_folder_are_followed_only_on_request() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fill(folder.path(), &[("a.mp3", 2000)]);
        fill(elsewhere.path(), &[("b.mp3", 2000), ("c/d.mp3", 2000)]);
        symlink(elsewhere.path().join("b.mp3"), folder.path().join("b.mp3")).unwrap();
        symlink(elsewhere.path().join("c"), folder.path().join("c")).unwrap();
        symlink(folder.path().join("a.mp3"), folder.path().join("same.mp3")).unwrap();
        let (found, report) = names(folder.path(), 100);
        assert_eq!((found.len(), report.n_links), (2, 2), "{found:?}");
        let mut n_found = 0;
        let report = walk(folder.path(), &EXTENSIONS, 100, LinkPolicy::Follow, |_, _| n_found += 1);
        assert_eq!((n_found, report.n_links), (4, 0));
    }

    #[test]
    fn a_folder_without_audio_says_what_it_contains() {
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
