//! Programs that are run for a while: found, given limits, heard out, and ended.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::audio::ffmpeg::{self, FORMATS, address};
use crate::runtime::Context;

/// A program is looked after this often while it runs.
const LOOK_EVERY: Duration = Duration::from_millis(20);

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
        (ffmpeg::runs(&tools.ffmpeg) && ffmpeg::runs(&tools.ffprobe)).then_some(tools)
    }

    /// `ffprobe` for a file.
    pub fn probe(&self, file: &Path) -> Command {
        let mut command = Command::new(&self.ffprobe);
        command.args(["-v", "error", "-protocol_whitelist", "file", "-format_whitelist", FORMATS]);
        command.arg("-i").arg(address(file));
        command
    }

    /// `ffmpeg` that reads a file from `start` seconds on, with low priority.
    pub fn convert(&self, file: &Path, start: f64) -> Command {
        ffmpeg::convert(&self.ffmpeg, file, start)
    }
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
