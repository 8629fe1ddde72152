//! One member, as it is reached, and what it is told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::value::RawValue;

use super::encode::{self, EncodedFrame, Pending, Wire};
use super::outbound::Outbound;
use super::turns::StreamId;
use crate::effect::{Close, Delivery};
use crate::http::connection::{Connection, DisconnectReason};

/// While too much waits for all members together, who has more than this part of what one may have waiting is cut.
const FAIR_PART: usize = 64;

/// Members looked at before the first of them is sent to.
const LOOKAHEAD: usize = 32;

/// What is sent to members, or done with them, in the order of the rules.
#[derive(Clone)]
pub enum Outgoing {
    /// An event.
    Frame(Arc<EncodedFrame>, Delivery),
    /// The answer to an event, under its number.
    Answer(i64, Option<Box<RawValue>>),
    /// The member is let go.
    Close(Close),
    /// Its connection is ended.
    Disconnect(DisconnectReason),
}

impl Outgoing {
    /// About how many bytes go out for each member.
    pub fn n_bytes(&self) -> usize {
        match self {
            Self::Frame(frame, _) => frame.frame.event.len() + frame.frame.text().len(),
            Self::Answer(_, payload) => payload.as_deref().map_or(0, |payload| payload.get().len()),
            Self::Close(_) | Self::Disconnect(_) => 0,
        }
    }
}

/// How one member is reached.
pub struct Recipient {
    /// Its present session.
    pub session: u64,
    /// How it is reached until it is reached directly, and let go.
    pub client: Arc<dyn Outbound>,
    wire: Wire,
    /// Its connection, once it is reached directly, which is for good.
    direct: OnceLock<Arc<Connection>>,
    /// The stream in which it was told something last.
    stream: AtomicU64,
}

impl Recipient {
    /// A member that has been told nothing yet.
    pub fn new(session: u64, client: Arc<dyn Outbound>) -> Self {
        Self { session, wire: client.wire(), client, direct: OnceLock::new(), stream: AtomicU64::new(0) }
    }

    /// The stream in which it was told something last: while that is open, everything else goes there too.
    pub fn stream(&self) -> StreamId {
        self.stream.load(Ordering::Relaxed)
    }

    /// Has it told everything in a stream while that is open. Only the task that owns the hub does so.
    pub fn follow(&self, stream: StreamId) {
        self.stream.store(stream, Ordering::Relaxed);
    }

    fn fast_path(&self) -> Option<&Connection> {
        if self.direct.get().is_none()
            && let Some(connection) = self.client.fast_path()
        {
            return Some(self.direct.get_or_init(|| connection));
        }
        self.direct.get().map(Arc::as_ref)
    }

    fn is_open(&self) -> bool {
        self.fast_path().is_none_or(Connection::is_open)
    }
}

/// What holds for everything that is sent to the members of a service, and what is counted of it.
pub struct Outlet {
    /// Bytes that may wait for one member.
    pub max_queued_bytes: usize,
    /// Bytes that may wait, whoever they wait for.
    pub max_pending_bytes: usize,
    /// Those that do.
    pub pending: Pending,
    /// Bytes of voices that may wait for one member.
    pub max_lossy_bytes: usize,
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
    pub fn send(&self, to: &[&Recipient], outgoing: &Outgoing) {
        match outgoing {
            Outgoing::Frame(frame, delivery) => {
                let mut ready = Vec::with_capacity(to.len().min(LOOKAHEAD));
                for some in to.chunks(LOOKAHEAD) {
                    ready.extend(some.iter().filter(|recipient| recipient.is_open()));
                    self.events_out.increment(ready.len() as u64);
                    for recipient in ready.drain(..) {
                        match delivery {
                            Delivery::Reliable => self.send_frame(recipient, frame),
                            Delivery::Lossy => self.send_lossy(recipient, frame),
                        }
                    }
                }
            }
            Outgoing::Answer(id, payload) => {
                for recipient in to {
                    self.answer(recipient, *id, payload.as_deref());
                }
            }
            Outgoing::Close(close) => {
                for recipient in to {
                    recipient.client.close(*close);
                }
            }
            Outgoing::Disconnect(cut) => {
                for recipient in to {
                    recipient.client.cut(*cut);
                }
            }
        }
    }

    fn send_frame(&self, recipient: &Recipient, frame: &EncodedFrame) {
        let message = frame.bytes(recipient.wire);
        let direct = recipient.fast_path();
        let waiting = direct.map_or_else(|| recipient.client.waiting_bytes(), Connection::queued_bytes);
        if waiting + message.len() > self.max_queued_bytes || self.is_unfair(waiting) {
            return recipient.client.cut(DisconnectReason::Slow);
        }
        match direct {
            Some(connection) => connection.send(message),
            None => recipient.client.queue(frame),
        }
    }

    /// Whether members have to be cut for all that waits, and one with so much waiting is among them.
    fn is_unfair(&self, waiting: usize) -> bool {
        waiting > self.max_queued_bytes / FAIR_PART && self.pending.n_bytes() > self.max_pending_bytes
    }

    /// Sends a frame that may be dropped, and counts how many were.
    fn send_lossy(&self, recipient: &Recipient, frame: &EncodedFrame) {
        let message = frame.bytes(recipient.wire);
        let n_dropped = match recipient.fast_path() {
            Some(connection) => connection.send_lossy(message, self.max_lossy_bytes),
            // A queue that was handed over cannot be thinned out.
            None if recipient.client.waiting_bytes() + message.len() > self.max_lossy_bytes => 1,
            None => {
                recipient.client.queue(frame);
                0
            }
        };
        self.too_late.increment(n_dropped as u64);
    }

    fn answer(&self, recipient: &Recipient, id: i64, payload: Option<&RawValue>) {
        let direct = recipient.fast_path();
        let waiting = direct.map_or_else(|| recipient.client.waiting_bytes(), Connection::queued_bytes);
        // One answer may be as large as it is; asking without reading is what has to end.
        if waiting > self.max_queued_bytes || self.is_unfair(waiting) {
            return recipient.client.cut(DisconnectReason::Slow);
        }
        match direct {
            Some(connection) => connection.send(&self.pending.count(encode::answer(id, payload))),
            None => recipient.client.queue_answer(id, payload),
        }
    }
}
