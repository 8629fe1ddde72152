//! All watch rooms, and who sits where. Pure: time comes in with each event, frames go out as effects.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Config;
use super::audit::{AuditEntry, AuditEvent};
use super::bans::Bans;
use super::command::Command;
use super::counts::{Count, Counts};
use super::draw;
use super::history::History;
use super::protocol::{ClientEvent, Refusal, RoomId, ServerEvent, Unread, refuse};
use super::room::{Fate, Room, Seat};
use crate::effect::{Close, Effects, MemberId, NoRecord};
use crate::http::keys::AccessKey;
use crate::party::passwords::{self, Passwords, TryLimit};
use crate::party::protocol::{self as party, ServerEvent as PartyEvent};
use crate::party::{Claim, PersonId, Terms};
use crate::rooms::{self, Bucket, Census, Departure, Handshake, Outcome, Rng, RoomQuota, Seed, TrackedMap};
use crate::time::{Timestamp, WallOffset};

/// Every room and every connected member.
pub struct Hub {
    pub(super) rooms: TrackedMap<RoomId, Room>,
    pub(super) members: TrackedMap<MemberId, Member>,
    /// What nodes tell each other beside the rooms: bans, and who was wrong about passwords.
    pub(super) facts: TrackedMap<String, String>,
    pub(super) bans: Bans,
    pub(super) history: History,
    pub(super) counts: Counts,
    /// By which times are told; rules go by the time that never jumps.
    pub(super) wall: WallOffset,
    key: AccessKey,
    pub(super) config: Config,
    pub(super) quota: RoomQuota,
    pub(super) rng: Rng,
    pub(super) passwords: Passwords,
    /// What pages may have done in rooms.
    pub(super) terms: Terms,
    /// Bytes of voices in each room lately, on this node.
    pub(super) voices: HashMap<RoomId, Bucket>,
    /// Public rooms as text, and since when they look like that.
    pub(super) list: Mutex<Option<(Timestamp, Box<RawValue>)>>,
    sweep_at: Timestamp,
    /// When a vote or a wait is over in some room, alone; on several nodes, their ticks come round.
    pub(super) alarm_at: Option<Timestamp>,
}

/// A connected member, in a room or not.
#[derive(Clone, Serialize, Deserialize)]
pub struct Member {
    /// Where it connects from.
    pub(super) address: IpAddr,
    pub(super) room: Option<RoomId>,
    /// The room whose screen it may share for the owner.
    pub(super) helps: Option<RoomId>,
    pub(super) chats: Bucket,
    /// Who it is, if its page has said so.
    #[serde(default)]
    pub(super) person: Option<PersonId>,
    /// Whether it is told what pages are told.
    #[serde(default)]
    pub(super) is_page: bool,
    /// The invitation that it came by, in place of the key.
    #[serde(default)]
    pub(super) guest_of: Option<Claim>,
}

impl Hub {
    /// No rooms yet; passwords are kept under `seed`, all that is random comes from `rng`, and from the networks
    /// of `exempt`, any number of rooms may be made.
    pub fn new(
        config: &Config,
        key: AccessKey,
        seed: &Seed,
        rng: Rng,
        exempt: Vec<IpNet>,
        now: Timestamp,
    ) -> Self {
        let limit = TryLimit { tries: config.wrong_passwords, window: config.wrong_password_window };
        Self {
            rooms: TrackedMap::default(),
            members: TrackedMap::default(),
            facts: TrackedMap::default(),
            bans: Bans::default(),
            history: History::new(now),
            counts: Counts::default(),
            wall: WallOffset::default(),
            key,
            config: config.clone(),
            quota: RoomQuota::new(config.max_rooms_per_address, exempt),
            rng,
            passwords: Passwords::new(seed, limit),
            terms: config.terms(seed),
            voices: HashMap::new(),
            list: Mutex::default(),
            sweep_at: now + config.sweep_interval,
            alarm_at: None,
        }
    }

    /// Where a member sits.
    pub fn room_of(&self, member: MemberId) -> Option<RoomId> {
        self.members.get(&member)?.room
    }

    pub(super) fn seat(&self, id: MemberId, name: String, now: Timestamp) -> Option<Seat> {
        let address = self.members.get(&id)?.address;
        Some(Seat { id, name, address: Some(address), heard_at: now })
    }

    pub(super) fn take_seat(&mut self, member: MemberId, room: RoomId) {
        if let Some(member) = self.members.get_mut(&member) {
            member.room = Some(room);
        }
    }

    pub(super) fn give_up_seat(&mut self, member: MemberId) {
        if let Some(member) = self.members.get_mut(&member) {
            member.room = None;
        }
    }

    pub(super) fn leave_own(&mut self, member: MemberId, departure: Departure, now: Timestamp) -> Effects {
        match self.room_of(member) {
            Some(room) => self.leave_room(member, room, departure, now),
            None => Effects::none(),
        }
    }

    pub(super) fn leave_room(
        &mut self,
        member: MemberId,
        id: RoomId,
        departure: Departure,
        now: Timestamp,
    ) -> Effects {
        self.give_up_seat(member);
        let Some(room) = self.rooms.get(&id) else { return Effects::none() };
        let event = match departure {
            Departure::Said => AuditEvent::Left,
            Departure::CutOff | Departure::Lost => AuditEvent::CutOff,
        };
        let mut effects = Effects::none();
        effects.note(&AuditEntry::new(self.wall.wall(now), event, room, member));
        let Some(room) = self.rooms.get_mut(&id) else { return effects };
        let (told, fate) = room.leave(member, departure, self.config.owner_leave, now);
        effects.append(told);
        self.decide(&mut effects, id, fate, now);
        effects.append(self.settle_seats(id, departure, now));
        effects
    }

    /// Lets a room go whose time has come, and everybody in it.
    pub(super) fn decide(&mut self, effects: &mut Effects, id: RoomId, fate: Fate, now: Timestamp) {
        if fate == Fate::Stays {
            return;
        }
        let Some(mut room) = self.rooms.remove(&id) else { return };
        room.end_recording(effects, now);
        effects.note(&AuditEntry::new(self.wall.wall(now), AuditEvent::RoomDeleted, &room, room.owner()));
        for member in room.members() {
            self.give_up_seat(member);
        }
    }

    /// A guest comes by an invitation, which this server has signed: lets it in if that holds. It may have been made on another
    /// node just now, so this is for the rules.
    fn connect_guest(&self, member: MemberId, claim: &Claim, now: Timestamp) -> Result<(), Effects> {
        let room = RoomId::read(&claim.room).and_then(|id| self.rooms.get(&id));
        if room.is_some_and(|room| room.party.invitation(&claim.id, now).is_some()) {
            return Ok(());
        }
        let mut effects = Effects::none();
        let code = party::Refusal::NoSuchInvitation.code();
        effects.tell(member, PartyEvent::Notice { code, name: None }.frame());
        effects.tell(member, ServerEvent::Unauthorized.frame());
        effects.disconnect(member, Close::Done);
        effects.refused(code);
        Err(effects)
    }

    pub(super) fn stop_helping(&mut self, member: MemberId, id: RoomId) -> Effects {
        match self.rooms.get_mut(&id) {
            Some(room) if room.is_helper(member) => room.drop_helper(),
            Some(_) | None => Effects::none(),
        }
    }

    pub(super) fn free_id(&mut self) -> RoomId {
        loop {
            let id = draw::room_id(&mut self.rng);
            if self.rooms.get(&id).is_none() {
                return id;
            }
        }
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

    fn admit(&self, member: MemberId, handshake: &mut Handshake, now: Timestamp) -> Result<(), Effects> {
        let mut effects = Effects::none();
        if self.bans.holds(handshake.address, now) {
            effects.tell(member, ServerEvent::Banned.frame());
            effects.disconnect(member, Close::Done);
            effects.refused("banned");
            return Err(effects);
        }
        let claim = handshake.token.as_deref().and_then(|token| self.terms.invitations.read(token));
        if let Some(claim) = claim {
            handshake.token = serde_json::to_string(&claim).ok().map(Into::into);
            return Ok(());
        }
        if self.key.verify(handshake.address, handshake.token.as_deref(), now).is_err() {
            // The client stops its attempts when it is told first and disconnected then.
            effects.tell(member, ServerEvent::Unauthorized.frame());
            effects.disconnect(member, Close::Done);
            effects.refused(Refusal::Unauthorized.code());
            return Err(effects);
        }
        handshake.token = None;
        Ok(())
    }

    fn connect(&mut self, member: MemberId, handshake: Handshake, now: Timestamp) -> Effects {
        let guest_of: Option<Claim> =
            handshake.token.as_deref().and_then(|claim| serde_json::from_str(claim).ok());
        if let Some(Err(refusal)) = guest_of.as_ref().map(|claim| self.connect_guest(member, claim, now)) {
            return refusal;
        }
        let occupant = Member {
            address: handshake.address,
            room: None,
            helps: None,
            chats: Bucket::default(),
            person: None,
            is_page: false,
            guest_of,
        };
        self.members.insert(member, occupant);
        Effects::none()
    }

    fn handle(&mut self, from: MemberId, event: &str, payload: Option<&RawValue>, now: Timestamp) -> Effects {
        if !self.members.contains(&from) {
            return Effects::none();
        }
        self.heard(from, now);
        self.counts.add(Count::Events);
        let before = self.room_of(from);
        let mut effects = match ClientEvent::read(event, payload) {
            Ok(event) => self.dispatch(from, event, now),
            Err(Unread::Malformed(Some(refusal))) => refuse(refusal),
            Err(Unread::Refused(refusal)) => party::refuse(refusal),
            Err(Unread::Malformed(None) | Unread::Unknown) => Effects::none(),
        };
        self.set_alarm(self.room_of(from));
        self.record_both(from, before, &mut effects, now);
        // Whoever asked for an answer gets one; the first one counts.
        effects.ack();
        effects
    }

    /// Browsers throttle the heartbeats of hidden tabs, so whatever an owner sends keeps its room alive.
    fn heard(&mut self, member: MemberId, now: Timestamp) {
        if self.needs_heard(member, now)
            && let Some(room) = self.room_of(member).and_then(|id| self.rooms.get_mut(&id))
        {
            room.heard(member, now);
        }
    }

    fn leave(&mut self, member: MemberId, _: Departure, now: Timestamp) -> Effects {
        let before = self.room_of(member);
        let mut effects = self.leave_own(member, Departure::CutOff, now);
        self.record(before, Some(member), &mut effects, now);
        let helped = self.members.remove(&member).and_then(|member| member.helps);
        if let Some(id) = helped {
            effects.append(self.stop_helping(member, id));
        }
        effects
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        Some(self.alarm_at.map_or(self.sweep_at, |alarm| alarm.min(self.sweep_at)))
    }

    fn handle_timeout(&mut self, now: Timestamp) -> Effects {
        if now < self.sweep_at {
            let is_due = self.alarm_at.is_some_and(|alarm| alarm <= now);
            return if is_due { self.ring(now) } else { Effects::none() };
        }
        self.sweep_at = now + self.config.sweep_interval;
        self.tick(now)
    }

    fn tick(&mut self, now: Timestamp) -> Effects {
        self.passwords.forget(&mut self.facts, now);
        self.voices.retain(|room, _| self.rooms.get(room).is_some());
        self.history.look(self.rooms.count(), self.n_members(), self.counts.totals(), now);
        self.bans.look(&self.facts, now);
        let mut effects = self.let_go_of_banned(now);
        effects.append(self.ring(now));
        let patience = self.config.patience();
        let due = self.rooms.values().filter(|room| room.overdue(patience, now).is_some());
        let mut due: Vec<RoomId> = due.map(Room::id).collect();
        due.sort();
        for id in due {
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            let (told, fate) = room.sweep(patience, now);
            effects.append(told);
            if fate == Fate::Stays {
                room.keep_waiting_for_film(&mut effects, now);
                room.tell_playhead(&mut effects, now);
            }
            self.decide(&mut effects, id, fate, now);
        }
        self.record_all(&mut effects, now);
        effects
    }

    fn census(&self) -> Census {
        Census::of(self.members.values().filter_map(|member| member.room))
    }

    fn command(&mut self, command: Command, now: Timestamp) -> (Outcome, Effects) {
        match command {
            Command::CloseRoom(room) => self.close_room(room, now),
            Command::ShowBanner(room, message) => self.show_banner(room, &message, now),
            Command::Kick(member) => self.kick(member, now),
            Command::Ban(address, span) => self.ban(address, span, now),
            Command::LiftBan(address) => self.lift_ban(address),
            Command::DeleteRecording(recording) => (Outcome::Done, self.delete_recording(recording, now)),
            Command::StopRecording(id, limit) => (Outcome::Done, self.stop_recording(id, limit, now)),
            Command::Erase(name) => {
                let (erased, effects) = rooms::erase(self, &name, now);
                (Outcome::Erased(erased), effects)
            }
        }
    }

    fn seed(&mut self, now: Timestamp, offset: u64) {
        self.rng.begin(now, offset);
    }

    /// Whoever asks for rooms, chats or a sign of life.
    fn query(
        &self,
        from: MemberId,
        event: &str,
        payload: Option<&RawValue>,
        now: Timestamp,
    ) -> Option<Effects> {
        if !ClientEvent::may_ask(event) || !self.members.contains(&from) {
            return None;
        }
        let mut effects = match ClientEvent::read(event, payload) {
            Ok(ClientEvent::List) => self.list(from, now),
            Ok(ClientEvent::Heartbeat) => self.answer_heartbeat(from, now),
            Ok(ClientEvent::ChatHistory) => self.tell_chats(from),
            Ok(ClientEvent::Shared(party::ClientEvent::TimePing { client_time })) => {
                party::tell_time(from, client_time, now)
            }
            Ok(_) | Err(_) => return None,
        };
        self.counts.add(Count::Events);
        effects.ack();
        Some(effects)
    }

    fn needs_heard(&self, member: MemberId, now: Timestamp) -> bool {
        let room = self.room_of(member).and_then(|id| self.rooms.get(&id));
        room.is_some_and(|room| !room.has_heard(member, now))
    }

    fn restored(&mut self, now: Timestamp) {
        self.bans.look(&self.facts, now);
    }

    fn room_id(text: &str) -> Option<RoomId> {
        RoomId::read(text)
    }

    fn rooms(&mut self) -> &mut TrackedMap<RoomId, Room> {
        &mut self.rooms
    }

    fn members(&mut self) -> &mut TrackedMap<MemberId, Member> {
        &mut self.members
    }

    fn occupants(room: &Room) -> Vec<MemberId> {
        room.occupants()
    }

    fn on_member_lost(&mut self, member: MemberId, room: &RoomId, now: Timestamp) -> Effects {
        self.evict(member, room);
        let Some(lost_in) = self.rooms.get_mut(room) else { return Effects::none() };
        let mut effects = lost_in.lose(member, now);
        effects.append(self.settle_seats(*room, Departure::Lost, now));
        self.record(Some(*room), None, &mut effects, now);
        effects
    }

    fn evict(&mut self, member: MemberId, room: &RoomId) {
        if self.room_of(member) == Some(*room) {
            self.give_up_seat(member);
        }
    }

    fn erase(&mut self, name: &str, now: Timestamp) -> Effects {
        rooms::erase(self, name, now).1
    }

    fn facts(&mut self) -> Option<&mut TrackedMap<String, String>> {
        Some(&mut self.facts)
    }

    fn merge(fact: &str, theirs: &str, ours: &str) -> String {
        if passwords::is_about(fact) { passwords::merge(theirs, ours) } else { Bans::merge(theirs, ours) }
    }
}
