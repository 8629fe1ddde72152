//! HLS of several bitrates: the same sound at the same time in every variant.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;

use crate::harness::radio::{make, on_air, station};
use crate::harness::{eventually, http};

/// Clicks, one a second, in a quiet tone.
const CLICKS: &str = "aevalsrc='if(lt(mod(t\\,1)\\,0.01)\\,0.8\\,0.02)*sin(2*PI*1000*t)':s=44100";

/// A sound of a segment is at the same time in every variant, to so many seconds.
const TOGETHER: f64 = 0.003;

/// The variants of the station's HLS, by name.
const VARIANTS: [&str; 3] = ["station", "aac-64", "mp3-64"];

/// The head of an answer, and its body.
pub fn fetch(address: SocketAddr, path: &str) -> (String, Vec<u8>) {
    let mut stream = http::connect(address);
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = bytes.split_off(end);
    (String::from_utf8(bytes).unwrap(), body)
}

/// The segments of a list, by number.
fn segments(address: SocketAddr, variant: &str) -> BTreeMap<u64, String> {
    let list = http::get(address, &format!("/hls/{variant}.m3u8")).body;
    let names = list.lines().filter(|line| !line.starts_with('#'));
    names.map(|name| (name.split('-').next().unwrap().parse().unwrap(), name.to_owned())).collect()
}

fn is_aac(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| extension == "aac")
}

/// A segment's time in seconds, and its frames; it begins with a tag.
fn segment(address: SocketAddr, name: &str) -> (f64, Vec<u8>) {
    let (head, bytes) = fetch(address, &format!("/hls/{name}"));
    let media_type = if is_aac(name) { "audio/aac" } else { "audio/mpeg" };
    assert!(head.to_lowercase().contains(&format!("content-type: {media_type}\r\n")), "{name}: {head}");
    assert!(bytes.starts_with(b"ID3"), "{name}");
    let (tag, frames) = bytes.split_at(tag_bytes(&bytes));
    assert!(frames[0] == 0xff && tag[73..].starts_with(b"TIT2"), "{name}");
    let ticks = u64::from_be_bytes(tag[65..73].try_into().unwrap());
    (ticks as f64 / 90_000.0, frames.to_vec())
}

/// What ffmpeg complains of that is not the stream's fault.
pub fn is_harmless(complaint: &str) -> bool {
    // It reads 1,024 bytes at a time: frames read together with the next segment's beginning get that one's time. And it shows
    // the first title alone.
    ["non monotonically increasing dts", "Changing ID3 metadata"]
        .iter()
        .any(|known| complaint.contains(known))
}

/// The length of a tag.
pub fn tag_bytes(tag: &[u8]) -> usize {
    tag[6..10].iter().fold(0, |length, byte| length << 7 | usize::from(*byte)) + 10
}

/// What ffmpeg makes of frames: samples of the first channel, 44,100 a second.
fn decoded(frames: &[u8], format: &str) -> Vec<f32> {
    let mut child = Command::new("ffmpeg")
        .args([
            "-v", "quiet", "-f", format, "-i", "pipe:0", "-f", "f32le", "-ac", "1", "-ar", "44100", "pipe:1",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let frames = frames.to_vec();
    let writer = thread::spawn(move || input.write_all(&frames));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    output.stdout.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// When the clicks of a segment are heard, in seconds after a whole second of the station's sound.
fn clicks(address: SocketAddr, name: &str) -> Vec<f64> {
    let (at, frames) = segment(address, name);
    let sound = decoded(&frames, if is_aac(name) { "aac" } else { "mp3" });
    let mut clicks = Vec::new();
    // The first frames lack those before them.
    let mut n = 22_050;
    while n < sound.len() {
        if sound[n].abs() > 0.3 {
            clicks.push(at + n as f64 / 44_100.0);
            n += 22_050;
        }
        n += 1;
    }
    clicks
}

#[test]
fn every_variant_of_hls_has_the_same_sound_at_the_same_time_and_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "a.mp3", CLICKS, 60, "-ac 2 -b:a 128k -metadata title=Eins");
    let flags = ["--audio-dir", folder.path().to_str().unwrap()];
    let server = station(&flags, &[("ROOMHUB_RADIO__MOUNTPOINTS", "aac 64,mp3 64,opus 32")]);
    on_air(&server);
    let address = server.address;
    let master = eventually("a segment of each", || {
        let answer = http::get(address, "/index.m3u8");
        // On a slow machine, the first lists may lack those whose encoders have just started.
        (answer.body.matches("hls/").count() == VARIANTS.len()).then_some(answer.body)
    });
    let listed: Vec<&str> = master.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(listed, VARIANTS.map(|variant| format!("hls/{variant}.m3u8")), "{master}");
    for codecs in ["CODECS=\"mp4a.40.34\"", "CODECS=\"mp4a.40.2\"", "#EXT-X-STREAM-INF:BANDWIDTH="] {
        assert!(master.contains(codecs), "{master}");
    }
    let lists = eventually("two segments of each", || {
        let lists = VARIANTS.map(|variant| segments(address, variant));
        lists.iter().all(|list| list.len() >= 2).then_some(lists)
    });
    for (number, own) in &lists[0] {
        let expected = clicks(address, own);
        assert!(expected.len() >= 5, "{expected:?}");
        for list in &lists[1..] {
            let Some(name) = list.get(number) else { continue };
            let heard = clicks(address, name);
            let is_together = |(a, b): (&f64, &f64)| (a - b).abs() < TOGETHER;
            assert!(heard.iter().zip(&expected).all(is_together), "{name}: {heard:?} and {expected:?}");
            let (at, _) = segment(address, name);
            let (own_at, _) = segment(address, own);
            assert!((at - own_at).abs() < 0.027, "{name} begins at {at}, the station's at {own_at}");
        }
    }
    for variant in VARIANTS {
        let played = Command::new("ffmpeg")
            .args(["-v", "warning", "-live_start_index", "0", "-t", "11", "-i"])
            .arg(format!("http://{address}/hls/{variant}.m3u8"))
            .args(["-f", "null", "-progress", "pipe:1", "-"])
            .output()
            .unwrap();
        let complaints = String::from_utf8(played.stderr).unwrap();
        let complaints: Vec<_> = complaints.lines().filter(|line| !is_harmless(line)).collect();
        assert!(complaints.is_empty(), "{variant}: {complaints:?}");
        let told = String::from_utf8(played.stdout).unwrap();
        assert!(told.contains("out_time=00:00:11.0"), "{variant}: {told}");
    }
    assert!(!segments(address, "aac-64").is_empty());
    let listeners = http::get(address, "/now-playing?route=/").json()["listeners"].as_u64().unwrap();
    assert_eq!(listeners, 2, "ffmpeg, and who asks here, count once each");
    assert_eq!(http::get(address, "/hls/opus-32.m3u8").status, 404);
    assert_eq!(http::get(address, "/hls/1-abcdaac64.aac").status, 404);
}

#[test]
fn variants_are_encoded_while_somebody_fetches_hls_and_have_three_segments_at_once() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "a.mp3", CLICKS, 120, "-ac 2 -b:a 128k -metadata title=Eins");
    let flags = ["--audio-dir", folder.path().to_str().unwrap()];
    let environment = [
        ("ROOMHUB_RADIO__MOUNTPOINTS", "aac 64,mp3 64"),
        // Half a minute of the station is there from its beginning.
        ("ROOMHUB_RADIO__BURST_SECONDS", "30"),
        ("ROOMHUB_RADIO__MOUNTPOINT_IDLE_TIMEOUT", "3s"),
        ("ROOMHUB_RADIO__HLS_LISTENER_TIMEOUT", "3s"),
        // However slow this machine is.
        ("ROOMHUB_RADIO__HLS_VARIANT_TIMEOUT", "50s"),
    ];
    let server = station(&flags, &environment);
    on_air(&server);
    let address = server.address;
    let n_running = || {
        let running = |encoding: &str| {
            let labels = format!("{{route=\"/\",encoding=\"{encoding}\"}}");
            server.metric(&format!("roomhub_radio_mountpoint_encoders{labels}"))
        };
        running("aac 64") + running("mp3 64")
    };
    let position = || http::get(address, "/now-playing?route=/").json()["elapsed_seconds"].as_f64().unwrap();
    let mut last = 0;
    for _ in 0..2 {
        assert_eq!(n_running(), 0.0);
        let master = http::get(address, "/index.m3u8");
        assert!(master.status == 200 && master.body.contains("hls/mp3-64.m3u8"), "{}", master.body);
        assert!(master.body.contains("hls/aac-64.m3u8") && n_running() == 2.0, "{}", master.body);
        // ffmpeg, which encodes AAC, may still be at the last one.
        let lists = eventually("three segments of each", || {
            let lists = VARIANTS.map(|variant| segments(address, variant));
            lists.iter().all(|list| list.len() >= 3).then_some(lists)
        });
        for list in &lists[1..] {
            assert!(list.keys().rev().take(3).all(|number| lists[0].contains_key(number)), "{lists:?}");
        }
        let number = lists[2].keys().next_back().unwrap();
        assert!(*number > last, "{lists:?}");
        let (own, other) = (clicks(address, &lists[0][number]), clicks(address, &lists[2][number]));
        assert!(own.iter().zip(&other).all(|(a, b)| (a - b).abs() < TOGETHER), "{own:?} and {other:?}");
        last = *number;
        eventually("nobody who fetches HLS", || (n_running() == 0.0).then_some(()));
        let began = position();
        eventually("the next segment", || (position() > began + 6.5).then_some(()));
    }
}

#[test]
fn variants_of_a_private_station_are_heard_with_the_key_alone_and_one_that_never_comes_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "a.mp3", CLICKS, 60, "-ac 2 -b:a 128k");
    let stations = format!(
        "[{{ route = \"/jazz\", folders = [\"{}\"], mountpoints = [\"aac 64\", \"mp3 64\"], listener_key = \"a key of listeners\" }}]",
        folder.path().display()
    );
    let environment = [("ROOMHUB_RADIO__STATIONS", &*stations), ("ROOMHUB_RADIO__FFMPEG", "")];
    let server = station(&[], &environment);
    on_air(&server);
    let get = |path: &str| http::get(server.address, path);
    let query = "?key=a%20key%20of%20listeners";
    let master = eventually("the list without AAC", || {
        let answer = get(&format!("/jazz/index.m3u8{query}"));
        (answer.status == 200).then_some(answer.body)
    });
    assert!(master.contains("hls/mp3-64.m3u8?key=") && !master.contains("aac-64"), "{master}");
    assert_eq!((get("/jazz/index.m3u8").status, get("/jazz/hls/mp3-64.m3u8").status), (401, 401));
    let list = get(&format!("/jazz/hls/mp3-64.m3u8{query}")).body;
    let name = list.lines().find(|line| !line.starts_with('#')).unwrap();
    assert!(name.contains(".mp3?key="), "{list}");
    let (head, _) = fetch(server.address, &format!("/jazz/hls/{name}"));
    assert!(head.lines().next().is_some_and(|line| line.contains(" 200 ")), "{head}");
    assert_eq!(get(&format!("/jazz/hls/aac-64.m3u8{query}")).status, 503);
}
