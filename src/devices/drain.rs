//! Empties the spool into the database, in order, for as long as it takes.
//!
//! A database that is away and a disk that fails are tried again for ever. A batch that is refused is halved until the
//! one bad record is found, which becomes a dead letter; the others go in.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::{debug, error, info, warn};

use super::directory::Directory;
use super::erase::{self, SPOOL};
use super::late::LateErasures;
use super::protocol::names::{DeviceId, RoomId};
use super::record::{Record, RecordId};
use super::spool::reader::Reader;
use super::spool::segment::Position;
use super::spool::{Spool, dead, load_cursor};
use super::store::{Failure, Named, Store, TABLES};
use crate::control::{Executed, Reports};
use crate::runtime::Context;
use crate::time::Timestamp;

/// Records in one transaction, and their bytes.
const BATCH_RECORDS: usize = 2000;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Pauses between attempts at what fails: from the first to the longest.
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

/// What of this service's `/readyz` is about the database, and what about the files in `data_dir`.
const DATABASE: &str = "devices database";
const DISK: &str = "devices disk";

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
    /// Where it says what it has erased.
    pub reports: Reports,
    /// Which erasures are done.
    pub executed: Mutex<Executed>,
    /// Which of them the spool does not know of yet, and how long the other nodes are waited for who do.
    pub late: Arc<LateErasures>,
    pub late_wait: Duration,
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
        if self.has_company {
            // Without them, what is in the spool of a device that they have erased would come back for a moment.
            tokio::select! {
                () = self.context.stopping() => {}
                _ = timeout(self.late_wait, self.late.wait()) => {}
            }
        }
        let mut learned_at = Instant::now();
        let mut written = self.spool.written();
        let mut reader = Reader::new(self.spool.folder(), load_cursor(self.spool.folder()));
        // What was last said of letters that were put back and cannot be read.
        let mut told = None;
        loop {
            if !self.retry_letters(&mut told).await {
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
            let Some(batch) = self.read(reader).await else { return };
            let Batch { records, n_read, reader: behind } = batch;
            reader = behind;
            let n_records = records.len() as u64;
            let erased = match records.last() {
                Some((_, Record::Erased { device, at })) => Some((device.clone(), *at)),
                _ => None,
            };
            if n_records > 0 {
                if !self.put(self.settled(records)).await {
                    return;
                }
                metrics::counter!("roomhub_devices_drained_total").increment(n_records);
            }
            if let Some((device, at)) = erased
                && !self.erase(device, at, reader.position()).await
            {
                return;
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

    /// Takes a device out of the database, of what was set aside, of the directory's file and of the spool up to `end`. The
    /// spool comes last: until then, the next start does it again. False if the process stops first.
    async fn erase(&self, device: DeviceId, at: Timestamp, end: Position) -> bool {
        // Other nodes may have written what the device has said since.
        let until = self.has_company.then_some(at);
        let mut n_rows = 0;
        for table in TABLES.iter().rev().filter(|table| table.names_devices()) {
            let delete = || self.store.delete_device(table, &device, until);
            let Some(n) = self.insist(delete).await else { return false };
            n_rows += n;
            self.reports.tell(device.as_str(), table.name, Ok(n));
        }
        if let Err(problem) = self.store.settle_deletions().await {
            // Rows are gone; what is left of them in free pages is overwritten as these are used.
            let problem =
                format!("the database's file cannot be made anew without {n_rows} deleted rows: {problem}");
            self.reports.tell(device.as_str(), SPOOL, Err(problem));
        }
        let folder = self.spool.folder();
        let set_aside = || async { erase::from_letters_and_damage(folder, &device) };
        let Some(counts) = self.insist_on_disk("what was set aside", set_aside).await else { return false };
        for (place, n) in counts {
            self.reports.tell(device.as_str(), place, Ok(n));
        }
        let settle = || async { self.settle_directory(&device, end).await };
        if self.insist_on_disk("the directory of rooms and devices", settle).await.is_none() {
            return false;
        }
        let overwrite = || async { erase::from_spool(folder, &device, end) };
        let Some(n) = self.insist_on_disk("the spool", overwrite).await else { return false };
        self.reports.tell(device.as_str(), SPOOL, Ok(n));
        self.executed.lock().add(at);
        info!("a device was erased");
        true
    }

    /// The directory has taken a device out, once it has come to `end`; its file is made anew without it.
    async fn settle_directory(&self, device: &DeviceId, end: Position) -> io::Result<()> {
        loop {
            {
                let mut directory = self.directory.lock();
                if directory.position().map_err(io::Error::other)? >= end {
                    return directory.settle_erasure(device).map_err(io::Error::other);
                }
            }
            tokio::time::sleep(FIRST_PAUSE).await;
        }
    }

    /// Records as they are once the database's devices and the erasures of other nodes are known: a room that was given to a device for the time being is
    /// not its last one if the database has another.
    fn settled(&self, mut records: Vec<Named>) -> Vec<Named> {
        records.retain(|(_, record)| !self.late.void(record));
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
            let import =
                || async { self.directory.lock().import(&rooms, &devices).map_err(io::Error::other) };
            if self.insist_on_disk("the directory of rooms and devices", import).await.is_none() {
                return false;
            }
        }
    }

    /// Does something with the files in `data_dir` until it works; nothing comes of it if the process stops first.
    async fn insist_on_disk<A, F>(&self, what: &str, mut attempt: impl FnMut() -> F) -> Option<A>
    where
        F: Future<Output = io::Result<A>>,
    {
        let mut pause = FIRST_PAUSE;
        let mut is_failing = false;
        loop {
            match attempt().await {
                Ok(answer) => {
                    if is_failing {
                        info!(what, "the disk works again");
                        self.context.remark(DISK, None);
                    }
                    return Some(answer);
                }
                Err(problem) if is_failing => debug!(%problem, what, "the disk still fails"),
                Err(problem) => {
                    error!(%problem, what, "the disk fails; messages wait in the spool");
                    self.context.remark(DISK, Some("files in data_dir fail; messages wait in the spool"));
                    is_failing = true;
                }
            }
            tokio::select! {
                () = self.context.stopping() => return None,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
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
                        if !self.set_aside(id, &record, &reason).await {
                            return false;
                        }
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
                    // The tables may be gone with a database that was dropped and made anew.
                    if let Err(failure) = self.store.migrate().await {
                        self.is_down(&failure);
                    }
                }
            }
        }
        true
    }

    /// Writes a letter, and insists on it: the record leaves the spool after this. False if the process stops first.
    async fn set_aside(&self, id: RecordId, record: &Record, reason: &str) -> bool {
        error!(record = %id, reason, "the database refuses a record; it is among the dead letters");
        metrics::counter!("roomhub_devices_dead_letters_total").increment(1);
        let now = self.context.clock.wall();
        let add = || async { dead::add(self.spool.folder(), id, record.clone(), reason, now) };
        self.insist_on_disk("the file of dead letters", add).await.is_some()
    }

    /// Takes the letters that were put back; false if the process stops first.
    async fn retry_letters(&self, told: &mut Option<String>) -> bool {
        let letters = match dead::retried(self.spool.folder()) {
            Ok(letters) => letters,
            Err(problem) => {
                // They stay where they are; what flows is not held up by them.
                let problem = problem.to_string();
                if told.replace(problem.clone()).as_ref() != Some(&problem) {
                    error!(%problem, "dead letters that were put back cannot be read");
                }
                return true;
            }
        };
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

    /// Reads the next records, however often the disk fails at first; nothing if the process stops before.
    async fn read(&self, reader: Reader) -> Option<Batch> {
        let position = reader.position();
        let mut reader = Some(reader);
        let attempt = || {
            let reader = reader.take().unwrap_or_else(|| Reader::new(self.spool.folder(), position));
            self.read_batch(reader)
        };
        self.insist_on_disk("the spool", attempt).await
    }

    /// Reads the next records, away from the tasks that must not be held up.
    async fn read_batch(&self, mut reader: Reader) -> io::Result<Batch> {
        let spool = self.spool.clone();
        let end = spool.end();
        let read = tokio::task::spawn_blocking(move || {
            let (mut records, mut bytes, mut n_read) = (Vec::new(), 0, 0);
            let mut revoked = HashSet::new();
            while records.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
                let Some((id, payload)) = reader.next(end)? else { break };
                bytes += payload.len();
                n_read += 1;
                // What is said once more under the same id holds.
                if spool.was_revoked(id) && revoked.insert(id) {
                    continue;
                }
                // The start has refused what this version does not know.
                let record = Record::from_bytes(&payload).map_err(|problem| {
                    io::Error::other(format!("record {id} is of no known kind: {problem}"))
                })?;
                let is_erasing = matches!(record, Record::Erased { .. });
                records.push((id, record));
                // What comes after it stays.
                if is_erasing {
                    break;
                }
            }
            spool.forget_revoked(&revoked);
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
            self.context.remark(DATABASE, None);
            self.spool.note_database(false);
        }
    }

    fn is_down(&self, failure: &Failure) {
        let mut status = self.status.lock();
        let problem = failure.to_string();
        let remark = match failure {
            Failure::Unusable { remedy, .. } => remedy,
            Failure::Full(_) => "full: messages are refused until it has room",
            Failure::Unavailable(_) | Failure::Broken(_) => "away: messages flow and wait in the spool",
        };
        self.context.remark(DATABASE, Some(remark));
        if matches!(failure, Failure::Full(_)) {
            self.spool.note_database(true);
        }
        if status.problem.as_ref() != Some(&problem) {
            let database = status.kind;
            match failure {
                Failure::Unusable { remedy, .. } => {
                    error!(database, %problem, remedy, "the database cannot be used as it is; messages wait in the spool");
                }
                Failure::Full(_) => error!(database, %problem, "the database is full; messages are refused"),
                Failure::Unavailable(_) | Failure::Broken(_) => {
                    error!(database, %problem, "the database is away; messages flow and wait in the spool");
                }
            }
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
