//! HLS as players and caches meet it: ffmpeg plays it, and segments are what the stream is.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;

use crate::harness::radio::{make, noise, on_air, station};
use crate::harness::{eventually, http};
use crate::radio_variants::{self, is_harmless, tag_bytes};

/// The head of an answer, and its body as it is.
fn fetch(address: SocketAddr, path: &str) -> (String, Vec<u8>) {
    let mut stream = http::connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nAccept-Encoding: gzip\r\nRange: bytes=0-99\r\n")
        .unwrap();
    stream.write_all(b"User-Agent: cache\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = bytes.split_off(end);
    (String::from_utf8(bytes).unwrap().to_lowercase(), body)
}

fn listeners(address: SocketAddr) -> u64 {
    http::get(address, "/now-playing?route=news").json()["listeners"].as_u64().unwrap()
}

#[test]
fn ffmpeg_plays_hls_and_caches_may_keep_it() {
    let folder = tempfile::tempdir().unwrap();
    for (seed, (name, args)) in [
        ("a.mp3", "-ac 2 -ar 44100 -b:a 128k -metadata title=Eins"),
        ("b.mp3", "-ac 2 -ar 44100 -q:a 4 -metadata title=Zwei"),
        ("c.wav", "-ac 1 -ar 48000"),
    ]
    .into_iter()
    .enumerate()
    {
        make(folder.path(), name, &noise(seed), 5, args);
    }
    let flags = ["--audio-dir", folder.path().to_str().unwrap(), "--stream-routes", "/news"];
    let server = station(&flags, &[]);
    assert_eq!(http::get(server.address, "/news/index.m3u8").status, 503);
    on_air(&server);
    let mut stream = http::connect(server.address);
    stream.write_all(b"GET /news HTTP/1.0\r\n\r\n").unwrap();
    eventually("a segment", || (http::get(server.address, "/news/index.m3u8").status == 200).then_some(()));

    let played = Command::new("ffmpeg")
        .args(["-v", "warning", "-t", "13", "-i"])
        .arg(format!("http://{}/news/index.m3u8", server.address))
        .args(["-f", "null", "-progress", "pipe:1", "-"])
        .output()
        .unwrap();
    let complaints = String::from_utf8(played.stderr).unwrap();
    let told = String::from_utf8(played.stdout).unwrap();
    let seconds = told.lines().rev().find_map(|line| line.strip_prefix("out_time=00:00:")).unwrap();
    assert!(played.status.success() && seconds.starts_with("13.0"), "{seconds} s, {complaints}");
    let complaints: Vec<_> = complaints.lines().filter(|line| !is_harmless(line)).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    // The one who listens to the stream, ffmpeg, and who has asked before.
    assert_eq!(listeners(server.address), 3);

    let list = http::get(server.address, "/news/index.m3u8");
    assert_eq!(list.header("content-type"), "application/vnd.apple.mpegurl");
    assert_eq!(list.header("cache-control"), "public, max-age=2");
    let list = list.body;
    let names: Vec<_> = list.lines().filter(|line| line.starts_with("hls/")).collect();
    assert!(names.len() >= 2 && list.contains("#EXT-X-PROGRAM-DATE-TIME:20"), "{list}");

    let mut sound: Vec<u8> = Vec::new();
    for name in names {
        let (head, segment) = fetch(server.address, &format!("/news/{name}"));
        assert!(head.contains("content-type: audio/mpeg\r\n") && head.contains("immutable\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", segment.len())), "{head}");
        // It was asked for a range: caches keep the whole.
        assert!(head.starts_with("http/1.1 200 ok"), "{head}");
        assert!(segment.starts_with(b"ID3"), "{:?}", &segment[..80]);
        sound.extend(&segment[tag_bytes(&segment)..]);
    }
    // Whoever listened to the stream came a moment after the first segment had begun.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let mut opening = [0; 2000];
    stream.read_exact(&mut opening).unwrap();
    let start = sound.windows(2000).position(|bytes| *bytes == opening).expect("the stream's first sound");
    let mut rest = vec![0; sound.len() - start - 2000];
    stream.read_exact(&mut rest).unwrap();
    assert!(rest.len() > 50_000 && sound.ends_with(&rest), "{} bytes from {start} on", rest.len());
    assert_eq!(http::get(server.address, "/news/hls/1-abcd.mp3").status, 404);
    assert_eq!(http::get(server.address, "/none/index.m3u8").status, 404);
}

#[test]
fn a_stranger_with_many_names_for_its_player_is_no_crowd_of_listeners() {
    let limits = [
        ("ROOMHUB_RADIO__MAX_LISTENERS_PER_ADDRESS", "2"),
        ("ROOMHUB_NETWORK__TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let server = station(&[], &limits);
    on_air(&server);
    let fetch = |address: &str, player: &str| {
        let headers = [("X-Forwarded-For", address), ("User-Agent", player)];
        http::get_with(server.address, "/index.m3u8", &headers);
    };
    for player in 0..20 {
        fetch("203.0.113.9", &player.to_string());
        fetch(&format!("2001:db8::{player}"), &player.to_string());
    }
    fetch("203.0.113.10", "mpv");
    assert_eq!(http::get(server.address, "/now-playing").json()["listeners"], 5);
}

#[test]
fn segments_of_every_variant_bear_the_titles_that_begin_in_them() {
    let folder = tempfile::tempdir().unwrap();
    for (name, title) in [("a.mp3", "Eins"), ("b.mp3", "Zwei")] {
        let args = format!("-ac 2 -ar 44100 -b:a 128k -metadata title={title} -metadata artist=Ann");
        make(folder.path(), name, "sine=f=440:r=44100", 12, &args);
    }
    let flags = ["--audio-dir", folder.path().to_str().unwrap()];
    let environment = [
        ("ROOMHUB_RADIO__MOUNTPOINTS", "mp3 64,aac 64"),
        ("ROOMHUB_RADIO__ORDER", "name"),
        ("ROOMHUB_RADIO__HLS_VARIANT_TIMEOUT", "30s"),
    ];
    let server = station(&flags, &environment);
    on_air(&server);
    for variant in ["station", "mp3-64", "aac-64"] {
        let url = format!("/hls/{variant}.m3u8");
        let of_second = eventually("both titles", || {
            let list = http::get(server.address, &url).body;
            let names: Vec<&str> =
                list.lines().filter(|line| !line.starts_with('#') && line.contains('.')).collect();
            let is_second = |name: &str| {
                let (_, segment) = radio_variants::fetch(server.address, &format!("/hls/{name}"));
                let tag = String::from_utf8_lossy(&segment[..tag_bytes(&segment)]).into_owned();
                assert!(tag.contains("TPE1\0\0\0\x04\0\0\x03Ann"), "{tag:?}");
                tag.contains("TIT2\0\0\0\x05\0\0\x03Zwei")
            };
            let (second, first): (Vec<&str>, Vec<&str>) = names.into_iter().partition(|name| is_second(name));
            second.first().filter(|_| !first.is_empty()).map(|name| (*name).to_owned())
        });
        let heard = Command::new("ffprobe")
            .args(["-v", "error", "-show_entries", "format_tags=title,artist", "-of", "flat"])
            .arg(format!("http://{}/hls/{of_second}", server.address))
            .output()
            .unwrap();
        let told = String::from_utf8(heard.stdout).unwrap();
        assert!(told.contains("title=\"Zwei\"") && told.contains("artist=\"Ann\""), "{variant}: {told}");
    }
}

#[test]
fn stations_without_hls_have_no_playlists() {
    let server = station(&[], &[("ROOMHUB_RADIO__HLS", "false")]);
    on_air(&server);
    assert_eq!(http::get(server.address, "/index.m3u8").status, 404);
}
