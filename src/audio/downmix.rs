//! Downmixes any channel layout to stereo: centre and surrounds at -3 dB, no LFE, scaled so that nothing clips.

use std::f32::consts::FRAC_1_SQRT_2;

use super::block::Block;

/// Loudspeakers by their bits in WAV's channel mask, which also define the order of the channels.
const LEFT: u32 = 1;
const RIGHT: u32 = 1 << 1;
const CENTER: u32 = 1 << 2;
const LFE: u32 = 1 << 3;
const REAR_LEFT: u32 = 1 << 4;
const REAR_RIGHT: u32 = 1 << 5;
const LEFT_OF_CENTER: u32 = 1 << 6;
const RIGHT_OF_CENTER: u32 = 1 << 7;
const REAR_CENTER: u32 = 1 << 8;
const SIDE_LEFT: u32 = 1 << 9;
const SIDE_RIGHT: u32 = 1 << 10;

/// All other loudspeakers on the left and on the right: top and wide ones.
const OTHER_LEFT: u32 = 1 << 12 | 1 << 15 | 1 << 19 | 1 << 22 | 1 << 24;
const OTHER_RIGHT: u32 = 1 << 14 | 1 << 17 | 1 << 20 | 1 << 23 | 1 << 25;

/// The usual layouts by number of channels, for files without a channel mask.
const USUAL: [u32; 9] = [
    0,
    CENTER,
    LEFT | RIGHT,
    LEFT | RIGHT | CENTER,
    LEFT | RIGHT | REAR_LEFT | REAR_RIGHT,
    LEFT | RIGHT | CENTER | REAR_LEFT | REAR_RIGHT,
    LEFT | RIGHT | CENTER | LFE | REAR_LEFT | REAR_RIGHT,
    LEFT | RIGHT | CENTER | LFE | REAR_CENTER | SIDE_LEFT | SIDE_RIGHT,
    LEFT | RIGHT | CENTER | LFE | REAR_LEFT | REAR_RIGHT | SIDE_LEFT | SIDE_RIGHT,
];

/// Downmixes the channels of a file.
#[derive(Debug)]
pub struct Downmix {
    /// The gain of each channel on the left and on the right; empty if nothing is mixed.
    shares: Vec<[f32; 2]>,
    channels: usize,
}

impl Downmix {
    /// Downmixes channels with a channel mask; a mask that does not match the number of channels is ignored. Mono and
    /// stereo are left as they are.
    pub fn new(channels: usize, mask: u32) -> Self {
        if channels <= 2 {
            return Self { shares: Vec::new(), channels };
        }
        let is_told = mask.count_ones() as usize == channels;
        let mask = if is_told { mask } else { USUAL.get(channels).copied().unwrap_or(0) };
        let mut shares: Vec<[f32; 2]> =
            (0..u32::BITS).filter(|bit| mask >> bit & 1 == 1).map(share).collect();
        if shares.len() != channels {
            // An unknown layout: every second channel is on the right.
            shares =
                (0..channels).map(|n| if n.is_multiple_of(2) { [1.0, 0.0] } else { [0.0, 1.0] }).collect();
        }
        let sum = |side: usize| shares.iter().map(|share| share[side]).sum::<f32>();
        let most = sum(0).max(sum(1)).max(1.0);
        for share in shares.iter_mut().flatten() {
            *share /= most;
        }
        Self { shares, channels }
    }

    /// Downmixes samples to a block of one or two channels.
    pub fn mix(&self, rate: u32, samples: &[f32]) -> Block {
        if self.shares.is_empty() {
            return Block { rate, channels: self.channels, samples: samples.to_vec() };
        }
        let mix = |frame: &[f32], side: usize| -> f32 {
            frame.iter().zip(&self.shares).map(|(sample, share)| sample * share[side]).sum()
        };
        let frames = samples.chunks_exact(self.channels);
        let samples = frames.flat_map(|frame| [mix(frame, 0), mix(frame, 1)]).collect();
        Block { rate, channels: 2, samples }
    }
}

/// The gain of a loudspeaker on the left and on the right (ITU-R BS.775).
fn share(bit: u32) -> [f32; 2] {
    match 1 << bit {
        LEFT => [1.0, 0.0],
        RIGHT => [0.0, 1.0],
        LFE => [0.0, 0.0],
        REAR_LEFT | SIDE_LEFT | LEFT_OF_CENTER => [FRAC_1_SQRT_2, 0.0],
        REAR_RIGHT | SIDE_RIGHT | RIGHT_OF_CENTER => [0.0, FRAC_1_SQRT_2],
        CENTER => [FRAC_1_SQRT_2; 2],
        side if side & OTHER_LEFT != 0 => [FRAC_1_SQRT_2, 0.0],
        side if side & OTHER_RIGHT != 0 => [0.0, FRAC_1_SQRT_2],
        // Centred behind, above or below.
        _ => [0.5; 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(channels: usize, mask: u32, loud: usize) -> [f32; 2] {
        let mut frame = vec![0.0; channels];
        frame[loud] = 1.0;
        let block = Downmix::new(channels, mask).mix(48_000, &frame);
        assert_eq!(block.channels, 2);
        [block.samples[0], block.samples[1]]
    }

    #[test]
    fn every_loudspeaker_but_the_lfe_is_heard_on_its_side() {
        for (channels, usual) in USUAL.iter().enumerate().skip(3) {
            for loud in 0..channels {
                let bits = (0..32).filter(|bit| usual >> bit & 1 == 1);
                let [left, right] = mixed(channels, 0, loud);
                match 1 << bits.clone().nth(loud).unwrap() {
                    LEFT | REAR_LEFT | SIDE_LEFT => assert!(left > 0.2 && right == 0.0, "{channels} {loud}"),
                    RIGHT | REAR_RIGHT | SIDE_RIGHT => {
                        assert!(right > 0.2 && left == 0.0, "{channels} {loud}");
                    }
                    LFE => assert!(left == 0.0 && right == 0.0),
                    _ => assert!(left > 0.15 && (left - right).abs() < 1e-6, "{channels} {loud}"),
                }
            }
        }
    }

    #[test]
    fn a_mask_defines_the_channels_and_nothing_clips() {
        // The third channel is side left here, and usually the centre.
        let mask = LEFT | RIGHT | SIDE_LEFT | SIDE_RIGHT;
        let [left, right] = mixed(4, mask, 2);
        assert!(left > 0.4 && right == 0.0);
        for channels in 3..=64 {
            let block = Downmix::new(channels, 0).mix(48_000, &vec![1.0; channels]);
            assert!(block.samples.iter().all(|sample| *sample <= 1.0001 && *sample > 0.6), "{channels}");
        }
    }
}
