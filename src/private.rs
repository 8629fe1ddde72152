//! Files and folders that only their owner may read: they hold what people said to each other, and keys.
//!
//! The mode is set when a file is made, whatever the umask is, and a file that others could read is tightened when it
//! is opened. A folder is tightened only if this program fills it alone: others may live in the rest.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// The mode of files.
const FILE_MODE: u32 = 0o600;

/// The mode of folders.
const FOLDER_MODE: u32 = 0o700;

/// What SQLite keeps beside a database. It makes these files with the mode of the database.
const BESIDE_DATABASES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Makes a folder and those above it. One that is there stays as it is.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)
}

/// Makes a folder that belongs to this program alone; one that is there is tightened with all that is in it.
pub fn make_own_folder(path: &Path) -> io::Result<()> {
    make_folder(path)?;
    tighten(path);
    for entry in path.read_dir()? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => make_own_folder(&entry.path())?,
            kind if kind.is_file() => tighten(&entry.path()),
            _ => {}
        }
    }
    Ok(())
}

/// Opens a file, and makes it if the options say so.
pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = options.mode(FILE_MODE).open(path)?;
    tighten(path);
    Ok(file)
}

/// Opens a file to write behind its end.
pub fn append_to(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().create(true).append(true))
}

/// Writes a whole file.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    open(path, OpenOptions::new().create(true).write(true).truncate(true))?.write_all(bytes)
}

/// Gives a file that takes another one's place to that one's owner, where that is possible: root may make it.
pub fn give_to_owner_of(path: &Path, fresh: &Path) {
    if let Ok(metadata) = fs::metadata(path) {
        let _ = chown(fresh, Some(metadata.uid()), Some(metadata.gid()));
    }
}

/// Makes an empty database, or tightens the one that is there, before SQLite opens it.
pub fn prepare_database(path: &Path) -> io::Result<()> {
    append_to(path)?;
    for suffix in BESIDE_DATABASES {
        let mut beside = OsString::from(path);
        beside.push(suffix);
        tighten(&PathBuf::from(beside));
    }
    Ok(())
}

/// Takes the rights of others away, where that is possible: a file of another owner was opened to us on purpose.
pub fn tighten(path: &Path) {
    let Ok(metadata) = fs::metadata(path) else { return };
    let mode = metadata.mode() & 0o7777;
    if (metadata.is_file() || metadata.is_dir()) && mode & !FOLDER_MODE != 0 {
        let _ = fs::set_permissions(path, Permissions::from_mode(mode & FOLDER_MODE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn leave_open(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_made_is_its_owners_alone_and_what_was_open_to_others_is_tightened() {
        let root = tempfile::tempdir().unwrap();
        leave_open(root.path(), 0o755);
        let folder = root.path().join("a/b");
        make_own_folder(&folder).unwrap();
        assert_eq!((mode(&root.path().join("a")), mode(&folder)), (0o700, 0o700));
        let file = folder.join("file");
        fs::write(&file, "old").unwrap();
        leave_open(&file, 0o664);
        leave_open(&folder, 0o775);
        make_own_folder(&folder).unwrap();
        assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
        assert_eq!(mode(root.path()), 0o755, "a folder that was there before is not ours");

        let written = folder.join("written");
        write(&written, b"one").unwrap();
        append_to(&written).unwrap().write_all(b"two").unwrap();
        assert_eq!((mode(&written), fs::read(&written).unwrap()), (0o600, b"onetwo".to_vec()));
    }

    #[test]
    fn a_database_and_what_sqlite_keeps_beside_it_are_tightened() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x.db");
        let beside = root.path().join("x.db-wal");
        fs::write(&beside, "").unwrap();
        leave_open(&beside, 0o644);
        prepare_database(&path).unwrap();
        assert_eq!((mode(&path), mode(&beside)), (0o600, 0o600));
    }

    #[test]
    fn what_is_no_file_keeps_its_mode() {
        let before = mode(Path::new("/dev/null"));
        append_to(Path::new("/dev/null")).unwrap();
        assert_eq!(mode(Path::new("/dev/null")), before);
    }
}
