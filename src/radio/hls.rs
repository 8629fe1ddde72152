//! HLS, for listeners behind caches: a list that is fetched again and again, and segments that never change.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};

use super::handle::Handle;
use super::segments::Segment;

/// A list is good for this many seconds.
const LIST_SECONDS: &str = "public, max-age=2";

/// A segment never changes; nobody asks for it after a few minutes.
const SEGMENT_SECONDS: &str = "public, max-age=86400, immutable";

/// What of a station's HLS a path names.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// `<route>/index.m3u8`
    List(&'a str),
    /// `<route>/hls/<name>`
    Segment(&'a str, &'a str),
}

impl<'a> Wanted<'a> {
    /// Reads a path without its first slash.
    pub fn of(path: &'a str) -> Option<Self> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let segments = if folder == "hls" { Some("") } else { folder.strip_suffix("/hls") };
        match (name, segments) {
            ("index.m3u8", _) => Some(Self::List(folder)),
            (name, Some(route)) => Some(Self::Segment(route, name)),
            (_, None) => None,
        }
    }
}

/// Answers with the list of a station's segments.
pub fn list(station: &Handle) -> Response {
    let Some(text) = station.segments.lock().playlist() else {
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "2")], "no segment is whole yet")
            .into_response();
    };
    ([(CONTENT_TYPE, "application/vnd.apple.mpegurl"), (CACHE_CONTROL, LIST_SECONDS)], text).into_response()
}

/// Answers with a segment, piece by piece as it lies in the ring.
pub fn segment(station: &Handle, name: &str) -> Option<Response> {
    let segment: Segment = station.segments.lock().named(name)?;
    let length = segment.n_bytes();
    let pieces = segment.pieces.into_iter().map(Ok::<_, Infallible>);
    let headers = [(CONTENT_TYPE, "audio/mpeg"), (CACHE_CONTROL, SEGMENT_SECONDS)];
    let body = Body::from_stream(stream::iter(pieces));
    Some((headers, [(CONTENT_LENGTH, length)], body).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_lists_and_segments_of_stations() {
        assert_eq!(Wanted::of("index.m3u8"), Some(Wanted::List("")));
        assert_eq!(Wanted::of("a/b/index.m3u8"), Some(Wanted::List("a/b")));
        assert_eq!(Wanted::of("hls/1-ab.mp3"), Some(Wanted::Segment("", "1-ab.mp3")));
        assert_eq!(Wanted::of("a/hls/1-ab.mp3"), Some(Wanted::Segment("a", "1-ab.mp3")));
        assert_eq!((Wanted::of("a/1-ab.mp3"), Wanted::of("humor.m3u")), (None, None));
    }
}
