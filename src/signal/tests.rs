//! The rules as transcripts: what members say stands flush left, what they are told is indented.

use std::time::Duration;

use expect_test::{Expect, expect};

use super::hub::{Hub, Keys};
use super::tokens::RoomTokens;
use super::{Config, DuplicateUser};
use crate::http::jwt;
use crate::secret::Secret;
use crate::switchboard::stage::Stage;

fn check(script: &str, expected: &Expect) {
    check_with(&Config::default(), script, expected);
}

fn check_with(config: &Config, script: &str, expected: &Expect) {
    expected.assert_eq(&stage(config).play(script));
}

fn stage(config: &Config) -> Stage<Hub> {
    let keys = Keys {
        key: config.auth_key.clone(),
        turn_secret: config.turn_secret.clone(),
        tokens: RoomTokens::new(config).unwrap(),
    };
    Stage::new(Hub::new(config, keys, &[7; 32]))
}

#[test]
fn users_join_and_leave_row_by_row() {
    check(
        r#"
        s1 connects
        s2 connects
        s1: join {"userId":"ann","roomId":"r"}
        s2: join {"userId":2,"roomId":"r"}
        s1: join {"userId":"ann","roomId":"r"}
        s2: leave {"userId":"ann","roomId":"r"}
        s2: leave {"userId":"2","roomId":"r"}
        s2: leave {"userId":2,"roomId":"r"}
        s1: leave {"userId":"ann","roomId":"nowhere"}
        s1 goes
        "#,
        &expect![[r#"
            s1 connects
              s1 <- connected {"type":"connected","sid":"s1"}
            s2 connects
              s2 <- connected {"type":"connected","sid":"s2"}
            s1: join {"userId":"ann","roomId":"r"}
              s1 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann"],"iceServers":[]}
            s2: join {"userId":2,"roomId":"r"}
              s2 <- joined {"type":"joined","userId":2,"roomId":"r","users":["ann",2],"iceServers":[]}
              s1 <- user-joined {"type":"user-joined","userId":2,"roomId":"r"}
            s1: join {"userId":"ann","roomId":"r"}
              s1 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann",2],"iceServers":[]}
              s2 <- user-joined {"type":"user-joined","userId":"ann","roomId":"r"}
            s2: leave {"userId":"ann","roomId":"r"}
              s2 <- leaved {"type":"leaved","userId":"ann","roomId":"r"}
            s2: leave {"userId":"2","roomId":"r"}
              s2 <- leaved {"type":"leaved","userId":"2","roomId":"r"}
              s1 <- user-left {"type":"user-left","userId":"2","roomId":"r"}
            s2: leave {"userId":2,"roomId":"r"}
              s2 <- leaved {"type":"leaved","userId":2,"roomId":"r"}
            s1: leave {"userId":"ann","roomId":"nowhere"}
              s1 <- leaved {"type":"leaved","userId":"ann","roomId":"nowhere"}
            s1 goes
        "#]],
    );
}

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
            s1: message "{\"roomId\":\"r\",\"to\":\"bob\"}"
              s2 <- message "{\"roomId\":\"r\",\"to\":\"bob\"}"
            s1: answer {"roomId":"r","targetUserId":"nobody"}
            s3: message {"roomId":"r","text":"let me in"}
              s3 <- error {"type":"error","message":"not in room","code":"not_in_room"}
            s3: message {"roomId":"other","to":"ann"}
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
fn every_refusal_has_its_words() {
    let config = Config { room_capacity: 1, max_rooms: 1, ..Config::default() };
    check_with(
        &config,
        r#"
        s1 connects
        s2 connects
        s1: join {"userId":"ann"}
        s1: join {"userId":"","roomId":"r"}
        s1: join {"userId":{},"roomId":"r"}
        s1: join
        s1: join [1]
        s1: message 7
        s1: message {"text":"where"}
        s1: offer "x"
        s1: message {"roomId":"r"}
        s1: join {"userId":"ann","roomId":"r"}
        s2: join {"userId":"bob","roomId":"r"}
        s2: join {"userId":"bob","roomId":"q"}
        s2 asks: leave {"userId":"bob","roomId":"r"}
        "#,
        &expect![[r#"
            s1 connects
              s1 <- connected {"type":"connected","sid":"s1"}
            s2 connects
              s2 <- connected {"type":"connected","sid":"s2"}
            s1: join {"userId":"ann"}
              s1 <- error {"type":"error","message":"userId and roomId are required","code":"invalid_request"}
            s1: join {"userId":"","roomId":"r"}
              s1 <- error {"type":"error","message":"userId and roomId are required","code":"invalid_request"}
            s1: join {"userId":{},"roomId":"r"}
              s1 <- error {"type":"error","message":"userId and roomId are required","code":"invalid_request"}
            s1: join
              s1 <- error {"type":"error","message":"userId and roomId are required","code":"invalid_request"}
            s1: join [1]
              s1 <- error {"type":"error","message":"userId and roomId are required","code":"invalid_request"}
            s1: message 7
              s1 <- error {"type":"error","message":"userId and roomId are required","code":"invalid_request"}
            s1: message {"text":"where"}
              s1 <- error {"type":"error","message":"userId and roomId are required","code":"invalid_request"}
            s1: offer "x"
              s1 <- error {"type":"error","message":"userId and roomId are required","code":"invalid_request"}
            s1: message {"roomId":"r"}
              s1 <- error {"type":"error","message":"not in room","code":"not_in_room"}
            s1: join {"userId":"ann","roomId":"r"}
              s1 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann"],"iceServers":[]}
            s2: join {"userId":"bob","roomId":"r"}
              s2 <- error {"type":"error","message":"room is full","code":"room_full"}
            s2: join {"userId":"bob","roomId":"q"}
              s2 <- error {"type":"error","message":"too many rooms","code":"too_many_rooms"}
            s2 asks: leave {"userId":"bob","roomId":"r"}
              s2 <- leaved {"type":"leaved","userId":"bob","roomId":"r"}
              answer
        "#]],
    );
}

#[test]
fn a_second_connection_takes_an_id_over() {
    check(
        r#"
        s1 connects
        s2 connects
        s3 connects
        s1: join {"userId":"ann","roomId":"r"}
        s2: join {"userId":"bob","roomId":"r"}
        s3: join {"userId":"ann","roomId":"r"}
        s1: message {"roomId":"r"}
        s1: leave {"userId":"ann","roomId":"r"}
        s1 goes
        s2: message {"roomId":"r","n":1}
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
            s3: join {"userId":"ann","roomId":"r"}
              s1 <- error {"type":"error","message":"replaced by a new connection","code":"replaced"}
              s3 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann","bob"],"iceServers":[]}
              s2 <- user-joined {"type":"user-joined","userId":"ann","roomId":"r"}
            s1: message {"roomId":"r"}
              s1 <- error {"type":"error","message":"not in room","code":"not_in_room"}
            s1: leave {"userId":"ann","roomId":"r"}
              s1 <- leaved {"type":"leaved","userId":"ann","roomId":"r"}
            s1 goes
            s2: message {"roomId":"r","n":1}
              s3 <- message {"roomId":"r","n":1}
        "#]],
    );
}

#[test]
fn an_id_may_be_kept_by_who_has_it() {
    let config = Config { duplicate_user: DuplicateUser::Reject, ..Config::default() };
    check_with(
        &config,
        r#"
        s1 connects
        s2 connects
        s1: join {"userId":"ann","roomId":"r"}
        s2: join {"userId":"ann","roomId":"r"}
        "#,
        &expect![[r#"
            s1 connects
              s1 <- connected {"type":"connected","sid":"s1"}
            s2 connects
              s2 <- connected {"type":"connected","sid":"s2"}
            s1: join {"userId":"ann","roomId":"r"}
              s1 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann"],"iceServers":[]}
            s2: join {"userId":"ann","roomId":"r"}
              s2 <- error {"type":"error","message":"user id is taken","code":"user_id_taken"}
        "#]],
    );
}

#[test]
fn a_broken_connection_leaves_all_its_rooms() {
    check(
        r#"
        s1 connects
        s2 connects
        s1: join {"userId":"ann","roomId":"r"}
        s1: join {"userId":"ann","roomId":"q"}
        s2: join {"userId":"bob","roomId":"r"}
        s2: join {"userId":"bob","roomId":"q"}
        s1 goes
        "#,
        &expect![[r#"
            s1 connects
              s1 <- connected {"type":"connected","sid":"s1"}
            s2 connects
              s2 <- connected {"type":"connected","sid":"s2"}
            s1: join {"userId":"ann","roomId":"r"}
              s1 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann"],"iceServers":[]}
            s1: join {"userId":"ann","roomId":"q"}
              s1 <- joined {"type":"joined","userId":"ann","roomId":"q","users":["ann"],"iceServers":[]}
            s2: join {"userId":"bob","roomId":"r"}
              s2 <- joined {"type":"joined","userId":"bob","roomId":"r","users":["ann","bob"],"iceServers":[]}
              s1 <- user-joined {"type":"user-joined","userId":"bob","roomId":"r"}
            s2: join {"userId":"bob","roomId":"q"}
              s2 <- joined {"type":"joined","userId":"bob","roomId":"q","users":["ann","bob"],"iceServers":[]}
              s1 <- user-joined {"type":"user-joined","userId":"bob","roomId":"q"}
            s1 goes
              s2 <- user-left {"type":"user-left","userId":"ann","roomId":"q"}
              s2 <- user-left {"type":"user-left","userId":"ann","roomId":"r"}
        "#]],
    );
}

#[test]
fn a_place_that_is_kept_is_taken_again_and_nobody_sees_it() {
    check(
        r#"
        s1 connects
        s2 connects
        s1: join {"userId":"ann","roomId":"r","resume":true}
        s2: join {"userId":"bob","roomId":"r"}
        s1 goes
        9s pass
        s3 connects
        s3: join {"userId":"ann","roomId":"r","resume":"c95f56381ac7d2ae0a57a888a0b4c7c8"}
        s2: message {"roomId":"r","to":"ann"}
        s3 goes
        10s pass
        "#,
        &expect![[r#"
            s1 connects
              s1 <- connected {"type":"connected","sid":"s1"}
            s2 connects
              s2 <- connected {"type":"connected","sid":"s2"}
            s1: join {"userId":"ann","roomId":"r","resume":true}
              s1 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann"],"iceServers":[],"resume":"c95f56381ac7d2ae0a57a888a0b4c7c8"}
            s2: join {"userId":"bob","roomId":"r"}
              s2 <- joined {"type":"joined","userId":"bob","roomId":"r","users":["ann","bob"],"iceServers":[]}
              s1 <- user-joined {"type":"user-joined","userId":"bob","roomId":"r"}
            s1 goes
            9s pass
            s3 connects
              s3 <- connected {"type":"connected","sid":"s3"}
            s3: join {"userId":"ann","roomId":"r","resume":"c95f56381ac7d2ae0a57a888a0b4c7c8"}
              s3 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann","bob"],"iceServers":[],"resume":"b74d323021c36bb6e1eaac2e439f1934"}
            s2: message {"roomId":"r","to":"ann"}
              s3 <- message {"roomId":"r","to":"ann","from":"bob"}
            s3 goes
            10s pass
              s2 <- user-left {"type":"user-left","userId":"ann","roomId":"r"}
        "#]],
    );
}

#[test]
fn a_wrong_word_is_an_ordinary_join() {
    check(
        r#"
        s1 connects
        s2 connects
        s1: join {"userId":"ann","roomId":"r","resume":true}
        s2: join {"userId":"bob","roomId":"r"}
        s1 goes
        s3 connects
        s3: join {"userId":"ann","roomId":"r","resume":"guess"}
        10s pass
        "#,
        &expect![[r#"
            s1 connects
              s1 <- connected {"type":"connected","sid":"s1"}
            s2 connects
              s2 <- connected {"type":"connected","sid":"s2"}
            s1: join {"userId":"ann","roomId":"r","resume":true}
              s1 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann"],"iceServers":[],"resume":"c95f56381ac7d2ae0a57a888a0b4c7c8"}
            s2: join {"userId":"bob","roomId":"r"}
              s2 <- joined {"type":"joined","userId":"bob","roomId":"r","users":["ann","bob"],"iceServers":[]}
              s1 <- user-joined {"type":"user-joined","userId":"bob","roomId":"r"}
            s1 goes
            s3 connects
              s3 <- connected {"type":"connected","sid":"s3"}
            s3: join {"userId":"ann","roomId":"r","resume":"guess"}
              s3 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann","bob"],"iceServers":[],"resume":"b74d323021c36bb6e1eaac2e439f1934"}
              s2 <- user-joined {"type":"user-joined","userId":"ann","roomId":"r"}
            10s pass
        "#]],
    );
}

#[test]
fn early_clients_may_send_from_outside_and_let_others_leave() {
    let config = Config { legacy_relay: true, ..Config::default() };
    check_with(
        &config,
        r#"
        s1 connects
        s2 connects
        s1: join {"userId":"ann","roomId":"r"}
        s2: message {"roomId":"r","n":1}
        s2: leave {"userId":"ann","roomId":"r"}
        "#,
        &expect![[r#"
            s1 connects
              s1 <- connected {"type":"connected","sid":"s1"}
            s2 connects
              s2 <- connected {"type":"connected","sid":"s2"}
            s1: join {"userId":"ann","roomId":"r"}
              s1 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann"],"iceServers":[]}
            s2: message {"roomId":"r","n":1}
              s1 <- message {"roomId":"r","n":1}
            s2: leave {"userId":"ann","roomId":"r"}
              s2 <- leaved {"type":"leaved","userId":"ann","roomId":"r"}
        "#]],
    );
}

#[test]
fn who_joins_is_told_of_stun_and_turn_servers() {
    let config = Config {
        stun_urls: vec!["stun:stun.example.org".into()],
        turn_urls: vec!["turn:turn.example.org".into()],
        turn_secret: Secret::new("north"),
        turn_ttl: Duration::from_hours(1),
        ..Config::default()
    };
    check_with(
        &config,
        r#"
        s1 connects
        s1: join {"userId":"ann","roomId":"r"}
        "#,
        &expect![[r#"
            s1 connects
              s1 <- connected {"type":"connected","sid":"s1"}
            s1: join {"userId":"ann","roomId":"r"}
              s1 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann"],"iceServers":[{"urls":["stun:stun.example.org"]},{"urls":["turn:turn.example.org"],"username":"1700003600:ann","credential":"TwqKCcbzejRFa1sgGqGS7SEzCGg="}]}
        "#]],
    );
}

#[test]
fn who_has_no_key_is_told_so_and_let_go() {
    let config = Config { auth_key: Secret::new("key"), ..Config::default() };
    check_with(
        &config,
        r#"
        s1 connects
        s1: join {"userId":"ann","roomId":"r"}
        s2 connects with key
        "#,
        &expect![[r#"
            s1 connects
              s1 <- error {"type":"error","message":"unauthorized","code":"unauthorized"}
              s1 let go: Violation
            s1: join {"userId":"ann","roomId":"r"}
            s2 connects with key
              s2 <- connected {"type":"connected","sid":"s2"}
        "#]],
    );
}

#[test]
fn who_says_too_much_is_told_so() {
    let config = Config { events_per_second: 1, event_burst: 2, ..Config::default() };
    let mut stage = stage(&config);
    stage.play("s1 connects");
    let line = r#"s1: join {"userId":"ann","roomId":"r"}"#;
    assert!(stage.play(line).contains("joined") && stage.play(line).contains("joined"));
    assert!(stage.play(line).contains(r#""code":"rate_limited""#));
    stage.play("1s pass");
    assert!(stage.play(line).contains("joined"));
}

#[test]
fn a_join_needs_a_token_for_its_user_and_room_where_tokens_are_asked_for() {
    let config = Config { token_secret: Secret::new("key"), ..Config::default() };
    let token = |claims: &str, key: &str| jwt::signed(r#"{"alg":"HS256"}"#, claims, key);
    let good = token(r#"{"room":"r","user":"ann","exp":1700000060}"#, "key");
    let number = token(r#"{"room":"r","user":7,"exp":1700000060}"#, "key");
    let script = format!(
        r#"
        s1 connects
        s1: join {{"userId":"ann","roomId":"r"}}
        s1: join {{"userId":"ann","roomId":"r","token":"{forged}"}}
        s1: join {{"userId":"ann","roomId":"r","token":"{endless}"}}
        s1: join {{"userId":"bob","roomId":"r","token":"{good}"}}
        s1: join {{"userId":"ann","roomId":"other","token":"{good}"}}
        s1: join {{"userId":"ann","roomId":"r","token":"{good}"}}
        s2 connects with {number}
        s2: join {{"userId":"7","roomId":"r"}}
        60s pass
        s3 connects
        s3: join {{"userId":"ann","roomId":"r","token":"{good}"}}
        "#,
        forged = token(r#"{"room":"r","user":"ann","exp":1700000060}"#, "kex"),
        endless = token(r#"{"room":"r","user":"ann"}"#, "key"),
    );
    let told = stage(&config).play(&script);
    let told: Vec<&str> = told.lines().filter(|line| line.contains(" <- ")).map(str::trim).collect();
    expect![[r#"
        s1 <- connected {"type":"connected","sid":"s1"}
        s1 <- error {"type":"error","message":"a token for this room is required","code":"token_required"}
        s1 <- error {"type":"error","message":"the token is not valid for this user and room","code":"invalid_token"}
        s1 <- error {"type":"error","message":"the token is not valid for this user and room","code":"invalid_token"}
        s1 <- error {"type":"error","message":"the token is not valid for this user and room","code":"invalid_token"}
        s1 <- error {"type":"error","message":"the token is not valid for this user and room","code":"invalid_token"}
        s1 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann"],"iceServers":[]}
        s2 <- connected {"type":"connected","sid":"s2"}
        s2 <- joined {"type":"joined","userId":"7","roomId":"r","users":["ann","7"],"iceServers":[]}
        s1 <- user-joined {"type":"user-joined","userId":"7","roomId":"r"}
        s3 <- connected {"type":"connected","sid":"s3"}
        s3 <- error {"type":"error","message":"the token has expired","code":"token_expired"}"#]].assert_eq(&told.join("\n"));
}
