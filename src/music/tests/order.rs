//! Chat, who may not take part in it, and votes, with old clients in the same rooms.

use expect_test::expect;

use super::{check_with, hub};
use crate::music::Config;
use crate::rooms::test_stage::Stage;

/// A page and an old client of either dialect in one room; nothing of it is of interest.
const ROOM: &str = r#"
    ann connects
    bob connects
    old connects
    ann: introduce {"name":"Ann","person":"the person of ann"}
    ann: create-room {"roomId":"AB12","track":{"id":0,"name":"Zero"}}
    bob: introduce {"name":"Bob","person":"the person of bob"}
    bob: join-room {"roomId":"AB12"}
    old: join_room {"room_id":"AB12"}
"#;

fn after_room(script: &str) -> String {
    let mut stage = Stage::new(hub(&Config::default()));
    stage.play(ROOM);
    stage.play(script)
}

#[test]
fn pages_chat_react_and_type_and_newcomers_ask_for_what_was_said() {
    let told = after_room(
        r#"
        bob asks: party:chat {"content":"hello","type":"text"}
        4s pass
        ann asks: party:chat {"content":"🎉","type":"emoji"}
        bob asks: party:react {"emoji":"👍"}
        bob asks: party:react {"emoji":"good"}
        bob asks: party:typing {}
        bob asks: party:typing {}
        bob asks: party:chat {"content":"","type":"text"}
        bob asks: party:chat {}
        cyd connects
        cyd asks: chat:history
        cyd asks: party:chat {"content":"hello","type":"text"}
        cyd: join-room {"roomId":"AB12"}
        cyd asks: chat:history
        "#,
    );
    expect![[r#"
        bob asks: party:chat {"content":"hello","type":"text"}
          ann, bob <- party:chat {"id":"1700000000000-c93b5e1d","userId":"bob","userName":"Bob","content":"hello","type":"text","timestamp":1700000000000,"position":0.0}
          answer {"success":true}
        4s pass
        ann asks: party:chat {"content":"🎉","type":"emoji"}
          ann, bob <- party:chat {"id":"1700000004000-9810039c","userId":"ann","userName":"Ann","content":"🎉","type":"emoji","timestamp":1700000004000,"position":4.0}
          answer {"success":true}
        bob asks: party:react {"emoji":"👍"}
          ann, bob <- party:reaction {"userId":"bob","userName":"Bob","emoji":"👍","position":4.0}
          answer {"success":true}
        bob asks: party:react {"emoji":"good"}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
        bob asks: party:typing {}
          ann <- party:typing {"userId":"bob","userName":"Bob"}
          answer {"success":true}
        bob asks: party:typing {}
          answer {"success":true}
        bob asks: party:chat {"content":"","type":"text"}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
        bob asks: party:chat {}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
        cyd connects
          cyd <- connected {"message":"连接成功"}
        cyd asks: chat:history
          answer []
        cyd asks: party:chat {"content":"hello","type":"text"}
          answer {"success":false,"error":"Not in a room","code":"not_in_a_room"}
        cyd: join-room {"roomId":"AB12"}
          cyd <- room-joined {"roomId":"AB12","userCount":4,"currentTrack":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":4}
          old <- room_users {"count":4}
          ann, bob, cyd <- room-users {"count":4}
          cyd <- sync-state {"currentTrack":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":4}
          ann, bob <- room-members {"roomId":"AB12","hostId":"ann","count":4,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":"Bob"},{"id":"old","name":null},{"id":"cyd","name":null}]}
          ann, bob <- party:members {"count":4,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        cyd asks: chat:history
          answer [{"id":"1700000000000-c93b5e1d","userId":"bob","userName":"Bob","content":"hello","type":"text","timestamp":1700000000000,"position":0.0},{"id":"1700000004000-9810039c","userId":"ann","userName":"Ann","content":"🎉","type":"emoji","timestamp":1700000004000,"position":4.0}]
    "#]].assert_eq(&told);
}

#[test]
fn who_is_muted_or_must_wait_says_nothing() {
    expect![[r#"
        bob asks: party:mute {"targetUserId":"ann","isMuted":true}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        ann asks: party:mute {"targetUserId":"bob","isMuted":true}
          bob <- party:you {"id":"bob","role":"member","rights":["chat"],"isMuted":true,"ticket":"vKZ3AY0gkQv70Pbpr36MVkFCMTI.as4vgBaPbkYVdHWoambxGUTotRfbs6AhJsRxXfFrTXs"}
          ann, bob <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":true,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
          answer {"success":true}
        bob asks: party:chat {"content":"hello","type":"text"}
          answer {"success":false,"error":"Muted","code":"muted"}
        bob asks: party:react {"emoji":"👍"}
          answer {"success":false,"error":"Muted","code":"muted"}
        bob asks: queue:add {"track":{"id":1}}
          answer {"success":false,"error":"Muted","code":"muted"}
        bob goes
          old <- room_users {"count":2}
          ann <- room-users {"count":2}
          ann <- room-members {"roomId":"AB12","hostId":"ann","count":2,"members":[{"id":"ann","name":"Ann"},{"id":"old","name":null}]}
          ann <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        bob2 connects
          bob2 <- connected {"message":"连接成功"}
        bob2: join-room {"roomId":"AB12","person":"the person of bob"}
          bob2 <- room-joined {"roomId":"AB12","userCount":3,"currentTrack":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":0}
          old <- room_users {"count":3}
          ann, bob2 <- room-users {"count":3}
          bob2 <- sync-state {"currentTrack":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":0}
          ann <- room-members {"roomId":"AB12","hostId":"ann","count":3,"members":[{"id":"ann","name":"Ann"},{"id":"old","name":null},{"id":"bob2","name":null}]}
          ann <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"bob2","name":"","role":"member","isMuted":true,"isPage":false,"isBuffering":false,"isReady":false}]}
        bob2 asks: party:chat {"content":"hello","type":"text"}
          answer {"success":false,"error":"Muted","code":"muted"}
        ann asks: party:mute {"targetUserId":"bob2","isMuted":false}
          ann <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"bob2","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
          answer {"success":true}
        ann asks: party:set {"slowMode":30}
          answer {"success":true}
          ann <- party:room {"roomId":"AB12","name":"AB12","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":["chat"]},"slowMode":30,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":0.0,"recording":null,"replay":null}
        bob2 asks: party:chat {"content":"one","type":"text"}
          ann <- party:chat {"id":"1700000000000-c93b5e1d","userId":"bob2","userName":"","content":"one","type":"text","timestamp":1700000000000,"position":0.0}
          answer {"success":true}
        bob2 asks: party:chat {"content":"two","type":"text"}
          answer {"success":false,"error":"Slow mode","code":"slow_mode","retryAfter":30}
        ann asks: party:chat {"content":"three","type":"text"}
          ann <- party:chat {"id":"1700000000000-9810039c","userId":"ann","userName":"Ann","content":"three","type":"text","timestamp":1700000000000,"position":0.0}
          answer {"success":true}
        ann asks: party:chat {"content":"four","type":"text"}
          ann <- party:chat {"id":"1700000000000-ee760b1c","userId":"ann","userName":"Ann","content":"four","type":"text","timestamp":1700000000000,"position":0.0}
          answer {"success":true}
    "#]].assert_eq(&after_room(
        r#"
        bob asks: party:mute {"targetUserId":"ann","isMuted":true}
        ann asks: party:mute {"targetUserId":"bob","isMuted":true}
        bob asks: party:chat {"content":"hello","type":"text"}
        bob asks: party:react {"emoji":"👍"}
        bob asks: queue:add {"track":{"id":1}}
        bob goes
        bob2 connects
        bob2: join-room {"roomId":"AB12","person":"the person of bob"}
        bob2 asks: party:chat {"content":"hello","type":"text"}
        ann asks: party:mute {"targetUserId":"bob2","isMuted":false}
        ann asks: party:set {"slowMode":30}
        bob2 asks: party:chat {"content":"one","type":"text"}
        bob2 asks: party:chat {"content":"two","type":"text"}
        ann asks: party:chat {"content":"three","type":"text"}
        ann asks: party:chat {"content":"four","type":"text"}
        "#,
    ));
}

#[test]
fn whoever_is_kicked_is_out_for_a_time() {
    let config = Config { kick_time: std::time::Duration::from_mins(1), ..Config::default() };
    let mut stage = Stage::new(hub(&config));
    stage.play(ROOM);
    expect![[r#"
        bob asks: party:kick {"targetUserId":"ann"}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        ann asks: party:kick {"targetUserId":"bob"}
          answer {"success":true}
          bob <- party:kicked {}
          old <- room_users {"count":2}
          ann <- room-users {"count":2}
          ann <- room-members {"roomId":"AB12","hostId":"ann","count":2,"members":[{"id":"ann","name":"Ann"},{"id":"old","name":null}]}
          ann <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        bob: join-room {"roomId":"AB12"}
          bob <- error {"message":"您已被移出房间","code":"kicked"}
        ann asks: party:kick {"targetUserId":"old"}
          answer {"success":true}
          old <- room_left {"room_id":"AB12"}
          ann <- room-users {"count":1}
          ann <- room-members {"roomId":"AB12","hostId":"ann","count":1,"members":[{"id":"ann","name":"Ann"}]}
          ann <- party:members {"count":1,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
        old: join_room {"room_id":"AB12"}
          old <- error {"message":"您已被移出房间","code":"kicked"}
        1m pass
        bob: join-room {"roomId":"AB12"}
          bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":60}
          ann, bob <- room-users {"count":2}
          bob <- sync-state {"currentTrack":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":60}
          bob <- room-playhead {"roomId":"AB12","track":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":60,"at":1700000060000.0}
          bob <- room-playlist {"roomId":"AB12","playlist":null}
          bob <- queue:mode {"repeat":"off","isShuffled":false,"byVotes":false}
          bob <- queue:suggestions {"suggestions":[]}
          bob <- party:you {"id":"bob","role":"member","rights":["chat"],"isMuted":false,"ticket":"vKZ3AY0gkQv70Pbpr36MVkFCMTI.as4vgBaPbkYVdHWoambxGUTotRfbs6AhJsRxXfFrTXs"}
          bob <- party:room {"roomId":"AB12","name":"AB12","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":["chat"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":0.0,"recording":null,"replay":null}
          ann, bob <- room-members {"roomId":"AB12","hostId":"ann","count":2,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":"Bob"}]}
          ann, bob <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
        old: join_room {"room_id":"AB12"}
          old <- room_joined {"room_id":"AB12","user_count":3,"current_track":{"id":0,"name":"Zero"},"is_playing":true,"current_time":60}
          old <- room_users {"count":3}
          ann, bob <- room-users {"count":3}
          old <- sync_state {"current_track":{"id":0,"name":"Zero"},"is_playing":true,"current_time":60}
          ann, bob <- room-members {"roomId":"AB12","hostId":"ann","count":3,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":"Bob"},{"id":"old","name":null}]}
          ann, bob <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
    "#]].assert_eq(&stage.play(
        r#"
        bob asks: party:kick {"targetUserId":"ann"}
        ann asks: party:kick {"targetUserId":"bob"}
        bob: join-room {"roomId":"AB12"}
        ann asks: party:kick {"targetUserId":"old"}
        old: join_room {"room_id":"AB12"}
        1m pass
        bob: join-room {"roomId":"AB12"}
        old: join_room {"room_id":"AB12"}
        "#,
    ));
}

#[test]
fn half_of_those_who_are_there_skip_a_track() {
    expect![[r#"
        cyd connects
          cyd <- connected {"message":"连接成功"}
        cyd: join-room {"roomId":"AB12"}
          cyd <- room-joined {"roomId":"AB12","userCount":4,"currentTrack":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":0}
          old <- room_users {"count":4}
          ann, bob, cyd <- room-users {"count":4}
          cyd <- sync-state {"currentTrack":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":0}
          ann, bob <- room-members {"roomId":"AB12","hostId":"ann","count":4,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":"Bob"},{"id":"old","name":null},{"id":"cyd","name":null}]}
          ann, bob <- party:members {"count":4,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        ann: queue:add {"track":{"id":1}}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob, cyd <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
        bob asks: party:vote {"subject":"skip"}
          ann, bob <- party:vote {"subject":"skip","target":null,"by":{"id":"bob","name":"Bob"},"yes":1,"needed":2,"endsAt":1700000060000,"isOpen":true,"outcome":null}
          answer {"success":true}
        bob asks: party:vote {"subject":"skip"}
          ann, bob <- party:vote {"subject":"skip","target":null,"by":{"id":"bob","name":"Bob"},"yes":1,"needed":2,"endsAt":1700000060000,"isOpen":true,"outcome":null}
          answer {"success":true}
        bob asks: party:unvote {}
          ann, bob <- party:vote {"subject":"skip","target":null,"by":{"id":"bob","name":"Bob"},"yes":0,"needed":2,"endsAt":1700000060000,"isOpen":true,"outcome":null}
          answer {"success":true}
        old asks: party:vote {"subject":"skip"}
          ann, bob <- party:vote {"subject":"skip","target":null,"by":{"id":"bob","name":"Bob"},"yes":1,"needed":2,"endsAt":1700000060000,"isOpen":true,"outcome":null}
          answer {"success":true}
        bob asks: party:vote {"subject":"skip"}
          ann, bob <- party:vote {"subject":"skip","target":null,"by":{"id":"bob","name":"Bob"},"yes":2,"needed":2,"endsAt":1700000060000,"isOpen":false,"outcome":"passed"}
          answer {"success":true}
          ann, bob <- party:notice {"code":"track_skipped","name":"Zero"}
          old <- track_change {"track":{"id":1},"current_time":0}
          ann, bob, cyd <- track-change {"track":{"id":1},"currentTime":0}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":1},"isPlaying":true,"currentTime":0,"at":1700000000000.0}
          old <- playlist-update {"roomId":"AB12","playlist":[]}
          ann, bob, cyd <- playlist-update {"roomId":"AB12","playlist":[]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[]}
        bob asks: party:unvote {}
          answer {"success":false,"error":"No vote is open","code":"no_such_vote"}
    "#]].assert_eq(&after_room(
        r#"
        cyd connects
        cyd: join-room {"roomId":"AB12"}
        ann: queue:add {"track":{"id":1}}
        bob asks: party:vote {"subject":"skip"}
        bob asks: party:vote {"subject":"skip"}
        bob asks: party:unvote {}
        old asks: party:vote {"subject":"skip"}
        bob asks: party:vote {"subject":"skip"}
        bob asks: party:unvote {}
        "#,
    ));
}

#[test]
fn a_vote_to_skip_the_last_track_lets_the_room_rest() {
    expect![[r#"
        9s pass
        bob: party:vote {"subject":"skip"}
          ann, bob <- party:vote {"subject":"skip","target":null,"by":{"id":"bob","name":"Bob"},"yes":1,"needed":2,"endsAt":1700000069000,"isOpen":true,"outcome":null}
        ann: party:vote {"subject":"skip"}
          ann, bob <- party:vote {"subject":"skip","target":null,"by":{"id":"bob","name":"Bob"},"yes":2,"needed":2,"endsAt":1700000069000,"isOpen":false,"outcome":"passed"}
          ann, bob <- party:notice {"code":"track_skipped","name":"Zero"}
          old <- pause {"current_time":9}
          ann, bob <- pause {"currentTime":9}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":0,"name":"Zero"},"isPlaying":false,"currentTime":9,"at":1700000009000.0}
        ann: queue:add {"track":{"id":1}}
          old <- track_change {"track":{"id":1},"current_time":0}
          ann, bob <- track-change {"track":{"id":1},"currentTime":0}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":1},"isPlaying":true,"currentTime":0,"at":1700000009000.0}
    "#]].assert_eq(&after_room(
        r#"
        9s pass
        bob: party:vote {"subject":"skip"}
        ann: party:vote {"subject":"skip"}
        ann: queue:add {"track":{"id":1}}
        "#,
    ));
}

#[test]
fn a_vote_fails_in_time_and_to_kick_takes_more_than_half_of_those_who_are_there() {
    expect![[r#"
        cyd connects
          cyd <- connected {"message":"连接成功"}
        cyd: join-room {"roomId":"AB12"}
          cyd <- room-joined {"roomId":"AB12","userCount":4,"currentTrack":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":0}
          old <- room_users {"count":4}
          ann, bob, cyd <- room-users {"count":4}
          cyd <- sync-state {"currentTrack":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":0}
          ann, bob <- room-members {"roomId":"AB12","hostId":"ann","count":4,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":"Bob"},{"id":"old","name":null},{"id":"cyd","name":null}]}
          ann, bob <- party:members {"count":4,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        bob: party:vote {"subject":"kick","targetUserId":"old"}
          ann, bob <- party:vote {"subject":"kick","target":"old","by":{"id":"bob","name":"Bob"},"yes":1,"needed":2,"endsAt":1700000060000,"isOpen":true,"outcome":null}
        1m pass
          ann, bob <- party:vote {"subject":"kick","target":"old","by":{"id":"bob","name":"Bob"},"yes":1,"needed":2,"endsAt":1700000060000,"isOpen":false,"outcome":"failed"}
        cyd: party:vote {"subject":"kick","targetUserId":"old"}
          ann, bob <- party:vote {"subject":"kick","target":"old","by":{"id":"cyd","name":""},"yes":1,"needed":2,"endsAt":1700000120000,"isOpen":true,"outcome":null}
        ann asks: party:vote {"subject":"skip"}
          answer {"success":false,"error":"Too many","code":"too_many"}
        ann says goodbye
          bob <- become-host {"roomId":"AB12"}
          old <- room_users {"count":3}
          cyd <- room-users {"count":3}
          bob <- party:you {"id":"bob","role":"owner","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"vKZ3AY0gkQv70Pbpr36MVkFCMTI.as4vgBaPbkYVdHWoambxGUTotRfbs6AhJsRxXfFrTXs"}
          bob <- room-members {"roomId":"AB12","hostId":"bob","count":3,"members":[{"id":"bob","name":"Bob"},{"id":"old","name":null},{"id":"cyd","name":null}]}
          bob <- party:members {"count":3,"members":[{"id":"bob","name":"Bob","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
          bob <- party:vote {"subject":"kick","target":"old","by":{"id":"cyd","name":""},"yes":1,"needed":2,"endsAt":1700000120000,"isOpen":true,"outcome":null}
        bob: party:vote {"subject":"kick","targetUserId":"old"}
          bob <- party:vote {"subject":"kick","target":"old","by":{"id":"cyd","name":""},"yes":2,"needed":2,"endsAt":1700000120000,"isOpen":false,"outcome":"passed"}
          old <- room_left {"room_id":"AB12"}
          bob, cyd <- room-users {"count":2}
          bob <- room-members {"roomId":"AB12","hostId":"bob","count":2,"members":[{"id":"bob","name":"Bob"},{"id":"cyd","name":null}]}
          bob <- party:members {"count":2,"members":[{"id":"bob","name":"Bob","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"cyd","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
    "#]].assert_eq(&after_room(
        r#"
        cyd connects
        cyd: join-room {"roomId":"AB12"}
        bob: party:vote {"subject":"kick","targetUserId":"old"}
        1m pass
        cyd: party:vote {"subject":"kick","targetUserId":"old"}
        ann asks: party:vote {"subject":"skip"}
        ann says goodbye
        bob: party:vote {"subject":"kick","targetUserId":"old"}
        "#,
    ));
}

#[test]
fn what_is_said_is_bounded() {
    let config = Config { chat_burst: 2, max_chat_chars: 5, reaction_burst: 1, ..Config::default() };
    check_with(
        &config,
        r#"
        ann connects
        ann: create-room {"roomId":"AB12"}
        ann asks: party:chat {"content":"too long","type":"text"}
        ann asks: party:chat {"content":"一二三四五","type":"text"}
        ann asks: party:chat {"content":"two","type":"text"}
        ann asks: party:chat {"content":"three","type":"text"}
        ann asks: party:react {"emoji":"👍"}
        ann asks: party:react {"emoji":"👍"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            ann: create-room {"roomId":"AB12"}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
            ann asks: party:chat {"content":"too long","type":"text"}
              answer {"success":false,"error":"Invalid data","code":"invalid"}
            ann asks: party:chat {"content":"一二三四五","type":"text"}
              answer {"success":true}
            ann asks: party:chat {"content":"two","type":"text"}
              answer {"success":true}
            ann asks: party:chat {"content":"three","type":"text"}
              answer {"success":false,"error":"Too many","code":"too_many"}
            ann asks: party:react {"emoji":"👍"}
              answer {"success":true}
            ann asks: party:react {"emoji":"👍"}
              answer {"success":false,"error":"Too many","code":"too_many"}
        "#]],
    );
}
