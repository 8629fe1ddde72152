//! Who is in a room, under which id, and who comes back.

use expect_test::expect;

use super::{check, check_with};
use crate::signal::{Config, DuplicateUser};

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
fn one_connection_is_in_so_many_rooms_and_no_more() {
    let config = Config { max_rooms_per_member: 2, ..Config::default() };
    let mut stage = super::stage(&config);
    stage.play("s1 connects");
    let mut join = |room: &str| {
        let told = stage.play(&format!(r#"s1: join {{"userId":"ann","roomId":"{room}"}}"#));
        told.contains(r#""code":"too_many_rooms""#)
    };
    assert_eq!(["a", "b", "c", "a"].map(&mut join), [false, false, true, false]);
    stage.play(r#"s1: leave {"userId":"ann","roomId":"a"}"#);
    assert!(stage.play(r#"s1: join {"userId":"ann","roomId":"c"}"#).contains("joined"));
}

#[test]
fn one_address_makes_so_many_rooms_and_others_still_make_theirs() {
    let config = Config { max_rooms_per_address: 1, ..Config::default() };
    let mut stage = super::stage(&config);
    stage.play("eve connects from 192.0.2.1\neve2 connects from 192.0.2.1");
    stage.play("bob connects from 192.0.2.2\nus connects from 127.0.0.1");
    let mut join = |who: &str, room: &str| {
        let told = stage.play(&format!(r#"{who}: join {{"userId":"{who}","roomId":"{room}"}}"#));
        assert_ne!(told.contains(r#""code":"too_many_rooms""#), told.contains("joined"), "{told}");
        told.contains("joined")
    };
    assert_eq!(["a", "b"].map(|room| join("eve", room)), [true, false]);
    assert_eq!(["a", "b"].map(|room| join("eve2", room)), [true, false], "a room of others may be joined");
    assert_eq!(["c", "d"].map(|room| join("us", room)), [true, true]);
    assert!(join("bob", "e"));
    stage.play(r#"eve: leave {"userId":"eve","roomId":"a"}"#);
    stage.play(r#"eve2: leave {"userId":"eve2","roomId":"a"}"#);
    let told = stage.play(r#"eve2: join {"userId":"eve2","roomId":"b"}"#);
    assert!(told.contains("joined"), "a room that is gone does not count: {told}");
}
