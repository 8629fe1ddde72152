//! One Engine.IO session: how its client is reached, what waits for it, and the switch that ends it.
//!
//! A client is reached in one of two ways. At first, and for as long as it polls, frames go through
//! socketioxide's queue. Once it has a WebSocket and everything queued is out, they go straight to the
//! connection: one system call a frame, no task, and exact knowledge of what waits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use socketioxide::TransportType;
use socketioxide::socket::{Sid, Socket};
use tokio::time::timeout;

use super::library::Library;
use super::meter::{self, Meter, Passed};
use super::post::SEPARATOR;
use super::session_limits::SessionPermit;
use crate::http::connection::{Connection, DisconnectReason};
use crate::http::guarded::ConnectionObserver;
use crate::rooms::{Handshake, Outbound, OwnCopies, Pending, framed_length};

/// A client may leave the namespace and join it again on the same session; after so many times it needs another one.
const MAX_JOINS: usize = 16;

/// A client's session, from its handshake to its end, over one transport or two.
pub struct EngineSession {
    /// Who opened it.
    pub handshake: Handshake,
    permit: SessionPermit,
    n_joins: AtomicUsize,
    sessions: Weak<Sessions>,
    /// Known once the handshake is answered.
    sid: OnceLock<Sid>,
    /// The WebSocket, once there is one.
    connection: OnceLock<Arc<Connection>>,
    /// Messages that were handed to the queue, and those that are out of it.
    n_queued: AtomicUsize,
    n_delivered: AtomicUsize,
    /// Bytes that were handed to the queue, until the client has them.
    copies: OwnCopies,
    is_direct: AtomicBool,
    is_cut: AtomicBool,
    member_session: Mutex<Option<Weak<dyn MemberSession>>>,
}

/// The polling sessions of a service, by their ids.
pub struct Sessions {
    /// What serves them.
    pub library: Library,
    known: Mutex<HashMap<Sid, Weak<EngineSession>>>,
    /// A session whose member was let go is cut after this time, unless it joins again.
    rejoin_time: Duration,
    /// What waits for all members of the service.
    pending: Pending,
}

impl Sessions {
    /// There are none yet.
    pub fn new(library: Library, rejoin_time: Duration, pending: &Pending) -> Self {
        Self { library, known: Mutex::default(), rejoin_time, pending: pending.clone() }
    }

    /// A session is known by its id from here on.
    pub fn add(&self, sid: Sid, session: &Arc<EngineSession>) {
        // A session has one handshake, so it is named once.
        let _ = session.sid.set(sid);
        self.known.lock().insert(sid, Arc::downgrade(session));
    }

    /// The living session of that id.
    pub fn find(&self, sid: Sid) -> Option<Arc<EngineSession>> {
        let session = self.known.lock().get(&sid).and_then(Weak::upgrade);
        session.filter(|session| !session.is_cut())
    }
}

/// A member's session, which tells the hub of it.
pub trait MemberSession: Send + Sync {
    /// Tells the hub of the member, once, and of what it said while its connect was under way.
    fn register(&self, client: Arc<dyn Outbound>);

    /// Tells the hub that the member is still there.
    fn keep_alive(&self);
}

impl EngineSession {
    /// A session that has not been named yet.
    pub fn new(handshake: Handshake, permit: SessionPermit, sessions: &Arc<Sessions>) -> Arc<Self> {
        Arc::new(Self {
            handshake,
            permit,
            n_joins: AtomicUsize::new(0),
            sessions: Arc::downgrade(sessions),
            sid: OnceLock::new(),
            connection: OnceLock::new(),
            n_queued: AtomicUsize::new(0),
            n_delivered: AtomicUsize::new(0),
            copies: OwnCopies::of(&sessions.pending),
            is_direct: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
            member_session: Mutex::new(None),
        })
    }

    /// The session joins the namespace; false once it has done so too often.
    pub fn join(&self) -> bool {
        self.permit.join();
        self.n_joins.fetch_add(1, Ordering::Relaxed) < MAX_JOINS
    }

    /// The socket owns the member's session; its connect finds it here.
    pub fn set_member_session(&self, session: Weak<dyn MemberSession>) {
        *self.member_session.lock() = Some(session);
    }

    /// The member's session, while its socket lives.
    pub fn member_session(&self) -> Option<Arc<dyn MemberSession>> {
        self.member_session.lock().as_ref().and_then(Weak::upgrade)
    }

    /// The client showed that it is still there.
    pub fn keep_alive(&self) {
        if let Some(session) = self.member_session() {
            session.keep_alive();
        }
    }

    /// The session runs over this WebSocket from here on.
    pub fn attach(&self, connection: &Arc<Connection>) {
        // The engine refuses a second WebSocket of a session.
        let _ = self.connection.set(Arc::clone(connection));
    }

    /// The connection, once frames may go straight to it.
    ///
    /// That is when the client has gone over to its WebSocket, and the queue was used and is empty: its first
    /// frame comes after the packet that tells the client that it is connected, and nothing may come before that.
    pub fn fast_path(&self, socket: &Socket) -> Option<Arc<Connection>> {
        let connection = self.connection.get()?;
        if !self.is_direct.load(Ordering::Relaxed) {
            let queued = self.n_queued.load(Ordering::Acquire);
            let has_gone_over = socket.transport_type() == TransportType::Websocket;
            if !has_gone_over || queued == 0 || queued != self.n_delivered.load(Ordering::Acquire) {
                return None;
            }
            self.is_direct.store(true, Ordering::Relaxed);
        }
        Some(Arc::clone(connection))
    }

    /// Counts a message that is handed to the queue, before it is.
    pub fn queue(&self, bytes: usize) {
        self.n_queued.fetch_add(1, Ordering::AcqRel);
        self.copies.add(bytes);
    }

    /// Takes note of the packets that a poll has fetched; their bytes wait until the answer is out.
    pub fn polled(self: &Arc<Self>, body: Bytes) -> Bytes {
        let mut passed = Passed::default();
        for packet in body.split(|byte| *byte == SEPARATOR).filter(|packet| meter::is_ours(packet)) {
            passed.messages += 1;
            passed.bytes += framed_length(packet.len());
        }
        self.n_delivered.fetch_add(passed.messages, Ordering::AcqRel);
        Bytes::from_owner(Fetched { session: Arc::clone(self), body, n_bytes: passed.bytes })
    }

    /// Bytes that wait for the client.
    pub fn waiting_bytes(&self) -> usize {
        let sent = self.connection.get().map_or(0, |connection| connection.queued_bytes());
        sent + self.copies.n_bytes()
    }

    /// Whether the session has been ended by the server.
    pub fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Acquire)
    }

    /// Cuts the session some time after its member was let go, unless it has joined again.
    pub fn cut_unless_rejoined(self: &Arc<Self>) {
        let Some(sessions) = self.sessions.upgrade() else { return };
        let context = sessions.library.context.clone();
        let (session, rejoin_time) = (Arc::downgrade(self), sessions.rejoin_time);
        sessions.library.context.spawn(async move {
            let is_over = timeout(rejoin_time, context.stopping()).await.is_err();
            let session = session.upgrade().filter(|session| is_over && session.member_session().is_none());
            if let Some(session) = session {
                session.cut(DisconnectReason::LetGo);
            }
        });
    }

    /// Ends the session now, whatever waits for it.
    pub fn cut(&self, reason: DisconnectReason) {
        if self.is_cut.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(connection) = self.connection.get() {
            connection.cut(reason);
        } else if let (Some(sessions), Some(sid)) = (self.sessions.upgrade(), self.sid.get()) {
            reason.count(sessions.library.service);
            sessions.library.close_polling(*sid);
        }
    }
}

impl Drop for EngineSession {
    fn drop(&mut self) {
        if let (Some(sessions), Some(sid)) = (self.sessions.upgrade(), self.sid.get()) {
            sessions.known.lock().remove(sid);
        }
    }
}

/// The answer to a poll, until it has been sent.
struct Fetched {
    session: Arc<EngineSession>,
    body: Bytes,
    n_bytes: usize,
}

impl AsRef<[u8]> for Fetched {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        self.session.copies.remove(self.n_bytes);
    }
}

/// Counts which messages of the queue are out on a session's WebSocket, and notices when that ends.
pub struct DeliveryObserver {
    session: Arc<EngineSession>,
    meter: Meter,
}

impl DeliveryObserver {
    /// Observes a WebSocket that has written nothing yet.
    pub fn new(session: Arc<EngineSession>) -> Self {
        Self { session, meter: Meter::default() }
    }
}

impl ConnectionObserver for DeliveryObserver {
    fn on_read(&mut self) {
        self.session.keep_alive();
    }

    fn on_write(&mut self, bytes: &[u8]) {
        let passed = self.meter.watch(bytes);
        if passed.messages > 0 {
            self.session.n_delivered.fetch_add(passed.messages, Ordering::AcqRel);
            self.session.copies.remove(passed.bytes);
        }
    }
}

impl Drop for DeliveryObserver {
    /// Ends a session that polled with the WebSocket it went over to, also when that never got as far.
    fn drop(&mut self) {
        if let (Some(sessions), Some(sid)) = (self.session.sessions.upgrade(), self.session.sid.get()) {
            sessions.library.close_polling(*sid);
        }
    }
}
