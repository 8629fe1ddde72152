//! Tickets: what a page shows to get files and recordings, by HTTP, while its connection lasts.
//!
//! A ticket names a member and is signed; whether that one is still connected, and where it sits, is for whoever reads it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use crate::effect::MemberId;
use crate::rooms::Seed;

/// What the key of tickets is made for: the seed has other keys too.
const PURPOSE: &[u8] = b"roomhub party tickets 1";

/// Characters of the longest ticket: a name of 23 bytes and a tag of 32, and a dot.
const MAX_CHARS: usize = 31 + 1 + 43;

/// Signs tickets.
#[derive(Debug, Clone)]
pub struct TicketKey(hmac::Key);

impl TicketKey {
    /// The key of a service's rooms.
    pub fn new(seed: &Seed) -> Self {
        Self(derived(seed, PURPOSE))
    }

    /// A member's ticket.
    pub fn sign(&self, member: MemberId) -> String {
        let name = member.as_str();
        let tag = hmac::sign(&self.0, name.as_bytes());
        format!("{}.{}", URL_SAFE_NO_PAD.encode(name), URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// The member that a ticket was given to; `None` for what was never one.
    pub fn read(&self, ticket: &str) -> Option<MemberId> {
        if ticket.len() > MAX_CHARS {
            return None;
        }
        let (name, tag) = ticket.split_once('.')?;
        let name = URL_SAFE_NO_PAD.decode(name).ok()?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.0, &name, &tag).ok()?;
        MemberId::new(str::from_utf8(&name).ok()?)
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
    fn a_ticket_names_its_member_and_none_can_be_made_up() {
        let key = TicketKey::new(&[7; 32]);
        let longest = member("a-name-of-23-bytes-long");
        for name in [member("ann"), longest] {
            assert_eq!(key.read(&key.sign(name)), Some(name));
        }
        assert_eq!(key.sign(longest).len(), MAX_CHARS);
        let ticket = key.sign(member("ann"));
        assert_eq!(TicketKey::new(&[8; 32]).read(&ticket), None, "of another server");
        let (_, tag) = ticket.split_once('.').unwrap();
        assert_eq!(key.read(&format!("{}.{tag}", URL_SAFE_NO_PAD.encode("bob"))), None);
        for wrong in ["", ".", "a.b", "YW5u", "YW5u.", &ticket[..ticket.len() - 1], &"x".repeat(1_000_000)] {
            assert_eq!(key.read(wrong), None, "{}", wrong.len());
        }
    }
}
