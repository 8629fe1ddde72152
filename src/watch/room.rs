//! One watch room: who sits in it, who owns it, what is on its screen, when it expires. No I/O, no clock.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::on_screen::{OnScreen, Video};
use super::protocol::{OwnerToken, RoomId, RoomType, ServerEvent, Show};
use super::readiness::Readiness;
use super::rules::{OwnerLeave, Patience};
use crate::effect::{Effects, MemberId};
use crate::party::chat::{ChatMessage, Chats};
use crate::party::passwords::Code;
use crate::party::{Party, Presses, Terms};
use crate::rooms::Departure;
use crate::time::{Timestamp, WallOffset};

/// Sockets with the owner's token that sit in a room beside the owner; with one more, the first of them goes.
const MAX_EARLIER_OWNERS: usize = 8;

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

/// What the rules of pages go by, beside the room.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// What the service lets its rooms do.
    pub terms: &'a Terms,
    /// The moment.
    pub now: Timestamp,
    /// By which times are told.
    pub wall: WallOffset,
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
    /// The address that it is made from, if that one's rooms are limited.
    #[serde(default)]
    pub made_from: Option<IpAddr>,
}

/// A room.
#[derive(Clone, Serialize, Deserialize)]
pub struct Room {
    pub(super) founding: Founding,
    pub(super) owner: MemberId,
    pub(super) owner_name: String,
    /// Sockets that owned it before, with the same token, and are still here; the last one owns it next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier_owners: Vec<MemberId>,
    pub(super) owner_heard_at: Timestamp,
    created_at: Timestamp,
    /// In the order of joining.
    pub(super) seats: Vec<Seat>,
    /// The socket that may share the screen in the owner's place.
    pub(super) helper: Option<MemberId>,
    pub(super) on_screen: OnScreen,
    #[serde(default)]
    pub(super) presses: Presses,
    pub(super) chats: Chats,
    vacancy: Option<Vacancy>,
    /// What it has in common with listening rooms.
    #[serde(default)]
    pub(super) party: Party,
    #[serde(default)]
    pub(super) readiness: Readiness,
}

/// Nobody is there, and the room waits for any member.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Vacancy {
    /// The last connection broke then.
    CutOff(Timestamp),
    /// The server of all of them ended then.
    Lost(Timestamp),
}

impl Room {
    /// A room with its owner in it.
    pub fn open(founding: Founding, owner: Seat, now: Timestamp) -> Self {
        Self {
            founding,
            owner: owner.id,
            owner_name: owner.name.clone(),
            earlier_owners: Vec::new(),
            owner_heard_at: now,
            created_at: now,
            seats: vec![owner],
            helper: None,
            on_screen: OnScreen::Nothing,
            presses: Presses::default(),
            chats: Chats::default(),
            vacancy: None,
            party: Party::default(),
            readiness: Readiness::default(),
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

    /// The address that it was made from, if that one's rooms are limited.
    pub fn made_from(&self) -> Option<IpAddr> {
        self.founding.made_from
    }

    /// Whether a film is on, and plays.
    pub fn is_playing(&self) -> bool {
        matches!(&self.on_screen, OnScreen::Video(video) if video.is_playing())
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

    /// Whether it is meant to show in the list.
    pub fn is_public(&self) -> bool {
        self.founding.is_public
    }

    /// Whether it stays when nobody is there.
    pub fn is_permanent(&self) -> bool {
        self.party.permanence.is_permanent
    }

    /// Whether it shows in the list: public, and somebody is there or may come at any time.
    pub fn is_listed(&self) -> bool {
        self.founding.is_public && (!self.seats.is_empty() || self.is_permanent())
    }

    /// The chat so far, as far as it is kept.
    pub fn chats(&self) -> &Chats {
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
    pub fn join(&mut self, handshake: Seat, wall: WallOffset, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        self.vacancy = None;
        let id = handshake.id;
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.id == id) {
            *seat = handshake;
        } else {
            let view = self.member_view(&handshake, wall);
            effects.tell_all(self.members(), ServerEvent::MemberJoined(view).frame());
            self.seats.push(handshake);
        }
        // The deployed client would else never learn the position of a room that stands still.
        if let OnScreen::Video(video) = &self.on_screen {
            effects.tell(id, ServerEvent::Show(Show::PlayUpdate, &video.state_at(now)).frame());
        }
        effects
    }

    /// Takes its owner in, who comes with its token; the socket that it had before stays a member.
    pub fn welcome_owner(&mut self, owner: Seat, wall: WallOffset, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        self.earlier_owners.retain(|earlier| *earlier != owner.id);
        if self.owner != owner.id && self.has(self.owner) {
            self.earlier_owners.push(self.owner);
        }
        if self.earlier_owners.len() > MAX_EARLIER_OWNERS {
            effects = self.evict(self.earlier_owners[0]);
        }
        self.owner = owner.id;
        self.owner_name.clone_from(&owner.name);
        self.owner_heard_at = now;
        effects.append(self.join(owner, wall, now));
        effects
    }

    /// Takes a member's seat away.
    fn evict(&mut self, member: MemberId) -> Effects {
        let mut effects = Effects::none();
        self.seats.retain(|seat| seat.id != member);
        self.earlier_owners.retain(|earlier| *earlier != member);
        effects.tell_all(self.members(), ServerEvent::MemberLeft(member).frame());
        effects.append(self.end_orphaned_share());
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
        if departure == Departure::Said
            && self.owner == member
            && owner_leave == OwnerLeave::Disband
            && !self.is_permanent()
        {
            self.seats.retain(|seat| seat.id != member);
            let deleted = ServerEvent::RoomDeleted { reason: Some("owner_left") };
            effects.tell_all(self.members(), deleted.frame());
            return (effects, Fate::Gone);
        }
        effects.append(self.evict(member));
        self.vacancy = match departure {
            _ if !self.seats.is_empty() => None,
            Departure::Said if !self.is_permanent() => return (effects, Fate::Gone),
            Departure::Said | Departure::CutOff => Some(Vacancy::CutOff(now)),
            Departure::Lost => Some(Vacancy::Lost(now)),
        };
        // An owner that was cut off is silent because it cannot speak.
        if departure == Departure::Lost || (departure == Departure::CutOff && self.owner == member) {
            self.owner_heard_at = now;
        }
        if self.owner == member
            && let Some(earlier) = self.earlier_owners.pop()
        {
            self.appoint(earlier, now);
        }
        (effects, Fate::Stays)
    }

    /// Lets a member go whose server has gone.
    pub fn lose(&mut self, member: MemberId, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        if self.is_helper(member) {
            effects = self.drop_helper();
        }
        effects.append(self.leave(member, Departure::Lost, OwnerLeave::Keep, now).0);
        effects
    }

    /// Whether nobody came back to it in time.
    pub fn is_abandoned(&self, patience: Patience, now: Timestamp) -> bool {
        if self.is_permanent() {
            return self.party.permanence.has_expired(patience.unused, now);
        }
        match self.vacancy {
            None => false,
            Some(Vacancy::CutOff(since)) => now.since(since) >= patience.empty,
            Some(Vacancy::Lost(since)) => now.since(since) >= patience.lost,
        }
    }

    /// What time has come for.
    pub fn overdue(&self, patience: Patience, now: Timestamp) -> Option<Overdue> {
        let silence = now.since(self.owner_heard_at);
        let may_clear = match self.on_screen {
            OnScreen::Nothing | OnScreen::Share { .. } => false,
            OnScreen::Video(_) | OnScreen::Live(_) | OnScreen::Music(_) => self.vacancy.is_none(),
        };
        if self.is_abandoned(patience, now) {
            Some(Overdue::Abandoned)
        } else if self.is_permanent() {
            None
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

    /// Sets what is on the screen.
    ///
    /// Wire: `["play:update", {…}]`; others get the same.
    pub fn show(&mut self, from: MemberId, show: Show, state: &RawValue, now: Timestamp) -> Effects {
        self.on_screen = match show {
            Show::PlayUpdate => OnScreen::Video(Video::new(state, now).at_speed_of(&self.on_screen)),
            Show::PlayChange => OnScreen::Video(Video::new(state, now)),
            Show::LiveChange => OnScreen::Live(state.to_owned()),
            Show::MusicPlay => OnScreen::music(state, Some(true)),
            Show::MusicPause => OnScreen::music(state, Some(false)),
            Show::MusicChange | Show::MusicUpdate | Show::MusicQueue | Show::MusicSeek => {
                OnScreen::music(state, None)
            }
        };
        self.tell_others(from, &ServerEvent::Show(show, state))
    }

    /// Passes a piece of a voice on.
    pub fn audio_chunk(&self, from: MemberId, audio: &RawValue, sample_rate: &RawValue) -> Effects {
        let mut effects = Effects::none();
        if !self.has(from) {
            return effects;
        }
        let others = self.members().into_iter().filter(|member| *member != from).collect();
        effects.tell_lossy(others, ServerEvent::AudioChunk { from, audio, sample_rate }.frame());
        effects
    }

    /// When it was made.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Says something to everybody, and keeps it for newcomers.
    pub fn chat(&mut self, message: ChatMessage, max_history_bytes: usize, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        effects.tell_all(self.members(), ServerEvent::Chat(&message).frame());
        self.party.recording.note_chat(&mut effects, &message, now);
        self.chats.keep(message, max_history_bytes);
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
        if !self.has(to) {
            return effects;
        }
        self.founding.token = token;
        self.earlier_owners.clear();
        self.appoint(to, now);
        let name = self.owner_name.as_str();
        let others = self.members().into_iter().filter(|member| *member != to).collect();
        let public = ServerEvent::OwnerChanged { owner: to, name, token: None };
        effects.tell_all(others, public.frame());
        let token = Some(self.founding.token.expose());
        effects.tell(to, ServerEvent::OwnerChanged { owner: to, name, token }.frame());
        effects
    }

    fn appoint(&mut self, owner: MemberId, now: Timestamp) {
        if let Some(seat) = self.seats.iter().find(|seat| seat.id == owner) {
            self.owner = owner;
            self.owner_name.clone_from(&seat.name);
            self.owner_heard_at = now;
        }
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

    pub(super) fn tell_others(&self, from: MemberId, event: &ServerEvent<'_>) -> Effects {
        let mut effects = Effects::none();
        let others = self.members().into_iter().filter(|member| *member != from).collect();
        effects.tell_all(others, event.frame());
        effects
    }
}
