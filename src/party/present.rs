//! Who is in a room, as far as the rules that both kinds of rooms share have to know.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::person::PersonId;
use super::roles::Role;
use crate::effect::MemberId;
use crate::json::is_default;
use crate::rate::Bucket;
use crate::time::Timestamp;

/// Somebody who comes in.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// Its connection.
    pub id: MemberId,
    /// What it is called.
    pub name: String,
    /// Who it is, if its page keeps a secret.
    pub person: Option<PersonId>,
    /// Whether it is told what pages are told.
    pub is_page: bool,
    /// What it is if the room does not know it: a member, or a guest that came by an invitation.
    pub role: Role,
    /// The address that counts for it; none if many share that one.
    pub address: Option<IpAddr>,
}

/// Somebody who is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Present {
    /// Its connection.
    pub id: MemberId,
    /// What it is called.
    pub name: String,
    /// Who it is.
    pub person: PersonId,
    /// Whether it is the same person in its next connection.
    pub is_lasting: bool,
    /// Whether it is told what pages are told.
    pub is_page: bool,
    /// Whether it loads.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_buffering: bool,
    /// Whether it has said that it is ready for the start.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_ready: bool,
    /// The address that counts for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Its reactions lately.
    #[serde(default, skip_serializing_if = "Bucket::is_unused")]
    pub(super) reactions: Bucket,
    /// When it last said that it types.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) typed_at: Option<Timestamp>,
}

impl Present {
    /// Whoever came in.
    pub fn new(newcomer: Newcomer) -> Self {
        Self {
            id: newcomer.id,
            name: newcomer.name,
            person: newcomer.person.unwrap_or_else(|| PersonId::of_connection(newcomer.id)),
            is_lasting: newcomer.person.is_some(),
            is_page: newcomer.is_page,
            is_buffering: false,
            is_ready: false,
            address: newcomer.address,
            reactions: Bucket::default(),
            typed_at: None,
        }
    }

    /// As it is named to others.
    pub fn named(&self) -> Named<'_> {
        Named { id: self.id, name: &self.name }
    }
}

/// Takes a name away if it is that one; gives how many.
pub fn clear(found: &mut String, name: &str) -> u64 {
    if found != name {
        return 0;
    }
    found.clear();
    1
}

/// Somebody, as it is named to others.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Named<'a> {
    /// Its connection.
    pub id: MemberId,
    /// What it is called.
    pub name: &'a str,
}
