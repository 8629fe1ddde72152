//! What members of a listening room do with each other: roles, votes, chat; what the room has to do about it.

use super::moment::Moment;
use super::protocol::{ServerEvent, Track};
use super::queue::Step;
use super::room::Room;
use crate::effect::{Effects, MemberId};
use crate::party::chat::ChatMessage;
use crate::party::protocol::{self as party, Refusal, RoomEvent, Success};
use crate::party::{Done, FollowUp};
use crate::rooms::Rng;
use crate::time::Timestamp;

/// What came of something, beside what members are told.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What members are told.
    pub effects: Effects,
    /// Members that were put out.
    pub out: Vec<MemberId>,
    /// What becomes of the room's password.
    pub password: PasswordChange,
}

/// What becomes of a room's password.
#[derive(Debug, Default)]
pub enum PasswordChange {
    /// It stays as it is.
    #[default]
    None,
    /// There is none any more.
    Removed,
    /// It is that one.
    Set(String),
}

impl Room {
    /// Does what a page asks for.
    ///
    /// # Errors
    /// It has no right to it, or it cannot be done.
    pub fn act(
        &mut self,
        from: MemberId,
        event: RoomEvent,
        rng: &mut Rng,
        moment: &Moment<'_>,
    ) -> Result<Outcome, Refusal> {
        let position = self.position_of_track(moment.now);
        let (id, owner) = (self.id.clone(), self.owner());
        let scene = moment.scene(id.as_str(), owner);
        let done = self.party.act(from, event, position, rng, scene)?;
        Ok(self.complete(done, rng, moment))
    }

    /// Does what is due by itself: a vote fails, what changed in the queue is told.
    pub fn handle_timeout(&mut self, rng: &mut Rng, moment: &Moment<'_>) -> Outcome {
        let (id, owner) = (self.id.clone(), self.owner());
        let mut done = Done::default();
        self.party.handle_timeout(&mut done, moment.scene(id.as_str(), owner));
        self.tell_late_queue(&mut done.effects, moment.now);
        self.complete(done, rng, moment)
    }

    /// When something is due by itself.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        [self.party.next_timeout(), self.queue_news.due()].into_iter().flatten().min()
    }

    /// Counts the vote again that is open, after somebody has come or gone.
    pub fn recount(&mut self, rng: &mut Rng, moment: &Moment<'_>) -> Outcome {
        let (id, owner) = (self.id.clone(), self.owner());
        let mut done = Done::default();
        self.party.recount(&mut done, moment.scene(id.as_str(), owner));
        self.complete(done, rng, moment)
    }

    /// Says something to all pages, and keeps it for newcomers.
    pub fn chat(&mut self, message: ChatMessage, moment: &Moment<'_>) -> Effects {
        let mut effects = Effects::none();
        self.party.tell_pages(&mut effects, party::ServerEvent::Chat(&message).frame());
        self.party.recording.note_chat(&mut effects, &message, moment.now);
        self.chats.keep(message, moment.config.max_chat_history_bytes);
        effects.answer(&Success::plain());
        effects
    }

    /// Whether a member may write now; if so, it has.
    ///
    /// # Errors
    /// It is muted, has no right to it, or has to wait.
    pub fn take_chat(&mut self, from: MemberId, moment: &Moment<'_>) -> Result<(), Refusal> {
        let (id, owner) = (self.id.clone(), self.owner());
        self.party.take_chat(from, moment.scene(id.as_str(), owner))
    }

    /// The second of what plays, if anything does.
    pub fn position_of_track(&self, now: Timestamp) -> Option<f64> {
        self.track.as_ref().map(|_| self.playhead.position_at(now).as_f64())
    }

    /// Does what is left to the room.
    pub(super) fn complete(&mut self, done: Done, rng: &mut Rng, moment: &Moment<'_>) -> Outcome {
        let Done { effects, follow_ups } = done;
        let mut outcome = Outcome { effects, ..Outcome::default() };
        for follow_up in follow_ups {
            let effects = &mut outcome.effects;
            match follow_up {
                FollowUp::TellRoom => self.tell_room(effects, moment),
                FollowUp::TellMembers => self.send_members(effects, moment),
                FollowUp::HandOver(to) => self.hand_over(to, effects, moment),
                FollowUp::PutOut(members) => outcome.out.extend(members),
                FollowUp::Skip => self.skip(effects, rng, moment),
                FollowUp::SetPublic(is_public) => self.is_public = is_public,
                FollowUp::SetPassword(None) => outcome.password = PasswordChange::Removed,
                FollowUp::SetPassword(Some(password)) => outcome.password = PasswordChange::Set(password),
            }
        }
        outcome
    }

    /// The members have voted for another track.
    fn skip(&mut self, effects: &mut Effects, rng: &mut Rng, moment: &Moment<'_>) {
        let title = self.title();
        self.tell_skipped(effects, title.as_deref());
        if !self.move_on(Step::Skip, effects, rng, moment) {
            let position = self.playhead.position_at(moment.now);
            self.rest(position, effects, moment.now);
        }
    }

    /// What the track is called.
    pub(super) fn title(&self) -> Option<String> {
        self.track.as_ref().and_then(Track::title)
    }

    /// Tells pages that a track was passed over.
    pub(super) fn tell_skipped(&self, effects: &mut Effects, title: Option<&str>) {
        let notice = party::ServerEvent::Notice { code: "track_skipped", name: title };
        self.party.tell_pages(effects, notice.frame());
    }

    /// Tells a member that it is put out, in its dialect.
    pub fn tell_kicked(&self, effects: &mut Effects, member: MemberId) {
        if self.party.get(member).is_some_and(|present| present.is_page) {
            effects.tell(member, party::ServerEvent::Kicked.frame());
        } else {
            self.tell_one(effects, member, &ServerEvent::RoomLeft { room: &self.id });
        }
    }
}
