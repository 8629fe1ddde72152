//! Going on to what is next in the queue, and back.

use expect_test::expect;

use super::{check, hub};
use crate::music::Config;
use crate::rooms::test_stage::Stage;

/// A page and an old client of either dialect in one room; nothing of it is of interest.
const ROOM: &str = r#"
    ann connects
    bob connects
    old connects
    ann: introduce {"name":"Ann"}
    ann: create-room {"roomId":"AB12","track":{"id":0,"name":"Zero"}}
    bob: introduce {"name":"Bob"}
    bob: join-room {"roomId":"AB12"}
    old: join_room {"room_id":"AB12"}
"#;

fn after_room(script: &str) -> String {
    let mut stage = Stage::new(hub(&Config::default()));
    stage.play(ROOM);
    stage.play(script)
}

#[test]
fn the_room_goes_on_and_back_and_old_hosts_are_told() {
    check(
        r#"
        old connects
        bob connects
        old: create_room {"room_id":"AB12","track":{"id":0}}
        bob: introduce {"name":"Bob"}
        bob: join-room {"roomId":"AB12"}
        old: playlist-update {"roomId":"AB12","playlist":[{"id":1},"no track",{"id":2}]}
        bob asks: queue:next {}
        old: party:grant {"targetUserId":"bob","role":"cohost"}
        7s pass
        bob asks: queue:next {}
        2s pass
        old: sync_progress {"room_id":"AB12","current_time":200}
        bob asks: queue:previous {}
        bob asks: queue:previous {}
        6s pass
        old: sync_progress {"room_id":"AB12","current_time":6.5}
        bob asks: queue:next {}
        bob asks: queue:next {}
        bob asks: queue:next {}
        "#,
        &expect![[r#"
            old connects
              old <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            old: create_room {"room_id":"AB12","track":{"id":0}}
              old <- room_created {"room_id":"AB12","user_count":1}
              old <- room_users {"count":1}
            bob: introduce {"name":"Bob"}
            bob: join-room {"roomId":"AB12"}
              bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":{"id":0},"isPlaying":true,"currentTime":0}
              old <- room_users {"count":2}
              bob <- room-users {"count":2}
              bob <- sync-state {"currentTrack":{"id":0},"isPlaying":true,"currentTime":0}
              bob <- room-playhead {"roomId":"AB12","track":{"id":0},"isPlaying":true,"currentTime":0,"at":1700000000000.0}
              bob <- room-playlist {"roomId":"AB12","playlist":null}
              bob <- queue:mode {"repeat":"off","isShuffled":false,"byVotes":false}
              bob <- queue:suggestions {"suggestions":[]}
              bob <- party:you {"id":"bob","role":"member","rights":["chat"],"isMuted":false,"ticket":"Z_GstlZ6z2G3MZLvo05t6UFCMTI.yfS2ZZHHVoidrPV-cKRJWhG4n97n5DVA0PVR-wJsfjM"}
              bob <- party:room {"roomId":"AB12","name":"AB12","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":["chat"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":0.0,"recording":null,"replay":null}
              bob <- room-members {"roomId":"AB12","hostId":"old","count":2,"members":[{"id":"old","name":null},{"id":"bob","name":"Bob"}]}
              bob <- party:members {"count":2,"members":[{"id":"old","name":"","role":"owner","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
            old: playlist-update {"roomId":"AB12","playlist":[{"id":1},"no track",{"id":2}]}
              bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1},"no track",{"id":2}]}
              bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1},"no track",{"id":2}]}
            bob asks: queue:next {}
              answer {"success":false,"error":"No right to it","code":"forbidden"}
            old: party:grant {"targetUserId":"bob","role":"cohost"}
              bob <- party:you {"id":"bob","role":"cohost","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"Z_GstlZ6z2G3MZLvo05t6UFCMTI.yfS2ZZHHVoidrPV-cKRJWhG4n97n5DVA0PVR-wJsfjM"}
              bob <- party:members {"count":2,"members":[{"id":"old","name":"","role":"owner","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"cohost","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
            7s pass
            bob asks: queue:next {}
              old <- track_change {"track":{"id":1},"current_time":0}
              bob <- track-change {"track":{"id":1},"currentTime":0}
              bob <- room-playhead {"roomId":"AB12","track":{"id":1},"isPlaying":true,"currentTime":0,"at":1700000007000.0}
              old <- playlist-update {"roomId":"AB12","playlist":["no track",{"id":2}]}
              bob <- playlist-update {"roomId":"AB12","playlist":["no track",{"id":2}]}
              bob <- room-playlist {"roomId":"AB12","playlist":["no track",{"id":2}]}
              answer {"success":true}
            2s pass
            old: sync_progress {"room_id":"AB12","current_time":200}
            bob asks: queue:previous {}
              old <- track_change {"track":{"id":0},"current_time":0}
              bob <- track-change {"track":{"id":0},"currentTime":0}
              bob <- room-playhead {"roomId":"AB12","track":{"id":0},"isPlaying":true,"currentTime":0,"at":1700000009000.0}
              old <- playlist-update {"roomId":"AB12","playlist":[{"id":1},"no track",{"id":2}]}
              bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1},"no track",{"id":2}]}
              bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1},"no track",{"id":2}]}
              answer {"success":true}
            bob asks: queue:previous {}
              answer {"success":false,"error":"Invalid data","code":"invalid"}
            6s pass
            old: sync_progress {"room_id":"AB12","current_time":6.5}
              bob <- sync-progress {"currentTime":6.5}
              bob <- room-playhead {"roomId":"AB12","track":{"id":0},"isPlaying":true,"currentTime":6.5,"at":1700000015000.0}
            bob asks: queue:next {}
              old <- track_change {"track":{"id":1},"current_time":0}
              bob <- track-change {"track":{"id":1},"currentTime":0}
              bob <- room-playhead {"roomId":"AB12","track":{"id":1},"isPlaying":true,"currentTime":0,"at":1700000015000.0}
              old <- playlist-update {"roomId":"AB12","playlist":["no track",{"id":2}]}
              bob <- playlist-update {"roomId":"AB12","playlist":["no track",{"id":2}]}
              bob <- room-playlist {"roomId":"AB12","playlist":["no track",{"id":2}]}
              answer {"success":true}
            bob asks: queue:next {}
              old <- track_change {"track":{"id":2},"current_time":0}
              bob <- track-change {"track":{"id":2},"currentTime":0}
              bob <- room-playhead {"roomId":"AB12","track":{"id":2},"isPlaying":true,"currentTime":0,"at":1700000015000.0}
              old <- playlist-update {"roomId":"AB12","playlist":["no track"]}
              bob <- playlist-update {"roomId":"AB12","playlist":["no track"]}
              bob <- room-playlist {"roomId":"AB12","playlist":["no track"]}
              answer {"success":true}
            bob asks: queue:next {}
              answer {"success":false,"error":"Invalid data","code":"invalid"}
        "#]],
    );
}

#[test]
fn of_several_pages_that_see_the_end_of_a_track_one_moves_on() {
    expect![[r#"
        ann: queue:add {"track":{"id":1}}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
        ann: queue:add {"track":{"id":2}}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
        ann: party:grant {"targetUserId":"bob","role":"cohost"}
          bob <- party:you {"id":"bob","role":"cohost","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"Z_GstlZ6z2G3MZLvo05t6UFCMTI.yfS2ZZHHVoidrPV-cKRJWhG4n97n5DVA0PVR-wJsfjM"}
          ann, bob <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"cohost","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        3m pass
        ann asks: queue:next {"endedAt":180.5}
          old <- track_change {"track":{"id":1},"current_time":0}
          ann, bob <- track-change {"track":{"id":1},"currentTime":0}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":1},"isPlaying":true,"currentTime":0,"at":1700000180000.0}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          answer {"success":true}
        bob asks: queue:next {"endedAt":180.5}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
        60s pass
        bob asks: queue:next {"endedAt":61}
          old <- track_change {"track":{"id":2},"current_time":0}
          ann, bob <- track-change {"track":{"id":2},"currentTime":0}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":2},"isPlaying":true,"currentTime":0,"at":1700000240000.0}
          old <- playlist-update {"roomId":"AB12","playlist":[]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[]}
          answer {"success":true}
        60s pass
        bob asks: queue:next {"endedAt":60}
          old <- pause {"current_time":60}
          ann, bob <- pause {"currentTime":60}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":2},"isPlaying":false,"currentTime":60,"at":1700000300000.0}
          answer {"success":true}
        ann asks: queue:next {"endedAt":60}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
        ann asks: queue:add {"track":{"id":3}}
          old <- track_change {"track":{"id":3},"current_time":0}
          ann, bob <- track-change {"track":{"id":3},"currentTime":0}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":3},"isPlaying":true,"currentTime":0,"at":1700000300000.0}
          answer {"success":true,"isSuggested":false}
    "#]].assert_eq(&after_room(
        r#"
        ann: queue:add {"track":{"id":1}}
        ann: queue:add {"track":{"id":2}}
        ann: party:grant {"targetUserId":"bob","role":"cohost"}
        3m pass
        ann asks: queue:next {"endedAt":180.5}
        bob asks: queue:next {"endedAt":180.5}
        60s pass
        bob asks: queue:next {"endedAt":61}
        60s pass
        bob asks: queue:next {"endedAt":60}
        ann asks: queue:next {"endedAt":60}
        ann asks: queue:add {"track":{"id":3}}
        "#,
    ));
}

#[test]
fn a_track_or_the_whole_list_is_played_again() {
    expect![[r#"
        ann: queue:add {"track":{"id":1}}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
        ann asks: queue:mode {"repeat":"one"}
          ann, bob <- queue:mode {"repeat":"one","isShuffled":false,"byVotes":false}
          answer {"success":true}
        30s pass
        ann asks: queue:next {"endedAt":30}
          old <- track_change {"track":{"id":0,"name":"Zero"},"current_time":0}
          ann, bob <- track-change {"track":{"id":0,"name":"Zero"},"currentTime":0}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":0,"name":"Zero"},"isPlaying":true,"currentTime":0,"at":1700000030000.0}
          answer {"success":true}
        ann asks: queue:next {}
          old <- track_change {"track":{"id":1},"current_time":0}
          ann, bob <- track-change {"track":{"id":1},"currentTime":0}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":1},"isPlaying":true,"currentTime":0,"at":1700000030000.0}
          old <- playlist-update {"roomId":"AB12","playlist":[]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[]}
          answer {"success":true}
        ann asks: queue:mode {"repeat":"all"}
          ann, bob <- queue:mode {"repeat":"all","isShuffled":false,"byVotes":false}
          answer {"success":true}
        ann asks: queue:next {}
          old <- track_change {"track":{"id":1},"current_time":0}
          ann, bob <- track-change {"track":{"id":1},"currentTime":0}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":1},"isPlaying":true,"currentTime":0,"at":1700000030000.0}
          answer {"success":true}
        ann: queue:add {"track":{"id":2}}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
        ann asks: queue:next {}
          old <- track_change {"track":{"id":2},"current_time":0}
          ann, bob <- track-change {"track":{"id":2},"currentTime":0}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":2},"isPlaying":true,"currentTime":0,"at":1700000030000.0}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1}]}
          answer {"success":true}
        ann asks: queue:mode {"isShuffled":true}
          ann, bob <- queue:mode {"repeat":"all","isShuffled":true,"byVotes":false}
          answer {"success":true}
        ann asks: queue:mode {"repeat":"twice"}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
    "#]].assert_eq(&after_room(
        r#"
        ann: queue:add {"track":{"id":1}}
        ann asks: queue:mode {"repeat":"one"}
        30s pass
        ann asks: queue:next {"endedAt":30}
        ann asks: queue:next {}
        ann asks: queue:mode {"repeat":"all"}
        ann asks: queue:next {}
        ann: queue:add {"track":{"id":2}}
        ann asks: queue:next {}
        ann asks: queue:mode {"isShuffled":true}
        ann asks: queue:mode {"repeat":"twice"}
        "#,
    ));
}

#[test]
fn an_entry_is_played_at_once_and_the_hosts_own_list_takes_the_place_of_all() {
    expect![[r#"
        ann: queue:add {"track":{"id":1}}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
        ann: queue:add {"track":{"id":2}}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
        bob asks: queue:play {"id":"2"}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        ann asks: queue:play {"id":"2"}
          old <- track_change {"track":{"id":2},"current_time":0}
          ann, bob <- track-change {"track":{"id":2},"currentTime":0}
          ann, bob <- room-playhead {"roomId":"AB12","track":{"id":2},"isPlaying":true,"currentTime":0,"at":1700000000000.0}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          answer {"success":true}
        ann: playlist-update {"roomId":"AB12","playlist":[{"id":7},{"id":1,"entryId":"1","votes":99}]}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":7},{"id":1,"entryId":"1","votes":99}]}
          bob <- playlist-update {"roomId":"AB12","playlist":[{"id":7},{"id":1,"entryId":"1","votes":99}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":7},{"id":1,"entryId":"1","votes":99}]}
        bob: queue:vote {"id":"1","isUp":true}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":7},{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":1}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":7},{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":1}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":7},{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":1}]}
        ann: playlist-update {"roomId":"AB12","playlist":[]}
          old <- playlist-update {"roomId":"AB12","playlist":[]}
          bob <- playlist-update {"roomId":"AB12","playlist":[]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[]}
        ann asks: queue:play {"id":"1"}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
    "#]].assert_eq(&after_room(
        r#"
        ann: queue:add {"track":{"id":1}}
        ann: queue:add {"track":{"id":2}}
        bob asks: queue:play {"id":"2"}
        ann asks: queue:play {"id":"2"}
        ann: playlist-update {"roomId":"AB12","playlist":[{"id":7},{"id":1,"entryId":"1","votes":99}]}
        bob: queue:vote {"id":"1","isUp":true}
        ann: playlist-update {"roomId":"AB12","playlist":[]}
        ann asks: queue:play {"id":"1"}
        "#,
    ));
}

#[test]
fn what_is_added_to_a_room_where_nothing_plays_plays() {
    check(
        r#"
        ann connects
        ann: create-room {"roomId":"AB12"}
        ann asks: queue:add {"track":{"id":1}}
        ann asks: queue:add {"track":{"id":2}}
        ann asks: queue:add {"track":[]}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            ann: create-room {"roomId":"AB12"}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
            ann asks: queue:add {"track":{"id":1}}
              ann <- track-change {"track":{"id":1},"currentTime":0}
              answer {"success":true,"isSuggested":false}
            ann asks: queue:add {"track":{"id":2}}
              ann <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"1","addedBy":{"id":"ann","name":""},"votes":0}]}
              answer {"success":true,"id":"1","isSuggested":false}
            ann asks: queue:add {"track":[]}
              answer {"success":false,"error":"Invalid data","code":"invalid"}
        "#]],
    );
}
