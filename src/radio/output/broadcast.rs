//! The listeners of one stream, and the buffer that they are sent from.
//!
//! A chunk is written once and sent to each listener by one system call. No clock, no pacing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use tracing::debug;

use super::presence::{Presence, Seat};
use super::ring::{IcyMode, Ring};
use crate::audio::streams::Piece;
use crate::http::connection::{Connection, DisconnectReason};
use crate::time::Timestamp;

/// With more listeners of all streams than this, each is sent every second, third… chunk at once, up to the fifth.
const LISTENERS_PER_CHUNK: usize = 2_000;

/// The largest number of chunks that are sent at once for that reason: half a second, a tenth of the usual burst.
const MAX_STRIDE: usize = 5;

/// The most bytes that are sent at once to a listener who catches up: more than six seconds at 320 kbit/s, between which others
/// are sent to.
const CATCH_UP_BYTES: usize = 256 * 1024;

/// The number of listeners of all streams together.
#[derive(Debug, Clone, Default)]
pub struct ListenerCount(Arc<AtomicUsize>);

impl ListenerCount {
    fn add(&self, n: usize) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    fn remove(&self, n: usize) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    /// How many chunks each listener is sent at once.
    fn stride(&self) -> usize {
        (self.0.load(Ordering::Relaxed) / LISTENERS_PER_CHUNK + 1).min(MAX_STRIDE)
    }
}

/// How a stream is buffered.
#[derive(Debug, Clone)]
pub struct BroadcastSettings {
    /// The length of audio that a new listener gets at once.
    pub burst: Duration,
    /// Bytes of audio in the ring.
    pub ring_bytes: usize,
    /// A listener who is moved to the live edge twice within this time is disconnected.
    pub lag_interval: Duration,
    /// Counts the listeners of all streams.
    pub in_all: ListenerCount,
}

/// A new listener.
pub struct JoinRequest {
    /// Its connection, on which the response head has been sent.
    pub connection: Arc<Connection>,
    /// Dangles once the listener has disconnected.
    pub presence: Weak<Presence>,
    /// Whether it gets titles.
    pub icy_mode: IcyMode,
    /// Where it comes from.
    pub entrance: Entrance,
}

/// Where a listener comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// It is new, and gets the burst.
    New,
    /// It has heard another stream up to now, so many bytes of audio after its last title.
    From(u16),
}

/// What a listener who comes from another stream begins with, in seconds of the sound before the live edge: its player has
/// the burst of the other stream still.
const MOVED_BURST: f64 = 0.25;

struct Listener {
    request: JoinRequest,
    /// The chunk that it is sent next.
    next: u64,
    moved_at: Option<Timestamp>,
    /// The head of the chain that it has been sent last; empty for sound without heads.
    head: Bytes,
}

/// One stream.
pub struct Broadcast {
    settings: BroadcastSettings,
    ring: Ring,
    listeners: Vec<Listener>,
    /// Chunks sent so far.
    n_chunks: usize,
}

impl Broadcast {
    /// A stream without listeners.
    pub fn new(settings: BroadcastSettings) -> Self {
        Self::with(Ring::new(settings.ring_bytes), settings)
    }

    /// The same for sound in which titles stand already.
    pub fn untitled(settings: BroadcastSettings) -> Self {
        Self::with(Ring::untitled(settings.ring_bytes), settings)
    }

    fn with(ring: Ring, settings: BroadcastSettings) -> Self {
        Self { settings, ring, listeners: Vec::new(), n_chunks: 0 }
    }

    /// The number of its listeners.
    pub fn n_listeners(&self) -> usize {
        self.listeners.len()
    }

    /// Adds whole frames, under a title; returns them as they lie in the ring.
    pub fn push(&mut self, sound: &[u8], title: &Bytes, seconds: f64) -> Bytes {
        self.ring.push(sound, title, seconds)
    }

    /// Adds a chunk with its title; returns it as it is in the ring.
    pub fn push_piece(&mut self, piece: Piece, title: &Bytes) -> Bytes {
        self.ring.push_piece(piece, title)
    }

    /// Drops all sound, which is old.
    pub fn clear(&mut self) {
        self.ring.clear();
    }

    /// Adds a listener, and sends it what it begins with.
    pub fn join(&mut self, request: JoinRequest, now: Timestamp) {
        let (next, opening) = self.beginning(&request);
        let Some(presence) = request.presence.upgrade() else { return };
        let Some(mut seat) = presence.seat() else { return };
        seat.phase = self.ring.phase_at(next) as u16;
        if !opening.is_empty() {
            request.connection.send(&opening);
        }
        let mut listener = Listener { request, next, moved_at: None, head: Bytes::new() };
        send_pending(&mut self.ring, &mut listener, (&presence, &mut seat), &self.settings, now);
        self.settings.in_all.add(1);
        self.listeners.push(listener);
    }

    /// Where a listener begins, and what is sent before that.
    fn beginning(&self, request: &JoinRequest) -> (u64, Bytes) {
        let ring = &self.ring;
        match (request.entrance, request.icy_mode) {
            (Entrance::New, icy_mode) => {
                let next = ring.start(self.settings.burst.as_secs_f64(), icy_mode);
                (next, ring.opening(next, icy_mode))
            }
            (Entrance::From(phase), icy_mode) => {
                let next = ring.start(MOVED_BURST, IcyMode::Plain).min(ring.head().saturating_sub(1));
                let opening = match icy_mode {
                    IcyMode::Titled => ring.bridge(usize::from(phase), next),
                    IcyMode::Plain => ring.opening(next, icy_mode),
                };
                (next, opening)
            }
        }
    }

    /// Sends pending chunks to the listeners whose turn it is, and removes those who have disconnected; returns whether
    /// there were any.
    pub fn send_to_all(&mut self, now: Timestamp) -> bool {
        let stride = self.settings.in_all.stride();
        self.n_chunks += 1;
        let n_chunks = self.n_chunks;
        let n_before = self.listeners.len();
        let (ring, settings) = (&mut self.ring, &self.settings);
        let mut index = 0;
        self.listeners.retain_mut(|listener| {
            index += 1;
            if !(index + n_chunks).is_multiple_of(stride) {
                return true;
            }
            let Some(presence) = listener.request.presence.upgrade() else { return false };
            let Some(mut seat) = presence.seat() else { return false };
            send_pending(ring, listener, (&presence, &mut seat), settings, now)
        });
        let n_gone = n_before - self.listeners.len();
        self.settings.in_all.remove(n_gone);
        n_gone > 0
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        self.settings.in_all.remove(self.listeners.len());
    }
}

/// Sends a listener the chunks that it has not been sent; false when it is disconnected for falling behind again.
fn send_pending(
    ring: &mut Ring,
    listener: &mut Listener,
    (presence, seat): (&Presence, &mut Seat),
    settings: &BroadcastSettings,
    now: Timestamp,
) -> bool {
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
        let is_other_chain = ring.head_of(next).is_some_and(|head| head.as_ptr() != listener.head.as_ptr());
        match listener.request.icy_mode {
            IcyMode::Titled => connection.send(&ring.bridge(usize::from(seat.phase), next)),
            IcyMode::Plain if is_other_chain => connection.send(&ring.opening(next, IcyMode::Plain)),
            IcyMode::Plain => {}
        }
        listener.next = next;
    }
    if listener.next < ring.head() {
        let (bytes, next) = ring.since(listener.next, listener.request.icy_mode, CATCH_UP_BYTES);
        connection.send(&bytes);
        presence.count(bytes.len());
        listener.next = next;
        seat.phase = ring.phase_at(next) as u16;
        listener.head = ring.head_of(next - 1).cloned().unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::radio::output::ring::title_block;

    const CHUNK: [u8; 100] = [7; 100];

    fn broadcast(in_all: &ListenerCount) -> Broadcast {
        let lag_interval = Duration::from_mins(1);
        let in_all = in_all.clone();
        Broadcast::new(BroadcastSettings { burst: Duration::ZERO, ring_bytes: 10_000, lag_interval, in_all })
    }

    /// Somebody joins; what is given back counts what they are sent, as long as they stay.
    fn join(broadcast: &mut Broadcast) -> (Arc<Presence>, Arc<AtomicU64>) {
        let n_bytes = Arc::default();
        let presence = Presence::counted_by(&n_bytes);
        let request = JoinRequest {
            connection: Connection::new(0, SocketAddr::from(([127, 0, 0, 1], 0)), "radio", None, None),
            presence: Arc::downgrade(&presence),
            icy_mode: IcyMode::Plain,
            entrance: Entrance::New,
        };
        broadcast.join(request, Timestamp::default());
        (presence, n_bytes)
    }

    fn send(broadcast: &mut Broadcast) {
        broadcast.push(&CHUNK, &title_block(""), 0.1);
        broadcast.send_to_all(Timestamp::default());
    }

    #[test]
    fn a_stream_of_few_is_sent_rarely_while_other_streams_have_many() {
        let in_all = ListenerCount::default();
        let (mut large, mut small) = (broadcast(&in_all), broadcast(&in_all));
        let crowd: Vec<_> = (0..2 * LISTENERS_PER_CHUNK).map(|_| join(&mut large)).collect();
        let (_stays, n_bytes) = join(&mut small);
        let n_sent = || n_bytes.load(Ordering::Relaxed) as usize;
        // Of three chunks, the second is this listener's turn.
        for expected in [0, 2 * CHUNK.len()] {
            send(&mut small);
            assert_eq!(n_sent(), expected);
        }
        drop(crowd);
        (0..MAX_STRIDE).for_each(|_| send(&mut large));
        assert_eq!(in_all.0.load(Ordering::Relaxed), 1, "who has gone does not count");
    }
}
