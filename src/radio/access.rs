//! Access of listeners: stations with a listener key are only heard and listed with that key.
//!
//! The key comes as `?key=KEY`, as a bearer token, or as the password of any user. Wrong ones are counted by address, for
//! all stations together, so that more stations are not more guesses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Config;
use crate::http::keys::{Denied, WrongKeys, warn_if_short};
use crate::secret::Secret;
use crate::time::Timestamp;

/// The door whose wrong keys are counted.
const DOOR: &str = "radio.stations.listener_key";

/// The parameter that brings a key.
const PARAMETER: &str = "key";

/// The keys of stations, by route.
pub struct ListenerKeys {
    keys: BTreeMap<String, Secret>,
    wrong: Arc<WrongKeys>,
}

impl ListenerKeys {
    /// The keys of all stations that have one.
    pub fn of(config: &Config, wrong: &Arc<WrongKeys>) -> Self {
        let private = config.stations.iter().filter(|station| station.listener_key.is_set());
        let keys: BTreeMap<_, _> =
            private.map(|station| (station.normalized_route(), station.listener_key.clone())).collect();
        for key in keys.values() {
            warn_if_short(DOOR, key);
        }
        Self { keys, wrong: Arc::clone(wrong) }
    }

    /// Whether a station needs a key.
    pub fn is_private(&self, route: &str) -> bool {
        self.keys.contains_key(route)
    }

    /// Whether `key` gives access to a station.
    ///
    /// # Errors
    /// It is not that of the station, or its address has brought too many wrong ones.
    pub fn admit(
        &self,
        route: &str,
        address: IpAddr,
        key: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let Some(expected) = self.keys.get(route) else { return Ok(()) };
        let key = key.filter(|key| !key.is_empty());
        self.wrong.judge(DOOR, address, key.map(|key| expected.is(key)), now)
    }

    /// The stations that `key` opens.
    ///
    /// # Errors
    /// It opens none, or its address has brought too many wrong ones.
    pub fn opened_by(&self, address: IpAddr, key: &str, now: Timestamp) -> Result<BTreeSet<String>, Denied> {
        let opened: BTreeSet<String> = self
            .keys
            .iter()
            .filter(|(_, expected)| expected.is(key))
            .map(|(route, _)| route.clone())
            .collect();
        self.wrong.judge(DOOR, address, Some(!opened.is_empty()), now).map(|()| opened)
    }

    /// Whether there is any station with a key.
    pub fn has_any(&self) -> bool {
        !self.keys.is_empty()
    }
}

/// The key in a query.
pub fn key_in(query: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let key = pairs.into_iter().find(|(name, _)| name == PARAMETER)?.1.into_owned();
    (!key.is_empty()).then_some(key)
}

/// The query that brings a key.
pub fn query_with(key: &str) -> String {
    format!("?{}", form_urlencoded::Serializer::new(String::new()).append_pair(PARAMETER, key).finish())
}

/// The key that a request brings in its query, or else in its `Authorization`.
pub fn offered(query: &str, authorization: Option<&str>) -> Option<String> {
    let in_header = || {
        let (scheme, word) = authorization?.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(word.trim().to_owned());
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = String::from_utf8(STANDARD.decode(word.trim()).ok()?).ok()?;
        pair.split_once(':').map(|(_, password)| password.to_owned())
    };
    key_in(query).or_else(in_header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_in_the_query_as_a_token_or_as_a_password() {
        let basic = format!("Basic {}", STANDARD.encode("ann:a:b c"));
        assert_eq!(offered("t=1&key=a%3Ab+c", None).as_deref(), Some("a:b c"));
        assert_eq!(offered("", Some("bearer a:b c ")).as_deref(), Some("a:b c"));
        assert_eq!(offered("key=", Some(&basic)).as_deref(), Some("a:b c"));
        assert_eq!(offered("key=x", Some(&basic)).as_deref(), Some("x"));
        for none in [None, Some("Basic"), Some("Basic %%"), Some("Digest a"), Some("Basic YQ==")] {
            assert_eq!(offered("keys=x&a", none), None, "{none:?}");
        }
        let query = query_with("a&b=ü");
        assert_eq!((&*query, key_in(&query[1..]).as_deref()), ("?key=a%26b%3D%C3%BC", Some("a&b=ü")));
    }
}
