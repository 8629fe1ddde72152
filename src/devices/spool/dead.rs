//! Dead letters: records that the database refused, one a line, with the reason, to be mended by hand.
//!
//! `retry` puts them in a file of its own, by a rename; the running server, or the next one, takes it from there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::devices::record::{Record, RecordId};
use crate::private;
use crate::time::Timestamp;

/// Where the letters are.
pub const FILE: &str = "dead-letters.jsonl";

/// Where letters are that go back to the database.
pub const RETRIED: &str = "retried-letters.jsonl";

/// A record that the database refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its name in the spool.
    pub id: RecordId,
    /// When it was refused.
    pub refused_at: String,
    /// What the database said.
    pub reason: String,
    /// What there was to be written.
    pub record: Record,
}

/// Adds a letter, and has it on disk.
pub fn add(folder: &Path, id: RecordId, record: Record, reason: &str, now: Timestamp) -> io::Result<()> {
    let letter = DeadLetter { id, refused_at: now.to_string(), reason: reason.to_owned(), record };
    let mut line = serde_json::to_string(&letter).expect("a letter has string keys");
    line.push('\n');
    let path = folder.join(FILE);
    let mut file = private::open(&path, OpenOptions::new().create(true).read(true).append(true))?;
    let length = file.metadata()?.len();
    // A line that a crash has cut must not take this one with it.
    if length > 0 && !ends_line(&file, length)? {
        line.insert(0, '\n');
    }
    file.write_all(line.as_bytes()).and_then(|()| file.sync_data()).inspect_err(|_| {
        // The next attempt begins at the same place; if that fails too, the line is there twice, which does no harm.
        let _ = file.set_len(length);
    })
}

fn ends_line(file: &File, length: u64) -> io::Result<bool> {
    let mut last = [0];
    file.read_exact_at(&mut last, length - 1)?;
    Ok(last == *b"\n")
}

/// Bytes of all letters.
pub fn length(folder: &Path) -> u64 {
    fs::metadata(folder.join(FILE)).map_or(0, |metadata| metadata.len())
}

/// How many letters there are.
pub fn count(folder: &Path) -> u64 {
    let text = fs::read(folder.join(FILE)).unwrap_or_default();
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64
}

/// The letters, and the lines that are none.
pub fn read(path: &Path) -> io::Result<(Vec<DeadLetter>, Vec<String>)> {
    let (mut letters, mut others) = (Vec::new(), Vec::new());
    for line in fs::read_to_string(path)?.lines().filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(letter) => letters.push(letter),
            Err(problem) => others.push(format!("{problem}: {line}")),
        }
    }
    Ok((letters, others))
}

/// Puts all letters back; gives their number.
///
/// # Errors
/// There are none, some cannot be read, or the last ones to be put back have not been taken yet.
pub fn retry(folder: &Path) -> io::Result<usize> {
    let path = folder.join(FILE);
    let (letters, others) = read(&path)?;
    if let Some(problem) = others.first() {
        return Err(unreadable(&path, problem));
    }
    if folder.join(RETRIED).exists() {
        return Err(io::Error::other(
            "the letters put back before have not been taken yet; start the server",
        ));
    }
    fs::rename(path, folder.join(RETRIED))?;
    Ok(letters.len())
}

/// The letters that were put back, for whoever drains.
///
/// # Errors
/// The file cannot be read, or holds a line that is no letter this version knows.
pub fn retried(folder: &Path) -> io::Result<Vec<DeadLetter>> {
    let path = folder.join(RETRIED);
    match read(&path) {
        Ok((letters, others)) => match others.first() {
            None => Ok(letters),
            Some(problem) => Err(unreadable(&path, problem)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn unreadable(path: &Path, problem: &str) -> io::Error {
    io::Error::other(format!("{}: a line cannot be read, mend or delete it: {problem}", path.display()))
}

/// The letters that were put back are where they belong.
pub fn forget_retried(folder: &Path) -> io::Result<()> {
    fs::remove_file(folder.join(RETRIED))
}
