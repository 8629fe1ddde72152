//! Empties the spool into the database, in order, for as long as it takes.
//!
//! A database that is away is tried again for ever. A batch that is refused is halved until the one bad record is
//! found, which becomes a dead letter; the others go in.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::directory::Directory;
use super::names::{DeviceId, RoomId};
use super::record::Record;
use super::spool::reader::Reader;
use super::spool::{Spool, dead, load_cursor};
use super::store::{Failure, Named, Store};
use crate::runtime::Context;

/// Records in one transaction, and their bytes.
const BATCH_RECORDS: usize = 2000;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Pauses between attempts at a database that is away: from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Without news from the spool, letters that were put back are looked for this often.
const IDLE: Duration = Duration::from_secs(1);

/// With other nodes, what they have told the database is learned this often.
const LEARN_EVERY: Duration = Duration::from_mins(1);

/// Rows read at once when the directory learns what the database knows.
const IMPORTED: usize = 10_000;

/// How the database stands, for the console page.
#[derive(Debug, Clone, Serialize)]
pub struct DatabaseStatus {
    /// `SQLite` or MySQL.
    pub kind: &'static str,
    /// Whether the last exchange with it went well.
    pub is_up: bool,
    /// Why it did not.
    pub problem: Option<String>,
}

/// The task that empties the spool.
pub struct Drain {
    /// Where from.
    pub spool: Spool,
    /// Where to.
    pub store: Arc<Store>,
    /// Whether other nodes write to the database too.
    pub has_company: bool,
    /// Learns what others have left in the database.
    pub directory: Mutex<Directory>,
    /// The database's name there, and whether it has all that the database knows.
    pub name: String,
    pub learned: watch::Sender<bool>,
    /// For the console page.
    pub status: Arc<Mutex<DatabaseStatus>>,
    /// The process.
    pub context: Context,
}

/// Records, and where the spool goes on behind them.
struct Batch {
    records: Vec<Named>,
    /// With those that need not be kept.
    n_read: u64,
    reader: Reader,
}

impl Drain {
    /// Runs until the process stops and the spool is empty, or the database is away by then.
    pub async fn run(self) {
        if !self.prepare().await || !self.learn().await {
            return;
        }
        if let Err(problem) = self.directory.lock().finish_learning(&self.name) {
            error!(%problem, "the next start learns the rooms and devices of the database once more");
        }
        self.learned.send_replace(true);
        let mut learned_at = Instant::now();
        let mut written = self.spool.written();
        let mut reader = Reader::new(self.spool.folder(), load_cursor(self.spool.folder()));
        loop {
            if !self.retry_letters().await {
                return;
            }
            if self.has_company && learned_at.elapsed() >= LEARN_EVERY {
                if !self.learn().await {
                    return;
                }
                learned_at = Instant::now();
            }
            written.borrow_and_update();
            let is_over = self.spool.is_over();
            let before = reader.position();
            let Batch { records, n_read, reader: behind } = match self.read(reader).await {
                Ok(batch) => batch,
                Err(problem) => {
                    error!(%problem, "the spool cannot be read; draining goes on at the next start");
                    return;
                }
            };
            reader = behind;
            let n_records = records.len() as u64;
            if n_records > 0 {
                if !self.put(self.settled(records)).await {
                    return;
                }
                metrics::counter!("roomhub_devices_drained_total").increment(n_records);
            }
            if reader.position() != before {
                self.spool.drained(reader.position(), n_read);
            }
            self.count();
            if n_read > 0 {
                continue;
            }
            if is_over {
                return;
            }
            tokio::select! {
                _ = written.changed() => {}
                () = tokio::time::sleep(IDLE) => {}
            }
        }
    }

    /// Records as they are once the database's devices are known: a room that was given to a device for the time being is
    /// not its last one if the database has another.
    fn settled(&self, mut records: Vec<Named>) -> Vec<Named> {
        for (_, record) in &mut records {
            let Record::DeviceSeen { device, room, is_provisional: true, at, .. } = &*record else {
                continue;
            };
            let known = self.directory.lock().last_room(device);
            if known.is_ok_and(|known| known.is_some_and(|known| known != *room)) {
                *record = Record::DeviceNamed { device: device.clone(), at: *at };
            }
        }
        records
    }

    /// Sets the tables up.
    async fn prepare(&self) -> bool {
        let store = Arc::clone(&self.store);
        self.insist(|| store.migrate()).await.is_some()
    }

    /// Learns of rooms and devices that the directory does not know.
    async fn learn(&self) -> bool {
        let store = Arc::clone(&self.store);
        let mut room = String::new();
        let mut device = String::new();
        loop {
            let (room_before, device_before) = (&room, &device);
            let store = &store;
            let learned = self.insist(|| async move {
                let rooms = store.rooms_after(room_before, IMPORTED).await?;
                Ok((rooms, store.devices_after(device_before, IMPORTED).await?))
            });
            let Some((rooms, devices)) = learned.await else { return false };
            if rooms.is_empty() && devices.is_empty() {
                return true;
            }
            room = rooms.last().cloned().unwrap_or(room);
            device = devices.last().map_or(device, |(name, _)| name.clone());
            let rooms: Vec<RoomId> = rooms.iter().filter_map(|room| RoomId::new(room)).collect();
            let devices: Vec<(DeviceId, RoomId)> = devices
                .iter()
                .filter_map(|(device, room)| Some((DeviceId::new(device)?, RoomId::new(room)?)))
                .collect();
            if let Err(problem) = self.directory.lock().import(&rooms, &devices) {
                error!(%problem, "the directory of rooms and devices cannot be written");
            }
        }
    }

    /// Does something until it is done; nothing comes of it if the process stops first.
    async fn insist<A, F>(&self, mut attempt: impl FnMut() -> F) -> Option<A>
    where
        F: Future<Output = Result<A, Failure>>,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            match attempt().await {
                Ok(answer) => {
                    self.is_up();
                    return Some(answer);
                }
                Err(failure) => self.is_down(&failure),
            }
            tokio::select! {
                () = self.context.stopping() => return None,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }

    /// Writes records, and sets those aside that the database refuses; false if the process stops first.
    async fn put(&self, records: Vec<Named>) -> bool {
        let mut pieces = vec![records];
        let mut pause = FIRST_PAUSE;
        while let Some(piece) = pieces.pop() {
            let (mut piece, outcome) = self.store.append(piece).await;
            match outcome {
                Ok(()) => {
                    self.is_up();
                    pause = FIRST_PAUSE;
                }
                Err(Failure::Broken(_)) if piece.len() > 1 => {
                    let second = piece.split_off(piece.len() / 2);
                    pieces.extend([second, piece]);
                }
                Err(Failure::Broken(reason)) => {
                    self.is_up();
                    for (id, record) in piece {
                        self.set_aside(id, record, &reason).await;
                    }
                }
                Err(failure) => {
                    self.is_down(&failure);
                    pieces.push(piece);
                    tokio::select! {
                        // One more attempt follows, for a database that was away a moment ago.
                        () = self.context.stopping(), if pause > FIRST_PAUSE => return false,
                        () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                    }
                }
            }
        }
        true
    }

    /// Writes a letter, and insists on it: the record leaves the spool after this.
    async fn set_aside(&self, id: super::record::RecordId, record: Record, reason: &str) {
        error!(record = %id, reason, "the database refuses a record; it is among the dead letters");
        metrics::counter!("roomhub_devices_dead_letters_total").increment(1);
        let now = self.context.clock.wall();
        while let Err(problem) = dead::add(self.spool.folder(), id, record.clone(), reason, now) {
            error!(%problem, "a dead letter cannot be written");
            tokio::time::sleep(LONGEST_PAUSE).await;
        }
    }

    /// Takes the letters that were put back; false if the process stops first.
    async fn retry_letters(&self) -> bool {
        let letters = dead::retried(self.spool.folder());
        if letters.is_empty() {
            return true;
        }
        let records: Vec<Named> = letters.into_iter().map(|letter| (letter.id, letter.record)).collect();
        info!(letters = records.len(), "dead letters go back to the database");
        if !self.put(records).await {
            return false;
        }
        if let Err(problem) = dead::forget_retried(self.spool.folder()) {
            warn!(%problem, "letters that were put back will be once more, which does no harm");
        }
        true
    }

    /// Reads the next records, away from the tasks that must not be held up.
    async fn read(&self, mut reader: Reader) -> io::Result<Batch> {
        let spool = self.spool.clone();
        let end = spool.end();
        let read = tokio::task::spawn_blocking(move || {
            let (mut records, mut bytes, mut n_read) = (Vec::new(), 0, 0);
            while records.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
                let Some((id, payload)) = reader.next(end)? else { break };
                bytes += payload.len();
                n_read += 1;
                if spool.was_revoked(id) {
                    continue;
                }
                match Record::from_bytes(&payload) {
                    Ok(record) => records.push((id, record)),
                    Err(problem) => {
                        error!(record = %id, %problem, "a record of the spool is of no known kind");
                    }
                }
            }
            Ok(Batch { records, n_read, reader })
        });
        read.await.map_err(io::Error::other)?
    }

    fn is_up(&self) {
        let mut status = self.status.lock();
        if !status.is_up {
            info!(database = status.kind, "the database is there");
            status.is_up = true;
            status.problem = None;
        }
    }

    fn is_down(&self, failure: &Failure) {
        let mut status = self.status.lock();
        let problem = failure.to_string();
        if status.problem.as_ref() != Some(&problem) {
            error!(database = status.kind, %problem, "the database is away; messages flow and wait in the spool");
        }
        status.is_up = false;
        status.problem = Some(problem);
    }

    fn count(&self) {
        let status = self.spool.status();
        metrics::gauge!("roomhub_devices_spool_records").set(status.records as f64);
        metrics::gauge!("roomhub_devices_spool_bytes").set(status.bytes as f64);
        metrics::gauge!("roomhub_devices_dead_letters").set(status.dead_letters as f64);
        metrics::gauge!("roomhub_devices_database_up").set(f64::from(u8::from(self.status.lock().is_up)));
    }
}
