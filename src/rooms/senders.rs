//! The senders of a service: tasks that send what the hub's task has decided, so that fan-out has as many CPUs as it is given.
//!
//! ```text
//! hub's task --little, nothing pending--> sent in place
//!     |------streams of pieces, one or a few for a room--> senders, which serve the streams in turn
//! ```
//! A broadcast to many goes out in pieces, and between two pieces of a room the other rooms have their turns. Order: while
//! the stream of a member is open, everything for this member goes there, and one sender at a time serves a stream.
//!
//! What is pending is bounded: beyond the bound the hub's task sends too, and takes no arrivals meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

use super::recipient::{Outgoing, Outlet, Recipient};
use super::turns::{StreamId, Turns};
use crate::runtime::{Clock, Context};
use crate::time::Timestamp;

/// Members of one piece, which take about a third of a millisecond…
const PIECE: usize = 64;

/// …and bytes that go out for them, but for a larger single frame.
const PIECE_BYTES: usize = 256 * 1024;

/// While more waits for the hub's task, it sends to so many itself: handing one frame over costs about what sending it does.
const IN_PLACE: usize = 1;

/// What may be pending: frames, counted once a piece, and [`DELIVERY_WEIGHT`] for each member that gets one. Small frames
/// reach it with 65,536 deliveries, about a third of a second of one sender.
const MAX_PENDING: usize = 16 * 1024 * 1024;
const DELIVERY_WEIGHT: usize = 256;

/// The senders of a service.
pub struct Senders {
    shared: Arc<Shared>,
    n_tasks: usize,
    /// Whether more waits for the hub's task.
    is_pressed: AtomicBool,
}

struct Shared {
    pending: Mutex<Pending>,
    /// A turn is over.
    served: Condvar,
    /// One permit for each idle sender that is to look again.
    wake: Semaphore,
    outlet: Outlet,
}

struct Pending {
    turns: Turns<Piece>,
    weight: usize,
    /// Senders that wait to be woken.
    n_idle: usize,
}

/// What is sent to members, before it is cut into pieces.
struct Sending<'a> {
    outgoing: &'a Outgoing,
    receipt: Option<&'a Arc<Receipt>>,
    /// Members of one piece.
    n_per_piece: usize,
}

/// Something for a few members of a stream. Whoever is gone by then is told nothing, and kept by nothing.
struct Piece {
    to: Vec<Weak<Recipient>>,
    outgoing: Outgoing,
    /// Held until it is out.
    _receipt: Option<Arc<Receipt>>,
}

impl Piece {
    fn weight(&self) -> usize {
        self.outgoing.n_bytes() + self.to.len() * DELIVERY_WEIGHT
    }
}

/// Notes when everything that came of an event is out, by being dropped.
pub struct Receipt {
    /// When the event came.
    pub arrived_at: Timestamp,
    /// The clock of that.
    pub clock: Clock,
    /// Where it is noted.
    pub latency: metrics::Histogram,
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.latency.record(self.clock.now().since(self.arrived_at).as_secs_f64());
    }
}

impl Senders {
    /// Starts so many.
    pub fn start(n_tasks: usize, outlet: Outlet, context: &Context) -> Self {
        let senders = Self::new(n_tasks, outlet);
        for _ in 0..n_tasks {
            context.spawn(Arc::clone(&senders.shared).run());
        }
        senders
    }

    fn new(n_tasks: usize, outlet: Outlet) -> Self {
        let pending = Pending { turns: Turns::new(), weight: 0, n_idle: 0 };
        let shared =
            Shared { pending: Mutex::new(pending), served: Condvar::new(), wake: Semaphore::new(0), outlet };
        Self { shared: Arc::new(shared), n_tasks, is_pressed: AtomicBool::new(true) }
    }

    /// Says whether more waits for the hub's task: if nothing does, it sends in place what fits one piece.
    pub fn set_pressed(&self, is_pressed: bool) {
        self.is_pressed.store(is_pressed, Ordering::Relaxed);
    }

    /// Sends to members, in place or in their turns, after all that they were sent before.
    pub fn send(&self, mut to: Vec<&Arc<Recipient>>, outgoing: &Outgoing, receipt: Option<&Arc<Receipt>>) {
        let sending = Sending {
            outgoing,
            receipt,
            n_per_piece: (PIECE_BYTES / outgoing.n_bytes().max(1)).clamp(1, PIECE),
        };
        let mut pending = self.shared.pending.lock();
        if !pending.turns.is_empty() {
            let followers =
                to.extract_if(.., |recipient| pending.turns.is_open(recipient.stream())).collect();
            pending.add_to_streams(followers, &sending);
        }
        let is_shared_out = self.n_tasks > 1 && self.is_pressed.load(Ordering::Relaxed);
        let n_in_place = if is_shared_out { IN_PLACE } else { sending.n_per_piece };
        if to.len() > n_in_place {
            let n_streams = pending.open_streams(&to, self.n_tasks, &sending);
            self.shared.wake(&mut pending, n_streams);
            to.clear();
        }
        let is_over = pending.weight > MAX_PENDING;
        drop(pending);
        if is_over {
            self.shared.serve_down_to(MAX_PENDING);
        }
        if !to.is_empty() {
            let to: Vec<&Recipient> = to.into_iter().map(Arc::as_ref).collect();
            self.shared.outlet.send(&to, outgoing);
        }
    }

    /// Sends everything that is pending.
    pub fn flush(&self) {
        self.shared.serve_down_to(0);
    }
}

impl Drop for Senders {
    fn drop(&mut self) {
        self.shared.wake.close();
    }
}

impl Pending {
    /// The next piece of a stream; if there is none, the sender that asks is idle.
    fn next_or_idle(&mut self) -> Option<(StreamId, Piece)> {
        let next = self.turns.next();
        self.n_idle += usize::from(next.is_none());
        next
    }

    /// Adds what is sent to members whose streams are open.
    fn add_to_streams(&mut self, mut to: Vec<&Arc<Recipient>>, sending: &Sending<'_>) {
        to.sort_by_key(|recipient| recipient.stream());
        for of_a_stream in to.chunk_by(|one, other| one.stream() == other.stream()) {
            self.add(of_a_stream[0].stream(), of_a_stream, sending);
        }
    }

    /// Opens streams for members that have none, one for each sender if the pieces are as many; says how many.
    fn open_streams(&mut self, to: &[&Arc<Recipient>], n_tasks: usize, sending: &Sending<'_>) -> usize {
        let n_streams = to.len().div_ceil(sending.n_per_piece).min(n_tasks);
        for part in to.chunks(to.len().div_ceil(n_streams)) {
            let stream = self.turns.open();
            for recipient in part {
                recipient.follow(stream);
            }
            self.add(stream, part, sending);
        }
        n_streams
    }

    fn add(&mut self, stream: StreamId, to: &[&Arc<Recipient>], sending: &Sending<'_>) {
        for some in to.chunks(sending.n_per_piece) {
            let piece = Piece {
                to: some.iter().map(|recipient| Arc::downgrade(recipient)).collect(),
                outgoing: sending.outgoing.clone(),
                _receipt: sending.receipt.map(Arc::clone),
            };
            self.weight += piece.weight();
            self.turns.push(stream, piece);
        }
    }
}

impl Shared {
    /// Serves streams until the service ends.
    async fn run(self: Arc<Self>) {
        let mut n_sent = 0;
        loop {
            let next = self.pending.lock().next_or_idle();
            match next {
                Some((stream, piece)) => n_sent += self.serve(stream, &piece),
                None => match self.wake.acquire().await {
                    Ok(permit) => permit.forget(),
                    Err(_) => return,
                },
            }
            if n_sent >= PIECE {
                n_sent = 0;
                // Whoever yields once runs again before the tasks that the system has just woken: tokio keeps the last one
                // that it wakes for next.
                yield_now().await;
                yield_now().await;
            }
        }
    }

    /// Sends a piece of a stream, and says to how many members.
    fn serve(&self, stream: StreamId, piece: &Piece) -> usize {
        let _turn = Turn { shared: self, stream, weight: piece.weight() };
        let to: Vec<Arc<Recipient>> = piece.to.iter().filter_map(Weak::upgrade).collect();
        let to: Vec<&Recipient> = to.iter().map(Arc::as_ref).collect();
        self.outlet.send(&to, &piece.outgoing);
        to.len()
    }

    /// Serves streams until no more than that is pending, on the thread that calls it.
    ///
    /// Where others serve all streams, it waits for them: they are in the middle of a piece, and nothing holds them up.
    fn serve_down_to(&self, weight: usize) {
        let mut pending = self.pending.lock();
        while pending.weight > weight {
            match pending.turns.next() {
                Some((stream, piece)) => {
                    drop(pending);
                    self.serve(stream, &piece);
                    pending = self.pending.lock();
                }
                None => self.served.wait(&mut pending),
            }
        }
        // A stream that was served here may have kept nobody else busy.
        let n_ready = pending.turns.n_ready();
        self.wake(&mut pending, n_ready);
    }

    /// Wakes so many senders, if as many are idle.
    fn wake(&self, pending: &mut Pending, n: usize) {
        let n = n.min(pending.n_idle);
        pending.n_idle -= n;
        self.wake.add_permits(n);
    }
}

/// A stream's turn, until it is dropped.
struct Turn<'a> {
    shared: &'a Shared,
    stream: StreamId,
    weight: usize,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut pending = self.shared.pending.lock();
        pending.turns.served(self.stream);
        pending.weight -= self.weight;
        drop(pending);
        self.shared.served.notify_all();
    }
}

#[cfg(test)]
mod tests;
