//! Tickets: what a page shows to get files and recordings, by HTTP, while its person is in the room.
//!
//! A ticket names a room and a person and is signed; whether that one is there, [`super::Party::honours`] tells. So it
//! stays the same when a page comes back by another connection, and what the page reads by it goes on.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::person::PersonId;
use crate::rooms::Seed;

/// What the key of tickets is made for: the seed has other keys too.
const PURPOSE: &[u8] = b"roomhub party tickets 2";

/// Characters of the longest ticket that is read: rooms have names of up to 64 characters of 4 bytes.
const MAX_CHARS: usize = 512;

/// Signs tickets.
#[derive(Debug, Clone)]
pub struct TicketKey(hmac::Key);

/// Who a ticket was given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The person.
    pub person: PersonId,
    /// The room's name on the wire.
    pub room: String,
}

impl TicketKey {
    /// The key of a service's rooms.
    pub fn new(seed: &Seed) -> Self {
        Self(derived(seed, PURPOSE))
    }

    /// A person's ticket in a room.
    pub fn sign(&self, person: PersonId, room: &str) -> String {
        let said = [person.as_bytes(), room.as_bytes()].concat();
        let tag = hmac::sign(&self.0, &said);
        format!("{}.{}", URL_SAFE_NO_PAD.encode(said), URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// Who a ticket was given to; `None` for what was never one.
    pub fn read(&self, ticket: &str) -> Option<Holder> {
        if ticket.len() > MAX_CHARS {
            return None;
        }
        let (said, tag) = ticket.split_once('.')?;
        let said = URL_SAFE_NO_PAD.decode(said).ok()?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.0, &said, &tag).ok()?;
        let (person, room) = said.split_first_chunk()?;
        Some(Holder { person: PersonId::from_bytes(*person), room: String::from_utf8(room.to_vec()).ok()? })
    }
}

/// A key of its own for each purpose.
pub(super) fn derived(seed: &Seed, purpose: &[u8]) -> hmac::Key {
    let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, seed), purpose);
    hmac::Key::new(hmac::HMAC_SHA256, key.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rooms::test_stage::member;

    #[test]
    fn a_ticket_names_its_person_and_room_and_none_can_be_made_up() {
        let key = TicketKey::new(&[7; 32]);
        let [ann, bob] = ["ann", "bob"].map(|name| PersonId::of_connection(member(name)));
        let longest = "𝄞".repeat(64);
        for room in ["AB12", &longest] {
            let holder = Holder { person: ann, room: room.to_owned() };
            assert_eq!(key.read(&key.sign(ann, room)), Some(holder));
        }
        let ticket = key.sign(ann, "AB12");
        assert_eq!(TicketKey::new(&[8; 32]).read(&ticket), None, "of another server");
        let (said, tag) = ticket.split_once('.').unwrap();
        for other in [key.sign(bob, "AB12"), key.sign(ann, "AB13")] {
            let (other_said, other_tag) = other.split_once('.').unwrap();
            assert_eq!(key.read(&format!("{other_said}.{tag}")), None);
            assert_eq!(key.read(&format!("{said}.{other_tag}")), None);
        }
        for wrong in ["", ".", "a.b", "YW5u", "YW5u.", &ticket[..ticket.len() - 1], &"x".repeat(1_000_000)] {
            assert_eq!(key.read(wrong), None, "{}", wrong.len());
        }
    }
}
