//! One Engine.IO session: how it is reached, what waits for it, and the switch that ends it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use socketioxide::socket::Sid;

use super::engine::Engine;
use crate::http::guard::{Connection, Cut};

/// A client's session, from its handshake to its end, over one transport or two.
pub struct Session {
    /// The client's address, past trusted proxies.
    pub address: IpAddr,
    engine: Weak<Engine>,
    sid: OnceLock<Sid>,
    socket: Mutex<Option<WebSocketLink>>,
    emitted_bytes: AtomicU64,
    polled_bytes: AtomicU64,
    is_doomed: AtomicBool,
}

/// The WebSocket that a session runs over.
struct WebSocketLink {
    connection: Arc<Connection>,
    /// What the connection had written before it became this session's.
    written_before: u64,
}

impl Session {
    /// A session that has not been named yet.
    pub fn new(address: IpAddr, engine: &Arc<Engine>) -> Arc<Self> {
        Arc::new(Self {
            address,
            engine: Arc::downgrade(engine),
            sid: OnceLock::new(),
            socket: Mutex::new(None),
            emitted_bytes: AtomicU64::new(0),
            polled_bytes: AtomicU64::new(0),
            is_doomed: AtomicBool::new(false),
        })
    }

    /// Names a polling session, once its handshake was answered.
    pub fn name(&self, sid: Sid) {
        // A session has one handshake, so it is named once.
        let _ = self.sid.set(sid);
    }

    /// The session runs over this WebSocket from here on.
    pub fn attach(&self, connection: Arc<Connection>) {
        let written_before = connection.written_bytes();
        *self.socket.lock() = Some(WebSocketLink { connection, written_before });
    }

    /// Counts bytes handed to the session's queue.
    pub fn emitted(&self, bytes: usize) {
        self.emitted_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes that a poll has fetched.
    pub fn polled(&self, bytes: u64) {
        self.polled_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that wait for the client, as far as can be told from outside of the queue.
    pub fn queued_bytes(&self) -> u64 {
        let over_socket = self
            .socket
            .lock()
            .as_ref()
            .map_or(0, |link| link.connection.written_bytes() - link.written_before);
        let taken = over_socket + self.polled_bytes.load(Ordering::Relaxed);
        self.emitted_bytes.load(Ordering::Relaxed).saturating_sub(taken)
    }

    /// Whether the session has been ended by the server.
    pub fn is_doomed(&self) -> bool {
        self.is_doomed.load(Ordering::Acquire)
    }

    /// Ends the session now, whatever waits in its queue.
    pub fn cut(&self, cut: Cut) {
        if self.is_doomed.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(link) = self.socket.lock().as_ref() {
            link.connection.cut(cut);
            return;
        }
        if let (Some(engine), Some(sid)) = (self.engine.upgrade(), self.sid.get()) {
            cut.count(engine.service);
            engine.close_polling(*sid);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let (Some(engine), Some(sid)) = (self.engine.upgrade(), self.sid.get()) {
            engine.forget(*sid);
        }
    }
}
