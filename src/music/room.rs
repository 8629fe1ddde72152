//! One listening room: who sits in it, who is the host, what plays and where. No I/O, no clock.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::comeback::{FormerHosts, Patience};
use super::protocol::{Dialect, Playback, PublicMember, RoomId, RoomReport, ServerEvent, Track};
use crate::effect::{Effects, MemberId};
use crate::rooms::Departure;
use crate::time::{Seconds, Timestamp, WallOffset};

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
    #[serde(default)]
    joined_at: Timestamp,
    /// Whether its last report was off the room's position.
    was_off: bool,
    corrected_at: Option<Timestamp>,
}

impl Seat {
    /// A seat for somebody whose position is not known yet.
    pub fn new(
        id: MemberId,
        dialect: Dialect,
        address: IpAddr,
        is_page: bool,
        name: Option<String>,
        now: Timestamp,
    ) -> Self {
        Self { id, dialect, address, is_page, name, joined_at: now, was_off: false, corrected_at: None }
    }
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

/// A room with at least one member, but for the time after all of them were cut off.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Room {
    id: RoomId,
    created_at: Timestamp,
    /// In the order of joining.
    seats: Vec<Seat>,
    host: MemberId,
    #[serde(default)]
    former_hosts: FormerHosts,
    track: Option<Track>,
    playlist: Option<Box<RawValue>>,
    playhead: Playhead,
    /// Since when it waits for its members, who were all cut off.
    vacant_since: Option<Timestamp>,
    /// How the last of them went.
    #[serde(default)]
    vacated_by: Departure,
    /// The address that it was made from, if that one's rooms are limited.
    #[serde(default)]
    made_from: Option<IpAddr>,
}

/// Whether a room stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It does.
    Stays,
    /// It is gone.
    Gone,
}

impl Room {
    /// Opens a room that plays; `founder` is its host.
    ///
    /// Wire: `["create-room", {"roomId":"AB12","track":{…},"currentTime":0}]`.
    pub fn open(
        id: RoomId,
        founder: Seat,
        made_from: Option<IpAddr>,
        track: Option<Track>,
        position: Seconds,
        now: Timestamp,
    ) -> (Self, Effects) {
        let room = Self {
            id,
            created_at: now,
            host: founder.id,
            seats: vec![founder],
            former_hosts: FormerHosts::default(),
            track,
            playlist: None,
            playhead: Playhead { is_playing: true, position, at: now },
            vacant_since: None,
            vacated_by: Departure::default(),
            made_from,
        };
        let effects = room.confirm_host(now);
        (room, effects)
    }

    /// How many sit in it.
    pub fn n_members(&self) -> usize {
        self.seats.len()
    }

    /// The address that it was made from, if that one's rooms are limited.
    pub fn made_from(&self) -> Option<IpAddr> {
        self.made_from
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
    pub fn report(&self, wall: WallOffset, now: Timestamp) -> RoomReport {
        let created_at = wall.wall(self.created_at);
        RoomReport::new(self.id.clone(), self.host, self.n_members(), created_at, self.playback(now))
    }

    /// Takes a member in, or greets one anew that is in already.
    pub fn join(&mut self, handshake: Seat, now: Timestamp) -> Effects {
        let mut effects = Effects::none();
        let (id, dialect) = (handshake.id, handshake.dialect);
        self.seat(handshake);
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

    /// Whether somebody there may be the host whose connection broke a moment ago.
    pub fn expects_host_at(&self, id: MemberId, address: IpAddr, patience: Patience, now: Timestamp) -> bool {
        let joined_at = self.seats.iter().find(|seat| seat.id == id).map(|seat| seat.joined_at);
        self.former_hosts.may_be(address, joined_at, patience.host, now)
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
        self.former_hosts.is_back(host.address);
        self.seat(host);
        self.host = id;
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
    ///
    /// The last one that says goodbye takes the room with it; if its connection broke, the room waits for any member.
    pub fn leave(
        &mut self,
        member: MemberId,
        departure: Departure,
        patience: Patience,
        now: Timestamp,
    ) -> (Effects, Fate) {
        let mut effects = Effects::none();
        let Some(place) = self.seats.iter().position(|seat| seat.id == member) else {
            return (effects, Fate::Stays);
        };
        let gone = self.seats.remove(place);
        match departure {
            Departure::Said => self.former_hosts.expect_no_more(gone.address, gone.joined_at),
            Departure::CutOff | Departure::Lost if gone.id == self.host => {
                self.former_hosts.expect(gone.address, patience.host, now);
            }
            Departure::CutOff | Departure::Lost => {}
        }
        let Some(heir) = self.seats.first() else {
            if departure == Departure::Said {
                return (effects, Fate::Gone);
            }
            self.vacant_since = Some(now);
            self.vacated_by = departure;
            return (effects, Fate::Stays);
        };
        if gone.id == self.host {
            self.host = heir.id;
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
        (effects, Fate::Stays)
    }

    /// Whether nobody came back to it for so long.
    pub fn is_abandoned(&self, patience: Patience, now: Timestamp) -> bool {
        let limit = match self.vacated_by {
            Departure::CutOff => patience.cut_off,
            Departure::Lost | Departure::Said => patience.lost,
        };
        let since = self.vacant_since.unwrap_or(now);
        self.seats.is_empty() && now.since(since) >= limit
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

    /// Puts on another track, which plays from its start; ignored unless `from` is the host.
    ///
    /// Wire: `["track-change", {"roomId":"AB12","track":{…}}]`; others get
    /// `["track-change", {"track":{…},"currentTime":0}]`.
    pub fn change_track(&mut self, from: MemberId, track: Track, now: Timestamp) -> Effects {
        if from != self.host {
            return Effects::none();
        }
        self.jump(Seconds::ZERO, now);
        self.playhead.is_playing = true;
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
    fn seat(&mut self, handshake: Seat) {
        match self.seats.iter_mut().find(|seat| seat.id == handshake.id) {
            Some(seat) => *seat = Seat { joined_at: seat.joined_at, ..handshake },
            None => self.seats.push(handshake),
        }
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
