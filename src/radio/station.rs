//! One station: takes frames from its source, paces them, and sends them to all listeners.
//!
//! One task owns the ring and the listeners, so a chunk is written once and sent to each listener by one system call.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::library::track::Track;
use super::library::track_queue::TrackQueue;
use super::output::pace::Pacer;
use super::output::ring::{IcyMode, Ring, title_block};
use super::output::segments::Segments;
use super::sources::SourceItem;
use super::sources::source_slot::SourceKind;
use super::station_handle::{Command, HistoryEntry, JoinRequest, OnAir, StationHandle};
use crate::audio::format::Format;
use crate::audio::mp3::{Frame, Header};
use crate::http::connection::DisconnectReason;
use crate::runtime::Context;
use crate::time::Timestamp;

/// The length of a chunk.
const CHUNK_SECONDS: f64 = 0.1;

/// With more listeners than this, each is sent every second, third… chunk at once, up to the fifth.
const LISTENERS_PER_CHUNK: usize = 2_000;

/// The largest number of chunks that are sent at once for that reason.
const MAX_STRIDE: usize = 5;

/// Silence is sent this long after the burst has been played.
const UNDERRUN_TIMEOUT: Duration = Duration::from_secs(1);

/// A listener who joins before the first frame waits this long for silence, unless there is known to be nothing…
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(10);

/// …which is checked this often.
const IDLE_CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// The bitrate of silence before the first frame.
const SILENCE_KBPS: u32 = 128;

/// The most bytes that are sent at once to a listener who catches up.
const CATCH_UP_BYTES: usize = 256 * 1024;

/// Tracks in the history.
const HISTORY_LENGTH: usize = 100;

/// How a station paces and buffers its stream.
#[derive(Debug, Clone, Copy)]
pub struct StationSettings {
    /// The length of audio that a new listener gets at once.
    pub burst: Duration,
    /// Bytes of MP3 in the ring.
    pub ring_bytes: usize,
    /// A listener who is moved to the live edge twice within this time is disconnected.
    pub lag_interval: Duration,
}

/// What a station shares with its handle.
pub struct StationState {
    route: Arc<str>,
    queue: Arc<TrackQueue>,
    on_air: Arc<Mutex<OnAir>>,
    /// `None` without HLS.
    segments: Option<Arc<Mutex<Segments>>>,
    changes: Arc<watch::Sender<u64>>,
}

impl StationState {
    /// The state that a handle shares, without the sender of commands, which would keep the station running for ever.
    pub fn of(handle: &StationHandle) -> Self {
        Self {
            route: Arc::clone(&handle.route),
            queue: Arc::clone(&handle.queue),
            on_air: Arc::clone(&handle.on_air),
            segments: None,
            changes: Arc::clone(&handle.changes),
        }
    }

    /// The same for a station with HLS.
    pub fn with_segments(self, segments: &Arc<Mutex<Segments>>) -> Self {
        Self { segments: Some(Arc::clone(segments)), ..self }
    }
}

struct Listener {
    request: JoinRequest,
    /// The chunk that it is sent next.
    next: u64,
    /// Bytes of audio since its last title.
    phase: u16,
    moved_at: Option<Timestamp>,
}

/// The station itself.
pub struct Station {
    state: StationState,
    folder: Receiver<SourceItem>,
    external: Option<Receiver<SourceItem>>,
    commands: Receiver<Command>,
    context: Context,
    settings: StationSettings,
    ring: Ring,
    listeners: Vec<Listener>,
    pacer: Option<Pacer>,
    /// The serial number of the folder's latest track on the air.
    serial: u64,
    /// Frames of tracks up to this serial number are dropped.
    skipped_through: u64,
    /// A frame of silence in the format of the first frame.
    silence: Option<Frame>,
    /// Whether silence is sent because of an underrun.
    is_starved: bool,
    /// When the first listener joined, while nothing has been sent; and when the queue was last checked.
    waiting_since: Option<(Timestamp, Timestamp)>,
    /// Chunks sent so far.
    n_chunks: usize,
    /// The title on the air, as text and as a metadata block.
    display: String,
    title: bytes::Bytes,
}

/// Frames that make up one chunk.
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
    /// A station that has not started.
    pub fn new(
        state: StationState,
        folder: Receiver<SourceItem>,
        commands: Receiver<Command>,
        context: &Context,
        settings: StationSettings,
    ) -> Self {
        Self {
            state,
            folder,
            external: None,
            commands,
            context: context.clone(),
            settings,
            ring: Ring::new(settings.ring_bytes),
            listeners: Vec::new(),
            pacer: None,
            serial: 0,
            skipped_through: 0,
            silence: None,
            is_starved: false,
            waiting_since: None,
            n_chunks: 0,
            display: String::new(),
            title: title_block(""),
        }
    }

    /// Broadcasts until the process stops, or all handles are dropped.
    pub async fn run(mut self) {
        let context = self.context.clone();
        let mut batch = Batch::default();
        loop {
            let until_silence = self.time_until_silence();
            tokio::select! {
                biased;
                () = context.stopping() => return,
                command = self.commands.recv() => match command {
                    Some(command) => self.execute(command),
                    None => return,
                },
                item = next_item(&mut self.external, &mut self.folder) => match item {
                    Some(SourceItem::Track(serial, track)) => {
                        if !self.send_batch(&mut batch, &context).await {
                            return;
                        }
                        if self.is_due(serial) {
                            self.start_track(serial, track);
                        }
                    }
                    Some(SourceItem::Frame(serial, frame)) if self.is_due(serial) => {
                        if std::mem::take(&mut self.is_starved) {
                            info!(route = %self.state.route, "audio again after an underrun");
                        }
                        batch.add(&frame);
                        if self.silence.is_none() {
                            let Header { format, bitrate_kbps, .. } = frame.header;
                            self.state.on_air.lock().format.get_or_insert(format);
                            self.silence = Frame::silent(format, bitrate_kbps);
                        }
                        if batch.seconds() >= CHUNK_SECONDS && !self.send_batch(&mut batch, &context).await {
                            return;
                        }
                    }
                    Some(SourceItem::Frame(..)) => {}
                    None if self.external.is_some() => self.end_external_source(),
                    None => return,
                },
                () = sleep(until_silence.unwrap_or_default()), if until_silence.is_some() => {
                    if !self.send_silence(&mut batch, &context).await {
                        return;
                    }
                }
            }
        }
    }

    /// Whether a track has not been skipped; tracks of external sources never are.
    fn is_due(&self, serial: u64) -> bool {
        self.external.is_some() || serial > self.skipped_through
    }

    /// How long to wait for a frame before silence is sent: until listeners have played the burst and
    /// `UNDERRUN_TIMEOUT` has passed, and during an underrun at the pace of the stream.
    fn time_until_silence(&self) -> Option<Duration> {
        let Some(pacer) = self.pacer.as_ref().filter(|_| self.silence.is_some()) else {
            let (_, checked_at) = self.waiting_since.filter(|_| self.silence.is_none())?;
            return Some((checked_at + IDLE_CHECK_INTERVAL).since(self.context.clock.now()));
        };
        let due = pacer.due();
        let grace = if self.is_starved { Duration::ZERO } else { self.settings.burst + UNDERRUN_TIMEOUT };
        Some((due + grace).since(self.context.clock.now()))
    }

    /// Sends a chunk of silence, so that players stay connected; false when the station is to end.
    async fn send_silence(&mut self, batch: &mut Batch, context: &Context) -> bool {
        if self.silence.is_none() {
            self.start_silent();
        }
        let Some(frame) = &self.silence else { return true };
        if !std::mem::replace(&mut self.is_starved, true) {
            warn!(route = %self.state.route, "underrun: silence is sent until there is audio again");
            metrics::counter!("roomhub_radio_underruns_total").increment(1);
        }
        while batch.seconds() < CHUNK_SECONDS {
            batch.add(frame);
        }
        self.send_batch(batch, context).await
    }

    /// Chooses a format for silence before the first frame, once no frame is expected soon.
    fn start_silent(&mut self) {
        let now = self.context.clock.now();
        let Some((since, checked_at)) = &mut self.waiting_since else { return };
        *checked_at = now;
        if self.state.queue.has_been_idle() || now.since(*since) >= FIRST_FRAME_TIMEOUT {
            let format = *self.state.queue.format.get_or_init(|| Format::USUAL);
            self.state.on_air.lock().format.get_or_insert(format);
            self.silence = Frame::silent(format, SILENCE_KBPS);
            self.pacer = Some(Pacer::ahead(format.rate, self.settings.burst, now));
        }
    }

    /// Waits until the batch is due, executes commands meanwhile, and sends it; false when the station is to end.
    async fn send_batch(&mut self, batch: &mut Batch, context: &Context) -> bool {
        if batch.n_samples == 0 {
            return true;
        }
        let now = context.clock.now();
        let burst = self.settings.burst;
        let rate = batch.rate;
        // The burst is available from the start, so the clock of the stream starts that much earlier.
        let pacer = self.pacer.get_or_insert_with(|| Pacer::ahead(rate, burst, now));
        let wait = pacer.release(batch.n_samples, now);
        let mut due = std::pin::pin!(sleep(wait));
        while !wait.is_zero() {
            tokio::select! {
                biased;
                () = context.stopping() => return false,
                () = &mut due => break,
                command = self.commands.recv() => match command {
                    Some(command) => self.execute(command),
                    None => return false,
                },
            }
        }
        self.state.on_air.lock().bitrate_kbps = batch.bitrate_kbps;
        let chunk = self.ring.push(&batch.bytes, &self.title, batch.seconds());
        let now = context.clock.now();
        if let Some(segments) = &self.state.segments {
            segments.lock().push(chunk, batch.seconds(), &self.display, context.clock.wall());
        }
        *batch = Batch::default();
        self.send_to_all(now);
        true
    }

    fn start_track(&mut self, serial: u64, track: Arc<Track>) {
        let now = self.context.clock.now();
        // The burst is sent at once, but dated as if it had been sent in time.
        let at = match self.pacer.as_ref().filter(|pacer| !pacer.was_suspended(now)) {
            Some(pacer) => pacer.due(),
            None if self.pacer.is_none() => now.earlier(self.settings.burst),
            None => now,
        };
        info!(route = %self.state.route, track = track.file, title = track.display(), "on the air");
        self.display = track.display();
        self.title = title_block(&self.display);
        let mut on_air = self.state.on_air.lock();
        // External sources have no serial numbers of the folder.
        if self.external.is_none() {
            self.serial = serial;
        }
        self.state.queue.set_on_air(self.serial);
        on_air.history.push_back(HistoryEntry { track: Arc::clone(&track), started_at: at });
        if on_air.history.len() > HISTORY_LENGTH {
            on_air.history.pop_front();
        }
        on_air.track = Some(track);
        on_air.started_at = at;
        drop(on_air);
        self.state.changes.send_modify(|n| *n += 1);
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Join(request) => self.join(request),
            Command::Next if self.external.is_none() => {
                self.skipped_through = self.state.queue.skip(self.serial);
            }
            Command::Previous if self.external.is_none() => {
                self.skipped_through = self.state.queue.go_back(self.serial);
            }
            Command::Next | Command::Previous => {
                debug!(route = %self.state.route, "an external source cannot be skipped");
            }
            Command::PlaySource(kind, items) => {
                self.skipped_through = self.state.queue.skip(self.serial);
                self.external = Some(items);
                self.state.on_air.lock().source = kind;
            }
        }
    }

    /// Returns to the folder, which starts its next track.
    fn end_external_source(&mut self) {
        self.external = None;
        let mut on_air = self.state.on_air.lock();
        on_air.source = SourceKind::Folder;
        on_air.track = None;
        drop(on_air);
        self.display.clear();
        self.title = title_block("");
        self.state.changes.send_modify(|n| *n += 1);
    }

    fn join(&mut self, request: JoinRequest) {
        let next = self.ring.start(self.settings.burst.as_secs_f64(), request.icy_mode);
        let opening = self.ring.opening(next, request.icy_mode);
        if !opening.is_empty() {
            request.connection.send(&opening);
        }
        let mut listener = Listener { request, next, phase: 0, moved_at: None };
        let now = self.context.clock.now();
        send_pending(&mut self.ring, &mut listener, self.settings, now);
        self.listeners.push(listener);
        if self.pacer.is_none() {
            self.waiting_since.get_or_insert((now, now));
        }
        self.publish_listeners();
    }

    /// Sends pending chunks to the listeners whose turn it is, and removes those who have disconnected.
    fn send_to_all(&mut self, now: Timestamp) {
        let stride = (self.listeners.len() / LISTENERS_PER_CHUNK + 1).min(MAX_STRIDE);
        self.n_chunks += 1;
        let n_chunks = self.n_chunks;
        let n_before = self.listeners.len();
        let (ring, settings) = (&mut self.ring, self.settings);
        let mut index = 0;
        self.listeners.retain_mut(|listener| {
            index += 1;
            if !(index + n_chunks).is_multiple_of(stride) {
                return true;
            }
            listener.request.presence.strong_count() > 0 && send_pending(ring, listener, settings, now)
        });
        if self.listeners.len() != n_before {
            self.publish_listeners();
        }
    }

    /// Publishes the number of listeners.
    fn publish_listeners(&self) {
        let n_listeners = self.listeners.len();
        let mut on_air = self.state.on_air.lock();
        on_air.n_listeners = n_listeners;
        on_air.peak_listeners = on_air.peak_listeners.max(n_listeners);
        drop(on_air);
        let route = self.state.route.to_string();
        metrics::gauge!("roomhub_radio_listeners", "route" => route).set(n_listeners as f64);
        self.state.changes.send_modify(|n| *n += 1);
    }
}

/// The next item of the external source if there is one, else of the folder; `None` when that source has ended.
async fn next_item(
    external: &mut Option<Receiver<SourceItem>>,
    folder: &mut Receiver<SourceItem>,
) -> Option<SourceItem> {
    match external {
        Some(external) => external.recv().await,
        None => folder.recv().await,
    }
}

/// Sends a listener the chunks that it has not been sent; false when it is disconnected for falling behind again.
fn send_pending(ring: &mut Ring, listener: &mut Listener, settings: StationSettings, now: Timestamp) -> bool {
    let connection = &listener.request.connection;
    // It has not taken the last bytes yet: the rest stays in the ring.
    if connection.queued_bytes() > 0 {
        return true;
    }
    if ring.is_lost(listener.next) {
        if listener.moved_at.is_some_and(|moved_at| now.since(moved_at) < settings.lag_interval) {
            connection.cut(DisconnectReason::Slow);
            return false;
        }
        debug!(connection = connection.id, "a listener fell behind and is moved to the live edge");
        listener.moved_at = Some(now);
        let next = ring.start(settings.burst.as_secs_f64(), IcyMode::Plain);
        if listener.request.icy_mode == IcyMode::Titled {
            connection.send(&ring.bridge(usize::from(listener.phase), next));
        }
        listener.next = next;
    }
    if listener.next < ring.head() {
        let (bytes, next) = ring.since(listener.next, listener.request.icy_mode, CATCH_UP_BYTES);
        connection.send(&bytes);
        listener.next = next;
        listener.phase = ring.phase_at(next) as u16;
    }
    true
}
