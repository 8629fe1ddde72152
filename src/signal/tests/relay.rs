//! What is passed on, to whom, and how.

use expect_test::expect;

use super::{check, check_with, stage};
use crate::signal::Config;

#[test]
fn what_is_said_reaches_the_rest_of_the_room_as_it_came() {
    check(
        r#"
        s1 connects
        s2 connects
        s3 connects
        s1: join {"userId":"ann","roomId":"r"}
        s2: join {"userId":"bob","roomId":"r"}
        s3: join {"userId":"cyd","roomId":"other"}
        s1: message {"roomId":"r","z":1,"a":[2]}
        s1: offer {"roomId":"r","sdp":"x"}
        s1: chat {"roomId":"r","text":"hi"}
        s1: offer {"roomId":"r","to":"bob","sdp":"y"}
        s1: message {"roomId":"r","target":"bob","type":"candidate","from":"eve"}
        s1: chat {"at":1.50,"big":123456789012345678901,"type":null,"roomId":"r","to":"bob", "last":[ ] }
        s1: message {"from":"eve","n":1e999,"roomId":"r","to":"bob"}
        s1: offer {"fr\u006fm": {"deep":[]} ,"n":1e999,"roomId":"r","to":"bob"}
        s1: message "{\"roomId\":\"r\",\"to\":\"bob\"}"
        s1: answer {"roomId":"r","targetUserId":"nobody"}
        s3: message {"roomId":"r","text":"let me in"}
        s3: message {"roomId":"other","to":"ann"}
        s1: chat {"text":"nowhere"}
        "#,
        &expect![[r#"
            s1 connects
              s1 <- connected {"type":"connected","sid":"s1"}
            s2 connects
              s2 <- connected {"type":"connected","sid":"s2"}
            s3 connects
              s3 <- connected {"type":"connected","sid":"s3"}
            s1: join {"userId":"ann","roomId":"r"}
              s1 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann"],"iceServers":[]}
            s2: join {"userId":"bob","roomId":"r"}
              s2 <- joined {"type":"joined","userId":"bob","roomId":"r","users":["ann","bob"],"iceServers":[]}
              s1 <- user-joined {"type":"user-joined","userId":"bob","roomId":"r"}
            s3: join {"userId":"cyd","roomId":"other"}
              s3 <- joined {"type":"joined","userId":"cyd","roomId":"other","users":["cyd"],"iceServers":[]}
            s1: message {"roomId":"r","z":1,"a":[2]}
              s2 <- message {"roomId":"r","z":1,"a":[2]}
            s1: offer {"roomId":"r","sdp":"x"}
              s2 <- offer {"roomId":"r","sdp":"x","type":"offer"}
            s1: chat {"roomId":"r","text":"hi"}
              s2 <- chat {"roomId":"r","text":"hi","type":"chat"}
            s1: offer {"roomId":"r","to":"bob","sdp":"y"}
              s2 <- offer {"roomId":"r","to":"bob","sdp":"y","type":"offer","from":"ann"}
            s1: message {"roomId":"r","target":"bob","type":"candidate","from":"eve"}
              s2 <- message {"roomId":"r","target":"bob","type":"candidate","from":"ann"}
            s1: chat {"at":1.50,"big":123456789012345678901,"type":null,"roomId":"r","to":"bob", "last":[ ] }
              s2 <- chat {"at":1.50,"big":123456789012345678901,"type":null,"roomId":"r","to":"bob", "last":[ ] ,"from":"ann"}
            s1: message {"from":"eve","n":1e999,"roomId":"r","to":"bob"}
              s2 <- message {"from":"ann","n":1e999,"roomId":"r","to":"bob"}
            s1: offer {"fr\u006fm": {"deep":[]} ,"n":1e999,"roomId":"r","to":"bob"}
              s2 <- offer {"fr\u006fm": "ann" ,"n":1e999,"roomId":"r","to":"bob","type":"offer"}
            s1: message "{\"roomId\":\"r\",\"to\":\"bob\"}"
              s2 <- message "{\"roomId\":\"r\",\"to\":\"bob\",\"from\":\"ann\"}"
            s1: answer {"roomId":"r","targetUserId":"nobody"}
              s1 <- error {"type":"error","message":"user is not here","code":"no_such_user"}
            s3: message {"roomId":"r","text":"let me in"}
              s3 <- error {"type":"error","message":"not in room","code":"not_in_room"}
            s3: message {"roomId":"other","to":"ann"}
              s3 <- error {"type":"error","message":"user is not here","code":"no_such_user"}
            s1: chat {"text":"nowhere"}
        "#]],
    );
}

#[test]
fn a_message_that_holds_a_join_is_one_and_is_answered_as_a_message() {
    check(
        r#"
        s1 connects
        s1: message {"type":"join","userId":"ann","roomId":"r"}
        s2 connects
        s2: message "{\"type\":\"join\",\"userId\":\"bob\",\"roomId\":\"r\"}"
        s2: message {"type":"leave","userId":"bob","roomId":"r"}
        "#,
        &expect![[r#"
            s1 connects
              s1 <- connected {"type":"connected","sid":"s1"}
            s1: message {"type":"join","userId":"ann","roomId":"r"}
              s1 <- message {"type":"joined","userId":"ann","roomId":"r","users":["ann"],"iceServers":[]}
            s2 connects
              s2 <- connected {"type":"connected","sid":"s2"}
            s2: message "{\"type\":\"join\",\"userId\":\"bob\",\"roomId\":\"r\"}"
              s2 <- message {"type":"joined","userId":"bob","roomId":"r","users":["ann","bob"],"iceServers":[]}
              s1 <- user-joined {"type":"user-joined","userId":"bob","roomId":"r"}
            s2: message {"type":"leave","userId":"bob","roomId":"r"}
              s2 <- message {"type":"leaved","userId":"bob","roomId":"r"}
              s1 <- user-left {"type":"user-left","userId":"bob","roomId":"r"}
        "#]],
    );
}

#[test]
fn nobody_speaks_as_the_server() {
    let mut stage = stage(&Config::default());
    stage.play(
        r#"
        s1 connects
        s2 connects
        s1: join {"userId":"ann","roomId":"r"}
        s2: join {"userId":"bob","roomId":"r"}
        "#,
    );
    let reserved = [
        r#"error {"roomId":"r","code":"replaced"}"#,
        r#"joined {"roomId":"r","users":[],"iceServers":[]}"#,
        r#"user-joined {"userId":"eve","roomId":"r"}"#,
        r#"User-Left {"userId":"ann","roomId":"r"}"#,
        r#"leaved {"userId":"bob","roomId":"r","to":"bob"}"#,
        r#"connected {"sid":"x"}"#,
        r#"connect {"roomId":"r"}"#,
        r#"connect_error {"roomId":"r","message":"x"}"#,
        r#"disconnect {"roomId":"r"}"#,
        r#"message {"type":"error","roomId":"r","code":"replaced"}"#,
        r#"message {"type":"\u0065rror","roomId":"r"}"#,
        r#"message {"roomId":"r","t\u0079pe":"joined"}"#,
        r#"message {"type":"error","roomId":"r","to":"bob"}"#,
        r#"message "{\"type\":\"error\",\"roomId\":\"r\"}""#,
        r#"message "{\"type\":\"\\u0065rror\",\"roomId\":\"r\",\"to\":\"bob\"}""#,
        r#"offer {"type":"error","roomId":"r"}"#,
        r#"message {"type":"x","type":"error","roomId":"r"}"#,
        r#"offer {"type":"x","type":"error","roomId":"r"}"#,
        r#"chat {"type":"x","type":"error","roomId":"r"}"#,
        r#"chat {"type":"ERROR","roomId":"r","to":"bob"}"#,
    ];
    for said in reserved {
        let told = stage.play(&format!("s1: {said}"));
        let told = told.lines().skip(1).collect::<Vec<_>>();
        let refusal = r#"  s1 <- error {"type":"error","message":"reserved event","code":"reserved_event"}"#;
        assert_eq!(told, [refusal], "{said}");
    }
    let ambiguous = [
        r#"message {"type":["error"],"roomId":"r"}"#,
        r#"message "\"{\\\"type\\\":\\\"error\\\"}\"""#,
        r#"message [{"type":"error","roomId":"r"}]"#,
        r#"chat {"type":["error"],"roomId":"r"}"#,
        r#"chat [{"type":"error","roomId":"r"}]"#,
    ];
    for said in ambiguous {
        assert!(!stage.play(&format!("s1: {said}")).contains("s2 <-"), "{said}");
    }
    let told = stage.play(r#"s1: chat {"roomId":"r","to":"bob","from":"bob","from":"eve"}"#);
    assert!(told.contains(r#""from":"bob","from":"ann""#), "the last one counts: {told}");
    for said in
        [r#"message {"type":"errors","roomId":"r"}"#, r#"ping {"roomId":"r","error":{"type":"error"}}"#]
    {
        assert!(stage.play(&format!("s1: {said}")).contains("s2 <-"), "{said}");
    }
}

#[test]
fn a_stranger_that_may_send_cannot_say_whom_it_is_from() {
    let config = Config { legacy_relay: true, ..Config::default() };
    check_with(
        &config,
        r#"
        s1 connects
        s2 connects
        s2: join {"userId":"bob","roomId":"r"}
        s1: offer {"roomId":"r","to":"bob","from":"ann","type":"offer"}
        s1: message "{\"roomId\":\"r\",\"from\":\"ann\",\"to\":\"bob\"}"
        s1: message {"roomId":"r","to":"bob"}
        s1: error {"roomId":"r","to":"bob"}
        "#,
        &expect![[r#"
            s1 connects
              s1 <- connected {"type":"connected","sid":"s1"}
            s2 connects
              s2 <- connected {"type":"connected","sid":"s2"}
            s2: join {"userId":"bob","roomId":"r"}
              s2 <- joined {"type":"joined","userId":"bob","roomId":"r","users":["bob"],"iceServers":[]}
            s1: offer {"roomId":"r","to":"bob","from":"ann","type":"offer"}
              s2 <- offer {"roomId":"r","to":"bob","from":null,"type":"offer"}
            s1: message "{\"roomId\":\"r\",\"from\":\"ann\",\"to\":\"bob\"}"
              s2 <- message "{\"roomId\":\"r\",\"from\":null,\"to\":\"bob\"}"
            s1: message {"roomId":"r","to":"bob"}
              s2 <- message {"roomId":"r","to":"bob"}
            s1: error {"roomId":"r","to":"bob"}
              s1 <- error {"type":"error","message":"reserved event","code":"reserved_event"}
        "#]],
    );
}

#[test]
fn of_a_key_that_is_repeated_the_last_counts() {
    check(
        r#"
        s1 connects
        s1: join {"userId":"eve","roomId":"x","userId":"ann","roomId":"r"}
        s1: message {"roomId":"x","roomId":"r","text":"hi"}
        s1: message {"type":"note","type":"leave","userId":"ann","roomId":"r"}
        "#,
        &expect![[r#"
            s1 connects
              s1 <- connected {"type":"connected","sid":"s1"}
            s1: join {"userId":"eve","roomId":"x","userId":"ann","roomId":"r"}
              s1 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann"],"iceServers":[]}
            s1: message {"roomId":"x","roomId":"r","text":"hi"}
            s1: message {"type":"note","type":"leave","userId":"ann","roomId":"r"}
              s1 <- message {"type":"leaved","userId":"ann","roomId":"r"}
        "#]],
    );
}

#[test]
fn whom_it_is_for_may_stand_in_several_fields() {
    let mut stage = stage(&Config::default());
    stage.play(
        r#"
        s1 connects
        s2 connects
        s1: join {"userId":"ann","roomId":"r"}
        s2: join {"userId":"bob","roomId":"r"}
        "#,
    );
    for fields in [
        r#""to":"bob","target":"bob","targetUserId":"bob""#,
        r#""to":null,"target":"bob""#,
        r#""targetUserId":"bob","target":null"#,
        r#""target":"ann","to":"bob""#,
    ] {
        let told = stage.play(&format!("s1: offer {{\"roomId\":\"r\",{fields}}}"));
        assert!(told.contains("s2 <- offer") && told.contains(r#""from":"ann""#), "{told}");
    }
}

#[test]
fn what_others_could_not_read_is_not_passed_on_as_a_text_either() {
    let mut stage = stage(&Config::default());
    stage.play("s1 connects\ns1: join {\"userId\":\"ann\",\"roomId\":\"r\"}");
    stage.play("s2 connects\ns2: join {\"userId\":\"bob\",\"roomId\":\"r\"}");
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    let told = stage.play(&format!(r#"s1: message "{{\"roomId\":\"r\",\"x\":{deep}}}""#));
    assert!(told.contains("invalid_request") && !told.contains("s2 <-"), "{told}");
}
