//! What waits for the rules: arrivals in order, bounded in number and bytes.
//!
//! Events over the bound are refused. Arrivals and departures of members are not: each connection makes one
//! of either, connections are bounded, and a departure that got lost would leave a ghost in its room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::incoming::Incoming;
use super::outbound::Outbound;
use super::{Config, Departure, Handshake, Hub};
use crate::effect::MemberId;
use crate::time::Timestamp;

/// One thing that reached the hub.
pub enum Arrival<H: Hub> {
    /// A member connected.
    Connected { member: MemberId, session: u64, client: Arc<dyn Outbound>, handshake: Box<Handshake> },
    /// A member sent an event.
    Event { member: MemberId, session: u64, incoming: Incoming, at: Timestamp },
    /// A member is still there.
    KeepAlive { member: MemberId, session: u64 },
    /// A member is gone.
    Disconnected { member: MemberId, session: u64, departure: Departure },
    /// Somebody outside asks about the rooms.
    Query(Query<H>),
    /// Somebody outside waits until all that was in the log by now is known here, and is told by the end of this sender.
    CatchUp(oneshot::Sender<()>),
    /// Somebody outside has something done, and is told what came of it.
    Command(H::Command, oneshot::Sender<H::Outcome>),
}

/// A query: it is run where the hub is.
pub type Query<H> = Box<dyn FnOnce(&H, Timestamp) + Send>;

/// The end that members write to.
pub struct Inbox<H: Hub> {
    sender: mpsc::UnboundedSender<Arrival<H>>,
    load: Arc<Load>,
    max_events: usize,
    max_bytes: usize,
}

/// The end that the hub reads from.
pub struct Arrivals<H: Hub> {
    receiver: mpsc::UnboundedReceiver<Arrival<H>>,
    load: Arc<Load>,
}

/// What is in the inbox.
#[derive(Default)]
struct Load {
    events: AtomicUsize,
    bytes: AtomicUsize,
}

/// The inbox holds all it may.
pub struct Full;

/// Both ends of an inbox.
pub fn inbox<H: Hub>(config: &Config) -> (Inbox<H>, Arrivals<H>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let load = Arc::new(Load::default());
    let inbox = Inbox {
        sender,
        load: Arc::clone(&load),
        max_events: config.max_inbox_events,
        max_bytes: config.max_inbox_bytes,
    };
    (inbox, Arrivals { receiver, load })
}

impl<H: Hub> Inbox<H> {
    /// Adds an event, if there is room.
    pub fn push_event(
        &self,
        member: MemberId,
        session: u64,
        incoming: Incoming,
        at: Timestamp,
    ) -> Result<(), Full> {
        let bytes = incoming.n_bytes();
        let is_full = self.load.events.load(Ordering::Relaxed) >= self.max_events
            || self.load.bytes.load(Ordering::Relaxed) + bytes > self.max_bytes;
        if is_full {
            return Err(Full);
        }
        self.load.events.fetch_add(1, Ordering::Relaxed);
        self.load.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.push(Arrival::Event { member, session, incoming, at });
        Ok(())
    }

    /// Adds an arrival that may not be lost.
    pub fn push(&self, arrival: Arrival<H>) {
        // The hub outlives its members except at exit, when nobody is left to care.
        let _ = self.sender.send(arrival);
    }

    /// The right to give commands.
    pub fn commands(&self) -> Commands<H> {
        Commands(self.sender.clone())
    }

    /// The right to ask, without the right to act.
    pub fn queries(&self) -> Queries<H> {
        Queries(self.sender.clone())
    }
}

impl<H: Hub> Arrivals<H> {
    /// Moves what has arrived to `batch`, after waiting for at least one; false when nobody can write any more.
    pub async fn next(&mut self, batch: &mut Vec<Arrival<H>>, limit: usize) -> bool {
        let n = self.receiver.recv_many(batch, limit).await;
        for arrival in &batch[..] {
            if let Arrival::Event { incoming, .. } = arrival {
                self.load.events.fetch_sub(1, Ordering::Relaxed);
                self.load.bytes.fetch_sub(incoming.n_bytes(), Ordering::Relaxed);
            }
        }
        n > 0
    }
}

/// Asks about the rooms from outside, like an HTTP handler.
pub struct Queries<H: Hub>(mpsc::UnboundedSender<Arrival<H>>);

impl<H: Hub> Clone for Queries<H> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<H: Hub> Queries<H> {
    /// Runs `query` where the hub is, in turn with the events; `None` when the hub has ended.
    pub async fn ask<A, F>(&self, query: F) -> Option<A>
    where
        A: Send + 'static,
        F: FnOnce(&H, Timestamp) -> A + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let query: Query<H> = Box::new(move |hub, now| {
            // Whoever asked may have gone away.
            let _ = answer.send(query(hub, now));
        });
        self.0.send(Arrival::Query(query)).ok()?;
        answered.await.ok()
    }

    /// Runs a query for something that may have happened on another node just now: if there is nothing, once more when all
    /// that the log has by then is known here.
    pub async fn find<A, F>(&self, query: F) -> Option<Option<A>>
    where
        A: Send + 'static,
        F: Fn(&H, Timestamp) -> Option<A> + Clone + Send + 'static,
    {
        if let Some(found) = self.ask(query.clone()).await? {
            return Some(Some(found));
        }
        let (caught_up, until_caught_up) = oneshot::channel();
        self.0.send(Arrival::CatchUp(caught_up)).ok()?;
        // Its end is the answer.
        let _ = until_caught_up.await;
        self.ask(query).await
    }
}

/// Has the hub do things from outside, in the words of its commands.
pub struct Commands<H: Hub>(mpsc::UnboundedSender<Arrival<H>>);

impl<H: Hub> Clone for Commands<H> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<H: Hub> Commands<H> {
    /// Has a command done in turn with the events; `None` when the hub has ended.
    ///
    /// The answer comes as soon as the rule has run; its effects may have to wait for a write.
    pub async fn give(&self, command: H::Command) -> Option<H::Outcome> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Arrival::Command(command, answer)).ok()?;
        answered.await.ok()
    }

    /// Has a command done in turn with the events, whatever comes of it.
    pub fn order(&self, command: H::Command) {
        // A hub that has ended does nothing any more.
        let _ = self.0.send(Arrival::Command(command, oneshot::channel().0));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::rooms::test_stage::Mute;

    #[tokio::test]
    async fn the_inbox_takes_no_more_than_it_may_until_the_hub_has_read() {
        let config = Config { max_inbox_events: 3, max_inbox_bytes: 30, ..Config::default() };
        let (inbox, mut arrivals) = inbox::<Mute>(&config);
        let push = |text: &'static str| {
            let ann = MemberId::new("ann").expect("a short name");
            let incoming = Incoming::frame(Bytes::from_static(text.as_bytes()));
            inbox.push_event(ann, 0, incoming, Timestamp::default()).is_ok()
        };
        assert!(push("[\"ten bytes\"]") && push("[\"ten bytes\"]"));
        assert!(!push("[\"ten bytes\"]"), "over the bytes");
        assert!(push("[]"));
        assert!(!push("[]"), "over the number");
        let mut batch = Vec::new();
        assert!(arrivals.next(&mut batch, 8).await);
        assert_eq!(batch.len(), 3);
        assert!(push("[\"ten bytes\"]"));
    }
}
