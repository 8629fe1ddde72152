//! The queue: who adds and who suggests, and votes.

use expect_test::expect;

use super::{check_with, hub};
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
fn the_host_adds_and_members_suggest_what_the_host_approves() {
    expect![[r#"
        ann asks: queue:add {"track":{"id":1}}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          answer {"success":true,"id":"1","isSuggested":false}
        bob asks: queue:add {"track":{"id":2}}
          ann, bob <- queue:suggestions {"suggestions":[{"id":"2","track":{"id":2},"by":{"id":"bob","name":"Bob"},"votes":0}]}
          answer {"success":true,"id":"2","isSuggested":true}
        old asks: queue:add {"track":{"id":3}}
          ann, bob <- queue:suggestions {"suggestions":[{"id":"2","track":{"id":2},"by":{"id":"bob","name":"Bob"},"votes":0},{"id":"3","track":{"id":3},"by":{"id":"old","name":""},"votes":0}]}
          answer {"success":true,"id":"3","isSuggested":true}
        bob asks: queue:approve {"id":"2"}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        ann asks: queue:approve {"id":"2"}
          ann, bob <- queue:suggestions {"suggestions":[{"id":"3","track":{"id":3},"by":{"id":"old","name":""},"votes":0}]}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          answer {"success":true}
        ann asks: queue:reject {"id":3}
          ann, bob <- queue:suggestions {"suggestions":[]}
          answer {"success":true}
        ann asks: queue:approve {"id":"3"}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
    "#]].assert_eq(&after_room(
        r#"
        ann asks: queue:add {"track":{"id":1}}
        bob asks: queue:add {"track":{"id":2}}
        old asks: queue:add {"track":{"id":3}}
        bob asks: queue:approve {"id":"2"}
        ann asks: queue:approve {"id":"2"}
        ann asks: queue:reject {"id":3}
        ann asks: queue:approve {"id":"3"}
        "#,
    ));
}

#[test]
fn with_the_right_to_the_queue_members_add_and_move_and_remove() {
    expect![[r#"
        ann asks: party:set {"preset":"open"}
          ann <- party:you {"id":"ann","role":"owner","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"koQGGI1xoMYNd6gXzodQhkFCMTI.RZ2Kh12uH3_bV-ueVnai96qFIz9Gtzh5ZpJpxnjYQ1Y"}
          bob <- party:you {"id":"bob","role":"member","rights":["control","choose","queue","chat","voice","share","invite"],"isMuted":false,"ticket":"Z_GstlZ6z2G3MZLvo05t6UFCMTI.yfS2ZZHHVoidrPV-cKRJWhG4n97n5DVA0PVR-wJsfjM"}
          answer {"success":true}
          ann, bob <- party:room {"roomId":"AB12","name":"AB12","preset":"open","rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["control","choose","queue","chat","voice","share","invite"],"guest":["control","queue","chat","voice"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":0.0,"recording":null,"replay":null}
        bob asks: queue:add {"track":{"id":1}}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          answer {"success":true,"id":"1","isSuggested":false}
        bob asks: queue:add {"track":{"id":2}}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"bob","name":"Bob"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"bob","name":"Bob"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"bob","name":"Bob"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          answer {"success":true,"id":"2","isSuggested":false}
        old asks: queue:move {"id":"2","to":0}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"bob","name":"Bob"},"votes":0},{"id":1,"entryId":"1","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"bob","name":"Bob"},"votes":0},{"id":1,"entryId":"1","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"bob","name":"Bob"},"votes":0},{"id":1,"entryId":"1","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          answer {"success":true}
        bob asks: queue:move {"id":"1","to":99}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"bob","name":"Bob"},"votes":0},{"id":1,"entryId":"1","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"bob","name":"Bob"},"votes":0},{"id":1,"entryId":"1","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"bob","name":"Bob"},"votes":0},{"id":1,"entryId":"1","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          answer {"success":true}
        ann asks: queue:remove {"id":"1"}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          answer {"success":true}
        ann asks: queue:remove {"id":"1"}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
    "#]].assert_eq(&after_room(
        r#"
        ann asks: party:set {"preset":"open"}
        bob asks: queue:add {"track":{"id":1}}
        bob asks: queue:add {"track":{"id":2}}
        old asks: queue:move {"id":"2","to":0}
        bob asks: queue:move {"id":"1","to":99}
        ann asks: queue:remove {"id":"1"}
        ann asks: queue:remove {"id":"1"}
        "#,
    ));
}

#[test]
fn whoever_has_added_something_may_take_it_back() {
    expect![[r#"
        bob asks: queue:add {"track":{"id":1}}
          ann, bob <- queue:suggestions {"suggestions":[{"id":"1","track":{"id":1},"by":{"id":"bob","name":"Bob"},"votes":0}]}
          answer {"success":true,"id":"1","isSuggested":true}
        old asks: queue:remove {"id":"1"}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        ann asks: queue:approve {"id":"1"}
          ann, bob <- queue:suggestions {"suggestions":[]}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"bob","name":"Bob"},"votes":0}]}
          answer {"success":true}
        bob asks: queue:remove {"id":"1"}
          old <- playlist-update {"roomId":"AB12","playlist":[]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[]}
          answer {"success":true}
    "#]].assert_eq(&after_room(
        r#"
        bob asks: queue:add {"track":{"id":1}}
        old asks: queue:remove {"id":"1"}
        ann asks: queue:approve {"id":"1"}
        bob asks: queue:remove {"id":"1"}
        "#,
    ));
}

#[test]
fn votes_sort_the_list_if_that_is_the_rule() {
    expect![[r#"
        ann: queue:add {"track":{"id":1}}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
        ann: queue:add {"track":{"id":2}}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
        bob asks: queue:mode {"byVotes":true}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        ann asks: queue:mode {"byVotes":true}
          ann, bob <- queue:mode {"repeat":"off","isShuffled":false,"byVotes":true}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          answer {"success":true}
        bob asks: queue:vote {"id":"2","isUp":true}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":1},{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":1},{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":1},{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          answer {"success":true}
        bob asks: queue:vote {"id":"2","isUp":true}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":1},{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":1},{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":1},{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          answer {"success":true}
        old asks: queue:vote {"id":"1","isUp":true}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":1},{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":1}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":1},{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":1}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":1},{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":1}]}
          answer {"success":true}
        bob asks: queue:vote {"id":"2","isUp":false}
          old <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":1},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":1},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":1},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          answer {"success":true}
        bob asks: queue:vote {"id":"9","isUp":true}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
        old says goodbye
          ann, bob <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann, bob <- room-users {"count":2}
          ann, bob <- room-members {"roomId":"AB12","hostId":"ann","count":2,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":"Bob"}]}
          ann, bob <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
    "#]].assert_eq(&after_room(
        r#"
        ann: queue:add {"track":{"id":1}}
        ann: queue:add {"track":{"id":2}}
        bob asks: queue:mode {"byVotes":true}
        ann asks: queue:mode {"byVotes":true}
        bob asks: queue:vote {"id":"2","isUp":true}
        bob asks: queue:vote {"id":"2","isUp":true}
        old asks: queue:vote {"id":"1","isUp":true}
        bob asks: queue:vote {"id":"2","isUp":false}
        bob asks: queue:vote {"id":"9","isUp":true}
        old says goodbye
        "#,
    ));
}

#[test]
fn a_list_of_tracks_is_added_by_one_event_as_far_as_there_is_room() {
    let config = Config { max_queue_entries: 3, page_event_burst: 1, ..Config::default() };
    check_with(
        &config,
        r#"
        ann connects
        ann: create_room {"room_id":"AB12","track":{"id":0}}
        ann asks: queue:add {"tracks":[{"id":1},{"id":2},{"id":3},{"id":4}]}
        1s pass
        ann asks: queue:add {"tracks":[]}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            ann: create_room {"room_id":"AB12","track":{"id":0}}
              ann <- room_created {"room_id":"AB12","user_count":1}
              ann <- room_users {"count":1}
            ann asks: queue:add {"tracks":[{"id":1},{"id":2},{"id":3},{"id":4}]}
              ann <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":""},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":""},"votes":0},{"id":3,"entryId":"3","addedBy":{"id":"ann","name":""},"votes":0}]}
              answer {"success":true,"id":"1","isSuggested":false,"count":3}
            1s pass
            ann asks: queue:add {"tracks":[]}
              answer {"success":false,"error":"Invalid data","code":"invalid"}
        "#]],
    );
}

#[test]
fn a_queue_is_bounded() {
    let config = Config {
        max_queue_entries: 2,
        max_suggestions: 3,
        max_suggestions_per_member: 2,
        page_event_burst: 4,
        max_track_bytes: 30,
        ..Config::default()
    };
    check_with(
        &config,
        r#"
        ann connects
        bob connects
        cyd connects
        ann: create_room {"room_id":"AB12","track":{"id":0}}
        bob: join_room {"room_id":"AB12"}
        cyd: join_room {"room_id":"AB12"}
        ann asks: queue:add {"track":{"id":"this track is too long to be one"}}
        ann asks: queue:add {"track":{"id":1}}
        ann asks: queue:add {"track":{"id":2}}
        ann asks: queue:add {"track":{"id":3}}
        ann asks: queue:add {"track":{"id":4}}
        bob asks: queue:add {"track":{"id":5}}
        bob asks: queue:add {"track":{"id":6}}
        bob asks: queue:add {"track":{"id":7}}
        cyd asks: queue:add {"track":{"id":8}}
        cyd asks: queue:add {"track":{"id":9}}
        1s pass
        ann asks: queue:approve {"id":"3"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            cyd connects
              cyd <- connected {"message":"连接成功"}
            ann: create_room {"room_id":"AB12","track":{"id":0}}
              ann <- room_created {"room_id":"AB12","user_count":1}
              ann <- room_users {"count":1}
            bob: join_room {"room_id":"AB12"}
              bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":{"id":0},"is_playing":true,"current_time":0}
              ann, bob <- room_users {"count":2}
              bob <- sync_state {"current_track":{"id":0},"is_playing":true,"current_time":0}
            cyd: join_room {"room_id":"AB12"}
              cyd <- room_joined {"room_id":"AB12","user_count":3,"current_track":{"id":0},"is_playing":true,"current_time":0}
              ann, bob, cyd <- room_users {"count":3}
              cyd <- sync_state {"current_track":{"id":0},"is_playing":true,"current_time":0}
            ann asks: queue:add {"track":{"id":"this track is too long to be one"}}
              answer {"success":false,"error":"Invalid data","code":"invalid"}
            ann asks: queue:add {"track":{"id":1}}
              ann, bob, cyd <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":""},"votes":0}]}
              answer {"success":true,"id":"1","isSuggested":false}
            ann asks: queue:add {"track":{"id":2}}
              ann, bob, cyd <- playlist-update {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":""},"votes":0},{"id":2,"entryId":"2","addedBy":{"id":"ann","name":""},"votes":0}]}
              answer {"success":true,"id":"2","isSuggested":false}
            ann asks: queue:add {"track":{"id":3}}
              answer {"success":false,"error":"Too many","code":"too_many"}
            ann asks: queue:add {"track":{"id":4}}
              answer {"success":false,"error":"Too many","code":"too_many"}
            bob asks: queue:add {"track":{"id":5}}
              answer {"success":true,"id":"3","isSuggested":true}
            bob asks: queue:add {"track":{"id":6}}
              answer {"success":true,"id":"4","isSuggested":true}
            bob asks: queue:add {"track":{"id":7}}
              answer {"success":false,"error":"Too many","code":"too_many"}
            cyd asks: queue:add {"track":{"id":8}}
              answer {"success":true,"id":"5","isSuggested":true}
            cyd asks: queue:add {"track":{"id":9}}
              answer {"success":false,"error":"Too many","code":"too_many"}
            1s pass
            ann asks: queue:approve {"id":"3"}
              answer {"success":false,"error":"Too many","code":"too_many"}
        "#]],
    );
}

#[test]
fn many_changes_at_once_are_told_together() {
    let mut stage = Stage::new(hub(&Config::default()));
    stage.play(ROOM);
    let adds: Vec<String> = (0..20).map(|n| format!("ann: queue:add {{\"track\":{{\"id\":{n}}}}}")).collect();
    let told = stage.play(&adds.join("\n"));
    assert_eq!(told.matches("room-playlist").count(), 12);
    let told = stage.play("500ms pass");
    assert_eq!((told.matches("room-playlist").count(), told.matches("entryId").count()), (1, 3 * 20));
    assert_eq!(stage.play("1s pass").matches("playlist").count(), 0);
}
