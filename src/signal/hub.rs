//! All rooms, and who is in which. Pure: time comes in with each event, frames go out as effects.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::command::Command;
use super::protocol::{ClientEvent, Id, Refusal, Relay, Resume, Seating, ServerEvent};
use super::room::{Holder, Room};
use super::tokens::RoomTokens;
use super::{Config, DuplicateUser};
use crate::effect::{Close, Effects, MemberId, NoRecord};
use crate::http::keys::AccessKey;
use crate::ice::{IceServer, IceServers};
use crate::rooms::{
    self, Allowance, Bucket, Census, Departure, Handshake, Outcome, Rng, RoomQuota, Seed, TrackedMap,
};
use crate::time::{Timestamp, WallOffset};

/// Bytes of a resume token, which nobody can guess.
const TOKEN_BYTES: usize = 16;

/// Every room and every connected member.
pub struct Hub {
    pub(super) rooms: TrackedMap<Id, Room>,
    pub(super) members: TrackedMap<MemberId, Member>,
    /// When the time is up of users that are away.
    away: VecDeque<Timestamp>,
    /// When tokens of users end, by the wall clock, in whole seconds.
    ends: BTreeSet<u64>,
    wall: WallOffset,
    key: Option<AccessKey>,
    tokens: Option<RoomTokens>,
    ice: IceServers,
    config: Config,
    quota: RoomQuota,
    rng: Rng,
}

/// What members, TURN servers and tokens are held against.
#[derive(Default)]
pub struct Keys {
    /// The key that members bring, if one is asked for.
    pub key: Option<AccessKey>,
    /// What calls need, with what the TURN servers share with this one.
    pub ice: IceServers,
    /// What lets users into rooms, if tokens are asked for.
    pub tokens: Option<RoomTokens>,
}

/// A connected member.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Member {
    pub(super) rooms: BTreeSet<Id>,
    events: Bucket,
    /// What rooms that it makes are counted under; `None` if it may make any number.
    counted: Option<IpAddr>,
    /// What it connected with.
    token: Option<Box<str>>,
}

impl Hub {
    /// No rooms yet; resume tokens come from `seed`, and from the networks of `exempt`, any number of rooms may be
    /// made.
    pub fn new(config: &Config, keys: Keys, seed: &Seed, exempt: Vec<IpNet>) -> Self {
        let Keys { key, ice, tokens } = keys;
        Self {
            rooms: TrackedMap::default(),
            members: TrackedMap::default(),
            away: VecDeque::new(),
            ends: BTreeSet::new(),
            wall: WallOffset::default(),
            key,
            tokens,
            ice,
            config: config.clone(),
            quota: RoomQuota::new(config.max_rooms_per_address, exempt),
            rng: Rng::new(seed),
        }
    }

    /// The servers that help a user to reach others, if its token is good where tokens are asked for.
    ///
    /// # Errors
    /// The refusal to tell whoever asks.
    pub fn ice(&self, user: &Id, token: Option<&str>, now: Timestamp) -> Result<Vec<IceServer>, Refusal> {
        let wall = self.wall.wall(now);
        let until = self.tokens.as_ref().map(|tokens| tokens.vouch(user, token, wall)).transpose()?;
        Ok(self.ice.of(user.as_str(), until, wall))
    }

    fn join(
        &mut self,
        from: MemberId,
        asked: &Seating,
        name: Option<&'static str>,
        now: Timestamp,
    ) -> Effects {
        let Seating { user_id, room_id, resume, .. } = asked;
        let Some(member) = self.members.get(&from) else { return Effects::none() };
        let wall = self.wall.wall(now);
        let admitted = self.tokens.as_ref().map(|tokens| tokens.admit(asked, member.token.as_deref(), wall));
        let until = match admitted.transpose() {
            Ok(until) => until,
            Err(refusal) => return refuse(from, refusal, name),
        };
        let (is_new, made_from) = (!self.rooms.contains(room_id), member.counted);
        let has_enough =
            !member.rooms.contains(room_id) && member.rooms.len() >= self.config.max_rooms_per_member;
        if has_enough || (is_new && !self.may_make_room(made_from)) {
            return refuse(from, Refusal::TooManyRooms, name);
        }
        let resume_token = self.next_resume_token(resume.as_ref());
        if is_new {
            self.rooms.insert(room_id.clone(), Room::new(made_from));
        }
        let Some(room) = self.rooms.get_mut(room_id) else { return Effects::none() };
        let holder = room.holder(user_id);
        let returns = matches!(resume, Some(Resume::Token(known)) if room.is_resume_token_of(user_id, known));
        let mut effects = Effects::none();
        match holder {
            Holder::Nobody if room.n_users() >= self.config.room_capacity => {
                return refuse(from, Refusal::RoomFull, name);
            }
            Holder::Member(other) if other != from => {
                if self.config.duplicate_user == DuplicateUser::Reject {
                    return refuse(from, Refusal::UserIdTaken, name);
                }
                effects.append(refuse(other, Refusal::Replaced, None));
            }
            Holder::Nobody | Holder::Away | Holder::Member(_) => {}
        }
        room.seat(user_id, from, resume_token.clone(), until);
        self.ends.extend(until.map(|until| until.as_millis().div_ceil(1000)));
        if let Holder::Member(other) = holder
            && room.id_of(other).is_none()
            && let Some(other) = self.members.get_mut(&other)
        {
            other.rooms.remove(room_id);
        }
        if let Some(member) = self.members.get_mut(&from) {
            member.rooms.insert(room_id.clone());
        }
        let ice_servers = self.ice.of(user_id.as_str(), until, wall);
        let joined = ServerEvent::Joined {
            user_id,
            room_id,
            users: room.users(),
            ice_servers: &ice_servers,
            resume: resume_token.as_deref(),
        };
        effects.tell(from, joined.frame(name));
        if !returns {
            effects.tell_all(room.others(from), ServerEvent::UserJoined { user_id, room_id }.frame(None));
        }
        effects
    }

    fn may_make_room(&self, counted: Option<IpAddr>) -> bool {
        self.rooms.count() < self.config.max_rooms
            && self.quota.allows(counted, self.rooms.values().map(Room::made_from))
    }

    fn leave_room(&mut self, from: MemberId, asked: &Seating, name: Option<&'static str>) -> Effects {
        let Seating { user_id, room_id, .. } = asked;
        let mut effects = Effects::none();
        effects.tell(from, ServerEvent::Leaved { user_id, room_id }.frame(name));
        let Some(room) = self.rooms.get(room_id) else { return effects };
        let holder = room.holder(user_id);
        if holder == Holder::Member(from) || (self.config.legacy_relay && holder != Holder::Nobody) {
            effects.append(self.remove(user_id, room_id, from));
        }
        effects
    }

    /// Takes a user out of a room, and the room away with its last one.
    pub(super) fn remove(&mut self, user_id: &Id, room_id: &Id, by: MemberId) -> Effects {
        let mut effects = Effects::none();
        let Some(room) = self.rooms.get_mut(room_id) else { return effects };
        let member = room.member_of(user_id);
        if !room.remove(user_id) {
            return effects;
        }
        effects.tell_all(room.others(by), ServerEvent::UserLeft { user_id, room_id }.frame(None));
        if let Some(member) = member
            && room.id_of(member).is_none()
            && let Some(member) = self.members.get_mut(&member)
        {
            member.rooms.remove(room_id);
        }
        if room.n_users() == 0 {
            self.rooms.remove(room_id);
        }
        effects
    }

    fn relay(&self, from: MemberId, relay: &Relay) -> Effects {
        let mut effects = Effects::none();
        let room = self.rooms.get(&relay.room);
        let sender = room.and_then(|room| room.id_of(from));
        if sender.is_none() && !self.config.legacy_relay {
            return refuse(from, Refusal::NotInRoom, None);
        }
        let Some(room) = room else { return effects };
        match &relay.to {
            None => effects.tell_all(room.others(from), relay.frame()),
            Some(to) => match room.member_of(to) {
                Some(member) => effects.tell(member, relay.frame_to_one(sender)),
                None => return refuse(from, Refusal::NoSuchUser, None),
            },
        }
        effects
    }

    /// A connection of a room broke: who asked for it is expected back, the others of it are gone.
    fn cut_off(&mut self, member: MemberId, room_id: &Id, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let until = now + self.config.resume_window;
        let Some(room) = self.rooms.get_mut(room_id) else { return effects };
        let (left, is_expected) = room.cut_off(member, until);
        for user_id in &left {
            effects.tell_all(room.others(member), ServerEvent::UserLeft { user_id, room_id }.frame(None));
        }
        if is_expected {
            self.away.push_back(until);
        }
        if room.n_users() == 0 {
            self.rooms.remove(room_id);
        }
        effects
    }

    /// A resume token for who wants its place kept.
    fn next_resume_token(&mut self, resume: Option<&Resume>) -> Option<String> {
        match resume {
            None | Some(Resume::Wanted(false)) => None,
            Some(Resume::Wanted(true) | Resume::Token(_)) if self.config.resume_window.is_zero() => None,
            Some(Resume::Wanted(true) | Resume::Token(_)) => {
                Some(hex::encode(&self.rng.draw()[..TOKEN_BYTES]))
            }
        }
    }
}

impl rooms::Hub for Hub {
    type RoomId = Id;
    type Room = Room;
    type Member = Member;
    type Command = Command;
    type Outcome = Outcome;
    type Record = NoRecord;

    fn set_wall(&mut self, wall: WallOffset) {
        self.wall = wall;
    }

    fn admit(&self, member: MemberId, handshake: &mut Handshake, now: Timestamp) -> Result<(), Effects> {
        if let Some(key) = &self.key {
            if key.verify(handshake.address, handshake.token.as_deref(), now).is_err() {
                let mut effects = refuse(member, Refusal::Unauthorized, None);
                effects.disconnect(member, Close::Violation);
                return Err(effects);
            }
            handshake.token = None;
        }
        if self.tokens.is_none() {
            handshake.token = None;
        }
        Ok(())
    }

    fn connect(&mut self, member: MemberId, handshake: Handshake, _: Timestamp) -> Effects {
        let counted = self.quota.counted(handshake.address);
        self.members.insert(member, Member { counted, token: handshake.token, ..Member::default() });
        let mut effects = Effects::none();
        effects.tell(member, ServerEvent::Connected { sid: member }.frame(None));
        effects
    }

    fn handle(&mut self, from: MemberId, event: &str, payload: Option<&RawValue>, now: Timestamp) -> Effects {
        let allowed = Allowance::new(self.config.events_per_second, self.config.event_burst);
        // To be changed, so that a step that is taken back gives back what it took.
        let Some(member) = self.members.get_mut(&from) else { return Effects::none() };
        let mut effects = if member.events.take(allowed, now) {
            match ClientEvent::read(event, payload) {
                Ok((ClientEvent::Join(asked), name)) => self.join(from, &asked, name, now),
                Ok((ClientEvent::Leave(asked), name)) => self.leave_room(from, &asked, name),
                Ok((ClientEvent::Relay(relay), _)) => self.relay(from, &relay),
                Err(Some(refusal)) => refuse(from, refusal, None),
                Err(None) => Effects::none(),
            }
        } else {
            refuse(from, Refusal::RateLimited, None)
        };
        effects.ack();
        effects
    }

    fn leave(&mut self, member: MemberId, _: Departure, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let Some(gone) = self.members.remove(&member) else { return effects };
        let mut rooms: Vec<Id> = gone.rooms.into_iter().collect();
        rooms.sort();
        for room in rooms {
            effects.append(self.cut_off(member, &room, now));
        }
        effects
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        let ends = self.ends.first().map(|secs| self.wall.steady(Timestamp::from_millis(secs * 1000)));
        self.away.front().copied().into_iter().chain(ends).min()
    }

    fn handle_timeout(&mut self, now: Timestamp) -> Effects {
        while self.away.pop_front_if(|until| *until <= now).is_some() {}
        let wall = self.wall.wall(now);
        let wall_secs = wall.as_millis() / 1000;
        self.ends.retain(|secs| *secs > wall_secs);
        let is_due = |room: &Room| room.has_overdue(now) || room.has_expired(wall);
        let due = self.rooms.all().filter(|(_, room)| is_due(room));
        let mut due: Vec<Id> = due.map(|(id, _)| id.clone()).collect();
        due.sort();
        let mut effects = Effects::none();
        for room in due {
            effects.append(self.expire(&room, now));
        }
        effects
    }

    fn census(&self) -> Census {
        Census::of(self.members.values().flat_map(|member| &member.rooms))
    }

    fn command(&mut self, command: Command, _: Timestamp) -> (Outcome, Effects) {
        match command {
            Command::CloseRoom(room) => self.close_room(&room),
            Command::Kick { room, user } => self.kick(&room, &user),
        }
    }

    fn seed(&mut self, now: Timestamp, offset: u64) {
        self.rng.begin(now, offset);
    }

    /// When tokens end, and who is away, stands in the rooms.
    fn restored(&mut self, _: Timestamp) {
        self.ends =
            self.rooms.values().flat_map(Room::ends).map(|at| at.as_millis().div_ceil(1000)).collect();
    }

    fn room_id(text: &str) -> Option<Id> {
        Id::new(text)
    }

    fn rooms(&mut self) -> &mut TrackedMap<Id, Room> {
        &mut self.rooms
    }

    fn members(&mut self) -> &mut TrackedMap<MemberId, Member> {
        &mut self.members
    }

    fn occupants(room: &Room) -> Vec<MemberId> {
        room.others(nobody())
    }

    /// Other nodes cannot know that a connection is about to come back: its users are waited for as after any cut.
    fn on_member_lost(&mut self, member: MemberId, room: &Id, now: Timestamp) -> Effects {
        self.evict(member, room);
        self.cut_off(member, room, now)
    }

    fn evict(&mut self, member: MemberId, room: &Id) {
        if let Some(member) = self.members.get_mut(&member) {
            member.rooms.remove(room);
        }
    }
}

impl Hub {
    /// Removes users whose time is over from a room.
    fn expire(&mut self, room: &Id, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let overdue = self.rooms.get(room).map(|room| room.overdue(now)).unwrap_or_default();
        for user in overdue {
            effects.append(self.remove(&user, room, nobody()));
        }
        let wall = self.wall.wall(now);
        let expired = self.rooms.get(room).map(|room| room.expired(wall)).unwrap_or_default();
        for user in expired {
            let member = self.rooms.get(room).and_then(|room| room.member_of(&user));
            effects.append(self.remove(&user, room, nobody()));
            effects.append(member.map_or_else(Effects::none, |who| refuse(who, Refusal::TokenExpired, None)));
        }
        effects
    }
}

pub(super) fn refuse(to: MemberId, refusal: Refusal, name: Option<&'static str>) -> Effects {
    let mut effects = Effects::none();
    effects.tell(to, ServerEvent::from(refusal).frame(name));
    effects.refused(refusal.code());
    effects
}

/// Whoever is told, it is not the one that this leaves out.
pub(super) fn nobody() -> MemberId {
    MemberId::new("-").expect("one byte is a name")
}
