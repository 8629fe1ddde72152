//! The rules as transcripts: what members say stands flush left, what they are told is indented.

use std::time::Duration;

use expect_test::{Expect, expect};

use super::chance::Chance;
use super::hub::Hub;
use super::{Config, Control, OwnerLeave};
use crate::secret::Secret;
use crate::switchboard::stage::{START, Stage};
use crate::switchboard::{Hub as _, Seed};

/// Where all chance comes from.
const SEED: Seed = [7; 32];

/// What chance gives the first two rooms of every script.
const ROOM: &str = "Z4F6JG";
const TOKEN: &str = "b74d323021c36bb6e1eaac2e439f1934";

fn check(script: &str, expected: &Expect) {
    check_with(&Config::default(), script, expected);
}

/// Plays a script in which `ROOM` and `TOKEN` stand for the first room's.
fn check_with(config: &Config, script: &str, expected: &Expect) {
    let script = script.replace("ROOM", ROOM).replace("TOKEN", TOKEN);
    let transcript = stage(config).play(&script);
    expected.assert_eq(&transcript.replace(ROOM, "ROOM").replace(TOKEN, "TOKEN"));
}

fn stage(config: &Config) -> Stage<Hub> {
    Stage::new(hub(config))
}

fn hub(config: &Config) -> Hub {
    Hub::new(config, Secret::new("key"), &SEED, Chance::new(&SEED), START)
}

#[test]
fn who_has_no_key_is_told_so_and_let_go() {
    check(
        r"
        ann connects
        bob connects with guess
        bob asks: room:list
        cyd connects with key
        cyd asks: room:list
        ",
        &expect![[r#"
            ann connects
              ann <- error "Unauthorized"
              ann let go: Done
            bob connects with guess
              bob <- error "Unauthorized"
              bob let go: Done
            bob asks: room:list
            cyd connects with key
            cyd asks: room:list
              answer []
        "#]],
    );
}

#[test]
fn a_room_is_made_and_shown_without_its_secrets() {
    check(
        r#"
        ann connects with key
        bob connects with key
        ann asks: room:create {"name":"Films","description":"every day","password":"pw","isPublic":true,"userName":"Ann","roomType":"music"}
        bob asks: room:list
        "#,
        &expect![[r#"
            ann connects with key
            bob connects with key
            ann asks: room:create {"name":"Films","description":"every day","password":"pw","isPublic":true,"userName":"Ann","roomType":"music"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"every day","password":"pw","isPublic":true,"roomType":"music","ownerId":"ann","ownerName":"Ann","ownerToken":"TOKEN","memberCount":1,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000}}
            bob asks: room:list
              answer [{"id":"ROOM","name":"Films","description":"every day","password":"***","isPublic":true,"roomType":"music","ownerId":"ann","ownerName":"Ann","memberCount":1,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000}]
        "#]],
    );
}

#[test]
fn a_room_with_a_password_is_joined_with_it_alone() {
    check(
        r#"
        ann connects with key
        bob connects with key
        ann: room:create {"name":"Films","password":"pw","isPublic":false,"userName":"Ann"}
        bob asks: room:list
        bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
        bob asks: room:join {"roomId":"ROOM","password":"wrong","userName":"Bob"}
        bob asks: room:join {"roomId":"ROOM","password":"pw","userName":"Bob"}
        bob asks: room:join {"roomId":"ROOM","userName":"Bobby"}
        "#,
        &expect![[r#"
            ann connects with key
            bob connects with key
            ann: room:create {"name":"Films","password":"pw","isPublic":false,"userName":"Ann"}
            bob asks: room:list
              answer []
            bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
              answer {"success":false,"error":"密码错误"}
            bob asks: room:join {"roomId":"ROOM","password":"wrong","userName":"Bob"}
              answer {"success":false,"error":"密码错误"}
            bob asks: room:join {"roomId":"ROOM","password":"pw","userName":"Bob"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","password":"***","isPublic":false,"roomType":"sync","ownerId":"ann","ownerName":"Ann","memberCount":2,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},"members":[{"id":"ann","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000},{"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}]}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            bob asks: room:join {"roomId":"ROOM","userName":"Bobby"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","password":"***","isPublic":false,"roomType":"sync","ownerId":"ann","ownerName":"Ann","memberCount":2,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},"members":[{"id":"ann","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000},{"id":"bob","name":"Bobby","isOwner":false,"lastHeartbeat":1700000000000}]}
        "#]],
    );
}

#[test]
fn every_refusal_has_its_words() {
    check(
        r#"
        ann connects with key
        bob connects with key
        ann asks: room:create {"name":"Films"}
        ann asks: room:create 7
        ann asks: room:create
        ann asks: room:create {"name":"Films","userName":"Ann","roomType":"opera"}
        ann asks: room:join {"roomId":"ABC","userName":"Ann"}
        ann asks: room:join {"roomId":"ABCDEF","userName":"Ann"}
        ann asks: room:join {"roomId":"ABCDEF"}
        ann asks: room:join null
        ann asks: state:clear
        ann asks: screen:helper-register {"roomId":"ABCDEF","ownerToken":"x"}
        ann asks: screen:helper-register {}
        ann asks: room:transfer {"targetUserId":"bob"}
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        ann asks: room:transfer {"targetUserId":"bob"}
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        bob asks: state:clear
        bob asks: room:transfer {"targetUserId":"ann"}
        bob asks: screen:helper-register {"roomId":"ROOM","ownerToken":"x"}
        bob asks: nonsense {"a":1}
        bob asks: chat:message
        "#,
        &expect![[r#"
            ann connects with key
            bob connects with key
            ann asks: room:create {"name":"Films"}
              answer {"success":false,"error":"创建房间失败"}
            ann asks: room:create 7
              answer {"success":false,"error":"创建房间失败"}
            ann asks: room:create
              answer {"success":false,"error":"创建房间失败"}
            ann asks: room:create {"name":"Films","userName":"Ann","roomType":"opera"}
              answer {"success":false,"error":"创建房间失败"}
            ann asks: room:join {"roomId":"ABC","userName":"Ann"}
              answer {"success":false,"error":"房间不存在"}
            ann asks: room:join {"roomId":"ABCDEF","userName":"Ann"}
              answer {"success":false,"error":"房间不存在"}
            ann asks: room:join {"roomId":"ABCDEF"}
              answer {"success":false,"error":"加入房间失败"}
            ann asks: room:join null
              answer {"success":false,"error":"加入房间失败"}
            ann asks: state:clear
              answer {"success":false,"error":"Not in a room"}
            ann asks: screen:helper-register {"roomId":"ABCDEF","ownerToken":"x"}
              answer {"success":false,"error":"房间不存在"}
            ann asks: screen:helper-register {}
              answer {"success":false,"error":"注册共享控制窗口失败"}
            ann asks: room:transfer {"targetUserId":"bob"}
              answer {"success":false,"error":"Not in a room"}
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            ann asks: room:transfer {"targetUserId":"bob"}
              answer {"success":false,"error":"Member not found"}
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            bob asks: state:clear
              answer {"success":false,"error":"Not owner"}
            bob asks: room:transfer {"targetUserId":"ann"}
              answer {"success":false,"error":"Not owner"}
            bob asks: screen:helper-register {"roomId":"ROOM","ownerToken":"x"}
              answer {"success":false,"error":"房主身份验证失败"}
            bob asks: nonsense {"a":1}
              answer
            bob asks: chat:message
              answer
        "#]],
    );
}

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
fn who_makes_or_joins_a_room_leaves_its_own_first() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        bob asks: room:create {"name":"Mine","isPublic":true,"userName":"Bob"}
        ann: room:join {"roomId":"NOROOM","userName":"Ann"}
        ann asks: room:list
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            bob asks: room:create {"name":"Mine","isPublic":true,"userName":"Bob"}
              ann <- room:member-left "bob"
              answer {"success":true,"room":{"id":"QHI5G1","name":"Mine","description":"","isPublic":true,"roomType":"sync","ownerId":"bob","ownerName":"Bob","ownerToken":"adee659254a5946e11e02ec6cdc690c1","memberCount":1,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000}}
            ann: room:join {"roomId":"NOROOM","userName":"Ann"}
            ann asks: room:list
              answer [{"id":"QHI5G1","name":"Mine","description":"","isPublic":true,"roomType":"sync","ownerId":"bob","ownerName":"Bob","memberCount":1,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},{"id":"ROOM","name":"Films","description":"","isPublic":true,"roomType":"sync","ownerId":"ann","ownerName":"Ann","memberCount":1,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000}]
        "#]],
    );
}

#[test]
fn the_owner_shows_and_members_steer() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        bob: play:update {"type":"play","url":"x","currentTime":1}
        ann: play:update {"type":"play","url":"v","currentTime":10,"isPlaying":true,"videoId":"1","videoName":"V","source":"s"}
        2s pass
        bob: play:seek 30
        3s pass
        bob: play:pause
        5s pass
        cyd connects with key
        cyd asks: room:join {"roomId":"ROOM","userName":"Cyd"}
        ann: play:play
        1500ms pass
        dan connects with key
        dan: room:join {"roomId":"ROOM","userName":"Dan"}
        ann: play:change {"type":"play","url":"w","currentTime":0,"isPlaying":false}
        ann: live:change {"type":"live","channelId":"c","channelName":"C","channelUrl":"u"}
        ann: play:seek "far"
        ann: play:update [1]
        ann asks: state:clear
        ann: state:clear
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            bob: play:update {"type":"play","url":"x","currentTime":1}
            ann: play:update {"type":"play","url":"v","currentTime":10,"isPlaying":true,"videoId":"1","videoName":"V","source":"s"}
              bob <- play:update {"type":"play","url":"v","currentTime":10,"isPlaying":true,"videoId":"1","videoName":"V","source":"s"}
            2s pass
            bob: play:seek 30
              ann <- play:seek 30.0
            3s pass
            bob: play:pause
              ann <- play:pause
            5s pass
            cyd connects with key
            cyd asks: room:join {"roomId":"ROOM","userName":"Cyd"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","isPublic":true,"roomType":"sync","ownerId":"ann","ownerName":"Ann","memberCount":3,"currentState":{"type":"play","url":"v","currentTime":33.0,"isPlaying":false,"videoId":"1","videoName":"V","source":"s"},"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},"members":[{"id":"ann","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000},{"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000005000},{"id":"cyd","name":"Cyd","isOwner":false,"lastHeartbeat":1700000010000}]}
              ann, bob <- room:member-joined {"id":"cyd","name":"Cyd","isOwner":false,"lastHeartbeat":1700000010000}
              cyd <- play:update {"type":"play","url":"v","currentTime":33.0,"isPlaying":false,"videoId":"1","videoName":"V","source":"s"}
            ann: play:play
              bob, cyd <- play:play
            1500ms pass
            dan connects with key
            dan: room:join {"roomId":"ROOM","userName":"Dan"}
              ann, bob, cyd <- room:member-joined {"id":"dan","name":"Dan","isOwner":false,"lastHeartbeat":1700000011500}
              dan <- play:update {"type":"play","url":"v","currentTime":34.5,"isPlaying":true,"videoId":"1","videoName":"V","source":"s"}
            ann: play:change {"type":"play","url":"w","currentTime":0,"isPlaying":false}
              bob, cyd, dan <- play:change {"type":"play","url":"w","currentTime":0,"isPlaying":false}
            ann: live:change {"type":"live","channelId":"c","channelName":"C","channelUrl":"u"}
              bob, cyd, dan <- live:change {"type":"live","channelId":"c","channelName":"C","channelUrl":"u"}
            ann: play:seek "far"
            ann: play:update [1]
            ann asks: state:clear
              bob, cyd, dan <- state:cleared
              answer {"success":true}
            ann: state:clear
              bob, cyd, dan <- state:cleared
        "#]],
    );
}

#[test]
fn the_owner_alone_steers_where_that_is_set() {
    check_with(
        &Config { control: Control::Owner, ..Config::default() },
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        bob: play:seek 30
        bob: play:play
        bob: play:pause
        ann: play:seek 30
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            bob: play:seek 30
            bob: play:play
            bob: play:pause
            ann: play:seek 30
              bob <- play:seek 30.0
        "#]],
    );
}

#[test]
fn music_is_for_rooms_of_music() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Songs","isPublic":true,"userName":"Ann","roomType":"music"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann: music:change {"type":"music","song":{"id":1},"isPlaying":false}
        bob: music:change {"type":"music"}
        ann: music:play {"type":"music","song":{"id":1},"isPlaying":false}
        bob asks: room:list
        ann: music:pause {"type":"music","song":{"id":1},"currentTime":3}
        ann: music:seek {"type":"music","currentTime":9}
        ann: music:queue {"type":"music","queue":[]}
        ann: music:update {"type":"music","quality":"hi"}
        2s pass
        bob asks: room:list
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Songs","isPublic":true,"userName":"Ann","roomType":"music"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann: music:change {"type":"music","song":{"id":1},"isPlaying":false}
              bob <- music:change {"type":"music","song":{"id":1},"isPlaying":false}
            bob: music:change {"type":"music"}
            ann: music:play {"type":"music","song":{"id":1},"isPlaying":false}
              bob <- music:play {"type":"music","song":{"id":1},"isPlaying":false}
            bob asks: room:list
              answer [{"id":"ROOM","name":"Songs","description":"","isPublic":true,"roomType":"music","ownerId":"ann","ownerName":"Ann","memberCount":2,"currentState":{"type":"music","song":{"id":1},"isPlaying":true},"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000}]
            ann: music:pause {"type":"music","song":{"id":1},"currentTime":3}
              bob <- music:pause {"type":"music","song":{"id":1},"currentTime":3}
            ann: music:seek {"type":"music","currentTime":9}
              bob <- music:seek {"type":"music","currentTime":9}
            ann: music:queue {"type":"music","queue":[]}
              bob <- music:queue {"type":"music","queue":[]}
            ann: music:update {"type":"music","quality":"hi"}
              bob <- music:update {"type":"music","quality":"hi"}
            2s pass
            bob asks: room:list
              answer [{"id":"ROOM","name":"Songs","description":"","isPublic":true,"roomType":"music","ownerId":"ann","ownerName":"Ann","memberCount":2,"currentState":{"type":"music","quality":"hi"},"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000}]
        "#]],
    );
}

#[test]
fn music_is_ignored_in_other_rooms() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann: music:play {"type":"music"}
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann: music:play {"type":"music"}
        "#]],
    );
}

#[test]
fn a_screen_is_shared_by_the_owner_or_its_helper() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        hal connects with key
        hal asks: screen:helper-register {"roomId":"ROOM","ownerToken":"TOKEN"}
        bob: screen:viewer-ready
        bob: screen:start {"type":"screen","status":"sharing"}
        hal: screen:start {"type":"screen","status":"sharing","ownerName":"Ann"}
        bob: screen:viewer-ready
        ann: screen:viewer-ready
        hal: screen:offer {"targetUserId":"bob","offer":{"sdp":"x"}}
        bob: screen:answer {"targetUserId":"hal","answer":{"sdp":"y"}}
        bob: screen:ice {"targetUserId":"hal","candidate":null}
        bob: screen:ice {"targetUserId":"hal"}
        hal: screen:stop
        hal: screen:start {"type":"screen","status":"sharing"}
        hal goes
        ann: screen:start {"type":"screen","status":"sharing"}
        bob: screen:viewer-ready
        ann: screen:stop
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            hal connects with key
            hal asks: screen:helper-register {"roomId":"ROOM","ownerToken":"TOKEN"}
              answer {"success":true}
            bob: screen:viewer-ready
            bob: screen:start {"type":"screen","status":"sharing"}
            hal: screen:start {"type":"screen","status":"sharing","ownerName":"Ann"}
              ann, bob, hal <- screen:start {"type":"screen","status":"sharing","ownerName":"Ann"}
            bob: screen:viewer-ready
              hal <- screen:viewer-ready {"userId":"bob"}
            ann: screen:viewer-ready
            hal: screen:offer {"targetUserId":"bob","offer":{"sdp":"x"}}
              bob <- screen:offer {"userId":"hal","offer":{"sdp":"x"}}
            bob: screen:answer {"targetUserId":"hal","answer":{"sdp":"y"}}
              hal <- screen:answer {"userId":"bob","answer":{"sdp":"y"}}
            bob: screen:ice {"targetUserId":"hal","candidate":null}
            bob: screen:ice {"targetUserId":"hal"}
            hal: screen:stop
              ann, bob, hal <- screen:stop
            hal: screen:start {"type":"screen","status":"sharing"}
              ann, bob, hal <- screen:start {"type":"screen","status":"sharing"}
            hal goes
              ann, bob <- screen:stop
            ann: screen:start {"type":"screen","status":"sharing"}
              ann, bob <- screen:start {"type":"screen","status":"sharing"}
            bob: screen:viewer-ready
              ann <- screen:viewer-ready {"userId":"bob"}
            ann: screen:stop
              ann, bob <- screen:stop
        "#]],
    );
}

#[test]
fn words_of_webrtc_reach_their_target_in_the_same_room_alone() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        eve connects with key
        ann: voice:offer {"targetUserId":"bob","offer":{"sdp":"x"}}
        bob: voice:answer {"targetUserId":"ann","answer":{"sdp":"y"}}
        bob: voice:ice {"targetUserId":"ann","candidate":{"c":1}}
        eve: voice:offer {"targetUserId":"ann","offer":1}
        ann: voice:offer {"targetUserId":"eve","offer":1}
        ann: voice:offer {"offer":1}
        ann: voice:audio-chunk {"roomId":"ROOM","audioData":[1,2],"sampleRate":48000}
        ann: voice:audio-chunk {"roomId":"ROOM","audioData":[3]}
        ann: voice:audio-chunk {"roomId":"ROOM","audioData":"x"}
        eve: voice:audio-chunk {"roomId":"ROOM","audioData":[9]}
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            eve connects with key
            ann: voice:offer {"targetUserId":"bob","offer":{"sdp":"x"}}
              bob <- voice:offer {"userId":"ann","offer":{"sdp":"x"}}
            bob: voice:answer {"targetUserId":"ann","answer":{"sdp":"y"}}
              ann <- voice:answer {"userId":"bob","answer":{"sdp":"y"}}
            bob: voice:ice {"targetUserId":"ann","candidate":{"c":1}}
              ann <- voice:ice {"userId":"bob","candidate":{"c":1}}
            eve: voice:offer {"targetUserId":"ann","offer":1}
            ann: voice:offer {"targetUserId":"eve","offer":1}
            ann: voice:offer {"offer":1}
            ann: voice:audio-chunk {"roomId":"ROOM","audioData":[1,2],"sampleRate":48000}
              bob <- voice:audio-chunk {"userId":"ann","audioData":[1,2],"sampleRate":48000}
            ann: voice:audio-chunk {"roomId":"ROOM","audioData":[3]}
              bob <- voice:audio-chunk {"userId":"ann","audioData":[3],"sampleRate":16000}
            ann: voice:audio-chunk {"roomId":"ROOM","audioData":"x"}
            eve: voice:audio-chunk {"roomId":"ROOM","audioData":[9]}
        "#]],
    );
}

#[test]
fn everybody_chats_and_newcomers_may_ask_what_was_said() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        bob: chat:message {"content":"hi","type":"text"}
        ann: chat:message {"content":"🎉","type":"emoji"}
        ann: chat:message {"content":"","type":"text"}
        ann: chat:message {"content":"x","type":"shout"}
        cyd connects with key
        cyd: chat:message {"content":"let me in","type":"text"}
        cyd asks: chat:history
        cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
        cyd asks: chat:history
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            bob: chat:message {"content":"hi","type":"text"}
              ann, bob <- chat:message {"id":"1700000000000-qhi5g1p","userId":"bob","userName":"Bob","content":"hi","type":"text","timestamp":1700000000000}
            ann: chat:message {"content":"🎉","type":"emoji"}
              ann, bob <- chat:message {"id":"1700000000000-uaxi4ma","userId":"ann","userName":"Ann","content":"🎉","type":"emoji","timestamp":1700000000000}
            ann: chat:message {"content":"","type":"text"}
            ann: chat:message {"content":"x","type":"shout"}
            cyd connects with key
            cyd: chat:message {"content":"let me in","type":"text"}
            cyd asks: chat:history
              answer []
            cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
              ann, bob <- room:member-joined {"id":"cyd","name":"Cyd","isOwner":false,"lastHeartbeat":1700000000000}
            cyd asks: chat:history
              answer [{"id":"1700000000000-qhi5g1p","userId":"bob","userName":"Bob","content":"hi","type":"text","timestamp":1700000000000},{"id":"1700000000000-uaxi4ma","userId":"ann","userName":"Ann","content":"🎉","type":"emoji","timestamp":1700000000000}]
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
fn the_token_takes_the_room_from_the_socket_that_had_it() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","password":"pw","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","password":"pw","userName":"Bob"}
        ann2 connects with key
        ann2 asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
        ann: play:update {"type":"play"}
        ann: chat:message {"content":"still here?","type":"text"}
        ann2: play:update {"type":"play"}
        ann goes
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","password":"pw","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","password":"pw","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann2 connects with key
            ann2 asks: room:join {"roomId":"ROOM","userName":"Ann","ownerToken":"TOKEN"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","password":"***","isPublic":true,"roomType":"sync","ownerId":"ann2","ownerName":"Ann","ownerToken":"TOKEN","memberCount":2,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},"members":[{"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000},{"id":"ann2","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000}]}
              bob <- room:member-left "ann"
              bob <- room:member-joined {"id":"ann2","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000}
            ann: play:update {"type":"play"}
            ann: chat:message {"content":"still here?","type":"text"}
            ann2: play:update {"type":"play"}
              bob <- play:update {"type":"play"}
            ann goes
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
        bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
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
            bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
              answer {"success":false,"error":"房间不存在"}
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
fn who_guesses_passwords_is_heard_no_more_for_a_while() {
    let config = Config { wrong_passwords: 2, ..Config::default() };
    let mut stage = stage(&config);
    stage.play(
        r#"ann connects with key
        ann: room:create {"name":"Films","password":"pw","isPublic":true,"userName":"Ann"}
        eve connects with key"#,
    );
    let mut guess = |word: &str| {
        let line =
            format!(r#"eve asks: room:join {{"roomId":"{ROOM}","password":"{word}","userName":"Eve"}}"#);
        stage.play(&line)
    };
    assert!(guess("a").contains("密码错误") && guess("b").contains("密码错误"));
    assert!(guess("pw").contains("密码错误"), "even the right one");
}

#[test]
fn what_is_too_long_is_refused_or_dropped() {
    let mut stage = stage(&Config::default());
    let long = |n: usize| "片".repeat(n);
    let created = |name: &str, description: &str, password: &str, user: &str| {
        format!(
            r#"ann asks: room:create {{"name":"{name}","description":"{description}","password":"{password}","isPublic":true,"userName":"{user}"}}"#
        )
    };
    stage.play("ann connects with key");
    for line in [
        created(&long(51), "", "", "Ann"),
        created("Films", &long(201), "", "Ann"),
        created("Films", "", &long(21), "Ann"),
        created("Films", "", "", &long(51)),
    ] {
        assert!(stage.play(&line).contains("创建房间失败"), "{line}");
    }
    let longest = created(&long(50), &long(200), &long(20), &long(50));
    assert!(stage.play(&longest).contains("\"success\":true"));
    let chat = |n: usize| format!(r#"ann: chat:message {{"content":"{}","type":"text"}}"#, long(n));
    assert!(!stage.play(&chat(2001)).contains("<-"));
    assert!(stage.play(&chat(2000)).contains("<- chat:message"));
    stage.play("bob connects with key");
    let join = format!(
        r#"bob asks: room:join {{"roomId":"{ROOM}","password":"{}","userName":"{}"}}"#,
        long(20),
        long(51)
    );
    assert!(stage.play(&join).contains("加入房间失败"));
    let share = |n: usize| format!(r#"ann: screen:start {{"type":"screen","x":"{}"}}"#, "x".repeat(n));
    assert!(!stage.play(&share(65_536)).contains("<-"));
    assert!(stage.play(&share(60_000)).contains("<- screen:start"));
}

#[test]
fn rooms_members_and_chats_have_their_limits() {
    let config = Config {
        max_rooms: 1,
        max_members_per_room: 2,
        chats_per_second: 1,
        chat_burst: 2,
        ..Config::default()
    };
    let mut stage = stage(&config);
    stage.play("ann connects with key");
    stage.play(r#"ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}"#);
    for who in ["bob", "cyd"] {
        stage.play(&format!("{who} connects with key"));
    }
    assert!(stage.play(r#"bob asks: room:create {"name":"More","userName":"Bob"}"#).contains("创建房间失败"));
    let join = |who: &str| format!(r#"{who} asks: room:join {{"roomId":"{ROOM}","userName":"{who}"}}"#);
    assert!(stage.play(&join("bob")).contains("\"success\":true"));
    assert!(stage.play(&join("cyd")).contains("加入房间失败"));
    let chat = r#"bob: chat:message {"content":"hi","type":"text"}"#;
    assert_eq!([chat; 3].map(|chat| stage.play(chat).contains("<-")), [true, true, false]);
    stage.play("1s pass");
    assert!(stage.play(chat).contains("<-"));
}

#[test]
fn the_list_of_rooms_is_written_once_a_second() {
    let mut stage = stage(&Config::default());
    stage.play("ann connects with key");
    assert!(stage.play("ann asks: room:list").contains("answer []"));
    stage.play(r#"ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}"#);
    stage.play("900ms pass");
    assert!(stage.play("ann asks: room:list").contains("answer []"));
    stage.play("100ms pass");
    assert!(stage.play("ann asks: room:list").contains(ROOM));
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
          answer [{"id":"1700000000000-qhi5g1p","userId":"bob","userName":"Bob","content":"hello","type":"text","timestamp":1700000000000}]
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
