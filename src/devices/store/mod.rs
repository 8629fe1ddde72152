//! The database: SQLite in the data directory, or a MySQL or MariaDB server.
//!
//! Everything is written by appending batches of records in order, each record once however often it comes. What
//! is read is for people: joins and messages never wait for a database.

#[cfg(test)]
mod contract;
mod mysql;
#[cfg(test)]
mod refusals;
mod rows;
#[cfg(test)]
mod servers;
mod sqlite;
mod tables;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::protocol::names::{DeviceId, RoomId};
use super::record::{Record, RecordId};
use crate::secret::Secret;
use crate::time::Timestamp;

pub use tables::{Old, TABLES, Table, TextRow};

pub use rows::{MessageQuery, Minute, StoredConnection, StoredMessage};

/// A record under its name.
pub type Named = (RecordId, Record);

/// Why the database did not do something. All but the last are tried again, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It cannot be reached, or does not answer: the same will work later.
    Unavailable(String),
    /// It is there, and somebody has to change something before it can be used.
    #[allow(missing_docs, reason = "their names say it")]
    Unusable { reason: String, remedy: &'static str },
    /// It takes no more.
    Full(String),
    /// It refuses what it was given, and will refuse it again.
    Broken(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(reason)
            | Self::Unusable { reason, .. }
            | Self::Full(reason)
            | Self::Broken(reason) => f.write_str(reason),
        }
    }
}

/// Where the database is, and how long it may take.
#[derive(Debug, Clone)]
pub struct Place {
    /// `mysql://user:password@host:3306/db`; empty for SQLite.
    pub url: Secret,
    /// A file of certificates that sign the server's; TLS is on with it.
    pub authorities: Option<PathBuf>,
    /// The SQLite file, when there is no URL.
    pub file: PathBuf,
    /// Bytes that the SQLite file may have.
    pub max_bytes: u64,
    /// Connections at a time, for reading.
    pub pool: usize,
    /// How long one exchange with a server may take.
    pub timeout: Duration,
}

impl Place {
    /// What the database is called on this machine: where it is, without the password.
    pub fn name(&self) -> String {
        let url = self.url.expose();
        let place = url.rsplit_once('@').map_or(url, |(_, place)| place);
        place.split('?').next().unwrap_or(place).to_owned()
    }
}

impl Place {
    /// Where it is, for people.
    pub fn name_or_file(&self) -> String {
        if self.url.is_set() { self.name() } else { self.file.display().to_string() }
    }
}

/// An open database.
pub enum Store {
    /// A file.
    Sqlite(sqlite::Sqlite),
    /// A server.
    MySql(Box<mysql::MySql>),
}

impl Store {
    /// A handle; nothing is opened or connected yet.
    ///
    /// # Errors
    /// The URL is none.
    pub fn new(place: &Place) -> Result<Self, String> {
        if place.url.is_set() {
            return Ok(Self::MySql(Box::new(mysql::MySql::new(place)?)));
        }
        Ok(Self::Sqlite(sqlite::Sqlite::new(&place.file, place.max_bytes)))
    }

    /// What it is called in the log and on the console page.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::MySql(_) => "MySQL",
        }
    }

    /// The version and the time of the server; `None` for a file.
    pub async fn server(&self) -> Result<Option<(String, Timestamp)>, Failure> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::MySql(store) => store.server().await.map(Some),
        }
    }

    /// Refuses tables that a newer version has made, before anything is done to them. A server that is away is asked later.
    ///
    /// # Errors
    /// What to do.
    pub async fn check_version(&self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(store) => store.check_version(),
            Self::MySql(store) => store.check_version().await,
        }
    }

    /// Brings the tables to the present version.
    pub async fn migrate(&self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(store) => store.migrate().await,
            Self::MySql(store) => store.migrate().await,
        }
    }

    /// Writes records in order, all or none, each once however often it comes.
    pub async fn append(&self, records: Vec<Named>) -> (Vec<Named>, Result<(), Failure>) {
        match self {
            Self::Sqlite(store) => store.append(records).await,
            Self::MySql(store) => {
                let outcome = store.append(&records).await;
                (records, outcome)
            }
        }
    }

    /// The next rooms by name.
    pub async fn rooms_after(&self, room: &str, limit: usize) -> Result<Vec<String>, Failure> {
        match self {
            Self::Sqlite(store) => store.rooms_after(room, limit).await,
            Self::MySql(store) => store.rooms_after(room, limit).await,
        }
    }

    /// The next devices by name, each with its last room.
    pub async fn devices_after(&self, device: &str, limit: usize) -> Result<Vec<(String, String)>, Failure> {
        match self {
            Self::Sqlite(store) => store.devices_after(device, limit).await,
            Self::MySql(store) => store.devices_after(device, limit).await,
        }
    }

    /// Messages, the newest first.
    pub async fn messages(&self, query: MessageQuery) -> Result<Vec<StoredMessage>, Failure> {
        match self {
            Self::Sqlite(store) => store.messages(query).await,
            Self::MySql(store) => store.messages(&query).await,
        }
    }

    /// A device's connections, the newest first.
    pub async fn connections(
        &self,
        device: DeviceId,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<StoredConnection>, Failure> {
        match self {
            Self::Sqlite(store) => store.connections(device, before, limit).await,
            Self::MySql(store) => store.connections(&device, before, limit).await,
        }
    }

    /// How many messages were sent in each minute since a moment, in one room or in all.
    pub async fn minutes(&self, room: Option<RoomId>, since_ms: u64) -> Result<Vec<Minute>, Failure> {
        match self {
            Self::Sqlite(store) => store.minutes(room, since_ms).await,
            Self::MySql(store) => store.minutes(room, since_ms).await,
        }
    }
}

/// What is wrong with a URL of a server, if something is; nothing of it that could be secret is in the answer.
pub fn check_url(url: &Secret, has_authority: bool) -> Result<(), String> {
    mysql::url::read(url.expose(), has_authority).map(|_| ())
}

/// The SQLite file of a data directory.
pub fn file_in(folder: &Path) -> PathBuf {
    folder.join("devices.db")
}
