//! The format of a station's stream. It must never change within a stream, because players stop when it does.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Sample rate and channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Format {
    /// The sample rate.
    pub rate: u32,
    /// 1 or 2.
    pub channels: u8,
}

impl Format {
    /// The format of a station without MP3 files.
    pub const USUAL: Self = Self { rate: 44_100, channels: 2 };

    /// Samples of one channel in a frame of MP3.
    pub fn frame_samples(self) -> usize {
        if self.rate < 32_000 { 576 } else { 1152 }
    }

    /// The number of samples of all channels in so many seconds.
    pub fn samples(self, seconds: f64) -> usize {
        (seconds * f64::from(self.rate)) as usize * usize::from(self.channels)
    }

    /// The most common format; the higher one if two are equally common.
    pub fn of_most(formats: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut counted: HashMap<Self, usize> = HashMap::new();
        for format in formats {
            *counted.entry(format).or_default() += 1;
        }
        counted.into_iter().max_by_key(|(format, count)| (*count, *format)).map(|(format, _)| format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_common_format_is_chosen() {
        let mono = Format { rate: 48_000, channels: 1 };
        assert_eq!(Format::of_most([mono, Format::USUAL, mono]), Some(mono));
        assert_eq!(Format::of_most([]), None);
    }
}
