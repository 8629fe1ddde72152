//! What recordings there are, in memory: nobody who asks for a list has the disk read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::Serialize;

use super::format::Header;
use super::names::{Owner, RecordingId};

/// A recording, as far as it is known without its lines.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its first line.
    pub header: Header,
    /// Bytes of that line.
    pub header_bytes: u64,
    /// Bytes of the file, up to the end of its last whole line.
    pub n_bytes: u64,
    /// The number of the line that comes next.
    pub next: u64,
    /// When the last line was, in seconds since the beginning.
    pub seconds: f64,
    /// Whether lines are expected.
    pub is_running: bool,
}

impl Known {
    /// Whether nothing can follow: a room that came back after a restart may go on with what it recorded.
    fn has_ended(&self) -> bool {
        self.next == u64::MAX
    }

    /// When the last line was, by the wall clock, in milliseconds.
    pub fn ended_at(&self) -> u64 {
        self.header.started_at.saturating_add((self.seconds * 1000.0) as u64)
    }
}

/// What an owner is told of a recording.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    id: RecordingId,
    room: String,
    started_at: u64,
    seconds: f64,
    bytes: u64,
    with_chat: bool,
    is_running: bool,
}

/// All recordings of a service.
pub struct Catalogue {
    folder: PathBuf,
    known: Mutex<BTreeMap<RecordingId, Known>>,
}

impl Catalogue {
    /// None yet, in that folder.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), known: Mutex::default() }
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of a recording.
    pub fn path(&self, id: RecordingId) -> PathBuf {
        self.folder.join(format!("{id}.jsonl"))
    }

    /// What somebody owns, the latest first.
    pub fn list(&self, owner: Owner) -> Vec<Listed> {
        let known = self.known.lock();
        let own = known.values().filter(|known| known.header.owner == Some(owner));
        let mut listed: Vec<Listed> = own
            .map(|known| Listed {
                id: known.header.id,
                room: known.header.room.clone(),
                started_at: known.header.started_at,
                seconds: known.seconds,
                bytes: known.n_bytes,
                with_chat: known.header.with_chat,
                is_running: known.is_running,
            })
            .collect();
        listed.sort_by_key(|listed| std::cmp::Reverse(listed.started_at));
        listed
    }

    /// A recording.
    pub fn find(&self, id: RecordingId) -> Option<Known> {
        self.known.lock().get(&id).cloned()
    }

    /// All of them.
    pub fn all(&self) -> Vec<Known> {
        self.known.lock().values().cloned().collect()
    }

    /// Notes a recording as it is now.
    pub fn put(&self, known: Known) {
        self.known.lock().insert(known.header.id, known);
    }

    /// Forgets a recording.
    pub fn remove(&self, id: RecordingId) {
        self.known.lock().remove(&id);
    }

    /// How many there are, and their bytes.
    pub fn size(&self) -> (usize, u64) {
        let known = self.known.lock();
        (known.len(), known.values().map(|known| known.n_bytes).sum())
    }

    /// Recordings that have ended, and whose last line was before that moment.
    pub fn older_than(&self, wall_ms: u64) -> Vec<RecordingId> {
        let known = self.known.lock();
        let old = known.values().filter(|known| known.has_ended() && known.ended_at() < wall_ms);
        old.map(|known| known.header.id).collect()
    }
}
