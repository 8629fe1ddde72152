//! A MySQL or MariaDB server: a connection of its own for writing, a few for reading, a time-out for everything.
//!
//! Moments are in UTC, and are written and read as they stand in the tables: no zone of a server or of a session, and no
//! end of summer time, changes them.

mod append;
mod failure;
mod lookup;
mod migrate;
mod script;
pub mod url;

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Params, Row, SslOpts, Value};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::rows::{MessageQuery, Minute, StoredConnection, StoredMessage, moment, stamp};
use super::tables::{Parameter, TextRow};
use super::{Failure, Named, Place};
use crate::devices::protocol::names::{DeviceId, RoomId};
use crate::time::Timestamp;
use lookup::Lookup;
use migrate::Trust;
use url::Tls;

/// A server that is gone without a word is noticed in some minutes, also while its tables are changed.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// What statements mean on a connection, whatever other programs have had the server set for theirs: some modes of
/// MariaDB take an empty text for NULL, and `NO_ZERO_DATE` refuses to change tables in which such dates are.
const MODE: &str = "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'";

/// A start waits no longer for what the server says of its tables.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// A server, and the connections to it that are open.
pub struct MySql {
    opts: OptsBuilder,
    host: String,
    lookup: Lookup,
    timeout: Duration,
    /// Whether the server did not know a table or a column.
    is_lacking: AtomicBool,
    writer: tokio::sync::Mutex<Option<Conn>>,
    readers: Mutex<Vec<Conn>>,
    may_read: Semaphore,
}

fn late(timeout: Duration) -> Failure {
    Failure::Unavailable(format!("no answer in {}", humantime::format_duration(timeout)))
}

impl MySql {
    /// A handle on a server that has not been called yet.
    pub fn new(place: &Place) -> Result<Self, String> {
        let (opts, tls) = url::read(place.url.expose(), place.authorities.is_some())?;
        let opts = mysql_async::Opts::from(opts);
        let host = opts.ip_or_hostname().to_owned();
        let ssl = opts.ssl_opts().cloned().map(|ssl| with_authorities(ssl, tls, place.authorities.as_ref()));
        // A socket in a file would be preferred, whatever the URL says.
        let opts = OptsBuilder::from_opts(opts)
            .prefer_socket(false)
            .ssl_opts(ssl)
            .tcp_keepalive(Some(KEEPALIVE))
            .init(vec![MODE]);
        Ok(Self {
            opts,
            host,
            lookup: Lookup::default(),
            timeout: place.timeout,
            is_lacking: AtomicBool::new(false),
            writer: tokio::sync::Mutex::new(None),
            readers: Mutex::new(Vec::new()),
            may_read: Semaphore::new(place.pool.max(1)),
        })
    }

    async fn connect(&self) -> Result<Conn, Failure> {
        let found = timeout(self.timeout, self.lookup.addresses(&self.host)).await;
        let host = &self.host;
        let found = found
            .unwrap_or_else(|_| Err(io::Error::other("no answer to the lookup of its name")))
            .map_err(|problem| Failure::Unavailable(format!("{host}: {problem}")))?;
        let conn = timeout(self.timeout, Conn::new(self.opts.clone().resolved_ips(Some(found)))).await;
        Ok(conn.map_err(|_| late(self.timeout))??)
    }

    /// A connection that was kept, or a new one: servers end those over which nothing was said for a while.
    async fn awake(&self, kept: Option<Conn>) -> Result<Conn, Failure> {
        if let Some(mut conn) = kept
            && timeout(self.timeout, conn.ping()).await.map_err(|_| late(self.timeout))?.is_ok()
        {
            return Ok(conn);
        }
        self.connect().await
    }

    /// Writes records in order, all or none.
    pub async fn append(&self, records: &[Named]) -> Result<(), Failure> {
        let mut writer = self.writer.lock().await;
        let kept = writer.take();
        let mut conn = self.awake(kept).await?;
        let outcome = timeout(self.timeout, append::append(&mut conn, records)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(late(self.timeout).into()));
        // A connection that failed is not asked again: dropping it ends what it was doing.
        match outcome {
            Ok(()) => {
                *writer = Some(conn);
                Ok(())
            }
            Err(append::Failed { failure, is_lacking }) => {
                self.is_lacking.fetch_or(is_lacking, Ordering::Relaxed);
                Err(failure)
            }
        }
    }

    /// The version and the time of the server.
    pub async fn server(&self) -> Result<(String, Timestamp), Failure> {
        let mut conn = self.connect().await?;
        let sql = "SELECT VERSION(), CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED)";
        let found: Option<(String, u64)> = self.within(async { Ok(conn.query_first(sql).await?) }).await?;
        let (version, micros) = found.ok_or_else(|| Failure::Unavailable("it tells no version".into()))?;
        Ok((version, Timestamp::from_micros(micros)))
    }

    /// Refuses tables that a newer version has made; a server that does not answer soon is asked later.
    pub async fn check_version(&self) -> Result<(), Failure> {
        let look = async {
            let mut conn = self.connect().await?;
            migrate::is_up_to_date(&mut conn, Trust::Version).await
        };
        match timeout(FIRST_LOOK.min(self.timeout), look).await {
            Ok(Err(failure @ Failure::Unusable { .. })) => Err(failure),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Brings the tables to the present version.
    pub async fn migrate(&self) -> Result<(), Failure> {
        let mut conn = self.connect().await?;
        let is_lacking = self.is_lacking.load(Ordering::Relaxed);
        let trust = if is_lacking { Trust::Nothing } else { Trust::Version };
        if self.within(migrate::is_up_to_date(&mut conn, trust)).await? {
            return Ok(());
        }
        // Tables of any size are changed in their own time.
        migrate::migrate(&mut conn).await?;
        self.is_lacking.store(false, Ordering::Relaxed);
        Ok(())
    }

    async fn within<A>(&self, work: impl Future<Output = Result<A, Failure>>) -> Result<A, Failure> {
        timeout(self.timeout, work).await.unwrap_or_else(|_| Err(late(self.timeout)))
    }

    async fn read(&self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>, Failure> {
        let (_permit, mut conn) = self.reader().await?;
        let values = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
        let rows = self.within(async { Ok(conn.exec(sql, values).await?) }).await?;
        self.readers.lock().push(conn);
        Ok(rows)
    }

    async fn reader(&self) -> Result<(SemaphorePermit<'_>, Conn), Failure> {
        let permit = timeout(self.timeout, self.may_read.acquire()).await.map_err(|_| late(self.timeout))?;
        let permit = permit.map_err(|error| Failure::Unavailable(error.to_string()))?;
        let kept = self.readers.lock().pop();
        Ok((permit, self.awake(kept).await?))
    }

    pub async fn rooms_after(&self, room: &str, limit: usize) -> Result<Vec<String>, Failure> {
        let sql = "SELECT room_id FROM rooms WHERE room_id > ? ORDER BY room_id LIMIT ?";
        let rows = self.read(sql, vec![room.into(), limit.into()]).await?;
        rows.into_iter().map(|mut row| field(&mut row, 0)).collect()
    }

    pub async fn devices_after(&self, device: &str, limit: usize) -> Result<Vec<(String, String)>, Failure> {
        let sql = "SELECT device_id, last_room_id FROM devices WHERE device_id > ? AND last_room_id IS NOT NULL \
                   ORDER BY device_id LIMIT ?";
        let rows = self.read(sql, vec![device.into(), limit.into()]).await?;
        rows.into_iter().map(|mut row| Ok((field(&mut row, 0)?, field(&mut row, 1)?))).collect()
    }

    pub async fn messages(&self, query: &MessageQuery) -> Result<Vec<StoredMessage>, Failure> {
        let mut sql = String::from(
            "SELECT id, from_device_id, to_device_id, room_id, message_type, message_content, \
             TIMESTAMPDIFF(MICROSECOND, '1970-01-01', sent_at) DIV 1000 FROM messages WHERE 1 = 1",
        );
        let mut values: Vec<Value> = Vec::new();
        let mut given = |condition: &str, value: Option<Value>| {
            if let Some(value) = value {
                sql.push_str(condition);
                values.push(value);
            }
        };
        given(" AND room_id = ?", query.room.map(|room| room.as_str().into()));
        let device = query.device.as_ref();
        given(" AND (from_device_id = ?", device.map(|device| device.as_str().into()));
        given(" OR to_device_id = ?)", device.map(|device| device.as_str().into()));
        given(" AND message_type = ?", query.kind.map(|kind| kind.name().into()));
        given(" AND sent_at >= ?", query.since_ms.map(|ms| stamp(Timestamp::from_millis(ms)).into()));
        given(" AND sent_at < ?", query.until_ms.map(|ms| stamp(Timestamp::from_millis(ms)).into()));
        given(" AND id < ?", query.before.map(Value::from));
        given(" ORDER BY id DESC LIMIT ?", Some(query.limit.into()));
        let rows = self.read(&sql, values).await?;
        let read = |mut row: Row| {
            Ok(StoredMessage {
                id: field(&mut row, 0)?,
                from_device_id: field(&mut row, 1)?,
                to_device_id: field(&mut row, 2)?,
                room_id: field(&mut row, 3)?,
                message_type: field(&mut row, 4)?,
                message_content: field(&mut row, 5)?,
                sent_at: moment(field::<Option<i64>>(&mut row, 6)?.unwrap_or(0)),
            })
        };
        rows.into_iter().map(read).collect()
    }

    pub async fn connections(
        &self,
        device: &DeviceId,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<StoredConnection>, Failure> {
        let sql = "SELECT id, room_id, identity, client_ip, \
                   TIMESTAMPDIFF(MICROSECOND, '1970-01-01', connected_at) DIV 1000, \
                   TIMESTAMPDIFF(MICROSECOND, '1970-01-01', disconnected_at) DIV 1000 \
                   FROM connections WHERE device_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
        let values = vec![device.as_str().into(), before.unwrap_or(i64::MAX).into(), limit.into()];
        let read = |mut row: Row| {
            Ok(StoredConnection {
                id: field(&mut row, 0)?,
                room_id: field(&mut row, 1)?,
                identity: field(&mut row, 2)?,
                client_ip: field(&mut row, 3)?,
                connected_at: moment(field::<Option<i64>>(&mut row, 4)?.unwrap_or(0)),
                disconnected_at: field::<Option<i64>>(&mut row, 5)?.map(moment),
            })
        };
        self.read(sql, values).await?.into_iter().map(read).collect()
    }

    /// Rows of texts.
    pub async fn texts(&self, sql: &str, values: Vec<Parameter>) -> Result<Vec<TextRow>, Failure> {
        let rows = self.read(sql, values.into_iter().map(Value::from).collect()).await?;
        let read = |mut row: Row| (0..row.len()).map(|place| field(&mut row, place)).collect();
        rows.into_iter().map(read).collect()
    }

    /// Does something to rows, not on the connection that the spool is emptied on; gives how many.
    pub async fn execute(&self, sql: &str, values: Vec<Parameter>) -> Result<u64, Failure> {
        let (_permit, mut conn) = self.reader().await?;
        let values = Params::Positional(values.into_iter().map(Value::from).collect());
        let n = self
            .within(async {
                conn.exec_drop(sql, values).await?;
                Ok(conn.affected_rows())
            })
            .await?;
        self.readers.lock().push(conn);
        Ok(n)
    }

    pub async fn minutes(&self, room: Option<RoomId>, since_ms: u64) -> Result<Vec<Minute>, Failure> {
        let name = room.map(String::from);
        let sql = "SELECT TIMESTAMPDIFF(SECOND, '1970-01-01', sent_at) DIV 60 * 60000 AS minute, COUNT(*) \
                   FROM messages WHERE sent_at >= ? AND (? IS NULL OR room_id = ?) \
                   GROUP BY minute ORDER BY minute";
        let read = |mut row: Row| {
            Ok(Minute { at: field::<i64>(&mut row, 0)? as u64, messages: field::<i64>(&mut row, 1)? as u64 })
        };
        let values = vec![stamp(Timestamp::from_millis(since_ms)).into(), name.clone().into(), name.into()];
        self.read(sql, values).await?.into_iter().map(read).collect()
    }
}

impl From<Parameter> for Value {
    fn from(parameter: Parameter) -> Self {
        match parameter {
            Parameter::Text(text) => text.into(),
            Parameter::Number(number) => number.into(),
        }
    }
}

/// Trusts the authorities that were named, and those alone where any would do.
fn with_authorities(ssl: SslOpts, tls: Tls, authorities: Option<&PathBuf>) -> SslOpts {
    match (authorities, tls) {
        (None, _) | (_, Tls::Off | Tls::Unproved) => ssl,
        (Some(file), Tls::Authority | Tls::Identity) => ssl.with_root_certs(vec![file.clone().into()]),
    }
}

/// A field of a row, which is there and of that type unless the tables are not ours.
fn field<T: mysql_async::prelude::FromValue>(row: &mut Row, place: usize) -> Result<T, Failure> {
    match row.take_opt(place) {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(Failure::Unavailable(format!("a column of an unexpected type: {error}"))),
        None => Err(Failure::Unavailable("a column is missing".into())),
    }
}
