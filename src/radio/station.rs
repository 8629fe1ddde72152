//! One station: takes frames from its feed, lets them go at their time, and hands them to everybody who listens.
//!
//! One task owns the ring and all listeners, so a chunk is written once and sent to each by one system call.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::feed::Item;
use super::format::Format;
use super::handle::{Handle, Newcomer, OnAir, Order, Played};
use super::microphone::Origin;
use super::mp3::{Frame, Header};
use super::pace::Pacer;
use super::ring::{Flavour, Ring, title_block};
use super::segments::Segments;
use super::shelf::Shelf;
use super::track::Track;
use crate::http::connection::Cut;
use crate::runtime::Context;
use crate::time::Timestamp;

/// Sound that leaves at a time.
const CHUNK_SECONDS: f64 = 0.1;

/// With more listeners than this, each is served every second, third… time, up to the fifth.
const SERVED_AT_ONCE: usize = 2_000;

/// The most rarely that a listener is served, in chunks.
const MAX_STRIDE: usize = 5;

/// What is waited for sound after the burst has been played.
const PATIENCE: Duration = Duration::from_secs(1);

/// A listener that came before any sound waits for so long, unless there is known to be none…
const FIRST_PATIENCE: Duration = Duration::from_secs(10);

/// …which is asked this often.
const ASKED_EVERY: Duration = Duration::from_millis(250);

/// The bitrate of silence before any sound.
const SILENCE_KBPS: u32 = 128;

/// Sent to one listener at a time when it catches up.
const CATCH_UP_BYTES: usize = 256 * 1024;

/// A listener that is moved to the live edge twice within this time is closed.
const MOVED_AGAIN: Duration = Duration::from_mins(1);

/// Tracks in the history.
const KEPT_HISTORY: usize = 100;

/// What a station itself shares with those who see it.
pub struct Desk {
    route: Arc<str>,
    shelf: Arc<Shelf>,
    on_air: Arc<Mutex<OnAir>>,
    /// `None` where nobody asks for any.
    segments: Option<Arc<Mutex<Segments>>>,
    changes: Arc<watch::Sender<u64>>,
}

impl Desk {
    /// The station's side of its handle: it must not hold the way to itself open, or it would never end.
    pub fn of(handle: &Handle) -> Self {
        Self {
            route: Arc::clone(&handle.route),
            shelf: Arc::clone(&handle.shelf),
            on_air: Arc::clone(&handle.on_air),
            segments: None,
            changes: Arc::clone(&handle.changes),
        }
    }

    /// The same, for a station that cuts its sound into segments too.
    pub fn with_segments(self, segments: &Arc<Mutex<Segments>>) -> Self {
        Self { segments: Some(Arc::clone(segments)), ..self }
    }
}

struct Listener {
    newcomer: Newcomer,
    /// The chunk that it gets next.
    next: u64,
    /// Bytes of sound since its last title.
    phase: u16,
    moved_at: Option<Timestamp>,
}

/// The station itself.
pub struct Station {
    desk: Desk,
    items: Receiver<Item>,
    guest: Option<Receiver<Item>>,
    orders: Receiver<Order>,
    context: Context,
    burst: Duration,
    ring: Ring,
    listeners: Vec<Listener>,
    pacer: Option<Pacer>,
    /// The folder's latest track on the air.
    serial: u64,
    /// Frames of tracks up to this serial are dropped.
    over: u64,
    /// A frame of silence like the first of sound.
    silence: Option<Frame>,
    /// Whether nothing came for so long that silence is sent.
    is_starved: bool,
    /// When the first listener came, while nothing has been sent; and when it was last asked whether anything comes.
    waiting_since: Option<(Timestamp, Timestamp)>,
    /// Chunks so far.
    n_chunks: usize,
    /// What is on the air, in words and as a block among the sound.
    display: String,
    title: bytes::Bytes,
}

/// Frames that leave together.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    n_samples: u32,
    rate: u32,
    bitrate_kbps: u32,
}

impl Batch {
    fn add(&mut self, frame: &Frame) {
        self.bytes.extend_from_slice(&frame.bytes);
        self.n_samples += frame.header.n_samples;
        self.rate = frame.header.format.rate;
        self.bitrate_kbps = frame.header.bitrate_kbps;
    }

    fn seconds(&self) -> f64 {
        f64::from(self.n_samples) / f64::from(self.rate.max(1))
    }
}

impl Station {
    /// A station that has not begun.
    pub fn new(
        desk: Desk,
        items: Receiver<Item>,
        orders: Receiver<Order>,
        context: &Context,
        burst: Duration,
        ring_bytes: usize,
    ) -> Self {
        Self {
            desk,
            items,
            guest: None,
            orders,
            context: context.clone(),
            burst,
            ring: Ring::new(ring_bytes),
            listeners: Vec::new(),
            pacer: None,
            serial: 0,
            over: 0,
            silence: None,
            is_starved: false,
            waiting_since: None,
            n_chunks: 0,
            display: String::new(),
            title: title_block(""),
        }
    }

    /// Broadcasts until the process stops, or nobody can order anything any more.
    pub async fn run(mut self) {
        let context = self.context.clone();
        let mut batch = Batch::default();
        loop {
            let patience = self.patience();
            tokio::select! {
                biased;
                () = context.stopping() => return,
                order = self.orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                item = next_item(&mut self.guest, &mut self.items) => match item {
                    Some(Item::Track(serial, track)) => {
                        if !self.release(&mut batch, &context).await {
                            return;
                        }
                        if self.is_due(serial) {
                            self.announce(serial, track);
                        }
                    }
                    Some(Item::Frame(serial, frame)) if self.is_due(serial) => {
                        if std::mem::take(&mut self.is_starved) {
                            info!(route = %self.desk.route, "there is sound again");
                        }
                        batch.add(&frame);
                        if self.silence.is_none() {
                            let Header { format, bitrate_kbps, .. } = frame.header;
                            self.desk.on_air.lock().format.get_or_insert(format);
                            self.silence = Frame::silent(format, bitrate_kbps);
                        }
                        if batch.seconds() >= CHUNK_SECONDS && !self.release(&mut batch, &context).await {
                            return;
                        }
                    }
                    Some(Item::Frame(..)) => {}
                    None if self.guest.is_some() => self.end_guest(),
                    None => return,
                },
                () = sleep(patience.unwrap_or_default()), if patience.is_some() => {
                    if !self.fall_silent(&mut batch, &context).await {
                        return;
                    }
                }
            }
        }
    }

    /// Whether a track has not been left; a guest's never are.
    fn is_due(&self, serial: u64) -> bool {
        self.guest.is_some() || serial > self.over
    }

    /// How long sound is waited for: until whoever listens has played the burst and waited some more, and from then
    /// on at its pace.
    fn patience(&self) -> Option<Duration> {
        let Some(pacer) = self.pacer.as_ref().filter(|_| self.silence.is_some()) else {
            let (_, asked_at) = self.waiting_since.filter(|_| self.silence.is_none())?;
            return Some((asked_at + ASKED_EVERY).since(self.context.clock.now()));
        };
        let due = pacer.due();
        let more = if self.is_starved { Duration::ZERO } else { self.burst + PATIENCE };
        Some((due + more).since(self.context.clock.now()))
    }

    /// Sends a chunk of silence, so that players stay; false when the station is to end.
    async fn fall_silent(&mut self, batch: &mut Batch, context: &Context) -> bool {
        if self.silence.is_none() {
            self.begin_silent();
        }
        let Some(frame) = &self.silence else { return true };
        if !std::mem::replace(&mut self.is_starved, true) {
            warn!(route = %self.desk.route, "nothing comes: silence until there is sound again");
            metrics::counter!("roomhub_radio_silences_total").increment(1);
        }
        while batch.seconds() < CHUNK_SECONDS {
            batch.add(frame);
        }
        self.release(batch, context).await
    }

    /// Settles what silence is like where there was no sound yet, once it is clear that none comes soon.
    fn begin_silent(&mut self) {
        let now = self.context.clock.now();
        let Some((since, asked_at)) = &mut self.waiting_since else { return };
        *asked_at = now;
        if self.desk.shelf.was_idle() || now.since(*since) >= FIRST_PATIENCE {
            let format = *self.desk.shelf.format.get_or_init(|| Format::USUAL);
            self.desk.on_air.lock().format.get_or_insert(format);
            self.silence = Frame::silent(format, SILENCE_KBPS);
            self.pacer = Some(Pacer::ahead(format.rate, self.burst, now));
        }
    }

    /// Waits until the batch's time has come, obeys meanwhile, and sends it; false when the station is to end.
    async fn release(&mut self, batch: &mut Batch, context: &Context) -> bool {
        if batch.n_samples == 0 {
            return true;
        }
        let now = context.clock.now();
        let burst = self.burst;
        let rate = batch.rate;
        // The burst is there from the start: time begins that much earlier.
        let pacer = self.pacer.get_or_insert_with(|| Pacer::ahead(rate, burst, now));
        let wait = pacer.release(batch.n_samples, now);
        let mut due = std::pin::pin!(sleep(wait));
        while !wait.is_zero() {
            tokio::select! {
                biased;
                () = context.stopping() => return false,
                () = &mut due => break,
                order = self.orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return false,
                },
            }
        }
        self.desk.on_air.lock().bitrate_kbps = batch.bitrate_kbps;
        let sound = self.ring.push(&batch.bytes, &self.title, batch.seconds());
        let now = context.clock.now();
        if let Some(segments) = &self.desk.segments {
            segments.lock().push(sound, batch.seconds(), &self.display, context.clock.wall());
        }
        *batch = Batch::default();
        self.pump(now);
        true
    }

    fn announce(&mut self, serial: u64, track: Arc<Track>) {
        let now = self.context.clock.now();
        // The burst left at once, and has the time at which it would have been heard.
        let at = match self.pacer.as_ref().filter(|pacer| !pacer.was_suspended(now)) {
            Some(pacer) => pacer.due(),
            None if self.pacer.is_none() => now.earlier(self.burst),
            None => now,
        };
        info!(route = %self.desk.route, track = track.file, title = track.display(), "on the air");
        self.display = track.display();
        self.title = title_block(&self.display);
        let mut on_air = self.desk.on_air.lock();
        // A guest interrupts a track and has none of the folder's.
        if self.guest.is_none() {
            self.serial = serial;
        }
        self.desk.shelf.on_air(self.serial);
        on_air.history.push_back(Played { track: Arc::clone(&track), started_at: at });
        if on_air.history.len() > KEPT_HISTORY {
            on_air.history.pop_front();
        }
        on_air.track = Some(track);
        on_air.started_at = at;
        drop(on_air);
        self.desk.changes.send_modify(|n| *n += 1);
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Join(newcomer) => self.join(newcomer),
            Order::Next if self.guest.is_none() => self.over = self.desk.shelf.skip(self.serial),
            Order::Previous if self.guest.is_none() => self.over = self.desk.shelf.go_back(self.serial),
            Order::Next | Order::Previous => debug!(route = %self.desk.route, "a guest is not skipped"),
            Order::Hear(origin, items) => {
                self.over = self.desk.shelf.skip(self.serial);
                self.guest = Some(items);
                self.desk.on_air.lock().origin = origin;
            }
        }
    }

    /// Turns back to the folder, whose next track begins.
    fn end_guest(&mut self) {
        self.guest = None;
        let mut on_air = self.desk.on_air.lock();
        on_air.origin = Origin::Folder;
        on_air.track = None;
        drop(on_air);
        self.display.clear();
        self.title = title_block("");
        self.desk.changes.send_modify(|n| *n += 1);
    }

    fn join(&mut self, newcomer: Newcomer) {
        let next = self.ring.start(self.burst.as_secs_f64(), newcomer.flavour);
        let opening = self.ring.opening(next, newcomer.flavour);
        if !opening.is_empty() {
            newcomer.connection.send(&opening);
        }
        let mut listener = Listener { newcomer, next, phase: 0, moved_at: None };
        let now = self.context.clock.now();
        serve(&mut self.ring, &mut listener, self.burst, now);
        self.listeners.push(listener);
        if self.pacer.is_none() {
            self.waiting_since.get_or_insert((now, now));
        }
        self.count();
    }

    /// Sends to everybody whose turn it is, and forgets who is gone.
    fn pump(&mut self, now: Timestamp) {
        let stride = (self.listeners.len() / SERVED_AT_ONCE + 1).min(MAX_STRIDE);
        self.n_chunks += 1;
        let turn = self.n_chunks;
        let before = self.listeners.len();
        let (ring, burst) = (&mut self.ring, self.burst);
        let mut place = 0;
        self.listeners.retain_mut(|listener| {
            place += 1;
            if !(place + turn).is_multiple_of(stride) {
                return true;
            }
            listener.newcomer.presence.strong_count() > 0 && serve(ring, listener, burst, now)
        });
        if self.listeners.len() != before {
            self.count();
        }
    }

    fn count(&self) {
        let n_listeners = self.listeners.len();
        let mut on_air = self.desk.on_air.lock();
        on_air.n_listeners = n_listeners;
        on_air.peak_listeners = on_air.peak_listeners.max(n_listeners);
        drop(on_air);
        let route = self.desk.route.to_string();
        metrics::gauge!("roomhub_radio_listeners", "route" => route).set(n_listeners as f64);
        self.desk.changes.send_modify(|n| *n += 1);
    }
}

/// The guest's next item while there is one, else the folder's; `None` when that one has ended.
async fn next_item(guest: &mut Option<Receiver<Item>>, folder: &mut Receiver<Item>) -> Option<Item> {
    match guest {
        Some(guest) => guest.recv().await,
        None => folder.recv().await,
    }
}

/// Sends one listener what it has not been sent; false when it is closed for falling behind again.
fn serve(ring: &mut Ring, listener: &mut Listener, burst: Duration, now: Timestamp) -> bool {
    let connection = &listener.newcomer.connection;
    // It has not taken the last piece yet: the rest stays where it is, in the ring.
    if connection.queued_bytes() > 0 {
        return true;
    }
    if ring.is_lost(listener.next) {
        if listener.moved_at.is_some_and(|moved_at| now.since(moved_at) < MOVED_AGAIN) {
            connection.cut(Cut::Slow);
            return false;
        }
        debug!(connection = connection.id, "a listener fell behind and is moved to the live edge");
        listener.moved_at = Some(now);
        let next = ring.start(burst.as_secs_f64(), Flavour::Plain);
        if listener.newcomer.flavour == Flavour::Titled {
            connection.send(&ring.bridge(usize::from(listener.phase), next));
        }
        listener.next = next;
    }
    if listener.next < ring.head() {
        let (piece, next) = ring.since(listener.next, listener.newcomer.flavour, CATCH_UP_BYTES);
        connection.send(&piece);
        listener.next = next;
        listener.phase = ring.phase_at(next) as u16;
    }
    true
}
