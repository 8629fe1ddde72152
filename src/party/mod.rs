//! What watch rooms and listening rooms have in common: who may do what, votes, invitations. Pure: no I/O, no clock, but
//! for `routes`.
//!
//! A room of either kind embeds one [`Party`], tells it who comes and goes, and gives it the events of pages. What only
//! the room itself can do comes back as [`FollowUp`]s.

mod actions;
pub mod chat;
mod gathering;
mod hub;
mod invitations;
mod moderation;
pub mod passwords;
mod permanence;
mod person;
mod present;
mod presses;
pub mod protocol;
mod recording;
mod roles;
pub mod routes;
mod telling;
#[cfg(test)]
mod tests;
mod ticket;
mod votes;

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::effect::{Effects, MemberId};
use crate::json::is_default;
use crate::rooms::{Allowance, Departure, Seed};
use crate::time::{Timestamp, WallOffset};
use moderation::Barred;
use person::Persons;
use protocol::Refusal;

pub use gathering::Gathering;
pub use hub::PartyHub;
pub use invitations::{Claim, InvitationKey};
pub use permanence::{Permanence, PermanentRooms};
pub use person::PersonId;
pub use present::{Named, Newcomer, Present, clear};
pub use presses::{Crossing, Presses};
pub use recording::{Glance, Playback, Recording, delete};
pub use roles::{Policy, Preset, Right, Rights, Role, Table};
pub use ticket::{Holder, TicketKey};
pub use votes::{Ballot, HALF_PERCENT, Outcome, VoteSubject, VoteTerms};

/// How much, and how long.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Who was put out may not come back for so long.
    pub kick_time: Duration,
    /// How long votes last, and what passes them.
    pub votes: VoteTerms,
    /// The longest time between two chat messages of one member.
    pub max_slow_mode: Duration,
    /// How long a room waits for who loads, unless its owner says otherwise.
    pub wait_limit: Duration,
    /// The longest that an owner may set.
    pub max_wait_limit: Duration,
    /// Invitations of one room that hold at a time.
    pub max_invitations: usize,
    /// The longest time for which one holds.
    pub max_invitation_time: Duration,
    /// Persons that a room remembers when they are not there.
    pub max_absent_persons: usize,
    /// Characters of a room's password.
    pub max_password_chars: usize,
    /// A ticket is good for so long after the connection of its person broke.
    pub ticket_grace: Duration,
    /// Reactions of one member.
    pub reactions: Allowance,
}

/// What a service lets its rooms do.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What rooms begin with.
    pub table: Table,
    /// Whether there is something to skip to.
    pub has_queue: bool,
    /// How much, and how long.
    pub limits: Limits,
    /// Signs the tickets of pages.
    pub tickets: TicketKey,
    /// Signs invitations.
    pub invitations: InvitationKey,
    /// The service that recordings are of; none if it keeps none.
    pub records_for: Option<&'static str>,
}

impl Terms {
    /// With the keys of that seed.
    pub fn new(seed: &Seed, table: Table, has_queue: bool, limits: Limits) -> Self {
        let (tickets, invitations) = (TicketKey::new(seed), InvitationKey::new(seed));
        Self { table, has_queue, limits, tickets, invitations, records_for: None }
    }
}

/// What the rules go by beside what they keep themselves.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The room's name on the wire.
    pub room: &'a str,
    /// Whose room it is, here or away.
    pub owner: MemberId,
    /// What the service lets its rooms do.
    pub terms: &'a Terms,
    /// The moment.
    pub now: Timestamp,
    /// By which times are told.
    pub wall: WallOffset,
}

/// What pages are told of a room that its service keeps.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Whether it is listed.
    pub is_public: bool,
    /// Whether it has a password.
    pub has_password: bool,
}

/// What is left for the room to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FollowUp {
    /// Pages are to be told how the room is now.
    TellRoom,
    /// Pages are to be told who is there.
    TellMembers,
    /// The room is handed over.
    HandOver(MemberId),
    /// Those members are put out.
    PutOut(Vec<MemberId>),
    /// On to what is next in the queue.
    Skip,
    /// It is listed, or no more.
    SetPublic(bool),
    /// It has that password, or none.
    SetPassword(Option<String>),
}

/// What has been done, and what is left to do.
#[derive(Debug, Default)]
pub struct Done {
    /// What members are told.
    pub effects: Effects,
    /// What is left, in that order.
    pub follow_ups: Vec<FollowUp>,
}

/// What both kinds of rooms keep.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Party {
    /// What each role may do.
    #[serde(skip_serializing_if = "is_default")]
    policy: Policy,
    /// Time between two chat messages of one member.
    #[serde(skip_serializing_if = "is_default")]
    slow_mode: Duration,
    /// Whether it takes nobody in.
    #[serde(skip_serializing_if = "is_default")]
    is_locked: bool,
    /// How long it waits for who loads; as its service says, if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_limit: Option<Duration>,
    /// Whether it stays when it is empty.
    #[serde(skip_serializing_if = "is_default")]
    pub permanence: Permanence,
    /// Who stands in for an owner that is away, with the rights of a co-host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deputy: Option<MemberId>,
    /// What is recorded of it, and replayed in it.
    #[serde(skip_serializing_if = "Recording::is_idle")]
    pub recording: Recording,
    /// In the order of joining.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    present: Vec<Present>,
    #[serde(skip_serializing_if = "Persons::is_empty")]
    persons: Persons,
    /// Addresses of who was put out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    barred: Vec<Barred>,
    /// How often pages were told who is there.
    #[serde(skip_serializing_if = "Gathering::is_unused")]
    member_news: Gathering,
    #[serde(skip_serializing_if = "Option::is_none")]
    ballot: Option<Ballot>,
    #[serde(skip_serializing_if = "invitations::Invitations::is_empty")]
    invitations: invitations::Invitations,
}

impl Party {
    /// Members that have that name.
    pub fn named(&self, name: &str) -> impl Iterator<Item = MemberId> {
        self.present.iter().filter(move |present| present.name == name).map(|present| present.id)
    }

    /// Takes persons of that name out of all that is remembered, and their name from who is there; gives how often it stood
    /// there.
    pub fn erase(&mut self, name: &str) -> u64 {
        let mut n_erased = self.invitations.erase(name) + self.recording.erase(name);
        n_erased += self.ballot.as_mut().map_or(0, |ballot| ballot.erase(name));
        for present in &mut self.present {
            if clear(&mut present.name, name) > 0 {
                self.persons.forget(present.person);
                n_erased += 1;
            }
        }
        n_erased
    }

    /// Whether somebody may come in; not asked for the owner.
    ///
    /// # Errors
    /// The room is locked, or it was put out.
    pub fn admits(
        &self,
        person: Option<PersonId>,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let record = person.and_then(|person| self.persons.get(person));
        match record {
            Some(record) if record.kicked_until.is_some_and(|until| until > now) => Err(Refusal::Kicked),
            None if self.is_barred(address, now) => Err(Refusal::Kicked),
            None if self.is_locked => Err(Refusal::Locked),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether an invitation is one of those that hold; whether it spares the password, if it is.
    pub fn invitation(&self, id: &str, now: Timestamp) -> Option<bool> {
        self.invitations.get(id, now).map(|invitation| invitation.skips_password)
    }

    /// Somebody comes in, or comes in again with another name.
    pub fn enter(&mut self, newcomer: Newcomer, now: Timestamp) {
        self.permanence.use_now();
        let role = newcomer.role;
        let newcomer = Present::new(newcomer);
        let person = newcomer.person;
        if self.persons.get(person).is_none() {
            self.persons.of(person).role = role;
        }
        let record = self.persons.of(person);
        record.seen_at = now;
        (record.kicked_until, record.ticket_until) = (None, None);
        match self.present.iter_mut().find(|present| present.id == newcomer.id) {
            Some(present) => {
                let before = present.person;
                present.name = newcomer.name;
                present.is_page |= newcomer.is_page;
                (present.person, present.is_lasting) = (newcomer.person, newcomer.is_lasting);
                if before != person && !self.is_there(before) {
                    self.persons.forget(before);
                }
            }
            None => self.present.push(newcomer),
        }
    }

    /// Somebody is gone. What has to follow, [`Self::recount`] tells.
    pub fn exit(&mut self, member: MemberId, departure: Departure, terms: &Terms, now: Timestamp) {
        let Some(place) = self.present.iter().position(|present| present.id == member) else { return };
        let gone = self.present.remove(place);
        if !self.is_there(gone.person) {
            if gone.is_lasting {
                let record = self.persons.of(gone.person);
                record.seen_at = now;
                let may_be_back = departure != Departure::Said && record.kicked_until.is_none();
                record.ticket_until = may_be_back.then(|| now + terms.limits.ticket_grace);
                self.trim_persons(terms);
            } else {
                self.persons.forget(gone.person);
            }
        }
        if self.present.is_empty() {
            self.permanence.stand_empty(now);
        }
    }

    /// A member that is in says that it is a page, and who it is. Whoever turns out to have been kicked is put out.
    pub fn introduce(
        &mut self,
        member: MemberId,
        name: Option<&str>,
        person: Option<PersonId>,
        terms: &Terms,
        now: Timestamp,
    ) -> Vec<FollowUp> {
        let Some(present) = self.present.iter_mut().find(|present| present.id == member) else {
            return Vec::new();
        };
        present.is_page = true;
        if let Some(name) = name {
            name.clone_into(&mut present.name);
        }
        let Some(person) = person.filter(|person| *person != present.person) else { return Vec::new() };
        let before = std::mem::replace(&mut present.person, person);
        let was_lasting = std::mem::replace(&mut present.is_lasting, true);
        let as_it_was = self.persons.of(before).clone();
        match self.persons.get(person) {
            Some(known) if known.kicked_until.is_some_and(|until| until > now) => {
                return vec![FollowUp::PutOut(vec![member])];
            }
            // Who is muted is so by either name.
            Some(_) => self.persons.of(person).is_muted |= as_it_was.is_muted,
            None => *self.persons.of(person) = as_it_was,
        }
        self.persons.of(person).seen_at = now;
        if !was_lasting && !self.is_there(before) {
            self.persons.forget(before);
        }
        // Whoever is another person each time is remembered as all of them.
        self.trim_persons(terms);
        Vec::new()
    }

    fn trim_persons(&mut self, terms: &Terms) {
        let max_absent = terms.limits.max_absent_persons;
        if self.persons.len() <= self.present.len() + max_absent {
            return;
        }
        let mut present: Vec<PersonId> = self.present.iter().map(|present| present.person).collect();
        present.sort_unstable();
        self.persons.trim(max_absent, |person| present.binary_search(&person).is_ok());
    }

    /// Everybody who is there, in the order of joining.
    pub fn present(&self) -> &[Present] {
        &self.present
    }

    /// Somebody who is there.
    pub fn get(&self, member: MemberId) -> Option<&Present> {
        self.present.iter().find(|present| present.id == member)
    }

    /// Somebody who is there, to be changed.
    pub fn get_mut(&mut self, member: MemberId) -> Option<&mut Present> {
        self.present.iter_mut().find(|present| present.id == member)
    }

    /// Those who are told what pages are told.
    pub fn pages(&self) -> Vec<MemberId> {
        self.present.iter().filter(|present| present.is_page).map(|present| present.id).collect()
    }

    /// What somebody is.
    pub fn role_of(&self, member: MemberId, owner: MemberId) -> Role {
        if member == owner {
            return Role::Owner;
        }
        if self.deputy == Some(member) {
            return Role::Cohost;
        }
        self.get(member).map(|present| self.role_of_person(present.person)).unwrap_or_default()
    }

    fn role_of_person(&self, person: PersonId) -> Role {
        let role = self.persons.get(person).map(|record| record.role);
        role.filter(|role| *role != Role::Owner).unwrap_or_default()
    }

    /// Who follows an owner that goes: that person in another connection, or its first co-host, or whoever has been there for
    /// longest.
    pub fn heir_of(&self, owner: Option<PersonId>) -> Option<MemberId> {
        let is_owner = |present: &&Present| present.is_lasting && Some(present.person) == owner;
        let is_cohost = |present: &&Present| {
            self.deputy == Some(present.id) || self.role_of_person(present.person) == Role::Cohost
        };
        let mut present = self.present.iter();
        let heir = present.clone().find(is_owner).or_else(|| present.clone().find(is_cohost));
        heir.or_else(|| present.next()).map(|present| present.id)
    }

    /// The table that holds.
    pub fn table(&self, terms: &Terms) -> Table {
        self.policy.table(terms.table)
    }

    /// Whether somebody has a right, and is not muted where that matters.
    pub fn may(&self, member: MemberId, right: Right, scene: Scene<'_>) -> bool {
        if member == scene.owner {
            return true;
        }
        let is_silenced = matches!(right, Right::Chat | Right::Voice) && self.is_muted(member);
        !is_silenced && self.table(scene.terms).of(self.role_of(member, scene.owner)).has(right)
    }

    /// How long the room waits for who loads.
    pub fn wait_limit(&self, terms: &Terms) -> Duration {
        self.wait_limit.unwrap_or(terms.limits.wait_limit)
    }

    /// When something is due by itself.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let ends_at = self.ballot.as_ref().map(Ballot::ends_at);
        [ends_at, self.member_news.due()].into_iter().flatten().min()
    }

    /// Whether the ticket of a person is good: it is there, or its connection broke so lately that it may come back.
    pub fn honours(&self, person: PersonId, now: Timestamp) -> bool {
        let record = self.persons.get(person);
        self.is_there(person)
            || record.and_then(|record| record.ticket_until).is_some_and(|until| until > now)
    }

    /// The tickets of a member's person end with its connection: it was put out by somebody who is not in the room.
    pub fn end_ticket_of(&mut self, person: PersonId) {
        if self.persons.get(person).is_some() {
            self.persons.of(person).ticket_until = None;
        }
    }

    /// A connection of a person that is there.
    pub fn connection_of(&self, person: PersonId) -> Option<MemberId> {
        self.present.iter().find(|present| present.person == person).map(|present| present.id)
    }

    fn is_there(&self, person: PersonId) -> bool {
        self.present.iter().any(|present| present.person == person)
    }

    fn person_of(&self, member: MemberId) -> Option<PersonId> {
        self.get(member).map(|present| present.person)
    }

    /// The persons who are there and not muted, each once.
    fn speakers(&self) -> Vec<PersonId> {
        let mut persons: Vec<PersonId> = self.present.iter().map(|present| present.person).collect();
        persons.retain(|person| self.persons.get(*person).is_none_or(|record| !record.is_muted));
        persons.sort();
        persons.dedup();
        persons
    }
}
