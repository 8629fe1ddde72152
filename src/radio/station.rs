//! One station: takes frames from its source, paces them, and sends them to all listeners.
//!
//! One task owns the broadcast, which is the ring and the listeners, so a chunk is written once and sent to each listener by one
//! system call.

mod external;
mod fading;
mod shows;
mod silence;

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{debug, info};
use url::Url;

use self::fading::{Arriving, External, arrival};
use super::library::track::Track;
use super::news::{Event, Newsroom};
use super::output::broadcast::{Broadcast, BroadcastSettings, JoinRequest};
use super::output::burst::Moment;
use super::output::pace::Pacer;
use super::output::ring::title_block;
use super::output::segments::Segments;
use super::output::sound_feed::SoundFeed;
use super::requests::desk::RequestDesk;
use super::schedule::Interrupt;
use super::sources::SourceItem;
use super::sources::muted::MutedSource;
use super::station_handle::{Command, HistoryEntry, OnAir, Program, StationHandle, Switch};
use crate::audio::mp3::{Frame, Header};
use crate::audio::streams::Tags;
use crate::runtime::Context;
use crate::time::Timestamp;

/// The length of a chunk.
const CHUNK_SECONDS: f64 = 0.1;

/// Frames of MP3 in a second, at the usual rate.
const FRAMES_A_SECOND: f64 = 44_100.0 / 1152.0;

/// Tracks in the history: some hours, about 20 KiB a station.
const HISTORY_LENGTH: usize = 100;

/// What a station shares with its handle.
pub struct StationState {
    route: Arc<str>,
    on_air: Arc<Mutex<OnAir>>,
    /// `None` without HLS.
    segments: Option<Arc<Mutex<Segments>>>,
    /// `None` without mountpoints.
    sound_feed: Option<SoundFeed>,
    changes: Arc<watch::Sender<u64>>,
    /// The stream that it relays, with a show and without one.
    relayed: Arc<watch::Sender<Option<Url>>>,
    regular_relay: Option<Url>,
    /// Whether listeners see the titles of jingles.
    shows_jingles: bool,
    /// Receives the events.
    newsroom: Arc<Newsroom>,
    /// Frames of the fade to and from live sources; 0 is none.
    fade_frames: usize,
    /// The bitrate at which they are encoded.
    bitrate_kbps: u32,
    /// What listeners ask for, where they may.
    requests: Option<Arc<RequestDesk>>,
}

impl StationState {
    /// The state that a handle shares, without the sender of commands, which would keep the station running for ever.
    pub fn of(handle: &StationHandle) -> Self {
        Self {
            route: Arc::clone(&handle.route),
            on_air: Arc::clone(&handle.on_air),
            segments: None,
            sound_feed: None,
            changes: Arc::clone(&handle.changes),
            relayed: Arc::clone(&handle.relayed),
            regular_relay: handle.relayed.borrow().clone(),
            shows_jingles: handle.shows_jingles,
            newsroom: Arc::default(),
            fade_frames: 0,
            bitrate_kbps: handle.bitrate_kbps,
            requests: handle.requests.as_ref().map(|requests| Arc::clone(&requests.desk)),
        }
    }

    /// The same for a station whose live sources are faded in and out.
    pub fn with_live_fade(self, fade: Duration) -> Self {
        Self { fade_frames: (fade.as_secs_f64() * FRAMES_A_SECOND) as usize, ..self }
    }

    /// The same for a station with HLS.
    pub fn with_segments(self, segments: &Arc<Mutex<Segments>>) -> Self {
        Self { segments: Some(Arc::clone(segments)), ..self }
    }

    /// The same for a station whose events are published.
    pub fn with_newsroom(self, newsroom: &Arc<Newsroom>) -> Self {
        Self { newsroom: Arc::clone(newsroom), ..self }
    }

    fn tell(&self, at: Timestamp, event: &Event) {
        self.newsroom.tell(&self.route, at, event);
    }

    /// The same for a station with mountpoints.
    pub fn with_sound_feed(self, sound_feed: Option<SoundFeed>) -> Self {
        Self { sound_feed, ..self }
    }
}

/// The station itself.
pub struct Station {
    state: StationState,
    /// What plays unless an external source does.
    program: Program,
    /// What plays without a show, during one.
    parked: Option<Program>,
    /// What plays from the end of the track on the air.
    pending: Option<Box<Switch>>,
    external: Option<External>,
    /// A live source that is about to be faded in.
    arriving: Option<Arriving>,
    /// The latest frames, the last first, if there are fades.
    heard: VecDeque<Frame>,
    /// A live source in whose place the folder plays.
    muted: Option<MutedSource>,
    commands: Receiver<Command>,
    context: Context,
    settings: BroadcastSettings,
    broadcast: Broadcast,
    pacer: Option<Pacer>,
    /// A frame of silence in the format of the first frame.
    silence: Option<Frame>,
    /// Whether silence is sent because of an underrun.
    is_starved: bool,
    /// When the first listener joined, while nothing has been sent; and when the queue was last checked.
    waiting_since: Option<(Timestamp, Timestamp)>,
    /// The title on the air, as texts and as a metadata block.
    tags: Tags,
    title: bytes::Bytes,
}

/// Frames that make up one chunk.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    n_samples: u32,
    rate: u32,
    bitrate_kbps: u32,
    /// They themselves, where there are mountpoints.
    frames: Vec<Frame>,
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
        program: Program,
        commands: Receiver<Command>,
        context: &Context,
        settings: BroadcastSettings,
    ) -> Self {
        Self {
            state,
            program,
            parked: None,
            pending: None,
            external: None,
            arriving: None,
            heard: VecDeque::new(),
            muted: None,
            commands,
            context: context.clone(),
            broadcast: Broadcast::new(settings.clone()),
            settings,
            pacer: None,
            silence: None,
            is_starved: false,
            waiting_since: None,
            tags: Tags::default(),
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
                () = arrival(&mut self.arriving) => self.fade_in().await,
                item = next_item(&mut self.external, &mut self.program) => match item {
                    Some(SourceItem::Track(serial, track)) => {
                        if !self.send_batch(&mut batch, &context).await {
                            return;
                        }
                        if self.external.is_none() && self.is_due(serial) && let Some(switch) = self.pending.take() {
                            self.program.held.push_front(SourceItem::Track(serial, track));
                            self.switch(*switch);
                        } else if self.is_due(serial) {
                            self.start_track(serial, track);
                        }
                    }
                    Some(SourceItem::Frame(serial, frame)) if self.is_due(serial) => {
                        if mem::take(&mut self.is_starved) {
                            info!(route = %self.state.route, "audio again after an underrun");
                        }
                        batch.add(&frame);
                        self.remember(&frame);
                        if self.silence.is_none() {
                            let Header { format, bitrate_kbps, .. } = frame.header;
                            self.state.on_air.lock().format.get_or_insert(format);
                            self.silence = Frame::silent(format, bitrate_kbps);
                        }
                        if self.state.sound_feed.is_some() {
                            batch.frames.push(frame);
                        }
                        if batch.seconds() >= CHUNK_SECONDS && !self.send_batch(&mut batch, &context).await {
                            return;
                        }
                    }
                    Some(SourceItem::Frame(..)) => {}
                    None if self.external.is_some() => self.leave_external().await,
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
        self.external.is_some() || serial > self.program.skipped_through
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
        let chunk = self.broadcast.push(&batch.bytes, &self.title, batch.seconds());
        let mut moment = Moment::default();
        if let Some(segments) = &self.state.segments {
            let mut segments = segments.lock();
            moment.at = segments.seconds();
            moment.beginning = segments.push(chunk, batch.seconds(), &self.tags, context.clock.wall());
        }
        let batch = mem::take(batch);
        self.pass_over_muted(batch.n_samples);
        if let Some(feed) = &self.state.sound_feed {
            let seconds = batch.seconds();
            feed.play(batch.frames, seconds, moment);
        }
        if self.broadcast.send_to_all(context.clock.now()) {
            self.publish_listeners();
        }
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
        // External sources have no serial numbers of the folder.
        if self.external.is_none() {
            self.program.serial = serial;
            self.program.queue.set_on_air(serial);
        }
        info!(route = %self.state.route, track = track.file, title = track.display(), "on the air");
        if track.is_jingle && !self.state.shows_jingles {
            self.state.tell(at, &Event::Jingle(track));
            return;
        }
        if let (Some(desk), Some(path)) = (&self.state.requests, &track.path) {
            desk.note_on_air(path, self.context.clock.uptime());
        }
        if let Some(feed) = &self.state.sound_feed {
            feed.begin(&track);
        }
        self.tags = track.tags();
        self.title = title_block(&self.tags.display());
        let mut on_air = self.state.on_air.lock();
        self.state.tell(at, &Event::Track(Arc::clone(&track), on_air.source));
        if !track.is_jingle {
            let dj = on_air.dj();
            on_air.history.push_back(HistoryEntry { track: Arc::clone(&track), started_at: at, dj });
        }
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
            Command::Expect => self.expect(),
            Command::Next if self.external.is_none() => {
                self.skip();
            }
            Command::Previous if self.external.is_none() => {
                self.program.skipped_through = self.program.queue.go_back(self.program.serial);
            }
            Command::Next | Command::Previous => {
                debug!(route = %self.state.route, "an external source cannot be skipped");
            }
            Command::PlaySource(source) => self.receive_source(*source),
            Command::EndSource => self.end_live_source(),
            Command::Mute => self.mute(),
            Command::Unmute => self.unmute(),
            Command::Switch(switch) => {
                let is_silent = self.is_starved || self.program.serial == 0;
                let is_at_once =
                    switch.interrupt == Interrupt::AtOnce || is_silent || self.external.is_some();
                self.pending = None;
                if is_at_once {
                    self.switch(*switch);
                } else {
                    self.pending = Some(switch);
                }
            }
        }
    }

    /// Drops the rest of the track on the air.
    fn skip(&mut self) {
        self.program.skipped_through = self.program.queue.skip(self.program.serial);
    }

    fn join(&mut self, request: JoinRequest) {
        let now = self.context.clock.now();
        self.broadcast.join(request, now);
        self.expect();
        self.publish_listeners();
    }

    /// Somebody listens: if nothing has been sent yet, silence is not long in coming.
    fn expect(&mut self) {
        if self.pacer.is_none() {
            let now = self.context.clock.now();
            self.waiting_since.get_or_insert((now, now));
        }
    }

    /// Publishes the number of listeners.
    fn publish_listeners(&self) {
        let n_listeners = self.broadcast.n_listeners();
        let mut on_air = self.state.on_air.lock();
        on_air.n_listeners = n_listeners;
        on_air.peak_listeners = on_air.peak_listeners.max(n_listeners);
        drop(on_air);
        let route = self.state.route.to_string();
        metrics::gauge!("roomhub_radio_listeners", "route" => route).set(n_listeners as f64);
        self.state.changes.send_modify(|n| *n += 1);
    }
}

/// The next item of the external source if there is one, else of the programme; `None` when that source has ended.
async fn next_item(external: &mut Option<External>, program: &mut Program) -> Option<SourceItem> {
    match external {
        Some(external) => external.next().await,
        None => program.next().await,
    }
}
