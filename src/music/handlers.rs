//! What members of listening rooms ask for: each event of theirs, and what comes of it.

use super::company::{Outcome, PasswordChange};
use super::hub::{Hub, tell_time};
use super::moment::Moment;
use super::protocol::{ClientEvent, Dialect, GivenRoom, PageEvent, QueueEvent, RoomId, ServerEvent};
use super::room::Room;
use crate::effect::{Effects, MemberId};
use crate::party::PersonId;
use crate::party::chat::{Chat, ChatMessage};
use crate::party::protocol::{Refusal, RoomEvent, refuse};
use crate::rooms::{Departure, Rng};
use crate::time::Timestamp;

/// Bytes that make a chat message's id unique within its millisecond.
const CHAT_SUFFIX_BYTES: usize = 4;

impl Hub {
    /// Does what a client of either dialect says, if it may.
    pub(super) fn dispatch(&mut self, from: MemberId, event: ClientEvent, now: Timestamp) -> Effects {
        if event.tells_all_who_is_there() && !self.take_entry(from, now) {
            let mut effects = Effects::none();
            effects.refused(Refusal::TooMany.code());
            return effects;
        }
        match event.without_large(self.config.max_track_bytes, self.config.max_playlist_bytes) {
            ClientEvent::CreateRoom { room, track, position, opening } => {
                self.create(from, room, track, position, opening, now)
            }
            ClientEvent::JoinRoom { room, credentials } => self.join(from, room, &credentials, now),
            ClientEvent::LeaveRoom { room } => self.leave_room(from, room, now),
            ClientEvent::GetRoomState { room } => self.tell_state(from, room, now),
            ClientEvent::Introduce { name, person } => self.introduce(from, name, person, now),
            ClientEvent::TimePing { client_time } => tell_time(from, client_time, now),
            ClientEvent::TrackChange { room, track: Some(track) } => {
                self.in_named_room(from, &room, now, |room, moment| room.change_track(from, track, moment))
            }
            ClientEvent::Play { room, position } => {
                self.in_named_room(from, &room, now, |room, moment| room.play(from, position, moment))
            }
            ClientEvent::Pause { room, position } => {
                self.in_named_room(from, &room, now, |room, moment| room.pause(from, position, moment))
            }
            ClientEvent::Seek { room, position: Some(position) } => {
                self.in_named_room(from, &room, now, |room, moment| room.seek(from, position, moment))
            }
            ClientEvent::SyncProgress { room, position: Some(position) } => {
                self.in_named_room(from, &room, now, |room, moment| {
                    room.report_progress(from, position, moment)
                })
            }
            ClientEvent::PlaylistUpdate { room, playlist: Some(playlist) } => {
                self.in_named_room(from, &room, now, |room, moment| {
                    room.update_playlist(from, playlist, moment)
                })
            }
            ClientEvent::TrackChange { track: None, .. }
            | ClientEvent::Seek { position: None, .. }
            | ClientEvent::SyncProgress { position: None, .. }
            | ClientEvent::PlaylistUpdate { playlist: None, .. } => Effects::none(),
        }
    }

    /// Does what a page says beside that, if it may.
    pub(super) fn dispatch_page(
        &mut self,
        from: MemberId,
        event: Result<PageEvent, Refusal>,
        now: Timestamp,
    ) -> Effects {
        let done = match event {
            Err(refusal) => Err(refusal),
            Ok(PageEvent::Queue(event)) => self.act_on_queue(from, event, now),
            Ok(PageEvent::Room(event)) => self.act(from, event, now),
            Ok(PageEvent::Chat(chat)) => self.chat(from, chat, now),
            Ok(PageEvent::ChatHistory) => Ok(self.tell_chats(from)),
            Ok(PageEvent::Recording(event)) => self.act_on_recording(from, &event, now),
        };
        done.unwrap_or_else(refuse)
    }

    fn act(&mut self, from: MemberId, event: RoomEvent, now: Timestamp) -> Result<Effects, Refusal> {
        let id = match event {
            // Those have limits of their own.
            RoomEvent::React { .. } | RoomEvent::Type => self.room_of(from).cloned(),
            _ => self.take_page_event(from, now)?,
        };
        let id = id.ok_or(Refusal::NotInARoom)?;
        self.check_permanence(&id, &event)?;
        let outcome = self.with_room(&id, now, |room, rng, moment| room.act(from, event, rng, moment));
        Ok(self.settle(&id, outcome.ok_or(Refusal::NotInARoom)??, now))
    }

    /// Rooms that stay are few, and of owners that can be told from others when they come back.
    fn check_permanence(&self, id: &RoomId, event: &RoomEvent) -> Result<(), Refusal> {
        let RoomEvent::Set(settings) = event else { return Ok(()) };
        let room = self.rooms.get(id).ok_or(Refusal::NotInARoom)?;
        if settings.is_permanent != Some(true) || room.is_permanent() {
            return Ok(());
        }
        if !room.has_lasting_owner() {
            return Err(Refusal::Invalid);
        }
        let permanent = self.rooms.values().filter(|room| room.is_permanent()).map(Room::made_from);
        let is_allowed = self.config.permanent_rooms().allow(room.made_from(), permanent);
        if is_allowed { Ok(()) } else { Err(Refusal::TooMany) }
    }

    fn act_on_queue(
        &mut self,
        from: MemberId,
        event: QueueEvent,
        now: Timestamp,
    ) -> Result<Effects, Refusal> {
        let id = self.take_page_event(from, now)?.ok_or(Refusal::NotInARoom)?;
        let effects =
            self.with_room(&id, now, |room, rng, moment| room.act_on_queue(from, event, rng, moment));
        let effects = effects.ok_or(Refusal::NotInARoom)??;
        Ok(self.settle(&id, Outcome { effects, ..Outcome::default() }, now))
    }

    /// The room of a member that asks for something, if it keeps to its allowance.
    fn take_page_event(&mut self, from: MemberId, now: Timestamp) -> Result<Option<RoomId>, Refusal> {
        // To be changed, so that a step that is taken back gives back what it took.
        let member = self.members.get_mut(&from).ok_or(Refusal::NotInARoom)?;
        let may = member.page_events.take(self.config.page_events(), now);
        if may { Ok(member.room.clone()) } else { Err(Refusal::TooMany) }
    }

    /// Whether a member may come in, or take another name, once more. Who may not is not told: old players leave on errors.
    fn take_entry(&mut self, from: MemberId, now: Timestamp) -> bool {
        let member = self.members.get_mut(&from);
        member.is_some_and(|member| member.entries.take(self.config.page_events(), now))
    }

    fn chat(&mut self, from: MemberId, chat: Chat, now: Timestamp) -> Result<Effects, Refusal> {
        let n_chars = chat.content.chars().count();
        if n_chars == 0 || n_chars > self.config.max_chat_chars {
            return Err(Refusal::Invalid);
        }
        // To be changed, so that a step that is taken back gives back what it took.
        let member = self.members.get_mut(&from).ok_or(Refusal::NotInARoom)?;
        let id = member.room.clone().ok_or(Refusal::NotInARoom)?;
        let (name, chats) = (member.name.clone(), &member.chats);
        if !chats.take(self.config.chats(), now) {
            return Err(Refusal::TooMany);
        }
        let timestamp = self.wall.wall(now).as_millis();
        let said = self.with_room(&id, now, |room, rng, moment| {
            room.take_chat(from, moment)?;
            let message = ChatMessage {
                id: format!("{timestamp}-{}", hex::encode(&rng.draw()[..CHAT_SUFFIX_BYTES])),
                user_id: from,
                user_name: name.unwrap_or_default(),
                content: chat.content,
                kind: chat.kind,
                timestamp,
                position: room.position_of_track(now),
            };
            Ok(room.chat(message, moment))
        });
        said.ok_or(Refusal::NotInARoom)?
    }

    pub(super) fn tell_chats(&self, from: MemberId) -> Effects {
        let mut effects = Effects::none();
        match self.room_of(from).and_then(|id| self.rooms.get(id)) {
            Some(room) => effects.answer(room.chats()),
            None => effects.answer(&[(); 0]),
        }
        effects
    }

    pub(super) fn tell_state(&self, from: MemberId, room: GivenRoom, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let GivenRoom::Valid(id) = room else { return effects };
        let Some(room) = self.rooms.get(&id).filter(|room| !room.is_secret() || room.has(from)) else {
            return effects;
        };
        let playback = room.playback(now);
        let state = ServerEvent::RoomState { room: &id, n_members: room.n_members(), playback: &playback };
        effects.tell(from, state.frame(self.dialect_of(from)));
        effects
    }

    fn introduce(
        &mut self,
        from: MemberId,
        name: Option<String>,
        person: Option<PersonId>,
        now: Timestamp,
    ) -> Effects {
        let Some(member) = self.members.get_mut(&from) else { return Effects::none() };
        member.is_page = true;
        member.name.clone_from(&name);
        member.person = person.or(member.person);
        member.dialect.get_or_insert(Dialect::Kebab);
        let Some(id) = member.room.clone() else { return Effects::none() };
        let outcome = self.with_room(&id, now, |room, rng, moment| {
            let done = room.introduce(from, name, person, moment);
            room.complete(done, rng, moment)
        });
        outcome.map_or_else(Effects::none, |outcome| self.settle(&id, outcome, now))
    }

    /// Does what is left after something in a room: its password, who is out, when it is due next.
    pub(super) fn settle(&mut self, id: &RoomId, outcome: Outcome, now: Timestamp) -> Effects {
        let Outcome { mut effects, out, password } = outcome;
        let Some(room) = self.rooms.get_mut(id) else { return effects };
        match password {
            PasswordChange::None => {}
            PasswordChange::Removed => room.set_code(None),
            PasswordChange::Set(password) => {
                room.set_code(Some(self.passwords.encode(id.as_str(), &password)));
            }
        }
        if let Some(due) = room.next_timeout() {
            self.due_at = Some(self.due_at.map_or(due, |at| at.min(due)));
        }
        for member in &out {
            room.tell_kicked(&mut effects, *member);
        }
        for member in out {
            effects.append(self.leave_own(member, Departure::Said, now));
        }
        effects
    }

    /// Counts the vote again that is open in a room, after somebody has come or gone.
    pub(super) fn recount(&mut self, id: &RoomId, now: Timestamp) -> Effects {
        let outcome = self.with_room(id, now, Room::recount);
        outcome.map_or_else(Effects::none, |outcome| self.settle(id, outcome, now))
    }

    /// Does what has become due in rooms, in the order of their names.
    pub(super) fn run_due(&mut self, now: Timestamp) -> Effects {
        let is_due = |room: &Room| room.next_timeout().is_some_and(|at| at <= now);
        let mut due: Vec<RoomId> =
            self.rooms.all().filter(|(_, room)| is_due(room)).map(|(id, _)| id.clone()).collect();
        due.sort();
        let mut effects = Effects::none();
        for id in due {
            if let Some(outcome) = self.with_room(&id, now, Room::handle_timeout) {
                effects.append(self.settle(&id, outcome, now));
            }
            self.record(Some(&id), None, &mut effects, now);
        }
        self.due_at = self.rooms.values().filter_map(Room::next_timeout).min();
        effects
    }

    /// Does something in the room that is named, if the member sits there: rooms are out of reach for others.
    fn in_named_room(
        &mut self,
        from: MemberId,
        given: &GivenRoom,
        now: Timestamp,
        act: impl FnOnce(&mut Room, &Moment<'_>) -> Effects,
    ) -> Effects {
        let GivenRoom::Valid(id) = given else { return Effects::none() };
        if self.room_of(from) != Some(id) {
            return Effects::none();
        }
        self.in_room(id, now, act)
    }

    pub(super) fn in_room(
        &mut self,
        id: &RoomId,
        now: Timestamp,
        act: impl FnOnce(&mut Room, &Moment<'_>) -> Effects,
    ) -> Effects {
        self.with_room(id, now, |room, _, moment| act(room, moment)).unwrap_or_default()
    }

    pub(super) fn with_room<T>(
        &mut self,
        id: &RoomId,
        now: Timestamp,
        act: impl FnOnce(&mut Room, &mut Rng, &Moment<'_>) -> T,
    ) -> Option<T> {
        let moment = Moment { terms: &self.terms, config: &self.config, wall: self.wall, now };
        self.rooms.get_mut(id).map(|room| act(room, &mut self.rng, &moment))
    }
}
