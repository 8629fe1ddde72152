//! One member, as it is reached, and what it is told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::value::RawValue;

use super::client::Client;
use super::turns::StreamId;
use super::written::{self, Wire, Written};
use crate::effect::{Close, Delivery};
use crate::http::connection::{Connection, Cut};

/// Members looked at before the first of them is sent to.
const LOOKAHEAD: usize = 32;

/// What is sent to members, or done with them, in the order of the rules.
#[derive(Clone)]
pub enum Outgoing {
    /// An event.
    Frame(Arc<Written>, Delivery),
    /// The answer to an event, under its number.
    Answer(i64, Option<Box<RawValue>>),
    /// The member is let go.
    Close(Close),
    /// Its connection is ended.
    Cut(Cut),
}

impl Outgoing {
    /// About how many bytes go out for each member.
    pub fn n_bytes(&self) -> usize {
        match self {
            Self::Frame(written, _) => written.frame.event.len() + written.frame.text().len(),
            Self::Answer(_, payload) => payload.as_deref().map_or(0, |payload| payload.get().len()),
            Self::Close(_) | Self::Cut(_) => 0,
        }
    }
}

/// How one member is reached.
pub struct Seat {
    /// Its present line.
    pub line: u64,
    /// How it is reached until it is reached directly, and let go.
    pub client: Arc<dyn Client>,
    wire: Wire,
    /// Its connection, once it is reached directly, which is for good.
    direct: OnceLock<Arc<Connection>>,
    /// The stream in which it was told something last.
    stream: AtomicU64,
}

impl Seat {
    /// A member that has been told nothing yet.
    pub fn new(line: u64, client: Arc<dyn Client>) -> Self {
        Self { line, wire: client.wire(), client, direct: OnceLock::new(), stream: AtomicU64::new(0) }
    }

    /// The stream in which it was told something last: while that is open, everything else goes there too.
    pub fn stream(&self) -> StreamId {
        self.stream.load(Ordering::Relaxed)
    }

    /// Has it told everything in a stream while that is open. Only the task that owns the hub does so.
    pub fn follow(&self, stream: StreamId) {
        self.stream.store(stream, Ordering::Relaxed);
    }

    fn direct(&self) -> Option<&Connection> {
        if self.direct.get().is_none()
            && let Some(connection) = self.client.direct()
        {
            return Some(self.direct.get_or_init(|| connection));
        }
        self.direct.get().map(Arc::as_ref)
    }

    fn is_open(&self) -> bool {
        self.direct().is_none_or(Connection::is_open)
    }
}

/// What holds for everything that is sent to the members of a service, and what is counted of it.
pub struct Outlet {
    /// Bytes that may wait for one member.
    pub max_queued_bytes: usize,
    /// Bytes of voices that may wait for one member.
    pub max_fleeting_bytes: usize,
    /// Events that were sent.
    pub events_out: metrics::Counter,
    /// Voices that were dropped.
    pub too_late: metrics::Counter,
}

impl Outlet {
    /// Sends it to the members, and cuts those that are too far behind to be told.
    ///
    /// What is known of members lies scattered in memory: looking at several before sending to the first lets the
    /// processor fetch it all at once, where a system call in between would make it wait for each.
    pub fn send(&self, to: &[&Seat], outgoing: &Outgoing) {
        match outgoing {
            Outgoing::Frame(written, delivery) => {
                let mut ready = Vec::with_capacity(to.len().min(LOOKAHEAD));
                for some in to.chunks(LOOKAHEAD) {
                    ready.extend(some.iter().filter(|seat| seat.is_open()));
                    self.events_out.increment(ready.len() as u64);
                    for seat in ready.drain(..) {
                        match delivery {
                            Delivery::Sure => self.send_frame(seat, written),
                            Delivery::Fleeting => self.send_fleeting(seat, written),
                        }
                    }
                }
            }
            Outgoing::Answer(id, payload) => {
                for seat in to {
                    self.answer(seat, *id, payload.as_deref());
                }
            }
            Outgoing::Close(close) => {
                for seat in to {
                    seat.client.close(*close);
                }
            }
            Outgoing::Cut(cut) => {
                for seat in to {
                    seat.client.cut(*cut);
                }
            }
        }
    }

    fn send_frame(&self, seat: &Seat, written: &Written) {
        let message = written.bytes(seat.wire);
        let direct = seat.direct();
        let waiting = direct.map_or_else(|| seat.client.waiting_bytes(), Connection::queued_bytes);
        if waiting + message.len() > self.max_queued_bytes {
            return seat.client.cut(Cut::Slow);
        }
        match direct {
            Some(connection) => connection.send(message),
            None => seat.client.queue(written),
        }
    }

    /// Sends a frame that may be dropped, and counts how many were.
    fn send_fleeting(&self, seat: &Seat, written: &Written) {
        let message = written.bytes(seat.wire);
        let n_dropped = match seat.direct() {
            Some(connection) => connection.send_fleeting(message, self.max_fleeting_bytes),
            // A queue that was handed over cannot be thinned out.
            None if seat.client.waiting_bytes() + message.len() > self.max_fleeting_bytes => 1,
            None => {
                seat.client.queue(written);
                0
            }
        };
        self.too_late.increment(n_dropped as u64);
    }

    fn answer(&self, seat: &Seat, id: i64, payload: Option<&RawValue>) {
        let direct = seat.direct();
        let waiting = direct.map_or_else(|| seat.client.waiting_bytes(), Connection::queued_bytes);
        // One answer may be as large as it is; asking without reading is what has to end.
        if waiting > self.max_queued_bytes {
            return seat.client.cut(Cut::Slow);
        }
        match direct {
            Some(connection) => connection.send(&written::answer(id, payload)),
            None => seat.client.queue_answer(id, payload),
        }
    }
}
