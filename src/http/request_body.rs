//! A request's body: here in time, and out of the budget until it is whole.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, RETRY_AFTER};
use http::{Request, StatusCode};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::budget::{Budget, Share};
use super::connection::Connection;
use super::routes;

/// What a streamed body must move within the time that others have for all of it.
const STREAM_PROGRESS_BYTES: usize = 64 * 1024;

/// How a body is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// As a whole, which is in memory until it is here.
    Whole,
    /// Piece by piece: it may be large and take long, as long as it goes on.
    Streamed,
}

/// What bodies of requests may be.
#[derive(Debug)]
pub struct BodyLimits {
    /// From the end of the head to the end of the body.
    pub timeout: Duration,
    /// What pays for bodies that are not here whole.
    pub budget: Arc<Budget>,
}

/// What became of a body; its request is answered by that, whatever its handler says.
#[derive(Debug, Default)]
pub struct Fate(AtomicU8);

const TOO_SLOW: u8 = 1;
const NO_MEMORY: u8 = 2;

impl Fate {
    /// The answer to a body that was given up.
    pub fn refusal(&self) -> Option<Response> {
        match self.0.load(Ordering::Relaxed) {
            TOO_SLOW => {
                let answer = routes::error(StatusCode::REQUEST_TIMEOUT, "the body took too long");
                Some(([(CONNECTION, "close")], answer).into_response())
            }
            NO_MEMORY => {
                let answer = routes::error(StatusCode::SERVICE_UNAVAILABLE, "too many unfinished bodies");
                Some(([(CONNECTION, "close")], [(RETRY_AFTER, "5")], answer).into_response())
            }
            _ => None,
        }
    }
}

/// A body that is still coming in.
struct Limited {
    inner: Incoming,
    due: Pin<Box<Sleep>>,
    share: Share,
    n_bytes: usize,
    intake: Intake,
    timeout: Duration,
    fate: Arc<Fate>,
    connection: Arc<Connection>,
}

/// Sets limits to a request's body; nothing is watched of a request without one.
pub fn limit(
    request: Request<Incoming>,
    limits: &BodyLimits,
    intake: Intake,
    connection: &Arc<Connection>,
) -> (Request<Body>, Option<Arc<Fate>>) {
    if request.body().is_end_stream() {
        return (request.map(|_| Body::empty()), None);
    }
    let fate = Arc::new(Fate::default());
    let limited = request.map(|inner| {
        let (due, share) = (Box::pin(sleep(limits.timeout)), Share::new(&limits.budget));
        let timeout = limits.timeout;
        let (fate, connection) = (Arc::clone(&fate), Arc::clone(connection));
        Body::new(Limited { inner, due, share, n_bytes: 0, intake, timeout, fate, connection })
    });
    (limited, Some(fate))
}

impl Limited {
    fn give_up(&self, fate: u8) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.fate.0.store(fate, Ordering::Relaxed);
        Poll::Ready(Some(Err(axum::Error::new(std::io::Error::from(std::io::ErrorKind::TimedOut)))))
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        // Where memory is short, a connection is ended rather than heard out.
        let is_heard_out = self.fate.0.load(Ordering::Relaxed) != NO_MEMORY;
        if is_heard_out && !self.inner.is_end_stream() {
            self.connection.has_unread_body.store(true, Ordering::Relaxed);
        }
    }
}

impl hyper::body::Body for Limited {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.n_bytes += frame.data_ref().map_or(0, Bytes::len);
                match this.intake {
                    Intake::Whole if this.share.cover(this.n_bytes).is_err() => {
                        return this.give_up(NO_MEMORY);
                    }
                    Intake::Streamed if this.n_bytes >= STREAM_PROGRESS_BYTES => {
                        this.n_bytes = 0;
                        this.due.as_mut().reset(Instant::now() + this.timeout);
                    }
                    Intake::Whole | Intake::Streamed => {}
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(outcome) => Poll::Ready(outcome.map(|outcome| outcome.map_err(axum::Error::new))),
            Poll::Pending if this.due.as_mut().poll(cx).is_ready() => this.give_up(TOO_SLOW),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
