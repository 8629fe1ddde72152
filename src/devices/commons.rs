//! The facts that all nodes share: which rooms there are, where devices were last, what was said, what waits for whom.
//!
//! The ledger holds what a step has looked for; the switchboard learns it from Redis, and says there what is new.

use std::time::Duration;

use super::names::{DeviceId, RoomId};
use super::record::{Record, RecordId};
use crate::switchboard::Ledger;

/// A client that was cut off sends its message again within seconds. What is said again later is one row all the same.
const SAID_LIFETIME: Duration = Duration::from_hours(1);

/// The beginning of the names of messages that were said.
const SAID: &str = "said/";

/// The beginning of the names of what waits for a device.
const WAITING: &str = "waiting/";

/// The common facts, as far as they are known here.
#[derive(Default)]
pub struct Commons {
    /// The facts by name.
    pub ledger: Ledger<String, String>,
}

impl Commons {
    /// Whether there is such a room.
    pub fn has_room(&self, room: RoomId) -> bool {
        self.ledger.contains(&room_fact(room))
    }

    /// The room that the device was in last.
    pub fn last_room(&self, device: &DeviceId) -> Option<RoomId> {
        RoomId::new(self.ledger.get(&last_fact(device))?)
    }

    /// Whether that message was sent before.
    pub fn was_said(&self, identity: RecordId) -> bool {
        self.ledger.contains(&said_fact(identity))
    }

    /// The frames that wait for a device that was away.
    pub fn waiting(&self, device: &DeviceId, room: RoomId) -> Vec<Box<str>> {
        self.ledger.get(&waiting_fact(device, room)).map(|letters| read(letters)).unwrap_or_default()
    }

    /// Takes note of what a step wants to be kept.
    pub fn note(&mut self, record: &Record) {
        match record {
            Record::RoomCreated { room, at } => {
                self.ledger.insert(room_fact(*room), at.as_micros().to_string());
            }
            Record::DeviceSeen { device, room, is_provisional, .. } => {
                // Another node may know better.
                if !is_provisional {
                    self.ledger.insert(last_fact(device), room.to_string());
                }
            }
            Record::Message(message) => {
                if let Some(identity) = message.identity {
                    self.ledger.insert(said_fact(identity), message.at.as_micros().to_string());
                }
                if let (Some(to), Some(frame)) = (&message.to, &message.waiting) {
                    let mut letters = self.waiting(to, message.room);
                    letters.push(frame.clone());
                    self.ledger.insert(waiting_fact(to, message.room), write(&letters));
                }
            }
            Record::Collected { device, room, .. } => {
                self.ledger.remove(&waiting_fact(device, *room));
            }
            Record::Connected { .. }
            | Record::Disconnected { .. }
            | Record::RoomQuery { .. }
            | Record::DeviceNamed { .. }
            | Record::Revoked { .. } => {}
        }
    }

    /// How long a fact is worth knowing.
    pub fn lifetime(fact: &str) -> Option<Duration> {
        fact.starts_with(SAID).then_some(SAID_LIFETIME)
    }

    /// What a fact is that two nodes have changed without knowing of each other: of letters, both sides' are kept.
    pub fn merge(fact: &str, theirs: &str, ours: &str) -> String {
        if !fact.starts_with(WAITING) {
            return ours.to_owned();
        }
        let (mut letters, ours) = (read(theirs), read(ours));
        // What both begin with was there before they went apart.
        let n_common = letters.iter().zip(&ours).take_while(|(theirs, ours)| theirs == ours).count();
        letters.extend(ours.into_iter().skip(n_common));
        write(&letters)
    }
}

fn room_fact(room: RoomId) -> String {
    format!("room/{room}")
}

fn last_fact(device: &DeviceId) -> String {
    format!("last/{device}")
}

fn said_fact(identity: RecordId) -> String {
    format!("{SAID}{identity}")
}

fn waiting_fact(device: &DeviceId, room: RoomId) -> String {
    format!("{WAITING}{room}/{device}")
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
        let merged = Commons::merge("waiting/E03EI3TX/d1", r#"["one"]"#, r#"["two"]"#);
        assert_eq!(merged, r#"["one","two"]"#);
        let merged = Commons::merge("waiting/E03EI3TX/d1", r#"["old","one"]"#, r#"["old","two"]"#);
        assert_eq!(merged, r#"["old","one","two"]"#);
        assert_eq!(Commons::merge("last/d1", "AAAAAAAA", "BBBBBBBB"), "BBBBBBBB");
    }
}
