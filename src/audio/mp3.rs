//! One MPEG audio frame, layer III: what its header says, and how it is made louder, softer or silent in place.

use super::format::Format;

const BITRATES_V1: [u32; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const BITRATES_V2: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const RATES_V1: [u32; 3] = [44_100, 48_000, 32_000];

/// The index of the highest bitrate.
const HIGHEST_BITRATE: u8 = 14;

/// What the four bytes at a frame's start say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Sample rate and channels.
    pub format: Format,
    /// Kilobits a second.
    pub bitrate_kbps: u32,
    /// The frame's length, with these four bytes.
    pub n_bytes: usize,
    /// Samples of one channel that it holds.
    pub n_samples: u32,
    is_mpeg1: bool,
    has_crc: bool,
}

impl Header {
    /// Reads a header of layer III with a bitrate; free format is not on the air anywhere.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[first, second, third, fourth, ..] = bytes else { return None };
        if first != 0xff || second & 0xe0 != 0xe0 || second & 0x06 != 0x02 || fourth & 0x03 == 0x02 {
            return None;
        }
        let (is_mpeg1, divisor) = match second >> 3 & 0x03 {
            3 => (true, 1),
            2 => (false, 2),
            0 => (false, 4),
            _ => return None,
        };
        let bitrates = if is_mpeg1 { &BITRATES_V1 } else { &BITRATES_V2 };
        let bitrate_kbps = *bitrates.get(usize::from(third >> 4)).filter(|kbps| **kbps > 0)?;
        let rate = RATES_V1.get(usize::from(third >> 2 & 0x03))? / divisor;
        let n_samples = if is_mpeg1 { 1152 } else { 576 };
        let padding = u32::from(third >> 1 & 0x01);
        Some(Self {
            format: Format { rate, channels: if fourth >> 6 == 3 { 1 } else { 2 } },
            bitrate_kbps,
            n_bytes: (n_samples / 8 * bitrate_kbps * 1000 / rate + padding) as usize,
            n_samples,
            is_mpeg1,
            has_crc: second & 0x01 == 0,
        })
    }

    /// Whether two frames can belong to one stream.
    pub fn is_like(&self, other: &Self) -> bool {
        self.format == other.format && self.is_mpeg1 == other.is_mpeg1
    }

    /// The largest `main_data_begin`.
    pub fn max_main_data_begin(&self) -> usize {
        if self.is_mpeg1 { 511 } else { 255 }
    }

    /// Where the gain and the length of each granule and channel are: the first bit after what comes before them in the side
    /// information, the bits of each, and how many there are.
    fn granules(&self) -> (usize, usize, usize) {
        let channels = usize::from(self.format.channels);
        // main_data_begin, private bits and, in MPEG-1, which scale factors are shared.
        match (self.is_mpeg1, channels) {
            (true, 1) => (9 + 5 + 4, 59, 2),
            (true, _) => (9 + 3 + 8, 59, 2 * channels),
            (false, 1) => (8 + 1, 63, 1),
            (false, _) => (8 + 2, 63, channels),
        }
    }

    /// Where the side information begins.
    pub fn side_start(&self) -> usize {
        if self.has_crc { 6 } else { 4 }
    }

    /// How long the side information is.
    pub fn side_bytes(&self) -> usize {
        match (self.is_mpeg1, self.format.channels) {
            (true, 1) => 17,
            (true, _) => 32,
            (false, 1) => 9,
            (false, _) => 17,
        }
    }
}

/// One whole frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Its header, read.
    pub header: Header,
    /// All of it.
    pub bytes: Vec<u8>,
    /// What it was encoded from, as far as that is known.
    pub samples: Option<Vec<f32>>,
}

impl Frame {
    /// A frame of silence that needs none before it, of no more than that bitrate.
    pub fn silent(format: Format, max_kbps: u32) -> Option<Self> {
        let mode = if format.channels == 1 { 0xc0 } else { 0 };
        let versions = [0xfb, 0xf3, 0xe3];
        let rates = versions.into_iter().flat_map(|version| (0..3).map(move |rate| (version, rate << 2)));
        let heads = rates.flat_map(|(version, rate)| {
            (1..15).rev().map(move |bitrate| [0xff, version, bitrate << 4 | rate, mode])
        });
        let mut known = heads.filter_map(|head| Header::parse(&head).map(|header| (head, header)));
        let (head, header) =
            known.find(|(_, header)| header.format == format && header.bitrate_kbps <= max_kbps)?;
        let mut bytes = head.to_vec();
        bytes.resize(header.n_bytes, 0);
        Some(Self { header, bytes, samples: None })
    }

    /// How far before its own sound data its sound begins, in frames before it: the bit reservoir.
    pub fn main_data_begin(&self) -> usize {
        let side = &self.bytes[self.header.side_start()..];
        match (self.header.is_mpeg1, side) {
            (true, [first, second, ..]) => usize::from(*first) << 1 | usize::from(*second >> 7),
            (false, [first, ..]) => usize::from(*first),
            _ => 0,
        }
    }

    /// Bytes of sound data that it brings, for itself and for frames after it.
    pub fn main_data_bytes(&self) -> usize {
        self.header.n_bytes.saturating_sub(self.header.side_start() + self.header.side_bytes())
    }

    /// Bytes of its own sound data, wherever they are.
    pub fn sound_bytes(&self) -> usize {
        let side = self.header.side_start() * 8;
        let (first, granule_bits, n_granules) = self.header.granules();
        let bits = (0..n_granules).map(|part| {
            let at = side + first + part * granule_bits;
            // part2_3_length has 12 bits.
            usize::from(bits8(&self.bytes, at)) << 4 | usize::from(bits8(&self.bytes, at + 8) >> 4)
        });
        bits.sum::<usize>().div_ceil(8)
    }

    /// The same header and side information with room for so many bytes of sound data, at this bitrate or a higher one; `None`
    /// if none has enough.
    pub fn with_room(&self, n_bytes: usize) -> Option<Self> {
        self.at_bitrates(self.bytes[2] >> 4, n_bytes)
    }

    /// The same at the highest bitrate.
    pub fn with_most_room(&self, n_bytes: usize) -> Option<Self> {
        self.at_bitrates(HIGHEST_BITRATE, n_bytes)
    }

    fn at_bitrates(&self, from: u8, n_bytes: usize) -> Option<Self> {
        let head = self.header.side_start() + self.header.side_bytes();
        let at_bitrate = |index: u8| {
            let mut bytes = self.bytes[..head].to_vec();
            bytes[2] = index << 4 | bytes[2] & 0x0f;
            let header = Header::parse(&bytes)?;
            bytes.resize(header.n_bytes, 0);
            Some(Self { header, bytes, samples: None })
        };
        let mut frame = (from..=HIGHEST_BITRATE)
            .filter_map(at_bitrate)
            .find(|frame| frame.main_data_bytes() >= n_bytes)?;
        frame.sign();
        Some(frame)
    }

    /// Sets how far before its own sound data its sound begins.
    pub fn set_main_data_begin(&mut self, n_bytes: usize) {
        let side = self.header.side_start();
        if self.header.is_mpeg1 {
            self.bytes[side] = (n_bytes >> 1) as u8;
            self.bytes[side + 1] = self.bytes[side + 1] & 0x7f | ((n_bytes & 1) << 7) as u8;
        } else {
            self.bytes[side] = n_bytes as u8;
        }
        self.sign();
    }

    /// Makes it silent. Its sound data stays where it is, for later frames that begin in it.
    pub fn silence(&mut self) {
        let start = self.header.side_start();
        let end = (start + self.header.side_bytes()).min(self.bytes.len());
        self.bytes[start..end].fill(0);
        self.sign();
    }

    /// Puts its CRC right, if it has one.
    fn sign(&mut self) {
        if self.header.has_crc {
            let end = 6 + self.header.side_bytes();
            let covered = self.bytes[2..4].iter().chain(&self.bytes[6..end]);
            let crc = covered.fold(0xffff, |crc, byte| crc16(crc, *byte));
            self.bytes[4..6].copy_from_slice(&crc.to_be_bytes());
        }
    }

    /// Makes it louder by `steps` of 1.5 dB: adds to the `global_gain` of each granule and channel.
    pub fn add_gain(&mut self, steps: i32) {
        if steps == 0 {
            return;
        }
        let side = self.header.side_start() * 8;
        let (first, granule_bits, n_granules) = self.header.granules();
        if self.bytes.len() < self.header.side_start() + self.header.side_bytes() {
            return;
        }
        for part in 0..n_granules {
            // part2_3_length (12 bits) and big_values (9) come before it.
            let at = side + first + part * granule_bits + 21;
            let gain = i32::from(bits8(&self.bytes, at));
            // No gain at all is silence, and stays it.
            if gain > 0 {
                set_bits8(&mut self.bytes, at, (gain + steps).clamp(1, 255) as u8);
            }
        }
        self.sign();
    }
}

/// CRC-16 with the polynomial of ISO 11172-3.
fn crc16(mut crc: u16, byte: u8) -> u16 {
    crc ^= u16::from(byte) << 8;
    for _ in 0..8 {
        crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x8005 };
    }
    crc
}

fn bits8(bytes: &[u8], at: usize) -> u8 {
    let pair = u16::from_be_bytes([bytes[at / 8], bytes.get(at / 8 + 1).copied().unwrap_or(0)]);
    (pair >> (8 - at % 8)) as u8
}

fn set_bits8(bytes: &mut [u8], at: usize, value: u8) {
    let (place, shift) = (at / 8, 8 - at % 8);
    let pair = u16::from_be_bytes([bytes[place], bytes.get(place + 1).copied().unwrap_or(0)]);
    let [high, low] = (pair & !(0xff << shift) | u16::from(value) << shift).to_be_bytes();
    bytes[place] = high;
    if let Some(next) = bytes.get_mut(place + 1) {
        *next = low;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_frame_of_silence() {
        for rate in [48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000] {
            for channels in [1, 2] {
                let format = Format { rate, channels };
                let frame = Frame::silent(format, 128).unwrap();
                assert_eq!((frame.header.format, frame.header.bitrate_kbps), (format, 128));
                assert_eq!(Header::parse(&frame.bytes), Some(frame.header));
                let mut samples = [1.0; nanomp3::MAX_SAMPLES_PER_FRAME];
                let (_, told) = nanomp3::Decoder::new().decode(&frame.bytes, &mut samples);
                let told = told.unwrap();
                assert_eq!(
                    (told.sample_rate, told.samples_produced),
                    (rate, frame.header.n_samples as usize)
                );
                let n = told.samples_produced * usize::from(channels);
                assert!(samples[..n].iter().all(|sample| *sample == 0.0));
            }
        }
    }

    /// The gain of each granule and channel, counted in bits from the side information's start.
    fn gains(frame: &Frame) -> Vec<u8> {
        let side = frame.header.side_start() * 8;
        let starts: &[usize] = match (frame.header.is_mpeg1, frame.header.format.channels) {
            (true, 1) => &[18 + 21, 18 + 59 + 21],
            (true, _) => &[20 + 21, 20 + 59 + 21, 20 + 118 + 21, 20 + 177 + 21],
            (false, 1) => &[9 + 21],
            (false, _) => &[10 + 21, 10 + 63 + 21],
        };
        let bit = |at: usize| frame.bytes[at / 8] >> (7 - at % 8) & 1;
        let gain = |start: &usize| (0..8).fold(0, |gain, n| gain << 1 | bit(side + start + n));
        starts.iter().map(gain).collect()
    }

    #[test]
    fn gain_is_added_to_every_granule_and_channel_and_to_nothing_else() {
        // MPEG-1 and MPEG-2, stereo and mono, with and without a CRC.
        for (second, third) in [(0xfb, 0x90), (0xfa, 0x90), (0xf3, 0x80), (0xf2, 0x80)] {
            for mode in [0, 3] {
                let header = [0xff, second, third, mode << 6];
                let header = Header::parse(&header).unwrap();
                let bytes = (0..header.n_bytes).map(|n| (n * 37 % 251) as u8).collect();
                let mut frame = Frame { header, bytes, samples: None };
                frame.bytes[..4].copy_from_slice(&[0xff, second, third, mode << 6]);
                let before = frame.clone();
                frame.add_gain(3);
                let expected: Vec<u8> = gains(&before)
                    .iter()
                    .map(|gain| if *gain == 0 { 0 } else { gain.saturating_add(3) })
                    .collect();
                assert_eq!(gains(&frame), expected, "{second:x} {mode}");
                frame.add_gain(-3);
                let crc = if header.has_crc { 4..6 } else { 4..4 };
                frame.bytes[crc.clone()].copy_from_slice(&before.bytes[crc]);
                if gains(&before).iter().all(|gain| (1..=252).contains(gain)) {
                    assert_eq!(frame, before, "{second:x} {mode}");
                }
            }
        }
    }

    #[test]
    fn a_checked_frame_checks_after_a_change() {
        // The remainder of what is covered with its CRC behind it is 0.
        for mode in [0, 3] {
            let mut bytes = vec![0xff, 0xfa, 0x90, mode << 6];
            bytes.resize(417, 0x5a);
            let header = Header::parse(&bytes).unwrap();
            let mut frame = Frame { header, bytes, samples: None };
            frame.add_gain(-4);
            let end = 6 + frame.header.side_bytes();
            let checked = frame.bytes[2..4].iter().chain(&frame.bytes[6..end]).chain(&frame.bytes[4..6]);
            assert_eq!(checked.fold(0xffff, |crc, byte| crc16(crc, *byte)), 0);
        }
    }
}
