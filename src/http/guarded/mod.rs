//! What stands around every connection: it can be cut from elsewhere, sent to from elsewhere, and it fails a
//! reader that stalls.

mod linger;
mod read;
mod stall;
mod write;

use std::net::Shutdown;
use std::sync::Arc;

use bytes::Bytes;
use socket2::SockRef;
use tokio_util::task::task_tracker::TaskTrackerToken;

use linger::Linger;
pub use stall::StallLimit;
use stall::StallWatch;

use super::connection::Connection;
use super::inbound::Inbound;
use super::transport::Transport;

/// Sees what the owner of a connection has written, and that the other end sends; dropped when the connection ends.
pub trait ConnectionObserver: Send {
    /// The other end has said something.
    fn on_read(&mut self);

    /// The owner's next bytes are out.
    fn on_write(&mut self, bytes: &[u8]);
}

/// A connection under guard.
pub struct Guarded {
    transport: Transport,
    connection: Arc<Connection>,
    stall: StallWatch,
    unread: Bytes,
    /// TLS may hold back the end of what was sent.
    needs_flush: bool,
    observer: Option<Box<dyn ConnectionObserver>>,
    /// Judges what comes in, once the connection is a WebSocket.
    inbound: Option<Inbound>,
    linger: Linger,
    _token: TaskTrackerToken,
}

impl Guarded {
    /// Puts a connection under guard; its place and the token are held as long as it lives.
    pub fn new(
        transport: Transport,
        connection: Arc<Connection>,
        limit: StallLimit,
        token: TaskTrackerToken,
    ) -> Self {
        Self {
            transport,
            connection,
            stall: StallWatch::new(limit),
            unread: Bytes::new(),
            needs_flush: false,
            observer: None,
            inbound: None,
            linger: Linger::default(),
            _token: token,
        }
    }

    /// The handle on this connection.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Judges blocked writes by another limit from here on.
    pub fn limit_stalls(&mut self, limit: StallLimit) {
        self.stall.limit = limit;
    }

    /// Has the connection observed until it ends, whoever owns it by then.
    pub fn observe(&mut self, observer: Box<dyn ConnectionObserver>) {
        self.observer = Some(observer);
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Handles may keep the socket; the other end is told all the same.
        if let Some(socket) = &self.connection.way_out.plain {
            let _ = SockRef::from(socket).shutdown(Shutdown::Both);
        }
        self.connection.leave();
    }
}
