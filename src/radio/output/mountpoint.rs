//! A station's sound in another encoding, with listeners of its own.
//!
//! ```text
//! sound feed --sound that is on the air--> encoder's thread --pieces--> task: ring, listeners
//! ```
//! The station paces its sound, so a mountpoint has no clock. An encoder that is behind loses sound, and holds nobody up. Without
//! listeners it is stopped (`on_demand`); whoever joins then waits until it has caught up with the station.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::broadcast::{Broadcast, BroadcastSettings, JoinRequest};
use super::encoder_thread::{EncoderThread, Output};
use super::on_demand::OnDemand;
use super::ring::title_block;
use super::segments::Segments;
use super::sound_feed::Outlet;
use super::variant::Variant;
use crate::audio::ffmpeg::Ffmpeg;
use crate::audio::streams::{Encoding, Piece};
use crate::runtime::Context;
use crate::time::Timestamp;

/// Pieces of sound that may wait for the encoder, of a tenth of a second each.
const MAX_QUEUED_SOUND: usize = 256;

/// Pieces that may wait to be sent, of a tenth of a second each: more than that, and the sender itself is stuck.
const MAX_QUEUED_PIECES: usize = 64;

/// Listeners that may wait to join while a piece is sent or the encoder starts; the others wait in their own tasks.
const MAX_QUEUED_JOINS: usize = 256;

/// A mountpoint as the rest of the service sees it.
#[derive(Debug, Clone)]
pub struct Mountpoint {
    /// How it is encoded.
    pub encoding: Encoding,
    /// Its path.
    pub path: Arc<str>,
    /// Admits listeners.
    pub joins: mpsc::Sender<JoinRequest>,
    /// Whether its encoder runs.
    pub on_demand: Arc<OnDemand>,
    /// Its HLS segments, if it has any.
    pub segments: Option<Arc<Mutex<Segments>>>,
    /// Whether the latest are there.
    has_segment: watch::Receiver<bool>,
    audience: Arc<Audience>,
}

/// How many listen.
#[derive(Debug, Default)]
struct Audience {
    now: AtomicUsize,
    peak: AtomicUsize,
}

impl Mountpoint {
    /// The number of its listeners.
    pub fn n_listeners(&self) -> usize {
        self.audience.now.load(Ordering::Relaxed)
    }

    /// The largest number so far.
    pub fn peak_listeners(&self) -> usize {
        self.audience.peak.load(Ordering::Relaxed)
    }

    /// Waits for a segment of its HLS, for at most so long.
    pub async fn wait_for_segment(&self, time: Duration) {
        let mut has_segment = self.has_segment.clone();
        // One that does not come is left out of lists.
        let _ = timeout(time, has_segment.wait_for(|has_segment| *has_segment)).await;
    }
}

/// How a mountpoint is run.
pub struct MountpointSettings<'a> {
    /// How its stream is buffered.
    pub broadcast: BroadcastSettings,
    /// How long its encoder goes on without listeners.
    pub idle_timeout: Duration,
    /// What is in the names of its segments; `None` without HLS.
    pub hls_tag: Option<&'a str>,
}

/// Starts a mountpoint, which ends with its outlet.
pub fn start(
    route: &str,
    path: String,
    encoding: Encoding,
    ffmpeg: Option<Ffmpeg>,
    settings: &MountpointSettings<'_>,
    context: &Context,
) -> Result<(Mountpoint, Outlet)> {
    let (inputs, queued) = sync_channel(MAX_QUEUED_SOUND);
    let (outputs, encoded) = mpsc::channel(MAX_QUEUED_PIECES);
    let (joins, joining) = mpsc::channel(MAX_QUEUED_JOINS);
    let (segment_seen, has_segment) = watch::channel(false);
    let labels = [("route", route.to_owned()), ("encoding", encoding.to_string())];
    let running = metrics::gauge!("roomhub_radio_mountpoint_encoders", &labels);
    let thread = EncoderThread::new(path.clone(), encoding, ffmpeg, outputs, running);
    let name = format!("radio {}", encoding.codec.name());
    thread::Builder::new()
        .name(name)
        .spawn(move || thread.run(&queued))
        .context("a thread for a mountpoint")?;
    let &MountpointSettings { ref broadcast, idle_timeout, hls_tag } = settings;
    let broadcast = broadcast.clone();
    let on_demand = OnDemand::new(idle_timeout);
    let audience = Arc::<Audience>::default();
    let broadcast =
        if encoding.codec.has_titles() { Broadcast::untitled(broadcast) } else { Broadcast::new(broadcast) };
    let segments = hls_tag.filter(|_| encoding.codec.hls_name().is_some()).map(|tag| {
        let tag = format!("{tag}{}{}", encoding.codec.name(), encoding.kbps);
        Arc::new(Mutex::new(Segments::new(tag, encoding.codec.name())))
    });
    let variant = segments.as_ref().map(|segments| Variant::new(encoding.codec, Arc::clone(segments)));
    let task = MountpointTask {
        broadcast,
        encoded,
        joining,
        waiting: None,
        on_demand: Arc::clone(&on_demand),
        n_stops: 0,
        has_caught_up: false,
        title: title_block(""),
        variant,
        segment_seen,
        audience: Arc::clone(&audience),
        gauge: metrics::gauge!("roomhub_radio_mountpoint_listeners", &labels),
        context: context.clone(),
    };
    context.spawn(task.run());
    let dropped = metrics::counter!("roomhub_radio_mountpoint_dropped_total", &labels);
    let outlet =
        Outlet { on_demand: Arc::clone(&on_demand), inputs, has_segments: segments.is_some(), dropped };
    let mountpoint =
        Mountpoint { encoding, path: path.into(), joins, on_demand, segments, has_segment, audience };
    Ok((mountpoint, outlet))
}

struct MountpointTask {
    broadcast: Broadcast,
    encoded: mpsc::Receiver<Output>,
    joining: mpsc::Receiver<JoinRequest>,
    /// One who has come while the encoder was stopped.
    waiting: Option<JoinRequest>,
    on_demand: Arc<OnDemand>,
    /// How often it is known here that it was.
    n_stops: u64,
    /// Whether the encoder is where the station is.
    has_caught_up: bool,
    title: Bytes,
    /// What cuts it for HLS.
    variant: Option<Variant>,
    segment_seen: watch::Sender<bool>,
    audience: Arc<Audience>,
    gauge: metrics::Gauge,
    context: Context,
}

impl MountpointTask {
    async fn run(mut self) {
        let context = self.context.clone();
        loop {
            tokio::select! {
                () = context.stopping() => return,
                Some(request) = self.joining.recv(), if self.is_live() => {
                    self.waiting = Some(request);
                    self.admit(context.clock.now());
                }
                output = self.encoded.recv() => match output {
                    Some(output) => self.take(output, context.clock.now()),
                    // The station has ended.
                    None => return,
                },
            }
        }
    }

    /// Whether whoever joins hears what the station plays.
    fn is_live(&self) -> bool {
        self.has_caught_up && self.waiting.is_none() && !self.is_old()
    }

    /// Whether what comes is from before the encoder was stopped.
    fn is_old(&self) -> bool {
        self.on_demand.n_stops() != self.n_stops
    }

    fn admit(&mut self, now: Timestamp) {
        if self.has_caught_up
            && !self.is_old()
            && let Some(request) = self.waiting.take()
        {
            self.broadcast.join(request, now);
            self.count();
        }
    }

    fn take(&mut self, output: Output, now: Timestamp) {
        match output {
            Output::Title(tags) => {
                self.title = title_block(&tags.display());
                if let Some(variant) = &mut self.variant {
                    variant.title(tags);
                }
            }
            Output::Beginning(beginning) => {
                if let Some(variant) = &mut self.variant {
                    variant.expect(beginning);
                }
            }
            Output::Piece(piece, at) => {
                if !self.is_old() {
                    self.play(piece, at, now);
                }
            }
            Output::CaughtUp => self.has_caught_up = true,
            Output::Stopped => {
                self.n_stops += 1;
                self.has_caught_up = false;
                self.broadcast.clear();
                self.broadcast.send_to_all(now);
                self.count();
                if let Some(variant) = &mut self.variant {
                    variant.clear();
                }
            }
        }
        let has_segment = self.has_caught_up && self.variant.as_ref().is_some_and(Variant::has_segment);
        self.segment_seen.send_if_modified(|seen| mem::replace(seen, has_segment) != has_segment);
        self.admit(now);
    }

    fn play(&mut self, piece: Piece, at: f64, now: Timestamp) {
        let seconds = piece.seconds;
        let sound = self.broadcast.push_piece(piece, &self.title);
        if let Some(variant) = &mut self.variant {
            variant.push(&sound, at, seconds);
        }
        if self.broadcast.send_to_all(now) {
            self.count();
        }
    }

    fn count(&self) {
        let n_listeners = self.broadcast.n_listeners();
        self.audience.now.store(n_listeners, Ordering::Relaxed);
        self.audience.peak.fetch_max(n_listeners, Ordering::Relaxed);
        self.gauge.set(n_listeners as f64);
    }
}
