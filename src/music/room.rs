//! One listening room: who sits in it, who is the host, what plays and where. No I/O, no clock.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::names::{Dialect, RoomId, Track};
use super::protocol::{Playback, PublicMember, RoomReport, ServerEvent};
use crate::effect::{Effects, MemberId};
use crate::time::{Seconds, Timestamp};

/// Members that a page is told by name; the count tells of all.
const MAX_NAMED_MEMBERS: usize = 100;

/// When a member that drifts is corrected.
#[derive(Debug, Clone, Copy)]
pub struct DriftLimit {
    /// Seconds off the room's position; 0 corrects nobody.
    pub tolerance_secs: f64,
    /// From one correction of a member to the next.
    pub interval: Duration,
}

/// A member in its seat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seat {
    /// Who sits there.
    pub id: MemberId,
    /// How to speak to it.
    pub dialect: Dialect,
    /// Where it connects from.
    pub address: IpAddr,
    /// Whether it is a page, which is told of members and playback in full.
    pub is_page: bool,
    /// The name that a page gave.
    pub name: Option<String>,
    /// Whether its last report was off the room's position.
    was_off: bool,
    corrected_at: Option<Timestamp>,
}

impl Seat {
    /// A seat for somebody whose position is not known yet.
    pub fn new(id: MemberId, dialect: Dialect, address: IpAddr, is_page: bool, name: Option<String>) -> Self {
        Self { id, dialect, address, is_page, name, was_off: false, corrected_at: None }
    }
}

/// A host that has gone, and may be back soon.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct FormerHost {
    address: IpAddr,
    left_at: Timestamp,
}

/// Where the track is: a position, and the moment it was true.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Playhead {
    is_playing: bool,
    position: Seconds,
    at: Timestamp,
}

impl Playhead {
    /// The position now, as far as it has played since.
    fn position_at(&self, now: Timestamp) -> Seconds {
        if self.is_playing { self.position.after(now.since(self.at)) } else { self.position }
    }
}

/// A room with at least one member, but for the time after its server has gone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Room {
    id: RoomId,
    created_at: Timestamp,
    /// In the order of joining.
    seats: Vec<Seat>,
    host: MemberId,
    former_host: Option<FormerHost>,
    track: Option<Track>,
    playlist: Option<Box<RawValue>>,
    playhead: Playhead,
    /// Since when it waits for its members, whose connections ended with their server.
    vacant_since: Option<Timestamp>,
}

/// Whether anybody is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupancy {
    /// Somebody is.
    Occupied,
    /// Nobody: the room is gone.
    Empty,
}

impl Room {
    /// Opens a room that plays; `founder` is its host.
    ///
    /// Wire: `["create-room", {"roomId":"AB12","track":{…},"currentTime":0}]`.
    pub fn open(
        id: RoomId,
        founder: Seat,
        track: Option<Track>,
        position: Seconds,
        now: Timestamp,
    ) -> (Self, Effects) {
        let room = Self {
            id,
            created_at: now,
            host: founder.id,
            seats: vec![founder],
            former_host: None,
            track,
            playlist: None,
            playhead: Playhead { is_playing: true, position, at: now },
            vacant_since: None,
        };
        let effects = room.confirm_host(now);
        (room, effects)
    }

    /// How many sit in it.
    pub fn n_members(&self) -> usize {
        self.seats.len()
    }

    /// Who has the controls.
    pub fn host(&self) -> MemberId {
        self.host
    }

    /// Everybody in it, in the order of joining.
    pub fn members(&self) -> impl Iterator<Item = MemberId> + '_ {
        self.seats.iter().map(|seat| seat.id)
    }

    /// What HTTP tells of it.
    pub fn report(&self, now: Timestamp) -> RoomReport {
        RoomReport::new(self.id.clone(), self.host, self.n_members(), self.created_at, self.playback(now))
    }

    /// Takes a member in, or greets one anew that is in already.
    pub fn join(&mut self, newcomer: Seat, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let (id, dialect) = (newcomer.id, newcomer.dialect);
        self.seat(newcomer);
        let inherits = self.vacant_since.take().is_some();
        if inherits {
            self.host = id;
        }
        let playback = self.playback(now);
        let joined = ServerEvent::RoomJoined {
            room: &self.id,
            n_members: self.n_members(),
            playback: &playback,
            playlist: self.playlist.as_deref(),
        };
        effects.tell(id, joined.frame(dialect));
        if inherits {
            effects.tell(id, ServerEvent::BecomeHost { room: &self.id }.frame(dialect));
        }
        self.tell_count(&mut effects);
        if playback.track.is_some() {
            effects.tell(id, ServerEvent::SyncState { playback: &playback }.frame(dialect));
        }
        self.tell_page(&mut effects, id, now);
        if self.n_members() <= MAX_NAMED_MEMBERS {
            self.tell_members(&mut effects);
        }
        effects
    }

    /// Tells its host that the room is there.
    pub fn confirm_host(&self, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let event = ServerEvent::RoomCreated { room: &self.id, n_members: self.n_members() };
        tell(&mut effects, self.seats.iter().filter(|seat| seat.id == self.host), &event);
        self.tell_count(&mut effects);
        self.tell_page(&mut effects, self.host, now);
        self.tell_members(&mut effects);
        effects
    }

    /// Whether somebody at that address was the host a moment ago.
    pub fn expects_host_from(&self, address: IpAddr, comeback: Duration, now: Timestamp) -> bool {
        self.former_host.is_some_and(|host| host.address == address && now.since(host.left_at) <= comeback)
    }

    /// Gives the controls back to a host that has returned; its track counts if it is another one.
    pub fn welcome_back(
        &mut self,
        host: Seat,
        track: Option<Track>,
        position: Option<Seconds>,
        now: Timestamp,
    ) -> Effects {
        let id = host.id;
        self.seat(host);
        self.host = id;
        self.former_host = None;
        self.vacant_since = None;
        let mut effects = self.confirm_host(now);
        if let Some(track) = track.filter(|track| self.track.as_ref() != Some(track)) {
            effects.append(self.change_track(id, track, now));
            if let Some(position) = position {
                effects.append(self.seek(id, position, now));
            }
        }
        effects
    }

    /// Lets a member go; the longest-standing one becomes host when the host goes.
    pub fn leave(&mut self, member: MemberId, now: Timestamp) -> (Effects, Occupancy) {
        let mut effects = Effects::none();
        let Some(place) = self.seats.iter().position(|seat| seat.id == member) else {
            return (effects, self.occupancy());
        };
        let gone = self.seats.remove(place);
        let Some(heir) = self.seats.first() else { return (effects, Occupancy::Empty) };
        if gone.id == self.host {
            self.host = heir.id;
            self.former_host = Some(FormerHost { address: gone.address, left_at: now });
            effects.tell(heir.id, ServerEvent::BecomeHost { room: &self.id }.frame(heir.dialect));
            self.tell_others(
                &mut effects,
                self.host,
                &ServerEvent::RoomUsers { n_members: self.n_members() },
            );
        } else {
            self.tell_count(&mut effects);
        }
        if place < MAX_NAMED_MEMBERS || gone.id == self.host {
            self.tell_members(&mut effects);
        }
        (effects, Occupancy::Occupied)
    }

    /// Lets a member go whose server has gone; if it was the last, the room waits for all of them.
    pub fn lose(&mut self, member: MemberId, now: Timestamp) -> Effects {
        let last = self.seats.first().filter(|seat| self.seats.len() == 1 && seat.id == member);
        if let Some(last) = last {
            let (address, was_host) = (last.address, last.id == self.host);
            self.seats.clear();
            self.vacant_since = Some(now);
            if was_host {
                self.former_host = Some(FormerHost { address, left_at: now });
            }
            return Effects::none();
        }
        self.leave(member, now).0
    }

    /// Whether nobody came back to it for so long.
    pub fn is_abandoned(&self, comeback: Duration, now: Timestamp) -> bool {
        let since = self.vacant_since.unwrap_or(now);
        self.seats.is_empty() && now.since(since) >= comeback
    }

    /// Notes that a member is a page, and what it is called.
    pub fn introduce(&mut self, member: MemberId, name: Option<String>, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.id == member) {
            seat.is_page = true;
            seat.name = name;
            self.tell_page(&mut effects, member, now);
            self.tell_members(&mut effects);
        }
        effects
    }

    /// Puts on another track, from its start; ignored unless `from` is the host.
    ///
    /// Wire: `["track-change", {"roomId":"AB12","track":{…}}]`; others get
    /// `["track-change", {"track":{…},"currentTime":0}]`.
    pub fn change_track(&mut self, from: MemberId, track: Track, now: Timestamp) -> Effects {
        if from != self.host {
            return Effects::none();
        }
        self.jump(Seconds::ZERO, now);
        let track = self.track.insert(track).clone();
        self.relay(from, &ServerEvent::TrackChange { track: &track }, now)
    }

    /// Starts playback; ignored unless `from` is the host.
    ///
    /// `position` is seconds into the track; `None` keeps the extrapolated one.
    /// Wire: `["play", {"roomId":"AB12","currentTime":12.5}]`; others get `["play", {"currentTime":12.5}]`.
    pub fn play(&mut self, from: MemberId, position: Option<Seconds>, now: Timestamp) -> Effects {
        if from != self.host {
            return Effects::none();
        }
        let position = position.unwrap_or_else(|| self.playhead.position_at(now));
        self.playhead = Playhead { is_playing: true, position, at: now };
        self.relay(from, &ServerEvent::Play { position }, now)
    }

    /// Stops playback, as [`Self::play`] starts it.
    pub fn pause(&mut self, from: MemberId, position: Option<Seconds>, now: Timestamp) -> Effects {
        if from != self.host {
            return Effects::none();
        }
        let position = position.unwrap_or_else(|| self.playhead.position_at(now));
        self.playhead = Playhead { is_playing: false, position, at: now };
        self.relay(from, &ServerEvent::Pause { position }, now)
    }

    /// Goes on from elsewhere in the track; ignored unless `from` is the host.
    pub fn seek(&mut self, from: MemberId, position: Seconds, now: Timestamp) -> Effects {
        if from != self.host {
            return Effects::none();
        }
        self.jump(position, now);
        self.relay(from, &ServerEvent::Seek { position }, now)
    }

    /// Takes a report of where a member is: the host's is where the room is, any other's may be off.
    ///
    /// A member that is off in two reports running gets a `seek` of its own.
    pub fn report_progress(
        &mut self,
        from: MemberId,
        position: Seconds,
        drift: DriftLimit,
        now: Timestamp,
    ) -> Effects {
        if from != self.host {
            return self.correct(from, position, drift, now);
        }
        self.playhead.position = position;
        self.playhead.at = now;
        self.relay(from, &ServerEvent::SyncProgress { position }, now)
    }

    /// Replaces the list; ignored unless `from` is the host.
    pub fn update_playlist(&mut self, from: MemberId, playlist: Box<RawValue>) -> Effects {
        let mut effects = Effects::none();
        if from != self.host {
            return effects;
        }
        self.tell_others(
            &mut effects,
            from,
            &ServerEvent::PlaylistUpdate { room: &self.id, playlist: &playlist },
        );
        let pages = self.seats.iter().filter(|seat| seat.is_page);
        tell(&mut effects, pages, &ServerEvent::RoomPlaylist { room: &self.id, playlist: Some(&playlist) });
        self.playlist = Some(playlist);
        effects
    }

    /// What plays now.
    pub fn playback(&self, now: Timestamp) -> Playback {
        Playback {
            track: self.track.clone(),
            is_playing: self.playhead.is_playing,
            position: self.playhead.position_at(now),
        }
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

    /// Moves the playhead on the host's word: whoever was off the old position is measured anew.
    fn jump(&mut self, position: Seconds, now: Timestamp) {
        self.playhead.position = position;
        self.playhead.at = now;
        for seat in &mut self.seats {
            seat.was_off = false;
        }
    }

    /// Gives somebody a seat, or the seat that it has a new occupant.
    fn seat(&mut self, newcomer: Seat) {
        match self.seats.iter_mut().find(|seat| seat.id == newcomer.id) {
            Some(seat) => *seat = newcomer,
            None => self.seats.push(newcomer),
        }
    }

    fn occupancy(&self) -> Occupancy {
        if self.seats.is_empty() { Occupancy::Empty } else { Occupancy::Occupied }
    }

    /// Sends a host's control to the others, and to all pages what it came to.
    fn relay(&self, from: MemberId, event: &ServerEvent<'_>, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        self.tell_others(&mut effects, from, event);
        self.tell_playhead(&mut effects, now);
        effects
    }

    fn tell_others(&self, effects: &mut Effects, from: MemberId, event: &ServerEvent<'_>) {
        tell(effects, self.seats.iter().filter(|seat| seat.id != from), event);
    }

    fn tell_count(&self, effects: &mut Effects) {
        tell(effects, self.seats.iter(), &ServerEvent::RoomUsers { n_members: self.n_members() });
    }

    /// Tells every page who is there; changes behind the first hundred show in the count alone.
    fn tell_members(&self, effects: &mut Effects) {
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
        tell(effects, self.seats.iter().filter(|seat| seat.is_page), &event);
    }

    fn tell_playhead(&self, effects: &mut Effects, now: Timestamp) {
        let playback = self.playback(now);
        let event = ServerEvent::RoomPlayhead { room: &self.id, playback: &playback, at: now };
        tell(effects, self.seats.iter().filter(|seat| seat.is_page), &event);
    }

    /// Tells a page that enters all there is to know.
    fn tell_page(&self, effects: &mut Effects, page: MemberId, now: Timestamp) {
        let playback = self.playback(now);
        let seats = || self.seats.iter().filter(|seat| seat.is_page && seat.id == page);
        tell(effects, seats(), &ServerEvent::RoomPlayhead { room: &self.id, playback: &playback, at: now });
        tell(
            effects,
            seats(),
            &ServerEvent::RoomPlaylist { room: &self.id, playlist: self.playlist.as_deref() },
        );
    }
}

/// Sends an event to each of the seats in its own dialect, written once a dialect.
fn tell<'a>(effects: &mut Effects, seats: impl Iterator<Item = &'a Seat>, event: &ServerEvent<'_>) {
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
