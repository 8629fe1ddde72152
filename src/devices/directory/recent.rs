//! What was appended to the spool a moment ago and the directory does not know yet.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::devices::protocol::names::{DeviceId, RoomId};
use crate::devices::record::{Record, RecordId, SequenceNumber};

/// A frame that waits, or `None` at the moment when all before it were collected.
type Letter = (SequenceNumber, Option<Box<str>>);

/// Records by their sequences, and what they come to.
#[derive(Default)]
pub struct Recent {
    records: VecDeque<(SequenceNumber, Record)>,
    rooms: HashSet<RoomId>,
    last_rooms: HashMap<DeviceId, (SequenceNumber, RoomId)>,
    said: HashSet<RecordId>,
    waiting: HashMap<(DeviceId, RoomId), Vec<Letter>>,
}

impl Recent {
    /// Takes note of a record that concerns the directory.
    pub fn add(&mut self, sequence: SequenceNumber, record: Record) {
        match &record {
            Record::RoomCreated { room, .. } => {
                self.rooms.insert(*room);
            }
            Record::DeviceSeen { device, room, .. } => {
                self.last_rooms.insert(device.clone(), (sequence, *room));
            }
            Record::Message(message) => {
                self.said.extend(message.identity);
                if let (Some(to), Some(frame)) = (&message.to, &message.waiting) {
                    let box_of = self.waiting.entry((to.clone(), message.room)).or_default();
                    box_of.push((sequence, Some(frame.clone())));
                }
            }
            Record::Collected { device, room, .. } => {
                self.waiting.entry((device.clone(), *room)).or_default().push((sequence, None));
            }
            Record::Erased { device, .. } => self.erase(device),
            Record::Connected { .. }
            | Record::Disconnected { .. }
            | Record::RoomQuery { .. }
            | Record::DeviceNamed { .. }
            | Record::Revoked { .. } => return,
        }
        self.records.push_back((sequence, record));
    }

    /// Forgets what the directory knows.
    pub fn forget(&mut self, known: SequenceNumber) {
        while let Some((sequence, record)) = self.records.pop_front_if(|(sequence, _)| *sequence <= known) {
            match record {
                Record::RoomCreated { room, .. } => {
                    self.rooms.remove(&room);
                }
                Record::DeviceSeen { device, .. } => {
                    if self.last_rooms.get(&device).is_some_and(|(at, _)| *at == sequence) {
                        self.last_rooms.remove(&device);
                    }
                }
                Record::Message(message) => {
                    if let Some(to) = message.to.filter(|_| message.waiting.is_some()) {
                        self.forget_waiting(&(to, message.room), sequence);
                    }
                    if let Some(identity) = message.identity {
                        self.said.remove(&identity);
                    }
                }
                Record::Collected { device, room, .. } => self.forget_waiting(&(device, room), sequence),
                Record::Connected { .. }
                | Record::Disconnected { .. }
                | Record::RoomQuery { .. }
                | Record::DeviceNamed { .. }
                | Record::Revoked { .. }
                | Record::Erased { .. } => {}
            }
        }
    }

    /// Takes a device out.
    fn erase(&mut self, device: &DeviceId) {
        self.last_rooms.remove(device);
        self.waiting.retain(|(to, _), _| to != device);
        let of_device: HashSet<SequenceNumber> = self
            .records
            .iter()
            .filter(|(_, record)| record.names(device))
            .map(|(sequence, _)| *sequence)
            .collect();
        for letters in self.waiting.values_mut() {
            letters.retain(|(sequence, _)| !of_device.contains(sequence));
        }
        for (_, record) in self.records.iter().filter(|(sequence, _)| of_device.contains(sequence)) {
            if let Record::Message(message) = record
                && let Some(identity) = message.identity
            {
                self.said.remove(&identity);
            }
        }
        self.records.retain(|(sequence, _)| !of_device.contains(sequence));
    }

    fn forget_waiting(&mut self, key: &(DeviceId, RoomId), sequence: SequenceNumber) {
        if let Some(letters) = self.waiting.get_mut(key) {
            letters.retain(|(at, _)| *at != sequence);
            if letters.is_empty() {
                self.waiting.remove(key);
            }
        }
    }

    /// Whether the room has just been made.
    pub fn has_room(&self, room: RoomId) -> bool {
        self.rooms.contains(&room)
    }

    /// Where the device has just been.
    pub fn last_room(&self, device: &DeviceId) -> Option<RoomId> {
        self.last_rooms.get(device).map(|(_, room)| *room)
    }

    /// Whether that message has just been sent.
    pub fn was_said(&self, identity: RecordId) -> bool {
        self.said.contains(&identity)
    }

    /// Adds to what the directory says waits for a device what came after the `known` sequence.
    pub fn add_waiting(
        &self,
        device: &DeviceId,
        room: RoomId,
        known: SequenceNumber,
        waiting: &mut Vec<Box<str>>,
    ) {
        let letters = self.waiting.get(&(device.clone(), room)).into_iter().flatten();
        for (_, letter) in letters.filter(|(sequence, _)| *sequence > known) {
            match letter {
                Some(frame) => waiting.push(frame.clone()),
                None => waiting.clear(),
            }
        }
    }
}
