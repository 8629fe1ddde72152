//! A client that breaks the WebSocket protocol is told so by a close frame, on every WebSocket there is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use tempfile::TempDir;

use crate::harness::client_frames::{ENDS, PING, TEXT, TEXT_BEGINS, frame, head};
use crate::harness::frames::{close_code, open};
use crate::harness::process::Server;
use crate::harness::{http, polling};

const SOCKET_IO: &str = "/socket.io/?EIO=4&transport=websocket";

/// What is wrong, and the code that says so.
fn violations() -> Vec<(&'static str, Vec<u8>, u16)> {
    vec![
        ("no mask", vec![TEXT, 2, b'4', b'0'], 1002),
        ("a reserved bit", frame(0xc1, b"40"), 1002),
        ("a reserved opcode", frame(0x83, b"40"), 1002),
        ("a reserved control opcode", frame(0x8b, b""), 1002),
        ("a ping in parts", frame(0x09, b""), 1002),
        ("a long ping", frame(PING, &[b'x'; 126]), 1002),
        ("the rest of nothing", frame(ENDS, b"40"), 1002),
        ("a message within a message", [frame(TEXT_BEGINS, b"4"), frame(TEXT, b"40")].concat(), 1002),
        ("too long", head(TEXT, 1_100_000), 1009),
        ("too long by far", head(TEXT, usize::MAX), 1009),
        ("too long in parts", [frame(TEXT_BEGINS, &vec![b'x'; 600_000]), head(ENDS, 600_000)].concat(), 1009),
    ]
}

fn check(connect: impl Fn() -> TcpStream, more: &[(&'static str, Vec<u8>, u16)]) {
    for (what, bytes, code) in violations().iter().chain(more) {
        let mut stream = connect();
        // A server that has seen enough need not read the rest.
        let _ = stream.write_all(bytes);
        assert_eq!(close_code(&mut stream), Some(*code), "{what}");
    }
}

/// What shows only in the payload.
fn of_payloads() -> Vec<(&'static str, Vec<u8>, u16)> {
    vec![
        ("no text", frame(TEXT, b"4\xff"), 1007),
        ("no text in parts", [frame(TEXT_BEGINS, b"4\xc3"), frame(ENDS, b"(")].concat(), 1007),
        ("half a character", frame(TEXT, b"4\xc3"), 1007),
        ("a close frame of one byte", frame(0x88, b"x"), 1002),
    ]
}

#[test]
fn a_socketio_client_that_breaks_the_protocol_is_told_by_a_close_code() {
    let server = Server::start();
    check(|| open(server.address, SOCKET_IO), &of_payloads());
}

#[test]
fn a_plain_websocket_client_that_breaks_the_protocol_is_told_by_a_close_code() {
    let server = Server::of("signal", &[], &[]);
    check(|| open(server.address, "/ws"), &of_payloads());
}

#[test]
fn a_device_that_breaks_the_protocol_is_told_by_a_close_code() {
    let data = TempDir::new().unwrap();
    let folder = data.path().to_str().unwrap();
    let server = Server::of("devices", &[], &[("ROOMHUB_DEVICES__DATA_DIR", folder)]);
    check(|| open(server.address, "/any/path"), &of_payloads());
}

#[test]
fn a_client_that_polled_before_is_told_by_a_close_code() {
    let server = Server::start();
    let go_over = || {
        let client = polling::Client::connect(server.address);
        let mut stream = open(server.address, &format!("{SOCKET_IO}&sid={}", client.session));
        stream.write_all(&frame(TEXT, b"2probe")).unwrap();
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"\x81\x063probe");
        stream.write_all(&frame(TEXT, b"5")).unwrap();
        stream
    };
    check(go_over, &of_payloads());
}

/// The answer to a request as a proxy sends it that speaks HTTP/1.0.
fn by_old_proxy(address: SocketAddr, path: &str) -> http::Response {
    let mut stream = http::connect(address);
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    http::parse(&answer)
}

#[test]
fn an_upgrade_over_http_1_0_is_told_what_the_proxy_lacks() {
    let data = TempDir::new().unwrap();
    let folder = data.path().to_str().unwrap();
    let music = Server::start();
    let signal = Server::of("signal", &[], &[]);
    let devices = Server::of("devices", &[], &[("ROOMHUB_DEVICES__DATA_DIR", folder)]);
    let polled = polling::Client::connect(music.address);
    let upgrade = format!("{SOCKET_IO}&sid={}", polled.session);
    for (server, path) in [
        (&music, SOCKET_IO),
        (&music, &upgrade),
        (&signal, SOCKET_IO),
        (&signal, "/ws"),
        (&devices, "/any/path"),
    ] {
        let answer = by_old_proxy(server.address, path);
        assert_eq!((answer.status, answer.header("upgrade")), (426, "websocket"), "{path}");
        assert!(answer.json()["error"].as_str().unwrap().contains("proxy_http_version"), "{path}");
    }
}
