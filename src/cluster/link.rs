//! A service's link to itself on the other nodes: steps that all nodes see in one order.

use std::collections::HashMap;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::StreamRangeReply;
use redis::{ErrorKind, FromRedisValue, Pipeline, RedisError, Script, Value};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::mail::Mail;
use super::pulse::{Heart, Pulse};
use super::reach::Reach;
use super::{Away, Config, SECRET_BYTES};
use crate::time::Timestamp;

/// Rooms that are fetched at once.
pub const FETCH: usize = 256;

/// From one attempt to reach a Redis that is away to the next.
const RETRY: Duration = Duration::from_millis(250);

/// What a step saw of a room, and made of it.
#[derive(Debug)]
pub struct Claim {
    /// The room.
    pub room: String,
    /// Its version then; empty if there was no such room.
    pub seen: String,
    /// What became of it.
    pub change: Change,
}

/// What became of a room.
#[derive(Debug)]
pub enum Change {
    /// Nothing: it was looked at.
    Nothing,
    /// It is another one.
    To {
        /// Its version from here on.
        version: String,
        /// What the rules know of it.
        envelope: String,
    },
    /// It is no more.
    Gone,
}

/// What a step saw of a fact, and made of it.
#[derive(Debug)]
pub struct FactClaim {
    /// The fact's name.
    pub fact: String,
    /// What it was then; empty if it was not known.
    pub seen: String,
    /// What became of it.
    pub change: FactChange,
}

/// What became of a fact.
#[derive(Debug)]
pub enum FactChange {
    /// Nothing: it was looked at.
    Nothing,
    /// It is something else.
    To {
        /// What it is; not empty, and not `-`.
        value: String,
        /// How long it is worth knowing.
        lifetime: Option<Duration>,
    },
    /// It is known no more.
    Gone,
}

/// A step: all of it, or nothing.
#[derive(Debug, Default)]
pub struct Commit {
    /// The rooms that the rules looked at.
    pub claims: Vec<Claim>,
    /// The facts that they looked for.
    pub facts: Vec<FactClaim>,
    /// Letters to other nodes, each to one.
    pub letters: Vec<(String, String)>,
}

/// What became of a step.
#[derive(Debug)]
pub enum Outcome {
    /// It is done.
    Done,
    /// Nothing is done, because something is not what the rules saw.
    Stale(Stale),
}

/// What is not what the rules saw, as it is.
#[derive(Debug)]
pub struct Stale {
    /// Rooms.
    pub rooms: Vec<Stored>,
    /// Facts; `None` for one that is not known.
    pub facts: Vec<(String, Option<String>)>,
}

impl Commit {
    /// Whether there is nothing to ask.
    pub fn is_empty(&self) -> bool {
        self.claims.is_empty() && self.facts.is_empty() && self.letters.is_empty()
    }
}

/// What Redis says, and how many letters had been written to this node when it said it.
///
/// Whoever learns of a state reads the letters first that came before it.
#[derive(Debug)]
pub struct At<T> {
    /// The number of the last of those letters.
    pub letters: u64,
    /// What it says.
    pub said: T,
}

/// A room as Redis has it.
#[derive(Debug)]
pub struct Stored {
    /// Its name.
    pub room: String,
    /// Its version, and what the rules know of it; `None` if there is no such room.
    pub state: Option<(String, String)>,
}

/// A service's link to the other nodes.
pub struct Link {
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
    reach: Reach,
    connection: Option<MultiplexedConnection>,
    /// The connection that is being made.
    coming: Option<oneshot::Receiver<MultiplexedConnection>>,
    /// When there was one last.
    connected_at: Option<Instant>,
    heart: Heart,
    commit: Script,
    tag: String,
    max_letters: usize,
}

impl Link {
    pub(super) fn new(
        service: &str,
        reach: &Reach,
        config: &Config,
        node: String,
        seed: [u8; SECRET_BYTES],
    ) -> Self {
        let tag = format!("{{{}:{service}}}", config.prefix);
        Self {
            heartbeat: config.heartbeat,
            lease: config.lease,
            patience: config.response_timeout,
            reach: reach.of(&format!("{tag}:nodes")),
            connection: None,
            coming: None,
            connected_at: None,
            heart: Heart::new(&tag, &node, config.lease),
            commit: Script::new(include_str!("commit.lua")),
            tag,
            node,
            seed,
            max_letters: config.max_letters,
        }
    }

    /// Connects, however long it takes; whoever stops waiting and comes again waits for the same attempt.
    pub async fn connect(&mut self) {
        if self.connection.is_none() {
            let reach = &self.reach;
            // One that was of no use is not followed by another at once: Redis may be there and take nothing.
            let was_brief = self.connected_at.is_some_and(|at| at.elapsed() < RETRY);
            let pause = if was_brief { RETRY } else { Duration::ZERO };
            let coming = self.coming.get_or_insert_with(|| connect(reach.clone(), pause));
            self.connection = coming.await.ok();
            self.connected_at = Some(Instant::now());
            self.coming = None;
        }
    }

    /// Letters to this node after one of that number.
    pub fn mail(&self, after: u64) -> Mail {
        Mail::after(after, self.inbox(&self.node), self.reach.clone())
    }

    /// Shows that this node is alive, and tells what it has to tell of itself, if anything.
    pub async fn beat(&mut self, figures: &str) -> Result<Pulse, Away> {
        let outcome = match &mut self.connection {
            Some(connection) => self.heart.beat(connection, figures).await,
            None => Err(not_connected()),
        };
        self.judged(outcome)
    }

    /// Takes steps, each for itself.
    pub async fn take(&mut self, commits: &[Commit]) -> Result<Vec<At<Outcome>>, Away> {
        let mut pipeline = redis::pipe();
        pipeline.del(self.taken()).ignore();
        self.take_by(pipeline, commits).await
    }

    /// Takes those of the same steps that were not taken, after the connection ended without an answer.
    pub async fn take_again(&mut self, commits: &[Commit]) -> Result<Vec<At<Outcome>>, Away> {
        self.take_by(redis::pipe(), commits).await
    }

    async fn take_by(
        &mut self,
        mut pipeline: Pipeline,
        commits: &[Commit],
    ) -> Result<Vec<At<Outcome>>, Away> {
        for (place, commit) in commits.iter().enumerate() {
            self.add(&mut pipeline, place, commit);
        }
        let outcome = match self.query::<Vec<Value>>(&pipeline).await {
            Err(failure) if failure.kind() == ErrorKind::Server(redis::ServerErrorKind::NoScript) => {
                let mut load = redis::pipe();
                load.load_script(&self.commit).ignore();
                match self.query::<()>(&load).await {
                    Ok(()) => self.query::<Vec<Value>>(&pipeline).await,
                    Err(failure) => Err(failure),
                }
            }
            outcome => outcome,
        };
        let outcome = outcome.and_then(|answers| answers.into_iter().map(read_outcome).collect());
        self.judged(outcome)
    }

    /// The versions of all rooms.
    pub async fn versions(&mut self) -> Result<At<HashMap<String, String>>, Away> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.hget(self.key("counts"), &self.node);
        pipeline.hgetall(self.key("versions"));
        let outcome = self.query::<(Option<u64>, HashMap<String, String>)>(&pipeline).await;
        let (letters, said) = self.judged(outcome)?;
        Ok(At { letters: letters.unwrap_or(0), said })
    }

    /// Rooms as they are now.
    ///
    /// At most [`FETCH`] of them at once.
    pub async fn fetch(&mut self, rooms: &[String]) -> Result<At<Vec<Stored>>, Away> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.hget(self.key("counts"), &self.node);
        pipeline.cmd("HMGET").arg(self.key("versions")).arg(rooms);
        pipeline.cmd("HMGET").arg(self.key("rooms")).arg(rooms);
        let outcome = self.query::<(Option<u64>, Vec<Option<String>>, Vec<Option<String>>)>(&pipeline).await;
        let (letters, versions, envelopes) = self.judged(outcome)?;
        let states = versions.into_iter().zip(envelopes).map(|(version, envelope)| version.zip(envelope));
        let said = rooms.iter().cloned().zip(states).map(|(room, state)| Stored { room, state }).collect();
        Ok(At { letters: letters.unwrap_or(0), said })
    }

    /// A letter to this node, if it still stands.
    pub async fn letter(&mut self, number: u64) -> Result<Option<String>, Away> {
        let id = format!("{number}-0");
        let mut pipeline = redis::pipe();
        pipeline.cmd("XRANGE").arg(self.inbox(&self.node)).arg(&id).arg(&id);
        let outcome = self.query::<(StreamRangeReply,)>(&pipeline).await;
        let (reply,) = self.judged(outcome)?;
        Ok(reply.ids.into_iter().find_map(|entry| entry.get("l")))
    }

    /// Forgets a node, and the letters that it has not read.
    pub async fn bury(&mut self, node: &str) -> Result<(), Away> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.zrem(self.key("nodes"), node).ignore();
        pipeline.hdel(self.key("counts"), node).ignore();
        pipeline.hdel(self.key("figures"), node).ignore();
        pipeline.del(self.inbox(node)).ignore();
        pipeline.del(format!("{}:taken:{node}", self.tag)).ignore();
        let outcome = self.query::<()>(&pipeline).await;
        self.judged(outcome)
    }

    /// Has nodes looked for, as if they had shown at that moment: those that are there will, the others are buried.
    pub async fn expect(&mut self, nodes: &[String], at: Timestamp) -> Result<(), Away> {
        let mut pipeline = redis::pipe();
        for node in nodes {
            pipeline.cmd("ZADD").arg(self.key("nodes")).arg("NX").arg(at.as_millis()).arg(node).ignore();
        }
        let outcome = if nodes.is_empty() { Ok(()) } else { self.query::<()>(&pipeline).await };
        self.judged(outcome)
    }

    /// Throws letters away that have been read.
    pub async fn discard(&mut self, up_to: u64) -> Result<(), Away> {
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("XTRIM")
            .arg(self.inbox(&self.node))
            .arg("MINID")
            .arg("~")
            .arg(format!("{up_to}-0"))
            .ignore();
        let outcome = self.query::<()>(&pipeline).await;
        self.judged(outcome)
    }

    fn add(&self, pipeline: &mut Pipeline, place: usize, commit: &Commit) {
        let n_keys = 4 + commit.letters.len() + commit.facts.len();
        let call = pipeline.cmd("EVALSHA").arg(self.commit.get_hash()).arg(n_keys);
        for key in ["versions", "rooms", "counts"] {
            call.arg(self.key(key));
        }
        call.arg(self.taken());
        for (node, _) in &commit.letters {
            call.arg(self.inbox(node));
        }
        for claim in &commit.facts {
            call.arg(self.key("fact") + ":" + &claim.fact);
        }
        call.arg(&self.node).arg(place).arg(self.max_letters);
        call.arg(commit.claims.len()).arg(commit.letters.len());
        for Claim { room, seen, change } in &commit.claims {
            let (version, envelope) = match change {
                Change::Nothing => ("", ""),
                Change::To { version, envelope } => (version.as_str(), envelope.as_str()),
                Change::Gone => ("-", ""),
            };
            call.arg(room).arg(seen).arg(version).arg(envelope);
        }
        for (node, letter) in &commit.letters {
            call.arg(node).arg(letter);
        }
        for FactClaim { fact, seen, change } in &commit.facts {
            let (value, lifetime) = match change {
                FactChange::Nothing => ("", None),
                FactChange::To { value, lifetime } => (value.as_str(), *lifetime),
                FactChange::Gone => ("-", None),
            };
            let lifetime_ms = lifetime.map_or(0, |lifetime| lifetime.as_millis() as u64);
            call.arg(fact).arg(seen).arg(value).arg(lifetime_ms);
        }
    }

    /// Where Redis notes which steps of a batch it has taken.
    fn taken(&self) -> String {
        format!("{}:taken:{}", self.tag, self.node)
    }

    async fn query<T: FromRedisValue>(&mut self, pipeline: &Pipeline) -> Result<T, RedisError> {
        match &mut self.connection {
            Some(connection) => pipeline.query_async(connection).await,
            None => Err(not_connected()),
        }
    }

    /// After a failure nobody knows what was done: the connection is of no use any more.
    fn judged<T>(&mut self, outcome: Result<T, RedisError>) -> Result<T, Away> {
        if outcome.is_err() {
            self.connection = None;
        }
        Ok(outcome?)
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.tag)
    }

    fn inbox(&self, node: &str) -> String {
        format!("{}:in:{node}", self.tag)
    }
}

fn connect(reach: Reach, pause: Duration) -> oneshot::Receiver<MultiplexedConnection> {
    let (sender, coming) = oneshot::channel();
    #[allow(clippy::disallowed_methods, reason = "no task of the process: it ends when nobody waits for it")]
    tokio::spawn(async move {
        sleep(pause).await;
        while !sender.is_closed() {
            match reach.connect().await {
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

fn read_outcome(answer: Value) -> Result<At<Outcome>, RedisError> {
    let (word, letters, rooms, facts): (String, u64, Vec<String>, Vec<String>) =
        redis::from_redis_value(answer)?;
    if word == "done" {
        return Ok(At { letters, said: Outcome::Done });
    }
    let room = |fields: &[String]| match fields {
        [room, version, envelope] => {
            let state = (!version.is_empty()).then(|| (version.clone(), envelope.clone()));
            Some(Stored { room: room.clone(), state })
        }
        _ => None,
    };
    let fact = |fields: &[String]| match fields {
        [fact, value] => Some((fact.clone(), Some(value.clone()).filter(|value| !value.is_empty()))),
        _ => None,
    };
    let stale = Stale {
        rooms: rooms.chunks(3).filter_map(room).collect(),
        facts: facts.chunks(2).filter_map(fact).collect(),
    };
    Ok(At { letters, said: Outcome::Stale(stale) })
}
