//! Finds silence at the beginning and at the end of sound. No I/O.

use std::time::Duration;

use super::format::Format;

/// What is left of it, so that the first attack and the last reverberation are whole.
const KEPT: Duration = Duration::from_millis(100);

/// Which silence is cut off a track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrimSilence {
    /// The most that is cut off at each end; zero cuts off nothing.
    pub longest: Duration,
    /// What is no sample above is silence, in decibels of full scale.
    pub threshold_db: f64,
}

impl TrimSilence {
    /// Cuts off nothing.
    pub const OFF: Self = Self { longest: Duration::ZERO, threshold_db: -60.0 };

    /// Samples of all channels to cut off at the beginning.
    pub fn leading(&self, samples: &[f32], format: Format, gain_db: f64) -> usize {
        self.cut(leading(samples, self.level(gain_db)), format)
    }

    /// Samples of all channels to cut off at the end.
    pub fn trailing(&self, samples: &[f32], format: Format, gain_db: f64) -> usize {
        self.cut(trailing(samples, self.level(gain_db)), format)
    }

    /// The threshold in sound that was made louder.
    fn level(&self, gain_db: f64) -> f32 {
        10_f64.powf((self.threshold_db + gain_db) / 20.0) as f32
    }

    /// Whole frames of all channels, less what is kept.
    fn cut(&self, n_silent: usize, format: Format) -> usize {
        let channels = usize::from(format.channels);
        let n = n_silent.saturating_sub(format.samples(KEPT.as_secs_f64()));
        n.min(format.samples(self.longest.as_secs_f64())) / channels * channels
    }
}

/// How many samples at the beginning are no higher than `level`.
pub fn leading(samples: &[f32], level: f32) -> usize {
    samples.iter().take_while(|sample| sample.abs() <= level).count()
}

/// How many samples at the end are no higher than `level`.
pub fn trailing(samples: &[f32], level: f32) -> usize {
    samples.iter().rev().take_while(|sample| sample.abs() <= level).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone between two silences, in samples.
    fn sound(before: usize, level: f32, after: usize) -> Vec<f32> {
        let tone = (0..88_200).map(|at| ((at / 2) as f32 * 0.06).sin() * level);
        vec![0.0; before].into_iter().chain(tone).chain(vec![0.0; after]).collect()
    }

    fn cut(samples: &[f32], longest_ms: u64, gain_db: f64) -> (usize, usize) {
        let trim = TrimSilence { longest: Duration::from_millis(longest_ms), threshold_db: -60.0 };
        (trim.leading(samples, Format::USUAL, gain_db), trim.trailing(samples, Format::USUAL, gain_db))
    }

    #[test]
    fn silence_is_cut_off_but_for_a_tenth_of_a_second_and_no_more_than_allowed() {
        let (early, late) = cut(&sound(44_100, 0.5, 88_200), 5_000, 0.0);
        assert!(early.abs_diff(44_100 - 8_820) < 8 && late.abs_diff(88_200 - 8_820) < 8, "{early} {late}");
        assert_eq!(cut(&sound(88_200, 0.5, 88_200), 250, 0.0), (22_050, 22_050));
        assert_eq!(cut(&sound(88_200, 0.5, 88_200), 0, 0.0), (0, 0));
        assert_eq!(cut(&sound(8_000, 0.5, 8_000), 5_000, 0.0), (0, 0));
    }

    #[test]
    fn quiet_music_is_none_whatever_its_gain() {
        // -54 dB of full scale, and the same made louder by 12 dB.
        assert_eq!(cut(&sound(0, 0.002, 0), 5_000, 0.0), (0, 0));
        assert_eq!(cut(&sound(0, 0.008, 0), 5_000, 12.0), (0, 0));
        // -66 dB are silence, also when they were made louder.
        assert_eq!(cut(&sound(0, 0.002, 0), 500, 12.0), (44_100, 44_100));
    }
}
