//! Stalls: a socket whose reader has gone to sleep blocks its writer for ever, and with it whatever waits for the
//! writer. Here a write that stays blocked must move `stall_progress_bytes` in each `stall_timeout`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::http::connection::{Connection, DisconnectReason};

/// How long a write may stay blocked, and what must move in that time.
#[derive(Debug, Clone, Copy)]
pub struct StallLimit {
    /// The length of one window.
    pub timeout: Duration,
    /// Bytes that must move in it.
    pub progress_bytes: usize,
}

/// Watches the writes of one connection.
pub(super) struct StallWatch {
    /// What a blocked write is held against.
    pub limit: StallLimit,
    stall: Option<Stall>,
}

/// A write is blocked; this window decides whether it moves on.
struct Stall {
    window: Pin<Box<Sleep>>,
    progress_bytes: usize,
}

impl StallWatch {
    /// No write is blocked.
    pub fn new(limit: StallLimit) -> Self {
        Self { limit, stall: None }
    }

    /// Judges the outcome of a write of `offered` bytes; one that is blocked for too long cuts the connection.
    pub fn judge(
        &mut self,
        outcome: Poll<io::Result<usize>>,
        offered: usize,
        connection: &Connection,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Ready(Ok(written)) => {
                if written == offered {
                    self.stall = None;
                } else if let Some(stall) = &mut self.stall {
                    stall.progress_bytes += written;
                }
                outcome
            }
            Poll::Ready(Err(_)) => outcome,
            Poll::Pending => {
                connection.check()?;
                self.poll_stall(connection, cx).map(Err)
            }
        }
    }

    /// Resolves once a blocked write has moved too little in a whole window.
    fn poll_stall(&mut self, connection: &Connection, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let timeout = self.limit.timeout;
            let stall = self
                .stall
                .get_or_insert_with(|| Stall { window: Box::pin(sleep(timeout)), progress_bytes: 0 });
            ready!(stall.window.as_mut().poll(cx));
            if stall.progress_bytes < self.limit.progress_bytes {
                connection.cut(DisconnectReason::Stalled);
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.stall = None;
        }
    }
}
