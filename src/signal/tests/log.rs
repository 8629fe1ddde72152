//! Several nodes: the same log, the same rooms.

use expect_test::expect;

use super::*;
use crate::rooms::replication::replay::{self, Draw};

fn make() -> Hub {
    stage(&Config::default()).hub
}

fn event(_: &Hub, draw: &mut Draw) -> String {
    let (user, room) = (draw.below(8), draw.below(3));
    let resume = draw.of(&["true", "false"]);
    match draw.below(4) {
        0 | 1 => format!(r#"["join",{{"userId":"u{user}","roomId":"r{room}","resume":{resume}}}]"#),
        2 => format!(r#"["leave",{{"userId":"u{user}","roomId":"r{room}"}}]"#),
        _ => format!(r#"["message",{{"roomId":"r{room}","text":"hi"}}]"#),
    }
}

#[test]
fn a_log_replayed_comes_to_the_same_rooms_also_from_a_snapshot_on() {
    replay::check(make, event, None);
}

#[test]
fn other_rules_have_another_number() {
    expect!["rules 3: 3ceedc3b8214e67c"].assert_eq(&replay::golden(make, event, None));
}
