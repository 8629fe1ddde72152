//! Dates that are told go by the wall clock, which may be put; silences and positions do not.

use std::time::Duration;

use expect_test::expect;
use serde_json::{Value, json};

use super::{ROOM, check, stage};
use crate::rooms::Outcome;
use crate::watch::Config;

/// Two days after the start of every script, in milliseconds since the epoch.
const CORRECTED: u64 = 1_700_172_800_000;

#[test]
fn dates_follow_a_clock_that_is_put_and_positions_and_silences_do_not() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        ann: play:change {"type":"play","url":"u","currentTime":10,"isPlaying":true}
        the wall clock is put 2days ahead
        1s pass
        bob connects with key
        bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
        bob: chat:message {"content":"hi","type":"text"}
        bob asks: chat:history
        ann: heartbeat
        ann asks: room:list
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            ann: play:change {"type":"play","url":"u","currentTime":10,"isPlaying":true}
            the wall clock is put 2days ahead
            1s pass
            bob connects with key
            bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","isPublic":true,"roomType":"sync","ownerId":"ann","ownerName":"Ann","memberCount":2,"currentState":{"type":"play","url":"u","currentTime":10,"isPlaying":true},"createdAt":1700172800000,"lastOwnerHeartbeat":1700172800000},"members":[{"id":"ann","name":"Ann","isOwner":true,"lastHeartbeat":1700172800000},{"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700172801000}]}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700172801000}
              bob <- play:update {"type":"play","url":"u","currentTime":11.0,"isPlaying":true}
            bob: chat:message {"content":"hi","type":"text"}
              ann, bob <- chat:message {"id":"1700172801000-qhi5g1p","userId":"bob","userName":"Bob","content":"hi","type":"text","timestamp":1700172801000,"position":11.0}
            bob asks: chat:history
              answer [{"id":"1700172801000-qhi5g1p","userId":"bob","userName":"Bob","content":"hi","type":"text","timestamp":1700172801000,"position":11.0}]
            ann: heartbeat
              ann <- heartbeat:pong {"timestamp":1700172801000}
            ann asks: room:list
              answer [{"id":"ROOM","name":"Films","description":"","isPublic":true,"roomType":"sync","ownerId":"ann","ownerName":"Ann","memberCount":2,"currentState":{"type":"play","url":"u","currentTime":10,"isPlaying":true},"createdAt":1700172800000,"lastOwnerHeartbeat":1700172801000}]
        "#]],
    );
}

#[test]
fn operators_are_told_dates_of_a_clock_that_was_put() {
    let mut stage = stage(&Config::default());
    stage.play(
        r#"ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        1m pass
        the wall clock is put 2days ahead"#,
    );
    let (outcome, _) = stage.hub.ban([203, 0, 113, 1].into(), Duration::from_mins(1), stage.now);
    assert_eq!(outcome, Outcome::Done);
    let told: Value = serde_json::to_value(stage.hub.overview(stage.now)).unwrap();
    let minute = 60_000;
    assert_eq!(told["now"], CORRECTED + minute);
    assert_eq!(told["minutes"][0]["at"], CORRECTED + minute);
    assert_eq!(told["bans"][0]["until"], CORRECTED + 2 * minute);
    let room = &told["rooms"][0];
    assert_eq!((&room["id"], &room["createdAt"]), (&json!(ROOM), &json!(CORRECTED)));
    assert_eq!(room["lastOwnerHeartbeat"], CORRECTED);
    assert_eq!(room["members"][0]["lastHeartbeat"], CORRECTED);
    let stats: Value = serde_json::to_value(stage.hub.stats()).unwrap();
    assert_eq!(stats["rooms"][0]["createdAt"], CORRECTED);
}
