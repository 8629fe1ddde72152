//! One room: who is in it, in the order of joining, and who is away for a moment. No I/O, no clock.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::protocol::Id;
use crate::effect::MemberId;
use crate::time::Timestamp;

/// A user of a room.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    /// As it calls itself.
    pub id: Id,
    /// Where it is.
    place: Place,
    /// By which it takes its place again.
    #[serde(rename = "word")]
    resume_token: Option<String>,
    /// When the token ends that let it in, by the wall clock.
    #[serde(default)]
    until: Option<Timestamp>,
}

impl User {
    fn is_overdue(&self, now: Timestamp) -> bool {
        matches!(self.place, Place::Away(until) if until <= now)
    }

    fn has_expired(&self, wall: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= wall)
    }
}

/// Where a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    /// On a connection.
    Here(MemberId),
    /// Cut off, and expected back until then.
    Away(Timestamp),
}

/// A room; it is there as long as somebody is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Room {
    users: Vec<User>,
    /// The address that it was made from, if that one's rooms are limited.
    #[serde(default)]
    made_from: Option<IpAddr>,
}

/// Who holds an id in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// A user that is cut off.
    Away,
    /// A connection.
    Member(MemberId),
}

impl Room {
    /// A room without anybody yet.
    pub fn new(made_from: Option<IpAddr>) -> Self {
        Self { users: Vec::new(), made_from }
    }

    /// The address that it was made from, if that one's rooms are limited.
    pub fn made_from(&self) -> Option<IpAddr> {
        self.made_from
    }

    /// How many are in it, those that are away included.
    pub fn n_users(&self) -> usize {
        self.users.len()
    }

    /// The ids of all in it, in the order of joining.
    pub fn users(&self) -> Vec<&Id> {
        self.users.iter().map(|user| &user.id).collect()
    }

    /// Who holds an id.
    pub fn holder(&self, id: &Id) -> Holder {
        match self.users.iter().find(|user| user.id == *id).map(|user| user.place) {
            None => Holder::Nobody,
            Some(Place::Away(_)) => Holder::Away,
            Some(Place::Here(member)) => Holder::Member(member),
        }
    }

    /// Whether that is the resume token of a user that is away.
    pub fn is_resume_token_of(&self, id: &Id, token: &str) -> bool {
        self.users.iter().any(|user| {
            let known = user.resume_token.as_deref().unwrap_or_default();
            user.id == *id
                && matches!(user.place, Place::Away(_))
                && bool::from(known.as_bytes().ct_eq(token.as_bytes()))
        })
    }

    /// The first id of a member here, by which the others know it.
    pub fn id_of(&self, member: MemberId) -> Option<&Id> {
        self.users.iter().find(|user| user.place == Place::Here(member)).map(|user| &user.id)
    }

    /// The connection of a user that is here.
    pub fn member_of(&self, id: &Id) -> Option<MemberId> {
        match self.holder(id) {
            Holder::Member(member) => Some(member),
            Holder::Nobody | Holder::Away => None,
        }
    }

    /// Every connection here but one, each once.
    pub fn others(&self, than: MemberId) -> Vec<MemberId> {
        let mut others = Vec::with_capacity(self.users.len());
        for user in &self.users {
            if let Place::Here(member) = user.place
                && member != than
                && !others.contains(&member)
            {
                others.push(member);
            }
        }
        others
    }

    /// Seats a user, in the place that its id has already, if it has one.
    pub fn seat(
        &mut self,
        id: &Id,
        member: MemberId,
        resume_token: Option<String>,
        until: Option<Timestamp>,
    ) {
        let seated = User { id: id.clone(), place: Place::Here(member), resume_token, until };
        match self.users.iter_mut().find(|user| user.id == *id) {
            Some(user) => *user = seated,
            None => self.users.push(seated),
        }
    }

    /// Lets a user go; false if it was not there.
    pub fn remove(&mut self, id: &Id) -> bool {
        let before = self.users.len();
        self.users.retain(|user| user.id != *id);
        self.users.len() < before
    }

    /// A connection broke: the users of it that are gone, and whether others asked to be expected back.
    pub fn cut_off(&mut self, member: MemberId, until: Timestamp) -> (Vec<Id>, bool) {
        let (mut gone, mut is_expected) = (Vec::new(), false);
        self.users.retain_mut(|user| {
            if user.place != Place::Here(member) {
                return true;
            }
            if user.resume_token.is_some() {
                user.place = Place::Away(until);
                is_expected = true;
                return true;
            }
            gone.push(user.id.clone());
            false
        });
        (gone, is_expected)
    }

    /// Whether a user is away and has had its time.
    pub fn has_overdue(&self, now: Timestamp) -> bool {
        self.users.iter().any(|user| user.is_overdue(now))
    }

    /// Those who are.
    pub fn overdue(&self, now: Timestamp) -> Vec<Id> {
        self.users.iter().filter(|user| user.is_overdue(now)).map(|user| user.id.clone()).collect()
    }

    /// When tokens of users end, by the wall clock.
    pub fn ends(&self) -> impl Iterator<Item = Timestamp> {
        self.users.iter().filter_map(|user| user.until)
    }

    /// Whether the token of a user has ended.
    pub fn has_expired(&self, wall: Timestamp) -> bool {
        self.users.iter().any(|user| user.has_expired(wall))
    }

    /// Those whose has.
    pub fn expired(&self, wall: Timestamp) -> Vec<Id> {
        self.users.iter().filter(|user| user.has_expired(wall)).map(|user| user.id.clone()).collect()
    }
}
