//! Where a track begins and ends, and how long it overlaps the next one, according to Liquidsoap's tags. No I/O.

/// The shortest part of a track that is played, in seconds.
const SHORTEST: f64 = 1.0;

/// Later moments are none in a file of music: a day.
const LATEST: f64 = 86_400.0;

/// Moments in seconds from the beginning of the file.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CuePoints {
    /// Where it begins to play.
    pub cue_in: Option<f64>,
    /// Where it stops.
    pub cue_out: Option<f64>,
    /// The longest overlap with the next track, in seconds.
    pub crossfade: Option<f64>,
}

impl CuePoints {
    /// Reads a tag; the first one of each name counts.
    pub fn offer(&mut self, name: &str, value: &str) {
        let place = if name.eq_ignore_ascii_case("liq_cue_in") {
            &mut self.cue_in
        } else if name.eq_ignore_ascii_case("liq_cue_out") {
            &mut self.cue_out
        } else if name.eq_ignore_ascii_case("liq_cross_duration") {
            &mut self.crossfade
        } else {
            return;
        };
        let value = value.trim().parse().ok().filter(|seconds| (0.0..=LATEST).contains(seconds));
        *place = place.or(value);
    }

    /// The part that plays, in seconds: its beginning, and its end unless that is the file's. Points that leave next to
    /// nothing are ignored.
    pub fn range(&self) -> (f64, Option<f64>) {
        let from = self.cue_in.unwrap_or(0.0);
        match self.cue_out {
            Some(to) if to < from + SHORTEST => (0.0, None),
            to => (from, to),
        }
    }

    /// The length of what plays of a file of that length.
    pub fn seconds(&self, whole: f64) -> f64 {
        let (from, to) = self.range();
        (to.unwrap_or(whole).min(whole) - from).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_and_nonsense_is_ignored() {
        let mut points = CuePoints::default();
        for (name, value) in [
            ("LIQ_CUE_IN", "1.5"),
            ("liq_cue_in", "9"),
            ("liq_cue_out", " 200.25 "),
            ("liq_cross_duration", "-3"),
            ("liq_cross_duration", "4."),
            ("title", "7"),
        ] {
            points.offer(name, value);
        }
        assert_eq!(points, CuePoints { cue_in: Some(1.5), cue_out: Some(200.25), crossfade: Some(4.0) });
        assert_eq!(points.range(), (1.5, Some(200.25)));
        assert!((points.seconds(100.0) - 98.5).abs() < 1e-9);
        for value in ["nan", "inf", "1e300", "", "1:30"] {
            let mut points = CuePoints::default();
            points.offer("liq_cue_in", value);
            assert_eq!(points, CuePoints::default(), "{value}");
        }
        let reversed = CuePoints { cue_in: Some(10.0), cue_out: Some(10.5), crossfade: None };
        assert_eq!(reversed.range(), (0.0, None));
    }
}
