//! The room waits for who loads, and asks who is ready; nobody freezes it.

use expect_test::expect;

use super::{ROOM, stage};
use crate::rooms::test_stage::Stage;
use crate::watch::Config;
use crate::watch::hub::Hub;

/// Ann and Cyd have pages, Bob has none; a film plays.
fn watching() -> Stage<Hub> {
    let mut stage = stage(&Config::default());
    let script = r#"
        ann connects with key
        ann: introduce
        ann: room:create {"name":"Films","userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        cyd connects with key
        cyd: introduce {"person":"the secret of cyd"}
        cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
        ann: play:change {"type":"play","currentTime":0,"isPlaying":true}
        "#;
    stage.play(&script.replace("ROOM", ROOM));
    stage
}

/// Without the lists of members, which are told each time.
fn brief(transcript: &str) -> String {
    let lines = transcript.lines().filter(|line| !line.contains("party:members"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn the_room_waits_for_who_loads_until_it_has_loaded() {
    let transcript = watching().play(
        r#"
        10s pass
        cyd: party:buffering {"isBuffering":true}
        2s pass
        cyd: party:buffering {"isBuffering":false}
        1s pass
        dan connects with key
        "#,
    );
    expect![[r#"
        10s pass
        cyd: party:buffering {"isBuffering":true}
          ann, cyd <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"Cyd","role":"member","isMuted":false,"isPage":true,"isBuffering":true,"isReady":false}]}
          ann, bob <- play:pause
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":10.0,"isPlaying":false},"position":10.0,"isPlaying":false,"speed":1.0,"at":1700000010000.0}
          ann, cyd <- party:waiting {"for":[{"id":"cyd","name":"Cyd"}],"until":1700000015000}
        2s pass
        cyd: party:buffering {"isBuffering":false}
          ann, cyd <- party:members {"count":3,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"bob","name":"Bob","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false},{"id":"cyd","name":"Cyd","role":"member","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false}]}
          ann, bob, cyd <- play:play
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":10.0,"isPlaying":true},"position":10.0,"isPlaying":true,"speed":1.0,"at":1700000012000.0}
          ann, cyd <- party:waiting {"for":[]}
        1s pass
        dan connects with key
    "#]].assert_eq(&transcript);
}

#[test]
fn the_room_waits_no_longer_than_its_limit_and_not_again_within_a_minute() {
    let mut stage = watching();
    let transcript = brief(&stage.play(
        r#"
        cyd: party:buffering {"isBuffering":true}
        4s pass
        1s pass
        cyd: party:buffering {"isBuffering":false}
        cyd: party:buffering {"isBuffering":true}
        cyd: party:buffering {"isBuffering":false}
        20s pass
        ann: play:seek 40
        20s pass
        ann: play:seek 80
        21s pass
        cyd: party:buffering {"isBuffering":true}
        "#,
    ));
    expect![[r#"
        cyd: party:buffering {"isBuffering":true}
          ann, bob <- play:pause
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":false},"position":0.0,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
          ann, cyd <- party:waiting {"for":[{"id":"cyd","name":"Cyd"}],"until":1700000005000}
        4s pass
        1s pass
          ann, bob, cyd <- play:play
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":true},"position":0.0,"isPlaying":true,"speed":1.0,"at":1700000005000.0}
          ann, cyd <- party:waiting {"for":[]}
        cyd: party:buffering {"isBuffering":false}
        cyd: party:buffering {"isBuffering":true}
        cyd: party:buffering {"isBuffering":false}
        20s pass
        ann: play:seek 40
          bob, cyd <- play:seek 40.0
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":40.0,"isPlaying":true},"position":40.0,"isPlaying":true,"speed":1.0,"at":1700000025000.0}
        20s pass
        ann: play:seek 80
          bob, cyd <- play:seek 80.0
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":80.0,"isPlaying":true},"position":80.0,"isPlaying":true,"speed":1.0,"at":1700000045000.0}
        21s pass
        cyd: party:buffering {"isBuffering":true}
          ann, bob <- play:pause
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":101.0,"isPlaying":false},"position":101.0,"isPlaying":false,"speed":1.0,"at":1700000066000.0}
          ann, cyd <- party:waiting {"for":[{"id":"cyd","name":"Cyd"}],"until":1700000071000}
    "#]].assert_eq(&transcript);
}

#[test]
fn the_time_for_which_a_room_waits_for_one_person_is_counted_together() {
    let mut stage = watching();
    let transcript = brief(&stage.play(
        r#"
        cyd: party:buffering {"isBuffering":true}
        3s pass
        cyd: party:buffering {"isBuffering":false}
        10s pass
        cyd: party:buffering {"isBuffering":true}
        2s pass
        ann: party:buffering {"isBuffering":true}
        4s pass
        ann: party:buffering {"isBuffering":false}
        "#,
    ));
    expect![[r#"
        cyd: party:buffering {"isBuffering":true}
          ann, bob <- play:pause
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":false},"position":0.0,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
          ann, cyd <- party:waiting {"for":[{"id":"cyd","name":"Cyd"}],"until":1700000005000}
        3s pass
        cyd: party:buffering {"isBuffering":false}
          ann, bob, cyd <- play:play
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":true},"position":0.0,"isPlaying":true,"speed":1.0,"at":1700000003000.0}
          ann, cyd <- party:waiting {"for":[]}
        10s pass
        cyd: party:buffering {"isBuffering":true}
          ann, bob <- play:pause
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":10.0,"isPlaying":false},"position":10.0,"isPlaying":false,"speed":1.0,"at":1700000013000.0}
          ann, cyd <- party:waiting {"for":[{"id":"cyd","name":"Cyd"}],"until":1700000015000}
        2s pass
          ann, bob, cyd <- play:play
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":10.0,"isPlaying":true},"position":10.0,"isPlaying":true,"speed":1.0,"at":1700000015000.0}
          ann, cyd <- party:waiting {"for":[]}
        ann: party:buffering {"isBuffering":true}
          bob, cyd <- play:pause
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":10.0,"isPlaying":false},"position":10.0,"isPlaying":false,"speed":1.0,"at":1700000015000.0}
          ann, cyd <- party:waiting {"for":[{"id":"ann","name":"Ann"}],"until":1700000020000}
        4s pass
        ann: party:buffering {"isBuffering":false}
          ann, bob, cyd <- play:play
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":10.0,"isPlaying":true},"position":10.0,"isPlaying":true,"speed":1.0,"at":1700000019000.0}
          ann, cyd <- party:waiting {"for":[]}
    "#]].assert_eq(&transcript);
}

#[test]
fn a_leaver_is_not_waited_for_and_a_press_counts_more_than_a_wait() {
    let mut stage = watching();
    let transcript = brief(&stage.play(
        r#"
        cyd: party:buffering {"isBuffering":true}
        cyd goes
        ann: party:buffering {"isBuffering":true}
        bob: play:pause
        1s pass
        ann: play:pause
        20s pass
        bob: play:play
        ann: party:buffering {"isBuffering":false}
        ann: party:buffering {"isBuffering":true}
        bob: play:play
        "#,
    ));
    expect![[r#"
        cyd: party:buffering {"isBuffering":true}
          ann, bob <- play:pause
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":false},"position":0.0,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
          ann, cyd <- party:waiting {"for":[{"id":"cyd","name":"Cyd"}],"until":1700000005000}
        cyd goes
          ann, bob <- room:member-left "cyd"
          ann, bob <- play:play
          ann <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":true},"position":0.0,"isPlaying":true,"speed":1.0,"at":1700000000000.0}
          ann <- party:waiting {"for":[]}
        ann: party:buffering {"isBuffering":true}
          bob <- play:pause
          ann <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":false},"position":0.0,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
          ann <- party:waiting {"for":[{"id":"ann","name":"Ann"}],"until":1700000005000}
        bob: play:pause
        1s pass
        ann: play:pause
          bob <- play:pause
          ann <- party:waiting {"for":[]}
          ann <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":false},"position":0.0,"isPlaying":false,"speed":1.0,"at":1700000001000.0}
        20s pass
        bob: play:play
          ann <- play:play
          ann <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":true},"position":0.0,"isPlaying":true,"speed":1.0,"at":1700000021000.0}
        ann: party:buffering {"isBuffering":false}
        ann: party:buffering {"isBuffering":true}
          bob <- play:pause
          ann <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":false},"position":0.0,"isPlaying":false,"speed":1.0,"at":1700000021000.0}
          ann <- party:waiting {"for":[{"id":"ann","name":"Ann"}],"until":1700000025000}
        bob: play:play
          ann <- play:play
          ann <- party:waiting {"for":[]}
          ann <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":true},"position":0.0,"isPlaying":true,"speed":1.0,"at":1700000021000.0}
    "#]].assert_eq(&transcript);
}

#[test]
fn an_owner_sets_for_how_long_its_room_waits() {
    let mut stage = watching();
    let transcript = brief(&stage.play(
        r#"
        ann asks: party:set {"waitLimit":0}
        cyd: party:buffering {"isBuffering":true}
        cyd: party:buffering {"isBuffering":false}
        ann asks: party:set {"waitLimit":61}
        ann asks: party:set {"waitLimit":1.5}
        cyd: party:buffering {"isBuffering":true}
        1s pass
        500ms pass
        "#,
    ));
    expect![[r#"
        ann asks: party:set {"waitLimit":0}
          answer {"success":true}
          ann, cyd <- party:room {"roomId":"Z4F6JG","name":"Films","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["control","chat","voice"],"guest":["control","chat","voice"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":false,"hasPassword":false,"waitLimit":0.0,"recording":null,"replay":null}
        cyd: party:buffering {"isBuffering":true}
        cyd: party:buffering {"isBuffering":false}
        ann asks: party:set {"waitLimit":61}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
        ann asks: party:set {"waitLimit":1.5}
          answer {"success":true}
          ann, cyd <- party:room {"roomId":"Z4F6JG","name":"Films","preset":null,"rights":{"cohost":["control","choose","queue","chat","voice","share","invite","kick"],"member":["control","chat","voice"],"guest":["control","chat","voice"]},"slowMode":0,"isLocked":false,"isPermanent":false,"isPublic":false,"hasPassword":false,"waitLimit":1.5,"recording":null,"replay":null}
        cyd: party:buffering {"isBuffering":true}
          ann, bob <- play:pause
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":false},"position":0.0,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
          ann, cyd <- party:waiting {"for":[{"id":"cyd","name":"Cyd"}],"until":1700000001500}
        1s pass
        500ms pass
          ann, bob, cyd <- play:play
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":true},"position":0.0,"isPlaying":true,"speed":1.0,"at":1700000001500.0}
          ann, cyd <- party:waiting {"for":[]}
    "#]].assert_eq(&transcript);
}

#[test]
fn a_film_starts_when_all_pages_are_ready_or_somebody_starts_it() {
    let mut stage = watching();
    let transcript = brief(&stage.play(
        r#"
        ann: play:pause
        bob asks: party:ready-check
        ann asks: party:ready {"isReady":true}
        cyd asks: party:ready {"isReady":true}
        ann: play:pause
        ann asks: party:ready-check
        bob: play:play
        ann: play:pause
        ann asks: party:ready-check
        cyd goes
        ann asks: state:clear
        ann asks: party:ready-check
        ann asks: party:buffering {}
        "#,
    ));
    expect![[r#"
        ann: play:pause
          bob, cyd <- play:pause
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":false},"position":0.0,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
        bob asks: party:ready-check
          ann, cyd <- party:ready-check {"by":{"id":"bob","name":"Bob"},"isOpen":true}
          answer {"success":true}
        ann asks: party:ready {"isReady":true}
          answer {"success":true}
        cyd asks: party:ready {"isReady":true}
          ann, bob, cyd <- play:play
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":true},"position":0.0,"isPlaying":true,"speed":1.0,"at":1700000000000.0}
          ann, cyd <- party:ready-check {"by":{"id":"bob","name":"Bob"},"isOpen":false}
          answer {"success":true}
        ann: play:pause
          bob, cyd <- play:pause
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":false},"position":0.0,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
        ann asks: party:ready-check
          ann, cyd <- party:ready-check {"by":{"id":"ann","name":"Ann"},"isOpen":true}
          answer {"success":true}
        bob: play:play
          ann, bob, cyd <- play:play
          ann, cyd <- party:ready-check {"by":{"id":"ann","name":"Ann"},"isOpen":false}
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":true},"position":0.0,"isPlaying":true,"speed":1.0,"at":1700000000000.0}
        ann: play:pause
          ann, bob, cyd <- play:pause
          ann, cyd <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":false},"position":0.0,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
        ann asks: party:ready-check
          ann, cyd <- party:ready-check {"by":{"id":"ann","name":"Ann"},"isOpen":true}
          answer {"success":true}
        cyd goes
          ann, bob <- room:member-left "cyd"
          ann, bob <- play:play
          ann <- party:playhead {"state":{"type":"play","currentTime":0.0,"isPlaying":true},"position":0.0,"isPlaying":true,"speed":1.0,"at":1700000000000.0}
          ann <- party:ready-check {"by":{"id":"ann","name":"Ann"},"isOpen":false}
        ann asks: state:clear
          bob <- state:cleared
          ann <- party:playhead {"state":null,"position":null,"isPlaying":false,"speed":1.0,"at":1700000000000.0}
          answer {"success":true}
        ann asks: party:ready-check
          answer {"success":false,"error":"Invalid data","code":"invalid"}
        ann asks: party:buffering {}
          answer {"success":false,"error":"Invalid data","code":"invalid"}
    "#]].assert_eq(&transcript);
}

#[test]
fn a_page_that_loads_on_and_off_has_the_list_of_members_sent_a_few_times_only() {
    let mut stage = watching();
    let loads = "cyd: party:buffering {\"isBuffering\":true}\ncyd: party:buffering {\"isBuffering\":false}\n";
    let n_lists = |told: &str| told.lines().filter(|line| line.contains("<- party:members")).count();
    let told = stage.play(&format!("10s pass\n{}", loads.repeat(100)));
    assert!((10..=40).contains(&n_lists(&told)), "{}", n_lists(&told));
    let last = r#"cyd: party:buffering {"isBuffering":true}"#;
    assert_eq!(n_lists(&stage.play(last)), 0);
    let told = stage.play("500ms pass");
    assert!(n_lists(&told) == 1 && told.contains(r#""isBuffering":true"#), "how it is by then: {told}");
}
