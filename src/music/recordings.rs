//! What is recorded of listening rooms, and replayed in them.

use super::command::Command;
use super::hub::Hub;
use super::protocol::RoomId;
use super::room::Room;
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
        let id = self.room_of(from).ok_or(Refusal::NotInARoom)?.clone();
        let outcome = self.with_room(&id, now, |room, rng, moment| {
            let (name, owner) = (room.facts().name.to_owned(), room.owner());
            let scene = moment.scene(id.as_str(), owner);
            let done = room.party.act_on_recording(from, event, &name, rng, scene)?;
            Ok::<_, Refusal>(room.complete(done, rng, moment))
        });
        Ok(self.settle(&id, outcome.ok_or(Refusal::NotInARoom)??, now))
    }

    /// Notes what has changed in a room, if that is recorded.
    pub(super) fn record(
        &mut self,
        room: Option<&RoomId>,
        by: Option<MemberId>,
        effects: &mut Effects,
        now: Timestamp,
    ) {
        // Looking at a room must not count as changing it.
        let is_recorded =
            |room: &&RoomId| self.rooms.get(room).is_some_and(|room| room.party().recording.is_running());
        if let Some(room) = room.filter(is_recorded).and_then(|id| self.rooms.get_mut(id)) {
            let glance = room.glance(now);
            room.party.record(effects, &glance, by, now);
        }
    }

    /// Notes what has changed in the room where a member was, and in the one where it is.
    pub(super) fn record_both(
        &mut self,
        member: MemberId,
        before: Option<&RoomId>,
        effects: &mut Effects,
        now: Timestamp,
    ) {
        self.record(before, Some(member), effects, now);
        let room = self.room_of(member).filter(|room| Some(*room) != before).cloned();
        self.record(room.as_ref(), Some(member), effects, now);
    }

    /// Ends what is recorded or replayed of a recording that is deleted, and has every node delete it.
    pub(super) fn delete_recording(&mut self, recording: Replayed, now: Timestamp) -> Effects {
        let mut effects = party::delete(recording);
        let has = |room: &Room| room.party().recording.is_about(recording);
        let mut rooms: Vec<RoomId> =
            self.rooms.all().filter(|(_, room)| has(room)).map(|(id, _)| id.clone()).collect();
        rooms.sort();
        for id in rooms {
            effects.append(self.in_room(&id, now, |room, moment| {
                let mut effects = Effects::none();
                room.party.recording.forget(recording);
                room.tell_room(&mut effects, moment);
                effects
            }));
        }
        effects
    }

    /// A recording has reached a limit: it ends, and the pages of its room are told so.
    pub(super) fn stop_recording(&mut self, recording: RecordingId, limit: Limit, now: Timestamp) -> Effects {
        let has = |room: &Room| room.party().recording.is_of(recording);
        let Some(id) = self.rooms.all().find(|(_, room)| has(room)).map(|(id, _)| id.clone()) else {
            return Effects::none();
        };
        self.in_room(&id, now, |room, moment| {
            let mut effects = Effects::none();
            room.party.recording.stop(&mut effects, limit, moment.now);
            room.tell_room(&mut effects, moment);
            effects
        })
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
        room.party()
    }

    fn delete_command(recording: Replayed) -> Command {
        Command::DeleteRecording(recording)
    }

    fn stop_command(recording: RecordingId, limit: Limit) -> Command {
        Command::StopRecording(recording, limit)
    }
}

impl Room {
    fn glance(&self, now: Timestamp) -> Glance {
        let playback = self.playback(now);
        Glance {
            screen: self.track.as_ref().map(|track| track.text().to_owned()),
            screen_key: self.track.as_ref().map(|track| track.text().get().to_owned()).unwrap_or_default(),
            playback: self.track.as_ref().map(|_| Playback {
                is_playing: playback.is_playing,
                position: playback.position.as_f64(),
                speed: 1.0,
            }),
        }
    }
}
