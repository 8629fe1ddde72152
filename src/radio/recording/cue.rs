//! Cue sheets: which title begins where in a recording. They are written line by line, so that what is there is whole. Pure.

use std::fmt::Write as _;
use std::path::Path;

/// Frames of a second in a cue sheet.
const FRAMES: u64 = 75;

/// Tracks of a cue sheet: their numbers have two digits. Later titles belong to the last one.
const MAX_TRACKS: usize = 99;

/// A cue sheet that is being written.
#[derive(Debug, Default)]
pub struct CueSheet {
    n_tracks: usize,
    /// Where the latest track begins, in frames.
    latest: u64,
}

impl CueSheet {
    /// What a sheet begins with; `date` is when the recording began.
    pub fn head(file: &str, title: &str, performer: &str, date: &str) -> String {
        let kind = if Path::new(file).extension().is_some_and(|extension| extension == "mp3") {
            "MP3"
        } else {
            "WAVE"
        };
        let mut lines = format!("REM DATE {date}\n");
        if !performer.is_empty() {
            let _ = writeln!(lines, "PERFORMER {}", quoted(performer));
        }
        let _ = writeln!(lines, "TITLE {}\nFILE {} {kind}", quoted(title), quoted(file));
        lines
    }

    /// The lines of a title that begins after so many seconds; none once there are too many, or if another one begins there.
    pub fn track(&mut self, title: &str, artist: &str, seconds: f64) -> Option<String> {
        let at = if self.n_tracks == 0 { 0 } else { (seconds.max(0.0) * FRAMES as f64) as u64 };
        if self.n_tracks >= MAX_TRACKS || (self.n_tracks > 0 && at <= self.latest) {
            return None;
        }
        self.n_tracks += 1;
        self.latest = at;
        let mut lines = format!("  TRACK {:02} AUDIO\n    TITLE {}\n", self.n_tracks, quoted(title));
        if !artist.is_empty() {
            let _ = writeln!(lines, "    PERFORMER {}", quoted(artist));
        }
        let _ = writeln!(lines, "    INDEX 01 {}", index(at));
        Some(lines)
    }
}

/// A place as `MM:SS:FF`; minutes go on beyond 99.
fn index(frames: u64) -> String {
    let seconds = frames / FRAMES;
    format!("{:02}:{:02}:{:02}", seconds / 60, seconds % 60, frames % FRAMES)
}

/// A text in quotes, which has none itself.
fn quoted(text: &str) -> String {
    let plain = |c: char| match c {
        '"' => '\'',
        c if c.is_control() => ' ',
        c => c,
    };
    format!("\"{}\"", text.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_has_the_titles_with_their_places() {
        let mut sheet = CueSheet::default();
        let mut text = CueSheet::head("a \"b\".mp3", "Night\nshow", "Ann", "2026-11-28T20:00:00Z");
        let titles =
            [("Eins", "", 0.4), ("歌", "Ann", 61.0), ("Late", "B\"ob\"", 61.01), ("Drei", "", 7_200.5)];
        for (title, artist, seconds) in titles {
            text.extend(sheet.track(title, artist, seconds));
        }
        expect_test::expect![[r#"
            REM DATE 2026-11-28T20:00:00Z
            PERFORMER "Ann"
            TITLE "Night show"
            FILE "a 'b'.mp3" MP3
              TRACK 01 AUDIO
                TITLE "Eins"
                INDEX 01 00:00:00
              TRACK 02 AUDIO
                TITLE "歌"
                PERFORMER "Ann"
                INDEX 01 01:01:00
              TRACK 03 AUDIO
                TITLE "Drei"
                INDEX 01 120:00:37
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn a_sheet_has_no_more_tracks_than_it_can_number() {
        let mut sheet = CueSheet::default();
        let n_written = (0..200).filter(|n| sheet.track("a", "", f64::from(*n)).is_some()).count();
        assert_eq!(n_written, MAX_TRACKS);
        assert!(CueSheet::head("a.opus", "", "", "").contains("FILE \"a.opus\" WAVE"));
    }
}
