//! Who may come in, how much they may say, and what helps them to connect.

use std::time::Duration;

use expect_test::expect;

use super::{check_with, stage};
use crate::jwt;
use crate::rooms::Hub as _;
use crate::secret::Secret;
use crate::signal::Config;
use crate::signal::protocol::{Id, Refusal};

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
        s1: leave {{"userId":"ann","roomId":"r"}}
        s2: leave {{"userId":7,"roomId":"r"}}
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
        s1 <- leaved {"type":"leaved","userId":"ann","roomId":"r"}
        s2 <- user-left {"type":"user-left","userId":"ann","roomId":"r"}
        s2 <- leaved {"type":"leaved","userId":7,"roomId":"r"}
        s3 <- connected {"type":"connected","sid":"s3"}
        s3 <- error {"type":"error","message":"the token has expired","code":"token_expired"}"#]].assert_eq(&told.join("\n"));
}

/// A token that lets a user into a room until so many seconds after the start.
fn token(user: &str, room: &str, secs: u64) -> String {
    let claims = format!(r#"{{"room":"{room}","user":"{user}","exp":{}}}"#, 1_700_000_000 + secs);
    jwt::signed(r#"{"alg":"HS256"}"#, &claims, "key")
}

fn told(transcript: &str) -> Vec<&str> {
    transcript.lines().filter(|line| line.contains(" <- ")).map(str::trim).collect()
}

#[test]
fn who_came_by_a_token_is_out_when_it_ends_unless_there_is_a_newer_one() {
    let config = Config { token_secret: Secret::new("key"), ..Config::default() };
    let mut stage = stage(&config);
    let (ann, bob) = (token("ann", "r", 60), token("bob", "r", 3600));
    stage.play(&format!(
        r#"
        s1 connects
        s1: join {{"userId":"ann","roomId":"r","token":"{ann}"}}
        s2 connects
        s2: join {{"userId":"bob","roomId":"r","token":"{bob}"}}
        "#
    ));
    assert_eq!(stage.hub.next_timeout(), Some(stage.now + Duration::from_mins(1)));
    assert_eq!(told(&stage.play("59s pass")), [""; 0]);
    let newer = token("ann", "r", 120);
    stage.play(&format!(r#"s1: join {{"userId":"ann","roomId":"r","token":"{newer}"}}"#));
    assert_eq!(told(&stage.play("60s pass")), [""; 0], "the newer one holds");
    expect![[r#"
        s2 <- user-left {"type":"user-left","userId":"ann","roomId":"r"}
        s1 <- error {"type":"error","message":"the token has expired","code":"token_expired"}"#]]
    .assert_eq(&told(&stage.play("1s pass")).join("\n"));
    let refused = stage.play(r#"s1: message {"roomId":"r"}"#);
    assert!(refused.contains("not_in_room"), "{refused}");
    assert!(!stage.play("s1 goes").contains("s2 <-"));
}

#[test]
fn tokens_and_credentials_go_by_the_wall_clock() {
    let config = Config {
        token_secret: Secret::new("key"),
        turn_urls: vec!["turn:turn.example.org".into()],
        turn_secret: Secret::new("north"),
        ..Config::default()
    };
    let mut stage = stage(&config);
    let ann = token("ann", "r", 60);
    let join = format!(r#"s1: join {{"userId":"ann","roomId":"r","token":"{ann}"}}"#);
    // The clock was two days slow at the start, and is corrected while the program runs.
    stage.play("s1 connects");
    stage.play("the wall clock is put 2days ahead");
    assert!(stage.play(&join).contains("token_expired"));
    stage.play("the wall clock is put 30s ahead");
    let joined = stage.play(&join);
    assert!(joined.contains(r#""username":"1700000060:ann""#), "credentials end with the token: {joined}");
    assert_eq!(stage.hub.next_timeout(), Some(stage.now + Duration::from_secs(30)));
    let user = Id::new("ann").unwrap();
    let ice = |user: &Id, token: Option<&str>| stage.hub.ice(user, token, stage.now).map(|found| found.len());
    assert_eq!(ice(&user, Some(&ann)), Ok(1));
    assert_eq!(ice(&user, None), Err(Refusal::TokenRequired));
    assert_eq!(ice(&user, Some("x.y.z")), Err(Refusal::InvalidToken));
    assert_eq!(ice(&Id::new("eve").unwrap(), Some(&ann)), Err(Refusal::InvalidToken));
    assert!(stage.play("30s pass").contains("token_expired"));
    assert_eq!(stage.hub.ice(&user, Some(&ann), stage.now).err(), Some(Refusal::TokenExpired));
}
