//! Socket.IO as every service speaks it: sealed sessions, ordered events, bounded queues, pure rules behind.
//!
//! ```text
//! socket --event--> line --Arrival--> inbox --> Hub::handle --Effects--> switchboard --frame--> sockets
//! ```
//! One task owns the hub, so the order in which members see events is the order in which the rules ran.

mod engine;
mod inbox;
mod incoming;
mod line;
mod post;
mod seal;
mod session;
mod switchboard;
mod wire;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Findings;
use crate::time::human;

pub use engine::{Engine, Pings};
pub use inbox::Questions;
pub use switchboard::{Census, Hub};

/// `[socketio]`: limits of every Socket.IO service.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The largest message, on polling as on WebSocket.
    pub max_payload_bytes: usize,
    /// Frames that may wait for one member; one more and it is cut, to come back and start anew.
    pub max_queued_frames: usize,
    /// Bytes that may wait for one member, with the same end.
    pub max_queued_bytes: usize,
    /// Events of all members that may wait for the rules; one more and its sender is cut.
    pub max_inbox_events: usize,
    /// Bytes of events that may wait for the rules, with the same end.
    pub max_inbox_bytes: usize,
    /// Events a second that one member may send on average; more are dropped and counted.
    pub events_per_second: u32,
    /// Events that one member may send at once.
    pub event_burst: u32,
    /// A connection must have joined the namespace within this time.
    #[serde(with = "human")]
    pub connect_timeout: Duration,
    /// A polling session that goes over to WebSocket must be done within this time.
    #[serde(with = "human")]
    pub upgrade_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_payload_bytes: 1_000_000,
            max_queued_frames: 1024,
            max_queued_bytes: 4 * 1024 * 1024,
            max_inbox_events: 65_536,
            max_inbox_bytes: 64 * 1024 * 1024,
            events_per_second: 1_000,
            event_burst: 2_000,
            connect_timeout: Duration::from_secs(10),
            upgrade_timeout: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// Checks that every limit lets something through.
    pub fn validate(&self, findings: &mut Findings) {
        findings.at_least_one("socketio.max_payload_bytes", self.max_payload_bytes);
        findings.at_least_one("socketio.max_queued_frames", self.max_queued_frames);
        findings.at_least_one("socketio.max_inbox_events", self.max_inbox_events);
        findings.at_least_one("socketio.events_per_second", self.events_per_second as usize);
        findings.at_least_one("socketio.event_burst", self.event_burst as usize);
        findings.not_zero("socketio.connect_timeout", self.connect_timeout);
        findings.not_zero("socketio.upgrade_timeout", self.upgrade_timeout);
        for (key, bytes) in
            [("max_queued_bytes", self.max_queued_bytes), ("max_inbox_bytes", self.max_inbox_bytes)]
        {
            if bytes < self.max_payload_bytes {
                findings.add(format!("socketio.{key}"), "at least max_payload_bytes is expected");
            }
        }
    }
}
