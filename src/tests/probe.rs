//! `roomhub probe`: what it says of servers that are well, and of those that are not.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::thread;

use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use crate::harness::deployment::everywhere;
use crate::harness::eventually;
use crate::harness::process::{Server, roomhub, run};
use crate::harness::radio::{on_air, station};
use crate::tls::certify;

/// The scenarios of signalling over a WebSocket.
fn probe(address: SocketAddr, more: &[&str]) -> (i32, String) {
    probe_at(&format!("http://{address}"), "signal", &[&["--transport", "websocket"], more].concat())
}

fn probe_at(url: &str, service: &str, more: &[&str]) -> (i32, String) {
    let output = run(&[&["probe", service, "--auto", "--url", url], more].concat(), &[]);
    let told = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), told)
}

/// How many checks held, and the names of those that did not.
fn outcome(told: &str) -> (usize, Vec<&str>) {
    let n_held = told.lines().filter(|line| line.starts_with("ok ")).count();
    (n_held, told.lines().filter(|line| line.starts_with("FAIL")).collect())
}

/// A way to a server on which every frame gets lost that says a word.
fn forgetful(server: SocketAddr, word: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut path = String::new();
                #[allow(clippy::result_large_err, reason = "the library's own type")]
                let note = |request: &tungstenite::handshake::server::Request, response| {
                    path = request.uri().to_string();
                    Ok(response)
                };
                let Ok(client) = tungstenite::accept_hdr(stream, note) else { return };
                let upstream = TcpStream::connect(server).unwrap();
                let (server, _) = tungstenite::client(format!("ws://{server}{path}"), upstream).unwrap();
                let (to_client, to_server) = (twin(&client, Role::Server), twin(&server, Role::Client));
                thread::spawn(move || pass(client, to_server, None));
                pass(server, to_client, Some(word));
            });
        }
    });
    address
}

/// Another hand on the same socket, that writes.
fn twin(socket: &WebSocket<TcpStream>, role: Role) -> WebSocket<TcpStream> {
    WebSocket::from_raw_socket(socket.get_ref().try_clone().unwrap(), role, None)
}

fn pass(mut from: WebSocket<TcpStream>, mut to: WebSocket<TcpStream>, lost: Option<&str>) {
    while let Ok(message @ (Message::Text(_) | Message::Close(_))) = from.read() {
        let is_lost = lost.is_some_and(|word| matches!(&message, Message::Text(text) if text.contains(word)));
        if !is_lost && to.send(message).is_err() {
            break;
        }
    }
    let _ = to.get_ref().shutdown(std::net::Shutdown::Both);
}

#[test]
fn a_signalling_server_that_is_well_passes_every_check() {
    let server = Server::of("signal", &[], &[]);
    let (code, told) = probe(server.address, &["--users", "5", "--room", "here"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(told.lines().filter(|line| line.starts_with("ok ")).count(), 6, "{told}");
    assert!(told.lines().last().unwrap().contains("round trips, p50"), "{told}");
}

#[test]
fn a_server_that_forgets_to_tell_who_left_fails_those_checks_and_no_others() {
    let server = Server::of("signal", &[], &[]);
    let (code, told) = probe(forgetful(server.address, "user-left"), &[]);
    assert_eq!(code, 1, "{told}");
    let failed: Vec<&str> = told.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert_eq!(failed.len(), 2, "{told}");
    assert!(failed[0].contains("join, see each other and leave") && failed[1].contains("cut off"), "{told}");
}

#[test]
fn a_server_that_is_not_there_or_wants_a_key_fails_with_the_reason() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, told) = probe(nobody, &[]);
    assert!(code == 1 && told.contains("cannot be reached"), "{told}");
    let server = Server::of("signal", &[], &[("ROOMHUB_SIGNAL__AUTH_KEY", "open sesame")]);
    let (code, told) = probe(server.address, &[]);
    assert!(code == 1 && told.contains("unauthorized"), "{told}");
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "open sesame\n").unwrap();
    let (code, told) = probe(server.address, &["--auth-key-file", key.path().to_str().unwrap()]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(run(&["probe", "signal", "--users", "1"], &[]).status.code(), Some(2));
}

#[test]
fn whoever_types_sees_what_comes() {
    let server = Server::of("signal", &[], &[]);
    let mut talk = roomhub(&["probe", "signal", "--url", &format!("http://{}", server.address)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keyboard = talk.stdin.take().unwrap();
    keyboard.write_all(b"leave\njoin ann r1\nsay hello\nwhat?\nleave\nquit\n").unwrap();
    let output = talk.wait_with_output().unwrap();
    assert!(output.status.success());
    let told = String::from_utf8(output.stdout).unwrap();
    for words in ["connected to http://", "join a room first", "joined {", "leaved {", "quit\n"] {
        assert!(told.contains(words), "{words} is not in\n{told}");
    }
}

#[test]
fn every_service_can_be_tried_by_hand() {
    let data = tempfile::tempdir().unwrap();
    let environment = [
        ("AUTH_KEY", "open sesame"),
        ("ROOMHUB_DEVICES__DATA_DIR", data.path().to_str().unwrap()),
        ("ROOMHUB_RADIO__DATA_DIR", ""),
    ];
    let scripts = [
        ("music", "create R1\nseek 42\nstate\nwhat?\n", "\"current_time\":42"),
        ("watch", "create Films\nsay hello\nwhat?\n", "chat:message {"),
        ("devices", "join d1\nsay hello\nwho\nwhat?\n", "\"total_clients\":1"),
        ("radio", "now\nstreams\nwhat?\n", "\"streams\":["),
    ];
    for (service, script, words) in scripts {
        let server = Server::of(service, &[], &environment);
        let mut talk = roomhub(&["probe", service, "--url", &format!("http://{}", server.address)])
            .env("AUTH_KEY", "open sesame")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut keyboard = talk.stdin.take().unwrap();
        keyboard.write_all(script.as_bytes()).unwrap();
        let mut told = String::new();
        let mut screen = talk.stdout.take().unwrap();
        let mut piece = [0; 4096];
        while !told.contains(words) || told.matches("quit").count() < 2 {
            let n = screen.read(&mut piece).unwrap();
            assert!(n > 0, "{service}: {words} is not in\n{told}");
            told += &String::from_utf8_lossy(&piece[..n]);
        }
        keyboard.write_all(b"quit\n").unwrap();
        assert!(talk.wait().unwrap().success());
    }
}

#[test]
fn servers_of_rooms_that_are_well_pass_every_check_on_both_transports() {
    for (service, n_checks) in [("music", 14), ("watch", 16), ("signal", 12), ("devices", 7)] {
        let key = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(key.path(), "open sesame").unwrap();
        let mut more = vec!["--users", "4"];
        if service == "watch" {
            more.extend(["--auth-key-file", key.path().to_str().unwrap()]);
        }
        everywhere(service, &[], |deployment| {
            deployment.spread(|| {
                let (code, told) = probe_at(&format!("http://{}", deployment.address), service, &more);
                assert_eq!((code, outcome(&told)), (0, (n_checks, Vec::new())), "{service}:\n{told}");
                assert!(!told.contains("sesame"), "{told}");
            });
        });
    }
}

#[test]
fn servers_of_rooms_that_lose_words_fail_the_checks_that_need_them() {
    let data = tempfile::tempdir().unwrap();
    let environment = [("ROOMHUB_DEVICES__DATA_DIR", data.path().to_str().unwrap())];
    let lost = [
        ("music", "become_host", "the next member follows"),
        ("music", "track_change", "what the host does"),
        ("devices", "\"ack\"", "acknowledged"),
        ("devices", "\"direct\"", "for one device"),
    ];
    for (service, word, check) in lost {
        let server = Server::of(service, &[], &environment);
        let url = format!("http://{}", forgetful(server.address, word));
        let (code, told) = probe_at(&url, service, &["--transport", "websocket", "--timeout", "1s"]);
        let (n_held, failed) = outcome(&told);
        assert!(code == 1 && n_held > 3, "{service} without {word}:\n{told}");
        assert!(failed.len() == 1 && failed[0].contains(check), "{service} without {word}:\n{told}");
        server.signal("KILL");
    }
}

#[test]
fn tls_is_spoken_with_an_authority_of_ones_own_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let server = Server::of("music", &[], &[("ROOMHUB_TLS__CERT", &cert), ("ROOMHUB_TLS__KEY", &key)]);
    let url = format!("https://localhost:{}", server.address.port());
    let (code, told) = probe_at(&url, "music", &["--ca-file", &cert]);
    assert_eq!((code, outcome(&told).0), (0, 14), "{told}");
    let (code, told) = probe_at(&url, "music", &["--transport", "polling"]);
    assert!(code == 1 && told.contains("no TLS with"), "{told}");
}

/// A way to a server's sound: `spoil` makes of each piece what goes on.
fn tampered(server: SocketAddr, spoil: fn(&mut Vec<u8>, usize)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut upstream = TcpStream::connect(server).unwrap();
                let mut asked = client.try_clone().unwrap();
                let mut way_up = upstream.try_clone().unwrap();
                thread::spawn(move || {
                    // Whoever hangs up ends both ways.
                    let _ = io::copy(&mut asked, &mut way_up);
                    let _ = way_up.shutdown(Shutdown::Both);
                });
                let (mut piece, mut n_passed) = ([0; 8192], 0);
                while let Ok(n @ 1..) = upstream.read(&mut piece) {
                    let mut bytes = piece[..n].to_vec();
                    spoil(&mut bytes, n_passed);
                    n_passed += n;
                    if client.write_all(&bytes).is_err() {
                        break;
                    }
                }
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    });
    address
}

#[test]
fn a_radio_that_is_well_passes_and_one_that_loses_bytes_or_time_does_not() {
    let server = station(&[], &[]);
    on_air(&server);
    let probe = |address: SocketAddr| probe_at(&format!("http://{address}"), "radio", &[]);
    // A machine that is busy elsewhere delays the sound, which the probe is right to tell.
    eventually("a probe that finds all well", || {
        let (code, told) = probe(server.address);
        println!("{told}");
        ((code, outcome(&told)) == (0, (6, Vec::new()))).then_some(())
    });
    // Some bytes in the middle of the sound are lost.
    let torn = tampered(server.address, |bytes, n_passed| {
        if (100_000..116_384).contains(&n_passed) {
            bytes.pop();
        }
    });
    let (code, told) = probe(torn);
    assert!(code == 1 && told.contains("no frame follows"), "{told}");
    // After the burst, nothing comes any more.
    let slow = tampered(server.address, |bytes, n_passed| {
        if n_passed > 150_000 {
            bytes.clear();
        }
    });
    let (code, told) = probe(slow);
    assert!(code == 1 && told.contains("nothing came"), "{told}");
    let (code, told) = probe_at(&format!("http://{}", server.address), "radio", &["--route", "/nothing"]);
    assert!(code == 1 && told.contains("404"), "{told}");
}
