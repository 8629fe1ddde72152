//! The task that owns a hub: takes arrivals in order, runs the rules, hands the frames to the sockets.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use socketioxide::SocketIo;
use socketioxide::socket::Socket;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

use super::inbox::{Arrival, Arrivals};
use super::incoming::Reply;
use super::session::Session;
use super::{post, wire};
use crate::effect::{Effect, Effects, Frame, MemberId};
use crate::http::guard::Cut;
use crate::runtime::{Clock, Context};
use crate::time::Timestamp;

/// Arrivals handled before the timers are looked at again.
const BATCH: usize = 256;

/// Members looked at before the first of them is sent to.
const LOOKAHEAD: usize = 32;

/// Time for clients to take their leave before they are cut, as a part of the shutdown's grace.
const FAREWELL: u32 = 2;

/// A service's rooms and rules: pure, without a clock.
pub trait Hub: Send + Sync + 'static {
    /// A member connected from an address.
    fn connect(&mut self, member: MemberId, address: IpAddr, now: Timestamp) -> Effects;

    /// A connected member sent an event.
    fn handle(&mut self, from: MemberId, event: &str, payload: Option<&RawValue>, now: Timestamp) -> Effects;

    /// A member is gone.
    fn leave(&mut self, member: MemberId, now: Timestamp) -> Effects;

    /// When a timer is due next, if there is one.
    fn next_timeout(&self) -> Option<Timestamp>;

    /// A timer is due.
    fn handle_timeout(&mut self, now: Timestamp) -> Effects;

    /// How much there is, for the metrics.
    fn census(&self) -> Census;
}

/// How much a hub holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Census {
    /// Rooms that exist.
    pub n_rooms: usize,
    /// Members that sit in one.
    pub n_seated: usize,
}

/// The sockets by member, and what is counted on the way to them.
pub struct Switchboard {
    service: &'static str,
    clock: Clock,
    grace: Duration,
    max_queued_bytes: usize,
    members: HashMap<MemberId, Seat>,
    events_out: metrics::Counter,
    emit_latency: metrics::Histogram,
    n_members: metrics::Gauge,
    n_rooms: metrics::Gauge,
    n_seated: metrics::Gauge,
}

/// How one member is reached.
struct Seat {
    line: u64,
    socket: Arc<Socket>,
    session: Arc<Session>,
}

impl Switchboard {
    /// Nobody is connected yet.
    pub fn new(service: &'static str, max_queued_bytes: usize, context: &Context) -> Self {
        Self {
            service,
            clock: context.clock,
            grace: context.shutdown_grace,
            max_queued_bytes,
            members: HashMap::new(),
            events_out: metrics::counter!("roomhub_events_out_total", "service" => service),
            emit_latency: metrics::histogram!("roomhub_emit_latency_seconds", "service" => service),
            n_members: metrics::gauge!("roomhub_members", "service" => service),
            n_rooms: metrics::gauge!("roomhub_rooms", "service" => service),
            n_seated: metrics::gauge!("roomhub_seated_members", "service" => service),
        }
    }

    /// Runs until the process stops and the members have been told.
    pub async fn run<H: Hub>(
        mut self,
        mut hub: H,
        mut arrivals: Arrivals<H>,
        io: SocketIo,
        context: &Context,
    ) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut stopping = pin!(context.stopping());
        let mut timer = pin!(sleep_until(Instant::now()));
        let mut timer_is_for = None;
        loop {
            let due = hub.next_timeout();
            if let Some(moment) = due.filter(|_| due != timer_is_for) {
                timer.as_mut().reset(self.clock.instant_of(moment));
                timer_is_for = due;
            }
            tokio::select! {
                biased;
                () = &mut stopping => break,
                _ = arrivals.next(&mut batch, BATCH) => {
                    for arrival in batch.drain(..) {
                        self.take(&mut hub, arrival);
                    }
                }
                () = &mut timer, if due.is_some() => {
                    let effects = hub.handle_timeout(self.clock.now());
                    self.perform(effects, None);
                    timer_is_for = None;
                }
            }
            self.count(&hub);
        }
        self.close(io).await;
    }

    /// Tells the clients to come back elsewhere, and cuts those that do not listen; the process waits for both.
    async fn close(self, io: SocketIo) {
        debug!(service = self.service, members = self.members.len(), "closing connections");
        // It waits for every writer, also for those whose reader sleeps.
        if timeout(self.grace / FAREWELL, io.close()).await.is_err() {
            for seat in self.members.values() {
                seat.session.cut(Cut::Shutdown);
            }
        }
    }

    fn take<H: Hub>(&mut self, hub: &mut H, arrival: Arrival<H>) {
        let now = self.clock.now();
        match arrival {
            Arrival::Connected { member, line, socket, session } => {
                let address = session.address;
                debug!(service = self.service, %member, %address, "member connected");
                if self.members.insert(member, Seat { line, socket, session }).is_some() {
                    let effects = hub.leave(member, now);
                    self.perform(effects, None);
                }
                let effects = hub.connect(member, address, now);
                self.perform(effects, None);
            }
            Arrival::Event { member, line, mut incoming, at } => {
                if !self.is_current(member, line) {
                    return;
                }
                let reply = incoming.take_reply().map(|reply| (member, reply));
                let effects = match incoming.read() {
                    Some(event) => hub.handle(member, &event.name, event.payload, now),
                    None => Effects::none(),
                };
                self.perform(effects, reply);
                self.emit_latency.record(self.clock.now().since(at).as_secs_f64());
            }
            Arrival::Disconnected { member, line } => {
                if self.is_current(member, line) {
                    debug!(service = self.service, %member, "member disconnected");
                    self.members.remove(&member);
                    let effects = hub.leave(member, now);
                    self.perform(effects, None);
                }
            }
            Arrival::Question(question) => question(hub, now),
        }
    }

    /// Whether the line is the member's present one: the end of an earlier one is no departure.
    fn is_current(&self, member: MemberId, line: u64) -> bool {
        self.members.get(&member).is_some_and(|seat| seat.line == line)
    }

    fn perform(&self, effects: Effects, mut reply: Option<(MemberId, Reply)>) {
        for effect in effects {
            match effect {
                Effect::Emit { to, frame } => self.emit(&to, &frame),
                Effect::Ack(payload) => {
                    if let Some((member, reply)) = reply.take()
                        && let Some(Seat { socket, session, .. }) = self.members.get(&member)
                    {
                        post::acknowledge(socket, session, reply, payload.as_deref());
                    }
                }
                Effect::Refused(code) => {
                    metrics::counter!("roomhub_refusals_total", "service" => self.service, "code" => code)
                        .increment(1);
                }
            }
        }
    }

    /// Sends a frame to the members, and cuts those that are too far behind to be told.
    ///
    /// What is known of members lies scattered in memory: looking at several before sending to the first lets the
    /// processor fetch it all at once, where a system call in between would make it wait for each.
    fn emit(&self, to: &[MemberId], frame: &Frame) {
        let message = wire::event(frame);
        let mut ready = Vec::with_capacity(to.len().min(LOOKAHEAD));
        for some in to.chunks(LOOKAHEAD) {
            for Seat { socket, session, .. } in some.iter().filter_map(|member| self.members.get(member)) {
                if session.is_doomed() {
                    continue;
                }
                if session.waiting_bytes() + message.len() > self.max_queued_bytes {
                    session.cut(Cut::Slow);
                } else {
                    ready.push((socket, session));
                }
            }
            self.events_out.increment(ready.len() as u64);
            for (socket, session) in ready.drain(..) {
                post::emit(socket, session, frame, &message);
            }
        }
    }

    fn count<H: Hub>(&self, hub: &H) {
        let census = hub.census();
        self.n_members.set(self.members.len() as f64);
        self.n_rooms.set(census.n_rooms as f64);
        self.n_seated.set(census.n_seated as f64);
    }
}
