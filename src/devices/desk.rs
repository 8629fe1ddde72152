//! Where the rules meet the spool: looks facts up, runs the rule, and once it is known to hold, appends its records and
//! lets its effects wait.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::value::RawValue;
use tracing::{debug, error, info, warn};

use super::auth::Auth;
use super::commons::Commons;
use super::directory::LocalFacts;
use super::facts::{Facts, Storage};
use super::fields::Said;
use super::hub::{self, Hub};
use super::names::{DeviceId, GivenId, RoomId};
use super::outcome::Outcome;
use super::protocol::{MessageType, Refusal};
use super::record::{Record, RecordId};
use super::room::Room;
use super::spool::Spool;
use super::{Config, Durability};
use crate::effect::{Close, Effect, Effects, MemberId};
use crate::logging::brief;
use crate::switchboard::{self, Census, Ledger, Newcomer, Shared};
use crate::time::{Timestamp, WallOffset};

/// The rooms, and all that they rest on.
pub struct Desk {
    hub: Hub,
    facts: LocalFacts,
    /// What other nodes know too, if there are any.
    commons: Option<Commons>,
    /// Connections to the other nodes, as they tell.
    n_elsewhere: u64,
    spool: Spool,
    auth: Arc<ArcSwap<Auth>>,
    durability: Durability,
    status_interval: Duration,
    status_at: Timestamp,
    /// Records are written down with the wall clock's time.
    wall: WallOffset,
}

/// What is to be written down: in the spool, or in the log.
#[derive(Clone)]
enum Entry {
    Record(Record),
    Refusal(Refusal),
}

impl Desk {
    /// A desk with empty rooms; with `commons` if there are other nodes.
    pub fn new(
        config: &Config,
        facts: LocalFacts,
        commons: Option<Commons>,
        spool: Spool,
        auth: Arc<ArcSwap<Auth>>,
        now: Timestamp,
    ) -> Self {
        Self {
            hub: Hub::new(config.limits()),
            facts,
            commons,
            n_elsewhere: 0,
            spool,
            auth,
            durability: config.durability,
            status_interval: config.status_interval,
            status_at: now + config.status_interval,
            wall: WallOffset::default(),
        }
    }

    /// The rooms.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Connections on all nodes, in a room or not.
    pub fn n_connections(&self) -> u64 {
        self.hub.n_members() as u64 + self.n_elsewhere
    }

    /// Where a device was last.
    pub fn last_room(&self, device: &DeviceId) -> Option<RoomId> {
        self.split().1.last_room(device)
    }

    /// Whether there is such a room.
    pub fn has_room(&self, room: RoomId) -> bool {
        self.split().1.has_room(room)
    }

    /// Sends a message in a device's name.
    pub fn send_as(
        &mut self,
        from: &GivenId,
        room: RoomId,
        said: &Said<'_>,
        now: Timestamp,
    ) -> (Result<(), Refusal>, Effects) {
        let Some(device) = from.device() else { return (Err(Refusal::MissingDeviceId), Effects::none()) };
        let at = self.wall.wall(now);
        let (hub, facts) = self.split_mut();
        match hub.send_as(&device, from.spelling, room, said, &facts, at) {
            Ok(outcome) => (Ok(()), self.draft(outcome)),
            Err(refusal) => (Err(refusal), Effects::none()),
        }
    }

    /// Lets go of every connection of a device; gives their number.
    pub fn kick(&mut self, device: &DeviceId) -> (usize, Effects) {
        let (n, outcome) = self.hub.kick(device);
        (n, self.draft(outcome))
    }

    fn split(&self) -> (&Hub, AllFacts<'_>) {
        (&self.hub, AllFacts { local: &self.facts, commons: self.commons.as_ref() })
    }

    fn split_mut(&mut self) -> (&mut Hub, AllFacts<'_>) {
        (&mut self.hub, AllFacts { local: &self.facts, commons: self.commons.as_ref() })
    }

    /// What the rules want, with what is to be written down first.
    fn draft(&mut self, outcome: Outcome) -> Effects {
        let mut effects = Effects::none();
        for refusal in outcome.refusals {
            effects.keep(Entry::Refusal(refusal));
        }
        for record in outcome.records {
            if let Some(commons) = &mut self.commons {
                commons.note(&record);
            }
            effects.keep(Entry::Record(record));
        }
        effects.append(outcome.effects);
        effects
    }

    /// Appends a record; it is on disk once the write of that number is.
    fn append(&mut self, mut record: Record) -> u64 {
        log_record(&record);
        if let (Record::Message(message), Some(_)) = (&mut record, &self.commons) {
            // Whichever node the device returns to has it from the commons.
            message.waiting = None;
        }
        let known = record.concerns_directory().then(|| record.clone());
        let ticket = self.spool.append(record);
        if let Some(record) = known {
            self.facts.note(ticket, record);
        }
        ticket
    }

    fn tell_status(&self) {
        let (clients, rooms) = (self.hub.n_seated(), self.hub.n_rooms());
        info!("Server status: {clients} clients connected, {rooms} active rooms");
        for (id, room) in self.hub.all_rooms() {
            info!("Room {id}: {room}");
        }
    }
}

/// What this machine knows, and what all nodes do.
struct AllFacts<'a> {
    local: &'a LocalFacts,
    commons: Option<&'a Commons>,
}

impl Facts for AllFacts<'_> {
    fn are_complete(&self) -> bool {
        self.local.are_complete()
    }

    fn has_room(&self, room: RoomId) -> bool {
        self.local.has_room(room) || self.commons.is_some_and(|commons| commons.has_room(room))
    }

    fn last_room(&self, device: &DeviceId) -> Option<RoomId> {
        // It may have been elsewhere since it was here.
        let last = self.commons.and_then(|commons| commons.last_room(device));
        last.or_else(|| self.local.last_room(device))
    }

    fn was_said(&self, device: &DeviceId, identity: RecordId) -> bool {
        match self.commons {
            // What is written down here may have been revoked.
            Some(commons) => commons.was_said(identity),
            None => self.local.was_said(device, identity),
        }
    }

    fn waiting(&self, device: &DeviceId, room: RoomId) -> Vec<Box<str>> {
        match self.commons {
            Some(commons) => commons.waiting(device, room),
            None => self.local.waiting(device, room),
        }
    }

    fn storage(&self, bytes: usize) -> Storage {
        self.local.storage(bytes)
    }

    fn new_room(&self) -> RoomId {
        self.local.new_room()
    }

    fn new_connection(&self) -> RecordId {
        self.local.new_connection()
    }
}

impl switchboard::Hub for Desk {
    fn set_wall(&mut self, wall: WallOffset) {
        self.wall = wall;
        self.hub.set_wall(wall);
    }

    fn connect(&mut self, member: MemberId, newcomer: Newcomer, now: Timestamp) -> Effects {
        let Some(grant) = self.auth.load().grant(newcomer.token.as_deref(), self.wall.wall(now)) else {
            let mut effects = Effects::none();
            effects.disconnect(member, Close::Violation);
            return effects;
        };
        let outcome = self.hub.connect(member, newcomer.address, grant, now);
        self.draft(outcome)
    }

    fn handle(&mut self, from: MemberId, event: &str, payload: Option<&RawValue>, now: Timestamp) -> Effects {
        debug!(member = %from, bytes = payload.map_or(0, |payload| payload.get().len()), "frame");
        let at = self.wall.wall(now);
        let (hub, facts) = self.split_mut();
        let outcome = hub.handle(from, event, payload, &facts, at);
        self.draft(outcome)
    }

    fn leave(&mut self, member: MemberId, now: Timestamp) -> Effects {
        let outcome = self.hub.leave(member, self.wall.wall(now));
        self.draft(outcome)
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
        self.draft(outcome)
    }

    fn settle(&mut self, effects: Effects) -> Effects {
        if !effects.iter().any(|effect| matches!(effect, Effect::Keep(_))) {
            return effects;
        }
        let (mut kept, mut rest) = (Effects::none(), Effects::none());
        let mut last = None;
        let mut is_full = false;
        for effect in effects {
            let Effect::Keep(draft) = effect else {
                rest.push(effect);
                continue;
            };
            match draft.open() {
                Some(Entry::Refusal(refusal)) => {
                    log_refusal(&refusal);
                    is_full |= matches!(refusal, Refusal::StorageUnavailable);
                }
                Some(Entry::Record(record)) => {
                    let ticket = self.append(record);
                    kept.kept(ticket);
                    last = Some(ticket);
                }
                None => {}
            }
        }
        match (last, self.durability) {
            (Some(ticket), Durability::Group) => kept.await_write(ticket),
            // What waits for the disk may wait for long.
            (None, _) if is_full => kept.await_nothing(),
            (Some(_), Durability::Relaxed) | (None, _) => {}
        }
        kept.append(rest);
        kept
    }

    fn census(&self) -> Census {
        self.hub.census()
    }

    fn stop(&mut self, now: Timestamp) -> Effects {
        let outcome = self.hub.stop(self.wall.wall(now));
        self.draft(outcome)
    }
}

impl Shared for Desk {
    type RoomId = RoomId;
    type Room = Room;
    type Member = hub::Member;

    fn room_id(text: &str) -> Option<RoomId> {
        RoomId::new(text)
    }

    fn rooms(&mut self) -> &mut Ledger<RoomId, Room> {
        self.hub.rooms()
    }

    fn members(&mut self) -> &mut Ledger<MemberId, hub::Member> {
        self.hub.members()
    }

    fn occupants(room: &Room) -> Vec<MemberId> {
        room.others(None)
    }

    fn lose(&mut self, member: MemberId, room: &RoomId, now: Timestamp) -> Effects {
        let outcome = self.hub.vacate(member, *room, self.wall.wall(now));
        self.hub.silence(member);
        self.draft(outcome)
    }

    fn unseat(&mut self, member: MemberId, _room: &RoomId) {
        self.hub.silence(member);
    }

    fn due(&self, _now: Timestamp) -> Vec<RoomId> {
        Vec::new()
    }

    fn sweep(&mut self, _room: &RoomId, _now: Timestamp) -> Effects {
        Effects::none()
    }

    fn upkeep(&mut self, now: Timestamp) -> Effects {
        switchboard::Hub::handle_timeout(self, now)
    }

    fn facts(&mut self) -> Option<&mut Ledger<String, String>> {
        self.commons.as_mut().map(|commons| &mut commons.ledger)
    }

    fn lifetime(&self, fact: &str) -> Option<Duration> {
        Commons::lifetime(fact)
    }

    fn merge(fact: &str, theirs: &str, ours: &str) -> String {
        Commons::merge(fact, theirs, ours)
    }

    fn figures(&self) -> Vec<u64> {
        vec![self.hub.n_members() as u64]
    }

    fn hear_figures(&mut self, others: HashMap<String, Vec<u64>>) {
        self.n_elsewhere = others.values().filter_map(|figures| figures.first()).sum();
    }

    fn propose(&mut self) {
        self.spool.propose();
    }

    fn revoke(&mut self, effects: &Effects, now: Timestamp) {
        let kept = |effect: &Effect| if let Effect::Kept(ticket) = effect { Some(*ticket) } else { None };
        let tickets: Vec<u64> = effects.iter().filter_map(kept).collect();
        if !tickets.is_empty() {
            self.spool.revoke(&tickets, self.wall.wall(now));
        }
    }

    fn confirm(&mut self) {
        self.spool.confirm();
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
        Record::DeviceSeen { .. }
        | Record::DeviceNamed { .. }
        | Record::RoomQuery { .. }
        | Record::Collected { .. }
        | Record::Revoked { .. } => {}
    }
}

fn log_refusal(refusal: &Refusal) {
    match refusal {
        Refusal::RoomNotFound(room) => warn!("Room {} does not exist", brief(room)),
        Refusal::TargetNotFound(target) => warn!("Target device {} not found in room", brief(target)),
        Refusal::OfflineQueueFull(device) => warn!("Offline queue of device {} is full", brief(device)),
        Refusal::RoomFull(_) => warn!("{refusal}"),
        Refusal::StorageUnavailable => error!("a message was refused: the spool takes no more"),
        Refusal::MissingIdentity
        | Refusal::MissingDeviceId
        | Refusal::InvalidFirstFrame
        | Refusal::InvalidFrame
        | Refusal::MissingFields
        | Refusal::InvalidContent
        | Refusal::ReservedType
        | Refusal::MessageIdTooLong
        | Refusal::InvalidMessageId => warn!("bad frame: {refusal}"),
        Refusal::IdentificationTimeout | Refusal::NotThisDevice | Refusal::TokenExpired => info!("{refusal}"),
        // There are as many as somebody likes to send; they are counted.
        Refusal::RateLimited => debug!("{refusal}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::devices::directory::Directory;
    use crate::devices::spool::{self, Limits};
    use crate::effect::Effect;
    use crate::runtime::{self, Clock, Context};
    use crate::switchboard::Hub as _;
    use crate::switchboard::stage::{START, member};

    fn desk(durability: Durability, folder: &Path) -> Desk {
        let config = Config { durability, ..Config::default() };
        let directory = || Directory::open(&folder.join("directory.db")).unwrap();
        let context = Context::new(Clock::start(), &runtime::Config::default());
        let limits = Limits { max_bytes: 64 << 20, segment_bytes: 1 << 20 };
        let lock = spool::lock(folder).unwrap();
        let (spool, _) = Spool::open(folder, [7; 8], limits, directory(), lock, context.token()).unwrap();
        let facts = LocalFacts::new(directory(), spool.clone(), tokio::sync::watch::channel(true).1);
        let auth = Arc::new(ArcSwap::from_pointee(config.auth().unwrap()));
        Desk::new(&config, facts, None, spool, auth, START)
    }

    #[test]
    fn others_are_told_after_the_disk_unless_durability_is_relaxed() {
        for (durability, waits) in [(Durability::Group, true), (Durability::Relaxed, false)] {
            let folder = tempfile::tempdir().unwrap();
            let mut desk = desk(durability, folder.path());
            let newcomer = Newcomer { address: [10, 0, 0, 1].into(), token: None };
            desk.connect(member("ann"), newcomer, START);
            let named = RawValue::from_string(r#"{"device_id":"d1","identity":"x"}"#.into()).unwrap();
            let effects = desk.handle(member("ann"), "", Some(&named), START);
            let effects = desk.settle(effects);
            let told = effects.iter().position(|effect| matches!(effect, Effect::Emit { .. })).unwrap();
            let awaited = effects.iter().position(|effect| matches!(effect, Effect::AwaitWrite(_)));
            assert_eq!(awaited.is_some_and(|awaited| awaited < told), waits, "{durability:?}: {effects:?}");
        }
    }
}
