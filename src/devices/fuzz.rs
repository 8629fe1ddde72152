//! Fuzz targets of devices: the rules behind their frames, and what the spool holds after a crash.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use serde_json::value::RawValue;

use super::Config;
use super::directory::Directory;
use super::facts::{Capacity, Facts};
use super::hub::{Grant, Hub, Limits, Member};
use super::outcome::Outcome;
use super::protocol::names::{DeviceId, RoomId};
use super::record::{Record, RecordId};
use super::room::Room;
use super::routes;
use super::spool::{dead, load_cursor, recovery, segment};
use crate::effect::{Effects, MemberId, NoRecord};
use crate::rooms::{self, Census, Departure, Handshake, TrackedMap};
use crate::time::{Timestamp, WallOffset};

/// Facts of a machine on which there is every room, and nothing was said yet.
struct EveryRoom;

impl Facts for EveryRoom {
    fn are_complete(&self) -> bool {
        true
    }
    fn has_room(&self, _: RoomId) -> bool {
        true
    }
    fn last_room(&self, _: &DeviceId) -> Option<RoomId> {
        None
    }
    fn was_said(&self, _: &DeviceId, _: RecordId) -> bool {
        false
    }
    fn waiting(&self, _: &DeviceId, _: RoomId) -> Vec<Box<str>> {
        Vec::new()
    }
    fn capacity(&self, _: usize) -> Capacity {
        Capacity::Available
    }
    fn are_within_limits(&self, _: &DeviceId, _: IpAddr, _: usize, _: Timestamp) -> bool {
        true
    }
    fn new_room(&self) -> RoomId {
        RoomId::new("AAAAAAAA").expect("eight letters are a room's name")
    }
    fn new_connection(&self) -> RecordId {
        RecordId::new([0; 8], 1)
    }
}

/// The rules, whose records come back from the spool as they went in.
pub struct Rules(Hub);

impl Default for Rules {
    fn default() -> Self {
        Self(Hub::new(Limits { offline_queue: 10, ..Config::default().limits() }))
    }
}

impl Rules {
    fn settle(outcome: Outcome) -> Effects {
        for record in outcome.records {
            let kept = record.to_bytes();
            assert!(kept.len() <= segment::MAX_PAYLOAD_BYTES);
            assert_eq!(Record::from_bytes(&kept).ok(), Some(record));
        }
        outcome.effects
    }
}

impl rooms::Hub for Rules {
    type RoomId = RoomId;
    type Room = Room;
    type Member = Member;
    type Command = ();
    type Outcome = ();
    type Record = NoRecord;

    fn set_wall(&mut self, wall: WallOffset) {
        self.0.set_wall(wall);
    }
    fn connect(&mut self, member: MemberId, handshake: Handshake, now: Timestamp) -> Effects {
        Self::settle(self.0.connect(member, handshake.address, Grant::AnyDevice, now))
    }
    fn handle(&mut self, from: MemberId, event: &str, payload: Option<&RawValue>, now: Timestamp) -> Effects {
        Self::settle(self.0.handle(from, event, payload, &EveryRoom, now))
    }
    fn leave(&mut self, member: MemberId, _: Departure, now: Timestamp) -> Effects {
        Self::settle(self.0.leave(member, now))
    }
    fn next_timeout(&self) -> Option<Timestamp> {
        self.0.next_timeout()
    }
    fn handle_timeout(&mut self, now: Timestamp) -> Effects {
        Self::settle(self.0.handle_timeout(now))
    }
    fn census(&self) -> Census {
        self.0.census()
    }
    fn command(&mut self, (): (), _: Timestamp) -> ((), Effects) {
        ((), Effects::none())
    }
    fn room_id(text: &str) -> Option<RoomId> {
        RoomId::new(text)
    }
    fn rooms(&mut self) -> &mut TrackedMap<RoomId, Room> {
        self.0.rooms()
    }
    fn members(&mut self) -> &mut TrackedMap<MemberId, Member> {
        self.0.members()
    }
    fn occupants(room: &Room) -> Vec<MemberId> {
        room.others(None)
    }
    fn on_member_lost(&mut self, member: MemberId, _: &RoomId, now: Timestamp) -> Effects {
        self.leave(member, Departure::Lost, now)
    }
    fn evict(&mut self, member: MemberId, _: &RoomId) {
        self.0.silence(member);
    }
}

/// A spool after a crash, in an empty folder: each line of the input is a record, but what follows `!` is damage.
/// Recovery keeps every record that is whole, and finds the same ones again, with nothing left to mend.
pub fn spool(folder: &Path, input: &[u8]) {
    let mut bytes = Vec::new();
    for (number, line) in (1..).zip(input.split(|byte| *byte == b'\n')) {
        match line {
            [b'!', damage @ ..] => bytes.extend(damage),
            payload => segment::put(&mut bytes, RecordId::new([7; 8], number), payload),
        }
    }
    fs::write(segment::path(folder, 0), bytes).expect("there is room for a small file");
    let recover = || {
        let mut directory = Directory::in_memory().expect("there is memory");
        recovery::recover(folder, load_cursor(folder), &mut directory).map(|found| {
            (found.n_records, found.first_segment, found.next_segment, found.last_at, found.revoked)
        })
    };
    let Ok(first) = recover() else { return };
    let set_aside = || folder.join("damaged").read_dir().map_or(0, Iterator::count);
    let n_before = set_aside();
    assert_eq!(recover().ok(), Some(first));
    assert_eq!(set_aside(), n_before, "there was something to mend the second time");
}

/// A record as the spool keeps it, a line of dead letters, and a moment of a query.
pub fn record(input: &[u8]) {
    if let Ok(record) = Record::from_bytes(input) {
        assert_eq!(Record::from_bytes(&record.to_bytes()).ok().as_ref(), Some(&record));
        let _ = (record.at(), record.own_id(), record.concerns_directory());
    }
    let _ = serde_json::from_slice::<dead::DeadLetter>(input);
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = (routes::millis(text), DeviceId::new(text));
        if let Some(room) = RoomId::new(text) {
            assert!(room.as_str().eq_ignore_ascii_case(text));
        }
    }
}
