//! The rules as transcripts: what devices say stands flush left, what is kept and told is indented.

mod ids;
mod limits;
mod log;
mod messages;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use expect_test::{Expect, expect};
use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::Config;
use super::facts::{Capacity, Facts};
use super::hub::{Grant, Hub, Member};
use super::outcome::Outcome;
use super::protocol::names::{DeviceId, RoomId};
use super::rates::Rates;
use super::record::{Record, RecordId};
use super::room::Room;
use crate::effect::{Effects, Frame, MemberId, NoRecord};
use crate::rooms::test_stage::{START, Stage, member};
use crate::rooms::{self, Census, Departure, Handshake, TrackedMap};
use crate::time::{Timestamp, WallOffset};

/// Facts as a notebook has them: everything that was kept is known at once.
#[derive(Default)]
struct Notebook {
    rooms: HashSet<RoomId>,
    last_rooms: HashMap<DeviceId, RoomId>,
    said: HashSet<RecordId>,
    waiting: HashMap<(DeviceId, RoomId), Vec<Box<str>>>,
    is_full: bool,
    /// Whether the database may know more.
    is_new: bool,
    n_connections: AtomicU64,
    rates: Option<Mutex<Rates>>,
}

impl Notebook {
    fn note(&mut self, record: &Record) {
        match record {
            Record::RoomCreated { room, .. } => {
                self.rooms.insert(*room);
            }
            Record::DeviceSeen { device, room, .. } => {
                self.last_rooms.insert(device.clone(), *room);
            }
            Record::Message(message) => {
                self.said.extend(message.identity);
                if let (Some(to), Some(frame)) = (&message.to, &message.waiting) {
                    self.waiting.entry((to.clone(), message.room)).or_default().push(frame.clone());
                }
            }
            Record::Collected { device, room, .. } => {
                self.waiting.remove(&(device.clone(), *room));
            }
            Record::DeviceNamed { .. }
            | Record::Connected { .. }
            | Record::Disconnected { .. }
            | Record::RoomQuery { .. }
            | Record::Revoked { .. }
            | Record::Erased { .. } => {}
        }
    }
}

impl Facts for Notebook {
    fn are_complete(&self) -> bool {
        !self.is_new
    }
    fn has_room(&self, room: RoomId) -> bool {
        self.rooms.contains(&room)
    }
    fn last_room(&self, device: &DeviceId) -> Option<RoomId> {
        self.last_rooms.get(device).copied()
    }
    fn was_said(&self, _: &DeviceId, identity: RecordId) -> bool {
        self.said.contains(&identity)
    }
    fn waiting(&self, device: &DeviceId, room: RoomId) -> Vec<Box<str>> {
        self.waiting.get(&(device.clone(), room)).cloned().unwrap_or_default()
    }
    fn capacity(&self, _: usize) -> Capacity {
        if self.is_full { Capacity::Full } else { Capacity::Available }
    }
    fn are_within_limits(&self, device: &DeviceId, address: IpAddr, bytes: usize, now: Timestamp) -> bool {
        self.rates.as_ref().is_none_or(|rates| rates.lock().take(device, address, bytes, now))
    }
    fn new_room(&self) -> RoomId {
        let letter = char::from(b'A' + self.rooms.len() as u8);
        RoomId::new(&letter.to_string().repeat(RoomId::CHARS)).unwrap()
    }
    fn new_connection(&self) -> RecordId {
        RecordId::new([0; 8], self.n_connections.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// The rules with a notebook; `disk` is told what is kept.
struct Rules {
    hub: Hub,
    notebook: Notebook,
}

impl Rules {
    fn new(offline_queue: usize) -> Self {
        Self::with(&Config { offline_queue, ..Config::default() })
    }

    fn with(config: &Config) -> Self {
        let rates = Some(Mutex::new(Rates::new(&config.rates())));
        Self { hub: Hub::new(config.limits()), notebook: Notebook { rates, ..Notebook::default() } }
    }

    fn settle(&mut self, outcome: Outcome) -> Effects {
        let mut effects = Effects::none();
        for record in outcome.records {
            self.notebook.note(&record);
            effects.tell(member("disk"), Frame::new("keeps", &record));
        }
        effects.append(outcome.effects);
        effects
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
        self.hub.set_wall(wall);
    }
    fn connect(&mut self, member: MemberId, handshake: Handshake, now: Timestamp) -> Effects {
        // A token is its device's name, and maybe the second since the start at which it ends.
        let grant = match handshake.token.as_deref().map(|token| token.split_once('@').unwrap_or((token, "")))
        {
            None => Grant::AnyDevice,
            Some((device, "")) => Grant::Device(DeviceId::new(device).unwrap()),
            Some((device, secs)) => {
                let until = START + Duration::from_secs(secs.parse().unwrap());
                Grant::DeviceUntil(DeviceId::new(device).unwrap(), until)
            }
        };
        let outcome = self.hub.connect(member, handshake.address, grant, now);
        self.settle(outcome)
    }
    fn handle(&mut self, from: MemberId, event: &str, payload: Option<&RawValue>, now: Timestamp) -> Effects {
        // A script's event is whatever stands before the object; on the wire it is the object's type.
        let event = if event == "says" { "message" } else { event };
        let outcome = self.hub.handle(from, event, payload, &self.notebook, now);
        self.settle(outcome)
    }
    fn leave(&mut self, member: MemberId, _: Departure, now: Timestamp) -> Effects {
        let outcome = self.hub.leave(member, now);
        self.settle(outcome)
    }
    fn next_timeout(&self) -> Option<Timestamp> {
        self.hub.next_timeout()
    }
    fn handle_timeout(&mut self, now: Timestamp) -> Effects {
        let outcome = self.hub.handle_timeout(now);
        self.settle(outcome)
    }
    fn census(&self) -> Census {
        self.hub.census()
    }
    fn command(&mut self, (): (), _: Timestamp) -> ((), Effects) {
        ((), Effects::none())
    }
    fn room_id(text: &str) -> Option<RoomId> {
        RoomId::new(text)
    }
    fn rooms(&mut self) -> &mut TrackedMap<RoomId, Room> {
        self.hub.rooms()
    }
    fn members(&mut self) -> &mut TrackedMap<MemberId, Member> {
        self.hub.members()
    }
    fn occupants(room: &Room) -> Vec<MemberId> {
        room.others(None)
    }
    fn on_member_lost(&mut self, member: MemberId, _: &RoomId, now: Timestamp) -> Effects {
        self.leave(member, Departure::Lost, now)
    }
    fn evict(&mut self, member: MemberId, _: &RoomId) {
        self.hub.silence(member);
    }
}

fn check(script: &str, expected: &Expect) {
    expected.assert_eq(&Stage::new(Rules::new(0)).play(script));
}

#[test]
fn a_room_from_its_first_device_to_its_last() {
    check(
        r#"
        ann connects
        ann: says {"device_id":"d1","identity":"phone"}
        bob connects
        bob: says {"device_id":"d2","identity":"desktop","room_id":"aaaaaaaa"}
        ann: says {"type":"message","content":"hi","message_id":"m1"}
        ann: says {"type":"message","content":"hi","message_id":"m1"}
        bob: says {"type":"photo","content":{"b":1,"a":2},"target_device_id":"d1","timestamp":"then"}
        bob: query_room {"type":"query_room"}
        ann goes
        bob: says {"type":"message","content":"alone"}
        bob: says {"type":"message","content":"where?","target_device_id":"d1"}
        bob goes
        eve connects
        eve: says {"device_id":"d1","identity":"tablet"}
        "#,
        &expect![[r#"
            ann connects
              ann <-  {"type":"connection","message":"Connected successfully"}
            ann: says {"device_id":"d1","identity":"phone"}
              disk <- keeps {"kind":"room_created","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"device_seen","device":"d1","identity":"phone","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000001","device":"d1","identity":"phone","room":"AAAAAAAA","address":"10.97.110.110","at":1700000000000000}
              ann <-  {"type":"room","room_id":"AAAAAAAA","status":"created_new","message":"created_new: joined room AAAAAAAA"}
            bob connects
              bob <-  {"type":"connection","message":"Connected successfully"}
            bob: says {"device_id":"d2","identity":"desktop","room_id":"aaaaaaaa"}
              disk <- keeps {"kind":"device_seen","device":"d2","identity":"desktop","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000002","device":"d2","identity":"desktop","room":"AAAAAAAA","address":"10.98.111.98","at":1700000000000000}
              bob <-  {"type":"room","room_id":"AAAAAAAA","status":"joined_existing","message":"joined_existing: joined room AAAAAAAA"}
            ann: says {"type":"message","content":"hi","message_id":"m1"}
              disk <- keeps {"kind":"message","from":"d1","to":null,"room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"hi\",\"message_id\":\"m1\"}","identity":"78957742242cc0194b8cccec464103c2","at":1700000000000000}
              bob <-  {"type":"message","content":"hi","from_device_id":"d1","message_type":"broadcast","timestamp":""}
              ann <-  {"type":"ack","message_id":"m1","status":"stored"}
            ann: says {"type":"message","content":"hi","message_id":"m1"}
              disk <- keeps {"kind":"message","from":"d1","to":null,"room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"hi\",\"message_id\":\"m1\"}","identity":"78957742242cc0194b8cccec464103c2","at":1700000000000000}
              ann <-  {"type":"ack","message_id":"m1","status":"stored"}
            bob: says {"type":"photo","content":{"b":1,"a":2},"target_device_id":"d1","timestamp":"then"}
              disk <- keeps {"kind":"message","from":"d2","to":"d1","room":"AAAAAAAA","content":"{\"type\":\"photo\",\"content\":{\"b\":1,\"a\":2},\"target_device_id\":\"d1\",\"timestamp\":\"then\"}","at":1700000000000000}
              ann <-  {"type":"photo","content":{"b":1,"a":2},"from_device_id":"d2","message_type":"direct","timestamp":"then"}
            bob: query_room {"type":"query_room"}
              disk <- keeps {"kind":"room_query","device":"d2","room":"AAAAAAAA","at":1700000000000000}
              bob <-  {"type":"room_info","room_id":"AAAAAAAA","total_clients":2,"clients":[{"device_id":"d1","identity":"phone"}]}
            ann goes
              disk <- keeps {"kind":"disconnected","connection":"00000000000000000000000000000001","at":1700000000000000}
            bob: says {"type":"message","content":"alone"}
              disk <- keeps {"kind":"message","from":"d2","to":null,"room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"alone\"}","at":1700000000000000}
            bob: says {"type":"message","content":"where?","target_device_id":"d1"}
              bob <-  {"type":"error","message":"Target device d1 not found in room"}
            bob goes
              disk <- keeps {"kind":"disconnected","connection":"00000000000000000000000000000002","at":1700000000000000}
            eve connects
              eve <-  {"type":"connection","message":"Connected successfully"}
            eve: says {"device_id":"d1","identity":"tablet"}
              disk <- keeps {"kind":"device_seen","device":"d1","identity":"tablet","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000003","device":"d1","identity":"tablet","room":"AAAAAAAA","address":"10.101.118.101","at":1700000000000000}
              eve <-  {"type":"room","room_id":"AAAAAAAA","status":"reconnected","message":"reconnected: joined room AAAAAAAA"}
        "#]],
    );
}

#[test]
fn a_first_frame_that_says_too_little_ends_the_connection() {
    check(
        r#"
        ann connects
        ann: says
        ann: says {"device_id":"d1","identity":"phone"}
        bob connects
        bob: says {"device_id":"d1"}
        cat connects
        cat: says {"identity":"phone"}
        dan connects
        dan: says {"device_id":"d1","identity":"phone","room_id":"nowhere1"}
        eve connects
        10s pass
        fay connects with d7
        fay: says {"device_id":"d1","identity":"phone"}
        gus connects with d7
        gus: says {"device_id":"d7","identity":"phone","room_id":null}
        "#,
        &expect![[r#"
            ann connects
              ann <-  {"type":"connection","message":"Connected successfully"}
            ann: says
              ann <-  {"type":"error","message":"Invalid JSON format for identity"}
              ann let go: Done
            ann: says {"device_id":"d1","identity":"phone"}
            bob connects
              bob <-  {"type":"connection","message":"Connected successfully"}
            bob: says {"device_id":"d1"}
              bob <-  {"type":"error","message":"Missing identity field"}
              bob let go: Done
            cat connects
              cat <-  {"type":"connection","message":"Connected successfully"}
            cat: says {"identity":"phone"}
              cat <-  {"type":"error","message":"Missing device_id field"}
              cat let go: Done
            dan connects
              dan <-  {"type":"connection","message":"Connected successfully"}
            dan: says {"device_id":"d1","identity":"phone","room_id":"nowhere1"}
              dan <-  {"type":"error","message":"Room nowhere1 does not exist","status":"room_not_found"}
              dan let go: Done
            eve connects
              eve <-  {"type":"connection","message":"Connected successfully"}
            10s pass
              eve <-  {"type":"error","message":"Identification timeout"}
              eve let go: Violation
            fay connects with d7
              fay <-  {"type":"connection","message":"Connected successfully"}
            fay: says {"device_id":"d1","identity":"phone"}
              fay <-  {"type":"error","message":"Not authorized for this device_id"}
              fay let go: Violation
            gus connects with d7
              gus <-  {"type":"connection","message":"Connected successfully"}
            gus: says {"device_id":"d7","identity":"phone","room_id":null}
              disk <- keeps {"kind":"room_created","room":"AAAAAAAA","at":1700000010000000}
              disk <- keeps {"kind":"device_seen","device":"d7","identity":"phone","room":"AAAAAAAA","at":1700000010000000}
              disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000001","device":"d7","identity":"phone","room":"AAAAAAAA","address":"10.103.117.115","at":1700000010000000}
              gus <-  {"type":"room","room_id":"AAAAAAAA","status":"created_new","message":"created_new: joined room AAAAAAAA"}
        "#]],
    );
}

#[test]
fn a_later_frame_that_is_wrong_is_told_and_no_more() {
    check(
        r#"
        ann connects
        ann: says {"device_id":"d1","identity":"phone"}
        ann: says
        ann: says {"type":"message"}
        ann: says {"content":"x"}
        ann: says {"type":"message","content":null}
        ann: says {"type":"message","content":[1]}
        ann: says {"type":"message","content":"x","target_device_id":7}
        ann: says {"type":"message","content":"x","target_device_id":"0"}
        ann: says {"type":"message","content":"x","message_id":7,"timestamp":null,"target_device_id":""}
        "#,
        &expect![[r#"
            ann connects
              ann <-  {"type":"connection","message":"Connected successfully"}
            ann: says {"device_id":"d1","identity":"phone"}
              disk <- keeps {"kind":"room_created","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"device_seen","device":"d1","identity":"phone","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000001","device":"d1","identity":"phone","room":"AAAAAAAA","address":"10.97.110.110","at":1700000000000000}
              ann <-  {"type":"room","room_id":"AAAAAAAA","status":"created_new","message":"created_new: joined room AAAAAAAA"}
            ann: says
              ann <-  {"type":"error","message":"Invalid JSON format"}
            ann: says {"type":"message"}
              ann <-  {"type":"error","message":"Missing required fields (type, content)"}
            ann: says {"content":"x"}
              ann <-  {"type":"error","message":"Missing required fields (type, content)"}
            ann: says {"type":"message","content":null}
              ann <-  {"type":"error","message":"Invalid content format"}
            ann: says {"type":"message","content":[1]}
              ann <-  {"type":"error","message":"Invalid content format"}
            ann: says {"type":"message","content":"x","target_device_id":7}
              ann <-  {"type":"error","message":"Target device 7 not found in room"}
            ann: says {"type":"message","content":"x","target_device_id":"0"}
              ann <-  {"type":"error","message":"Target device 0 not found in room"}
            ann: says {"type":"message","content":"x","message_id":7,"timestamp":null,"target_device_id":""}
              disk <- keeps {"kind":"message","from":"d1","to":null,"room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"x\",\"message_id\":7,\"timestamp\":null,\"target_device_id\":\"\"}","identity":"e44d8e759bed76918c5cacd824b9a4a8","at":1700000000000000}
              ann <-  {"type":"ack","message_id":7,"status":"stored"}
        "#]],
    );
}

#[test]
fn no_device_speaks_as_the_server() {
    let mut stage = Stage::new(Rules::new(0));
    stage.play(
        r#"
        ann connects
        ann: says {"device_id":"d1","identity":"phone"}
        bob connects
        bob: says {"device_id":"d2","identity":"tv","room_id":"AAAAAAAA"}
        "#,
    );
    for kind in ["error", "room", "room_info", "connection", "ack", r"\u0065rror"] {
        let told = stage.play(&format!(r#"ann: says {{"type":"{kind}","content":"x"}}"#));
        let told: Vec<&str> = told.lines().skip(1).collect();
        assert_eq!(told, [r#"  ann <-  {"type":"error","message":"Reserved message type"}"#], "{kind}");
    }
    assert!(stage.play(r#"ann: says {"type":"errors","content":"x"}"#).contains("bob <-"));
}

#[test]
fn a_connection_ends_with_its_token_by_the_wall_clock() {
    let mut stage = Stage::new(Rules::new(0));
    stage.play(
        r#"
        ann connects with d1@60
        ann: says {"device_id":"d1","identity":"phone"}
        bob connects with d2@3600
        bob: says {"device_id":"d2","identity":"tv","room_id":"AAAAAAAA"}
        eve connects with d3@5
        cyd connects with d4@30
        cyd goes
        "#,
    );
    assert_eq!(stage.hub.hub.next_timeout(), Some(START + Duration::from_secs(5)));
    let ended = stage.play("5s pass");
    assert!(ended.contains(r#"eve <-  {"type":"error","message":"Token expired"}"#), "{ended}");
    assert!(ended.contains("eve let go: Violation") && !ended.contains("ann"), "{ended}");
    stage.play("5s pass");
    assert_eq!(stage.hub.hub.next_timeout(), Some(START + Duration::from_mins(1)));
    // A clock that was put forward ends tokens earlier, one that was put back later.
    stage.play("the wall clock is put 40s ahead");
    assert_eq!(stage.hub.hub.next_timeout(), Some(START + Duration::from_secs(20)));
    let ended = stage.play("10s pass");
    assert!(ended.contains(r#"disk <- keeps {"kind":"disconnected""#), "{ended}");
    assert!(ended.contains("ann let go: Violation") && !ended.contains("bob"), "{ended}");
    assert_eq!(stage.play("ann: says {\"type\":\"message\",\"content\":\"x\"}").lines().count(), 1);
    stage.play("the wall clock is put 0s ahead");
    assert_eq!(stage.hub.hub.next_timeout(), Some(START + Duration::from_hours(1)));
}

#[test]
fn what_cannot_be_kept_is_not_delivered() {
    let mut stage = Stage::new(Rules::new(0));
    stage.play("ann connects\nann: says {\"device_id\":\"d1\",\"identity\":\"x\"}\nbob connects");
    stage.hub.notebook.is_full = true;
    expect![[r#"
        bob: says {"device_id":"d2","identity":"x","room_id":"AAAAAAAA"}
          bob <-  {"type":"error","message":"Storage unavailable"}
        ann: says {"type":"message","content":"x"}
          ann <-  {"type":"error","message":"Storage unavailable"}
        ann: query_room {"type":"query_room"}
          ann <-  {"type":"error","message":"Storage unavailable"}
    "#]]
    .assert_eq(&stage.play(
        r#"
        bob: says {"device_id":"d2","identity":"x","room_id":"AAAAAAAA"}
        ann: says {"type":"message","content":"x"}
        ann: query_room {"type":"query_room"}
        "#,
    ));
    stage.hub.notebook.is_full = false;
    let told = stage.play("bob: says {\"device_id\":\"d2\",\"identity\":\"x\",\"room_id\":\"AAAAAAAA\"}");
    assert!(told.contains("joined_existing"), "{told}");
}

proptest! {
    /// Seats and rooms agree, every connection that began ends, and nothing that is said makes the rules panic.
    #[test]
    fn every_connection_that_begins_ends(steps in proptest::collection::vec((0..4_u8, 0..7_u8, "\\PC{0,8}"), 1..60)) {
        let mut rules = Rules::new(1);
        let (mut began, mut ended) = (0, 0);
        for (who, what, text) in &steps {
            let name = format!("m{who}");
            let from = member(&name);
            let frame = match what {
                0 => serde_json::json!({"device_id": format!("d{}", who % 2), "identity": "x"}),
                1 => serde_json::json!({"device_id": "d9", "identity": "x", "room_id": "AAAAAAAA"}),
                2 => serde_json::json!({"type": "message", "content": text, "target_device_id": "d1"}),
                3 => serde_json::json!({"type": "message", "content": text, "message_id": text}),
                4 => serde_json::json!({"type": "query_room", "x": text}),
                _ => serde_json::Value::String(text.clone()),
            };
            let payload = serde_json::value::to_raw_value(&frame).unwrap();
            let outcome = match what {
                5 => rules.hub.leave(from, START),
                6 => {
                    let left = rules.hub.leave(from, START);
                    ended += left.records.len();
                    rules.hub.connect(from, [10, 0, 0, *who].into(), Grant::AnyDevice, START)
                }
                4 => rules.hub.handle(from, "query_room", Some(&payload), &rules.notebook, START),
                _ => rules.hub.handle(from, "message", Some(&payload), &rules.notebook, START),
            };
            for record in &outcome.records {
                began += usize::from(matches!(record, Record::Connected { .. }));
                ended += usize::from(matches!(record, Record::Disconnected { .. }));
                prop_assert_eq!(&Record::from_bytes(&record.to_bytes()).unwrap(), record);
            }
            rules.settle(outcome);
            let seated: usize = rules.hub.all_rooms().map(|(_, room)| room.seats().len()).sum();
            prop_assert_eq!(seated, rules.hub.census().n_seated);
            prop_assert_eq!(began - ended, seated);
            prop_assert!(rules.hub.all_rooms().all(|(_, room)| !room.is_empty()));
        }
    }
}
