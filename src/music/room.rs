//! One listening room: who sits in it, who is the host, and what becomes of it when they go. No I/O, no clock.
//!
//! The host has the controls. It is the owner too, but for rooms that stay: there whoever is host while the owner is away
//! stands in for it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::arrival::{Arrival, Founding, Ownership};
use super::comeback::{FormerHosts, Patience};
use super::moment::{MAX_NAMED_MEMBERS, Moment};
use super::playhead::Playhead;
use super::protocol::{Playback, RoomId, RoomReport, ServerEvent, Track};
use super::queue::{Playlist, Queue, QueueNews};
use super::seat::Seat;
use crate::effect::{Effects, MemberId};
use crate::party::chat::Chats;
use crate::party::passwords::Code;
use crate::party::{Done, Party, PersonId, Presses, Scene};
use crate::rooms::Departure;
use crate::time::{Seconds, Timestamp, WallOffset};

/// A room with at least one member, but for the time after all of them were cut off.
#[derive(Clone, Serialize, Deserialize)]
pub struct Room {
    pub(super) id: RoomId,
    created_at: Timestamp,
    /// In the order of joining.
    pub(super) seats: Vec<Seat>,
    pub(super) host: MemberId,
    #[serde(default)]
    pub(super) owner: Ownership,
    #[serde(default)]
    former_hosts: FormerHosts,
    pub(super) track: Option<Track>,
    #[serde(default)]
    pub(super) playlist: Playlist,
    pub(super) playhead: Playhead,
    /// When somebody else than the host last moved the playhead.
    #[serde(default)]
    pub(super) steered_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) presses: Presses,
    /// Whether the track is over and nothing was next.
    #[serde(default)]
    pub(super) is_over: bool,
    /// Since when it waits for its members, who were all cut off.
    vacant_since: Option<Timestamp>,
    /// How the last of them went.
    #[serde(default)]
    vacated_by: Departure,
    /// The address that it was made from, if that one's rooms are limited.
    #[serde(default)]
    made_from: Option<IpAddr>,
    /// What its founder called it.
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default = "yes")]
    pub(super) is_public: bool,
    #[serde(default)]
    pub(super) code: Option<Code>,
    #[serde(default)]
    pub(super) party: Party,
    #[serde(default)]
    pub(super) chats: Chats,
    #[serde(default)]
    pub(super) queue: Queue,
    #[serde(default)]
    pub(super) queue_news: QueueNews,
}

/// Rooms of earlier versions are public.
fn yes() -> bool {
    true
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
    pub fn open(founding: Founding, founder: Arrival, moment: &Moment<'_>) -> (Self, Effects) {
        let (host, now) = (founder.seat.id, moment.now);
        let mut room = Self {
            id: founding.id,
            created_at: now,
            host,
            owner: Ownership { member: Some(host), person: founder.person },
            seats: Vec::new(),
            former_hosts: FormerHosts::default(),
            track: founding.track,
            playlist: Playlist::default(),
            playhead: Playhead { is_playing: true, position: founding.position, at: now },
            steered_at: None,
            presses: Presses::default(),
            is_over: false,
            vacant_since: None,
            vacated_by: Departure::default(),
            made_from: founding.made_from,
            name: founding.name,
            is_public: founding.is_public,
            code: founding.code,
            party: Party::default(),
            chats: Chats::default(),
            queue: Queue::default(),
            queue_news: QueueNews::default(),
        };
        room.seat(founder, now);
        let effects = room.confirm_host(moment);
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

    /// Whose room it is, here or away.
    pub fn owner(&self) -> MemberId {
        self.owner.member.unwrap_or(self.host)
    }

    /// Whether it is that person's room.
    pub fn is_of(&self, person: Option<PersonId>) -> bool {
        person.is_some() && self.owner.person == person
    }

    /// How its password is kept, if it has one.
    pub fn code(&self) -> Option<&Code> {
        self.code.as_ref()
    }

    /// What it knows of persons and their rights.
    pub fn party(&self) -> &Party {
        &self.party
    }

    /// Whether its owner is here, and can be told from others when it comes back.
    pub fn has_lasting_owner(&self) -> bool {
        self.owner.person.is_some() && self.has(self.owner())
    }

    /// Takes another password, or none.
    pub fn set_code(&mut self, code: Option<Code>) {
        self.code = code;
    }

    /// Whether it stays when it is empty.
    pub fn is_permanent(&self) -> bool {
        self.party.permanence.is_permanent
    }

    /// Whether it is there to come into: one that does not stay only waits for its members.
    pub fn is_in_use(&self) -> bool {
        self.n_members() > 0 || self.is_permanent()
    }

    /// Whether it shows in lists.
    pub fn is_public(&self) -> bool {
        self.is_public
    }

    /// Whether nobody but its members may know what plays.
    pub fn is_secret(&self) -> bool {
        !self.is_public || self.code.is_some()
    }

    /// Whether a member sits in it.
    pub fn has(&self, member: MemberId) -> bool {
        self.seats.iter().any(|seat| seat.id == member)
    }

    /// The playlist as it is told.
    #[cfg(test)]
    pub fn playlist_text(&self) -> Option<&str> {
        self.playlist.text().map(serde_json::value::RawValue::get)
    }

    /// Everybody in it, in the order of joining.
    pub fn members(&self) -> impl Iterator<Item = MemberId> + '_ {
        self.seats.iter().map(|seat| seat.id)
    }

    /// The chat so far, as far as it is kept.
    pub fn chats(&self) -> &Chats {
        &self.chats
    }

    /// What HTTP tells of it: nothing of what plays, if that takes a password.
    pub fn report(&self, wall: WallOffset, now: Timestamp) -> RoomReport {
        let created_at = wall.wall(self.created_at);
        let mut playback = self.playback(now);
        playback.track.take_if(|_| self.code.is_some());
        RoomReport::new(self.id.clone(), self.host, self.n_members(), created_at, playback)
    }

    /// What the rules of parties go by.
    pub(super) fn scene<'a>(&'a self, moment: &Moment<'a>) -> Scene<'a> {
        moment.scene(self.id.as_str(), self.owner())
    }

    /// Takes a member in, or greets one anew that is in already.
    pub fn join(&mut self, arrival: Arrival, moment: &Moment<'_>) -> Effects {
        let mut effects = Effects::none();
        let (id, dialect, now) = (arrival.seat.id, arrival.seat.dialect, moment.now);
        let is_owner = self.is_owner_back(arrival.person);
        self.seat(arrival, now);
        let inherits = self.reopen(moment) || is_owner;
        let former = self.host;
        if inherits {
            self.host = id;
            self.presses = Presses::default();
        }
        if is_owner || (inherits && !self.is_permanent()) {
            self.owner.member = Some(id);
        }
        self.appoint_deputy();
        let playback = self.playback(now);
        let joined = ServerEvent::RoomJoined {
            room: &self.id,
            n_members: self.n_members(),
            playback: &playback,
            playlist: self.playlist.text(),
        };
        effects.tell(id, joined.frame(dialect));
        if inherits {
            effects.tell(id, ServerEvent::BecomeHost { room: &self.id }.frame(dialect));
        }
        self.tell_count(&mut effects);
        if playback.track.is_some() {
            effects.tell(id, ServerEvent::SyncState { playback: &playback }.frame(dialect));
        }
        self.tell_page(&mut effects, id, moment);
        if former != self.host {
            self.party.tell_you(&mut effects, former, self.scene(moment));
        }
        if self.n_members() <= MAX_NAMED_MEMBERS || former != self.host {
            self.tell_members(&mut effects, moment);
        }
        effects
    }

    /// Tells its host that the room is there.
    pub fn confirm_host(&mut self, moment: &Moment<'_>) -> Effects {
        let mut effects = Effects::none();
        let event = ServerEvent::RoomCreated { room: &self.id, n_members: self.n_members() };
        self.tell_one(&mut effects, self.host, &event);
        self.tell_count(&mut effects);
        self.tell_page(&mut effects, self.host, moment);
        self.tell_members(&mut effects, moment);
        effects
    }

    /// Whether somebody may be the host whose connection broke a moment ago.
    ///
    /// The owner is known by its person; others by their address, but not in a room that stays.
    pub fn expects_host(
        &self,
        id: MemberId,
        address: IpAddr,
        person: Option<PersonId>,
        patience: Patience,
        now: Timestamp,
    ) -> bool {
        let joined_at = self.seats.iter().find(|seat| seat.id == id).map(|seat| seat.joined_at);
        let may_be = || self.former_hosts.may_be(address, person, joined_at, patience.host, now);
        self.is_of(person) || (!self.is_permanent() && may_be())
    }

    /// Gives the controls back to a host that has returned; its track counts if it is another one.
    pub fn welcome_back(
        &mut self,
        host: Arrival,
        track: Option<Track>,
        position: Option<Seconds>,
        moment: &Moment<'_>,
    ) -> Effects {
        let (id, person) = (host.seat.id, host.person);
        self.former_hosts.is_back(host.seat.address);
        self.seat(host, moment.now);
        let former = std::mem::replace(&mut self.host, id);
        self.owner = Ownership { member: Some(id), person: person.or(self.owner.person) };
        self.reopen(moment);
        self.appoint_deputy();
        let mut effects = self.confirm_host(moment);
        if former != id {
            self.party.tell_you(&mut effects, former, self.scene(moment));
        }
        if let Some(track) = track.filter(|track| self.track.as_ref() != Some(track)) {
            effects.append(self.change_track(id, track, moment));
            if let Some(position) = position {
                effects.append(self.seek(id, position, moment));
            }
        }
        effects
    }

    /// Lets a member go; when the host goes, its first co-host is host, or else the longest-standing member.
    ///
    /// The last one that says goodbye takes the room with it; if its connection broke, the room waits for any member.
    pub fn leave(&mut self, member: MemberId, departure: Departure, moment: &Moment<'_>) -> (Effects, Fate) {
        let mut effects = Effects::none();
        let now = moment.now;
        let Some(place) = self.seats.iter().position(|seat| seat.id == member) else {
            return (effects, Fate::Stays);
        };
        let gone = self.seats.remove(place);
        let (person, lasting) = (self.party.get(member).map(|present| present.person), self.lasting(member));
        self.party.exit(member, departure, moment.terms, now);
        match departure {
            Departure::Said => {
                self.former_hosts.expect_no_more(gone.address, gone.joined_at);
                if let Some(person) = person {
                    self.forget_votes(&mut effects, person, moment);
                }
            }
            Departure::CutOff | Departure::Lost if gone.id == self.host => {
                self.former_hosts.expect(gone.address, lasting, moment.config.host_comeback, now);
            }
            Departure::CutOff | Departure::Lost => {}
        }
        if self.seats.is_empty() {
            if departure == Departure::Said && !self.is_permanent() {
                return (effects, Fate::Gone);
            }
            self.vacant_since = Some(now);
            self.vacated_by = departure;
            return (effects, Fate::Stays);
        }
        if gone.id == self.host
            && let Some(heir) = self.party.heir_of(self.owner.person)
        {
            if departure == Departure::Said && !self.is_permanent() {
                self.owner.person = self.lasting(heir);
            }
            self.succeed(heir, &mut effects, moment);
        } else {
            self.tell_count(&mut effects);
        }
        if place < MAX_NAMED_MEMBERS || gone.id == self.host {
            self.tell_members(&mut effects, moment);
        }
        (effects, Fate::Stays)
    }

    /// Whether nobody came back to it for so long.
    pub fn is_abandoned(&self, moment: &Moment<'_>) -> bool {
        let patience = moment.config.patience();
        if self.is_permanent() {
            return self.party.permanence.has_expired(moment.config.permanent_room_expiry, moment.now);
        }
        let limit = match self.vacated_by {
            Departure::CutOff => patience.cut_off,
            Departure::Lost | Departure::Said => patience.lost,
        };
        let since = self.vacant_since.unwrap_or(moment.now);
        self.seats.is_empty() && moment.now.since(since) >= limit
    }

    /// Notes that a member is a page, what it is called, and who it is.
    pub fn introduce(
        &mut self,
        member: MemberId,
        name: Option<String>,
        person: Option<PersonId>,
        moment: &Moment<'_>,
    ) -> Done {
        let mut done = Done::default();
        let told = name.as_deref().unwrap_or_default();
        done.follow_ups = self.party.introduce(member, Some(told), person, moment.terms, moment.now);
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.id == member) else { return done };
        seat.is_page = true;
        seat.name = name;
        let effects = &mut done.effects;
        if member == self.owner() && person.is_some() {
            self.owner.person = person;
        } else if self.is_owner_back(person) {
            self.hand_over(member, effects, moment);
        }
        self.tell_page(effects, member, moment);
        self.tell_members(effects, moment);
        done
    }

    /// Makes somebody who is there host, and the room its own, unless it stays and its owner is away.
    pub(super) fn succeed(&mut self, heir: MemberId, effects: &mut Effects, moment: &Moment<'_>) {
        self.host = heir;
        // What was pressed before, it has heard: it is told of its new part after that.
        self.presses = Presses::default();
        if !self.is_permanent() || self.is_of(self.lasting(heir)) {
            self.owner.member = Some(heir);
        }
        self.appoint_deputy();
        self.tell_one(effects, heir, &ServerEvent::BecomeHost { room: &self.id });
        self.tell_others(effects, heir, &ServerEvent::RoomUsers { n_members: self.n_members() });
        self.party.tell_you(effects, heir, self.scene(moment));
    }

    /// Hands the room over to somebody who is there.
    pub(super) fn hand_over(&mut self, to: MemberId, effects: &mut Effects, moment: &Moment<'_>) {
        if !self.has(to) {
            return;
        }
        let former = self.host;
        self.owner = Ownership { member: Some(to), person: self.lasting(to) };
        self.succeed(to, effects, moment);
        self.party.tell_you(effects, former, self.scene(moment));
        self.tell_members(effects, moment);
    }

    /// Whoever is host of a room that stays, while its owner is away, stands in for it.
    fn appoint_deputy(&mut self) {
        self.party.deputy = Some(self.host).filter(|host| *host != self.owner());
    }

    /// Whether that person is the owner, and somebody else is in its place, or nobody.
    pub fn is_owner_back(&self, person: Option<PersonId>) -> bool {
        self.is_of(person) && self.lasting(self.owner()) != person
    }

    /// Somebody is there again; whether nobody was. What stood empty for longer than a cut takes does not play on.
    fn reopen(&mut self, moment: &Moment<'_>) -> bool {
        let Some(since) = self.vacant_since.take() else { return false };
        if self.is_permanent() && moment.now.since(since) > moment.config.empty_grace {
            let position = self.playhead.position_at(since);
            self.playhead = Playhead { is_playing: false, position, at: moment.now };
        }
        true
    }

    fn lasting(&self, member: MemberId) -> Option<PersonId> {
        self.party.get(member).filter(|present| present.is_lasting).map(|present| present.person)
    }

    /// Gives somebody a seat, or the seat that it has a new occupant.
    fn seat(&mut self, arrival: Arrival, now: Timestamp) {
        self.party.enter(arrival.newcomer(), now);
        match self.seats.iter_mut().find(|seat| seat.id == arrival.seat.id) {
            Some(seat) => *seat = Seat { joined_at: seat.joined_at, ..arrival.seat },
            None => self.seats.push(arrival.seat),
        }
    }

    /// What plays now.
    pub fn playback(&self, now: Timestamp) -> Playback {
        Playback {
            track: self.track.clone(),
            is_playing: self.playhead.is_playing,
            position: self.playhead.position_at(now),
        }
    }
}
