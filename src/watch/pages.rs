//! What a room tells pages: who they are, who is there, what is on the screen and where. No I/O, no clock.

use super::on_screen::OnScreen;
use super::protocol::{Playhead, RoomId};
use super::room::{Moment, Room};
use crate::effect::{Effects, MemberId};
use crate::party::passwords::Code;
use crate::party::{Done, Facts, FollowUp, Newcomer, PersonId, Right, Scene};
use crate::rooms::Departure;
use crate::time::Timestamp;

/// Milliseconds are as fine as a player can seek.
const POSITION_STEPS_PER_SECOND: f64 = 1000.0;

impl<'a> Moment<'a> {
    /// What the rules that are shared go by in a room.
    pub fn scene(self, room: &'a RoomId, owner: MemberId) -> Scene<'a> {
        Scene { room: room.as_str(), owner, terms: self.terms, now: self.now, wall: self.wall }
    }
}

impl Room {
    /// Has it show in the list, or no more.
    pub fn set_public(&mut self, is_public: bool) {
        self.founding.is_public = is_public;
    }

    /// Gives it another password, or none.
    pub fn set_code(&mut self, code: Option<Code>) {
        self.founding.code = code;
    }

    /// When something in it is due by itself.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        [self.party.next_timeout(), self.readiness.next_timeout()].into_iter().flatten().min()
    }

    /// A member that is in says that it is a page, who it is, and what it is called.
    pub fn introduce(
        &mut self,
        member: MemberId,
        name: Option<String>,
        person: Option<PersonId>,
        moment: Moment<'_>,
    ) -> Vec<FollowUp> {
        let follow_ups = self.party.introduce(member, name.as_deref(), person, moment.terms, moment.now);
        if let Some(name) = name {
            if self.owner == member {
                self.owner_name.clone_from(&name);
            }
            if let Some(seat) = self.seats.iter_mut().find(|seat| seat.id == member) {
                seat.name = name;
            }
        }
        follow_ups
    }

    /// Whether a member has a right here.
    pub fn may(&self, member: MemberId, right: Right, moment: Moment<'_>) -> bool {
        self.is_owner(member) || self.party.may(member, right, moment.scene(&self.id(), self.owner))
    }

    /// Somebody has taken a seat; pages are told, and it is told everything if it is one.
    pub fn welcome(&mut self, newcomer: Newcomer, moment: Moment<'_>) -> Done {
        let member = newcomer.id;
        self.party.enter(newcomer, moment.now);
        // An earlier connection of the owner may have had to go.
        let mut done = self.settle_seats(Departure::CutOff, moment);
        self.tell_members(&mut done.effects, moment);
        self.greet(&mut done.effects, member, moment);
        done
    }

    /// Whoever has no seat any more is not there; what follows from that is done.
    pub fn settle_seats(&mut self, departure: Departure, moment: Moment<'_>) -> Done {
        let mut done = Done::default();
        let mut seated = self.members();
        seated.sort_unstable();
        let there = self.party.present().iter().map(|present| present.id);
        let gone: Vec<MemberId> = there.filter(|member| seated.binary_search(member).is_err()).collect();
        if gone.is_empty() {
            return done;
        }
        for member in gone {
            self.party.exit(member, departure, moment.terms, moment.now);
        }
        self.tell_members(&mut done.effects, moment);
        let id = self.id();
        self.party.recount(&mut done, moment.scene(&id, self.owner));
        done.effects.append(self.look_at_waiting(moment));
        done.effects.append(self.look_at_ready(moment));
        done
    }

    /// Tells a page all that there is to know.
    pub fn greet(&self, effects: &mut Effects, member: MemberId, moment: Moment<'_>) {
        if !self.party.get(member).is_some_and(|present| present.is_page) {
            return;
        }
        self.party.greet(effects, member, self.facts(), moment.scene(&self.id(), self.owner));
        effects.tell(member, self.playhead(moment.now).frame());
        self.greet_with_readiness(effects, member);
    }

    /// Tells all pages how the room is.
    pub fn tell_room(&self, effects: &mut Effects, moment: Moment<'_>) {
        let id = self.id();
        let scene = moment.scene(&id, self.owner);
        self.party.tell_room(effects, self.party.pages(), self.facts(), scene);
    }

    /// Tells all pages who is there, now or a little later.
    pub fn tell_members(&mut self, effects: &mut Effects, moment: Moment<'_>) {
        if self.party.may_tell_members(moment.now) {
            self.party.tell_members(effects, moment.scene(&self.id(), self.owner));
        }
    }

    /// Tells all pages what is on the screen, and where it is.
    pub fn tell_playhead(&self, effects: &mut Effects, now: Timestamp) {
        let pages = self.party.pages();
        if !pages.is_empty() {
            effects.tell_all(pages, self.playhead(now).frame());
        }
    }

    /// What is on the screen, and where it is.
    pub fn playhead(&self, now: Timestamp) -> Playhead {
        let (is_playing, speed) = match &self.on_screen {
            OnScreen::Video(video) => (video.is_playing(), video.speed()),
            OnScreen::Live(_) => (true, 1.0),
            OnScreen::Nothing | OnScreen::Share { .. } | OnScreen::Music(_) => (false, 1.0),
        };
        let position = self.position(now);
        Playhead { state: self.on_screen.state(), position, is_playing, speed, at: now.as_millis_f64() }
    }

    /// The second of the film, if one is on.
    pub fn position(&self, now: Timestamp) -> Option<f64> {
        let OnScreen::Video(video) = &self.on_screen else { return None };
        let position = video.position_at(now)?;
        let rounded = (position * POSITION_STEPS_PER_SECOND).round() / POSITION_STEPS_PER_SECOND;
        rounded.is_finite().then_some(rounded)
    }

    fn facts(&self) -> Facts<'_> {
        Facts { name: self.name(), is_public: self.is_public(), has_password: self.code().is_some() }
    }
}
