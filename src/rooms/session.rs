//! A member's session to the hub: its arrival first, its events in order and within their rate, its departure last.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tracing::debug;

use super::inbox::{Arrival, Commands, Full, Inbox, Queries};
use super::incoming::Incoming;
use super::outbound::Outbound;
use super::{Config, Departure, Handshake, Hub};
use crate::effect::MemberId;
use crate::http::connection::DisconnectReason;
use crate::random;
use crate::rate::{Allowance, Bucket};
use crate::runtime::Clock;
use crate::time::Timestamp;

/// Events that a member may send while its connect is under way; that takes microseconds.
const MAX_EARLY_EVENTS: usize = 64;

/// Signs of life are passed on at most this often: silence is counted in tens of seconds.
const SIGN_EVERY: Duration = Duration::from_secs(5);

/// Sessions of this process so far: an id used anew is a new session.
static SESSIONS: AtomicU64 = AtomicU64::new(0);

/// Random bytes in a member's name; in hexadecimal they are twice as many.
const NAME_BYTES: usize = 10;

/// A name for a member that nobody can guess.
pub fn random_name() -> MemberId {
    MemberId::new(&hex::encode(random::bytes::<NAME_BYTES>())).expect("twenty characters fit")
}

/// Where the sessions of a service end.
pub struct Ingress<H: Hub> {
    inbox: Inbox<H>,
    clock: Clock,
    allowance: Allowance,
    events: metrics::Counter,
    too_fast: metrics::Counter,
    overloaded: metrics::Counter,
    closed: metrics::Counter,
}

impl<H: Hub> Ingress<H> {
    /// An ingress that passes on to `inbox`.
    pub fn new(service: &'static str, config: &Config, inbox: Inbox<H>, clock: Clock) -> Arc<Self> {
        let dropped = |reason: &'static str| metrics::counter!("roomhub_events_dropped_total", "service" => service, "reason" => reason);
        Arc::new(Self {
            inbox,
            clock,
            allowance: Allowance::new(config.events_per_second, config.event_burst),
            events: metrics::counter!("roomhub_events_in_total", "service" => service),
            too_fast: dropped("too_fast"),
            overloaded: dropped("overloaded"),
            closed: dropped("closed"),
        })
    }

    /// The right to give the hub commands.
    pub fn commands(&self) -> Commands<H> {
        self.inbox.commands()
    }

    /// The right to ask the hub, without the right to act.
    pub fn queries(&self) -> Queries<H> {
        self.inbox.queries()
    }
}

/// One member's session, from its connect to its disconnect.
pub struct Session<H: Hub> {
    ingress: Arc<Ingress<H>>,
    member: MemberId,
    number: u64,
    state: Mutex<State>,
    bucket: Bucket,
    /// When a sign of life was passed on last, in microseconds since the epoch.
    sign_at: AtomicU64,
}

/// How far a session has come.
enum State {
    /// The connect is under way: a client may be told of it, and answer, before it can be sent more.
    /// What it says meanwhile is kept.
    Connecting { handshake: Box<Handshake>, early: Vec<Incoming> },
    /// The hub knows of the member.
    Registered,
    /// The member is gone; its connect may still be under way, and must not raise a ghost.
    Closed,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is on its way to the hub.
    PassedOn,
    /// Its sender sends too many.
    TooFast,
    /// There was no room for it: without it the member would be out of step, so it must be cut and start anew.
    Overflowed,
}

impl<H: Hub> Session<H> {
    /// A session whose member the hub does not know yet.
    pub fn open(ingress: &Arc<Ingress<H>>, member: MemberId, handshake: Handshake) -> Arc<Self> {
        Arc::new(Self {
            ingress: Arc::clone(ingress),
            member,
            number: SESSIONS.fetch_add(1, Ordering::Relaxed),
            state: Mutex::new(State::Connecting { handshake: Box::new(handshake), early: Vec::new() }),
            bucket: Bucket::default(),
            sign_at: AtomicU64::new(0),
        })
    }

    /// Tells the hub of the member, once, and of what it said while its connect was under way.
    pub fn register(&self, client: Arc<dyn Outbound>) {
        let mut state = self.state.lock();
        if !matches!(*state, State::Connecting { .. }) {
            return;
        }
        let State::Connecting { handshake, early } = mem::replace(&mut *state, State::Registered) else {
            return;
        };
        let overflowing = Arc::clone(&client);
        let (member, session) = (self.member, self.number);
        self.ingress.inbox.push(Arrival::Connected { member, session, client, handshake });
        let now = self.ingress.clock.now();
        for incoming in early {
            if self.pass_on(incoming, now) == Received::Overflowed {
                overflowing.cut(DisconnectReason::Overloaded);
            }
        }
    }

    /// Passes an event on, if the member keeps to its rate and the hub keeps up.
    pub fn receive(&self, incoming: Incoming) -> Received {
        let now = self.ingress.clock.now();
        self.ingress.events.increment(1);
        debug!(member = %self.member, event = incoming.id, bytes = incoming.n_bytes(), "event received");
        if !self.bucket.take(self.ingress.allowance, now) {
            self.ingress.too_fast.increment(1);
            return Received::TooFast;
        }
        match &mut *self.state.lock() {
            State::Connecting { early, .. } if early.len() < MAX_EARLY_EVENTS => {
                early.push(incoming);
                Received::PassedOn
            }
            State::Connecting { .. } => self.overflow(),
            State::Registered => self.pass_on(incoming, now),
            State::Closed => {
                self.ingress.closed.increment(1);
                Received::PassedOn
            }
        }
    }

    /// Tells the hub that the member is still there, though it has nothing to say.
    pub fn keep_alive(&self) {
        let now = self.ingress.clock.now();
        let before = Timestamp::from_micros(self.sign_at.load(Ordering::Relaxed));
        if now.since(before) >= SIGN_EVERY && matches!(*self.state.lock(), State::Registered) {
            self.sign_at.store(now.as_micros(), Ordering::Relaxed);
            self.ingress.inbox.push(Arrival::KeepAlive { member: self.member, session: self.number });
        }
    }

    /// Tells the hub that the member is gone, if it knows of it.
    pub fn close(&self, departure: Departure) {
        let mut state = self.state.lock();
        if matches!(*state, State::Registered) {
            let (member, session) = (self.member, self.number);
            self.ingress.inbox.push(Arrival::Disconnected { member, session, departure });
        }
        *state = State::Closed;
    }

    fn pass_on(&self, incoming: Incoming, at: Timestamp) -> Received {
        match self.ingress.inbox.push_event(self.member, self.number, incoming, at) {
            Ok(()) => Received::PassedOn,
            Err(Full) => self.overflow(),
        }
    }

    fn overflow(&self) -> Received {
        self.ingress.overloaded.increment(1);
        Received::Overflowed
    }
}
