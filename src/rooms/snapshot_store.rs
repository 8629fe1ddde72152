//! Rooms on disk: a small SQLite database that holds each room as its rules know it, so that rooms survive a restart.
//!
//! Written about once a second, only rooms that changed, by a thread of its own; what a crash may cost is that second.
//! Rooms go by a clock that never jumps, and which may be wrong by days: the system's may have been when it started. So it
//! stands in the file what that clock and the system's said at once, and the next process goes on from there.
//!
//! Whoever can read the file can read what rooms keep secret, so it is its owner's alone.

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tracing::{debug, error, warn};

use super::Hub;
use crate::config::Findings;
use crate::control::Reports;
use crate::private;
use crate::random;
use crate::runtime::{Clock, Context};
use crate::time::{Timestamp, WallOffset};

/// Bytes of the secret that a service's rooms share, which must live as long as they do.
const SEED_BYTES: usize = 32;

/// The secret of a service's rooms.
pub type Seed = [u8; SEED_BYTES];

/// The version of the tables, in `user_version`; 0 is what came before versions, with the tables of 1.
const VERSION: u32 = 1;

/// Creates what is not there yet.
const SCHEMA: &str = "
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS rooms (id TEXT PRIMARY KEY, room TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, secret BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY CHECK (id = 1), wall INTEGER NOT NULL, steady INTEGER NOT NULL);
";

/// Rooms are turned into text in pieces of so many bytes, between which members have their turns: a thousand rooms at once
/// would make them wait for milliseconds.
const PIECE_BYTES: usize = 64 * 1024;

/// How much less urgent than members the thread is that writes.
const NICENESS: i32 = 10;

/// `[rooms]`: whether rooms survive a restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether rooms are kept on disk, so that a restart finds them again.
    pub persist: bool,
    /// Where they are kept.
    pub data_dir: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self { persist: true, data_dir: "./data".into() }
    }
}

impl Config {
    /// Checks what the types do not.
    pub fn validate(&self, findings: &mut Findings) {
        if self.data_dir.as_os_str().is_empty() {
            findings.add("rooms.data_dir", "the path of a directory is expected");
        }
    }
}

/// A service's rooms on disk.
pub struct SnapshotStore {
    /// The secret of its rooms, as old as the first of them.
    pub seed: Seed,
    /// The clock that they go by.
    pub clock: Clock,
    service: &'static str,
    found: Found,
    /// Changed rooms that have yet to be turned into text, and those that have been.
    changed: Vec<String>,
    texts: Vec<Write>,
    /// Persons who are taken out with the next batch.
    forgotten: Vec<Forgotten>,
    /// What was last written of the clock.
    offset: WallOffset,
    writer: Sender<Batch>,
    is_writing: Arc<AtomicBool>,
}

/// Rooms as they were, by name.
type Found = Vec<(String, String)>;

/// The file of rooms, as reports name it.
pub const ROOMS_FILE: &str = "rooms_file";

/// A person whom the rules have taken out of rooms, and where it is told that the file has forgotten it too.
type Forgotten = (String, Reports);

/// A room as it is now, or `None` for a room that is gone.
type Write = (String, Option<String>);

/// What is written at once.
struct Batch {
    rooms: Vec<Write>,
    moment: Moment,
    forgotten: Vec<Forgotten>,
}

/// What the clock of rooms and the system's said at once.
#[derive(Debug, Clone, Copy)]
struct Moment {
    wall: Timestamp,
    steady: Timestamp,
}

/// Whether there will be another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    /// There will.
    Soon,
    /// The process stops.
    Last,
}

impl SnapshotStore {
    /// Opens a service's rooms, as they were when the process before this one ended.
    pub fn open(service: &'static str, config: &Config, context: &Context) -> Result<Self> {
        let path = config.data_dir.join(format!("{service}.rooms.db"));
        let (connection, seed, found, moment) = open(&config.data_dir, &path)
            .with_context(|| format!("rooms cannot be kept in {}", path.display()))?;
        // Without rooms it is of no concern what time they would have.
        let clock = moment
            .filter(|_| !found.is_empty())
            .map_or(context.clock, |moment| context.clock.continuing(moment.wall, moment.steady));
        let (writer, batches) = channel();
        let is_writing = Arc::new(AtomicBool::new(false));
        let state = Arc::clone(&is_writing);
        let (ended, end) = oneshot::channel::<()>();
        // A thread of its own, for its urgency is too.
        thread::Builder::new().name("rooms".to_owned()).spawn(move || {
            write_all(service, connection, &batches, &state);
            drop(ended);
        })?;
        // A process that stops waits for what is being written.
        context.spawn(async move {
            let _ = end.await;
        });
        let offset = moment.map(|moment| WallOffset::between(moment.wall, moment.steady)).unwrap_or_default();
        let (changed, texts, forgotten) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { seed, clock, service, found, changed, texts, forgotten, offset, writer, is_writing })
    }

    /// Puts the rooms back that were found; all their members are gone and waited for.
    pub fn restore<H: Hub>(&mut self, hub: &mut H, now: Timestamp) {
        let mut n_restored = 0;
        for (id, text) in mem::take(&mut self.found) {
            let room = serde_json::from_str::<H::Room>(&text);
            let (Some(id), Ok(room)) = (H::room_id(&id), room) else {
                warn!(service = self.service, room = id, "a room on disk cannot be read: left out");
                continue;
            };
            take_over(hub, &id, room, now);
            n_restored += 1;
        }
        debug!(service = self.service, rooms = n_restored, "rooms of the last run are back");
        hub.rooms().note_changes();
    }

    /// Takes the next piece of what has changed, and hands it all over with the last one; says whether there is another piece.
    pub fn keep<H: Hub>(&mut self, hub: &mut H, flush: Flush) -> bool {
        let rooms = hub.rooms();
        if self.changed.is_empty() || flush == Flush::Last {
            if flush == Flush::Soon && self.is_writing.load(Ordering::Acquire) {
                return false;
            }
            self.changed.extend(rooms.changes().into_iter().map(|id| id.to_string()));
        }
        let mut n_bytes = 0;
        while let Some(name) = self.changed.pop() {
            let room = H::room_id(&name).and_then(|id| rooms.get(&id));
            let text = room.map(|room| serde_json::to_string(room).expect("a room is plain data"));
            n_bytes += text.as_ref().map_or(0, String::len);
            self.texts.push((name, text));
            if flush == Flush::Soon && n_bytes > PIECE_BYTES && !self.changed.is_empty() {
                return true;
            }
        }
        let has_clock_moved = self.offset != self.clock.offset();
        let is_due = !self.texts.is_empty() || !self.forgotten.is_empty() || has_clock_moved;
        if is_due || flush == Flush::Last {
            self.is_writing.store(true, Ordering::Release);
            self.offset = self.clock.offset();
            let moment = Moment { wall: self.clock.wall(), steady: self.clock.now() };
            // The thread ends with this store alone.
            let (rooms, forgotten) = (mem::take(&mut self.texts), mem::take(&mut self.forgotten));
            let _ = self.writer.send(Batch { rooms, moment, forgotten });
        }
        false
    }

    /// A person has been taken out of rooms: with the next batch, the file is made anew without what it said before.
    pub fn forget(&mut self, name: &str, reports: &Reports) {
        self.forgotten.push((name.to_owned(), reports.clone()));
    }
}

/// Takes a room over whose members are all gone, with the process that they were connected to.
pub fn take_over<H: Hub>(hub: &mut H, id: &H::RoomId, room: H::Room, now: Timestamp) {
    let occupants = H::occupants(&room);
    hub.rooms().put(id.clone(), Some(room));
    for member in occupants.into_iter().rev() {
        hub.on_member_lost(member, id, now);
    }
}

/// Random bytes for rooms that nobody keeps.
pub fn random_seed() -> Seed {
    random::bytes()
}

fn open(folder: &Path, path: &Path) -> Result<(Connection, Seed, Found, Option<Moment>)> {
    private::make_folder(folder)?;
    private::prepare_database(path)?;
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::ZERO)?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    ensure!(version <= VERSION, "a newer version has written it; start that version. Nothing was changed");
    connection.execute_batch(SCHEMA)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    let transaction = connection.transaction()?;
    let kept: Option<Seed> = transaction
        .query_row("SELECT secret FROM secrets WHERE name = 'seed'", [], |row| row.get(0))
        .optional()?;
    let seed = kept.unwrap_or_else(random_seed);
    transaction.execute("INSERT OR IGNORE INTO secrets VALUES ('seed', ?1)", params![seed])?;
    let rooms = transaction
        .prepare("SELECT id, room FROM rooms")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let moment = transaction
        .query_row("SELECT wall, steady FROM clock", [], |row| {
            Ok(Moment { wall: timestamp(row.get(0)?), steady: timestamp(row.get(1)?) })
        })
        .optional()?;
    transaction.commit()?;
    Ok((connection, seed, rooms, moment))
}

fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_micros(u64::try_from(micros).unwrap_or_default())
}

fn micros(timestamp: Timestamp) -> i64 {
    i64::try_from(timestamp.as_micros()).unwrap_or(i64::MAX)
}

fn write_all(
    service: &'static str,
    mut connection: Connection,
    batches: &Receiver<Batch>,
    is_writing: &AtomicBool,
) {
    // Where there is one core, members go first. A kernel that refuses leaves it as it was.
    let _ = rustix::process::nice(NICENESS);
    while let Ok(batch) = batches.recv() {
        let written = write(&mut connection, &batch);
        let forgotten = written.as_ref().map_err(ToString::to_string).copied().and_then(|()| {
            if batch.forgotten.is_empty() {
                Ok(())
            } else {
                make_anew(&connection).map_err(|failure| failure.to_string())
            }
        });
        for (name, reports) in &batch.forgotten {
            reports.tell(name, ROOMS_FILE, forgotten.clone().map(|()| 0));
        }
        if let Err(failure) = written {
            error!(service, %failure, rooms = batch.rooms.len(), "rooms cannot be written to disk; a restart would find them older");
        }
        is_writing.store(false, Ordering::Release);
    }
}

fn write(connection: &mut Connection, batch: &Batch) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut put = transaction.prepare_cached("INSERT OR REPLACE INTO rooms VALUES (?1, ?2)")?;
        let mut remove = transaction.prepare_cached("DELETE FROM rooms WHERE id = ?1")?;
        for (id, room) in &batch.rooms {
            match room {
                Some(room) => put.execute(params![id, room])?,
                None => remove.execute(params![id])?,
            };
        }
    }
    let Moment { wall, steady } = batch.moment;
    transaction
        .execute("INSERT OR REPLACE INTO clock VALUES (1, ?1, ?2)", params![micros(wall), micros(steady)])?;
    transaction.commit()
}

/// Without what was deleted, in the file and in its log.
fn make_anew(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("VACUUM")?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

#[cfg(test)]
mod tests;
