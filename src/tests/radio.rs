//! The stations as players meet them: real files made by ffmpeg, real sockets, judged by ffmpeg and mp3val.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::harness::process::roomhub;
use crate::harness::radio::{hear, listen, make, on_air, station};
use crate::harness::{eventually, http};

/// Files, with the arguments that make ffmpeg write them.
const MP3: (&str, &str) = ("a.mp3", "-ac 2 -ar 44100 -b:a 128k -metadata title=Eins -metadata artist=Ann");
const WAV: (&str, &str) = ("c.wav", "-ac 1 -ar 48000");
const OGG: (&str, &str) = ("e.ogg", "-ac 2 -ar 44100 -c:a libvorbis -metadata title=Drei");

#[test]
fn titles_are_at_their_offsets_and_match_the_history() {
    let folder = tempfile::tempdir().unwrap();
    for (name, args) in [MP3, OGG] {
        make(folder.path(), name, "sine=440", 2, args);
    }
    let server = station(&["--audio-dir", folder.path().to_str().unwrap()], &[]);
    on_air(&server);
    let (head, stream) = listen(server.address, "/stream", "Icy-MetaData: 1\r\n", Duration::from_secs(6));
    assert!(head.contains("icy-metaint: 16000\r\n"), "{head}");
    let mut titles = Vec::new();
    let mut rest = &stream[..];
    while rest.len() > 16_000 {
        let n = usize::from(rest[16_000]) * 16;
        let Some(block) = rest.get(16_001..16_001 + n) else { break };
        titles.push(String::from_utf8(block.to_vec()).unwrap().trim_end_matches('\0').to_owned());
        rest = &rest[16_001 + n..];
    }
    assert!(titles.len() > 5, "{titles:?}");
    titles.sort();
    titles.dedup();
    assert_eq!(titles, ["StreamTitle='Ann - Eins';", "StreamTitle='Drei';"]);
    let history = http::get(server.address, "/history").json();
    let names: Vec<_> = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|played| played["title"].as_str().unwrap())
        .collect();
    assert!(names.len() >= 3 && names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}

#[test]
fn a_folder_filled_later_goes_on_the_air_and_a_command_needs_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let server = station(
        &["--audio-dir", folder.path().to_str().unwrap(), "--stream-routes", "/,/news"],
        &[("ROOMHUB_RADIO__ADMIN_KEY", "open-sesame")],
    );
    eventually("a word on the empty folder", || {
        let told = http::get(server.address, "/readyz");
        (told.status == 200 && told.body.contains("/news: no audio in the folder")).then_some(())
    });
    assert_eq!(http::get(server.address, "/livez").status, 200);
    for (name, args) in [MP3, WAV] {
        make(folder.path(), name, "sine=440", 20, args);
    }
    on_air(&server);
    eventually("both tracks", || {
        (http::get(server.address, "/streams").json()["streams"][1]["tracks"] == 2).then_some(())
    });
    let track =
        || http::get(server.address, "/now-playing?route=news").json()["track"].as_str().unwrap().to_owned();
    let first = eventually("a track in place of silence", || Some(track()).filter(|name| !name.is_empty()));
    assert_eq!(http::request(server.address, "POST", "/next-track/news", &[], "").status, 401);
    let key = [("Authorization", "Bearer open-sesame")];
    assert_eq!(http::request(server.address, "POST", "/next-track/news", &key, "").status, 200);
    eventually("another track", || (track() != first).then_some(()));
    assert_eq!(http::request(server.address, "POST", "/prev-track/news", &key, "").status, 200);
    eventually("the track before", || (track() == first).then_some(()));
    assert_eq!(http::request(server.address, "POST", "/shuffle-playlist/news", &key, "").status, 200);
    assert_eq!(http::request(server.address, "POST", "/next-track/none", &key, "").status, 404);
    assert_eq!(http::get(server.address, "/now-playing?route=none").status, 404);
}

#[test]
fn players_relays_and_browsers_get_what_they_ask_for() {
    let server = station(&[], &[]);
    on_air(&server);
    let streams = http::get(server.address, "/streams").json();
    assert_eq!((&streams["status"], &streams["streams"][0]["route"]), (&"success".into(), &"/".into()));
    let page = http::get_with(server.address, "/", &[("Accept", "text/html,*/*;q=0.8")]);
    assert!(page.body.contains("js/main.js"), "{page:?}");
    assert!(http::get(server.address, "/web").body.contains("js/main.js"));
    let head = http::request(server.address, "HEAD", "/direct-stream", &[], "");
    assert_eq!((head.status, head.header("content-type"), head.body.as_str()), (200, "audio/mpeg", ""));
    let (head, _) = listen(server.address, "/", "Range: bytes=0-1\r\n", Duration::from_millis(300));
    assert!(head.starts_with("HTTP/1.0 200"), "{head}");
    assert!(http::get(server.address, "/index.m3u").body.ends_with(&format!("http://{}/\n", server.address)));
    assert!(
        http::get(server.address, "/index.pls").body.contains(&format!("File1=http://{}/", server.address))
    );
    assert_eq!(
        http::get(server.address, "/status-json.xsl").json()["icestats"]["source"][0]["server_type"],
        "audio/mpeg"
    );
    assert_eq!(http::get(server.address, "/nothing").json()["status"], "error");
    assert_eq!(http::request(server.address, "POST", "/streams", &[], "").status, 405);
    let mut stream = http::connect(server.address);
    stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00").unwrap();
    let mut answer = [0; 400];
    let n = stream.read(&mut answer).unwrap();
    assert!(String::from_utf8_lossy(&answer[..n]).contains("400 Bad Request"));
}

#[test]
fn listeners_that_disconnect_leave_no_trace() {
    let server = station(&[], &[]);
    on_air(&server);
    for _ in 0..5 {
        let crowd: Vec<_> = (0..200)
            .map(|_| {
                let mut stream = http::connect(server.address);
                stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
                stream
            })
            .collect();
        eventually("a crowd", || {
            (http::get(server.address, "/now-playing").json()["listeners"].as_u64() >= Some(200))
                .then_some(())
        });
        drop(crowd);
    }
    eventually("an empty hall", || {
        (http::get(server.address, "/now-playing").json()["listeners"] == 0).then_some(())
    });
}

#[test]
fn each_listener_has_an_order_of_its_own_in_individual_mode() {
    let server = station(&["--stream-mode", "individual"], &[]);
    let started = Instant::now();
    let sound = hear(server.address, "/", 150_000);
    assert_eq!(sound[0], 0xff);
    let played = Duration::from_secs_f64(sound.len() as f64 / 24_000.0);
    assert!(played <= started.elapsed() + Duration::from_secs(6), "{played:?} of sound at once");
}

#[test]
fn invalid_options_are_reported_by_name() {
    let output = roomhub(&["radio", "--stream-mode", "both", "--directory-routes", "{"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        told.contains(
            "flag --stream-mode: radio.stream_mode = \"both\": `radio` or `individual` is expected"
        ),
        "{told}"
    );
}
