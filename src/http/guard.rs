//! What stands around every connection: it can be cut from elsewhere, and it fails a reader that stalls.
//!
//! A socket whose reader has gone to sleep blocks its writer for ever, and with it whatever waits for the
//! writer. Here a write that stays blocked must move `stall_progress_bytes` in each `stall_timeout`.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::limits::Permit;

/// Why the server cut a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Its reader took next to nothing for too long.
    Stalled,
    /// More waited for it than a member may have waiting.
    Slow,
    /// The server itself could not take in what the members sent.
    Overloaded,
    /// The server is shutting down.
    Shutdown,
}

impl Cut {
    /// Its name in the metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Stalled => "stalled",
            Self::Slow => "slow",
            Self::Overloaded => "overloaded",
            Self::Shutdown => "shutdown",
        }
    }

    /// Counts it for a service.
    pub fn count(self, service: &'static str) {
        metrics::counter!("roomhub_connections_killed_total", "service" => service, "reason" => self.code())
            .increment(1);
    }
}

/// A handle on an open connection: what it is, and the switch that cuts it.
#[derive(Debug)]
pub struct Connection {
    /// Counts up over the life of the process; stands in the log.
    pub id: u64,
    /// The other end.
    pub peer: SocketAddr,
    /// The service that it belongs to.
    pub service: &'static str,
    is_cut: AtomicBool,
    written_bytes: AtomicU64,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Connection {
    /// A connection that has just been accepted.
    pub fn new(id: u64, peer: SocketAddr, service: &'static str) -> Arc<Self> {
        Arc::new(Self {
            id,
            peer,
            service,
            is_cut: AtomicBool::new(false),
            written_bytes: AtomicU64::new(0),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
        })
    }

    /// Ends the connection now: its reads and writes fail, whoever waits in them.
    pub fn cut(&self, cut: Cut) {
        if self.is_cut.swap(true, Ordering::AcqRel) {
            return;
        }
        cut.count(self.service);
        tracing::debug!(connection = self.id, peer = %self.peer, reason = cut.code(), "connection cut");
        self.reader.wake();
        self.writer.wake();
    }

    /// Bytes that the other end's kernel or ours has taken so far.
    pub fn written_bytes(&self) -> u64 {
        self.written_bytes.load(Ordering::Relaxed)
    }

    fn check(&self) -> io::Result<()> {
        if self.is_cut.load(Ordering::Acquire) {
            Err(io::ErrorKind::ConnectionAborted.into())
        } else {
            Ok(())
        }
    }
}

/// A connection's bytes, plain or encrypted.
pub enum Transport {
    /// TCP as it is.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

/// How long a write may stay blocked, and what must move in that time.
#[derive(Debug, Clone, Copy)]
pub struct StallLimit {
    /// The length of one window.
    pub timeout: Duration,
    /// Bytes that must move in it.
    pub progress_bytes: usize,
}

/// A connection under guard.
pub struct Guarded {
    transport: Transport,
    connection: Arc<Connection>,
    limit: StallLimit,
    stall: Option<Stall>,
    unread: Bytes,
    _permit: Permit,
    _token: TaskTrackerToken,
    _end: Option<Box<dyn Any + Send>>,
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
            _permit: permit,
            _token: token,
            _end: None,
        }
    }

    /// The handle on this connection.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Puts back bytes that were read too early.
    pub fn unread(&mut self, bytes: Bytes) {
        self.unread = bytes;
    }

    /// Drops `end` together with the connection, whoever owns it by then.
    pub fn end_with(&mut self, end: Box<dyn Any + Send>) {
        self._end = Some(end);
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
                self.connection.written_bytes.fetch_add(written as u64, Ordering::Relaxed);
                if written == offered {
                    self.stall = None;
                } else if let Some(stall) = &mut self.stall {
                    stall.progress_bytes += written;
                }
                outcome
            }
            Poll::Ready(Err(_)) => outcome,
            Poll::Pending => {
                self.connection.writer.register(cx.waker());
                if let Err(error) = self.connection.check() {
                    return Poll::Ready(Err(error));
                }
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
            if stall.window.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if stall.progress_bytes < self.limit.progress_bytes {
                self.connection.cut(Cut::Stalled);
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.stall = None;
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
            return Poll::Ready(Ok(()));
        }
        self.connection.reader.register(cx.waker());
        self.connection.check()?;
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.connection.check()?;
        let outcome = match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Transport::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        };
        self.judge(outcome, buf.len(), cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.connection.check()?;
        let outcome = match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Transport::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        };
        let offered = bufs.iter().map(|buf| buf.len()).sum();
        self.judge(outcome, offered, cx)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.check()?;
        let outcome = match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(cx),
        };
        match outcome {
            Poll::Ready(outcome) => Poll::Ready(outcome),
            Poll::Pending => self.judge(Poll::Pending, 0, cx).map_ok(|_| ()),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        };
        match outcome {
            Poll::Ready(outcome) => Poll::Ready(outcome),
            Poll::Pending => self.judge(Poll::Pending, 0, cx).map_ok(|_| ()),
        }
    }
}
