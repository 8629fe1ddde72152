//! A film to many members: the CPU that the server needs for its bytes, beside nginx with `sendfile` on the same machine.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use crate::cores::Cores;
use crate::member::Member;
use crate::report::{median, milliseconds};
use crate::server::{KEY, Server};
use crate::{http, usage};

/// Members who read it at once.
const N_READERS: usize = 50;

/// The film: a second of a test picture, and so much padding.
const PADDING_BYTES: u32 = 64 * 1024 * 1024;

/// Runs of each server, in turn; the median counts.
const N_RUNS: usize = 5;

const READ_BYTES: usize = 256 * 1024;

/// How long nginx may take to open its port.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was found: CPU time a GiB, of each run.
pub struct Report {
    ours: Vec<Duration>,
    nginx: Vec<Duration>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| a film of 64 MiB to {N_READERS} members | CPU ms a GiB, median of {N_RUNS} | least | most |"
        )?;
        writeln!(f, "|---|---:|---:|---:|")?;
        let median_of = |runs: &[Duration]| milliseconds(median(runs.iter().copied()));
        for (name, runs) in [("roomhub watch", &self.ours), ("nginx, sendfile", &self.nginx)] {
            let least = milliseconds(runs.iter().copied().min().unwrap_or_default());
            let most = milliseconds(runs.iter().copied().max().unwrap_or_default());
            writeln!(f, "| {name} | {:.0} | {least:.0} | {most:.0} |", median_of(runs))?;
        }
        writeln!(f, "| ratio | {:.2} | | |", median_of(&self.ours) / median_of(&self.nginx))
    }
}

/// Measures both.
pub async fn measure(cores: Cores) -> Result<Report> {
    let folder = Rc::new(tempfile::tempdir()?);
    let films = folder.path().join("films");
    fs::create_dir(&films)?;
    make_film(&films.join("film.mp4"))?;
    let server = Server::start_in(
        Rc::clone(&folder),
        "watch",
        cores,
        &["--media-dir", films.to_str().context("a path in UTF-8")?],
        &[],
    )?;
    let (_member, path) = film_of(server.address).await?;
    let nginx = Nginx::start(&films, folder.path(), cores)?;
    let mut report = Report { ours: Vec::new(), nginx: Vec::new() };
    for run in 1..=N_RUNS {
        eprintln!("run {run} of {N_RUNS}");
        report.ours.push(cost(server.address, &path, || server.cpu_time())?);
        report.nginx.push(cost(nginx.address, "/film.mp4", || usage::cpu_time(nginx.child.id()))?);
    }
    Ok(report)
}

/// CPU time a GiB that a server needs to send the film to all readers.
fn cost(address: SocketAddr, path: &str, cpu_time: impl Fn() -> Result<Duration>) -> Result<Duration> {
    let before = cpu_time()?;
    let readers: Vec<_> = (0..N_READERS)
        .map(|_| {
            let path = path.to_owned();
            thread::spawn(move || read_film(address, &path))
        })
        .collect();
    let mut n_bytes = 0;
    for reader in readers {
        n_bytes += reader.join().map_err(|_| anyhow::anyhow!("a reader has panicked"))??;
    }
    ensure!(n_bytes >= N_READERS as u64 * u64::from(PADDING_BYTES), "{n_bytes} bytes came of {path}");
    let spent = cpu_time()?.saturating_sub(before);
    Ok(spent.mul_f64(f64::from(1 << 30) / n_bytes as f64))
}

fn read_film(address: SocketAddr, path: &str) -> Result<u64> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut buffer = vec![0; READ_BYTES];
    let mut n_bytes = 0;
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(n_bytes),
            n => n_bytes += n as u64,
        }
    }
}

/// A member of a room, and the address of the film for it.
async fn film_of(address: SocketAddr) -> Result<(Member, String)> {
    let mut member = Member::connect_with(address, &json!({ "token": KEY }).to_string()).await?;
    member.emit("introduce", &json!({ "name": "Ann" })).await?;
    member.emit("room:create", &json!({ "name": "Films", "userName": "Ann" })).await?;
    let you = member.await_payload("party:you").await?;
    let ticket = you["ticket"].as_str().context("a ticket")?.to_owned();
    let started_at = Instant::now();
    loop {
        let listed = http::get(address, &format!("/media/list?ticket={ticket}"))?;
        let listed: serde_json::Value = serde_json::from_str(&listed)?;
        if let Some(id) = listed["items"][0]["id"].as_str() {
            return Ok((member, format!("/media/file/{id}?ticket={ticket}")));
        }
        ensure!(started_at.elapsed() < PATIENCE, "no film is listed: {listed}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A second of a test picture with padding behind it.
fn make_film(path: &Path) -> Result<()> {
    let made = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=d=1:s=320x180"])
        .args(["-pix_fmt", "yuv420p", "-movflags", "+faststart"])
        .arg(path)
        .stdin(Stdio::null())
        .status()
        .context("ffmpeg")?;
    ensure!(made.success(), "ffmpeg makes no film");
    let mut film = OpenOptions::new().append(true).open(path)?;
    film.write_all(&PADDING_BYTES.to_be_bytes())?;
    film.write_all(b"free")?;
    film.write_all(&vec![0; PADDING_BYTES as usize - 8])?;
    Ok(())
}

/// nginx in one process, on the server's CPU.
struct Nginx {
    child: Child,
    address: SocketAddr,
}

impl Nginx {
    fn start(films: &Path, folder: &Path, cores: Cores) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let configuration = folder.join("nginx.conf");
        let text = format!(
            "daemon off; master_process off; pid {pid}; error_log stderr crit; events {{ worker_connections 1024; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on;\n\
             server {{ listen {address}; root {root}; }} }}\n",
            pid = folder.join("nginx.pid").display(),
            root = films.display(),
        );
        fs::write(&configuration, text)?;
        let mut command = cores.server_side("nginx");
        command.arg("-p").arg(folder).arg("-c").arg(&configuration);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("nginx")?;
        let nginx = Self { child, address };
        let started_at = Instant::now();
        while TcpStream::connect(address).is_err() {
            if started_at.elapsed() > PATIENCE {
                bail!("nginx does not listen on {address}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
