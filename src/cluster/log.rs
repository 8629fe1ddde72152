//! A service's ordered log in Redis, and the snapshot beside it.
//!
//! An entry is a batch of inputs of one node; its offset is its place in the order that all nodes apply. Knows no rooms:
//! inputs and states are text here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, FromRedisValue, Pipeline, RedisError, Script, Value};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::log_reader::LogReader;
use super::redis_connector::RedisConnector;
use super::{Config, SECRET_BYTES, Unavailable};
use crate::random;
#[cfg(test)]
use crate::secret::Secret;
use crate::time::Timestamp;

/// From one attempt to reach a Redis that is away to the next.
const RETRY: Duration = Duration::from_millis(250);

/// After this, what an earlier version has left in Redis is no longer worth its memory.
const EARLIER_ROOMS_STAY: Duration = Duration::from_hours(7 * 24);

/// Keys that are looked at at once for facts of an earlier version.
const SCANNED: usize = 1_000;

/// What Redis says of a key that does not end by itself.
const NEVER_ENDS: i64 = -1;

/// Random bytes in the name of an epoch.
const EPOCH_BYTES: usize = 8;

/// The parts of a state that are kept under keys of their own.
const ROOMS: &str = "2";
const MEMBERS: &str = "3";
const FACTS: &str = "4";

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its place in the log; the first one has 1, and none is left out.
    pub offset: u64,
    /// When Redis took it, which is the time that the rules are told.
    pub time: Timestamp,
    /// The node that appended it.
    pub node: &'a str,
    /// How many batches that node had appended before.
    pub sequence: u64,
    /// What is to be done, in order.
    pub inputs: &'a str,
}

impl<'a> Entry<'a> {
    /// Reads `time node sequence inputs`.
    pub fn read(offset: u64, text: &'a str) -> Option<Self> {
        let (time, rest) = text.split_once(' ')?;
        let (node, rest) = rest.split_once(' ')?;
        let (sequence, inputs) = rest.split_once(' ')?;
        Some(Self {
            offset,
            time: Timestamp::from_micros(time.parse().ok()?),
            node,
            sequence: sequence.parse().ok()?,
            inputs,
        })
    }
}

/// What a heartbeat is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatReply {
    /// The name of all that Redis remembers: another one, and it has lost its memory.
    pub epoch: String,
    /// The offset of the last entry.
    pub head: u64,
    /// Nodes that have not shown for longer than the lease.
    pub silent: Vec<String>,
    /// What time it is there.
    pub time: Timestamp,
    /// Whether this node writes the snapshots.
    pub is_checkpointer: bool,
}

/// When a node begins to write the snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// If no other node does.
    IfFree,
    /// In place of whichever does.
    Anyway,
}

/// A state of all rooms, as text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last entry that is in it.
    pub offset: u64,
    /// What holds for the whole of it.
    pub meta: String,
    /// Rooms, by name.
    pub rooms: HashMap<String, String>,
    /// Members, by name.
    pub members: HashMap<String, String>,
    /// Facts, by name.
    pub facts: HashMap<String, String>,
}

/// What has changed of a state: `None` for what is gone.
#[derive(Debug, Default, Clone)]
pub struct Changes {
    /// The last entry that is in the state.
    pub offset: u64,
    /// What holds for the whole of it.
    pub meta: String,
    /// Rooms, by name.
    pub rooms: Vec<(String, Option<String>)>,
    /// Members, by name.
    pub members: Vec<(String, Option<String>)>,
    /// Facts, by name.
    pub facts: Vec<(String, Option<String>)>,
}

/// A service's ordered log.
pub struct Log {
    /// This node's name.
    pub node: String,
    /// The secret of the service's rooms.
    pub seed: [u8; SECRET_BYTES],
    /// How often a node shows.
    pub heartbeat: Duration,
    /// After this long in silence a node is taken for dead.
    pub lease: Duration,
    /// A Redis that takes longer to answer is taken for away.
    pub patience: Duration,
    /// What comes within this time of the last entry goes as one.
    pub linger: Duration,
    /// The name of what Redis remembers, as far as this node knows.
    pub epoch: String,
    connector: RedisConnector,
    connection: Option<MultiplexedConnection>,
    /// The connection that is being made.
    coming: Option<oneshot::Receiver<MultiplexedConnection>>,
    /// When there was one last.
    connected_at: Option<Instant>,
    scripts: Arc<Scripts>,
    tag: String,
    max_entries: usize,
}

struct Scripts {
    append: Script,
    heartbeat: Script,
    store: Script,
}

impl Log {
    pub(super) fn new(
        service: &str,
        connector: &RedisConnector,
        config: &Config,
        node: String,
        seed: [u8; SECRET_BYTES],
    ) -> Self {
        let tag = format!("{{{}:{service}}}", config.prefix);
        Self {
            node,
            seed,
            heartbeat: config.heartbeat,
            lease: config.lease,
            patience: config.response_timeout,
            linger: config.linger,
            epoch: String::new(),
            connector: connector.of(&format!("{tag}:nodes")),
            connection: None,
            coming: None,
            connected_at: None,
            scripts: Arc::new(Scripts {
                append: Script::new(include_str!("append.lua")),
                heartbeat: Script::new(include_str!("heartbeat.lua")),
                store: Script::new(include_str!("store.lua")),
            }),
            tag,
            max_entries: config.max_log_entries,
        }
    }

    /// The log of a Redis that nobody has, for tests.
    #[cfg(test)]
    pub fn nowhere(service: &str) -> Self {
        let config = Config { url: Secret::new("redis://127.0.0.1:1"), ..Config::default() };
        let connector = RedisConnector::new(&config).unwrap();
        Self::new(service, &connector, &config, "east".to_owned(), [0; SECRET_BYTES])
    }

    /// Connects, however long it takes; whoever stops waiting and comes again waits for the same attempt.
    pub async fn connect(&mut self) {
        if self.connection.is_none() {
            let connector = &self.connector;
            // One that was of no use is not followed by another at once: Redis may be there and take nothing.
            let was_brief = self.connected_at.is_some_and(|at| at.elapsed() < RETRY);
            let pause = if was_brief { RETRY } else { Duration::ZERO };
            let coming = self.coming.get_or_insert_with(|| connect(connector.clone(), pause));
            self.connection = coming.await.ok();
            self.connected_at = Some(Instant::now());
            self.coming = None;
        }
    }

    /// The connection is of no use any more.
    pub fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Entries after an offset, as they come.
    pub fn reader(&self, after: u64) -> LogReader {
        LogReader::after(after, self.key("log"), self.connector.clone())
    }

    /// Appends a batch; gives its offset and time, or `None` if Redis has forgotten entries that were applied here.
    ///
    /// A batch whose append was answered by a failure may be appended again: it stands in the log once.
    pub fn append(
        &self,
        sequence: u64,
        applied: u64,
        inputs: String,
    ) -> impl Future<Output = Result<Option<(u64, Timestamp)>, Unavailable>> + Send + use<> {
        let keys = ["log", "head", "epoch", "appended"].map(|name| self.key(name));
        let (node, epoch, max_entries) = (self.node.clone(), self.epoch.clone(), self.max_entries);
        let (scripts, connection) = (Arc::clone(&self.scripts), self.connection.clone());
        async move {
            let mut connection = connection.ok_or_else(not_connected)?;
            let mut call = scripts.append.prepare_invoke();
            call.key(&keys[..]).arg(node).arg(sequence).arg(epoch).arg(applied).arg(max_entries).arg(inputs);
            let (offset, micros): (u64, u64) = call.invoke_async(&mut connection).await?;
            Ok((offset > 0).then(|| (offset, Timestamp::from_micros(micros))))
        }
    }

    /// Shows that this node is alive.
    pub async fn beat(&mut self, claim: Claim) -> Result<HeartbeatReply, Unavailable> {
        let keys = ["nodes", "epoch", "head", "checkpointer"].map(|name| self.key(name));
        let outcome = match &mut self.connection {
            Some(connection) => {
                let mut call = self.scripts.heartbeat.prepare_invoke();
                let name = hex::encode(random::bytes::<EPOCH_BYTES>());
                call.key(&keys[..]).arg(&self.node).arg(self.lease.as_millis() as u64).arg(name);
                call.arg(u8::from(claim == Claim::Anyway));
                call.invoke_async(connection).await
            }
            None => Err(not_connected()),
        };
        let (epoch, head, silent, micros, is_checkpointer): (String, u64, Vec<String>, u64, u8) =
            self.judged(outcome)?;
        let time = Timestamp::from_micros(micros);
        Ok(HeartbeatReply { epoch, head, silent, time, is_checkpointer: is_checkpointer == 1 })
    }

    /// The last snapshot; an empty one if there is none.
    pub async fn snapshot(&mut self) -> Result<Snapshot, Unavailable> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.hgetall(self.key("state"));
        for part in ["state:rooms", "state:members", "state:facts"] {
            pipeline.hgetall(self.key(part));
        }
        let outcome = self.query(&pipeline).await;
        let (mut state, rooms, members, facts): (HashMap<String, String>, _, _, _) = self.judged(outcome)?;
        let offset = state.get("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
        Ok(Snapshot { offset, meta: state.remove("meta").unwrap_or_default(), rooms, members, facts })
    }

    /// Rooms as an earlier version has left them in Redis, by name; they stay a week longer.
    pub async fn earlier_rooms(&mut self) -> Result<HashMap<String, String>, Unavailable> {
        let mut pipeline = redis::pipe();
        pipeline.hgetall(self.key("rooms"));
        for name in ["rooms", "versions", "counts", "figures"] {
            pipeline.expire(self.key(name), EARLIER_ROOMS_STAY.as_secs().cast_signed()).ignore();
        }
        let outcome = self.query::<(HashMap<String, String>,)>(&pipeline).await;
        Ok(self.judged(outcome)?.0)
    }

    /// Facts as an earlier version has left them in Redis, by name, but for those that end by themselves; they stay a week
    /// longer.
    pub async fn earlier_facts(&mut self) -> Result<Vec<(String, String)>, Unavailable> {
        let beginning = self.key("fact:");
        let (mut facts, mut cursor) = (Vec::new(), 0_u64);
        loop {
            let mut scan = redis::pipe();
            scan.cmd("SCAN").arg(cursor).arg("MATCH").arg(format!("{beginning}*")).arg("COUNT").arg(SCANNED);
            let outcome = self.query::<((u64, Vec<String>),)>(&scan).await;
            let ((next, keys),) = self.judged(outcome)?;
            let mut pipeline = redis::pipe();
            for key in &keys {
                pipeline.pttl(key).get(key);
            }
            let outcome = if keys.is_empty() { Ok(Vec::new()) } else { self.query(&pipeline).await };
            let read: Vec<Value> = self.judged(outcome)?;
            let mut lasting = redis::pipe();
            for (key, told) in keys.iter().zip(read.chunks(2)) {
                if let [Value::Int(NEVER_ENDS), text] = told
                    && let Ok(Some(text)) = Option::<String>::from_redis_value_ref(text)
                {
                    lasting.expire(key, EARLIER_ROOMS_STAY.as_secs().cast_signed()).ignore();
                    facts.push((key[beginning.len()..].to_owned(), text));
                }
            }
            if lasting.cmd_iter().next().is_some() {
                let outcome = self.query::<()>(&lasting).await;
                self.judged(outcome)?;
            }
            cursor = next;
            if cursor == 0 {
                return Ok(facts);
            }
        }
    }

    /// Adds what has changed to the snapshot; false if Redis has forgotten what this node knows.
    /// The log is trimmed up to `trimmed`.
    pub fn store(
        &self,
        changes: Changes,
        trimmed: u64,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send + use<> {
        self.write(changes, trimmed, None)
    }

    /// Writes a whole state in place of what Redis, which knows less, has found at `head`; gives the name of the epoch that
    /// begins so, or `None` if another node was first.
    pub async fn restore(
        &mut self,
        changes: Changes,
        epoch: &str,
        head: u64,
    ) -> Result<Option<String>, Unavailable> {
        epoch.clone_into(&mut self.epoch);
        let next = hex::encode(random::bytes::<EPOCH_BYTES>());
        let outcome = self.write(changes, 0, Some((head, next.clone()))).await;
        if outcome.is_err() {
            self.connection = None;
        }
        Ok(outcome?.then_some(next))
    }

    fn write(
        &self,
        changes: Changes,
        trimmed: u64,
        whole: Option<(u64, String)>,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send + use<> {
        let names =
            ["state", "state:rooms", "state:members", "state:facts", "log", "epoch", "head", "appended"];
        let keys = names.map(|name| self.key(name));
        let (epoch, scripts) = (self.epoch.clone(), Arc::clone(&self.scripts));
        let connection = self.connection.clone();
        async move {
            let mut connection = connection.ok_or_else(not_connected)?;
            let (head, next) = whole.map_or_else(Default::default, |(head, next)| (head.to_string(), next));
            let mut call = scripts.store.prepare_invoke();
            call.key(&keys[..]).arg(epoch).arg(head).arg(next).arg(changes.offset).arg(changes.meta);
            call.arg(trimmed);
            for (part, texts) in [(ROOMS, changes.rooms), (MEMBERS, changes.members), (FACTS, changes.facts)]
            {
                for (name, text) in texts {
                    call.arg(part).arg(name).arg(text.unwrap_or_default());
                }
            }
            let is_written: u8 = call.invoke_async(&mut connection).await?;
            Ok(is_written == 1)
        }
    }

    /// Has nodes looked for, as if they had shown at that moment: those that are there will, the others are lost.
    pub async fn expect(&mut self, nodes: &[String], at: Timestamp) -> Result<(), Unavailable> {
        let mut pipeline = redis::pipe();
        for node in nodes {
            pipeline.cmd("ZADD").arg(self.key("nodes")).arg("NX").arg(at.as_millis()).arg(node).ignore();
        }
        let outcome = if nodes.is_empty() { Ok(()) } else { self.query::<()>(&pipeline).await };
        self.judged(outcome)
    }

    /// Forgets a node.
    pub async fn remove_node(&mut self, node: &str) -> Result<(), Unavailable> {
        let mut pipeline = redis::pipe();
        pipeline.zrem(self.key("nodes"), node).ignore();
        pipeline.hdel(self.key("appended"), node).ignore();
        let outcome = self.query::<()>(&pipeline).await;
        self.judged(outcome)
    }

    async fn query<T: FromRedisValue>(&mut self, pipeline: &Pipeline) -> Result<T, RedisError> {
        match &mut self.connection {
            Some(connection) => pipeline.query_async(connection).await,
            None => Err(not_connected()),
        }
    }

    /// After a failure nobody knows what was done: the connection is of no use any more.
    fn judged<T>(&mut self, outcome: Result<T, RedisError>) -> Result<T, Unavailable> {
        if outcome.is_err() {
            self.connection = None;
        }
        Ok(outcome?)
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.tag)
    }
}

fn connect(connector: RedisConnector, pause: Duration) -> oneshot::Receiver<MultiplexedConnection> {
    let (sender, coming) = oneshot::channel();
    #[allow(clippy::disallowed_methods, reason = "no task of the process: it ends when nobody waits for it")]
    tokio::spawn(async move {
        sleep(pause).await;
        while !sender.is_closed() {
            match connector.connect().await {
                Ok(connection) => {
                    // Whoever has waited may have gone away.
                    let _ = sender.send(connection);
                    return;
                }
                Err(_) => sleep(RETRY).await,
            }
        }
    });
    coming
}

fn not_connected() -> RedisError {
    RedisError::from((ErrorKind::Io, "not connected"))
}
