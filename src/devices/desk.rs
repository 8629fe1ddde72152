//! Where the rules meet the spool: looks facts up, runs the rule, appends its records, and lets its effects wait.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::value::RawValue;
use tracing::{debug, error, info, warn};

use super::auth::Auth;
use super::directory::LocalFacts;
use super::hub::{Hub, Outcome};
use super::names::{DeviceId, RoomId};
use super::protocol::{MessageType, Refusal, Said};
use super::record::Record;
use super::spool::Spool;
use super::{Config, Durability};
use crate::effect::{Close, Effects, MemberId};
use crate::switchboard::{self, Census, Newcomer};
use crate::time::Timestamp;

/// The rooms, and all that they rest on.
pub struct Desk {
    hub: Hub,
    facts: LocalFacts,
    spool: Spool,
    auth: Arc<ArcSwap<Auth>>,
    durability: Durability,
    status_interval: Duration,
    status_at: Timestamp,
}

impl Desk {
    /// A desk with empty rooms.
    pub fn new(
        config: &Config,
        facts: LocalFacts,
        spool: Spool,
        auth: Arc<ArcSwap<Auth>>,
        now: Timestamp,
    ) -> Self {
        Self {
            hub: Hub::new(config.limits()),
            facts,
            spool,
            auth,
            durability: config.durability,
            status_interval: config.status_interval,
            status_at: now + config.status_interval,
        }
    }

    /// The rooms.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Where a device was last.
    pub fn last_room(&self, device: &DeviceId) -> Option<RoomId> {
        use super::facts::Facts;
        self.facts.last_room(device)
    }

    /// Whether there is such a room.
    pub fn has_room(&self, room: RoomId) -> bool {
        use super::facts::Facts;
        self.facts.has_room(room)
    }

    /// Sends a message in a device's name.
    pub fn send_as(
        &mut self,
        from: &DeviceId,
        room: RoomId,
        said: &Said<'_>,
        now: Timestamp,
    ) -> (Result<(), Refusal>, Effects) {
        match self.hub.send_as(from, room, said, &self.facts, now) {
            Ok(outcome) => (Ok(()), self.settle(outcome)),
            Err(refusal) => (Err(refusal), Effects::none()),
        }
    }

    /// Lets go of every connection of a device; gives their number.
    pub fn kick(&mut self, device: &DeviceId) -> (usize, Effects) {
        let (n, outcome) = self.hub.kick(device);
        (n, self.settle(outcome))
    }

    /// Keeps what is to be kept; what is to be done then waits for the disk.
    fn settle(&mut self, outcome: Outcome) -> Effects {
        for refusal in &outcome.refusals {
            log_refusal(refusal);
        }
        let mut last = None;
        for record in outcome.records {
            log_record(&record);
            let known = record.concerns_directory().then(|| record.clone());
            let ticket = self.spool.append(record);
            if let Some(record) = known {
                self.facts.note(ticket, record);
            }
            last = Some(ticket);
        }
        match (last, self.durability) {
            (Some(ticket), Durability::Group) => {
                let mut effects = Effects::none();
                effects.await_write(ticket);
                effects.append(outcome.effects);
                effects
            }
            (Some(_), Durability::Relaxed) | (None, _) => outcome.effects,
        }
    }

    fn tell_status(&self) {
        let (clients, rooms) = (self.hub.n_seated(), self.hub.n_rooms());
        info!("Server status: {clients} clients connected, {rooms} active rooms");
        for (id, room) in self.hub.rooms() {
            info!("Room {id}: {room}");
        }
    }
}

impl switchboard::Hub for Desk {
    fn connect(&mut self, member: MemberId, newcomer: Newcomer, now: Timestamp) -> Effects {
        let Some(grant) = self.auth.load().grant(newcomer.token.as_deref(), now) else {
            let mut effects = Effects::none();
            effects.disconnect(member, Close::Violation);
            return effects;
        };
        let outcome = self.hub.connect(member, newcomer.address, grant, now);
        self.settle(outcome)
    }

    fn handle(&mut self, from: MemberId, event: &str, payload: Option<&RawValue>, now: Timestamp) -> Effects {
        debug!(member = %from, payload = payload.map(RawValue::get), "frame");
        let outcome = self.hub.handle(from, event, payload, &self.facts, now);
        self.settle(outcome)
    }

    fn leave(&mut self, member: MemberId, now: Timestamp) -> Effects {
        let outcome = self.hub.leave(member, now);
        self.settle(outcome)
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        Some(self.hub.next_timeout().map_or(self.status_at, |at| at.min(self.status_at)))
    }

    fn handle_timeout(&mut self, now: Timestamp) -> Effects {
        if now >= self.status_at {
            self.status_at = now + self.status_interval;
            self.tell_status();
        }
        let outcome = self.hub.handle_timeout(now);
        self.settle(outcome)
    }

    fn census(&self) -> Census {
        Census { n_rooms: self.hub.n_rooms(), n_seated: self.hub.n_seated() }
    }

    fn stop(&mut self, now: Timestamp) -> Effects {
        let outcome = self.hub.stop(now);
        self.settle(outcome)
    }
}

impl Drop for Desk {
    /// The last record has been appended.
    fn drop(&mut self) {
        self.spool.close();
    }
}

fn log_record(record: &Record) {
    match record {
        Record::RoomCreated { room, .. } => info!(%room, "room created"),
        Record::Connected { device, identity, room, address, .. } => {
            info!(%device, %identity, %room, %address, "device connected");
        }
        Record::Disconnected { connection, .. } => info!(%connection, "device disconnected"),
        Record::Message(message) => {
            let kind = MessageType::of(message.to.as_ref()).name();
            info!(from = %message.from, room = %message.room, kind, "message forwarded");
        }
        Record::DeviceSeen { .. } | Record::RoomQuery { .. } | Record::Collected { .. } => {}
    }
}

fn log_refusal(refusal: &Refusal) {
    match refusal {
        Refusal::RoomNotFound(_) | Refusal::TargetNotFound(_) => warn!("{refusal}"),
        Refusal::StorageUnavailable => error!("a message was refused: the spool takes no more"),
        Refusal::MissingIdentity
        | Refusal::MissingDeviceId
        | Refusal::InvalidFirstFrame
        | Refusal::InvalidFrame
        | Refusal::MissingFields
        | Refusal::InvalidContent => error!("bad frame: {refusal}"),
        Refusal::IdentificationTimeout | Refusal::NotThisDevice => info!("{refusal}"),
    }
}
