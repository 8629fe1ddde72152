//! Reading: what comes in on a WebSocket is judged first, and who reads little at a time has the rest kept for it.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, ReadBuf};

use super::Guarded;
use crate::http::frames::{Passed, Violation, close_frame};
use crate::http::inbound::{Inbound, MessageLimits};
use crate::http::transport::Transport;

/// Read from a socket at once: two or three messages of a call. Most readers have less room, to cost less while they wait.
const READ_AHEAD_BYTES: usize = 4096;

impl Guarded {
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
        metrics::counter!("roomhub_messages_refused_total", "service" => connection.service(), "reason" => reason)
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
        if let Some(observer) = &mut this.observer
            && buf.filled().len() > n_before
        {
            observer.on_read();
        }
        Poll::Ready(Ok(()))
    }
}
