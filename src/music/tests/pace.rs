//! Where in a track everybody is, and what time brings.

use std::time::Duration;

use expect_test::expect;

use super::{check, check_with};
use crate::music::Config;
use crate::music::hub::Hub;
use crate::switchboard::Hub as _;
use crate::switchboard::stage::{START, Stage};

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
    let mut stage = Stage::new(Hub::new(&config, START));
    assert_eq!(stage.hub.next_timeout(), Some(START + Duration::from_secs(7)));
    stage.play("7s pass");
    assert_eq!(stage.hub.next_timeout(), Some(START + Duration::from_secs(14)));
}
