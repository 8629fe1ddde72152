//! One station in several encodings, as players meet them.

use std::io::{Read as _, Write as _};
use std::process::Command;
use std::time::Duration;

use crate::harness::process::{Server, roomhub};
use crate::harness::radio::{Recording, hear, listen, make, on_air, station};
use crate::harness::site::Site;
use crate::harness::{eventually, http};

/// Every encoding beside the station's own: its text, its path, what ffprobe calls its codec, and its media type.
const ENCODINGS: [(&str, &str, &str, &str); 4] = [
    ("opus 96", "/stream.opus", "opus", "audio/ogg; codecs=opus"),
    ("flac", "/stream.flac", "flac", "audio/ogg; codecs=flac"),
    ("aac 64", "/stream.aac", "aac", "audio/aac"),
    ("mp3 64", "/stream-64.mp3", "mp3", "audio/mpeg"),
];

fn mountpoints() -> String {
    ENCODINGS.map(|(text, ..)| text).join(",")
}

/// What ffprobe and ffmpeg say of a stream that they hear for two seconds.
fn played(url: &str) -> (String, String) {
    let probe = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "stream=codec_name:stream_tags=title:format_tags=title,StreamTitle",
        ])
        .args(["-of", "default=noprint_wrappers=1:nokey=1", url])
        .output()
        .unwrap();
    // By samples: the times of a chain that is joined in its middle begin there.
    let play = Command::new("ffmpeg")
        .args(["-v", "error", "-i", url, "-af", "asetpts=N/SR/TB", "-t", "2"])
        .args(["-f", "null", "-progress", "pipe:1", "-"])
        .output()
        .unwrap();
    assert!(play.status.success(), "{url}: {}", String::from_utf8_lossy(&play.stderr));
    let told = String::from_utf8(play.stdout).unwrap();
    let time =
        told.lines().rev().find_map(|line| line.strip_prefix("out_time=")).unwrap_or_default().to_owned();
    (String::from_utf8(probe.stdout).unwrap(), time)
}

/// Listens, with titles if they stand beside the sound, until all of these words have come.
fn hear_all(server: &Server, path: &str, words: &[&str]) -> String {
    let mut stream = http::connect(server.address);
    write!(stream, "GET {path} HTTP/1.0\r\nIcy-MetaData: 1\r\n\r\n").unwrap();
    let (mut heard, mut piece) = (String::new(), [0; 4096]);
    while !words.iter().all(|word| heard.contains(word)) {
        let n = stream.read(&mut piece).unwrap();
        assert!(n > 0, "the stream ended");
        heard.push_str(&String::from_utf8_lossy(&piece[..n]));
        assert!(heard.len() < 10_000_000, "{path} never had {words:?}");
    }
    heard
}

#[test]
fn players_hear_a_station_in_every_encoding_with_its_title() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "a.mp3", "sine=f=440:r=44100", 20, "-ac 2 -b:a 128k -metadata title=Eins");
    let flags = ["--audio-dir", folder.path().to_str().unwrap()];
    let server = station(&flags, &[("ROOMHUB_RADIO__MOUNTPOINTS", &mountpoints())]);
    on_air(&server);
    for (_, path, codec, media_type) in ENCODINGS {
        let (head, _) = listen(server.address, path, "", Duration::from_millis(1));
        assert!(head.contains(&format!("Content-Type: {media_type}\r\n")), "{path}: {head}");
        let (probe, time) = played(&format!("http://{}{path}", server.address));
        assert!(probe.lines().any(|line| line == codec), "{path}: {probe}");
        let is_icy = !media_type.contains("ogg");
        assert!(is_icy || probe.lines().any(|line| line == "Eins"), "{path}: {probe}");
        let (_, sound) = listen(server.address, path, "Icy-MetaData: 1\r\n", Duration::from_secs(1));
        assert_eq!(is_icy, String::from_utf8_lossy(&sound).contains("StreamTitle='Eins'"), "{path}");
        assert!(time.starts_with("00:00:02") || time.starts_with("00:00:01.9"), "{path}: {time}");
    }
    let told = http::get(server.address, "/streams").json();
    let urls: Vec<String> = told["streams"][0]["mountpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mountpoint| {
            mountpoint["url"].as_str().unwrap().replace(&format!("http://{}", server.address), "")
        })
        .collect();
    assert_eq!(urls, ENCODINGS.map(|(_, path, ..)| path), "{told}");
    let icecast = http::get(server.address, "/status-json.xsl").json();
    let sources = icecast["icestats"]["source"].as_array().unwrap();
    let types: Vec<&str> = sources.iter().map(|source| source["server_type"].as_str().unwrap()).collect();
    assert_eq!(types, ["audio/mpeg", "audio/ogg", "audio/ogg", "audio/aac", "audio/mpeg"], "{icecast}");
}

#[test]
fn a_listener_of_a_mountpoint_counts_and_a_new_track_has_its_own_title() {
    let folder = tempfile::tempdir().unwrap();
    for (name, title) in [("a.mp3", "Eins"), ("b.mp3", "Zwei")] {
        make(
            folder.path(),
            name,
            "sine=f=440:r=44100",
            3,
            &format!("-ac 2 -b:a 64k -metadata title={title}"),
        );
    }
    let flags = ["--audio-dir", folder.path().to_str().unwrap()];
    let environment = [("ROOMHUB_RADIO__MOUNTPOINTS", "opus 32"), ("ROOMHUB_RADIO__ORDER", "name")];
    let server = station(&flags, &environment);
    on_air(&server);
    hear_all(&server, "/stream.opus", &["TITLE=Eins", "TITLE=Zwei"]);
    let mut listener = http::connect(server.address);
    listener.write_all(b"GET /stream.opus HTTP/1.0\r\n\r\n").unwrap();
    eventually("a listener", || {
        let told = http::get(server.address, "/streams").json();
        let station = &told["streams"][0];
        (station["listeners"] == 1 && station["mountpoints"][0]["listeners"] == 1).then_some(())
    });
    drop(listener);
    eventually("nobody", || {
        let told = http::get(server.address, "/streams").json();
        let station = &told["streams"][0];
        (station["listeners"] == 0 && station["mountpoints"][0]["listeners"] == 0).then_some(())
    });
}

/// The pitch of a tone that rises by 20 Hz a second, from 400 Hz on.
const RISING: &str = "aevalsrc='0.4*sin(2*PI*(400*t+10*t*t))':s=44100";

/// Where in such a track ffmpeg begins to hear a stream, in seconds, by its pitch.
fn heard_at(url: &str) -> f64 {
    let heard = Command::new("ffmpeg")
        .args(["-v", "error", "-i", url, "-af", "asetpts=N/SR/TB", "-t", "1.2"])
        .args(["-f", "f32le", "-ac", "1", "-ar", "44100", "pipe:1"])
        .output()
        .unwrap();
    let samples: Vec<f32> =
        heard.stdout.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    // A decoder needs some frames to begin.
    let second_half = &samples[22_050..44_100];
    let n_crossings = second_half.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
    (n_crossings as f64 * 2.0 - 400.0) / 20.0 - 0.75
}

/// Whether the encoder of a mountpoint of `/` runs.
fn is_running(server: &Server, encoding: &str) -> bool {
    let name = format!("roomhub_radio_mountpoint_encoders{{route=\"/\",encoding=\"{encoding}\"}}");
    server.metric(&name) == 1.0
}

/// Seconds since the track on the air began, and its title.
fn position(server: &Server) -> (f64, String) {
    let told = http::get(server.address, "/now-playing").json();
    let title = told["title"].as_str().unwrap().to_owned();
    (told["elapsed_seconds"].as_f64().unwrap(), title)
}

#[test]
fn an_encoder_without_listeners_stops_and_the_next_listener_hears_what_is_on_the_air_under_its_title() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "a.mp3", "sine=f=5000:r=44100", 8, "-ac 2 -b:a 128k -metadata title=Eins");
    make(folder.path(), "b.mp3", RISING, 120, "-ac 2 -b:a 128k -metadata title=Zwei");
    let (flags, mountpoints) = (["--audio-dir", folder.path().to_str().unwrap()], mountpoints());
    let environment = [
        ("ROOMHUB_RADIO__MOUNTPOINTS", &*mountpoints),
        ("ROOMHUB_RADIO__ORDER", "name"),
        ("ROOMHUB_RADIO__MOUNTPOINT_IDLE_TIMEOUT", "1s"),
    ];
    let server = station(&flags, &environment);
    on_air(&server);
    let running = || ENCODINGS.map(|(text, ..)| is_running(&server, text));
    assert_eq!(running(), [false; 4], "nobody listens");
    let listeners = ["/stream.opus", "/stream.aac"].map(|path| Recording::start(server.address, path));
    eventually("two encoders", || (running() == [true, false, true, false]).then_some(()));
    for listener in listeners {
        listener.stop();
    }
    eventually("all encoders stopped", || (running() == [false; 4]).then_some(()));
    assert_eq!(server.children(), [0_u32; 0], "ffmpeg, which encodes AAC, has ended");
    // The burst of five seconds is of the second track then.
    eventually("the second track", || {
        let (at, title) = position(&server);
        (title == "Zwei" && at > 6.0).then_some(())
    });
    for (text, path, _, media_type) in ENCODINGS {
        assert!(!is_running(&server, text), "{text}");
        let (earliest, _) = position(&server);
        let at = heard_at(&format!("http://{}{path}", server.address));
        let (latest, _) = position(&server);
        println!("{text}: heard from {at:.2} s on, while {earliest:.2} to {latest:.2} s were sent");
        assert!(at > earliest - 5.5 && at < latest - 4.0, "{text}: {at}, between {earliest} and {latest}");
        let title = if media_type.contains("ogg") { "TITLE=Zwei" } else { "StreamTitle='Zwei'" };
        let told = hear_all(&server, path, &[title]);
        assert!(!told.contains("Eins") && !told.contains("StreamTitle='';"), "{text}");
    }
}

#[test]
fn a_mountpoint_of_a_private_station_is_heard_with_the_key_alone() {
    let site = Site::with("jazz", &["a.mp3"], 20);
    let server = site.start_on_air(
        r#"
        [[radio.stations]]
        route = "/jazz"
        folders = ["DIR/jazz"]
        mountpoints = ["opus 32"]
        listener_key = "a key of listeners"
        "#,
    );
    assert_eq!(http::get(server.address, "/jazz.opus").status, 401);
    assert!(hear(server.address, "/jazz.opus?key=a%20key%20of%20listeners", 1_000).starts_with(b"OggS"));
}

#[test]
fn silence_before_the_first_file_is_heard_at_every_mountpoint() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--audio-dir", folder.path().to_str().unwrap()];
    let server = station(&flags, &[("ROOMHUB_RADIO__MOUNTPOINTS", "flac")]);
    assert!(hear(server.address, "/stream.flac", 1_000).starts_with(b"OggS"));
}

#[test]
fn an_unknown_encoding_is_named_before_anything_starts() {
    for (mountpoints, expected) in [
        ("vorbis 96", "mp3, aac, opus or flac is expected"),
        ("opus 1000", "16 to 320 kbit/s are expected"),
        ("opus 96,opus 96", "opus 96 is there twice"),
    ] {
        let output = roomhub(&["radio", "--port", "0"])
            .env("ROOMHUB_RADIO__MOUNTPOINTS", mountpoints)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(expected), "{mountpoints}: {told}");
    }
}
