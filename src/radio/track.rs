//! A file that can go on the air, and what its tags say.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::decode::counted_seconds;
use super::format::Format;
use super::index::Facts;
use super::sniff::{Content, mp3_frames, sniff};
use super::tags::Tags;
use super::wav::Spec;

/// Longer tags are cut: a title block has 4080 bytes for both.
const MAX_CHARS: usize = 300;

/// What players are told of a track.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Track {
    /// The name of its file.
    pub file: String,
    /// Its title; the file's name without extension where it has none.
    pub title: String,
    /// Who made it; empty if nobody says.
    pub artist: String,
    /// How long it is, if its head says so.
    pub duration_seconds: Option<f64>,
}

impl Track {
    /// The track of a file of which this is known.
    pub fn of(path: &Path, facts: &Facts) -> Self {
        let name = |name: Option<&std::ffi::OsStr>| name.unwrap_or_default().to_string_lossy().into_owned();
        Self {
            file: name(path.file_name()),
            title: facts.title.clone(),
            artist: facts.artist.clone(),
            duration_seconds: facts.duration_seconds,
        }
    }

    /// `Artist - Title`, or the title alone.
    pub fn display(&self) -> String {
        if self.artist.is_empty() { self.title.clone() } else { format!("{} - {}", self.artist, self.title) }
    }
}

impl Facts {
    /// Reads a file's tags, and the format of its frames.
    ///
    /// # Errors
    /// If the file cannot be read; what is in it may be anything.
    pub fn read(path: &Path) -> Result<Self> {
        let mut file = File::open(path).context("cannot be opened")?;
        let content = sniff(&mut file)?;
        let tags = catch_unwind(AssertUnwindSafe(|| Tags::read(&mut file, &content)));
        let mut tags = tags.unwrap_or_else(|_| Ok(Tags::default()))?;
        tags.offer_name(path);
        let (format, seconds) = match &content {
            Content::Mp3(_) | Content::Unknown => mp3_head(path, &content).unwrap_or_default(),
            Content::Wav(chunks) => {
                (None, Spec::of(&chunks.format).ok().and_then(|spec| spec.seconds(&chunks.data)))
            }
            Content::Other(..) => (None, None),
        };
        Ok(Self {
            format,
            title: tags.title,
            artist: tags.artist,
            duration_seconds: seconds.or(tags.seconds),
            is_duration_exact: false,
            loudness: None,
        })
    }
}

/// The format of an MP3 file's first frame.
pub fn frame_format(path: &Path) -> Result<Format> {
    let mut file = File::open(path).context("cannot be opened")?;
    let content = sniff(&mut file)?;
    mp3_head(path, &content).and_then(|(format, _)| format.context("no MP3 frame in it"))
}

/// The format of an MP3 file's first frame, and how long the file is, in seconds.
///
/// A description that cannot be true of a file of this size is not believed; then all frames are counted.
fn mp3_head(path: &Path, content: &Content) -> Result<(Option<Format>, Option<f64>)> {
    let file = File::open(path).context("cannot be opened")?;
    let n_bytes = file.metadata()?.len();
    let Some(mut frames) = mp3_frames(path, file, content)? else { return Ok((None, None)) };
    let Some(frame) = frames.next_frame()? else { return Ok((None, None)) };
    let header = frame.header;
    let described = frames.take_description().filter(|description| description.fits(n_bytes));
    let seconds = described
        .and_then(|description| description.n_samples(header.n_samples))
        .map(|n_samples| n_samples as f64 / f64::from(header.format.rate))
        .or_else(|| counted_seconds(path).ok());
    Ok((Some(header.format), seconds))
}

/// One line of ordinary characters.
pub fn clean(text: &str) -> String {
    let is_space = |c: char| c.is_whitespace() || c.is_control() || is_invisible(c);
    let words = text.split(is_space).filter(|word| !word.is_empty());
    let mut line = String::new();
    for word in words {
        let n_chars = line.chars().count();
        if n_chars >= MAX_CHARS {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().take(MAX_CHARS - n_chars));
    }
    line
}

/// Marks of byte order and of writing direction, which turn around what stands behind them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{feff}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_one_line_of_bounded_length() {
        assert_eq!(clean("\u{feff}a\r\n\tb\0 c\u{2028}d\u{202e}e "), "a b c d e");
        assert!(clean(&"long ".repeat(10_000)).chars().count() <= MAX_CHARS + 1);
        assert_eq!(clean(&"x".repeat(10_000)).chars().count(), MAX_CHARS);
    }
}
