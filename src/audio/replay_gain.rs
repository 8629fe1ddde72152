//! The loudness of a track according to its tags: `ReplayGain` and `R128_TRACK_GAIN`. No I/O.

/// What `ReplayGain` 2 brings a track to, in LUFS.
const REPLAY_GAIN_LUFS: f64 = -18.0;

/// What `R128_TRACK_GAIN` brings a track to, in LUFS.
const R128_LUFS: f64 = -23.0;

/// Music is no softer and no louder; tags that say so are wrong.
const PLAUSIBLE_LUFS: std::ops::RangeInclusive<f64> = -45.0..=0.0;

/// How much louder than its peak a track can be said to be: a square wave on both channels.
const ABOVE_PEAK_DB: f64 = 3.1;

/// How much softer than its peak music can be said to be.
const BELOW_PEAK_DB: f64 = 35.0;

/// A track's loudness in LUFS, by the value of a tag with this name; `None` if it is no such tag, or not plausible.
pub fn lufs(name: &str, value: &str) -> Option<f64> {
    let value = value.trim();
    let lufs = if name.eq_ignore_ascii_case("replaygain_track_gain") {
        let unit = value.len().checked_sub(2).filter(|at| value.is_char_boundary(*at));
        let number = match unit.map(|at| value.split_at(at)) {
            Some((number, unit)) if unit.eq_ignore_ascii_case("db") => number,
            _ => value,
        };
        REPLAY_GAIN_LUFS - number.trim().parse::<f64>().ok()?
    } else if name.eq_ignore_ascii_case("r128_track_gain") {
        // In 256ths of a decibel.
        R128_LUFS - f64::from(value.parse::<i16>().ok()?) / 256.0
    } else {
        return None;
    };
    PLAUSIBLE_LUFS.contains(&lufs).then_some(lufs)
}

/// Whether a track with that true peak can have that loudness.
pub fn is_plausible(lufs: f64, peak_db: f64) -> bool {
    (-ABOVE_PEAK_DB..=BELOW_PEAK_DB).contains(&(peak_db - lufs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loudness_is_read_from_both_tags_and_nonsense_is_not() {
        let cases = [
            ("REPLAYGAIN_TRACK_GAIN", "-7.89 dB", Some(-10.11)),
            ("replaygain_track_gain", "+3.5dB", Some(-21.5)),
            ("replaygain_track_gain", "2", Some(-20.0)),
            ("R128_TRACK_GAIN", "-1280", Some(-18.0)),
            ("R128_TRACK_GAIN", "99999", None),
            ("REPLAYGAIN_TRACK_GAIN", "-64 dB", None),
            ("REPLAYGAIN_TRACK_GAIN", "nan dB", None),
            ("REPLAYGAIN_TRACK_GAIN", "é", None),
            ("REPLAYGAIN_TRACK_GAIN", "", None),
            ("REPLAYGAIN_ALBUM_GAIN", "-7.89 dB", None),
        ];
        for (name, value, expected) in cases {
            let known = lufs(name, value);
            let is_same =
                known.zip(expected).is_some_and(|(known, expected)| f64::abs(known - expected) < 1e-9);
            assert!(is_same || known.is_none() && expected.is_none(), "{name} {value}: {known:?}");
        }
    }

    #[test]
    fn loudness_that_the_peak_contradicts_is_not_believed() {
        assert!(is_plausible(-16.0, -1.0) && is_plausible(-30.0, 0.0) && is_plausible(0.0, 0.0));
        assert!(!is_plausible(-10.0, -20.0) && !is_plausible(-44.0, -1.0));
    }
}
