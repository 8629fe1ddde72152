//! One watch room: who sits in it, who owns it, what is on its screen, when it expires. No I/O, no clock.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::names::{OwnerToken, RoomId, RoomType};
use super::on_screen::{OnScreen, Video};
use super::passwords::Code;
use super::protocol::Show;
use super::rules::{OwnerLeave, Patience};
use super::told::{ChatMessage, HIDDEN, MemberView, RoomView, ServerEvent};
use crate::effect::{Effects, MemberId};
use crate::time::Timestamp;

/// Chat messages that a newcomer may ask for.
pub const CHAT_HISTORY: usize = 100;

/// Members are noted as heard of at most this often: silence is counted in tens of seconds.
const HEARD_EVERY: Duration = Duration::from_secs(1);

/// A member in its seat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seat {
    /// Who sits there, by the id of its socket.
    pub id: MemberId,
    /// What it is called.
    pub name: String,
    /// Where it connects from, for operators alone.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// When it last said anything.
    pub heard_at: Timestamp,
}

/// Whether a room stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It does.
    Stays,
    /// It is gone.
    Gone,
}

/// What time has come for in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// Nobody came back.
    Abandoned,
    /// The owner has been silent for too long.
    Owner,
    /// The owner has been silent for long enough to take away what is on the screen.
    Screen,
}

/// How somebody leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// It said so.
    Said,
    /// Its connection broke.
    CutOff,
}

/// What a room is made with.
#[derive(Clone, Serialize, Deserialize)]
pub struct Founding {
    pub id: RoomId,
    pub name: String,
    pub description: String,
    pub code: Option<Code>,
    pub is_public: bool,
    pub room_type: RoomType,
    pub token: OwnerToken,
}

/// A room.
#[derive(Clone, Serialize, Deserialize)]
pub struct Room {
    founding: Founding,
    pub(super) owner: MemberId,
    owner_name: String,
    owner_heard_at: Timestamp,
    created_at: Timestamp,
    /// In the order of joining.
    seats: Vec<Seat>,
    /// The socket that may share the screen in the owner's place.
    pub(super) helper: Option<MemberId>,
    pub(super) on_screen: OnScreen,
    chats: VecDeque<ChatMessage>,
    vacancy: Option<Vacancy>,
}

/// Nobody is there, and the room waits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Vacancy {
    /// The last connection broke then; the room waits for its owner.
    CutOff(Timestamp),
    /// The server of all of them ended then; the room waits for anybody.
    Lost(Timestamp),
}

impl Room {
    /// A room with its owner in it.
    pub fn open(founding: Founding, owner: Seat, now: Timestamp) -> Self {
        Self {
            founding,
            owner: owner.id,
            owner_name: owner.name.clone(),
            owner_heard_at: now,
            created_at: now,
            seats: vec![owner],
            helper: None,
            on_screen: OnScreen::Nothing,
            chats: VecDeque::new(),
            vacancy: None,
        }
    }

    /// Its id.
    pub fn id(&self) -> RoomId {
        self.founding.id
    }

    /// What its owner called it.
    pub fn name(&self) -> &str {
        &self.founding.name
    }

    /// Who owns it, here or away.
    pub fn owner(&self) -> MemberId {
        self.owner
    }

    /// What members do together.
    pub fn room_type(&self) -> RoomType {
        self.founding.room_type
    }

    /// How its password is kept, if it has one.
    pub fn code(&self) -> Option<&Code> {
        self.founding.code.as_ref()
    }

    /// Whether those words are its owner's token.
    pub fn is_token(&self, guess: &str) -> bool {
        self.founding.token.is(guess)
    }

    /// Whether a member owns it.
    pub fn is_owner(&self, member: MemberId) -> bool {
        self.owner == member
    }

    /// Whether a member sits in it.
    pub fn has(&self, member: MemberId) -> bool {
        self.seat(member).is_some()
    }

    /// How many sit in it.
    pub fn n_members(&self) -> usize {
        self.seats.len()
    }

    /// Whether others than its owner may join.
    pub fn is_open(&self) -> bool {
        !matches!(self.vacancy, Some(Vacancy::CutOff(_)))
    }

    /// Everybody whom the room tells of anything: its members, and a helper that sits nowhere.
    pub fn occupants(&self) -> Vec<MemberId> {
        let mut occupants = self.members();
        occupants.extend(self.helper.filter(|helper| !self.has(*helper)));
        occupants
    }

    /// Everybody in it, in the order of joining.
    pub fn members(&self) -> Vec<MemberId> {
        self.seats.iter().map(|seat| seat.id).collect()
    }

    /// Whether it shows in the list: public, and somebody is there.
    pub fn is_listed(&self) -> bool {
        self.founding.is_public && !self.seats.is_empty()
    }

    /// The room as somebody else than its owner sees it.
    pub fn view(&self) -> RoomView<'_> {
        RoomView {
            id: self.founding.id,
            name: &self.founding.name,
            description: &self.founding.description,
            password: self.founding.code.as_ref().map(|_| HIDDEN),
            is_public: self.founding.is_public,
            room_type: self.founding.room_type,
            owner_id: self.owner,
            owner_name: &self.owner_name,
            owner_token: None,
            member_count: self.seats.len(),
            current_state: self.on_screen.state(),
            created_at: self.created_at.as_millis(),
            last_owner_heartbeat: self.owner_heard_at.as_millis(),
        }
    }

    /// The room as its owner sees it.
    pub fn owners_view(&self) -> RoomView<'_> {
        RoomView { owner_token: Some(self.founding.token.expose()), ..self.view() }
    }

    /// Its members as everybody sees them.
    pub fn member_views(&self) -> Vec<MemberView<'_>> {
        self.seats.iter().map(|seat| self.member_view(seat)).collect()
    }

    /// The chat so far, as far as it is kept.
    pub fn chats(&self) -> &VecDeque<ChatMessage> {
        &self.chats
    }

    /// Notes that a member said something; of the owner, it is a sign of life.
    pub fn heard(&mut self, member: MemberId, now: Timestamp) {
        if self.owner == member {
            self.owner_heard_at = now;
        }
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.id == member) {
            seat.heard_at = now;
        }
    }

    /// Whether a member was heard of so lately that another word of it is no news.
    pub fn has_heard(&self, member: MemberId, now: Timestamp) -> bool {
        self.seat(member).is_some_and(|seat| now.since(seat.heard_at) < HEARD_EVERY)
    }

    /// Takes somebody in.
    pub fn join(&mut self, newcomer: Seat, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        self.vacancy = None;
        let id = newcomer.id;
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.id == id) {
            *seat = newcomer;
        } else {
            let view = self.member_view(&newcomer);
            effects.tell_all(self.members(), ServerEvent::MemberJoined(view).frame());
            self.seats.push(newcomer);
        }
        // The deployed client would else never learn the position of a room that stands still.
        if let OnScreen::Video(video) = &self.on_screen {
            effects.tell(id, ServerEvent::Show(Show::PlayUpdate, &video.state_at(now)).frame());
        }
        effects
    }

    /// Takes its owner in, who comes back with its token; the socket that it had before goes.
    pub fn welcome_owner(&mut self, owner: Seat, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let former = self.owner;
        self.owner = owner.id;
        self.owner_name.clone_from(&owner.name);
        self.owner_heard_at = now;
        if former != owner.id && self.has(former) {
            self.seats.retain(|seat| seat.id != former);
            effects.tell_all(self.members(), ServerEvent::MemberLeft(former).frame());
        }
        effects.append(self.join(owner, now));
        effects
    }

    /// Lets a member go.
    pub fn leave(
        &mut self,
        member: MemberId,
        departure: Departure,
        owner_leave: OwnerLeave,
        now: Timestamp,
    ) -> (Effects, Fate) {
        let mut effects = Effects::none();
        if !self.has(member) {
            return (effects, Fate::Stays);
        }
        self.seats.retain(|seat| seat.id != member);
        if departure == Departure::Said && self.owner == member && owner_leave == OwnerLeave::Disband {
            let deleted = ServerEvent::RoomDeleted { reason: Some("owner_left") };
            effects.tell_all(self.members(), deleted.frame());
            return (effects, Fate::Gone);
        }
        effects.tell_all(self.members(), ServerEvent::MemberLeft(member).frame());
        if self.seats.is_empty() {
            if departure == Departure::Said {
                return (effects, Fate::Gone);
            }
            self.vacancy = Some(Vacancy::CutOff(now));
        }
        (effects, Fate::Stays)
    }

    /// Lets a member go whose server has gone; the last of them is waited for.
    pub fn lose(&mut self, member: MemberId, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        if self.is_helper(member) {
            effects = self.drop_helper();
        }
        if self.has(member) {
            self.seats.retain(|seat| seat.id != member);
            effects.tell_all(self.members(), ServerEvent::MemberLeft(member).frame());
            // The owner is silent because it cannot speak.
            self.owner_heard_at = now;
            self.vacancy = self.seats.is_empty().then_some(Vacancy::Lost(now));
        }
        effects
    }

    /// What time has come for.
    pub fn overdue(&self, patience: Patience, now: Timestamp) -> Option<Overdue> {
        let silence = now.since(self.owner_heard_at);
        let is_abandoned = match self.vacancy {
            None => false,
            Some(Vacancy::CutOff(since)) => now.since(since) >= patience.empty,
            Some(Vacancy::Lost(since)) => now.since(since) >= patience.lost,
        };
        let may_clear = match self.on_screen {
            OnScreen::Nothing | OnScreen::Share { .. } => false,
            OnScreen::Video(_) | OnScreen::Live(_) | OnScreen::Music(_) => {
                !matches!(self.vacancy, Some(Vacancy::Lost(_)))
            }
        };
        if is_abandoned {
            Some(Overdue::Abandoned)
        } else if silence >= patience.owner {
            Some(Overdue::Owner)
        } else {
            (may_clear && silence >= patience.state).then_some(Overdue::Screen)
        }
    }

    /// Does what time has come for: a silent owner loses the screen, and then the room.
    pub fn sweep(&mut self, patience: Patience, now: Timestamp) -> (Effects, Fate) {
        let mut effects = Effects::none();
        let fate = match self.overdue(patience, now) {
            None => Fate::Stays,
            Some(Overdue::Abandoned) => Fate::Gone,
            Some(Overdue::Owner) => {
                effects.tell_all(self.members(), ServerEvent::RoomDeleted { reason: None }.frame());
                Fate::Gone
            }
            Some(Overdue::Screen) => {
                self.on_screen = OnScreen::Nothing;
                effects.tell_all(self.members(), ServerEvent::StateCleared.frame());
                Fate::Stays
            }
        };
        (effects, fate)
    }

    /// Sets what is on the screen; ignored unless `from` is the owner.
    ///
    /// Wire: `["play:update", {…}]`; others get the same.
    pub fn show(&mut self, from: MemberId, show: Show, state: &RawValue, now: Timestamp) -> Effects {
        if self.owner != from {
            return Effects::none();
        }
        self.on_screen = match show {
            Show::PlayUpdate | Show::PlayChange => OnScreen::Video(Video::new(state, now)),
            Show::LiveChange => OnScreen::Live(state.to_owned()),
            Show::MusicPlay => OnScreen::music(state, Some(true)),
            Show::MusicPause => OnScreen::music(state, Some(false)),
            Show::MusicChange | Show::MusicUpdate | Show::MusicQueue | Show::MusicSeek => {
                OnScreen::music(state, None)
            }
        };
        self.tell_others(from, &ServerEvent::Show(show, state))
    }

    /// Moves the video; `position` is in seconds.
    pub fn seek(&mut self, from: MemberId, position: f64, now: Timestamp) -> Effects {
        if let OnScreen::Video(video) = &mut self.on_screen {
            video.seek(position, now);
        }
        self.tell_others(from, &ServerEvent::Seek(position))
    }

    /// Lets the video go on.
    pub fn resume(&mut self, from: MemberId, now: Timestamp) -> Effects {
        if let OnScreen::Video(video) = &mut self.on_screen {
            video.set_playing(true, now);
        }
        self.tell_others(from, &ServerEvent::Resume)
    }

    /// Halts the video.
    pub fn pause(&mut self, from: MemberId, now: Timestamp) -> Effects {
        if let OnScreen::Video(video) = &mut self.on_screen {
            video.set_playing(false, now);
        }
        self.tell_others(from, &ServerEvent::Pause)
    }

    /// Passes a piece of a voice on.
    pub fn audio_chunk(&self, from: MemberId, audio: &RawValue, sample_rate: &RawValue) -> Effects {
        let mut effects = Effects::none();
        if !self.has(from) {
            return effects;
        }
        let others = self.members().into_iter().filter(|member| *member != from).collect();
        effects.tell_fleeting(others, ServerEvent::AudioChunk { from, audio, sample_rate }.frame());
        effects
    }

    /// Says something to everybody, and keeps it for newcomers.
    pub fn chat(&mut self, message: ChatMessage) -> Effects {
        let mut effects = Effects::none();
        effects.tell_all(self.members(), ServerEvent::Chat(&message).frame());
        if self.chats.len() == CHAT_HISTORY {
            self.chats.pop_front();
        }
        self.chats.push_back(message);
        effects
    }

    /// Takes away what is on the screen; the others are told.
    pub fn clear_state(&mut self, from: MemberId) -> Effects {
        self.on_screen = OnScreen::Nothing;
        self.tell_others(from, &ServerEvent::StateCleared)
    }

    /// Hands the room over; the new owner alone learns its token.
    pub fn transfer(&mut self, to: MemberId, token: OwnerToken, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let Some(name) = self.seat(to).map(|seat| seat.name.clone()) else { return effects };
        self.founding.token = token;
        self.owner = to;
        self.owner_name.clone_from(&name);
        self.owner_heard_at = now;
        let others = self.members().into_iter().filter(|member| *member != to).collect();
        let public = ServerEvent::OwnerChanged { owner: to, name: &name, token: None };
        effects.tell_all(others, public.frame());
        let token = Some(self.founding.token.expose());
        effects.tell(to, ServerEvent::OwnerChanged { owner: to, name: &name, token }.frame());
        effects
    }

    /// Where a member connects from, as far as that is known.
    pub fn address_of(&self, member: MemberId) -> Option<IpAddr> {
        self.seat(member)?.address
    }

    /// What a member is called.
    pub fn name_of(&self, member: MemberId) -> Option<&str> {
        self.seat(member).map(|seat| seat.name.as_str())
    }

    fn seat(&self, member: MemberId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.id == member)
    }

    fn member_view<'a>(&self, seat: &'a Seat) -> MemberView<'a> {
        MemberView {
            id: seat.id,
            name: &seat.name,
            is_owner: seat.id == self.owner,
            last_heartbeat: seat.heard_at.as_millis(),
        }
    }

    fn tell_others(&self, from: MemberId, event: &ServerEvent<'_>) -> Effects {
        let mut effects = Effects::none();
        let others = self.members().into_iter().filter(|member| *member != from).collect();
        effects.tell_all(others, event.frame());
        effects
    }
}
