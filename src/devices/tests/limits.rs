//! What devices may not have more of, and what they are told when the database could not be asked yet.

use expect_test::expect;

use super::Rules;
use crate::devices::Config;
use crate::rooms::test_stage::Stage;

fn limits(change: impl Fn(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

#[test]
fn a_device_that_sends_too_much_is_told_and_nothing_is_stored() {
    let limits = limits(|config| (config.events_per_second, config.event_burst) = (1, 2));
    expect![[r#"
        ann connects
          ann <-  {"type":"connection","message":"Connected successfully"}
        ann: says {"device_id":"d1","identity":"x"}
          disk <- keeps {"kind":"room_created","room":"AAAAAAAA","at":1700000000000000}
          disk <- keeps {"kind":"device_seen","device":"d1","identity":"x","room":"AAAAAAAA","at":1700000000000000}
          disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000001","device":"d1","identity":"x","room":"AAAAAAAA","address":"10.97.110.110","at":1700000000000000}
          ann <-  {"type":"room","room_id":"AAAAAAAA","status":"created_new","message":"created_new: joined room AAAAAAAA"}
        ann: says {"type":"message","content":"one"}
          disk <- keeps {"kind":"message","from":"d1","to":null,"room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"one\"}","at":1700000000000000}
        ann: says {"type":"message","content":"two"}
          disk <- keeps {"kind":"message","from":"d1","to":null,"room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"two\"}","at":1700000000000000}
        ann: says {"type":"message","content":"three","message_id":3}
          ann <-  {"type":"error","message":"Rate limit exceeded","status":"rate_limited","message_id":3}
        1s pass
        ann: says {"type":"message","content":"three","message_id":3}
          disk <- keeps {"kind":"message","from":"d1","to":null,"room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"three\",\"message_id\":3}","identity":"ee9af6a3eef40306adbdbaa819d5bee2","at":1700000001000000}
          ann <-  {"type":"ack","message_id":3,"status":"stored"}
    "#]].assert_eq(&Stage::new(Rules::with(&limits)).play(
        r#"
        ann connects
        ann: says {"device_id":"d1","identity":"x"}
        ann: says {"type":"message","content":"one"}
        ann: says {"type":"message","content":"two"}
        ann: says {"type":"message","content":"three","message_id":3}
        1s pass
        ann: says {"type":"message","content":"three","message_id":3}
        "#,
    ));
}

#[test]
fn what_a_device_has_told_of_a_room_counts_as_its_bytes() {
    let limits = limits(|config| (config.bytes_per_second, config.burst_bytes) = (1, 1500));
    let mut stage = Stage::new(Rules::with(&limits));
    stage.play("ann connects\nann: says {\"device_id\":\"d1\",\"identity\":\"x\"}");
    for n in 0..8 {
        let identity = "x".repeat(100);
        stage.play(&format!(
            "m{n} connects\nm{n}: says {{\"device_id\":\"e{n}\",\"identity\":\"{identity}\",\"room_id\":\"AAAAAAAA\"}}"
        ));
    }
    let query = r#"ann: query_room {"type":"query_room"}"#;
    assert!(stage.play(query).contains("room_info"));
    assert!(stage.play(query).contains("Rate limit exceeded"));
}

#[test]
fn a_room_that_is_full_takes_nobody_more() {
    for limits in
        [limits(|config| config.max_room_clients = 1), limits(|config| config.max_frame_bytes = 150)]
    {
        let mut stage = Stage::new(Rules::with(&limits));
        let told = stage.play(
            r#"
            ann connects
            ann: says {"device_id":"d1","identity":"x"}
            bob connects
            bob: says {"device_id":"d2","identity":"x","room_id":"AAAAAAAA"}
            "#,
        );
        let expected = concat!(
            r#"  bob <-  {"type":"error","message":"Room AAAAAAAA is full","status":"room_full"}"#,
            "\n  bob let go: Done\n"
        );
        assert!(told.ends_with(expected), "{told}");
    }
}

#[test]
fn nobody_is_denied_what_a_database_that_was_not_asked_yet_may_know() {
    let mut stage = Stage::new(Rules::new(0));
    stage.hub.notebook.is_new = true;
    expect![[r#"
        ann connects
          ann <-  {"type":"connection","message":"Connected successfully"}
        ann: says {"device_id":"d1","identity":"x"}
          disk <- keeps {"kind":"room_created","room":"AAAAAAAA","at":1700000000000000}
          disk <- keeps {"kind":"device_seen","device":"d1","identity":"x","room":"AAAAAAAA","is_provisional":true,"at":1700000000000000}
          disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000001","device":"d1","identity":"x","room":"AAAAAAAA","address":"10.97.110.110","at":1700000000000000}
          ann <-  {"type":"room","room_id":"AAAAAAAA","status":"created_new","message":"created_new: joined room AAAAAAAA"}
        bob connects
          bob <-  {"type":"connection","message":"Connected successfully"}
        bob: says {"device_id":"d2","identity":"x","room_id":"OLDROOM1"}
          disk <- keeps {"kind":"room_created","room":"OLDROOM1","at":1700000000000000}
          disk <- keeps {"kind":"device_seen","device":"d2","identity":"x","room":"OLDROOM1","at":1700000000000000}
          disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000002","device":"d2","identity":"x","room":"OLDROOM1","address":"10.98.111.98","at":1700000000000000}
          bob <-  {"type":"room","room_id":"OLDROOM1","status":"joined_existing","message":"joined_existing: joined room OLDROOM1"}
        cat connects
          cat <-  {"type":"connection","message":"Connected successfully"}
        cat: says {"device_id":"d3","identity":"x","room_id":"no room's name"}
          cat <-  {"type":"error","message":"Room no room's name does not exist","status":"room_not_found"}
          cat let go: Done
    "#]].assert_eq(&stage.play(
        r#"
        ann connects
        ann: says {"device_id":"d1","identity":"x"}
        bob connects
        bob: says {"device_id":"d2","identity":"x","room_id":"OLDROOM1"}
        cat connects
        cat: says {"device_id":"d3","identity":"x","room_id":"no room's name"}
        "#,
    ));
}
