//! Fuzz targets of media: files of subtitles from anywhere, and the ranges and playlists that are read by hand.

use http::HeaderMap;
use http::header::{HeaderValue, RANGE};

use super::range::Wanted;
use super::subtitles::to_webvtt;
use super::transcoder::with_ticket;

/// The length of the file that ranges are of.
const FILE_BYTES: u64 = 1000;

/// Subtitles in each format: what comes out is WebVTT, which is read as the same again.
pub fn subtitles(input: &[u8]) {
    for extension in ["srt", "ass", "vtt"] {
        let written = to_webvtt(input, extension);
        assert!(written.starts_with("WEBVTT"), "{extension}");
        // A mark that is escaped has six characters at the most, and times are written at length.
        assert!(written.len() <= 64 + input.len() * 48, "{extension}");
        assert_eq!(to_webvtt(written.as_bytes(), "vtt"), written, "{extension}");
    }
}

/// A `Range`: what is sent lies in the file.
pub fn range(input: &[u8]) {
    let Ok(range) = HeaderValue::from_bytes(input) else { return };
    match Wanted::of(&HeaderMap::from_iter([(RANGE, range)]), FILE_BYTES, "\"tag\"") {
        Wanted::Part(first, last) => assert!(first <= last && last < FILE_BYTES),
        Wanted::Whole | Wanted::Nothing => {}
    }
    if let Ok(playlist) = str::from_utf8(input) {
        assert!(with_ticket(playlist, "a.b").len() >= playlist.trim_end().len());
    }
}
