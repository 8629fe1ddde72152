//! How loud a track is, and what brings it to the level of the others (EBU R128).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Result, bail};
use ebur128::{EbuR128, Mode};

use super::decode::Decoder;

/// What every track is brought to, in LUFS.
pub const TARGET_LUFS: f64 = -16.0;

/// A step of `global_gain`, in decibels.
const STEP_DB: f64 = 1.505;

/// The most that is added: beyond it, what is quiet is meant to be, or clips.
const MAX_GAIN_DB: f64 = 12.0;

/// The most that is taken away.
const MIN_GAIN_DB: f64 = -24.0;

/// Measures a file, in LUFS, as far as `goes_on` lets it; `None` of silence.
pub fn measure(path: &Path, goes_on: impl Fn() -> bool) -> Result<Option<f64>> {
    catch_unwind(AssertUnwindSafe(|| measure_blocks(path, goes_on)))
        .unwrap_or_else(|_| bail!("a decoder panicked"))
}

fn measure_blocks(path: &Path, goes_on: impl Fn() -> bool) -> Result<Option<f64>> {
    let mut decoder = Decoder::open(path)?;
    let mut meter: Option<(EbuR128, usize, u32)> = None;
    while let Some(block) = decoder.next_block()? {
        let (meter, channels, rate) = match &mut meter {
            Some(meter) => meter,
            None => meter.insert((
                EbuR128::new(block.channels as u32, block.rate, Mode::I)?,
                block.channels,
                block.rate,
            )),
        };
        if (*channels, *rate) == (block.channels, block.rate) {
            meter.add_frames_f32(&block.samples)?;
        }
        if !goes_on() {
            break;
        }
    }
    let Some((meter, ..)) = meter else { bail!("no sound in it") };
    Ok(Some(meter.loudness_global()?).filter(|lufs| lufs.is_finite()))
}

/// What to add to a track of this loudness, in decibels.
pub fn gain_db(lufs: Option<f64>) -> f64 {
    lufs.map_or(0.0, |lufs| (TARGET_LUFS - lufs).clamp(MIN_GAIN_DB, MAX_GAIN_DB))
}

/// The same in steps of a frame's `global_gain`.
pub fn gain_steps(lufs: Option<f64>) -> i32 {
    (gain_db(lufs) / STEP_DB).round() as i32
}

/// Makes sound louder or softer; what would clip is bent.
pub fn amplify(samples: &mut [f32], gain_db: f64) {
    let factor = 10_f64.powf(gain_db / 20.0) as f32;
    for sample in samples {
        let louder = *sample * factor;
        *sample = if louder.abs() > 0.9 {
            louder.signum() * (0.9 + 0.1 * ((louder.abs() - 0.9) / 0.1).tanh())
        } else {
            louder
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loud_is_softened_in_steps_and_what_is_quiet_is_raised_so_far() {
        assert_eq!(gain_steps(Some(-10.0)), -4);
        assert_eq!(gain_steps(Some(-16.0)), 0);
        assert_eq!(gain_steps(Some(-70.0)), 8);
        assert_eq!(gain_steps(None), 0);
    }

    #[test]
    fn nothing_clips() {
        let mut samples = [0.9, -0.9, 0.1];
        amplify(&mut samples, 12.0);
        assert!(samples.iter().all(|sample| sample.abs() <= 1.0));
    }
}
