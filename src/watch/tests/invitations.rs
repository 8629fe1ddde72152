//! Invitations: into one room without the key, and nowhere else.

use expect_test::expect;

use super::{ROOM, stage};
use crate::rooms::test_stage::Stage;
use crate::watch::Config;
use crate::watch::hub::Hub;

/// What stands for a token in scripts and transcripts.
const INVITATION: &str = "INVITATION";

/// A room with a password, and an invitation to it.
fn invited(wish: &str) -> (Stage<Hub>, String) {
    let mut stage = stage(&Config::default());
    let transcript = stage.play(&format!(
        r#"
        ann connects with key
        ann: room:create {{"name":"Films","password":"pw","isPublic":true,"userName":"Ann"}}
        ann asks: party:invite {wish}
        "#
    ));
    let token = transcript.split(r#""token":""#).nth(1).unwrap().split('"').next().unwrap();
    (stage, token.to_owned())
}

fn play(stage: &mut Stage<Hub>, token: &str, script: &str) -> String {
    let transcript = stage.play(&script.replace("ROOM", ROOM).replace(INVITATION, token));
    transcript.replace(token, INVITATION).replace(ROOM, "ROOM")
}

#[test]
fn an_invitation_lets_somebody_into_its_room_alone() {
    let (mut stage, token) = invited(r#"{"expiresIn":3600,"skipsPassword":true}"#);
    let transcript = play(
        &mut stage,
        &token,
        r#"
        eve connects with key
        eve: room:create {"name":"Other","isPublic":true,"userName":"Eve"}
        bob connects with INVITATION
        bob: introduce {"person":"the secret of bob"}
        bob asks: room:list
        bob asks: room:create {"name":"Mine","isPublic":true,"userName":"Bob"}
        bob asks: room:join {"roomId":"ZZZZZZ","userName":"Bob"}
        bob asks: screen:helper-register {"roomId":"ZZZZZZ","ownerToken":"x"}
        bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
        bob asks: party:invite {"expiresIn":60}
        "#,
    );
    expect![[r#"
        eve connects with key
        eve: room:create {"name":"Other","isPublic":true,"userName":"Eve"}
        bob connects with INVITATION
        bob: introduce {"person":"the secret of bob"}
        bob asks: room:list
          answer []
        bob asks: room:create {"name":"Mine","isPublic":true,"userName":"Bob"}
          answer {"success":false,"error":"创建房间失败"}
        bob asks: room:join {"roomId":"ZZZZZZ","userName":"Bob"}
          answer {"success":false,"error":"房间不存在"}
        bob asks: screen:helper-register {"roomId":"ZZZZZZ","ownerToken":"x"}
          answer {"success":false,"error":"房间不存在"}
        bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
          answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","password":"***","isPublic":true,"roomType":"sync","ownerId":"ann","ownerName":"Ann","memberCount":2,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},"members":[{"id":"ann","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000},{"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}]}
          ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
          bob <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"guest","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
          bob <- party:you {"id":"bob","role":"guest","rights":["control","chat","voice"],"isMuted":false,"ticket":"grI-NH349KF1L6fbicTi9Vo0RjZKRw.gwYnwaA-8pdRUNnMOM9Mq-bWbBzsNU1cEfy6oioxhlI"}
          bob <- party:room {"roomId":"ROOM","name":"Films","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["control","chat","voice"],"guest":["control","chat","voice"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":true,"waitLimit":5.0,"recording":null,"replay":null}
          bob <- party:playhead {"state":null,"position":null,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
        bob asks: party:invite {"expiresIn":60}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
    "#]].assert_eq(&transcript);
    let other = stage.hub.rooms.values().find(|room| room.name() == "Other").unwrap().id();
    let refused = stage.play(&format!(r#"bob asks: room:join {{"roomId":"{other}","userName":"Bob"}}"#));
    assert!(refused.contains(r#"answer {"success":false,"error":"房间不存在"}"#), "{refused}");
}

#[test]
fn an_invitation_that_spares_no_password_asks_for_it() {
    let (mut stage, token) = invited(r#"{"expiresIn":3600,"skipsPassword":false}"#);
    let transcript = play(
        &mut stage,
        &token,
        r#"
        bob connects with INVITATION
        bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
        bob: room:join {"roomId":"ROOM","userName":"Bob","password":"pw"}
        "#,
    );
    expect![[r#"
        bob connects with INVITATION
        bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
          answer {"success":false,"error":"密码错误"}
        bob: room:join {"roomId":"ROOM","userName":"Bob","password":"pw"}
          ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
    "#]]
    .assert_eq(&transcript);
}

#[test]
fn who_has_the_key_may_bring_the_invitation_when_it_joins() {
    let (mut stage, token) = invited(r#"{"expiresIn":3600,"skipsPassword":true}"#);
    let transcript = play(
        &mut stage,
        &token,
        r#"
        bob connects with key
        bob asks: room:join {"roomId":"ROOM","userName":"Bob","invitation":"invitation.forged"}
        bob: introduce
        bob: room:join {"roomId":"ROOM","userName":"Bob","invitation":"INVITATION"}
        "#,
    );
    expect![[r#"
        bob connects with key
        bob asks: room:join {"roomId":"ROOM","userName":"Bob","invitation":"invitation.forged"}
          answer {"success":false,"error":"密码错误"}
        bob: introduce
        bob: room:join {"roomId":"ROOM","userName":"Bob","invitation":"INVITATION"}
          ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
          bob <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"guest","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
          bob <- party:you {"id":"bob","role":"guest","rights":["control","chat","voice"],"isMuted":false,"ticket":"Z_GstlZ6z2G3MZLvo05t6Vo0RjZKRw.iYR24CoGCRS9hYF7sjfmigNLgpHfyxZi1_kGdJgyWww"}
          bob <- party:room {"roomId":"ROOM","name":"Films","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["control","chat","voice"],"guest":["control","chat","voice"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":true,"waitLimit":5.0,"recording":null,"replay":null}
          bob <- party:playhead {"state":null,"position":null,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
    "#]].assert_eq(&transcript);
}

#[test]
fn an_invitation_that_has_expired_or_was_revoked_opens_nothing_and_whoever_is_in_stays() {
    let (mut stage, token) = invited(r#"{"expiresIn":60,"skipsPassword":true}"#);
    let transcript = play(
        &mut stage,
        &token,
        r#"
        bob connects with INVITATION
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        cyd connects with INVITATION
        ann asks: party:invitations
        60s pass
        dan connects with INVITATION
        cyd asks: room:join {"roomId":"ROOM","userName":"Cyd"}
        bob: chat:message {"content":"still here","type":"text"}
        eve connects with invitation.forged
        "#,
    );
    expect![[r#"
        bob connects with INVITATION
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
          ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
        cyd connects with INVITATION
        ann asks: party:invitations
          answer {"success":true,"invitations":[{"id":"7202c3651aee","expiresAt":1700000060000,"skipsPassword":true,"by":"Ann"}]}
        60s pass
        dan connects with INVITATION
          dan <- party:notice {"code":"no_such_invitation"}
          dan <- error "Unauthorized"
          dan let go: Done
        cyd asks: room:join {"roomId":"ROOM","userName":"Cyd"}
          answer {"success":false,"error":"The invitation does not hold","code":"no_such_invitation"}
        bob: chat:message {"content":"still here","type":"text"}
          ann, bob <- chat:message {"id":"1700000060000-uaxi4ma","userId":"bob","userName":"Bob","content":"still here","type":"text","timestamp":1700000060000}
        eve connects with invitation.forged
          eve <- error "Unauthorized"
          eve let go: Done
    "#]].assert_eq(&transcript);
    let (mut stage, token) = invited(r#"{"expiresIn":3600}"#);
    let list = stage.play("ann asks: party:invitations");
    let id = list.split(r#""id":""#).nth(1).unwrap().split('"').next().unwrap().to_owned();
    stage.play(&format!(r#"ann asks: party:revoke {{"id":"{id}"}}"#));
    let refused = play(&mut stage, &token, "bob connects with INVITATION");
    assert!(refused.contains("no_such_invitation") && refused.contains("bob let go"), "{refused}");
}
