//! Makes sound a little longer or shorter, by interpolation: a few samples in a second change its pitch by less than is
//! heard. No I/O.

use std::f64::consts::PI;

/// Samples on each side that an interpolated sample depends on.
const REACH: usize = 16;

/// Stretches interleaved samples to `n_frames` of each channel.
pub fn stretch(samples: &[f32], channels: usize, n_frames: usize) -> Vec<f32> {
    let n_in = samples.len() / channels;
    if n_in == n_frames || n_in == 0 {
        return samples.to_vec();
    }
    let step = n_in as f64 / n_frames.max(1) as f64;
    let window = Window::new();
    let mut out = Vec::with_capacity(n_frames * channels);
    for at in 0..n_frames {
        let place = at as f64 * step;
        let weights = window.weights(place.fract());
        let next = place as usize + 1;
        for channel in 0..channels {
            let sample = |n: usize| {
                let from = (next + n).saturating_sub(REACH).min(n_in - 1);
                samples[from * channels + channel]
            };
            out.push(weights.iter().enumerate().map(|(n, weight)| sample(n) * weight).sum());
        }
    }
    out
}

/// The sine and cosine of each sample's place in the window, from which those of all places between samples follow.
struct Window([(f64, f64); 2 * REACH]);

impl Window {
    fn new() -> Self {
        Self(std::array::from_fn(|n| (PI * distance(n, 0.0) / REACH as f64).sin_cos()))
    }

    /// The weights of the surrounding samples at a part of a sample after the one in the middle: a windowed sinc function.
    fn weights(&self, part: f64) -> [f32; 2 * REACH] {
        let mut weights = [0.0; 2 * REACH];
        if part < 1e-9 {
            weights[REACH - 1] = 1.0;
            return weights;
        }
        let (sin, cos) = (PI * part / REACH as f64).sin_cos();
        let sinc = (PI * part).sin() / PI;
        for (n, weight) in weights.iter_mut().enumerate() {
            let (sin_n, cos_n) = self.0[n];
            let window = f64::midpoint(1.0, cos_n * cos + sin_n * sin);
            // The sine of the distance changes its sign from one sample to the next.
            let factor = if (n + REACH).is_multiple_of(2) { 1.0 } else { -1.0 };
            *weight = (factor * sinc / distance(n, part) * window) as f32;
        }
        weights
    }
}

/// How far the sample with this index is from a part of a sample after the one in the middle.
fn distance(n: usize, part: f64) -> f64 {
    n as f64 + 1.0 - REACH as f64 - part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_keeps_its_level_and_gets_the_length_that_is_asked_for() {
        for (n_in, n_out) in [(44_100, 43_524), (44_100, 44_676), (100, 100), (0, 10)] {
            let tone: Vec<f32> = (0..n_in)
                .flat_map(|at| {
                    let sample = (at as f32 * 0.142).sin() * 0.5;
                    [sample, -sample]
                })
                .collect();
            let stretched = stretch(&tone, 2, n_out);
            if n_in == 0 {
                assert!(stretched.is_empty());
                continue;
            }
            assert_eq!(stretched.len(), 2 * n_out);
            let step = n_in as f32 / n_out as f32;
            for at in 40..n_out.max(80) - 40 {
                let expected = (at as f32 * step * 0.142).sin() * 0.5;
                assert!((stretched[2 * at] - expected).abs() < 0.002, "{n_out}: {at}");
                assert!((stretched[2 * at + 1] + expected).abs() < 0.002, "{n_out}: {at}");
            }
        }
    }
}
