//! What is refused, and that everything is answered.

use expect_test::expect;

use super::{check_with, hub};
use crate::effect::Effect;
use crate::music::Config;
use crate::rooms::Hub as _;
use crate::rooms::test_stage::{START, Stage, member};

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
        ann: create_room ["AB12"]
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
            ann: create_room ["AB12"]
              ann <- error {"message":"房间ID不能为空","code":"room_id_required"}
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
fn every_event_is_acknowledged_whatever_it_is() {
    let mut stage = Stage::new(hub(&Config::default()));
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
fn of_a_key_that_is_repeated_the_last_counts() {
    check_with(
        &Config::default(),
        r#"
        ann connects
        ann: create-room {"roomId":"one","roomId":"two","track":{"id":1,"id":2}}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            ann: create-room {"roomId":"one","roomId":"two","track":{"id":1,"id":2}}
              ann <- room-created {"roomId":"two","userCount":1}
              ann <- room-users {"count":1}
        "#]],
    );
}
