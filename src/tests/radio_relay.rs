//! Relays: one station is fed by another, through failures, over TLS, and never in a circle.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use crate::harness::process::Server;
use crate::harness::radio::{Recording, hear, make, on_air, station};
use crate::harness::{eventually, http};

/// A station with one track of that title.
fn with_track(title: &str, flags: &[&str], environment: &[(&str, &str)]) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let args = format!("-ac 2 -ar 44100 -b:a 128k -metadata artist=Ann -metadata title={title}");
    make(folder.path(), &format!("{title}.mp3"), "sine=440", 30, &args);
    let flags = [flags, &["--audio-dir", folder.path().to_str().unwrap()]].concat();
    (station(&flags, environment), folder)
}

fn becomes(server: &Server, key: &str, value: &str) {
    eventually(&format!("{key} = {value}"), || {
        let now = http::get(server.address, "/now-playing?route=news").json();
        (now[key] == value).then_some(())
    });
}

#[test]
fn a_relay_plays_the_stream_and_titles_of_the_other_server_and_its_folder_while_that_fails() {
    let (other, other_folder) = with_track("There", &[], &[]);
    on_air(&other);
    let relays = format!("{{\"news\":\"http://{}/\"}}", other.address);
    // Its password would be in a file of its own.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), relays).unwrap();
    let relays = file.path().to_str().unwrap();
    let environment = [("ROOMHUB_RADIO__RELAYS_FILE", relays), ("ROOMHUB_RADIO__RELAY_MAX_PAUSE", "1s")];
    let (server, _folder) = with_track("Here", &[], &environment);
    becomes(&server, "source", "relay");
    becomes(&server, "title", "There");
    becomes(&server, "artist", "Ann");
    let recording = Recording::start(server.address, "/news");
    on_air(&server);
    assert_eq!(http::get(server.address, "/now-playing").json()["title"], "Here");
    let history = http::get(server.address, "/history?route=news").json();
    let titles =
        history["history"].as_array().unwrap().iter().map(|played| played["title"].as_str().unwrap());
    assert_eq!(titles.filter(|title| *title == "There").count(), 1, "{history}");
    // One connection, however many listen here.
    assert_eq!(http::get(other.address, "/now-playing").json()["listeners"], 1);

    let port = other.address.port().to_string();
    drop(other);
    becomes(&server, "source", "folder");
    becomes(&server, "title", "Here");
    let flags = ["--port", &port, "--audio-dir", other_folder.path().to_str().unwrap()];
    let mut command =
        crate::harness::process::roomhub(&["radio", "--host", "127.0.0.1", "--log-format", "json"]);
    command.args(flags).env("ROOMHUB_RADIO__DATA_DIR", "");
    let _other = Server::spawn(command);
    becomes(&server, "title", "There");
    let recorded = recording.stop();
    assert_eq!(recorded.formats(), "44100,2");
    assert_eq!(recorded.complaints(), "");
}

#[test]
fn stations_that_relay_each_other_play_on_from_their_folders() {
    // Each must know the other's port before it has one.
    let ports: Vec<_> = {
        let held: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        held.iter().map(|held| held.local_addr().unwrap().port()).collect()
    };
    let start = |own: u16, other: u16| {
        let relays = format!("{{\"news\":\"http://127.0.0.1:{other}/news\"}}");
        let environment = [("ROOMHUB_RADIO__RELAYS", &*relays), ("ROOMHUB_RADIO__RELAY_MAX_PAUSE", "1s")];
        let mut command =
            crate::harness::process::roomhub(&["radio", "--host", "127.0.0.1", "--log-format", "json"]);
        command.args(["--port", &own.to_string()]).env("ROOMHUB_RADIO__DATA_DIR", "").envs(environment);
        Server::spawn(command)
    };
    let (one, two) = (start(ports[0], ports[1]), start(ports[1], ports[0]));
    eventually("a loop that is found", || {
        (one.log() + &two.log()).contains("it relays this station: a loop").then_some(())
    });
    let sources = [&one, &two]
        .map(|server| http::get(server.address, "/now-playing?route=news").json()["source"].clone());
    assert!(sources.iter().any(|source| source == "folder"), "{sources:?}");
}

/// A server that answers every request with these bytes and then says no more.
fn answering(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1000]);
            let _ = stream.write_all(answer);
            held.push(stream);
        }
    });
    port
}

#[test]
fn what_is_not_a_station_is_not_relayed_and_the_log_says_why() {
    for (answer, reason) in [
        (&b"HTTP/1.1 404 Not Found\r\n\r\n"[..], "it answers 404"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "which is not decoded"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n", "video/mp4"),
        (b"HTTP/1.1 302 Found\r\nLocation: ftp://other/\r\n\r\n", "it redirects to"),
        (b"HTTP/1.1 302 Found\r\nLocation: ?again\r\n\r\n", "it redirects more than 5 times"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: audio/x-mpegurl\r\nContent-Length: 7\r\n\r\n#EXTM3U",
            "without a URL",
        ),
        (b"SSH-2.0\r\n\r\n", "it does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "it has stalled"),
        (b"", "it does not answer"),
    ] {
        let relays = format!("{{\"news\":\"http://127.0.0.1:{}/\"}}", answering(answer));
        let server =
            station(&[], &[("ROOMHUB_RADIO__RELAYS", &relays), ("ROOMHUB_RADIO__SOURCE_TIMEOUT", "500ms")]);
        eventually(reason, || server.log().contains(reason).then_some(()));
        on_air(&server);
    }
}

#[test]
fn a_relay_of_a_stream_that_drips_bytes_without_sound_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 1000]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n");
                while stream.write_all(b"x").is_ok() {
                    thread::park_timeout(Duration::from_millis(50));
                }
            });
        }
    });
    let relays = format!("{{\"news\":\"http://127.0.0.1:{port}/\"}}");
    let server =
        station(&[], &[("ROOMHUB_RADIO__RELAYS", &relays), ("ROOMHUB_RADIO__SOURCE_TIMEOUT", "500ms")]);
    let reason = "it has stalled: no sound";
    eventually("the end of the relay", || server.log().contains(reason).then_some(()));
    on_air(&server);
}

/// Answers requests for these targets, each with its bytes, and for all others with chunks of an endless stream.
fn elsewhere(answers: &'static [(&'static str, &'static str)], sound: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 1000];
            let n = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..n]).into_owned();
            let target = request.split(' ').nth(1).unwrap_or_default();
            if let Some((_, answer)) = answers.iter().find(|(known, _)| *known == target) {
                let _ = stream.write_all(answer.as_bytes());
                continue;
            }
            let sound = sound.clone();
            thread::spawn(move || {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nTransfer-Encoding: chunked\r\nicy-metaint: 8000\r\n\r\n";
                let mut body = Vec::new();
                for (n, piece) in sound.chunks_exact(8000).enumerate() {
                    body.extend(piece);
                    let mut block =
                        if n == 0 { b"\x02StreamTitle='Bj\xf6rk - It's; 'on'';".to_vec() } else { vec![0] };
                    if n == 0 {
                        block.resize(33, 0);
                    }
                    body.extend(block);
                }
                let mut said = stream.write_all(head.as_bytes());
                for piece in body.chunks(1000) {
                    let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
                    said = said.and_then(|()| stream.write_all(&chunk));
                }
                let _ = said.and_then(|()| stream.read(&mut [0; 10]).map(|_| ()));
            });
        }
    });
    port
}

#[test]
fn a_relay_is_followed_over_relative_redirects_and_playlists_into_chunks() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "a.mp3", "sine=440", 60, "-ac 2 -ar 44100 -b:a 64k");
    let sound = fs::read(folder.path().join("a.mp3")).unwrap();
    let answers = &[
        ("/a/start", "HTTP/1.1 302 Found\r\nLocation: ../b?c=d\r\n\r\n"),
        ("/b?c=d", "HTTP/1.0 301 Moved\r\nlocation: /list.pls\r\n\r\n"),
        (
            "/list.pls",
            "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n[playlist]\nNumberOfEntries=1\nFile1=deeper/list.m3u\n",
        ),
        (
            "/deeper/list.m3u",
            "HTTP/1.1 200 OK\r\nContent-Type: audio/mpegurl\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n#EXTM3U\n\r\n6\r\n/sound\r\n0\r\n\r\n",
        ),
    ];
    let relays = format!("{{\"news\":\"http://127.0.0.1:{}/a/start\"}}", elsewhere(answers, sound));
    let (server, _folder) = with_track("Here", &[], &[("ROOMHUB_RADIO__RELAYS", &relays)]);
    becomes(&server, "source", "relay");
    becomes(&server, "artist", "Björk");
    becomes(&server, "title", "It's; 'on'");
    let recording = Recording::start(server.address, "/news");
    hear(server.address, "/news", 60_000);
    assert_eq!(recording.stop().complaints(), "");
}

#[test]
fn a_station_behind_tls_is_relayed_if_its_authority_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let [cert_file, key_file] =
        ["cert.pem", "key.pem"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    fs::write(&cert_file, cert.pem()).unwrap();
    fs::write(&key_file, signing_key.serialize_pem()).unwrap();
    let (other, _other_folder) =
        with_track("There", &[], &[("ROOMHUB_TLS__CERT", &cert_file), ("ROOMHUB_TLS__KEY", &key_file)]);
    let relays = format!("{{\"news\":\"https://localhost:{}/\"}}", other.address.port());
    let distrusting = station(&[], &[("ROOMHUB_RADIO__RELAYS", &relays)]);
    eventually("distrust", || distrusting.log().contains("TLS: ").then_some(()));
    let trusting = [("ROOMHUB_RADIO__RELAYS", &*relays), ("ROOMHUB_RADIO__RELAY_CA", &*cert_file)];
    let server = station(&[], &trusting);
    becomes(&server, "title", "There");
}

#[test]
fn an_invalid_url_is_reported_with_its_key() {
    let output =
        crate::harness::process::run(&["radio"], &[("ROOMHUB_RADIO__RELAYS", "{\"news\":\"other/news\"}")]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(told.contains("radio.relays") && told.contains("http://other:9999/news"), "{told}");
}
