//! A track as listeners see it: its file, title, artist and duration.

use std::path::Path;

use serde::Serialize;

use super::track_info::TrackInfo;

/// Longer titles and artists are cut: a metadata block holds 4080 bytes for both.
const MAX_CHARS: usize = 300;

/// A track's metadata.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Track {
    /// The name of its file.
    pub file: String,
    /// Its title; the file name without extension if it has no tags.
    pub title: String,
    /// Its artist; empty if unknown.
    pub artist: String,
    /// Its length, if known.
    pub duration_seconds: Option<f64>,
}

impl Track {
    /// The track in a file.
    pub fn of(path: &Path, info: &TrackInfo) -> Self {
        Self {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            title: info.title.clone(),
            artist: info.artist.clone(),
            duration_seconds: info.duration_seconds,
        }
    }

    /// `Artist - Title`, or the title alone.
    pub fn display(&self) -> String {
        if self.artist.is_empty() { self.title.clone() } else { format!("{} - {}", self.artist, self.title) }
    }
}

/// Makes one line of printable characters of any text.
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

/// Byte order marks, and marks that change the writing direction of the text after them.
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
