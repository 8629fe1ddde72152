//! What members do with the queue of a listening room, each as far as it has the right to.

use super::moment::Moment;
use super::protocol::{Added, EntryId, QueueEvent, Track};
use super::queue::{Adder, Changed, Opinion, QueueError, Step};
use super::room::Room;
use crate::effect::{Effects, MemberId};
use crate::party::protocol::{Refusal, Success};
use crate::party::{PersonId, Right};
use crate::rooms::Rng;
use crate::time::Seconds;

/// A page that says that the track is over may be so many seconds ahead of the room: clocks differ, and so do players.
const END_TOLERANCE_SECS: f64 = 2.0;

impl From<QueueError> for Refusal {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::NoSuchEntry => Self::Invalid,
            QueueError::Full => Self::TooMany,
        }
    }
}

impl Room {
    /// Does what a page asks of the queue.
    ///
    /// # Errors
    /// It has no right to it, or it cannot be done: nothing has been.
    pub fn act_on_queue(
        &mut self,
        from: MemberId,
        event: QueueEvent,
        rng: &mut Rng,
        moment: &Moment<'_>,
    ) -> Result<Effects, Refusal> {
        let mut effects = Effects::none();
        let told = &mut effects;
        match event {
            QueueEvent::Add(tracks) => {
                let added = self.add_all(from, tracks, told, moment)?;
                effects.answer(&added);
                return Ok(effects);
            }
            QueueEvent::Approve(id) => {
                self.check(from, Right::Queue, moment)?;
                self.queue.approve(&mut self.playlist, id, moment.config.queue())?;
                self.tell_queue(told, Changed::Suggestions, moment);
                self.tell_queue(told, Changed::Playlist, moment);
                self.start_if_idle(told, rng, moment);
            }
            QueueEvent::Reject(id) => {
                self.check(from, Right::Queue, moment)?;
                self.queue.reject(id)?;
                self.tell_queue(told, Changed::Suggestions, moment);
            }
            QueueEvent::Vote { id, is_up } => {
                self.check(from, Right::Chat, moment)?;
                let person = self.person_of(from)?;
                let opinion = if is_up { Opinion::For } else { Opinion::None };
                let limits = moment.config.queue();
                let changed = self.queue.vote(&mut self.playlist, id, person, opinion, limits)?;
                self.tell_queue(told, changed, moment);
            }
            QueueEvent::Move { id, to } => {
                self.check(from, Right::Queue, moment)?;
                self.queue.move_to(&mut self.playlist, id, to)?;
                self.tell_queue(told, Changed::Playlist, moment);
            }
            QueueEvent::Remove(id) => {
                self.check_removal(from, id, moment)?;
                let changed = self.queue.remove(&mut self.playlist, id)?;
                self.tell_queue(told, changed, moment);
            }
            QueueEvent::Mode(change) => {
                self.check(from, Right::Choose, moment)?;
                let mode = change.of(self.queue.mode());
                self.queue.set_mode(&mut self.playlist, mode);
                self.tell_mode(told);
                if mode.by_votes {
                    self.tell_queue(told, Changed::Playlist, moment);
                }
            }
            QueueEvent::Next { ended_at: None, is_unplayable } => {
                self.check(from, Right::Choose, moment)?;
                let title = self.title();
                if !self.move_on(Step::Skip, told, rng, moment) {
                    return Err(Refusal::Invalid);
                }
                if is_unplayable {
                    self.tell_skipped(told, title.as_deref());
                }
            }
            QueueEvent::Next { ended_at: Some(end), .. } => self.end(from, end, told, rng, moment)?,
            QueueEvent::Previous => self.previous(from, told, moment)?,
            QueueEvent::Play(id) => {
                self.check(from, Right::Choose, moment)?;
                let track = self.queue.take(&mut self.playlist, id)?;
                self.put_on(track, told, moment);
                self.tell_queue(told, Changed::Playlist, moment);
            }
        }
        effects.answer(&Success::plain());
        Ok(effects)
    }

    /// Goes on to what is next; whether there was anything.
    pub(super) fn move_on(
        &mut self,
        step: Step,
        effects: &mut Effects,
        rng: &mut Rng,
        moment: &Moment<'_>,
    ) -> bool {
        let (current, limits) = (self.track.clone(), moment.config.queue());
        let n_bytes = self.playlist.n_bytes();
        let next = self.queue.take_next(&mut self.playlist, current.as_ref(), step, limits, rng);
        let Some(next) = next else { return false };
        self.put_on(next, effects, moment);
        if self.playlist.n_bytes() != n_bytes || current != self.track {
            self.tell_queue(effects, Changed::Playlist, moment);
        }
        true
    }

    /// Forgets the votes of a person that has left.
    pub(super) fn forget_votes(&mut self, effects: &mut Effects, person: PersonId, moment: &Moment<'_>) {
        for changed in self.queue.forget_votes(&mut self.playlist, person) {
            self.tell_queue(effects, changed, moment);
        }
    }

    /// Adds tracks until there is no room for the next one.
    fn add_all(
        &mut self,
        from: MemberId,
        tracks: Vec<Track>,
        effects: &mut Effects,
        moment: &Moment<'_>,
    ) -> Result<Added, Refusal> {
        let is_one = tracks.len() == 1;
        let mut tracks = tracks.into_iter();
        let first = tracks.next().ok_or(Refusal::Invalid)?;
        let (added, mut changed) = self.add(from, first, effects, moment)?;
        let mut n_added = 1;
        for track in tracks {
            let Ok((_, also)) = self.add(from, track, effects, moment) else { break };
            changed = also.or(changed);
            n_added += 1;
        }
        if let Some(changed) = changed {
            self.tell_queue(effects, changed, moment);
        }
        Ok(if is_one { added } else { added.together(n_added) })
    }

    /// Adds one, and says which list has changed.
    fn add(
        &mut self,
        from: MemberId,
        track: Track,
        effects: &mut Effects,
        moment: &Moment<'_>,
    ) -> Result<(Added, Option<Changed>), Refusal> {
        let present = self.party.get(from).ok_or(Refusal::NotInARoom)?;
        let by = Adder { id: from, name: present.name.clone(), person: present.person };
        if track.n_bytes() > moment.config.max_track_bytes {
            return Err(Refusal::Invalid);
        }
        if !self.may(from, Right::Queue, moment) {
            self.check(from, Right::Chat, moment)?;
            let id = self.queue.suggest(track, by, moment.config.queue())?;
            return Ok((Added::suggestion(id), Some(Changed::Suggestions)));
        }
        if self.is_idle() {
            self.put_on(track, effects, moment);
            return Ok((Added::entry(None), None));
        }
        let id = self.queue.add(&mut self.playlist, &track, by, moment.config.queue())?;
        Ok((Added::entry(Some(id)), Some(Changed::Playlist)))
    }

    /// Goes on because the track is over.
    fn end(
        &mut self,
        from: MemberId,
        end: Seconds,
        effects: &mut Effects,
        rng: &mut Rng,
        moment: &Moment<'_>,
    ) -> Result<(), Refusal> {
        self.check(from, Right::Choose, moment)?;
        // Of several pages that all see the end, the first moves on, and the others are too late.
        let position = self.playhead.position_at(moment.now);
        if !self.playhead.is_playing || position.as_f64() + END_TOLERANCE_SECS < end.as_f64() {
            return Err(Refusal::Invalid);
        }
        if !self.move_on(Step::End, effects, rng, moment) {
            self.rest(end, effects, moment.now);
        }
        Ok(())
    }

    fn previous(
        &mut self,
        from: MemberId,
        effects: &mut Effects,
        moment: &Moment<'_>,
    ) -> Result<(), Refusal> {
        self.check(from, Right::Choose, moment)?;
        let limits = moment.config.queue();
        let track = self.queue.take_previous(&mut self.playlist, self.track.as_ref(), limits);
        let track = track.ok_or(Refusal::Invalid)?;
        // The one that played is next now, so it has not been played.
        self.track = None;
        self.put_on(track, effects, moment);
        self.tell_queue(effects, Changed::Playlist, moment);
        Ok(())
    }

    /// Plays what was approved for a room in which nothing plays.
    fn start_if_idle(&mut self, effects: &mut Effects, rng: &mut Rng, moment: &Moment<'_>) {
        if self.is_idle() {
            self.move_on(Step::Skip, effects, rng, moment);
        }
    }

    /// Whether nothing is on, or what was on is over.
    fn is_idle(&self) -> bool {
        self.track.is_none() || self.is_over
    }

    fn check(&self, from: MemberId, right: Right, moment: &Moment<'_>) -> Result<(), Refusal> {
        if self.may(from, right, moment) {
            Ok(())
        } else if right == Right::Chat && self.party.is_muted(from) {
            Err(Refusal::Muted)
        } else {
            Err(Refusal::Forbidden)
        }
    }

    fn check_removal(&self, from: MemberId, id: EntryId, moment: &Moment<'_>) -> Result<(), Refusal> {
        if self.queue.is_by(id, self.person_of(from)?) {
            return Ok(());
        }
        self.check(from, Right::Queue, moment)
    }

    fn person_of(&self, member: MemberId) -> Result<PersonId, Refusal> {
        self.party.get(member).map(|present| present.person).ok_or(Refusal::NotInARoom)
    }
}
