//! What is recorded of watch rooms, and replayed in them.

use super::command::Command;
use super::hub::Hub;
use super::on_screen::OnScreen;
use super::protocol::RoomId;
use super::room::{Moment, Room};
use crate::effect::{Effects, MemberId};
use crate::party::protocol::{RecordingEvent, Refusal};
use crate::party::{self, Glance, Party, PartyHub, Playback, Terms};
use crate::recordings::{Limit, RecordingId, Replayed};
use crate::time::Timestamp;

impl Hub {
    /// Does what a page asks of recordings.
    pub(super) fn act_on_recording(
        &mut self,
        from: MemberId,
        event: &RecordingEvent,
        now: Timestamp,
    ) -> Result<Effects, Refusal> {
        let id = self.room_of(from).ok_or(Refusal::NotInARoom)?;
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        let room = self.rooms.get_mut(&id).ok_or(Refusal::NotInARoom)?;
        let (name, scene) = (room.name().to_owned(), moment.scene(&id, room.owner()));
        let done = room.party.act_on_recording(from, event, &name, &mut self.rng, scene)?;
        Ok(self.follow_up(id, done, now))
    }

    /// Notes what has changed in a room, if that is recorded.
    pub(super) fn record(
        &mut self,
        room: Option<RoomId>,
        by: Option<MemberId>,
        effects: &mut Effects,
        now: Timestamp,
    ) {
        // Looking at a room must not count as changing it.
        let is_recorded =
            |room: &RoomId| self.rooms.get(room).is_some_and(|room| room.party.recording.is_running());
        if let Some(room) = room.filter(is_recorded).and_then(|id| self.rooms.get_mut(&id)) {
            room.record(by, effects, now);
        }
    }

    /// Notes what has changed in the room where a member was, and in the one where it is.
    pub(super) fn record_both(
        &mut self,
        member: MemberId,
        before: Option<RoomId>,
        effects: &mut Effects,
        now: Timestamp,
    ) {
        self.record(before, Some(member), effects, now);
        let room = self.room_of(member).filter(|room| Some(*room) != before);
        self.record(room, Some(member), effects, now);
    }

    /// Notes what has changed in all rooms that are recorded.
    pub(super) fn record_all(&mut self, effects: &mut Effects, now: Timestamp) {
        let recorded = self.rooms.values().filter(|room| room.party.recording.is_running());
        let mut recorded: Vec<RoomId> = recorded.map(Room::id).collect();
        recorded.sort();
        for room in recorded {
            self.record(Some(room), None, effects, now);
        }
    }

    /// Ends what is recorded or replayed of a recording that is deleted, and has every node delete it.
    pub(super) fn delete_recording(&mut self, recording: Replayed, now: Timestamp) -> Effects {
        let mut effects = party::delete(recording);
        let about = self.rooms.values().filter(|room| room.party.recording.is_about(recording));
        let mut rooms: Vec<RoomId> = about.map(Room::id).collect();
        rooms.sort();
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        for id in rooms {
            if let Some(room) = self.rooms.get_mut(&id) {
                room.party.recording.forget(recording);
                room.tell_room(&mut effects, moment);
            }
        }
        effects
    }

    /// A recording has reached a limit: it ends, and the pages of its room are told so.
    pub(super) fn stop_recording(&mut self, recording: RecordingId, limit: Limit, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let has = |room: &&Room| room.party.recording.is_of(recording);
        let id = self.rooms.values().find(has).map(Room::id);
        let moment = Moment { terms: &self.terms, now, wall: self.wall };
        if let Some(room) = id.and_then(|id| self.rooms.get_mut(&id)) {
            room.party.recording.stop(&mut effects, limit, now);
            room.tell_room(&mut effects, moment);
        }
        effects
    }
}

impl PartyHub for Hub {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    fn room(&self, id: &RoomId) -> Option<&Room> {
        self.rooms.get(id)
    }

    fn party(room: &Room) -> &Party {
        &room.party
    }

    fn delete_command(recording: Replayed) -> Command {
        Command::DeleteRecording(recording)
    }

    fn stop_command(recording: RecordingId, limit: Limit) -> Command {
        Command::StopRecording(recording, limit)
    }
}

impl Room {
    fn record(&mut self, by: Option<MemberId>, effects: &mut Effects, now: Timestamp) {
        let playback = match &self.on_screen {
            OnScreen::Video(video) => video.position_at(now).map(|position| Playback {
                is_playing: video.is_playing(),
                position,
                speed: video.speed(),
            }),
            OnScreen::Nothing | OnScreen::Live(_) | OnScreen::Share { .. } | OnScreen::Music(_) => None,
        };
        let glance = Glance { screen: self.on_screen.state(), screen_key: self.on_screen.key(), playback };
        self.party.record(effects, &glance, by, now);
    }

    /// The room is gone, and with it what was recorded of it.
    pub fn end_recording(&mut self, effects: &mut Effects, now: Timestamp) {
        if self.party.recording.is_running() {
            self.record(None, effects, now);
            self.party.recording.end(effects, now);
        }
    }
}
