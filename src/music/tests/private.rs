//! Rooms that are not for everybody: unlisted, behind a password, by invitation, locked.

use expect_test::expect;

use super::{check, check_with, hub, play};
use crate::music::Config;
use crate::music::listing;
use crate::music::protocol::RoomId;
use crate::rooms::test_stage::{START, Stage};

#[test]
fn a_room_behind_a_password_takes_in_who_knows_it() {
    check(
        r#"
        ann connects
        bob connects
        ann: create-room {"roomId":"AB12","password":"secret","track":{"id":1}}
        bob: join_room {"room_id":"AB12"}
        bob: join_room {"room_id":"AB12","password":"wrong"}
        bob: join_room {"room_id":"AB12","password":["secret"]}
        bob: get_room_state {"room_id":"AB12"}
        bob: join_room {"room_id":"AB12","password":"secret"}
        bob: join_room {"room_id":"AB12"}
        bob: get_room_state {"room_id":"AB12"}
        ann: create-room {"roomId":"CD34","password":"012345678901234567890"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            ann: create-room {"roomId":"AB12","password":"secret","track":{"id":1}}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
            bob: join_room {"room_id":"AB12"}
              bob <- error {"message":"需要密码","code":"password_required"}
            bob: join_room {"room_id":"AB12","password":"wrong"}
              bob <- error {"message":"密码错误","code":"wrong_password"}
            bob: join_room {"room_id":"AB12","password":["secret"]}
              bob <- error {"message":"需要密码","code":"password_required"}
            bob: get_room_state {"room_id":"AB12"}
            bob: join_room {"room_id":"AB12","password":"secret"}
              bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":{"id":1},"is_playing":true,"current_time":0}
              bob <- room_users {"count":2}
              ann <- room-users {"count":2}
              bob <- sync_state {"current_track":{"id":1},"is_playing":true,"current_time":0}
            bob: join_room {"room_id":"AB12"}
              bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":{"id":1},"is_playing":true,"current_time":0}
              bob <- room_users {"count":2}
              ann <- room-users {"count":2}
              bob <- sync_state {"current_track":{"id":1},"is_playing":true,"current_time":0}
            bob: get_room_state {"room_id":"AB12"}
              bob <- room_state {"room_id":"AB12","user_count":2,"current_track":{"id":1},"is_playing":true,"current_time":0}
            ann: create-room {"roomId":"CD34","password":"012345678901234567890"}
              ann <- error {"message":"密码过长","code":"invalid_password"}
        "#]],
    );
}

#[test]
fn whoever_was_wrong_too_often_waits() {
    let config = Config { wrong_passwords: 2, ..Config::default() };
    check_with(
        &config,
        r#"
        ann connects
        bob connects from 192.0.2.1
        cyd connects from 192.0.2.2
        ann: create-room {"roomId":"AB12","password":"secret"}
        bob: join-room {"roomId":"AB12","password":"a"}
        bob: join-room {"roomId":"AB12","password":"b"}
        bob: join-room {"roomId":"AB12","password":"secret"}
        cyd: join-room {"roomId":"AB12","password":"secret"}
        10m pass
        bob: join-room {"roomId":"AB12","password":"secret"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects from 192.0.2.1
              bob <- connected {"message":"连接成功"}
            cyd connects from 192.0.2.2
              cyd <- connected {"message":"连接成功"}
            ann: create-room {"roomId":"AB12","password":"secret"}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
            bob: join-room {"roomId":"AB12","password":"a"}
              bob <- error {"message":"密码错误","code":"wrong_password"}
            bob: join-room {"roomId":"AB12","password":"b"}
              bob <- error {"message":"密码错误","code":"wrong_password"}
            bob: join-room {"roomId":"AB12","password":"secret"}
              bob <- error {"message":"密码错误","code":"wrong_password"}
            cyd: join-room {"roomId":"AB12","password":"secret"}
              cyd <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":null,"isPlaying":true,"currentTime":0}
              ann, cyd <- room-users {"count":2}
            10m pass
            bob: join-room {"roomId":"AB12","password":"secret"}
              bob <- room-joined {"roomId":"AB12","userCount":3,"currentTrack":null,"isPlaying":true,"currentTime":600}
              ann, cyd, bob <- room-users {"count":3}
        "#]],
    );
}

#[test]
fn strangers_are_told_nothing_of_a_room_that_is_not_for_them() {
    let mut stage = Stage::new(hub(&Config::default()));
    stage.play(
        r#"
        ann connects
        bob connects
        cyd connects
        ann: create_room {"room_id":"private","is_public":false,"track":{"id":1}}
        bob: create-room {"roomId":"locked","password":"secret","track":{"id":2}}
        cyd: create_room {"room_id":"open","track":{"id":3}}
        "#,
    );
    let list: serde_json::Value =
        serde_json::from_str(&listing::write(stage.hub.reports(START), 1 << 20, START)).unwrap();
    let listed: Vec<_> =
        list["rooms"].as_array().unwrap().iter().map(|room| (&room["id"], &room["currentTrack"])).collect();
    expect![[r#"2 of [(String("locked"), Null), (String("open"), Object {"id": Number(3)})]"#]]
        .assert_eq(&format!("{} of {listed:?}", list["count"]));
    let is_told = |id: &str| stage.hub.report(&RoomId::new(id).unwrap(), START).is_some();
    assert_eq!(["private", "locked", "open"].map(is_told), [false, false, true]);
    let transcript = stage.play(
        r#"
        cyd: get_room_state {"room_id":"private"}
        cyd: get_room_state {"room_id":"locked"}
        ann: get_room_state {"room_id":"private"}
        "#,
    );
    expect![[r#"
        cyd: get_room_state {"room_id":"private"}
        cyd: get_room_state {"room_id":"locked"}
        ann: get_room_state {"room_id":"private"}
          ann <- room_state {"room_id":"private","user_count":1,"current_track":{"id":1},"is_playing":true,"current_time":0}
    "#]].assert_eq(&transcript);
}

/// The token in the first answer of a transcript.
fn token_in(transcript: &str) -> &str {
    let (_, rest) = transcript.split_once(r#""token":""#).unwrap();
    rest.split_once('"').unwrap().0
}

#[test]
fn an_invitation_lets_a_guest_into_its_room_until_it_is_revoked() {
    let mut stage = Stage::new(hub(&Config::default()));
    let told = stage.play(
        r#"
        ann connects
        bob connects
        cyd connects
        ann: introduce {"name":"Ann"}
        ann: create-room {"roomId":"AB12","password":"secret"}
        ann asks: party:invite {"expiresIn":3600,"skipsPassword":true}
        "#,
    );
    let token = token_in(&told).to_owned();
    let script = r#"
        bob: introduce {"name":"Bob"}
        bob: join-room {"roomId":"AB12","invitation":"TOKEN"}
        cyd: create-room {"roomId":"CD34"}
        bob: join-room {"roomId":"CD34","invitation":"TOKEN"}
        bob: join-room {"roomId":"AB12","invitation":"made up"}
        ann asks: party:invitations
        bob asks: party:invite {"expiresIn":3600,"skipsPassword":true}
        1h pass
        cyd: join-room {"roomId":"AB12","invitation":"TOKEN"}
        ann asks: party:invitations
        "#;
    let told = stage.play(&script.replace("TOKEN", &token)).replace(&token, "TOKEN");
    expect![[r#"
        bob: introduce {"name":"Bob"}
        bob: join-room {"roomId":"AB12","invitation":"TOKEN"}
          bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":null,"isPlaying":true,"currentTime":0}
          ann, bob <- room-users {"count":2}
          bob <- room-playhead {"roomId":"AB12","track":null,"isPlaying":true,"currentTime":0,"at":1700000000000.0}
          bob <- room-playlist {"roomId":"AB12","playlist":null}
          bob <- queue:mode {"repeat":"off","isShuffled":false,"byVotes":false}
          bob <- queue:suggestions {"suggestions":[]}
          bob <- party:you {"id":"bob","role":"guest","rights":["chat"],"isMuted":false,"ticket":"Z_GstlZ6z2G3MZLvo05t6UFCMTI.yfS2ZZHHVoidrPV-cKRJWhG4n97n5DVA0PVR-wJsfjM"}
          bob <- party:room {"roomId":"AB12","name":"AB12","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":["chat"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":true,"waitLimit":0.0,"recording":null,"replay":null}
          ann, bob <- room-members {"roomId":"AB12","hostId":"ann","count":2,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":"Bob"}]}
          ann, bob <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"guest","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
        cyd: create-room {"roomId":"CD34"}
          cyd <- room-created {"roomId":"CD34","userCount":1}
          cyd <- room-users {"count":1}
        bob: join-room {"roomId":"CD34","invitation":"TOKEN"}
          bob <- error {"message":"邀请已失效","code":"no_such_invitation"}
        bob: join-room {"roomId":"AB12","invitation":"made up"}
          bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":null,"isPlaying":true,"currentTime":0}
          ann, bob <- room-users {"count":2}
          bob <- room-playhead {"roomId":"AB12","track":null,"isPlaying":true,"currentTime":0,"at":1700000000000.0}
          bob <- room-playlist {"roomId":"AB12","playlist":null}
          bob <- queue:mode {"repeat":"off","isShuffled":false,"byVotes":false}
          bob <- queue:suggestions {"suggestions":[]}
          bob <- party:you {"id":"bob","role":"guest","rights":["chat"],"isMuted":false,"ticket":"Z_GstlZ6z2G3MZLvo05t6UFCMTI.yfS2ZZHHVoidrPV-cKRJWhG4n97n5DVA0PVR-wJsfjM"}
          bob <- party:room {"roomId":"AB12","name":"AB12","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":["chat"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":true,"waitLimit":0.0,"recording":null,"replay":null}
          ann, bob <- room-members {"roomId":"AB12","hostId":"ann","count":2,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":"Bob"}]}
          ann, bob <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"guest","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
        ann asks: party:invitations
          answer {"success":true,"invitations":[{"id":"c93b5e1d1255","expiresAt":1700003600000,"skipsPassword":true,"by":"Ann"}]}
        bob asks: party:invite {"expiresIn":3600,"skipsPassword":true}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        1h pass
        cyd: join-room {"roomId":"AB12","invitation":"TOKEN"}
          cyd <- error {"message":"邀请已失效","code":"no_such_invitation"}
        ann asks: party:invitations
          answer {"success":true,"invitations":[]}
    "#]].assert_eq(&told);
}

#[test]
fn a_room_that_is_locked_takes_in_whom_it_knows() {
    check(
        r#"
        ann connects
        bob connects
        cyd connects
        ann: create-room {"roomId":"AB12","person":"the person of ann"}
        bob: join-room {"roomId":"AB12","person":"the person of bob"}
        ann asks: party:set {"isLocked":true}
        cyd: join_room {"room_id":"AB12"}
        bob goes
        bob2 connects
        bob2: join-room {"roomId":"AB12","person":"the person of bob"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            bob connects
              bob <- connected {"message":"连接成功"}
            cyd connects
              cyd <- connected {"message":"连接成功"}
            ann: create-room {"roomId":"AB12","person":"the person of ann"}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
            bob: join-room {"roomId":"AB12","person":"the person of bob"}
              bob <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":null,"isPlaying":true,"currentTime":0}
              ann, bob <- room-users {"count":2}
            ann asks: party:set {"isLocked":true}
              answer {"success":true}
            cyd: join_room {"room_id":"AB12"}
              cyd <- error {"message":"房间已锁定","code":"locked"}
            bob goes
              ann <- room-users {"count":1}
            bob2 connects
              bob2 <- connected {"message":"连接成功"}
            bob2: join-room {"roomId":"AB12","person":"the person of bob"}
              bob2 <- room-joined {"roomId":"AB12","userCount":2,"currentTrack":null,"isPlaying":true,"currentTime":0}
              ann, bob2 <- room-users {"count":2}
        "#]],
    );
}

#[test]
fn a_room_loses_its_password_when_its_owner_takes_it_away_and_is_listed_when_it_says_so() {
    let told = play(
        &Config::default(),
        r#"
        ann connects
        bob connects
        ann: introduce {"name":"Ann"}
        ann: create-room {"roomId":"AB12","password":"secret","isPublic":false,"name":"Friday"}
        bob: join_room {"room_id":"AB12","password":"secret"}
        bob asks: party:set {"password":""}
        ann asks: party:set {"password":"","isPublic":true}
        bob: leave_room {}
        bob: join_room {"room_id":"AB12"}
        ann asks: party:set {"password":"012345678901234567890"}
        "#,
    );
    expect![[r#"
        ann connects
          ann <- connected {"message":"连接成功"}
        bob connects
          bob <- connected {"message":"连接成功"}
        ann: introduce {"name":"Ann"}
        ann: create-room {"roomId":"AB12","password":"secret","isPublic":false,"name":"Friday"}
          ann <- room-created {"roomId":"AB12","userCount":1}
          ann <- room-users {"count":1}
          ann <- room-playhead {"roomId":"AB12","track":null,"isPlaying":true,"currentTime":0,"at":1700000000000.0}
          ann <- room-playlist {"roomId":"AB12","playlist":null}
          ann <- queue:mode {"repeat":"off","isShuffled":false,"byVotes":false}
          ann <- queue:suggestions {"suggestions":[]}
          ann <- party:you {"id":"ann","role":"owner","rights":["control","choose","queue","chat","voice","share","invite","kick"],"isMuted":false,"ticket":"koQGGI1xoMYNd6gXzodQhkFCMTI.RZ2Kh12uH3_bV-ueVnai96qFIz9Gtzh5ZpJpxnjYQ1Y"}
          ann <- party:room {"roomId":"AB12","name":"Friday","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":["chat"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":false,"hasPassword":true,"waitLimit":0.0,"recording":null,"replay":null}
          ann <- room-members {"roomId":"AB12","hostId":"ann","count":1,"members":[{"id":"ann","name":"Ann"}]}
          ann <- party:members {"count":1,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
        bob: join_room {"room_id":"AB12","password":"secret"}
          bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":null,"is_playing":true,"current_time":0}
          bob <- room_users {"count":2}
          ann <- room-users {"count":2}
          ann <- room-members {"roomId":"AB12","hostId":"ann","count":2,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":null}]}
          ann <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        bob asks: party:set {"password":""}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        ann asks: party:set {"password":"","isPublic":true}
          answer {"success":true}
          ann <- party:room {"roomId":"AB12","name":"Friday","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":["chat"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":true,"waitLimit":0.0,"recording":null,"replay":null}
        bob: leave_room {}
          ann <- room-users {"count":1}
          ann <- room-members {"roomId":"AB12","hostId":"ann","count":1,"members":[{"id":"ann","name":"Ann"}]}
          ann <- party:members {"count":1,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
          bob <- room_left {"room_id":"AB12"}
        bob: join_room {"room_id":"AB12"}
          bob <- room_joined {"room_id":"AB12","user_count":2,"current_track":null,"is_playing":true,"current_time":0}
          bob <- room_users {"count":2}
          ann <- room-users {"count":2}
          ann <- room-members {"roomId":"AB12","hostId":"ann","count":2,"members":[{"id":"ann","name":"Ann"},{"id":"bob","name":null}]}
          ann <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        ann asks: party:set {"password":"012345678901234567890"}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
    "#]].assert_eq(&told);
}

#[test]
fn a_room_behind_a_password_that_waits_for_its_members_is_not_taken_by_who_opens_it_anew() {
    check(
        r#"
        ann connects
        ann: create-room {"roomId":"AB12","password":"secret","person":"the person of ann"}
        ann goes
        eve connects
        eve: create-room {"roomId":"AB12"}
        eve: join-room {"roomId":"AB12"}
        ann2 connects
        ann2: create-room {"roomId":"AB12","person":"the person of ann"}
        "#,
        &expect![[r#"
            ann connects
              ann <- connected {"message":"连接成功"}
            ann: create-room {"roomId":"AB12","password":"secret","person":"the person of ann"}
              ann <- room-created {"roomId":"AB12","userCount":1}
              ann <- room-users {"count":1}
            ann goes
            eve connects
              eve <- connected {"message":"连接成功"}
            eve: create-room {"roomId":"AB12"}
              eve <- error {"message":"房间已存在","code":"room_exists"}
            eve: join-room {"roomId":"AB12"}
              eve <- error {"message":"需要密码","code":"password_required"}
            ann2 connects
              ann2 <- connected {"message":"连接成功"}
            ann2: create-room {"roomId":"AB12","person":"the person of ann"}
              ann2 <- room-created {"roomId":"AB12","userCount":1}
              ann2 <- room-users {"count":1}
        "#]],
    );
}
