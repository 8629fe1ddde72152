//! What all nodes know beside the rooms: which rooms were made, where devices were last, what was said, what waits for whom.
//!
//! The facts is part of the replicated state. What is older than a while each node has from the database, or knows alone
//! and says as evidence.

use std::collections::BTreeSet;
use std::time::Duration;

use super::protocol::names::{DeviceId, RoomId};
use super::record::{Record, RecordId};
use crate::rooms::TrackedMap;
use crate::time::Timestamp;

/// A client that was cut off sends its message again within seconds. What is said again later is one row all the same.
const SAID_LIFETIME: Duration = Duration::from_hours(1);

/// Other nodes learn of rooms and devices from the database within a minute, unless that is away.
const PLACE_LIFETIME: Duration = Duration::from_hours(24);

/// Facts of each kind that are kept, about 100 bytes each; over it, the oldest are forgotten.
const MAX_FACTS: usize = 1_000_000;

/// The beginning of the names of messages that were said.
const SAID: &str = "said/";

/// The beginning of the names of what waits for a device.
const WAITING: &str = "waiting/";

/// The beginnings of the names of rooms, and of where devices were last.
const ROOM: &str = "room/";
const LAST: &str = "last/";

/// The common facts.
#[derive(Default)]
pub struct SharedIndex {
    /// The facts by name. All but what waits for devices begin with the microsecond that they are from.
    pub facts: TrackedMap<String, String>,
    said: Ages,
    places: Ages,
}

/// Facts of one kind by their age.
#[derive(Default)]
struct Ages(BTreeSet<(u64, String)>);

impl SharedIndex {
    /// Whether there is such a room.
    pub fn has_room(&self, room: RoomId) -> bool {
        self.facts.contains(&room_fact(room))
    }

    /// The room that the device was in last.
    pub fn last_room(&self, device: &DeviceId) -> Option<RoomId> {
        RoomId::new(self.facts.get(&last_fact(device))?.split_once(' ')?.1)
    }

    /// Whether that message was sent before.
    pub fn was_said(&self, identity: RecordId) -> bool {
        self.facts.contains(&said_fact(identity))
    }

    /// The frames that wait for a device that was away.
    pub fn waiting(&self, device: &DeviceId, room: RoomId) -> Vec<Box<str>> {
        self.facts.get(&waiting_fact(device, room)).map(|letters| read(letters)).unwrap_or_default()
    }

    /// Takes note of what the rules want to be kept.
    pub fn note(&mut self, record: &Record) {
        match record {
            Record::RoomCreated { room, at } => {
                let fact = room_fact(*room);
                self.places.renew(&fact, self.facts.insert(fact.clone(), at.as_micros().to_string()), *at);
            }
            Record::DeviceSeen { device, room, is_provisional, at, .. } => {
                // Another node may know better.
                if !is_provisional {
                    let fact = last_fact(device);
                    let text = format!("{} {room}", at.as_micros());
                    self.places.renew(&fact, self.facts.insert(fact.clone(), text), *at);
                }
            }
            Record::Message(message) => {
                if let Some(identity) = message.identity {
                    let (fact, at) = (said_fact(identity), message.at);
                    self.said.renew(&fact, self.facts.insert(fact.clone(), at.as_micros().to_string()), at);
                }
                if let (Some(to), Some(frame)) = (&message.to, &message.waiting) {
                    let mut letters = self.waiting(to, message.room);
                    letters.push(frame.clone());
                    self.facts.insert(waiting_fact(to, message.room), write(&letters));
                }
            }
            Record::Collected { device, room, .. } => {
                self.facts.remove(&waiting_fact(device, *room));
            }
            Record::Connected { .. }
            | Record::Disconnected { .. }
            | Record::RoomQuery { .. }
            | Record::DeviceNamed { .. }
            | Record::Revoked { .. } => {}
            Record::Erased { device, .. } => self.erase(device),
        }
    }

    /// Takes a device out: where it was last, what waits for it, what it has said to those who are away.
    fn erase(&mut self, device: &DeviceId) {
        self.facts.remove(&last_fact(device));
        let waiting = self.facts.all().filter(|(fact, _)| fact.starts_with(WAITING));
        let waiting: Vec<(String, Vec<Box<str>>)> =
            waiting.map(|(fact, letters)| (fact.clone(), read(letters))).collect();
        let end = format!("/{device}");
        for (fact, mut letters) in waiting {
            let n_before = letters.len();
            if fact.ends_with(&end) {
                letters.clear();
            }
            letters.retain(|letter| sender_of(letter).as_ref() != Some(device));
            if letters.is_empty() {
                self.facts.remove(&fact);
            } else if letters.len() < n_before {
                self.facts.insert(fact, write(&letters));
            }
        }
    }

    /// Forgets what is old.
    pub fn forget_old(&mut self, now: Timestamp) {
        let kinds = [(&mut self.said, SAID_LIFETIME), (&mut self.places, PLACE_LIFETIME)];
        for (ages, lifetime) in kinds {
            let micros = u64::try_from(lifetime.as_micros()).unwrap_or(u64::MAX);
            let last_old = now.as_micros().saturating_sub(micros);
            while let Some((at, fact)) = ages.0.first()
                && (*at <= last_old || ages.0.len() > MAX_FACTS)
            {
                self.facts.remove(fact);
                ages.0.pop_first();
            }
        }
    }

    /// The facts have become other ones.
    pub fn restored(&mut self) {
        let ages = |kinds: &[&str]| {
            let is_of_kind = |fact: &String| kinds.iter().any(|kind| fact.starts_with(kind));
            let facts = self.facts.all().filter(|(fact, _)| is_of_kind(fact));
            Ages(facts.map(|(fact, text)| (age(text), fact.clone())).collect())
        };
        (self.said, self.places) = (ages(&[SAID]), ages(&[ROOM, LAST]));
    }

    /// What a fact is that two nodes have changed without knowing of each other: of letters, both sides' are kept.
    pub fn merge(fact: &str, theirs: &str, ours: &str) -> String {
        if !fact.starts_with(WAITING) {
            return if age(theirs) > age(ours) { theirs } else { ours }.to_owned();
        }
        let (mut letters, ours) = (read(theirs), read(ours));
        // What both begin with was there before they went apart.
        let n_common = letters.iter().zip(&ours).take_while(|(theirs, ours)| theirs == ours).count();
        letters.extend(ours.into_iter().skip(n_common));
        write(&letters)
    }
}

impl Ages {
    /// A fact is from that moment on; `before` is what it was.
    fn renew(&mut self, fact: &str, before: Option<String>, at: Timestamp) {
        if let Some(before) = before {
            self.0.remove(&(age(&before), fact.to_owned()));
        }
        self.0.insert((at.as_micros(), fact.to_owned()));
    }
}

/// The microsecond that a fact is from; 0 for those of earlier versions that do not say.
fn age(text: &str) -> u64 {
    text.split(' ').next().and_then(|micros| micros.parse().ok()).unwrap_or(0)
}

fn room_fact(room: RoomId) -> String {
    format!("{ROOM}{room}")
}

fn last_fact(device: &DeviceId) -> String {
    format!("{LAST}{device}")
}

fn said_fact(identity: RecordId) -> String {
    format!("{SAID}{identity}")
}

fn waiting_fact(device: &DeviceId, room: RoomId) -> String {
    format!("{WAITING}{room}/{device}")
}

/// Who sent what waits for somebody.
fn sender_of(letter: &str) -> Option<DeviceId> {
    let frame: serde_json::Value = serde_json::from_str(letter).ok()?;
    match &frame["from_device_id"] {
        serde_json::Value::String(name) => DeviceId::new(name),
        other => DeviceId::new(&other.to_string()),
    }
}

fn read(letters: &str) -> Vec<Box<str>> {
    serde_json::from_str(letters).unwrap_or_default()
}

fn write(letters: &[Box<str>]) -> String {
    serde_json::to_string(letters).expect("texts are written as they are")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_both_sides_of_a_cut_are_kept() {
        let merged = SharedIndex::merge("waiting/E03EI3TX/d1", r#"["one"]"#, r#"["two"]"#);
        assert_eq!(merged, r#"["one","two"]"#);
        let merged = SharedIndex::merge("waiting/E03EI3TX/d1", r#"["old","one"]"#, r#"["old","two"]"#);
        assert_eq!(merged, r#"["old","one","two"]"#);
        assert_eq!(SharedIndex::merge("last/d1", "7 AAAAAAAA", "8 BBBBBBBB"), "8 BBBBBBBB");
        assert_eq!(SharedIndex::merge("last/d1", "9 AAAAAAAA", "8 BBBBBBBB"), "9 AAAAAAAA");
    }

    #[test]
    fn facts_are_forgotten_when_they_are_old_and_what_waits_for_a_device_is_not() {
        let mut shared_index = SharedIndex::default();
        let start = Timestamp::from_millis(1_700_000_000_000);
        let (room, device) = (RoomId::new("E03EI3TX").unwrap(), DeviceId::new("d1").unwrap());
        let seen = |at| Record::DeviceSeen {
            device: device.clone(),
            identity: "x".into(),
            room,
            is_provisional: false,
            at,
        };
        shared_index.note(&Record::RoomCreated { room, at: start });
        shared_index.note(&seen(start));
        shared_index.note(&seen(start + Duration::from_hours(2)));
        shared_index.facts.insert(waiting_fact(&device, room), write(&["one".into()]));
        shared_index.restored();
        shared_index.forget_old(start + Duration::from_hours(24));
        assert!(!shared_index.has_room(room));
        assert_eq!(shared_index.last_room(&device), Some(room), "it was seen again");
        shared_index.forget_old(start + Duration::from_hours(27));
        assert_eq!((shared_index.last_room(&device), shared_index.waiting(&device, room).len()), (None, 1));
    }
}
