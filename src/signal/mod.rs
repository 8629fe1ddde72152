//! `roomhub signal`: WebRTC signalling, over Socket.IO and plain WebSockets in the same rooms.
//!
//! `join` and `leave` say who is where; `message`, `offer`, `answer` and `candidate` go to the rest of a room as they
//! came, or to one user in it. Who joins is told of STUN and TURN servers, with credentials for a while.
//! `GET /` is a page to try calls with.

mod command;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod hub;
mod operators;
mod protocol;
mod room;
mod routes;
mod server;
#[cfg(test)]
mod tests;
mod tokens;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Alias, Findings};
use crate::http::origin::AllowedOrigins;
use crate::http::socket::Listen;
use crate::ice::IceServers;
use crate::secret::Secret;
use crate::time::human;

pub use server::start;

/// The service's name in logs and metrics.
const SERVICE: &str = "signal";

/// The names that the original server reads from its environment.
pub const ALIASES: [Alias; 1] = [Alias { variable: "PORT", key: "signal.port", unit: "" }];

/// What becomes of an id that a second connection asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DuplicateUser {
    /// The second one has it; the first is told and is out of the room.
    Replace,
    /// The first one keeps it.
    Reject,
}

/// `[signal]`: WebRTC signalling.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address to listen on.
    pub host: String,
    /// The port to listen on.
    pub port: u16,
    /// Addresses to listen on, in place of these two.
    pub listen: Vec<String>,
    /// Origins whose pages may connect; `*` is any.
    pub cors_origin: Vec<String>,
    /// The key that clients bring; without one, anybody may connect.
    pub auth_key: Secret,
    /// A file that holds the key, in place of `auth_key`.
    pub auth_key_file: String,
    /// Signs, with HMAC-SHA256, the tokens that joins must bring; none are asked for if neither key is set.
    pub token_secret: Secret,
    /// A file that holds it, in place of `token_secret`.
    pub token_secret_file: String,
    /// A file with the public Ed25519 key of such tokens, as PEM, in place of a secret.
    pub token_public_key_file: String,
    /// What becomes of an id that a second connection asks for.
    pub duplicate_user: DuplicateUser,
    /// Whether strangers may send to rooms, and users let others leave, as early clients do.
    pub legacy_relay: bool,
    /// Rooms at a time.
    pub max_rooms: usize,
    /// Rooms at a time that one address has made; loopback and trusted proxies may make any number.
    pub max_rooms_per_address: usize,
    /// Rooms that one connection may be in at a time.
    pub max_rooms_per_member: usize,
    /// Users of one room.
    pub room_capacity: usize,
    /// A place that was asked to be kept is kept this long after the connection breaks; 0 keeps none.
    #[serde(with = "human")]
    pub resume_window: Duration,
    /// Events a second of one connection on average; more are refused.
    pub events_per_second: u32,
    /// Events of one connection at once.
    pub event_burst: u32,
    /// STUN servers that clients are told of.
    pub stun_urls: Vec<String>,
    /// TURN servers that clients are told of.
    pub turn_urls: Vec<String>,
    /// What the TURN servers share with this one (coturn: `static-auth-secret`); each join then gets credentials.
    pub turn_secret: Secret,
    /// A file that holds it, in place of `turn_secret`.
    pub turn_secret_file: String,
    /// How long such credentials are good for.
    #[serde(with = "human")]
    pub turn_ttl: Duration,
    /// How often a client is asked whether it is still there.
    #[serde(with = "human")]
    pub ping_interval: Duration,
    /// How long it may take to answer.
    #[serde(with = "human")]
    pub ping_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".into(),
            port: 5000,
            listen: Vec::new(),
            cors_origin: vec!["*".into()],
            auth_key: Secret::default(),
            auth_key_file: String::new(),
            token_secret: Secret::default(),
            token_secret_file: String::new(),
            token_public_key_file: String::new(),
            duplicate_user: DuplicateUser::Replace,
            legacy_relay: false,
            max_rooms: 10_000,
            max_rooms_per_address: 100,
            max_rooms_per_member: 50,
            room_capacity: 100,
            resume_window: Duration::from_secs(10),
            events_per_second: 200,
            event_burst: 1_000,
            stun_urls: Vec::new(),
            turn_urls: Vec::new(),
            turn_secret: Secret::default(),
            turn_secret_file: String::new(),
            turn_ttl: Duration::from_hours(12),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
        }
    }
}

impl Config {
    /// The servers that calls need, with what they share with this one.
    pub fn ice(&self) -> IceServers {
        IceServers {
            stun_urls: self.stun_urls.clone(),
            turn_urls: self.turn_urls.clone(),
            turn_secret: self.turn_secret.clone(),
            ttl: self.turn_ttl,
        }
    }

    /// Where to listen.
    pub fn listen(&self) -> Listen<'_> {
        Listen { host: &self.host, port: self.port, listen: &self.listen }
    }

    /// Checks what the types do not.
    pub fn validate(&self, findings: &mut Findings) {
        findings.at_least_one("signal.max_rooms", self.max_rooms);
        findings.at_least_one("signal.max_rooms_per_address", self.max_rooms_per_address);
        findings.at_least_one("signal.max_rooms_per_member", self.max_rooms_per_member);
        findings.at_least_one("signal.room_capacity", self.room_capacity);
        findings.at_least_one("signal.events_per_second", self.events_per_second as usize);
        findings.at_least_one("signal.event_burst", self.event_burst as usize);
        findings.not_zero("signal.turn_ttl", self.turn_ttl);
        findings.not_zero("signal.ping_interval", self.ping_interval);
        findings.not_zero("signal.ping_timeout", self.ping_timeout);
        if self.token_secret.is_set() && !self.token_public_key_file.is_empty() {
            findings.add("signal.token_public_key_file", "set either token_secret or this, not both");
        }
        AllowedOrigins::validate("signal.cors_origin", &self.cors_origin, findings);
    }
}
