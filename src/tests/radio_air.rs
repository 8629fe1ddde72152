//! A station on the air for a minute, and what its sound is worth: judged by ffmpeg, mp3val and mpv.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rlimit::Resource;

use crate::harness::process::Server;
use crate::harness::radio::{Recording, hear, make, noise, on_air, station};
use crate::harness::{eventually, http};

/// Files of every kind, with the arguments that make ffmpeg write them.
const FILES: [(&str, &str); 14] = [
    ("cbr.mp3", "-ac 2 -ar 44100 -b:a 128k -metadata title=Eins -metadata artist=Ann"),
    ("320.mp3", "-ac 2 -ar 44100 -b:a 320k -id3v2_version 4 -write_id3v1 1 -metadata title=Laut"),
    ("Песня 歌🎵.mp3", "-ac 2 -ar 44100 -q:a 4"),
    ("bare.mp3", "-ac 2 -ar 44100 -b:a 96k -write_xing 0 -id3v2_version 0"),
    ("joint.mp3", "-ac 2 -ar 44100 -b:a 160k -joint_stereo 1 -reservoir 1"),
    ("mono.mp3", "-ac 1 -ar 48000 -b:a 96k -id3v2_version 3 -metadata title=Zwei"),
    ("low.mp3", "-ac 2 -ar 22050 -b:a 64k"),
    ("eight.mp3", "-ac 1 -ar 8000 -b:a 16k"),
    ("c.wav", "-ac 1 -ar 48000"),
    ("CD.WAV", "-ac 2 -ar 44100 -c:a pcm_s24le"),
    ("d.flac", "-ac 2 -ar 96000"),
    ("e.ogg", "-ac 2 -ar 44100 -c:a libvorbis -metadata title=Drei"),
    ("f.m4a", "-ac 2 -ar 32000 -c:a aac -metadata title=Vier"),
    ("g.mp3", "-ac 2 -ar 44100 -b:a 128k -f mp3 -metadata title=Fünf"),
];

/// How long the recording is.
const MINUTE: Duration = Duration::from_mins(1);

/// The burst that a listener begins with, in seconds.
const BURST: f64 = 5.0;

/// What somebody heard, and when.
struct Heard {
    bytes: Vec<u8>,
    /// How many bytes there were after each read.
    arrivals: Vec<(Instant, usize)>,
}

/// Listens for a time.
fn record(address: SocketAddr, time: Duration) -> Heard {
    let mut stream = http::connect(address);
    write!(stream, "GET /stream HTTP/1.0\r\n\r\n").unwrap();
    let mut heard = Heard { bytes: Vec::new(), arrivals: Vec::new() };
    let mut piece = vec![0; 64 * 1024];
    let started = Instant::now();
    while started.elapsed() < time {
        let n = stream.read(&mut piece).unwrap();
        assert!(n > 0, "the stream ended");
        heard.bytes.extend(&piece[..n]);
        heard.arrivals.push((Instant::now(), heard.bytes.len()));
    }
    let start = heard.bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    heard.bytes.drain(..start);
    heard.arrivals.retain_mut(|(_, n)| {
        *n = n.saturating_sub(start);
        *n > 0
    });
    heard
}

/// Where each frame ends, and how many seconds have been heard by then. Every header must follow the frame before.
fn frames(bytes: &[u8]) -> Vec<(usize, f64)> {
    const KBPS: [u32; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    let (mut at, mut seconds, mut ends) = (0, 0.0, Vec::new());
    while at + 4 <= bytes.len() {
        let head = &bytes[at..at + 4];
        assert!(head[0] == 0xff && head[1] & 0xfe == 0xfa, "no frame of MPEG-1 at {at}: {head:x?}");
        assert_eq!(head[2] & 0x0c, 0, "44,100 Hz everywhere");
        assert_ne!(head[3] >> 6, 3, "two channels everywhere");
        let padding = usize::from(head[2] >> 1 & 1);
        at += (144_000 * KBPS[usize::from(head[2] >> 4)] / 44_100) as usize + padding;
        seconds += 1152.0 / 44_100.0;
        ends.push((at, seconds));
    }
    ends
}

/// Seconds of whole frames among so many bytes.
fn seconds_in(frames: &[(usize, f64)], n_bytes: usize) -> f64 {
    let whole = frames.partition_point(|(end, _)| *end <= n_bytes);
    if whole == 0 { 0.0 } else { frames[whole - 1].1 }
}

/// A folder with everything that may lie in one.
fn mixed_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (n, (name, args)) in FILES.iter().enumerate() {
        make(folder.path(), name, &noise(n), 2, args);
    }
    let path = folder.path();
    let random: Vec<u8> = (0..50_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
    fs::write(path.join("random.mp3"), &random).unwrap();
    fs::write(path.join("random.flac"), &random).unwrap();
    let whole = fs::read(path.join("cbr.mp3")).unwrap();
    fs::write(path.join("cut.mp3"), &whole[..whole.len() * 2 / 3]).unwrap();
    // Its first frames refer to frames that are not there.
    fs::write(path.join("middle.mp3"), &whole[whole.len() / 3..]).unwrap();
    let ogg = fs::read(path.join("e.ogg")).unwrap();
    fs::write(path.join("cut.ogg"), &ogg[..ogg.len() / 2]).unwrap();
    // An APE tag before the ID3v1 tag, as some programs leave them.
    let ape = [b"APETAGEX\xd0\x07\0\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(), vec![b'T'; 128]];
    fs::write(path.join("ape.mp3"), [whole.clone(), ape.concat()].concat()).unwrap();
    fs::write(path.join(std::ffi::OsStr::from_bytes(b"caf\xe9.mp3")), &whole).unwrap();
    fs::write(path.join("tiny.mp3"), b"ID3").unwrap();
    folder
}

#[test]
fn a_minute_of_everything_is_one_clean_stream_at_the_pace_of_the_clock() {
    let folder = mixed_folder();
    let server = station(&["--audio-dir", folder.path().to_str().unwrap()], &[]);
    on_air(&server);
    let address = server.address;
    let early = thread::spawn(move || record(address, MINUTE));
    // The other one begins when the first has heard something.
    hear(address, "/", 200_000);
    let late = record(address, MINUTE / 2);
    let early = early.join().unwrap();

    // Some files are copies of others: what the late one begins with may have been heard before.
    let mut starts = early.bytes.windows(1000).enumerate().filter(|(_, bytes)| **bytes == late.bytes[..1000]);
    let overlap = starts.find_map(|(start, _)| {
        let n = (early.bytes.len() - start).min(late.bytes.len());
        (early.bytes[start..start + n] == late.bytes[..n]).then_some(n)
    });
    assert!(overlap > Some(500_000), "{overlap:?} bytes of the same");

    let frames = frames(&early.bytes);
    let began = early.arrivals[0].0;
    // A reader that the machine lets wait hears late; what counts is what it has heard when it did not have to.
    let ahead = |(at, n): &(Instant, usize)| seconds_in(&frames, *n) - at.duration_since(began).as_secs_f64();
    let second_half = early.arrivals.iter().filter(|(at, _)| at.duration_since(began) > MINUTE / 2);
    let most_ahead = second_half.map(ahead).fold(0.0, f64::max);
    assert!((most_ahead - BURST).abs() < 0.15, "{most_ahead} s ahead of the clock");
    let gaps = early.arrivals.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0));
    let longest = gaps.max().unwrap();
    println!("{most_ahead:.3} s ahead, {longest:?} without a byte at the most");
    assert!(longest.as_secs_f64() < BURST, "{longest:?} without a byte: a player runs dry");

    let history = http::get(address, "/history").json();
    let n_tracks = history["history"].as_array().unwrap().len();
    assert!(n_tracks > 20, "{n_tracks} tracks");
    let skipped = http::get(address, "/streams").json()["streams"][0]["skipped"].to_string();
    assert!(skipped.contains("random.mp3") && skipped.contains("random.flac"), "{skipped}");
    let whole_or_cut = ["cut.mp3", "middle.mp3", "ape.mp3", "caf", "cbr", "c.wav", "eight"];
    assert!(whole_or_cut.iter().all(|name| !skipped.contains(name)), "{skipped}");

    let whole = frames.iter().rev().find(|(end, _)| *end <= early.bytes.len()).unwrap().0;
    assert_eq!(complaints(&early.bytes[..whole]), "");
}

/// What ffmpeg and mp3val say of a recording, but for what they say of every stream.
fn complaints(sound: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recorded.mp3");
    fs::write(&file, sound).unwrap();
    let decoded =
        Command::new("ffmpeg").args(["-v", "warning", "-i"]).arg(&file).args(["-f", "null", "-"]).output();
    let judged = Command::new("mp3val").arg(&file).output().unwrap();
    let told =
        [decoded.unwrap().stderr, judged.stdout].map(|told| String::from_utf8_lossy(&told).into_owned());
    let usual =
        ["Estimating duration", "No supported tags", "VBR detected", "INFO:", "Analyzing file", "Done!"];
    let lines = told.iter().flat_map(|told| told.lines());
    let unusual = lines.filter(|line| !line.is_empty() && !usual.iter().any(|words| line.contains(words)));
    unusual.collect::<Vec<_>>().join("\n")
}

/// The loudness of what is heard, in LUFS, as ffmpeg measures it.
fn loudness(address: SocketAddr, path: &str) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recorded.mp3");
    fs::write(&file, hear(address, path, 150_000)).unwrap();
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostats", "-i"])
        .arg(&file)
        .args(["-af", "ebur128", "-f", "null", "-"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let summary = told.rsplit("Summary:").next().unwrap();
    summary.split("I:").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn quiet_and_loud_files_are_equally_loud_on_the_air_however_they_get_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut routes = serde_json::Map::new();
    for (loudness, volume) in [("quiet", "-7dB"), ("loud", "8dB")] {
        for (kind, args) in [("mp3", "-b:a 192k"), ("wav", "-c:a pcm_s16le")] {
            let name = format!("{loudness}-{kind}");
            let own = folder.path().join(&name);
            fs::create_dir(&own).unwrap();
            let source =
                format!("anoisesrc=color=pink:amplitude=0.7:seed=1:sample_rate=44100,volume={volume}");
            make(&own, &format!("noise.{kind}"), &source, 10, &format!("-ac 2 -ar 44100 {args}"));
            routes.insert(name, own.to_str().unwrap().into());
        }
    }
    let names: Vec<String> = routes.keys().cloned().collect();
    let routes = serde_json::Value::Object(routes).to_string();
    let server = station(&["--directory-routes", &routes, "--stream-routes", &names.join(",")], &[]);
    on_air(&server);
    let measured: Vec<f64> = names.iter().map(|name| loudness(server.address, &format!("/{name}"))).collect();
    let (quietest, loudest) =
        measured.iter().fold((0.0_f64, -70.0_f64), |(low, high), lufs| (low.min(*lufs), high.max(*lufs)));
    println!("{names:?}: {measured:?} LUFS");
    assert!(loudest - quietest < 1.5 && (-17.5..-14.5).contains(&quietest), "{names:?}: {measured:?} LUFS");
}

#[test]
fn ffmpeg_cuts_the_tracks_where_the_history_says() {
    let folder = tempfile::tempdir().unwrap();
    let pitches = [400.0, 700.0, 1100.0];
    for pitch in pitches {
        let args = format!("-ac 2 -ar 44100 -b:a 128k -metadata title={pitch}");
        make(folder.path(), &format!("{pitch}.mp3"), &format!("sine={pitch}"), 4, &args);
    }
    let server = station(&["--audio-dir", folder.path().to_str().unwrap()], &[]);
    on_air(&server);
    let began = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let heard = record(server.address, Duration::from_secs(16));
    assert_eq!(heard.bytes[0], 0xff);
    let file = folder.path().join(".recorded.mp3");
    fs::write(&file, &heard.bytes).unwrap();
    let history = http::get(server.address, "/history").json();
    let starts: Vec<(f64, f64)> = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|played| {
            let pitch = played["title"].as_str().unwrap().parse().unwrap();
            (pitch, played["started_at"].as_f64().unwrap() - began + BURST)
        })
        .collect();
    let mut n_checked = 0;
    for pair in starts.windows(2) {
        let ((pitch, start), (_, end)) = (pair[0], pair[1]);
        // The ends overlap with what came before and after by as much as a chunk, and the decoder's delay.
        let (start, end) = (start.max(0.0) + 0.4, end - 0.4);
        // What was on the air before anybody could hear it has no time of its own.
        if start < BURST + 1.0 || end > 16.0 + BURST {
            continue;
        }
        let cut = Command::new("ffmpeg")
            .args(["-v", "error", "-ss", &start.to_string(), "-t", &(end - start).to_string(), "-i"])
            .arg(&file)
            .args(["-ac", "1", "-f", "s16le", "-"])
            .output()
            .unwrap()
            .stdout;
        let samples: Vec<i16> =
            cut.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        let crossings = samples.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
        let heard = crossings as f64 / 2.0 / (samples.len() as f64 / 44_100.0);
        // The first frame of a cut is silent: it needs those before it.
        assert!((heard - pitch).abs() < pitch * 0.05, "{heard} Hz in the cut of {pitch}: {starts:?}");
        n_checked += 1;
    }
    assert!(n_checked >= 2, "{n_checked} cuts of {starts:?}");
}

#[test]
fn the_head_names_the_bitrate_of_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "low.mp3", "sine=440", 10, "-ac 2 -ar 44100 -b:a 64k");
    let server = station(&["--audio-dir", folder.path().to_str().unwrap()], &[]);
    on_air(&server);
    let mut stream = http::connect(server.address);
    write!(stream, "GET /stream HTTP/1.0\r\n\r\n").unwrap();
    let mut head = [0; 600];
    stream.read_exact(&mut head).unwrap();
    let head = String::from_utf8_lossy(&head);
    let expected = ["icy-br: 64\r\n", "ice-audio-info: samplerate=44100;channels=2;bitrate=64\r\n"];
    assert!(expected.iter().all(|line| head.contains(line)), "{head}");
}

#[test]
fn listeners_of_a_folder_that_is_emptied_get_silence_until_it_is_filled_again() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "noise.mp3", &noise(1), 3, "-ac 2 -ar 44100 -b:a 128k");
    let flags = ["--audio-dir", folder.path().to_str().unwrap()];
    let server = station(&flags, &[("ROOMHUB_RADIO__BURST_SECONDS", "0.5")]);
    on_air(&server);
    let recording = Recording::start(server.address, "/");
    fs::rename(folder.path().join("noise.mp3"), folder.path().join(".noise")).unwrap();
    eventually("silence", || (server.metric("roomhub_radio_underruns_total") == 1.0).then_some(()));
    // One who comes now is not kept waiting either.
    let silent = hear(server.address, "/", 40_000);
    fs::rename(folder.path().join(".noise"), folder.path().join("noise.mp3")).unwrap();
    eventually("the folder's sound", || server.log().contains("audio again after an underrun").then_some(()));
    hear(server.address, "/", 40_000);
    let recorded = recording.stop();
    assert_eq!((&*recorded.formats(), &*recorded.complaints()), ("44100,2", ""));
    assert!(frames(&silent).len() > 90);
    assert_eq!(server.metric("roomhub_radio_underruns_total"), 1.0);
}

#[test]
fn mpv_plays_a_station() {
    let server = station(&[], &[]);
    on_air(&server);
    let output = Command::new("mpv")
        .args(["--no-config", "--no-video", "--ao=null", "--length=3", "--msg-level=all=warn"])
        .arg(format!("http://{}/", server.address))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}");
}

fn listeners(server: &Server) -> u64 {
    http::get(server.address, "/now-playing").json()["listeners"].as_u64().unwrap()
}

fn n_files(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count()
}

#[test]
fn a_stalled_listener_delays_nobody_and_is_disconnected_in_time() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "tone.mp3", "sine=440", 20, "-ac 2 -ar 44100 -b:a 320k");
    let flags = ["--audio-dir", folder.path().to_str().unwrap()];
    let more = [("ROOMHUB_RADIO__STALL_TIMEOUT", "5s"), ("ROOMHUB_RADIO__BURST_SECONDS", "30")];
    let server = station(&flags, &more);
    on_air(&server);
    let address = server.address;
    let heard = thread::spawn(move || record(address, Duration::from_secs(10)));
    // A process that asks for the sound and stops: what it has is full with the burst.
    let request = r"exec 3<>/dev/tcp/127.0.0.1/$0; printf 'GET /stream HTTP/1.0\r\n\r\n' >&3; kill -STOP $$";
    let mut stopped =
        Command::new("bash").args(["-c", request, &address.port().to_string()]).spawn().unwrap();
    eventually("both listen", || (listeners(&server) == 2).then_some(()));
    // Its socket fills up, and then its time is up; the other one hears on.
    let began = Instant::now();
    while listeners(&server) != u64::from(!heard.is_finished()) {
        assert!(began.elapsed() < Duration::from_secs(200), "the stopped one is still there");
        thread::park_timeout(Duration::from_millis(100));
    }
    println!("gone after {:?}", began.elapsed());
    let heard = heard.join().unwrap();
    assert!(heard.bytes.len() > 30 * 40_000, "{} bytes", heard.bytes.len());
    stopped.kill().unwrap();
    stopped.wait().unwrap();
}

#[test]
fn thousands_of_listeners_at_once_are_admitted_and_leave_no_trace() {
    const CROWD: usize = 5_000;
    const THREADS: usize = 10;
    let (_, hard) = Resource::NOFILE.get().unwrap();
    Resource::NOFILE.set(hard, hard).unwrap();
    let crowd = CROWD.min(hard as usize / 2 - 500);
    let server = station(&[], &[("ROOMHUB_NETWORK__MAX_CONNECTIONS", "12000")]);
    on_air(&server);
    let before = n_files(&server);
    let address = server.address;
    for _ in 0..2 {
        let come = move || -> Vec<TcpStream> {
            let mut streams: Vec<TcpStream> = (0..crowd / THREADS).map(|_| http::connect(address)).collect();
            for stream in &mut streams {
                stream.write_all(b"GET /stream HTTP/1.0\r\n\r\n").unwrap();
            }
            let mut head = [0; 15];
            for stream in &mut streams {
                stream.read_exact(&mut head).unwrap();
                assert_eq!(&head, b"HTTP/1.0 200 OK");
            }
            streams
        };
        let threads: Vec<_> = (0..THREADS).map(|_| thread::spawn(come)).collect();
        let all: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        eventually("everybody listens", || {
            (listeners(&server) == (crowd / THREADS * THREADS) as u64).then_some(())
        });
        drop(all);
        eventually("nobody listens", || (listeners(&server) == 0).then_some(()));
        eventually("no file is left open", || (n_files(&server) <= before + 2).then_some(()));
    }
}

#[test]
fn individual_listeners_are_limited_and_the_others_are_told() {
    let more = [("ROOMHUB_RADIO__MAX_INDIVIDUAL_LISTENERS", "2")];
    let server = station(&["--stream-mode", "individual"], &more);
    let connect = || {
        let mut stream = http::connect(server.address);
        write!(stream, "GET /stream HTTP/1.0\r\n\r\n").unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        (stream, String::from_utf8(head.to_vec()).unwrap())
    };
    let (first, second) = (connect(), connect());
    assert_eq!((&*first.1, &*second.1), ("HTTP/1.0 200", "HTTP/1.0 200"));
    let (mut third, status) = connect();
    assert_eq!(status, "HTTP/1.0 503");
    let mut told = String::new();
    third.read_to_string(&mut told).unwrap();
    assert!(told.contains("Retry-After: 30") && told.contains("too many listeners"), "{told}");
    drop(first);
    eventually("a place that is free again", || (connect().1 == "HTTP/1.0 200").then_some(()));
}

/// A WAV file of silence that takes no room on disk.
fn sparse_wav(path: &Path, seconds: u32) {
    let bytes = seconds * 44_100 * 4;
    let mut head = Vec::new();
    head.extend(b"RIFF");
    head.extend((36 + bytes).to_le_bytes());
    head.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    head.extend(44_100_u32.to_le_bytes());
    head.extend((44_100_u32 * 4).to_le_bytes());
    head.extend(b"\x04\0\x10\0data");
    head.extend(bytes.to_le_bytes());
    let mut file = File::create(path).unwrap();
    file.write_all(&head).unwrap();
    file.set_len(u64::from(bytes) + 44).unwrap();
}

#[test]
fn long_files_take_no_more_memory_than_short_ones() {
    let rss = |name: &str, write: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join(name));
        let server = station(&["--audio-dir", folder.path().to_str().unwrap()], &[]);
        on_air(&server);
        hear(server.address, "/", 150_000);
        server.rss_kib()
    };
    let short = rss("short.wav", &|path| sparse_wav(path, 20));
    let two_hours = rss("long.wav", &|path| sparse_wav(path, 2 * 3600));
    let large = rss("large.mp3", &|path| {
        let folder = path.parent().unwrap();
        make(folder, ".minute.mp3", "sine=440", 60, "-ac 2 -ar 44100 -b:a 320k");
        let minute = fs::read(folder.join(".minute.mp3")).unwrap();
        let mut file = File::create(folder.join(".large")).unwrap();
        for _ in 0..300 * 1024 * 1024 / minute.len() {
            file.write_all(&minute).unwrap();
        }
        fs::rename(folder.join(".large"), path).unwrap();
    });
    println!("{short} KiB with a short file, {two_hours} with two hours, {large} with 300 MB");
    assert!(two_hours < short + 6 * 1024 && large < short + 6 * 1024, "{short}, {two_hours}, {large} KiB");
}
