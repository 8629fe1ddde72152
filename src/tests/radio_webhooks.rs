//! Webhooks of stations, as the servers that they tell meet them.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use ring::hmac;

use crate::harness::process::Server;
use crate::harness::radio::{hear, make, on_air, station};
use crate::harness::recorder::{Recorder, Told};

/// What a server is told next of that kind.
fn next_of(recorder: &Recorder, event: &str) -> Told {
    loop {
        let told = recorder.next();
        if told.json()["event"] == event {
            return told;
        }
    }
}

/// A station `/night` with those webhooks.
fn night(folder: &Path, webhooks: &str, seconds: u32) -> Server {
    make(
        folder,
        "a.mp3",
        "sine=440",
        seconds,
        "-ac 2 -ar 44100 -b:a 128k -metadata title=Eins -metadata artist=Ann",
    );
    let flags = ["--audio-dir", folder.to_str().unwrap(), "--stream-routes", "/night"];
    let environment = [
        ("ROOMHUB_RADIO__SOURCE_PASSWORD", "hackme"),
        ("ROOMHUB_RADIO__WEBHOOKS", webhooks),
        ("ROOMHUB_RADIO__WEBHOOK_RETRY_PAUSE", "10ms"),
    ];
    let server = station(&flags, &environment);
    on_air(&server);
    server
}

#[test]
fn a_webhook_is_told_of_tracks_and_live_sources_and_can_check_who_tells() {
    let recorder = Recorder::start(&["204 No Content"]);
    let folder = tempfile::tempdir().unwrap();
    let hooks = format!("[{{ url = \"{}\", secret = \"the secret\", routes = [\"/night\"] }}]", recorder.url);
    let server = night(folder.path(), &hooks, 30);
    let first = recorder.next();
    assert_eq!(first.head, "POST /hook?a=b HTTP/1.1\r\n");
    assert_eq!(first.headers["content-type"], "application/json");
    let told = first.json();
    assert_eq!((&told["event"], &told["station"]["route"]), (&"track".into(), &"/night".into()));
    assert_eq!((&told["track"]["artist"], &told["track"]["title"]), (&"Ann".into(), &"Eins".into()));
    assert_eq!((&told["source"], &told["track"]["file"]), (&"folder".into(), &"a.mp3".into()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"the secret");
    let signed = format!("{}.{}", first.headers["x-roomhub-timestamp"], first.body);
    let signature = first.headers["x-roomhub-signature"].strip_prefix("sha256=").unwrap();
    hmac::verify(&key, signed.as_bytes(), &hex::decode(signature).unwrap()).unwrap();

    let mut source = Command::new("ffmpeg")
        .args(["-v", "error", "-re", "-f", "lavfi", "-i", "sine=880", "-c:a", "libmp3lame"])
        .args(["-ac", "2", "-ar", "44100", "-content_type", "audio/mpeg", "-f", "mp3"])
        .arg(format!("icecast://source:hackme@{}/night", server.address))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(next_of(&recorder, "live_start").json()["station"]["route"], "/night");
    source.kill().unwrap();
    source.wait().unwrap();
    next_of(&recorder, "live_end");
    assert_eq!(next_of(&recorder, "track").json()["source"], "folder");
}

#[test]
fn a_webhook_that_fails_is_told_again_and_nobody_waits_for_one_that_hangs() {
    let recorder = Recorder::start(&["503 Service Unavailable", "500 Oh", "200 OK"]);
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let hooks = format!(
        "[{{ url = \"{}\" }}, {{ url = \"http://{}/\" }}]",
        recorder.url,
        hanging.local_addr().unwrap()
    );
    let server = night(folder.path(), &hooks, 2);
    let (first, second, third) = (recorder.next(), recorder.next(), recorder.next());
    assert_eq!(first.json()["id"], second.json()["id"]);
    assert_eq!(first.body, third.body);
    assert!(!first.headers.contains_key("x-roomhub-signature"));
    assert_ne!(recorder.next().json()["id"], first.json()["id"]);
    assert!(hear(server.address, "/night", 100_000).len() >= 100_000);
}

#[test]
fn a_webhook_that_redirects_is_told_once_and_the_log_says_so_once() {
    let recorder = Recorder::start(&["302 Found\r\nLocation: http://127.0.0.1:1/"]);
    let folder = tempfile::tempdir().unwrap();
    let hooks = format!("[{{ url = \"{}\", events = [\"track\"] }}]", recorder.url);
    let server = night(folder.path(), &hooks, 2);
    let (first, second) = (recorder.next(), recorder.next());
    assert_ne!(first.json()["id"], second.json()["id"]);
    server.await_log("it answers 302");
    recorder.next();
    assert_eq!(server.log().matches("does not take what it is told").count(), 1);
    assert!(!server.log().contains("/hook?a=b"), "the address of a webhook may be a secret");
}
