//! Roles and rights, with old clients in the same rooms.

use expect_test::expect;

use super::{check, hub};
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
fn a_page_is_told_who_it_is_how_the_room_is_and_who_is_there() {
    let mut stage = Stage::new(hub(&Config::default()));
    let told = stage.play(ROOM);
    let ticket = stage.hub.ticket_of("ann", "AB12");
    expect![[r#"
        ann connects
          ann <- connected {"message":"连接成功"}
        bob connects
          bob <- connected {"message":"连接成功"}
        old connects
          old <- connected {"message":"连接成功"}
        ann: introduce {"name":"Ann","person":"the person of ann"}
        ann: create-room {"roomId":"AB12","track":{"id":0,"name":"Zero"}}
          ann <- room-created {"roomId":"AB12","userCount":1}
          ann <- room-users {"count":1}
          ann <- room-playhead {"roomId":"AB12","track":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":0,"at":1700000000000.0}
          ann <- room-playlist {"roomId":"AB12","playlist":null}
          ann <- queue:mode {"repeat":"off","isShuffled":false,"byVotes":false}
          ann <- queue:suggestions {"suggestions":[]}
          ann <- party:you {"id":"ann","role":"owner","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"TICKET OF ANN"}
          ann <- party:room {"roomId":"AB12","name":"AB12","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":["chat"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":0.0,"recording":null,"replay":null}
          ann <- room-members {"roomId":"AB12","hostId":"ann","count":1,"members":[{"id":"ann","name":"Ann"}]}
          ann <- party:members {"count":1,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
        bob: introduce {"name":"Bob","person":"the person of bob"}
        bob: join-room {"roomId":"AB12"}
          bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":0}
          ann, bob <- room-users {"count":2}
          bob <- sync-state {"currentTrack":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":0}
          bob <- room-playhead {"roomId":"AB12","track":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":0,"at":1700000000000.0}
          bob <- room-playlist {"roomId":"AB12","playlist":null}
          bob <- queue:mode {"repeat":"off","isShuffled":false,"byVotes":false}
          bob <- queue:suggestions {"suggestions":[]}
          bob <- party:you {"id":"bob","role":"member","rights":["chat"],"isMuted":false,"ticket":"TICKET OF BOB"}
          bob <- party:room {"roomId":"AB12","name":"AB12","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":["chat"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":0.0,"recording":null,"replay":null}
          ann, bob <- room-members {"roomId":"AB12","hostId":"ann","count":2,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":"Bob"}]}
          ann, bob <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
        old: join_room {"room_id":"AB12"}
          old <- room_joined {"room_id":"AB12","user_count":3,"current_track":{"id":0,"name":"Zero"},"is_playing":true,"current_time":0}
          old <- room_users {"count":3}
          ann, bob <- room-users {"count":3}
          old <- sync_state {"current_track":{"id":0,"name":"Zero"},"is_playing":true,"current_time":0}
          ann, bob <- room-members {"roomId":"AB12","hostId":"ann","count":3,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":"Bob"},{"id":"old","name":null}]}
          ann, bob <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
    "#]].assert_eq(
        &told.replace(&ticket, "TICKET OF ANN").replace(&stage.hub.ticket_of("bob", "AB12"), "TICKET OF BOB"),
    );
}

#[test]
fn a_cohost_does_what_the_host_may_and_everybody_hears_of_it() {
    expect![[r#"
        bob: pause {"roomId":"AB12","currentTime":3}
        bob asks: party:grant {"targetUserId":"old","role":"cohost"}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        ann asks: party:grant {"targetUserId":"old","role":"cohost"}
          ann, bob <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"cohost","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
          answer {"success":true}
        old: pause {"room_id":"AB12","current_time":3}
          ann, bob <- pause {"currentTime":3}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":0,"name":"Zero"},"isPlaying":false,"currentTime":3,"at":1700000000000.0}
        old: track_change {"room_id":"AB12","track":{"id":1}}
          ann, bob <- track-change {"track":{"id":1},"currentTime":0}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":1},"isPlaying":true,"currentTime":0,"at":1700000000000.0}
        old: playlist-update {"roomId":"AB12","playlist":[{"id":2}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":2}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":2}]}
        ann: sync-progress {"roomId":"AB12","currentTime":150}
        old: get_room_state {"room_id":"AB12"}
          old <- room_state {"room_id":"AB12","user_count":3,"current_track":{"id":1},"is_playing":true,"current_time":0}
        5s pass
        ann: sync-progress {"roomId":"AB12","currentTime":4.5}
          old <- sync_progress {"current_time":4.5}
          bob <- sync-progress {"currentTime":4.5}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":1},"isPlaying":true,"currentTime":4.5,"at":1700000005000.0}
        ann: party:grant {"targetUserId":"old","role":"member"}
          ann, bob <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        old: pause {"room_id":"AB12","current_time":3}
    "#]].assert_eq(&after_room(
        r#"
        bob: pause {"roomId":"AB12","currentTime":3}
        bob asks: party:grant {"targetUserId":"old","role":"cohost"}
        ann asks: party:grant {"targetUserId":"old","role":"cohost"}
        old: pause {"room_id":"AB12","current_time":3}
        old: track_change {"room_id":"AB12","track":{"id":1}}
        old: playlist-update {"roomId":"AB12","playlist":[{"id":2}]}
        ann: sync-progress {"roomId":"AB12","currentTime":150}
        old: get_room_state {"room_id":"AB12"}
        5s pass
        ann: sync-progress {"roomId":"AB12","currentTime":4.5}
        ann: party:grant {"targetUserId":"old","role":"member"}
        old: pause {"room_id":"AB12","current_time":3}
        "#,
    ));
}

#[test]
fn rights_are_a_table_of_the_room() {
    expect![[r#"
        bob asks: party:set {"preset":"open"}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        ann asks: party:set {"rights":{"cohost":[],"member":["control"],"guest":[]}}
          ann <- party:you {"id":"ann","role":"owner","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"LWyQi6EfdUH6EbNY413aIUFCMTI.nZSLNwlSLj_UWk3eR6yJmDuESb_qfcwju5Cig6YqJNw"}
          bob <- party:you {"id":"bob","role":"member","rights":["control"],"isMuted":false,"ticket":"vKZ3AY0gkQv70Pbpr36MVkFCMTI.as4vgBaPbkYVdHWoambxGUTotRfbs6AhJsRxXfFrTXs"}
          answer {"success":true}
          ann, bob <- party:room {"roomId":"AB12","name":"AB12","preset":null,"rights":{"cohost":[],"member":["control"],"guest":[]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":0.0,"recording":null,"replay":null}
        old: seek {"room_id":"AB12","current_time":9}
          ann, bob <- seek {"currentTime":9}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":9,"at":1700000000000.0}
        bob asks: party:chat {"content":"hello","type":"text"}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        old: track_change {"room_id":"AB12","track":{"id":1}}
        ann: pause {"roomId":"AB12"}
          old <- pause {"current_time":9}
          bob <- pause {"currentTime":9}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":0,"name":"Zero"},"isPlaying":false,"currentTime":9,"at":1700000000000.0}
        ann asks: party:set {"rights":{"cohost":["fly"]}}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
    "#]].assert_eq(&after_room(
        r#"
        bob asks: party:set {"preset":"open"}
        ann asks: party:set {"rights":{"cohost":[],"member":["control"],"guest":[]}}
        old: seek {"room_id":"AB12","current_time":9}
        bob asks: party:chat {"content":"hello","type":"text"}
        old: track_change {"room_id":"AB12","track":{"id":1}}
        ann: pause {"roomId":"AB12"}
        ann asks: party:set {"rights":{"cohost":["fly"]}}
        "#,
    ));
}

#[test]
fn the_room_is_handed_over_by_name() {
    expect![[r#"
        ann asks: party:grant {"targetUserId":"nobody","role":"owner"}
          answer {"success":false,"error":"Member not found","code":"no_such_member"}
        ann asks: party:grant {"targetUserId":"old","role":"owner"}
          answer {"success":true}
          old <- become_host {"room_id":"AB12"}
          ann, bob <- room-users {"count":3}
          ann <- party:you {"id":"ann","role":"member","rights":["chat"],"isMuted":false,"ticket":"LWyQi6EfdUH6EbNY413aIUFCMTI.nZSLNwlSLj_UWk3eR6yJmDuESb_qfcwju5Cig6YqJNw"}
          ann, bob <- room-members {"roomId":"AB12","hostId":"old","count":3,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":"Bob"},{"id":"old","name":null}]}
          ann, bob <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"owner","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        ann: pause {"roomId":"AB12","currentTime":3}
        old: pause {"room_id":"AB12","current_time":3}
          ann, bob <- pause {"currentTime":3}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":0,"name":"Zero"},"isPlaying":false,"currentTime":3,"at":1700000000000.0}
    "#]].assert_eq(&after_room(
        r#"
        ann asks: party:grant {"targetUserId":"nobody","role":"owner"}
        ann asks: party:grant {"targetUserId":"old","role":"owner"}
        ann: pause {"roomId":"AB12","currentTime":3}
        old: pause {"room_id":"AB12","current_time":3}
        "#,
    ));
}

#[test]
fn when_the_host_goes_a_cohost_comes_before_who_has_been_there_for_longer() {
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
        ann: party:grant {"targetUserId":"cyd","role":"cohost"}
          ann, bob <- party:members {"count":4,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"","role":"cohost","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        ann says goodbye
          cyd <- become-host {"roomId":"AB12"}
          old <- room_users {"count":3}
          bob <- room-users {"count":3}
          bob <- room-members {"roomId":"AB12","hostId":"cyd","count":3,"members":[{"id":"bob","name":"Bob"},{"id":"old","name":null},{"id":"cyd","name":null}]}
          bob <- party:members {"count":3,"members":[{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"","role":"owner","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        cyd says goodbye
          bob <- become-host {"roomId":"AB12"}
          old <- room_users {"count":2}
          bob <- party:you {"id":"bob","role":"owner","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"vKZ3AY0gkQv70Pbpr36MVkFCMTI.as4vgBaPbkYVdHWoambxGUTotRfbs6AhJsRxXfFrTXs"}
          bob <- room-members {"roomId":"AB12","hostId":"bob","count":2,"members":[{"id":"bob","name":"Bob"},{"id":"old","name":null}]}
          bob <- party:members {"count":2,"members":[{"id":"bob","name":"Bob","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        bob: pause {"roomId":"AB12","currentTime":3}
          old <- pause {"current_time":3}
          bob <- room-playhead {"roomId":"AB12","track":{"id":0,"name":"Zero"},"isPlaying":false,"currentTime":3,"at":1700000000000.0}
    "#]].assert_eq(&after_room(
        r#"
        cyd connects
        cyd: join-room {"roomId":"AB12"}
        ann: party:grant {"targetUserId":"cyd","role":"cohost"}
        ann says goodbye
        cyd says goodbye
        bob: pause {"roomId":"AB12","currentTime":3}
        "#,
    ));
}

#[test]
fn a_host_that_was_cut_off_is_host_again_by_its_person_and_by_nothing_else() {
    expect![[r#"
        ann goes
          bob <- become-host {"roomId":"AB12"}
          old <- room_users {"count":2}
          bob <- party:you {"id":"bob","role":"owner","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"vKZ3AY0gkQv70Pbpr36MVkFCMTI.as4vgBaPbkYVdHWoambxGUTotRfbs6AhJsRxXfFrTXs"}
          bob <- room-members {"roomId":"AB12","hostId":"bob","count":2,"members":[{"id":"bob","name":"Bob"},{"id":"old","name":null}]}
          bob <- party:members {"count":2,"members":[{"id":"bob","name":"Bob","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        5m pass
        eve connects
          eve <- connected {"message":"连接成功"}
        eve: create-room {"roomId":"AB12"}
          eve <- error {"message":"房间已存在","code":"room_exists"}
        ann2 connects
          ann2 <- connected {"message":"连接成功"}
        ann2: introduce {"name":"Ann","person":"the person of ann"}
        ann2: join-room {"roomId":"AB12"}
          ann2 <- room-joined {"roomId":"AB12","userCount":3,"currentTrack":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":300}
          ann2 <- become-host {"roomId":"AB12"}
          old <- room_users {"count":3}
          bob, ann2 <- room-users {"count":3}
          ann2 <- sync-state {"currentTrack":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":300}
          ann2 <- room-playhead {"roomId":"AB12","track":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":300,"at":1700000300000.0}
          ann2 <- room-playlist {"roomId":"AB12","playlist":null}
          ann2 <- queue:mode {"repeat":"off","isShuffled":false,"byVotes":false}
          ann2 <- queue:suggestions {"suggestions":[]}
          ann2 <- party:you {"id":"ann2","role":"owner","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"LWyQi6EfdUH6EbNY413aIUFCMTI.nZSLNwlSLj_UWk3eR6yJmDuESb_qfcwju5Cig6YqJNw"}
          ann2 <- party:room {"roomId":"AB12","name":"AB12","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":["chat"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":0.0,"recording":null,"replay":null}
          bob <- party:you {"id":"bob","role":"member","rights":["chat"],"isMuted":false,"ticket":"vKZ3AY0gkQv70Pbpr36MVkFCMTI.as4vgBaPbkYVdHWoambxGUTotRfbs6AhJsRxXfFrTXs"}
          bob, ann2 <- room-members {"roomId":"AB12","hostId":"ann2","count":3,"members":[{"id":"bob","name":"Bob"},{"id":"old","name":null},{"id":"ann2","name":"Ann"}]}
          bob, ann2 <- party:members {"count":3,"members":[{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"ann2","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
        ann2: pause {"roomId":"AB12","currentTime":3}
          old <- pause {"current_time":3}
          bob <- pause {"currentTime":3}
          bob, ann2 <- room-playhead {"roomId":"AB12","track":{"id":0,"name":"Zero"},"isPlaying":false,"currentTime":3,"at":1700000300000.0}
        ann2 says goodbye
          bob <- become-host {"roomId":"AB12"}
          old <- room_users {"count":2}
          bob <- party:you {"id":"bob","role":"owner","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"vKZ3AY0gkQv70Pbpr36MVkFCMTI.as4vgBaPbkYVdHWoambxGUTotRfbs6AhJsRxXfFrTXs"}
          bob <- room-members {"roomId":"AB12","hostId":"bob","count":2,"members":[{"id":"bob","name":"Bob"},{"id":"old","name":null}]}
          bob <- party:members {"count":2,"members":[{"id":"bob","name":"Bob","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        ann3 connects
          ann3 <- connected {"message":"连接成功"}
        ann3: join-room {"roomId":"AB12","person":"the person of ann"}
          ann3 <- room-joined {"roomId":"AB12","userCount":3,"currentTrack":{"id":0,"name":"Zero"},"isPlaying":false,"currentTime":3}
          old <- room_users {"count":3}
          bob, ann3 <- room-users {"count":3}
          ann3 <- sync-state {"currentTrack":{"id":0,"name":"Zero"},"isPlaying":false,"currentTime":3}
          bob <- room-members {"roomId":"AB12","hostId":"bob","count":3,"members":[{"id":"bob","name":"Bob"},{"id":"old","name":null},{"id":"ann3","name":null}]}
          bob <- party:members {"count":3,"members":[{"id":"bob","name":"Bob","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"ann3","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        ann3: play {"roomId":"AB12"}
    "#]].assert_eq(&after_room(
        r#"
        ann goes
        5m pass
        eve connects
        eve: create-room {"roomId":"AB12"}
        ann2 connects
        ann2: introduce {"name":"Ann","person":"the person of ann"}
        ann2: join-room {"roomId":"AB12"}
        ann2: pause {"roomId":"AB12","currentTime":3}
        ann2 says goodbye
        ann3 connects
        ann3: join-room {"roomId":"AB12","person":"the person of ann"}
        ann3: play {"roomId":"AB12"}
        "#,
    ));
}

#[test]
fn a_cohost_that_has_reloaded_is_one_still() {
    expect![[r#"
        ann: party:grant {"targetUserId":"bob","role":"cohost"}
          bob <- party:you {"id":"bob","role":"cohost","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"vKZ3AY0gkQv70Pbpr36MVkFCMTI.as4vgBaPbkYVdHWoambxGUTotRfbs6AhJsRxXfFrTXs"}
          ann, bob <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"cohost","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
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
          ann <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"bob2","name":"","role":"cohost","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        bob2: pause {"roomId":"AB12","currentTime":3}
          old <- pause {"current_time":3}
          ann <- pause {"currentTime":3}
          ann <- room-playhead {"roomId":"AB12","track":{"id":0,"name":"Zero"},"isPlaying":false,"currentTime":3,"at":1700000000000.0}
    "#]].assert_eq(&after_room(
        r#"
        ann: party:grant {"targetUserId":"bob","role":"cohost"}
        bob goes
        bob2 connects
        bob2: join-room {"roomId":"AB12","person":"the person of bob"}
        bob2: pause {"roomId":"AB12","currentTime":3}
        "#,
    ));
}

#[test]
fn whoever_sits_nowhere_is_told_so() {
    check(
        r#"
        ann connects
        ann asks: party:set {"isLocked":true}
        ann asks: queue:next {}
        ann asks: recording:stop {}
        ann asks: queue:vote []
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            ann asks: party:set {"isLocked":true}
              answer {"success":false,"error":"Not in a room","code":"not_in_a_room"}
            ann asks: queue:next {}
              answer {"success":false,"error":"Not in a room","code":"not_in_a_room"}
            ann asks: recording:stop {}
              answer {"success":false,"error":"Not in a room","code":"not_in_a_room"}
            ann asks: queue:vote []
              answer {"success":false,"error":"Invalid data","code":"invalid"}
        "#]],
    );
}

/// How often all pages are told who is there.
fn n_lists(told: &str) -> usize {
    told.lines().filter(|line| line.contains("<- party:members")).count()
}

#[test]
fn a_page_that_has_another_name_each_moment_has_the_list_of_members_sent_a_few_times_only() {
    let mut stage = Stage::new(hub(&Config::default()));
    stage.play(ROOM);
    let script: Vec<_> = (0..90).map(|n| format!("bob: introduce {{\"name\":\"Bob {n}\"}}")).collect();
    let told = stage.play(&script.join("\n"));
    assert!((10..=40).contains(&n_lists(&told)), "{}", n_lists(&told));
    let told = stage.play("500ms pass");
    assert!(n_lists(&told) == 1 && told.contains("\"name\":\"Bob 89\""), "the last name is told: {told}");
    assert_eq!(n_lists(&stage.play("10s pass")), 0, "once");
    assert_eq!(n_lists(&stage.play("bob: introduce {\"name\":\"Bob\"}")), 1, "at once again");
}

#[test]
fn whoever_joins_over_and_over_is_told_so_a_few_times_only_and_may_join_again_later() {
    let mut stage = Stage::new(hub(&Config { page_event_burst: 10, ..Config::default() }));
    stage.play(ROOM);
    let join = "bob: join-room {\"roomId\":\"AB12\"}\n";
    let told = stage.play(&join.repeat(100));
    let n_told = told.lines().filter(|line| line.contains("<- room-joined")).count();
    assert!((5..=10).contains(&n_told), "{n_told}");
    assert!(!told.contains("error"), "old players leave on errors: {told}");
    assert!(stage.play(&format!("1s pass\n{join}")).contains("bob <- room-joined"));
    assert!(stage.play("bob: leave-room {\"roomId\":\"AB12\"}").contains("bob <- room-left"));
}

#[test]
fn of_two_with_the_controls_that_press_otherwise_at_once_the_later_one_is_told_too() {
    let mut stage = Stage::new(hub(&Config::default()));
    stage.play(ROOM);
    stage.play(r#"ann: party:grant {"targetUserId":"old","role":"cohost"}"#);
    let old_is_told = |told: &str, what: &str| told.contains(&format!("old <- {what} "));
    let told = stage.play("old: pause {\"room_id\":\"AB12\",\"current_time\":3}");
    assert!(!old_is_told(&told, "pause"), "nobody else pressed: {told}");
    let told = stage.play(
        "ann: play {\"roomId\":\"AB12\",\"currentTime\":3}\nold: pause {\"room_id\":\"AB12\",\"current_time\":3}",
    );
    assert!(old_is_told(&told, "play") && old_is_told(&told, "pause"), "{told}");
    let told = stage.play(
        "ann: seek {\"roomId\":\"AB12\",\"currentTime\":9}\nold: seek {\"room_id\":\"AB12\",\"current_time\":5}",
    );
    assert_eq!(told.matches("old <- seek").count(), 2, "{told}");
    let told = stage.play("2s pass\nold: seek {\"room_id\":\"AB12\",\"current_time\":6}");
    assert!(!old_is_told(&told, "seek"), "{told}");
}
