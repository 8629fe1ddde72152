//! A handle on an open connection, for everybody but its owner: sends on it, and cuts it.
//!
//! A send costs one system call and no task; what the kernel does not take at once waits in the outbox for the
//! guard around the connection (`guarded`) to get it out.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::net::TcpStream;

use super::limits::{ConnectionLimits, Permit, Refusal};
use super::sent_files::SentFiles;
use crate::runtime::memory;

/// Why the server cut a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisconnectReason {
    /// Its reader took next to nothing for too long.
    Stalled,
    /// More waited for it than a member may have waiting.
    Slow,
    /// The server itself could not take in what the members sent.
    Overloaded,
    /// The cluster went on without the server, and what its members know may be wrong.
    OutOfStep,
    /// What it posted did not come whole.
    Broken,
    /// It was let go, and stays.
    LetGo,
    /// The server is shutting down.
    Shutdown,
}

impl DisconnectReason {
    /// Its name in the metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Stalled => "stalled",
            Self::Slow => "slow",
            Self::Overloaded => "overloaded",
            Self::OutOfStep => "out_of_step",
            Self::Broken => "broken",
            Self::LetGo => "let_go",
            Self::Shutdown => "shutdown",
        }
    }

    /// Counts it for a service.
    pub fn count(self, service: &'static str) {
        metrics::counter!("roomhub_connections_killed_total", "service" => service, "reason" => self.code())
            .increment(1);
    }
}

/// A handle on an open connection: what it is, a way to send on it, and the switch that cuts it.
pub struct Connection {
    /// Counts up over the life of the process; stands in the log.
    pub id: u64,
    /// The other end.
    pub peer: SocketAddr,
    assignment: Mutex<Assignment>,
    pub(super) way_out: WayOut,
    pub(super) reader: AtomicWaker,
    pub(super) writer: AtomicWaker,
    pub(super) files: SentFiles,
    /// Whether a request was answered before its body was here.
    pub(super) has_unread_body: AtomicBool,
}

/// The service that a connection belongs to.
struct Assignment {
    service: &'static str,
    /// Given back with the connection, though others may still hold its handle.
    permit: Option<Permit>,
}

/// What every send looks at, side by side: with thousands of connections it is memory that a send waits for.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct WayOut {
    is_cut: AtomicBool,
    pub(super) queued_bytes: AtomicUsize,
    pub(super) outbox: Mutex<Outbox>,
    /// The socket, unless it is wrapped in TLS.
    pub(super) plain: Option<TcpStream>,
}

impl Drop for WayOut {
    fn drop(&mut self) {
        memory::freed(*self.queued_bytes.get_mut());
    }
}

/// What was sent and has not gone out yet.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Whole messages, but for the part of the first that is out already.
    pub(super) messages: VecDeque<Bytes>,
    /// Whole messages that go out when no others wait, and are dropped when too many do.
    lossy: VecDeque<Bytes>,
    lossy_bytes: usize,
    /// Whether the first may be out in part.
    pub(super) first_is_under_way: bool,
    /// Whether the last of all messages has been sent.
    is_finished: bool,
    /// Whether the owner is in the middle of a buffer.
    pub(super) owner_is_writing: bool,
}

impl Outbox {
    /// Makes the oldest message that might have been dropped the next to go out.
    pub(super) fn promote(&mut self) {
        if let Some(message) = self.lossy.pop_front() {
            self.lossy_bytes -= message.len();
            self.messages.push_back(message);
        }
    }
}

impl Connection {
    /// A connection that has just been accepted; `plain` is its socket, if it is not wrapped in TLS.
    pub fn new(
        id: u64,
        peer: SocketAddr,
        service: &'static str,
        permit: Option<Permit>,
        plain: Option<TcpStream>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            peer,
            assignment: Mutex::new(Assignment { service, permit }),
            way_out: WayOut {
                is_cut: AtomicBool::new(false),
                queued_bytes: AtomicUsize::new(0),
                outbox: Mutex::default(),
                plain,
            },
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
            files: SentFiles::default(),
            has_unread_body: AtomicBool::new(false),
        })
    }

    /// The service that it belongs to.
    pub fn service(&self) -> &'static str {
        self.assignment.lock().service
    }

    /// Belongs to a service from here on, as one of its connections, and no more to the service before.
    ///
    /// # Errors
    /// The service takes no more; the connection stays where it is.
    pub fn enter(&self, service: &'static str, limits: &Arc<ConnectionLimits>) -> Result<(), Refusal> {
        let mut assignment = self.assignment.lock();
        if assignment.service != service {
            let permit = limits.admit_open(self.peer.ip())?;
            *assignment = Assignment { service, permit: Some(permit) };
        }
        Ok(())
    }

    /// It has ended, and counts no more.
    pub(super) fn leave(&self) {
        self.assignment.lock().permit = None;
    }

    /// Ends the connection now: its reads and writes fail, whoever waits in them.
    pub fn cut(&self, reason: DisconnectReason) {
        if self.way_out.is_cut.swap(true, Ordering::AcqRel) {
            return;
        }
        reason.count(self.service());
        tracing::debug!(connection = self.id, peer = %self.peer, reason = reason.code(), "connection cut");
        self.reader.wake();
        self.writer.wake();
    }

    /// The files that the kernel sends on it by itself; none where all bytes must be encrypted first.
    pub fn sent_files(&self) -> Option<&SentFiles> {
        self.way_out.plain.is_some().then_some(&self.files)
    }

    /// Has the kernel hold no more than about so many bytes that the other end has not taken.
    pub fn limit_send_buffer(&self, n_bytes: usize) {
        if let Some(socket) = &self.way_out.plain {
            // A kernel that will not has a limit of its own.
            let _ = SockRef::from(socket).set_send_buffer_size(n_bytes);
        }
    }

    /// Sends a whole message: at once if the kernel takes it, else as soon as it does.
    ///
    /// Never waits and never refuses: whoever sends looks at [`Self::queued_bytes`] first.
    pub fn send(&self, message: &Bytes) {
        let mut outbox = self.way_out.outbox.lock();
        if outbox.is_finished {
            return;
        }
        let n_out = self.try_send(&outbox, message);
        if n_out == message.len() {
            return;
        }
        self.keep_rest(&mut outbox, message, n_out);
        drop(outbox);
        self.reader.wake();
    }

    /// Sends a message that may be dropped: behind all others, and while more than `max_bytes` of such messages
    /// wait, the oldest go.
    ///
    /// Returns how many were dropped.
    pub fn send_lossy(&self, message: &Bytes, max_bytes: usize) -> usize {
        let mut outbox = self.way_out.outbox.lock();
        if outbox.is_finished {
            return 0;
        }
        let n_out = if outbox.lossy.is_empty() { self.try_send(&outbox, message) } else { 0 };
        if n_out == message.len() {
            return 0;
        }
        let mut n_dropped = 0;
        if n_out > 0 {
            self.keep_rest(&mut outbox, message, n_out);
        } else {
            self.way_out.queued_bytes.fetch_add(message.len(), Ordering::Relaxed);
            outbox.lossy_bytes += message.len();
            outbox.lossy.push_back(message.clone());
            while outbox.lossy_bytes > max_bytes
                && let Some(oldest) = outbox.lossy.pop_front()
            {
                outbox.lossy_bytes -= oldest.len();
                self.way_out.queued_bytes.fetch_sub(oldest.len(), Ordering::Relaxed);
                n_dropped += 1;
            }
        }
        drop(outbox);
        self.reader.wake();
        n_dropped
    }

    /// Hands as much of a message to the kernel as it takes at once, if nothing is before it.
    fn try_send(&self, outbox: &Outbox, message: &Bytes) -> usize {
        match &self.way_out.plain {
            // What fails for good fails again where errors are handled: in the connection's own task.
            Some(socket) if outbox.messages.is_empty() && !outbox.owner_is_writing => {
                socket.try_write(message).unwrap_or(0)
            }
            Some(_) | None => 0,
        }
    }

    fn keep_rest(&self, outbox: &mut Outbox, message: &Bytes, n_out: usize) {
        let rest = message.slice(n_out..);
        outbox.first_is_under_way |= n_out > 0;
        self.way_out.queued_bytes.fetch_add(rest.len(), Ordering::Relaxed);
        outbox.messages.push_back(rest);
    }

    /// Sends a last message: nothing that is sent later goes out.
    pub fn finish(&self, message: &Bytes) {
        self.send(message);
        self.way_out.outbox.lock().is_finished = true;
    }

    /// Sends a last message in place of all that wait; false if there was a last message already.
    pub fn abandon(&self, message: &Bytes) -> bool {
        let mut outbox = self.way_out.outbox.lock();
        if outbox.is_finished {
            return false;
        }
        let n_kept = usize::from(outbox.first_is_under_way);
        let Outbox { messages, lossy, .. } = &mut *outbox;
        let dropped = messages.drain(n_kept..).chain(lossy.drain(..)).map(|message| message.len()).sum();
        outbox.lossy_bytes = 0;
        self.way_out.queued_bytes.fetch_sub(dropped, Ordering::Relaxed);
        drop(outbox);
        self.finish(message);
        true
    }

    /// Bytes that were sent and have not gone out yet.
    pub fn queued_bytes(&self) -> usize {
        self.way_out.queued_bytes.load(Ordering::Relaxed)
    }

    /// Whether it has not been cut.
    pub fn is_open(&self) -> bool {
        !self.way_out.is_cut.load(Ordering::Acquire)
    }

    pub(super) fn check(&self) -> io::Result<()> {
        if self.is_open() { Ok(()) } else { Err(io::ErrorKind::ConnectionAborted.into()) }
    }
}
