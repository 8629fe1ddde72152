//! Several nodes: the same log, the same rooms.

use expect_test::expect;

use super::*;
use crate::rooms::replication::replay::{self, Draw, OUTSIDE};

const EVENTS: [&str; 31] = [
    r#"["create_room",{"room_id":"AB12","track":{"id":1}}]"#,
    r#"["create_room",{"room_id":"CD34","current_time":3}]"#,
    r#"["join_room",{"room_id":"AB12"}]"#,
    r#"["join-room",{"roomId":"CD34"}]"#,
    r#"["leave_room",{}]"#,
    r#"["play",{"room_id":"AB12","current_time":12.5}]"#,
    r#"["pause",{"room_id":"AB12"}]"#,
    r#"["seek",{"room_id":"CD34","current_time":1e2}]"#,
    r#"["sync_progress",{"room_id":"AB12","current_time":7}]"#,
    r#"["introduce",{"name":"Ann"}]"#,
    r#"["playlist-update",{"roomId":"AB12","playlist":[{"id":1}]}]"#,
    r#"["introduce",{"name":"Bob","person":"the person of bob"}]"#,
    r#"["create-room",{"roomId":"EF56","password":"secret","person":"the person of bob"}]"#,
    r#"["join-room",{"roomId":"EF56","password":"wrong"}]"#,
    r#"["join-room",{"roomId":"EF56","password":"secret"}]"#,
    r#"["queue:add",{"track":{"id":7}}]"#,
    r#"["queue:add",{"track":{"id":8}}]"#,
    r#"["queue:approve",{"id":"1"}]"#,
    r#"["queue:vote",{"id":"2","isUp":true}]"#,
    r#"["queue:mode",{"repeat":"all","isShuffled":true}]"#,
    r#"["queue:next",{}]"#,
    r#"["queue:next",{}]"#,
    r#"["queue:previous",{}]"#,
    r#"["party:chat",{"content":"hello","type":"text"}]"#,
    r#"["party:set",{"preset":"open","isPermanent":true}]"#,
    r#"["party:set",{"isPermanent":false,"isLocked":false}]"#,
    r#"["party:vote",{"subject":"skip"}]"#,
    r#"["party:vote",{"subject":"kick","targetUserId":"member-03"}]"#,
    r#"["party:grant",{"targetUserId":"member-05","role":"cohost"}]"#,
    r#"["party:kick",{"targetUserId":"member-07"}]"#,
    r#"["party:invite",{"expiresIn":60,"skipsPassword":true}]"#,
];

fn make() -> Hub {
    hub(&Config::default())
}

fn event(_: &Hub, draw: &mut Draw) -> String {
    (*draw.of(&EVENTS)).to_owned()
}

/// Now and then it is an operator that acts.
fn event_or_command(hub: &Hub, draw: &mut Draw) -> String {
    match draw.below(30) {
        0 => format!(r#"{OUTSIDE}{{"CloseRoom":"{}"}}"#, draw.of(&["AB12", "CD34", "EF56"])),
        1 => format!(r#"{OUTSIDE}{{"Kick":"member-{:02}"}}"#, draw.below(12)),
        _ => event(hub, draw),
    }
}

#[test]
fn a_log_replayed_comes_to_the_same_rooms_also_from_a_snapshot_on() {
    replay::check(make, event_or_command, None);
}

#[test]
fn other_rules_have_another_number() {
    expect!["rules 5: a7fd3fefa2408ba0"].assert_eq(&replay::golden(make, event, None));
}
