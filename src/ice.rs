//! STUN and TURN servers for calls between members, with time-limited credentials: the TURN REST scheme that coturn's
//! `use-auth-secret` checks.
//! Source: draft-uberti-behave-turn-rest-00, section 2.2.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde::Serialize;

use crate::secret::Secret;
use crate::time::Timestamp;

/// What a client shows to a TURN server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credentials {
    /// `<unix expiry in seconds>:<user id>`.
    pub username: String,
    /// `base64(HMAC-SHA1(secret, username))`.
    pub credential: String,
}

impl Credentials {
    /// Credentials for a user, good until a Unix time in seconds.
    pub fn until(expiry_secs: u64, user_id: &str, secret: &[u8]) -> Self {
        let username = format!("{expiry_secs}:{user_id}");
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
        let credential = STANDARD.encode(hmac::sign(&key, username.as_bytes()));
        Self { username, credential }
    }
}

/// An entry of `iceServers`, as browsers take it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IceServer {
    urls: Vec<String>,
    #[serde(flatten)]
    credentials: Option<Credentials>,
}

/// The servers that clients are told of.
#[derive(Debug, Clone, Default)]
pub struct IceServers {
    /// STUN, for everybody.
    pub stun_urls: Vec<String>,
    /// TURN, for whoever has credentials.
    pub turn_urls: Vec<String>,
    /// What the TURN servers share with this one; without it there are no credentials.
    pub turn_secret: Secret,
    /// How long credentials are good for.
    pub ttl: Duration,
}

impl IceServers {
    /// The servers with credentials for a user, which end with its token if it has one; `now` is the wall clock's.
    pub fn of(&self, user: &str, until: Option<Timestamp>, now: Timestamp) -> Vec<IceServer> {
        let mut servers = Vec::new();
        if !self.stun_urls.is_empty() {
            servers.push(IceServer { urls: self.stun_urls.clone(), credentials: None });
        }
        if !self.turn_urls.is_empty() {
            let end = now + self.ttl;
            let expiry_secs = until.map_or(end, |until| until.min(end)).as_millis() / 1000;
            let secret = self.turn_secret.expose().as_bytes();
            let credentials =
                self.turn_secret.is_set().then(|| Credentials::until(expiry_secs, user, secret));
            servers.push(IceServer { urls: self.turn_urls.clone(), credentials });
        }
        servers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_those_of_the_turn_rest_scheme() {
        let credentials = Credentials::until(1_700_000_000, "anna", b"north");
        assert_eq!(credentials.username, "1700000000:anna");
        assert_eq!(credentials.credential, "WS1fjjHj2gNlXzhc/ZcwmC3ofIo=");
    }
}
