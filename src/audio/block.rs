//! Decoded audio.

/// The loudest sample, 24 dB above full scale: files of floating point may hold some, and the rest is damage.
const LOUDEST: f32 = 16.0;

/// A block of interleaved samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Block {
    /// The sample rate.
    pub rate: u32,
    /// One or two channels.
    pub channels: usize,
    /// The samples, from -1 to 1.
    pub samples: Vec<f32>,
}

/// Silences samples that are no numbers, and bounds the others: encoders and resamplers are made for sound.
pub fn tame(samples: &mut [f32]) {
    for sample in samples {
        *sample = if sample.is_nan() { 0.0 } else { sample.clamp(-LOUDEST, LOUDEST) };
    }
}

/// Whether there is nothing to tame.
pub fn is_tame(samples: &[f32]) -> bool {
    samples.iter().all(|sample| sample.abs() <= LOUDEST)
}

impl Block {
    /// How long it is.
    pub fn seconds(&self) -> f64 {
        (self.samples.len() / self.channels.max(1)) as f64 / f64::from(self.rate.max(1))
    }
}
