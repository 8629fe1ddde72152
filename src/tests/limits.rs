//! Limits and time-outs: what is too much or too slow is turned away in time.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::deployment::everywhere;
use crate::harness::process::Server;
use crate::harness::{PATIENCE, eventually, http, websocket};

/// Starts with these keys over the defaults, given as environment variables.
fn server(keys: &[(&str, &str)]) -> Server {
    Server::start_with(&[], keys)
}

/// Reads until the other end closes, and says how long that took.
fn closed_after(stream: &mut impl Read) -> Duration {
    let started = Instant::now();
    let mut rest = Vec::new();
    // A reset is as good an end as any.
    let _ = stream.read_to_end(&mut rest);
    started.elapsed()
}

#[test]
fn a_half_sent_head_is_closed_in_time() {
    let server = server(&[("ROOMHUB_NETWORK__HEADER_TIMEOUT", "300ms")]);
    let mut silent = http::connect(server.address);
    let mut half = http::connect(server.address);
    half.write_all(b"GET / HTTP/1.1\r\nHost: te").unwrap();
    assert!(closed_after(&mut half) < PATIENCE / 2);
    assert!(closed_after(&mut silent) < PATIENCE / 2);
}

#[test]
fn a_half_sent_body_is_answered_in_time() {
    let server = server(&[("ROOMHUB_NETWORK__BODY_TIMEOUT", "300ms")]);
    let client = crate::harness::polling::Client::connect(server.address);
    let mut stream = http::connect(server.address);
    let head = format!("POST {} HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n42[", client.path());
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[test]
fn a_websocket_that_never_joins_is_closed_in_time() {
    everywhere("music", &[("ROOMHUB_SOCKETIO__CONNECT_TIMEOUT", "300ms")], |deployment| {
        let mut socket =
            websocket::open(deployment.address, "/socket.io/?EIO=4&transport=websocket", &[]).unwrap();
        assert!(socket.read().unwrap().to_text().unwrap().starts_with('0'));
        assert!(closed_after(socket.get_mut()) < PATIENCE / 2);
    });
}

#[test]
fn a_member_that_answers_no_ping_is_gone() {
    let pings = [("ROOMHUB_MUSIC__PING_INTERVAL", "200ms"), ("ROOMHUB_MUSIC__PING_TIMEOUT", "300ms")];
    everywhere("music", &pings, |deployment| {
        let member = websocket::Client::host(deployment.address, "AB12");
        eventually("the end of the room", || {
            (http::get(deployment.address, "/room/AB12").status == 404).then_some(())
        });
        drop(member);
    });
}

#[test]
fn one_connection_too_many_is_told_so() {
    let server = server(&[("ROOMHUB_NETWORK__MAX_CONNECTIONS", "2")]);
    let first = websocket::Client::connect(server.address);
    let _second = websocket::Client::connect(server.address);
    let refused = http::get(server.address, "/livez");
    assert_eq!((refused.status, refused.header("retry-after")), (503, "5"));
    assert_eq!(refused.json(), json!({"error": "too many connections"}));
    drop(first);
    eventually("a free place", || (http::get(server.address, "/livez").status == 200).then_some(()));
}

#[test]
fn events_over_the_rate_are_dropped_and_counted_and_still_acknowledged() {
    let rate = [("ROOMHUB_MEMBERS__EVENTS_PER_SECOND", "1"), ("ROOMHUB_MEMBERS__EVENT_BURST", "5")];
    everywhere("music", &rate, |deployment| {
        let mut member = websocket::Client::connect(deployment.address);
        for _ in 0..5 {
            member.emit("time_ping", &json!({}));
            member.expect("time_pong");
        }
        assert_eq!(member.ask("create_room", Some(&json!({"room_id": "AB12"}))), "[]");
        assert_eq!(http::get(deployment.address, "/room/AB12").status, 404);
        let dropped = deployment.metric(r#"roomhub_events_dropped_total{service="music",reason="too_fast"}"#);
        assert_eq!(dropped, 1.0);
    });
}

#[test]
fn a_member_that_overwhelms_the_inbox_is_cut_and_the_others_stay() {
    let server = server(&[
        ("ROOMHUB_MEMBERS__MAX_INBOX_BYTES", "200000"),
        ("ROOMHUB_MEMBERS__MAX_PAYLOAD_BYTES", "200000"),
        ("ROOMHUB_MEMBERS__MAX_QUEUED_BYTES", "200000000"),
    ]);
    let mut good = websocket::Client::host(server.address, "good");
    let mut rude = websocket::Client::host(server.address, "rude");
    let _audience: Vec<_> = (0..30).map(|_| websocket::Client::guest(server.address, "rude")).collect();
    let big = json!({"room_id": "rude", "track": {"x": "y".repeat(190_000)}});
    let message = format!("42{}", json!(["track_change", big]));
    let mut sent = 0;
    while rude.try_send(message.as_str().into()) && sent < 2000 {
        sent += 1;
    }
    good.expect_silence();
    let overloaded =
        server.metric(r#"roomhub_connections_killed_total{service="music",reason="overloaded"}"#);
    // Where the rules outrun one sender, nobody is cut; either way the others are served.
    assert!(overloaded <= 1.0);
    assert_eq!(http::get(server.address, "/room/good").status, 200);
}
