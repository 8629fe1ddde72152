//! What is said in which dialect, row by row.

use expect_test::expect;

use super::check;

#[test]
fn the_snake_dialect_row_by_row() {
    check(
        r#"
        ann connects
        bob connects
        ann: create_room {"room_id":"AB12","track":{"name":"Song","id":1},"current_time":10}
        bob: join_room {"room_id":"AB12"}
        ann: track_change {"room_id":"AB12","track":{"z":1,"a":2}}
        2s pass
        ann: pause {"room_id":"AB12"}
        ann: play {"room_id":"AB12","current_time":7.25}
        ann: seek {"room_id":"AB12","current_time":0}
        ann: sync_progress {"room_id":"AB12","current_time":31.5}
        1500ms pass
        bob: get_room_state {"room_id":"AB12"}
        bob: leave_room {"room_id":"AB12"}
        ann goes
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            ann: create_room {"room_id":"AB12","track":{"name":"Song","id":1},"current_time":10}
              ann <- room_created {"room_id":"AB12","user_count":1}
              ann <- room_users {"count":1}
            bob: join_room {"room_id":"AB12"}
              bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":{"name":"Song","id":1},"is_playing":true,"current_time":10}
              ann, bob <- room_users {"count":2}
              bob <- sync_state {"current_track":{"name":"Song","id":1},"is_playing":true,"current_time":10}
            ann: track_change {"room_id":"AB12","track":{"z":1,"a":2}}
              bob <- track_change {"track":{"z":1,"a":2},"current_time":0}
            2s pass
            ann: pause {"room_id":"AB12"}
              bob <- pause {"current_time":2}
            ann: play {"room_id":"AB12","current_time":7.25}
              bob <- play {"current_time":7.25}
            ann: seek {"room_id":"AB12","current_time":0}
              bob <- seek {"current_time":0}
            ann: sync_progress {"room_id":"AB12","current_time":31.5}
              bob <- sync_progress {"current_time":31.5}
            1500ms pass
            bob: get_room_state {"room_id":"AB12"}
              bob <- room_state {"room_id":"AB12","user_count":2,"current_track":{"z":1,"a":2},"is_playing":true,"current_time":33}
            bob: leave_room {"room_id":"AB12"}
              ann <- room_users {"count":1}
              bob <- room_left {"room_id":"AB12"}
            ann goes
        "#]],
    );
}

#[test]
fn the_kebab_dialect_row_by_row() {
    check(
        r#"
        ann connects
        bob connects
        ann: create-room {"roomId":"AB12","track":{"name":"Song","id":1},"currentTime":10}
        bob: join-room {"roomId":"AB12"}
        ann: track-change {"roomId":"AB12","track":{"z":1,"a":2}}
        2s pass
        ann: pause {"roomId":"AB12"}
        ann: play {"roomId":"AB12","currentTime":7.25}
        ann: seek {"roomId":"AB12","currentTime":0}
        ann: sync-progress {"roomId":"AB12","currentTime":31.5}
        ann: playlist-update {"roomId":"AB12","playlist":[{"id":1},{"id":2}]}
        1500ms pass
        bob: get-room-state {"roomId":"AB12"}
        bob: leave-room {"roomId":"AB12"}
        cyd connects
        cyd: join-room {"roomId":"AB12"}
        ann goes
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            ann: create-room {"roomId":"AB12","track":{"name":"Song","id":1},"currentTime":10}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
            bob: join-room {"roomId":"AB12"}
              bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":{"name":"Song","id":1},"isPlaying":true,"currentTime":10}
              ann, bob <- room-users {"count":2}
              bob <- sync-state {"currentTrack":{"name":"Song","id":1},"isPlaying":true,"currentTime":10}
            ann: track-change {"roomId":"AB12","track":{"z":1,"a":2}}
              bob <- track-change {"track":{"z":1,"a":2},"currentTime":0}
            2s pass
            ann: pause {"roomId":"AB12"}
              bob <- pause {"currentTime":2}
            ann: play {"roomId":"AB12","currentTime":7.25}
              bob <- play {"currentTime":7.25}
            ann: seek {"roomId":"AB12","currentTime":0}
              bob <- seek {"currentTime":0}
            ann: sync-progress {"roomId":"AB12","currentTime":31.5}
              bob <- sync-progress {"currentTime":31.5}
            ann: playlist-update {"roomId":"AB12","playlist":[{"id":1},{"id":2}]}
              bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1},{"id":2}]}
            1500ms pass
            bob: get-room-state {"roomId":"AB12"}
              bob <- room-state {"roomId":"AB12","userCount":2,"currentTrack":{"z":1,"a":2},"isPlaying":true,"currentTime":33}
            bob: leave-room {"roomId":"AB12"}
              ann <- room-users {"count":1}
              bob <- room-left {"roomId":"AB12"}
            cyd connects
              cyd <- connected {"message":"连接成功"}
            cyd: join-room {"roomId":"AB12"}
              cyd <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":{"z":1,"a":2},"isPlaying":true,"currentTime":33,"playlist":[{"id":1},{"id":2}]}
              ann, cyd <- room-users {"count":2}
              cyd <- sync-state {"currentTrack":{"z":1,"a":2},"isPlaying":true,"currentTime":33}
            ann goes
              cyd <- become-host {"roomId":"AB12"}
        "#]],
    );
}

#[test]
fn a_room_without_a_track_sends_no_sync_state() {
    check(
        r#"
        ann connects
        ann: create_room {"room_id":"AB12"}
        bob connects
        bob: join_room {"room_id":"AB12"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            ann: create_room {"room_id":"AB12"}
              ann <- room_created {"room_id":"AB12","user_count":1}
              ann <- room_users {"count":1}
            bob connects
              bob <- connected {"message":"连接成功"}
            bob: join_room {"room_id":"AB12"}
              bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":null,"is_playing":true,"current_time":0}
              ann, bob <- room_users {"count":2}
        "#]],
    );
}

#[test]
fn each_member_is_spoken_to_in_its_own_dialect() {
    check(
        r#"
        ann connects
        bob connects
        cyd connects
        ann: create_room {"room_id":"AB12","track":{"id":1}}
        bob: join-room {"roomId":"AB12"}
        cyd: join_room {"room_id":"AB12"}
        ann: play {"room_id":"AB12","current_time":3}
        ann: track_change {"room_id":"AB12","track":{"id":2}}
        ann goes
        bob: seek {"roomId":"AB12","currentTime":9}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            cyd connects
              cyd <- connected {"message":"连接成功"}
            ann: create_room {"room_id":"AB12","track":{"id":1}}
              ann <- room_created {"room_id":"AB12","user_count":1}
              ann <- room_users {"count":1}
            bob: join-room {"roomId":"AB12"}
              bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":{"id":1},"isPlaying":true,"currentTime":0}
              ann <- room_users {"count":2}
              bob <- room-users {"count":2}
              bob <- sync-state {"currentTrack":{"id":1},"isPlaying":true,"currentTime":0}
            cyd: join_room {"room_id":"AB12"}
              cyd <- room_joined {"room_id":"AB12","user_count":3,"current_track":{"id":1},"is_playing":true,"current_time":0}
              ann, cyd <- room_users {"count":3}
              bob <- room-users {"count":3}
              cyd <- sync_state {"current_track":{"id":1},"is_playing":true,"current_time":0}
            ann: play {"room_id":"AB12","current_time":3}
              cyd <- play {"current_time":3}
              bob <- play {"currentTime":3}
            ann: track_change {"room_id":"AB12","track":{"id":2}}
              cyd <- track_change {"track":{"id":2},"current_time":0}
              bob <- track-change {"track":{"id":2},"currentTime":0}
            ann goes
              bob <- become-host {"roomId":"AB12"}
              cyd <- room_users {"count":2}
            bob: seek {"roomId":"AB12","currentTime":9}
              cyd <- seek {"current_time":9}
        "#]],
    );
}

#[test]
fn play_tells_a_dialect_by_its_field_and_the_first_to_tell_holds() {
    check(
        r#"
        ann connects
        ann: play {"roomId":"none","currentTime":1}
        ann: join_room {"room_id":"none"}
        ann: create_room {"room_id":"AB12"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            ann: play {"roomId":"none","currentTime":1}
            ann: join_room {"room_id":"none"}
              ann <- error {"message":"房间不存在","code":"room_not_found"}
            ann: create_room {"room_id":"AB12"}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
        "#]],
    );
}

#[test]
fn the_deployed_player_that_joins_nothing_on_page_load_hears_nothing() {
    check(
        r#"
        ann connects
        ann: join-room {"roomId":null}
        ann: join-room
        ann: join-room {}
        ann: create-room {"roomId":"AB12"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            ann: join-room {"roomId":null}
            ann: join-room
            ann: join-room {}
            ann: create-room {"roomId":"AB12"}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
        "#]],
    );
}

#[test]
fn a_room_id_may_be_a_number_and_its_decimal_string_is_the_same_room() {
    check(
        r#"
        ann connects
        bob connects
        ann: create_room {"room_id":1234}
        bob: join_room {"room_id":"1234"}
        ann: pause {"room_id":"1234","current_time":1}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            ann: create_room {"room_id":1234}
              ann <- room_created {"room_id":"1234","user_count":1}
              ann <- room_users {"count":1}
            bob: join_room {"room_id":"1234"}
              bob <- room_joined {"room_id":"1234","user_count":2,"current_track":null,"is_playing":true,"current_time":0}
              ann, bob <- room_users {"count":2}
            ann: pause {"room_id":"1234","current_time":1}
              bob <- pause {"current_time":1}
        "#]],
    );
}

#[test]
fn pages_are_told_of_members_and_playback_in_full_and_old_clients_never_see_it() {
    check(
        r#"
        ann connects
        bob connects
        cyd connects
        ann: introduce {"name":"  Ann\u0007 "}
        ann: time_ping {"clientTime":123.5}
        ann: create-room {"roomId":"AB12","track":{"id":1}}
        bob: join-room {"roomId":"AB12"}
        1s pass
        ann: pause {"roomId":"AB12","currentTime":1}
        ann: playlist-update {"roomId":"AB12","playlist":[{"id":2}]}
        cyd: introduce {"name":""}
        cyd: join-room {"roomId":"AB12"}
        cyd: introduce {"name":"Cyd"}
        ann goes
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            cyd connects
              cyd <- connected {"message":"连接成功"}
            ann: introduce {"name":"  Ann\u0007 "}
            ann: time_ping {"clientTime":123.5}
              ann <- time_pong {"clientTime":123.5,"serverTime":1700000000000.0}
            ann: create-room {"roomId":"AB12","track":{"id":1}}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
              ann <- room-playhead {"roomId":"AB12","track":{"id":1},"isPlaying":true,"currentTime":0,"at":1700000000000.0}
              ann <- room-playlist {"roomId":"AB12","playlist":null}
              ann <- queue:mode {"repeat":"off","isShuffled":false,"byVotes":false}
              ann <- queue:suggestions {"suggestions":[]}
              ann <- party:you {"id":"ann","role":"owner","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"koQGGI1xoMYNd6gXzodQhkFCMTI.RZ2Kh12uH3_bV-ueVnai96qFIz9Gtzh5ZpJpxnjYQ1Y"}
              ann <- party:room {"roomId":"AB12","name":"AB12","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":["chat"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":0.0,"recording":null,"replay":null}
              ann <- room-members {"roomId":"AB12","hostId":"ann","count":1,"members":[{"id":"ann","name":"Ann"}]}
              ann <- party:members {"count":1,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
            bob: join-room {"roomId":"AB12"}
              bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":{"id":1},"isPlaying":true,"currentTime":0}
              ann, bob <- room-users {"count":2}
              bob <- sync-state {"currentTrack":{"id":1},"isPlaying":true,"currentTime":0}
              ann <- room-members {"roomId":"AB12","hostId":"ann","count":2,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":null}]}
              ann <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
            1s pass
            ann: pause {"roomId":"AB12","currentTime":1}
              bob <- pause {"currentTime":1}
              ann <- room-playhead {"roomId":"AB12","track":{"id":1},"isPlaying":false,"currentTime":1,"at":1700000001000.0}
            ann: playlist-update {"roomId":"AB12","playlist":[{"id":2}]}
              bob <- playlist-update {"roomId":"AB12","playlist":[{"id":2}]}
              ann <- room-playlist {"roomId":"AB12","playlist":[{"id":2}]}
            cyd: introduce {"name":""}
            cyd: join-room {"roomId":"AB12"}
              cyd <- room-joined {"roomId":"AB12","userCount":3,"currentTrack":{"id":1},"isPlaying":false,"currentTime":1,"playlist":[{"id":2}]}
              ann, bob, cyd <- room-users {"count":3}
              cyd <- sync-state {"currentTrack":{"id":1},"isPlaying":false,"currentTime":1}
              cyd <- room-playhead {"roomId":"AB12","track":{"id":1},"isPlaying":false,"currentTime":1,"at":1700000001000.0}
              cyd <- room-playlist {"roomId":"AB12","playlist":[{"id":2}]}
              cyd <- queue:mode {"repeat":"off","isShuffled":false,"byVotes":false}
              cyd <- queue:suggestions {"suggestions":[]}
              cyd <- party:you {"id":"cyd","role":"member","rights":["chat"],"isMuted":false,"ticket":"I9lkIKS8MtVGOezn4JMnN0FCMTI.n-abd0658dEQxaYb35XlIpXeSq3jiqZ8t0LJz-XdbbY"}
              cyd <- party:room {"roomId":"AB12","name":"AB12","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":["chat"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":0.0,"recording":null,"replay":null}
              ann, cyd <- room-members {"roomId":"AB12","hostId":"ann","count":3,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":null},{"id":"cyd","name":null}]}
              ann, cyd <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
            cyd: introduce {"name":"Cyd"}
              cyd <- room-playhead {"roomId":"AB12","track":{"id":1},"isPlaying":false,"currentTime":1,"at":1700000001000.0}
              cyd <- room-playlist {"roomId":"AB12","playlist":[{"id":2}]}
              cyd <- queue:mode {"repeat":"off","isShuffled":false,"byVotes":false}
              cyd <- queue:suggestions {"suggestions":[]}
              cyd <- party:you {"id":"cyd","role":"member","rights":["chat"],"isMuted":false,"ticket":"I9lkIKS8MtVGOezn4JMnN0FCMTI.n-abd0658dEQxaYb35XlIpXeSq3jiqZ8t0LJz-XdbbY"}
              cyd <- party:room {"roomId":"AB12","name":"AB12","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":["chat"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":0.0,"recording":null,"replay":null}
              ann, cyd <- room-members {"roomId":"AB12","hostId":"ann","count":3,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":null},{"id":"cyd","name":"Cyd"}]}
              ann, cyd <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"Cyd","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
            ann goes
              bob <- become-host {"roomId":"AB12"}
              cyd <- room-users {"count":2}
              cyd <- room-members {"roomId":"AB12","hostId":"bob","count":2,"members":[{"id":"bob","name":null},{"id":"cyd","name":"Cyd"}]}
              cyd <- party:members {"count":2,"members":[{"id":"bob","name":"","role":"owner","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"Cyd","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
        "#]],
    );
}
