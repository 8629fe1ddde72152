//! Files made by ffmpeg and by hand, and measurements of the audio in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::audio::decode::Decoder;
use crate::audio::ffmpeg::Ffmpeg;

/// A folder for files.
pub struct Folder(tempfile::TempDir);

/// Measurements of a file.
#[derive(Debug)]
pub struct Measured {
    /// How long it was.
    pub seconds: f64,
    /// The mean power on the left and on the right, in decibels.
    pub power_db: [f64; 2],
    /// Seconds of silence at its beginning and at its end.
    pub silence: [f64; 2],
}

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// Has ffmpeg encode two seconds of a tone; the bytes of the file.
    pub fn tone(&self, name: &str, args: &str) -> Vec<u8> {
        self.encode(name, "sine=500:sample_rate=48000:duration=2,volume=12dB", args)
    }

    /// Has ffmpeg encode a source.
    pub fn encode(&self, name: &str, source: &str, args: &str) -> Vec<u8> {
        let path = self.path(&format!("made {name}"));
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-f", "lavfi", "-i", source, "-bitexact"])
            .args(args.split(' ').filter(|arg| !arg.is_empty()))
            .arg(&path)
            .status()
            .unwrap();
        assert!(made.success(), "{name}");
        fs::read(path).unwrap()
    }
}

/// Decodes and measures a file, without ffmpeg.
pub fn measure(path: &Path) -> anyhow::Result<Measured> {
    measure_with(path, None)
}

/// Decodes and measures a file.
pub fn measure_with(path: &Path, ffmpeg: Option<&Ffmpeg>) -> anyhow::Result<Measured> {
    let mut decoder = Decoder::open(path, ffmpeg)?;
    let (mut seconds, mut power, mut n) = (0.0, [0.0; 2], 0.0);
    let mut levels = Vec::new();
    while let Some(block) = decoder.next_block()? {
        assert!((1..=2).contains(&block.channels), "{} channels", block.channels);
        for frame in block.samples.chunks_exact(block.channels) {
            let (left, right) = (f64::from(frame[0]), f64::from(frame[block.channels - 1]));
            assert!(left.is_finite() && right.is_finite());
            power[0] += left * left;
            power[1] += right * right;
            n += 1.0;
            levels.push((left.abs().max(right.abs()), block.rate));
            seconds += 1.0 / f64::from(block.rate);
        }
    }
    let is_silent = |level: &&(f64, u32)| level.0 < 0.05;
    let time = |levels: &mut dyn Iterator<Item = &(f64, u32)>| -> f64 {
        levels.map(|(_, rate)| 1.0 / f64::from(*rate)).sum()
    };
    let before = time(&mut levels.iter().take_while(is_silent));
    let after = time(&mut levels.iter().rev().take_while(is_silent));
    let power_db = power.map(|power| 10.0 * (power / n).max(1e-12).log10());
    Ok(Measured { seconds, power_db, silence: [before, after] })
}
