//! Who owns a room, how long it is waited for, and when a room goes.

use std::time::Duration;

use expect_test::expect;

use super::{ROOM, TOKEN, check, check_with, hub, stage};
use crate::rooms::Hub as _;
use crate::rooms::test_stage::START;
use crate::watch::{Config, OwnerLeave};

#[test]
fn a_member_leaves_and_an_owner_disbands() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        cyd connects with key
        cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
        bob: room:leave
        ann: room:leave
        bob asks: room:list
        cyd asks: state:clear
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            cyd connects with key
            cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
              ann, bob <- room:member-joined {"id":"cyd","name":"Cyd","isOwner":false,"lastHeartbeat":1700000000000}
            bob: room:leave
              ann, cyd <- room:member-left "bob"
            ann: room:leave
              cyd <- room:deleted {"reason":"owner_left"}
            bob asks: room:list
              answer []
            cyd asks: state:clear
              answer {"success":false,"error":"Not in a room"}
        "#]],
    );
}

#[test]
fn a_room_that_is_kept_waits_for_its_owner() {
    check_with(
        &Config { owner_leave: OwnerLeave::Keep, ..Config::default() },
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann: room:leave
        bob asks: chat:history
        ann asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann: room:leave
              bob <- room:member-left "ann"
            bob asks: chat:history
              answer []
            ann asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","isPublic":true,"roomType":"sync","ownerId":"ann","ownerName":"Ann","ownerToken":"TOKEN","memberCount":2,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},"members":[{"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000},{"id":"ann","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000}]}
              bob <- room:member-joined {"id":"ann","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000}
        "#]],
    );
}

#[test]
fn a_heartbeat_is_answered_whoever_sends_it() {
    check(
        r"
        ann connects with key
        1500ms pass
        ann: heartbeat
        ",
        &expect![[r#"
            ann connects with key
            1500ms pass
            ann: heartbeat
              ann <- heartbeat:pong {"timestamp":1700000001500}
        "#]],
    );
}

#[test]
fn the_owner_comes_back_with_its_token() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann goes
        3s pass
        ann2 connects with key
        ann2 asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann goes
              bob <- room:member-left "ann"
            3s pass
            ann2 connects with key
            ann2 asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","isPublic":true,"roomType":"sync","ownerId":"ann2","ownerName":"Ann","ownerToken":"TOKEN","memberCount":2,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000003000},"members":[{"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000},{"id":"ann2","name":"Ann","isOwner":true,"lastHeartbeat":1700000003000}]}
              bob <- room:member-joined {"id":"ann2","name":"Ann","isOwner":true,"lastHeartbeat":1700000003000}
        "#]],
    );
}

#[test]
fn a_lone_owner_that_reloads_finds_its_room_for_half_a_minute() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        ann goes
        bob connects with key
        bob asks: room:list
        20s pass
        ann2 connects with key
        ann2: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        ann2 goes
        30s pass
        ann3 connects with key
        ann3 asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            ann goes
            bob connects with key
            bob asks: room:list
              answer []
            20s pass
            ann2 connects with key
            ann2: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
            ann2 goes
            30s pass
            ann3 connects with key
            ann3 asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
              answer {"success":false,"error":"房间不存在"}
        "#]],
    );
}

#[test]
fn a_silent_owner_loses_the_screen_and_then_the_room() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann: play:update {"type":"play"}
        20s pass
        bob: heartbeat
        10s pass
        ann: live:change {"type":"live"}
        250s pass
        49s pass
        ann: heartbeat
        290s pass
        10s pass
        bob asks: state:clear
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann: play:update {"type":"play"}
              bob <- play:update {"type":"play"}
            20s pass
            bob: heartbeat
              bob <- heartbeat:pong {"timestamp":1700000020000}
            10s pass
              ann, bob <- state:cleared
            ann: live:change {"type":"live"}
              bob <- live:change {"type":"live"}
            250s pass
              ann, bob <- state:cleared
            49s pass
            ann: heartbeat
              ann <- heartbeat:pong {"timestamp":1700000329000}
            290s pass
            10s pass
              ann, bob <- room:deleted
            bob asks: state:clear
              answer {"success":false,"error":"Not in a room"}
        "#]],
    );
}

#[test]
fn an_owner_in_a_hidden_tab_is_not_silent() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann: play:update {"type":"play"}
        25s pass
        ann answers a ping
        25s pass
        ann answers a ping
        29s pass
        1s pass
        9s pass
        1s pass
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann: play:update {"type":"play"}
              bob <- play:update {"type":"play"}
            25s pass
            ann answers a ping
            25s pass
            ann answers a ping
            29s pass
            1s pass
            9s pass
              ann, bob <- state:cleared
            1s pass
        "#]],
    );
}

#[test]
fn a_shared_screen_outlasts_silence() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann: screen:start {"type":"screen","status":"sharing"}
        120s pass
        190s pass
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann: screen:start {"type":"screen","status":"sharing"}
              ann, bob <- screen:start {"type":"screen","status":"sharing"}
            120s pass
            190s pass
              ann, bob <- room:deleted
        "#]],
    );
}

#[test]
fn an_owner_hands_its_room_over() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        cyd connects with key
        cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
        ann asks: room:transfer {"targetUserId":"bob"}
        ann: play:update {"type":"play"}
        bob: play:update {"type":"play"}
        ann: room:leave
        cyd2 connects with key
        cyd2 asks: room:join {"roomId":"ROOM","userName":"Eve","ownerToken":"TOKEN"}
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            cyd connects with key
            cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
              ann, bob <- room:member-joined {"id":"cyd","name":"Cyd","isOwner":false,"lastHeartbeat":1700000000000}
            ann asks: room:transfer {"targetUserId":"bob"}
              ann, cyd <- room:owner-changed {"ownerId":"bob","ownerName":"Bob"}
              bob <- room:owner-changed {"ownerId":"bob","ownerName":"Bob","ownerToken":"7202c3651aee40d93484ba79c955b2aa"}
              answer {"success":true}
            ann: play:update {"type":"play"}
            bob: play:update {"type":"play"}
              ann, cyd <- play:update {"type":"play"}
            ann: room:leave
              bob, cyd <- room:member-left "ann"
            cyd2 connects with key
            cyd2 asks: room:join {"roomId":"ROOM","userName":"Eve","ownerToken":"TOKEN"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","isPublic":true,"roomType":"sync","ownerId":"bob","ownerName":"Bob","memberCount":3,"currentState":{"type":"play"},"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},"members":[{"id":"bob","name":"Bob","isOwner":true,"lastHeartbeat":1700000000000},{"id":"cyd","name":"Cyd","isOwner":false,"lastHeartbeat":1700000000000},{"id":"cyd2","name":"Eve","isOwner":false,"lastHeartbeat":1700000000000}]}
              bob, cyd <- room:member-joined {"id":"cyd2","name":"Eve","isOwner":false,"lastHeartbeat":1700000000000}
              cyd2 <- play:update {"type":"play"}
        "#]],
    );
}

#[test]
fn the_sweep_comes_round_at_its_interval() {
    let mut stage = stage(&Config { sweep_interval: Duration::from_secs(7), ..Config::default() });
    assert_eq!(stage.hub.next_timeout(), Some(START + Duration::from_secs(7)));
    stage.play("7s pass");
    assert_eq!(stage.hub.next_timeout(), Some(START + Duration::from_secs(14)));
}

#[test]
fn after_a_restart_whoever_comes_first_is_let_in_and_the_owner_owns_its_room_again() {
    let config = Config::default();
    let mut before = stage(&config);
    before.play(&format!(
        r#"
        ann connects with key
        ann: room:create {{"name":"Films","description":"","password":"pw","isPublic":true,"userName":"Ann"}}
        ann: play:update {{"type":"play","currentTime":60,"isPlaying":true}}
        bob connects with key
        bob: room:join {{"roomId":"{ROOM}","password":"pw","userName":"Bob"}}
        bob: chat:message {{"content":"hello","type":"text"}}
        "#,
    ));
    let mut after = before.restart(hub(&config));
    let script = r#"
        10s pass
        bob2 connects with key
        bob2 asks: room:join {"roomId":"ROOM","password":"no","userName":"Bob"}
        bob2 asks: room:join {"roomId":"ROOM","password":"pw","userName":"Bob"}
        bob2 asks: chat:history
        50s pass
        ann2 connects with key
        ann2 asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
    "#;
    let transcript = after.play(&script.replace("ROOM", ROOM).replace("TOKEN", TOKEN));
    expect![[r#"
        10s pass
        bob2 connects with key
        bob2 asks: room:join {"roomId":"ROOM","password":"no","userName":"Bob"}
          answer {"success":false,"error":"密码错误"}
        bob2 asks: room:join {"roomId":"ROOM","password":"pw","userName":"Bob"}
          answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","password":"***","isPublic":true,"roomType":"sync","ownerId":"ann","ownerName":"Ann","memberCount":1,"currentState":{"type":"play","currentTime":60,"isPlaying":true},"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},"members":[{"id":"bob2","name":"Bob","isOwner":false,"lastHeartbeat":1700000010000}]}
          bob2 <- play:update {"type":"play","currentTime":70.0,"isPlaying":true}
        bob2 asks: chat:history
          answer [{"id":"1700000000000-qhi5g1p","userId":"bob","userName":"Bob","content":"hello","type":"text","timestamp":1700000000000,"position":60.0}]
        50s pass
          bob2 <- state:cleared
        ann2 connects with key
        ann2 asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
          answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","password":"***","isPublic":true,"roomType":"sync","ownerId":"ann2","ownerName":"Ann","ownerToken":"TOKEN","memberCount":2,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000060000},"members":[{"id":"bob2","name":"Bob","isOwner":false,"lastHeartbeat":1700000010000},{"id":"ann2","name":"Ann","isOwner":true,"lastHeartbeat":1700000060000}]}
          bob2 <- room:member-joined {"id":"ann2","name":"Ann","isOwner":true,"lastHeartbeat":1700000060000}
    "#]].assert_eq(&transcript.replace(ROOM, "ROOM").replace(TOKEN, "TOKEN"));
}

#[test]
fn a_room_to_which_nobody_comes_back_after_a_restart_goes() {
    let config = Config::default();
    let mut before = stage(&config);
    before.play(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        "#,
    );
    let mut after = before.restart(hub(&config));
    after.play("119s pass");
    assert_eq!(after.hub.rooms.count(), 1);
    after.play("10s pass");
    assert_eq!(after.hub.rooms.count(), 0);
}
