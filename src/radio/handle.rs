//! A station as others see it: what is on the air, and what it can be asked to do.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::sync::watch;

use super::audience::Audience;
use super::feed::Item;
use super::format::Format;
use super::microphone::{Microphone, Origin};
use super::ring::Flavour;
use super::segments::Segments;
use super::shelf::Shelf;
use super::track::Track;
use crate::http::connection::Connection;
use crate::time::Timestamp;

/// What is on the air, for those who ask.
#[derive(Debug, Clone, Default)]
pub struct OnAir {
    /// The track at the head of the stream; `None` before the first.
    pub track: Option<Arc<Track>>,
    /// When its first sound left.
    pub started_at: Timestamp,
    /// The bitrate of its last frame.
    pub bitrate_kbps: u32,
    /// The station's format.
    pub format: Option<Format>,
    /// Where its sound comes from.
    pub origin: Origin,
    /// Through which other stations it came.
    pub path: String,
    /// Who listens.
    pub n_listeners: usize,
    /// The most that ever did.
    pub peak_listeners: usize,
    /// What has played, the latest last.
    pub history: VecDeque<Played>,
}

/// A track that has begun, and when.
#[derive(Debug, Clone)]
pub struct Played {
    /// What it was.
    pub track: Arc<Track>,
    /// When its first sound left.
    pub started_at: Timestamp,
}

/// Somebody who wants to listen.
pub struct Newcomer {
    /// The way to it; its head has been sent.
    pub connection: Arc<Connection>,
    /// Gone when the listener is.
    pub presence: Weak<()>,
    /// With titles or without.
    pub flavour: Flavour,
}

/// What a station is asked to do.
pub enum Order {
    /// Let somebody listen.
    Join(Newcomer),
    /// Go on to the next track.
    Next,
    /// Go back to the last track.
    Previous,
    /// Let a guest be heard until it ends, and then the folder again.
    Hear(Origin, Receiver<Item>),
}

/// The station as others see it.
#[derive(Clone)]
pub struct Handle {
    /// Its route, with the slash.
    pub route: Arc<str>,
    /// What it plays from.
    pub shelf: Arc<Shelf>,
    /// What is on the air.
    pub on_air: Arc<Mutex<OnAir>>,
    /// Takes orders.
    pub orders: Sender<Order>,
    /// Who speaks on it.
    pub microphone: Arc<Microphone>,
    /// Its sound in segments.
    pub segments: Arc<Mutex<Segments>>,
    /// Who fetches the list of them.
    pub audience: Arc<Audience>,
    /// Counts up whenever what is on the air, or who listens, changes.
    pub changes: Arc<watch::Sender<u64>>,
}
