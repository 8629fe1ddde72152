//! HLS, for listeners behind caches: a playlist that is fetched again and again, and segments that never change.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};

use super::segments::Segment;
use crate::radio::station_handle::StationHandle;

/// A playlist may be cached for a moment.
const PLAYLIST_CACHING: &str = "public, max-age=2";

/// A segment never changes, and is not requested after a few minutes.
const SEGMENT_CACHING: &str = "public, max-age=86400, immutable";

/// A path within a station's HLS output.
#[derive(Debug, PartialEq, Eq)]
pub enum HlsPath<'a> {
    /// `<route>/index.m3u8`
    Playlist(&'a str),
    /// `<route>/hls/<name>`
    Segment(&'a str, &'a str),
}

impl<'a> HlsPath<'a> {
    /// Parses a path without its first slash.
    pub fn parse(path: &'a str) -> Option<Self> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let segments = if folder == "hls" { Some("") } else { folder.strip_suffix("/hls") };
        match (name, segments) {
            ("index.m3u8", _) => Some(Self::Playlist(folder)),
            (name, Some(route)) => Some(Self::Segment(route, name)),
            (_, None) => None,
        }
    }
}

/// Responds with a station's playlist.
pub fn playlist(station: &StationHandle) -> Response {
    let Some(text) = station.segments.lock().playlist() else {
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "2")], "no segment is complete yet")
            .into_response();
    };
    ([(CONTENT_TYPE, "application/vnd.apple.mpegurl"), (CACHE_CONTROL, PLAYLIST_CACHING)], text)
        .into_response()
}

/// Responds with a segment, in the chunks of the ring.
pub fn segment(station: &StationHandle, name: &str) -> Option<Response> {
    let segment: Segment = station.segments.lock().named(name)?;
    let length = segment.n_bytes();
    let chunks = segment.pieces.into_iter().map(Ok::<_, Infallible>);
    let headers = [(CONTENT_TYPE, "audio/mpeg"), (CACHE_CONTROL, SEGMENT_CACHING)];
    let body = Body::from_stream(stream::iter(chunks));
    Some((headers, [(CONTENT_LENGTH, length)], body).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_playlists_and_segments_of_stations() {
        assert_eq!(HlsPath::parse("index.m3u8"), Some(HlsPath::Playlist("")));
        assert_eq!(HlsPath::parse("a/b/index.m3u8"), Some(HlsPath::Playlist("a/b")));
        assert_eq!(HlsPath::parse("hls/1-ab.mp3"), Some(HlsPath::Segment("", "1-ab.mp3")));
        assert_eq!(HlsPath::parse("a/hls/1-ab.mp3"), Some(HlsPath::Segment("a", "1-ab.mp3")));
        assert_eq!((HlsPath::parse("a/1-ab.mp3"), HlsPath::parse("humor.m3u")), (None, None));
    }
}
