//! A station for a day on which clocks are put back, in a quarter of an hour: libfaketime has the program's clocks run a
//! hundred times as fast. What is sent is held against them, and memory of the first hour against that of the last.

use std::fmt;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use roomhub::audio::mp3::Header;
use serde_json::Value;

use crate::cores::Cores;
use crate::http;
use crate::server::Server;

/// How much faster the program's clocks run.
const SPEED: u32 = 100;

/// When they begin, in UTC: in Berlin, it is eight in the evening before clocks are put back. Files that are made for it are
/// older, or they would not count yet.
const BEGINS: &str = "2030-10-26 18:00:00";

/// The day has so many hours.
const HOURS: usize = 25;

const HOUR: f64 = 3600.0;

/// Shows, by the clocks of Berlin. The second one begins at 02:30 for the first time, and ends after 02:30 has come again.
const SHOWS: [(&str, &str); 2] = [("Evening", "22:00-23:00"), ("Night", "02:30-03:30")];

/// Sound that listeners have ahead, as the program counts: a program that has not been given a CPU for a third of a second has it
/// still. So much of it is sent at once in the beginning.
const BURST_SECONDS: f64 = 30.0;

/// Tracks of the station; each show has one.
const N_TRACKS: usize = 5;

const TRACK_SECONDS: u32 = 200;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Seconds of a frame: 1,152 samples of 44,100 a second.
const FRAME_SECONDS: f64 = 1152.0 / 44_100.0;

/// Bytes of a frame's header.
const HEADER_BYTES: usize = 4;

/// What was found.
pub struct Report {
    hours: Vec<Hour>,
    shows: Vec<(String, String)>,
    n_underruns: String,
}

/// The end of an hour.
struct Hour {
    resident_kib: u64,
    /// Seconds by which sound is ahead of the program's clock, the burst apart.
    ahead: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "A station for {HOURS} hours from {BEGINS} UTC on, {SPEED} times as fast:\n")?;
        writeln!(f, "| hour | resident MiB | sound ahead of the clock, s |")?;
        writeln!(f, "|---:|---:|---:|")?;
        for (number, hour) in self.hours.iter().enumerate() {
            writeln!(f, "| {} | {:.1} | {:.2} |", number + 1, hour.resident_kib as f64 / 1024.0, hour.ahead)?;
        }
        writeln!(f, "\nUnderruns: {}. Shows, as they were on:\n", self.n_underruns)?;
        self.shows.iter().try_for_each(|(at, show)| writeln!(f, "{at} {show}"))
    }
}

/// Runs the day.
pub fn measure() -> Result<Report> {
    let folder = Rc::new(tempfile::tempdir()?);
    for number in 0..N_TRACKS {
        make(folder.path(), "music", number)?;
    }
    let mut schedule = Vec::new();
    for (number, (name, times)) in SHOWS.into_iter().enumerate() {
        let shown = make(folder.path(), name, N_TRACKS + number)?;
        schedule.push(format!(
            "{{ name = {name:?}, times = {times:?}, folder = {shown:?}, interrupt = \"at_once\" }}"
        ));
    }
    let stations = format!(
        "[{{ route = \"/day\", folders = [\"{}\"], time_zone = \"Europe/Berlin\", schedule = [{}] }}]",
        folder.path().join("music").display(),
        schedule.join(", "),
    );
    let clock = format!("@{BEGINS} x{SPEED}");
    let burst = BURST_SECONDS.to_string();
    let environment = [
        ("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1"),
        ("FAKETIME", &clock),
        ("TZ", "UTC"),
        ("NO_FAKE_STAT", "1"),
        ("ROOMHUB_RADIO__STATIONS", &stations),
        ("ROOMHUB_RADIO__BURST_SECONDS", &burst),
    ];
    let server = Server::start_in(folder, "radio", Cores::Shared, &[], &environment)?;
    let begun_at = time(server.address)?;
    let n_frames = listen(server.address)?;
    let mut report = Report { hours: Vec::new(), shows: Vec::new(), n_underruns: String::new() };
    let mut first: Option<f64> = None;
    while report.hours.len() < HOURS {
        thread::sleep(LOOK);
        let now = time(server.address)?;
        note_show(server.address, now, &mut report.shows)?;
        let sound = n_frames.load(Ordering::Relaxed) as f64 * FRAME_SECONDS;
        if sound < BURST_SECONDS {
            continue;
        }
        let ahead = sound - BURST_SECONDS - now.as_secs_f64();
        let ahead = ahead - *first.get_or_insert(ahead);
        if now.saturating_sub(begun_at).as_secs_f64() >= HOUR * (report.hours.len() + 1) as f64 {
            eprintln!("hour {}: {ahead:.2} s", report.hours.len() + 1);
            report.hours.push(Hour { resident_kib: server.resident_kib()?, ahead });
        }
    }
    let metrics = http::get(server.address, "/metrics")?;
    let underruns = metrics.lines().find_map(|line| line.strip_prefix("roomhub_radio_underruns_total"));
    let n_underruns = underruns.and_then(|rest| rest.split(' ').next_back()).unwrap_or("0").to_owned();
    Ok(Report { n_underruns, ..report })
}

/// A track of a tone of its own, in a folder of that name, which is returned.
fn make(folder: &Path, name: &str, number: usize) -> Result<String> {
    let folder = folder.join(name);
    fs::create_dir_all(&folder)?;
    let made = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-f", "lavfi", "-i"])
        .arg(format!("sine=f={}:r=44100", 220 + 40 * number))
        .args(["-t", &TRACK_SECONDS.to_string(), "-ac", "2", "-c:a", "libmp3lame", "-b:a", "128k"])
        .arg(folder.join(format!("{number}.mp3")))
        .stdin(Stdio::null())
        .status()
        .context("ffmpeg")?;
    ensure!(made.success(), "ffmpeg makes no track");
    Ok(folder.to_str().context("a path in UTF-8")?.to_owned())
}

/// What the program's clock says, since the epoch.
fn time(address: SocketAddr) -> Result<Duration> {
    let told: Value = serde_json::from_str(&http::get(address, "/health")?)?;
    let timestamp = told["timestamp"].as_str().context("a timestamp")?;
    Ok(humantime::parse_rfc3339(timestamp)?.duration_since(std::time::UNIX_EPOCH)?)
}

/// Notes which show is on, if that has changed.
fn note_show(address: SocketAddr, now: Duration, shows: &mut Vec<(String, String)>) -> Result<()> {
    let told: Value = serde_json::from_str(&http::get(address, "/now-playing?route=/day")?)?;
    let show = told["show"]["name"].as_str().unwrap_or("no show");
    if shows.last().is_none_or(|(_, last)| last != show) {
        let at = humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + now).to_string();
        shows.push((at, show.to_owned()));
    }
    Ok(())
}

/// Listens from here on, and counts frames.
fn listen(address: SocketAddr) -> Result<Arc<AtomicU64>> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /day HTTP/1.0\r\n\r\n")?;
    let n_frames = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&n_frames);
    thread::spawn(move || {
        let mut waiting = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        let mut is_sound = false;
        while let Ok(n @ 1..) = stream.read(&mut buffer) {
            waiting.extend(&buffer[..n]);
            if !is_sound && let Some(end) = waiting.windows(4).position(|four| four == b"\r\n\r\n") {
                waiting.drain(..end + 4);
                is_sound = true;
            }
            let mut end = 0;
            while is_sound
                && let Some(header) = Header::parse(&waiting[end..])
                && end + header.n_bytes <= waiting.len()
            {
                end += header.n_bytes;
                counted.fetch_add(1, Ordering::Relaxed);
            }
            waiting.drain(..end);
            // What is no frame ends the count, which shows.
            if is_sound && waiting.len() >= HEADER_BYTES && Header::parse(&waiting).is_none() {
                return;
            }
        }
    });
    Ok(n_frames)
}
