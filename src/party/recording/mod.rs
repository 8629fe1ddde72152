//! What a room records, and what it replays. Files are for whoever writes them.
//!
//! What happens is seen by looking at the room after each event ([`Recording::look`]), so that nothing is missed, whoever
//! did it and by which rule; what is said is told as it is said ([`Recording::note`]).

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::chat::ChatMessage;
use super::present::{Present, clear};
use super::protocol::{RecordingEvent, RecordingView, Refusal, ReplayView, Success};
use super::roles::Role;
use super::{Done, FollowUp, Party, Scene};
use crate::effect::{Effects, MemberId, RecordingLine, RecordingStep};
use crate::recordings::{By, Entry, Header, Limit, Line, Owner, RecordingId, Replayed};
use crate::rooms::Rng;
use crate::time::{Seconds, Timestamp};

/// What plays is elsewhere than it would be by itself if it is this far off, in seconds: clocks of players are less.
const SEEK_SECS: f64 = 1.0;

/// Films play at this speed unless somebody says otherwise.
const USUAL_SPEED: f64 = 1.0;

/// What a room records and replays.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Recording {
    running: Option<Running>,
    /// The limit at which the last one ended, until another begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_at: Option<Limit>,
    replayed: Option<Replayed>,
}

/// A recording that runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Running {
    header: Header,
    since: Timestamp,
    n_lines: u64,
    /// The room as it was noted last.
    noted: Option<Noted>,
}

impl Running {
    fn is(&self, recording: Replayed) -> bool {
        self.header.id == recording.id && self.header.owner == Some(recording.owner)
    }
}

/// A room as it was noted.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Noted {
    members: Vec<(MemberId, String)>,
    /// What was on the screen, by its digest.
    screen: u64,
    playback: Option<Playback>,
    at: Timestamp,
}

/// What a room plays.
#[derive(Debug)]
pub struct Glance {
    /// What is on the screen, or which track is on.
    pub screen: Option<Box<RawValue>>,
    /// What tells it from others, whatever has been done to it.
    pub screen_key: String,
    /// How it plays, if that is known.
    pub playback: Option<Playback>,
}

/// How something plays.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Playback {
    /// Whether it does.
    pub is_playing: bool,
    /// The second.
    pub position: f64,
    /// How fast.
    pub speed: f64,
}

impl Playback {
    /// The second at which it would be by itself after that many.
    fn after(self, seconds: f64) -> f64 {
        if self.is_playing { self.position + seconds * self.speed } else { self.position }
    }
}

impl Party {
    /// Does what the room's owner asks for; `name` is what the room is called.
    ///
    /// # Errors
    /// It has no right to it, or it cannot be done: nothing has been.
    pub fn act_on_recording(
        &mut self,
        from: MemberId,
        event: &RecordingEvent,
        name: &str,
        rng: &mut Rng,
        scene: Scene<'_>,
    ) -> Result<Done, Refusal> {
        if self.role_of(from, scene.owner) != Role::Owner {
            return Err(Refusal::Forbidden);
        }
        let mut done = Done { follow_ups: vec![FollowUp::TellRoom], ..Done::default() };
        self.recording.act(event, &mut done.effects, name, rng, scene)?;
        done.effects.answer(&Success::plain());
        Ok(done)
    }

    /// Notes how the room has changed since it was looked at, if that is recorded; `by` is who may have done it. A room
    /// that everybody has left is recorded no longer.
    pub fn record(&mut self, effects: &mut Effects, glance: &Glance, by: Option<MemberId>, now: Timestamp) {
        self.recording.look(effects, &self.present, glance, by, now);
    }
}

impl Recording {
    fn act(
        &mut self,
        event: &RecordingEvent,
        effects: &mut Effects,
        name: &str,
        rng: &mut Rng,
        scene: Scene<'_>,
    ) -> Result<(), Refusal> {
        let service = scene.terms.records_for.ok_or(Refusal::Forbidden)?;
        match event {
            RecordingEvent::Start { owner_key, with_chat } => {
                if self.running.is_some() {
                    return Err(Refusal::TooMany);
                }
                let owner = Owner::of(owner_key.expose()).ok_or(Refusal::Invalid)?;
                let id = RecordingId::drawn(&rng.draw());
                let started_at = scene.wall.wall(scene.now).as_millis();
                let header = Header::new(id, service, name.to_owned(), started_at, *with_chat, owner);
                self.stopped_at = None;
                self.running = Some(Running { header, since: scene.now, n_lines: 0, noted: None });
            }
            RecordingEvent::Stop if self.running.is_none() => return Err(Refusal::NoSuchRecording),
            RecordingEvent::Stop => self.end(effects, scene.now),
            RecordingEvent::Replay { id, owner_key } => {
                let id = RecordingId::read(id).ok_or(Refusal::NoSuchRecording)?;
                let owner = Owner::of(owner_key.expose()).ok_or(Refusal::Invalid)?;
                self.replayed = Some(Replayed { id, owner });
            }
            RecordingEvent::StopReplay => self.replayed = None,
        }
        Ok(())
    }

    fn look(
        &mut self,
        effects: &mut Effects,
        present: &[Present],
        glance: &Glance,
        by: Option<MemberId>,
        now: Timestamp,
    ) {
        let Some(running) = &mut self.running else { return };
        let before = running.noted.take();
        self.note_members(effects, present, before.as_ref(), now);
        if present.is_empty() {
            return self.end(effects, now);
        }
        let by = present.iter().find(|present| Some(present.id) == by).map(by_of);
        let screen = key(&glance.screen_key);
        let is_new = before.as_ref().is_none_or(|before| before.screen != screen);
        if is_new {
            self.note(effects, Entry::Screen { state: glance.screen.as_deref() }, now);
        }
        let since = before.as_ref().map_or(0.0, |before| now.since(before.at).as_secs_f64());
        let former = before.and_then(|before| before.playback.map(|playback| (playback, before.at)));
        let (playback, at) = match (glance.playback, former) {
            (Some(playback), Some((former, at))) if !is_new => {
                let has_changed = self.note_playback(effects, playback, former, since, by, now);
                if has_changed { (Some(playback), now) } else { (Some(former), at) }
            }
            (Some(playback), _) => {
                self.note_playing(effects, playback, by, now);
                if playback.speed.total_cmp(&USUAL_SPEED).is_ne() {
                    self.note_speed(effects, playback, by, now);
                }
                (Some(playback), now)
            }
            (None, _) => (None, now),
        };
        let members = present.iter().map(|present| (present.id, present.name.clone())).collect();
        if let Some(running) = &mut self.running {
            running.noted = Some(Noted { members, screen, playback, at });
        }
    }

    fn note_members(
        &mut self,
        effects: &mut Effects,
        present: &[Present],
        before: Option<&Noted>,
        now: Timestamp,
    ) {
        let former = before.map_or(&[][..], |before| &before.members);
        if former.iter().map(|(id, _)| *id).eq(present.iter().map(|present| present.id)) {
            return;
        }
        let there: HashSet<MemberId> = present.iter().map(|present| present.id).collect();
        for (id, name) in former.iter().filter(|(id, _)| !there.contains(id)) {
            self.note(effects, Entry::Left { by: Some(By { id: *id, name }) }, now);
        }
        let were_there: HashSet<MemberId> = former.iter().map(|(id, _)| *id).collect();
        for newcomer in present.iter().filter(|present| !were_there.contains(&present.id)) {
            self.note(effects, Entry::Joined { by: Some(by_of(newcomer)) }, now);
        }
    }

    /// Notes how playback has changed in that many seconds; whether it has.
    fn note_playback(
        &mut self,
        effects: &mut Effects,
        playback: Playback,
        former: Playback,
        seconds: f64,
        by: Option<By<'_>>,
        now: Timestamp,
    ) -> bool {
        let has_jumped = (playback.position - former.after(seconds)).abs() >= SEEK_SECS;
        let is_other_speed = playback.speed.total_cmp(&former.speed).is_ne();
        if playback.is_playing != former.is_playing {
            self.note_playing(effects, playback, by, now);
        } else if has_jumped {
            self.note(effects, Entry::Seek { by, position: Seconds::new(playback.position) }, now);
        }
        if is_other_speed {
            self.note_speed(effects, playback, by, now);
        }
        playback.is_playing != former.is_playing || has_jumped || is_other_speed
    }

    fn note_playing(
        &mut self,
        effects: &mut Effects,
        playback: Playback,
        by: Option<By<'_>>,
        now: Timestamp,
    ) {
        let position = Seconds::new(playback.position);
        let entry =
            if playback.is_playing { Entry::Play { by, position } } else { Entry::Pause { by, position } };
        self.note(effects, entry, now);
    }

    fn note_speed(&mut self, effects: &mut Effects, playback: Playback, by: Option<By<'_>>, now: Timestamp) {
        let position = Seconds::new(playback.position);
        self.note(effects, Entry::Speed { by, position, speed: playback.speed }, now);
    }

    /// Notes what somebody says.
    pub fn note_chat(&mut self, effects: &mut Effects, message: &ChatMessage, now: Timestamp) {
        let by = Some(By { id: message.user_id, name: &message.user_name });
        let position = message.position.and_then(Seconds::new);
        let (content, r#type) = (&*message.content, message.kind.name());
        self.note(effects, Entry::Chat { by, content, r#type, position }, now);
    }

    /// Notes a reaction.
    pub(super) fn note_reaction(
        &mut self,
        effects: &mut Effects,
        by: &Present,
        emoji: &str,
        position: Option<f64>,
        now: Timestamp,
    ) {
        let position = position.and_then(Seconds::new);
        self.note(effects, Entry::Reaction { by: Some(by_of(by)), emoji, position }, now);
    }

    fn note(&mut self, effects: &mut Effects, entry: Entry<'_>, now: Timestamp) {
        let Some(running) = &mut self.running else { return };
        let is_said = matches!(entry, Entry::Chat { .. } | Entry::Reaction { .. });
        if is_said && !running.header.with_chat {
            return;
        }
        let is_last = matches!(entry, Entry::End);
        let at = Seconds::ZERO.after(now.since(running.since));
        let line = Line { n: running.n_lines, at, entry };
        effects.record(RecordingStep::Write(RecordingLine {
            id: running.header.id.as_str().into(),
            header: to_raw_value(&running.header).expect("a header is plain data"),
            number: running.n_lines,
            seconds: now.since(running.since).as_secs_f64(),
            is_last,
            text: to_raw_value(&line).expect("a line has string keys and finite numbers"),
        }));
        running.n_lines += 1;
    }

    /// Ends what is recorded, if anything is.
    pub fn end(&mut self, effects: &mut Effects, now: Timestamp) {
        self.note(effects, Entry::End, now);
        self.running = None;
    }

    /// Ends what is recorded, which has reached a limit.
    pub fn stop(&mut self, effects: &mut Effects, limit: Limit, now: Timestamp) {
        self.end(effects, now);
        self.stopped_at = Some(limit);
    }

    /// Takes a person's name away; gives how often it stood there.
    pub fn erase(&mut self, name: &str) -> u64 {
        let noted = self.running.as_mut().and_then(|running| running.noted.as_mut());
        noted.map_or(0, |noted| noted.members.iter_mut().map(|(_, known)| clear(known, name)).sum())
    }

    /// Whether that one runs.
    pub fn is_of(&self, recording: RecordingId) -> bool {
        self.running.as_ref().is_some_and(|running| running.header.id == recording)
    }

    /// Whether that one runs or is replayed.
    pub fn is_about(&self, recording: Replayed) -> bool {
        self.running.as_ref().is_some_and(|running| running.is(recording)) || self.replayed == Some(recording)
    }

    /// A recording is deleted: it ends, and is replayed no more.
    pub fn forget(&mut self, deleted: Replayed) {
        self.running.take_if(|running| running.is(deleted));
        self.replayed.take_if(|replayed| *replayed == deleted);
    }

    /// Whether there is nothing to tell of recordings.
    pub fn is_idle(&self) -> bool {
        self.running.is_none() && self.replayed.is_none() && self.stopped_at.is_none()
    }

    /// Whether anything is recorded.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// What is recorded, as pages are told.
    pub fn view(&self) -> Option<RecordingView<'_>> {
        let header = &self.running.as_ref()?.header;
        Some(RecordingView {
            id: header.id.as_str(),
            started_at: header.started_at,
            with_chat: header.with_chat,
        })
    }

    /// The limit at which the last recording ended, as pages are told.
    pub fn stopped_at(&self) -> Option<Limit> {
        self.stopped_at
    }

    /// What is replayed, as pages are told.
    pub fn replay_view(&self) -> Option<ReplayView<'_>> {
        Some(ReplayView { id: self.replayed.as_ref()?.id.as_str() })
    }

    /// What is replayed, and whose it must be.
    pub fn replayed(&self) -> Option<Replayed> {
        self.replayed
    }
}

fn by_of(present: &Present) -> By<'_> {
    By { id: present.id, name: &present.name }
}

/// What tells a screen from others, in few bytes.
fn key(text: &str) -> u64 {
    let hash = digest(&SHA256, text.as_bytes());
    let (first, _) = hash.as_ref().split_first_chunk().expect("SHA-256 has 32 bytes");
    u64::from_be_bytes(*first)
}

/// The steps by which every node deletes a recording.
pub fn delete(deleted: Replayed) -> Effects {
    let mut effects = Effects::none();
    let (id, owner) = (deleted.id.as_str().into(), deleted.owner.to_hex().into());
    effects.record(RecordingStep::Delete { id, owner });
    effects
}
