//! The members that are connected here: who they are, and how each of them is reached.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use foldhash::fast::RandomState;
use futures_util::future::join_all;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{Level, debug, error, info, warn};

use super::encode::EncodedFrame;
use super::inbox::Arrival;
use super::seat::{Outgoing, Outlet, Seat};
use super::senders::{Receipt, Senders};
use super::task::Task;
use super::write_barrier::Decision;
use super::{Config, Hub};
use crate::effect::{Close, Effect, Effects, MemberId, Refused};
use crate::http::connection::DisconnectReason;
use crate::recordings::Recorder;
use crate::runtime::{Clock, Context};

/// Time for clients to take their leave before they are cut, as a part of the shutdown's grace.
pub const FAREWELL: u32 = 2;

/// A wire's own way to tell all its clients that the server stops.
pub type Farewell = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The members of a service that are connected to this process, as they are reached.
pub struct Members {
    service: &'static str,
    clock: Clock,
    /// Where lines of the event log go.
    pub notes: Option<mpsc::Sender<Box<RawValue>>>,
    /// Who writes recordings down.
    pub recorder: Option<Recorder>,
    seats: HashMap<MemberId, Arc<Seat>, RandomState>,
    senders: Senders,
    emit_latency: metrics::Histogram,
    /// Events of sessions that have ended meanwhile.
    stale: metrics::Counter,
    n_connected: metrics::Gauge,
    n_rooms: metrics::Gauge,
    n_seated: metrics::Gauge,
}

impl Members {
    /// Nobody yet.
    pub fn new(service: &'static str, config: &Config, context: &Context) -> Self {
        let outlet = Outlet {
            max_queued_bytes: config.max_queued_bytes,
            max_lossy_bytes: config.max_lossy_bytes,
            events_out: metrics::counter!("roomhub_events_out_total", "service" => service),
            too_late: metrics::counter!("roomhub_lossy_frames_dropped_total", "service" => service),
        };
        let n_senders = match config.senders {
            0 => thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        Self {
            service,
            clock: context.clock,
            notes: None,
            recorder: None,
            seats: HashMap::default(),
            senders: Senders::start(n_senders, outlet, context),
            stale: metrics::counter!("roomhub_events_dropped_total", "service" => service, "reason" => "stale"),
            emit_latency: metrics::histogram!("roomhub_emit_latency_seconds", "service" => service),
            n_connected: metrics::gauge!("roomhub_members", "service" => service),
            n_rooms: metrics::gauge!("roomhub_rooms", "service" => service),
            n_seated: metrics::gauge!("roomhub_seated_members", "service" => service),
        }
    }

    /// Takes note of who comes and goes; `None` if the rules need not be asked.
    pub fn admit<H: Hub>(&mut self, arrival: Arrival<H>) -> Option<Task<H>> {
        match arrival {
            Arrival::Connected { member, session, client, handshake } => {
                debug!(service = self.service, %member, address = %handshake.address, "member connected");
                let is_new = self.seats.insert(member, Arc::new(Seat::new(session, client))).is_none();
                Some(Task::Connect { member, handshake, is_new })
            }
            Arrival::Event { member, session, incoming, at } => {
                if !self.is_current(member, session) {
                    self.stale.increment(1);
                    return None;
                }
                Some(Task::Event { member, incoming, at })
            }
            Arrival::KeepAlive { member, session } => {
                self.is_current(member, session).then_some(Task::Heard(member))
            }
            Arrival::Disconnected { member, session, departure } => {
                if !self.is_current(member, session) {
                    return None;
                }
                debug!(service = self.service, %member, "member disconnected");
                self.seats.remove(&member);
                Some(Task::Leave(member, departure))
            }
            Arrival::Query(_) | Arrival::CatchUp(_) => None,
            Arrival::Command(command, answer) => Some(Task::Command(command, answer)),
        }
    }

    /// Whether a member is connected to this process.
    pub fn has(&self, member: MemberId) -> bool {
        self.seats.contains_key(&member)
    }

    /// Says whether more waits for the task that tells members.
    pub fn set_pressed(&self, is_pressed: bool) {
        self.senders.set_pressed(is_pressed);
    }

    /// Does what a rule asks for, and notes how long that took since its event came.
    pub fn perform_decision<R>(&self, decision: Decision<R>) {
        let receipt = decision.arrived_at.map(|arrived_at| {
            Arc::new(Receipt { arrived_at, clock: self.clock, latency: self.emit_latency.clone() })
        });
        if decision.event > 0 {
            debug!(service = self.service, event = decision.event, "effects of the event go out");
        }
        self.perform_with(decision.effects, decision.asker, receipt.as_ref());
    }

    /// Cuts members off, after what they were sent, that they come back and are told everything anew.
    pub fn disconnect_to_resync(&self, members: impl Iterator<Item = MemberId>) {
        let members: Vec<MemberId> = members.collect();
        self.send(&members, &Outgoing::Disconnect(DisconnectReason::OutOfStep), None);
    }

    /// Whether the session is the member's present one: the end of an earlier one is no departure.
    fn is_current(&self, member: MemberId, session: u64) -> bool {
        self.seats.get(&member).is_some_and(|seat| seat.session == session)
    }

    /// Does what rules ask for; who asked something gets the first answer among it.
    pub fn perform<R>(&self, effects: Effects<R>, asker: Option<(MemberId, i64)>) {
        self.perform_with(effects, asker, None);
    }

    fn perform_with<R>(
        &self,
        effects: Effects<R>,
        mut asker: Option<(MemberId, i64)>,
        receipt: Option<&Arc<Receipt>>,
    ) {
        for effect in effects {
            match effect {
                Effect::Emit { to, frame, delivery } => {
                    self.send(&to, &Outgoing::Frame(Arc::new(EncodedFrame::new(frame)), delivery), receipt);
                }
                Effect::Ack(payload) => {
                    if let Some((member, id)) = asker.take() {
                        self.send(&[member], &Outgoing::Answer(id, payload), receipt);
                    }
                }
                Effect::Disconnect(member, close) => self.send(&[member], &Outgoing::Close(close), receipt),
                Effect::Append(_) | Effect::Appended(_) | Effect::AwaitSync(_) => {}
                Effect::Note(note) => {
                    if self.notes.as_ref().is_some_and(|notes| notes.try_send(note).is_err()) {
                        metrics::counter!("roomhub_notes_dropped_total", "service" => self.service)
                            .increment(1);
                    }
                }
                Effect::Recording(step) => {
                    if let Some(recorder) = &self.recorder {
                        recorder.take(*step);
                    }
                }
                Effect::Refused(Refused { code, log }) => {
                    if let Some((level, text)) = log {
                        say(level, &text);
                    }
                    metrics::counter!("roomhub_refusals_total", "service" => self.service, "code" => code)
                        .increment(1);
                }
            }
        }
    }

    fn send(&self, to: &[MemberId], outgoing: &Outgoing, receipt: Option<&Arc<Receipt>>) {
        let seats = to.iter().filter_map(|member| self.seats.get(member)).collect();
        self.senders.send(seats, outgoing, receipt);
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
        self.senders.flush();
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

/// Says something in the program's log.
fn say(level: Level, text: &str) {
    match level {
        Level::ERROR => error!("{text}"),
        Level::WARN => warn!("{text}"),
        Level::INFO => info!("{text}"),
        _ => debug!("{text}"),
    }
}
