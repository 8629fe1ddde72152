//! Messages, bodies and heads that never end: they end in time, and hold no more memory than they may.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::harness::client_frames::{GOES_ON, PING, TEXT, TEXT_BEGINS, frame, head};
use crate::harness::frames::{close_code, open};
use crate::harness::process::Server;
use crate::harness::{PATIENCE, eventually, http, polling, websocket};

const SOCKET_IO: &str = "/socket.io/?EIO=4&transport=websocket";

/// Messages and bodies must be here in this time.
const SOON: [(&str, &str); 2] =
    [("ROOMHUB_NETWORK__MESSAGE_TIMEOUT", "500ms"), ("ROOMHUB_NETWORK__BODY_TIMEOUT", "500ms")];

/// Almost all of a large message.
const MOST_OF_IT: usize = 990_000;

fn devices(folder: &TempDir) -> Server {
    let folder = folder.path().to_str().unwrap();
    Server::of("devices", &[], &[SOON[0], SOON[1], ("ROOMHUB_DEVICES__DATA_DIR", folder)])
}

#[test]
fn a_message_that_never_ends_is_closed_in_time() {
    let data = TempDir::new().unwrap();
    let music = Server::start_with(&[], &SOON);
    let signal = Server::of("signal", &[], &SOON);
    let devices = devices(&data);
    for (server, path) in [(&music, SOCKET_IO), (&signal, "/ws"), (&devices, "/d")] {
        for unfinished in
            [head(TEXT, 1000), frame(TEXT_BEGINS, b"42["), head(TEXT, 3)[..3].to_vec(), vec![TEXT]]
        {
            let mut stream = open(server.address, path);
            if path == SOCKET_IO {
                stream.write_all(&frame(TEXT, b"40")).unwrap();
            }
            stream.write_all(&unfinished).unwrap();
            assert_eq!(close_code(&mut stream), Some(1008), "{path} {unfinished:?}");
        }
    }
}

#[test]
fn endless_fragments_with_pings_in_between_are_closed_in_time() {
    let server = Server::start_with(&[], &SOON);
    let mut stream = open(server.address, SOCKET_IO);
    stream.write_all(&[frame(TEXT, b"40"), frame(TEXT_BEGINS, b"42[")].concat()).unwrap();
    let more = [frame(GOES_ON, b""), frame(PING, b"")].concat().repeat(100);
    let started = Instant::now();
    // Pongs that are never read would stop the server from reading on.
    stream.set_nonblocking(true).unwrap();
    let mut heard = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut heard) {
            Ok(0) => break,
            Ok(n) if heard[..n].windows(4).any(|four| four == b"\x88\x02\x03\xf0") => break,
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => panic!("no close frame: {error}"),
            Ok(_) | Err(_) => {}
        }
        let _ = stream.write(&more);
        assert!(started.elapsed() < PATIENCE, "a message without end goes on");
    }
}

#[test]
fn a_message_in_many_parts_arrives_while_it_keeps_to_its_time() {
    let server = Server::start();
    let mut guest = websocket::Client::host(server.address, "AB12");
    let mut host = open(server.address, SOCKET_IO);
    let text = format!(r#"42["join_room",{{"room_id":"AB12","x":"{}"}}]"#, "é".repeat(100_000));
    let parts: Vec<_> = text.as_bytes().chunks(7001).collect();
    host.write_all(&frame(TEXT, b"40")).unwrap();
    host.write_all(&frame(TEXT_BEGINS, parts[0])).unwrap();
    for part in &parts[1..] {
        host.write_all(&[frame(PING, b"x"), frame(GOES_ON, part)].concat()).unwrap();
    }
    host.write_all(&frame(0x80, b"")).unwrap();
    guest.expect("room_users");
}

/// Opens Socket.IO WebSockets that have sent most of a large message each.
fn unfinished_messages(address: SocketAddr, n: usize) -> Vec<TcpStream> {
    let most_of_it = [head(TEXT, MOST_OF_IT + 1000), vec![b'x'; MOST_OF_IT]].concat();
    let begin = |_| {
        let mut stream = open(address, SOCKET_IO);
        // One that is over the budget is closed while it is still being sent.
        let _ = stream.write_all(&most_of_it);
        stream
    };
    (0..n).map(begin).collect()
}

/// A small budget, time enough for any machine, and a limit on address space that is soon reached without a budget.
fn frugal() -> Server {
    let keys = [
        ("MALLOC_ARENA_MAX", "2"),
        ("ROOMHUB_NETWORK__MAX_UNFINISHED_BYTES", "8000000"),
        ("ROOMHUB_NETWORK__MESSAGE_TIMEOUT", "10m"),
        ("ROOMHUB_NETWORK__BODY_TIMEOUT", "10m"),
    ];
    Server::limited("ulimit -v 400000", "music", &keys)
}

#[test]
fn hundreds_of_unfinished_large_messages_hold_no_more_than_the_budget() {
    let server = frugal();
    let settled = server.rss_kib();
    let mut streams = unfinished_messages(server.address, 200);
    assert_eq!(close_code(streams.last_mut().unwrap()), Some(1013));
    let refused = r#"roomhub_messages_refused_total{service="music",reason="no_memory"}"#;
    assert!(server.metric(refused) > 100.0);
    let grown = server.rss_kib().saturating_sub(settled);
    assert!(grown < 64 * 1024, "{grown} KiB");
    let mut member = websocket::Client::host(server.address, "AB12");
    member.emit("track_change", &json!({"room_id": "AB12", "track": {"x": "y".repeat(10_000)}}));
    member.expect_silence();
    drop(streams);
    // What they held is there for others.
    eventually("a large message", || {
        let mut host = websocket::Client::host(server.address, "CD34");
        host.send_raw(&format!(r#"42["nothing","{}"]"#, "y".repeat(MOST_OF_IT)));
        (host.try_send(r#"42["time_ping",{}]"#.into()) && host.hear().is_some()).then_some(())
    });
}

#[test]
fn a_head_that_announces_much_takes_no_memory() {
    let server = frugal();
    let mut streams: Vec<_> = (0..900).map(|_| open(server.address, SOCKET_IO)).collect();
    for stream in &mut streams {
        stream.write_all(&head(TEXT, 1_000_000)).unwrap();
    }
    websocket::Client::connect(server.address).expect_silence();
}

#[test]
fn a_connection_gives_back_what_its_largest_message_took() {
    let server = Server::start();
    let mut members: Vec<_> = (0..60).map(|_| websocket::Client::connect(server.address)).collect();
    let settled = server.rss_kib();
    let large = json!({"x": "y".repeat(MOST_OF_IT)});
    for member in &mut members {
        member.emit("nothing", &large);
        member.expect_silence();
    }
    let grown = server.rss_kib().saturating_sub(settled);
    assert!(grown < 30 * 1024, "{grown} KiB for 60 members that are silent again");
}

/// The answer to a request whose body stops half-way.
fn half_a_body(address: SocketAddr, request: &str) -> http::Response {
    let mut stream = http::connect(address);
    write!(
        stream,
        "{request}\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"a\":"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    http::parse(&answer)
}

#[test]
fn a_post_that_stops_half_way_is_answered_in_time() {
    let music = Server::start_with(&[], &SOON);
    let keyed = [SOON[0], SOON[1], ("AUTH_KEY", "open sesame")];
    let watch = Server::of("watch", &[], &keyed);
    let signal = Server::of("signal", &[], &SOON);
    for server in [&music, &watch, &signal] {
        let session = handshake(server.address);
        let answer = half_a_body(server.address, &format!("POST {session} HTTP/1.1"));
        assert_eq!(answer.status, 408, "{answer:?}");
    }
}

/// The answer to a request whose body comes byte by byte, until the connection ends.
fn dripping_body(address: SocketAddr, request: &str) -> http::Response {
    let mut stream = http::connect(address);
    let head = "Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n";
    write!(stream, "{request}\r\n{head}").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let (started, mut answer, mut piece) = (Instant::now(), Vec::new(), [0; 4096]);
    loop {
        assert!(started.elapsed() < PATIENCE, "{request}: {}", String::from_utf8_lossy(&answer));
        // Whoever has been answered may find the connection ended.
        let _ = stream.write_all(b" ");
        match stream.read(&mut piece) {
            Ok(0) => return http::parse(&answer),
            Ok(n) => answer.extend_from_slice(&piece[..n]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) if !answer.is_empty() => return http::parse(&answer),
            Err(error) => panic!("{request}: {error}"),
        }
    }
}

#[test]
fn a_body_that_comes_byte_by_byte_holds_no_route_of_any_service() {
    let data = TempDir::new().unwrap();
    let start = |service: &str| {
        let folder = data.path().to_str().unwrap();
        let environment = [
            SOON[1],
            ("AUTH_KEY", "open sesame, long enough"),
            ("ROOMHUB_RADIO__ADMIN_KEY", "open sesame, long enough"),
            ("ROOMHUB_DEVICES__DATA_DIR", folder),
        ];
        Server::of(service, &[], &environment)
    };
    let key = "Authorization: Bearer open sesame, long enough";
    let routes = |service: &str| match service {
        "music" | "signal" => vec![("/socket.io/?EIO=4&transport=polling", "", 408), ("/nowhere", "", 404)],
        "watch" => vec![("/admin/api/bans", "", 408), ("/admin/api/rooms/ABC/banner", "", 408)],
        "devices" => vec![("/rooms/ABCDEFGH/messages", "", 408), ("/nowhere", "", 404)],
        _ => vec![("/next-track", key, 200), ("/next-track", "X-Key: none", 401), ("/nowhere", "", 404)],
    };
    for service in ["music", "watch", "signal", "devices", "radio"] {
        let server = start(service);
        for (path, header, status) in routes(service) {
            let path =
                if path.starts_with("/socket.io") { handshake(server.address) } else { path.to_owned() };
            let header = if header.is_empty() { String::new() } else { format!("\r\n{header}") };
            let answer = dripping_body(server.address, &format!("POST {path} HTTP/1.1{header}"));
            assert_eq!(answer.status, status, "{service} {path}: {answer:?}");
        }
    }
}

/// Opens a polling session, and gives its path.
fn handshake(address: SocketAddr) -> String {
    let opened = http::get(address, "/socket.io/?EIO=4&transport=polling");
    let open: serde_json::Value = serde_json::from_str(opened.body.strip_prefix('0').unwrap()).unwrap();
    format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().unwrap())
}

#[test]
fn hundreds_of_unfinished_posts_hold_no_more_than_the_budget() {
    let server = frugal();
    let settled = server.rss_kib();
    let body = vec![b'x'; MOST_OF_IT];
    let begin = |_| {
        let mut stream = http::connect(server.address);
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n",
            handshake(server.address),
            MOST_OF_IT + 1000
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        stream
    };
    let mut streams: Vec<_> = (0..200).map(begin).collect();
    let mut answer = [0; 12];
    streams.last_mut().unwrap().read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
    let grown = server.rss_kib().saturating_sub(settled);
    assert!(grown < 64 * 1024, "{grown} KiB");
    let mut client = polling::Client::connect(server.address);
    client.emit("time_ping", &json!({"clientTime": 1}));
    client.expect("time_pong");
}

#[test]
fn a_head_without_end_is_refused() {
    let server = Server::start();
    let mut stream = http::connect(server.address);
    let line = format!("X-More: {}\r\n", "x".repeat(1000));
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    for _ in 0..40 {
        let _ = stream.write_all(line.as_bytes());
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
}

#[test]
fn the_answer_to_a_body_that_nobody_reads_is_not_taken_back_by_a_reset() {
    let data = TempDir::new().unwrap();
    let folder = ("ROOMHUB_DEVICES__DATA_DIR", data.path().to_str().unwrap());
    for service in ["music", "watch", "signal", "devices", "radio"] {
        let server = Server::of(service, &[], &[folder, ("AUTH_KEY", "open sesame")]);
        let mut stream = http::connect(server.address);
        let body = vec![b'x'; 4_000_000];
        write!(stream, "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len())
            .unwrap();
        stream.write_all(&body).unwrap_or_else(|error| panic!("{service}: {error}"));
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap_or_else(|error| panic!("{service}: {error}"));
        assert!(answer.starts_with("HTTP/1.1 4"), "{service}: {answer}");
    }
}
