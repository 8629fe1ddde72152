//! The stations' addresses as players, proxies and strangers write them, and lists that anybody may ask for.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::harness::http;
use crate::harness::process::Server;
use crate::harness::radio::{make, on_air, station};

/// A station with one track on each of these routes.
fn with_routes(folder: &Path, routes: &str, environment: &[(&str, &str)]) -> Server {
    make(folder, "a.mp3", "sine=440", 60, "-ac 2 -ar 44100 -b:a 64k -metadata title=Eins");
    let server = station(&["--audio-dir", folder.to_str().unwrap(), "--stream-routes", routes], environment);
    on_air(&server);
    server
}

/// The first line of what comes back for a request, and its headers.
fn head_of(server: &Server, request: &str) -> String {
    let mut stream = http::connect(server.address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn a_station_is_found_however_players_and_proxies_write_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_routes(folder.path(), "/,/rock,/caf\u{e9},/ночь ту", &[]);
    let host = server.address;
    for target in [
        "/rock".to_owned(),
        "/rock/".into(),
        "//rock".into(),
        "/rock.mp3".into(),
        "/rock.MP3?token=x".into(),
        format!("http://{host}/rock"),
        format!("HTTP://{host}/rock.mp3?x=y"),
        "/caf%C3%A9".into(),
        "/cafe%CC%81".into(),
        "/caf\u{e9}".into(),
        "/%D0%BD%D0%BE%D1%87%D1%8C%20%D1%82%D1%83".into(),
        "/stream.mp3".into(),
        "/index.mp3".into(),
        format!("http://{host}/"),
        format!("http://{host}"),
    ] {
        for request in [
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            format!("HEAD {target} HTTP/1.1\r\nHost: {host}\r\nRange: bytes=0-\r\n\r\n"),
            format!("GET {target} HTTP/1.0\r\nIcy-MetaData: 1\r\n\r\n"),
            format!("GET {target} HTTP/1.0\n\n"),
        ] {
            let head = head_of(&server, &request);
            assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{request:?}: {head}");
            assert_eq!(head.contains("icy-metaint: "), request.contains("Icy-MetaData"), "{request:?}");
        }
    }
    for target in ["/Rock", "/rock.ogg", "/rock.mp3.mp3", "/none.mp3", "/%00", "http://x/none"] {
        let head =
            head_of(&server, &format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        assert!(head.starts_with("HTTP/1.1 404 "), "{target}: {head}");
    }
    let streams = http::get(host, "//streams/").json();
    assert_eq!(streams["streams"][1]["url"], format!("http://{host}/caf%C3%A9"));
    for stream in streams["streams"].as_array().unwrap() {
        let played = Command::new("ffprobe").args(["-v", "error", stream["url"].as_str().unwrap()]).status();
        assert!(played.unwrap().success(), "{stream}");
    }
    let post = http::request(host, "POST", "/rock", &[], "");
    assert_eq!((post.status, post.header("allow")), (405, "GET, HEAD"));
    let preflight = [("Origin", "https://a"), ("Access-Control-Request-Method", "GET")];
    assert_eq!(http::request(host, "OPTIONS", "/rock", &preflight, "").status, 200);
}

#[test]
fn playlists_name_each_station_and_the_way_through_a_trusted_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let trusting = [("ROOMHUB_NETWORK__TRUSTED_PROXIES", "127.0.0.1")];
    let server = with_routes(folder.path(), "/,/rock,/ночь", &trusting);
    let proxied =
        [("X-Forwarded-Host", "radio.example"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Prefix", "/r")];
    let list = http::get_with(server.address, "/rock.m3u", &proxied).body;
    assert_eq!(list, "#EXTM3U\n#EXTINF:-1,roomhub radio /rock\nhttps://radio.example/r/rock\n");
    let list = http::get_with(server.address, "/%D0%BD%D0%BE%D1%87%D1%8C.pls", &proxied).body;
    assert!(list.contains("File1=https://radio.example/r/%D0%BD%D0%BE%D1%87%D1%8C\n"), "{list}");
    assert!(list.contains("Title1=roomhub radio /ночь\n"), "{list}");
    let icecast = http::get_with(server.address, "/status-json.xsl", &proxied).json();
    assert_eq!(icecast["icestats"]["source"][1]["listenurl"], "https://radio.example/r/rock");
    assert_eq!(icecast["icestats"]["source"][1]["server_name"], "roomhub radio /rock");

    let distrusting = station(&[], &[]);
    on_air(&distrusting);
    let list = http::get_with(distrusting.address, "/index.m3u", &proxied).body;
    assert!(list.ends_with(&format!("https://{}/\n", distrusting.address)), "{list}");
}

#[test]
fn a_head_without_end_and_what_is_no_request_are_answered() {
    let server = station(&[], &[]);
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(20_000));
    assert!(head_of(&server, &long).starts_with("HTTP/1.0 431 "));
    assert!(head_of(&server, "hello\r\n\r\n").starts_with("HTTP/1.0 400 "));
    assert!(head_of(&server, &format!("GET /{} HTTP/1.0\r\n\r\n", "a".repeat(9000))).contains(" 404 "));
}

#[test]
fn there_is_no_hls_where_listeners_have_orders_of_their_own() {
    let server = station(&["--stream-mode", "individual"], &[]);
    let answer = http::get(server.address, "/index.m3u8");
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("there is no HLS"), "{answer:?}");
}

#[test]
fn status_documents_are_written_once_for_all_clients() {
    let folder = tempfile::tempdir().unwrap();
    let routes: Vec<String> = (0..60).map(|n| format!("/{n}")).collect();
    let server = with_routes(folder.path(), &routes.join(","), &[]);
    // The same text, with the same times in it, comes back to many who ask at once.
    let address = server.address;
    let answers: Vec<String> = (0..8)
        .map(|_| {
            thread::spawn(move || (0..10).map(|_| http::get(address, "/streams").body).collect::<Vec<_>>())
        })
        .collect::<Vec<_>>()
        .into_iter()
        .flat_map(|asking| asking.join().unwrap())
        .collect();
    let mut different = answers.clone();
    different.sort();
    different.dedup();
    assert!(different.len() <= answers.len() / 2, "{} of {}", different.len(), answers.len());
    assert_eq!(http::get(address, "/status-json.xsl").json()["icestats"]["source"][59]["channels"], 2);
}

#[test]
fn events_describe_every_station_and_when_its_track_started() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_routes(folder.path(), "/,/rock", &[]);
    let mut stream = http::connect(server.address);
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: radio.example\r\n\r\n").unwrap();
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    while !text.contains("\n\n") {
        let n = stream.read(&mut piece).unwrap();
        assert!(n > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&piece[..n]));
    }
    assert!(text.contains("\"url\":\"http://radio.example/rock\""), "{text}");
    assert_eq!(text.matches("\"started_at\":1").count(), 2, "{text}");
}
