//! What services cost under load on this machine: `cargo bench --bench load -- music`, `watch`, `films`, `signal`,
//! `devices`, `radio`, `day`, `cluster` or `cores`.
//!
//! Each step starts a server of its own, which has CPU 0; the listeners all live in this process, on CPU 1. What
//! a delivery costs the server is held against the *floor*: a bare `write` of a frame, measured in the same
//! sitting. The ratio travels from machine to machine, the microseconds do not. Linux only: it reads /proc. Not
//! a test: no figure fails it, only a delivery that never comes.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the figures go to stdout, the progress to stderr"
)]
#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock itself")]

#[path = "load/audience.rs"]
mod audience;
#[path = "load/backlog.rs"]
mod backlog;
#[path = "../tests/harness/client_frames.rs"]
#[allow(dead_code, reason = "tests send more kinds of frames")]
mod client_frames;
#[path = "load/cores.rs"]
mod cores;
#[path = "load/crowd.rs"]
mod crowd;
#[path = "load/day.rs"]
mod day;
#[path = "load/fan_out.rs"]
mod fan_out;
#[path = "load/films.rs"]
mod films;
#[path = "load/floor.rs"]
mod floor;
#[path = "load/http.rs"]
mod http;
#[path = "load/icecast.rs"]
mod icecast;
#[path = "load/member.rs"]
mod member;
#[path = "load/nodes.rs"]
mod nodes;
#[path = "load/parties.rs"]
mod parties;
#[path = "load/radio.rs"]
mod radio;
#[path = "load/report.rs"]
mod report;
#[path = "load/rooms.rs"]
mod rooms;
#[path = "load/server.rs"]
mod server;
#[path = "load/tally.rs"]
mod tally;
#[path = "load/tls.rs"]
mod tls;
#[path = "load/usage.rs"]
mod usage;
#[path = "load/websocket.rs"]
mod websocket;

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::task::LocalSet;

use cores::Cores;
use nodes::Nodes;
use report::{Capacity, Report, Row};
use rooms::{Load, Pace, Room, Talk};
use server::Server;

const USAGE: &str = "usage: cargo bench --bench load -- WHAT
  music     measure the listening rooms: about two minutes; whatever else runs meanwhile shows; with --quick, a rougher
            picture in half a minute
  watch     measure the watch parties: how late their controls are, half a minute; with the path of another build, of
            that one too
  films     measure what it costs to send a film to its members, beside nginx: half a minute
  signal    measure calls of two: half a minute
  devices   measure device rooms, and how fast a backlog drains: a minute
  radio     measure a station of 10,000 listeners in MP3 and in all encodings, Icecast beside it, and what encoders cost: nine
            minutes; with a number, of so many listeners
  day       measure a station for 25 hours in 13 minutes, by libfaketime: whether its pace, its shows and its memory stay
  cluster   measure listening rooms on one to three nodes with a Redis, five minutes
  cores     measure fan-out on one CPU and on two, and small rooms beside a large one: two minutes; with the path of
            another build, the small rooms of that one too";

const EXIT_USAGE: u8 = 2;

/// The second half of `cores`, hidden from the usage, for which the load has a CPU of its own.
const SMALL_ROOMS: &str = "small-rooms";

/// What rooms do in production, at its three corners: one huge room, as fast as it goes, many small rooms; and TLS.
const LOADS: [Load; 4] = [
    Load { talk: Talk::Tracks, n_rooms: 1, n_listeners: 1000, pace: Pace::PerSecond(10) },
    Load { talk: Talk::Tracks, n_rooms: 20, n_listeners: 50, pace: Pace::ClosedLoop },
    Load { talk: Talk::Tracks, n_rooms: 100, n_listeners: 9, pace: Pace::PerSecond(10) },
    Load { talk: Talk::SealedTracks, n_rooms: 20, n_listeners: 50, pace: Pace::ClosedLoop },
];

/// Calls of two, as fast as they go and as they are made: what one says, one hears.
const CALLS: [Load; 2] = [
    Load { talk: Talk::Calls, n_rooms: 200, n_listeners: 1, pace: Pace::ClosedLoop },
    Load { talk: Talk::Calls, n_rooms: 200, n_listeners: 1, pace: Pace::PerSecond(20) },
];

/// Device rooms, as fast as they go and at 5,000 messages stored a second.
const MESSAGES: [Load; 2] = [
    Load { talk: Talk::Messages, n_rooms: 20, n_listeners: 9, pace: Pace::ClosedLoop },
    Load { talk: Talk::Messages, n_rooms: 20, n_listeners: 9, pace: Pace::PerSecond(250) },
];

/// Runs of each load on several nodes.
const CLUSTER_RUNS: usize = 5;

/// Listeners of each room whose connections are counted; its host is the tenth.
const LISTENERS_OF_COUNTED_ROOM: usize = 9;

/// What a server may still tidy up after the last connection, before its memory is read.
const REST_BEFORE_MEMORY: Duration = Duration::from_millis(1500);

/// How thoroughly to measure.
struct Plan {
    /// How long the hosts of one run talk.
    span: Duration,
    /// Runs of each load; the median counts.
    n_runs: usize,
    /// Rooms of ten to connect; none, if connections are not to be measured.
    n_counted_rooms: usize,
}

impl Plan {
    const FULL: Self = Self { span: Duration::from_secs(5), n_runs: 3, n_counted_rooms: 900 };
    const QUICK: Self = Self { span: Duration::from_secs(2), n_runs: 1, n_counted_rooms: 200 };
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args.as_slice() {
        [] => {
            println!("{USAGE}");
            Ok(())
        }
        ["music"] => music(&Plan::FULL, Cores::part(&args)),
        ["music", "--quick"] => music(&Plan::QUICK, Cores::part(&args)),
        ["music", cores::PARTED] => music(&Plan::FULL, Cores::Apart),
        ["music", "--quick", cores::PARTED] => music(&Plan::QUICK, Cores::Apart),
        ["signal"] => signal(Cores::part(&args)),
        ["signal", cores::PARTED] => signal(Cores::Apart),
        ["devices"] => devices(Cores::part(&args)),
        ["devices", cores::PARTED] => devices(Cores::Apart),
        ["watch", ..] if args.contains(&cores::PARTED) => watch(&args, Cores::Apart),
        ["watch", ..] => watch(&args, Cores::part(&args)),
        ["films"] => films(Cores::part(&args)),
        ["films", cores::PARTED] => films(Cores::Apart),
        ["radio", ..] if args.contains(&cores::PARTED) => radio(&args, Cores::Apart),
        ["radio", ..] => radio(&args, Cores::part(&args)),
        ["day"] => day(),
        ["cores", ..] => fan_out().and_then(|()| {
            let args = [&[SMALL_ROOMS], &args[1..]].concat();
            let cores = Cores::part(&args);
            small_rooms(&args, cores)
        }),
        [SMALL_ROOMS, ..] => small_rooms(&args, Cores::Apart),
        ["cluster"] => cluster(Cores::part(&args)),
        ["cluster", cores::PARTED] => cluster(Cores::Apart),
        [floor::WRITER, reader] => floor::write(reader),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let Err(failure) = outcome else { return ExitCode::SUCCESS };
    eprintln!("load: {failure:#}");
    ExitCode::FAILURE
}

fn music(plan: &Plan, cores: Cores) -> Result<()> {
    let report = on_this_thread(measure(&LOADS, plan, cores))?;
    print!("{report}");
    Ok(())
}

fn signal(cores: Cores) -> Result<()> {
    let report = on_this_thread(measure(&CALLS, &Plan { n_counted_rooms: 0, ..Plan::FULL }, cores))?;
    print!("{report}");
    Ok(())
}

fn devices(cores: Cores) -> Result<()> {
    let report = on_this_thread(async {
        let plan = Plan { n_counted_rooms: 0, ..Plan::FULL };
        let mut report = measure(&MESSAGES, &plan, cores).await?;
        eprintln!("a backlog");
        report.backlog = Some(backlog::measure(&MESSAGES[0], plan.span, cores).await?);
        Ok(report)
    })?;
    print!("{report}");
    Ok(())
}

fn watch(args: &[&str], cores: Cores) -> Result<()> {
    let report = on_this_thread(parties::measure(other_build(args), cores))?;
    print!("{report}");
    Ok(())
}

fn films(cores: Cores) -> Result<()> {
    let report = on_this_thread(films::measure(cores))?;
    print!("{report}");
    Ok(())
}

fn radio(args: &[&str], cores: Cores) -> Result<()> {
    let wanted = args[1..].iter().find(|arg| **arg != cores::PARTED);
    let n_listeners =
        wanted.map_or(Ok(radio::N_LISTENERS), |wanted| wanted.parse()).context("a number of listeners")?;
    on_this_thread(radio::measure(n_listeners, cores))
}

fn day() -> Result<()> {
    let report = day::measure()?;
    print!("{report}");
    Ok(())
}

/// The path of another build, behind the name of what is measured.
fn other_build<'a>(args: &[&'a str]) -> Option<&'a str> {
    args[1..].iter().find(|arg| **arg != cores::PARTED).copied()
}

fn fan_out() -> Result<()> {
    let report = on_this_thread(fan_out::measure())?;
    print!("{report}");
    Ok(())
}

fn small_rooms(args: &[&str], cores: Cores) -> Result<()> {
    let report = on_this_thread(fan_out::measure_small_rooms(other_build(args), cores))?;
    print!("{report}");
    Ok(())
}

fn cluster(cores: Cores) -> Result<()> {
    for table in on_this_thread(nodes::measure(Plan::FULL.span, CLUSTER_RUNS, cores))? {
        println!("{table}");
    }
    Ok(())
}

fn on_this_thread<T>(measurement: impl Future<Output = Result<T>>) -> Result<T> {
    // Each member is an open file here, and one more in the server, which raises its own limit.
    rlimit::increase_nofile_limit(u64::MAX).context("the limit on open files")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, measurement)
}

async fn measure(loads: &'static [Load], plan: &Plan, cores: Cores) -> Result<Report> {
    let mut startups = Vec::new();
    let mut rows = Vec::new();
    eprintln!("the floor");
    let floor_before = floor::measure(cores).await?;
    for load in loads {
        let mut runs = Vec::new();
        for run in 1..=plan.n_runs {
            eprintln!("{load}: run {run} of {}", plan.n_runs);
            let nodes = Nodes::alone(load.talk, cores)?;
            startups.extend(nodes.servers.iter().map(|server| server.startup));
            let (figures, _) = load.run(nodes, plan.span).await.with_context(|| load.to_string())?;
            runs.push(figures);
        }
        rows.push(Row { load, runs });
    }
    eprintln!("the floor again");
    let floor = (floor_before + floor::measure(cores).await?) / 2;
    let is_sealed = loads.iter().any(|load| load.talk == Talk::SealedTracks);
    let tls_floor = is_sealed.then(tls::floor).transpose()?;
    let mut capacity = None;
    if plan.n_counted_rooms > 0 {
        eprintln!("connections");
        let server = Server::start("music", cores, &[])?;
        startups.push(server.startup);
        capacity = Some(connect(server, plan.n_counted_rooms).await.context("connections")?);
    }
    Ok(Report { cores, span: plan.span, floor, tls_floor, rows, capacity, backlog: None, startups })
}

/// Fills rooms of ten, one member after another.
async fn connect(server: Server, n_rooms: usize) -> Result<Capacity> {
    server.rest().await?;
    let kib_before = server.resident_kib()?;
    let started_at = Instant::now();
    let rooms = Room::open_all(&[server.address], Talk::Tracks, n_rooms, LISTENERS_OF_COUNTED_ROOM).await?;
    let took = started_at.elapsed();
    tokio::time::sleep(REST_BEFORE_MEMORY).await;
    let kib_after = server.resident_kib()?;
    drop(server);
    let n_connections = rooms.iter().map(Room::n_members).sum();
    Ok(Capacity { n_connections, took, kib_before, kib_after })
}
