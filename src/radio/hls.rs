//! HLS, for listeners behind caches: a list that is fetched again and again, and segments that never change.
//!
//! Nobody stays connected, so that whoever has fetched a list lately counts as a listener.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use parking_lot::Mutex;

use super::segments::Segment;
use super::station::Handle;
use crate::http::address::subscriber;
use crate::time::Timestamp;

/// Whoever has fetched the list within this time listens: players fetch it about every six seconds.
const LISTENING: Duration = Duration::from_secs(20);

/// A list is good for this many seconds.
const LIST_SECONDS: &str = "public, max-age=2";

/// A segment never changes; nobody asks for it after a few minutes.
const SEGMENT_SECONDS: &str = "public, max-age=86400, immutable";

/// Who has fetched a station's list, and when.
#[derive(Debug, Default)]
pub struct Audience {
    hasher: RandomState,
    seen: Mutex<HashMap<u64, Timestamp>>,
}

impl Audience {
    /// Counts somebody who fetches the list, known by address and program, unless there are `most` already.
    pub fn note(&self, address: IpAddr, agent: &[u8], most: usize, now: Timestamp) {
        let who = self.hasher.hash_one((subscriber(address), agent));
        let mut seen = self.seen.lock();
        if seen.len() >= most {
            seen.retain(|_, at| now.since(*at) < LISTENING);
        }
        if seen.len() < most || seen.contains_key(&who) {
            seen.insert(who, now);
        }
    }

    /// How many listen now.
    pub fn count(&self, now: Timestamp) -> usize {
        let mut seen = self.seen.lock();
        seen.retain(|_, at| now.since(*at) < LISTENING);
        seen.len()
    }
}

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

    #[test]
    fn whoever_has_fetched_the_list_lately_listens() {
        let audience = Audience::default();
        let at = |second: u64| Timestamp::from_millis(1_700_000_000_000 + second * 1000);
        let address = |last: u8| IpAddr::from([203, 0, 113, last]);
        for (last, agent, second) in [(1, "mpv", 0), (1, "mpv", 6), (1, "vlc", 6), (2, "mpv", 15)] {
            audience.note(address(last), agent.as_bytes(), 3, at(second));
        }
        audience.note(address(3), b"mpv", 3, at(16));
        assert_eq!((audience.count(at(16)), audience.count(at(27)), audience.count(at(40))), (3, 1, 0));
    }
}
