//! What is on the screen, and what members say to each other.

use expect_test::expect;

use super::{check, check_with};
use crate::watch::{Config, Control};

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
