//! From start to stop: signals, draining, reloads, systemd.

use std::io::Read;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Instant;

use serde_json::json;

use crate::harness::process::Server;
use crate::harness::{PATIENCE, eventually, http, polling, websocket};

#[test]
fn sigterm_tells_the_clients_and_ends_with_0() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start();
        let mut socket = websocket::Client::host(server.address, "AB12");
        let mut poller = polling::Client::connect(server.address);
        let mut waiting = poller.begin_poll();
        let connections = r#"roomhub_connections{service="music"}"#;
        // The socket, the poll that waits, and the one that asks.
        eventually("a waiting poll", || (server.metric(connections) == 3.0).then_some(()));
        server.signal(signal);
        // An Engine.IO close: clients take it for a lost connection and come back, not for a dismissal.
        let last = std::iter::from_fn(|| socket.read_text()).last();
        assert_ne!(last.as_deref(), Some("41"), "a dismissed client would not come back");
        let mut answer = Vec::new();
        waiting.read_to_end(&mut answer).unwrap();
        assert_eq!(http::parse(&answer).status, 200, "a poll that waits is answered");
        assert_eq!(server.wait(), 0);
        assert!(server.log().contains("stopped"), "{}", server.log());
    }
}

#[test]
fn a_client_that_does_not_listen_does_not_hold_up_the_end() {
    let mut server = Server::start_with(&[], &[("ROOMHUB_RUNTIME__SHUTDOWN_GRACE", "2s")]);
    let mut host = websocket::Client::host(server.address, "AB12");
    let _sleeper = websocket::Client::guest(server.address, "AB12");
    let track = json!({"x": "y".repeat(60_000)});
    for _ in 0..60 {
        host.emit("track_change", &json!({"room_id": "AB12", "track": track}));
    }
    host.expect("room_users");
    host.expect_silence();
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server = Server::start_with(&[], &[("ROOMHUB_RUNTIME__SHUTDOWN_GRACE", "1h")]);
    let half_open = http::connect(server.address);
    let _sleeper = websocket::Client::host(server.address, "AB12");
    server.signal("TERM");
    eventually("the announcement", || server.log().contains("stopping").then_some(()));
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
    drop(half_open);
}

#[test]
fn the_log_level_changes_while_running() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "[log]\nlevel = \"info\"\n").unwrap();
    let server = Server::start_with(&["--config", file.to_str().unwrap()], &[]);
    let is_debugging = || server.log().contains("member connected");
    drop(websocket::Client::connect(server.address));
    assert!(!is_debugging());
    server.signal("USR1");
    eventually("debug level", || server.log().contains("log level changed").then_some(()));
    drop(websocket::Client::connect(server.address));
    eventually("a debug line", || is_debugging().then_some(()));

    std::fs::write(&file, "[log]\nlevel = \"warn\"\n").unwrap();
    server.signal("HUP");
    std::fs::write(&file, "[log]\nlevel = \"\"\n").unwrap();
    eventually("a refused reload", || {
        server.signal("HUP");
        server.log().contains("not reloaded").then_some(())
    });
    assert_eq!(http::get(server.address, "/livez").status, 200);
}

#[test]
fn systemd_hands_over_the_socket_and_is_told_of_every_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let notified = UnixDatagram::bind(&path).unwrap();
    notified.set_read_timeout(Some(PATIENCE)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();

    // A shell stands in for systemd: it puts the socket at descriptor 3 and its own pid into LISTEN_PID.
    let program = env!("CARGO_BIN_EXE_roomhub");
    let script = format!(
        "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec {program} music --log-format json"
    );
    let mut command = Command::new("sh");
    command
        .args(["-c", &script])
        .env_clear()
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "200000")
        .current_dir(folder.path())
        .stdin(OwnedFd::from(listener));
    let mut server = Server::spawn(command);
    assert_eq!(server.address, address);
    assert_eq!(http::get(address, "/livez").status, 200);

    // Messages in their order; each word is looked for after the one before.
    let until = |word: &str| {
        let (mut buffer, started) = ([0; 512], Instant::now());
        loop {
            // The watchdog goes on and on.
            assert!(started.elapsed() < PATIENCE, "{word} never came");
            let n = notified.recv(&mut buffer).unwrap_or_else(|_| panic!("{word} never came"));
            let message = std::str::from_utf8(&buffer[..n]).unwrap();
            if message.contains(word) {
                return message.to_owned();
            }
        }
    };
    let status = format!("STATUS=music on {address}");
    assert!(until("READY=1").contains(&status));
    until("WATCHDOG=1");
    server.signal("HUP");
    until("RELOADING=1\nMONOTONIC_USEC=");
    assert!(!until("READY=1").contains("STATUS="), "the line for `systemctl status` stays");
    server.signal("TERM");
    until("STOPPING=1");
    assert_eq!(server.wait(), 0);
}

#[test]
fn errors_are_reported_to_sentry_only_if_asked_and_without_personal_data() {
    let sentry = TcpListener::bind("127.0.0.1:0").unwrap();
    let dsn = format!("http://public-key@{}/1", sentry.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "").unwrap();
    let server =
        Server::start_with(&["--config", file.to_str().unwrap()], &[("SENTRY_DSN", &dsn), ("RELEASE", "r7")]);
    std::fs::write(&file, "[music]\nport = \"no port\"\n").unwrap();
    server.signal("HUP");

    let (mut stream, _) = sentry.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut report = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&report).contains("not reloaded") {
        let n = stream
            .read(&mut buffer)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&report)));
        assert!(n > 0, "no report: {}", String::from_utf8_lossy(&report));
        report.extend_from_slice(&buffer[..n]);
    }
    let report = String::from_utf8_lossy(&report);
    assert!(report.starts_with("POST /api/1/envelope/"), "{report}");
    assert!(report.contains("r7"));
    for personal in ["ip_address", "\"user\""] {
        assert!(!report.contains(personal), "{personal} is in {report}");
    }
    assert!(report.contains(r#""server_name":"""#), "a host's name is nobody's business: {report}");
    assert!(!server.log().contains("public-key"));
}
