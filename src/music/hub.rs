//! All listening rooms, and who sits where. Pure: time comes in with each event, frames go out as effects.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::command::Command;
use super::moment::Moment;
use super::protocol::{ClientEvent, Dialect, PageEvent, RoomId, RoomReport, ServerEvent};
use super::room::Room;
use super::seat::Seat;
use super::{Config, SERVICE};
use crate::effect::{Effects, MemberId, NoRecord};
use crate::party::passwords::{self, Passwords, TryLimit};
use crate::party::{PersonId, Right, Rights, Table, Terms};
use crate::rooms::{self, Bucket, Census, Departure, Handshake, Outcome, Rng, RoomQuota, Seed, TrackedMap};
use crate::time::{Timestamp, WallOffset};

/// What a room begins with: as before there were roles, nobody but the host has a hand in what plays.
const TABLE: Table =
    Table { cohost: Rights::ALL, member: Rights::of(&[Right::Chat]), guest: Rights::of(&[Right::Chat]) };

/// Every room and every connected member.
pub struct Hub {
    pub(super) rooms: TrackedMap<RoomId, Room>,
    pub(super) members: TrackedMap<MemberId, Member>,
    /// What nodes tell each other beside the rooms: who was wrong about passwords.
    pub(super) facts: TrackedMap<String, String>,
    pub(super) config: Config,
    pub(super) terms: Terms,
    pub(super) passwords: Passwords,
    pub(super) rng: Rng,
    pub(super) quota: RoomQuota,
    sweep_at: Timestamp,
    /// When something is due in a room, at the earliest.
    pub(super) due_at: Option<Timestamp>,
    /// By which dates are told; rules go by the time that never jumps.
    pub(super) wall: WallOffset,
}

/// A connected member, in a room or not.
#[derive(Clone, Serialize, Deserialize)]
pub struct Member {
    pub(super) address: IpAddr,
    /// Fixed by the first event that tells.
    pub(super) dialect: Option<Dialect>,
    pub(super) is_page: bool,
    pub(super) name: Option<String>,
    pub(super) room: Option<RoomId>,
    /// Who it is, if its page keeps a secret.
    #[serde(default)]
    pub(super) person: Option<PersonId>,
    #[serde(default)]
    pub(super) chats: Bucket,
    #[serde(default)]
    pub(super) page_events: Bucket,
    /// Rooms that it came into, and names that it gave itself.
    #[serde(default)]
    pub(super) entries: Bucket,
}

impl Member {
    pub(super) fn seat(&self, id: MemberId, now: Timestamp) -> Seat {
        let dialect = self.dialect.unwrap_or_default();
        Seat::new(id, dialect, self.address, self.is_page, self.name.clone(), now)
    }
}

impl Hub {
    /// No rooms yet; what is secret in rooms is kept under `seed`, all that is random comes from `rng`, and from the
    /// networks of `exempt`, any number of rooms may be made.
    pub fn new(config: &Config, seed: &Seed, rng: Rng, exempt: Vec<IpNet>, now: Timestamp) -> Self {
        let limit = TryLimit { tries: config.wrong_passwords, window: config.wrong_password_window };
        Self {
            rooms: TrackedMap::default(),
            members: TrackedMap::default(),
            facts: TrackedMap::default(),
            config: config.clone(),
            terms: Terms {
                records_for: (!config.recordings_dir.is_empty()).then_some(SERVICE),
                ..Terms::new(seed, TABLE, true, config.party_limits())
            },
            passwords: Passwords::new(seed, limit),
            rng,
            quota: RoomQuota::new(config.max_rooms_per_address, exempt),
            sweep_at: now + config.room_cleanup_interval,
            due_at: None,
            wall: WallOffset::default(),
        }
    }

    /// How many rooms there are.
    pub fn n_rooms(&self) -> usize {
        self.rooms.values().filter(|room| room.n_members() > 0).count()
    }

    /// How many members sit in rooms.
    pub fn n_seated(&self) -> usize {
        self.rooms.values().map(Room::n_members).sum()
    }

    /// What HTTP tells of a room, unless only its members may know.
    pub fn report(&self, id: &RoomId, now: Timestamp) -> Option<RoomReport> {
        let room = self.rooms.get(id).filter(|room| room.is_in_use() && !room.is_secret())?;
        Some(room.report(self.wall, now))
    }

    /// What HTTP tells of all public rooms.
    pub fn reports(&self, now: Timestamp) -> Vec<RoomReport> {
        self.rooms
            .values()
            .filter(|room| room.is_in_use() && room.is_public())
            .map(|room| room.report(self.wall, now))
            .collect()
    }

    /// The ticket of the member of that name in the room of its person.
    #[cfg(test)]
    pub fn ticket_of(&self, name: &str, room: &str) -> String {
        let id = crate::rooms::test_stage::member(name);
        let person = self.members.get(&id).and_then(|member| member.person);
        self.terms.tickets.sign(person.unwrap_or_else(|| PersonId::of_connection(id)), room)
    }

    /// The room of that name.
    #[cfg(test)]
    pub fn room(&self, id: &RoomId) -> Option<&Room> {
        self.rooms.get(id)
    }

    /// Where a member sits.
    pub fn room_of(&self, member: MemberId) -> Option<&RoomId> {
        self.members.get(&member)?.room.as_ref()
    }

    pub(super) fn moment(&self, now: Timestamp) -> Moment<'_> {
        Moment { terms: &self.terms, config: &self.config, wall: self.wall, now }
    }

    pub(super) fn dialect_of(&self, member: MemberId) -> Dialect {
        self.members.get(&member).and_then(|member| member.dialect).unwrap_or_default()
    }
}

impl rooms::Hub for Hub {
    type RoomId = RoomId;
    type Room = Room;
    type Member = Member;
    type Command = Command;
    type Outcome = Outcome;
    type Record = NoRecord;

    fn set_wall(&mut self, wall: WallOffset) {
        self.wall = wall;
    }

    fn connect(&mut self, member: MemberId, handshake: Handshake, _: Timestamp) -> Effects {
        let address = handshake.address;
        let occupant = Member {
            address,
            dialect: None,
            is_page: false,
            name: None,
            room: None,
            person: None,
            chats: Bucket::default(),
            page_events: Bucket::default(),
            entries: Bucket::default(),
        };
        self.members.insert(member, occupant);
        let mut effects = Effects::none();
        effects.tell(member, ServerEvent::Connected.frame(Dialect::default()));
        effects
    }

    fn handle(&mut self, from: MemberId, event: &str, payload: Option<&RawValue>, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let before = self.room_of(from).cloned();
        if let Some((event, told)) = ClientEvent::read(event, payload)
            && let Some(member) = self.members.get_mut(&from)
        {
            member.dialect = member.dialect.or(told);
            effects = self.dispatch(from, event, now);
        } else if let Some(event) = PageEvent::read(event, payload)
            && self.members.contains(&from)
        {
            effects = self.dispatch_page(from, event, now);
        }
        self.record_both(from, before.as_ref(), &mut effects, now);
        // Whoever asked for an answer gets one; the first one counts.
        effects.ack();
        effects
    }

    fn leave(&mut self, member: MemberId, departure: Departure, now: Timestamp) -> Effects {
        let before = self.room_of(member).cloned();
        let mut effects = self.leave_own(member, departure, now);
        self.record(before.as_ref(), Some(member), &mut effects, now);
        self.members.remove(&member);
        effects
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        Some(self.due_at.map_or(self.sweep_at, |due| due.min(self.sweep_at)))
    }

    fn handle_timeout(&mut self, now: Timestamp) -> Effects {
        if now >= self.sweep_at {
            self.sweep_at = now + self.config.room_cleanup_interval;
            self.tick(now)
        } else if self.due_at.is_some_and(|due| due <= now) {
            self.run_due(now)
        } else {
            Effects::none()
        }
    }

    fn tick(&mut self, now: Timestamp) -> Effects {
        self.passwords.forget(&mut self.facts, now);
        let moment = self.moment(now);
        let abandoned = self.rooms.all().filter(|(_, room)| room.is_abandoned(&moment));
        for room in abandoned.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.rooms.remove(&room);
        }
        self.run_due(now)
    }

    fn census(&self) -> Census {
        Census::of(self.members.values().filter_map(|member| member.room.as_ref()))
    }

    fn command(&mut self, command: Command, now: Timestamp) -> (Outcome, Effects) {
        match command {
            Command::DeleteRecording(recording) => (Outcome::Done, self.delete_recording(recording, now)),
            Command::StopRecording(id, limit) => (Outcome::Done, self.stop_recording(id, limit, now)),
            Command::CloseRoom(room) => self.close_room(&room, now),
            Command::Kick(member) => self.kick(member, now),
            Command::Erase(name) => {
                let (erased, effects) = rooms::erase(self, &name, now);
                (Outcome::Erased(erased), effects)
            }
        }
    }

    /// Whoever asks for the time or for a room, and has told its dialect before.
    fn query(
        &self,
        from: MemberId,
        event: &str,
        payload: Option<&RawValue>,
        now: Timestamp,
    ) -> Option<Effects> {
        if event == "chat:history" && self.members.contains(&from) {
            let mut effects = self.tell_chats(from);
            effects.ack();
            return Some(effects);
        }
        if !ClientEvent::may_ask(event) {
            return None;
        }
        let (event, told) = ClientEvent::read(event, payload)?;
        let member = self.members.get(&from)?;
        let mut effects = match event {
            ClientEvent::TimePing { client_time } => tell_time(from, client_time, now),
            ClientEvent::GetRoomState { room } if member.dialect.is_some() || told.is_none() => {
                self.tell_state(from, room, now)
            }
            _ => return None,
        };
        effects.ack();
        Some(effects)
    }

    fn room_id(text: &str) -> Option<RoomId> {
        RoomId::new(text)
    }

    fn rooms(&mut self) -> &mut TrackedMap<RoomId, Room> {
        &mut self.rooms
    }

    fn members(&mut self) -> &mut TrackedMap<MemberId, Member> {
        &mut self.members
    }

    fn occupants(room: &Room) -> Vec<MemberId> {
        // Whoever is lost last is remembered as the host.
        let others = room.members().filter(|member| *member != room.host());
        std::iter::once(room.host()).filter(|_| room.n_members() > 0).chain(others).collect()
    }

    fn on_member_lost(&mut self, member: MemberId, room: &RoomId, now: Timestamp) -> Effects {
        self.evict(member, room);
        let mut effects =
            self.in_room(room, now, |room, moment| room.leave(member, Departure::Lost, moment).0);
        effects.append(self.recount(room, now));
        self.record(Some(room), None, &mut effects, now);
        effects
    }

    fn evict(&mut self, member: MemberId, room: &RoomId) {
        if self.room_of(member) == Some(room)
            && let Some(member) = self.members.get_mut(&member)
        {
            member.room = None;
        }
    }

    fn erase(&mut self, name: &str, now: Timestamp) -> Effects {
        rooms::erase(self, name, now).1
    }

    fn facts(&mut self) -> Option<&mut TrackedMap<String, String>> {
        Some(&mut self.facts)
    }

    fn merge(_: &str, theirs: &str, ours: &str) -> String {
        passwords::merge(theirs, ours)
    }

    fn seed(&mut self, now: Timestamp, offset: u64) {
        self.rng.begin(now, offset);
    }

    fn restored(&mut self, _: Timestamp) {
        self.due_at = self.rooms.values().filter_map(Room::next_timeout).min();
    }
}

pub(super) fn tell_time(to: MemberId, client_time: Option<f64>, now: Timestamp) -> Effects {
    let mut effects = Effects::none();
    effects.tell(to, ServerEvent::TimePong { client_time, now }.frame(Dialect::Kebab));
    effects
}
