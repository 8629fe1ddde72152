//! Several nodes: the same log, the same rooms.

use expect_test::expect;

use super::*;
use crate::rooms::replication::replay::{self, Draw};

const EVENTS: [&str; 11] = [
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
];

fn make() -> Hub {
    Hub::new(&Config::default(), Vec::new(), START)
}

fn event(_: &Hub, draw: &mut Draw) -> String {
    (*draw.of(&EVENTS)).to_owned()
}

#[test]
fn a_log_replayed_comes_to_the_same_rooms_also_from_a_snapshot_on() {
    replay::check(make, event, None);
}

#[test]
fn other_rules_have_another_number() {
    expect!["rules 1: 2269b8b8782c6bd5"].assert_eq(&replay::golden(make, event, None));
}
