//! How loud a track is, and what brings it to the level of the others (EBU R128).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Result, bail};
use ebur128::{Channel, EbuR128, Mode};

use super::block::Block;

use super::decode::Decoder;
use super::ffmpeg::Ffmpeg;
use super::replay_gain;
use super::true_peak::TruePeak;

/// What every track is brought to, in LUFS.
pub const TARGET_LUFS: f64 = -16.0;

/// The highest true peak on the air, in decibels of full scale.
const CEILING_DB: f64 = -1.0;

/// The same of sound that is encoded here: an encoder's noise adds to its peaks.
const ENCODED_CEILING_DB: f64 = -1.5;

/// A step of `global_gain`, in decibels.
const STEP_DB: f64 = 1.505;

/// The most that is added: beyond it, what is quiet is meant to be, or clips.
const MAX_GAIN_DB: f64 = 12.0;

/// The most that is taken away.
const MIN_GAIN_DB: f64 = -24.0;

/// Silence has no peak; this is far below what anybody hears.
const NO_PEAK_DB: f64 = -120.0;

/// Formats of one file that are measured.
const MAX_PARTS: usize = 16;

/// How loud a file is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loudness {
    /// Below what EBU R128 measures.
    Silence,
    /// As heard on two loudspeakers.
    Level {
        /// Integrated loudness in LUFS.
        lufs: f64,
        /// True peak in decibels of full scale.
        peak_db: f64,
    },
}

impl Loudness {
    /// What stands for this loudness where a track is brought to another one than `TARGET_LUFS`.
    pub fn towards(self, target_lufs: f64) -> Self {
        match self {
            Self::Silence => Self::Silence,
            Self::Level { lufs, peak_db } => Self::Level { lufs: lufs + TARGET_LUFS - target_lufs, peak_db },
        }
    }
}

/// What was found in a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// How loud it is.
    pub loudness: Loudness,
    /// How long the part that was measured is, in seconds.
    pub seconds: f64,
}

/// Measures a file as far as `goes_on` lets it.
///
/// Loudness according to its tags takes the place of what is measured, unless the true peak contradicts it. That is measured
/// in any case, so that wrong tags lift no peak above the ceiling.
pub fn measure(
    path: &Path,
    ffmpeg: Option<&Ffmpeg>,
    tagged_lufs: Option<f64>,
    goes_on: impl Fn() -> bool,
) -> Result<Measured> {
    let measure = |tagged_lufs| {
        catch_unwind(AssertUnwindSafe(|| measure_blocks(path, ffmpeg, tagged_lufs, &goes_on)))
            .unwrap_or_else(|_| bail!("a decoder panicked"))
    };
    let measured = measure(tagged_lufs)?;
    match (tagged_lufs, measured.loudness) {
        (Some(lufs), Loudness::Level { peak_db, .. }) if !replay_gain::is_plausible(lufs, peak_db) => {
            measure(None)
        }
        _ => Ok(measured),
    }
}

fn measure_blocks(
    path: &Path,
    ffmpeg: Option<&Ffmpeg>,
    tagged_lufs: Option<f64>,
    goes_on: &impl Fn() -> bool,
) -> Result<Measured> {
    let mut decoder = Decoder::open(path, ffmpeg)?;
    let mut parts: Vec<Meter> = Vec::new();
    while let Some(block) = decoder.next_block()? {
        // A file may change its format on the way, and back.
        let meter = match parts.iter().position(|part| part.fits(&block)) {
            Some(known) => &mut parts[known],
            None if parts.len() == MAX_PARTS => break,
            None => {
                let loudness = if tagged_lufs.is_none() { Some(loudness_meter(&block)?) } else { None };
                parts.push(Meter::new(&block, loudness));
                parts.last_mut().expect("one was added")
            }
        };
        meter.add(&block)?;
        if !goes_on() {
            break;
        }
    }
    let lufs = match tagged_lufs {
        Some(lufs) => lufs,
        None => EbuR128::loudness_global_multiple(parts.iter().filter_map(|part| part.loudness.as_ref()))?,
    };
    let peak = parts.iter().map(|part| part.peak.peak()).fold(0.0, f64::max);
    let seconds = parts.iter().map(|part| part.n_samples as f64 / f64::from(part.rate)).sum();
    let peak_db = if peak > 0.0 { 20.0 * peak.log10() } else { NO_PEAK_DB };
    let is_sound = lufs.is_finite() && (tagged_lufs.is_none() || peak > 0.0);
    let loudness = if is_sound { Loudness::Level { lufs, peak_db } } else { Loudness::Silence };
    Ok(Measured { loudness, seconds })
}

/// Measures sound of one format.
struct Meter {
    /// `None` where only the peak is measured.
    loudness: Option<EbuR128>,
    peak: TruePeak,
    rate: u32,
    channels: usize,
    n_samples: u64,
}

impl Meter {
    fn new(block: &Block, loudness: Option<EbuR128>) -> Self {
        let peak = TruePeak::new(block.channels);
        Self { loudness, peak, rate: block.rate, channels: block.channels, n_samples: 0 }
    }

    fn fits(&self, block: &Block) -> bool {
        (self.rate, self.channels) == (block.rate, block.channels)
    }

    fn add(&mut self, block: &Block) -> Result<()> {
        self.n_samples += (block.samples.len() / block.channels) as u64;
        self.peak.add(&block.samples);
        if let Some(loudness) = &mut self.loudness {
            loudness.add_frames_f32(&block.samples)?;
        }
        Ok(())
    }
}

fn loudness_meter(block: &Block) -> Result<EbuR128> {
    let mut meter = EbuR128::new(block.channels as u32, block.rate, Mode::I)?;
    if block.channels == 1 {
        // One channel is heard from two loudspeakers.
        meter.set_channel(0, Channel::DualMono)?;
    }
    Ok(meter)
}

/// What to add to a track that is encoded here, in decibels.
pub fn gain_db(loudness: Loudness) -> f64 {
    gain_below(loudness, ENCODED_CEILING_DB)
}

/// The same in decibels.
pub fn steps_db(steps: i32) -> f64 {
    f64::from(steps) * STEP_DB
}

/// What to add to a track whose frames pass as they are, in steps of their `global_gain`.
///
/// The nearest step, or the highest one that lets no peak above the ceiling.
pub fn gain_steps(loudness: Loudness) -> i32 {
    let wanted = (gain_below(loudness, f64::INFINITY) / STEP_DB).round();
    let allowed = (gain_below(loudness, CEILING_DB) / STEP_DB).floor();
    let peak_after = |steps: f64| match loudness {
        Loudness::Silence => NO_PEAK_DB,
        Loudness::Level { peak_db, .. } => peak_db + steps * STEP_DB,
    };
    (if peak_after(wanted) <= CEILING_DB { wanted } else { allowed }) as i32
}

fn gain_below(loudness: Loudness, ceiling_db: f64) -> f64 {
    match loudness {
        Loudness::Silence => 0.0,
        Loudness::Level { lufs, peak_db } => {
            (TARGET_LUFS - lufs).min(MAX_GAIN_DB).min(ceiling_db - peak_db).max(MIN_GAIN_DB)
        }
    }
}

/// Makes sound louder or softer; what would clip is bent.
pub fn amplify(samples: &mut [f32], gain_db: f64) {
    let factor = 10_f64.powf(gain_db / 20.0) as f32;
    for sample in samples {
        *sample = bend(*sample * factor);
    }
}

/// Bends what would clip.
pub fn bend(sample: f32) -> f32 {
    if sample.abs() <= 0.9 {
        return sample;
    }
    sample.signum() * (0.9 + 0.1 * ((sample.abs() - 0.9) / 0.1).tanh())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(lufs: f64, peak_db: f64) -> Loudness {
        Loudness::Level { lufs, peak_db }
    }

    #[test]
    fn what_is_loud_is_softened_in_steps_and_what_is_quiet_is_raised_so_far() {
        assert_eq!(gain_steps(level(-10.0, -0.1)), -4);
        assert_eq!(gain_steps(level(-16.0, -3.0)), 0);
        assert_eq!(gain_steps(level(-70.0, -40.0)), 8);
        assert_eq!(gain_steps(Loudness::Silence), 0);
    }

    #[test]
    fn another_target_moves_the_gain_and_not_the_ceiling() {
        assert!((gain_db(level(-20.0, -30.0).towards(-23.0)) + 3.0).abs() < 1e-9);
        assert!((gain_db(level(-20.0, -30.0).towards(-14.0)) - 6.0).abs() < 1e-9);
        assert!((gain_db(level(-20.0, -3.5).towards(-14.0)) - 2.0).abs() < 1e-9);
        assert_eq!(Loudness::Silence.towards(-23.0), Loudness::Silence);
    }

    #[test]
    fn no_gain_lets_a_peak_above_the_ceiling() {
        for lufs in -40..0 {
            for peak in -30..=6 {
                let loudness = level(f64::from(lufs), f64::from(peak) - 0.3);
                let after = f64::from(peak) - 0.3 + f64::from(gain_steps(loudness)) * STEP_DB;
                assert!(after <= CEILING_DB, "{loudness:?}: {after} dB");
                assert!(f64::from(peak) - 0.3 + gain_db(loudness) <= ENCODED_CEILING_DB + 1e-9);
            }
        }
        // Dynamic sound stays softer than the others.
        assert_eq!(gain_steps(level(-23.0, -3.5)), 1);
        assert!((gain_db(level(-23.0, -3.5)) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_clips() {
        let mut samples = [0.9, -0.9, 0.1];
        amplify(&mut samples, 12.0);
        assert!(samples.iter().all(|sample| sample.abs() <= 1.0));
    }
}
