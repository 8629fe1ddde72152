//! An owner with several tabs, which all have its token.

use std::fmt::Write;

use expect_test::expect;

use super::{check, stage};
use crate::watch::{Config, OwnerLeave};

#[test]
fn an_owners_first_tab_stays_a_member_and_owns_the_room_again_when_the_second_goes() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","password":"pw","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","password":"pw","userName":"Bob"}
        ann2 connects with key
        ann2 asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        ann: play:update {"type":"play"}
        ann: chat:message {"content":"still here","type":"text"}
        ann2: play:update {"type":"play"}
        ann2 goes
        ann: play:update {"type":"play","currentTime":1}
        ann asks: state:clear
        ann: room:leave
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","password":"pw","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","password":"pw","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann2 connects with key
            ann2 asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","password":"***","isPublic":true,"roomType":"sync","ownerId":"ann2","ownerName":"Ann","ownerToken":"TOKEN","memberCount":3,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},"members":[{"id":"ann","name":"Ann","isOwner":false,"lastHeartbeat":1700000000000},{"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000},{"id":"ann2","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000}]}
              ann, bob <- room:member-joined {"id":"ann2","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000}
            ann: play:update {"type":"play"}
            ann: chat:message {"content":"still here","type":"text"}
              ann, bob, ann2 <- chat:message {"id":"1700000000000-qhi5g1p","userId":"ann","userName":"Ann","content":"still here","type":"text","timestamp":1700000000000}
            ann2: play:update {"type":"play"}
              ann, bob <- play:update {"type":"play"}
            ann2 goes
              ann, bob <- room:member-left "ann2"
            ann: play:update {"type":"play","currentTime":1}
              bob <- play:update {"type":"play","currentTime":1}
            ann asks: state:clear
              bob <- state:cleared
              answer {"success":true}
            ann: room:leave
              bob <- room:deleted {"reason":"owner_left"}
        "#]],
    );
}

#[test]
fn the_first_tab_goes_and_the_second_still_owns_the_room() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann2 connects with key
        ann2: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        ann: room:leave
        ann2: play:update {"type":"play"}
        ann2: room:leave
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann2 connects with key
            ann2: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
              ann, bob <- room:member-joined {"id":"ann2","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000}
            ann: room:leave
              bob, ann2 <- room:member-left "ann"
            ann2: play:update {"type":"play"}
              bob <- play:update {"type":"play"}
            ann2: room:leave
              bob <- room:deleted {"reason":"owner_left"}
        "#]],
    );
}

#[test]
fn of_three_tabs_the_latest_that_is_there_owns_the_room() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        ann2 connects with key
        ann2: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        ann3 connects with key
        ann3: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        ann2 goes
        ann3 goes
        ann asks: state:clear
        ann3 connects with key
        ann3: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        ann: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        ann3 asks: state:clear
        ann goes
        ann3 asks: state:clear
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            ann2 connects with key
            ann2: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
              ann <- room:member-joined {"id":"ann2","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000}
            ann3 connects with key
            ann3: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
              ann, ann2 <- room:member-joined {"id":"ann3","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000}
            ann2 goes
              ann, ann3 <- room:member-left "ann2"
            ann3 goes
              ann <- room:member-left "ann3"
            ann asks: state:clear
              answer {"success":true}
            ann3 connects with key
            ann3: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
              ann <- room:member-joined {"id":"ann3","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000}
            ann: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
            ann3 asks: state:clear
              answer {"success":false,"error":"Not owner"}
            ann goes
              ann3 <- room:member-left "ann"
            ann3 asks: state:clear
              answer {"success":true}
        "#]],
    );
}

#[test]
fn a_room_that_was_handed_over_goes_back_to_no_earlier_tab() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann2 connects with key
        ann2: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        ann2: room:transfer {"targetUserId":"bob"}
        bob goes
        ann asks: state:clear
        ann2 asks: state:clear
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann2 connects with key
            ann2: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
              ann, bob <- room:member-joined {"id":"ann2","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000}
            ann2: room:transfer {"targetUserId":"bob"}
              ann, ann2 <- room:owner-changed {"ownerId":"bob","ownerName":"Bob"}
              bob <- room:owner-changed {"ownerId":"bob","ownerName":"Bob","ownerToken":"7202c3651aee40d93484ba79c955b2aa"}
            bob goes
              ann, ann2 <- room:member-left "bob"
            ann asks: state:clear
              answer {"success":false,"error":"Not owner"}
            ann2 asks: state:clear
              answer {"success":false,"error":"Not owner"}
        "#]],
    );
}

#[test]
fn a_tab_that_shares_goes_on_sharing_when_another_owns_the_room() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann","roomType":"screen"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann: screen:start {"type":"screen","status":"sharing"}
        ann2 connects with key
        ann2: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        bob: screen:viewer-ready
        ann: screen:stop
        ann2: screen:start {"type":"screen","status":"sharing"}
        bob: screen:viewer-ready
        ann: screen:viewer-ready
        ann2 goes
        ann: screen:start {"type":"screen","status":"sharing"}
        ann goes
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann","roomType":"screen"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann: screen:start {"type":"screen","status":"sharing"}
              ann, bob <- screen:start {"type":"screen","status":"sharing"}
            ann2 connects with key
            ann2: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
              ann, bob <- room:member-joined {"id":"ann2","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000}
            bob: screen:viewer-ready
              ann <- screen:viewer-ready {"userId":"bob"}
            ann: screen:stop
              ann, bob, ann2 <- screen:stop
            ann2: screen:start {"type":"screen","status":"sharing"}
              ann, bob, ann2 <- screen:start {"type":"screen","status":"sharing"}
            bob: screen:viewer-ready
              ann2 <- screen:viewer-ready {"userId":"bob"}
            ann: screen:viewer-ready
              ann2 <- screen:viewer-ready {"userId":"ann"}
            ann2 goes
              ann, bob <- room:member-left "ann2"
              ann, bob <- screen:stop
            ann: screen:start {"type":"screen","status":"sharing"}
              ann, bob <- screen:start {"type":"screen","status":"sharing"}
            ann goes
              bob <- room:member-left "ann"
              bob <- screen:stop
        "#]],
    );
}

#[test]
fn a_room_holds_so_many_tabs_of_its_owner() {
    let config = Config { max_members_per_room: 1, owner_leave: OwnerLeave::Keep, ..Config::default() };
    let mut stage = stage(&config);
    let mut script = String::from(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        "#,
    );
    for n in 0..20 {
        writeln!(script, "a{n} connects with key").unwrap();
        writeln!(
            script,
            r#"a{n}: room:join {{"roomId":"{}","userName":"Ann","ownerToken":"{}"}}"#,
            super::ROOM,
            super::TOKEN
        )
        .unwrap();
    }
    stage.play(&script);
    let room = stage.hub.rooms.values().next().unwrap();
    assert_eq!((room.n_members(), room.owner().as_str()), (9, "a19"));
    assert_eq!(
        stage.play("a0 asks: state:clear"),
        "a0 asks: state:clear\n  answer {\"success\":false,\"error\":\"Not in a room\"}\n"
    );
}
