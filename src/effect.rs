//! What a rule asks the world to do: words between the pure rooms and whoever owns the sockets.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::value::{RawValue, to_raw_value};
use tracing::Level;

use crate::time::Timestamp;

/// One connected member, by the name its connection has on the wire.
///
/// Short enough to be copied: a broadcast to a thousand members is one `memcpy`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberId {
    len: u8,
    bytes: [u8; MemberId::MAX_BYTES],
}

impl MemberId {
    /// The longest name that fits; socket ids have 16 bytes.
    pub const MAX_BYTES: usize = 23;

    /// The member of that name, if it is 1 to [`Self::MAX_BYTES`] bytes long.
    pub fn new(name: &str) -> Option<Self> {
        let source = name.as_bytes();
        if source.is_empty() || source.len() > Self::MAX_BYTES {
            return None;
        }
        let mut bytes = [0; Self::MAX_BYTES];
        bytes[..source.len()].copy_from_slice(source);
        Some(Self { len: source.len() as u8, bytes })
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("a member's id is made from a str")
    }
}

impl Hash for MemberId {
    /// Hashes it whole: what lies behind the name is always zero.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.bytes);
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for MemberId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MemberId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        Self::new(&name).ok_or_else(|| D::Error::custom("a member id of 1 to 23 bytes is expected"))
    }
}

/// A named event with its payload, written once however many members get it.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The event's name.
    pub event: Cow<'static, str>,
    /// Its one argument, as JSON text, if it has one.
    pub payload: Option<Box<RawValue>>,
}

impl Frame {
    /// Writes `payload` down as the argument of `event`.
    pub fn new(event: impl Into<Cow<'static, str>>, payload: &impl Serialize) -> Self {
        let payload = to_raw_value(payload).expect("payloads have string keys and finite numbers");
        Self { event: event.into(), payload: Some(payload) }
    }

    /// An event whose name says it all.
    pub fn bare(event: impl Into<Cow<'static, str>>) -> Self {
        Self { event: event.into(), payload: None }
    }

    /// Its argument as text; empty if it has none.
    pub fn text(&self) -> &str {
        self.payload.as_deref().map_or("", RawValue::get)
    }
}

/// Whether a frame may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It reaches every member that stays connected.
    Reliable,
    /// It is worth something at once or not at all, like a piece of a voice: behind everything else, and dropped
    /// once too much waits.
    Lossy,
}

/// What hubs write down that keep no records: nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRecord {}

/// One thing to be done; `R` is what the hub writes down.
#[derive(Debug, Clone)]
pub enum Effect<R = NoRecord> {
    /// Send the frame to each of the members.
    Emit {
        /// Who gets it, each once.
        to: Vec<MemberId>,
        /// What they get.
        frame: Frame,
        /// Whether each of them must get it.
        delivery: Delivery,
    },
    /// Answer the event that is being handled, if its sender asked for an answer.
    Ack(Option<Box<RawValue>>),
    /// Let a member go, after all that it was told before.
    Disconnect(MemberId, Close),
    /// Count a request that was refused.
    Refused(Refused),
    /// Write a line in the service's event log, if it keeps one.
    Note(Box<RawValue>),
    /// Do something with a recording; every node does, for each has the whole of it.
    Recording(Box<RecordingStep>),
    /// Take somebody out of all files; every node does, for each has files of its own.
    Forget(Erasure),
    /// Write a record down; the hub that asked for it does so itself.
    Append(R),
    /// It has been written down, under that number.
    Appended(u64),
    /// Do nothing of what follows, nor of anything later, before the write of that number is on disk. Writes count from
    /// 1: with 0, what follows waits for nothing, not even for what came earlier.
    AwaitSync(u64),
}

/// A request that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its name in the metrics.
    pub code: &'static str,
    /// What an operator reads of it in the program's log, if anything.
    pub log: Option<(Level, Box<str>)>,
}

/// That somebody is taken out of all that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// A person's name, or a device's id.
    pub name: Box<str>,
    /// When it was ordered: no other erasure of the nodes has the same moment.
    pub at: Timestamp,
    /// Whether it was ordered while this node was away; files that have followed it already are left alone.
    pub is_late: bool,
}

impl Erasure {
    /// One that is ordered at this moment.
    pub fn new(name: &str, at: Timestamp) -> Self {
        Self { name: name.into(), at, is_late: false }
    }
}

/// What is to be done with a recording.
#[derive(Debug, Clone)]
pub enum RecordingStep {
    /// Write a line down.
    Write(RecordingLine),
    /// Delete it.
    Delete {
        /// The recording.
        id: Box<str>,
        /// Whose it must be.
        owner: Box<str>,
    },
    /// Take a person out of all of them.
    Forget(Erasure),
}

/// What is to be done with the event log.
#[derive(Debug, Clone)]
pub enum Note {
    /// Write a line.
    Line(Box<RawValue>),
    /// Take a person out of it.
    Forget(Erasure),
}

/// A line of a recording.
#[derive(Debug, Clone)]
pub struct RecordingLine {
    /// The recording.
    pub id: Box<str>,
    /// The first line of its file, for a node that has nothing of it.
    pub header: Box<RawValue>,
    /// The number of this line, from 0 on: a node that has it leaves it out.
    pub number: u64,
    /// Seconds since the recording began.
    pub seconds: f64,
    /// Whether it is the last one.
    pub is_last: bool,
    /// The line.
    pub text: Box<RawValue>,
}

/// Why the server lets a member go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// There is nothing more to be said.
    Done,
    /// The member broke a rule.
    Violation,
    /// The server stops; the member may come back elsewhere.
    GoingAway,
    /// It sent a message beyond the limit.
    TooBig,
}

impl Close {
    /// The WebSocket close code.
    pub fn code(self) -> u16 {
        match self {
            Self::Done => 1000,
            Self::GoingAway => 1001,
            Self::Violation => 1008,
            Self::TooBig => 1009,
        }
    }
}

/// Things to be done, in order.
#[derive(Debug)]
pub struct Effects<R = NoRecord>(Vec<Effect<R>>);

impl<R> Default for Effects<R> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<R> Effects<R> {
    /// Nothing to do: the silence that a protocol asks for.
    pub fn none() -> Self {
        Self::default()
    }

    /// Sends `frame` to one member.
    pub fn tell(&mut self, member: MemberId, frame: Frame) {
        self.tell_all(vec![member], frame);
    }

    /// Sends `frame` to all of `to`; to nobody, it is no effect.
    pub fn tell_all(&mut self, to: Vec<MemberId>, frame: Frame) {
        if !to.is_empty() {
            self.0.push(Effect::Emit { to, frame, delivery: Delivery::Reliable });
        }
    }

    /// Sends `frame` to those of `to` who can take it at once, or very soon.
    pub fn tell_lossy(&mut self, to: Vec<MemberId>, frame: Frame) {
        if !to.is_empty() {
            self.0.push(Effect::Emit { to, frame, delivery: Delivery::Lossy });
        }
    }

    /// Acknowledges the event that is being handled, with no argument.
    pub fn ack(&mut self) {
        self.0.push(Effect::Ack(None));
    }

    /// Acknowledges the event that is being handled, with one argument.
    pub fn answer(&mut self, payload: &impl Serialize) {
        let payload = to_raw_value(payload).expect("payloads have string keys and finite numbers");
        self.0.push(Effect::Ack(Some(payload)));
    }

    /// Lets a member go, after all that it was told before.
    pub fn disconnect(&mut self, member: MemberId, close: Close) {
        self.0.push(Effect::Disconnect(member, close));
    }

    /// Does what `later` says after all of this.
    pub fn append(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// What is to be done, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Effect<R>> {
        self.0.iter()
    }

    /// Writes a line in the service's event log, if it keeps one.
    pub fn note(&mut self, line: &impl Serialize) {
        let line = to_raw_value(line).expect("notes have string keys and finite numbers");
        self.0.push(Effect::Note(line));
    }

    /// Does something with a recording, on every node.
    pub fn record(&mut self, step: RecordingStep) {
        self.0.push(Effect::Recording(Box::new(step)));
    }

    /// Has the hub write a record down.
    pub fn append_record(&mut self, record: R) {
        self.0.push(Effect::Append(record));
    }

    /// Takes back what was to be written down, where it is void.
    pub fn void_records(&mut self, is_void: &dyn Fn(&R) -> bool) {
        self.0.retain(|effect| !matches!(effect, Effect::Append(record) if is_void(record)));
    }

    /// Notes that something has been written down under that number.
    pub fn appended(&mut self, number: u64) {
        self.0.push(Effect::Appended(number));
    }

    /// Does one more thing.
    pub fn push(&mut self, effect: Effect<R>) {
        self.0.push(effect);
    }

    /// Does all that follows once the write of that number is on disk.
    pub fn await_sync(&mut self, number: u64) {
        self.0.push(Effect::AwaitSync(number));
    }

    /// Does all that follows at once, before whatever waits for a write.
    pub fn await_nothing(&mut self) {
        self.0.push(Effect::AwaitSync(0));
    }

    /// Counts a refusal under its code.
    pub fn refused(&mut self, code: &'static str) {
        self.0.push(Effect::Refused(Refused { code, log: None }));
    }
}

impl<'a, R> IntoIterator for &'a Effects<R> {
    type Item = &'a Effect<R>;
    type IntoIter = std::slice::Iter<'a, Effect<R>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<R> IntoIterator for Effects<R> {
    type Item = Effect<R>;
    type IntoIter = std::vec::IntoIter<Effect<R>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Effects {
    /// The same for a hub that keeps records.
    pub fn with_records<R>(self) -> Effects<R> {
        let with_records = |effect| match effect {
            Effect::Emit { to, frame, delivery } => Effect::Emit { to, frame, delivery },
            Effect::Ack(payload) => Effect::Ack(payload),
            Effect::Disconnect(member, close) => Effect::Disconnect(member, close),
            Effect::Refused(refused) => Effect::Refused(refused),
            Effect::Note(note) => Effect::Note(note),
            Effect::Recording(step) => Effect::Recording(step),
            Effect::Forget(erasure) => Effect::Forget(erasure),
            Effect::Append(none) => match none {},
            Effect::Appended(number) => Effect::Appended(number),
            Effect::AwaitSync(number) => Effect::AwaitSync(number),
        };
        Effects(self.0.into_iter().map(with_records).collect())
    }
}
