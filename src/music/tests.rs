//! The rules as transcripts: what members say stands flush left, what they are told is indented.

use std::time::Duration;

use expect_test::{Expect, expect};

use super::Config;
use super::hub::Hub;
use super::names::RoomId;
use crate::effect::Effect;
use crate::switchboard::Hub as _;
use crate::switchboard::stage::{START, Stage, member};

fn check(script: &str, expected: &Expect) {
    check_with(&Config::default(), script, expected);
}

fn check_with(config: &Config, script: &str, expected: &Expect) {
    expected.assert_eq(&Stage::new(Hub::new(config, START)).play(script));
}

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
fn only_the_host_controls_and_others_are_ignored_in_silence() {
    check(
        r#"
        ann connects
        bob connects
        eve connects
        ann: create_room {"room_id":"AB12","track":{"id":1}}
        bob: join_room {"room_id":"AB12"}
        bob: track_change {"room_id":"AB12","track":{"id":2}}
        bob: play {"room_id":"AB12","current_time":3}
        bob: pause {"room_id":"AB12","current_time":3}
        bob: seek {"room_id":"AB12","current_time":3}
        bob: playlist-update {"roomId":"AB12","playlist":[]}
        eve: pause {"room_id":"AB12","current_time":3}
        ann: pause {"room_id":"ZZ99","current_time":3}
        bob: get_room_state {"room_id":"AB12"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            eve connects
              eve <- connected {"message":"连接成功"}
            ann: create_room {"room_id":"AB12","track":{"id":1}}
              ann <- room_created {"room_id":"AB12","user_count":1}
              ann <- room_users {"count":1}
            bob: join_room {"room_id":"AB12"}
              bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":{"id":1},"is_playing":true,"current_time":0}
              ann, bob <- room_users {"count":2}
              bob <- sync_state {"current_track":{"id":1},"is_playing":true,"current_time":0}
            bob: track_change {"room_id":"AB12","track":{"id":2}}
            bob: play {"room_id":"AB12","current_time":3}
            bob: pause {"room_id":"AB12","current_time":3}
            bob: seek {"room_id":"AB12","current_time":3}
            bob: playlist-update {"roomId":"AB12","playlist":[]}
            eve: pause {"room_id":"AB12","current_time":3}
            ann: pause {"room_id":"ZZ99","current_time":3}
            bob: get_room_state {"room_id":"AB12"}
              bob <- room_state {"room_id":"AB12","user_count":2,"current_track":{"id":1},"is_playing":true,"current_time":0}
        "#]],
    );
}

#[test]
fn the_longest_standing_member_becomes_host_when_the_host_leaves_and_really_has_the_controls() {
    check(
        r#"
        ann connects
        bob connects
        cyd connects
        ann: create_room {"room_id":"AB12","track":{"id":1}}
        bob: join_room {"room_id":"AB12"}
        cyd: join-room {"roomId":"AB12"}
        ann: leave_room {"room_id":"AB12"}
        bob: pause {"room_id":"AB12","current_time":4}
        cyd: play {"roomId":"AB12"}
        bob goes
        cyd: play {"roomId":"AB12"}
        cyd goes
        dan connects
        dan: join_room {"room_id":"AB12"}
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
            bob: join_room {"room_id":"AB12"}
              bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":{"id":1},"is_playing":true,"current_time":0}
              ann, bob <- room_users {"count":2}
              bob <- sync_state {"current_track":{"id":1},"is_playing":true,"current_time":0}
            cyd: join-room {"roomId":"AB12"}
              cyd <- room-joined {"roomId":"AB12","userCount":3,"currentTrack":{"id":1},"isPlaying":true,"currentTime":0}
              ann, bob <- room_users {"count":3}
              cyd <- room-users {"count":3}
              cyd <- sync-state {"currentTrack":{"id":1},"isPlaying":true,"currentTime":0}
            ann: leave_room {"room_id":"AB12"}
              bob <- become_host {"room_id":"AB12"}
              cyd <- room-users {"count":2}
              ann <- room_left {"room_id":"AB12"}
            bob: pause {"room_id":"AB12","current_time":4}
              cyd <- pause {"currentTime":4}
            cyd: play {"roomId":"AB12"}
            bob goes
              cyd <- become-host {"roomId":"AB12"}
            cyd: play {"roomId":"AB12"}
            cyd goes
            dan connects
              dan <- connected {"message":"连接成功"}
            dan: join_room {"room_id":"AB12"}
              dan <- error {"message":"房间不存在","code":"room_not_found"}
        "#]],
    );
}

#[test]
fn a_host_that_comes_back_in_time_is_host_again() {
    check(
        r#"
        ann connects from 192.0.2.1
        bob connects
        ann: create_room {"room_id":"AB12","track":{"id":1},"current_time":5}
        bob: join_room {"room_id":"AB12"}
        ann goes
        29s pass
        eve connects
        eve: create_room {"room_id":"AB12"}
        ann2 connects from 192.0.2.1
        ann2: create_room {"room_id":"AB12","track":{"id":1},"current_time":34}
        bob: pause {"room_id":"AB12"}
        ann2: pause {"room_id":"AB12"}
        "#,
        &expect![[r#"
            ann connects from 192.0.2.1
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            ann: create_room {"room_id":"AB12","track":{"id":1},"current_time":5}
              ann <- room_created {"room_id":"AB12","user_count":1}
              ann <- room_users {"count":1}
            bob: join_room {"room_id":"AB12"}
              bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":{"id":1},"is_playing":true,"current_time":5}
              ann, bob <- room_users {"count":2}
              bob <- sync_state {"current_track":{"id":1},"is_playing":true,"current_time":5}
            ann goes
              bob <- become_host {"room_id":"AB12"}
            29s pass
            eve connects
              eve <- connected {"message":"连接成功"}
            eve: create_room {"room_id":"AB12"}
              eve <- error {"message":"房间已存在","code":"room_exists"}
            ann2 connects from 192.0.2.1
              ann2 <- connected {"message":"连接成功"}
            ann2: create_room {"room_id":"AB12","track":{"id":1},"current_time":34}
              ann2 <- room_created {"room_id":"AB12","user_count":2}
              bob, ann2 <- room_users {"count":2}
            bob: pause {"room_id":"AB12"}
            ann2: pause {"room_id":"AB12"}
              bob <- pause {"current_time":34}
        "#]],
    );
}

#[test]
fn a_host_that_comes_back_with_another_track_puts_it_on() {
    check(
        r#"
        ann connects from 192.0.2.1
        bob connects
        ann: create_room {"room_id":"AB12","track":{"id":1}}
        bob: join_room {"room_id":"AB12"}
        ann goes
        ann2 connects from 192.0.2.1
        ann2: create_room {"room_id":"AB12","track":{"id":2},"current_time":8}
        "#,
        &expect![[r#"
            ann connects from 192.0.2.1
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
            ann goes
              bob <- become_host {"room_id":"AB12"}
            ann2 connects from 192.0.2.1
              ann2 <- connected {"message":"连接成功"}
            ann2: create_room {"room_id":"AB12","track":{"id":2},"current_time":8}
              ann2 <- room_created {"room_id":"AB12","user_count":2}
              bob, ann2 <- room_users {"count":2}
              bob <- track_change {"track":{"id":2},"current_time":0}
              bob <- seek {"current_time":8}
        "#]],
    );
}

#[test]
fn a_host_that_comes_back_too_late_finds_the_room_taken() {
    check(
        r#"
        ann connects from 192.0.2.1
        bob connects
        ann: create_room {"room_id":"AB12"}
        bob: join_room {"room_id":"AB12"}
        ann goes
        31s pass
        ann2 connects from 192.0.2.1
        ann2: create_room {"room_id":"AB12"}
        "#,
        &expect![[r#"
            ann connects from 192.0.2.1
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            ann: create_room {"room_id":"AB12"}
              ann <- room_created {"room_id":"AB12","user_count":1}
              ann <- room_users {"count":1}
            bob: join_room {"room_id":"AB12"}
              bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":null,"is_playing":true,"current_time":0}
              ann, bob <- room_users {"count":2}
            ann goes
              bob <- become_host {"room_id":"AB12"}
            31s pass
            ann2 connects from 192.0.2.1
              ann2 <- connected {"message":"连接成功"}
            ann2: create_room {"room_id":"AB12"}
              ann2 <- error {"message":"房间已存在","code":"room_exists"}
        "#]],
    );
}

#[test]
fn creating_or_joining_a_second_room_leaves_the_first() {
    check(
        r#"
        ann connects
        bob connects
        cyd connects
        ann: create_room {"room_id":"one"}
        bob: join_room {"room_id":"one"}
        ann: create_room {"room_id":"two"}
        bob: join_room {"room_id":"two"}
        cyd: join_room {"room_id":"one"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            cyd connects
              cyd <- connected {"message":"连接成功"}
            ann: create_room {"room_id":"one"}
              ann <- room_created {"room_id":"one","user_count":1}
              ann <- room_users {"count":1}
            bob: join_room {"room_id":"one"}
              bob <- room_joined {"room_id":"one","user_count":2,"current_track":null,"is_playing":true,"current_time":0}
              ann, bob <- room_users {"count":2}
            ann: create_room {"room_id":"two"}
              bob <- become_host {"room_id":"one"}
              ann <- room_created {"room_id":"two","user_count":1}
              ann <- room_users {"count":1}
            bob: join_room {"room_id":"two"}
              bob <- room_joined {"room_id":"two","user_count":2,"current_track":null,"is_playing":true,"current_time":0}
              ann, bob <- room_users {"count":2}
            cyd: join_room {"room_id":"one"}
              cyd <- error {"message":"房间不存在","code":"room_not_found"}
        "#]],
    );
}

#[test]
fn creating_and_joining_again_are_idempotent() {
    check(
        r#"
        ann connects
        bob connects
        ann: create_room {"room_id":"AB12","track":{"id":1}}
        ann: create_room {"room_id":"AB12","track":{"id":2}}
        bob: join_room {"room_id":"AB12"}
        bob: join_room {"room_id":"AB12"}
        bob: create_room {"room_id":"AB12"}
        bob: leave_room {"room_id":"AB12"}
        bob: leave_room {"room_id":"AB12"}
        bob: leave_room
        ann: leave_room
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            ann: create_room {"room_id":"AB12","track":{"id":1}}
              ann <- room_created {"room_id":"AB12","user_count":1}
              ann <- room_users {"count":1}
            ann: create_room {"room_id":"AB12","track":{"id":2}}
              ann <- room_created {"room_id":"AB12","user_count":1}
              ann <- room_users {"count":1}
            bob: join_room {"room_id":"AB12"}
              bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":{"id":1},"is_playing":true,"current_time":0}
              ann, bob <- room_users {"count":2}
              bob <- sync_state {"current_track":{"id":1},"is_playing":true,"current_time":0}
            bob: join_room {"room_id":"AB12"}
              bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":{"id":1},"is_playing":true,"current_time":0}
              ann, bob <- room_users {"count":2}
              bob <- sync_state {"current_track":{"id":1},"is_playing":true,"current_time":0}
            bob: create_room {"room_id":"AB12"}
              bob <- error {"message":"房间已存在","code":"room_exists"}
            bob: leave_room {"room_id":"AB12"}
              ann <- room_users {"count":1}
              bob <- room_left {"room_id":"AB12"}
            bob: leave_room {"room_id":"AB12"}
              bob <- room_left {"room_id":"AB12"}
            bob: leave_room
            ann: leave_room
              ann <- room_left {"room_id":"AB12"}
        "#]],
    );
}

#[test]
fn every_refusal_has_its_text_and_code() {
    let config = Config { max_rooms: 2, max_users_per_room: 1, ..Config::default() };
    check_with(
        &config,
        r#"
        ann connects
        bob connects
        cyd connects
        ann: create_room {}
        ann: create_room {"room_id":""}
        ann: create_room {"room_id":null}
        ann: create_room {"room_id":{"a":1}}
        ann: create_room {"room_id":"line\nbreak"}
        ann: join_room {"room_id":"nowhere"}
        ann: join_room {}
        ann: create_room {"room_id":"one"}
        bob: create_room {"room_id":"one"}
        bob: join_room {"room_id":"one"}
        bob: create-room {"roomId":"two"}
        cyd: create-room {"roomId":"three"}
        cyd: join-room {"roomId":""}
        ann goes
        cyd: join-room {"roomId":[]}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            cyd connects
              cyd <- connected {"message":"连接成功"}
            ann: create_room {}
              ann <- error {"message":"房间ID不能为空","code":"room_id_required"}
            ann: create_room {"room_id":""}
              ann <- error {"message":"房间ID不能为空","code":"room_id_required"}
            ann: create_room {"room_id":null}
              ann <- error {"message":"房间ID不能为空","code":"room_id_required"}
            ann: create_room {"room_id":{"a":1}}
              ann <- error {"message":"无效的房间ID格式","code":"invalid_room_id"}
            ann: create_room {"room_id":"line\nbreak"}
              ann <- error {"message":"无效的房间ID格式","code":"invalid_room_id"}
            ann: join_room {"room_id":"nowhere"}
              ann <- error {"message":"房间不存在","code":"room_not_found"}
            ann: join_room {}
              ann <- error {"message":"房间ID不能为空","code":"room_id_required"}
            ann: create_room {"room_id":"one"}
              ann <- room_created {"room_id":"one","user_count":1}
              ann <- room_users {"count":1}
            bob: create_room {"room_id":"one"}
              bob <- error {"message":"房间已存在","code":"room_exists"}
            bob: join_room {"room_id":"one"}
              bob <- error {"message":"房间已满","code":"room_full"}
            bob: create-room {"roomId":"two"}
              bob <- room_created {"room_id":"two","user_count":1}
              bob <- room_users {"count":1}
            cyd: create-room {"roomId":"three"}
              cyd <- error {"message":"房间数量已达上限","code":"too_many_rooms"}
            cyd: join-room {"roomId":""}
            ann goes
            cyd: join-room {"roomId":[]}
              cyd <- error {"message":"无效的房间ID格式","code":"invalid_room_id"}
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
              ann <- room-members {"roomId":"AB12","hostId":"ann","count":1,"members":[{"id":"ann","name":"Ann"}]}
            bob: join-room {"roomId":"AB12"}
              bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":{"id":1},"isPlaying":true,"currentTime":0}
              ann, bob <- room-users {"count":2}
              bob <- sync-state {"currentTrack":{"id":1},"isPlaying":true,"currentTime":0}
              ann <- room-members {"roomId":"AB12","hostId":"ann","count":2,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":null}]}
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
              ann, cyd <- room-members {"roomId":"AB12","hostId":"ann","count":3,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":null},{"id":"cyd","name":null}]}
            cyd: introduce {"name":"Cyd"}
              cyd <- room-playhead {"roomId":"AB12","track":{"id":1},"isPlaying":false,"currentTime":1,"at":1700000001000.0}
              cyd <- room-playlist {"roomId":"AB12","playlist":[{"id":2}]}
              ann, cyd <- room-members {"roomId":"AB12","hostId":"ann","count":3,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":null},{"id":"cyd","name":"Cyd"}]}
            ann goes
              bob <- become-host {"roomId":"AB12"}
              cyd <- room-users {"count":2}
              cyd <- room-members {"roomId":"AB12","hostId":"bob","count":2,"members":[{"id":"bob","name":null},{"id":"cyd","name":"Cyd"}]}
        "#]],
    );
}

#[test]
fn every_event_is_acknowledged_whatever_it_is() {
    let mut stage = Stage::new(Hub::new(&Config::default(), START));
    stage.play("ann connects");
    let events = [
        "create_room",
        "join_room",
        "leave_room",
        "track_change",
        "play",
        "pause",
        "seek",
        "sync_progress",
        "get_room_state",
        "playlist-update",
        "introduce",
        "time_ping",
        "nonsense",
        "",
    ];
    for event in events {
        let effects = stage.hub.handle(member("ann"), event, None, START);
        let n_acks = effects.into_iter().filter(|effect| matches!(effect, Effect::Ack(None))).count();
        assert_eq!(n_acks, 1, "{event}");
    }
}

#[test]
fn the_sweep_comes_round_at_its_interval() {
    let config = Config { room_cleanup_interval: Duration::from_secs(7), ..Config::default() };
    let mut stage = Stage::new(Hub::new(&config, START));
    assert_eq!(stage.hub.next_timeout(), Some(START + Duration::from_secs(7)));
    stage.play("7s pass");
    assert_eq!(stage.hub.next_timeout(), Some(START + Duration::from_secs(14)));
}

#[test]
fn a_restarted_room_plays_on_for_whoever_comes_first_and_its_host_takes_it_over_again() {
    let config = Config::default();
    let mut before = Stage::new(Hub::new(&config, START));
    before.play(
        r#"
        ann connects from 10.0.0.1
        bob connects
        ann: create_room {"room_id":"AB12","track":{"name":"Song"},"current_time":10}
        bob: join_room {"room_id":"AB12"}
        "#,
    );
    let transcript = before.restart(Hub::new(&config, START)).play(
        r#"
        5s pass
        bob2 connects
        bob2: join_room {"room_id":"AB12"}
        ann2 connects from 10.0.0.1
        ann2: create_room {"room_id":"AB12","track":{"name":"Song"},"current_time":0}
        "#,
    );
    expect![[r#"
        5s pass
        bob2 connects
          bob2 <- connected {"message":"连接成功"}
        bob2: join_room {"room_id":"AB12"}
          bob2 <- room_joined {"room_id":"AB12","user_count":1,"current_track":{"name":"Song"},"is_playing":true,"current_time":15}
          bob2 <- become_host {"room_id":"AB12"}
          bob2 <- room_users {"count":1}
          bob2 <- sync_state {"current_track":{"name":"Song"},"is_playing":true,"current_time":15}
        ann2 connects from 10.0.0.1
          ann2 <- connected {"message":"连接成功"}
        ann2: create_room {"room_id":"AB12","track":{"name":"Song"},"current_time":0}
          ann2 <- room_created {"room_id":"AB12","user_count":2}
          bob2, ann2 <- room_users {"count":2}
    "#]].assert_eq(&transcript);
}

#[test]
fn a_restarted_room_is_nobodys_until_somebody_comes_and_goes_in_the_end() {
    let config = Config::default();
    let mut before = Stage::new(Hub::new(&config, START));
    before.play(
        r#"
        ann connects
        ann: create_room {"room_id":"AB12"}
        "#,
    );
    let mut after = before.restart(Hub::new(&config, START));
    let room = RoomId::new("AB12").unwrap();
    assert!(after.hub.room(&room).is_some() && after.hub.report(&room, after.now).is_none());
    after.play("119s pass");
    assert!(after.hub.room(&room).is_some());
    after.play("61s pass");
    assert!(after.hub.room(&room).is_none());
}
