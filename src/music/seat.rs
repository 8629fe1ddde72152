//! A member in its seat, as far as its wire and its player matter; who it is, the room's party knows.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::protocol::Dialect;
use crate::effect::MemberId;
use crate::time::Timestamp;

/// A member in its seat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seat {
    /// Who sits there.
    pub id: MemberId,
    /// How to speak to it.
    pub dialect: Dialect,
    /// Where it connects from.
    pub address: IpAddr,
    /// Whether it is a page, which is told of members and playback in full.
    pub is_page: bool,
    /// The name that a page gave.
    pub name: Option<String>,
    /// When it came in.
    #[serde(default)]
    pub joined_at: Timestamp,
    /// Whether its last report was off the room's position.
    pub was_off: bool,
    /// When it was last told to go where the room is.
    pub corrected_at: Option<Timestamp>,
}

impl Seat {
    /// A seat for somebody whose position is not known yet.
    pub fn new(
        id: MemberId,
        dialect: Dialect,
        address: IpAddr,
        is_page: bool,
        name: Option<String>,
        now: Timestamp,
    ) -> Self {
        Self { id, dialect, address, is_page, name, joined_at: now, was_off: false, corrected_at: None }
    }
}
