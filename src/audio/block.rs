//! Decoded audio.

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
