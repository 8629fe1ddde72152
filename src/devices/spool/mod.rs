//! The spool: everything that happens is appended here, in order, before anybody is told of it.
//!
//! Appending never waits. A thread of its own writes what has gathered and syncs it, once for all of it, and then
//! says how far the disk is. Whoever drains the spool reads it from its files, so a backlog takes no memory.
//!
//! ```text
//! append --SequenceNumber--> pending --one write, one sync--> segments --cursor--> database
//! ```

pub mod dead;
pub mod reader;
pub(super) mod recovery;
pub mod segment;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail};
use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::directory::Directory;
use super::record::{Record, RecordId, SequenceNumber};
use crate::private;
use segment::{HEAD_BYTES, Position};

pub use recovery::Recovered;

/// How far the spool has been drained stands in this file.
pub const CURSOR: &str = "cursor.json";

/// The file that a running program has locked.
pub const LOCK: &str = "lock";

/// How much the spool may hold, and in which pieces.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of segments on disk.
    pub max_bytes: u64,
    /// Bytes of one segment.
    pub segment_bytes: u64,
}

/// The end that is written to, and the way to look inside.
#[derive(Clone)]
pub struct Spool {
    shared: Arc<Shared>,
}

/// What the writer and everybody else have in common.
struct Shared {
    folder: PathBuf,
    run: [u8; 8],
    pending: Mutex<Pending>,
    wake: Condvar,
    /// The last record on disk.
    written: watch::Sender<SequenceNumber>,
    /// The last record that lookups know of.
    known: AtomicU64,
    /// Where the next record on disk begins.
    end: Mutex<Position>,
    /// Bytes that are allocated and neither written nor promised.
    free_bytes: AtomicU64,
    /// Bytes of all segments.
    used_bytes: AtomicU64,
    /// Records on disk that have not been drained.
    backlog: AtomicU64,
    /// Whether the last write to the spool failed.
    is_failing: AtomicBool,
    /// Whether the last write to the directory failed.
    directory_is_failing: AtomicBool,
    /// Whether the database takes no more, however long one waits.
    database_is_full: AtomicBool,
    /// The length of the dead letters' file when they were counted, and their number.
    letters: Mutex<(u64, u64)>,
    /// Segments before this one have been drained.
    drained_segment: AtomicU64,
    /// Records that an earlier version has struck out: they are not to be drained.
    revoked: Mutex<HashSet<RecordId>>,
    /// Two programs must not write to one spool.
    _lock: Lock,
}

/// What waits to be written.
#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    /// Where each record ends in `bytes`.
    ends: Vec<usize>,
    last: SequenceNumber,
    for_directory: Vec<Record>,
    is_closed: bool,
}

/// How the spool stands.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Status {
    /// Records that have not been drained.
    pub records: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Records that were set aside, with the reason.
    pub dead_letters: u64,
    /// Whether records are taken.
    pub takes_writes: bool,
}

impl Spool {
    /// Opens a spool, mends what a crash left behind, and starts its thread.
    ///
    /// `run` is the random name of this run of the program, and the process waits for `token`.
    ///
    /// # Errors
    /// The folder cannot be read or written to.
    pub fn open(
        folder: &Path,
        run: [u8; 8],
        limits: Limits,
        mut directory: Directory,
        lock: Lock,
        token: TaskTrackerToken,
    ) -> Result<(Self, Recovered)> {
        let (writer, recovered) = writer::Writer::recover(folder, limits, &mut directory)?;
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            run,
            pending: Mutex::default(),
            wake: Condvar::new(),
            written: watch::channel(0).0,
            known: AtomicU64::new(0),
            end: Mutex::new(writer.end()),
            free_bytes: AtomicU64::new(writer.free_bytes()),
            used_bytes: AtomicU64::new(writer.used_bytes()),
            backlog: AtomicU64::new(recovered.n_records),
            is_failing: AtomicBool::new(false),
            directory_is_failing: AtomicBool::new(false),
            database_is_full: AtomicBool::new(false),
            letters: Mutex::default(),
            drained_segment: AtomicU64::new(0),
            revoked: Mutex::new(recovered.revoked.clone()),
            _lock: lock,
        });
        let of_thread = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("spool".into())
            .spawn(move || {
                writer.run(&of_thread, directory);
                // Whoever waits for the end finds the folder free.
                drop(of_thread);
                drop(token);
            })
            .context("the spool's thread")?;
        Ok((Self { shared }, recovered))
    }

    /// Takes a record under a new name; it is on disk once [`Self::written`] has come to its sequence.
    pub fn append(&self, record: Record) -> SequenceNumber {
        self.append_as(None, record)
    }

    /// Takes a record under the name that it has on all nodes.
    pub fn append_as(&self, id: Option<RecordId>, record: Record) -> SequenceNumber {
        let payload = record.to_bytes();
        let mut pending = self.shared.pending.lock();
        pending.last += 1;
        let sequence = pending.last;
        let before = pending.bytes.len();
        let id = record.own_id().or(id).unwrap_or_else(|| RecordId::new(self.shared.run, sequence));
        segment::put(&mut pending.bytes, id, &payload);
        let end = pending.bytes.len();
        pending.ends.push(end);
        if record.concerns_directory() {
            pending.for_directory.push(record);
        }
        drop(pending);
        self.shared.take_free((end - before) as u64);
        self.shared.wake.notify_one();
        sequence
    }

    /// Whether a message of so many bytes can be kept for sure.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.refusal(bytes).is_none()
    }

    /// Why no message is taken, and what to do about it; `None` while messages are taken.
    pub fn problem(&self) -> Option<&'static str> {
        self.refusal(0)
    }

    fn refusal(&self, bytes: usize) -> Option<&'static str> {
        /// Whatever a message is kept with: names, keys, escapes, and the small records around it.
        const OVERHEAD: usize = HEAD_BYTES + 4096;
        let needed = (bytes * 2 + OVERHEAD) as u64;
        let is_set = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        if is_set(&self.shared.is_failing) {
            Some("the spool cannot be written: look at the disk of data_dir")
        } else if is_set(&self.shared.directory_is_failing) {
            Some("the directory of rooms and devices cannot be written: look at the disk of data_dir")
        } else if is_set(&self.shared.database_is_full) {
            Some(
                "the database takes no more: delete rows, raise database_max_bytes, or make room on its disk",
            )
        } else if self.shared.free_bytes.load(Ordering::Relaxed) < needed {
            Some("the spool takes no more: the database is away or slow, or the disk is full")
        } else {
            None
        }
    }

    /// Takes note of whether the database has room for more. What it has no room for would only pile up here.
    pub fn note_database(&self, is_full: bool) {
        self.shared.database_is_full.store(is_full, Ordering::Relaxed);
    }

    /// Changes with every sync: the last record on disk.
    pub fn written(&self) -> watch::Receiver<SequenceNumber> {
        self.shared.written.subscribe()
    }

    /// The last record that the directory knows of.
    pub fn known(&self) -> SequenceNumber {
        self.shared.known.load(Ordering::Acquire)
    }

    /// Up to where it may be drained.
    pub fn end(&self) -> Position {
        *self.shared.end.lock()
    }

    /// Whether a record was revoked.
    pub fn was_revoked(&self, record: RecordId) -> bool {
        let revoked = self.shared.revoked.lock();
        !revoked.is_empty() && revoked.contains(&record)
    }

    /// Those have been passed over: what comes later under the same ids holds.
    pub fn forget_revoked(&self, records: &HashSet<RecordId>) {
        if !records.is_empty() {
            self.shared.revoked.lock().retain(|record| !records.contains(record));
        }
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// Takes note that the records up to `cursor` are in the database; gives their segments back.
    pub fn drained(&self, cursor: Position, n_records: u64) {
        save_cursor(&self.shared.folder, cursor);
        self.shared.drained_segment.store(cursor.segment, Ordering::Relaxed);
        let less = |backlog: u64| Some(backlog.saturating_sub(n_records));
        let _ = self.shared.backlog.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        self.shared.wake.notify_one();
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        Status {
            records: self.shared.backlog.load(Ordering::Relaxed),
            bytes: self.shared.used_bytes.load(Ordering::Relaxed),
            dead_letters: self.dead_letters(),
            takes_writes: self.has_room(0),
        }
    }

    /// Counts them anew when there are more, or fewer.
    fn dead_letters(&self) -> u64 {
        let length = dead::length(&self.shared.folder);
        let mut known = self.shared.letters.lock();
        if known.0 != length {
            *known = (length, dead::count(&self.shared.folder));
        }
        known.1
    }

    /// Whether it is closed and everything in it has been drained.
    pub fn is_over(&self) -> bool {
        let pending = self.shared.pending.lock();
        pending.is_closed && pending.last == *self.shared.written.borrow()
    }

    /// Writes what is left and ends the thread.
    pub fn close(&self) {
        self.shared.pending.lock().is_closed = true;
        self.shared.wake.notify_one();
    }
}

impl Shared {
    fn take_free(&self, bytes: u64) {
        let free = self.free_bytes.load(Ordering::Relaxed);
        self.free_bytes.store(free.saturating_sub(bytes), Ordering::Relaxed);
    }
}

/// The right to write to a folder.
pub struct Lock {
    _file: File,
}

/// Takes a folder for this program alone.
///
/// # Errors
/// Another program has it, or a newer version of this one has written to it.
pub fn lock(folder: &Path) -> Result<Lock> {
    let path = folder.join(LOCK);
    let file = private::open(&path, OpenOptions::new().create(true).write(true))
        .with_context(|| format!("{}: cannot be written", path.display()))?;
    if file.try_lock().is_err() {
        bail!("{}: another roomhub has this spool open; give each its own --data-dir", folder.display());
    }
    recovery::check_that_all_are_known(folder, load_cursor(folder))?;
    Ok(Lock { _file: file })
}

/// Where draining goes on.
pub fn load_cursor(folder: &Path) -> Position {
    let text = fs::read_to_string(folder.join(CURSOR)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// A lost cursor costs time alone: records that come to the database twice are kept once.
fn save_cursor(folder: &Path, cursor: Position) {
    let fresh = folder.join("cursor.new");
    let text = serde_json::to_string(&cursor).expect("two numbers are written as they are");
    if private::write(&fresh, text.as_bytes()).and_then(|()| fs::rename(&fresh, folder.join(CURSOR))).is_err()
    {
        tracing::debug!("the spool's cursor could not be written");
    }
}
