//! What stands around every connection: it can be cut from elsewhere, sent to from elsewhere, and it fails a
//! reader that stalls.
//!
//! A socket whose reader has gone to sleep blocks its writer for ever, and with it whatever waits for the
//! writer. Here a write that stays blocked must move `stall_progress_bytes` in each `stall_timeout`.
//!
//! Two hands write to one connection: its owner through [`AsyncWrite`], and whoever holds the [`Connection`]
//! through [`Connection::send`], which costs one system call and no task. Messages of the two never mix: a send
//! waits until the owner's buffer is out, and the owner's next buffer waits until what was sent is out.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::connection::{Connection, Cut};
use super::frames::{Passed, Violation, close_frame};
use super::inbound::{Inbound, MessageLimits};
use super::limits::Permit;
use super::transport::Transport;

/// An empty queue that has grown beyond this many messages gives its memory back.
const QUEUE_KEPT: usize = 16;

/// How long a write may stay blocked, and what must move in that time.
#[derive(Debug, Clone, Copy)]
pub struct StallLimit {
    /// The length of one window.
    pub timeout: Duration,
    /// Bytes that must move in it.
    pub progress_bytes: usize,
}

/// Somebody who attends a connection: sees what its owner has written and that it reads, and is dropped when it ends.
pub trait Attendant: Send {
    /// The other end has said something.
    fn read(&mut self);

    /// The owner's next bytes are out.
    fn wrote(&mut self, bytes: &[u8]);
}

/// Read from a socket at once: two or three messages of a call. Most readers have less room, to cost less while they wait.
const READ_AHEAD_BYTES: usize = 4096;

/// A connection under guard.
pub struct Guarded {
    transport: Transport,
    connection: Arc<Connection>,
    limit: StallLimit,
    stall: Option<Stall>,
    unread: Bytes,
    /// TLS may hold back the end of what was sent.
    needs_flush: bool,
    attendant: Option<Box<dyn Attendant>>,
    /// Judges what comes in, once the connection is a WebSocket.
    inbound: Option<Inbound>,
    _permit: Permit,
    _token: TaskTrackerToken,
}

/// A write is blocked; this window decides whether it moves on.
struct Stall {
    window: Pin<Box<Sleep>>,
    progress_bytes: usize,
}

impl Guarded {
    /// Puts a connection under guard; the permit and the token are held as long as it lives.
    pub fn new(
        transport: Transport,
        connection: Arc<Connection>,
        limit: StallLimit,
        permit: Permit,
        token: TaskTrackerToken,
    ) -> Self {
        Self {
            transport,
            connection,
            limit,
            stall: None,
            unread: Bytes::new(),
            needs_flush: false,
            attendant: None,
            inbound: None,
            _permit: permit,
            _token: token,
        }
    }

    /// The handle on this connection.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Puts back bytes that were read too early, as a copy: they are few, and what they lie in is large.
    pub fn unread(&mut self, bytes: &[u8]) {
        self.unread = if self.unread.is_empty() {
            Bytes::copy_from_slice(bytes)
        } else {
            [bytes, &self.unread].concat().into()
        };
    }

    /// Judges what comes in from here on as the frames of a WebSocket's client.
    pub fn expect_messages(&mut self, limits: Arc<MessageLimits>) {
        let mut inbound = Inbound::new(limits);
        let (passed, violation) = inbound.take(&self.unread);
        self.inbound = Some(inbound);
        match passed {
            Passed::AsTheyAre(n) => self.unread.truncate(n),
            Passed::Rewritten(bytes) => self.unread = bytes.into(),
        }
        if let Some(violation) = violation {
            self.end_inbound(violation);
        }
    }

    /// Tells a WebSocket's client why it is heard no more.
    fn end_inbound(&mut self, violation: Violation) {
        let (connection, reason) = (&self.connection, violation.code());
        metrics::counter!("roomhub_messages_refused_total", "service" => connection.service, "reason" => reason)
            .increment(1);
        tracing::debug!(connection = connection.id, peer = %connection.peer, reason, "message refused");
        connection.finish(&close_frame(violation.close_code()));
        if let Some(inbound) = &mut self.inbound {
            inbound.end();
        }
    }

    /// Reads what goes on of a WebSocket's frames; the end, once a client that broke a rule has been heard out.
    fn read_messages(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut space = [MaybeUninit::uninit(); READ_AHEAD_BYTES];
        let mut ahead = ReadBuf::uninit(&mut space);
        while let Some(inbound) = &mut self.inbound {
            ahead.clear();
            let outcome = self.transport.poll_read(&self.connection, cx, &mut ahead);
            if outcome.is_pending() {
                ready!(inbound.poll_late(cx));
                if inbound.has_ended() {
                    break;
                }
                self.end_inbound(Violation::TooSlow);
                continue;
            }
            ready!(outcome)?;
            if ahead.filled().is_empty() || inbound.is_heard_out() {
                break;
            }
            if inbound.has_ended() {
                continue;
            }
            let (passed, violation) = inbound.take(ahead.filled());
            if let Some(violation) = violation {
                self.end_inbound(violation);
            }
            let bytes = match &passed {
                Passed::AsTheyAre(n) => &ahead.filled()[..*n],
                Passed::Rewritten(bytes) => bytes,
            };
            if !bytes.is_empty() {
                self.hand_over(bytes, buf);
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Gives a reader what it has room for, and keeps the rest for its next reads.
    fn hand_over(&mut self, bytes: &[u8], buf: &mut ReadBuf<'_>) {
        let (now, later) = bytes.split_at(bytes.len().min(buf.remaining()));
        buf.put_slice(now);
        if !later.is_empty() {
            self.unread = Bytes::copy_from_slice(later);
        }
    }

    /// Reads; for a reader with less room than messages may need, more at once, which is kept for its next reads.
    fn read_ahead(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() >= READ_AHEAD_BYTES || matches!(self.transport, Transport::Tls(_)) {
            return self.transport.poll_read(&self.connection, cx, buf);
        }
        let mut space = [MaybeUninit::uninit(); READ_AHEAD_BYTES];
        let mut ahead = ReadBuf::uninit(&mut space);
        ready!(self.transport.poll_read(&self.connection, cx, &mut ahead))?;
        self.hand_over(ahead.filled(), buf);
        Poll::Ready(Ok(()))
    }

    /// Judges blocked writes by another limit from here on.
    pub fn limit_stalls(&mut self, limit: StallLimit) {
        self.limit = limit;
    }

    /// Lets somebody attend the connection until it ends, whoever owns it by then.
    pub fn attend(&mut self, attendant: Box<dyn Attendant>) {
        self.attendant = Some(attendant);
    }

    /// Gets out what was sent, before anything else is written.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.connection.queued_bytes() > 0 {
            let mut outbox = self.connection.way_out.outbox.lock();
            if outbox.messages.is_empty() {
                outbox.promote();
            }
            // The owner's buffer goes first, or it would be cut in two.
            let next = if outbox.owner_is_writing { None } else { outbox.messages.front().cloned() };
            outbox.first_is_under_way |= next.is_some();
            drop(outbox);
            let Some(next) = next else { break };
            let outcome = self.transport.poll_write(&self.connection, cx, &next);
            let n = ready!(self.judge(outcome, next.len(), cx))?;
            let mut outbox = self.connection.way_out.outbox.lock();
            self.connection.way_out.queued_bytes.fetch_sub(n, Ordering::Relaxed);
            if n == next.len() {
                outbox.first_is_under_way = false;
                outbox.messages.pop_front();
                if outbox.messages.is_empty() && outbox.messages.capacity() > QUEUE_KEPT {
                    outbox.messages = VecDeque::new();
                }
            } else if let Some(first) = outbox.messages.front_mut() {
                first.advance(n);
            }
            drop(outbox);
            self.needs_flush = true;
        }
        if self.needs_flush {
            let outcome = self.transport.poll_flush(cx).map_ok(|()| 0);
            ready!(self.judge(outcome, 0, cx))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes the owner's bytes, whose first part begins a message unless the last write was a partial one.
    fn poll_own(&mut self, cx: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.connection.check()?;
        let offered: usize = parts.iter().map(|part| part.len()).sum();
        let mut outbox = loop {
            if self.poll_sent(cx)?.is_pending() {
                return self.judge_own(Poll::Pending, offered, cx);
            }
            let outbox = self.connection.way_out.outbox.lock();
            if outbox.owner_is_writing || outbox.messages.is_empty() {
                break outbox;
            }
        };
        let outcome = self.transport.poll_write_vectored(&self.connection, cx, parts);
        if let Poll::Ready(Ok(n)) = outcome {
            outbox.owner_is_writing = n < offered;
            if !outbox.owner_is_writing && self.connection.queued_bytes() > 0 {
                self.connection.reader.wake();
            }
        }
        drop(outbox);
        if let (Poll::Ready(Ok(n)), Some(attendant)) = (&outcome, &mut self.attendant) {
            let mut left = *n;
            for part in parts {
                let taken = left.min(part.len());
                attendant.wrote(&part[..taken]);
                left -= taken;
            }
        }
        self.judge_own(outcome, offered, cx)
    }

    /// Judges a write of the owner; whoever cuts the connection, or gets out what was sent, wakes it.
    fn judge_own(
        &mut self,
        outcome: Poll<io::Result<usize>>,
        offered: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if outcome.is_pending() {
            self.connection.writer.register(cx.waker());
        }
        self.judge(outcome, offered, cx)
    }

    /// Judges the outcome of a write of `offered` bytes.
    fn judge(
        &mut self,
        outcome: Poll<io::Result<usize>>,
        offered: usize,
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
                self.connection.check()?;
                self.poll_stall(cx).map(Err)
            }
        }
    }

    /// Resolves once a blocked write has moved too little in a whole window.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let timeout = self.limit.timeout;
            let stall = self
                .stall
                .get_or_insert_with(|| Stall { window: Box::pin(sleep(timeout)), progress_bytes: 0 });
            ready!(stall.window.as_mut().poll(cx));
            if stall.progress_bytes < self.limit.progress_bytes {
                self.connection.cut(Cut::Stalled);
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.stall = None;
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Handles may keep the socket; the other end is told all the same.
        if let Some(socket) = &self.connection.way_out.plain {
            let _ = SockRef::from(socket).shutdown(Shutdown::Both);
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            let n = self.unread.len().min(buf.remaining());
            buf.put_slice(&self.unread[..n]);
            self.unread.advance(n);
            if self.unread.is_empty() {
                // What it lay in is given back.
                self.unread = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        self.connection.reader.register(cx.waker());
        self.connection.check()?;
        // A reader always waits, so it is the one that gets out what was sent; the owner may then go on.
        if (self.connection.queued_bytes() > 0 || self.needs_flush) && self.poll_sent(cx)?.is_ready() {
            self.connection.writer.wake();
        }
        let this = &mut *self;
        let n_before = buf.filled().len();
        match this.inbound {
            Some(_) => ready!(this.read_messages(cx, buf))?,
            None => ready!(this.read_ahead(cx, buf))?,
        }
        if let Some(attendant) = &mut this.attendant
            && buf.filled().len() > n_before
        {
            attendant.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_own(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_own(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.check()?;
        let outcome = self.transport.poll_flush(cx).map_ok(|()| 0);
        self.judge_own(outcome, 0, cx).map_ok(|_| ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let outcome = this.transport.poll_shutdown(&this.connection, cx);
        self.judge_own(outcome.map_ok(|()| 0), 0, cx).map_ok(|_| ())
    }
}
