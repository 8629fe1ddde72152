//! Persons: who somebody is beyond its connection, and what a room remembers of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::roles::Role;
use crate::effect::MemberId;
use crate::time::Timestamp;

/// Characters of the text by which a page proves who it is: fewer can be guessed, more say nothing more.
const SECRET_CHARS: std::ops::RangeInclusive<usize> = 16..=64;

/// Bytes of a person's id; 128 bits are met by chance by nobody.
const ID_BYTES: usize = 16;

/// A person: the hash of a text that its page keeps, or of its connection's name. Nobody else is told it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonId([u8; ID_BYTES]);

impl PersonId {
    /// The person that keeps that text; `None` if it is too short or too long.
    pub fn of_secret(text: &str) -> Option<Self> {
        SECRET_CHARS.contains(&text.chars().count()).then(|| Self::of(&format!("secret\n{text}")))
    }

    /// The person that is known by its connection alone.
    pub fn of_connection(member: MemberId) -> Self {
        Self::of(&format!("connection\n{member}"))
    }

    /// The person that has those bytes in a ticket.
    pub(super) fn from_bytes(bytes: [u8; ID_BYTES]) -> Self {
        Self(bytes)
    }

    /// As it stands in a ticket.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn of(text: &str) -> Self {
        let hash = digest(&SHA256, text.as_bytes());
        Self(std::array::from_fn(|n| hash.as_ref()[n]))
    }
}

impl fmt::Debug for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Serialize for PersonId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for PersonId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let mut id = [0; ID_BYTES];
        hex::decode_to_slice(text.as_ref(), &mut id).map_err(D::Error::custom)?;
        Ok(Self(id))
    }
}

/// What a room remembers of a person.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// What the owner, or an invitation, has made it.
    pub role: Role,
    /// Whether it may neither chat nor speak.
    pub is_muted: bool,
    /// Until when it may not come back.
    pub kicked_until: Option<Timestamp>,
    /// When it last wrote.
    pub chatted_at: Option<Timestamp>,
    /// When it last opened a vote.
    pub opened_vote_at: Option<Timestamp>,
    /// When it was last there.
    pub seen_at: Timestamp,
    /// Until when its ticket is good although it is not there: its connection broke, and it may come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket_until: Option<Timestamp>,
}

/// The persons that a room knows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Persons(BTreeMap<PersonId, Record>);

impl Persons {
    /// Whether nothing is remembered of anybody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Of how many something is remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What is known of one.
    pub fn get(&self, person: PersonId) -> Option<&Record> {
        self.0.get(&person)
    }

    /// What is known of one, to be changed; of a stranger, nothing yet.
    pub fn of(&mut self, person: PersonId) -> &mut Record {
        self.0.entry(person).or_default()
    }

    /// Forgets one.
    pub fn forget(&mut self, person: PersonId) {
        self.0.remove(&person);
    }

    /// Forgets those who have not been there for longest, until there are no more than so many that are not there.
    ///
    /// Whoever is kicked goes last, or it would come back by having others come and go.
    pub fn trim(&mut self, max_absent: usize, is_there: impl Fn(PersonId) -> bool) {
        let mut absent: Vec<(bool, Timestamp, PersonId)> = self
            .0
            .iter()
            .filter(|(person, _)| !is_there(**person))
            .map(|(person, record)| (record.kicked_until.is_some(), record.seen_at, *person))
            .collect();
        if absent.len() <= max_absent {
            return;
        }
        absent.sort();
        for (_, _, person) in &absent[..absent.len() - max_absent] {
            self.0.remove(person);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rooms::test_stage::{START, member};

    fn person(n: u64) -> PersonId {
        PersonId::of_secret(&format!("the secret of person {n}")).unwrap()
    }

    #[test]
    fn a_person_is_known_by_a_text_of_some_length() {
        assert_eq!(PersonId::of_secret(&"x".repeat(15)), None);
        assert_eq!(PersonId::of_secret(&"é".repeat(65)), None);
        assert!(PersonId::of_secret(&"é".repeat(64)).is_some());
        assert_eq!(person(1), person(1));
        assert_ne!(person(1), person(2));
        let ann = member("a-connection-of-someone");
        assert_ne!(PersonId::of_secret(ann.as_str()), Some(PersonId::of_connection(ann)));
    }

    #[test]
    fn who_was_there_longest_ago_is_forgotten_and_who_is_kicked_last() {
        let mut persons = Persons::default();
        for n in 0..5 {
            persons.of(person(n)).seen_at = START + Duration::from_secs(n);
        }
        persons.of(person(0)).kicked_until = Some(START);
        persons.trim(2, |there| there == person(1));
        let known: Vec<u64> = (0..5).filter(|n| persons.get(person(*n)).is_some()).collect();
        assert_eq!(known, [0, 1, 4]);
        let kept = serde_json::to_string(&persons).unwrap();
        let back: Persons = serde_json::from_str(&kept).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), kept);
    }
}
