//! The program ffmpeg decodes what no decoder of this process does (AAC and Opus of more than two channels, `WavPack`, WMA, AU,
//! CAF, the sound of films), and encodes AAC.
//! What it makes comes by a pipe, so it works no further ahead than that is read.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::block::Block;
use super::downmix::Downmix;
use super::format::Format;
use super::wav::Spec;

/// How much ffmpeg is in the way of everything else that wants the CPU.
const NICENESS: &str = "15";

/// Containers that are opened: none of those that name other files or addresses.
pub const FORMATS: &str = "mov,mp4,m4a,3gp,matroska,webm,avi,mpegts,mpeg,asf,flv,ogg,mp3,flac,wav,aac,loas,aiff,ape,au,caf,dsf,mpc,mpc8,rm,tta,w64,wv";

/// Frames of a block.
const BLOCK: usize = 4096;

/// The longest head before the samples.
const MAX_HEAD_BYTES: usize = 4096;

/// ffmpeg, if it runs here, and what one run of it may take.
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    program: PathBuf,
    limits: Limits,
}

/// What one run may take; the kernel ends it beyond that.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of address space.
    pub memory_bytes: u64,
    /// Seconds of the CPU.
    pub cpu_seconds: u64,
}

impl Ffmpeg {
    /// `program` is a name or a path; `None` if it does not run here.
    pub fn find(program: &str, limits: Limits) -> Option<Self> {
        let program = PathBuf::from(program);
        runs(&program).then_some(Self { program, limits })
    }

    /// Starts to decode the first sound of a file.
    ///
    /// # Errors
    /// If ffmpeg finds none in it.
    pub fn open(&self, path: &Path) -> Result<FfmpegDecoder> {
        let mut command = convert(&self.program, path, 0.0);
        // WAV without a length, whose head tells rate and channels.
        command.args(["-map", "0:a:0", "-threads", "1", "-c:a", "pcm_f32le", "-f", "wav", "pipe:1"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("ffmpeg cannot be run")?;
        let output = child.stdout.take().context("ffmpeg's output")?;
        let mut run = Run { child, output };
        run.limit(self.limits)?;
        let spec = run.head().context("ffmpeg finds no sound in it")?;
        let downmix = Downmix::new(spec.channels(), spec.mask());
        Ok(FfmpegDecoder { run, spec, downmix })
    }

    /// Starts to encode samples, written to its input as `f32`, to AAC in ADTS, for as long as they come.
    ///
    /// # Errors
    /// If ffmpeg cannot be started.
    pub fn encode_aac(&self, format: Format, kbps: u32) -> Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(["-v", "error", "-probesize", "32", "-f", "f32le"]);
        command.args(["-ar", &format.rate.to_string(), "-ac", &format.channels.to_string(), "-i", "pipe:0"]);
        command.args(["-threads", "1", "-c:a", "aac", "-b:a", &format!("{kbps}k")]);
        command.args(["-f", "adts", "-flush_packets", "1", "pipe:1"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().context("ffmpeg cannot be run")?;
        limit(&child, Resource::As, self.limits.memory_bytes)?;
        Ok(child)
    }
}

/// A file that ffmpeg decodes.
pub struct FfmpegDecoder {
    run: Run,
    spec: Spec,
    downmix: Downmix,
}

impl FfmpegDecoder {
    /// The next block; `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        let frame_bytes = self.spec.channels() * size_of::<f32>();
        let mut bytes = Vec::with_capacity(BLOCK * frame_bytes);
        (&mut self.run.output).take((BLOCK * frame_bytes) as u64).read_to_end(&mut bytes)?;
        let whole = bytes.chunks_exact(frame_bytes).flat_map(|frame| frame.as_chunks().0);
        let samples: Vec<f32> = whole.map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if !samples.is_empty() {
            return Ok(Some(self.downmix.mix(self.spec.rate(), &samples)));
        }
        let status = self.run.child.wait()?;
        ensure!(status.success(), "ffmpeg failed: {status}");
        Ok(None)
    }
}

/// A run of ffmpeg, which ends with this.
struct Run {
    child: Child,
    output: ChildStdout,
}

impl Run {
    fn limit(&self, limits: Limits) -> Result<()> {
        limit(&self.child, Resource::As, limits.memory_bytes)?;
        limit(&self.child, Resource::Cpu, limits.cpu_seconds)
    }

    /// Reads up to the first sample.
    fn head(&mut self) -> Result<Spec> {
        let mut riff = [0; 12];
        self.output.read_exact(&mut riff)?;
        let mut format = Vec::new();
        loop {
            let mut chunk = [0; 8];
            self.output.read_exact(&mut chunk)?;
            let [a, b, c, d, size @ ..] = chunk;
            let n_bytes = u32::from_le_bytes(size) as usize;
            if [a, b, c, d] == *b"data" {
                return Spec::of(&format);
            }
            ensure!(n_bytes <= MAX_HEAD_BYTES, "a chunk of {n_bytes} bytes before the sound");
            let mut body = vec![0; n_bytes.next_multiple_of(2)];
            self.output.read_exact(&mut body)?;
            if [a, b, c, d] == *b"fmt " {
                format = body;
            }
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn limit(child: &Child, resource: Resource, most: u64) -> Result<()> {
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    prlimit(Some(Pid::from_child(child)), resource, limit).context("ffmpeg cannot be limited")?;
    Ok(())
}

/// Whether a program answers to `-version`, as ffmpeg and ffprobe do.
pub fn runs(program: &Path) -> bool {
    let mut command = Command::new(program);
    command.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// ffmpeg that reads a file from `start` seconds on, with low priority, and lets everything else go first.
pub fn convert(program: &Path, file: &Path, start: f64) -> Command {
    let mut command = Command::new("nice");
    command.args(["-n", NICENESS]).arg(program);
    command.args(["-nostdin", "-v", "error", "-protocol_whitelist", "file", "-format_whitelist", FORMATS]);
    if start > 0.0 {
        command.args(["-ss", &format!("{start:.3}")]);
    }
    command.arg("-i").arg(address(file));
    command
}

/// A path that cannot be taken for an option, nor for another protocol.
pub fn address(file: &Path) -> OsString {
    let mut address = OsString::from("file:");
    address.push(file);
    address
}
