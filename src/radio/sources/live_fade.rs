//! The fade between what a station plays and a live source, at equal power. Frames pass before and after it; only those in it are
//! encoded again, in their places. No I/O.

use anyhow::{Result, ensure};

use super::seam::{self, LOOKAHEAD_FRAMES, room_for_reservoir};
use crate::audio::crossfade::{self, Fade};
use crate::audio::decode::Mp3Decoder;
use crate::audio::format::Format;
use crate::audio::mp3::Frame;
use crate::audio::reservoir::{Reservoir, repack};
use crate::audio::transcoder::Transcoder;

/// Frames before the fade that decoder and encoder are warmed up with.
pub const HEARD_FRAMES: usize = 12;

/// What is faded.
pub struct LiveFade {
    /// The station's format.
    pub format: Format,
    /// The bitrate at which it is encoded.
    pub bitrate_kbps: u32,
    /// The frames that are heard before.
    pub heard: Vec<Frame>,
    /// What is faded out; the fade is as long as that.
    pub first: Vec<Frame>,
    /// What is faded in, and after that frames that pass; silence if there are too few.
    pub second: Vec<Frame>,
}

impl LiveFade {
    /// As many frames as are faded out, each with its samples.
    pub fn frames(self) -> Result<Vec<Frame>> {
        let Self { format, bitrate_kbps, heard, first, second } = self;
        let mut all = heard.iter().chain(&first).chain(&second);
        ensure!(all.all(|frame| frame.header.format == format), "frames of another format");
        let (n_frames, n) = (first.len(), format.frame_samples() * usize::from(format.channels));
        let mut decoder = Mp3Decoder::new();
        let before = decoded(&mut decoder, &heard);
        let ending = decoded(&mut decoder, &first);
        let mut beginning =
            decoded(&mut Mp3Decoder::new(), &second[..second.len().min(n_frames + LOOKAHEAD_FRAMES)]);
        beginning.resize(beginning.len().max(ending.len()), 0.0);
        let (faded_in, lookahead) = beginning.split_at(ending.len());
        let channels = usize::from(format.channels);
        let mut sound = crossfade::mix(&ending, faded_in, ending.len(), Fade::EqualPower, channels);
        // The encoder looks ahead, and holds back what it looks at.
        sound.extend_from_slice(lookahead);
        sound.resize(sound.len() + LOOKAHEAD_FRAMES * n, 0.0);
        let bitrate_kbps = room_for_reservoir(bitrate_kbps, format);
        let (mut encoder, mut frames) = Transcoder::behind(format, bitrate_kbps, &before)?;
        let n_dropped = frames.len() + encoder.frames_due();
        seam::encode(&mut encoder, &sound, n, &[n_dropped], &mut frames)?;
        ensure!(frames.len() >= n_dropped + n_frames, "the encoder holds back too much");
        frames.truncate(n_dropped + n_frames);
        let mut packed = repack(&frames, n_dropped, usize::MAX, &reservoir(&second, n_frames));
        if packed.is_empty() {
            packed = repack(&frames, n_dropped, usize::MAX, &[]);
        }
        for (frame, samples) in packed.iter_mut().zip(sound.chunks_exact(n)) {
            frame.samples = Some(samples.to_vec());
        }
        Ok(packed)
    }
}

/// The bytes before a frame that it and later ones begin in.
fn reservoir(frames: &[Frame], n_before: usize) -> Vec<u8> {
    let (before, after) = frames.split_at(n_before.min(frames.len()));
    let mut reservoir = Reservoir::default();
    for frame in before {
        reservoir.add(frame);
    }
    reservoir.needed(after.iter()).to_vec()
}

fn decoded(decoder: &mut Mp3Decoder, frames: &[Frame]) -> Vec<f32> {
    frames.iter().flat_map(|frame| decoder.decode(frame).samples).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::block::Block;

    /// A tone of that many frames and more, as an encoder makes them.
    fn tone(hertz: f32, n_frames: usize) -> Vec<Frame> {
        let samples = (0..(n_frames + 4) * 1152)
            .flat_map(|at| [(at as f32 * hertz * std::f32::consts::TAU / 44_100.0).sin() * 0.4; 2])
            .collect();
        let mut transcoder = Transcoder::new(Format::USUAL, 128);
        let block = Block { rate: 44_100, channels: 2, samples };
        let mut frames = transcoder.transcode(&block, 0.0).unwrap();
        frames.truncate(n_frames);
        assert_eq!(frames.len(), n_frames);
        frames
    }

    fn power(samples: &[f32]) -> f32 {
        10.0 * (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).log10()
    }

    /// The power of hundredths of a second, in decibels, of frames as a listener decodes them.
    fn powers(frames: &[Frame]) -> Vec<f32> {
        let sound = decoded(&mut Mp3Decoder::new(), frames);
        sound.chunks_exact(2 * 441).map(power).collect()
    }

    fn faded(n_first: usize, n_second: usize, n_fade: usize) -> (Vec<Frame>, usize) {
        let (folder, live) = (tone(440.0, n_first), tone(659.0, n_second));
        let (passed, first) = folder.split_at(n_first - n_fade);
        let heard = passed[passed.len().saturating_sub(HEARD_FRAMES)..].to_vec();
        let fade = LiveFade {
            format: Format::USUAL,
            bitrate_kbps: 128,
            heard,
            first: first.to_vec(),
            second: live.clone(),
        };
        let mixed = fade.frames().unwrap();
        assert_eq!(mixed.len(), n_fade);
        assert!(mixed.iter().all(|frame| frame.samples.is_some()));
        let rest = live.get(n_fade..).unwrap_or_default();
        (passed.iter().chain(&mixed).chain(rest).cloned().collect(), passed.len())
    }

    #[test]
    fn a_fade_has_no_gap_and_no_dip_of_more_than_three_decibels() {
        let (frames, _) = faded(120, 160, 77);
        let powers = powers(&frames);
        // The beginning has the delay of the encoder; live sound begins with it too, at the quiet end of the fade.
        let heard = &powers[10..powers.len() - 1];
        let usual = power(&decoded(&mut Mp3Decoder::new(), &tone(440.0, 40))[20_000..40_000]);
        let (least, most) =
            heard.iter().fold((f32::MAX, f32::MIN), |(least, most), at| (least.min(*at), most.max(*at)));
        assert!(least > usual - 3.0 && most < usual + 3.0, "{least} to {most}, usually {usual}");
    }

    #[test]
    fn frames_after_a_fade_are_heard_as_they_were() {
        let (frames, n_passed) = faded(60, 100, 30);
        let live = tone(659.0, 100);
        let (heard, wanted) =
            (decoded(&mut Mp3Decoder::new(), &frames), decoded(&mut Mp3Decoder::new(), &live));
        // The first frame overlaps with what was encoded.
        let (heard, wanted) = (&heard[(n_passed + 32) * 2304..], &wanted[32 * 2304..]);
        assert_eq!(heard.len(), wanted.len());
        let most = heard.iter().zip(wanted).map(|(heard, wanted)| (heard - wanted).abs()).fold(0.0, f32::max);
        assert!(most < 1e-4, "{most}");
    }

    #[test]
    fn where_too_little_follows_it_is_faded_to_silence() {
        let (frames, _) = faded(60, 4, 40);
        let powers = powers(&frames);
        let last = powers.last().unwrap();
        assert!(powers[30] > -20.0 && *last < -35.0, "{powers:?}");
    }
}
