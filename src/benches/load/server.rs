//! The server under test: a process on a free port of loopback, killed when it is dropped.

use std::env;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::cores::Cores;
use crate::usage;

/// A server that uses no more of a CPU between two looks has nothing left to do.
const AT_REST: Duration = Duration::from_millis(10);

/// The program that is measured.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_roomhub");

const ARGS: [&str; 8] = ["--host", "127.0.0.1", "--port", "0", "--log-format", "json", "--log-level", "info"];

/// The key of servers that want one.
pub const KEY: &str = "load";

/// Rates that only an attacker has, and the key.
const ENVIRONMENT: [(&str, &str); 7] = [
    ("AUTH_KEY", KEY),
    ("ROOMHUB_SIGNAL__EVENTS_PER_SECOND", "1000000"),
    ("ROOMHUB_SIGNAL__EVENT_BURST", "1000000"),
    ("ROOMHUB_DEVICES__EVENTS_PER_SECOND", "1000000"),
    ("ROOMHUB_DEVICES__EVENT_BURST", "1000000"),
    ("ROOMHUB_DEVICES__BYTES_PER_SECOND", "1000000000"),
    ("ROOMHUB_DEVICES__BURST_BYTES", "1000000000"),
];

/// A server that uses no more than a tick in this time rests.
const REST_SAMPLE: Duration = Duration::from_millis(200);

/// The longest that a server may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running service.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its spawning to the line that says where it listens; `taskset` has about a millisecond of that.
    pub startup: Duration,
    /// Where it keeps what it keeps.
    _folder: Rc<TempDir>,
}

impl Server {
    /// Starts with defaults, but for rates, in a folder of its own: neither the environment nor a configuration file
    /// beside the sources counts.
    pub fn start(service: &str, cores: Cores, more: &[&str]) -> Result<Self> {
        Self::start_in(Rc::new(tempfile::tempdir()?), service, cores, more, &[])
    }

    /// Starts in a folder that another server may have left, with more in the environment.
    pub fn start_in(
        folder: Rc<TempDir>,
        service: &str,
        cores: Cores,
        more: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        Self::start_program(PROGRAM, folder, service, cores, more, environment)
    }

    /// Starts that build of the program.
    pub fn start_program(
        program: &str,
        folder: Rc<TempDir>,
        service: &str,
        cores: Cores,
        more: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let mut command = cores.server_side(program);
        command
            .arg(service)
            .args(ARGS)
            .args(more)
            .env_clear()
            .envs(ENVIRONMENT)
            .envs(environment.iter().copied())
            .envs(env::var_os("PATH").map(|path| ("PATH", path)));
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let started_at = Instant::now();
        let mut child = command.spawn().with_context(|| program.to_owned())?;
        let mut log = BufReader::new(child.stderr.take().expect("the log is piped"));
        let found = address_in(&mut log);
        let startup = started_at.elapsed();
        // A log that nobody reads fills its pipe, and then the server waits.
        thread::spawn(move || io::copy(&mut log, &mut io::sink()));
        let mut server =
            Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), startup, _folder: folder };
        server.address = found?;
        Ok(server)
    }

    /// CPU time so far.
    pub fn cpu_time(&self) -> Result<Duration> {
        usage::cpu_time(self.child.id())
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory, in KiB.
    pub fn resident_kib(&self) -> Result<u64> {
        usage::resident_kib(self.child.id())
    }

    /// Waits until it has nothing left to do.
    pub async fn rest(&self) -> Result<()> {
        let waits_since = Instant::now();
        while waits_since.elapsed() < PATIENCE {
            let before = self.cpu_time()?;
            tokio::time::sleep(REST_SAMPLE).await;
            if self.cpu_time()?.saturating_sub(before) <= AT_REST {
                return Ok(());
            }
        }
        bail!("the server is still busy after {} s", PATIENCE.as_secs())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log as far as the line that says where the server listens.
fn address_in(log: &mut impl BufRead) -> Result<SocketAddr> {
    let mut said = String::new();
    for line in log.lines() {
        let line = line.context("the server's log")?;
        let entry: Value = serde_json::from_str(&line).unwrap_or_default();
        if entry["message"] == "listening" {
            let address = entry["address"].as_str().context("the server does not say where it listens")?;
            return address.parse().with_context(|| address.to_owned());
        }
        said.push_str(&line);
        said.push('\n');
    }
    bail!("the server ended before it listened:\n{said}")
}
