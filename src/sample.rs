//! The sample tune: made here from sines, so that a room has something to play at once.

use std::f32::consts::TAU;
use std::io::Cursor;
use std::sync::OnceLock;

use bytes::Bytes;
use hound::{SampleFormat, WavSpec, WavWriter};

/// Samples a second; enough for plucked sines.
const RATE: u32 = 22_050;

/// Beats a minute.
const TEMPO: f32 = 75.0;

/// Bars of four beats: 51 seconds.
const BARS: usize = 16;

/// Root and third of each bar's chord, in semitones over A2, four bars round and round.
const CHORDS: [[i32; 4]; 4] = [[3, 7, 10, 14], [0, 3, 7, 10], [-4, 0, 3, 7], [-2, 2, 5, 9]];

/// Which note of the chord sounds on each eighth.
const PATTERN: [usize; 8] = [0, 2, 1, 3, 2, 1, 3, 2];

/// The tune as a WAV file, mono, 16 bit.
pub fn wav() -> Bytes {
    static TUNE: OnceLock<Bytes> = OnceLock::new();
    TUNE.get_or_init(synthesise).clone()
}

fn synthesise() -> Bytes {
    let spec =
        WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut file = Cursor::new(Vec::new());
    let mut write = || -> Result<(), hound::Error> {
        let mut writer = WavWriter::new(&mut file, spec)?;
        for sample in mix() {
            writer.write_sample((sample * f32::from(i16::MAX)) as i16)?;
        }
        writer.finalize()
    };
    write().expect("writing to memory does not fail");
    Bytes::from(file.into_inner())
}

/// All notes laid over each other, quiet enough that they never clip.
fn mix() -> Vec<f32> {
    let eighth = (RATE as f32 * 60.0 / TEMPO / 2.0) as usize;
    let mut sound = vec![0.0; eighth * 8 * BARS];
    for bar in 0..BARS {
        let chord = CHORDS[bar % CHORDS.len()];
        pluck(&mut sound, bar * 8 * eighth, pitch(chord[0] - 12), 8 * eighth, 0.3);
        for (step, note) in PATTERN.iter().enumerate() {
            pluck(&mut sound, (bar * 8 + step) * eighth, pitch(chord[*note] + 12), 6 * eighth, 0.22);
        }
    }
    sound
}

/// The frequency of a note, in hertz, `semitones` over A2.
fn pitch(semitones: i32) -> f32 {
    110.0 * (semitones as f32 / 12.0).exp2()
}

/// Adds a note that rings out, with two overtones.
fn pluck(sound: &mut [f32], start: usize, hertz: f32, length: usize, volume: f32) {
    let end = (start + length).min(sound.len());
    for (n, sample) in sound[start..end].iter_mut().enumerate() {
        let seconds = n as f32 / RATE as f32;
        let attack = (seconds / 0.008).min(1.0);
        let ending = ((length - n) as f32 / (0.05 * RATE as f32)).min(1.0);
        let phase = TAU * hertz * seconds;
        let tone =
            phase.sin() + 0.35 * (2.0 * phase).sin() * (-4.0 * seconds).exp() + 0.1 * (3.0 * phase).sin();
        *sample += volume * attack * ending * (-2.2 * seconds).exp() * tone;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tune_plays_51_seconds_and_never_clips() {
        let tune = mix();
        assert!((51.1..51.3).contains(&(tune.len() as f32 / RATE as f32)));
        let peak = tune.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        assert!((0.3..0.95).contains(&peak), "peak {peak}");
    }

    #[test]
    fn the_file_is_a_wav_that_a_reader_reads() {
        let reader = hound::WavReader::new(Cursor::new(wav())).unwrap();
        assert_eq!(reader.duration() as usize, mix().len());
    }
}
