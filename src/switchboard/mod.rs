//! Between members and rules, whatever wire a member speaks: one task that owns a hub, and bounded queues.
//!
//! ```text
//! member --event--> line --Arrival--> inbox --> Hub::handle --Effects--> switchboard --frame--> members
//! ```
//! One task owns the hub, so the order in which members see events is the order in which the rules ran.

mod board;
mod client;
mod held;
mod inbox;
mod incoming;
mod line;
mod rate;
#[cfg(test)]
pub mod stage;
mod written;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::config::Findings;
use crate::effect::{Effects, MemberId};
use crate::time::Timestamp;

pub use board::Switchboard;
pub use client::{Client, Pings, Wire};
pub use inbox::{Orders, Questions};
pub use incoming::Incoming;
pub use line::{Exchange, Line, Received, random_name};
pub use rate::{Allowance, Bucket};
pub use written::{LENGTH_16, LENGTH_64, Written, answer, close_frame, framed_length, goodbye, text_frame};

/// A service's rooms and rules: pure, without a clock.
pub trait Hub: Send + Sync + 'static {
    /// A member connected.
    fn connect(&mut self, member: MemberId, newcomer: Newcomer, now: Timestamp) -> Effects;

    /// A connected member sent an event.
    ///
    /// On a plain WebSocket the event is the object's `type` and the payload the whole object; without a `type`
    /// the event is empty, and there is no payload if the frame is no JSON object.
    fn handle(&mut self, from: MemberId, event: &str, payload: Option<&RawValue>, now: Timestamp) -> Effects;

    /// A member showed, without an event, that it is still there; told once in a while.
    fn heard(&mut self, _member: MemberId, _now: Timestamp) {}

    /// A member is gone.
    fn leave(&mut self, member: MemberId, now: Timestamp) -> Effects;

    /// When a timer is due next, if there is one.
    fn next_timeout(&self) -> Option<Timestamp>;

    /// A timer is due.
    fn handle_timeout(&mut self, now: Timestamp) -> Effects;

    /// How much there is, for the metrics.
    fn census(&self) -> Census;

    /// The process stops; what comes of it is done before the members are let go.
    fn stop(&mut self, _now: Timestamp) -> Effects {
        Effects::none()
    }
}

/// Who connects, as far as the handshake tells.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// The client's address, past trusted proxies.
    pub address: IpAddr,
    /// The key that it brought: `auth.token`, else `Authorization: Bearer`, else `?auth=`.
    pub token: Option<Box<str>>,
}

/// How much a hub holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Census {
    /// Rooms that exist.
    pub n_rooms: usize,
    /// Members that sit in one.
    pub n_seated: usize,
}

/// `[members]`: limits of every member of every service, whatever its wire.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The largest message, on every transport.
    pub max_payload_bytes: usize,
    /// Bytes that may wait for one member; more and it is cut, to come back and start anew.
    pub max_queued_bytes: usize,
    /// Bytes of voices that may wait for one member; over it the oldest are dropped.
    pub max_fleeting_bytes: usize,
    /// Events of all members that may wait for the rules; one more and its sender is cut.
    pub max_inbox_events: usize,
    /// Bytes of events that may wait for the rules, with the same end.
    pub max_inbox_bytes: usize,
    /// Events a second that one member may send on average; more are dropped and counted.
    pub events_per_second: u32,
    /// Events that one member may send at once.
    pub event_burst: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_payload_bytes: 1_000_000,
            max_queued_bytes: 4 * 1024 * 1024,
            max_fleeting_bytes: 512 * 1024,
            max_inbox_events: 65_536,
            max_inbox_bytes: 64 * 1024 * 1024,
            events_per_second: 1_000,
            event_burst: 2_000,
        }
    }
}

impl Config {
    /// Checks that every limit lets something through.
    pub fn validate(&self, findings: &mut Findings) {
        findings.at_least_one("members.max_payload_bytes", self.max_payload_bytes);
        findings.at_least_one("members.max_inbox_events", self.max_inbox_events);
        findings.at_least_one("members.events_per_second", self.events_per_second as usize);
        findings.at_least_one("members.event_burst", self.event_burst as usize);
        for (key, bytes) in
            [("max_queued_bytes", self.max_queued_bytes), ("max_inbox_bytes", self.max_inbox_bytes)]
        {
            if bytes < self.max_payload_bytes {
                findings.add(format!("members.{key}"), "at least max_payload_bytes is expected");
            }
        }
    }
}
