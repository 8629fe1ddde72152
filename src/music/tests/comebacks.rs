//! Connections that break, and who comes back to which room.

use expect_test::expect;

use super::{check, check_with, hub};
use crate::music::Config;
use crate::music::protocol::RoomId;
use crate::rooms::snapshot_store::take_over;
use crate::rooms::test_stage::{START, Stage};

#[test]
fn a_guest_that_is_back_first_finds_the_room_and_its_host_is_host_again() {
    check(
        r#"
        ann connects from 192.0.2.1
        bob connects from 192.0.2.2
        ann: create-room {"roomId":"AB12","track":{"id":1},"currentTime":10}
        ann: playlist-update {"roomId":"AB12","playlist":[1,2]}
        bob: join-room {"roomId":"AB12"}
        ann goes
        bob goes
        5s pass
        bob2 connects from 192.0.2.2
        bob2: join-room {"roomId":"AB12"}
        ann2 connects from 192.0.2.1
        ann2: create-room {"roomId":"AB12","track":{"id":1},"currentTime":15}
        bob2: pause {"roomId":"AB12"}
        ann2: pause {"roomId":"AB12"}
        "#,
        &expect![[r#"
            ann connects from 192.0.2.1
              ann <- connected {"message":"连接成功"}
            bob connects from 192.0.2.2
              bob <- connected {"message":"连接成功"}
            ann: create-room {"roomId":"AB12","track":{"id":1},"currentTime":10}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
            ann: playlist-update {"roomId":"AB12","playlist":[1,2]}
            bob: join-room {"roomId":"AB12"}
              bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":{"id":1},"isPlaying":true,"currentTime":10,"playlist":[1,2]}
              ann, bob <- room-users {"count":2}
              bob <- sync-state {"currentTrack":{"id":1},"isPlaying":true,"currentTime":10}
            ann goes
              bob <- become-host {"roomId":"AB12"}
            bob goes
            5s pass
            bob2 connects from 192.0.2.2
              bob2 <- connected {"message":"连接成功"}
            bob2: join-room {"roomId":"AB12"}
              bob2 <- room-joined {"roomId":"AB12","userCount":1,"currentTrack":{"id":1},"isPlaying":true,"currentTime":15,"playlist":[1,2]}
              bob2 <- become-host {"roomId":"AB12"}
              bob2 <- room-users {"count":1}
              bob2 <- sync-state {"currentTrack":{"id":1},"isPlaying":true,"currentTime":15}
            ann2 connects from 192.0.2.1
              ann2 <- connected {"message":"连接成功"}
            ann2: create-room {"roomId":"AB12","track":{"id":1},"currentTime":15}
              ann2 <- room-created {"roomId":"AB12","userCount":2}
              bob2, ann2 <- room-users {"count":2}
            bob2: pause {"roomId":"AB12"}
            ann2: pause {"roomId":"AB12"}
              bob2 <- pause {"currentTime":15}
        "#]],
    );
}

#[test]
fn a_host_whose_connection_breaks_last_is_host_again_too() {
    check(
        r#"
        ann connects from 192.0.2.1
        bob connects from 192.0.2.2
        ann: create-room {"roomId":"AB12","track":{"id":1}}
        bob: join-room {"roomId":"AB12"}
        bob goes
        ann goes
        bob2 connects from 192.0.2.2
        bob2: join-room {"roomId":"AB12"}
        ann2 connects from 192.0.2.1
        ann2: create-room {"roomId":"AB12","track":{"id":1}}
        "#,
        &expect![[r#"
            ann connects from 192.0.2.1
              ann <- connected {"message":"连接成功"}
            bob connects from 192.0.2.2
              bob <- connected {"message":"连接成功"}
            ann: create-room {"roomId":"AB12","track":{"id":1}}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
            bob: join-room {"roomId":"AB12"}
              bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":{"id":1},"isPlaying":true,"currentTime":0}
              ann, bob <- room-users {"count":2}
              bob <- sync-state {"currentTrack":{"id":1},"isPlaying":true,"currentTime":0}
            bob goes
              ann <- room-users {"count":1}
            ann goes
            bob2 connects from 192.0.2.2
              bob2 <- connected {"message":"连接成功"}
            bob2: join-room {"roomId":"AB12"}
              bob2 <- room-joined {"roomId":"AB12","userCount":1,"currentTrack":{"id":1},"isPlaying":true,"currentTime":0}
              bob2 <- become-host {"roomId":"AB12"}
              bob2 <- room-users {"count":1}
              bob2 <- sync-state {"currentTrack":{"id":1},"isPlaying":true,"currentTime":0}
            ann2 connects from 192.0.2.1
              ann2 <- connected {"message":"连接成功"}
            ann2: create-room {"roomId":"AB12","track":{"id":1}}
              ann2 <- room-created {"roomId":"AB12","userCount":2}
              bob2, ann2 <- room-users {"count":2}
        "#]],
    );
}

#[test]
fn a_room_that_everybody_was_cut_off_from_waits_half_a_minute_for_them() {
    check(
        r#"
        ann connects
        ann: create_room {"room_id":"AB12","track":{"id":1}}
        ann: pause {"room_id":"AB12","current_time":7}
        ann goes
        29s pass
        bob connects
        bob: join_room {"room_id":"AB12"}
        bob goes
        30s pass
        cyd connects
        cyd: join_room {"room_id":"AB12"}
        cyd: create_room {"room_id":"AB12"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            ann: create_room {"room_id":"AB12","track":{"id":1}}
              ann <- room_created {"room_id":"AB12","user_count":1}
              ann <- room_users {"count":1}
            ann: pause {"room_id":"AB12","current_time":7}
            ann goes
            29s pass
            bob connects
              bob <- connected {"message":"连接成功"}
            bob: join_room {"room_id":"AB12"}
              bob <- room_joined {"room_id":"AB12","user_count":1,"current_track":{"id":1},"is_playing":false,"current_time":7}
              bob <- become_host {"room_id":"AB12"}
              bob <- room_users {"count":1}
              bob <- sync_state {"current_track":{"id":1},"is_playing":false,"current_time":7}
            bob goes
            30s pass
            cyd connects
              cyd <- connected {"message":"连接成功"}
            cyd: join_room {"room_id":"AB12"}
              cyd <- error {"message":"房间不存在","code":"room_not_found"}
            cyd: create_room {"room_id":"AB12"}
              cyd <- room_created {"room_id":"AB12","user_count":1}
              cyd <- room_users {"count":1}
        "#]],
    );
}

#[test]
fn the_last_one_that_says_goodbye_takes_the_room_with_it() {
    check(
        r#"
        ann connects
        bob connects
        cyd connects
        ann: create_room {"room_id":"AB12"}
        ann says goodbye
        bob: join_room {"room_id":"AB12"}
        bob: create_room {"room_id":"AB12"}
        cyd: join_room {"room_id":"AB12"}
        bob goes
        cyd: leave_room {"room_id":"AB12"}
        cyd: join_room {"room_id":"AB12"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            cyd connects
              cyd <- connected {"message":"连接成功"}
            ann: create_room {"room_id":"AB12"}
              ann <- room_created {"room_id":"AB12","user_count":1}
              ann <- room_users {"count":1}
            ann says goodbye
            bob: join_room {"room_id":"AB12"}
              bob <- error {"message":"房间不存在","code":"room_not_found"}
            bob: create_room {"room_id":"AB12"}
              bob <- room_created {"room_id":"AB12","user_count":1}
              bob <- room_users {"count":1}
            cyd: join_room {"room_id":"AB12"}
              cyd <- room_joined {"room_id":"AB12","user_count":2,"current_track":null,"is_playing":true,"current_time":0}
              bob, cyd <- room_users {"count":2}
            bob goes
              cyd <- become_host {"room_id":"AB12"}
            cyd: leave_room {"room_id":"AB12"}
              cyd <- room_left {"room_id":"AB12"}
            cyd: join_room {"room_id":"AB12"}
              cyd <- error {"message":"房间不存在","code":"room_not_found"}
        "#]],
    );
}

#[test]
fn a_host_that_said_goodbye_is_not_expected_whatever_its_address() {
    for goodbye in [r#"ann: leave-room {"roomId":"AB12"}"#, "ann says goodbye"] {
        let script = r#"
        ann connects from 192.0.2.1
        bob connects
        ann: create-room {"roomId":"AB12"}
        bob: join-room {"roomId":"AB12"}
        GOODBYE
        eve connects from 192.0.2.1
        eve: create-room {"roomId":"AB12"}
        "#;
        let transcript = super::play(&Config::default(), &script.replace("GOODBYE", goodbye));
        let refused = "eve <- error {\"message\":\"房间已存在\",\"code\":\"room_exists\"}\n";
        assert!(transcript.ends_with(refused), "{transcript}");
    }
}

#[test]
fn a_guest_at_the_address_of_its_host_does_not_pass_for_it() {
    check(
        r#"
        ann connects from 192.0.2.1
        bob connects from 192.0.2.1
        cyd connects
        ann: create-room {"roomId":"AB12"}
        cyd: join-room {"roomId":"AB12"}
        bob: join-room {"roomId":"AB12"}
        1s pass
        ann goes
        bob: join-room {"roomId":"AB12"}
        bob: create-room {"roomId":"AB12"}
        ann2 connects from 192.0.2.1
        ann2: create-room {"roomId":"AB12"}
        dan connects from 192.0.2.1
        dan: create-room {"roomId":"AB12"}
        "#,
        &expect![[r#"
            ann connects from 192.0.2.1
              ann <- connected {"message":"连接成功"}
            bob connects from 192.0.2.1
              bob <- connected {"message":"连接成功"}
            cyd connects
              cyd <- connected {"message":"连接成功"}
            ann: create-room {"roomId":"AB12"}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
            cyd: join-room {"roomId":"AB12"}
              cyd <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":null,"isPlaying":true,"currentTime":0}
              ann, cyd <- room-users {"count":2}
            bob: join-room {"roomId":"AB12"}
              bob <- room-joined {"roomId":"AB12","userCount":3,"currentTrack":null,"isPlaying":true,"currentTime":0}
              ann, cyd, bob <- room-users {"count":3}
            1s pass
            ann goes
              cyd <- become-host {"roomId":"AB12"}
              bob <- room-users {"count":2}
            bob: join-room {"roomId":"AB12"}
              bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":null,"isPlaying":true,"currentTime":1}
              cyd, bob <- room-users {"count":2}
            bob: create-room {"roomId":"AB12"}
              bob <- error {"message":"房间已存在","code":"room_exists"}
            ann2 connects from 192.0.2.1
              ann2 <- connected {"message":"连接成功"}
            ann2: create-room {"roomId":"AB12"}
              ann2 <- room-created {"roomId":"AB12","userCount":3}
              cyd, bob, ann2 <- room-users {"count":3}
            dan connects from 192.0.2.1
              dan <- connected {"message":"连接成功"}
            dan: create-room {"roomId":"AB12"}
              dan <- error {"message":"房间已存在","code":"room_exists"}
        "#]],
    );
}

#[test]
fn a_host_that_took_over_gives_way_to_the_one_before_it() {
    check(
        r#"
        ann connects from 192.0.2.1
        bob connects from 192.0.2.2
        cyd connects
        ann: create-room {"roomId":"AB12"}
        bob: join-room {"roomId":"AB12"}
        cyd: join-room {"roomId":"AB12"}
        ann goes
        1s pass
        bob goes
        bob2 connects from 192.0.2.2
        bob2: create-room {"roomId":"AB12"}
        ann2 connects from 192.0.2.1
        ann2: create-room {"roomId":"AB12"}
        bob3 connects from 192.0.2.2
        bob3: create-room {"roomId":"AB12"}
        "#,
        &expect![[r#"
            ann connects from 192.0.2.1
              ann <- connected {"message":"连接成功"}
            bob connects from 192.0.2.2
              bob <- connected {"message":"连接成功"}
            cyd connects
              cyd <- connected {"message":"连接成功"}
            ann: create-room {"roomId":"AB12"}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
            bob: join-room {"roomId":"AB12"}
              bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":null,"isPlaying":true,"currentTime":0}
              ann, bob <- room-users {"count":2}
            cyd: join-room {"roomId":"AB12"}
              cyd <- room-joined {"roomId":"AB12","userCount":3,"currentTrack":null,"isPlaying":true,"currentTime":0}
              ann, bob, cyd <- room-users {"count":3}
            ann goes
              bob <- become-host {"roomId":"AB12"}
              cyd <- room-users {"count":2}
            1s pass
            bob goes
              cyd <- become-host {"roomId":"AB12"}
            bob2 connects from 192.0.2.2
              bob2 <- connected {"message":"连接成功"}
            bob2: create-room {"roomId":"AB12"}
              bob2 <- room-created {"roomId":"AB12","userCount":2}
              cyd, bob2 <- room-users {"count":2}
            ann2 connects from 192.0.2.1
              ann2 <- connected {"message":"连接成功"}
            ann2: create-room {"roomId":"AB12"}
              ann2 <- room-created {"roomId":"AB12","userCount":3}
              cyd, bob2, ann2 <- room-users {"count":3}
            bob3 connects from 192.0.2.2
              bob3 <- connected {"message":"连接成功"}
            bob3: create-room {"roomId":"AB12"}
              bob3 <- error {"message":"房间已存在","code":"room_exists"}
        "#]],
    );
}

#[test]
fn one_address_makes_so_many_rooms_and_others_still_make_theirs() {
    check_with(
        &Config { max_rooms_per_address: 1, ..Config::default() },
        r#"
        ann connects from 192.0.2.1
        eve connects from 192.0.2.1
        bob connects from 192.0.2.2
        us connects from 127.0.0.1
        us2 connects from 127.0.0.1
        ann: create_room {"room_id":"one"}
        eve: create_room {"room_id":"two"}
        bob: create_room {"room_id":"three"}
        us: create_room {"room_id":"four"}
        us2: create_room {"room_id":"five"}
        ann: leave_room {"room_id":"one"}
        eve: create_room {"room_id":"two"}
        "#,
        &expect![[r#"
            ann connects from 192.0.2.1
              ann <- connected {"message":"连接成功"}
            eve connects from 192.0.2.1
              eve <- connected {"message":"连接成功"}
            bob connects from 192.0.2.2
              bob <- connected {"message":"连接成功"}
            us connects from 127.0.0.1
              us <- connected {"message":"连接成功"}
            us2 connects from 127.0.0.1
              us2 <- connected {"message":"连接成功"}
            ann: create_room {"room_id":"one"}
              ann <- room_created {"room_id":"one","user_count":1}
              ann <- room_users {"count":1}
            eve: create_room {"room_id":"two"}
              eve <- error {"message":"房间数量已达上限","code":"too_many_rooms"}
            bob: create_room {"room_id":"three"}
              bob <- room_created {"room_id":"three","user_count":1}
              bob <- room_users {"count":1}
            us: create_room {"room_id":"four"}
              us <- room_created {"room_id":"four","user_count":1}
              us <- room_users {"count":1}
            us2: create_room {"room_id":"five"}
              us2 <- room_created {"room_id":"five","user_count":1}
              us2 <- room_users {"count":1}
            ann: leave_room {"room_id":"one"}
              ann <- room_left {"room_id":"one"}
            eve: create_room {"room_id":"two"}
              eve <- room_created {"room_id":"two","user_count":1}
              eve <- room_users {"count":1}
        "#]],
    );
}

#[test]
fn a_room_of_an_earlier_version_is_taken_over_with_its_list() {
    let mut stage = Stage::new(hub(&Config::default()));
    let kept = r#"{"id":"AB12","created_at":1700000000000000,"seats":[{"id":"ann","dialect":"Kebab",
        "address":"10.0.0.1","is_page":true,"name":"Ann","joined_at":1700000000000000,"was_off":false,
        "corrected_at":null}],"host":"ann","former_hosts":[],"track":{"id":1},"playlist":[{"id":2}],
        "playhead":{"is_playing":true,"position":0,"at":1700000000000000},"vacant_since":null,
        "vacated_by":"Lost","made_from":null}"#;
    let id = RoomId::new("AB12").unwrap();
    take_over(&mut stage.hub, &id, serde_json::from_str(kept).unwrap(), START);
    let told = stage.play(
        r#"
        3s pass
        bob connects
        bob: join-room {"roomId":"AB12"}
        bob asks: queue:next {}
        "#,
    );
    expect![[r#"
        3s pass
        bob connects
          bob <- connected {"message":"连接成功"}
        bob: join-room {"roomId":"AB12"}
          bob <- room-joined {"roomId":"AB12","userCount":1,"currentTrack":{"id":1},"isPlaying":true,"currentTime":3,"playlist":[{"id":2}]}
          bob <- become-host {"roomId":"AB12"}
          bob <- room-users {"count":1}
          bob <- sync-state {"currentTrack":{"id":1},"isPlaying":true,"currentTime":3}
        bob asks: queue:next {}
          bob <- track-change {"track":{"id":2},"currentTime":0}
          bob <- playlist-update {"roomId":"AB12","playlist":[]}
          answer {"success":true}
    "#]].assert_eq(&told);
}
