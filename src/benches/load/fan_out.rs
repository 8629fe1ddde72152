//! Fan-out by one sender and by two, and how late small rooms are beside a large one.
//!
//! For the first, load and server share both CPUs, so the load is to cost little: see `crowd`.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use tokio::task::JoinSet;

use crate::cores::Cores;
use crate::crowd::{self, Crowd};
use crate::report::{grouped, median, microseconds, milliseconds};
use crate::rooms::{Load, Pace, Room, Talk, listen};
use crate::server::{self, Server};
use crate::tally::{Figures, Heard, Tally};
use crate::usage;

const N_ROOMS: usize = 10;
const N_LISTENERS: usize = 200;

/// Events of each room that are under way at a time.
const N_AHEAD: usize = 8;

/// The large room, and its listeners.
const LARGE: &str = "large";
const N_LARGE: usize = 1999;

/// The small rooms.
const SMALL: Load = Load { talk: Talk::Tracks, n_rooms: 100, n_listeners: 9, pace: Pace::PerSecond(RATE) };

/// How often the hosts of all of them talk, each second.
const RATE: u32 = 10;

/// How long hosts talk in one run.
const SPAN: Duration = Duration::from_secs(4);

/// Runs of each; the median counts.
const N_RUNS: usize = 3;

/// The longest that the last deliveries may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What senders get out, by their number.
pub struct FanOut(Vec<(usize, Vec<Throughput>)>);

/// How late small rooms are beside a large one, by the build.
pub struct Lateness(Vec<(&'static str, Vec<Figures>)>);

struct Throughput {
    deliveries_per_second: u64,
    /// The server's CPU time for one of them.
    cpu: Duration,
    /// CPUs that the server and the load had busy.
    server_cpus: f64,
    load_cpus: f64,
}

impl fmt::Display for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{N_ROOMS} rooms x {N_LISTENERS} listeners, as fast as they go:\n")?;
        writeln!(
            f,
            "| senders | deliveries/s | x one | us CPU a delivery | CPUs of the server | of the load |"
        )?;
        writeln!(f, "|---:|---:|---:|---:|---:|---:|")?;
        let rate = |runs: &[Throughput]| median(runs.iter().map(|run| run.deliveries_per_second));
        let one = self.0.first().map_or(1, |(_, runs)| rate(runs));
        for (n_senders, runs) in &self.0 {
            writeln!(
                f,
                "| {n_senders} | {} | {:.2} | {:.2} | {:.2} | {:.2} |",
                grouped(rate(runs)),
                rate(runs) as f64 / one as f64,
                microseconds(median(runs.iter().map(|run| run.cpu))),
                runs.iter().map(|run| run.server_cpus).sum::<f64>() / runs.len() as f64,
                runs.iter().map(|run| run.load_cpus).sum::<f64>() / runs.len() as f64,
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nA room of {} at {RATE}/s beside {SMALL}, the server on one CPU:\n",
            grouped(1 + N_LARGE as u64)
        )?;
        writeln!(f, "| the small rooms | p50 ms | p99 ms | us CPU a delivery |\n|---|---:|---:|---:|")?;
        for (build, runs) in &self.0 {
            writeln!(
                f,
                "| {build} | {:.2} | {:.2} | {:.2} |",
                milliseconds(median(runs.iter().map(|run| run.p50))),
                milliseconds(median(runs.iter().map(|run| run.p99))),
                microseconds(median(runs.iter().map(|run| run.cpu))),
            )?;
        }
        Ok(())
    }
}

/// Measures how much one sender gets out, and two.
pub async fn measure() -> Result<FanOut> {
    let mut throughput = vec![(1, Vec::new()), (2, Vec::new())];
    for run in 1..=N_RUNS {
        for (n_senders, runs) in &mut throughput {
            eprintln!("{n_senders} senders: run {run} of {N_RUNS}");
            runs.push(fan_out(*n_senders).await?);
        }
    }
    Ok(FanOut(throughput))
}

/// Measures how late small rooms are in this build, and in another one.
pub async fn measure_small_rooms(other: Option<&str>, cores: Cores) -> Result<Lateness> {
    let mut lateness = Vec::new();
    for (build, program) in [("another build", other), ("this build", Some(server::PROGRAM))] {
        let Some(program) = program else { continue };
        eprintln!("small rooms beside a large one, {build}");
        lateness.push((build, beside_a_large_room(program, cores).await?));
    }
    Ok(Lateness(lateness))
}

/// Has every host talk as soon as one listener has heard what it said before; the other listeners' sockets are emptied
/// rarely.
async fn fan_out(n_senders: usize) -> Result<Throughput> {
    let n_senders = n_senders.to_string();
    let server = start(server::PROGRAM, Cores::Shared, &[("ROOMHUB_MEMBERS__SENDERS", &n_senders)])?;
    let crowd = RefCell::new(Crowd::new());
    let tally = Rc::new(Tally::new());
    let mut hosts = Vec::new();
    for room in Room::open_all(&[server.address], Talk::Tracks, N_ROOMS, N_LISTENERS).await? {
        let (desk, mut listeners) = room.into_parts(Talk::Tracks, &tally);
        let witness = listeners.pop().context("a listener")?;
        listeners.into_iter().try_for_each(|listener| crowd.borrow_mut().add(listener))?;
        hosts.push((desk, witness));
    }
    server.rest().await?;
    crowd.borrow_mut().empty()?;

    let (server_before, load_before) = (server.cpu_time()?, usage::cpu_time("self")?);
    let started_at = Instant::now();
    let talks = hosts.iter_mut().map(|(desk, witness)| async {
        let (mut n_sent, mut n_heard) = (0, 0);
        while n_heard < n_sent || started_at.elapsed() < SPAN {
            while n_sent < n_heard + N_AHEAD && started_at.elapsed() < SPAN {
                desk.talk().await?;
                n_sent += 1;
            }
            n_heard += usize::from(tally.note(witness.hear().await?) == Heard::Track);
        }
        anyhow::Ok(n_sent)
    });
    let n_sent: usize = tokio::select! {
        talks = try_join_all(talks) => talks?.into_iter().sum(),
        ended = crowd::attend(&crowd) => match ended.context("a listener was lost")? {},
    };
    while crowd.borrow().n_heard < n_sent * (N_LISTENERS - 1) {
        ensure!(started_at.elapsed() < SPAN + PATIENCE, "deliveries were lost");
        crowd.borrow_mut().empty()?;
    }
    let took = started_at.elapsed();
    let server_cpu = server.cpu_time()?.saturating_sub(server_before);
    let load_cpu = usage::cpu_time("self")?.saturating_sub(load_before);
    // Before their members go: their leaving would be work, and nobody waits for it.
    drop(server);
    let n_deliveries = n_sent * N_LISTENERS;
    Ok(Throughput {
        deliveries_per_second: (n_deliveries as f64 / took.as_secs_f64()).round() as u64,
        cpu: server_cpu.div_f64(n_deliveries as f64),
        server_cpus: server_cpu.div_duration_f64(took),
        load_cpus: load_cpu.div_duration_f64(took),
    })
}

/// How late the small rooms are.
async fn beside_a_large_room(program: &str, cores: Cores) -> Result<Vec<Figures>> {
    let server = start(program, cores, &[])?;
    let crowd = RefCell::new(Crowd::new());
    tokio::select! {
        runs = talk_beside_a_large_room(&server, &crowd) => runs,
        ended = crowd::attend(&crowd) => match ended.context("a listener was lost")? {},
    }
}

async fn talk_beside_a_large_room(server: &Server, crowd: &RefCell<Crowd>) -> Result<Vec<Figures>> {
    let nodes = [server.address];
    let (mut large, _) =
        Room::open(&nodes, Talk::Tracks, LARGE, 0).await?.into_parts(Talk::Tracks, &Rc::new(Tally::new()));
    for n in 1..=N_LARGE {
        let mut listener = Talk::Tracks.connect(server.address).await?;
        Talk::Tracks.seat(&mut listener, LARGE, n).await?;
        crowd.borrow_mut().add(listener)?;
    }
    let tally = Rc::new(Tally::new());
    let mut listeners = JoinSet::new();
    let mut small = Vec::new();
    for room in Room::open_all(&nodes, Talk::Tracks, SMALL.n_rooms, SMALL.n_listeners).await? {
        let (desk, listening) = room.into_parts(Talk::Tracks, &tally);
        for listener in listening {
            listeners.spawn_local(listen(listener, Rc::clone(&desk.turn), Rc::clone(&tally)));
        }
        small.push(desk);
    }
    let gap = Duration::from_secs(1) / RATE;
    let mut runs = Vec::new();
    for _ in 0..N_RUNS {
        server.rest().await?;
        tally.clear();
        let cpu_before = server.cpu_time()?;
        let starts_at = Instant::now();
        let ends_at = starts_at + SPAN;
        let talks = small.iter_mut().enumerate().map(|(place, desk)| {
            let first_at = starts_at + gap.mul_f64(place as f64 / SMALL.n_rooms as f64);
            desk.talk_every(gap, first_at, ends_at)
        });
        let talks =
            async { tokio::try_join!(large.talk_every(gap, starts_at, ends_at), try_join_all(talks)) };
        let (n_large, n_small) = tokio::select! {
            talks = talks => talks?,
            Some(ended) = listeners.join_next() => match ended?.context("a listener was lost")? {},
        };
        tally.wait_for(n_small.into_iter().sum::<usize>() * SMALL.n_listeners).await?;
        server.rest().await?;
        let cpu = server.cpu_time()?.saturating_sub(cpu_before);
        let figures = tally.figures(cpu, SPAN)?;
        let n_deliveries = n_large * N_LARGE + figures.n_deliveries;
        runs.push(Figures { cpu: cpu.div_f64(n_deliveries as f64), ..figures });
    }
    Ok(runs)
}

fn start(program: &str, cores: Cores, environment: &[(&str, &str)]) -> Result<Server> {
    Server::start_program(program, Rc::new(tempfile::tempdir()?), "music", cores, &[], environment)
}
