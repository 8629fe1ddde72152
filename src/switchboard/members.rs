//! The members that are connected here: who they are, and how each of them is reached.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use futures_util::future::join_all;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::debug;

use super::client::Client;
use super::inbox::Arrival;
use super::task::Task;
use super::write_barrier::Deed;
use super::written::{self, Wire, Written};
use super::{Config, Hub};
use crate::effect::{Close, Delivery, Effect, Effects, Frame, MemberId};
use crate::http::connection::{Connection, DisconnectReason};
use crate::runtime::Clock;

/// Time for clients to take their leave before they are cut, as a part of the shutdown's grace.
pub const FAREWELL: u32 = 2;

/// A wire's own way to tell all its clients that the server stops.
pub type Farewell = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Members looked at before the first of them is sent to.
const LOOKAHEAD: usize = 32;

/// The members of a service that are connected to this process, as they are reached.
pub struct Members {
    service: &'static str,
    clock: Clock,
    max_queued_bytes: usize,
    max_fleeting_bytes: usize,
    /// Where lines of the event log go.
    pub notes: Option<mpsc::Sender<Box<RawValue>>>,
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
            return self.client.cut(DisconnectReason::Slow);
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

    fn answer(&self, id: i64, payload: Option<&RawValue>, max_queued_bytes: usize) {
        let direct = self.direct();
        let waiting = direct.map_or_else(|| self.client.waiting_bytes(), Connection::queued_bytes);
        // One answer may be as large as it is; asking without reading is what has to end.
        if waiting > max_queued_bytes {
            return self.client.cut(DisconnectReason::Slow);
        }
        match direct {
            Some(connection) => connection.send(&written::answer(id, payload)),
            None => self.client.queue_answer(id, payload),
        }
    }
}

impl Members {
    /// Nobody yet.
    pub fn new(service: &'static str, config: &Config, clock: Clock) -> Self {
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

    /// Takes note of who comes and goes; `None` if the rules need not be asked.
    pub fn admit<H: Hub>(&mut self, arrival: Arrival<H>) -> Option<Task<H>> {
        match arrival {
            Arrival::Connected { member, line, client, newcomer } => {
                debug!(service = self.service, %member, address = %newcomer.address, "member connected");
                let is_new = self.seats.insert(member, Seat::new(line, client)).is_none();
                Some(Task::Connect { member, newcomer, is_new })
            }
            Arrival::Event { member, line, incoming, at } => {
                self.is_current(member, line).then_some(Task::Event { member, incoming, at })
            }
            Arrival::SignOfLife { member, line } => {
                self.is_current(member, line).then_some(Task::Heard(member))
            }
            Arrival::Disconnected { member, line, departure } => {
                if !self.is_current(member, line) {
                    return None;
                }
                debug!(service = self.service, %member, "member disconnected");
                self.seats.remove(&member);
                Some(Task::Leave(member, departure))
            }
            Arrival::Question(_) => None,
            Arrival::Command(command, answer) => Some(Task::Command(command, answer)),
        }
    }

    /// Whether a member is connected to this process.
    pub fn has(&self, member: MemberId) -> bool {
        self.seats.contains_key(&member)
    }

    /// Does what a rule asks for, and says how long that took since its event came.
    pub fn perform_deed(&self, deed: Deed) {
        self.perform(deed.effects, deed.asker);
        if let Some(at) = deed.arrived_at {
            self.emit_latency.record(self.clock.now().since(at).as_secs_f64());
        }
    }

    /// Cuts members off, that they come back and are told everything anew.
    pub fn send_back(&self, members: impl Iterator<Item = MemberId>) {
        for seat in members.filter_map(|member| self.seats.get(&member)) {
            seat.client.cut(DisconnectReason::OutOfStep);
        }
    }

    /// Whether the line is the member's present one: the end of an earlier one is no departure.
    fn is_current(&self, member: MemberId, line: u64) -> bool {
        self.seats.get(&member).is_some_and(|seat| seat.line == line)
    }

    /// Does what rules ask for; who asked something gets the first answer among it.
    pub fn perform(&self, effects: Effects, mut asker: Option<(MemberId, i64)>) {
        for effect in effects {
            match effect {
                Effect::Emit { to, frame, delivery } => self.emit(&to, &frame, delivery),
                Effect::Ack(payload) => {
                    if let Some((member, id)) = asker.take()
                        && let Some(seat) = self.seats.get(&member)
                    {
                        seat.answer(id, payload.as_deref(), self.max_queued_bytes);
                    }
                }
                Effect::Disconnect(member, close) => {
                    if let Some(seat) = self.seats.get(&member) {
                        seat.client.close(close);
                    }
                }
                Effect::Keep(_) | Effect::Log(_) | Effect::Kept(_) | Effect::AwaitWrite(_) => {}
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

    /// Sets the gauges.
    pub fn count<H: Hub>(&self, hub: &H) {
        let census = hub.census();
        self.n_connected.set(self.seats.len() as f64);
        self.n_rooms.set(census.n_rooms as f64);
        self.n_seated.set(census.n_seated as f64);
    }

    /// Tells everybody to come back elsewhere, and cuts those that do not listen; the process waits for both.
    pub async fn dismiss(self, farewells: Vec<Farewell>, patience: Duration) {
        debug!(service = self.service, members = self.seats.len(), "closing connections");
        for seat in self.seats.values() {
            seat.client.close(Close::GoingAway);
        }
        if timeout(patience, join_all(farewells)).await.is_err() {
            for seat in self.seats.values() {
                seat.client.cut(DisconnectReason::Shutdown);
            }
        }
    }
}
