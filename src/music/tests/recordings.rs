//! What is recorded of a listening room, and what is replayed in it.

use expect_test::expect;

use super::hub;
use crate::music::Config;
use crate::party::PartyHub;
use crate::recordings::{Owner, RecordingId, Replayed};
use crate::rooms::Hub as _;
use crate::rooms::test_stage::{START, Stage};

const KEY: &str = "an owner's key of 32 characters.";

/// A room that is recorded; nothing of it is of interest.
fn recorded(with_chat: bool) -> Stage<crate::music::hub::Hub> {
    let config = Config { recordings_dir: "somewhere".into(), ..Config::default() };
    let mut stage = Stage::new(hub(&config));
    stage.play(
        r#"
        ann connects
        bob connects
        ann: introduce {"name":"Ann"}
        bob: introduce {"name":"Bob"}
        ann: create-room {"roomId":"AB12","track":{"id":0,"name":"Zero"}}
        "#,
    );
    let told =
        stage.play(&format!(r#"ann asks: recording:start {{"ownerKey":"{KEY}","withChat":{with_chat}}}"#));
    assert!(told.contains(r#"answer {"success":true}"#), "{told}");
    stage
}

/// The lines of a transcript that say what is recorded.
fn lines(transcript: &str) -> String {
    let lines = transcript.lines().map(str::trim).filter_map(|line| line.strip_prefix("recorded "));
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn all_that_plays_is_recorded_and_what_is_said_if_the_host_says_so() {
    let script = r#"
        1s pass
        bob: join-room {"roomId":"AB12"}
        ann: party:set {"rights":{"cohost":[],"member":["control","chat"],"guest":[]}}
        bob: pause {"roomId":"AB12"}
        bob: party:chat {"content":"a word","type":"text"}
        ann: party:react {"emoji":"🎉"}
        2s pass
        ann: play {"roomId":"AB12","currentTime":1}
        bob: seek {"roomId":"AB12","currentTime":60}
        ann: track-change {"roomId":"AB12","track":{"id":1}}
        1s pass
        ann: sync-progress {"roomId":"AB12","currentTime":1.2}
        bob goes
        ann says goodbye
    "#;
    expect![[r#"
        {"n":3,"at":1,"kind":"joined","by":{"id":"bob","name":"Bob"}}
        {"n":4,"at":1,"kind":"pause","by":{"id":"bob","name":"Bob"},"position":1}
        {"n":5,"at":1,"kind":"chat","by":{"id":"bob","name":"Bob"},"content":"a word","type":"text","position":1}
        {"n":6,"at":1,"kind":"reaction","by":{"id":"ann","name":"Ann"},"emoji":"🎉","position":1}
        {"n":7,"at":3,"kind":"play","by":{"id":"ann","name":"Ann"},"position":1}
        {"n":8,"at":3,"kind":"seek","by":{"id":"bob","name":"Bob"},"position":60}
        {"n":9,"at":3,"kind":"screen","state":{"id":1}}
        {"n":10,"at":3,"kind":"play","by":{"id":"ann","name":"Ann"},"position":0}
        {"n":11,"at":4,"kind":"left","by":{"id":"bob","name":"Bob"}}
        {"n":12,"at":4,"kind":"left","by":{"id":"ann","name":"Ann"}}
        {"n":13,"at":4,"kind":"end"}
    "#]].assert_eq(&lines(&recorded(true).play(script)));
    let without = lines(&recorded(false).play(script));
    assert!(!without.contains("a word") && !without.contains("🎉") && without.contains("end"), "{without}");
}

#[test]
fn the_host_alone_records_and_replays_and_all_pages_see_it() {
    let mut stage = recorded(false);
    stage.play(r#"bob: join-room {"roomId":"AB12"}"#);
    let told = stage.play(&format!(
        r#"
        bob asks: recording:stop {{}}
        bob asks: replay:start {{"id":"abcdefghijklmnop","ownerKey":"{KEY}"}}
        ann asks: recording:start {{"ownerKey":"{KEY}"}}
        ann asks: recording:stop {{}}
        ann asks: recording:stop {{}}
        ann asks: replay:start {{"id":"../../etc/passwd","ownerKey":"{KEY}"}}
        ann asks: replay:start {{"id":"abcdefghijklmnop","ownerKey":"short"}}
        ann asks: replay:start {{"id":"abcdefghijklmnop","ownerKey":"{KEY}"}}
        "#
    ));
    expect![[r#"
        bob asks: recording:stop {}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        bob asks: replay:start {"id":"abcdefghijklmnop","ownerKey":"KEY"}
          answer {"success":false,"error":"No right to it","code":"forbidden"}
        ann asks: recording:start {"ownerKey":"KEY"}
          answer {"success":false,"error":"Too many","code":"too_many"}
        ann asks: recording:stop {}
          recorded {"n":4,"at":0,"kind":"end"}
          answer {"success":true}
          ann, bob <- party:room {"roomId":"AB12","name":"AB12","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":["chat"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":0.0,"recording":null,"replay":null}
        ann asks: recording:stop {}
          answer {"success":false,"error":"Recording not found","code":"no_such_recording"}
        ann asks: replay:start {"id":"../../etc/passwd","ownerKey":"KEY"}
          answer {"success":false,"error":"Recording not found","code":"no_such_recording"}
        ann asks: replay:start {"id":"abcdefghijklmnop","ownerKey":"short"}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
        ann asks: replay:start {"id":"abcdefghijklmnop","ownerKey":"KEY"}
          answer {"success":true}
          ann, bob <- party:room {"roomId":"AB12","name":"AB12","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["chat"],"guest":["chat"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":0.0,"recording":null,"replay":{"id":"abcdefghijklmnop"}}
    "#]].assert_eq(&told.replace(KEY, "KEY"));
}

#[test]
fn a_ticket_opens_what_the_room_of_its_member_replays_and_nothing_else() {
    let mut stage = recorded(false);
    stage.play("cyd connects");
    let replayed =
        Replayed { id: RecordingId::read("abcdefghijklmnop").unwrap(), owner: Owner::of(KEY).unwrap() };
    let ticket = |stage: &Stage<crate::music::hub::Hub>, name| stage.hub.ticket_of(name, "AB12");
    let (ann, bob) = (ticket(&stage, "ann"), ticket(&stage, "bob"));
    assert_eq!(stage.hub.replayed(&ann, START), None);
    stage.play(&format!(r#"ann: replay:start {{"id":"abcdefghijklmnop","ownerKey":"{KEY}"}}"#));
    assert_eq!(stage.hub.replayed(&ann, START), Some(replayed));
    assert_eq!(stage.hub.replayed(&bob, START), None, "he is in no room");
    stage.play(r#"bob: join-room {"roomId":"AB12"}"#);
    assert_eq!(stage.hub.replayed(&bob, START), Some(replayed));
    stage.play("bob goes");
    assert_eq!((stage.hub.replayed(&bob, START), stage.hub.holder_of(&bob)), (None, None), "he has gone");
    assert_eq!(stage.hub.replayed(&format!("{ann}x"), START), None);
    let (_, effects) = stage
        .hub
        .command(serde_json::from_value(serde_json::json!({ "DeleteRecording": replayed })).unwrap(), START);
    assert_eq!(effects.iter().count(), 2, "it is deleted, and pages are told");
    assert_eq!(stage.hub.replayed(&ann, START), None);
}

#[test]
fn a_restart_ends_what_was_recorded() {
    let config = Config { recordings_dir: "somewhere".into(), ..Config::default() };
    let mut stage = recorded(true).restart(hub(&config));
    let told = stage.play(
        r#"
        ann2 connects
        ann2: introduce {"name":"Ann"}
        ann2: join-room {"roomId":"AB12"}
        "#,
    );
    assert!(told.contains(r#""recording":null"#) && lines(&told).is_empty(), "{told}");
}

#[test]
fn a_recording_that_reaches_a_limit_is_shown_to_run_no_longer_and_pages_are_told_why() {
    let mut stage = recorded(false);
    let told = stage.play(r#"bob: join-room {"roomId":"AB12"}"#);
    let (_, rest) = told.split_once(r#""recording":{"id":""#).unwrap();
    let id = rest.split('"').next().unwrap();
    let told = stage.play(&format!(
        r#"
        from outside {{"StopRecording":["{id}","no_space"]}}
        from outside {{"StopRecording":["{id}","too_long"]}}
        ann: pause {{"roomId":"AB12"}}
        "#
    ));
    let stopped = r#""recording":null,"recordingStopped":"no_space""#;
    assert_eq!((told.matches(stopped).count(), told.matches("party:room").count()), (1, 1), "{told}");
    assert!(told.contains("ann, bob <- party:room"), "{told}");
    assert_eq!(lines(&told), "{\"n\":4,\"at\":0,\"kind\":\"end\"}\n");
    let again = stage.play(&format!(r#"ann asks: recording:start {{"ownerKey":"{KEY}"}}"#));
    assert!(again.contains(r#""recording":{"#) && !again.contains("recordingStopped"), "{again}");
}

#[test]
fn a_room_that_an_operator_closes_ends_what_was_recorded_of_it() {
    let mut stage = recorded(false);
    expect![[r#"
        {"n":3,"at":0,"kind":"end"}
    "#]]
    .assert_eq(&lines(&stage.play(r#"from outside {"CloseRoom":"AB12"}"#)));
}
