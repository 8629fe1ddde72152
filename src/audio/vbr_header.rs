//! The Xing, Info or VBRI header: a first frame that describes the file, with LAME's encoder delay and padding.

use super::mp3::Frame;

/// The delay of every layer III decoder, in samples.
pub const DECODER_DELAY: u32 = 529;

/// The sizes of the smallest and the largest MP3 frames in bytes.
const SMALLEST_FRAME: u64 = 24;
const LARGEST_FRAME: u64 = 1441;

/// What the header says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VbrHeader {
    /// The number of audio frames in the file.
    pub n_frames: Option<u32>,
    /// Their size in bytes, with this frame.
    pub n_bytes: Option<u32>,
    /// Samples that the encoder added before the audio.
    pub delay: Option<u32>,
    /// Samples that it added after the audio.
    pub padding: u32,
}

impl VbrHeader {
    /// Reads the header in a frame; `None` if it is an audio frame.
    pub fn of(frame: &Frame) -> Option<Self> {
        let side = 4 + frame.header.side_bytes();
        // LAME writes it where it would be without a CRC, others after the CRC.
        let places = [side, side + 2].into_iter().filter(|at| *at == side || frame.header.side_start() == 6);
        for at in places {
            if [b"Xing", b"Info"].iter().any(|word| frame.bytes[at..].starts_with(*word)) {
                return Some(Self::xing(&frame.bytes[at..]));
            }
        }
        let vbri = [36, 38].into_iter().filter_map(|at| frame.bytes.get(at..));
        vbri.filter(|bytes| bytes.starts_with(b"VBRI")).map(Self::vbri).next()
    }

    fn xing(bytes: &[u8]) -> Self {
        let mut vbr_header = Self::default();
        let flags = u32_at(bytes, 4).unwrap_or(0);
        let mut at = 8;
        if flags & 1 != 0 {
            vbr_header.n_frames = u32_at(bytes, at).filter(|n| *n > 0);
            at += 4;
        }
        if flags & 2 != 0 {
            vbr_header.n_bytes = u32_at(bytes, at).filter(|n| *n > 0);
            at += 4;
        }
        at += if flags & 4 == 0 { 0 } else { 100 };
        at += if flags & 8 == 0 { 0 } else { 4 };
        let Some(lame) = bytes.get(at..at + 24) else { return vbr_header };
        if [b"LAME", b"L3.9", b"Lavf", b"Lavc"].iter().any(|word| lame.starts_with(*word)) {
            let both = u32::from_be_bytes([0, lame[21], lame[22], lame[23]]);
            vbr_header.delay = Some(both >> 12);
            vbr_header.padding = both & 0xfff;
        }
        vbr_header
    }

    fn vbri(bytes: &[u8]) -> Self {
        let positive = |at| u32_at(bytes, at).filter(|n| *n > 0);
        Self { n_frames: positive(14), n_bytes: positive(10), ..Self::default() }
    }

    /// Whether it is plausible for a file of that size: files are truncated, and some programs write wrong headers.
    pub fn fits(&self, n_bytes: u64) -> bool {
        // The largest size of tags around the audio.
        const AROUND: u64 = 1024 * 1024;
        let Some(n_frames) = self.n_frames else { return false };
        let bytes_a_frame = n_bytes / u64::from(n_frames);
        let is_whole = self.n_bytes.is_none_or(|all| u64::from(all) <= n_bytes);
        let is_all = self.n_bytes.is_none_or(|all| n_bytes - u64::from(all).min(n_bytes) <= AROUND);
        is_whole && is_all && (SMALLEST_FRAME..=LARGEST_FRAME).contains(&bytes_a_frame)
    }

    /// Decoded samples before the audio: encoder delay, if known, and decoder delay.
    pub fn samples_before(&self) -> u32 {
        self.delay.unwrap_or(0) + DECODER_DELAY
    }

    /// Decoded samples after the audio.
    pub fn samples_after(&self) -> u32 {
        self.padding.saturating_sub(DECODER_DELAY)
    }

    /// The number of audio samples, if known.
    pub fn n_samples(&self, frame_samples: u32) -> Option<u64> {
        let all = u64::from(self.n_frames?) * u64::from(frame_samples);
        Some(all.saturating_sub(u64::from(self.delay.unwrap_or(0) + self.padding)))
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::mp3::Header;

    /// A silent frame with a header at an offset.
    fn described(header: [u8; 4], at: usize) -> Frame {
        let parsed = Header::parse(&header).unwrap();
        let mut bytes = header.to_vec();
        bytes.resize(parsed.n_bytes, 0);
        let mut xing = b"Info\0\0\0\x0f\0\0\0\x64\0\0\x27\x10".to_vec();
        xing.resize(120, 0);
        xing.extend(b"LAME3.100");
        xing.resize(120 + 21, 0);
        xing.extend([0x24, 0x04, 0xd2]);
        bytes[at..at + xing.len()].copy_from_slice(&xing);
        Frame { header: parsed, bytes, samples: None }
    }

    #[test]
    fn the_header_is_found_in_every_version_with_and_without_a_crc() {
        // MPEG-1 and MPEG-2, stereo and mono; the second byte tells whether there is a CRC.
        let cases = [
            ([0xff, 0xfb, 0x90, 0], 36),
            ([0xff, 0xfa, 0x90, 0], 36),
            ([0xff, 0xfa, 0x90, 0], 38),
            ([0xff, 0xfb, 0x90, 0xc0], 21),
            ([0xff, 0xf3, 0x80, 0], 21),
            ([0xff, 0xf2, 0x80, 0xc0], 13),
            ([0xff, 0xf2, 0x80, 0xc0], 15),
        ];
        for (header, at) in cases {
            let known = VbrHeader::of(&described(header, at));
            let expected =
                VbrHeader { n_frames: Some(100), n_bytes: Some(10_000), delay: Some(576), padding: 1234 };
            assert_eq!(known, Some(expected), "{header:x?} at {at}");
        }
        assert_eq!(VbrHeader::of(&described([0xff, 0xfb, 0x90, 0], 60)), None);
    }
}
