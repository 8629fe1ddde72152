//! Rooms that stay.

use std::time::Duration;

use super::{ROOM, TOKEN, hub, stage};
use crate::watch::Config;

const FOUND: &str = r#"
    ann connects with key
    ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
    ann asks: party:set {"isPermanent":true,"preset":"controlled"}
    ann: chat:message {"content":"hello","type":"text"}
"#;

fn config() -> Config {
    Config { max_permanent_rooms: 1, permanent_unused: Duration::from_hours(24), ..Config::default() }
}

#[test]
fn a_permanent_room_outlasts_its_members_silence_and_restarts() {
    let mut before = stage(&config());
    let transcript = before.play(FOUND);
    assert!(transcript.contains(r#"answer {"success":true}"#), "{transcript}");
    before.play("ann: room:leave\n 1h pass");
    assert_eq!(before.hub.rooms.count(), 1, "its owner has left, and not disbanded it");
    let mut after = before.restart(hub(&config()));
    after.play("3h pass");
    let transcript = after.play(
        &r#"
        bob connects with key
        bob asks: room:list
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        bob asks: chat:history
        bob: play:pause
        ann2 connects with key
        ann2: introduce
        ann2: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        "#
        .replace("ROOM", ROOM)
        .replace("TOKEN", TOKEN),
    );
    assert!(transcript.contains(r#""memberCount":0"#) && transcript.contains(r#""content":"hello""#));
    assert!(transcript.contains(r#""role":"owner""#) && transcript.contains(r#""preset":"controlled""#));
    assert!(!transcript.contains("<- play:pause"), "its table holds");
    after.play("bob goes\n ann2 goes\n 23h pass");
    assert_eq!(after.hub.rooms.count(), 1);
    after.play("1h pass");
    assert_eq!(after.hub.rooms.count(), 0, "nobody has used it for a day");
}

#[test]
fn so_many_rooms_are_permanent() {
    let mut stage = stage(&config());
    stage.play(FOUND);
    let transcript = stage.play(
        r#"
        bob connects with key
        bob: room:create {"name":"More","userName":"Bob"}
        bob asks: party:set {"isPermanent":true}
        ann asks: party:set {"isPermanent":true}
        ann: party:set {"isPermanent":false}
        bob asks: party:set {"isPermanent":true}
        ann: room:leave
        "#,
    );
    assert_eq!(transcript.matches(r#""code":"too_many""#).count(), 1, "{transcript}");
    assert_eq!(transcript.matches(r#"answer {"success":true}"#).count(), 2, "{transcript}");
    assert_eq!(stage.hub.rooms.count(), 1, "a room that is permanent no more is disbanded as others are");
}
