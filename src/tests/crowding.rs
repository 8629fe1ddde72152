//! More sessions, connections and files than there is room for: what is held is served, and the rest comes back later.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use serde_json::json;

use crate::harness::process::Server;
use crate::harness::{PATIENCE, eventually, http, polling, websocket};

const HANDSHAKE: &str = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: test\r\n\r\n";

/// The status of the next answer on a connection that goes on.
fn status(stream: &mut TcpStream) -> u16 {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    stream.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Sessions that one connection opens before it is refused one.
fn open_sessions(stream: &mut TcpStream, most: usize) -> usize {
    for n in 0..most {
        stream.write_all(HANDSHAKE.as_bytes()).unwrap();
        match status(stream) {
            200 => {}
            status => {
                assert_eq!(status, 503);
                return n;
            }
        }
    }
    most
}

#[test]
fn one_connection_cannot_open_sessions_without_end() {
    let server = Server::start_with(
        &[],
        &[("ROOMHUB_SOCKETIO__MAX_UNJOINED_SESSIONS", "50"), ("ROOMHUB_SOCKETIO__CONNECT_TIMEOUT", "1s")],
    );
    let mut stream = http::connect(server.address);
    assert_eq!(open_sessions(&mut stream, 60), 50);
    let refused = http::get(server.address, "/socket.io/?EIO=4&transport=polling");
    assert_eq!((refused.status, refused.header("retry-after")), (503, "5"));
    assert_eq!(refused.json(), json!({"error": "too many sessions"}));
    let metric = r#"roomhub_sessions_refused_total{service="music",reason="unjoined"}"#;
    assert!(server.metric(metric) >= 2.0);
    // A WebSocket is a connection, which is counted as such.
    websocket::Client::connect(server.address).expect_silence();
    let later = || http::get(server.address, "/socket.io/?EIO=4&transport=polling");
    eventually("a place", || (later().status == 200).then_some(()));
}

#[test]
fn sessions_that_have_joined_are_counted_until_they_end() {
    let server = Server::start_with(&[], &[("ROOMHUB_NETWORK__MAX_CONNECTIONS", "20")]);
    let mut clients: Vec<_> = (0..20).map(|_| polling::Client::connect(server.address)).collect();
    let handshake = || http::get(server.address, "/socket.io/?EIO=4&transport=polling").status;
    assert_eq!(handshake(), 503);
    let first = clients.remove(0);
    assert_eq!(first.post("1").status, 200);
    eventually("a place", || (handshake() == 200).then_some(()));
    let gauge = || server.metric(r#"roomhub_polling_sessions{service="music"}"#);
    assert!(gauge() >= 19.0);
    for client in clients {
        client.post("1");
    }
    eventually("the end of all sessions", || (gauge() <= 1.0).then_some(()));
}

#[test]
fn sessions_of_one_address_behind_a_proxy_leave_places_to_others() {
    let keys = [
        ("ROOMHUB_NETWORK__TRUSTED_PROXIES", "127.0.0.1"),
        ("ROOMHUB_NETWORK__MAX_CONNECTIONS_PER_ADDRESS", "5"),
    ];
    let server = Server::start_with(&[], &keys);
    let handshake = |client: &str| {
        let headers = [("X-Forwarded-For", client)];
        http::get_with(server.address, "/socket.io/?EIO=4&transport=polling", &headers).status
    };
    let opened = (0..10).filter(|_| handshake("203.0.113.9") == 200).count();
    assert_eq!(opened, 5);
    assert_eq!(handshake("203.0.113.10"), 200);
}

#[test]
fn sessions_opened_and_closed_again_and_again_leave_nothing() {
    let server = Server::start();
    let round = || {
        for _ in 0..300 {
            let client = polling::Client::connect(server.address);
            assert_eq!(client.post("1").status, 200);
        }
    };
    round();
    let settled = server.rss_kib();
    round();
    let gauge = || server.metric(r#"roomhub_polling_sessions{service="music"}"#);
    eventually("the end of all sessions", || (gauge() == 0.0).then_some(()));
    let grown = server.rss_kib().saturating_sub(settled);
    assert!(grown < 8 * 1024, "{grown} KiB");
}

#[test]
fn a_member_that_was_let_go_does_not_keep_its_session() {
    let keys = [("AUTH_KEY", "open sesame"), ("ROOMHUB_SOCKETIO__CONNECT_TIMEOUT", "300ms")];
    let server = Server::of("watch", &[], &keys);
    let opened = http::get(server.address, "/socket.io/?EIO=4&transport=polling");
    let open: serde_json::Value = serde_json::from_str(opened.body.strip_prefix('0').unwrap()).unwrap();
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().unwrap());
    let joined = http::request(
        server.address,
        "POST",
        &path,
        &[("Content-Type", "text/plain")],
        r#"40{"token":"wrong"}"#,
    );
    assert_eq!(joined.status, 200);
    eventually("the end of the session", || (http::get(server.address, &path).status == 400).then_some(()));
}

#[test]
fn a_client_that_joins_and_leaves_without_end_needs_another_session() {
    let server = Server::start();
    let client = polling::Client::connect(server.address);
    client.post_all(&vec!["41\u{1e}40".to_owned(); 100]);
    eventually("the end of the session", || (client.poll().status == 400).then_some(()));
    polling::Client::connect(server.address).emit("time_ping", &json!({}));
}

#[test]
fn what_is_said_back_to_a_client_that_does_not_read_is_bounded() {
    let keys = [("ROOMHUB_MEMBERS__MAX_QUEUED_BYTES", "1000000")];
    let server = Server::start_with(&[], &keys);
    let mut client = websocket::Client::newcomer_that_sleeps(server.address);
    let settled = server.rss_kib();
    let namespace = format!("40/{},", "x".repeat(250));
    // What the system holds for the client is its own affair, so it takes as many as it takes.
    let deadline = Instant::now() + PATIENCE;
    while client.try_send(namespace.as_str().into()) {
        assert!(Instant::now() < deadline, "it is cut");
    }
    assert!(server.rss_kib() - settled < 32 * 1024);
    let polling = polling::Client::connect(server.address);
    assert_eq!(polling.post(&format!("40/{},", "x".repeat(1000))).status, 400);
}

/// Connections that are opened and say nothing.
fn idle(address: SocketAddr, n: usize) -> Vec<TcpStream> {
    (0..n).filter_map(|_| TcpStream::connect(address).ok()).collect()
}

#[test]
fn a_server_with_few_files_takes_fewer_connections_and_serves_on() {
    let server = Server::limited("ulimit -n 64", "music", &[("ROOMHUB_NETWORK__HEADER_TIMEOUT", "1s")]);
    server.await_log("too few open files");
    let mut member = websocket::Client::host(server.address, "AB12");
    let crowd = idle(server.address, 150);
    assert_eq!(crowd.len(), 150);
    member.expect_silence();
    // Whoever idles is closed, and whoever comes then is served, crowd or not.
    eventually("a free place", || {
        let mut stream = TcpStream::connect(server.address).ok()?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(())
    });
    drop(crowd);
    member.expect_silence();
    let complaints = server.log().matches("cannot be accepted").count();
    assert!(complaints <= 1, "{complaints} lines of the same news");
}

#[test]
fn refused_connections_are_few_and_those_beyond_are_reset() {
    let keys = [("ROOMHUB_NETWORK__MAX_CONNECTIONS", "10"), ("ROOMHUB_NETWORK__MAX_REFUSALS", "5")];
    let server = Server::start_with(&[], &keys);
    let _members: Vec<_> = (0..10).map(|_| websocket::Client::connect(server.address)).collect();
    let files = || std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count();
    let held = files();
    // They read nothing and close nothing, so that whoever refuses them has to wait.
    let mut crowd = idle(server.address, 200);
    let mut most = 0;
    let n_reset = crowd
        .iter_mut()
        .map(|stream| {
            most = most.max(files());
            stream.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
            matches!(stream.read(&mut [0; 12]), Err(error) if error.kind() == ErrorKind::ConnectionReset)
        })
        .filter(|is_reset| *is_reset)
        .count();
    assert!(n_reset > 100, "{n_reset} of 200 were reset");
    // One more may be on its way from the system to its reset.
    assert!(most <= held + 5 + 1, "{most} files, and {held} before");
}
