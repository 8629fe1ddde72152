//! Live programmes: ffmpeg and bare sockets broadcast, listeners stay and hear it, and then the folder again.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use crate::harness::process::Server;
use crate::harness::radio::{Recorded, Recording, make, on_air, station};
use crate::harness::{eventually, http};

/// A station `/night` with a folder of one track, which takes live sources.
fn night(folder: &Path) -> Server {
    patient_night(folder, "1s")
}

/// The same, which disconnects a source after another time without sound.
fn patient_night(folder: &Path, source_timeout: &str) -> Server {
    make(folder, "folder.mp3", "sine=440", 30, "-ac 2 -ar 44100 -b:a 128k -metadata title=Folder");
    let flags = ["--audio-dir", folder.to_str().unwrap(), "--stream-routes", "/night"];
    let secrets =
        [("ROOMHUB_RADIO__SOURCE_PASSWORD", "hackme"), ("ROOMHUB_RADIO__SOURCE_TIMEOUT", source_timeout)];
    let server = station(&flags, &secrets);
    on_air(&server);
    server
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

/// ffmpeg as a live source.
fn ffmpeg(server: &Server, args: &str, name: &str) -> Child {
    Command::new("ffmpeg")
        .args(["-v", "error", "-re", "-f", "lavfi", "-i", "sine=880", "-c:a", "libmp3lame"])
        .args(args.split(' '))
        .args(["-ice_name", name, "-content_type", "audio/mpeg", "-f", "mp3"])
        .arg(format!("icecast://source:hackme@{}/night", server.address))
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

fn now(server: &Server, key: &str) -> String {
    let now = http::get(server.address, "/now-playing?route=night").json();
    now[key].as_str().unwrap_or_default().to_owned()
}

fn becomes(server: &Server, key: &str, value: &str) {
    eventually(&format!("{key} = {value}"), || (now(server, key) == value).then_some(()));
}

/// A connection that asks to broadcast, and the first line of the answer.
fn ask(server: &Server, request: &str) -> (TcpStream, String) {
    let mut stream = http::connect(server.address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = [0; 300];
    let n = stream.read(&mut answer).unwrap();
    let line = String::from_utf8_lossy(&answer[..n]).lines().next().unwrap().to_owned();
    (stream, line)
}

#[test]
fn listeners_are_switched_to_a_live_source_and_back_to_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let server = night(folder.path());
    let recording = Recording::start(server.address, "/night");

    let mut source = ffmpeg(&server, "-ac 2 -ar 44100 -b:a 128k", "Night show");
    becomes(&server, "source", "live");
    becomes(&server, "title", "Night show");
    let second =
        ask(&server, &format!("SOURCE /night HTTP/1.0\r\nAuthorization: {}\r\n\r\n", basic("source:hackme")));
    assert_eq!(second.1, "HTTP/1.0 403 Forbidden");
    let authorized = [("Authorization", &*basic("source:hackme"))];
    let song = "/admin/metadata?mode=updinfo&mount=/night&song=Ann+-+%E6%AD%8C";
    let told = http::get_with(server.address, song, &authorized);
    assert!(told.status == 200 && told.body.contains("<return>1</return>"), "{told:?}");
    becomes(&server, "title", "歌");
    assert_eq!(now(&server, "artist"), "Ann");
    source.kill().unwrap();
    source.wait().unwrap();
    becomes(&server, "title", "Folder");
    assert_eq!(now(&server, "source"), "folder");

    // Another format is brought to the station's.
    let mut source = ffmpeg(&server, "-ac 1 -ar 48000 -b:a 96k", "Mono show");
    becomes(&server, "title", "Mono show");
    source.kill().unwrap();
    source.wait().unwrap();
    becomes(&server, "title", "Folder");
    assert_eq!(http::get_with(server.address, song, &authorized).status, 400);
    assert_eq!(http::get(server.address, song).status, 401);

    let history = http::get(server.address, "/history?route=night").json();
    let played: Vec<_> =
        history["history"].as_array().unwrap().iter().map(|played| played["title"].clone()).collect();
    assert_eq!(played, ["Folder", "Night show", "歌", "Folder", "Mono show", "Folder"]);
    let recorded = recording.stop();
    assert_eq!(recorded.formats(), "44100,2");
    assert_eq!(recorded.complaints(), "");
}

fn source(server: &Server, headers: &str) -> (TcpStream, String) {
    ask(server, &format!("PUT /night HTTP/1.1\r\nAuthorization: {}\r\n{headers}\r\n", basic("source:hackme")))
}

/// Ten seconds of MP3.
fn programme() -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    make(folder.path(), "a.mp3", "sine=660", 10, "-ac 2 -ar 44100 -b:a 320k -metadata title=Ten");
    fs::read(folder.path().join("a.mp3")).unwrap()
}

#[test]
fn a_source_that_is_faster_than_playback_is_held_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = night(folder.path());
    let before = server.rss_kib();
    let programme = programme();
    let (mut stream, answer) = source(&server, "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n");
    assert_eq!(answer, "HTTP/1.1 100 Continue");
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut n_sent = 0;
    let stopped = loop {
        let mut chunk = format!("{:x}\r\n", programme.len()).into_bytes();
        chunk.extend(&programme);
        chunk.extend(b"\r\n");
        match stream.write_all(&chunk) {
            Ok(()) => n_sent += chunk.len(),
            Err(error) => break error,
        }
        assert!(n_sent < 40_000_000, "nobody holds it back");
    };
    assert!([ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&stopped.kind()), "{stopped}");
    assert_eq!(now(&server, "source"), "live");
    let grown = server.rss_kib().saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB more");
}

#[test]
fn a_source_that_stalls_is_disconnected_and_the_folder_plays_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = night(folder.path());
    let programme = programme();
    let (mut stream, answer) = source(&server, "ice-name: Short show\r\n");
    assert_eq!(answer, "HTTP/1.0 200 OK");
    stream.write_all(&programme[..100_000]).unwrap();
    becomes(&server, "title", "Short show");
    assert_eq!(stream.read(&mut [0; 100]).unwrap(), 0);
    server.await_log("it has stalled");
    becomes(&server, "title", "Folder");
}

#[test]
fn a_source_that_drips_bytes_without_sound_gives_its_mount_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = night(folder.path());
    // The tags at the head of a file may be long; the frame of sound behind them never ends.
    let programme = programme();
    for beginning in [&b"ID3\x04\0\0\0\x0f\x7f\x7f"[..], &programme[..200], b""] {
        let (mut stream, answer) = source(&server, "");
        assert_eq!(answer, "HTTP/1.0 200 OK");
        stream.write_all(beginning).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        eventually("the end of a source without sound", || {
            // A byte each time, which is far more often than the timeout.
            let is_gone = stream.write_all(b"x").is_err();
            (is_gone || stream.read(&mut [0]).is_ok_and(|n| n == 0)).then_some(())
        });
    }
    let warned = |line: &&str| line.contains("WARN") && line.contains("it has sent no sound");
    eventually("a warning each", || (server.log().lines().filter(warned).count() == 3).then_some(()));
    let (mut stream, answer) = source(&server, "ice-name: Next show\r\n");
    assert_eq!(answer, "HTTP/1.0 200 OK", "the mount is free");
    stream.write_all(&programme[..100_000]).unwrap();
    becomes(&server, "title", "Next show");
}

#[test]
fn a_source_that_was_told_to_go_on_and_stalls_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let server = night(folder.path());
    let (mut stream, answer) = source(&server, "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n");
    assert_eq!(answer, "HTTP/1.1 100 Continue");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    becomes(&server, "title", "Folder");
}

#[test]
fn a_source_with_an_end_is_played_to_its_end_and_answered() {
    let folder = tempfile::tempdir().unwrap();
    let server = night(folder.path());
    let programme = &programme()[..80_000];
    let (mut stream, answer) =
        source(&server, &format!("Content-Length: {}\r\nExpect: 100-continue\r\n", programme.len()));
    assert_eq!(answer, "HTTP/1.1 100 Continue");
    stream.write_all(programme).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    becomes(&server, "title", "Folder");
}

#[test]
fn a_rejected_source_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let server = night(folder.path());
    let asked =
        |target: &str, headers: &str| ask(&server, &format!("SOURCE {target} ICE/1.0\r\n{headers}\r\n")).1;
    let password = format!("Authorization: {}\r\n", basic("source:hackme"));
    assert_eq!(asked("/night", ""), "HTTP/1.0 401 Unauthorized");
    assert_eq!(
        asked("/night", &format!("Authorization: {}\r\n", basic("source:guess"))),
        "HTTP/1.0 401 Unauthorized"
    );
    assert_eq!(asked("/none", &password), "HTTP/1.0 404 Not Found");
    let film = format!("{password}Content-Type: video/mp4\r\n");
    assert_eq!(asked("/night", &film), "HTTP/1.0 415 Unsupported Media Type");

    // A source that sends no sound is disconnected, and the slot is free again.
    let (mut liar, answer) = source(&server, "Content-Type: audio/mpeg\r\n");
    assert_eq!(answer, "HTTP/1.0 200 OK");
    let nonsense: Vec<u8> =
        (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x7f).collect();
    // It is cut while it writes.
    let _ = liar.write_all(&nonsense);
    eventually("an end of it", || server.log().contains("an external source cannot be played").then_some(()));
    eventually("a free source slot", || (source(&server, "").1 == "HTTP/1.0 200 OK").then_some(()));
    assert_eq!(now(&server, "title"), "Folder");

    let closed = station(&[], &[]);
    assert_eq!(ask(&closed, "SOURCE / HTTP/1.0\r\n\r\n").1, "HTTP/1.0 403 Forbidden");
}

#[test]
fn a_source_that_changes_its_format_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let server = night(folder.path());
    let parts = TempDir::new().unwrap();
    let formats = [
        "-ac 2 -ar 44100 -b:a 64k",
        "-ac 1 -ar 48000 -b:a 64k",
        "-ac 1 -ar 22050 -b:a 32k",
        "-ac 2 -ar 44100 -b:a 64k",
    ];
    let mut programme = Vec::new();
    for format in formats {
        make(parts.path(), "part.mp3", "sine=660", 5, format);
        programme.extend(fs::read(parts.path().join("part.mp3")).unwrap());
    }
    let (mut stream, _) = source(&server, "ice-name: Many formats\r\n");
    let mut writer = stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(&programme).map(|()| writer));
    becomes(&server, "title", "Many formats");
    let recording = Recording::start(server.address, "/night");
    let writer = writing.join().unwrap().unwrap();
    writer.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0; 100]).unwrap(), 0);
    becomes(&server, "title", "Folder");
    let recorded = recording.stop();
    assert_eq!((recorded.formats(), recorded.silences()), ("44100,2".into(), Vec::new()));
    assert_eq!(recorded.complaints(), "");
}

#[test]
fn sources_broadcast_in_every_codec() {
    let folder = tempfile::tempdir().unwrap();
    // ffmpeg sends pages of a second, and little at a time of what is compressed well.
    let server = patient_night(folder.path(), "20s");
    for (name, codec, media_type) in [
        ("Vorbis", "-c:a libvorbis -f ogg", "application/ogg"),
        ("Opus", "-c:a libopus -ar 48000 -f ogg", "audio/ogg"),
        ("FLAC in Ogg", "-c:a flac -f ogg", "audio/ogg"),
        ("FLAC", "-c:a flac -f flac", "audio/flac"),
        ("AAC", "-c:a aac -f adts", "audio/aac"),
    ] {
        let mut source = Command::new("ffmpeg")
            .args(["-v", "error", "-re", "-f", "lavfi", "-i", "sine=880", "-ac", "2"])
            .args(codec.split(' '))
            .args(["-ice_name", name, "-content_type", media_type])
            .arg(format!("icecast://source:hackme@{}/night", server.address))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        becomes(&server, "title", name);
        let recording = Recording::start(server.address, "/night");
        eventually("some seconds of it", || {
            let now = http::get(server.address, "/now-playing?route=night").json();
            (now["elapsed_seconds"].as_f64()? > 3.0).then_some(())
        });
        let recorded = recording.stop();
        assert_eq!((recorded.formats(), recorded.silences()), ("44100,2".into(), Vec::new()), "{name}");
        source.kill().unwrap();
        source.wait().unwrap();
        becomes(&server, "title", "Folder");
    }
}

#[test]
fn titles_of_a_source_in_ogg_are_those_of_its_chains() {
    let folder = tempfile::tempdir().unwrap();
    let server = night(folder.path());
    let parts = TempDir::new().unwrap();
    let mut programme = Vec::new();
    for title in ["Eins", "Zwei"] {
        make(
            parts.path(),
            "part.opus",
            "sine=660",
            8,
            &format!("-ac 2 -c:a libopus -metadata title={title} -metadata artist=Ann"),
        );
        programme.extend(fs::read(parts.path().join("part.opus")).unwrap());
    }
    let (stream, _) = source(&server, "Content-Type: audio/ogg\r\n");
    let mut writer = stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(&programme).map(|()| writer));
    becomes(&server, "title", "Eins");
    assert_eq!(now(&server, "artist"), "Ann");
    becomes(&server, "title", "Zwei");
    writing.join().unwrap().unwrap().shutdown(std::net::Shutdown::Write).unwrap();
    becomes(&server, "title", "Folder");
}

/// The power of pieces of so many milliseconds of what was heard, in decibels.
fn powers(recorded: &Recorded, milliseconds: usize) -> Vec<f64> {
    let power = |piece: &[f32]| {
        let sum: f64 = piece.iter().map(|sample| f64::from(sample * sample)).sum();
        10.0 * (sum / piece.len() as f64).max(1e-12).log10()
    };
    recorded.samples().chunks_exact(48 * milliseconds).map(power).collect()
}

#[test]
fn a_live_source_is_faded_in_and_faded_out_when_it_ends_abruptly() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "folder.mp3", "sine=440", 180, "-ac 2 -ar 44100 -b:a 128k -metadata title=Folder");
    let flags = ["--audio-dir", folder.path().to_str().unwrap(), "--stream-routes", "/night"];
    let environment = [
        ("ROOMHUB_RADIO__SOURCE_PASSWORD", "hackme"),
        ("ROOMHUB_RADIO__LIVE_FADE", "2s"),
        ("ROOMHUB_RADIO__NORMALIZE", "false"),
        ("ROOMHUB_RADIO__MOUNTPOINTS", "flac"),
    ];
    let server = station(&flags, &environment);
    on_air(&server);
    let recording = Recording::start(server.address, "/night");
    let mountpoint = Recording::start(server.address, "/night.flac");
    let mut source = ffmpeg(&server, "-ac 2 -ar 44100 -b:a 128k", "Night show");
    becomes(&server, "title", "Night show");
    eventually("some seconds of it", || {
        let now = http::get(server.address, "/now-playing?route=night").json();
        (now["elapsed_seconds"].as_f64()? > 4.0).then_some(())
    });
    source.kill().unwrap();
    source.wait().unwrap();
    becomes(&server, "title", "Folder");
    assert_eq!(now(&server, "source"), "folder");
    eventually("some seconds of the folder", || {
        let now = http::get(server.address, "/now-playing?route=night").json();
        (now["elapsed_seconds"].as_f64()? > 4.0).then_some(())
    });
    for recorded in [recording.stop(), mountpoint.stop()] {
        let usual = powers(&recorded, 10)[100];
        let all = powers(&recorded, 10);
        let heard = &all[20..all.len() - 20];
        let (least, most) =
            heard.iter().fold((f64::MAX, f64::MIN), |(least, most), at| (least.min(*at), most.max(*at)));
        assert!(least > usual - 3.0 && most < usual + 3.0, "{least:.1} to {most:.1} dB, usually {usual:.1}");
        let gaps = powers(&recorded, 5);
        let gaps = &gaps[40..gaps.len() - 40];
        assert!(gaps.iter().all(|at| *at > usual - 6.0), "a gap of five milliseconds");
    }
}
