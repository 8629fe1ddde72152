//! Several nodes: the same log, the same rooms.

use expect_test::expect;

use super::*;
use crate::rooms::replication::replay::{self, Draw, OUTSIDE};

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

/// Now and then it is an operator that acts.
fn event_or_command(hub: &Hub, draw: &mut Draw) -> String {
    let (user, room) = (draw.below(8), draw.below(3));
    match draw.below(30) {
        0 => format!(r#"{OUTSIDE}{{"CloseRoom":"r{room}"}}"#),
        1 => format!(r#"{OUTSIDE}{{"Kick":{{"room":"r{room}","user":"u{user}"}}}}"#),
        _ => event(hub, draw),
    }
}

#[test]
fn a_log_replayed_comes_to_the_same_rooms_also_from_a_snapshot_on() {
    replay::check(make, event_or_command, None);
}

#[test]
fn other_rules_have_another_number() {
    expect!["rules 5: 3ceedc3b8214e67c"].assert_eq(&replay::golden(make, event, None));
}
