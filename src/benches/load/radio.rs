//! A station with many listeners: in MP3 alone, and spread over all its encodings; Icecast beside it; and what each further
//! encoding costs.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::audience::{Audience, Heard, Stream};
use crate::cores::Cores;
use crate::http;
use crate::icecast::{Icecast, Sent};
use crate::report::grouped;
use crate::server::Server;
use crate::usage;

/// Listeners, unless it is said how many.
pub const N_LISTENERS: usize = 10_000;

/// How long the cost of a row is counted.
const SPAN: Duration = Duration::from_secs(20);

/// What a station without listeners costs is counted for so long.
const IDLE_SPAN: Duration = Duration::from_secs(5);

/// From the first sound of a station, or the last listener, to where counting begins: bursts have been sent by then, and
/// files read for their loudness.
const SETTLING: Duration = Duration::from_secs(8);

/// The length of the track, longer than any row takes.
const TRACK_SECONDS: u32 = 300;

/// How long a station may take to be on the air.
const PATIENCE: Duration = Duration::from_secs(30);

/// 128 kbit/s, as bytes.
const STATION_RATE: f64 = 16_000.0;

const STATION: Stream = Stream { path: "/stream", rate: Some(STATION_RATE) };

const MP3_ALONE: [Stream; 1] = [STATION];

/// What most stations have.
const LOSSY: [Stream; 4] = [
    STATION,
    Stream { path: "/stream-64.mp3", rate: Some(STATION_RATE / 2.0) },
    Stream { path: "/stream.aac", rate: None },
    Stream { path: "/stream.opus", rate: None },
];

const ALL: [Stream; 5] =
    [LOSSY[0], LOSSY[1], LOSSY[2], LOSSY[3], Stream { path: "/stream.flac", rate: None }];

/// Mountpoints as the configuration has them.
const LOSSY_MOUNTPOINTS: &str = "mp3 64,aac 64,opus 96";
const ALL_MOUNTPOINTS: &str = "mp3 64,aac 64,opus 96,flac";

/// The same streams for Icecast: the file, how ffmpeg makes it of the track, its container, and its media type.
const FILES: [(&str, &str, &str, &str); 5] = [
    ("track.mp3", "-c:a copy", "mp3", "audio/mpeg"),
    ("64.mp3", "-c:a libmp3lame -b:a 64k", "mp3", "audio/mpeg"),
    ("64.aac", "-c:a aac -b:a 64k", "adts", "audio/aac"),
    ("96.opus", "-c:a libopus -b:a 96k", "ogg", "application/ogg"),
    ("flac.ogg", "-c:a flac", "ogg", "application/ogg"),
];

/// Mountpoints whose encoders are measured, one by one and together, and what is heard of them.
const ENCODERS: [(&str, &[Stream]); 6] = [
    ("", &MP3_ALONE),
    ("mp3 64", &[ALL[0], ALL[1]]),
    ("aac 64", &[ALL[0], ALL[2]]),
    ("opus 96", &[ALL[0], ALL[3]]),
    ("flac", &[ALL[0], ALL[4]]),
    (ALL_MOUNTPOINTS, &ALL),
];

/// A server with its listeners.
struct Row {
    name: &'static str,
    /// Cores that the server used before anybody listened, its encoders with it.
    idle: f64,
    /// Cores that it used with listeners.
    busy: f64,
    grown_kib: u64,
    heard: Heard,
    /// Of the machine, in the last minute.
    load: String,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, idle, busy, grown_kib, load, .. } = self;
        let Heard { n_bytes, n_connected, n_dropped, n_starved, longest_pause, span } = self.heard;
        // Those that were dropped meanwhile count in part.
        let n_listeners = n_connected.saturating_sub(n_dropped).max(1) as f64;
        write!(
            f,
            "| {name} | {busy:.3} | {idle:.3} | {:.1} | {:.0} | {:.1} | {n_connected} | {n_dropped} | {n_starved} | {:.2} | {load} |",
            (busy - idle) * 1e6 / n_listeners,
            n_bytes as f64 * 8e-6 / span.as_secs_f64(),
            *grown_kib as f64 / n_listeners,
            longest_pause.as_secs_f64(),
        )
    }
}

/// Measures all, and prints each row as it comes.
pub async fn measure(n_listeners: usize, cores: Cores) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let music = folder.path().join("music");
    fs::create_dir(&music)?;
    let track = music.join(FILES[0].0);
    // Noise of which FLAC makes about as much as of music, with a tone that comes and goes.
    let sound = "anoisesrc=color=brown:amplitude=0.4:seed=1:r=44100[a];sine=330:r=44100,tremolo=f=0.5:d=0.9[b];\
                 [a][b]amix,pan=stereo|c0=c0|c1=0.7*c0";
    let length = TRACK_SECONDS.to_string();
    ffmpeg(|command| {
        command.args(["-f", "lavfi", "-i", sound, "-t", &length, "-c:a", "libmp3lame", "-b:a", "128k"]);
        command.arg(&track);
    })?;
    let pinned = match cores {
        Cores::Apart => "server on CPU 0, listeners on CPU 1",
        Cores::Shared => "server and listeners not pinned",
    };
    println!(
        "{} listeners over loopback for {} s, {pinned}; encoders are those that run without listeners; connected are those \
         who were admitted, and starved those who were not dropped but had less than was played:\n",
        grouped(n_listeners as u64),
        SPAN.as_secs(),
    );
    println!(
        "| | cores | of them encoders | us CPU a listener and second | Mbit/s | KiB a listener | connected | dropped \
         | starved | longest pause s | load |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for (name, streams, mountpoints) in [
        ("roomhub, MP3 128 alone", &MP3_ALONE[..], ""),
        ("roomhub, spread over MP3 128, MP3 64, AAC 64, Opus 96", &LOSSY[..], LOSSY_MOUNTPOINTS),
        ("roomhub, the same and FLAC", &ALL[..], ALL_MOUNTPOINTS),
    ] {
        let server = station(&music, mountpoints, n_listeners, cores)?;
        on_air(&server, streams).await?;
        println!("{}", row(name, server.process(), server.address, streams, n_listeners).await?);
    }
    for (name, streams) in [
        ("Icecast, MP3 128 alone", &MP3_ALONE[..]),
        ("Icecast, spread over the four", &LOSSY[..]),
        ("Icecast, the same and FLAC", &ALL[..]),
    ] {
        let files: Vec<_> = FILES.iter().map(|(file, ..)| folder.path().join(file)).collect();
        let mut sent = Vec::new();
        for ((stream, (_, args, container, media_type)), file) in streams.iter().zip(FILES).zip(&files) {
            if !file.exists() {
                ffmpeg(|command| {
                    command.arg("-i").arg(&track).args(args.split(' ')).args(["-f", container]).arg(file);
                })?;
            }
            sent.push(Sent { path: stream.path, file, container, media_type });
        }
        let place = tempfile::tempdir()?;
        let icecast = Icecast::start(place.path(), cores, n_listeners, &sent)?;
        println!("{}", row(name, icecast.process(), icecast.address, streams, n_listeners).await?);
    }
    println!("\n| a station of MP3 that is passed through, one listener each | cores | more |");
    println!("|---|---:|---:|");
    let mut alone = None;
    for (mountpoints, streams) in ENCODERS {
        let cores = encoders_of(&music, mountpoints, streams, cores).await?;
        let more = cores - *alone.get_or_insert(cores);
        let name = if mountpoints.is_empty() { "no mountpoint" } else { mountpoints };
        println!("| {name} | {cores:.4} | {more:.4} |");
    }
    Ok(())
}

fn ffmpeg(with: impl FnOnce(&mut Command)) -> Result<()> {
    let mut command = Command::new("ffmpeg");
    command.args(["-loglevel", "error", "-y"]).stdin(Stdio::null());
    with(&mut command);
    let status = command.status().context("ffmpeg")?;
    ensure!(status.success(), "ffmpeg makes no track");
    Ok(())
}

/// A station of one folder that takes so many listeners.
fn station(music: &Path, mountpoints: &str, n_listeners: usize, cores: Cores) -> Result<Server> {
    let most = (n_listeners + 100).to_string();
    let environment = [
        ("ROOMHUB_RADIO__MOUNTPOINTS", mountpoints),
        ("ROOMHUB_RADIO__MAX_LISTENERS", &most),
        ("ROOMHUB_RADIO__MAX_LISTENERS_PER_STATION", &most),
        ("ROOMHUB_NETWORK__MAX_CONNECTIONS", &most),
    ];
    let flags = ["--audio-dir", music.to_str().context("a path in UTF-8")?];
    Server::start_in(Rc::new(tempfile::tempdir()?), "radio", cores, &flags, &environment)
}

/// Waits until a station has its sound in every stream.
async fn on_air(server: &Server, streams: &'static [Stream]) -> Result<()> {
    let started_at = Instant::now();
    while http::get(server.address, "/readyz").unwrap_or_default() != "ready" {
        ensure!(started_at.elapsed() < PATIENCE, "the station is not on the air");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut first = Audience::join(server.address, streams, streams.len()).await?;
    first.listen(SETTLING).await;
    ensure!(first.n_listening() == streams.len(), "a stream cannot be heard");
    Ok(())
}

/// Has them listen to a server that has just started, and looks at what its process uses.
async fn row(
    name: &'static str,
    process: u32,
    address: SocketAddr,
    streams: &'static [Stream],
    n_listeners: usize,
) -> Result<Row> {
    let kib_before = usage::resident_kib(process)?;
    let idle = used(process, tokio::time::sleep(IDLE_SPAN)).await?;
    let mut audience = Audience::join(address, streams, n_listeners).await?;
    audience.listen(SETTLING).await;
    audience.count_anew();
    let busy = used(process, audience.listen(SPAN)).await?;
    let heard = audience.heard();
    let grown_kib = usage::resident_kib(process)?.saturating_sub(kib_before);
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    Ok(Row { name, idle, busy, grown_kib, heard, load })
}

/// Cores that a process uses meanwhile, with the programs that it runs.
async fn used(process: u32, meanwhile: impl Future<Output = ()>) -> Result<f64> {
    let (before, since) = (usage::cpu_time_with_children(process)?, Instant::now());
    meanwhile.await;
    let used = usage::cpu_time_with_children(process)?.saturating_sub(before);
    Ok(used.div_duration_f64(since.elapsed()))
}

/// Cores of a station with one listener of each of its streams.
async fn encoders_of(
    music: &Path,
    mountpoints: &'static str,
    streams: &'static [Stream],
    cores: Cores,
) -> Result<f64> {
    let server = station(music, mountpoints, streams.len(), cores)?;
    on_air(&server, streams).await?;
    let mut audience = Audience::join(server.address, streams, streams.len()).await?;
    audience.listen(SETTLING).await;
    audience.count_anew();
    let cores = used(server.process(), audience.listen(SPAN)).await?;
    let heard = audience.heard();
    let is_whole = heard.n_connected == streams.len() && heard.n_dropped + heard.n_starved == 0;
    ensure!(is_whole, "{mountpoints}: {heard:?}");
    Ok(cores)
}
