//! A MySQL or MariaDB server: a connection of its own for writing, a few for reading, a time-out for everything.
//!
//! Moments go in by `FROM_UNIXTIME` and come out by `UNIX_TIMESTAMP`, so they are right in whatever time zone the
//! server is, and the operators' own `NOW()` compares with them.

mod append;
mod migrate;

use std::future::Future;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Opts, OptsBuilder, Params, Row, SslOpts, Value};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::rows::{MessageQuery, Minute, StoredConnection, StoredMessage, moment};
use super::{Failure, Named, Place};
use crate::devices::names::{DeviceId, RoomId};
use crate::time::Timestamp;

/// A server's own words for `the data is refused`: classes of SQLSTATE, and codes of those without a class.
///
/// Whatever is not here is tried again: a full disk, a lost lock, a missing right or a server that stops are no
/// fault of the row.
const REFUSED_CLASSES: [&str; 4] = ["01", "22", "23", "45"];
const REFUSED_CODES: [u16; 5] = [1364, 1366, 3819, 4025, 1153];

/// A server that is gone without a word is noticed in some minutes, also while its tables are changed.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A server, and the connections to it that are open.
pub struct MySql {
    opts: Opts,
    timeout: Duration,
    writer: tokio::sync::Mutex<Option<Conn>>,
    readers: Mutex<Vec<Conn>>,
    may_read: Semaphore,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Server(server)
                if REFUSED_CODES.contains(&server.code)
                    || REFUSED_CLASSES.iter().any(|class| server.state.starts_with(class)) =>
            {
                Self::Broken(format!("{} ({}): {}", server.code, server.state, server.message))
            }
            // The library hides what it means in an error of input and output.
            Error::Io(problem) if problem.to_string().contains("max_allowed_packet") => {
                Self::Broken(problem.to_string())
            }
            Error::Server(server) => {
                Self::Unavailable(format!("{} ({}): {}", server.code, server.state, server.message))
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

fn late(timeout: Duration) -> Failure {
    Failure::Unavailable(format!("no answer in {}", humantime::format_duration(timeout)))
}

impl MySql {
    /// A handle on a server that has not been called yet.
    pub fn new(place: &Place) -> Result<Self, String> {
        let opts = Opts::from_url(place.url.expose()).map_err(|error| error.to_string())?;
        if opts.db_name().is_none() {
            return Err("no database is named; mysql://user:password@host:3306/name is expected".into());
        }
        // A socket in a file would be preferred, whatever the URL says.
        let mut opts = OptsBuilder::from_opts(opts).prefer_socket(false).tcp_keepalive(Some(KEEPALIVE));
        if let Some(authorities) = &place.authorities {
            opts = opts.ssl_opts(SslOpts::default().with_root_certs(vec![authorities.clone().into()]));
        }
        Ok(Self {
            opts: opts.into(),
            timeout: place.timeout,
            writer: tokio::sync::Mutex::new(None),
            readers: Mutex::new(Vec::new()),
            may_read: Semaphore::new(place.pool.max(1)),
        })
    }

    async fn connect(&self) -> Result<Conn, Failure> {
        let conn = timeout(self.timeout, Conn::new(self.opts.clone())).await;
        Ok(conn.map_err(|_| late(self.timeout))??)
    }

    /// Writes records in order, all or none.
    pub async fn append(&self, records: &[Named]) -> Result<(), Failure> {
        let mut writer = self.writer.lock().await;
        let mut conn = match writer.take() {
            Some(conn) => conn,
            None => self.connect().await?,
        };
        let outcome = self.within(append::append(&mut conn, records)).await;
        // A connection that failed is not asked again: dropping it ends what it was doing.
        if outcome.is_ok() {
            *writer = Some(conn);
        }
        outcome
    }

    /// The version and the time of the server.
    pub async fn server(&self) -> Result<(String, Timestamp), Failure> {
        let mut conn = self.connect().await?;
        let sql = "SELECT VERSION(), CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED)";
        let found: Option<(String, u64)> = self.within(async { Ok(conn.query_first(sql).await?) }).await?;
        let (version, micros) = found.ok_or_else(|| Failure::Unavailable("it tells no version".into()))?;
        Ok((version, Timestamp::from_micros(micros)))
    }

    /// Brings the tables to the present version.
    pub async fn migrate(&self) -> Result<(), Failure> {
        let mut conn = self.connect().await?;
        if self.within(migrate::is_up_to_date(&mut conn)).await? {
            return Ok(());
        }
        // Tables of any size are changed in their own time.
        migrate::migrate(&mut conn).await
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
        let open = self.readers.lock().pop();
        if let Some(mut conn) = open
            && self.within(async { Ok(conn.ping().await?) }).await.is_ok()
        {
            return Ok((permit, conn));
        }
        Ok((permit, self.connect().await?))
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
             CAST(UNIX_TIMESTAMP(sent_at) * 1000 AS SIGNED) FROM messages WHERE 1 = 1",
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
        given(" AND sent_at >= FROM_UNIXTIME(? / 1000)", query.since_ms.map(Value::from));
        given(" AND sent_at < FROM_UNIXTIME(? / 1000)", query.until_ms.map(Value::from));
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
                sent_at: moment(field(&mut row, 6)?),
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
                   CAST(UNIX_TIMESTAMP(connected_at) * 1000 AS SIGNED), \
                   CAST(UNIX_TIMESTAMP(disconnected_at) * 1000 AS SIGNED) \
                   FROM connections WHERE device_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
        let values = vec![device.as_str().into(), before.unwrap_or(i64::MAX).into(), limit.into()];
        let read = |mut row: Row| {
            Ok(StoredConnection {
                id: field(&mut row, 0)?,
                room_id: field(&mut row, 1)?,
                identity: field(&mut row, 2)?,
                client_ip: field(&mut row, 3)?,
                connected_at: moment(field(&mut row, 4)?),
                disconnected_at: field::<Option<i64>>(&mut row, 5)?.map(moment),
            })
        };
        self.read(sql, values).await?.into_iter().map(read).collect()
    }

    pub async fn minutes(&self, room: Option<RoomId>, since_ms: u64) -> Result<Vec<Minute>, Failure> {
        let name = room.map(String::from);
        let sql = "SELECT CAST(FLOOR(UNIX_TIMESTAMP(sent_at) / 60) * 60000 AS SIGNED) AS minute, COUNT(*) \
                   FROM messages WHERE sent_at >= FROM_UNIXTIME(? / 1000) AND (? IS NULL OR room_id = ?) \
                   GROUP BY minute ORDER BY minute";
        let read = |mut row: Row| {
            Ok(Minute { at: field::<i64>(&mut row, 0)? as u64, messages: field::<i64>(&mut row, 1)? as u64 })
        };
        let values = vec![since_ms.into(), name.clone().into(), name.into()];
        self.read(sql, values).await?.into_iter().map(read).collect()
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
