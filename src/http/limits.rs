//! How many connections a listener holds, in all and from one address, and how fast they may come.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use metrics::Gauge;
use parking_lot::Mutex;

use super::Config;
use super::address::rate_limit_key;
use crate::rate::{Allowance, Bucket};
use crate::runtime::{Clock, memory};

/// What a connection or a session takes of memory, about.
const PLACE_BYTES: usize = 8 * 1024;

/// Why a connection is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The listener holds all it may.
    Full,
    /// That address holds all it may.
    TooManyFromAddress,
    /// That address connects too fast.
    TooFast,
}

impl Refusal {
    /// Its name in the metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::TooManyFromAddress => "too_many_from_address",
            Self::TooFast => "too_fast",
        }
    }
}

/// How many connections of a service there are, or polling sessions, by address.
pub struct ConnectionLimits {
    max: usize,
    max_per_address: usize,
    exempt: Vec<IpNet>,
    rate: Allowance,
    clock: Clock,
    held: Mutex<Held>,
    gauge: Gauge,
}

#[derive(Default)]
struct Held {
    total: usize,
    by_address: HashMap<IpAddr, OfAddress>,
}

/// What one address has.
#[derive(Default)]
struct OfAddress {
    n_held: usize,
    opened: Bucket,
}

/// The right to be connected, until dropped.
pub struct Permit {
    limits: Arc<ConnectionLimits>,
    counted: Option<IpAddr>,
}

impl ConnectionLimits {
    /// There are none; `gauge` shows how many there are.
    pub fn new(config: &Config, gauge: Gauge, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            max: config.max_connections,
            max_per_address: config.max_connections_per_address,
            exempt: config.trusted_networks(),
            rate: Allowance::new(config.connects_per_second, config.connect_burst),
            clock,
            held: Mutex::default(),
            gauge,
        })
    }

    /// Lets a peer in, or says why not.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Permit, Refusal> {
        if let Some(address) = self.counted(peer) {
            let mut held = self.held.lock();
            if !held.by_address.entry(address).or_default().opened.take(self.rate, self.clock.now()) {
                return Err(Refusal::TooFast);
            }
        }
        self.admit_open(peer)
    }

    /// Lets in a peer whose connection is open already, and was counted where it was opened.
    pub fn admit_open(self: &Arc<Self>, peer: IpAddr) -> Result<Permit, Refusal> {
        let counted = self.counted(peer);
        let mut held = self.held.lock();
        if held.total >= self.max {
            return Err(Refusal::Full);
        }
        if let Some(address) = counted {
            let of_address = held.by_address.entry(address).or_default();
            if of_address.n_held >= self.max_per_address {
                return Err(Refusal::TooManyFromAddress);
            }
            of_address.n_held += 1;
        }
        held.total += 1;
        self.gauge.set(held.total as f64);
        drop(held);
        Ok(Permit { limits: Arc::clone(self), counted })
    }

    /// How many are in.
    pub fn n_held(&self) -> usize {
        self.held.lock().total
    }

    /// The address whose connections are counted; none of one that is exempt.
    fn counted(&self, peer: IpAddr) -> Option<IpAddr> {
        let is_exempt = peer.is_loopback() || self.exempt.iter().any(|network| network.contains(&peer));
        (!is_exempt).then(|| rate_limit_key(peer))
    }

    /// Forgets addresses that hold nothing and have not connected lately.
    pub fn forget_idle(&self) {
        let now = self.clock.now();
        let mut held = self.held.lock();
        held.by_address.retain(|_, of_address| of_address.n_held > 0 || !of_address.opened.is_empty(now));
        held.by_address.shrink_to_fit();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut held = self.limits.held.lock();
        held.total -= 1;
        self.limits.gauge.set(held.total as f64);
        memory::freed(PLACE_BYTES);
        let Some(address) = self.counted else { return };
        if let Some(of_address) = held.by_address.get_mut(&address) {
            of_address.n_held -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(max: usize, per_address: usize, burst: u32) -> Arc<ConnectionLimits> {
        let config = Config {
            max_connections: max,
            max_connections_per_address: per_address,
            connects_per_second: 1,
            connect_burst: burst,
            trusted_proxies: vec!["10.0.0.0/8".into()],
            ..Config::default()
        };
        ConnectionLimits::new(&config, Gauge::noop(), Clock::start())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_cannot_take_every_place() {
        let limits = limits(10, 2, 100);
        let first = limits.admit(ip("203.0.113.1")).ok();
        let _second = limits.admit(ip("203.0.113.1")).ok();
        assert_eq!(limits.admit(ip("203.0.113.1")).err(), Some(Refusal::TooManyFromAddress));
        assert!(limits.admit(ip("203.0.113.2")).is_ok());
        drop(first);
        assert!(limits.admit(ip("203.0.113.1")).is_ok());
    }

    #[test]
    fn loopback_and_proxies_are_counted_only_in_all() {
        let limits = limits(4, 1, 1);
        let held: Vec<_> = ["127.0.0.1", "127.0.0.1", "10.0.0.1", "10.0.0.1"]
            .map(|peer| limits.admit(ip(peer)).unwrap())
            .into();
        assert_eq!(limits.admit(ip("127.0.0.1")).err(), Some(Refusal::Full));
        drop(held);
        assert!(limits.admit(ip("127.0.0.1")).is_ok());
        assert!(limits.held.lock().by_address.is_empty());
    }

    #[test]
    fn an_address_that_connects_too_fast_is_refused() {
        let limits = limits(10, 10, 3);
        for _ in 0..3 {
            assert!(limits.admit(ip("203.0.113.1")).is_ok());
        }
        assert_eq!(limits.admit(ip("203.0.113.1")).err(), Some(Refusal::TooFast));
        assert!(limits.admit(ip("203.0.113.2")).is_ok());
    }
}
