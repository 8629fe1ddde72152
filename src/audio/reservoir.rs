//! The bit reservoir: a frame's sound data may begin in the frames before it. Packs frames anew where a stream is cut, so
//! that what was cut off is missing nowhere. No I/O.

use super::mp3::Frame;

/// The largest `main_data_begin`, which has nine bits.
pub const MAX_RESERVOIR_BYTES: usize = 511;

/// The last frames are written at the highest bitrate, so that there is room for what follows them.
const FRAMES_WITH_ROOM: usize = 8;

/// The sound data of the latest frames.
#[derive(Debug, Default, Clone)]
pub struct Reservoir {
    bytes: Vec<u8>,
}

impl Reservoir {
    /// Adds a frame; returns its own sound data, wherever that is. `None` if some of it is missing.
    pub fn add(&mut self, frame: &Frame) -> Option<Vec<u8>> {
        let start = self.bytes.len().checked_sub(frame.main_data_begin());
        let area = frame.bytes.len() - frame.main_data_bytes();
        self.bytes.extend_from_slice(&frame.bytes[area..]);
        let own = start.and_then(|start| self.bytes.get(start..start + frame.sound_bytes()));
        let own = own.map(<[u8]>::to_vec);
        self.bytes.drain(..self.bytes.len().saturating_sub(MAX_RESERVOIR_BYTES));
        own
    }

    /// Those of the bytes so far that the next frames begin in.
    pub fn needed<'a>(&self, next: impl Iterator<Item = &'a Frame>) -> &[u8] {
        let (mut n_needed, mut n_since) = (0, 0);
        for frame in next {
            n_needed = n_needed.max(frame.main_data_begin().saturating_sub(n_since));
            n_since += frame.main_data_bytes();
            if n_since >= MAX_RESERVOIR_BYTES {
                break;
            }
        }
        &self.bytes[self.bytes.len().saturating_sub(n_needed)..]
    }
}

/// Silences frames whose sound data begins before the first of them; their own data stays, for those after them.
#[derive(Debug, Default)]
pub struct AfterCut {
    n_bytes: usize,
}

impl AfterCut {
    /// Silences the next frame, if its sound data is not complete.
    pub fn check(&mut self, frame: &mut Frame) {
        if frame.main_data_begin() > self.n_bytes {
            frame.silence();
        }
        self.n_bytes = (self.n_bytes + frame.main_data_bytes()).min(MAX_RESERVOIR_BYTES);
    }
}

/// Packs frames of one encoder anew, without the first `n_dropped`. The first of the others depends on no frame before it,
/// nor does the one with the index `independent` among them, and the bytes of `after` are the last before the next frame.
///
/// Returns no frames if there is no room for those bytes.
pub fn repack(frames: &[Frame], n_dropped: usize, independent: usize, after: &[u8]) -> Vec<Frame> {
    let mut reservoir = Reservoir::default();
    let sound: Vec<Option<Vec<u8>>> = frames.iter().map(|frame| reservoir.add(frame)).collect();
    let (mut stream, mut packed): (Vec<u8>, Vec<(Frame, usize)>) = (Vec::new(), Vec::new());
    let mut used = 0;
    let n_frames = frames.len().saturating_sub(n_dropped);
    for (n, (frame, sound)) in frames.iter().zip(sound).skip(n_dropped).enumerate() {
        let area = stream.len();
        let reach = if n == 0 || n == independent { 0 } else { frame.header.max_main_data_begin() };
        let start = area.saturating_sub(reach).max(used);
        let needs_room = !after.is_empty() && n + FRAMES_WITH_ROOM >= n_frames;
        let fits = sound.and_then(|sound| {
            let n_bytes = (start + sound.len()).saturating_sub(area);
            let wide = if needs_room { frame.with_most_room(n_bytes) } else { frame.with_room(n_bytes) };
            Some((wide?, sound))
        });
        let (mut frame, sound) = fits.unwrap_or_else(|| {
            let mut silent = frame.clone();
            silent.silence();
            (silent, Vec::new())
        });
        frame.set_main_data_begin(area - start);
        stream.resize(area + frame.main_data_bytes(), 0);
        stream[start..start + sound.len()].copy_from_slice(&sound);
        used = start + sound.len();
        packed.push((frame, area));
    }
    let Some(start) = stream.len().checked_sub(after.len()).filter(|start| *start >= used) else {
        return Vec::new();
    };
    stream[start..].copy_from_slice(after);
    let whole = |(mut frame, area): (Frame, usize)| {
        let (n_bytes, head) = (frame.main_data_bytes(), frame.bytes.len() - frame.main_data_bytes());
        frame.bytes[head..].copy_from_slice(&stream[area..area + n_bytes]);
        frame
    };
    packed.into_iter().map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::decode::Mp3Decoder;
    use crate::audio::encode::Encoder;
    use crate::audio::format::Format;

    /// Frames that use the reservoir: a tone with bursts of noise.
    fn frames(format: Format, bitrate_kbps: u32) -> Vec<Frame> {
        let mut encoder = Encoder::new(format, bitrate_kbps).unwrap();
        let mut chance = 1_u32;
        let sound: Vec<f32> = (0..format.rate as usize * usize::from(format.channels))
            .map(|at| {
                chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (chance >> 8) as f32 / 16_777_216.0 - 0.5;
                (at as f32 * 0.02).sin() * 0.3 + if at / 8000 % 3 == 2 { noise } else { 0.0 }
            })
            .collect();
        encoder.encode(&sound).unwrap();
        encoder.finish().unwrap();
        std::iter::from_fn(|| encoder.next_frame()).collect()
    }

    fn decoded<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Vec<Vec<f32>> {
        let mut mp3 = Mp3Decoder::new();
        frames.into_iter().map(|frame| mp3.decode(frame).samples).collect()
    }

    #[test]
    fn packed_frames_sound_as_before_and_what_is_cut_off_is_missing_nowhere() {
        for (format, kbps) in [
            (Format::USUAL, 128),
            (Format::USUAL, 160),
            (Format { rate: 48_000, channels: 1 }, 96),
            (Format { rate: 24_000, channels: 2 }, 96),
        ] {
            let frames = frames(format, kbps);
            let whole = decoded(&frames);
            assert!(frames.iter().any(|frame| frame.main_data_begin() > 100), "the reservoir is used");
            let (cut, end) = (8, frames.len() - 8);
            let mut before = Reservoir::default();
            for frame in &frames[..end] {
                before.add(frame);
            }
            // Packed frames take the place of the first, and the last ones pass as they are.
            let packed = repack(&frames[..end], cut, 5, before.needed(frames[end..].iter()));
            assert_eq!(packed.len(), end - cut, "{format:?}");
            assert_eq!((packed[0].main_data_begin(), packed[5].main_data_begin()), (0, 0));
            let again = decoded(packed.iter().chain(&frames[end..]));
            // The first granules lack the overlap of those before.
            assert!(again[2..] == whole[cut + 2..], "{format:?}");
            let later = decoded(&packed[5..]);
            assert!(later[2..] == whole[cut + 7..end], "{format:?}");
        }
    }

    #[test]
    fn where_there_is_no_room_no_frames_come_out() {
        let frames = frames(Format::USUAL, 128);
        assert!(repack(&frames[..1], 1, 0, &[1]).is_empty());
        assert!(repack(&[], 3, 0, &[1]).is_empty());
    }
}
