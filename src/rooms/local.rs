//! A lone node: the rules run at once, in the order of arrivals, and rooms are kept on disk if they are kept at all.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use tracing::debug;

use super::inbox::Arrival;
use super::incoming::unread;
use super::members::Members;
use super::sequencer::Sequencer;
use super::snapshot_store::{Flush, SnapshotStore};
use super::write_barrier::Decision;
use super::{Departure, Hub};
use crate::effect::{Effect, Effects};
use crate::runtime::Clock;
use crate::time::Timestamp;

/// The only node of a service.
pub struct Local<H: Hub> {
    hub: H,
    members: Members<H::Record>,
    /// What the rules are told.
    clock: Clock,
    snapshots: Option<SnapshotStore>,
    timer: Pin<Box<Sleep>>,
    timer_is_for: Option<Timestamp>,
}

impl<H: Hub> Local<H> {
    /// A node that goes on with the rooms of the process before, if they were kept.
    pub fn new(
        mut hub: H,
        members: Members<H::Record>,
        clock: Clock,
        mut snapshots: Option<SnapshotStore>,
    ) -> Self {
        hub.set_wall(clock.offset());
        if let Some(snapshots) = &mut snapshots {
            snapshots.restore(&mut hub, clock.now());
        }
        let timer = Box::pin(sleep_until(Instant::now()));
        Self { hub, members, clock, snapshots, timer, timer_is_for: None }
    }

    fn perform(&mut self, decision: Decision<H::Record>) {
        let effects = self.hub.persist(decision.effects);
        self.members.perform(Decision { effects, ..decision });
    }

    fn keep(&mut self, flush: Flush) -> bool {
        self.snapshots.as_mut().is_some_and(|snapshots| snapshots.keep(&mut self.hub, flush))
    }
}

impl<H: Hub> Sequencer<H> for Local<H> {
    type Due = ();

    fn hub(&self) -> &H {
        &self.hub
    }

    fn members(&mut self) -> &mut Members<H::Record> {
        &mut self.members
    }

    fn begin(&mut self) {
        self.hub.set_wall(self.clock.offset());
    }

    fn take(&mut self, arrival: Arrival<H>) {
        let (hub, now) = (&mut self.hub, self.clock.now());
        let decision = match arrival {
            Arrival::Query(query) => return query(hub, now),
            // All is known here that is known anywhere: whoever waits is told at once.
            Arrival::CatchUp(_) => return,
            Arrival::KeepAlive { member, .. } => return hub.heard(member, now),
            Arrival::Connected { member, mut handshake, .. } => {
                let is_known = hub.members().contains(&member);
                let mut effects =
                    if is_known { hub.leave(member, Departure::CutOff, now) } else { Effects::none() };
                match hub.admit(member, &mut handshake, now) {
                    Ok(()) => effects.append(hub.connect(member, *handshake, now)),
                    Err(refusal) => effects.append(refusal),
                }
                Decision::of(effects)
            }
            Arrival::Event { member, incoming, at, .. } => {
                debug!(%member, event = incoming.id, "event taken");
                let effects = match incoming.read() {
                    Some(event) => hub.handle(member, &event.name, event.payload, now),
                    None => unread(),
                };
                let asker = incoming.ack.map(|id| (member, id));
                Decision { effects, asker, arrived_at: Some(at), event: incoming.id }
            }
            Arrival::Disconnected { member, departure, .. } => {
                Decision::of(hub.leave(member, departure, now))
            }
            Arrival::Command(command, answer) => {
                let (outcome, effects) = hub.command(command, now);
                // Whoever gave it may have gone away.
                let _ = answer.send(outcome);
                Decision::of(effects)
            }
        };
        if let Some(snapshots) = &mut self.snapshots {
            for effect in &decision.effects {
                if let Effect::Forget(erasure) = effect {
                    snapshots.forget(&erasure.name, &self.members.reports);
                }
            }
        }
        self.perform(decision);
    }

    /// A timer of the rules.
    async fn due(&mut self) {
        let due = self.hub.next_timeout();
        let Some(moment) = due else { return pending().await };
        if due != self.timer_is_for {
            self.timer.as_mut().reset(self.clock.instant_of(moment));
            self.timer_is_for = due;
        }
        self.timer.as_mut().await;
    }

    async fn handle(&mut self, (): ()) {
        self.begin();
        let effects = self.hub.handle_timeout(self.clock.now());
        self.perform(Decision::of(effects));
        self.timer_is_for = None;
    }

    fn tick(&mut self) -> bool {
        // The next timer may be due at another moment.
        self.begin();
        self.keep(Flush::Soon)
    }

    async fn stop(&mut self, _patience: Duration) {
        self.begin();
        let effects = self.hub.stop(self.clock.now());
        self.perform(Decision::of(effects));
        self.keep(Flush::Last);
    }
}
