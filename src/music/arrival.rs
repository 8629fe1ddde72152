//! What a room is made with, who comes into it, and whose it is.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::protocol::{RoomId, Track};
use super::seat::Seat;
use crate::effect::MemberId;
use crate::party::passwords::Code;
use crate::party::{Newcomer, PersonId, Role};
use crate::time::Seconds;

/// Whose room it is, here or away.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ownership {
    /// Its connection, or the last one that it had; the host's, if there is none.
    pub member: Option<MemberId>,
    /// By which it is known when it comes back, if it keeps a secret.
    pub person: Option<PersonId>,
}

/// What a room is made with.
pub struct Founding {
    /// Its id.
    pub id: RoomId,
    /// What its founder calls it.
    pub name: Option<String>,
    /// Whether it is listed.
    pub is_public: bool,
    /// How its password is kept, if it has one.
    pub code: Option<Code>,
    /// The address that it is made from, if that one's rooms are limited.
    pub made_from: Option<IpAddr>,
    /// What plays.
    pub track: Option<Track>,
    /// From where.
    pub position: Seconds,
}

/// Somebody who comes in.
pub struct Arrival {
    /// Its seat.
    pub seat: Seat,
    /// Who it is, if its page keeps a secret.
    pub person: Option<PersonId>,
    /// What it is there, if the room does not know it yet.
    pub role: Role,
    /// The address that counts for it; none if many share that one.
    pub counted: Option<IpAddr>,
}

impl Arrival {
    /// As the party of the room takes it in.
    pub fn newcomer(&self) -> Newcomer {
        Newcomer {
            id: self.seat.id,
            name: self.seat.name.clone().unwrap_or_default(),
            person: self.person,
            is_page: self.seat.is_page,
            role: self.role,
            address: self.counted,
        }
    }
}
