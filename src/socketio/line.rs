//! A member's line to the hub: its arrival first, its events in order and within their rate, its departure last.
//!
//! The handlers do their work where they are called. What socketioxide makes of closures is a task an event,
//! and tasks overtake each other.

use std::future::Future;
use std::mem;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;
use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{ConnectHandler, DisconnectHandler, MessageHandler, Value};
use socketioxide::socket::{DisconnectReason, Socket};

use super::Config;
use super::inbox::{Arrival, Full, Inbox};
use super::incoming::Incoming;
use super::post;
use super::session::{Announce, Session};
use crate::effect::MemberId;
use crate::http::guard::Cut;
use crate::runtime::Clock;

/// Events that a member may send while its connect is under way; that takes microseconds.
const MAX_EARLY_EVENTS: usize = 64;

/// Lines of this process so far: an id used anew is a new line.
static LINES: AtomicU64 = AtomicU64::new(0);

/// Where the lines of a service end.
pub struct Exchange<H> {
    inbox: Inbox<H>,
    clock: Clock,
    quota: Quota,
    events: metrics::Counter,
    too_fast: metrics::Counter,
    overloaded: metrics::Counter,
}

impl<H> Exchange<H> {
    /// An exchange that passes on to `inbox`.
    pub fn new(service: &'static str, config: &Config, inbox: Inbox<H>, clock: Clock) -> Arc<Self> {
        let dropped = |reason: &'static str| metrics::counter!("roomhub_events_dropped_total", "service" => service, "reason" => reason);
        let per_second = NonZeroU32::new(config.events_per_second).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(config.event_burst).unwrap_or(NonZeroU32::MIN);
        Arc::new(Self {
            inbox,
            clock,
            quota: Quota::per_second(per_second).allow_burst(burst),
            events: metrics::counter!("roomhub_events_in_total", "service" => service),
            too_fast: dropped("too_fast"),
            overloaded: dropped("overloaded"),
        })
    }
}

/// The namespace's handler: opens a line for every member that connects.
pub struct Operator<H>(pub Arc<Exchange<H>>);

impl<H> Clone for Operator<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Marks the handlers of this module among socketioxide's own.
pub struct Marker;

type Admission<'a> = Pin<Box<dyn Future<Output = Result<(), Box<dyn std::fmt::Display + Send>>> + Send + 'a>>;

impl<H: Send + Sync + 'static> ConnectHandler<LocalAdapter, Marker> for Operator<H> {
    /// The member has been told that it is connected.
    fn call(&self, socket: Arc<Socket>, _: Option<Value>) {
        let line = socket.req_parts().extensions.get::<Arc<Session>>().and_then(|session| session.line());
        if let Some(line) = line {
            line.announce(&socket);
        }
    }

    /// The member is about to be told; its events must find the line in place.
    fn call_middleware<'a>(&'a self, socket: Arc<Socket>, _: &'a Option<Value>) -> Admission<'a> {
        let session = socket.req_parts().extensions.get::<Arc<Session>>();
        if let (Some(session), Some(member)) = (session, MemberId::new(socket.id.as_str())) {
            let line = Line::new(Arc::clone(&self.0), member, Arc::clone(session));
            let announcer: Arc<dyn Announce> = line.clone();
            session.set_line(Arc::downgrade(&announcer));
            socket.on_fallback(Ear(Arc::clone(&line)));
            socket.on_disconnect(Ear(line));
        }
        Box::pin(async { Ok(()) })
    }
}

/// One member's line, from its connect to its disconnect.
struct Line<H> {
    exchange: Arc<Exchange<H>>,
    member: MemberId,
    number: u64,
    session: Arc<Session>,
    rate: DefaultDirectRateLimiter,
    state: Mutex<State>,
}

/// How far a line has come.
enum State {
    /// The connect is under way: a client may be told of it, and answer, before the library can send it more.
    /// What it says meanwhile is kept.
    Connecting(Vec<Incoming>),
    /// The hub knows of the member.
    Announced,
    /// The member is gone; its connect may still be under way, and must not raise a ghost.
    HungUp,
}

impl<H: Send + Sync + 'static> Line<H> {
    fn new(exchange: Arc<Exchange<H>>, member: MemberId, session: Arc<Session>) -> Arc<Self> {
        Arc::new(Self {
            rate: RateLimiter::direct(exchange.quota),
            exchange,
            member,
            number: LINES.fetch_add(1, Ordering::Relaxed),
            session,
            state: Mutex::new(State::Connecting(Vec::new())),
        })
    }

    /// Passes an event on, if the member keeps to its rate and the hub keeps up.
    fn receive(&self, socket: &Arc<Socket>, mut incoming: Incoming) {
        self.exchange.events.increment(1);
        if self.rate.check().is_err() {
            self.exchange.too_fast.increment(1);
            if let Some(reply) = incoming.take_reply() {
                post::acknowledge(socket, &self.session, reply, None);
            }
            return;
        }
        match &mut *self.state.lock() {
            State::Connecting(early) if early.len() < MAX_EARLY_EVENTS => early.push(incoming),
            State::Connecting(_) => self.overflow(),
            State::Announced => self.pass_on(incoming),
            State::HungUp => {}
        }
    }
}

impl<H> Line<H> {
    fn pass_on(&self, incoming: Incoming) {
        let at = self.exchange.clock.now();
        if let Err(Full) = self.exchange.inbox.push_event(self.member, self.number, incoming, at) {
            self.overflow();
        }
    }

    /// An event finds no room: without it the member would be out of step, so it comes back and starts anew.
    fn overflow(&self) {
        self.exchange.overloaded.increment(1);
        self.session.cut(Cut::Overloaded);
    }

    /// Tells the hub that the member is gone, if it knows of it.
    fn hang_up(&self) {
        let mut state = self.state.lock();
        if matches!(*state, State::Announced) {
            self.exchange.inbox.push(Arrival::Disconnected { member: self.member, line: self.number });
        }
        *state = State::HungUp;
    }
}

impl<H: Send + Sync + 'static> Announce for Line<H> {
    fn announce(&self, socket: &Arc<Socket>) {
        let mut state = self.state.lock();
        let State::Connecting(early) = &mut *state else { return };
        let early = mem::take(early);
        *state = State::Announced;
        self.exchange.inbox.push(Arrival::Connected {
            member: self.member,
            line: self.number,
            socket: Arc::clone(socket),
            session: Arc::clone(&self.session),
        });
        for incoming in early {
            self.pass_on(incoming);
        }
    }
}

/// The end of a line that hangs on a socket.
struct Ear<H>(Arc<Line<H>>);

impl<H: Send + Sync + 'static> Clone for Ear<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H: Send + Sync + 'static> MessageHandler<LocalAdapter, Marker> for Ear<H> {
    fn call(&self, socket: Arc<Socket>, packet: Value, ack_id: Option<i64>) {
        let incoming = Incoming::new(&socket, packet, ack_id);
        self.0.receive(&socket, incoming);
    }
}

impl<H: Send + Sync + 'static> DisconnectHandler<LocalAdapter, Marker> for Ear<H> {
    fn call_with_defer(&self, socket: Arc<Socket>, _: DisconnectReason, defer: fn(Arc<Socket>)) {
        self.0.hang_up();
        defer(socket);
    }
}
