//! Where the rules meet the spool: looks facts up, runs the rule, appends its records and lets its effects wait.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use tracing::{debug, info};

use super::all_facts::{AllFacts, Shared};
use super::auth::Auth;
use super::directory::LocalFacts;
use super::evidence::{Evidence, Witness};
use super::facts::Facts as _;
use super::hub::{self, Grant, Hub};
use super::late::LateErasures;
use super::outcome::Outcome;
use super::protocol::client_frames::ClientFrame;
use super::protocol::names::{DeviceId, GivenId, RoomId};
use super::protocol::{MessageType, Refusal, STORAGE_UNAVAILABLE};
use super::record::{Record, RecordId};
use super::room::Room;
use super::shared_index::SharedIndex;
use super::spool::Spool;
use super::{Config, Durability};
use crate::control::Executed;
use crate::effect::{Close, Effect, Effects, Erasure, MemberId};
use crate::rooms::{self, Asked, Census, Departure, Handshake, IsVoid, Seed, TrackedMap};
use crate::time::{Timestamp, WallOffset};

/// The rooms, and all that they rest on.
pub struct DurableHub {
    hub: Hub,
    facts: LocalFacts,
    /// What all nodes know, if there are others.
    shared: Option<Shared>,
    spool: Spool,
    auth: Arc<ArcSwap<Auth>>,
    durability: Durability,
    status_interval: Duration,
    status_at: Timestamp,
    /// Records are written down with the wall clock's time.
    wall: WallOffset,
    /// Who was just erased, until records that wait for other nodes are looked through.
    erased: Option<DeviceId>,
    /// Which erasures are in the spool here too, or done.
    executed: Executed,
    late: Arc<LateErasures>,
}

/// What is done from outside.
#[derive(Debug, Serialize, Deserialize)]
pub enum Command {
    /// Sends a message in a device's name.
    Send {
        /// The device.
        from: GivenId,
        /// Where.
        room: RoomId,
        /// The whole message.
        whole: Box<RawValue>,
    },
    /// Lets go of every connection of a device.
    Kick(DeviceId),
    /// Takes a device out of all that is kept, on every node.
    Erase(DeviceId),
}

/// What came of it.
pub enum Done {
    /// Whether a message was sent.
    Sent(Result<(), Refusal>),
    /// How many connections were let go.
    Kicked(usize),
    /// How many connections were let go of; the rest is erased when the spool comes to it.
    Erasing(usize),
}

/// A record, with the name that it has on all nodes if there are others.
#[derive(Debug)]
pub struct Entry {
    id: Option<RecordId>,
    record: Record,
}

impl DurableHub {
    /// A durable hub with empty rooms; with the secret of all nodes if there are others.
    pub fn new(
        config: &Config,
        facts: LocalFacts,
        shared: Option<&Seed>,
        spool: Spool,
        auth: Arc<ArcSwap<Auth>>,
        late: Arc<LateErasures>,
        now: Timestamp,
    ) -> Self {
        let shared = shared.map(Shared::new);
        Self {
            hub: Hub::new(config.limits()),
            facts,
            shared,
            spool,
            auth,
            durability: config.durability,
            status_interval: config.status_interval,
            status_at: now + config.status_interval,
            wall: WallOffset::default(),
            erased: None,
            executed: Executed::open(&config.erasures()),
            late,
        }
    }

    /// The rooms.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Where a device was last.
    pub fn last_room(&self, device: &DeviceId) -> Option<RoomId> {
        let last = self.shared.as_ref().and_then(|shared| shared.index.last_room(device));
        last.or_else(|| self.facts.last_room(device))
    }

    /// Whether there is such a room.
    pub fn has_room(&self, room: RoomId) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.index.has_room(room)) || self.facts.has_room(room)
    }

    fn send_as(
        &mut self,
        from: &GivenId,
        room: RoomId,
        whole: &RawValue,
        now: Timestamp,
    ) -> (Result<(), Refusal>, Effects<Entry>) {
        let Some(device) = from.device() else { return (Err(Refusal::MissingDeviceId), Effects::none()) };
        let at = self.wall.wall(now);
        let said = match ClientFrame::read("message", Some(whole)) {
            Ok(ClientFrame::Message(said)) => said,
            Ok(ClientFrame::QueryRoom) => return (Ok(()), Effects::none()),
            Err(refusal) => return (Err(refusal), Effects::none()),
        };
        let (hub, facts) = self.split();
        match hub.send_as(&device, from.spelling, room, &said, &facts, at) {
            Ok(outcome) => (Ok(()), self.draft(outcome)),
            Err(refusal) => (Err(refusal), Effects::none()),
        }
    }

    /// Each node has a spool of its own, so each writes down that the device is erased.
    fn erase_device(&mut self, device: DeviceId, now: Timestamp) -> (Done, Effects<Entry>) {
        let at = self.wall.wall(now);
        let (n, outcome) = self.hub.erase(&device, at);
        let mut effects = self.draft(outcome);
        let record = Record::Erased { device: device.clone(), at };
        if let Some(shared) = &mut self.shared {
            shared.index.note(&record);
            effects.push(Effect::Forget(Erasure::new(device.as_str(), at)));
            self.executed.begin(at);
            self.erased = Some(device);
        }
        self.append(None, record);
        (Done::Erasing(n), effects)
    }

    fn split(&mut self) -> (&mut Hub, AllFacts<'_>) {
        let facts = match &self.shared {
            Some(shared) => AllFacts::Shared(shared),
            None => AllFacts::Local(&self.facts),
        };
        (&mut self.hub, facts)
    }

    /// What the rules want, with what is to be written down first.
    fn draft(&mut self, outcome: Outcome) -> Effects<Entry> {
        let mut effects = Effects::none();
        for record in outcome.records {
            let id = self.shared.as_mut().map(|shared| {
                shared.index.note(&record);
                shared.draw_id()
            });
            effects.append_record(Entry { id, record });
        }
        effects.append(outcome.effects.with_records());
        effects
    }

    /// Appends a record; it is on disk once the write of that number is.
    fn append(&mut self, id: Option<RecordId>, mut record: Record) -> u64 {
        log_record(&record);
        if let (Record::Message(message), Some(_)) = (&mut record, &self.shared) {
            // Whichever node the device returns to has it from the shared index.
            message.waiting = None;
        }
        let known = record.concerns_directory().then(|| record.clone());
        let sequence = self.spool.append_as(id, record);
        if let Some(record) = known {
            self.facts.note(sequence, record);
        }
        sequence
    }

    fn tell_status(&self) {
        let (clients, rooms) = (self.hub.n_seated(), self.hub.n_rooms());
        info!("Server status: {clients} clients connected, {rooms} active rooms");
        for (id, room) in self.hub.all_rooms() {
            info!("Room {id}: {room}");
        }
    }
}

impl rooms::Hub for DurableHub {
    type RoomId = RoomId;
    type Room = Room;
    type Member = hub::Member;
    type Command = Command;
    type Outcome = Done;
    type Record = Entry;

    fn set_wall(&mut self, wall: WallOffset) {
        self.wall = wall;
        self.hub.set_wall(wall);
    }

    /// Keys and tokens stay with the node that they come to: what they grant takes their place.
    fn admit(
        &self,
        member: MemberId,
        handshake: &mut Handshake,
        now: Timestamp,
    ) -> Result<(), Effects<Entry>> {
        let Some(grant) = self.auth.load().grant(handshake.token.as_deref(), self.wall.wall(now)) else {
            let mut effects = Effects::none();
            effects.disconnect(member, Close::Violation);
            return Err(effects);
        };
        handshake.token = Some(serde_json::to_string(&grant).expect("a grant is plain data").into());
        Ok(())
    }

    fn connect(&mut self, member: MemberId, handshake: Handshake, now: Timestamp) -> Effects<Entry> {
        let granted = handshake.token.and_then(|token| serde_json::from_str::<Grant>(&token).ok());
        let Some(grant) = granted else { return Effects::none() };
        let outcome = self.hub.connect(member, handshake.address, grant, now);
        self.draft(outcome)
    }

    fn handle(
        &mut self,
        from: MemberId,
        event: &str,
        payload: Option<&RawValue>,
        now: Timestamp,
    ) -> Effects<Entry> {
        debug!(member = %from, bytes = payload.map_or(0, |payload| payload.get().len()), "frame");
        let at = self.wall.wall(now);
        let (hub, facts) = self.split();
        let outcome = hub.handle(from, event, payload, &facts, at);
        self.draft(outcome)
    }

    fn leave(&mut self, member: MemberId, _: Departure, now: Timestamp) -> Effects<Entry> {
        let outcome = self.hub.leave(member, self.wall.wall(now));
        self.draft(outcome)
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        Some(self.hub.next_timeout().map_or(self.status_at, |at| at.min(self.status_at)))
    }

    fn handle_timeout(&mut self, now: Timestamp) -> Effects<Entry> {
        if now >= self.status_at {
            self.status_at = now + self.status_interval;
            self.tell_status();
        }
        let outcome = self.hub.handle_timeout(now);
        self.draft(outcome)
    }

    fn tick(&mut self, now: Timestamp) -> Effects<Entry> {
        if let Some(shared) = &mut self.shared {
            shared.index.forget_old(now);
        }
        self.handle_timeout(now)
    }

    fn command(&mut self, command: Command, now: Timestamp) -> (Done, Effects<Entry>) {
        match command {
            Command::Send { from, room, whole } => {
                let (sent, effects) = self.send_as(&from, room, &whole, now);
                (Done::Sent(sent), effects)
            }
            Command::Kick(device) => {
                let (n, outcome) = self.hub.kick(&device);
                (Done::Kicked(n), self.draft(outcome))
            }
            Command::Erase(device) => self.erase_device(device, now),
        }
    }

    fn evidence(&self, input: Asked<'_, Command>, now: Timestamp) -> Option<Box<RawValue>> {
        let shared_index = &self.shared.as_ref()?.index;
        let witness = Witness { hub: &self.hub, shared_index, local: &self.facts, steady: now };
        let evidence = match input {
            Asked::Event(member, event, payload) => witness.of_frame(member, event, payload),
            Asked::Command(Command::Send { from, room, whole }) => {
                match ClientFrame::read("message", Some(whole)) {
                    Ok(ClientFrame::Message(said)) => {
                        witness.of_message(from.device().as_ref(), *room, &said)
                    }
                    Ok(ClientFrame::QueryRoom) | Err(_) => return None,
                }
            }
            Asked::Command(Command::Kick(_) | Command::Erase(_)) => return None,
        };
        (evidence != Evidence::default()).then(|| to_raw_value(&evidence).expect("names are plain data"))
    }

    fn set_evidence(&mut self, evidence: Option<&RawValue>) {
        if let Some(shared) = &mut self.shared {
            let read = evidence.and_then(|evidence| serde_json::from_str(evidence.get()).ok());
            shared.evidence = read.unwrap_or_default();
        }
    }

    fn take_void(&mut self) -> Option<IsVoid<Entry>> {
        let device = self.erased.take()?;
        Some(Box::new(move |entry| entry.record.names(&device)))
    }

    fn persist(&mut self, effects: Effects<Entry>) -> Effects<Entry> {
        let (mut appended, mut rest) = (Effects::none(), Effects::none());
        let mut last = None;
        let mut is_full = false;
        for effect in effects {
            match effect {
                Effect::Append(Entry { id, record }) => {
                    let sequence = self.append(id, record);
                    appended.appended(sequence);
                    last = Some(sequence);
                }
                effect => {
                    is_full |=
                        matches!(&effect, Effect::Refused(refused) if refused.code == STORAGE_UNAVAILABLE);
                    rest.push(effect);
                }
            }
        }
        match (last, self.durability) {
            (Some(sequence), Durability::Group) => appended.await_sync(sequence),
            // What waits for the disk may wait for long.
            (None, _) if is_full => appended.await_nothing(),
            (Some(_), Durability::Relaxed) | (None, _) => {}
        }
        appended.append(rest);
        appended
    }

    fn census(&self) -> Census {
        self.hub.census()
    }

    fn stop(&mut self, now: Timestamp) -> Effects<Entry> {
        let outcome = self.hub.stop(self.wall.wall(now));
        self.draft(outcome)
    }

    fn room_id(text: &str) -> Option<RoomId> {
        RoomId::new(text)
    }

    fn rooms(&mut self) -> &mut TrackedMap<RoomId, Room> {
        self.hub.rooms()
    }

    fn members(&mut self) -> &mut TrackedMap<MemberId, hub::Member> {
        self.hub.members()
    }

    fn occupants(room: &Room) -> Vec<MemberId> {
        room.others(None)
    }

    fn on_member_lost(&mut self, member: MemberId, room: &RoomId, now: Timestamp) -> Effects<Entry> {
        let outcome = self.hub.vacate(member, *room, self.wall.wall(now));
        self.hub.silence(member);
        self.draft(outcome)
    }

    fn evict(&mut self, member: MemberId, _room: &RoomId) {
        self.hub.silence(member);
    }

    fn facts(&mut self) -> Option<&mut TrackedMap<String, String>> {
        self.shared.as_mut().map(|shared| &mut shared.index.facts)
    }

    fn merge(fact: &str, theirs: &str, ours: &str) -> String {
        SharedIndex::merge(fact, theirs, ours)
    }

    fn seed(&mut self, now: Timestamp, offset: u64) {
        if let Some(shared) = &mut self.shared {
            shared.rng.get_mut().begin(now, offset);
        }
    }

    fn restored(&mut self, _now: Timestamp) {
        self.hub.restored();
        let Some(shared) = &mut self.shared else { return };
        shared.index.restored();
    }

    fn erase(&mut self, name: &str, now: Timestamp) -> Effects<Entry> {
        DeviceId::new(name).map_or_else(Effects::none, |device| self.erase_device(device, now).1)
    }

    /// What was erased while this node was away is in its spool still, and may have come into the database from there.
    fn catch_up(&mut self, erasures: &[Erasure]) {
        for erasure in erasures {
            let Some(device) = DeviceId::new(&erasure.name) else { continue };
            if self.executed.has(erasure.at) {
                continue;
            }
            self.executed.begin(erasure.at);
            self.late.add(device.clone(), erasure.at);
            self.append(None, Record::Erased { device, at: erasure.at });
        }
        self.late.are_known();
    }
}

impl Drop for DurableHub {
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
        Record::DeviceSeen { .. }
        | Record::DeviceNamed { .. }
        | Record::RoomQuery { .. }
        | Record::Collected { .. }
        | Record::Revoked { .. }
        | Record::Erased { .. } => {}
    }
}

#[cfg(test)]
mod tests;
