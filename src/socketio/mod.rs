//! Socket.IO as every service speaks it: sealed sessions, ordered events, bounded queues.
//!
//! Clients that poll, and those that go over to a WebSocket, are served by socketioxide; a session that begins as
//! a WebSocket is a conversation of its own.

mod conversation;
mod engine;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod handlers;
mod library;
mod member;
mod meter;
mod post;
mod seal;
mod session;
mod session_limits;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Findings;
use crate::json;
use crate::time::human;

pub use engine::endpoint;

/// What a binary event comes to: it has no name, so it is ignored, and answered if an answer was asked for.
const NO_EVENT: &[u8] = b"[]";

/// A longer token is none: the largest signed ones have a few kilobytes.
const MAX_TOKEN_BYTES: usize = 8192;

/// `[socketio]`: what Socket.IO services limit besides `[members]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Frames that may wait for one member that polls; one more and it is cut, to come back and start anew.
    pub max_queued_frames: usize,
    /// A connection must have joined the namespace within this time.
    #[serde(with = "human")]
    pub connect_timeout: Duration,
    /// A polling session that goes over to WebSocket must be done within this time.
    #[serde(with = "human")]
    pub upgrade_timeout: Duration,
    /// Polling sessions that have not joined the namespace yet, whatever their addresses; one more is answered 503.
    pub max_unjoined_sessions: usize,
    /// A name with which this node's polling session ids end, so that a load balancer finds the node again; none if empty.
    pub node: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_queued_frames: 1024,
            connect_timeout: Duration::from_secs(10),
            upgrade_timeout: Duration::from_secs(10),
            max_unjoined_sessions: 3_000,
            node: String::new(),
        }
    }
}

impl Config {
    /// Checks that every limit lets something through.
    pub fn validate(&self, findings: &mut Findings) {
        findings.at_least_one("socketio.max_queued_frames", self.max_queued_frames);
        findings.at_least_one("socketio.max_unjoined_sessions", self.max_unjoined_sessions);
        findings.not_zero("socketio.connect_timeout", self.connect_timeout);
        findings.not_zero("socketio.upgrade_timeout", self.upgrade_timeout);
        if !self.node.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            findings.add("socketio.node", "letters, digits and hyphens are expected");
        }
    }
}

/// The `token` of a handshake's `auth`.
fn token_of(auth: &str) -> Option<Box<str>> {
    #[derive(Deserialize)]
    struct Auth {
        token: Box<str>,
    }
    let auth: Auth = json::object(auth)?;
    (auth.token.len() <= MAX_TOKEN_BYTES).then_some(auth.token)
}
