//! All listening rooms, and who sits where. Pure: time comes in with each event, frames go out as effects.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Config;
use super::comeback::Patience;
use super::protocol::{ClientEvent, Dialect, GivenRoom, Refusal, RoomId, RoomReport, ServerEvent, Track};
use super::room::{DriftLimit, Fate, Room, Seat};
use crate::effect::{Effects, MemberId, NoRecord};
use crate::rooms::{self, Census, Departure, Handshake, RoomQuota, TrackedMap};
use crate::time::{Seconds, Timestamp, WallOffset};

/// Every room and every connected member.
pub struct Hub {
    rooms: TrackedMap<RoomId, Room>,
    members: TrackedMap<MemberId, Member>,
    config: Config,
    quota: RoomQuota,
    sweep_at: Timestamp,
    /// By which dates are told; rules go by the time that never jumps.
    wall: WallOffset,
}

/// A connected member, in a room or not.
#[derive(Clone, Serialize, Deserialize)]
pub struct Member {
    address: IpAddr,
    /// Fixed by the first event that tells.
    dialect: Option<Dialect>,
    is_page: bool,
    name: Option<String>,
    room: Option<RoomId>,
}

impl Member {
    fn seat(&self, id: MemberId, now: Timestamp) -> Seat {
        let dialect = self.dialect.unwrap_or_default();
        Seat::new(id, dialect, self.address, self.is_page, self.name.clone(), now)
    }
}

impl Hub {
    /// No rooms yet; from the networks of `exempt`, any number of them may be made.
    pub fn new(config: &Config, exempt: Vec<IpNet>, now: Timestamp) -> Self {
        Self {
            rooms: TrackedMap::default(),
            members: TrackedMap::default(),
            config: config.clone(),
            quota: RoomQuota::new(config.max_rooms_per_address, exempt),
            sweep_at: now + config.room_cleanup_interval,
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

    /// What HTTP tells of a room.
    pub fn report(&self, id: &RoomId, now: Timestamp) -> Option<RoomReport> {
        self.rooms.get(id).filter(|room| room.n_members() > 0).map(|room| room.report(self.wall, now))
    }

    /// What HTTP tells of all rooms.
    pub fn reports(&self, now: Timestamp) -> Vec<RoomReport> {
        self.rooms
            .values()
            .filter(|room| room.n_members() > 0)
            .map(|room| room.report(self.wall, now))
            .collect()
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

    fn drift_limit(&self) -> DriftLimit {
        DriftLimit {
            tolerance_secs: self.config.drift_correction_secs,
            interval: self.config.drift_correction_interval,
        }
    }

    fn patience(&self) -> Patience {
        Patience {
            host: self.config.host_comeback,
            cut_off: self.config.empty_grace,
            lost: self.config.room_comeback,
        }
    }

    fn dispatch(&mut self, from: MemberId, event: ClientEvent, now: Timestamp) -> Effects {
        match event.without_large(self.config.max_track_bytes, self.config.max_playlist_bytes) {
            ClientEvent::CreateRoom { room, track, position } => {
                self.create(from, room, track, position, now)
            }
            ClientEvent::JoinRoom { room } => self.join(from, room, now),
            ClientEvent::LeaveRoom { room } => self.leave_room(from, room, now),
            ClientEvent::GetRoomState { room } => self.tell_state(from, room, now),
            ClientEvent::Introduce { name } => self.introduce(from, name, now),
            ClientEvent::TimePing { client_time } => tell_time(from, client_time, now),
            ClientEvent::TrackChange { room, track: Some(track) } => {
                self.in_own_room(from, &room, |room| room.change_track(from, track, now))
            }
            ClientEvent::Play { room, position } => {
                self.in_own_room(from, &room, |room| room.play(from, position, now))
            }
            ClientEvent::Pause { room, position } => {
                self.in_own_room(from, &room, |room| room.pause(from, position, now))
            }
            ClientEvent::Seek { room, position: Some(position) } => {
                self.in_own_room(from, &room, |room| room.seek(from, position, now))
            }
            ClientEvent::SyncProgress { room, position: Some(position) } => {
                let drift = self.drift_limit();
                self.in_own_room(from, &room, |room| room.report_progress(from, position, drift, now))
            }
            ClientEvent::PlaylistUpdate { room, playlist: Some(playlist) } => {
                self.in_own_room(from, &room, |room| room.update_playlist(from, playlist))
            }
            ClientEvent::TrackChange { track: None, .. }
            | ClientEvent::Seek { position: None, .. }
            | ClientEvent::SyncProgress { position: None, .. }
            | ClientEvent::PlaylistUpdate { playlist: None, .. } => Effects::none(),
        }
    }

    fn create(
        &mut self,
        from: MemberId,
        room: GivenRoom,
        track: Option<Track>,
        position: Option<Seconds>,
        now: Timestamp,
    ) -> Effects {
        let id = match room {
            GivenRoom::Missing => return self.refuse(from, Refusal::RoomIdRequired),
            GivenRoom::Invalid => return self.refuse(from, Refusal::InvalidRoomId),
            GivenRoom::Valid(id) => id,
        };
        self.remove_if_abandoned(&id, now);
        let Some(member) = self.members.get(&from) else { return Effects::none() };
        let seat = member.seat(from, now);
        if let Some(room) = self.rooms.get(&id) {
            if room.n_members() > 0 && room.host() == from {
                return room.confirm_host(now);
            }
            let patience = self.patience();
            if room.n_members() > 0 && !room.expects_host_at(from, member.address, patience, now) {
                return self.refuse(from, Refusal::RoomExists);
            }
            let is_member = member.room.as_ref() == Some(&id);
            if !is_member && room.n_members() >= self.config.max_users_per_room {
                return self.refuse(from, Refusal::RoomFull);
            }
            let mut effects = self.leave_other(from, &id, now);
            self.take_seat(from, &id);
            if let Some(room) = self.rooms.get_mut(&id) {
                effects.append(room.welcome_back(seat, track, position, now));
            }
            return effects;
        }
        let made_from = self.quota.counted(member.address);
        if self.rooms.count() >= self.config.max_rooms
            || !self.quota.allows(made_from, self.rooms.values().map(Room::made_from))
        {
            return self.refuse(from, Refusal::TooManyRooms);
        }
        let mut effects = self.leave_other(from, &id, now);
        let (room, opened) =
            Room::open(id.clone(), seat, made_from, track, position.unwrap_or_default(), now);
        self.take_seat(from, &id);
        self.rooms.insert(id, room);
        effects.append(opened);
        effects
    }

    fn join(&mut self, from: MemberId, room: GivenRoom, now: Timestamp) -> Effects {
        let Some(member) = self.members.get(&from) else { return Effects::none() };
        let id = match room {
            // The deployed player joins nothing when its page loads, and leaves on any error.
            GivenRoom::Missing if member.dialect == Some(Dialect::Kebab) => return Effects::none(),
            GivenRoom::Missing => return self.refuse(from, Refusal::RoomIdRequired),
            GivenRoom::Invalid => return self.refuse(from, Refusal::InvalidRoomId),
            GivenRoom::Valid(id) => id,
        };
        self.remove_if_abandoned(&id, now);
        let Some(member) = self.members.get(&from) else { return Effects::none() };
        let Some(room) = self.rooms.get(&id) else { return self.refuse(from, Refusal::RoomNotFound) };
        let is_member = member.room.as_ref() == Some(&id);
        if !is_member && room.n_members() >= self.config.max_users_per_room {
            return self.refuse(from, Refusal::RoomFull);
        }
        let seat = member.seat(from, now);
        let mut effects = self.leave_other(from, &id, now);
        self.take_seat(from, &id);
        if let Some(room) = self.rooms.get_mut(&id) {
            effects.append(room.join(seat, now));
        }
        effects
    }

    /// Leaves the room that is named, or the one the member is in; told so either way.
    fn leave_room(&mut self, from: MemberId, room: GivenRoom, now: Timestamp) -> Effects {
        let own = self.room_of(from).cloned();
        let id = match room {
            GivenRoom::Valid(id) => id,
            GivenRoom::Missing | GivenRoom::Invalid => match own.clone() {
                Some(id) => id,
                None => return Effects::none(),
            },
        };
        let mut effects = Effects::none();
        if own.as_ref() == Some(&id) {
            effects = self.leave_own(from, Departure::Said, now);
        }
        let dialect = self.dialect_of(from);
        effects.tell(from, ServerEvent::RoomLeft { room: &id }.frame(dialect));
        effects
    }

    fn tell_state(&self, from: MemberId, room: GivenRoom, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let GivenRoom::Valid(id) = room else { return effects };
        let Some(room) = self.rooms.get(&id) else { return effects };
        let playback = room.playback(now);
        let state = ServerEvent::RoomState { room: &id, n_members: room.n_members(), playback: &playback };
        effects.tell(from, state.frame(self.dialect_of(from)));
        effects
    }

    fn introduce(&mut self, from: MemberId, name: Option<String>, now: Timestamp) -> Effects {
        let Some(member) = self.members.get_mut(&from) else { return Effects::none() };
        member.is_page = true;
        member.name.clone_from(&name);
        member.dialect.get_or_insert(Dialect::Kebab);
        let Some(room) = member.room.clone() else { return Effects::none() };
        self.rooms.get_mut(&room).map_or_else(Effects::none, |room| room.introduce(from, name, now))
    }

    /// Does something in the room that is named, if the member sits there: rooms are out of reach for others.
    fn in_own_room(
        &mut self,
        from: MemberId,
        given: &GivenRoom,
        act: impl FnOnce(&mut Room) -> Effects,
    ) -> Effects {
        let GivenRoom::Valid(id) = given else { return Effects::none() };
        if self.room_of(from) != Some(id) {
            return Effects::none();
        }
        self.rooms.get_mut(id).map_or_else(Effects::none, act)
    }

    fn take_seat(&mut self, member: MemberId, room: &RoomId) {
        if let Some(member) = self.members.get_mut(&member) {
            member.room = Some(room.clone());
        }
    }

    /// Leaves the room that the member is in, unless it is `room`.
    fn leave_other(&mut self, member: MemberId, room: &RoomId, now: Timestamp) -> Effects {
        if self.room_of(member).is_some_and(|own| own != room) {
            self.leave_own(member, Departure::Said, now)
        } else {
            Effects::none()
        }
    }

    fn leave_own(&mut self, member: MemberId, departure: Departure, now: Timestamp) -> Effects {
        let Some(id) = self.members.get_mut(&member).and_then(|member| member.room.take()) else {
            return Effects::none();
        };
        let patience = self.patience();
        let Some(room) = self.rooms.get_mut(&id) else { return Effects::none() };
        let (effects, fate) = room.leave(member, departure, patience, now);
        if fate == Fate::Gone {
            self.rooms.remove(&id);
        }
        effects
    }

    fn refuse(&self, from: MemberId, refusal: Refusal) -> Effects {
        let mut effects = Effects::none();
        effects.tell(from, ServerEvent::Error(refusal).frame(self.dialect_of(from)));
        effects.refused(refusal.code());
        effects
    }

    fn remove_if_abandoned(&mut self, room: &RoomId, now: Timestamp) {
        let patience = self.patience();
        if self.rooms.get(room).is_some_and(|room| room.is_abandoned(patience, now)) {
            self.rooms.remove(room);
        }
    }

    fn dialect_of(&self, member: MemberId) -> Dialect {
        self.members.get(&member).and_then(|member| member.dialect).unwrap_or_default()
    }
}

impl rooms::Hub for Hub {
    type RoomId = RoomId;
    type Room = Room;
    type Member = Member;
    type Command = ();
    type Outcome = ();
    type Record = NoRecord;

    fn set_wall(&mut self, wall: WallOffset) {
        self.wall = wall;
    }

    fn connect(&mut self, member: MemberId, handshake: Handshake, _: Timestamp) -> Effects {
        let address = handshake.address;
        let occupant = Member { address, dialect: None, is_page: false, name: None, room: None };
        self.members.insert(member, occupant);
        let mut effects = Effects::none();
        effects.tell(member, ServerEvent::Connected.frame(Dialect::default()));
        effects
    }

    fn handle(&mut self, from: MemberId, event: &str, payload: Option<&RawValue>, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        if let Some((event, told)) = ClientEvent::read(event, payload)
            && let Some(member) = self.members.get_mut(&from)
        {
            member.dialect = member.dialect.or(told);
            effects = self.dispatch(from, event, now);
        }
        effects.ack();
        effects
    }

    fn leave(&mut self, member: MemberId, now: Timestamp) -> Effects {
        let effects = self.leave_own(member, Departure::CutOff, now);
        self.members.remove(&member);
        effects
    }

    fn goodbye(&mut self, member: MemberId, now: Timestamp) -> Effects {
        let effects = self.leave_own(member, Departure::Said, now);
        self.members.remove(&member);
        effects
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        Some(self.sweep_at)
    }

    fn handle_timeout(&mut self, now: Timestamp) -> Effects {
        if now < self.sweep_at {
            return Effects::none();
        }
        self.sweep_at = now + self.config.room_cleanup_interval;
        self.tick(now)
    }

    fn tick(&mut self, now: Timestamp) -> Effects {
        let patience = self.patience();
        let abandoned = self.rooms.all().filter(|(_, room)| room.is_abandoned(patience, now));
        for room in abandoned.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.rooms.remove(&room);
        }
        Effects::none()
    }

    fn census(&self) -> Census {
        Census::of(self.members.values().filter_map(|member| member.room.as_ref()))
    }

    fn command(&mut self, (): (), _: Timestamp) -> ((), Effects) {
        ((), Effects::none())
    }

    /// Whoever asks for the time or for a room, and has told its dialect before.
    fn query(
        &self,
        from: MemberId,
        event: &str,
        payload: Option<&RawValue>,
        now: Timestamp,
    ) -> Option<Effects> {
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
        let patience = self.patience();
        let room = self.rooms.get_mut(room);
        room.map_or_else(Effects::none, |room| room.leave(member, Departure::Lost, patience, now).0)
    }

    fn evict(&mut self, member: MemberId, room: &RoomId) {
        if self.room_of(member) == Some(room)
            && let Some(member) = self.members.get_mut(&member)
        {
            member.room = None;
        }
    }
}

fn tell_time(to: MemberId, client_time: Option<f64>, now: Timestamp) -> Effects {
    let mut effects = Effects::none();
    effects.tell(to, ServerEvent::TimePong { client_time, now }.frame(Dialect::Kebab));
    effects
}
