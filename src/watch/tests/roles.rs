//! Roles: who may do what, what pages are told of it, and that clients that know of no roles notice nothing.

use std::time::Duration;

use expect_test::expect;

use super::{ROOM, check, check_with, stage};
use crate::watch::{Config, Control};

/// Ann's page owns the room, Bob has a client that knows of no pages, Cyd has a page.
const THREE: &str = r#"
    ann connects with key
    ann: introduce {"name":"Ann","person":"the secret of ann"}
    ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
    bob connects with key
    bob: room:join {"roomId":"ROOM","userName":"Bob"}
    cyd connects with key
    cyd: introduce {"person":"the secret of cyd"}
    cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
"#;

/// Plays a script after [`THREE`], and shows what comes of that script alone.
fn with_three(config: &Config, script: &str) -> String {
    let mut stage = stage(config);
    stage.play(&THREE.replace("ROOM", ROOM));
    stage.play(&script.replace("ROOM", ROOM)).replace(ROOM, "ROOM")
}

#[test]
fn a_page_is_told_who_it_is_and_how_the_room_is() {
    check(
        THREE,
        &expect![[r#"
            ann connects with key
            ann: introduce {"name":"Ann","person":"the secret of ann"}
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
              ann <- party:members {"count":1,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
              ann <- party:you {"id":"ann","role":"owner","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"ld_tIKLnvcXzjd-qC1lC8lo0RjZKRw.jhKXlqiMPqHgjGxezv5pUfOCk0dm41h7UcG57UVO-1k"}
              ann <- party:room {"roomId":"ROOM","name":"Films","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["control","chat","voice"],"guest":["control","chat","voice"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":5.0,"recording":null,"replay":null}
              ann <- party:playhead {"state":null,"position":null,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
              ann <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
            cyd connects with key
            cyd: introduce {"person":"the secret of cyd"}
            cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
              ann, bob <- room:member-joined {"id":"cyd","name":"Cyd","isOwner":false,"lastHeartbeat":1700000000000}
              ann, cyd <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"Cyd","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
              cyd <- party:you {"id":"cyd","role":"member","rights":["control","chat","voice"],"isMuted":false,"ticket":"8XFWlDacsrULBaLyYo0Y-lo0RjZKRw.rHENNbEDNqPN9lyXaBQdwJq_I0N2TBUFgXwZb2QUpoA"}
              cyd <- party:room {"roomId":"ROOM","name":"Films","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["control","chat","voice"],"guest":["control","chat","voice"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":5.0,"recording":null,"replay":null}
              cyd <- party:playhead {"state":null,"position":null,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
        "#]],
    );
}

#[test]
fn in_a_lecture_members_may_write_and_all_else_is_ignored_in_silence() {
    let transcript = with_three(
        &Config::default(),
        r#"
        ann: play:change {"type":"play","currentTime":10,"isPlaying":true}
        ann asks: party:set {"preset":"lecture"}
        bob: play:pause
        bob: play:seek 5
        bob: play:update {"type":"play"}
        bob: voice:audio-chunk {"audioData":[1]}
        bob: voice:offer {"targetUserId":"ann","offer":1}
        bob: voice:answer {"targetUserId":"ann","answer":1}
        bob: chat:message {"content":"a question","type":"text"}
        cyd asks: party:speed {"speed":1.5}
        cyd asks: party:grant {"targetUserId":"cyd","role":"cohost"}
        cyd asks: party:invite {"expiresIn":60}
        "#,
    );
    expect![[r#"
        ann: play:change {"type":"play","currentTime":10,"isPlaying":true}
          bob, cyd <- play:change {"type":"play","currentTime":10,"isPlaying":true}
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":10,"isPlaying":true},"position":10.0,"isPlaying":true,"speed":1.0,"at":1700000000000.0}
        ann asks: party:set {"preset":"lecture"}
          ann <- party:you {"id":"ann","role":"owner","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"ld_tIKLnvcXzjd-qC1lC8lo0RjZKRw.jhKXlqiMPqHgjGxezv5pUfOCk0dm41h7UcG57UVO-1k"}
          cyd <- party:you {"id":"cyd","role":"member","rights":["chat"],"isMuted":false,"ticket":"8XFWlDacsrULBaLyYo0Y-lo0RjZKRw.rHENNbEDNqPN9lyXaBQdwJq_I0N2TBUFgXwZb2QUpoA"}
          answer {"success":true}
          ann, cyd <- party:room {"roomId":"ROOM","name":"Films","preset":"lecture","rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":[]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":5.0,"recording":null,"replay":null}
        bob: play:pause
        bob: play:seek 5
        bob: play:update {"type":"play"}
        bob: voice:audio-chunk {"audioData":[1]}
        bob: voice:offer {"targetUserId":"ann","offer":1}
        bob: voice:answer {"targetUserId":"ann","answer":1}
          ann <- voice:answer {"userId":"bob","answer":1}
        bob: chat:message {"content":"a question","type":"text"}
          ann, bob, cyd <- chat:message {"id":"1700000000000-qhi5g1p","userId":"bob","userName":"Bob","content":"a question","type":"text","timestamp":1700000000000,"position":10.0}
        cyd asks: party:speed {"speed":1.5}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        cyd asks: party:grant {"targetUserId":"cyd","role":"cohost"}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        cyd asks: party:invite {"expiresIn":60}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
    "#]].assert_eq(&transcript);
}

#[test]
fn a_cohost_chooses_what_plays_and_keeps_order() {
    let transcript = with_three(
        &Config::default(),
        r#"
        ann asks: party:grant {"targetUserId":"cyd","role":"cohost"}
        cyd: play:change {"type":"play","currentTime":10,"isPlaying":false}
        cyd: screen:start {"type":"screen","status":"sharing"}
        bob: screen:viewer-ready
        ann: screen:viewer-ready
        cyd: screen:stop
        cyd asks: party:mute {"targetUserId":"bob","isMuted":true}
        bob: chat:message {"content":"hello","type":"text"}
        cyd asks: party:mute {"targetUserId":"ann","isMuted":true}
        cyd asks: party:set {"preset":"open"}
        cyd asks: state:clear
        "#,
    );
    expect![[r#"
        ann asks: party:grant {"targetUserId":"cyd","role":"cohost"}
          cyd <- party:you {"id":"cyd","role":"cohost","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"8XFWlDacsrULBaLyYo0Y-lo0RjZKRw.rHENNbEDNqPN9lyXaBQdwJq_I0N2TBUFgXwZb2QUpoA"}
          ann, cyd <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"Cyd","role":"cohost","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
          answer {"success":true}
        cyd: play:change {"type":"play","currentTime":10,"isPlaying":false}
          ann, bob <- play:change {"type":"play","currentTime":10,"isPlaying":false}
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":10,"isPlaying":false},"position":10.0,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
        cyd: screen:start {"type":"screen","status":"sharing"}
          ann, bob, cyd <- screen:start {"type":"screen","status":"sharing"}
          ann, cyd <- party:playhead {"state":{"type":"screen","status":"sharing"},"position":null,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
        bob: screen:viewer-ready
          cyd <- screen:viewer-ready {"userId":"bob"}
        ann: screen:viewer-ready
          cyd <- screen:viewer-ready {"userId":"ann"}
        cyd: screen:stop
          ann, bob, cyd <- screen:stop
          ann, cyd <- party:playhead {"state":null,"position":null,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
        cyd asks: party:mute {"targetUserId":"bob","isMuted":true}
          ann, cyd <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":true,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"Cyd","role":"cohost","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
          answer {"success":true}
        bob: chat:message {"content":"hello","type":"text"}
        cyd asks: party:mute {"targetUserId":"ann","isMuted":true}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        cyd asks: party:set {"preset":"open"}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        cyd asks: state:clear
          ann, bob <- state:cleared
          ann, cyd <- party:playhead {"state":null,"position":null,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
          answer {"success":true}
    "#]].assert_eq(&transcript);
}

#[test]
fn who_is_kicked_is_out_and_may_not_come_back_for_a_time() {
    let transcript = with_three(
        &Config { kick_time: Duration::from_secs(20), ..Config::default() },
        r#"
        cyd asks: party:kick {"targetUserId":"bob"}
        ann asks: party:kick {"targetUserId":"bob"}
        bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
        ann asks: party:kick {"targetUserId":"cyd"}
        cyd2 connects with key
        cyd2: introduce {"person":"the secret of cyd"}
        cyd2 asks: room:join {"roomId":"ROOM","userName":"Cyd"}
        dan connects with key
        dan: room:join {"roomId":"ROOM","userName":"Dan"}
        19s pass
        cyd2 asks: room:join {"roomId":"ROOM","userName":"Cyd"}
        1s pass
        cyd2: room:join {"roomId":"ROOM","userName":"Cyd"}
        "#,
    );
    expect![[r#"
        cyd asks: party:kick {"targetUserId":"bob"}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        ann asks: party:kick {"targetUserId":"bob"}
          answer {"success":true}
          bob <- room:deleted {"reason":"kicked"}
          ann, cyd <- room:member-left "bob"
          ann, cyd <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"cyd","name":"Cyd","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
        bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
          answer {"success":false,"error":"Kicked out","code":"kicked"}
        ann asks: party:kick {"targetUserId":"cyd"}
          answer {"success":true}
          cyd <- party:kicked {}
          ann <- room:member-left "cyd"
          ann <- party:members {"count":1,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
        cyd2 connects with key
        cyd2: introduce {"person":"the secret of cyd"}
        cyd2 asks: room:join {"roomId":"ROOM","userName":"Cyd"}
          answer {"success":false,"error":"Kicked out","code":"kicked"}
        dan connects with key
        dan: room:join {"roomId":"ROOM","userName":"Dan"}
          ann <- room:member-joined {"id":"dan","name":"Dan","isOwner":false,"lastHeartbeat":1700000000000}
          ann <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"dan","name":"Dan","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        19s pass
        cyd2 asks: room:join {"roomId":"ROOM","userName":"Cyd"}
          answer {"success":false,"error":"Kicked out","code":"kicked"}
        1s pass
        cyd2: room:join {"roomId":"ROOM","userName":"Cyd"}
          ann, dan <- room:member-joined {"id":"cyd2","name":"Cyd","isOwner":false,"lastHeartbeat":1700000020000}
          ann, cyd2 <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"dan","name":"Dan","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd2","name":"Cyd","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
          cyd2 <- party:you {"id":"cyd2","role":"member","rights":["control","chat","voice"],"isMuted":false,"ticket":"8XFWlDacsrULBaLyYo0Y-lo0RjZKRw.rHENNbEDNqPN9lyXaBQdwJq_I0N2TBUFgXwZb2QUpoA"}
          cyd2 <- party:room {"roomId":"ROOM","name":"Films","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["control","chat","voice"],"guest":["control","chat","voice"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":5.0,"recording":null,"replay":null}
          cyd2 <- party:playhead {"state":null,"position":null,"isPlaying":false,"speed":1.0,"at":1700000020000.0}
    "#]].assert_eq(&transcript);
}

#[test]
fn a_locked_room_takes_in_its_owner_and_whom_it_knows() {
    let transcript = with_three(
        &Config::default(),
        r#"
        ann asks: party:set {"isLocked":true,"slowMode":30}
        dan connects with key
        dan asks: room:join {"roomId":"ROOM","userName":"Dan"}
        cyd goes
        cyd2 connects with key
        cyd2: introduce {"person":"the secret of cyd"}
        cyd2: room:join {"roomId":"ROOM","userName":"Cyd"}
        bob: chat:message {"content":"one","type":"text"}
        10s pass
        bob asks: chat:message {"content":"two","type":"text"}
        "#,
    );
    expect![[r#"
        ann asks: party:set {"isLocked":true,"slowMode":30}
          answer {"success":true}
          ann, cyd <- party:room {"roomId":"ROOM","name":"Films","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["control","chat","voice"],"guest":["control","chat","voice"]},"slowMode":30,"isLocked":true,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":5.0,"recording":null,"replay":null}
        dan connects with key
        dan asks: room:join {"roomId":"ROOM","userName":"Dan"}
          answer {"success":false,"error":"The room is locked","code":"locked"}
        cyd goes
          ann, bob <- room:member-left "cyd"
          ann <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        cyd2 connects with key
        cyd2: introduce {"person":"the secret of cyd"}
        cyd2: room:join {"roomId":"ROOM","userName":"Cyd"}
          ann, bob <- room:member-joined {"id":"cyd2","name":"Cyd","isOwner":false,"lastHeartbeat":1700000000000}
          ann, cyd2 <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd2","name":"Cyd","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
          cyd2 <- party:you {"id":"cyd2","role":"member","rights":["control","chat","voice"],"isMuted":false,"ticket":"8XFWlDacsrULBaLyYo0Y-lo0RjZKRw.rHENNbEDNqPN9lyXaBQdwJq_I0N2TBUFgXwZb2QUpoA"}
          cyd2 <- party:room {"roomId":"ROOM","name":"Films","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["control","chat","voice"],"guest":["control","chat","voice"]},"slowMode":30,"isLocked":true,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":5.0,"recording":null,"replay":null}
          cyd2 <- party:playhead {"state":null,"position":null,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
        bob: chat:message {"content":"one","type":"text"}
          ann, bob, cyd2 <- chat:message {"id":"1700000000000-qhi5g1p","userId":"bob","userName":"Bob","content":"one","type":"text","timestamp":1700000000000}
        10s pass
        bob asks: chat:message {"content":"two","type":"text"}
          answer {"success":false,"error":"Slow mode","code":"slow_mode","retryAfter":20}
    "#]].assert_eq(&transcript);
}

#[test]
fn a_room_is_handed_over_and_its_password_set() {
    let transcript = with_three(
        &Config::default(),
        r#"
        ann asks: party:grant {"targetUserId":"cyd","role":"owner"}
        ann asks: party:set {"isPublic":false}
        cyd asks: party:set {"isPublic":false,"password":"pw"}
        bob asks: room:list
        dan connects with key
        dan asks: room:join {"roomId":"ROOM","userName":"Dan"}
        dan asks: room:join {"roomId":"ROOM","password":"pw","userName":"Dan"}
        cyd asks: party:set {"password":""}
        "#,
    );
    expect![[r#"
        ann asks: party:grant {"targetUserId":"cyd","role":"owner"}
          answer {"success":true}
          ann, bob <- room:owner-changed {"ownerId":"cyd","ownerName":"Cyd"}
          cyd <- room:owner-changed {"ownerId":"cyd","ownerName":"Cyd","ownerToken":"7202c3651aee40d93484ba79c955b2aa"}
          ann <- party:you {"id":"ann","role":"member","rights":["control","chat","voice"],"isMuted":false,"ticket":"ld_tIKLnvcXzjd-qC1lC8lo0RjZKRw.jhKXlqiMPqHgjGxezv5pUfOCk0dm41h7UcG57UVO-1k"}
          cyd <- party:you {"id":"cyd","role":"owner","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"8XFWlDacsrULBaLyYo0Y-lo0RjZKRw.rHENNbEDNqPN9lyXaBQdwJq_I0N2TBUFgXwZb2QUpoA"}
          ann, cyd <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"Cyd","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
        ann asks: party:set {"isPublic":false}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        cyd asks: party:set {"isPublic":false,"password":"pw"}
          answer {"success":true}
          ann, cyd <- party:room {"roomId":"ROOM","name":"Films","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["control","chat","voice"],"guest":["control","chat","voice"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":false,"hasPassword":true,"waitLimit":5.0,"recording":null,"replay":null}
        bob asks: room:list
          answer []
        dan connects with key
        dan asks: room:join {"roomId":"ROOM","userName":"Dan"}
          answer {"success":false,"error":"密码错误"}
        dan asks: room:join {"roomId":"ROOM","password":"pw","userName":"Dan"}
          answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","password":"***","isPublic":false,"roomType":"sync","ownerId":"cyd","ownerName":"Cyd","memberCount":4,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},"members":[{"id":"ann","name":"Ann","isOwner":false,"lastHeartbeat":1700000000000},{"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000},{"id":"cyd","name":"Cyd","isOwner":true,"lastHeartbeat":1700000000000},{"id":"dan","name":"Dan","isOwner":false,"lastHeartbeat":1700000000000}]}
          ann, bob, cyd <- room:member-joined {"id":"dan","name":"Dan","isOwner":false,"lastHeartbeat":1700000000000}
          ann, cyd <- party:members {"count":4,"members":[{"id":"ann","name":"Ann","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"Cyd","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"dan","name":"Dan","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        cyd asks: party:set {"password":""}
          answer {"success":true}
          ann, cyd <- party:room {"roomId":"ROOM","name":"Films","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["control","chat","voice"],"guest":["control","chat","voice"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":false,"hasPassword":false,"waitLimit":5.0,"recording":null,"replay":null}
    "#]].assert_eq(&transcript);
}

#[test]
fn where_the_owner_alone_has_the_controls_its_table_gives_them() {
    check_with(
        &Config { control: Control::Owner, ..Config::default() },
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        bob: play:pause
        ann asks: party:set {"preset":"open"}
        bob: play:pause
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            bob: play:pause
            ann asks: party:set {"preset":"open"}
              answer {"success":true}
            bob: play:pause
              ann <- play:pause
        "#]],
    );
}

#[test]
fn a_speed_is_folded_into_the_position() {
    let transcript = with_three(
        &Config::default(),
        r#"
        ann: play:change {"type":"play","currentTime":0,"isPlaying":true}
        10s pass
        cyd asks: party:speed {"speed":1.5}
        cyd asks: party:speed {"speed":3}
        10s pass
        dan connects with key
        dan: room:join {"roomId":"ROOM","userName":"Dan"}
        ann: play:update {"type":"play","currentTime":25,"isPlaying":true}
        cyd: chat:message {"content":"ha","type":"text"}
        cyd: party:react {"emoji":"🎉"}
        cyd: party:typing
        cyd: time_ping {"clientTime":7}
        "#,
    );
    expect![[r#"
        ann: play:change {"type":"play","currentTime":0,"isPlaying":true}
          bob, cyd <- play:change {"type":"play","currentTime":0,"isPlaying":true}
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":0,"isPlaying":true},"position":0.0,"isPlaying":true,"speed":1.0,"at":1700000000000.0}
        10s pass
        cyd asks: party:speed {"speed":1.5}
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":10.0,"isPlaying":true},"position":10.0,"isPlaying":true,"speed":1.5,"at":1700000010000.0}
          answer {"success":true}
        cyd asks: party:speed {"speed":3}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
        10s pass
        dan connects with key
        dan: room:join {"roomId":"ROOM","userName":"Dan"}
          ann, bob, cyd <- room:member-joined {"id":"dan","name":"Dan","isOwner":false,"lastHeartbeat":1700000020000}
          dan <- play:update {"type":"play","currentTime":25.0,"isPlaying":true}
          ann, cyd <- party:members {"count":4,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"Cyd","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"dan","name":"Dan","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        ann: play:update {"type":"play","currentTime":25,"isPlaying":true}
          bob, cyd, dan <- play:update {"type":"play","currentTime":25,"isPlaying":true}
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":25,"isPlaying":true},"position":25.0,"isPlaying":true,"speed":1.5,"at":1700000020000.0}
        cyd: chat:message {"content":"ha","type":"text"}
          ann, bob, cyd, dan <- chat:message {"id":"1700000020000-qhi5g1p","userId":"cyd","userName":"Cyd","content":"ha","type":"text","timestamp":1700000020000,"position":25.0}
        cyd: party:react {"emoji":"🎉"}
          ann, cyd <- party:reaction {"userId":"cyd","userName":"Cyd","emoji":"🎉","position":25.0}
        cyd: party:typing
          ann <- party:typing {"userId":"cyd","userName":"Cyd"}
        cyd: time_ping {"clientTime":7}
          cyd <- time_pong {"clientTime":7.0,"serverTime":1700000020000.0}
    "#]].assert_eq(&transcript);
}

#[test]
fn a_client_that_knows_of_no_pages_hears_what_it_always_did() {
    let transcript = with_three(
        &Config::default(),
        r#"
        dan connects with key
        dan: room:join {"roomId":"ROOM","userName":"Dan"}
        eve connects with key
        eve: room:join {"roomId":"ROOM","userName":"Eve"}
        ann: play:change {"type":"play","currentTime":0,"isPlaying":true}
        cyd: party:buffering {"isBuffering":true}
        cyd: party:buffering {"isBuffering":false}
        ann: party:ready-check
        cyd: party:ready {"isReady":true}
        ann: party:speed {"speed":2}
        ann: party:set {"preset":"open","slowMode":3}
        ann: party:grant {"targetUserId":"cyd","role":"cohost"}
        ann: party:mute {"targetUserId":"bob","isMuted":true}
        ann: party:mute {"targetUserId":"bob","isMuted":false}
        cyd: party:vote {"subject":"kick","targetUserId":"bob"}
        cyd: party:unvote
        cyd: party:react {"emoji":"🎉"}
        cyd: party:typing
        cyd: introduce {"name":"Cid"}
        ann: party:invite {"expiresIn":60}
        ann: chat:message {"content":"hello","type":"text"}
        ann: party:grant {"targetUserId":"cyd","role":"owner"}
        60s pass
        cyd: party:kick {"targetUserId":"ann"}
        "#,
    );
    let told: Vec<&str> = transcript
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_once(" <- "))
        .filter(|(to, _)| to.split(", ").any(|to| to == "bob"))
        .map(|(_, said)| said.split(' ').next().unwrap())
        .collect();
    let known = [
        "play:change",
        "play:pause",
        "play:play",
        "chat:message",
        "room:owner-changed",
        "room:member-left",
        "room:member-joined",
        "state:cleared",
    ];
    assert!(told.iter().all(|event| known.contains(event)), "{told:?}");
    assert!(told.len() >= known.len() - 1, "{told:?}");
}
