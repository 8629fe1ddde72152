//! Several nodes as one, by the Redis that they share.
//!
//! The ordered log of a service, whose offsets are numbered from 1 without a gap, and the snapshot that it may be trimmed to:
//!
//! ```text
//! {prefix:music}:log            stream  offset -> time, node, sequence number, inputs
//! {prefix:music}:head           string  the last offset
//! {prefix:music}:epoch          string  the name of all that Redis remembers
//! {prefix:music}:appended       hash    node -> its last batch and where it stands, lest one be appended twice
//! {prefix:music}:nodes          zset    node -> when it last showed, by Redis' clock
//! {prefix:music}:checkpointer   string  the node that writes the snapshots
//! {prefix:music}:state          hash    offset of the snapshot, and what holds for the whole of it
//! {prefix:music}:state:rooms    hash    room -> the last entry that changed it, what the rules know of it
//! {prefix:music}:state:members  hash    member -> its node, what the rules know of it
//! {prefix:music}:state:facts    hash    fact -> its text
//! ```
//! Knows no rooms: inputs and states are text here. All keys of a service share one hash tag, so in a Redis
//! Cluster they are on one of its nodes, which is found by asking any (`redis_connector`).

mod log;
mod log_reader;
mod redis_connector;

use std::time::Duration;

use anyhow::{Context as _, Result};
use redis::RedisError;
use redis::aio::MultiplexedConnection;
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::config::Findings;
use crate::random;
use crate::secret::Secret;
use crate::time::{Timestamp, human};

pub use log::{Changes, Claim, Entry, HeartbeatReply, Log, Snapshot};
pub use log_reader::{LogReader, RawEntry};
use redis_connector::RedisConnector;

/// Time for the first connection: without it a node does not start.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest that members wait for what others of their node do.
const MAX_LINGER: Duration = Duration::from_secs(1);

/// Random bytes in a node's name.
const NODE_BYTES: usize = 6;

/// Bytes of the secret that all nodes share.
const SECRET_BYTES: usize = 32;

/// `[cluster]`: whether rooms are shared with other nodes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The Redis that the nodes share, like `redis://:password@host:6379/0`, or `rediss://` for TLS; alone if empty.
    /// Of a Redis Cluster, some of its nodes, with commas between them.
    pub url: Secret,
    /// A file that holds the URL, in place of `url`.
    pub url_file: String,
    /// The authority of its certificate, as PEM; those of the system if empty.
    pub ca_file: String,
    /// What every key begins with: clusters with different ones share nothing.
    pub prefix: String,
    /// A node that has not shown for this long is taken for dead, and its members leave their rooms.
    #[serde(with = "human")]
    pub lease: Duration,
    /// How often a node shows, and looks for what the others did.
    #[serde(with = "human")]
    pub heartbeat: Duration,
    /// A Redis that takes longer to answer is taken for away: rooms go on alone.
    #[serde(with = "human")]
    pub response_timeout: Duration,
    /// What comes within this time of a node's last entry goes as one, so that a busy service wakes all nodes less often.
    #[serde(with = "human")]
    pub linger: Duration,
    /// Entries that a log may hold; a node that falls further behind has its members come back anew.
    pub max_log_entries: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            url_file: String::new(),
            ca_file: String::new(),
            prefix: "roomhub".into(),
            lease: Duration::from_secs(10),
            heartbeat: Duration::from_secs(2),
            response_timeout: Duration::from_millis(500),
            linger: Duration::from_millis(5),
            max_log_entries: 65_536,
        }
    }
}

impl Config {
    /// Checks what the types do not.
    pub fn validate(&self, findings: &mut Findings) {
        if self.url.is_set() && !redis_connector::is_url(&self.url) {
            findings.add("cluster.url", "a URL like redis://host:6379 or rediss://host:6379 is expected");
        }
        if self.prefix.is_empty() || self.prefix.contains(['{', '}']) {
            findings.add("cluster.prefix", "a text without braces is expected");
        }
        findings.not_zero("cluster.heartbeat", self.heartbeat);
        findings.not_zero("cluster.response_timeout", self.response_timeout);
        if self.linger > MAX_LINGER {
            findings.add("cluster.linger", "at most 1s is expected: members wait for it");
        }
        findings.at_least_one("cluster.max_log_entries", self.max_log_entries);
        if self.lease < self.heartbeat * 3 {
            findings.add("cluster.lease", "at least three heartbeats are expected, so that one may be late");
        }
    }
}

/// This node's way to the others.
pub struct Cluster {
    connector: RedisConnector,
    config: Config,
    node: String,
    secret: [u8; SECRET_BYTES],
}

/// Redis did not answer, or not as it should; what was asked of it may have been done.
#[derive(Debug, thiserror::Error)]
#[error("redis is away: {0}")]
pub struct Unavailable(#[from] RedisError);

impl Unavailable {
    /// What was waited for has not come.
    pub fn silent() -> Self {
        Self(RedisError::from((redis::ErrorKind::Io, "the log does not go on")))
    }
}

impl Cluster {
    /// Joins the cluster that the configuration names; `None` if it names none.
    ///
    /// # Errors
    /// Redis cannot be reached: a node that began alone would have rooms that nobody else has.
    pub async fn join(config: &Config) -> Result<Option<Self>> {
        if !config.url.is_set() {
            return Ok(None);
        }
        let key = format!("{{{}}}:secret", config.prefix);
        let connector = RedisConnector::new(config)?.of(&key);
        let connect = tokio::time::timeout(START_TIMEOUT, connector.connect());
        let mut connection =
            connect.await.context("redis does not answer")?.context("redis cannot be reached: [cluster]")?;
        let node = hex::encode(random::bytes::<NODE_BYTES>());
        let secret = shared_secret(&mut connection, &key).await.context("redis")?;
        Ok(Some(Self { connector, config: config.clone(), node, secret }))
    }

    /// The version and the time of the Redis that the configuration names; `None` if it names none.
    ///
    /// # Errors
    /// It cannot be reached, or lets this program not in.
    pub async fn look(config: &Config) -> Result<Option<(String, Timestamp)>> {
        if !config.url.is_set() {
            return Ok(None);
        }
        let connector = RedisConnector::new(config)?.of(&format!("{{{}}}:secret", config.prefix));
        let connect = tokio::time::timeout(START_TIMEOUT, connector.connect());
        let mut connection = connect.await.context("does not answer")?.context("cannot be reached")?;
        let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(&mut connection).await?;
        let info: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or_default();
        Ok(Some((version.trim().to_owned(), Timestamp::from_micros(seconds * 1_000_000 + micros))))
    }

    /// After this long in silence a node is taken for dead.
    pub fn lease(&self) -> Duration {
        self.config.lease
    }

    /// A service's ordered log.
    pub fn log(&self, service: &'static str) -> Log {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.secret), service.as_bytes());
        let seed = tag.as_ref().try_into().expect("SHA-256 has 32 bytes");
        Log::new(service, &self.connector, &self.config, self.node.clone(), seed)
    }
}

/// The secret of the cluster's rooms, made by its first node.
async fn shared_secret(
    connection: &mut MultiplexedConnection,
    key: &str,
) -> Result<[u8; SECRET_BYTES], RedisError> {
    let offered = hex::encode(random::bytes::<SECRET_BYTES>());
    let (): () = redis::cmd("SET").arg(key).arg(offered).arg("NX").query_async(connection).await?;
    let kept: String = redis::cmd("GET").arg(key).query_async(connection).await?;
    let mut secret = [0; SECRET_BYTES];
    hex::decode_to_slice(kept, &mut secret).map_err(|_| {
        RedisError::from((redis::ErrorKind::UnexpectedReturnType, "the cluster's secret is not one"))
    })?;
    Ok(secret)
}
