//! A listener's seat at a broadcast: what it has been sent there, and whether it has left.
//!
//! The broadcast holds the seat while it sends, so that nothing of one stream comes after the listener went to another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

/// A listener's seat. The broadcast that finds none any more forgets the listener.
#[derive(Debug, Default)]
pub struct Presence {
    seat: Mutex<Seat>,
    n_bytes: Arc<AtomicU64>,
}

/// Where a listener is in a stream.
#[derive(Debug, Default)]
pub struct Seat {
    /// Bytes of audio since its last title.
    pub phase: u16,
    has_left: bool,
}

impl Presence {
    /// A seat of a listener, all of whose bytes are counted there.
    pub fn counted_by(n_bytes: &Arc<AtomicU64>) -> Arc<Self> {
        Arc::new(Self { seat: Mutex::default(), n_bytes: Arc::clone(n_bytes) })
    }

    /// The seat, held; `None` once the listener has left it.
    pub fn seat(&self) -> Option<MutexGuard<'_, Seat>> {
        Some(self.seat.lock()).filter(|seat| !seat.has_left)
    }

    /// Leaves the seat; nothing is sent for it any more. Gives the bytes of audio since the last title.
    pub fn leave(&self) -> u16 {
        let mut seat = self.seat.lock();
        seat.has_left = true;
        seat.phase
    }

    /// Counts what is sent.
    pub fn count(&self, n_bytes: usize) {
        self.n_bytes.fetch_add(n_bytes as u64, Ordering::Relaxed);
    }
}
