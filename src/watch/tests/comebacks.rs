//! Connections that break, and who comes back to which room.

use expect_test::expect;

use super::check;

#[test]
fn guests_that_are_back_before_their_owner_find_the_room_and_what_is_on() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","password":"pw","isPublic":true,"userName":"Ann"}
        ann: play:change {"type":"play","currentTime":60,"isPlaying":true}
        bob connects with key
        bob: room:join {"roomId":"ROOM","password":"pw","userName":"Bob"}
        ann goes
        bob goes
        cyd connects with key
        cyd asks: room:list
        cyd asks: room:join {"roomId":"ROOM","password":"no","userName":"Cyd"}
        25s pass
        bob2 connects with key
        bob2 asks: room:join {"roomId":"ROOM","password":"pw","userName":"Bob"}
        ann2 connects with key
        ann2 asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","password":"pw","isPublic":true,"userName":"Ann"}
            ann: play:change {"type":"play","currentTime":60,"isPlaying":true}
            bob connects with key
            bob: room:join {"roomId":"ROOM","password":"pw","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
              bob <- play:update {"type":"play","currentTime":60.0,"isPlaying":true}
            ann goes
              bob <- room:member-left "ann"
            bob goes
            cyd connects with key
            cyd asks: room:list
              answer []
            cyd asks: room:join {"roomId":"ROOM","password":"no","userName":"Cyd"}
              answer {"success":false,"error":"密码错误"}
            25s pass
            bob2 connects with key
            bob2 asks: room:join {"roomId":"ROOM","password":"pw","userName":"Bob"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","password":"***","isPublic":true,"roomType":"sync","ownerId":"ann","ownerName":"Ann","memberCount":1,"currentState":{"type":"play","currentTime":60,"isPlaying":true},"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},"members":[{"id":"bob2","name":"Bob","isOwner":false,"lastHeartbeat":1700000025000}]}
              bob2 <- play:update {"type":"play","currentTime":85.0,"isPlaying":true}
            ann2 connects with key
            ann2 asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","password":"***","isPublic":true,"roomType":"sync","ownerId":"ann2","ownerName":"Ann","ownerToken":"TOKEN","memberCount":2,"currentState":{"type":"play","currentTime":60,"isPlaying":true},"createdAt":1700000000000,"lastOwnerHeartbeat":1700000025000},"members":[{"id":"bob2","name":"Bob","isOwner":false,"lastHeartbeat":1700000025000},{"id":"ann2","name":"Ann","isOwner":true,"lastHeartbeat":1700000025000}]}
              bob2 <- room:member-joined {"id":"ann2","name":"Ann","isOwner":true,"lastHeartbeat":1700000025000}
              ann2 <- play:update {"type":"play","currentTime":85.0,"isPlaying":true}
        "#]],
    );
}

#[test]
fn a_room_to_which_nobody_comes_back_goes_and_one_that_is_left_goes_at_once() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        ann goes
        29s pass
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        bob goes
        9s pass
        cyd connects with key
        22s pass
        cyd asks: room:join {"roomId":"ROOM","userName":"Cyd"}
        cyd asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            ann goes
            29s pass
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
            bob goes
            9s pass
            cyd connects with key
            22s pass
            cyd asks: room:join {"roomId":"ROOM","userName":"Cyd"}
              answer {"success":false,"error":"房间不存在"}
            cyd asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
              answer {"success":false,"error":"房间不存在"}
        "#]],
    );
}

#[test]
fn a_guest_that_leaves_last_takes_the_room_with_it() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann goes
        bob: room:leave
        bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann goes
              bob <- room:member-left "ann"
            bob: room:leave
            bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
              answer {"success":false,"error":"房间不存在"}
        "#]],
    );
}

#[test]
fn a_share_ends_with_the_connection_of_its_owner() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann","roomType":"screen"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann: screen:start {"type":"screen","status":"sharing"}
        ann goes
        cyd connects with key
        cyd asks: room:join {"roomId":"ROOM","userName":"Cyd"}
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann","roomType":"screen"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann: screen:start {"type":"screen","status":"sharing"}
              ann, bob <- screen:start {"type":"screen","status":"sharing"}
            ann goes
              bob <- room:member-left "ann"
              bob <- screen:stop
            cyd connects with key
            cyd asks: room:join {"roomId":"ROOM","userName":"Cyd"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","isPublic":true,"roomType":"screen","ownerId":"ann","ownerName":"Ann","memberCount":2,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},"members":[{"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000},{"id":"cyd","name":"Cyd","isOwner":false,"lastHeartbeat":1700000000000}]}
              bob <- room:member-joined {"id":"cyd","name":"Cyd","isOwner":false,"lastHeartbeat":1700000000000}
        "#]],
    );
}

#[test]
fn a_share_ends_when_another_helper_takes_the_place_of_the_one_that_shares() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann","roomType":"screen"}
        hal connects with key
        hal: screen:helper-register {"roomId":"ROOM","ownerToken":"TOKEN"}
        hal: screen:start {"type":"screen","status":"sharing"}
        hal: screen:helper-register {"roomId":"ROOM","ownerToken":"TOKEN"}
        hal2 connects with key
        hal2: screen:helper-register {"roomId":"ROOM","ownerToken":"TOKEN"}
        hal2: screen:start {"type":"screen","status":"sharing"}
        hal goes
        ann goes
        bob connects with key
        bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
        hal2 goes
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann","roomType":"screen"}
            hal connects with key
            hal: screen:helper-register {"roomId":"ROOM","ownerToken":"TOKEN"}
            hal: screen:start {"type":"screen","status":"sharing"}
              ann, hal <- screen:start {"type":"screen","status":"sharing"}
            hal: screen:helper-register {"roomId":"ROOM","ownerToken":"TOKEN"}
            hal2 connects with key
            hal2: screen:helper-register {"roomId":"ROOM","ownerToken":"TOKEN"}
              ann <- screen:stop
            hal2: screen:start {"type":"screen","status":"sharing"}
              ann, hal2 <- screen:start {"type":"screen","status":"sharing"}
            hal goes
            ann goes
            bob connects with key
            bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","isPublic":true,"roomType":"screen","ownerId":"ann","ownerName":"Ann","memberCount":1,"currentState":{"type":"screen","status":"sharing"},"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},"members":[{"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}]}
            hal2 goes
              bob <- screen:stop
        "#]],
    );
}
