//! What holds of the rooms whatever members say, in any order.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::Config;
use super::protocol::RoomId;
use super::room::Room;
use super::tests::hub;
use crate::effect::MemberId;
use crate::rooms::Hub as _;
use crate::rooms::test_stage::{START, Stage, member};

const MEMBERS: [&str; 5] = ["ann", "bob", "cyd", "dan", "eve"];
const ROOMS: [&str; 3] = ["one", "two", "three"];
const EVENTS: [&str; 14] = [
    "create_room",
    "create-room",
    "join_room",
    "join-room",
    "leave_room",
    "leave-room",
    "track_change",
    "play",
    "pause",
    "seek",
    "sync_progress",
    "playlist-update",
    "introduce",
    "get_room_state",
];
const PAGE_EVENTS: [&str; 20] = [
    "queue:add",
    "queue:approve",
    "queue:reject",
    "queue:vote",
    "queue:move",
    "queue:remove",
    "queue:mode",
    "queue:next",
    "queue:previous",
    "queue:play",
    "party:set",
    "party:grant",
    "party:mute",
    "party:kick",
    "party:invite",
    "party:vote",
    "party:unvote",
    "party:chat",
    "party:react",
    "chat:history",
];
const ROLES: [&str; 5] = ["owner", "cohost", "member", "guest", "king"];
const TIMES: [&str; 6] = ["0", "12.5", "-1", "\"x\"", "null", "1e300"];

fn step() -> impl Strategy<Value = String> {
    let who = proptest::sample::select(&MEMBERS[..]);
    let event = proptest::sample::select(&EVENTS[..]);
    let room = proptest::sample::select(&ROOMS[..]);
    let time = proptest::sample::select(&TIMES[..]);
    prop_oneof![
        1 => who.clone().prop_map(|who| format!("{who} goes")),
        1 => who.clone().prop_map(|who| format!("{who} says goodbye")),
        2 => who.clone().prop_map(|who| format!("{who} connects from 10.0.0.1")),
        1 => (1..40u32).prop_map(|seconds| format!("{seconds}s pass")),
        15 => (who.clone(), page_event(), who.clone(), 0..9u32, any::<bool>())
            .prop_map(|(who, event, target, n, flag)| page_line(who, event, target, n, flag)),
        20 => (who, event, room, time).prop_map(|(who, event, room, time)| format!(
            "{who}: {event} {{\"room_id\":\"{room}\",\"current_time\":{time},\"track\":{{}},\"playlist\":[],\
             \"name\":\"{who}\",\"person\":\"the person of {who}\"}}"
        )),
    ]
}

fn page_event() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&PAGE_EVENTS[..])
}

/// A line with every field that some event of pages has.
fn page_line(who: &str, event: &str, target: &str, n: u32, flag: bool) -> String {
    let role = ROLES[n as usize % ROLES.len()];
    let preset = ["open", "controlled", "lecture"][n as usize % 3];
    let subject = if flag { "skip" } else { "kick" };
    let vote_target = if flag { String::new() } else { format!("\"targetUserId\":\"{target}\",") };
    let target = if event == "party:vote" { vote_target } else { format!("\"targetUserId\":\"{target}\",") };
    format!(
        "{who}: {event} {{{target}\"id\":\"{n}\",\"to\":{n},\"isUp\":{flag},\"track\":{{\"id\":{n}}},\"role\":\"{role}\",\
         \"preset\":\"{preset}\",\"isLocked\":false,\"isPermanent\":{flag},\"isMuted\":{flag},\"subject\":\"{subject}\",\
         \"content\":\"{n}\",\"type\":\"text\",\"emoji\":\"👍\",\"repeat\":\"all\",\"isShuffled\":{flag},\"byVotes\":{flag},\
         \"expiresIn\":60,\"skipsPassword\":{flag}}}"
    )
}

proptest! {
    #[test]
    fn seats_and_rooms_agree_and_every_room_has_its_host_among_its_members(script in vec(step(), 1..120)) {
        let config =
            Config { max_rooms: 2, max_users_per_room: 3, max_queue_entries: 4, ..Config::default() };
        let mut stage = Stage::new(hub(&config));
        let mut connected: Vec<&str> = Vec::new();
        for line in &script {
            // The runner lets a member's old line go before a new one comes.
            let who = MEMBERS.into_iter().find(|who| line.starts_with(who)).unwrap_or("nobody");
            let is_connected = connected.contains(&who);
            if line.contains(" connects") {
                if is_connected { continue }
                connected.push(who);
            } else if line.ends_with(" goes") || line.ends_with(" goodbye") {
                connected.retain(|other| *other != who);
            }
            stage.play(line);
        }
        let rooms: Vec<RoomId> = ROOMS.iter().filter_map(|name| RoomId::new(name)).collect();
        let mut n_seated = 0;
        for id in &rooms {
            let Some(room) = stage.hub.room(id) else { continue };
            let members: Vec<MemberId> = room.members().collect();
            if members.is_empty() {
                let is_told = stage.hub.report(id, stage.now).is_some();
                prop_assert!(!is_told || room.is_permanent(), "a room that waits shows nowhere");
                continue;
            }
            prop_assert!(members.len() <= 3);
            prop_assert_eq!(room.party().present().len(), members.len(), "the party is who sits there");
            let list: Vec<serde_json::Value> =
                room.playlist_text().map_or_else(Vec::new, |text| serde_json::from_str(text).unwrap());
            prop_assert!(list.len() <= 4, "{list:?}");
            prop_assert!(members.contains(&room.host()), "the host sits in its room");
            for member in &members {
                prop_assert_eq!(stage.hub.room_of(*member), Some(id));
                prop_assert!(connected.contains(&member.as_str()));
            }
            n_seated += members.len();
        }
        prop_assert!(stage.hub.n_rooms() <= 2);
        prop_assert_eq!(stage.hub.n_seated(), n_seated);
        let seats = MEMBERS.iter().filter(|who| stage.hub.room_of(member(who)).is_some()).count();
        prop_assert_eq!(seats, n_seated);
    }

    #[test]
    fn no_text_is_too_strange_to_be_read(event in ".*", text in ".{0,80}") {
        let payload = RawValue::from_string(text.clone()).or_else(|_| RawValue::from_string(
            serde_json::to_string(&text).unwrap_or_default(),
        )).unwrap();
        let mut stage = Stage::new(hub(&Config::default()));
        stage.play("ann connects");
        stage.hub.handle(member("ann"), &event, Some(&payload), START);
        stage.hub.handle(member("ann"), "create_room", Some(&payload), START);
        prop_assert!(stage.hub.n_rooms() <= 1);
    }
}

#[test]
fn a_room_that_was_kept_as_text_is_the_same_room() {
    let mut stage = Stage::new(hub(&Config::default()));
    stage.play(
        r#"ann connects
        ann: create_room {"room_id":"one","track":{"z":1,"a":[2]},"current_time":1.5}"#,
    );
    let id = RoomId::new("one").unwrap();
    let text = serde_json::to_string(stage.hub.room(&id).unwrap()).unwrap();
    let again: Room = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
}
