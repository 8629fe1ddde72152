//! The task that owns a hub: arrivals go in, effects come out and become frames to the members.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use futures_util::future::join_all;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

use super::client::{Client, Wire};
use super::held::{Deed, Held};
use super::inbox::{Arrival, Arrivals, Questions, inbox};
use super::line::Exchange;
use super::written::{self, Written};
use super::{Config, Hub};
use crate::effect::{Close, Delivery, Effect, Effects, Frame, MemberId};
use crate::http::guard::{Connection, Cut};
use crate::runtime::{Clock, Context};

/// Arrivals handled before the timers are looked at again.
const BATCH: usize = 256;

/// Members looked at before the first of them is sent to.
const LOOKAHEAD: usize = 32;

/// Time for clients to take their leave before they are cut, as a part of the shutdown's grace.
const FAREWELL: u32 = 2;

/// A wire's own way to tell all its clients that the server stops.
pub type Farewell = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A hub's members, and what is counted on the way to them.
pub struct Switchboard<H> {
    /// The service's name, for metrics.
    pub service: &'static str,
    /// The process that it runs in.
    pub context: Context,
    /// What its members may do.
    pub limits: Config,
    exchange: Arc<Exchange<H>>,
    arrivals: Arrivals<H>,
    farewells: Vec<Farewell>,
    writes: Option<watch::Receiver<u64>>,
    members: Members,
}

impl<H: Hub> Switchboard<H> {
    /// Nobody is connected yet.
    pub fn new(service: &'static str, config: &Config, context: &Context) -> Self {
        let (inbox, arrivals) = inbox(config);
        Self {
            service,
            context: context.clone(),
            limits: config.clone(),
            exchange: Exchange::new(service, config, inbox, context.clock),
            arrivals,
            farewells: Vec::new(),
            writes: None,
            members: Members::new(service, config, context.clock),
        }
    }

    /// Where lines of new members end.
    pub fn exchange(&self) -> &Arc<Exchange<H>> {
        &self.exchange
    }

    /// Adds what is to be done when the process stops, before whoever is left is cut.
    pub fn on_stop(&mut self, farewell: impl Future<Output = ()> + Send + 'static) {
        self.farewells.push(Box::pin(farewell));
    }

    /// Hands the notes of the rules to whoever writes them down; those that it cannot take are counted and lost.
    pub fn keep_notes(&mut self, notes: mpsc::Sender<Box<RawValue>>) {
        self.members.notes = Some(notes);
    }

    /// Follows a journal, by the number of its last write on disk: effects may wait for one.
    pub fn follow(&mut self, writes: watch::Receiver<u64>) {
        self.writes = Some(writes);
    }

    /// Starts the task that owns `hub`; gives the right to ask it.
    pub fn run(self, hub: H) -> Questions<H> {
        let questions = self.exchange.questions();
        let context = self.context.clone();
        context.spawn(self.serve(hub));
        questions
    }

    /// Runs until the process stops and the members have been told.
    async fn serve(mut self, mut hub: H) {
        let clock = self.context.clock;
        let mut batch = Vec::with_capacity(BATCH);
        let context = self.context.clone();
        let mut stopping = pin!(context.stopping());
        let mut timer = pin!(sleep_until(Instant::now()));
        let mut timer_is_for = None;
        let mut held = Held::new(self.writes.take());
        loop {
            let due = hub.next_timeout();
            if let Some(moment) = due.filter(|_| due != timer_is_for) {
                timer.as_mut().reset(clock.instant_of(moment));
                timer_is_for = due;
            }
            tokio::select! {
                biased;
                () = &mut stopping => break,
                () = held.written(), if held.is_waiting() => {}
                _ = self.arrivals.next(&mut batch, BATCH), if !held.is_full() => {
                    for arrival in batch.drain(..) {
                        self.members.take(&mut hub, arrival, &mut held);
                    }
                }
                () = &mut timer, if due.is_some() => {
                    held.push(Deed::of(hub.handle_timeout(clock.now())));
                    timer_is_for = None;
                }
            }
            self.members.perform_due(&mut held);
            self.members.count(&hub);
        }
        held.push(Deed::of(hub.stop(clock.now())));
        let patience = context.shutdown_grace / FAREWELL;
        let members = &mut self.members;
        let written = timeout(patience, async {
            members.perform_due(&mut held);
            while held.is_waiting() {
                held.written().await;
                members.perform_due(&mut held);
            }
        });
        if written.await.is_err() {
            warn!(service = self.service, "stopping before all that was to be written is on disk");
        }
        self.members.dismiss(self.farewells, patience).await;
    }
}

/// The members, as they are reached.
struct Members {
    service: &'static str,
    clock: Clock,
    max_queued_bytes: usize,
    max_fleeting_bytes: usize,
    notes: Option<mpsc::Sender<Box<RawValue>>>,
    seats: HashMap<MemberId, Seat, RandomState>,
    events_out: metrics::Counter,
    too_late: metrics::Counter,
    emit_latency: metrics::Histogram,
    n_connected: metrics::Gauge,
    n_rooms: metrics::Gauge,
    n_seated: metrics::Gauge,
}

/// How one member is reached.
struct Seat {
    line: u64,
    wire: Wire,
    /// Its connection, once it is reached directly, which is for good.
    direct: OnceCell<Arc<Connection>>,
    client: Arc<dyn Client>,
}

impl Seat {
    fn new(line: u64, client: Arc<dyn Client>) -> Self {
        Self { line, wire: client.wire(), direct: OnceCell::new(), client }
    }

    fn direct(&self) -> Option<&Connection> {
        if self.direct.get().is_none()
            && let Some(connection) = self.client.direct()
        {
            return Some(self.direct.get_or_init(|| connection));
        }
        self.direct.get().map(Arc::as_ref)
    }

    fn send(&self, written: &Written<'_>, max_queued_bytes: usize) {
        let message = written.bytes(self.wire);
        let direct = self.direct();
        let waiting = direct.map_or_else(|| self.client.waiting_bytes(), Connection::queued_bytes);
        if waiting + message.len() > max_queued_bytes {
            return self.client.cut(Cut::Slow);
        }
        match direct {
            Some(connection) => connection.send(message),
            None => self.client.queue(written),
        }
    }

    /// Sends a frame that may be dropped; says how many were.
    fn send_fleeting(&self, written: &Written<'_>, max_fleeting_bytes: usize) -> usize {
        let message = written.bytes(self.wire);
        match self.direct() {
            Some(connection) => connection.send_fleeting(message, max_fleeting_bytes),
            // A queue that was handed over cannot be thinned out.
            None if self.client.waiting_bytes() + message.len() > max_fleeting_bytes => 1,
            None => {
                self.client.queue(written);
                0
            }
        }
    }

    fn answer(&self, id: i64, payload: Option<&RawValue>) {
        match self.direct() {
            Some(connection) => connection.send(&written::answer(id, payload)),
            None => self.client.queue_answer(id, payload),
        }
    }
}

impl Members {
    fn new(service: &'static str, config: &Config, clock: Clock) -> Self {
        Self {
            service,
            clock,
            max_queued_bytes: config.max_queued_bytes,
            max_fleeting_bytes: config.max_fleeting_bytes,
            notes: None,
            seats: HashMap::default(),
            events_out: metrics::counter!("roomhub_events_out_total", "service" => service),
            too_late: metrics::counter!("roomhub_fleeting_dropped_total", "service" => service),
            emit_latency: metrics::histogram!("roomhub_emit_latency_seconds", "service" => service),
            n_connected: metrics::gauge!("roomhub_members", "service" => service),
            n_rooms: metrics::gauge!("roomhub_rooms", "service" => service),
            n_seated: metrics::gauge!("roomhub_seated_members", "service" => service),
        }
    }

    fn take<H: Hub>(&mut self, hub: &mut H, arrival: Arrival<H>, held: &mut Held) {
        let now = self.clock.now();
        let deed = match arrival {
            Arrival::Connected { member, line, client, newcomer } => {
                debug!(service = self.service, %member, address = %newcomer.address, "member connected");
                let mut effects = Effects::none();
                if self.seats.insert(member, Seat::new(line, client)).is_some() {
                    effects.append(hub.leave(member, now));
                }
                effects.append(hub.connect(member, *newcomer, now));
                Deed::of(effects)
            }
            Arrival::Event { member, line, incoming, at } => {
                if !self.is_current(member, line) {
                    return;
                }
                let effects = match incoming.read() {
                    Some(event) => hub.handle(member, &event.name, event.payload, now),
                    None => Effects::none(),
                };
                Deed { effects, asker: incoming.ack.map(|id| (member, id)), arrived_at: Some(at) }
            }
            Arrival::SignOfLife { member, line } => {
                if self.is_current(member, line) {
                    hub.heard(member, now);
                }
                return;
            }
            Arrival::Disconnected { member, line } => {
                if !self.is_current(member, line) {
                    return;
                }
                debug!(service = self.service, %member, "member disconnected");
                self.seats.remove(&member);
                Deed::of(hub.leave(member, now))
            }
            Arrival::Question(question) => return question(hub, now),
            Arrival::Order(order) => Deed::of(order(hub, now)),
        };
        held.push(deed);
        self.perform_due(held);
    }

    /// Performs all that need not wait for a write.
    fn perform_due(&mut self, held: &mut Held) {
        while let Some(deed) = held.next() {
            self.perform(deed.effects, deed.asker);
            if let Some(at) = deed.arrived_at {
                self.emit_latency.record(self.clock.now().since(at).as_secs_f64());
            }
        }
    }

    /// Whether the line is the member's present one: the end of an earlier one is no departure.
    fn is_current(&self, member: MemberId, line: u64) -> bool {
        self.seats.get(&member).is_some_and(|seat| seat.line == line)
    }

    fn perform(&self, effects: Effects, mut asker: Option<(MemberId, i64)>) {
        for effect in effects {
            match effect {
                Effect::Emit { to, frame, delivery } => self.emit(&to, &frame, delivery),
                Effect::Ack(payload) => {
                    if let Some((member, id)) = asker.take()
                        && let Some(seat) = self.seats.get(&member)
                    {
                        seat.answer(id, payload.as_deref());
                    }
                }
                Effect::Disconnect(member, close) => {
                    if let Some(seat) = self.seats.get(&member) {
                        seat.client.close(close);
                    }
                }
                Effect::AwaitWrite(_) => {}
                Effect::Note(line) => {
                    if self.notes.as_ref().is_some_and(|notes| notes.try_send(line).is_err()) {
                        metrics::counter!("roomhub_notes_dropped_total", "service" => self.service)
                            .increment(1);
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
    fn emit(&self, to: &[MemberId], frame: &Frame, delivery: Delivery) {
        let written = Written::new(frame);
        let mut ready = Vec::with_capacity(to.len().min(LOOKAHEAD));
        for some in to.chunks(LOOKAHEAD) {
            let seats = some.iter().filter_map(|member| self.seats.get(member));
            ready.extend(seats.filter(|seat| seat.direct().is_none_or(Connection::is_open)));
            self.events_out.increment(ready.len() as u64);
            for seat in ready.drain(..) {
                match delivery {
                    Delivery::Sure => seat.send(&written, self.max_queued_bytes),
                    Delivery::Fleeting => {
                        let n_dropped = seat.send_fleeting(&written, self.max_fleeting_bytes);
                        self.too_late.increment(n_dropped as u64);
                    }
                }
            }
        }
    }

    fn count<H: Hub>(&self, hub: &H) {
        let census = hub.census();
        self.n_connected.set(self.seats.len() as f64);
        self.n_rooms.set(census.n_rooms as f64);
        self.n_seated.set(census.n_seated as f64);
    }

    /// Tells everybody to come back elsewhere, and cuts those that do not listen; the process waits for both.
    async fn dismiss(self, farewells: Vec<Farewell>, patience: Duration) {
        debug!(service = self.service, members = self.seats.len(), "closing connections");
        for seat in self.seats.values() {
            seat.client.close(Close::GoingAway);
        }
        if timeout(patience, join_all(farewells)).await.is_err() {
            for seat in self.seats.values() {
                seat.client.cut(Cut::Shutdown);
            }
        }
    }
}
