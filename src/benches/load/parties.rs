//! Watch parties: how late a control is while lobbies poll the list of rooms, and while voices are relayed.

use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use crate::cores::Cores;
use crate::member::Member;
use crate::server::{KEY, PROGRAM, Server};

/// How long each load lasts.
const SPAN: Duration = Duration::from_secs(10);

/// Rooms, and members of each beside the owner.
const N_ROOMS: usize = 1000;
const N_GUESTS: usize = 4;

/// An owner sends where its video is once in this time.
const UPDATE_EVERY: Duration = Duration::from_secs(1);

/// Open lobbies, and how often each asks for the list.
const N_LOBBIES: usize = 300;
const LIST_EVERY: Duration = Duration::from_secs(5);

/// No room in the list is shorter.
const MIN_ROOM_BYTES: usize = 200;

/// Members of the room that talks, and those that do.
const N_LISTENERS: usize = 19;
const N_SPEAKERS: usize = 10;

/// A piece of a voice: 4,096 samples at 16 kHz, as a browser records them.
const N_SAMPLES: usize = 4096;
const CHUNK_EVERY: Duration = Duration::from_millis(256);

/// The owner of that room seeks so often.
const SEEK_EVERY: Duration = Duration::from_millis(100);

/// What was found, of each build.
pub struct Report(Vec<(&'static str, Figures)>);

/// What was found of one build.
struct Figures {
    lobbies: Lateness,
    voices: Lateness,
}

/// How late controls were.
struct Lateness {
    n_deliveries: usize,
    p50: Duration,
    p99: Duration,
    /// The server's CPU, of one core.
    load: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| | build | deliveries | p50 ms | p99 ms | server, of one core |")?;
        writeln!(f, "|---|---|---:|---:|---:|---:|")?;
        for (build, Figures { lobbies, voices }) in &self.0 {
            let rows = [
                (
                    format!("`play:update`: {N_ROOMS} rooms x 5, {N_LOBBIES} lobbies polling the list"),
                    lobbies,
                ),
                (format!("`play:seek`: a room of 20, {N_SPEAKERS} speaking without WebRTC"), voices),
            ];
            for (name, late) in rows {
                let ms = |span: Duration| span.as_secs_f64() * 1e3;
                let Lateness { n_deliveries, p50, p99, load } = late;
                writeln!(
                    f,
                    "| {name} | {build} | {n_deliveries} | {:.2} | {:.2} | {load:.2} |",
                    ms(*p50),
                    ms(*p99)
                )?;
            }
        }
        Ok(())
    }
}

/// When controls were sent, by the number of microseconds that travels in them, and how late they came.
struct Stamps {
    started_at: Instant,
    late: RefCell<Vec<Duration>>,
}

impl Stamps {
    fn new() -> Rc<Self> {
        Rc::new(Self { started_at: Instant::now(), late: RefCell::default() })
    }

    /// The present moment, as a position in a video.
    fn now(&self) -> u64 {
        u64::try_from(self.started_at.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Takes note of a control with a position in it.
    fn note(&self, packet: &[u8]) {
        let Some(digits) = position(packet) else { return };
        let text = String::from_utf8_lossy(digits);
        if let Ok(sent_at) = text.parse::<f64>() {
            let late = self.started_at.elapsed().saturating_sub(Duration::from_micros(sent_at as u64));
            self.late.borrow_mut().push(late);
        }
    }

    fn lateness(&self, cpu: Duration) -> Result<Lateness> {
        let mut late = self.late.take();
        late.sort_unstable();
        ensure!(!late.is_empty(), "no control came");
        let part = |per_cent: usize| late[(late.len() - 1) * per_cent / 100];
        let load = cpu.as_secs_f64() / SPAN.as_secs_f64();
        Ok(Lateness { n_deliveries: late.len(), p50: part(50), p99: part(99), load })
    }
}

/// Controls are no longer; pieces of voices are.
const MAX_CONTROL_BYTES: usize = 400;

/// The number after `"currentTime":` or `"play:seek",`.
fn position(packet: &[u8]) -> Option<&[u8]> {
    let packet = &packet[..packet.len().min(MAX_CONTROL_BYTES)];
    let after = |mark: &[u8]| {
        let at = packet.windows(mark.len()).position(|window| window == mark)?;
        packet.get(at + mark.len()..)
    };
    let rest = after(b"\"play:seek\",").or_else(|| after(b"\"currentTime\":"))?;
    let end = rest.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.')?;
    Some(&rest[..end])
}

/// Measures both, of this build and of another one.
pub async fn measure(other: Option<&str>, cores: Cores) -> Result<Report> {
    let mut report = Report(Vec::new());
    for (build, program) in [("another", other), ("this one", Some(PROGRAM))] {
        let Some(program) = program else { continue };
        let start =
            || Server::start_program(program, Rc::new(tempfile::tempdir()?), "watch", cores, &[], &[]);
        eprintln!("controls beside lobbies, {build}");
        let lobbies = beside_lobbies(start()?).await?;
        eprintln!("controls beside voices, {build}");
        let voices = beside_voices(start()?).await?;
        report.0.push((build, Figures { lobbies, voices }));
    }
    Ok(report)
}

async fn beside_lobbies(server: Server) -> Result<Lateness> {
    let stamps = Stamps::new();
    let mut tasks = JoinSet::new();
    let mut owners = Vec::new();
    for _ in 0..N_ROOMS {
        let (owner, _, guests) = room(server.address, N_GUESTS).await?;
        owners.push(owner);
        for guest in guests {
            tasks.spawn_local(hear(guest, Rc::clone(&stamps)));
        }
    }
    let mut lobbies = Vec::new();
    for _ in 0..N_LOBBIES {
        lobbies.push(connect(server.address).await?);
    }
    server.rest().await?;
    let cpu_before = server.cpu_time()?;
    let starts_at = Instant::now();
    for (place, owner) in owners.into_iter().enumerate() {
        let first_at = starts_at + UPDATE_EVERY.mul_f64(place as f64 / N_ROOMS as f64);
        tasks.spawn_local(send_updates(owner, Rc::clone(&stamps), first_at));
    }
    for (place, lobby) in lobbies.into_iter().enumerate() {
        let first_at = starts_at + LIST_EVERY.mul_f64(place as f64 / N_LOBBIES as f64);
        tasks.spawn_local(poll_list(lobby, first_at));
    }
    during(&mut tasks).await?;
    stamps.lateness(server.cpu_time()?.saturating_sub(cpu_before))
}

async fn beside_voices(server: Server) -> Result<Lateness> {
    let stamps = Stamps::new();
    let mut tasks = JoinSet::new();
    let (owner, id, guests) = room(server.address, N_LISTENERS).await?;
    server.rest().await?;
    let cpu_before = server.cpu_time()?;
    let starts_at = Instant::now();
    for (place, guest) in guests.into_iter().enumerate() {
        if place < N_SPEAKERS {
            let first_at = starts_at + CHUNK_EVERY.mul_f64(place as f64 / N_SPEAKERS as f64);
            tasks.spawn_local(speak(guest, id.clone(), first_at, Rc::clone(&stamps)));
        } else {
            tasks.spawn_local(hear(guest, Rc::clone(&stamps)));
        }
    }
    tasks.spawn_local(seek(owner, Rc::clone(&stamps)));
    during(&mut tasks).await?;
    stamps.lateness(server.cpu_time()?.saturating_sub(cpu_before))
}

/// Lets the members go on for a while; nobody may be lost.
async fn during(tasks: &mut JoinSet<Result<()>>) -> Result<()> {
    tokio::select! {
        () = sleep(SPAN) => Ok(()),
        Some(ended) = tasks.join_next() => ended?.context("a member was lost"),
    }
}

async fn connect(address: SocketAddr) -> Result<Member> {
    Member::connect_with(address, &json!({ "token": KEY }).to_string()).await
}

/// A room with its owner, its id, and its guests.
async fn room(address: SocketAddr, n_guests: usize) -> Result<(Member, String, Vec<Member>)> {
    let mut owner = connect(address).await?;
    let given =
        json!({"name": "Friday films", "description": "every week", "isPublic": true, "userName": "Ann"});
    let made = owner.ask("room:create", &given).await?;
    let id = made["room"]["id"].as_str().context("a room")?.to_owned();
    let mut guests = Vec::new();
    for _ in 0..n_guests {
        let mut guest = connect(address).await?;
        guest.ask("room:join", &json!({"roomId": id, "userName": "Bob"})).await?;
        guests.push(guest);
    }
    Ok((owner, id, guests))
}

async fn hear(mut guest: Member, stamps: Rc<Stamps>) -> Result<()> {
    loop {
        stamps.note(guest.hear().await?);
    }
}

async fn send_updates(mut owner: Member, stamps: Rc<Stamps>, first_at: Instant) -> Result<()> {
    let mut due_at = first_at;
    loop {
        wait(&mut owner, due_at).await?;
        let state = json!({
            "type": "play", "url": "https://example.org/film.m3u8", "isPlaying": true, "videoId": "1",
            "videoName": "The General", "source": "archive", "currentTime": stamps.now(),
        });
        owner.emit("play:update", &state).await?;
        due_at += UPDATE_EVERY;
    }
}

async fn poll_list(mut lobby: Member, first_at: Instant) -> Result<()> {
    let mut due_at = first_at;
    loop {
        wait(&mut lobby, due_at).await?;
        let n_bytes = lobby.ask_for_bytes("room:list").await?;
        ensure!(n_bytes > N_ROOMS * MIN_ROOM_BYTES, "a list of all rooms");
        due_at += LIST_EVERY;
    }
}

async fn seek(mut owner: Member, stamps: Rc<Stamps>) -> Result<()> {
    let mut due_at = Instant::now();
    loop {
        wait(&mut owner, due_at).await?;
        owner.emit("play:seek", &json!(stamps.now())).await?;
        due_at += SEEK_EVERY;
    }
}

async fn speak(mut speaker: Member, room: String, first_at: Instant, stamps: Rc<Stamps>) -> Result<()> {
    let samples: Vec<i16> = (0..4000).map(|n| n * 7 % 4001 - 2000).cycle().take(N_SAMPLES).collect();
    let chunk = json!({"roomId": room, "audioData": samples, "sampleRate": 16_000});
    let mut due_at = first_at;
    loop {
        loop {
            tokio::select! {
                biased;
                () = sleep_until(due_at.into()) => break,
                heard = speaker.hear() => stamps.note(heard?),
            }
        }
        speaker.emit("voice:audio-chunk", &chunk).await?;
        due_at += CHUNK_EVERY;
    }
}

/// Waits, and hears what comes meanwhile.
async fn wait(member: &mut Member, until: Instant) -> Result<()> {
    loop {
        tokio::select! {
            biased;
            () = sleep_until(until.into()) => return Ok(()),
            heard = member.hear() => { heard?; }
        }
    }
}
