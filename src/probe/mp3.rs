//! MP3 as a listener counts it: where frames end, and how long they play.

/// Kilobits a second by the index in a header, for MPEG-1 and for MPEG-2 and 2.5.
const KBPS: [[u32; 15]; 2] = [
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// What a frame's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Samples a second.
    pub rate: u32,
    /// One or two.
    pub channels: u32,
    /// The whole frame.
    pub n_bytes: usize,
    /// Samples of one channel.
    pub n_samples: u32,
}

impl Header {
    /// The header of a frame of layer III that begins here.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let &[0xff, second, third, fourth, ..] = bytes else { return None };
        if second & 0xe6 != 0xe2 {
            return None;
        }
        let (is_old, divisor) = match second >> 3 & 3 {
            3 => (true, 1),
            2 => (false, 2),
            0 => (false, 4),
            _ => return None,
        };
        let kbps = *KBPS[usize::from(!is_old)].get(usize::from(third >> 4)).filter(|kbps| **kbps > 0)?;
        let rate = [44_100, 48_000, 32_000].get(usize::from(third >> 2 & 3))? / divisor;
        let n_samples = if is_old { 1152 } else { 576 };
        let n_bytes = (n_samples / 8 * kbps * 1000 / rate) as usize + usize::from(third >> 1 & 1);
        Some(Self { rate, channels: if fourth >> 6 == 3 { 1 } else { 2 }, n_bytes, n_samples })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_how_long_its_frame_is_and_plays() {
        let read = |bytes: &[u8]| Header::read(bytes);
        let common = Header { rate: 44_100, channels: 2, n_bytes: 417, n_samples: 1152 };
        assert_eq!(read(&[0xff, 0xfb, 0x90, 0x00]), Some(common));
        let low = Header { rate: 22_050, channels: 1, n_bytes: 208, n_samples: 576 };
        assert_eq!(read(&[0xff, 0xf3, 0x80, 0xc0]), Some(low));
        for bad in [
            &[0xff, 0xfb, 0xf0, 0][..],
            &[0xff, 0xfb, 0x9c, 0],
            &[0xff, 0xe0, 0x90, 0],
            &[0, 0, 0, 0],
            &[0xff],
        ] {
            assert_eq!(read(bad), None, "{bad:x?}");
        }
    }
}
