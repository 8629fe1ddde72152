//! Between members and rules, whatever wire a member speaks: one task that owns a hub, and bounded queues.
//!
//! ```text
//! member --event--> session --Arrival--> inbox --> Hub::handle --Effects--> barrier --frame--> members
//! ```
//! One task owns the hub, so the order in which members see events is the order in which the rules ran.

mod common_clock;
mod encode;
mod erase;
mod inbox;
mod incoming;
mod local;
mod managed;
mod members;
mod outbound;
mod outcome;
mod quota;
mod recipient;
pub mod replication;
mod rng;
mod runner;
mod senders;
mod sequencer;
mod session;
pub mod snapshot_store;
mod storage;
#[cfg(test)]
pub mod test_stage;
mod tracked_map;
mod turns;
mod write_barrier;

use std::collections::HashSet;
use std::fmt::Display;
use std::hash::Hash;
use std::net::IpAddr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::config::Findings;
use crate::effect::{Effects, Erasure, MemberId};
use crate::time::{Timestamp, WallOffset};

pub use crate::rate::{Allowance, Bucket};
pub use encode::{EncodedFrame, OwnCopies, Pending, Wire, answer, framed_length, goodbye, text_frame};
pub use erase::{NamedRoom, erase, erase_from_text};
pub use inbox::{Commands, Queries};
pub use incoming::Incoming;
pub use managed::ManagedRooms;
pub use members::EVENT_LOG;
pub use outbound::{Outbound, Pings};
pub use outcome::Outcome;
pub use quota::RoomQuota;
pub use rng::Rng;
pub use runner::Runner;
pub use session::{Ingress, Received, Session, random_name};
pub use snapshot_store::{ROOMS_FILE, Seed, random_seed};
pub use storage::Storage;
pub use tracked_map::TrackedMap;

/// A service's rooms and rules: pure, without a clock.
///
/// Its rooms and members are plain data: they outlive the process, and several nodes may have the same ones, because what
/// the rules do depends on their inputs alone. Commands change something (`&mut self`) and go through the log of several
/// nodes; queries change nothing (`&self`) and are answered from what a node has.
pub trait Hub: Send + Sync + 'static {
    /// A room's name.
    type RoomId: Clone + Ord + Hash + Display + Send + Sync;
    /// A room, with everything that its rules need to know.
    type Room: Clone + Serialize + DeserializeOwned + Send + Sync;
    /// What is known of a connected member.
    type Member: Clone + Serialize + DeserializeOwned + Send + Sync;
    /// What is done from outside, by an HTTP handler, as it stands in the log.
    type Command: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What whoever gave a command is told.
    type Outcome: Send + 'static;
    /// What is written down; `NoRecord` for a hub that keeps no journal.
    type Record: Send + Sync + 'static;

    /// How the wall clock stands to the time that is told as `now`; told before whatever it may matter to.
    fn set_wall(&mut self, _offset: WallOffset) {}

    /// Whether a handshake is let in, by the node that it comes to; what it brought and is no longer needed is taken from it.
    ///
    /// # Errors
    /// What it is told in place of being let in.
    fn admit(
        &self,
        _member: MemberId,
        _newcomer: &mut Handshake,
        _now: Timestamp,
    ) -> Result<(), Effects<Self::Record>> {
        Ok(())
    }

    /// A member connected, and was let in.
    fn connect(&mut self, member: MemberId, handshake: Handshake, now: Timestamp) -> Effects<Self::Record>;

    /// A connected member sent an event.
    ///
    /// On a plain WebSocket the event is the object's `type` and the payload the whole object; without a `type`
    /// the event is empty, and there is no payload if the frame is no JSON object.
    fn handle(
        &mut self,
        from: MemberId,
        event: &str,
        payload: Option<&RawValue>,
        now: Timestamp,
    ) -> Effects<Self::Record>;

    /// Answers an event that asks and changes nothing; `None` for every other.
    fn query(
        &self,
        _from: MemberId,
        _event: &str,
        _payload: Option<&RawValue>,
        _now: Timestamp,
    ) -> Option<Effects<Self::Record>> {
        None
    }

    /// Does what is asked from outside.
    fn command(&mut self, command: Self::Command, now: Timestamp) -> (Self::Outcome, Effects<Self::Record>);

    /// Which records are void since the last command, of those that a node has decided on and not written down yet.
    fn take_void(&mut self) -> Option<IsVoid<Self::Record>> {
        None
    }

    /// What this node alone knows and the rules go by when they do that: it stands in the log with it.
    fn evidence(&self, _input: Asked<'_, Self::Command>, _now: Timestamp) -> Option<Box<RawValue>> {
        None
    }

    /// What the node of the next input knows; `None` after it.
    fn set_evidence(&mut self, _evidence: Option<&RawValue>) {}

    /// A member showed, without an event, that it is still there; told once in a while.
    fn heard(&mut self, _member: MemberId, _now: Timestamp) {}

    /// Whether it would change anything if a member were heard.
    fn needs_heard(&self, _member: MemberId, _now: Timestamp) -> bool {
        false
    }

    /// A member is gone, with its connection.
    fn leave(&mut self, member: MemberId, departure: Departure, now: Timestamp) -> Effects<Self::Record>;

    /// When a timer is due next, if there is one.
    fn next_timeout(&self) -> Option<Timestamp>;

    /// A timer is due.
    fn handle_timeout(&mut self, now: Timestamp) -> Effects<Self::Record>;

    /// Does all that time has come for, in an order that is the same on every node.
    fn tick(&mut self, now: Timestamp) -> Effects<Self::Record> {
        self.handle_timeout(now)
    }

    /// How much there is, for the metrics; asked once a second.
    fn census(&self) -> Census;

    /// Writes down what effects want to be kept, and has the rest wait for it if it must.
    fn persist(&mut self, effects: Effects<Self::Record>) -> Effects<Self::Record> {
        effects
    }

    /// The process stops; what comes of it is done before the members are let go.
    fn stop(&mut self, _now: Timestamp) -> Effects<Self::Record> {
        Effects::none()
    }

    /// The room's name in that text.
    fn room_id(text: &str) -> Option<Self::RoomId>;

    /// All rooms.
    fn rooms(&mut self) -> &mut TrackedMap<Self::RoomId, Self::Room>;

    /// All connected members, of all nodes.
    fn members(&mut self) -> &mut TrackedMap<MemberId, Self::Member>;

    /// Everybody who is in a room, or is told by it of something.
    fn occupants(room: &Self::Room) -> Vec<MemberId>;

    /// The process that a member was connected to is gone: the member has not left by its own will, and comes back.
    fn on_member_lost(
        &mut self,
        member: MemberId,
        room: &Self::RoomId,
        now: Timestamp,
    ) -> Effects<Self::Record>;

    /// A member's place in a room was taken away while its node was out of reach; it comes back and is told everything anew.
    fn evict(&mut self, member: MemberId, room: &Self::RoomId);

    /// Single things that all nodes know of beside the rooms, by name; a hub without any needs nothing here.
    fn facts(&mut self) -> Option<&mut TrackedMap<String, String>> {
        None
    }

    /// A fact that was changed here while the other nodes were out of reach, and is something else there.
    fn merge(_fact: &str, _theirs: &str, ours: &str) -> String {
        ours.to_owned()
    }

    /// Takes somebody out, whom another node has erased while it was alone.
    fn erase(&mut self, _name: &str, _now: Timestamp) -> Effects<Self::Record> {
        Effects::none()
    }

    /// Who was erased lately: what only this node keeps of them from before goes too.
    fn catch_up(&mut self, _erasures: &[Erasure]) {}

    /// Everything that the rules draw at random comes from these, with the secret of the rooms.
    fn seed(&mut self, _now: Timestamp, _offset: u64) {}

    /// Rooms, members and facts have become other ones.
    fn restored(&mut self, _now: Timestamp) {}
}

/// Says whether a record is void.
pub type IsVoid<R> = Box<dyn Fn(&R) -> bool + Send>;

/// What a node is about to have the rules do.
pub enum Asked<'a, C> {
    /// A member's event.
    Event(MemberId, &'a str, Option<&'a RawValue>),
    /// A command.
    Command(&'a C),
}

/// How a member leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Departure {
    /// It said so.
    Said,
    /// Its connection broke.
    CutOff,
    /// The process that it was connected to is gone.
    #[default]
    Lost,
}

/// Who connects, as far as the handshake tells.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// The client's address, past trusted proxies.
    pub address: IpAddr,
    /// The key that it brought: `auth.token`, else `Authorization: Bearer`, else `?auth=`; what it was let in as, once it is.
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

impl Census {
    /// Counts the rooms of all members that sit in one.
    pub fn of<R: Eq + Hash>(rooms: impl Iterator<Item = R>) -> Self {
        let mut n_seated = 0;
        let rooms: HashSet<R> = rooms.inspect(|_| n_seated += 1).collect();
        Self { n_rooms: rooms.len(), n_seated }
    }
}

/// More senders than any machine has CPUs for one service.
const MAX_SENDERS: usize = 1024;

/// `[members]`: limits of every member of every service, whatever its wire.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The largest message, on every transport.
    pub max_payload_bytes: usize,
    /// Bytes that may wait for one member; more and it is cut, to come back and start anew.
    pub max_queued_bytes: usize,
    /// Bytes that may wait for all members of a service, a frame once for all on WebSockets and once more for each that
    /// polls; while more do, those who are behind are cut.
    pub max_pending_bytes: usize,
    /// Bytes of voices that may wait for one member; over it the oldest are dropped.
    pub max_lossy_bytes: usize,
    /// Events of all members that may wait for the rules; one more and its sender is cut.
    pub max_inbox_events: usize,
    /// Bytes of events that may wait for the rules, with the same end.
    pub max_inbox_bytes: usize,
    /// Events a second that one member may send on average; more are dropped and counted.
    pub events_per_second: u32,
    /// Events that one member may send at once.
    pub event_burst: u32,
    /// Tasks of each service that send what the rules have decided; 0 stands for one for each CPU.
    pub senders: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_payload_bytes: 1_000_000,
            max_queued_bytes: 4 * 1024 * 1024,
            max_pending_bytes: 256 * 1024 * 1024,
            max_lossy_bytes: 512 * 1024,
            max_inbox_events: 65_536,
            max_inbox_bytes: 64 * 1024 * 1024,
            events_per_second: 1_000,
            event_burst: 2_000,
            senders: 0,
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
        if self.senders > MAX_SENDERS {
            findings.add("members.senders", format!("at most {MAX_SENDERS} are expected"));
        }
        for (key, bytes) in [
            ("max_queued_bytes", self.max_queued_bytes),
            ("max_pending_bytes", self.max_pending_bytes),
            ("max_inbox_bytes", self.max_inbox_bytes),
        ] {
            if bytes < self.max_payload_bytes {
                findings.add(format!("members.{key}"), "at least max_payload_bytes is expected");
            }
        }
    }
}
