//! Rooms that stay: empty, over restarts, for their owner.

use std::time::Duration;

use expect_test::expect;

use super::{check_with, hub};
use crate::music::Config;
use crate::music::protocol::RoomId;
use crate::rooms::test_stage::Stage;

const ROOM: &str = r#"
    ann connects
    bob connects
    ann: introduce {"name":"Ann","person":"the person of ann"}
    ann: create-room {"roomId":"AB12","name":"Friday","password":"secret","track":{"id":0}}
    bob: join-room {"roomId":"AB12","password":"secret","person":"the person of bob"}
    ann: queue:add {"track":{"id":1}}
    ann: party:chat {"content":"hello","type":"text"}
    ann asks: party:set {"isPermanent":true,"preset":"controlled"}
"#;

#[test]
fn a_public_room_that_stays_is_listed_while_it_is_empty() {
    let mut stage = Stage::new(hub(&Config::default()));
    stage.play(ROOM);
    stage.play("cyd connects\ncyd: create-room {\"roomId\":\"CD34\"}\ncyd says goodbye\nann says goodbye\nbob says goodbye");
    let listed = serde_json::to_value(stage.hub.reports(stage.now)).unwrap();
    let ids: Vec<_> =
        listed.as_array().unwrap().iter().map(|room| (&room["id"], &room["userCount"])).collect();
    expect![[r#"[(String("AB12"), Number(0))]"#]].assert_eq(&format!("{ids:?}"));
}

#[test]
fn a_room_that_stays_waits_for_its_owner_and_whoever_comes_first_stands_in_for_it() {
    let mut stage = Stage::new(hub(&Config::default()));
    stage.play(ROOM);
    let told = stage.play(
        r#"
        bob says goodbye
        ann says goodbye
        10days pass
        eve connects
        eve: create-room {"roomId":"AB12","password":"other"}
        eve: join-room {"roomId":"AB12","password":"secret"}
        eve: play {"roomId":"AB12"}
        eve asks: party:set {"isPermanent":false}
        eve asks: party:grant {"targetUserId":"eve","role":"owner"}
        ann2 connects
        ann2: introduce {"name":"Ann","person":"the person of ann"}
        ann2: join-room {"roomId":"AB12"}
        eve: pause {"roomId":"AB12"}
        ann2: pause {"roomId":"AB12"}
        ann2 asks: chat:history
        "#,
    );
    let ticket = stage.hub.ticket_of("ann2", "AB12");
    expect![[r#"
        bob says goodbye
          ann <- room-users {"count":1}
          ann <- room-members {"roomId":"AB12","hostId":"ann","count":1,"members":[{"id":"ann","name":"Ann"}]}
          ann <- party:members {"count":1,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
        ann says goodbye
        10days pass
        eve connects
          eve <- connected {"message":"连接成功"}
        eve: create-room {"roomId":"AB12","password":"other"}
          eve <- error {"message":"房间已存在","code":"room_exists"}
        eve: join-room {"roomId":"AB12","password":"secret"}
          eve <- room-joined {"roomId":"AB12","userCount":1,"currentTrack":{"id":0},"isPlaying":false,"currentTime":0,"playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          eve <- become-host {"roomId":"AB12"}
          eve <- room-users {"count":1}
          eve <- sync-state {"currentTrack":{"id":0},"isPlaying":false,"currentTime":0}
        eve: play {"roomId":"AB12"}
        eve asks: party:set {"isPermanent":false}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        eve asks: party:grant {"targetUserId":"eve","role":"owner"}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        ann2 connects
          ann2 <- connected {"message":"连接成功"}
        ann2: introduce {"name":"Ann","person":"the person of ann"}
        ann2: join-room {"roomId":"AB12"}
          ann2 <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":{"id":0},"isPlaying":true,"currentTime":0,"playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann2 <- become-host {"roomId":"AB12"}
          eve, ann2 <- room-users {"count":2}
          ann2 <- sync-state {"currentTrack":{"id":0},"isPlaying":true,"currentTime":0}
          ann2 <- room-playhead {"roomId":"AB12","track":{"id":0},"isPlaying":true,"currentTime":0,"at":1700864000000.0}
          ann2 <- room-playlist {"roomId":"AB12","playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann2 <- queue:mode {"repeat":"off","isShuffled":false,"byVotes":false}
          ann2 <- queue:suggestions {"suggestions":[]}
          ann2 <- party:you {"id":"ann2","role":"owner","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"TICKET"}
          ann2 <- party:room {"roomId":"AB12","name":"Friday","preset":"controlled","rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat","voice"],"guest":["chat","voice"]},"slowMode":0,"isLocked":false,"isPermanent":true,"isPublic":true,"hasPassword":true,"waitLimit":0.0,"recording":null,"replay":null}
          ann2 <- room-members {"roomId":"AB12","hostId":"ann2","count":2,"members":[{"id":"eve","name":null},{"id":"ann2","name":"Ann"}]}
          ann2 <- party:members {"count":2,"members":[{"id":"eve","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"ann2","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
        eve: pause {"roomId":"AB12"}
        ann2: pause {"roomId":"AB12"}
          eve <- pause {"currentTime":0}
          ann2 <- room-playhead {"roomId":"AB12","track":{"id":0},"isPlaying":false,"currentTime":0,"at":1700864000000.0}
        ann2 asks: chat:history
          answer [{"id":"1700000000000-c93b5e1d","userId":"ann","userName":"Ann","content":"hello","type":"text","timestamp":1700000000000,"position":0.0}]
    "#]].assert_eq(&told.replace(&ticket, "TICKET"));
}

#[test]
fn a_room_that_stays_is_there_after_a_restart() {
    let mut before = Stage::new(hub(&Config::default()));
    before.play(ROOM);
    let mut after = before.restart(hub(&Config::default()));
    let told = after.play(
        r#"
        1day pass
        ann connects
        ann: join-room {"roomId":"AB12","person":"the person of ann"}
        ann asks: chat:history
        ann: queue:next {}
        eve connects
        eve: join_room {"room_id":"AB12"}
        eve: join_room {"room_id":"AB12","password":"secret"}
        "#,
    );
    expect![[r#"
        1day pass
        ann connects
          ann <- connected {"message":"连接成功"}
        ann: join-room {"roomId":"AB12","person":"the person of ann"}
          ann <- room-joined {"roomId":"AB12","userCount":1,"currentTrack":{"id":0},"isPlaying":false,"currentTime":0,"playlist":[{"id":1,"entryId":"1","addedBy":{"id":"ann","name":"Ann"},"votes":0}]}
          ann <- become-host {"roomId":"AB12"}
          ann <- room-users {"count":1}
          ann <- sync-state {"currentTrack":{"id":0},"isPlaying":false,"currentTime":0}
        ann asks: chat:history
          answer [{"id":"1700000000000-c93b5e1d","userId":"ann","userName":"Ann","content":"hello","type":"text","timestamp":1700000000000,"position":0.0}]
        ann: queue:next {}
          ann <- track-change {"track":{"id":1},"currentTime":0}
          ann <- playlist-update {"roomId":"AB12","playlist":[]}
        eve connects
          eve <- connected {"message":"连接成功"}
        eve: join_room {"room_id":"AB12"}
          eve <- error {"message":"需要密码","code":"password_required"}
        eve: join_room {"room_id":"AB12","password":"secret"}
          eve <- room_joined {"room_id":"AB12","user_count":2,"current_track":{"id":1},"is_playing":true,"current_time":0,"playlist":[]}
          eve <- room_users {"count":2}
          ann <- room-users {"count":2}
          eve <- sync_state {"current_track":{"id":1},"is_playing":true,"current_time":0}
    "#]].assert_eq(&told);
}

#[test]
fn a_room_that_nobody_uses_goes_in_the_end() {
    let config = Config { permanent_room_expiry: Duration::from_hours(1), ..Config::default() };
    let mut stage = Stage::new(hub(&config));
    stage.play(ROOM);
    stage.play("bob goes\nann goes\n59m pass\n30s pass");
    let room = RoomId::new("AB12").unwrap();
    assert!(stage.hub.room(&room).is_some());
    assert!(stage.hub.report(&room, stage.now).is_none(), "nobody is there");
    stage.play("30s pass\n1m pass");
    assert!(stage.hub.room(&room).is_none());
}

#[test]
fn rooms_that_stay_are_few_and_of_owners_that_are_known_again() {
    let config = Config { max_permanent_rooms: 1, ..Config::default() };
    check_with(
        &config,
        r#"
        ann connects
        bob connects
        cyd connects
        ann: create-room {"roomId":"one"}
        ann asks: party:set {"isPermanent":true}
        bob: create-room {"roomId":"two","person":"the person of bob"}
        bob asks: party:set {"isPermanent":true}
        bob asks: party:set {"isPermanent":true}
        cyd: create-room {"roomId":"three","person":"the person of cyd"}
        cyd asks: party:set {"isPermanent":true}
        bob asks: party:set {"isPermanent":false}
        cyd asks: party:set {"isPermanent":true}
        bob says goodbye
        bob2 connects
        bob2: join-room {"roomId":"two"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            cyd connects
              cyd <- connected {"message":"连接成功"}
            ann: create-room {"roomId":"one"}
              ann <- room-created {"roomId":"one","userCount":1}
              ann <- room-users {"count":1}
            ann asks: party:set {"isPermanent":true}
              answer {"success":false,"error":"Invalid data","code":"invalid"}
            bob: create-room {"roomId":"two","person":"the person of bob"}
              bob <- room-created {"roomId":"two","userCount":1}
              bob <- room-users {"count":1}
            bob asks: party:set {"isPermanent":true}
              answer {"success":true}
            bob asks: party:set {"isPermanent":true}
              answer {"success":true}
            cyd: create-room {"roomId":"three","person":"the person of cyd"}
              cyd <- room-created {"roomId":"three","userCount":1}
              cyd <- room-users {"count":1}
            cyd asks: party:set {"isPermanent":true}
              answer {"success":false,"error":"Too many","code":"too_many"}
            bob asks: party:set {"isPermanent":false}
              answer {"success":true}
            cyd asks: party:set {"isPermanent":true}
              answer {"success":true}
            bob says goodbye
            bob2 connects
              bob2 <- connected {"message":"连接成功"}
            bob2: join-room {"roomId":"two"}
              bob2 <- error {"message":"房间不存在","code":"room_not_found"}
        "#]],
    );
}
