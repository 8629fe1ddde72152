//! What must never change within a station's stream: players stop dead when it does.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Sample rate and channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Format {
    /// Samples a second, of one channel.
    pub rate: u32,
    /// 1 or 2.
    pub channels: u8,
}

impl Format {
    /// What a station without MP3 files broadcasts.
    pub const USUAL: Self = Self { rate: 44_100, channels: 2 };

    /// The format of most; of equally many, the higher one.
    pub fn of_most(formats: impl IntoIterator<SourceItem = Self>) -> Option<Self> {
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
    fn a_station_takes_the_format_of_most_of_its_files() {
        let mono = Format { rate: 48_000, channels: 1 };
        assert_eq!(Format::of_most([mono, Format::USUAL, mono]), Some(mono));
        assert_eq!(Format::of_most([]), None);
    }
}
