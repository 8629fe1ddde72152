//! What is recorded of a watch room, and what is replayed in it.

use expect_test::expect;

use super::{ROOM, TOKEN, hub};
use crate::party::{PartyHub, PersonId};
use crate::recordings::{Owner, RecordingId, Replayed};
use crate::rooms::Hub as _;
use crate::rooms::test_stage::{START, Stage, member};
use crate::watch::Config;
use crate::watch::command::Command;
use crate::watch::hub::Hub;

const KEY: &str = "an owner's key of 32 characters.";

/// Ann's page owns a room that is recorded, Bob has a client that knows of no pages.
fn recorded(config: Config, with_chat: bool) -> Stage<Hub> {
    let config = Config { recordings_dir: "somewhere".into(), ..config };
    let mut stage = Stage::new(hub(&config));
    stage.play(
        r#"
        ann connects with key
        ann: introduce {"name":"Ann"}
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        bob connects with key
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

/// A film night, of members old and new.
const NIGHT: &str = r#"
    1s pass
    bob: room:join {"roomId":"ROOM","userName":"Bob"}
    ann: play:change {"url":"a/film.mp4","currentTime":0,"isPlaying":true}
    1s pass
    ann: play:update {"url":"a/film.mp4","currentTime":1.1,"isPlaying":true}
    bob: chat:message {"content":"a word","type":"text"}
    ann: party:react {"emoji":"🎉"}
    1s pass
    bob: play:pause
    bob: play:seek 60
    ann: party:speed {"speed":1.5}
    ann: play:play
    ann: live:change {"channelUrl":"a/channel"}
    ann: state:clear
    bob goes
    ann goes
"#;

#[test]
fn all_that_plays_is_recorded_and_what_is_said_if_the_owner_says_so() {
    let night = NIGHT.replace("ROOM", ROOM);
    expect![[r#"
        {"n":2,"at":1,"kind":"joined","by":{"id":"bob","name":"Bob"}}
        {"n":3,"at":1,"kind":"screen","state":{"url":"a/film.mp4","currentTime":0,"isPlaying":true}}
        {"n":4,"at":1,"kind":"play","by":{"id":"ann","name":"Ann"},"position":0}
        {"n":5,"at":2,"kind":"chat","by":{"id":"bob","name":"Bob"},"content":"a word","type":"text","position":1.1}
        {"n":6,"at":2,"kind":"reaction","by":{"id":"ann","name":"Ann"},"emoji":"🎉","position":1.1}
        {"n":7,"at":3,"kind":"pause","by":{"id":"bob","name":"Bob"},"position":2.1}
        {"n":8,"at":3,"kind":"seek","by":{"id":"bob","name":"Bob"},"position":60}
        {"n":9,"at":3,"kind":"speed","by":{"id":"ann","name":"Ann"},"position":60,"speed":1.5}
        {"n":10,"at":3,"kind":"play","by":{"id":"ann","name":"Ann"},"position":60}
        {"n":11,"at":3,"kind":"screen","state":{"channelUrl":"a/channel"}}
        {"n":12,"at":3,"kind":"screen","state":null}
        {"n":13,"at":3,"kind":"left","by":{"id":"bob","name":"Bob"}}
        {"n":14,"at":3,"kind":"left","by":{"id":"ann","name":"Ann"}}
        {"n":15,"at":3,"kind":"end"}
    "#]].assert_eq(&lines(&recorded(Config::default(), true).play(&night)));
    let without = lines(&recorded(Config::default(), false).play(&night));
    assert!(!without.contains("a word") && !without.contains("🎉") && without.contains("end"), "{without}");
}

#[test]
fn a_room_that_is_disbanded_or_left_alone_for_too_long_is_recorded_to_its_end() {
    for end in ["ann: room:leave", "6m pass"] {
        let mut stage = recorded(Config::default(), false);
        stage.play(&format!(r#"bob: room:join {{"roomId":"{ROOM}","userName":"Bob"}}"#));
        let told = lines(&stage.play(end));
        assert!(told.ends_with("\"kind\":\"end\"}\n"), "{end}: {told}");
        assert!(lines(&stage.play("ann goes")).is_empty());
    }
}

#[test]
fn the_owner_alone_records_and_replays_and_all_pages_see_it() {
    let mut stage = recorded(Config::default(), false);
    stage.play(&format!(
        r#"
        bob: introduce {{}}
        bob: room:join {{"roomId":"{ROOM}","userName":"Bob"}}
        "#
    ));
    let told = stage.play(&format!(
        r#"
        bob asks: recording:stop {{}}
        bob asks: replay:start {{"id":"abcdefghijklmnop","ownerKey":"{KEY}"}}
        ann asks: recording:start {{"ownerKey":"{KEY}"}}
        ann asks: recording:stop {{}}
        ann asks: recording:stop {{}}
        ann asks: replay:start {{"id":"../../etc/passwd","ownerKey":"{KEY}"}}
        ann asks: replay:start {{"id":"abcdefghijklmnop","ownerKey":"{KEY}"}}
        ann asks: replay:stop {{}}
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
          recorded {"n":3,"at":0,"kind":"end"}
          answer {"success":true}
          ann, bob <- party:room {"roomId":"ROOM","name":"Films","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["control","chat","voice"],"guest":["control","chat","voice"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":5.0,"recording":null,"replay":null}
        ann asks: recording:stop {}
          answer {"success":false,"error":"Recording not found","code":"no_such_recording"}
        ann asks: replay:start {"id":"../../etc/passwd","ownerKey":"KEY"}
          answer {"success":false,"error":"Recording not found","code":"no_such_recording"}
        ann asks: replay:start {"id":"abcdefghijklmnop","ownerKey":"KEY"}
          answer {"success":true}
          ann, bob <- party:room {"roomId":"ROOM","name":"Films","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["control","chat","voice"],"guest":["control","chat","voice"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":5.0,"recording":null,"replay":{"id":"abcdefghijklmnop"}}
        ann asks: replay:stop {}
          answer {"success":true}
          ann, bob <- party:room {"roomId":"ROOM","name":"Films","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["control","chat","voice"],"guest":["control","chat","voice"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":true,"hasPassword":false,"waitLimit":5.0,"recording":null,"replay":null}
    "#]].assert_eq(&told.replace(KEY, "KEY").replace(ROOM, "ROOM").replace(TOKEN, "TOKEN"));
}

#[test]
fn a_ticket_opens_what_the_room_of_its_member_replays_and_nothing_else() {
    let mut stage = recorded(Config::default(), false);
    let replayed =
        Replayed { id: RecordingId::read("abcdefghijklmnop").unwrap(), owner: Owner::of(KEY).unwrap() };
    let [ann, bob] =
        ["ann", "bob"].map(|name| stage.hub.terms.tickets.sign(PersonId::of_connection(member(name)), ROOM));
    assert_eq!(stage.hub.replayed(&ann, START), None);
    stage.play(&format!(r#"ann: replay:start {{"id":"abcdefghijklmnop","ownerKey":"{KEY}"}}"#));
    assert_eq!(stage.hub.replayed(&ann, START), Some(replayed));
    assert_eq!(stage.hub.replayed(&bob, START), None, "he is in no room");
    stage.play(&format!(r#"bob: room:join {{"roomId":"{ROOM}","userName":"Bob"}}"#));
    assert_eq!(stage.hub.replayed(&bob, START), Some(replayed));
    stage.play("bob goes");
    assert_eq!((stage.hub.replayed(&bob, START), stage.hub.holder_of(&bob)), (None, None), "he has gone");
    let (_, effects) = stage.hub.command(Command::DeleteRecording(replayed), START);
    assert_eq!(effects.iter().count(), 2, "it is deleted, and pages are told");
    assert_eq!(stage.hub.replayed(&ann, START), None);
}

#[test]
fn a_recording_that_reaches_a_limit_is_shown_to_run_no_longer_and_pages_are_told_why() {
    let mut stage = recorded(Config::default(), true);
    let told = stage.play(&format!(
        r#"
        bob: introduce {{}}
        bob: room:join {{"roomId":"{ROOM}","userName":"Bob"}}
        "#
    ));
    let (_, rest) = told.split_once(r#""recording":{"id":""#).unwrap();
    let id = rest.split('"').next().unwrap();
    let told = stage.play(&format!(
        r#"
        from outside {{"StopRecording":["abcdefghijklmnop","no_space"]}}
        from outside {{"StopRecording":["{id}","too_long"]}}
        from outside {{"StopRecording":["{id}","no_space"]}}
        ann: chat:message {{"content":"a word","type":"text"}}
        cyd connects with key
        cyd: introduce {{}}
        cyd: room:join {{"roomId":"{ROOM}","userName":"Cyd"}}
        ann asks: recording:start {{"ownerKey":"{KEY}"}}
        "#
    ));
    let told: String = told.lines().map(what_is_recorded).collect();
    expect![[r#"
        from outside {"StopRecording":["abcdefghijklmnop","no_space"]}
        from outside {"StopRecording":["ID","too_long"]}
          recorded {"n":3,"at":0,"kind":"end"}
          ann, bob <- recording: false, stopped: "too_long"
        from outside {"StopRecording":["ID","no_space"]}
        ann: chat:message {"content":"a word","type":"text"}
        cyd connects with key
        cyd: introduce {}
        cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
          cyd <- recording: false, stopped: "too_long"
        ann asks: recording:start {"ownerKey":"KEY"}
          ann, bob, cyd <- recording: true, stopped: null
          recorded {"n":0,"at":0,"kind":"joined","by":{"id":"ann","name":"Ann"}}
          recorded {"n":1,"at":0,"kind":"joined","by":{"id":"bob","name":"Bob"}}
          recorded {"n":2,"at":0,"kind":"joined","by":{"id":"cyd","name":"Cyd"}}
          recorded {"n":3,"at":0,"kind":"screen","state":null}
    "#]]
    .assert_eq(&told.replace(id, "ID").replace(KEY, "KEY").replace(ROOM, "ROOM"));
}

/// A line of a transcript; of a room, what it says of its recording.
fn what_is_recorded(line: &str) -> String {
    let Some((to, room)) = line.split_once(" party:room ") else {
        return if line.contains("<-") || line.contains("answer") {
            String::new()
        } else {
            format!("{line}\n")
        };
    };
    let room: serde_json::Value = serde_json::from_str(room).unwrap();
    let is_running = room["recording"].is_object();
    format!("{to} recording: {is_running}, stopped: {}\n", room["recordingStopped"])
}
