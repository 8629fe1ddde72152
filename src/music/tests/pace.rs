//! Where in a track everybody is, and what time brings.

use std::time::Duration;

use expect_test::expect;

use super::{check, check_with, hub};
use crate::music::Config;
use crate::rooms::Hub as _;
use crate::rooms::test_stage::{START, Stage};

#[test]
fn times_that_are_none_never_poison_the_room() {
    check(
        r#"
        ann connects
        bob connects
        ann: create_room {"room_id":"AB12","track":{"id":1},"current_time":"soon"}
        bob: join_room {"room_id":"AB12"}
        10s pass
        ann: sync_progress {"room_id":"AB12"}
        ann: sync_progress {"room_id":"AB12","current_time":"12"}
        ann: sync_progress {"room_id":"AB12","current_time":null}
        ann: sync_progress {"room_id":"AB12","current_time":-3}
        ann: sync_progress {"room_id":"AB12","current_time":1e999}
        ann: seek {"room_id":"AB12"}
        ann: seek {"room_id":"AB12","current_time":[1]}
        ann: track_change {"room_id":"AB12","track":"no object"}
        ann: track_change {"room_id":"AB12"}
        ann: play {"room_id":"AB12","current_time":"now"}
        bob: get_room_state {"room_id":"AB12"}
        bob: get_room_state {"room_id":"ZZ99"}
        bob: get_room_state
        bob: no_such_event {"room_id":"AB12"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            ann: create_room {"room_id":"AB12","track":{"id":1},"current_time":"soon"}
              ann <- room_created {"room_id":"AB12","user_count":1}
              ann <- room_users {"count":1}
            bob: join_room {"room_id":"AB12"}
              bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":{"id":1},"is_playing":true,"current_time":0}
              ann, bob <- room_users {"count":2}
              bob <- sync_state {"current_track":{"id":1},"is_playing":true,"current_time":0}
            10s pass
            ann: sync_progress {"room_id":"AB12"}
            ann: sync_progress {"room_id":"AB12","current_time":"12"}
            ann: sync_progress {"room_id":"AB12","current_time":null}
            ann: sync_progress {"room_id":"AB12","current_time":-3}
            ann: sync_progress {"room_id":"AB12","current_time":1e999}
            ann: seek {"room_id":"AB12"}
            ann: seek {"room_id":"AB12","current_time":[1]}
            ann: track_change {"room_id":"AB12","track":"no object"}
            ann: track_change {"room_id":"AB12"}
            ann: play {"room_id":"AB12","current_time":"now"}
              bob <- play {"current_time":10}
            bob: get_room_state {"room_id":"AB12"}
              bob <- room_state {"room_id":"AB12","user_count":2,"current_track":{"id":1},"is_playing":true,"current_time":10}
            bob: get_room_state {"room_id":"ZZ99"}
            bob: get_room_state
            bob: no_such_event {"room_id":"AB12"}
        "#]],
    );
}

#[test]
fn a_member_off_in_two_reports_running_gets_a_seek_of_its_own_but_not_too_often() {
    check(
        r#"
        ann connects
        bob connects
        ann: create_room {"room_id":"AB12","track":{"id":1}}
        bob: join_room {"room_id":"AB12"}
        5s pass
        ann: sync_progress {"room_id":"AB12","current_time":5}
        bob: sync_progress {"room_id":"AB12","current_time":1}
        5s pass
        bob: sync_progress {"room_id":"AB12","current_time":6}
        5s pass
        bob: sync_progress {"room_id":"AB12","current_time":6}
        2s pass
        bob: sync_progress {"room_id":"AB12","current_time":6}
        4s pass
        bob: sync_progress {"room_id":"AB12","current_time":6}
        5s pass
        bob: sync_progress {"room_id":"AB12","current_time":23.5}
        5s pass
        bob: sync_progress {"room_id":"AB12","current_time":1}
        5s pass
        bob: sync_progress {"room_id":"AB12","current_time":36.5}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            ann: create_room {"room_id":"AB12","track":{"id":1}}
              ann <- room_created {"room_id":"AB12","user_count":1}
              ann <- room_users {"count":1}
            bob: join_room {"room_id":"AB12"}
              bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":{"id":1},"is_playing":true,"current_time":0}
              ann, bob <- room_users {"count":2}
              bob <- sync_state {"current_track":{"id":1},"is_playing":true,"current_time":0}
            5s pass
            ann: sync_progress {"room_id":"AB12","current_time":5}
              bob <- sync_progress {"current_time":5}
            bob: sync_progress {"room_id":"AB12","current_time":1}
            5s pass
            bob: sync_progress {"room_id":"AB12","current_time":6}
              bob <- seek {"current_time":10}
            5s pass
            bob: sync_progress {"room_id":"AB12","current_time":6}
            2s pass
            bob: sync_progress {"room_id":"AB12","current_time":6}
            4s pass
            bob: sync_progress {"room_id":"AB12","current_time":6}
              bob <- seek {"current_time":21}
            5s pass
            bob: sync_progress {"room_id":"AB12","current_time":23.5}
            5s pass
            bob: sync_progress {"room_id":"AB12","current_time":1}
            5s pass
            bob: sync_progress {"room_id":"AB12","current_time":36.5}
        "#]],
    );
}

#[test]
fn a_jump_of_the_host_starts_the_measure_anew_and_zero_turns_it_off() {
    let script = r#"
        ann connects
        bob connects
        ann: create_room {"room_id":"AB12","track":{"id":1}}
        bob: join_room {"room_id":"AB12"}
        bob: sync_progress {"room_id":"AB12","current_time":50}
        ann: seek {"room_id":"AB12","current_time":90}
        bob: sync_progress {"room_id":"AB12","current_time":50}
        bob: sync_progress {"room_id":"AB12","current_time":50}
        "#;
    check(
        script,
        &expect![[r#"
        ann connects
          ann <- connected {"message":"连接成功"}
        bob connects
          bob <- connected {"message":"连接成功"}
        ann: create_room {"room_id":"AB12","track":{"id":1}}
          ann <- room_created {"room_id":"AB12","user_count":1}
          ann <- room_users {"count":1}
        bob: join_room {"room_id":"AB12"}
          bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":{"id":1},"is_playing":true,"current_time":0}
          ann, bob <- room_users {"count":2}
          bob <- sync_state {"current_track":{"id":1},"is_playing":true,"current_time":0}
        bob: sync_progress {"room_id":"AB12","current_time":50}
        ann: seek {"room_id":"AB12","current_time":90}
          bob <- seek {"current_time":90}
        bob: sync_progress {"room_id":"AB12","current_time":50}
        bob: sync_progress {"room_id":"AB12","current_time":50}
          bob <- seek {"current_time":90}
    "#]],
    );
    let config = Config { drift_correction_secs: 0.0, ..Config::default() };
    check_with(
        &config,
        script,
        &expect![[r#"
        ann connects
          ann <- connected {"message":"连接成功"}
        bob connects
          bob <- connected {"message":"连接成功"}
        ann: create_room {"room_id":"AB12","track":{"id":1}}
          ann <- room_created {"room_id":"AB12","user_count":1}
          ann <- room_users {"count":1}
        bob: join_room {"room_id":"AB12"}
          bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":{"id":1},"is_playing":true,"current_time":0}
          ann, bob <- room_users {"count":2}
          bob <- sync_state {"current_track":{"id":1},"is_playing":true,"current_time":0}
        bob: sync_progress {"room_id":"AB12","current_time":50}
        ann: seek {"room_id":"AB12","current_time":90}
          bob <- seek {"current_time":90}
        bob: sync_progress {"room_id":"AB12","current_time":50}
        bob: sync_progress {"room_id":"AB12","current_time":50}
    "#]],
    );
}

#[test]
fn the_sweep_comes_round_at_its_interval() {
    let config = Config { room_cleanup_interval: Duration::from_secs(7), ..Config::default() };
    let mut stage = Stage::new(hub(&config));
    assert_eq!(stage.hub.next_timeout(), Some(START + Duration::from_secs(7)));
    stage.play("7s pass");
    assert_eq!(stage.hub.next_timeout(), Some(START + Duration::from_secs(14)));
}

#[test]
fn another_track_plays_also_if_the_room_was_paused() {
    check(
        r#"
        ann connects
        bob connects
        ann: create-room {"roomId":"AB12","track":{"id":1}}
        bob: join-room {"roomId":"AB12"}
        ann: pause {"roomId":"AB12","currentTime":30}
        ann: track-change {"roomId":"AB12","track":{"id":2}}
        5s pass
        bob: sync-progress {"roomId":"AB12","currentTime":5}
        5s pass
        bob: sync-progress {"roomId":"AB12","currentTime":10}
        cyd connects
        cyd: join-room {"roomId":"AB12"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            ann: create-room {"roomId":"AB12","track":{"id":1}}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
            bob: join-room {"roomId":"AB12"}
              bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":{"id":1},"isPlaying":true,"currentTime":0}
              ann, bob <- room-users {"count":2}
              bob <- sync-state {"currentTrack":{"id":1},"isPlaying":true,"currentTime":0}
            ann: pause {"roomId":"AB12","currentTime":30}
              bob <- pause {"currentTime":30}
            ann: track-change {"roomId":"AB12","track":{"id":2}}
              bob <- track-change {"track":{"id":2},"currentTime":0}
            5s pass
            bob: sync-progress {"roomId":"AB12","currentTime":5}
            5s pass
            bob: sync-progress {"roomId":"AB12","currentTime":10}
            cyd connects
              cyd <- connected {"message":"连接成功"}
            cyd: join-room {"roomId":"AB12"}
              cyd <- room-joined {"roomId":"AB12","userCount":3,"currentTrack":{"id":2},"isPlaying":true,"currentTime":10}
              ann, bob, cyd <- room-users {"count":3}
              cyd <- sync-state {"currentTrack":{"id":2},"isPlaying":true,"currentTime":10}
        "#]],
    );
}

#[test]
fn what_is_too_large_is_no_track_and_no_playlist() {
    check_with(
        &Config { max_track_bytes: 9, max_playlist_bytes: 5, ..Config::default() },
        r#"
        ann connects
        bob connects
        ann: create-room {"roomId":"AB12","track":{"id":100}}
        bob: join-room {"roomId":"AB12"}
        ann: track-change {"roomId":"AB12","track":{"id":100}}
        ann: track-change {"roomId":"AB12","track":{"id":10}}
        ann: playlist-update {"roomId":"AB12","playlist":[1,23]}
        ann: playlist-update {"roomId":"AB12","playlist":[1,2]}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            ann: create-room {"roomId":"AB12","track":{"id":100}}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
            bob: join-room {"roomId":"AB12"}
              bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":null,"isPlaying":true,"currentTime":0}
              ann, bob <- room-users {"count":2}
            ann: track-change {"roomId":"AB12","track":{"id":100}}
            ann: track-change {"roomId":"AB12","track":{"id":10}}
              bob <- track-change {"track":{"id":10},"currentTime":0}
            ann: playlist-update {"roomId":"AB12","playlist":[1,23]}
            ann: playlist-update {"roomId":"AB12","playlist":[1,2]}
              bob <- playlist-update {"roomId":"AB12","playlist":[1,2]}
        "#]],
    );
}
