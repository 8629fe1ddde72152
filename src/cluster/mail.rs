//! Letters from other nodes, in the order in which Redis took them.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::StreamReadReply;
use redis::{RedisError, Value};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::debug;

use super::reach::Reach;

/// Letters that are taken from Redis at once.
const BATCH: usize = 512;

/// Letters that may wait for the hub; while there are as many, the rest waits in Redis.
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
        let (sender, letters) = mpsc::channel(MAX_WAITING);
        // The mail stops it when nobody reads it any more.
        #[allow(clippy::disallowed_methods, reason = "no task of the process: it ends with the mail")]
        let reader = tokio::spawn(async move { read(number, &inbox, &reach, &sender).await });
        Self { letters, reader }
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

async fn read(mut number: u64, inbox: &str, reach: &Reach, letters: &mpsc::Sender<Letter>) {
    let mut connection = None;
    while !letters.is_closed() {
        let batch = match &mut connection {
            Some(connected) => fetch(connected, inbox, number).await,
            None => match reach.connect_to_wait().await {
                Ok(connected) => fetch(connection.insert(connected), inbox, number).await,
                Err(failure) => Err(failure),
            },
        };
        match batch {
            Ok(batch) => {
                for letter in batch {
                    number = letter.number;
                    if letters.send(letter).await.is_err() {
                        return;
                    }
                }
            }
            Err(failure) => {
                debug!(%failure, "letters cannot be read for a moment");
                connection = None;
                sleep(RETRY).await;
            }
        }
    }
}

async fn fetch(
    connection: &mut MultiplexedConnection,
    inbox: &str,
    after: u64,
) -> Result<Vec<Letter>, RedisError> {
    let mut call = redis::cmd("XREAD");
    call.arg("COUNT").arg(BATCH).arg("BLOCK").arg(WAIT.as_millis() as u64);
    call.arg("STREAMS").arg(inbox).arg(format!("{after}-0"));
    let answer =
        tokio::time::timeout(WAIT * 2, call.query_async::<Option<StreamReadReply>>(connection)).await;
    let Ok(reply) = answer else {
        return Err(RedisError::from((redis::ErrorKind::Io, "no answer")));
    };
    let entries = reply?.into_iter().flat_map(|reply| reply.keys).flat_map(|stream| stream.ids);
    Ok(entries
        .filter_map(|entry| {
            let number = entry.id.split('-').next()?.parse().ok()?;
            let text = match entry.map.get("l")? {
                Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok()?,
                _ => return None,
            };
            Some(Letter { number, text })
        })
        .collect())
}
