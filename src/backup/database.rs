//! Copies of SQLite files that a running server writes to, each as of one moment.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use ring::digest::{Context as Digest, SHA256};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::private;

/// A file that is checkpointed while it is read is read again so often.
const ATTEMPTS: usize = 100;

/// Whoever lets others in at all does so within this time.
const BUSY: Duration = Duration::from_millis(200);

/// Bytes at the head of a write-ahead log, which change when it begins anew.
const LOG_HEAD_BYTES: usize = 32;

/// Copies a database as of one moment.
///
/// One step of SQLite's backup holds one moment's state for all of it, and in WAL mode nobody who writes waits for it.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    private::prepare_database(to)?;
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    source.busy_timeout(BUSY)?;
    let mut copy = Connection::open(to)?;
    let step = Backup::new(&source, &mut copy)?.step(-1)?;
    drop(source);
    match step {
        StepResult::Done => {}
        // Rooms are kept by a process that lets nobody else in.
        StepResult::Busy | StepResult::Locked => {
            drop(copy);
            copy_locked(from, to)?;
            copy = Connection::open(to)?;
        }
        _ => bail!("{}: it was not copied to its end", from.display()),
    }
    // One file, that is whole without a log beside it.
    copy.pragma_update(None, "journal_mode", "delete")?;
    let verdict: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    ensure!(verdict == "ok", "{} is damaged: {verdict}", from.display());
    Ok(())
}

/// Copies a database whose process has locked others out: the file and its write-ahead log.
///
/// The file changes when the log is taken over into it, and the log begins anew only after that. So they are of one moment if
/// the file is the same before and after the log was read, and the log's head too. Its end may be torn: SQLite cuts it.
fn copy_locked(from: &Path, to: &Path) -> Result<()> {
    let log = beside(from, "-wal");
    for _ in 0..ATTEMPTS {
        let before = copy_file(from, to)?;
        let log_before = copy_log(&log, &beside(to, "-wal"))?;
        if read_head(&log)? == log_before && digest(File::open(from)?, io::sink())? == before {
            return Ok(());
        }
    }
    bail!("{}: it changes too fast to be copied", from.display())
}

fn copy_log(from: &Path, to: &Path) -> Result<Vec<u8>> {
    match copy_file(from, to) {
        Ok(_) => Ok(read_head(to)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let _ = fs::remove_file(to);
            Ok(Vec::new())
        }
        Err(error) => Err(error).context("a write-ahead log"),
    }
}

fn copy_file(from: &Path, to: &Path) -> io::Result<Vec<u8>> {
    let from = File::open(from)?;
    let to = private::open(to, File::options().create(true).write(true).truncate(true))?;
    digest(from, to)
}

/// Copies to `out`; gives the SHA-256.
fn digest(mut from: impl Read, mut out: impl io::Write) -> io::Result<Vec<u8>> {
    let mut digest = Digest::new(&SHA256);
    let mut piece = vec![0; 64 * 1024];
    loop {
        let n = from.read(&mut piece)?;
        if n == 0 {
            return Ok(digest.finish().as_ref().to_vec());
        }
        digest.update(&piece[..n]);
        out.write_all(&piece[..n])?;
    }
}

fn read_head(log: &Path) -> io::Result<Vec<u8>> {
    let mut head = vec![0; LOG_HEAD_BYTES];
    match File::open(log) {
        Ok(file) => {
            let n = file.read_at(&mut head, 0)?;
            head.truncate(n);
            Ok(head)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_written_to_is_copied_whether_others_are_let_in_or_not() {
        for mode in ["NORMAL", "EXCLUSIVE"] {
            let folder = tempfile::tempdir().unwrap();
            let (from, to) = (folder.path().join("a.db"), folder.path().join("b.db"));
            let database = Connection::open(&from).unwrap();
            let setup = format!(
                "PRAGMA locking_mode = {mode}; PRAGMA journal_mode = WAL; CREATE TABLE pairs (one INTEGER, two INTEGER);"
            );
            database.execute_batch(&setup).unwrap();
            let (tell, is_over) = std::sync::mpsc::channel::<()>();
            let writer = std::thread::spawn(move || {
                let mut n = 0_i64;
                while is_over.try_recv().is_err() {
                    let put = format!(
                        "BEGIN; INSERT INTO pairs VALUES ({n}, 0); UPDATE pairs SET two = {n}; COMMIT"
                    );
                    database.execute_batch(&put).unwrap();
                    n += 1;
                    if n % 200 == 0 {
                        database.execute_batch("DELETE FROM pairs").unwrap();
                    }
                }
            });
            for _ in 0..20 {
                copy(&from, &to).unwrap();
                let copied = Connection::open(&to).unwrap();
                // A transaction is in it as a whole or not at all.
                let torn = "SELECT COUNT(*) FROM pairs WHERE two <> (SELECT MAX(one) FROM pairs)";
                assert_eq!(copied.query_row(torn, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "{mode}");
                drop(copied);
                fs::remove_file(&to).unwrap();
            }
            tell.send(()).unwrap();
            writer.join().unwrap();
        }
    }
}
