//! Programs that are run for a while: found, given limits, heard out, and ended.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::runtime::Context;

/// A program is looked after this often while it runs.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How much a program is in the way of the rooms: less than everything else that wants the CPU.
const NICENESS: &str = "15";

/// Containers that are opened: none of those that name other files or addresses.
const FORMATS: &str =
    "mov,mp4,m4a,3gp,matroska,webm,avi,mpegts,mpeg,asf,flv,ogg,mp3,flac,wav,aac,aiff,ape,rm,w64";

/// `ffmpeg` and `ffprobe`.
#[derive(Debug, Clone)]
pub struct Tools {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
}

/// What a program may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// It is ended after this time.
    pub time: Duration,
    /// Bytes of its output; it is ended if there are more.
    pub max_output: usize,
}

impl Tools {
    /// Both, if `ffmpeg` is the name or the path of one that runs here, and the other lies beside it.
    pub fn find(ffmpeg: &str) -> Option<Self> {
        let ffmpeg = PathBuf::from(ffmpeg);
        let name = ffmpeg.file_name()?.to_str()?.replace("ffmpeg", "ffprobe");
        let tools = Self { ffprobe: ffmpeg.with_file_name(name), ffmpeg };
        let runs = |program: &Path| {
            let mut command = Command::new(program);
            command.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        (runs(&tools.ffmpeg) && runs(&tools.ffprobe)).then_some(tools)
    }

    /// `ffprobe` for a file.
    pub fn probe(&self, file: &Path) -> Command {
        let mut command = Command::new(&self.ffprobe);
        command.args(["-v", "error", "-protocol_whitelist", "file", "-format_whitelist", FORMATS]);
        command.arg("-i").arg(address(file));
        command
    }

    /// `ffmpeg` that reads a file from `start` seconds on, with low priority, and lets everything else go first.
    pub fn convert(&self, file: &Path, start: f64) -> Command {
        let mut command = Command::new("nice");
        command.args(["-n", NICENESS]).arg(&self.ffmpeg);
        command.args([
            "-nostdin",
            "-v",
            "error",
            "-protocol_whitelist",
            "file",
            "-format_whitelist",
            FORMATS,
        ]);
        if start > 0.0 {
            command.args(["-ss", &format!("{start:.3}")]);
        }
        command.arg("-i").arg(address(file));
        command
    }
}

/// A path that cannot be taken for an option, nor for another protocol.
pub fn address(file: &Path) -> OsString {
    let mut address = OsString::from("file:");
    address.push(file);
    address
}

/// Runs a program to its end, and gives what it printed.
///
/// # Errors
/// If it cannot be run, fails, takes too long, prints too much, or the process stops.
pub fn run(command: &mut Command, limits: Limits, context: &Context) -> Result<Vec<u8>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot be run")?;
    let output = child.stdout.take().context("a program's output")?;
    let max_bytes = limits.max_output as u64 + 1;
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        // What fails to be read is as good as nothing.
        let _ = output.take(max_bytes).read_to_end(&mut bytes);
        bytes
    });
    let ended = wait(&mut child, limits.time, context);
    if ended.is_err() {
        end(&mut child);
    }
    let bytes = reader.join().unwrap_or_default();
    ended?;
    ensure!(bytes.len() <= limits.max_output, "it printed more than {} bytes", limits.max_output);
    Ok(bytes)
}

fn wait(child: &mut Child, time: Duration, context: &Context) -> Result<()> {
    let started = context.clock.uptime();
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "it failed: {status}");
            return Ok(());
        }
        if context.is_stopping() || context.clock.uptime().saturating_sub(started) > time {
            bail!("it took too long");
        }
        thread::park_timeout(LOOK_EVERY);
    }
}

/// Ends a program, and waits until it is gone.
pub fn end(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}
