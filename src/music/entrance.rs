//! How members come into rooms and leave them: who is let in, and as what.

use super::arrival::{Arrival, Founding};
use super::hub::Hub;
use super::protocol::{Credentials, Dialect, GivenRoom, Opening, Refusal, RoomId, ServerEvent, Track};
use super::room::{Fate, Room};
use crate::effect::{Effects, MemberId};
use crate::party::passwords::Guesser;
use crate::party::protocol::Refusal as Unwelcome;
use crate::party::{PersonId, Role};
use crate::rooms::Departure;
use crate::time::{Seconds, Timestamp};

impl Hub {
    pub(super) fn create(
        &mut self,
        from: MemberId,
        room: GivenRoom,
        track: Option<Track>,
        position: Option<Seconds>,
        opening: Opening,
        now: Timestamp,
    ) -> Effects {
        let id = match room {
            GivenRoom::Missing => return self.refuse(from, Refusal::RoomIdRequired),
            GivenRoom::Invalid => return self.refuse(from, Refusal::InvalidRoomId),
            GivenRoom::Valid(id) => id,
        };
        self.remove_if_abandoned(&id, now);
        let password = opening.credentials.password;
        let n_password_chars = password.as_deref().map_or(0, |password| password.chars().count());
        if n_password_chars > self.config.max_password_chars {
            return self.refuse(from, Refusal::InvalidPassword);
        }
        self.note_person(from, opening.credentials.person);
        let Some(arrival) = self.arrival(from, Role::Member, now) else { return Effects::none() };
        let (address, counted) = (arrival.seat.address, arrival.counted);
        if let Some(room) = self.rooms.get(&id) {
            if room.n_members() > 0 && room.host() == from {
                let mut effects = self.in_room(&id, now, Room::confirm_host);
                effects.append(self.recount(&id, now));
                return effects;
            }
            let patience = self.config.patience();
            let is_host = room.expects_host(from, address, arrival.person, patience, now);
            let is_free = room.n_members() == 0 && !room.is_permanent() && room.code().is_none();
            if !is_free && !is_host {
                return self.refuse(from, Refusal::RoomExists);
            }
            if !room.has(from) && room.n_members() >= self.config.max_users_per_room {
                return self.refuse(from, Refusal::RoomFull);
            }
            let mut effects = self.leave_other(from, &id, now);
            self.take_seat(from, &id);
            effects.append(
                self.in_room(&id, now, |room, moment| room.welcome_back(arrival, track, position, moment)),
            );
            effects.append(self.recount(&id, now));
            return effects;
        }
        if self.rooms.count() >= self.config.max_rooms
            || !self.quota.allows(counted, self.rooms.values().map(Room::made_from))
        {
            return self.refuse(from, Refusal::TooManyRooms);
        }
        let mut effects = self.leave_other(from, &id, now);
        let founding = Founding {
            id: id.clone(),
            name: opening.name,
            is_public: opening.is_public,
            code: password.map(|password| self.passwords.encode(id.as_str(), &password)),
            made_from: counted,
            track,
            position: position.unwrap_or_default(),
        };
        let (room, opened) = Room::open(founding, arrival, &self.moment(now));
        self.take_seat(from, &id);
        self.rooms.insert(id, room);
        effects.append(opened);
        effects
    }

    pub(super) fn join(
        &mut self,
        from: MemberId,
        room: GivenRoom,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Effects {
        let Some(member) = self.members.get(&from) else { return Effects::none() };
        let id = match room {
            // The deployed player joins nothing when its page loads, and leaves on any error.
            GivenRoom::Missing if member.dialect == Some(Dialect::Kebab) => return Effects::none(),
            GivenRoom::Missing => return self.refuse(from, Refusal::RoomIdRequired),
            GivenRoom::Invalid => return self.refuse(from, Refusal::InvalidRoomId),
            GivenRoom::Valid(id) => id,
        };
        self.remove_if_abandoned(&id, now);
        self.note_person(from, credentials.person);
        let role = match self.check_entry(from, &id, credentials, now) {
            Ok(role) => role,
            Err(refusal) => return self.refuse(from, refusal),
        };
        let mut effects = self.leave_other(from, &id, now);
        let Some(arrival) = self.arrival(from, role, now) else { return effects };
        self.take_seat(from, &id);
        effects.append(self.in_room(&id, now, |room, moment| room.join(arrival, moment)));
        effects.append(self.recount(&id, now));
        effects
    }

    /// As what somebody may come in, if it may.
    fn check_entry(
        &mut self,
        from: MemberId,
        id: &RoomId,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Role, Refusal> {
        let room = self.rooms.get(id).ok_or(Refusal::RoomNotFound)?;
        let member = self.members.get(&from).ok_or(Refusal::RoomNotFound)?;
        if room.has(from) {
            return Ok(Role::Member);
        }
        if room.is_owner_back(member.person) {
            return Ok(Role::Member);
        }
        if room.n_members() >= self.config.max_users_per_room {
            return Err(Refusal::RoomFull);
        }
        if room.is_of(member.person) {
            return Ok(Role::Member);
        }
        room.party().admits(member.person, self.quota.counted(member.address), now).map_err(barred)?;
        let (mut role, mut is_spared) = (Role::Member, false);
        if let Some(token) = &credentials.invitation {
            let claim = self.terms.invitations.read(token).filter(|claim| claim.room == id.as_str());
            let held = claim.and_then(|claim| room.party().invitation(&claim.id, now));
            is_spared = held.ok_or(Refusal::NoSuchInvitation)?;
            role = Role::Guest;
        }
        if let Some(code) = room.code().filter(|_| !is_spared) {
            let guess = credentials.password.as_deref().ok_or(Refusal::PasswordRequired)?;
            let guesser = Guesser { room: id.as_str(), address: member.address };
            if !self.passwords.is_right(&mut self.facts, guesser, code, guess, now) {
                return Err(Refusal::WrongPassword);
            }
        }
        Ok(role)
    }

    /// Leaves the room that is named, or the one the member is in; told so either way.
    pub(super) fn leave_room(&mut self, from: MemberId, room: GivenRoom, now: Timestamp) -> Effects {
        let own = self.room_of(from).cloned();
        let id = match room {
            GivenRoom::Valid(id) => id,
            GivenRoom::Missing | GivenRoom::Invalid => match own.clone() {
                Some(id) => id,
                None => return Effects::none(),
            },
        };
        let mut effects = Effects::none();
        if own.as_ref() == Some(&id) {
            effects = self.leave_own(from, Departure::Said, now);
        }
        let dialect = self.dialect_of(from);
        effects.tell(from, ServerEvent::RoomLeft { room: &id }.frame(dialect));
        effects
    }

    /// Leaves the room that the member is in.
    pub(super) fn leave_own(&mut self, member: MemberId, departure: Departure, now: Timestamp) -> Effects {
        let Some(id) = self.members.get_mut(&member).and_then(|member| member.room.take()) else {
            return Effects::none();
        };
        let mut fate = Fate::Stays;
        let mut effects = self.in_room(&id, now, |room, moment| {
            let (effects, decided) = room.leave(member, departure, moment);
            fate = decided;
            effects
        });
        match fate {
            Fate::Gone => {
                self.record(Some(&id), Some(member), &mut effects, now);
                self.rooms.remove(&id);
            }
            Fate::Stays => effects.append(self.recount(&id, now)),
        }
        effects
    }

    /// Leaves the room that the member is in, unless it is `room`.
    fn leave_other(&mut self, member: MemberId, room: &RoomId, now: Timestamp) -> Effects {
        if self.room_of(member).is_some_and(|own| own != room) {
            self.leave_own(member, Departure::Said, now)
        } else {
            Effects::none()
        }
    }

    fn refuse(&self, from: MemberId, refusal: Refusal) -> Effects {
        let mut effects = Effects::none();
        effects.tell(from, ServerEvent::Error(refusal).frame(self.dialect_of(from)));
        effects.refused(refusal.code());
        effects
    }

    fn arrival(&self, from: MemberId, role: Role, now: Timestamp) -> Option<Arrival> {
        let member = self.members.get(&from)?;
        let (seat, counted) = (member.seat(from, now), self.quota.counted(member.address));
        Some(Arrival { seat, person: member.person, role, counted })
    }

    fn note_person(&mut self, from: MemberId, person: Option<PersonId>) {
        if person.is_some()
            && let Some(member) = self.members.get_mut(&from)
        {
            member.person = person;
        }
    }

    fn take_seat(&mut self, member: MemberId, room: &RoomId) {
        if let Some(member) = self.members.get_mut(&member) {
            member.room = Some(room.clone());
        }
    }

    fn remove_if_abandoned(&mut self, room: &RoomId, now: Timestamp) {
        let moment = self.moment(now);
        if self.rooms.get(room).is_some_and(|room| room.is_abandoned(&moment)) {
            self.rooms.remove(room);
        }
    }
}

fn barred(refusal: Unwelcome) -> Refusal {
    if refusal == Unwelcome::Locked { Refusal::Locked } else { Refusal::Kicked }
}
