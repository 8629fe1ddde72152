//! In which order the files of a running service are copied, so that all that was acknowledged before is in the copy.
//!
//! A record goes from the spool to the database, and leaves the spool after that: so the spool is copied first, and what is
//! in both is one row in the end. The directory must not know of more than the two hold, or it would take a message for
//! said that is nowhere: it is copied before both. Files that it may need again are held open meanwhile.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::directory::Directory;
use super::spool::{self, dead, segment};
use super::store;

/// The directory in a data directory.
pub const DIRECTORY: &str = "directory.db";

/// Segments may be drained between two looks at the folder; nobody drains this often.
const ATTEMPTS: usize = 10;

/// A file to be copied, under its name in the data directory.
pub struct Piece {
    /// Its name.
    pub name: String,
    content: Content,
}

enum Content {
    Open(File),
    /// It may be gone by the time: then its records are in the database.
    Drained(PathBuf),
}

impl Piece {
    /// The file, unless it is needed no longer.
    pub fn open(self) -> io::Result<Option<(String, File)>> {
        match self.content {
            Content::Open(file) => Ok(Some((self.name, file))),
            Content::Drained(path) => Ok(open(&path)?.map(|file| (self.name, file))),
        }
    }
}

/// Copies the directory of a data directory to `directory`, and gives what is to be copied next, in order; the SQLite file,
/// which [`database`] names, comes after them. Without a spool there is nothing.
pub fn pieces(
    data_dir: &Path,
    directory: &Path,
    copy: impl Fn(&Path, &Path) -> Result<()>,
) -> Result<Option<Vec<Piece>>> {
    let folder = data_dir.join("spool");
    if !folder.is_dir() {
        return Ok(None);
    }
    for _ in 0..ATTEMPTS {
        let source = data_dir.join(DIRECTORY);
        let mut known = 0;
        if source.exists() {
            copy(&source, directory)?;
            let mut copied = Directory::open(directory)?;
            known = copied.position()?.segment;
            // What the database learns while it is copied is learned from it when the copy is started.
            copied.forget_learned()?;
        }
        let piece = |name: &str, content| Piece { name: format!("spool/{name}"), content };
        let mut found = Vec::new();
        // It may be older than what follows, but no record may be before it that is nowhere.
        if let Some(cursor) = open(&folder.join(spool::CURSOR))? {
            found.push(piece(spool::CURSOR, Content::Open(cursor)));
        }
        let numbers = segment::list(&folder)?;
        let (drained, held) = numbers.split_at(numbers.partition_point(|number| *number < known));
        // One that the copied directory does not know was drained meanwhile.
        if !held.iter().copied().eq((known..).take(held.len())) {
            continue;
        }
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for path in drained.iter().map(|number| segment::path(&folder, *number)) {
            found.push(piece(&name(&path), Content::Drained(path)));
        }
        let paths: Vec<PathBuf> = held.iter().map(|number| segment::path(&folder, *number)).collect();
        let files = paths.iter().map(|path| open(path)).collect::<io::Result<Option<Vec<File>>>>()?;
        let Some(files) = files else { continue };
        found.extend(paths.iter().zip(files).map(|(path, file)| piece(&name(path), Content::Open(file))));
        for name in [dead::FILE, dead::RETRIED] {
            if let Some(file) = open(&folder.join(name))? {
                found.push(piece(name, Content::Open(file)));
            }
        }
        return Ok(Some(found));
    }
    bail!("{}: the spool is drained too fast to be copied", folder.display())
}

/// The SQLite file of a data directory.
pub fn database(data_dir: &Path) -> PathBuf {
    store::file_in(data_dir)
}

/// Whether a running service has that data directory.
pub fn is_in_use(data_dir: &Path) -> bool {
    let lock = File::open(data_dir.join("spool").join(spool::LOCK));
    lock.is_ok_and(|lock| lock.try_lock().is_err())
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
