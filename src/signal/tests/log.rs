//! Several nodes: the same log, the same rooms.

use super::*;
use crate::switchboard::replication::replay::{self, Draw};

#[test]
fn a_log_replayed_comes_to_the_same_rooms_also_from_a_snapshot_on() {
    let event = |_: &Hub, draw: &mut Draw| {
        let (user, room) = (draw.below(8), draw.below(3));
        let resume = draw.of(&["true", "false"]);
        match draw.below(4) {
            0 | 1 => format!(r#"["join",{{"userId":"u{user}","roomId":"r{room}","resume":{resume}}}]"#),
            2 => format!(r#"["leave",{{"userId":"u{user}","roomId":"r{room}"}}]"#),
            _ => format!(r#"["message",{{"roomId":"r{room}","text":"hi"}}]"#),
        }
    };
    replay::check(|| stage(&Config::default()).hub, event);
}
