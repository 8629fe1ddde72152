//! Invitations: signed words that let somebody into one room, until they expire or are revoked.
//!
//! A token names a room and an entry of its list; what it is good for stands in that entry, and nowhere else.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::{Deserialize, Serialize};

use super::person::PersonId;
use super::present::clear;
use super::ticket::derived;
use crate::rooms::{Rng, Seed};
use crate::time::{Timestamp, WallOffset};

/// What the key of invitations is made for.
const PURPOSE: &[u8] = b"roomhub party invitations 1";

/// What every token begins with, so that it is not taken for a wrong key.
const PREFIX: &str = "invitation.";

/// Bytes of an invitation's id, of which a room has a few: the signature is what cannot be guessed.
const ID_BYTES: usize = 6;

/// Characters of a token; the names of rooms are short.
const MAX_CHARS: usize = 512;

/// Which invitation somebody came by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The room's name.
    pub room: String,
    /// The invitation's id there.
    pub id: String,
}

/// Signs invitations.
#[derive(Debug, Clone)]
pub struct InvitationKey(hmac::Key);

impl InvitationKey {
    /// The key of a service's rooms.
    pub fn new(seed: &Seed) -> Self {
        Self(derived(seed, PURPOSE))
    }

    /// The token of an invitation.
    pub fn sign(&self, room: &str, id: &str) -> String {
        let room = URL_SAFE_NO_PAD.encode(room);
        let claim = format!("{room}.{id}");
        let tag = hmac::sign(&self.0, claim.as_bytes());
        format!("{PREFIX}{claim}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// Which invitation a token is of; `None` for what was never one here.
    pub fn read(&self, token: &str) -> Option<Claim> {
        if token.len() > MAX_CHARS {
            return None;
        }
        let (claim, tag) = token.strip_prefix(PREFIX)?.rsplit_once('.')?;
        hmac::verify(&self.0, claim.as_bytes(), &URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
        let (room, id) = claim.split_once('.')?;
        let room = String::from_utf8(URL_SAFE_NO_PAD.decode(room).ok()?).ok()?;
        Some(Claim { room, id: id.to_owned() })
    }
}

/// An invitation that holds, or did until it expired.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invitation {
    /// Its name in the room.
    pub id: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether who comes by it needs no password.
    pub skips_password: bool,
    /// Who made it.
    pub by: PersonId,
    /// What that one was called.
    pub by_name: String,
}

/// An invitation as those who may invite see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InvitationView<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    expires_at: u64,
    skips_password: bool,
    by: &'a str,
}

impl Invitation {
    /// As the list shows it; with its token, as it is told once.
    pub fn view(&self, token: Option<String>, wall: WallOffset) -> InvitationView<'_> {
        InvitationView {
            id: &self.id,
            token,
            expires_at: wall.wall(self.expires_at).as_millis(),
            skips_password: self.skips_password,
            by: &self.by_name,
        }
    }
}

/// The invitations of one room, the first that was made first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Invitations(Vec<Invitation>);

impl Invitations {
    /// Whether there are none, not even expired ones.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that hold.
    pub fn live(&self, now: Timestamp) -> impl Iterator<Item = &Invitation> {
        self.0.iter().filter(move |invitation| invitation.expires_at > now)
    }

    /// The one of that id, if it holds.
    pub fn get(&self, id: &str, now: Timestamp) -> Option<&Invitation> {
        self.live(now).find(|invitation| invitation.id == id)
    }

    /// Adds one, unless so many hold already; those that have expired are dropped.
    pub fn add(&mut self, invitation: Invitation, max: usize, now: Timestamp) -> Option<&Invitation> {
        self.0.retain(|invitation| invitation.expires_at > now);
        if self.0.len() >= max {
            return None;
        }
        self.0.push(invitation);
        self.0.last()
    }

    /// Takes a person's name away; gives the number of invitations.
    pub fn erase(&mut self, name: &str) -> u64 {
        self.0.iter_mut().map(|invitation| clear(&mut invitation.by_name, name)).sum()
    }

    /// Takes one away.
    pub fn revoke(&mut self, id: &str) {
        self.0.retain(|invitation| invitation.id != id);
    }
}

/// An id for an invitation.
pub fn draw_id(rng: &mut Rng) -> String {
    hex::encode(&rng.draw()[..ID_BYTES])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rooms::test_stage::{START, member};

    fn invitation(id: &str, secs: u64) -> Invitation {
        let (by, by_name) = (PersonId::of_connection(member("ann")), "Ann".to_owned());
        let expires_at = START + Duration::from_secs(secs);
        Invitation { id: id.to_owned(), expires_at, skips_password: false, by, by_name }
    }

    #[test]
    fn a_token_names_one_invitation_of_one_room_and_none_can_be_made_up() {
        let key = InvitationKey::new(&[7; 32]);
        for room in ["AB12CD", "a.room with.dots", "房间"] {
            let token = key.sign(room, "0a1b2c");
            let claim = Claim { room: room.to_owned(), id: "0a1b2c".to_owned() };
            assert_eq!(key.read(&token), Some(claim));
            assert_eq!(InvitationKey::new(&[8; 32]).read(&token), None, "of another server");
            assert_eq!(key.read(&token.replacen("0a1b2c", "0a1b2d", 1)), None);
            assert_eq!(key.read(&token[..token.len() - 1]), None);
        }
        let elsewhere = key.sign("AB12CE", "0a1b2c");
        let (_, tag) = elsewhere.rsplit_once('.').unwrap();
        let moved = format!("{PREFIX}{}.0a1b2c.{tag}", URL_SAFE_NO_PAD.encode("AB12CD"));
        assert_eq!(key.read(&moved), None, "of another room");
        for wrong in ["", PREFIX, "invitation..", "invitation...", &"invitation.".repeat(100_000)] {
            assert_eq!(key.read(wrong), None, "{}", wrong.len());
        }
    }

    #[test]
    fn an_invitation_holds_until_it_expires_or_is_revoked_and_there_are_so_many_of_them() {
        let mut invitations = Invitations::default();
        assert!(invitations.add(invitation("a", 10), 2, START).is_some());
        assert!(invitations.add(invitation("b", 20), 2, START).is_some());
        assert!(invitations.add(invitation("c", 20), 2, START).is_none());
        let later = START + Duration::from_secs(10);
        assert!(invitations.get("a", START).is_some() && invitations.get("a", later).is_none());
        assert!(invitations.add(invitation("c", 20), 2, later).is_some(), "an expired one takes no place");
        invitations.revoke("c");
        assert_eq!(invitations.live(later).map(|live| live.id.as_str()).collect::<Vec<_>>(), ["b"]);
    }
}
