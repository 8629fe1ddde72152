//! Stations to listen to, files for them, and one who listens.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::process::{Server, roomhub};
use super::{age, eventually, http};

/// Has ffmpeg make a file of a synthetic source; it appears in the folder at once and whole, and is taken for that.
pub fn make(folder: &Path, name: &str, source: &str, seconds: u32, args: &str) {
    let draft = folder.join(format!(".{name}"));
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", source, "-t", &seconds.to_string()])
        .args(args.split(' '))
        .arg(&draft)
        .status()
        .unwrap();
    assert!(made.success(), "{name}");
    age(&draft);
    fs::rename(draft, folder.join(name)).unwrap();
}

/// Noise that never repeats, and differs from that of any other number: what ffmpeg makes it from.
pub fn noise(seed: usize) -> String {
    format!("anoisesrc=color=pink:amplitude=0.5:seed={seed}:sample_rate=44100")
}

/// A running `roomhub radio` that keeps nothing between starts, unless told where.
pub fn station(flags: &[&str], environment: &[(&str, &str)]) -> Server {
    let mut args = vec!["radio", "--host", "127.0.0.1", "--port", "0", "--log-format", "json"];
    args.extend(flags);
    let mut command = roomhub(&args);
    command.env("ROOMHUB_RADIO__DATA_DIR", "");
    command.envs(environment.iter().copied());
    Server::spawn(command)
}

/// Waits until every station is on the air, with a track.
pub fn on_air(server: &Server) {
    eventually("a station on the air", || {
        (http::get(server.address, "/readyz").body == "ready").then_some(())
    });
}

/// Listens for so long: the head, and the sound.
pub fn listen(address: SocketAddr, path: &str, headers: &str, time: Duration) -> (String, Vec<u8>) {
    let mut stream = http::connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\n{headers}\r\n").unwrap();
    let started = Instant::now();
    let mut bytes = Vec::new();
    let mut piece = [0; 8192];
    while started.elapsed() < time {
        let n = stream.read(&mut piece).unwrap();
        assert!(n > 0, "the stream ended");
        bytes.extend(&piece[..n]);
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let sound = bytes.split_off(end);
    (String::from_utf8(bytes).unwrap(), sound)
}

/// Listens for so many bytes of sound.
pub fn hear(address: SocketAddr, path: &str, n_bytes: usize) -> Vec<u8> {
    let mut stream = http::connect(address);
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    let mut piece = [0; 8192];
    loop {
        let n = stream.read(&mut piece).unwrap();
        assert!(n > 0, "the stream ended");
        bytes.extend(&piece[..n]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n")
            && bytes.len() >= end + 4 + n_bytes
        {
            return bytes.split_off(end + 4);
        }
    }
}

/// Somebody who listens from here on and keeps what is heard.
pub struct Recording {
    listener: thread::JoinHandle<Vec<u8>>,
    stream: TcpStream,
}

impl Recording {
    /// Begins to listen.
    pub fn start(address: SocketAddr, path: &str) -> Self {
        let mut stream = http::connect(address);
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut ear = stream.try_clone().unwrap();
        let listener = thread::spawn(move || {
            let mut bytes = Vec::new();
            ear.read_to_end(&mut bytes).unwrap();
            bytes
        });
        Self { listener, stream }
    }

    /// Ends it.
    pub fn stop(self) -> Recorded {
        self.stream.shutdown(Shutdown::Both).unwrap();
        let bytes = self.listener.join().unwrap();
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("recorded.mp3"), &bytes[head..]).unwrap();
        Recorded { folder }
    }
}

/// What was heard.
pub struct Recorded {
    folder: TempDir,
}

impl Recorded {
    /// Each sample rate and channel count among its frames, once.
    pub fn formats(&self) -> String {
        let output = Command::new("ffprobe")
            .args(["-v", "error", "-show_entries", "frame=sample_rate,channels:stream=sample_rate,channels"])
            .args(["-of", "csv=p=0"])
            .arg(self.folder.path().join("recorded.mp3"))
            .output()
            .unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let formats: BTreeSet<_> = told
            .lines()
            .map(|line| line.trim_end_matches(',').to_owned())
            .filter(|line| line.contains(','))
            .collect();
        formats.into_iter().collect::<Vec<_>>().join(" ")
    }

    /// What ffmpeg decodes of it, mixed to one channel of 48 kHz.
    pub fn samples(&self) -> Vec<f32> {
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(self.folder.path().join("recorded.mp3"))
            .args(["-f", "f32le", "-ac", "1", "-ar", "48000", "-"])
            .output()
            .unwrap();
        let samples = output.stdout.as_chunks::<4>().0;
        samples.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    /// Where ffmpeg finds a second of silence in it.
    pub fn silences(&self) -> Vec<String> {
        let output = Command::new("ffmpeg")
            .args(["-v", "info", "-i"])
            .arg(self.folder.path().join("recorded.mp3"))
            .args(["-af", "silencedetect=noise=-60dB:duration=1", "-f", "null", "-"])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        told.lines().filter(|line| line.contains("silence_start")).map(str::to_owned).collect()
    }

    /// What ffmpeg says of it while it decodes it.
    pub fn complaints(&self) -> String {
        let output = Command::new("ffmpeg")
            .args(["-v", "warning", "-i"])
            .arg(self.folder.path().join("recorded.mp3"))
            .args(["-f", "null", "-"])
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        let told = told.lines().filter(|line| !line.contains("Estimating duration"));
        told.collect::<Vec<_>>().join("\n")
    }
}
