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
    let member = format!("member-{:02}", draw.below(12));
    match draw.below(17) {
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
        9 => format!(r#"["introduce",{{"name":"p{n}","person":"the secret of person {}"}}]"#, n % 9),
        10 => {
            let preset = draw.of(&["open", "controlled", "lecture"]);
            format!(r#"["party:set",{{"preset":"{preset}","isPermanent":{},"slowMode":{}}}]"#, n < 5, n % 3)
        }
        11 => format!(r#"["party:vote",{{"subject":"kick","targetUserId":"{member}"}}]"#),
        12 => format!(r#"["party:buffering",{{"isBuffering":{}}}]"#, n < 60),
        13 => format!(r#"["party:mute",{{"targetUserId":"{member}","isMuted":{}}}]"#, n < 50),
        14 => format!(r#"["party:grant",{{"targetUserId":"{member}","role":"cohost"}}]"#),
        15 => format!(r#"["party:invite",{{"expiresIn":{n}}}]"#),
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
    expect!["rules 5: b35b125211487503"].assert_eq(&replay::golden(make, event, None));
}
