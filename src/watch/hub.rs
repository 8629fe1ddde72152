//! All watch rooms, and who sits where. Pure: time comes in with each event, frames go out as effects.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::value::{RawValue, to_raw_value};

use super::Config;
use super::bans::Bans;
use super::chance::Chance;
use super::history::{History, Totals};
use super::names::{RoomId, RoomType};
use super::notes::{Happening, Note};
use super::passwords::{Passwords, TryLimit};
use super::protocol::{Chat, ClientEvent, CreateRoom, JoinRoom, Refusal, Show, Unread};
use super::room::{Departure, Fate, Founding, Room, Seat};
use super::rules::{Control, Rules};
use super::told::{ChatMessage, Failure, RoomView, ServerEvent, Success};
use crate::effect::{Close, Effects, MemberId};
use crate::secret::Secret;
use crate::switchboard::{self, Bucket, Census, Ledger, Newcomer, Seed, Shared};
use crate::time::Timestamp;

/// The list of rooms is written anew at most this often, however many ask.
const LIST_AGE: Duration = Duration::from_secs(1);

/// Every room and every connected member.
pub struct Hub {
    pub(super) rooms: Ledger<RoomId, Room>,
    pub(super) members: Ledger<MemberId, Member>,
    pub(super) bans: Bans,
    pub(super) history: History,
    pub(super) totals: Totals,
    key: Secret,
    rules: Rules,
    chance: Chance,
    passwords: Passwords,
    /// Public rooms as text, and since when they look like that.
    list: Option<(Timestamp, Box<RawValue>)>,
    sweep_at: Timestamp,
}

/// A connected member, in a room or not.
#[derive(Clone)]
pub struct Member {
    /// Where it connects from.
    pub(super) address: IpAddr,
    room: Option<RoomId>,
    /// The room whose screen it may share for the owner.
    helps: Option<RoomId>,
    chats: Bucket,
}

impl Hub {
    /// No rooms yet; passwords are kept under `seed`, all that is random comes from `chance`.
    pub fn new(config: &Config, key: Secret, seed: &Seed, chance: Chance, now: Timestamp) -> Self {
        let limit = TryLimit { tries: config.wrong_passwords, window: config.wrong_password_window };
        Self {
            rooms: Ledger::default(),
            members: Ledger::default(),
            bans: Bans::default(),
            history: History::new(now),
            totals: Totals::default(),
            key,
            rules: Rules::new(config),
            chance,
            passwords: Passwords::new(seed, limit),
            list: None,
            sweep_at: now + config.sweep_interval,
        }
    }

    /// Where a member sits.
    pub fn room_of(&self, member: MemberId) -> Option<RoomId> {
        self.members.peek(&member)?.room
    }

    fn obey(&mut self, from: MemberId, event: ClientEvent, now: Timestamp) -> Effects {
        match event {
            ClientEvent::Create(given) => self.create(from, given, now),
            ClientEvent::Join(given) => self.join(from, given, now),
            ClientEvent::Leave => self.leave_own(from, Departure::Said, now),
            ClientEvent::List => self.list(now),
            ClientEvent::Show(show, state) => self.show(from, show, &state, now),
            ClientEvent::Seek(position) => self.steer(from, |room| room.seek(from, position, now)),
            ClientEvent::Resume => self.steer(from, |room| room.resume(from, now)),
            ClientEvent::Pause => self.steer(from, |room| room.pause(from, now)),
            ClientEvent::RegisterHelper { room, token } => self.register_helper(from, room, &token),
            ClientEvent::StartSharing(state) => {
                if state.get().len() > self.rules.max_state_bytes {
                    return Effects::none();
                }
                self.in_shared_room(from, |room| room.start_sharing(from, state))
            }
            ClientEvent::StopSharing => self.in_shared_room(from, |room| room.stop_sharing(from)),
            ClientEvent::ViewerReady => self.in_own_room(from, |room| room.viewer_ready(from)),
            ClientEvent::Signal { event, to, body } => {
                self.in_shared_room(from, |room| room.signal(from, event, to, &body))
            }
            ClientEvent::AudioChunk { audio, sample_rate } => {
                let limit = self.rules.voices;
                self.in_own_room(from, |room| room.audio_chunk(from, &audio, &sample_rate, limit, now))
            }
            ClientEvent::Chat(chat) => self.chat(from, chat, now),
            ClientEvent::ClearState => self.clear_state(from),
            ClientEvent::Heartbeat => {
                let mut effects = Effects::none();
                effects.tell(from, ServerEvent::HeartbeatPong { timestamp: now.as_millis() }.frame());
                effects
            }
            ClientEvent::ChatHistory => self.tell_chats(from),
            ClientEvent::Transfer { to } => self.transfer(from, to, now),
        }
    }

    fn create(&mut self, from: MemberId, given: CreateRoom, now: Timestamp) -> Effects {
        let rules = &self.rules;
        let password = given.password.filter(|password| !password.is_empty());
        let fits = is_short(&given.name, rules.max_name_chars)
            && is_short(&given.description, rules.max_description_chars)
            && is_short(password.as_deref().unwrap_or_default(), rules.max_password_chars)
            && is_short(&given.user_name, rules.max_user_name_chars);
        if !fits {
            return refuse(Refusal::CreateFailed);
        }
        if self.rooms.count() >= rules.max_rooms {
            return refuse(Refusal::TooManyRooms);
        }
        let mut effects = self.leave_own(from, Departure::Said, now);
        let Some(seat) = self.seat(from, given.user_name, now) else { return effects };
        let id = self.free_id();
        let founding = Founding {
            id,
            name: given.name,
            description: given.description,
            code: password.as_deref().map(|password| self.passwords.encode(id, password)),
            is_public: given.is_public,
            room_type: given.room_type,
            token: self.chance.owner_token(),
        };
        let room = Room::open(founding, seat, now);
        let view = RoomView { password: password.as_deref(), ..room.owners_view() };
        effects.answer(&Success::created(view));
        self.note(&mut effects, Happening::RoomCreated, &room, from, now);
        self.rooms.insert(id, room);
        self.take_seat(from, id);
        self.totals.rooms_created += 1;
        effects
    }

    fn join(&mut self, from: MemberId, given: JoinRoom, now: Timestamp) -> Effects {
        if !is_short(&given.user_name, self.rules.max_user_name_chars) {
            return refuse(Refusal::JoinFailed);
        }
        let Some(address) = self.members.get(&from).map(|member| member.address) else {
            return Effects::none();
        };
        let id = RoomId::read(&given.room_id);
        let Some((id, room)) = id.and_then(|id| Some((id, self.rooms.get(&id)?))) else {
            return refuse(Refusal::NoSuchRoom);
        };
        let is_owner = given.owner_token.is_some_and(|token| room.is_token(&token));
        if !is_owner {
            if !room.is_open() {
                return refuse(Refusal::NoSuchRoom);
            }
            let guess = given.password.as_deref().unwrap_or_default();
            if let Some(code) = room.code()
                && !room.has(from)
                && !self.passwords.is_right(id, code, guess, address, now)
            {
                return refuse(Refusal::WrongPassword);
            }
            if !room.has(from) && room.n_members() >= self.rules.max_members_per_room {
                return refuse(Refusal::RoomFull);
            }
        }
        let mut effects = Effects::none();
        if self.room_of(from) != Some(id) {
            effects = self.leave_own(from, Departure::Said, now);
        }
        let Some(seat) = self.seat(from, given.user_name, now) else { return effects };
        let Some(room) = self.rooms.get_mut(&id) else { return refuse(Refusal::NoSuchRoom) };
        let before = room.members();
        let told = if is_owner { room.welcome_owner(seat, now) } else { room.join(seat, now) };
        let view = if room.is_owner(from) { room.owners_view() } else { room.view() };
        effects.answer(&Success::joined(view, room.member_views()));
        effects.append(told);
        let gone = before.into_iter().filter(|member| !room.has(*member)).collect::<Vec<_>>();
        for member in gone {
            self.give_up_seat(member);
        }
        self.take_seat(from, id);
        self.totals.joins += 1;
        if let Some(room) = self.rooms.get(&id) {
            let happening = if is_owner { Happening::OwnerReturned } else { Happening::Joined };
            self.note(&mut effects, happening, room, from, now);
        }
        effects
    }

    fn list(&mut self, now: Timestamp) -> Effects {
        let fresh = self.list.take().filter(|(at, _)| now.since(*at) < LIST_AGE);
        let (at, text) = fresh.unwrap_or_else(|| {
            let mut rooms: Vec<RoomView<'_>> =
                self.rooms.values().filter(|room| room.is_listed()).map(Room::view).collect();
            rooms.sort_by_key(|room| (room.created_at, room.id));
            (now, to_raw_value(&rooms).expect("a view has string keys"))
        });
        let mut effects = Effects::none();
        effects.answer(&text);
        self.list = Some((at, text));
        effects
    }

    fn show(&mut self, from: MemberId, show: Show, state: &RawValue, now: Timestamp) -> Effects {
        if state.get().len() > self.rules.max_state_bytes {
            return Effects::none();
        }
        let is_music = !matches!(show, Show::PlayUpdate | Show::PlayChange | Show::LiveChange);
        self.in_own_room(from, |room| {
            if is_music && room.room_type() != RoomType::Music {
                return Effects::none();
            }
            room.show(from, show, state, now)
        })
    }

    /// Does what any member may, unless the owner alone has the controls.
    fn steer(&mut self, from: MemberId, act: impl FnOnce(&mut Room) -> Effects) -> Effects {
        let control = self.rules.control;
        self.in_own_room(from, |room| match control {
            Control::Owner if !room.is_owner(from) => Effects::none(),
            Control::Owner | Control::Any => act(room),
        })
    }

    fn register_helper(&mut self, from: MemberId, id: RoomId, token: &str) -> Effects {
        let Some(room) = self.rooms.get_mut(&id) else { return refuse(Refusal::NoSuchRoom) };
        if !room.is_token(token) {
            return refuse(Refusal::NotTheOwner);
        }
        room.set_helper(from);
        let former = self.members.get_mut(&from).and_then(|member| member.helps.replace(id));
        let mut effects = Effects::none();
        if let Some(other) = former.filter(|former| *former != id) {
            effects = self.stop_helping(from, other);
        }
        effects.answer(&Success::plain());
        effects
    }

    fn chat(&mut self, from: MemberId, chat: Chat, now: Timestamp) -> Effects {
        let Some(member) = self.members.get(&from) else { return Effects::none() };
        let Some(room) = member.room.and_then(|id| self.rooms.get_mut(&id)) else { return Effects::none() };
        if chat.content.is_empty() || !is_short(&chat.content, self.rules.max_chat_chars) {
            return Effects::none();
        }
        if !member.chats.take(self.rules.chats, now) {
            let mut effects = Effects::none();
            effects.refused("too_many_chats");
            return effects;
        }
        let Some(name) = room.name_of(from) else { return Effects::none() };
        let message = ChatMessage {
            id: format!("{}-{}", now.as_millis(), self.chance.chat_suffix()),
            user_id: from,
            user_name: name.to_owned(),
            content: chat.content,
            kind: chat.kind,
            timestamp: now.as_millis(),
        };
        self.totals.chats += 1;
        room.chat(message)
    }

    fn tell_chats(&self, from: MemberId) -> Effects {
        let mut effects = Effects::none();
        match self.room_of(from).and_then(|id| self.rooms.get(&id)) {
            Some(room) => effects.answer(room.chats()),
            None => effects.answer(&[(); 0]),
        }
        effects
    }

    fn clear_state(&mut self, from: MemberId) -> Effects {
        let Some(id) = self.room_of(from) else { return refuse(Refusal::NotInARoom) };
        let Some(room) = self.rooms.get_mut(&id) else { return refuse(Refusal::RoomGone) };
        if !room.is_owner(from) {
            return refuse(Refusal::NotOwner);
        }
        let mut effects = room.clear_state(from);
        effects.answer(&Success::plain());
        effects
    }

    fn transfer(&mut self, from: MemberId, to: MemberId, now: Timestamp) -> Effects {
        let Some(id) = self.room_of(from) else { return refuse(Refusal::NotInARoom) };
        let Some(room) = self.rooms.get_mut(&id) else { return refuse(Refusal::RoomGone) };
        if !room.is_owner(from) {
            return refuse(Refusal::NotOwner);
        }
        if !room.has(to) {
            return refuse(Refusal::NoSuchMember);
        }
        let mut effects = room.transfer(to, self.chance.owner_token(), now);
        effects.answer(&Success::plain());
        if let Some(room) = self.rooms.get(&id) {
            self.note(&mut effects, Happening::HandedOver, room, to, now);
        }
        effects
    }

    fn in_own_room(&mut self, from: MemberId, act: impl FnOnce(&mut Room) -> Effects) -> Effects {
        let room = self.room_of(from).and_then(|id| self.rooms.get_mut(&id));
        room.map_or_else(Effects::none, act)
    }

    /// Does something in the member's room, or in the one whose screen it may share.
    fn in_shared_room(&mut self, from: MemberId, act: impl FnOnce(&mut Room) -> Effects) -> Effects {
        let Some(member) = self.members.get(&from) else { return Effects::none() };
        let helped = member.helps.filter(|id| self.rooms.get(id).is_some_and(|room| room.is_helper(from)));
        let room = helped.or(member.room).and_then(|id| self.rooms.get_mut(&id));
        room.map_or_else(Effects::none, act)
    }

    fn seat(&self, id: MemberId, name: String, now: Timestamp) -> Option<Seat> {
        self.members.contains(&id).then_some(Seat { id, name, heard_at: now })
    }

    fn take_seat(&mut self, member: MemberId, room: RoomId) {
        if let Some(member) = self.members.get_mut(&member) {
            member.room = Some(room);
        }
    }

    fn give_up_seat(&mut self, member: MemberId) {
        if let Some(member) = self.members.get_mut(&member) {
            member.room = None;
        }
    }

    fn leave_own(&mut self, member: MemberId, departure: Departure, now: Timestamp) -> Effects {
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
        let happening = match departure {
            Departure::Said => Happening::Left,
            Departure::CutOff => Happening::CutOff,
        };
        let mut effects = Effects::none();
        self.note(&mut effects, happening, room, member, now);
        let Some(room) = self.rooms.get_mut(&id) else { return effects };
        let (told, fate) = room.leave(member, departure, self.rules.owner_leave, now);
        effects.append(told);
        self.decide(&mut effects, id, fate, now);
        effects
    }

    /// Lets a room go whose time has come, and everybody in it.
    pub(super) fn decide(&mut self, effects: &mut Effects, id: RoomId, fate: Fate, now: Timestamp) {
        if fate == Fate::Stays {
            return;
        }
        let Some(room) = self.rooms.remove(&id) else { return };
        self.note(effects, Happening::RoomDeleted, &room, room.owner(), now);
        for member in room.members() {
            self.give_up_seat(member);
        }
    }

    /// Notes what a member did, for the event log.
    pub(super) fn note(
        &self,
        effects: &mut Effects,
        happening: Happening,
        room: &Room,
        member: MemberId,
        now: Timestamp,
    ) {
        let address = self.members.get(&member).map(|member| member.address);
        effects.note(&Note::new(now, happening, room, member, address));
    }

    fn stop_helping(&mut self, member: MemberId, id: RoomId) -> Effects {
        match self.rooms.get_mut(&id) {
            Some(room) if room.is_helper(member) => room.drop_helper(),
            Some(_) | None => Effects::none(),
        }
    }

    fn free_id(&mut self) -> RoomId {
        loop {
            let id = self.chance.room_id();
            if self.rooms.peek(&id).is_none() {
                return id;
            }
        }
    }
}

impl switchboard::Hub for Hub {
    fn connect(&mut self, member: MemberId, newcomer: Newcomer, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        if self.bans.holds(newcomer.address, now) {
            effects.tell(member, ServerEvent::Banned.frame());
            effects.disconnect(member, Close::Done);
            effects.refused("banned");
            return effects;
        }
        if !newcomer.token.is_some_and(|token| self.key.is(&token)) {
            // The client stops its attempts when it is told first and disconnected then.
            effects.tell(member, ServerEvent::Unauthorized.frame());
            effects.disconnect(member, Close::Done);
            effects.refused(Refusal::Unauthorized.code());
            return effects;
        }
        let occupant =
            Member { address: newcomer.address, room: None, helps: None, chats: Bucket::default() };
        self.members.insert(member, occupant);
        effects
    }

    fn handle(&mut self, from: MemberId, event: &str, payload: Option<&RawValue>, now: Timestamp) -> Effects {
        if !self.members.contains(&from) {
            return Effects::none();
        }
        self.heard(from, now);
        self.totals.events += 1;
        let mut effects = match ClientEvent::read(event, payload) {
            Ok(event) => self.obey(from, event, now),
            Err(Unread::Malformed(Some(refusal))) => refuse(refusal),
            Err(Unread::Malformed(None) | Unread::Unknown) => Effects::none(),
        };
        // Whoever asked for an answer gets one; the first one counts.
        effects.ack();
        effects
    }

    /// Browsers throttle the heartbeats of hidden tabs, so whatever an owner sends keeps its room alive.
    fn heard(&mut self, member: MemberId, now: Timestamp) {
        let Some(id) = self.room_of(member) else { return };
        let is_news = self.rooms.peek(&id).is_some_and(|room| !room.has_heard(member, now));
        if is_news && let Some(room) = self.rooms.get_mut(&id) {
            room.heard(member, now);
        }
    }

    fn leave(&mut self, member: MemberId, now: Timestamp) -> Effects {
        let mut effects = self.leave_own(member, Departure::CutOff, now);
        let helped = self.members.remove(&member).and_then(|member| member.helps);
        if let Some(id) = helped {
            effects.append(self.stop_helping(member, id));
        }
        effects
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        Some(self.sweep_at)
    }

    fn handle_timeout(&mut self, now: Timestamp) -> Effects {
        if now < self.sweep_at {
            return Effects::none();
        }
        self.sweep_at = now + self.rules.sweep_interval;
        let mut effects = self.upkeep(now);
        for room in self.due(now) {
            effects.append(self.sweep(&room, now));
        }
        effects
    }

    fn census(&self) -> Census {
        Census::of(self.members.values().filter_map(|member| member.room))
    }
}

impl Shared for Hub {
    type RoomId = RoomId;
    type Room = Room;
    type Member = Member;

    fn room_id(text: &str) -> Option<RoomId> {
        RoomId::read(text)
    }

    fn rooms(&mut self) -> &mut Ledger<RoomId, Room> {
        &mut self.rooms
    }

    fn members(&mut self) -> &mut Ledger<MemberId, Member> {
        &mut self.members
    }

    fn occupants(room: &Room) -> Vec<MemberId> {
        room.occupants()
    }

    fn lose(&mut self, member: MemberId, room: &RoomId, now: Timestamp) -> Effects {
        self.unseat(member, room);
        self.rooms.get_mut(room).map_or_else(Effects::none, |room| room.lose(member, now))
    }

    fn unseat(&mut self, member: MemberId, room: &RoomId) {
        if self.room_of(member) == Some(*room) {
            self.give_up_seat(member);
        }
    }

    fn due(&self, now: Timestamp) -> Vec<RoomId> {
        let patience = self.rules.patience;
        self.rooms.values().filter(|room| room.overdue(patience, now).is_some()).map(Room::id).collect()
    }

    fn sweep(&mut self, room: &RoomId, now: Timestamp) -> Effects {
        let patience = self.rules.patience;
        let Some(swept) = self.rooms.get_mut(room) else { return Effects::none() };
        let (mut effects, fate) = swept.sweep(patience, now);
        self.decide(&mut effects, *room, fate, now);
        effects
    }

    fn upkeep(&mut self, now: Timestamp) -> Effects {
        self.passwords.forget(now);
        self.history.look(self.rooms.count(), self.n_members(), self.totals, now);
        self.bans.look(now);
        self.let_go_of_banned(now)
    }

    fn facts(&mut self) -> Option<&mut Ledger<String, String>> {
        Some(&mut self.bans.ledger)
    }

    fn merge(_: &str, theirs: &str, ours: &str) -> String {
        Bans::merge(theirs, ours)
    }
}

fn refuse(refusal: Refusal) -> Effects {
    let mut effects = Effects::none();
    effects.answer(&Failure::from(refusal));
    effects.refused(refusal.code());
    effects
}

fn is_short(text: &str, max_chars: usize) -> bool {
    // Most texts are short in bytes already.
    text.len() <= max_chars || text.chars().count() <= max_chars
}
