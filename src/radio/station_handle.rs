//! A station as the rest of the service sees it: what is on the air, and the commands that it accepts.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::sync::watch;
use url::Url;

use super::about::About;
use super::djs::SOURCE;
use super::library::track::Track;
use super::library::track_queue::TrackQueue;
use super::output::broadcast::JoinRequest;
use super::output::hls_listeners::HlsListeners;
use super::output::mountpoint::Mountpoint;
use super::output::segments::Segments;
use super::requests::StationRequests;
use super::schedule::Interrupt;
use super::sources::SourceItem;
use super::sources::source_slot::{SourceKind, SourceSlot};
use crate::audio::format::Format;
use crate::time::Timestamp;

/// What is on the air.
#[derive(Debug, Clone, Default)]
pub struct OnAir {
    /// The track at the head of the stream; `None` before the first.
    pub track: Option<Arc<Track>>,
    /// When its first frame was sent.
    pub started_at: Timestamp,
    /// The bitrate of the latest frame.
    pub bitrate_kbps: u32,
    /// The station's format.
    pub format: Option<Format>,
    /// The kind of source that plays.
    pub source: SourceKind,
    /// The live source that is connected, even if it is muted.
    pub live: Option<LiveOnAir>,
    /// The stations through which a relayed stream came.
    pub path: String,
    /// The number of listeners.
    pub n_listeners: usize,
    /// The largest number of listeners so far.
    pub peak_listeners: usize,
    /// The tracks that have played, the latest last.
    pub history: VecDeque<HistoryEntry>,
    /// The show that is on.
    pub show: Option<ShowOnAir>,
    /// The next show.
    pub next_show: Option<NextShow>,
    /// The queue of that show, if it has tracks of its own.
    pub show_queue: Option<Arc<TrackQueue>>,
}

/// A live source that is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveOnAir {
    /// Whose it is, if it is a DJ's.
    pub dj: Option<Arc<str>>,
    /// Whether the folder plays in its place.
    pub is_muted: bool,
}

impl LiveOnAir {
    /// The name of its account.
    pub fn name(&self) -> &str {
        self.dj.as_deref().unwrap_or(SOURCE)
    }
}

impl OnAir {
    /// The DJ on the air.
    pub fn dj(&self) -> Option<Arc<str>> {
        self.live.as_ref().filter(|live| !live.is_muted).and_then(|live| live.dj.clone())
    }
}

/// A show that is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowOnAir {
    /// Its name.
    pub name: Arc<str>,
    /// When it ends, by the wall clock.
    pub ends_at: Timestamp,
}

/// An upcoming show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextShow {
    /// Its name.
    pub name: Arc<str>,
    /// When it starts, by the wall clock.
    pub starts_at: Timestamp,
}

/// Tracks that a station plays, and what the thread that reads them has sent.
pub struct Program {
    /// The tracks.
    pub queue: Arc<TrackQueue>,
    /// What its thread sends.
    pub items: Receiver<SourceItem>,
    /// What was taken out already, and plays first.
    pub held: VecDeque<SourceItem>,
    /// The serial number of the latest track on the air.
    pub serial: u64,
    /// Frames of tracks up to this serial number are dropped.
    pub skipped_through: u64,
}

impl Program {
    /// Tracks of which none has been on the air.
    pub fn new(queue: Arc<TrackQueue>, items: Receiver<SourceItem>) -> Self {
        let serial = queue.on_air_serial();
        Self { queue, items, held: VecDeque::new(), serial, skipped_through: serial }
    }

    /// The next item; `None` once its thread has ended.
    pub async fn next(&mut self) -> Option<SourceItem> {
        match self.held.pop_front() {
            Some(held) => Some(held),
            None => self.items.recv().await,
        }
    }
}

/// What a station is to play from now on.
pub struct Switch {
    /// When.
    pub interrupt: Interrupt,
    /// What.
    pub to: SwitchTo,
    /// The show that it is.
    pub show: Option<ShowOnAir>,
}

/// What a station can be switched to.
pub enum SwitchTo {
    /// What it plays without a show.
    Regular,
    /// Tracks of a show.
    Tracks(Program),
    /// Another server's stream, and what it plays without a show while that fails.
    Relay(Url),
}

/// A track that has begun, and when.
#[derive(Debug, Clone)]
pub struct HistoryEntry {
    /// The track.
    pub track: Arc<Track>,
    /// When its first frame was sent.
    pub started_at: Timestamp,
    /// The DJ who played it.
    pub dj: Option<Arc<str>>,
}

/// An external source with a frame to play.
pub struct NewSource {
    /// What it is.
    pub kind: SourceKind,
    /// Whose it is, if it is a DJ's.
    pub dj: Option<Arc<str>>,
    /// What it sends.
    pub items: Receiver<SourceItem>,
    /// Its title, if it does not send that first.
    pub track: Option<Arc<Track>>,
}

/// A command to a station.
pub enum Command {
    /// Admits a listener.
    Join(JoinRequest),
    /// A mountpoint has a listener, who waits for sound.
    Expect,
    /// Skips to the next track.
    Next,
    /// Goes back to the previous track.
    Previous,
    /// Plays an external source until it ends, and then the folder again.
    PlaySource(Box<NewSource>),
    /// Ends a live source with what is queued of it.
    EndSource,
    /// Plays the folder in place of a live source that stays connected.
    Mute,
    /// Plays it again.
    Unmute,
    /// Plays a show, or ends one.
    Switch(Box<Switch>),
}

/// The station as the rest of the service sees it.
#[derive(Clone)]
pub struct StationHandle {
    /// Its route, with the slash.
    pub route: Arc<str>,
    /// What listeners are told about it.
    pub about: Arc<About>,
    /// The bitrate at which its tracks are encoded.
    pub bitrate_kbps: u32,
    /// Whether listeners see the titles of jingles.
    pub shows_jingles: bool,
    /// Its tracks.
    pub queue: Arc<TrackQueue>,
    /// What is on the air.
    pub on_air: Arc<Mutex<OnAir>>,
    /// Takes commands.
    pub commands: Sender<Command>,
    /// What listeners ask for, where they may.
    pub requests: Option<Arc<StationRequests>>,
    /// Which external source plays.
    pub source_slot: Arc<SourceSlot>,
    /// Its sound in other encodings.
    pub mountpoints: Arc<[Mountpoint]>,
    /// The stream that it relays, if any.
    pub relayed: Arc<watch::Sender<Option<Url>>>,
    /// Its HLS segments.
    pub segments: Arc<Mutex<Segments>>,
    /// Its HLS listeners.
    pub hls_listeners: Arc<HlsListeners>,
    /// Counts up whenever what is on the air, or the number of listeners, changes.
    pub changes: Arc<watch::Sender<u64>>,
}
