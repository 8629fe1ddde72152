//! Access keys, and the wrong ones that are tried, counted by address.
//!
//! Who was wrong too often waits, with a right key too: else guessing would go on. Each key counts for itself, so that
//! a forgotten scraper with an old token shuts out no members from behind the same router. Counts are this process's.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use ipnet::IpNet;
use parking_lot::Mutex;
use tracing::warn;

use super::address::{client, rate_limit_key};
use super::{Config, routes};
use crate::secret::Secret;
use crate::time::Timestamp;

/// A shorter key can be guessed.
const SAFE_CHARS: usize = 16;

/// Why nobody is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// None was brought.
    Missing,
    /// It is another one.
    Wrong,
    /// Its address was wrong too often; it may try again after this time.
    TooOften(Duration),
}

impl Denied {
    /// The answer over HTTP; `problem` says which key is wanted.
    pub fn answer(self, problem: &str) -> Response {
        match self {
            Self::Missing | Self::Wrong => routes::error(StatusCode::UNAUTHORIZED, problem),
            Self::TooOften(wait) => {
                let headers = [(RETRY_AFTER, wait.as_secs().max(1).to_string())];
                let answer =
                    routes::error(StatusCode::TOO_MANY_REQUESTS, "too many wrong keys from this address");
                (headers, answer).into_response()
            }
        }
    }
}

/// Wrong keys of each address lately, for each access key.
pub struct WrongKeys {
    tries: u32,
    window: Duration,
    max_addresses: usize,
    trusted: Vec<IpNet>,
    held: Mutex<Held>,
}

/// An access key, by the configuration key that sets it, and who tries it.
type Guesser = (&'static str, IpAddr);

#[derive(Default)]
struct Held {
    wrong: HashMap<Guesser, Wrong>,
    /// The same, the first to have been wrong first.
    in_order: VecDeque<(Timestamp, Guesser)>,
}

/// Wrong keys since a moment.
#[derive(Clone, Copy)]
struct Wrong {
    tries: u32,
    since: Timestamp,
}

impl WrongKeys {
    /// Nobody has been wrong yet.
    pub fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            tries: config.wrong_keys,
            window: config.wrong_key_window,
            max_addresses: config.wrong_key_addresses,
            trusted: config.trusted_networks(),
            held: Mutex::default(),
        })
    }

    /// The address that a request counts for, past trusted proxies.
    pub fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        client(peer, headers, &self.trusted)
    }

    /// Counts a key that was tried for the one of that name; `is_right` is `None` if there was none.
    pub fn judge(
        &self,
        name: &'static str,
        address: IpAddr,
        is_right: Option<bool>,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let Some(is_right) = is_right else { return Err(Denied::Missing) };
        let guesser = (name, rate_limit_key(address));
        let mut held = self.held.lock();
        held.forget(self.window, now);
        let Wrong { tries, since } =
            held.wrong.get(&guesser).copied().unwrap_or(Wrong { tries: 0, since: now });
        if tries >= self.tries {
            return Err(Denied::TooOften(self.window.saturating_sub(now.since(since))));
        }
        if is_right {
            return Ok(());
        }
        if tries == 0 {
            if held.in_order.len() >= self.max_addresses {
                held.forget_oldest();
            }
            held.in_order.push_back((now, guesser));
        }
        held.wrong.insert(guesser, Wrong { tries: tries + 1, since });
        if tries + 1 == self.tries {
            warn!(key = name, %address, "too many wrong keys: the address has to wait");
        }
        Err(Denied::Wrong)
    }
}

impl Held {
    fn forget(&mut self, window: Duration, now: Timestamp) {
        while self.in_order.front().is_some_and(|(since, _)| now.since(*since) >= window) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, guesser)) = self.in_order.pop_front() {
            self.wrong.remove(&guesser);
        }
    }
}

/// A key that lets clients or operators in.
#[derive(Clone)]
pub struct AccessKey {
    /// The configuration key that sets it.
    pub name: &'static str,
    key: Secret,
    wrong: Arc<WrongKeys>,
}

impl AccessKey {
    /// The key that the configuration key `name` sets; an empty one lets nobody in.
    pub fn new(name: &'static str, key: Secret, wrong: &Arc<WrongKeys>) -> Self {
        warn_if_short(name, &key);
        Self { name, key, wrong: Arc::clone(wrong) }
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.key.is_set()
    }

    /// Tries a key that came from an address.
    pub fn verify(&self, address: IpAddr, given: Option<&str>, now: Timestamp) -> Result<(), Denied> {
        let given = given.filter(|given| !given.is_empty());
        self.wrong.judge(self.name, address, given.map(|given| self.key.is(given)), now)
    }

    /// Tries the key that a request brings.
    pub fn verify_request(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        given: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Denied> {
        self.verify(self.wrong.address(peer, headers), given, now)
    }
}

/// Says at the start that a key can be guessed.
pub fn warn_if_short(name: &'static str, key: &Secret) {
    if key.is_set() && key.expose().chars().count() < SAFE_CHARS {
        warn!(key = name, "a key of fewer than {SAFE_CHARS} characters can be guessed: set a longer one");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn key(name: &'static str, wrong: &Arc<WrongKeys>) -> AccessKey {
        AccessKey::new(name, Secret::new("right"), wrong)
    }

    fn limits(wrong_keys: u32, wrong_key_addresses: usize) -> Arc<WrongKeys> {
        let window = Duration::from_mins(1);
        WrongKeys::new(&Config {
            wrong_keys,
            wrong_key_window: window,
            wrong_key_addresses,
            ..Config::default()
        })
    }

    #[test]
    fn who_was_wrong_too_often_waits_with_that_key_and_no_other() {
        let wrong = limits(2, 10);
        let (front, back) = (key("front", &wrong), key("back", &wrong));
        let (eve, ann) = (IpAddr::from([203, 0, 113, 1]), IpAddr::from([203, 0, 113, 2]));
        let at = |seconds| NOW + Duration::from_secs(seconds);
        assert_eq!(front.verify(eve, None, NOW), Err(Denied::Missing));
        assert_eq!(front.verify(eve, Some(""), NOW), Err(Denied::Missing));
        assert_eq!(front.verify(eve, Some("a"), NOW), Err(Denied::Wrong));
        assert_eq!(front.verify(eve, Some("right"), at(1)), Ok(()));
        assert_eq!(front.verify(eve, Some("b"), at(20)), Err(Denied::Wrong));
        assert_eq!(front.verify(eve, Some("right"), at(50)), Err(Denied::TooOften(Duration::from_secs(10))));
        assert_eq!(front.verify(ann, Some("right"), at(50)), Ok(()));
        assert_eq!(back.verify(eve, Some("right"), at(50)), Ok(()));
        assert_eq!(front.verify(eve, Some("right"), at(60)), Ok(()));
    }

    #[test]
    fn a_crowd_of_addresses_takes_no_more_memory_than_it_may() {
        let wrong = limits(1, 3);
        let key = key("front", &wrong);
        for last in 0..100 {
            assert_eq!(key.verify([203, 0, 113, last].into(), Some("a"), NOW), Err(Denied::Wrong));
        }
        let held = wrong.held.lock();
        assert_eq!((held.wrong.len(), held.in_order.len()), (3, 3));
    }
}
