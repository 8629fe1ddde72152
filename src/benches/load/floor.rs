//! The floor: the CPU time of one blocking `write` of a frame to one socket, with nothing done around it.
//!
//! A server that writes each delivery on its own cannot be cheaper; one that writes several at once can. The
//! writer is this program again, where the server would run; this process reads, as it does for the server.

use std::env;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::io::AsyncReadExt as _;
use tokio::net::{self, TcpListener};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::cores::Cores;
use crate::usage;

/// The command, hidden from the usage, that makes this program the writer.
pub const WRITER: &str = "floor-writer";

const N_SOCKETS: u32 = 1000;
const N_ROUNDS: u32 = 300;

/// A track change with its track, as it is relayed to one listener.
pub const FRAME: [u8; 220] = [7; 220];

/// Between two rounds, so that the reader has taken the last one.
const PAUSE: Duration = Duration::from_millis(30);

/// The longest that the writer may take to connect.
const PATIENCE: Duration = Duration::from_secs(10);

/// Has the writer write to this process, and returns the CPU time of one `write`.
pub async fn measure(cores: Cores) -> Result<Duration> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut command = cores.server_side(env::current_exe()?);
    command.args([WRITER, &listener.local_addr()?.to_string()]).stdin(Stdio::null()).stdout(Stdio::piped());
    let writer = command.spawn().context("the writer of the floor")?;
    let mut readers = JoinSet::new();
    for _ in 0..N_SOCKETS {
        let accepted =
            timeout(PATIENCE, listener.accept()).await.context("the writer of the floor is late")?;
        readers.spawn_local(drain(accepted?.0));
    }
    let mut n_bytes = 0;
    while let Some(drained) = readers.join_next().await {
        n_bytes += drained??;
    }
    let output = writer.wait_with_output()?;
    ensure!(n_bytes == FRAME.len() * (N_SOCKETS * N_ROUNDS) as usize, "the floor lost frames");
    let nanoseconds = String::from_utf8(output.stdout)?.trim().parse().context("the floor's figure")?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Reads until the writer hangs up, and returns how many bytes came.
async fn drain(mut socket: net::TcpStream) -> Result<usize> {
    let mut buffer = [0; 4096];
    let mut n_bytes = 0;
    loop {
        match socket.read(&mut buffer).await? {
            0 => return Ok(n_bytes),
            n => n_bytes += n,
        }
    }
}

/// Writes a frame to each socket, round after round, and prints the nanoseconds of CPU time of one `write`.
pub fn write(reader: &str) -> Result<()> {
    let mut sockets = Vec::new();
    for _ in 0..N_SOCKETS {
        let socket = TcpStream::connect(reader)?;
        socket.set_nodelay(true)?;
        sockets.push(socket);
    }
    let cpu_before = usage::cpu_time("self")?;
    for _ in 0..N_ROUNDS {
        for socket in &mut sockets {
            socket.write_all(&FRAME)?;
        }
        thread::sleep(PAUSE);
    }
    let cpu = usage::cpu_time("self")?.saturating_sub(cpu_before);
    println!("{}", (cpu / (N_SOCKETS * N_ROUNDS)).as_nanos());
    Ok(())
}
