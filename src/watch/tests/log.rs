//! Several nodes: the same log, the same rooms.

use expect_test::expect;

use super::*;
use crate::rooms::replication::replay::{self, Draw};

fn make() -> Hub {
    hub(&Config::default())
}

fn event(hub: &Hub, draw: &mut Draw) -> String {
    let mut rooms: Vec<String> = hub.rooms.all().map(|(id, _)| id.to_string()).collect();
    rooms.sort();
    let room = if rooms.is_empty() { "NONE00" } else { draw.of(&rooms) };
    let n = draw.below(100);
    match draw.below(10) {
        0 => {
            r#"["room:create",{"name":"Films","password":"pw","isPublic":true,"userName":"Ann"}]"#.to_owned()
        }
        1..=3 => {
            let password = draw.of(&["pw", "guess"]);
            format!(r#"["room:join",{{"roomId":"{room}","password":"{password}","userName":"u{n}"}}]"#)
        }
        4 => r#"["room:leave"]"#.to_owned(),
        5 => format!(r#"["play:change",{{"type":"play","currentTime":{n},"isPlaying":true}}]"#),
        6 => format!(r#"["play:seek",{n}]"#),
        7 => r#"["play:pause"]"#.to_owned(),
        8 => r#"["screen:start",{"type":"screen","status":"sharing"}]"#.to_owned(),
        _ => format!(r#"["chat:message",{{"content":"{n}","type":"text"}}]"#),
    }
}

#[test]
fn a_log_replayed_comes_to_the_same_rooms_also_from_a_snapshot_on() {
    replay::check(make, event, None);
}

#[test]
fn other_rules_have_another_number() {
    expect!["rules 2: 9249d80d8bf2e84a"].assert_eq(&replay::golden(make, event, None));
}
