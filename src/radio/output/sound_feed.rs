//! What gives a station's sound to its mountpoints: a thread that decodes what is on the air, while any of them has listeners.
//!
//! ```text
//! station --frames that are on the air--> feed's thread: burst, decoder --sound--> encoder's thread of each mountpoint
//! ```
//! An encoder that starts is given the burst first, so whoever joins then hears what all hear who have been there before.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::burst::{BurstBuffer, BurstLength, Chunk, DecodedChunk, Moment, SoundDecoder, last_of};
use super::on_demand::{Decision, OnDemand};
use crate::audio::block::Block;
use crate::audio::mp3::Frame;
use crate::radio::library::track::Track;
use crate::runtime::Clock;

/// Chunks that may wait for the thread, of a tenth of a second each: more than the longest burst, which comes at once.
const MAX_QUEUED_CHUNKS: usize = 512;

/// What an encoder is given.
pub enum Input {
    /// The sound that follows is of this track.
    Track(Arc<Track>),
    /// Sound that is on the air, and where it is.
    Sound(Arc<[Block]>, Moment),
    /// It starts, with the sound up to now.
    Start(Vec<DecodedChunk>),
    /// It stops.
    Stop,
}

/// Where the sound of one mountpoint goes.
pub struct Outlet {
    /// Whether its encoder runs.
    pub on_demand: Arc<OnDemand>,
    /// Its encoder.
    pub inputs: SyncSender<Input>,
    /// Whether it has HLS.
    pub has_segments: bool,
    /// Counts what it was too slow for.
    pub dropped: metrics::Counter,
}

impl Outlet {
    /// Gives sound to an encoder that runs.
    fn give(&self, input: Input) {
        if self.inputs.try_send(input).is_err() {
            self.dropped.increment(1);
        }
    }

    /// Starts or stops the encoder, or tries again with the next chunk.
    fn order(&self, input: Input, decision: Decision) {
        if self.inputs.try_send(input).is_err() {
            self.on_demand.undo(decision);
        }
    }
}

enum Heard {
    Track(Arc<Track>),
    Chunk(Chunk),
}

/// The station's end. The thread ends with it.
pub struct SoundFeed {
    heard: SyncSender<Heard>,
    dropped: Vec<metrics::Counter>,
}

impl SoundFeed {
    /// Starts the thread; `None` without mountpoints.
    pub fn start(route: &str, outlets: Vec<Outlet>, burst: Duration, clock: Clock) -> Result<Option<Self>> {
        if outlets.is_empty() {
            return Ok(None);
        }
        let (heard, queued) = sync_channel(MAX_QUEUED_CHUNKS);
        let dropped = outlets.iter().map(|outlet| outlet.dropped.clone()).collect();
        let burst = burst.as_secs_f64();
        let has_segments = outlets.iter().any(|outlet| outlet.has_segments);
        let burst_buffer = BurstBuffer::new(BurstLength { seconds: burst, has_segments });
        let thread = FeedThread { outlets, burst_buffer, decoder: SoundDecoder::new(), burst, clock };
        let run = move || thread.run(&queued);
        thread::Builder::new()
            .name(format!("sound {route}"))
            .spawn(run)
            .context("a thread for mountpoints")?;
        Ok(Some(Self { heard, dropped }))
    }

    /// The frames that follow belong to this track.
    pub fn begin(&self, track: &Arc<Track>) {
        self.give(Heard::Track(Arc::clone(track)));
    }

    /// Frames that are on the air now.
    pub fn play(&self, frames: Vec<Frame>, seconds: f64, moment: Moment) {
        self.give(Heard::Chunk(Chunk { frames, seconds, moment }));
    }

    fn give(&self, heard: Heard) {
        if self.heard.try_send(heard).is_err() {
            self.dropped.iter().for_each(|dropped| dropped.increment(1));
        }
    }
}

struct FeedThread {
    outlets: Vec<Outlet>,
    burst_buffer: BurstBuffer,
    decoder: SoundDecoder,
    burst: f64,
    clock: Clock,
}

impl FeedThread {
    fn run(mut self, heard: &Receiver<Heard>) {
        // Those that encode; decided with each chunk.
        let mut decisions = vec![Decision::Idle; self.outlets.len()];
        while let Ok(heard) = heard.recv() {
            match heard {
                Heard::Track(track) => {
                    self.burst_buffer.begin(&track);
                    let running = self.outlets.iter().zip(&decisions);
                    for (outlet, _) in running.filter(|(_, decision)| is_running(**decision)) {
                        outlet.give(Input::Track(Arc::clone(&track)));
                    }
                }
                Heard::Chunk(chunk) => {
                    let now = self.clock.now();
                    decisions = self.outlets.iter().map(|outlet| outlet.on_demand.decide(now)).collect();
                    self.play(chunk, &decisions);
                }
            }
        }
    }

    fn play(&mut self, chunk: Chunk, decisions: &[Decision]) {
        let moment = chunk.moment.clone();
        let sound: Option<Arc<[Block]>> =
            decisions.contains(&Decision::Encode).then(|| self.decoder.decode(&chunk.frames));
        self.burst_buffer.push(chunk);
        let mut decoded: Vec<DecodedChunk> = Vec::new();
        if decisions.contains(&Decision::Start) {
            (self.decoder, decoded) = self.burst_buffer.decoded();
        }
        for (outlet, decision) in self.outlets.iter().zip(decisions) {
            match (*decision, &sound) {
                (Decision::Encode, Some(sound)) => {
                    outlet.give(Input::Sound(Arc::clone(sound), moment.clone()));
                }
                (Decision::Start, _) => {
                    let decoded =
                        if outlet.has_segments { decoded.clone() } else { last_of(&decoded, self.burst) };
                    outlet.order(Input::Start(decoded), Decision::Start);
                }
                (Decision::Stop, _) => outlet.order(Input::Stop, Decision::Stop),
                (Decision::Encode | Decision::Idle, _) => {}
            }
        }
    }
}

fn is_running(decision: Decision) -> bool {
    matches!(decision, Decision::Encode | Decision::Start)
}
