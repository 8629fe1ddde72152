//! What joins and messages look up, kept on this machine: rooms, each device's last room, connections that are
//! open, message ids that were used, and what waits for devices that are away.
//!
//! It is fed from the spool, so it knows what is on disk, whatever the database does; nobody ever waits for the
//! database. What it does not know yet stands in [`Recent`].

mod facts;
mod recent;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use rusqlite::{Connection, OptionalExtension, params};

use super::protocol::names::{DeviceId, RoomId};
use super::record::{Record, RecordId, SequenceNumber};
use super::spool::segment::Position;
use crate::private;
use crate::time::Timestamp;

pub use facts::LocalFacts;

/// Message ids that are remembered; a client repeats itself within seconds.
const REMEMBERED_MESSAGE_IDS: i64 = 1_000_000;

/// Old message ids are forgotten once so many have been added.
const FORGET_EVERY: usize = 10_000;

/// Two handles share the file for moments.
const BUSY: Duration = Duration::from_secs(5);

/// The version of the tables, in `user_version`; 0 is what came before versions, with the tables of 1.
const VERSION: u32 = 1;

const TABLES: &str = include_str!("../../../assets/migrations/directory.sql");

/// A handle on the directory.
pub struct Directory {
    database: Connection,
    n_since_forgetting: usize,
}

/// A connection that was open when the program ended.
pub struct OpenConnection {
    /// Its name.
    pub connection: RecordId,
    /// When it began.
    pub at: Timestamp,
}

impl Directory {
    /// Opens the directory, or makes an empty one.
    ///
    /// # Errors
    /// It cannot be opened, or a newer version has made it.
    pub fn open(path: &Path) -> Result<Self> {
        private::prepare_database(path)?;
        Self::on(Connection::open(path)?)
    }

    /// An empty directory that is on no disk.
    #[cfg(any(test, fuzzing))]
    pub fn in_memory() -> Result<Self> {
        Self::on(Connection::open_in_memory()?)
    }

    fn on(database: Connection) -> Result<Self> {
        database.busy_timeout(BUSY)?;
        let version: u32 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
        ensure!(
            version <= VERSION,
            "a newer version has written it; start that version. Nothing was changed"
        );
        database.pragma_update(None, "journal_mode", "wal")?;
        // The spool is synced, and tells again what this file has lost.
        database.pragma_update(None, "synchronous", "normal")?;
        database.execute_batch(TABLES)?;
        if version < VERSION {
            database.pragma_update(None, "user_version", VERSION)?;
        }
        Ok(Self { database, n_since_forgetting: 0 })
    }

    /// How much of the spool it knows.
    pub fn position(&self) -> rusqlite::Result<Position> {
        let row = self.database.query_row("SELECT segment, place FROM position", [], |row| {
            Ok(Position { segment: row.get::<_, i64>(0)? as u64, offset: row.get::<_, i64>(1)? as u64 })
        });
        Ok(row.optional()?.unwrap_or_default())
    }

    /// Takes in records that are on disk, up to a place in the spool.
    ///
    /// `last` is the last of their sequences; 0 for those of an earlier run.
    pub fn apply(&mut self, records: &[Record], end: Position, last: SequenceNumber) -> rusqlite::Result<()> {
        if !self.database.is_autocommit() {
            // A disk that failed has left a transaction open.
            self.database.execute_batch("ROLLBACK")?;
        }
        let transaction = self.database.transaction()?;
        for record in records {
            take_in(&transaction, record)?;
        }
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO position (one, segment, place, ticket) VALUES (1, ?1, ?2, ?3)",
            )?
            .execute(params![end.segment.cast_signed(), end.offset.cast_signed(), last.cast_signed()])?;
        transaction.commit()?;
        self.n_since_forgetting += records.len();
        if self.n_since_forgetting >= FORGET_EVERY {
            self.n_since_forgetting = 0;
            self.database.execute(
                "DELETE FROM said WHERE number <= (SELECT MAX(number) FROM said) - ?1",
                [REMEMBERED_MESSAGE_IDS],
            )?;
        }
        Ok(())
    }

    /// Takes in what the database knows and this file does not: rooms, and last rooms of devices.
    pub fn import(&mut self, rooms: &[RoomId], devices: &[(DeviceId, RoomId)]) -> rusqlite::Result<()> {
        let transaction = self.database.transaction()?;
        for room in rooms {
            transaction
                .prepare_cached("INSERT OR IGNORE INTO rooms (room) VALUES (?1)")?
                .execute([room.as_str()])?;
        }
        for (device, room) in devices {
            transaction
                .prepare_cached(
                    "INSERT OR IGNORE INTO devices (device, last_room) \
                     SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM erased WHERE device = ?1)",
                )?
                .execute([device.as_str(), room.as_str()])?;
        }
        transaction.commit()
    }

    /// Whether all that the database knows has been taken in once.
    pub fn has_learned(&self, database: &str) -> rusqlite::Result<bool> {
        self.database.prepare("SELECT 1 FROM learned WHERE database_name = ?1")?.exists([database])
    }

    /// Takes note that it has: devices that the database does not know stay in the rooms that they were given.
    pub fn finish_learning(&mut self, database: &str) -> rusqlite::Result<()> {
        let transaction = self.database.transaction()?;
        transaction.execute_batch(
            "INSERT OR IGNORE INTO devices SELECT * FROM provisional; DELETE FROM provisional",
        )?;
        transaction.execute("INSERT OR IGNORE INTO learned (database_name) VALUES (?1)", [database])?;
        transaction.commit()
    }

    /// Has the next start take in once more all that the database knows.
    pub fn forget_learned(&mut self) -> rusqlite::Result<()> {
        self.database.execute_batch("DELETE FROM learned")
    }

    /// Takes a device out; gives the number of rows.
    pub fn erase(&mut self, device: &DeviceId) -> rusqlite::Result<u64> {
        let transaction = self.database.transaction()?;
        let n = take_out(&transaction, device)?;
        transaction.commit()?;
        self.settle_erasure(device)?;
        Ok(n)
    }

    /// The database does not know the device any more either. The file is made anew without what was deleted from it.
    pub fn settle_erasure(&mut self, device: &DeviceId) -> rusqlite::Result<()> {
        self.database.execute("DELETE FROM erased WHERE device = ?1", [device.as_str()])?;
        self.database.execute_batch("VACUUM")?;
        self.database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    /// Connections whose end nobody has written down.
    pub fn open_connections(&self) -> rusqlite::Result<Vec<OpenConnection>> {
        let mut rows = self.database.prepare("SELECT connection, at FROM open_connections")?;
        let rows = rows.query_map([], |row| {
            let at = Timestamp::from_micros(row.get::<_, i64>(1)? as u64);
            Ok(OpenConnection { connection: RecordId(row.get(0)?), at })
        })?;
        rows.collect()
    }

    fn has_room(&self, room: RoomId) -> rusqlite::Result<bool> {
        self.database.prepare_cached("SELECT 1 FROM rooms WHERE room = ?1")?.exists([room.as_str()])
    }

    /// The room that a device was in last; one that it was given for the time being, if no other is known.
    pub fn last_room(&self, device: &DeviceId) -> rusqlite::Result<Option<RoomId>> {
        for sql in [
            "SELECT last_room FROM devices WHERE device = ?1",
            "SELECT last_room FROM provisional WHERE device = ?1",
        ] {
            let mut statement = self.database.prepare_cached(sql)?;
            let name: Option<String> = statement.query_row([device.as_str()], |row| row.get(0)).optional()?;
            if let Some(room) = name.and_then(|name| RoomId::new(&name)) {
                return Ok(Some(room));
            }
        }
        Ok(None)
    }

    fn was_said(&self, device: &DeviceId, identity: RecordId) -> rusqlite::Result<bool> {
        self.database
            .prepare_cached("SELECT 1 FROM said WHERE device = ?1 AND message_id = ?2")?
            .exists([device.as_str(), &identity.to_string()])
    }

    /// What waits for a device, as of the last sequence that is known.
    fn waiting(&self, device: &DeviceId, room: RoomId) -> rusqlite::Result<(SequenceNumber, Vec<Box<str>>)> {
        // Both are read from one moment's state of the file.
        let moment = self.database.unchecked_transaction()?;
        let known: i64 = moment.query_row("SELECT ticket FROM position", [], |row| row.get(0))?;
        let mut statement = moment
            .prepare_cached("SELECT frame FROM waiting WHERE device = ?1 AND room = ?2 ORDER BY number")?;
        let rows = statement.query_map([device.as_str(), room.as_str()], |row| row.get::<_, String>(0))?;
        let frames = rows.map(|row| row.map(Into::into)).collect::<Result<_, _>>()?;
        Ok((known as SequenceNumber, frames))
    }
}

fn take_in(database: &Connection, record: &Record) -> rusqlite::Result<()> {
    let put = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        database.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map(|_| ())
    };
    match record {
        Record::RoomCreated { room, .. } => {
            put("INSERT OR IGNORE INTO rooms (room) VALUES (?1)", &[&room.as_str()])
        }
        Record::DeviceSeen { device, room, is_provisional: true, .. } => put(
            "INSERT OR REPLACE INTO provisional (device, last_room) VALUES (?1, ?2)",
            &[&device.as_str(), &room.as_str()],
        ),
        Record::DeviceSeen { device, room, .. } => put(
            "INSERT OR REPLACE INTO devices (device, last_room) VALUES (?1, ?2)",
            &[&device.as_str(), &room.as_str()],
        ),
        Record::Connected { connection, at, .. } => put(
            "INSERT OR IGNORE INTO open_connections (connection, at) VALUES (?1, ?2)",
            &[&connection.0, &(at.as_micros().cast_signed())],
        ),
        Record::Disconnected { connection, .. } => {
            put("DELETE FROM open_connections WHERE connection = ?1", &[&connection.0])
        }
        Record::Message(message) => {
            // An earlier version had the bare id here, which is no identity: what was said then may be said again once.
            if let Some(identity) = message.identity {
                put(
                    "INSERT OR IGNORE INTO said (device, message_id) VALUES (?1, ?2)",
                    &[&message.from.as_str(), &identity.to_string()],
                )?;
            }
            let (Some(to), Some(frame)) = (&message.to, &message.waiting) else { return Ok(()) };
            put(
                "INSERT INTO waiting (device, room, frame) VALUES (?1, ?2, ?3)",
                &[&to.as_str(), &message.room.as_str(), frame],
            )
        }
        Record::Collected { device, room, .. } => {
            put("DELETE FROM waiting WHERE device = ?1 AND room = ?2", &[&device.as_str(), &room.as_str()])
        }
        Record::Erased { device, .. } => {
            take_out(database, device)?;
            // Until the database has forgotten it too, it is not learned from there.
            put("INSERT OR IGNORE INTO erased (device) VALUES (?1)", &[&device.as_str()])
        }
        Record::DeviceNamed { .. } | Record::RoomQuery { .. } | Record::Revoked { .. } => Ok(()),
    }
}

fn take_out(database: &Connection, device: &DeviceId) -> rusqlite::Result<u64> {
    let mut n = 0;
    for sql in [
        "DELETE FROM devices WHERE device = ?1",
        "DELETE FROM provisional WHERE device = ?1",
        "DELETE FROM said WHERE device = ?1",
        // Frames are objects of ours: the sender's spelling of its own id may be a number.
        "DELETE FROM waiting WHERE device = ?1 OR CAST(json_extract(frame, '$.from_device_id') AS TEXT) = ?1",
    ] {
        n += database.execute(sql, [device.as_str()])? as u64;
    }
    Ok(n)
}
