//! A hub on a stage, for tests: a script goes in, a transcript comes out.
//!
//! What members say stands flush left, what they are told is indented. Lines are `ann connects`, `ann connects
//! from 10.0.0.1`, `ann connects with KEY`, `ann: event {…}`, `ann asks: event {…}` (which wants an answer),
//! `ann answers a ping`, `ann goes` (its connection breaks), `ann says goodbye`, `5s pass`, `the wall clock is put
//! 2days ahead`, or `from outside {…}` (a command).

use std::fmt::Write;
use std::net::IpAddr;

use serde_json::value::RawValue;

use super::snapshot_store::take_over;
use super::{Census, Departure, Handshake, Hub, TrackedMap};
use crate::effect::{Effect, Effects, MemberId, NoRecord, RecordingStep};
use crate::time::{Timestamp, WallOffset};

/// When every transcript begins.
pub const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A hub, and the time of day there.
pub struct Stage<H> {
    /// Where the rules are.
    pub hub: H,
    /// The time; a script lets it pass.
    pub now: Timestamp,
}

impl<H: Hub> Stage<H> {
    /// A hub that was made at [`START`].
    pub fn new(hub: H) -> Self {
        Self { hub, now: START }
    }

    /// The process ends and another one begins, with the rooms as they would be kept on disk.
    pub fn restart(mut self, mut hub: H) -> Self {
        for (id, room) in self.hub.rooms().all() {
            let kept = serde_json::to_string(room).unwrap();
            take_over(&mut hub, id, serde_json::from_str(&kept).unwrap(), self.now);
        }
        Self { hub, now: self.now }
    }

    /// Plays a script and writes down what happens.
    pub fn play(&mut self, script: &str) -> String {
        let mut transcript = String::new();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            writeln!(transcript, "{line}").unwrap();
            let mut wants_answer = line.split(':').next().is_some_and(|start| start.ends_with(" asks"));
            for effect in self.act(line) {
                match effect {
                    Effect::Emit { to, frame, .. } => {
                        let to: Vec<&str> = to.iter().map(MemberId::as_str).collect();
                        let said = format!("  {} <- {} {}", to.join(", "), frame.event, frame.text());
                        writeln!(transcript, "{}", said.trim_end()).unwrap();
                    }
                    Effect::Ack(payload) if wants_answer => {
                        let payload = payload.as_deref().map_or("", RawValue::get);
                        writeln!(transcript, "{}", format!("  answer {payload}").trim_end()).unwrap();
                        wants_answer = false;
                    }
                    Effect::Disconnect(who, close) => {
                        writeln!(transcript, "  {who} let go: {close:?}").unwrap();
                    }
                    Effect::Recording(step) => match *step {
                        RecordingStep::Write(line) => {
                            writeln!(transcript, "  recorded {}", line.text).unwrap();
                        }
                        RecordingStep::Delete { .. } => {
                            writeln!(transcript, "  a recording is deleted").unwrap();
                        }
                        RecordingStep::Forget(erasure) => {
                            writeln!(transcript, "  recordings forget {}", erasure.name).unwrap();
                        }
                    },
                    Effect::Forget(erasure) => {
                        writeln!(transcript, "  files forget {}", erasure.name).unwrap();
                    }
                    Effect::Ack(_)
                    | Effect::Refused(_)
                    | Effect::Note(_)
                    | Effect::Append(_)
                    | Effect::Appended(_)
                    | Effect::AwaitSync(_) => {}
                }
            }
        }
        transcript
    }

    fn act(&mut self, line: &str) -> Effects<H::Record> {
        if let Some(ahead) =
            line.strip_prefix("the wall clock is put ").and_then(|l| l.strip_suffix(" ahead"))
        {
            let ahead = humantime::parse_duration(ahead).unwrap();
            self.hub.set_wall(WallOffset::between(self.now + ahead, self.now));
            return Effects::none();
        }
        if let Some(span) = line.strip_suffix(" pass") {
            self.now = self.now + humantime::parse_duration(span).unwrap();
            return self.hub.handle_timeout(self.now);
        }
        if let Some(command) = line.strip_prefix("from outside ") {
            return self.hub.command(serde_json::from_str(command).unwrap(), self.now).1;
        }
        if let Some((who, said)) = line.split_once(": ") {
            let who = who.strip_suffix(" asks").unwrap_or(who);
            let (event, payload) = said.split_once(' ').unwrap_or((said, ""));
            let payload: Option<Box<RawValue>> =
                (!payload.is_empty()).then(|| RawValue::from_string(payload.into()).unwrap());
            return self.hub.handle(member(who), event, payload.as_deref(), self.now);
        }
        match line.split(' ').collect::<Vec<_>>()[..] {
            [who, "connects"] => self.connect(who, address_of(who), None),
            [who, "connects", "from", address] => self.connect(who, address.parse().unwrap(), None),
            [who, "connects", "with", token] => self.connect(who, address_of(who), Some(token.into())),
            [who, "answers", "a", "ping"] => {
                self.hub.heard(member(who), self.now);
                Effects::none()
            }
            [who, "goes"] => self.hub.leave(member(who), Departure::CutOff, self.now),
            [who, "says", "goodbye"] => self.hub.leave(member(who), Departure::Said, self.now),
            _ => panic!("not in the script's language: {line}"),
        }
    }

    fn connect(&mut self, who: &str, address: IpAddr, token: Option<Box<str>>) -> Effects<H::Record> {
        let mut handshake = Handshake { address, token };
        match self.hub.admit(member(who), &mut handshake, self.now) {
            Ok(()) => self.hub.connect(member(who), handshake, self.now),
            Err(refusal) => refusal,
        }
    }
}

/// A hub that says nothing, for tests of what is around one.
#[derive(Default)]
pub struct Mute(TrackedMap<String, ()>, TrackedMap<MemberId, ()>);

impl Hub for Mute {
    type RoomId = String;
    type Record = NoRecord;
    type Room = ();
    type Member = ();
    type Command = ();
    type Outcome = ();

    fn connect(&mut self, _: MemberId, _: Handshake, _: Timestamp) -> Effects {
        Effects::none()
    }
    fn handle(&mut self, _: MemberId, _: &str, _: Option<&RawValue>, _: Timestamp) -> Effects {
        Effects::none()
    }
    fn command(&mut self, (): (), _: Timestamp) -> ((), Effects) {
        ((), Effects::none())
    }
    fn leave(&mut self, _: MemberId, _: Departure, _: Timestamp) -> Effects {
        Effects::none()
    }
    fn next_timeout(&self) -> Option<Timestamp> {
        None
    }
    fn handle_timeout(&mut self, _: Timestamp) -> Effects {
        Effects::none()
    }
    fn census(&self) -> Census {
        Census { n_rooms: 0, n_seated: 0 }
    }
    fn room_id(text: &str) -> Option<String> {
        Some(text.to_owned())
    }
    fn rooms(&mut self) -> &mut TrackedMap<String, ()> {
        &mut self.0
    }
    fn members(&mut self) -> &mut TrackedMap<MemberId, ()> {
        &mut self.1
    }
    fn occupants((): &()) -> Vec<MemberId> {
        Vec::new()
    }
    fn on_member_lost(&mut self, _: MemberId, _: &String, _: Timestamp) -> Effects {
        Effects::none()
    }
    fn evict(&mut self, _: MemberId, _: &String) {}
}

/// The member of that name.
pub fn member(name: &str) -> MemberId {
    MemberId::new(name).unwrap()
}

/// Everybody lives somewhere else unless the script says so.
fn address_of(name: &str) -> IpAddr {
    let bytes = name.as_bytes();
    let byte = |n: usize| bytes.get(n).copied().unwrap_or_default();
    [10, byte(0), byte(1), byte(2)].into()
}
