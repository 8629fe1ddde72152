//! What the members of a listening room are told, each in its own dialect, and pages besides.

use super::moment::{MAX_NAMED_MEMBERS, Moment};
use super::protocol::{Dialect, PublicMember, ServerEvent, SuggestionView};
use super::queue::{Changed, Suggestion};
use super::room::Room;
use super::seat::Seat;
use crate::effect::{Effects, MemberId};
use crate::party::{Crossing, Facts};
use crate::time::Timestamp;

impl Room {
    /// Sends a control to the others, and to all pages what it came to.
    pub(super) fn relay(&self, from: MemberId, event: &ServerEvent<'_>, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        self.tell_others(&mut effects, from, event);
        self.tell_playhead(&mut effects, now);
        effects
    }

    /// The same for a press, which its sender is told too if another's may have come between.
    pub(super) fn relay_press(
        &self,
        from: MemberId,
        crossing: Crossing,
        event: &ServerEvent<'_>,
        now: Timestamp,
    ) -> Effects {
        match crossing {
            Crossing::None => self.relay(from, event, now),
            Crossing::Possible => {
                let mut effects = Effects::none();
                self.announce(&mut effects, event, now);
                effects
            }
        }
    }

    /// Sends what the room has done by itself to everybody, and to all pages what it came to.
    pub(super) fn announce(&self, effects: &mut Effects, event: &ServerEvent<'_>, now: Timestamp) {
        tell(effects, self.seats.iter(), event);
        self.tell_playhead(effects, now);
    }

    pub(super) fn tell_others(&self, effects: &mut Effects, from: MemberId, event: &ServerEvent<'_>) {
        tell(effects, self.seats.iter().filter(|seat| seat.id != from), event);
    }

    pub(super) fn tell_one(&self, effects: &mut Effects, to: MemberId, event: &ServerEvent<'_>) {
        tell(effects, self.seats.iter().filter(|seat| seat.id == to), event);
    }

    pub(super) fn tell_count(&self, effects: &mut Effects) {
        tell(effects, self.seats.iter(), &ServerEvent::RoomUsers { n_members: self.n_members() });
    }

    /// Tells every page who is there, now or a little later; changes behind the first hundred show in the count alone.
    pub(super) fn tell_members(&mut self, effects: &mut Effects, moment: &Moment<'_>) {
        if self.party.may_tell_members(moment.now) {
            self.send_members(effects, moment);
        }
    }

    pub(super) fn send_members(&self, effects: &mut Effects, moment: &Moment<'_>) {
        let members: Vec<PublicMember> = self
            .seats
            .iter()
            .take(MAX_NAMED_MEMBERS)
            .map(|seat| PublicMember { id: seat.id, name: seat.name.clone() })
            .collect();
        let event = ServerEvent::RoomMembers {
            room: &self.id,
            host: self.host,
            n_members: self.n_members(),
            members: &members,
        };
        self.tell_pages(effects, &event);
        self.party.tell_members(effects, self.scene(moment));
    }

    pub(super) fn tell_playhead(&self, effects: &mut Effects, now: Timestamp) {
        let playback = self.playback(now);
        self.tell_pages(effects, &ServerEvent::RoomPlayhead { room: &self.id, playback: &playback, at: now });
    }

    /// Tells a page that enters all there is to know, but for who is there.
    pub(super) fn tell_page(&self, effects: &mut Effects, page: MemberId, moment: &Moment<'_>) {
        if !self.seats.iter().any(|seat| seat.is_page && seat.id == page) {
            return;
        }
        let (room, now) = (&self.id, moment.now);
        let playback = self.playback(now);
        self.tell_one(effects, page, &ServerEvent::RoomPlayhead { room, playback: &playback, at: now });
        self.tell_one(effects, page, &ServerEvent::RoomPlaylist { room, playlist: self.playlist.text() });
        self.tell_one(effects, page, &ServerEvent::QueueMode(self.queue.mode()));
        let suggestions = self.suggestion_views();
        self.tell_one(effects, page, &ServerEvent::QueueSuggestions(&suggestions));
        self.party.greet(effects, page, self.facts(), self.scene(moment));
    }

    /// Tells all pages how the room is.
    pub(super) fn tell_room(&self, effects: &mut Effects, moment: &Moment<'_>) {
        self.party.tell_room(effects, self.party.pages(), self.facts(), self.scene(moment));
    }

    /// Tells everybody of the playlist, and pages of the suggestions: now, or with what changes next if that is a lot.
    pub(super) fn tell_queue(&mut self, effects: &mut Effects, changed: Changed, moment: &Moment<'_>) {
        if self.queue_news.take(changed, moment.now) {
            self.send_queue(effects, changed);
        }
    }

    /// Tells what has waited for long enough.
    pub(super) fn tell_late_queue(&mut self, effects: &mut Effects, now: Timestamp) {
        for changed in self.queue_news.take_due(now) {
            self.send_queue(effects, changed);
        }
    }

    pub(super) fn tell_mode(&self, effects: &mut Effects) {
        self.tell_pages(effects, &ServerEvent::QueueMode(self.queue.mode()));
    }

    /// What pages are told of the room beside what its party knows.
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            name: self.name.as_deref().unwrap_or_else(|| self.id.as_str()),
            is_public: self.is_public,
            has_password: self.code.is_some(),
        }
    }

    fn send_queue(&self, effects: &mut Effects, changed: Changed) {
        let room = &self.id;
        match changed {
            Changed::Playlist => {
                let Some(playlist) = self.playlist.text() else { return };
                tell(effects, self.seats.iter(), &ServerEvent::PlaylistUpdate { room, playlist });
                self.tell_pages(effects, &ServerEvent::RoomPlaylist { room, playlist: Some(playlist) });
            }
            Changed::Suggestions => {
                let suggestions = self.suggestion_views();
                self.tell_pages(effects, &ServerEvent::QueueSuggestions(&suggestions));
            }
        }
    }

    fn suggestion_views(&self) -> Vec<SuggestionView<'_>> {
        self.queue.suggestions().iter().map(Suggestion::view).collect()
    }

    pub(super) fn tell_pages(&self, effects: &mut Effects, event: &ServerEvent<'_>) {
        tell(effects, self.seats.iter().filter(|seat| seat.is_page), event);
    }
}

/// Sends an event to each of the seats in its own dialect, written once a dialect.
pub fn tell<'a>(effects: &mut Effects, seats: impl Iterator<Item = &'a Seat>, event: &ServerEvent<'_>) {
    let (mut snake, mut kebab) = (Vec::new(), Vec::new());
    for seat in seats {
        match seat.dialect {
            Dialect::Snake => snake.push(seat.id),
            Dialect::Kebab => kebab.push(seat.id),
        }
    }
    for (to, dialect) in [(snake, Dialect::Snake), (kebab, Dialect::Kebab)] {
        if !to.is_empty() {
            effects.tell_all(to, event.frame(dialect));
        }
    }
}
