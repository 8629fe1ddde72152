//! How the end of one track and the beginning of the next sound together. No I/O.
//!
//! Music that goes on to the very end is faded out while the next track is faded in, at equal power. An ending of its own,
//! a fade or a last note, is left as it was recorded: the next track begins in it, where it has become quiet.

use std::f32::consts::FRAC_PI_2;

use super::format::Format;
use super::loudness::bend;
use super::silence;

/// The length of a window in which a level is measured, in seconds.
const WINDOW: f64 = 0.05;

/// What is left of the highest power where an ending has become quiet: 10 dB less.
const QUIET: f32 = 0.1;

/// Music that is followed by less than this has no ending of its own, in seconds.
const NO_ENDING: f64 = 0.1;

/// Inaudible: -60 dB of full scale.
const INAUDIBLE: f32 = 0.001;

/// Heard at the very end or beginning: -46 dB of full scale.
const HEARD: f32 = 0.005;

/// The length at an end in which something is heard, in seconds: two periods of 100 Hz.
const END: f64 = 0.02;

/// How two tracks overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// Samples of all channels to leave out at the end, which are inaudible.
    pub n_inaudible: usize,
    /// Samples of all channels in which both are heard.
    pub n_samples: usize,
    /// What is done to them.
    pub fade: Fade,
}

/// What is done to both tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fade {
    /// One is faded out and the other in.
    EqualPower,
    /// Both are as they were recorded.
    AsRecorded,
}

/// Plans an overlap of at most `longest` seconds, by how the end of a track sounds.
pub fn plan(tail: &[f32], format: Format, longest: f64) -> Overlap {
    let channels = usize::from(format.channels);
    let n_inaudible = silence::trailing(tail, INAUDIBLE) / channels * channels;
    let audible = &tail[..tail.len() - n_inaudible];
    let window = format.samples(WINDOW).max(channels);
    let powers: Vec<f32> = audible.chunks(window).map(power).collect();
    let loudest = powers.iter().copied().fold(0.0, f32::max);
    let last = powers.iter().rposition(|power| *power > loudest * QUIET).unwrap_or(0);
    let ending = audible.len() - ((last + 1) * window).min(audible.len());
    let no_ending = format.samples(NO_ENDING);
    let (n_samples, fade) = if ending < no_ending && n_inaudible < no_ending {
        (format.samples(longest), Fade::EqualPower)
    } else {
        (ending.min(format.samples(longest / 2.0)), Fade::AsRecorded)
    };
    Overlap { n_inaudible, n_samples: n_samples.min(audible.len()), fade }
}

/// Whether something is heard right before the end of one and right after the beginning of the other.
pub fn is_heard_across(tail: &[f32], head: &[f32], format: Format) -> bool {
    let n = format.samples(END);
    let is_heard = |end: &[f32]| end.iter().any(|sample| sample.abs() > HEARD);
    is_heard(&tail[tail.len().saturating_sub(n)..]) && is_heard(&head[..n.min(head.len())])
}

/// Joins the end of one track and the beginning of the next, which overlap by so many samples of all channels. What would
/// clip is bent.
pub fn mix(tail: &[f32], head: &[f32], overlap: usize, fade: Fade, channels: usize) -> Vec<f32> {
    let overlap = overlap.min(tail.len()).min(head.len());
    let (before, ending) = tail.split_at(tail.len() - overlap);
    let mut joined = before.to_vec();
    let n_frames = (overlap / channels).max(1);
    joined.extend(ending.iter().zip(head).enumerate().map(|(at, (out, into))| {
        let angle = (at / channels) as f32 / n_frames as f32 * FRAC_PI_2;
        bend(match fade {
            Fade::EqualPower => out * angle.cos() + into * angle.sin(),
            Fade::AsRecorded => out + into,
        })
    }));
    joined.extend_from_slice(&head[overlap..]);
    joined
}

fn power(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: usize = 44_100;

    /// Seconds of a tone in stereo, with a level for each moment.
    fn tone(seconds: f64, pitch: f32, level: impl Fn(f64) -> f32) -> Vec<f32> {
        let n = (seconds * RATE as f64) as usize;
        (0..n).flat_map(|at| [(at as f32 * pitch).sin() * level(at as f64 / RATE as f64); 2]).collect()
    }

    fn seconds(overlap: Overlap) -> f64 {
        overlap.n_samples as f64 / 2.0 / RATE as f64
    }

    #[test]
    fn music_that_goes_on_to_the_end_is_faded_with_no_dip_and_no_rise() {
        let (tail, head) = (tone(6.0, 0.06, |_| 0.4), tone(6.0, 0.091, |_| 0.4));
        let overlap = plan(&tail, Format::USUAL, 5.0);
        assert_eq!((overlap.fade, overlap.n_inaudible), (Fade::EqualPower, 0));
        assert!((seconds(overlap) - 5.0).abs() < 0.01);
        let joined = mix(&tail, &head, overlap.n_samples, overlap.fade, 2);
        assert_eq!(joined.len(), tail.len() + head.len() - overlap.n_samples);
        let levels: Vec<f32> =
            joined.chunks(2 * RATE / 20).map(|piece| 10.0 * power(piece).log10()).collect();
        let (least, most) =
            levels.iter().fold((0.0_f32, -100.0_f32), |(a, b), level| (a.min(*level), b.max(*level)));
        assert!(most - least < 1.0, "{least} to {most} dB");
    }

    #[test]
    fn an_ending_of_its_own_is_left_as_it_is_and_overlaps_less() {
        // A fade of five seconds is 10 dB down with a third of it to go.
        let fade = tone(10.0, 0.06, |at| (1.0 - (at - 5.0).max(0.0) / 5.0) as f32 * 0.4);
        let overlap = plan(&fade, Format::USUAL, 5.0);
        assert_eq!(overlap.fade, Fade::AsRecorded);
        assert!((1.2..1.8).contains(&seconds(overlap)), "{overlap:?}");
        // A last note that dies away within half a second, and silence.
        let note = tone(8.0, 0.06, |at| if at < 5.0 { 0.4 } else { 0.4 * (-12.0 * (at - 5.0)).exp() as f32 });
        let overlap = plan(&note, Format::USUAL, 5.0);
        assert_eq!(overlap.fade, Fade::AsRecorded);
        assert!((0.2..0.6).contains(&seconds(overlap)), "{overlap:?}");
        assert!(overlap.n_inaudible > 4 * RATE, "{overlap:?}");
        // A dry stop: the next track begins right there.
        let stop = tone(8.0, 0.06, |at| if at < 5.0 { 0.4 } else { 0.0 });
        let overlap = plan(&stop, Format::USUAL, 5.0);
        assert!(overlap.fade == Fade::AsRecorded && seconds(overlap) < 0.06, "{overlap:?}");
    }

    #[test]
    fn nothing_at_all_overlaps_by_nothing() {
        for tail in [Vec::new(), vec![0.0; 1000]] {
            let overlap = plan(&tail, Format::USUAL, 5.0);
            assert_eq!((overlap.n_samples, overlap.n_inaudible), (0, tail.len()));
            assert!(!is_heard_across(&tail, &[0.5; 100], Format::USUAL));
        }
        assert_eq!(mix(&[], &[0.5; 4], 10, Fade::EqualPower, 2), [0.5; 4]);
    }
}
