//! Members that press at once.

use expect_test::expect;

use super::{check, check_with};
use crate::watch::Config;

#[test]
fn of_two_that_press_otherwise_at_once_the_later_one_is_told_too() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        cyd connects with key
        cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
        ann: play:update {"type":"play","currentTime":10,"isPlaying":false}
        ann: play:play
        1s pass
        bob: play:pause
        cyd: play:play
        dan connects with key
        dan: room:join {"roomId":"ROOM","userName":"Dan"}
        ann: play:seek 30
        bob: play:seek 40
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            cyd connects with key
            cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
              ann, bob <- room:member-joined {"id":"cyd","name":"Cyd","isOwner":false,"lastHeartbeat":1700000000000}
            ann: play:update {"type":"play","currentTime":10,"isPlaying":false}
              bob, cyd <- play:update {"type":"play","currentTime":10,"isPlaying":false}
            ann: play:play
              bob, cyd <- play:play
            1s pass
            bob: play:pause
              ann, bob, cyd <- play:pause
            cyd: play:play
              ann, bob, cyd <- play:play
            dan connects with key
            dan: room:join {"roomId":"ROOM","userName":"Dan"}
              ann, bob, cyd <- room:member-joined {"id":"dan","name":"Dan","isOwner":false,"lastHeartbeat":1700000001000}
              dan <- play:update {"type":"play","currentTime":11.0,"isPlaying":true}
            ann: play:seek 30
              bob, cyd, dan <- play:seek 30.0
            bob: play:seek 40
              ann, bob, cyd, dan <- play:seek 40.0
        "#]],
    );
}

#[test]
fn presses_that_do_not_contradict_each_other_are_told_to_the_others_alone() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann: play:play
        bob: play:play
        bob: play:pause
        bob: play:seek 30
        ann: play:seek 30
        2s pass
        ann: play:play
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann: play:play
              bob <- play:play
            bob: play:play
              ann <- play:play
            bob: play:pause
              ann <- play:pause
            bob: play:seek 30
              ann <- play:seek 30.0
            ann: play:seek 30
              bob <- play:seek 30.0
            2s pass
            ann: play:play
              bob <- play:play
        "#]],
    );
}

#[test]
fn without_a_window_no_presses_cross() {
    check_with(
        &Config { crossing_window: std::time::Duration::ZERO, ..Config::default() },
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann: play:play
        bob: play:pause
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann: play:play
              bob <- play:play
            bob: play:pause
              ann <- play:pause
        "#]],
    );
}
