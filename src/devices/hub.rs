//! All device rooms, and who sits where. Pure: time and facts come in, records and frames go out.

mod messages;
mod overview;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::facts::{Capacity, Facts};
use super::outcome::{Outcome, refuse};
use super::protocol::client_frames::{self, ClientFrame, Identification};
use super::protocol::names::{DeviceId, RoomId};
use super::protocol::{Refusal, RoomStatus, ServerEvent};
use super::record::Record;
use super::room::{Room, Seat};
use crate::effect::{Close, Frame, MemberId};
use crate::rooms::TrackedMap;
use crate::time::{Timestamp, WallOffset};

/// Who may be who.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    rooms: TrackedMap<RoomId, Room>,
    members: TrackedMap<MemberId, Member>,
    /// Connections that have not said who they are, in the order of their deadlines.
    nameless: BTreeSet<(Timestamp, MemberId)>,
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
    /// Bytes of them.
    pub offline_queue_bytes: usize,
    /// Connections in one room.
    pub room_clients: usize,
    /// Bytes of what a room tells of who is in it.
    pub room_info_bytes: usize,
}

/// A connection, in a room or not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    address: IpAddr,
    grant: Grant,
    /// Until when it has to say who it is.
    deadline: Timestamp,
    room: Option<RoomId>,
    device: Option<DeviceId>,
}

impl Hub {
    /// No rooms, nobody connected.
    pub fn new(limits: Limits) -> Self {
        Self {
            rooms: TrackedMap::default(),
            members: TrackedMap::default(),
            nameless: BTreeSet::new(),
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
        let deadline = now + self.limits.identification;
        self.members.insert(member, Member { address, grant, deadline, room: None, device: None });
        self.nameless.insert((deadline, member));
        let mut outcome = Outcome::default();
        outcome.effects.tell(member, ServerEvent::greeting().frame());
        outcome
    }

    /// Takes a frame, at a time of the wall clock, which is that of all records: the first says who it is, later ones are messages and queries.
    pub fn handle(
        &mut self,
        from: MemberId,
        event: &str,
        payload: Option<&RawValue>,
        facts: &impl Facts,
        now: Timestamp,
    ) -> Outcome {
        let Some(member) = self.members.get(&from) else { return Outcome::default() };
        let bytes = payload.map_or(0, |payload| payload.get().len());
        let steady = self.wall.steady(now);
        let is_within = member.device.as_ref().is_none_or(|device| {
            // A frame that was no object is short work.
            facts.are_within_limits(device, member.address, bytes, steady)
        });
        let answered = match member.room {
            Some(_) if !is_within => Err(Refusal::RateLimited),
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
            refuse(from, &refusal, client_frames::message_id(payload))
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
        let nameless = self.nameless.first().map(|(deadline, _)| *deadline);
        let ending = self.ending.first().map(|(until, _)| self.wall.steady(*until));
        nameless.into_iter().chain(ending).min()
    }

    /// Lets go of those that have had their time.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Outcome {
        let mut outcome = Outcome::default();
        while let Some((deadline, member)) = self.nameless.first().copied().filter(|(until, _)| *until <= now)
        {
            self.nameless.remove(&(deadline, member));
            if self.members.get(&member).is_some_and(|member| member.room.is_none()) {
                self.members.remove(&member);
                outcome.append(refuse(member, &Refusal::IdentificationTimeout, None));
            }
        }
        let wall = self.wall.wall(now);
        while let Some((until, member)) = self.ending.first().copied().filter(|(until, _)| *until <= wall) {
            self.ending.remove(&(until, member));
            if self.members.get(&member).is_some_and(|member| member.grant.until() == Some(until)) {
                outcome.append(self.leave(member, wall));
                outcome.append(refuse(member, &Refusal::TokenExpired, None));
            }
        }
        outcome
    }

    /// Lets go of every connection of a device; gives their number.
    pub fn kick(&self, device: &DeviceId) -> (usize, Outcome) {
        let mut outcome = Outcome::default();
        let has_it = |(_, room): &(&RoomId, &Room)| !room.of_device(device).is_empty();
        let mut rooms: Vec<RoomId> = self.rooms.all().filter(has_it).map(|(id, _)| *id).collect();
        rooms.sort_unstable();
        let in_room = |id| self.rooms.get(&id).map(|room| room.of_device(device)).unwrap_or_default();
        let members: Vec<MemberId> = rooms.into_iter().flat_map(in_room).collect();
        for member in &members {
            outcome.effects.disconnect(*member, Close::Violation);
        }
        (members.len(), outcome)
    }

    /// Lets go of every connection of a device, which is in no room from here on; gives their number.
    pub fn erase(&mut self, device: &DeviceId, now: Timestamp) -> (usize, Outcome) {
        let (n, mut outcome) = self.kick(device);
        let mut members: Vec<MemberId> = self
            .members
            .all()
            .filter(|(_, member)| member.device.as_ref() == Some(device))
            .map(|(id, _)| *id)
            .collect();
        members.sort_unstable();
        for member in members {
            outcome.append(self.leave(member, now));
        }
        (n, outcome)
    }

    /// Rooms and connections have become other ones.
    pub fn restored(&mut self) {
        let members = self.members.all();
        let nameless = members.clone().filter(|(_, member)| member.room.is_none());
        self.nameless = nameless.map(|(id, member)| (member.deadline, *id)).collect();
        self.ending = members.filter_map(|(id, member)| Some((member.grant.until()?, *id))).collect();
    }

    /// A connection's device, its room, and where it connects from, as far as it has said who it is.
    pub fn identified(&self, member: MemberId) -> Option<(&DeviceId, RoomId, IpAddr)> {
        let member = self.members.get(&member)?;
        Some((member.device.as_ref()?, member.room?, member.address))
    }

    /// The length of what a room tells of who is in it.
    pub fn info_bytes(&self, room: RoomId) -> usize {
        self.rooms.get(&room).map_or(0, Room::info_bytes)
    }

    /// Rooms with somebody in them.
    pub fn rooms(&mut self) -> &mut TrackedMap<RoomId, Room> {
        &mut self.rooms
    }

    /// Connections.
    pub fn members(&mut self) -> &mut TrackedMap<MemberId, Member> {
        &mut self.members
    }

    /// All rooms with somebody in them.
    pub fn all_rooms(&self) -> impl Iterator<Item = (&RoomId, &Room)> {
        self.rooms.all()
    }

    fn identify(
        &mut self,
        from: MemberId,
        named: Identification,
        facts: &impl Facts,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        let Identification { device: given, identity, room } = named;
        let device = given.device().ok_or(Refusal::MissingDeviceId)?;
        let (device_spelling, identity_spelling, identity) =
            (given.spelling, identity.spelling, identity.text);
        let Some(member) = self.members.get(&from) else { return Ok(Outcome::default()) };
        let address = member.address;
        if !member.grant.permits(&device) {
            return Err(Refusal::NotThisDevice);
        }
        let found = match room {
            // While it is unknown which rooms the database has, it is taken to have the one that is named.
            Some(name) => match RoomId::new(&name) {
                Some(id) if facts.has_room(id) || !facts.are_complete() => {
                    Ok((id, RoomStatus::JoinedExisting))
                }
                Some(_) | None => Err(Refusal::RoomNotFound(name)),
            },
            None => match facts.last_room(&device) {
                Some(id) => Ok((id, RoomStatus::Reconnected)),
                None => Ok((facts.new_room(), RoomStatus::CreatedNew)),
            },
        };
        // Asked last: of facts that cannot be looked up it says that they are none.
        if facts.capacity(0) == Capacity::Full {
            return Err(Refusal::StorageUnavailable);
        }
        let mut outcome = Outcome::default();
        let (id, status) = found?;
        let connection = facts.new_connection();
        let waiting = if self.limits.offline_queue > 0 { facts.waiting(&device, id) } else { Vec::new() };
        let is_unproven =
            status == RoomStatus::JoinedExisting && !facts.are_complete() && !facts.has_room(id);
        if status == RoomStatus::CreatedNew || is_unproven {
            outcome.records.push(Record::RoomCreated { room: id, at: now });
        }
        outcome.records.extend([
            Record::DeviceSeen {
                device: device.clone(),
                identity: identity.clone(),
                room: id,
                is_provisional: status != RoomStatus::JoinedExisting && !facts.are_complete(),
                at: now,
            },
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
        let seat = Seat {
            member: from,
            connection,
            device,
            identity,
            device_spelling,
            identity_spelling,
            address,
            joined_at: now,
        };
        if let Some(room) = self.rooms.get(&id)
            && (room.seats().len() >= self.limits.room_clients
                || room.info_bytes() + seat.info_bytes() > self.limits.room_info_bytes)
        {
            return Err(Refusal::RoomFull(id));
        }
        if let Some(member) = self.members.get_mut(&from) {
            member.room = Some(id);
            member.device = Some(seat.device.clone());
        }
        match self.rooms.get_mut(&id) {
            Some(room) => room.sit(seat),
            None => {
                self.rooms.insert(id, Room::of(id, seat));
            }
        }
        Ok(outcome)
    }

    fn tell_room(
        &mut self,
        from: MemberId,
        id: RoomId,
        facts: &impl Facts,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        let mut outcome = Outcome::default();
        let Some(room) = self.rooms.get(&id) else { return Ok(outcome) };
        let Some(seat) = room.seat(from) else { return Ok(outcome) };
        if facts.capacity(0) == Capacity::Full {
            return Err(Refusal::StorageUnavailable);
        }
        let steady = self.wall.steady(now);
        if !facts.are_within_limits(&seat.device, seat.address, room.info_bytes(), steady) {
            return Err(Refusal::RateLimited);
        }
        outcome.records.push(Record::RoomQuery { device: seat.device.clone(), room: id, at: now });
        outcome.effects.tell(from, room.info(from).frame());
        Ok(outcome)
    }
}
