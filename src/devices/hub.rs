//! All device rooms, and who sits where. Pure: time and facts come in, records and frames go out.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use serde_json::value::{RawValue, to_raw_value};

use super::facts::{Facts, Storage};
use super::names::{DeviceId, RoomId};
use super::protocol::{
    ClientFrame, Delivery, Identification, MessageType, Refusal, RoomStatus, Said, ServerEvent,
};
use super::record::{Message, Record};
use super::room::{ClientReport, Room, RoomReport, Seat};
use crate::effect::{Close, Effects, Frame, MemberId};
use crate::switchboard::{Census, Ledger};
use crate::time::{Timestamp, WallOffset};

/// What comes of something: first the records are kept, then the effects performed.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is to be written down, in order.
    pub records: Vec<Record>,
    /// What is to be done after that.
    pub effects: Effects,
    /// What was refused, for the log.
    pub refusals: Vec<Refusal>,
}

/// Who may be who.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Any device.
    AnyDevice,
    /// That one.
    Device(DeviceId),
    /// That one, until then by the wall clock.
    DeviceUntil(DeviceId, Timestamp),
}

impl Grant {
    fn permits(&self, device: &DeviceId) -> bool {
        match self {
            Self::AnyDevice => true,
            Self::Device(own) | Self::DeviceUntil(own, _) => own == device,
        }
    }

    fn until(&self) -> Option<Timestamp> {
        match self {
            Self::AnyDevice | Self::Device(_) => None,
            Self::DeviceUntil(_, until) => Some(*until),
        }
    }
}

/// Every room with somebody in it, and every connection.
pub struct Hub {
    rooms: Ledger<RoomId, Room>,
    members: Ledger<MemberId, Member>,
    /// Connections that have not said who they are, in the order of their deadlines.
    nameless: VecDeque<(Timestamp, MemberId)>,
    /// Connections whose tokens end, and when by the wall clock.
    ending: BTreeSet<(Timestamp, MemberId)>,
    wall: WallOffset,
    limits: Limits,
}

/// What the rules go by.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a connection may take to say who it is.
    pub identification: Duration,
    /// Direct messages that are kept for an absent device; 0 keeps none.
    pub offline_queue: usize,
}

/// A connection, in a room or not.
#[derive(Debug, Clone)]
pub struct Member {
    address: IpAddr,
    grant: Grant,
    room: Option<RoomId>,
}

impl Hub {
    /// No rooms, nobody connected.
    pub fn new(limits: Limits) -> Self {
        Self {
            rooms: Ledger::default(),
            members: Ledger::default(),
            nameless: VecDeque::new(),
            ending: BTreeSet::new(),
            wall: WallOffset::default(),
            limits,
        }
    }

    /// How the wall clock stands to the time of deadlines.
    pub fn set_wall(&mut self, wall: WallOffset) {
        self.wall = wall;
    }

    /// Greets a connection.
    pub fn connect(&mut self, member: MemberId, address: IpAddr, grant: Grant, now: Timestamp) -> Outcome {
        self.ending.extend(grant.until().map(|until| (until, member)));
        self.members.insert(member, Member { address, grant, room: None });
        self.nameless.push_back((now + self.limits.identification, member));
        let mut outcome = Outcome::default();
        outcome.effects.tell(member, ServerEvent::greeting().frame());
        outcome
    }

    /// Takes a frame, at a time of the wall clock, which is that of all records: the first says who it is, later ones are messages and questions.
    pub fn handle(
        &mut self,
        from: MemberId,
        event: &str,
        payload: Option<&RawValue>,
        facts: &impl Facts,
        now: Timestamp,
    ) -> Outcome {
        let Some(member) = self.members.get(&from) else { return Outcome::default() };
        let answered = match member.room {
            None => Identification::read(payload).and_then(|named| self.identify(from, named, facts, now)),
            Some(room) => ClientFrame::read(event, payload).and_then(|frame| match frame {
                ClientFrame::QueryRoom => self.tell_room(from, room, facts, now),
                ClientFrame::Message(said) => self.relay(from, room, &said, facts, now),
            }),
        };
        answered.unwrap_or_else(|refusal| {
            if refusal.close().is_some() {
                // Whatever it has said besides is not heard any more.
                self.members.remove(&from);
            }
            refuse(from, refusal)
        })
    }

    /// A connection has ended.
    pub fn leave(&mut self, member: MemberId, now: Timestamp) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(gone) = self.members.remove(&member) else { return outcome };
        if let Some(until) = gone.grant.until() {
            self.ending.remove(&(until, member));
        }
        if let Some(room) = gone.room {
            outcome.append(self.vacate(member, room, now));
        }
        outcome
    }

    /// A connection's seat is free, wherever the connection was.
    pub fn vacate(&mut self, member: MemberId, id: RoomId, now: Timestamp) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(room) = self.rooms.get_mut(&id) else { return outcome };
        if let Some(seat) = room.leave(member) {
            outcome.records.push(Record::Disconnected { connection: seat.connection, at: now });
        }
        if room.is_empty() {
            self.rooms.remove(&id);
        }
        outcome
    }

    /// A connection is heard no more, and has no seat; it is on its way out.
    pub fn silence(&mut self, member: MemberId) {
        self.members.remove(&member);
    }

    /// The service stops: every connection ends now.
    pub fn stop(&mut self, now: Timestamp) -> Outcome {
        let seats = self.rooms.values().flat_map(Room::seats);
        let records =
            seats.map(|seat| Record::Disconnected { connection: seat.connection, at: now }).collect();
        Outcome { records, ..Outcome::default() }
    }

    /// When the next nameless connection, or the next token, has had its time.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let nameless = self.nameless.front().map(|(deadline, _)| *deadline);
        let ending = self.ending.first().map(|(until, _)| self.wall.steady(*until));
        nameless.into_iter().chain(ending).min()
    }

    /// Lets go of those that have had their time.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Outcome {
        let mut outcome = Outcome::default();
        while let Some((_, member)) = self.nameless.pop_front_if(|(deadline, _)| *deadline <= now) {
            if self.members.get(&member).is_some_and(|member| member.room.is_none()) {
                self.members.remove(&member);
                outcome.append(refuse(member, Refusal::IdentificationTimeout));
            }
        }
        let wall = self.wall.wall(now);
        while let Some((until, member)) = self.ending.first().copied().filter(|(until, _)| *until <= wall) {
            self.ending.remove(&(until, member));
            if self.members.get(&member).is_some_and(|member| member.grant.until() == Some(until)) {
                outcome.append(self.leave(member, wall));
                outcome.append(refuse(member, Refusal::TokenExpired));
            }
        }
        outcome
    }

    /// Sends a message in a device's name, from outside of the rooms.
    pub fn send_as(
        &mut self,
        from: &DeviceId,
        room: RoomId,
        said: &Said<'_>,
        facts: &impl Facts,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        if !facts.has_room(room) {
            return Err(Refusal::RoomNotFound(room.to_string()));
        }
        let mut outcome = self.deliver(from, None, room, said, facts, now)?;
        let device = from.clone();
        let named = match facts.last_room(from) {
            Some(_) => Record::DeviceNamed { device, at: now },
            None => Record::DeviceSeen { device, identity: "console".into(), room, at: now },
        };
        outcome.records.insert(0, named);
        Ok(outcome)
    }

    /// Lets go of every connection of a device; gives their number.
    pub fn kick(&self, device: &DeviceId) -> (usize, Outcome) {
        let mut outcome = Outcome::default();
        let has_it = |(_, room): &(&RoomId, &Room)| !room.of_device(device).is_empty();
        let rooms: Vec<RoomId> = self.rooms.all().filter(has_it).map(|(id, _)| *id).collect();
        let in_room = |id| self.rooms.get(&id).map(|room| room.of_device(device)).unwrap_or_default();
        let members: Vec<MemberId> = rooms.into_iter().flat_map(in_room).collect();
        for member in &members {
            outcome.effects.disconnect(*member, Close::Violation);
        }
        (members.len(), outcome)
    }

    /// Rooms with somebody in them.
    pub fn rooms(&mut self) -> &mut Ledger<RoomId, Room> {
        &mut self.rooms
    }

    /// Connections.
    pub fn members(&mut self) -> &mut Ledger<MemberId, Member> {
        &mut self.members
    }

    /// All rooms with somebody in them.
    pub fn all_rooms(&self) -> impl Iterator<Item = (&RoomId, &Room)> {
        self.rooms.all()
    }

    /// What HTTP tells of a room.
    pub fn report(&self, room: RoomId) -> RoomReport {
        self.rooms.peek(&room).map_or_else(|| Room::new(room).report(), Room::report)
    }

    /// What HTTP tells of all rooms with somebody in them.
    pub fn reports(&self) -> Vec<RoomReport> {
        let mut rooms: Vec<_> = self.rooms.all().collect();
        rooms.sort_unstable_by_key(|(id, _)| **id);
        rooms.into_iter().map(|(_, room)| room.report()).collect()
    }

    /// What HTTP tells of a device's connections.
    pub fn connections(&self, device: &DeviceId) -> Vec<ClientReport> {
        let of_room = |(id, room): (&RoomId, &Room)| -> Vec<ClientReport> {
            let seats = room.seats().iter().filter(|seat| seat.device == *device);
            seats.map(|seat| seat.report(*id)).collect()
        };
        self.rooms.all().flat_map(of_room).collect()
    }

    /// Connections, in a room or not.
    pub fn n_members(&self) -> usize {
        self.members.count()
    }

    /// How much of it is here.
    pub fn census(&self) -> Census {
        Census::of(self.members.values().filter_map(|member| member.room))
    }

    /// Connections in rooms.
    pub fn n_seated(&self) -> usize {
        self.rooms.values().map(|room| room.seats().len()).sum()
    }

    /// Rooms with somebody in them.
    pub fn n_rooms(&self) -> usize {
        self.rooms.count()
    }

    fn identify(
        &mut self,
        from: MemberId,
        named: Identification,
        facts: &impl Facts,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        let Identification { device, identity, room } = named;
        let Some(member) = self.members.get(&from) else { return Ok(Outcome::default()) };
        let address = member.address;
        if !member.grant.permits(&device) {
            return Err(Refusal::NotThisDevice);
        }
        if facts.storage(0) == Storage::Full {
            return Err(Refusal::StorageUnavailable);
        }
        let mut outcome = Outcome::default();
        let (id, status) = match room {
            Some(name) => match RoomId::new(&name).filter(|id| facts.has_room(*id)) {
                Some(id) => (id, RoomStatus::JoinedExisting),
                None => return Err(Refusal::RoomNotFound(name)),
            },
            None => match facts.last_room(&device) {
                Some(id) => (id, RoomStatus::Reconnected),
                None => (facts.new_room(), RoomStatus::CreatedNew),
            },
        };
        if let Some(member) = self.members.get_mut(&from) {
            member.room = Some(id);
        }
        let connection = facts.new_connection();
        let waiting = if self.limits.offline_queue > 0 { facts.waiting(&device, id) } else { Vec::new() };
        if status == RoomStatus::CreatedNew {
            outcome.records.push(Record::RoomCreated { room: id, at: now });
        }
        outcome.records.extend([
            Record::DeviceSeen { device: device.clone(), identity: identity.clone(), room: id, at: now },
            Record::Connected {
                connection,
                device: device.clone(),
                identity: identity.clone(),
                room: id,
                address,
                at: now,
            },
        ]);
        if !waiting.is_empty() {
            outcome.records.push(Record::Collected { device: device.clone(), room: id, at: now });
        }
        outcome.effects.tell(from, ServerEvent::room(id, status).frame());
        for frame in waiting {
            if let Ok(payload) = RawValue::from_string(frame.into()) {
                outcome.effects.tell(from, Frame { event: "".into(), payload: Some(payload) });
            }
        }
        let seat = Seat { member: from, connection, device, identity, address, joined_at: now };
        match self.rooms.get_mut(&id) {
            Some(room) => room.sit(seat),
            None => {
                self.rooms.insert(id, Room::of(id, seat));
            }
        }
        Ok(outcome)
    }

    fn tell_room(
        &self,
        from: MemberId,
        id: RoomId,
        facts: &impl Facts,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        let mut outcome = Outcome::default();
        let Some(room) = self.rooms.get(&id) else { return Ok(outcome) };
        let Some(seat) = room.seat(from) else { return Ok(outcome) };
        if facts.storage(0) == Storage::Full {
            return Err(Refusal::StorageUnavailable);
        }
        outcome.records.push(Record::RoomQuery { device: seat.device.clone(), room: id, at: now });
        outcome.effects.tell(from, room.info(from).frame());
        Ok(outcome)
    }

    /// Passes a message on, and tells its sender that it is kept if it wants to know.
    fn relay(
        &self,
        from: MemberId,
        id: RoomId,
        said: &Said<'_>,
        facts: &impl Facts,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        let seat = self.rooms.get(&id).and_then(|room| room.seat(from));
        let Some(device) = seat.map(|seat| seat.device.clone()) else { return Ok(Outcome::default()) };
        let is_repeated = said.message_id.as_ref().is_some_and(|name| facts.was_said(&device, name));
        let mut outcome = if is_repeated {
            Outcome::default()
        } else {
            self.deliver(&device, Some(from), id, said, facts, now)?
        };
        if let Some(name) = &said.message_id {
            outcome.effects.tell(from, ServerEvent::ack(name).frame());
        }
        Ok(outcome)
    }

    fn deliver(
        &self,
        device: &DeviceId,
        from: Option<MemberId>,
        id: RoomId,
        said: &Said<'_>,
        facts: &impl Facts,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        let mut outcome = Outcome::default();
        let room = self.rooms.get(&id);
        let target = said.target.as_deref().and_then(DeviceId::new);
        let empty = to_raw_value("").expect("a string is written as it is");
        let mut delivery = Delivery {
            kind: said.kind,
            content: said.content,
            from_device_id: device,
            message_type: MessageType::of(target.as_ref()),
            timestamp: said.timestamp.unwrap_or(&empty),
            queued: None,
        };
        let to = match (&said.target, &target) {
            (None, _) => room.map(|room| room.others(from)).unwrap_or_default(),
            (Some(_), Some(target)) => room.map(|room| room.of_device(target)).unwrap_or_default(),
            (Some(_), None) => Vec::new(),
        };
        let mut waiting = None;
        if let (Some(name), true) = (&said.target, to.is_empty()) {
            let keeps = target.as_ref().is_some_and(|target| self.keeps_for(target, id, facts));
            if !keeps {
                return Err(Refusal::TargetNotFound(name.clone()));
            }
            delivery.queued = Some(true);
            waiting = Some(serde_json::to_string(&delivery).expect("a delivery has string keys").into());
        }
        if facts.storage(said.whole.get().len()) == Storage::Full {
            return Err(Refusal::StorageUnavailable);
        }
        if waiting.is_none() {
            outcome.effects.tell_all(to, Frame::new("", &delivery));
        }
        outcome.records.push(Record::Message(Message {
            from: device.clone(),
            to: target,
            room: id,
            content: said.whole.get().into(),
            message_id: said.message_id.clone(),
            waiting,
            at: now,
        }));
        Ok(outcome)
    }

    /// Whether one more message is kept for a device that is away from its room.
    fn keeps_for(&self, device: &DeviceId, room: RoomId, facts: &impl Facts) -> bool {
        self.limits.offline_queue > 0
            && facts.last_room(device) == Some(room)
            && facts.waiting(device, room).len() < self.limits.offline_queue
    }
}

impl Outcome {
    fn append(&mut self, later: Self) {
        self.records.extend(later.records);
        self.effects.append(later.effects);
        self.refusals.extend(later.refusals);
    }
}

fn refuse(member: MemberId, refusal: Refusal) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.effects.tell(member, ServerEvent::error(&refusal).frame());
    outcome.effects.refused(refusal.code());
    if let Some(close) = refusal.close() {
        outcome.effects.disconnect(member, close);
    }
    outcome.refusals.push(refusal);
    outcome
}
