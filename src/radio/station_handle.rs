//! A station as the rest of the service sees it: what is on the air, and the commands that it accepts.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::sync::watch;

use super::library::track::Track;
use super::library::track_queue::TrackQueue;
use super::output::hls_listeners::HlsListeners;
use super::output::ring::IcyMode;
use super::output::segments::Segments;
use super::sources::SourceItem;
use super::sources::source_slot::{SourceKind, SourceSlot};
use crate::audio::format::Format;
use crate::http::connection::Connection;
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
    /// The stations through which a relayed stream came.
    pub path: String,
    /// The number of listeners.
    pub n_listeners: usize,
    /// The largest number of listeners so far.
    pub peak_listeners: usize,
    /// The tracks that have played, the latest last.
    pub history: VecDeque<HistoryEntry>,
}

/// A track that has begun, and when.
#[derive(Debug, Clone)]
pub struct HistoryEntry {
    /// The track.
    pub track: Arc<Track>,
    /// When its first frame was sent.
    pub started_at: Timestamp,
}

/// A new listener.
pub struct JoinRequest {
    /// Its connection, on which the response head has been sent.
    pub connection: Arc<Connection>,
    /// Dangles once the listener has disconnected.
    pub presence: Weak<()>,
    /// Whether it gets titles.
    pub icy_mode: IcyMode,
}

/// A command to a station.
pub enum Command {
    /// Admits a listener.
    Join(JoinRequest),
    /// Skips to the next track.
    Next,
    /// Goes back to the previous track.
    Previous,
    /// Plays an external source until it ends, and then the folder again.
    PlaySource(SourceKind, Receiver<SourceItem>),
}

/// The station as the rest of the service sees it.
#[derive(Clone)]
pub struct StationHandle {
    /// Its route, with the slash.
    pub route: Arc<str>,
    /// Its tracks.
    pub queue: Arc<TrackQueue>,
    /// What is on the air.
    pub on_air: Arc<Mutex<OnAir>>,
    /// Takes commands.
    pub commands: Sender<Command>,
    /// Which external source plays.
    pub source_slot: Arc<SourceSlot>,
    /// Its HLS segments.
    pub segments: Arc<Mutex<Segments>>,
    /// Its HLS listeners.
    pub hls_listeners: Arc<HlsListeners>,
    /// Counts up whenever what is on the air, or the number of listeners, changes.
    pub changes: Arc<watch::Sender<u64>>,
}
