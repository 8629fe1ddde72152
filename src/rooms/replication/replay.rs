//! A log that is played more than once, for tests: whatever the hub, what comes of it must be the same.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::input::{Input, RULES};
use super::machine::Machine;
use crate::cluster::{Changes, Snapshot};
use crate::effect::MemberId;
use crate::rooms::encode::Wire;
use crate::rooms::{Departure, Hub};
use crate::time::Timestamp;

/// Entries in a log.
const N_ENTRIES: u64 = 600;

/// Members that come and go.
const N_MEMBERS: u64 = 12;

/// What an event begins with that is a command.
pub const OUTSIDE: &str = "from outside ";

const NODES: [&str; 3] = ["a", "b", "c"];

/// An entry of such a log.
struct Entry {
    offset: u64,
    time: Timestamp,
    node: Arc<str>,
    inputs: Vec<Input>,
}

/// Plays a log of random inputs of members who are let in with `token`, with events that are drawn from a hub as it is: twice, and a third time from a snapshot on.
pub fn check<H: Hub>(make: impl Fn() -> H, event: impl Fn(&H, &mut Draw) -> String, token: Option<&str>) {
    for seed in 1..=8 {
        let mut draw = Draw(seed);
        let (mut first, mut log, mut middle) = (Machine::new(make()), Vec::new(), None);
        let mut now = Timestamp::from_millis(1_700_000_000_000);
        for offset in 1..=N_ENTRIES {
            now = now.shifted(draw.below(3_000_000).cast_signed());
            let entry = entry(offset, now, &mut draw, |draw| event(&first.hub, draw), token);
            play(&mut first, [&entry]);
            log.push(entry);
            if offset == N_ENTRIES / 2 {
                middle = Some(snapshot(first.changes()));
            }
        }
        let mut second = Machine::new(make());
        play(&mut second, &log);
        let mut third = Machine::new(make());
        third.restore(middle.unwrap());
        play(&mut third, &log[log.len() / 2..]);
        let digests = [first, second, third].map(|mut machine| machine.take_digest());
        assert_ne!(digests[0], 0, "something is left");
        assert_eq!([digests[0]; 3], digests, "seed {seed}");
    }
}

/// What the rules make of one log, with their number: if the one changes, so must the other, and so must this in the tests.
pub fn golden<H: Hub>(
    make: impl Fn() -> H,
    event: impl Fn(&H, &mut Draw) -> String,
    token: Option<&str>,
) -> String {
    let (mut draw, mut machine) = (Draw(1), Machine::new(make()));
    let mut now = Timestamp::from_millis(1_700_000_000_000);
    for offset in 1..=N_ENTRIES {
        now = now.shifted(draw.below(3_000_000).cast_signed());
        let entry = entry(offset, now, &mut draw, |draw| event(&machine.hub, draw), token);
        play(&mut machine, [&entry]);
    }
    format!("rules {RULES}: {:016x}", machine.take_digest())
}

/// Numbers at random, the same ones in every run.
pub struct Draw(u64);

impl Draw {
    /// A number below that one.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// One of those.
    pub fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}

fn play<'a, H: Hub>(machine: &mut Machine<H>, log: impl IntoIterator<Item = &'a Entry>) {
    for entry in log {
        machine.begin(entry.offset, entry.time);
        for input in &entry.inputs {
            machine.apply(input, &entry.node);
        }
        machine.end();
    }
}

fn snapshot(changes: Changes) -> Snapshot {
    let present = |texts: Vec<(String, Option<String>)>| {
        texts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
    };
    Snapshot {
        offset: changes.offset,
        meta: changes.meta,
        rooms: present(changes.rooms),
        members: present(changes.members),
        facts: present(changes.facts),
    }
}

fn entry(
    offset: u64,
    time: Timestamp,
    draw: &mut Draw,
    event: impl FnOnce(&mut Draw) -> String,
    token: Option<&str>,
) -> Entry {
    let n = draw.below(N_MEMBERS);
    let node = NODES[(n % 3) as usize];
    let member = MemberId::new(&format!("member-{n:02}")).unwrap();
    let input = match draw.below(40) {
        0 => Input::Leave(member, Departure::Said),
        1 => Input::Leave(member, Departure::CutOff),
        2 => Input::NodeLost(node.to_owned()),
        3..=5 => Input::Tick,
        6..=9 => Input::Connect(member, [10, 0, 0, n as u8].into(), token.map(Into::into)),
        10 => Input::Heard(member),
        _ => {
            let said = event(draw);
            match said.strip_prefix(OUTSIDE) {
                Some(command) => Input::Command(RawValue::from_string(command.into()).unwrap()),
                None => Input::Event(member, Wire::SocketIo, said, 0),
            }
        }
    };
    Entry { offset, time, node: node.into(), inputs: vec![Input::Joined(RULES), input] }
}
