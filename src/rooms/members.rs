//! The members that are connected here: who they are, how each of them is reached, and what they are yet to be told.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use foldhash::fast::RandomState;
use futures_util::future::join_all;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tracing::{Level, debug, error, info, warn};

use super::encode::{EncodedFrame, Pending};
use super::inbox::Arrival;
use super::recipient::{Outgoing, Outlet, Recipient};
use super::senders::{Receipt, Senders};
use super::write_barrier::{Decision, WriteBarrier};
use super::{Census, Config, Hub};
use crate::control::Reports;
use crate::effect::{Close, Effect, Erasure, MemberId, Note, RecordingStep, Refused};
use crate::http::connection::DisconnectReason;
use crate::recordings::{RECORDED_LINES, Recorder};
use crate::runtime::Context;

/// The event log, as reports name it.
pub const EVENT_LOG: &str = "event_log_lines";

/// A wire's own way to tell all its clients that the server stops.
pub type Farewell = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The members of a service that are connected to this process, as they are reached.
pub struct Members<R> {
    /// The service's name.
    pub service: &'static str,
    /// The process.
    pub context: Context,
    /// What is decided, and waits for something to be on disk.
    pub barrier: WriteBarrier<R>,
    /// Where lines of the event log go.
    pub notes: Option<mpsc::Sender<Note>>,
    /// Where those report that erase somebody from files.
    pub reports: Reports,
    /// Who writes recordings down.
    pub recorder: Option<Recorder>,
    recipients: HashMap<MemberId, Arc<Recipient>, RandomState>,
    pending: Pending,
    senders: Senders,
    emit_latency: metrics::Histogram,
    /// Events of sessions that have ended meanwhile.
    stale: metrics::Counter,
    n_connected: metrics::Gauge,
    n_rooms: metrics::Gauge,
    n_seated: metrics::Gauge,
}

impl<R> Members<R> {
    /// Nobody yet.
    pub fn new(service: &'static str, config: &Config, context: &Context) -> Self {
        let pending = Pending::default();
        let outlet = Outlet {
            max_queued_bytes: config.max_queued_bytes,
            max_pending_bytes: config.max_pending_bytes,
            pending: pending.clone(),
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
            context: context.clone(),
            barrier: WriteBarrier::new(None),
            notes: None,
            reports: Reports::default(),
            recorder: None,
            recipients: HashMap::default(),
            pending,
            senders: Senders::start(n_senders, outlet, context),
            stale: metrics::counter!("roomhub_events_dropped_total", "service" => service, "reason" => "stale"),
            emit_latency: metrics::histogram!("roomhub_emit_latency_seconds", "service" => service),
            n_connected: metrics::gauge!("roomhub_members", "service" => service),
            n_rooms: metrics::gauge!("roomhub_rooms", "service" => service),
            n_seated: metrics::gauge!("roomhub_seated_members", "service" => service),
        }
    }

    /// What waits for all members together.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// Follows a journal, by the number of its last write on disk: effects may wait for one.
    pub fn follow(&mut self, writes: watch::Receiver<u64>) {
        self.barrier = WriteBarrier::new(Some(writes));
    }

    /// Takes note of who comes and goes; false for what is left of a session that is not its member's present one: the end of
    /// an earlier one is no departure.
    pub fn admit<H: Hub>(&mut self, arrival: &Arrival<H>) -> bool {
        match arrival {
            Arrival::Connected { member, session, client, handshake } => {
                debug!(service = self.service, %member, address = %handshake.address, "member connected");
                self.recipients.insert(*member, Arc::new(Recipient::new(*session, Arc::clone(client))));
                true
            }
            Arrival::Event { member, session, .. } => {
                let is_current = self.is_current(*member, *session);
                self.stale.increment(u64::from(!is_current));
                is_current
            }
            Arrival::KeepAlive { member, session } => self.is_current(*member, *session),
            Arrival::Disconnected { member, session, .. } => {
                let is_current = self.is_current(*member, *session);
                if is_current {
                    debug!(service = self.service, %member, "member disconnected");
                    self.recipients.remove(member);
                }
                is_current
            }
            Arrival::Query(_) | Arrival::CatchUp(_) | Arrival::Command(..) => true,
        }
    }

    /// Whether a member is connected to this process.
    pub fn has(&self, member: MemberId) -> bool {
        self.recipients.contains_key(&member)
    }

    /// Says whether more waits for the task that tells members.
    pub fn set_pressed(&self, is_pressed: bool) {
        self.senders.set_pressed(is_pressed);
    }

    /// Does what was decided, once all that it waits for is done.
    pub fn perform(&mut self, decision: Decision<R>) {
        self.barrier.push(decision);
        self.perform_ready();
    }

    /// The same for what another node writes down as the entry of that offset.
    pub fn perform_of(&mut self, author: &Arc<str>, offset: u64, decision: Decision<R>) {
        self.barrier.push_of(author, offset, decision, |member| self.recipients.contains_key(&member));
        self.perform_ready();
    }

    /// Does what waits for nothing any more.
    pub fn perform_ready(&mut self) {
        while let Some(decision) = self.barrier.next() {
            self.perform_now(decision);
        }
    }

    /// Cuts members off, after what they were sent, that they come back and are told everything anew.
    pub fn disconnect_to_resync(&self, members: impl Iterator<Item = MemberId>) {
        let members: Vec<MemberId> = members.collect();
        self.send(&members, &Outgoing::Disconnect(DisconnectReason::OutOfStep), None);
    }

    fn is_current(&self, member: MemberId, session: u64) -> bool {
        self.recipients.get(&member).is_some_and(|recipient| recipient.session == session)
    }

    /// Does what rules ask for, and notes how long that took since the event came; who asked something gets the first answer
    /// among it.
    fn perform_now(&self, Decision { effects, mut asker, arrived_at, event }: Decision<R>) {
        let receipt = arrived_at.map(|arrived_at| {
            Arc::new(Receipt { arrived_at, clock: self.context.clock, latency: self.emit_latency.clone() })
        });
        let receipt = receipt.as_ref();
        if event > 0 {
            debug!(service = self.service, event, "effects of the event go out");
        }
        for effect in effects {
            match effect {
                Effect::Emit { to, frame, delivery } => {
                    let frame = Arc::new(EncodedFrame::new(frame, &self.pending));
                    self.send(&to, &Outgoing::Frame(frame, delivery), receipt);
                }
                Effect::Ack(payload) => {
                    if let Some((member, id)) = asker.take() {
                        self.send(&[member], &Outgoing::Answer(id, payload), receipt);
                    }
                }
                Effect::Disconnect(member, close) => self.send(&[member], &Outgoing::Close(close), receipt),
                Effect::Append(_) | Effect::Appended(_) | Effect::AwaitSync(_) => {}
                Effect::Note(note) => {
                    if self.notes.as_ref().is_some_and(|notes| notes.try_send(Note::Line(note)).is_err()) {
                        metrics::counter!("roomhub_notes_dropped_total", "service" => self.service)
                            .increment(1);
                    }
                }
                Effect::Recording(step) => {
                    if let Some(recorder) = &self.recorder {
                        // A line that is lost is counted.
                        let _ = recorder.take(*step);
                    }
                }
                Effect::Forget(erasure) => self.forget(&erasure),
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

    /// Has a person taken out of recordings and the event log, in turn with what is written there.
    pub fn forget(&self, erasure: &Erasure) {
        let name = &*erasure.name;
        if let Some(recorder) = &self.recorder
            && !recorder.take(RecordingStep::Forget(erasure.clone()))
        {
            self.reports.tell(
                name,
                RECORDED_LINES,
                Err("too much waits for the disk; try it again".to_owned()),
            );
        }
        if self.notes.as_ref().is_some_and(|notes| notes.try_send(Note::Forget(erasure.clone())).is_err()) {
            self.reports.tell(name, EVENT_LOG, Err("too much waits for the disk; try it again".to_owned()));
        }
    }

    fn send(&self, to: &[MemberId], outgoing: &Outgoing, receipt: Option<&Arc<Receipt>>) {
        let recipients = to.iter().filter_map(|member| self.recipients.get(member)).collect();
        self.senders.send(recipients, outgoing, receipt);
    }

    /// Sets the gauges.
    pub fn count(&self, census: Census) {
        self.n_connected.set(self.recipients.len() as f64);
        self.n_rooms.set(census.n_rooms as f64);
        self.n_seated.set(census.n_seated as f64);
    }

    /// Tells everybody to come back elsewhere, and cuts those that do not listen; the process waits for both.
    pub async fn dismiss(&mut self, farewells: Vec<Farewell>, patience: Duration) {
        debug!(service = self.service, members = self.recipients.len(), "closing connections");
        self.senders.flush();
        for recipient in self.recipients.values() {
            recipient.client.close(Close::GoingAway);
        }
        if timeout(patience, join_all(farewells)).await.is_err() {
            for recipient in self.recipients.values() {
                recipient.client.cut(DisconnectReason::Shutdown);
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
