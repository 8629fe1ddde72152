//! What whoever has the controls does to the track of a room, and where members are in it.

use std::time::Duration;

use serde_json::value::RawValue;

use super::moment::{DriftLimit, Moment};
use super::playhead::Playhead;
use super::protocol::{ServerEvent, Track};
use super::queue::Playlist;
use super::room::Room;
use crate::effect::{Effects, MemberId};
use crate::party::Right;
use crate::time::{Seconds, Timestamp};

/// A host that somebody else has sent elsewhere may take this long to get there: until then, its reports are of before.
const HOST_FOLLOWS: Duration = Duration::from_secs(5);

/// Two members with the controls that press otherwise within this time may not have heard of each other.
const CROSSING_WINDOW: Duration = Duration::from_secs(2);

impl Room {
    /// Puts on another track, which plays from its start; ignored from whoever may not choose.
    ///
    /// Wire: `["track-change", {"roomId":"AB12","track":{…}}]`; others get
    /// `["track-change", {"track":{…},"currentTime":0}]`.
    pub fn change_track(&mut self, from: MemberId, track: Track, moment: &Moment<'_>) -> Effects {
        if !self.may(from, Right::Choose, moment) {
            return Effects::none();
        }
        let track = &self.load(track, Some(from), moment);
        self.relay(from, &ServerEvent::TrackChange { track }, moment.now)
    }

    /// Puts on another track, whoever asked for it: everybody is told, also a host that knows nothing of queues.
    pub(super) fn put_on(&mut self, track: Track, effects: &mut Effects, moment: &Moment<'_>) {
        let track = &self.load(track, None, moment);
        self.announce(effects, &ServerEvent::TrackChange { track }, moment.now);
    }

    /// Starts playback; ignored from whoever has not the controls.
    ///
    /// `position` is seconds into the track; `None` keeps the extrapolated one.
    /// Wire: `["play", {"roomId":"AB12","currentTime":12.5}]`; others get `["play", {"currentTime":12.5}]`.
    pub fn play(&mut self, from: MemberId, position: Option<Seconds>, moment: &Moment<'_>) -> Effects {
        if !self.may(from, Right::Control, moment) {
            return Effects::none();
        }
        let position = position.unwrap_or_else(|| self.playhead.position_at(moment.now));
        self.playhead = Playhead { is_playing: true, position, at: moment.now };
        self.is_over = false;
        self.note_steering(Some(from), moment.now);
        let crossing = self.presses.toggle(from, true, CROSSING_WINDOW, moment.now);
        self.relay_press(from, crossing, &ServerEvent::Play { position }, moment.now)
    }

    /// Stops playback, as [`Self::play`] starts it.
    pub fn pause(&mut self, from: MemberId, position: Option<Seconds>, moment: &Moment<'_>) -> Effects {
        if !self.may(from, Right::Control, moment) {
            return Effects::none();
        }
        let position = position.unwrap_or_else(|| self.playhead.position_at(moment.now));
        self.playhead = Playhead { is_playing: false, position, at: moment.now };
        self.note_steering(Some(from), moment.now);
        let crossing = self.presses.toggle(from, false, CROSSING_WINDOW, moment.now);
        self.relay_press(from, crossing, &ServerEvent::Pause { position }, moment.now)
    }

    /// Stops playback because nothing is next.
    pub(super) fn rest(&mut self, position: Seconds, effects: &mut Effects, now: Timestamp) {
        self.playhead = Playhead { is_playing: false, position, at: now };
        self.is_over = true;
        self.note_steering(None, now);
        self.announce(effects, &ServerEvent::Pause { position }, now);
    }

    /// Goes on from elsewhere in the track; ignored from whoever has not the controls.
    pub fn seek(&mut self, from: MemberId, position: Seconds, moment: &Moment<'_>) -> Effects {
        if !self.may(from, Right::Control, moment) {
            return Effects::none();
        }
        self.jump(position, moment.now);
        self.is_over = false;
        self.note_steering(Some(from), moment.now);
        let crossing = self.presses.seek(from, position.as_f64(), CROSSING_WINDOW, moment.now);
        self.relay_press(from, crossing, &ServerEvent::Seek { position }, moment.now)
    }

    /// Takes a report of where a member is: the host's is where the room is, any other's may be off.
    ///
    /// A member that is off in two reports running gets a `seek` of its own.
    pub fn report_progress(&mut self, from: MemberId, position: Seconds, moment: &Moment<'_>) -> Effects {
        let now = moment.now;
        if from != self.host {
            return self.correct(from, position, moment.config.drift(), now);
        }
        if self.steered_at.is_some_and(|at| now.since(at) < HOST_FOLLOWS) {
            return Effects::none();
        }
        self.playhead.position = position;
        self.playhead.at = now;
        self.relay(from, &ServerEvent::SyncProgress { position }, now)
    }

    /// Replaces the list; ignored from whoever may not choose.
    pub fn update_playlist(
        &mut self,
        from: MemberId,
        playlist: Box<RawValue>,
        moment: &Moment<'_>,
    ) -> Effects {
        let mut effects = Effects::none();
        if !self.may(from, Right::Choose, moment) {
            return effects;
        }
        let event = ServerEvent::PlaylistUpdate { room: &self.id, playlist: &playlist };
        self.tell_others(&mut effects, from, &event);
        self.tell_pages(
            &mut effects,
            &ServerEvent::RoomPlaylist { room: &self.id, playlist: Some(&playlist) },
        );
        self.playlist = Playlist::of(playlist);
        self.queue.replaced(&self.playlist);
        effects
    }

    /// Whether a member has a right; the host has every right to what plays.
    pub(super) fn may(&self, member: MemberId, right: Right, moment: &Moment<'_>) -> bool {
        self.has(member) && self.party.may(member, right, self.scene(moment))
    }

    fn load(&mut self, track: Track, by: Option<MemberId>, moment: &Moment<'_>) -> Track {
        self.jump(Seconds::ZERO, moment.now);
        self.playhead.is_playing = true;
        self.is_over = false;
        self.note_steering(by, moment.now);
        let former = self.track.replace(track.clone());
        if let Some(former) = former.filter(|former| *former != track) {
            self.queue.played(former, moment.config.queue());
        }
        track
    }

    /// Notes who moved the playhead: a host that did not is still on its way.
    fn note_steering(&mut self, by: Option<MemberId>, now: Timestamp) {
        self.steered_at = (by != Some(self.host)).then_some(now);
    }

    fn correct(&mut self, from: MemberId, position: Seconds, drift: DriftLimit, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let expected = self.playhead.position_at(now);
        let has_track = self.track.is_some();
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.id == from) else { return effects };
        let is_off =
            has_track && drift.tolerance_secs > 0.0 && position.distance(expected) > drift.tolerance_secs;
        let may_correct = seat.corrected_at.is_none_or(|at| now.since(at) >= drift.interval);
        if is_off && seat.was_off && may_correct {
            seat.was_off = false;
            seat.corrected_at = Some(now);
            effects.tell(from, ServerEvent::Seek { position: expected }.frame(seat.dialect));
        } else {
            seat.was_off = is_off;
        }
        effects
    }

    /// Moves the playhead on somebody's word: whoever was off the old position is measured anew.
    fn jump(&mut self, position: Seconds, now: Timestamp) {
        self.playhead.position = position;
        self.playhead.at = now;
        for seat in &mut self.seats {
            seat.was_off = false;
        }
    }
}
