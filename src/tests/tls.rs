//! TLS: pages and WebSockets over it, certificates replaced without breaking a connection.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use tokio_tungstenite::tungstenite;

use crate::harness::process::{Server, roomhub, run};
use crate::harness::{PATIENCE, eventually, http};

/// The key of operators.
const OPERATORS: &str = "the key of all operators";

/// A certificate for `localhost`, made here and trusted by nobody else.
pub fn certify(folder: &Path) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    // Replaced by renaming, as certificate tools do.
    fs::write(folder.join("cert.new"), cert.pem()).unwrap();
    fs::rename(folder.join("cert.new"), folder.join("cert.pem")).unwrap();
}

fn start(folder: &Path) -> Server {
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name).to_str().unwrap().to_owned());
    let large_tracks = ("ROOMHUB_MUSIC__MAX_TRACK_BYTES", "1000000");
    let operators =
        [("ROOMHUB_ADMIN__KEY", OPERATORS), ("ROOMHUB_ROOMS__DATA_DIR", folder.to_str().unwrap())];
    let tls = [("ROOMHUB_TLS__CERT", cert.as_str()), ("ROOMHUB_TLS__KEY", &key), large_tracks];
    Server::start_with(&[], &[&tls[..], &operators].concat())
}

/// A connection that trusts the certificate in the folder; what comes of the handshake shows at its first use.
fn connect(server: &Server, folder: &Path) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(client, http::connect(server.address))
}

#[test]
fn behind_a_door_the_host_and_not_the_name_of_the_handshake_chooses_the_service() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    let mut command = roomhub(&["all", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.env("ROOMHUB_TLS__CERT", cert).env("ROOMHUB_TLS__KEY", key).env("AUTH_KEY", "open sesame");
    command.env("ROOMHUB_DEVICES__DATA_DIR", folder.path()).env("ROOMHUB_RADIO__DATA_DIR", "");
    command.env("ROOMHUB_DOOR__DEVICES", "devices.example.org").env("ROOMHUB_DOOR__RADIO", "localhost");
    let server = Server::spawn(command);
    let mut stream = connect(&server, folder.path());
    let mut ask = |host: &str, path: &str| {
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        String::from_utf8(answer).unwrap()
    };
    assert!(ask("devices.example.org", "/").contains("roomhub devices"));
    assert!(ask("else", "/").contains(r#""services":["music""#));
    assert!(ask("localhost", "/now-playing").contains("\"route\""));
}

#[test]
fn a_session_of_operators_that_begins_over_tls_is_sent_over_tls_alone() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let server = start(folder.path());
    let mut stream = connect(&server, folder.path());
    let body = format!(r#"{{"key":"{OPERATORS}"}}"#);
    write!(
        stream,
        "POST /admin/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200") && head.contains("; HttpOnly; SameSite=Strict; Secure\r\n"),
        "{head}"
    );
}

#[test]
fn a_reload_is_over_for_systemd_only_once_the_certificate_is_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let path = folder.path().join("notify");
    let notified = UnixDatagram::bind(&path).unwrap();
    notified.set_read_timeout(Some(PATIENCE)).unwrap();
    let [cert, key] =
        ["cert.pem", "key.pem"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    let environment = [
        ("ROOMHUB_TLS__CERT", &*cert),
        ("ROOMHUB_TLS__KEY", &*key),
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("WATCHDOG_USEC", "200000"),
    ];
    let server = Server::start_with(&[], &environment);
    let next = || {
        let mut buffer = [0; 512];
        let n = notified.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..n]).into_owned()
    };
    let until = |word: &str| {
        loop {
            let message = next();
            if message.contains(word) {
                return message;
            }
        }
    };
    until("READY=1");
    // A key that takes its time: who reads it waits for who writes it.
    let elsewhere = tempfile::tempdir().unwrap();
    certify(elsewhere.path());
    let pipe = folder.path().join("key.new");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::rename(&pipe, &key).unwrap();
    fs::rename(elsewhere.path().join("cert.pem"), &cert).unwrap();
    server.signal("HUP");
    assert!(until("RELOADING=1").contains("MONOTONIC_USEC="));
    for _ in 0..3 {
        assert_eq!(next().trim(), "WATCHDOG=1", "it is being read");
    }
    let new_key = fs::read(elsewhere.path().join("key.pem")).unwrap();
    std::thread::spawn(move || {
        while Path::new(&key).exists() {
            // Who has read enough may have closed it.
            let _ = fs::write(&key, &new_key);
        }
    });
    until("READY=1");
    // Another one is not trusted.
    assert!(is_alive(&mut connect(&server, folder.path())));
}

#[test]
fn the_health_of_a_service_with_tls_is_asked_by_tls() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let server = start(folder.path());
    let health = |pid: &str| run(&["probe", "health", "--pid", pid], &[]);
    let output = health(&server.pid().to_string());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // What ends every connection by a TLS alert is not well.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(&[0x15, 3, 3, 0, 2, 2, 10]);
        }
    });
    let environment = [("ROOMHUB_MUSIC__HOST", "127.0.0.1"), ("ROOMHUB_MUSIC__PORT", &*port)];
    assert_eq!(run(&["probe", "health", "music"], &environment).status.code(), Some(1));
}

fn is_alive(stream: &mut StreamOwned<ClientConnection, TcpStream>) -> bool {
    let mut answer = [0; 12];
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && &answer == b"HTTP/1.1 200"
}

/// Read calls that the server has made so far.
fn n_reads(server: &Server) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", server.pid())).unwrap();
    io.lines().find_map(|line| line.strip_prefix("syscr: ")).unwrap().parse().unwrap()
}

#[test]
fn a_certificate_that_somebody_reads_is_not_read_again_and_again() {
    const CONNECTIONS: u64 = 100;
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let server = start(folder.path());
    assert!(is_alive(&mut connect(&server, folder.path())));
    let before = n_reads(&server);
    for _ in 0..CONNECTIONS {
        fs::read(folder.path().join("key.pem")).unwrap();
        assert!(is_alive(&mut connect(&server, folder.path())));
    }
    let n = n_reads(&server) - before;
    assert!(n < CONNECTIONS * 20, "{n} reads for {CONNECTIONS} connections");
}

#[test]
fn a_key_that_does_not_fit_is_told_of_once_whatever_else_is_written_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let server = start(folder.path());
    let refusals = || server.log().matches("the new certificate is not used").count();
    let CertifiedKey { signing_key, .. } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.path().join("key.new"), signing_key.serialize_pem()).unwrap();
    fs::rename(folder.path().join("key.new"), folder.path().join("key.pem")).unwrap();
    eventually("a refusal of the key", || (refusals() == 1).then_some(()));
    for n in 0..1000 {
        fs::write(folder.path().join("access.log"), n.to_string()).unwrap();
    }
    // What is written last is noticed last.
    certify(folder.path());
    eventually("the new certificate", || server.log().contains("certificate read again").then_some(()));
    // A key that is half written is refused as well.
    assert!(refusals() < 10, "{} refusals", refusals());
}

#[test]
fn a_certificate_is_replaced_while_connections_go_on() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let server = start(folder.path());
    let request = tungstenite::client::IntoClientRequest::into_client_request(
        "ws://localhost/socket.io/?EIO=4&transport=websocket",
    )
    .unwrap();
    let (mut socket, _) = tungstenite::client(request, connect(&server, folder.path())).unwrap();
    let mut read = move |expected: &str| {
        let text = socket.read().unwrap().into_text().unwrap();
        assert!(text.starts_with(expected), "{text}");
        socket.send("421[\"create_room\",{\"room_id\":\"AB12\",\"track\":{}}]".into()).unwrap();
    };
    read("0");

    certify(folder.path());
    eventually("the new certificate", || is_alive(&mut connect(&server, folder.path())).then_some(()));
    fs::write(folder.path().join("cert.pem"), "no certificate").unwrap();
    server.signal("HUP");
    eventually("a refusal of the broken one", || {
        server.log().contains("the new certificate is not used").then_some(())
    });
}

#[test]
fn a_room_works_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let server = start(folder.path());
    let request = || {
        let url = "ws://localhost/socket.io/?EIO=4&transport=websocket";
        tungstenite::client::IntoClientRequest::into_client_request(url).unwrap()
    };
    let mut members: Vec<_> = (0..2)
        .map(|_| {
            let (mut socket, _) = tungstenite::client(request(), connect(&server, folder.path())).unwrap();
            socket.read().unwrap();
            socket.send("40".into()).unwrap();
            socket
        })
        .collect();
    let send = |socket: &mut tungstenite::WebSocket<_>, event: &str, payload: serde_json::Value| {
        socket.send(format!("42{}", json!([event, payload])).into()).unwrap();
    };
    let wait = |socket: &mut tungstenite::WebSocket<StreamOwned<ClientConnection, TcpStream>>,
                event: &str| loop {
        let text = socket.read().unwrap().into_text().unwrap().to_string();
        if text.starts_with(&format!("42[\"{event}\"")) {
            return text;
        }
    };
    send(&mut members[0], "create_room", json!({"room_id": "AB12", "track": {}}));
    wait(&mut members[0], "room_created");
    send(&mut members[1], "join_room", json!({"room_id": "AB12"}));
    wait(&mut members[1], "sync_state");
    let text = "x".repeat(300_000);
    for n in 0..20 {
        send(&mut members[0], "track_change", json!({"room_id": "AB12", "track": {"n": n, "text": text}}));
    }
    for n in 0..20 {
        assert!(wait(&mut members[1], "track_change").contains(&format!("\"n\":{n},")));
    }
    // Plain HTTP on a TLS port is no request.
    let mut plain = http::connect(server.address);
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}
