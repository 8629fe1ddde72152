//! Votes in a watch room: there is no queue, so there is nothing to skip.

use expect_test::expect;

use super::{ROOM, stage};
use crate::watch::Config;

#[test]
fn members_vote_somebody_out() {
    let mut stage = stage(&Config::default());
    let transcript = stage.play(
        &r#"
        ann connects with key
        ann: room:create {"name":"Films","userName":"Ann"}
        bob connects with key
        bob: introduce {"person":"the secret of bob"}
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        cyd connects with key
        cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
        dan connects with key
        dan: room:join {"roomId":"ROOM","userName":"Dan"}
        eve connects with key
        eve: room:join {"roomId":"ROOM","userName":"Eve"}
        bob asks: party:vote {"subject":"skip"}
        bob asks: party:vote {"subject":"kick","targetUserId":"ann"}
        bob asks: party:vote {"subject":"kick","targetUserId":"dan"}
        cyd asks: party:vote {"subject":"kick","targetUserId":"dan"}
        eve goes
        60s pass
        "#
        .replace("ROOM", ROOM),
    );
    let after = transcript.split_once("bob asks: party:vote").unwrap().1.replace(ROOM, "ROOM");
    expect![[r#"
         {"subject":"skip"}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
        bob asks: party:vote {"subject":"kick","targetUserId":"ann"}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        bob asks: party:vote {"subject":"kick","targetUserId":"dan"}
          bob <- party:vote {"subject":"kick","target":"dan","by":{"id":"bob","name":"Bob"},"yes":1,"needed":3,"endsAt":1700000060000,"isOpen":true,"outcome":null}
          answer {"success":true}
        cyd asks: party:vote {"subject":"kick","targetUserId":"dan"}
          bob <- party:vote {"subject":"kick","target":"dan","by":{"id":"bob","name":"Bob"},"yes":2,"needed":3,"endsAt":1700000060000,"isOpen":true,"outcome":null}
          answer {"success":true}
        eve goes
          ann, bob, cyd, dan <- room:member-left "eve"
          bob <- party:members {"count":4,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"cyd","name":"Cyd","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"dan","name":"Dan","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
          bob <- party:vote {"subject":"kick","target":"dan","by":{"id":"bob","name":"Bob"},"yes":2,"needed":2,"endsAt":1700000060000,"isOpen":false,"outcome":"passed"}
          dan <- room:deleted {"reason":"kicked"}
          ann, bob, cyd <- room:member-left "dan"
          bob <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"cyd","name":"Cyd","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        60s pass
    "#]].assert_eq(&after);
}

#[test]
fn a_vote_that_nobody_joins_fails_at_its_time() {
    let mut stage = stage(&Config::default());
    stage.play(
        &r#"
        ann connects with key
        ann: room:create {"name":"Films","userName":"Ann"}
        bob connects with key
        bob: introduce
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        cyd connects with key
        cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
        dan connects with key
        dan: room:join {"roomId":"ROOM","userName":"Dan"}
        "#
        .replace("ROOM", ROOM),
    );
    let transcript = stage.play(
        r#"
        bob: party:vote {"subject":"kick","targetUserId":"dan"}
        60s pass
        bob asks: party:unvote
        "#,
    );
    expect![[r#"
        bob: party:vote {"subject":"kick","targetUserId":"dan"}
          bob <- party:vote {"subject":"kick","target":"dan","by":{"id":"bob","name":"Bob"},"yes":1,"needed":2,"endsAt":1700000060000,"isOpen":true,"outcome":null}
        60s pass
          bob <- party:vote {"subject":"kick","target":"dan","by":{"id":"bob","name":"Bob"},"yes":1,"needed":2,"endsAt":1700000060000,"isOpen":false,"outcome":"failed"}
        bob asks: party:unvote
          answer {"success":false,"error":"No vote is open","code":"no_such_vote"}
    "#]].assert_eq(&transcript);
}
