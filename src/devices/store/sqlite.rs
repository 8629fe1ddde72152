//! SQLite: a file in the data directory, for one machine.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, Transaction, params};

use super::rows::{ByTable, MessageQuery, Minute, StoredConnection, StoredMessage, stamp};
use super::tables::{Parameter, TextRow};
use super::{Failure, Named};
use crate::devices::protocol::MessageType;
use crate::devices::protocol::names::{DeviceId, RoomId};
use crate::devices::record::Record;
use crate::private;
use crate::time::Timestamp;

/// Versions in order; `user_version` counts those that were done.
const MIGRATIONS: [&str; 2] = [
    include_str!("../../../assets/migrations/sqlite/0001_five_tables.sql"),
    include_str!("../../../assets/migrations/sqlite/0002_no_foreign_keys.sql"),
];

/// The log of changes is cut to this again once it has been taken over.
const LOG_BYTES: i64 = 64 * 1024 * 1024;

/// Whoever reads waits this long for a write to be over.
const BUSY: Duration = Duration::from_secs(5);

const MILLIS: &str = "CAST(ROUND((julianday({}) - 2440587.5) * 86400000) AS INTEGER)";

/// What is said of a file that is not where it was opened.
const MOVED: &str = "devices.db was moved or deleted while it was in use: it is opened anew";

/// A database file, opened when it is needed.
pub struct Sqlite {
    file: Arc<DatabaseFile>,
}

/// The file, and who has it open.
struct DatabaseFile {
    path: PathBuf,
    max_bytes: u64,
    writer: Mutex<Option<Opened>>,
    reader: Mutex<Option<Opened>>,
}

/// What a connection is for.
#[derive(Clone, Copy)]
enum Purpose {
    Write,
    Read,
}

/// A connection, and the file that it is on: SQLite writes on to one that has been moved or deleted, and says nothing.
struct Opened {
    database: Connection,
    file: Option<Identity>,
    /// Its log of changes.
    log: Option<Identity>,
}

/// A file, whatever it is called.
type Identity = (u64, u64);

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let refused = [ErrorCode::ConstraintViolation, ErrorCode::TypeMismatch, ErrorCode::TooBig];
        match error.sqlite_error_code() {
            Some(code) if refused.contains(&code) => Self::Broken(error.to_string()),
            Some(ErrorCode::DiskFull) => Self::Full(error.to_string()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Unusable {
                reason: error.to_string(),
                remedy: "devices.db in data_dir is damaged: put a backup in its place, or move it away for a new one",
            },
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl Sqlite {
    /// A handle on a file.
    pub fn new(path: &Path, max_bytes: u64) -> Self {
        let (writer, reader) = (Mutex::new(None), Mutex::new(None));
        Self { file: Arc::new(DatabaseFile { path: path.to_owned(), max_bytes, writer, reader }) }
    }

    pub fn check_version(&self) -> Result<(), Failure> {
        let database = Connection::open_with_flags(&self.file.path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        match database.and_then(|database| n_done(&database)) {
            Ok(n_done) => refuse_newer(n_done),
            // It is not there yet, or cannot be read: that is said when it is to be written.
            Err(_) => Ok(()),
        }
    }

    pub async fn migrate(&self) -> Result<(), Failure> {
        run(&self.file, Purpose::Write, |database| {
            for (done, sql) in MIGRATIONS.iter().enumerate().skip(n_done(database)?) {
                let transaction = database.transaction()?;
                transaction.execute_batch(sql)?;
                transaction.pragma_update(None, "user_version", done as u32 + 1)?;
                transaction.commit()?;
            }
            Ok(())
        })
        .await?;
        // Both handles are open from here on, for there may be no descriptor left later.
        run(&self.file, Purpose::Read, |_| Ok(())).await
    }

    pub async fn append(&self, records: Vec<Named>) -> (Vec<Named>, Result<(), Failure>) {
        let records = Arc::new(records);
        let shared = Arc::clone(&records);
        let outcome = run(&self.file, Purpose::Write, move |database| {
            let transaction = database.transaction()?;
            write(&transaction, &ByTable::of(&shared))?;
            transaction.commit()?;
            Ok(())
        })
        .await;
        (Arc::try_unwrap(records).unwrap_or_else(|shared| shared.to_vec()), outcome)
    }

    pub async fn rooms_after(&self, room: &str, limit: usize) -> Result<Vec<String>, Failure> {
        let room = room.to_owned();
        run(&self.file, Purpose::Read, move |database| {
            let mut statement = database
                .prepare_cached("SELECT room_id FROM rooms WHERE room_id > ?1 ORDER BY room_id LIMIT ?2")?;
            Ok(statement
                .query_map(params![room, limit.cast_signed()], |row| row.get(0))?
                .collect::<Result<_, _>>()?)
        })
        .await
    }

    pub async fn devices_after(&self, device: &str, limit: usize) -> Result<Vec<(String, String)>, Failure> {
        let device = device.to_owned();
        run(&self.file, Purpose::Read, move |database| {
            let mut statement = database.prepare_cached(
                "SELECT device_id, last_room_id FROM devices WHERE device_id > ?1 AND last_room_id IS NOT NULL \
                 ORDER BY device_id LIMIT ?2",
            )?;
            let rows = statement.query_map(params![device, limit.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    pub async fn messages(&self, query: MessageQuery) -> Result<Vec<StoredMessage>, Failure> {
        run(&self.file, Purpose::Read, move |database| {
            let mut sql = String::from(
                "SELECT id, from_device_id, to_device_id, room_id, message_type, message_content, sent_at \
                 FROM messages WHERE 1 = 1",
            );
            let mut values: Vec<Box<dyn ToSql>> = Vec::new();
            let mut given = |condition: &str, value: Option<Box<dyn ToSql>>| {
                if let Some(value) = value {
                    sql.push_str(condition);
                    values.push(value);
                }
            };
            let text = |name: &str| -> Box<dyn ToSql> { Box::new(name.to_owned()) };
            given(" AND room_id = ?", query.room.map(|room| text(room.as_str())));
            let device = query.device.as_ref();
            given(" AND (from_device_id = ?", device.map(|device| text(device.as_str())));
            given(" OR to_device_id = ?)", device.map(|device| text(device.as_str())));
            given(" AND message_type = ?", query.kind.map(|kind| text(kind.name())));
            given(" AND sent_at >= ?", query.since_ms.map(|ms| text(&stamp(Timestamp::from_millis(ms)))));
            given(" AND sent_at < ?", query.until_ms.map(|ms| text(&stamp(Timestamp::from_millis(ms)))));
            given(" AND id < ?", query.before.map(|id| -> Box<dyn ToSql> { Box::new(id) }));
            given(" ORDER BY id DESC LIMIT ?", Some(Box::new(query.limit.cast_signed())));
            let values: Vec<&dyn ToSql> = values.iter().map(AsRef::as_ref).collect();
            let mut statement = database.prepare_cached(&sql)?;
            let rows = statement.query_map(&values[..], |row| {
                Ok(StoredMessage {
                    id: row.get(0)?,
                    from_device_id: row.get(1)?,
                    to_device_id: row.get(2)?,
                    room_id: row.get(3)?,
                    message_type: row.get(4)?,
                    message_content: row.get(5)?,
                    sent_at: iso(&row.get::<_, String>(6)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    pub async fn connections(
        &self,
        device: DeviceId,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<StoredConnection>, Failure> {
        run(&self.file, Purpose::Read, move |database| {
            let mut statement = database.prepare_cached(
                "SELECT id, room_id, identity, client_ip, connected_at, disconnected_at FROM connections \
                 WHERE device_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
            )?;
            let values = params![device.as_str(), before.unwrap_or(i64::MAX), limit.cast_signed()];
            let rows = statement.query_map(values, |row| {
                Ok(StoredConnection {
                    id: row.get(0)?,
                    room_id: row.get(1)?,
                    identity: row.get(2)?,
                    client_ip: row.get(3)?,
                    connected_at: iso(&row.get::<_, String>(4)?),
                    disconnected_at: row.get::<_, Option<String>>(5)?.map(|at| iso(&at)),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Rows of texts.
    pub async fn texts(&self, sql: String, values: Vec<Parameter>) -> Result<Vec<TextRow>, Failure> {
        run(&self.file, Purpose::Read, move |database| {
            let mut statement = database.prepare(&sql)?;
            let n_columns = statement.column_count();
            let values = values.iter().map(|value| value as &dyn ToSql).collect::<Vec<_>>();
            let rows = statement
                .query_map(&values[..], |row| (0..n_columns).map(|column| row.get(column)).collect())?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Does something to rows; gives how many.
    pub async fn execute(&self, sql: String, values: Vec<Parameter>) -> Result<u64, Failure> {
        run(&self.file, Purpose::Write, move |database| {
            let values = values.iter().map(|value| value as &dyn ToSql).collect::<Vec<_>>();
            Ok(database.prepare_cached(&sql)?.execute(&values[..])? as u64)
        })
        .await
    }

    /// Makes the file anew, without what was deleted from it.
    pub async fn overwrite_free_pages(&self) -> Result<(), Failure> {
        run(&self.file, Purpose::Write, |database| {
            database.execute_batch("VACUUM")?;
            database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        })
        .await
    }

    pub async fn minutes(&self, room: Option<RoomId>, since_ms: u64) -> Result<Vec<Minute>, Failure> {
        run(&self.file, Purpose::Read, move |database| {
            let sql = format!(
                "SELECT {} / 60000 * 60000 AS minute, COUNT(*) FROM messages \
                 WHERE sent_at >= ?1 AND (?2 IS NULL OR room_id = ?2) GROUP BY minute ORDER BY minute",
                MILLIS.replace("{}", "sent_at")
            );
            let mut statement = database.prepare_cached(&sql)?;
            let values = params![stamp(Timestamp::from_millis(since_ms)), room.map(String::from)];
            let rows = statement.query_map(values, |row| {
                Ok(Minute { at: row.get::<_, i64>(0)? as u64, messages: row.get::<_, i64>(1)? as u64 })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

impl ToSql for Parameter {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Text(text) => text.to_sql(),
            Self::Number(number) => number.to_sql(),
        }
    }
}

/// Runs what blocks where it may.
async fn run<A: Send + 'static>(
    file: &Arc<DatabaseFile>,
    purpose: Purpose,
    work: impl FnOnce(&mut Connection) -> Result<A, Failure> + Send + 'static,
) -> Result<A, Failure> {
    let file = Arc::clone(file);
    let worked = tokio::task::spawn_blocking(move || {
        file.leave_moved();
        let mut connection = file.connection(purpose).lock();
        let mut opened = match connection.take() {
            Some(opened) => opened,
            None => Opened::open(&file.path, file.max_bytes)?,
        };
        let outcome = work(&mut opened.database);
        let is_lost = outcome.is_ok() && opened.has_moved(&file.path);
        // A handle is kept through failures of the disk, for there may be no descriptor left for another one.
        if !matches!(outcome, Err(Failure::Unusable { .. })) && opened.database.is_autocommit() {
            *connection = Some(opened);
        }
        if is_lost { Err(Failure::Unavailable(MOVED.to_owned())) } else { outcome }
    });
    worked.await.unwrap_or_else(|problem| Err(Failure::Unavailable(problem.to_string())))
}

impl DatabaseFile {
    fn connection(&self, purpose: Purpose) -> &Mutex<Option<Opened>> {
        match purpose {
            Purpose::Write => &self.writer,
            Purpose::Read => &self.reader,
        }
    }

    /// Closes what is open on a file that is not there any more: both connections before either is opened anew, for the files
    /// beside the database have one name.
    fn leave_moved(&self) {
        // Whoever is busy with one finds out for itself.
        let (Some(mut writer), Some(mut reader)) = (self.writer.try_lock(), self.reader.try_lock()) else {
            return;
        };
        if [&writer, &reader].into_iter().any(|open| open.as_ref().is_some_and(|it| it.has_moved(&self.path)))
        {
            (*reader, *writer) = (None, None);
        }
    }
}

impl Opened {
    fn open(path: &Path, max_bytes: u64) -> Result<Self, Failure> {
        let database = open(path, max_bytes)?;
        Ok(Self { database, file: identity(path), log: identity(&log_of(path)) })
    }

    /// Whether the file is another one than it was, or its log of changes has gone.
    fn has_moved(&self, path: &Path) -> bool {
        identity(path) != self.file || (self.log.is_some() && identity(&log_of(path)) != self.log)
    }
}

/// Which file has that name.
fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

fn log_of(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}-wal", path.display()))
}

/// How many migrations were done.
fn n_done(database: &Connection) -> rusqlite::Result<usize> {
    database.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)).map(|done| done as usize)
}

fn refuse_newer(n_done: usize) -> Result<(), Failure> {
    if n_done <= MIGRATIONS.len() {
        return Ok(());
    }
    Err(Failure::Unusable {
        reason: format!("its tables are of version {n_done}"),
        remedy: "devices.db was written by a newer version of this program: start that version",
    })
}

fn open(path: &Path, max_bytes: u64) -> Result<Connection, Failure> {
    private::prepare_database(path).map_err(|error| Failure::Unavailable(error.to_string()))?;
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    refuse_newer(n_done(&connection)?)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // The spool gives its records up once they are here.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    // Operators delete rows of any table at any time.
    connection.pragma_update(None, "foreign_keys", "off")?;
    let page_bytes: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    connection.pragma_update(None, "max_page_count", max_bytes.cast_signed() / page_bytes.max(1))?;
    Ok(connection)
}

fn iso(stamp: &str) -> String {
    format!("{}Z", stamp.replacen(' ', "T", 1))
}

fn write(database: &Transaction<'_>, tables: &ByTable<'_>) -> Result<(), Failure> {
    let put = |sql: &str, values: &[&dyn ToSql]| {
        database.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map(|_| ())
    };
    for (room, at) in &tables.rooms {
        put(
            "INSERT INTO rooms (room_id, created_at) VALUES (?1, ?2) ON CONFLICT (room_id) DO UPDATE SET \
             created_at = excluded.created_at WHERE excluded.created_at < created_at",
            &[&room.as_str(), &stamp(*at)],
        )?;
    }
    for (device, identity, room, at) in &tables.devices {
        put(
            "INSERT INTO devices (device_id, first_connected_at, last_connected_at, last_room_id, last_identity) \
             VALUES (?1, ?2, ?2, ?3, ?4) ON CONFLICT (device_id) DO UPDATE SET \
             first_connected_at = MIN(excluded.first_connected_at, first_connected_at), \
             last_connected_at = excluded.last_connected_at, last_room_id = excluded.last_room_id, \
             last_identity = excluded.last_identity \
             WHERE last_identity IS NULL OR excluded.last_connected_at >= last_connected_at \
             OR last_connected_at > strftime('%Y-%m-%d %H:%M:%f', 'now', '+10 minutes')",
            &[&device.as_str(), &stamp(*at), &room.as_str(), identity],
        )?;
    }
    for (device, at) in &tables.named {
        put(
            "INSERT INTO devices (device_id, first_connected_at, last_connected_at) VALUES (?1, ?2, ?2) \
             ON CONFLICT (device_id) DO NOTHING",
            &[&device.as_str(), &stamp(*at)],
        )?;
    }
    for record in &tables.connections {
        let Record::Connected { connection, device, identity, room, address, at } = record else { continue };
        put(
            "INSERT INTO connections (record_id, device_id, room_id, identity, client_ip, connected_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (record_id) DO NOTHING",
            &[&connection.0, &device.as_str(), &room.as_str(), identity, &address.to_string(), &stamp(*at)],
        )?;
    }
    for (id, message) in &tables.messages {
        let kind = MessageType::of(message.to.as_ref()).name();
        put(
            "INSERT INTO messages (record_id, from_device_id, to_device_id, room_id, message_type, \
             message_content, sent_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (record_id) DO NOTHING",
            &[
                &id.0,
                &message.from.as_str(),
                &message.to.as_ref().map(DeviceId::as_str),
                &message.room.as_str(),
                &kind,
                &message.content,
                &stamp(message.at),
            ],
        )?;
    }
    for (id, device, room, at) in &tables.queries {
        put(
            "INSERT INTO room_queries (record_id, device_id, room_id, queried_at) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (record_id) DO NOTHING",
            &[&id.0, &device.as_str(), &room.as_str(), &stamp(*at)],
        )?;
    }
    for (connection, at) in &tables.ends {
        put(
            "UPDATE connections SET disconnected_at = ?2 WHERE record_id = ?1 AND disconnected_at IS NULL",
            &[&connection.0, &stamp(*at)],
        )?;
    }
    Ok(())
}
