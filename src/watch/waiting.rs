//! A room waits for who loads, for a while, and asks whether all are ready before the start. No I/O, no clock.
//!
//! Nobody can freeze a room: it waits for one person for no longer than its limit within a minute, for all together no
//! longer than that at a time, and not at all for whoever cannot say that it is ready.

use super::on_screen::OnScreen;
use super::protocol::{ServerEvent, ready_check, waiting};
use super::readiness::{Wait, Waited};
use super::room::{Moment, Room};
use crate::effect::{Effects, Frame, MemberId};
use crate::party::protocol::Refusal;
use crate::party::{Named, PersonId, Present, Right};
use crate::time::Timestamp;

impl Room {
    /// A page loads, or has loaded.
    pub fn set_buffering(&mut self, from: MemberId, is_buffering: bool, moment: Moment<'_>) -> Effects {
        let mut effects = Effects::none();
        let Some(present) = self.party.get_mut(from) else { return effects };
        if present.is_buffering == is_buffering {
            return effects;
        }
        present.is_buffering = is_buffering;
        let person = present.person;
        self.tell_members(&mut effects, moment);
        if is_buffering {
            self.begin_waiting(from, person, moment, &mut effects);
        } else {
            effects.append(self.look_at_waiting(moment));
        }
        effects
    }

    fn begin_waiting(&mut self, from: MemberId, person: PersonId, moment: Moment<'_>, effects: &mut Effects) {
        let now = moment.now;
        let limit = self.party.wait_limit(moment.terms);
        self.readiness.forget(now);
        let allowance = self.readiness.allowance(person, limit);
        let OnScreen::Video(video) = &mut self.on_screen else { return };
        let is_waiting = self.readiness.wait.is_some();
        if allowance.is_zero() || (!video.is_playing() && !is_waiting) {
            return;
        }
        let wait = self.readiness.wait.get_or_insert_with(|| Wait { until: now + limit, waited: Vec::new() });
        if wait.waited.iter().any(|waited| waited.person == person) {
            return;
        }
        let until = wait.until.min(now + allowance);
        wait.waited.push(Waited { person, since: now, until });
        if !is_waiting {
            video.set_playing(false, now);
            effects.append(self.tell_others(from, &ServerEvent::Pause));
            self.tell_playhead(effects, now);
        }
        self.tell_waiting(effects);
    }

    /// Whether a client may mean the room's own halt when it says that it halts: what is no page may say so because it was
    /// told so, and a room that took it for a press would stand still for ever.
    pub fn is_echo(&self, from: MemberId) -> bool {
        self.readiness.wait.is_some() && !self.party.get(from).is_some_and(|present| present.is_page)
    }

    /// Lets the film go on if nobody is left to wait for.
    pub fn look_at_waiting(&mut self, moment: Moment<'_>) -> Effects {
        let mut effects = Effects::none();
        let now = moment.now;
        let Some(mut wait) = self.readiness.wait.take() else { return effects };
        let n_before = wait.waited.len();
        let present = self.party.present();
        let loads = |person| present.iter().any(|there| there.person == person && there.is_buffering);
        let (left, over): (Vec<Waited>, Vec<Waited>) =
            wait.waited.into_iter().partition(|waited| waited.until > now && loads(waited.person));
        for waited in over {
            self.readiness.spend(waited, now);
        }
        wait.waited = left;
        if wait.waited.is_empty() {
            if let OnScreen::Video(video) = &mut self.on_screen {
                video.set_playing(true, now);
                effects.tell_all(self.members(), ServerEvent::Resume.frame());
                self.tell_playhead(&mut effects, now);
            }
            self.tell_waiting(&mut effects);
        } else {
            let n_left = wait.waited.len();
            self.readiness.wait = Some(wait);
            if n_left < n_before {
                self.tell_waiting(&mut effects);
            }
        }
        effects
    }

    /// Somebody has let the film play, halted it, or put something else on: that counts, not the wait.
    pub fn stop_waiting(&mut self, effects: &mut Effects, now: Timestamp) {
        if self.readiness.end(now) {
            self.tell_waiting(effects);
        }
    }

    /// The screen was set anew: a wait goes on only for a film that stands still.
    pub fn keep_waiting_for_film(&mut self, effects: &mut Effects, now: Timestamp) {
        if self.readiness.wait.is_none() {
            return;
        }
        let stands_still = matches!(&self.on_screen, OnScreen::Video(video) if !video.is_playing());
        if !stands_still {
            self.stop_waiting(effects, now);
        }
    }

    /// Asks all pages whether they are ready for the start.
    ///
    /// # Errors
    /// It has no right to it, or no film is on.
    pub fn check_ready(&mut self, from: MemberId, moment: Moment<'_>) -> Result<Effects, Refusal> {
        let id = self.id();
        if !self.party.may(from, Right::Control, moment.scene(&id, self.owner)) {
            return Err(Refusal::Forbidden);
        }
        if !matches!(self.on_screen, OnScreen::Video(_)) {
            return Err(Refusal::Invalid);
        }
        let mut effects = Effects::none();
        for page in self.party.pages() {
            if let Some(present) = self.party.get_mut(page) {
                present.is_ready = page == from;
            }
        }
        let Some(name) = self.party.get(from).map(|present| present.name.clone()) else {
            return Err(Refusal::NotInARoom);
        };
        self.party.tell_pages(&mut effects, ready_check(Named { id: from, name: &name }, true));
        self.readiness.check = Some((from, name));
        self.tell_members(&mut effects, moment);
        effects.append(self.look_at_ready(moment));
        Ok(effects)
    }

    /// A page is ready, or is not.
    pub fn set_ready(&mut self, from: MemberId, is_ready: bool, moment: Moment<'_>) -> Effects {
        let mut effects = Effects::none();
        let Some(present) = self.party.get_mut(from) else { return effects };
        if present.is_ready != is_ready {
            present.is_ready = is_ready;
            self.tell_members(&mut effects, moment);
        }
        effects.append(self.look_at_ready(moment));
        effects
    }

    /// Starts the film if all pages are ready for it.
    pub fn look_at_ready(&mut self, moment: Moment<'_>) -> Effects {
        let mut effects = Effects::none();
        if self.party.pages().is_empty() {
            self.readiness.check = None;
        }
        let is_ready = |present: &Present| !present.is_page || present.is_ready;
        if self.readiness.check.is_none() || !self.party.present().iter().all(is_ready) {
            return effects;
        }
        if let OnScreen::Video(video) = &mut self.on_screen
            && !video.is_playing()
        {
            video.set_playing(true, moment.now);
            effects.tell_all(self.members(), ServerEvent::Resume.frame());
            self.tell_playhead(&mut effects, moment.now);
        }
        self.close_check(&mut effects);
        effects
    }

    /// Where the film plays, nobody need be asked any more.
    pub fn close_check_of_playing(&mut self, effects: &mut Effects) {
        if self.readiness.check.is_some() && self.is_playing() {
            self.close_check(effects);
        }
    }

    fn close_check(&mut self, effects: &mut Effects) {
        if let Some((id, name)) = self.readiness.check.take() {
            self.party.tell_pages(effects, ready_check(Named { id, name: &name }, false));
        }
    }

    /// Tells a page that comes in whom the room waits for, and whether it asks who is ready.
    pub fn greet_with_readiness(&self, effects: &mut Effects, page: MemberId) {
        if self.readiness.wait.is_some() {
            effects.tell(page, self.waiting_frame());
        }
        if let Some((id, name)) = &self.readiness.check {
            effects.tell(page, ready_check(Named { id: *id, name }, true));
        }
    }

    fn tell_waiting(&self, effects: &mut Effects) {
        self.party.tell_pages(effects, self.waiting_frame());
    }

    fn waiting_frame(&self) -> Frame {
        let Some(wait) = &self.readiness.wait else { return waiting(&[], None) };
        let is_waited = |person| wait.waited.iter().any(|waited| waited.person == person);
        let loading = self.party.present().iter().filter(|there| there.is_buffering);
        let members: Vec<Named<'_>> =
            loading.filter(|there| is_waited(there.person)).map(Present::named).collect();
        let until = wait.waited.iter().map(|waited| waited.until).max();
        waiting(&members, until)
    }
}
