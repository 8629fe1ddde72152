//! The figures as Markdown: a table, and a line each for connections and for the program itself.

use std::fmt;
use std::fs;
use std::time::Duration;

use crate::backlog::Backlog;
use crate::cores::Cores;
use crate::rooms::{Load, Pace, Talk};
use crate::server;
use crate::tally::Figures;

/// Everything that was measured.
pub struct Report {
    pub cores: Cores,
    /// How long each run was.
    pub span: Duration,
    /// CPU time of a bare `write`.
    pub floor: Duration,
    /// CPU time of rustls alone for a frame, where something is measured over TLS.
    pub tls_floor: Option<Duration>,
    pub rows: Vec<Row>,
    /// What connections cost, if that was measured.
    pub capacity: Option<Capacity>,
    /// How fast a backlog drains, if that was measured.
    pub backlog: Option<Backlog>,
    /// Of every server that was started.
    pub startups: Vec<Duration>,
}

/// A load and what its runs found.
pub struct Row {
    pub load: &'static Load,
    pub runs: Vec<Figures>,
}

/// What connections cost that say nothing.
pub struct Capacity {
    pub n_connections: usize,
    /// Until the last one was in its room.
    pub took: Duration,
    /// Resident memory of the server without them…
    pub kib_before: u64,
    /// …and with all of them.
    pub kib_after: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_runs = self.rows.first().map_or(0, |row| row.runs.len());
        let runs = if n_runs == 1 { "one run".to_owned() } else { format!("median of {n_runs} runs") };
        let cores = match self.cores {
            Cores::Apart => "server on CPU 0, load on CPU 1",
            Cores::Shared => "server and load not pinned",
        };
        writeln!(f, "Measured over loopback, {cores}, {runs} of {} s:\n", self.span.as_secs())?;
        writeln!(f, "| | deliveries/s | us CPU a delivery | x floor | p50 ms | p99 ms |")?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|")?;
        writeln!(f, "| floor: a bare `write` | | {:.2} | 1.00 | | |", microseconds(self.floor))?;
        if let Some(tls) = self.tls_floor {
            let floor = self.floor + tls;
            writeln!(
                f,
                "| floor over TLS: rustls alone ({:.2}), and a `write` | | {:.2} | {:.2} | | |",
                microseconds(tls),
                microseconds(floor),
                floor.div_duration_f64(self.floor),
            )?;
        }
        for row in &self.rows {
            row.write(f, self.floor)?;
        }
        writeln!(f)?;
        if let Some(capacity) = &self.capacity {
            writeln!(f, "{capacity}")?;
        }
        if let Some(backlog) = &self.backlog {
            writeln!(f, "{backlog}")?;
        }
        let n_bytes = fs::metadata(server::PROGRAM).map_or(0, |metadata| metadata.len());
        writeln!(
            f,
            "Start-up: {:.1} ms from spawn to listening (median of {}); binary: {:.1} MiB.",
            milliseconds(median(self.startups.iter().copied())),
            self.startups.len(),
            n_bytes as f64 / f64::from(1 << 20),
        )
    }
}

impl Row {
    fn write(&self, f: &mut fmt::Formatter<'_>, floor: Duration) -> fmt::Result {
        let cpu = median(self.runs.iter().map(|run| run.cpu));
        writeln!(
            f,
            "| {} | {} | {:.2} | {:.2} | {:.2} | {:.2} |",
            self.load,
            grouped(median(self.runs.iter().map(|run| run.deliveries_per_second))),
            microseconds(cpu),
            cpu.div_duration_f64(floor),
            milliseconds(median(self.runs.iter().map(|run| run.p50))),
            milliseconds(median(self.runs.iter().map(|run| run.p99))),
        )
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.n_rooms == 1 { "room" } else { "rooms" };
        write!(f, "{} {noun} x {} listeners, ", self.n_rooms, grouped(self.n_listeners as u64))?;
        match self.pace {
            Pace::PerSecond(rate) => write!(f, "{rate}/s"),
            Pace::ClosedLoop => f.write_str("closed loop"),
        }?;
        match self.talk {
            Talk::SealedTracks => f.write_str(", over TLS"),
            Talk::Tracks | Talk::Calls | Talk::Messages => Ok(()),
        }
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grown_kib = self.kib_after.saturating_sub(self.kib_before);
        write!(
            f,
            "Connections: {} in {:.2} s, {:.1} KiB resident each; the server then has {:.0} MiB.",
            grouped(self.n_connections as u64),
            self.took.as_secs_f64(),
            grown_kib as f64 / self.n_connections as f64,
            self.kib_after as f64 / 1024.0,
        )
    }
}

/// The middle one.
pub fn median<T: Ord>(values: impl Iterator<Item = T>) -> T {
    let mut sorted: Vec<T> = values.collect();
    sorted.sort_unstable();
    let middle = sorted.len() / 2;
    sorted.into_iter().nth(middle).expect("every load has a run")
}

/// As a number.
pub fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// As a number.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Writes 9000 as 9,000.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut written = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

/// Nodes that share their rooms, and what a run on them found.
pub struct ClusterRow {
    pub name: String,
    pub figures: Figures,
    /// The part of Redis in the CPU time of a delivery.
    pub redis: Duration,
}

/// One load on several numbers of nodes; the first row is for a node without others.
pub struct ClusterTable {
    /// The load.
    pub name: &'static str,
    /// Deliveries of an event.
    pub n_listeners: usize,
    pub rows: Vec<ClusterRow>,
}

impl fmt::Display for ClusterTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| {} | deliveries/s | us CPU a delivery | x alone | us of Redis an event | p50 ms | p99 ms |",
            self.name
        )?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|---:|")?;
        let alone = self.rows.first().map_or(1.0, |row| microseconds(row.figures.cpu));
        for ClusterRow { name, figures, redis } in &self.rows {
            let cpu = microseconds(figures.cpu);
            writeln!(
                f,
                "| {name} | {} | {cpu:.2} | {:.2} | {:.1} | {:.2} | {:.2} |",
                grouped(figures.deliveries_per_second),
                cpu / alone,
                microseconds(*redis) * self.n_listeners as f64,
                milliseconds(figures.p50),
                milliseconds(figures.p99),
            )?;
        }
        Ok(())
    }
}
