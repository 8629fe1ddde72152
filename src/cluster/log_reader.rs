//! The entries of a log, in their order.
//!
//! They stand in a stream, numbered without a gap. From version 7 on, Redis also publishes them on a shard channel the
//! moment that they are appended, which costs it less than a read for each; the stream is read for what was missed. On an
//! older Redis, or if its user may not listen, the stream is read for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::StreamReadReply;
use redis::{ErrorKind, FromRedisValue, PushInfo, PushKind, RedisError, Value};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::redis_connector::RedisConnector;

/// Entries that are taken from Redis at once.
const BATCH: usize = 512;

/// Entries that may wait for the hub, and as many that Redis has said; while there are as many, the rest waits in Redis.
const MAX_WAITING: usize = 1_024;

/// The stream is read again after this long without an entry, so that a connection that has silently ended shows.
const WAIT: Duration = Duration::from_secs(5);

/// From one attempt to connect to the next.
const RETRY: Duration = Duration::from_millis(200);

/// An entry as it stands in the stream.
#[derive(Debug)]
pub struct RawEntry {
    /// Its offset.
    pub number: u64,
    /// What it says.
    pub text: String,
}

/// The entries of a log, as they come.
pub struct LogReader {
    entries: mpsc::Receiver<RawEntry>,
    reader: JoinHandle<()>,
}

impl LogReader {
    /// The entries after one of that number.
    pub(super) fn after(number: u64, inbox: String, connector: RedisConnector) -> Self {
        let (entries, receiver) = mpsc::channel(MAX_WAITING);
        let mut reader = Reader { number, inbox, entries };
        // The reader stops it when nobody reads it any more.
        #[allow(clippy::disallowed_methods, reason = "no task of the process: it ends with the reader")]
        let reader = tokio::spawn(async move { reader.run(&connector).await });
        Self { entries: receiver, reader }
    }

    /// The next entry; `None` never comes while this is alive.
    pub async fn next(&mut self) -> Option<RawEntry> {
        self.entries.recv().await
    }
}

impl Drop for LogReader {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Reads the stream, and listens to the channel of the same name.
struct Reader {
    /// The last entry that was handed on.
    number: u64,
    inbox: String,
    entries: mpsc::Sender<RawEntry>,
}

/// What Redis says unasked; more than may wait is missed, and read later.
struct Said {
    pushes: mpsc::Receiver<PushInfo>,
    has_missed: Arc<AtomicBool>,
}

/// Whether Redis answers at once, or when there is an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    AtOnce,
    OnceThereIsOne,
}

impl Reader {
    async fn run(&mut self, connector: &RedisConnector) {
        while !self.entries.is_closed() {
            if let Err(failure) = self.read(connector).await {
                debug!(%failure, "entries cannot be read for a moment");
                sleep(RETRY).await;
            }
        }
    }

    /// Reads over one connection, until it ends or nobody wants entries any more.
    async fn read(&mut self, connector: &RedisConnector) -> Result<(), RedisError> {
        let (said, pushes) = mpsc::channel(MAX_WAITING);
        let has_missed = Arc::new(AtomicBool::new(false));
        let note_missed = Arc::clone(&has_missed);
        let hear = move |push| {
            if said.try_send(push).is_err() {
                note_missed.store(true, Ordering::Release);
            }
        };
        let mut connection = connector.connect_to_wait(hear).await?;
        let mut subscribe = redis::cmd("SSUBSCRIBE");
        subscribe.arg(&self.inbox);
        let is_heard = answered(subscribe.query_async::<Value>(&mut connection)).await;
        match is_heard {
            Ok(_) => self.listen(&mut connection, Said { pushes, has_missed }).await,
            Err(failure) if failure.kind() == ErrorKind::Io => Err(failure),
            Err(failure) => {
                debug!(%failure, "entries are asked for");
                loop {
                    self.ask(&mut connection, Answer::OnceThereIsOne).await?;
                }
            }
        }
    }

    /// Takes what Redis says, and asks for what was missed.
    async fn listen(
        &mut self,
        connection: &mut MultiplexedConnection,
        mut said: Said,
    ) -> Result<(), RedisError> {
        loop {
            while self.ask(connection, Answer::AtOnce).await? == BATCH {}
            while let Ok(Some(push)) = timeout(WAIT, said.pushes.recv()).await {
                let is_end = matches!(push.kind, PushKind::Disconnection | PushKind::SUnsubscribe);
                let entry = entry_of(push);
                let is_gap = entry.as_ref().is_some_and(|entry| entry.number > self.number + 1);
                if let Some(entry) = entry.filter(|entry| entry.number == self.number + 1) {
                    self.hand_on(entry).await?;
                }
                let has_missed = said.pushes.is_empty() && said.has_missed.swap(false, Ordering::Acquire);
                if is_end || is_gap || has_missed {
                    break;
                }
            }
        }
    }

    /// Asks for entries; gives how many there were.
    async fn ask(
        &mut self,
        connection: &mut MultiplexedConnection,
        answer: Answer,
    ) -> Result<usize, RedisError> {
        let mut call = redis::cmd("XREAD");
        call.arg("COUNT").arg(BATCH);
        if answer == Answer::OnceThereIsOne {
            call.arg("BLOCK").arg(WAIT.as_millis() as u64);
        }
        call.arg("STREAMS").arg(&self.inbox).arg(format!("{}-0", self.number));
        let reply = answered(call.query_async::<Option<StreamReadReply>>(connection)).await?;
        let entries = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|stream| stream.ids);
        let mut n = 0;
        for entry in entries {
            let number = entry.id.split('-').next().and_then(|number| number.parse().ok());
            let text = entry.map.get("l").cloned().map(String::from_redis_value);
            if let (Some(number), Some(Ok(text))) = (number, text) {
                self.hand_on(RawEntry { number, text }).await?;
            }
            n += 1;
        }
        Ok(n)
    }

    async fn hand_on(&mut self, entry: RawEntry) -> Result<(), RedisError> {
        self.number = entry.number;
        self.entries.send(entry).await.map_err(|_| failed("nobody reads entries any more"))
    }
}

/// What Redis answers, if it is there: without an entry it is silent for a while, and no longer.
async fn answered<T>(answer: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
    timeout(WAIT * 2, answer).await.unwrap_or_else(|_| Err(failed("no answer")))
}

fn failed(why: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Io, why))
}

/// An entry that was said: its number, a space, what it says.
fn entry_of(PushInfo { kind, mut data }: PushInfo) -> Option<RawEntry> {
    if kind != PushKind::SMessage {
        return None;
    }
    let said = String::from_redis_value(data.pop()?).ok()?;
    let (number, text) = said.split_once(' ')?;
    Some(RawEntry { number: number.parse().ok()?, text: text.to_owned() })
}
