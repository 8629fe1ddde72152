//! Writing: two hands write to one connection, its owner through [`AsyncWrite`], and whoever holds the
//! [`Connection`] through [`Connection::send`], which costs one system call and no task.
//!
//! Messages of the two never mix: a send waits until the owner's buffer is out, and the owner's next buffer waits until
//! what was sent is out.
//!
//! [`Connection`]: crate::http::connection::Connection
//! [`Connection::send`]: crate::http::connection::Connection::send

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use tokio::io::AsyncWrite;

use super::Guarded;

/// An empty queue that has grown beyond this many messages gives its memory back.
const QUEUE_KEPT: usize = 16;

impl Guarded {
    /// Gets out what was sent, before anything else is written.
    pub(super) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
            let n = ready!(self.stall.judge(outcome, next.len(), &self.connection, cx))?;
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
            ready!(self.stall.judge(outcome, 0, &self.connection, cx))?;
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
        if let (Poll::Ready(Ok(n)), Some(observer)) = (&outcome, &mut self.observer) {
            let mut left = *n;
            for part in parts {
                let taken = left.min(part.len());
                observer.on_write(&part[..taken]);
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
        self.stall.judge(outcome, offered, &self.connection, cx)
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
        ready!(self.judge_own(outcome.map_ok(|()| 0), 0, cx))?;
        if self.connection.has_unread_body.load(Ordering::Relaxed) {
            return self.poll_linger(cx);
        }
        Poll::Ready(Ok(()))
    }
}
