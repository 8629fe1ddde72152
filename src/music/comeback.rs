//! Whom a room waits for, and how long: members, and hosts that may be host again. No clock.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::party::PersonId;
use crate::time::Timestamp;

/// Hosts that one room expects back: connections that all break at once may be one host's and its followers'.
const MAX_EXPECTED: usize = 8;

/// How long a room waits for those that it lost.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a host whose connection broke.
    pub host: Duration,
    /// For any member, when all connections broke.
    pub cut_off: Duration,
    /// For any member, when the server of all of them ended.
    pub lost: Duration,
}

/// The hosts that one room expects, the first that was cut off first: those behind it took over from it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FormerHosts(Vec<FormerHost>);

/// A host, as far as it can be told from others when it is back.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct FormerHost {
    address: IpAddr,
    left_at: Timestamp,
    /// Who it is, if its page keeps a secret: then nobody else at its address is it.
    #[serde(default)]
    person: Option<PersonId>,
}

impl FormerHosts {
    /// A host was cut off.
    pub fn expect(&mut self, address: IpAddr, person: Option<PersonId>, comeback: Duration, now: Timestamp) {
        self.0.retain(|host| now.since(host.left_at) <= comeback);
        if let Some(host) = self.0.iter_mut().find(|host| host.address == address) {
            (host.left_at, host.person) = (now, person);
        } else if self.0.len() < MAX_EXPECTED {
            self.0.push(FormerHost { address, left_at: now, person });
        }
    }

    /// Whether somebody at that address may be one of them.
    ///
    /// Whoever sat beside the host before that was cut off is not it, though it may share its address.
    pub fn may_be(
        &self,
        address: IpAddr,
        person: Option<PersonId>,
        joined_at: Option<Timestamp>,
        comeback: Duration,
        now: Timestamp,
    ) -> bool {
        self.0.iter().any(|host| {
            host.address == address
                && host.person.is_none_or(|known| Some(known) == person)
                && now.since(host.left_at) <= comeback
                && joined_at.is_none_or(|joined_at| joined_at >= host.left_at)
        })
    }

    /// One of them is host again: those that took over from it are expected no more, those before it still are.
    pub fn is_back(&mut self, address: IpAddr) {
        if let Some(rank) = self.0.iter().position(|host| host.address == address) {
            self.0.truncate(rank);
        }
    }

    /// One of them came back as a guest and said goodbye.
    pub fn expect_no_more(&mut self, address: IpAddr, joined_at: Timestamp) {
        self.0.retain(|host| host.address != address || joined_at < host.left_at);
    }
}
