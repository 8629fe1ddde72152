//! Who is the host, who follows, and who comes back.

use expect_test::expect;

use super::{check, hub};
use crate::music::Config;
use crate::music::protocol::RoomId;
use crate::rooms::test_stage::Stage;

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
        cyd says goodbye
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
            cyd says goodbye
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
fn a_restarted_room_plays_on_for_whoever_comes_first_and_its_host_takes_it_over_again() {
    let config = Config::default();
    let mut before = Stage::new(hub(&config));
    before.play(
        r#"
        ann connects from 10.0.0.1
        bob connects
        ann: create_room {"room_id":"AB12","track":{"name":"Song"},"current_time":10}
        bob: join_room {"room_id":"AB12"}
        "#,
    );
    let transcript = before.restart(hub(&config)).play(
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
    let mut before = Stage::new(hub(&config));
    before.play(
        r#"
        ann connects
        ann: create_room {"room_id":"AB12"}
        "#,
    );
    let mut after = before.restart(hub(&config));
    let room = RoomId::new("AB12").unwrap();
    assert!(after.hub.room(&room).is_some() && after.hub.report(&room, after.now).is_none());
    after.play("119s pass");
    assert!(after.hub.room(&room).is_some());
    after.play("61s pass");
    assert!(after.hub.room(&room).is_none());
}
