//! `roomhub devices`: rooms of devices that never lose a message.
//!
//! Plain WebSocket on any path, one JSON object a frame. The first says who it is (`{"device_id":"d1",
//! "identity":"mobile_user"}`), later ones are messages to the room or to one device. Everything is on disk before
//! anybody is told of it, and goes from there to SQLite or MySQL. Browsers get a console page at `/`, programs an
//! HTTP interface (`/openapi.json`).

mod all_facts;
mod auth;
pub mod backup;
mod directory;
mod drain;
mod durable_hub;
pub mod erase;
mod evidence;
pub mod export;
mod facts;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod hub;
mod late;
mod operators;
mod outcome;
mod protocol;
mod rates;
mod record;
mod retention;
mod room;
mod routes;
mod server;
mod shared_index;
pub mod spool;
pub mod spool_command;
mod store;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::config::{Alias, Findings};
use crate::http::origin::AllowedOrigins;
use crate::http::socket::Listen;
use crate::secret::Secret;
use crate::time::{Timestamp, human};

use auth::{Auth, Demand};
pub use retention::Retention;
pub use server::start;

/// The service's name in logs and metrics.
const SERVICE: &str = "devices";

/// The names that the original server reads from its environment.
pub const ALIASES: [Alias; 1] = [Alias { variable: "DATABASE_URL", key: "devices.database_url", unit: "" }];

/// The smallest segment of the spool.
const MIN_SEGMENT_BYTES: u64 = 1024 * 1024;

/// The smallest limit of the SQLite file.
const MIN_DATABASE_BYTES: u64 = 1024 * 1024;

/// When others are told of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Once it is on disk; one sync serves all that came in the last moment.
    Group,
    /// At once: what came in the last moment before a crash may be lost after it was delivered.
    Relaxed,
}

/// `[devices]`: the device rooms.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address to listen on.
    pub host: String,
    /// The port to listen on.
    pub port: u16,
    /// Addresses to listen on, in place of these two.
    pub listen: Vec<String>,
    /// Origins whose pages may connect; `*` is any.
    pub cors_origin: Vec<String>,
    /// `mysql://user:password@host:3306/db`; empty for SQLite in `data_dir`.
    pub database_url: Secret,
    /// A file that holds the URL, instead of `database_url`.
    pub database_url_file: String,
    /// A PEM file of the authorities that sign the database's certificate; with it, TLS is on.
    pub database_ca: String,
    /// Bytes that the SQLite file may have; at the limit, senders are refused.
    pub database_max_bytes: u64,
    /// Connections to the database at a time, for the console page and HTTP; one more writes.
    pub database_pool: usize,
    /// How long one exchange with the database may take.
    #[serde(with = "human")]
    pub database_timeout: Duration,
    /// Where the spool, the directory and the SQLite file are.
    pub data_dir: PathBuf,
    /// On the first start on a database, devices wait this long until its rooms and devices are known.
    #[serde(with = "human")]
    pub first_start_wait: Duration,
    /// When others are told of a message.
    pub durability: Durability,
    /// Bytes that the spool may hold while the database is away.
    pub spool_max_bytes: u64,
    /// Bytes of one of its files.
    pub spool_segment_bytes: u64,
    /// Direct messages kept for a device that is away from its room; 0 keeps none.
    pub offline_queue: usize,
    /// Bytes of them.
    pub offline_queue_bytes: usize,
    /// Connections in one room; one more is refused.
    pub max_room_clients: usize,
    /// Frames a second that one device may send on average; more are refused.
    pub events_per_second: u32,
    /// Frames that one device may send at once.
    pub event_burst: u32,
    /// Bytes a second that one device may send, or have told of rooms, on average.
    pub bytes_per_second: u32,
    /// Bytes that one device may send at once.
    pub burst_bytes: u32,
    /// All devices of one address may send as much as so many.
    pub devices_per_address: u32,
    /// What clients must bring.
    pub auth: Demand,
    /// The key, for clients under `auth = "key"`.
    pub auth_key: Secret,
    /// A file that holds the key, instead of `auth_key`.
    pub auth_key_file: String,
    /// A device id and its token on each line, for `auth = "tokens"`.
    pub token_file: String,
    /// Signs JWTs with HMAC-SHA256, for `auth = "tokens"`; `sub` is the device id.
    pub jwt_secret: Secret,
    /// A file that holds it, instead of `jwt_secret`.
    pub jwt_secret_file: String,
    /// The key of the console page and HTTP; without one, they are for this machine alone.
    pub console_key: Secret,
    /// A file that holds the key, instead of `console_key`.
    pub console_key_file: String,
    /// The largest frame.
    pub max_frame_bytes: usize,
    /// A connection must say who it is within this time.
    #[serde(with = "human")]
    pub identification_timeout: Duration,
    /// How often a client is asked whether it is still there.
    #[serde(with = "human")]
    pub ping_interval: Duration,
    /// How long it may take to answer.
    #[serde(with = "human")]
    pub ping_timeout: Duration,
    /// How often the log is told who is connected.
    #[serde(with = "human")]
    pub status_interval: Duration,
    /// How long rows are kept in the database.
    pub retention: Retention,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".into(),
            port: 8765,
            listen: Vec::new(),
            cors_origin: vec!["*".into()],
            database_url: Secret::default(),
            database_url_file: String::new(),
            database_ca: String::new(),
            database_max_bytes: 10 * 1024 * 1024 * 1024,
            database_pool: 5,
            database_timeout: Duration::from_secs(10),
            data_dir: "./data".into(),
            first_start_wait: Duration::from_secs(8),
            durability: Durability::Group,
            spool_max_bytes: 1024 * 1024 * 1024,
            spool_segment_bytes: 8 * 1024 * 1024,
            offline_queue: 0,
            offline_queue_bytes: 1024 * 1024,
            max_room_clients: 10_000,
            events_per_second: 1_000,
            event_burst: 5_000,
            bytes_per_second: 1024 * 1024,
            burst_bytes: 32 * 1024 * 1024,
            devices_per_address: 8,
            auth: Demand::None,
            auth_key: Secret::default(),
            auth_key_file: String::new(),
            token_file: String::new(),
            jwt_secret: Secret::default(),
            jwt_secret_file: String::new(),
            console_key: Secret::default(),
            console_key_file: String::new(),
            max_frame_bytes: 1024 * 1024,
            identification_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(20),
            status_interval: Duration::from_mins(1),
            retention: Retention::default(),
        }
    }
}

/// The version and the time of the database server; `None` for the embedded database.
///
/// # Errors
/// It cannot be reached, or does not let this program in.
pub async fn database(config: &Config) -> Result<Option<(String, Timestamp)>> {
    let store = store::Store::new(&config.place()).map_err(anyhow::Error::msg)?;
    store.server().await.map_err(|failure| anyhow::anyhow!("{failure}"))
}

impl Config {
    /// Where to listen.
    pub fn listen(&self) -> Listen<'_> {
        Listen { host: &self.host, port: self.port, listen: &self.listen }
    }

    /// Checks what the types do not.
    pub fn validate(&self, findings: &mut Findings) {
        findings.at_least_one("devices.database_pool", self.database_pool);
        findings.at_least_one("devices.max_frame_bytes", self.max_frame_bytes);
        findings.at_least_one("devices.max_room_clients", self.max_room_clients);
        findings.at_least_one("devices.events_per_second", self.events_per_second as usize);
        findings.at_least_one("devices.event_burst", self.event_burst as usize);
        findings.at_least_one("devices.bytes_per_second", self.bytes_per_second as usize);
        findings.at_least_one("devices.devices_per_address", self.devices_per_address as usize);
        if (self.burst_bytes as usize) < self.max_frame_bytes {
            findings.add("devices.burst_bytes", "at least max_frame_bytes is expected");
        }
        findings.not_zero("devices.database_timeout", self.database_timeout);
        findings.not_zero("devices.identification_timeout", self.identification_timeout);
        findings.not_zero("devices.ping_interval", self.ping_interval);
        findings.not_zero("devices.ping_timeout", self.ping_timeout);
        findings.not_zero("devices.status_interval", self.status_interval);
        findings.not_zero("devices.retention.interval", self.retention.interval);
        if self.spool_segment_bytes < MIN_SEGMENT_BYTES {
            findings.add("devices.spool_segment_bytes", "at least 1048576 is expected");
        }
        if self.database_max_bytes < MIN_DATABASE_BYTES {
            findings.add("devices.database_max_bytes", "at least 1048576 is expected");
        }
        if self.spool_max_bytes < 2 * self.spool_segment_bytes {
            findings.add("devices.spool_max_bytes", "at least two segments are expected");
        }
        if self.database_url.is_set()
            && let Err(problem) = store::check_url(&self.database_url, !self.database_ca.is_empty())
        {
            findings.add("devices.database_url", problem);
        }
        let has_tokens = !self.token_file.is_empty() || self.jwt_secret.is_set();
        match self.auth {
            Demand::Key if !self.auth_key.is_set() => {
                findings.add("devices.auth_key", "auth = \"key\" needs a key");
            }
            Demand::Tokens if !has_tokens => {
                findings.add("devices.token_file", "auth = \"tokens\" needs token_file or jwt_secret");
            }
            Demand::None | Demand::Key | Demand::Tokens => {}
        }
        AllowedOrigins::validate("devices.cors_origin", &self.cors_origin, findings);
    }

    /// Which erasures are done here.
    pub fn erasures(&self) -> PathBuf {
        self.data_dir.join("erasures")
    }

    /// Where the spool is.
    pub fn spool_folder(&self) -> PathBuf {
        self.data_dir.join("spool")
    }

    fn limits(&self) -> hub::Limits {
        hub::Limits {
            identification: self.identification_timeout,
            offline_queue: self.offline_queue,
            offline_queue_bytes: self.offline_queue_bytes,
            room_clients: self.max_room_clients,
            room_info_bytes: self.max_frame_bytes,
        }
    }

    fn rates(&self) -> rates::Limits {
        rates::Limits {
            events: (self.events_per_second, self.event_burst),
            bytes: (self.bytes_per_second, self.burst_bytes),
            devices_per_address: self.devices_per_address,
        }
    }

    fn auth(&self) -> Result<Auth> {
        Ok(match self.auth {
            Demand::None => Auth::Open,
            Demand::Key => Auth::Key(self.auth_key.clone()),
            Demand::Tokens => {
                let file = (!self.token_file.is_empty()).then(|| Path::new(&self.token_file));
                Auth::tokens(file, self.jwt_secret.clone())?
            }
        })
    }

    fn place(&self) -> store::Place {
        store::Place {
            url: self.database_url.clone(),
            authorities: (!self.database_ca.is_empty()).then(|| PathBuf::from(&self.database_ca)),
            file: store::file_in(&self.data_dir),
            max_bytes: self.database_max_bytes,
            pool: self.database_pool,
            timeout: self.database_timeout,
        }
    }
}
