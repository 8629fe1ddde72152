//! Addresses that may not connect for a time.

use std::collections::HashMap;
use std::net::IpAddr;

use serde::Serialize;

use crate::http::address::subscriber;
use crate::time::Timestamp;

/// Banned addresses, each until a moment.
#[derive(Debug, Default)]
pub struct Bans(HashMap<IpAddr, Timestamp>);

/// A ban as operators see it.
#[derive(Debug, Serialize)]
pub struct Ban {
    /// The address; of IPv6, the first of the /64 that is banned.
    pub address: IpAddr,
    /// When it ends, in milliseconds since the epoch.
    pub until: u64,
}

impl Bans {
    /// Bans an address, and the others of its subscriber.
    pub fn add(&mut self, address: IpAddr, until: Timestamp) {
        self.0.insert(subscriber(address), until);
    }

    /// Lets an address in again; false if it was not banned.
    pub fn lift(&mut self, address: IpAddr) -> bool {
        self.0.remove(&subscriber(address)).is_some()
    }

    /// Whether an address is banned.
    pub fn holds(&self, address: IpAddr, now: Timestamp) -> bool {
        self.0.get(&subscriber(address)).is_some_and(|until| *until > now)
    }

    /// Drops bans that have ended.
    pub fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, until| *until > now);
    }

    /// All of them, the first to end first.
    pub fn list(&self) -> Vec<Ban> {
        let mut list: Vec<Ban> = self
            .0
            .iter()
            .map(|(address, until)| Ban { address: *address, until: until.as_millis() })
            .collect();
        list.sort_by_key(|ban| (ban.until, ban.address));
        list
    }
}
