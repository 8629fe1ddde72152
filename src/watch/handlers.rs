//! What members ask for: each event of theirs, and what comes of it.

use std::time::Duration;

use serde_json::value::RawValue;

use super::audit::{AuditEntry, AuditEvent};
use super::counts::Count;
use super::draw;
use super::hub::{Hub, Member};
use super::listing;
use super::protocol::{
    ClientEvent, CreateRoom, JoinRoom, Refusal, RoomId, RoomType, RoomView, ServerEvent, Show, Signal,
    Success, refuse,
};
use super::room::{Founding, Moment, Room};
use crate::effect::{Effects, MemberId};
use crate::party::chat::{Chat, ChatMessage};
use crate::party::passwords::Guesser;
use crate::party::protocol as party;
use crate::party::{Claim, Right, Role};
use crate::rooms::{Departure, TrackedMap};
use crate::time::Timestamp;

/// The list of rooms is written anew at most this often, however many ask.
const LIST_AGE: Duration = Duration::from_secs(1);

impl Hub {
    /// Does what a member says, if it may.
    pub(super) fn dispatch(&mut self, from: MemberId, event: ClientEvent, now: Timestamp) -> Effects {
        match event {
            ClientEvent::Create(given) => self.create(from, given, now),
            ClientEvent::Join(given) => self.join(from, given, now),
            ClientEvent::Leave => self.leave_own(from, Departure::Said, now),
            ClientEvent::List => self.list(from, now),
            ClientEvent::Show(show, state) => self.show(from, show, &state, now),
            ClientEvent::Seek(position) => {
                self.steer(from, now, |room, window| room.seek(from, position, window, now))
            }
            ClientEvent::Resume => self.toggle(from, now, |room, window| room.resume(from, window, now)),
            ClientEvent::Pause => self.pause(from, now),
            ClientEvent::RegisterHelper { room, token } => self.register_helper(from, room, &token),
            ClientEvent::StartSharing(state) => {
                if state.get().len() > self.config.max_state_bytes {
                    return Effects::none();
                }
                self.start_sharing(from, state, now)
            }
            ClientEvent::StopSharing => self.stop_sharing(from, now),
            ClientEvent::ViewerReady => self.in_own_room(from, |room| room.viewer_ready(from)),
            ClientEvent::Signal { event, to, body } => self.signal(from, event, to, &body, now),
            ClientEvent::AudioChunk { audio, sample_rate } => self.speak(from, &audio, &sample_rate, now),
            ClientEvent::Chat(chat) => self.chat(from, chat, now),
            ClientEvent::ClearState => self.clear_state(from, now),
            ClientEvent::Heartbeat => self.answer_heartbeat(from, now),
            ClientEvent::ChatHistory => self.tell_chats(from),
            ClientEvent::Transfer { to } => self.transfer(from, to, now),
            ClientEvent::Shared(event) => self.dispatch_shared(from, event, now),
            ClientEvent::Page(event) => self.dispatch_page(from, event, now),
        }
    }

    fn create(&mut self, from: MemberId, given: CreateRoom, now: Timestamp) -> Effects {
        let config = &self.config;
        let password = given.password.filter(|password| !password.is_empty());
        let fits = is_short(&given.name, config.max_name_chars)
            && is_short(&given.description, config.max_description_chars)
            && is_short(password.as_deref().unwrap_or_default(), config.max_password_chars)
            && is_short(&given.user_name, config.max_user_name_chars);
        if !fits {
            return refuse(Refusal::CreateFailed);
        }
        let Some(member) = self.members.get(&from) else { return Effects::none() };
        if member.guest_of.is_some() {
            return refuse(Refusal::CreateFailed);
        }
        let address = member.address;
        let made_from = self.quota.counted(address);
        if self.rooms.count() >= config.max_rooms
            || !self.quota.allows(made_from, self.rooms.values().map(Room::made_from))
        {
            return refuse(Refusal::TooManyRooms);
        }
        let mut effects = self.leave_own(from, Departure::Said, now);
        let Some(seat) = self.seat(from, given.user_name, now) else { return effects };
        let id = self.free_id();
        let founding = Founding {
            id,
            name: given.name,
            description: given.description,
            code: password.as_deref().map(|password| self.passwords.encode(id.as_str(), password)),
            is_public: given.is_public,
            room_type: given.room_type,
            token: draw::owner_token(&mut self.rng),
            made_from,
        };
        let room = Room::open(founding, seat, now);
        let view = RoomView { password: password.as_deref(), ..room.owners_view(self.wall) };
        effects.answer(&Success::created(view));
        effects.note(&AuditEntry::new(self.wall.wall(now), AuditEvent::RoomCreated, &room, from));
        self.rooms.insert(id, room);
        self.take_seat(from, id);
        self.counts.add(Count::RoomsCreated);
        effects.append(self.welcome(from, id, Role::Member, now));
        effects
    }

    fn join(&mut self, from: MemberId, given: JoinRoom, now: Timestamp) -> Effects {
        if !is_short(&given.user_name, self.config.max_user_name_chars) {
            return refuse(Refusal::JoinFailed);
        }
        let Some(member) = self.members.get(&from) else { return Effects::none() };
        let (address, person) = (member.address, member.person);
        let id = RoomId::read(&given.room_id);
        let Some((id, room)) = id.and_then(|id| Some((id, self.rooms.get(&id)?))) else {
            return refuse(Refusal::NoSuchRoom);
        };
        let is_elsewhere = member.guest_of.as_ref().is_some_and(|claim| claim.room != id.as_str());
        if is_elsewhere || room.is_abandoned(self.config.patience(), now) {
            return refuse(Refusal::NoSuchRoom);
        }
        let is_owner = given.owner_token.is_some_and(|token| room.is_token(&token));
        let claim = match (&member.guest_of, &given.invitation) {
            (Some(claim), _) => Some(claim.clone()),
            (None, Some(token)) => self.terms.invitations.read(token),
            (None, None) => None,
        };
        let invitation = claim.filter(|claim| claim.room == id.as_str());
        let invitation = invitation.and_then(|claim| room.party.invitation(&claim.id, now));
        if !is_owner && !room.has(from) {
            if member.guest_of.is_some() && invitation.is_none() {
                return party::refuse(party::Refusal::NoSuchInvitation);
            }
            if let Err(refusal) = room.party.admits(person, self.quota.counted(address), now) {
                return party::refuse(refusal);
            }
            let guess = given.password.as_deref().unwrap_or_default();
            let guesser = Guesser { room: id.as_str(), address };
            if let Some(code) = room.code()
                && invitation != Some(true)
                && !self.passwords.is_right(&mut self.facts, guesser, code, guess, now)
            {
                return refuse(Refusal::WrongPassword);
            }
            if room.n_members() >= self.config.max_members_per_room {
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
        let wall = self.wall;
        let told = if is_owner { room.welcome_owner(seat, wall, now) } else { room.join(seat, wall, now) };
        let view = if room.is_owner(from) { room.owners_view(wall) } else { room.view(wall) };
        effects.answer(&Success::joined(view, room.member_views(wall)));
        effects.append(told);
        let gone = before.into_iter().filter(|member| !room.has(*member)).collect::<Vec<_>>();
        for member in gone {
            self.give_up_seat(member);
        }
        self.take_seat(from, id);
        self.counts.add(Count::Joins);
        if let Some(room) = self.rooms.get(&id) {
            let event = if is_owner { AuditEvent::OwnerReturned } else { AuditEvent::Joined };
            effects.note(&AuditEntry::new(self.wall.wall(now), event, room, from));
        }
        let role = if invitation.is_some() { Role::Guest } else { Role::Member };
        effects.append(self.welcome(from, id, role, now));
        effects
    }

    pub(super) fn answer_heartbeat(&self, from: MemberId, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let timestamp = self.wall.wall(now).as_millis();
        effects.tell(from, ServerEvent::HeartbeatPong { timestamp }.frame());
        effects
    }

    /// The list of rooms; empty for who came by an invitation, which is for one of them.
    pub(super) fn list(&self, from: MemberId, now: Timestamp) -> Effects {
        if self.members.get(&from).is_some_and(|member| member.guest_of.is_some()) {
            let mut effects = Effects::none();
            effects.answer(&[(); 0]);
            return effects;
        }
        let mut list = self.list.lock();
        let fresh = list.take().filter(|(at, _)| now.since(*at) < LIST_AGE);
        let write = || listing::write(self.rooms.values(), self.wall, self.config.max_list_bytes);
        let (at, text) = fresh.unwrap_or_else(|| (now, write()));
        let mut effects = Effects::none();
        effects.answer(&text);
        *list = Some((at, text));
        effects
    }

    fn show(&mut self, from: MemberId, show: Show, state: &RawValue, now: Timestamp) -> Effects {
        if state.get().len() > self.config.max_state_bytes {
            return Effects::none();
        }
        let is_music = !matches!(show, Show::PlayUpdate | Show::PlayChange | Show::LiveChange);
        self.with_right(from, Right::Choose, now, |room| {
            if is_music && room.room_type() != RoomType::Music {
                return Effects::none();
            }
            let mut effects = room.show(from, show, state, now);
            room.keep_waiting_for_film(&mut effects, now);
            room.tell_playhead(&mut effects, now);
            effects
        })
    }

    /// Moves the film.
    fn steer(
        &mut self,
        from: MemberId,
        now: Timestamp,
        act: impl FnOnce(&mut Room, Duration) -> Effects,
    ) -> Effects {
        let window = self.config.crossing_window;
        self.with_right(from, Right::Control, now, |room| {
            let mut effects = act(room, window);
            room.tell_playhead(&mut effects, now);
            effects
        })
    }

    fn pause(&mut self, from: MemberId, now: Timestamp) -> Effects {
        let room = self.room_of(from).and_then(|id| self.rooms.get(&id));
        if room.is_some_and(|room| room.is_echo(from)) {
            return Effects::none();
        }
        self.toggle(from, now, |room, window| room.pause(from, window, now))
    }

    /// Lets the film play, or halts it: whatever the room waited for, that is over.
    fn toggle(
        &mut self,
        from: MemberId,
        now: Timestamp,
        act: impl FnOnce(&mut Room, Duration) -> Effects,
    ) -> Effects {
        self.steer(from, now, |room, window| {
            let mut effects = act(room, window);
            room.stop_waiting(&mut effects, now);
            room.close_check_of_playing(&mut effects);
            effects
        })
    }

    fn start_sharing(&mut self, from: MemberId, state: Box<RawValue>, now: Timestamp) -> Effects {
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        let Some(room) = shared_room(&self.members, &mut self.rooms, from) else { return Effects::none() };
        if !room.is_helper(from) && !room.may(from, Right::Share, moment) {
            return Effects::none();
        }
        let mut effects = room.start_sharing(from, state);
        room.keep_waiting_for_film(&mut effects, now);
        room.tell_playhead(&mut effects, now);
        effects
    }

    fn stop_sharing(&mut self, from: MemberId, now: Timestamp) -> Effects {
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        let Some(room) = shared_room(&self.members, &mut self.rooms, from) else { return Effects::none() };
        // Who may share may not end another's share: the owner and its helper do.
        let may_stop = room.is_helper(from) || room.may(from, Right::Choose, moment);
        let mut effects = room.stop_sharing(from, may_stop);
        room.tell_playhead(&mut effects, now);
        effects
    }

    /// Passes a word of WebRTC's on. Who may not speak opens no call, but answers one: so it hears the others.
    fn signal(
        &mut self,
        from: MemberId,
        event: Signal,
        to: MemberId,
        body: &RawValue,
        now: Timestamp,
    ) -> Effects {
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        let Some(room) = shared_room(&self.members, &mut self.rooms, from) else { return Effects::none() };
        if event.opens_call() && !room.is_helper(from) && !room.may(from, Right::Voice, moment) {
            return Effects::none();
        }
        room.signal(from, event, to, body)
    }

    fn register_helper(&mut self, from: MemberId, id: RoomId, token: &str) -> Effects {
        let guest_of = self.members.get(&from).and_then(|member| member.guest_of.as_ref());
        if guest_of.is_some_and(|claim: &Claim| claim.room != id.as_str()) {
            return refuse(Refusal::NoSuchRoom);
        }
        let Some(room) = self.rooms.get_mut(&id) else { return refuse(Refusal::NoSuchRoom) };
        if !room.is_token(token) {
            return refuse(Refusal::NotTheOwner);
        }
        let mut effects = room.set_helper(from);
        let former = self.members.get_mut(&from).and_then(|member| member.helps.replace(id));
        if let Some(other) = former.filter(|former| *former != id) {
            effects.append(self.stop_helping(from, other));
        }
        effects.answer(&Success::plain());
        effects
    }

    /// Passes a piece of a voice on, unless the room talks more than it may.
    fn speak(&mut self, from: MemberId, audio: &RawValue, sample_rate: &RawValue, now: Timestamp) -> Effects {
        let Some(room) = self.room_of(from).and_then(|id| self.rooms.get(&id)) else {
            return Effects::none();
        };
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        if !room.may(from, Right::Voice, moment) {
            return Effects::none();
        }
        let spoken = self.voices.entry(room.id()).or_default();
        if !spoken.take_many(audio.get().len() as u64, self.config.voices(), now) {
            let mut effects = Effects::none();
            effects.refused("too_many_voices");
            return effects;
        }
        room.audio_chunk(from, audio, sample_rate)
    }

    fn chat(&mut self, from: MemberId, chat: Chat, now: Timestamp) -> Effects {
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        // To be changed, so that a step that is taken back gives back what it took.
        let Some(member) = self.members.get_mut(&from) else { return Effects::none() };
        let Some(id) = member.room else { return Effects::none() };
        let Some(room) = self.rooms.get_mut(&id) else { return Effects::none() };
        if chat.content.is_empty() || !is_short(&chat.content, self.config.max_chat_chars) {
            return Effects::none();
        }
        if !member.chats.take(self.config.chats(), now) {
            return party::refuse(party::Refusal::TooMany);
        }
        let scene = moment.scene(&id, room.owner);
        if let Err(refusal) = room.party.take_chat(from, scene) {
            return party::refuse(refusal);
        }
        let Some(name) = room.name_of(from) else { return Effects::none() };
        let timestamp = self.wall.wall(now).as_millis();
        let message = ChatMessage {
            id: format!("{timestamp}-{}", draw::chat_suffix(&mut self.rng)),
            user_id: from,
            user_name: name.to_owned(),
            content: chat.content,
            kind: chat.kind,
            timestamp,
            position: room.position(now),
        };
        self.counts.add(Count::Chats);
        room.chat(message, self.config.max_chat_history_bytes, now)
    }

    pub(super) fn tell_chats(&self, from: MemberId) -> Effects {
        let mut effects = Effects::none();
        match self.room_of(from).and_then(|id| self.rooms.get(&id)) {
            Some(room) => effects.answer(room.chats()),
            None => effects.answer(&[(); 0]),
        }
        effects
    }

    fn clear_state(&mut self, from: MemberId, now: Timestamp) -> Effects {
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        let Some(id) = self.room_of(from) else { return refuse(Refusal::NotInARoom) };
        let Some(room) = self.rooms.get_mut(&id) else { return refuse(Refusal::RoomGone) };
        if !room.may(from, Right::Choose, moment) {
            return refuse(Refusal::NotOwner);
        }
        let mut effects = room.clear_state(from);
        room.keep_waiting_for_film(&mut effects, now);
        room.tell_playhead(&mut effects, now);
        effects.answer(&Success::plain());
        effects
    }

    fn transfer(&mut self, from: MemberId, to: MemberId, now: Timestamp) -> Effects {
        let Some(id) = self.room_of(from) else { return refuse(Refusal::NotInARoom) };
        let Some(room) = self.rooms.get(&id) else { return refuse(Refusal::RoomGone) };
        if !room.is_owner(from) {
            return refuse(Refusal::NotOwner);
        }
        if !room.has(to) {
            return refuse(Refusal::NoSuchMember);
        }
        let mut effects = self.hand_over(id, to, now);
        effects.answer(&Success::plain());
        effects
    }

    /// Does something in the member's room, if it has the right to.
    fn with_right(
        &mut self,
        from: MemberId,
        right: Right,
        now: Timestamp,
        act: impl FnOnce(&mut Room) -> Effects,
    ) -> Effects {
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        let room = self.members.get(&from).and_then(|member| member.room);
        let room = room.and_then(|id| self.rooms.get_mut(&id));
        room.filter(|room| room.may(from, right, moment)).map_or_else(Effects::none, act)
    }

    fn in_own_room(&mut self, from: MemberId, act: impl FnOnce(&mut Room) -> Effects) -> Effects {
        let room = self.room_of(from).and_then(|id| self.rooms.get_mut(&id));
        room.map_or_else(Effects::none, act)
    }
}

/// The member's room, or the one whose screen it may share.
fn shared_room<'a>(
    members: &TrackedMap<MemberId, Member>,
    rooms: &'a mut TrackedMap<RoomId, Room>,
    from: MemberId,
) -> Option<&'a mut Room> {
    let member = members.get(&from)?;
    let helped = member.helps.filter(|id| rooms.get(id).is_some_and(|room| room.is_helper(from)));
    rooms.get_mut(&helped.or(member.room)?)
}

fn is_short(text: &str, max_chars: usize) -> bool {
    // Most texts are short in bytes already.
    text.len() <= max_chars || text.chars().count() <= max_chars
}
