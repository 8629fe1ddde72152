//! Letters from other nodes, in the order in which Redis took them.
//!
//! They stand in a stream until they have been read, numbered without a gap. From version 7 on, Redis also says them
//! on a shard channel the moment that they are written, which costs it less than being asked for each; the stream is
//! asked for what was missed. An older one, or one whose user may not listen, is asked for all.

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

use super::reach::Reach;

/// Letters that are taken from Redis at once.
const BATCH: usize = 512;

/// Letters that may wait for the hub, and as many that Redis has said; while there are as many, the rest waits in Redis.
const MAX_WAITING: usize = 1_024;

/// Redis is asked again after this long without a letter, so that a connection that has silently ended shows.
const WAIT: Duration = Duration::from_secs(5);

/// From one attempt to connect to the next.
const RETRY: Duration = Duration::from_millis(200);

/// A letter.
#[derive(Debug)]
pub struct Letter {
    /// Letters of a node are numbered from 1 without a gap.
    pub number: u64,
    /// What it says.
    pub text: String,
}

/// The letters to this node, as they come.
pub struct Mail {
    letters: mpsc::Receiver<Letter>,
    reader: JoinHandle<()>,
}

impl Mail {
    /// The letters after one of that number.
    pub(super) fn after(number: u64, inbox: String, reach: Reach) -> Self {
        let (letters, receiver) = mpsc::channel(MAX_WAITING);
        let mut reader = Reader { number, inbox, letters };
        // The mail stops it when nobody reads it any more.
        #[allow(clippy::disallowed_methods, reason = "no task of the process: it ends with the mail")]
        let reader = tokio::spawn(async move { reader.run(&reach).await });
        Self { letters: receiver, reader }
    }

    /// The next letter; `None` never comes while this is alive.
    pub async fn next(&mut self) -> Option<Letter> {
        self.letters.recv().await
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Reads the stream, and listens to the channel of the same name.
struct Reader {
    /// The last letter that was handed on.
    number: u64,
    inbox: String,
    letters: mpsc::Sender<Letter>,
}

/// What Redis says unasked; more than may wait is missed, and read later.
struct Said {
    pushes: mpsc::Receiver<PushInfo>,
    has_missed: Arc<AtomicBool>,
}

/// Whether Redis answers at once, or when there is a letter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    AtOnce,
    WithALetter,
}

impl Reader {
    async fn run(&mut self, reach: &Reach) {
        while !self.letters.is_closed() {
            if let Err(failure) = self.read(reach).await {
                debug!(%failure, "letters cannot be read for a moment");
                sleep(RETRY).await;
            }
        }
    }

    /// Reads over one connection, until it ends or nobody wants letters any more.
    async fn read(&mut self, reach: &Reach) -> Result<(), RedisError> {
        let (said, pushes) = mpsc::channel(MAX_WAITING);
        let has_missed = Arc::new(AtomicBool::new(false));
        let note_missed = Arc::clone(&has_missed);
        let hear = move |push| {
            if said.try_send(push).is_err() {
                note_missed.store(true, Ordering::Release);
            }
        };
        let mut connection = reach.connect_to_wait(hear).await?;
        let mut subscribe = redis::cmd("SSUBSCRIBE");
        subscribe.arg(&self.inbox);
        let is_heard = answered(subscribe.query_async::<Value>(&mut connection)).await;
        match is_heard {
            Ok(_) => self.listen(&mut connection, Said { pushes, has_missed }).await,
            Err(failure) if failure.kind() == ErrorKind::Io => Err(failure),
            Err(failure) => {
                debug!(%failure, "letters are asked for");
                loop {
                    self.ask(&mut connection, Answer::WithALetter).await?;
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
                let letter = letter_of(push);
                let is_gap = letter.as_ref().is_some_and(|letter| letter.number > self.number + 1);
                if let Some(letter) = letter.filter(|letter| letter.number == self.number + 1) {
                    self.hand_on(letter).await?;
                }
                let has_missed = said.pushes.is_empty() && said.has_missed.swap(false, Ordering::Acquire);
                if is_end || is_gap || has_missed {
                    break;
                }
            }
        }
    }

    /// Asks for letters; gives how many there were.
    async fn ask(
        &mut self,
        connection: &mut MultiplexedConnection,
        answer: Answer,
    ) -> Result<usize, RedisError> {
        let mut call = redis::cmd("XREAD");
        call.arg("COUNT").arg(BATCH);
        if answer == Answer::WithALetter {
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
                self.hand_on(Letter { number, text }).await?;
            }
            n += 1;
        }
        Ok(n)
    }

    async fn hand_on(&mut self, letter: Letter) -> Result<(), RedisError> {
        self.number = letter.number;
        self.letters.send(letter).await.map_err(|_| failed("nobody reads letters any more"))
    }
}

/// What Redis answers, if it is there: without a letter it is silent for a while, and no longer.
async fn answered<T>(answer: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
    timeout(WAIT * 2, answer).await.unwrap_or_else(|_| Err(failed("no answer")))
}

fn failed(why: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Io, why))
}

/// A letter that was said: its number, a space, what it says.
fn letter_of(PushInfo { kind, mut data }: PushInfo) -> Option<Letter> {
    if kind != PushKind::SMessage {
        return None;
    }
    let said = String::from_redis_value(data.pop()?).ok()?;
    let (number, text) = said.split_once(' ')?;
    Some(Letter { number: number.parse().ok()?, text: text.to_owned() })
}
