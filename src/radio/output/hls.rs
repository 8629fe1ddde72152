//! HLS, for listeners behind caches: a playlist that is fetched again and again, and segments that never change.
//!
//! A station with MP3 or AAC at mountpoints has a playlist of each encoding, and one that lists those.

use std::convert::Infallible;
use std::fmt::Write as _;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use parking_lot::Mutex;

use super::mountpoint::Mountpoint;
use super::on_demand::ListenerGuard;
use super::segments::{Segment, Segments};
use crate::audio::streams::{Codec, Encoding};
use crate::radio::Config;
use crate::radio::station_handle::StationHandle;
use crate::time::Timestamp;

/// A playlist may be cached for a moment.
const PLAYLIST_CACHING: &str = "public, max-age=2";

/// A segment never changes, and is not requested after a few minutes.
const SEGMENT_CACHING: &str = "public, max-age=86400, immutable";

/// The name of the station's own encoding among its variants.
const OWN: &str = "station";

/// With so many segments of the station's own, its variants are listed without one that has none: its encoder does not
/// run.
const PATIENCE: usize = 2;

/// A path within a station's HLS output.
#[derive(Debug, PartialEq, Eq)]
pub enum HlsPath<'a> {
    /// `<route>/index.m3u8`
    Playlist(&'a str),
    /// `<route>/hls/<variant>.m3u8`
    Variant(&'a str, &'a str),
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
            (name, Some(route)) => Some(match name.strip_suffix(".m3u8") {
                Some(variant) => Self::Variant(route, variant),
                None => Self::Segment(route, name),
            }),
            (_, None) => None,
        }
    }

    /// The station's route.
    pub fn station_route(&self) -> &'a str {
        let (Self::Playlist(route) | Self::Variant(route, _) | Self::Segment(route, _)) = self;
        route
    }
}

/// The same of a station with a key, of which no shared cache may have anything.
const PRIVATE_PLAYLIST_CACHING: &str = "no-store";
const PRIVATE_SEGMENT_CACHING: &str = "private, max-age=86400, immutable";

/// Responds with a station's playlist; `query` is appended to the addresses in it.
pub fn playlist(station: &StationHandle, query: Option<&str>) -> Response {
    let has_variants = station.mountpoints.iter().any(|mountpoint| mountpoint.segments.is_some());
    let text = if has_variants { master(station) } else { station.segments.lock().playlist("hls/") };
    playlist_response(text, query)
}

/// Responds with the playlist of one of its encodings; `None` if there is none of that name.
pub fn variant(station: &StationHandle, name: &str, query: Option<&str>) -> Option<Response> {
    let text = if name == OWN {
        station.segments.lock().playlist("")
    } else {
        let (_, segments) = variants(station).find(|(mountpoint, _)| variant_name(mountpoint) == name)?;
        segments.lock().playlist("")
    };
    Some(playlist_response(text, query))
}

/// The mountpoints that are variants, with their segments.
fn variants(station: &StationHandle) -> impl Iterator<Item = (&Mountpoint, &Mutex<Segments>)> {
    station.mountpoints.iter().filter_map(|mountpoint| Some((mountpoint, &**mountpoint.segments.as_ref()?)))
}

fn variant_name(mountpoint: &Mountpoint) -> String {
    let Encoding { codec, kbps } = mountpoint.encoding;
    format!("{}-{kbps}", codec.name())
}

/// Has the encoders of a station's variants run, as long as somebody fetches its playlists, and waits until each has a segment, or
/// has had time for one since the first listener.
pub async fn start_variants(station: &StationHandle, config: &Config, now: Timestamp) {
    // None of them stops while another one is waited for.
    let guards: Vec<ListenerGuard> =
        variants(station).map(|(mountpoint, _)| mountpoint.on_demand.listener()).collect();
    for (mountpoint, _) in variants(station) {
        let since = mountpoint.on_demand.extend_hls(now, config.hls_listener_timeout);
        mountpoint.wait_for_segment((since + config.hls_variant_timeout).since(now)).await;
    }
    drop(guards);
}

/// The list of a station's variants, once all that come have a segment.
fn master(station: &StationHandle) -> Option<String> {
    let own = station.segments.lock();
    let n_own = own.n_done();
    let own_bandwidth = own.peak_bandwidth();
    drop(own);
    let mut text = "#EXTM3U\n#EXT-X-VERSION:3\n".to_owned();
    list(&mut text, Codec::Mp3, own_bandwidth, OWN);
    for (mountpoint, segments) in variants(station) {
        let segments = segments.lock();
        if segments.n_done() > 0 {
            let nominal = f64::from(mountpoint.encoding.kbps) * 1000.0;
            let bandwidth = segments.peak_bandwidth().max(nominal);
            list(&mut text, mountpoint.encoding.codec, bandwidth, &variant_name(mountpoint));
        } else if n_own < PATIENCE {
            return None;
        }
    }
    (n_own > 0).then_some(text)
}

fn list(text: &mut String, codec: Codec, bandwidth: f64, name: &str) {
    let codecs = codec.hls_name().unwrap_or_default();
    let _ = write!(
        text,
        "#EXT-X-STREAM-INF:BANDWIDTH={:.0},CODECS=\"{codecs}\"\nhls/{name}.m3u8\n",
        bandwidth.ceil()
    );
}

fn playlist_response(text: Option<String>, query: Option<&str>) -> Response {
    let Some(text) = text else {
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "2")], "no segment is complete yet")
            .into_response();
    };
    let (text, caching) = match query {
        None => (text, PLAYLIST_CACHING),
        Some(query) => (with_query(&text, query), PRIVATE_PLAYLIST_CACHING),
    };
    ([(CONTENT_TYPE, "application/vnd.apple.mpegurl"), (CACHE_CONTROL, caching)], text).into_response()
}

/// Every address of a playlist with a query.
fn with_query(text: &str, query: &str) -> String {
    let line =
        |line: &str| if line.starts_with('#') { format!("{line}\n") } else { format!("{line}{query}\n") };
    text.lines().map(line).collect()
}

/// Responds with a segment, in the chunks of the ring.
pub fn segment(station: &StationHandle, name: &str, is_private: bool) -> Option<Response> {
    let own: Option<Segment> = station.segments.lock().named(name);
    let (codec, segment) = match own {
        Some(segment) => (Codec::Mp3, segment),
        None => variants(station).find_map(|(mountpoint, segments)| {
            Some((mountpoint.encoding.codec, segments.lock().named(name)?))
        })?,
    };
    let length = segment.n_bytes();
    let chunks = segment.pieces.into_iter().map(Ok::<_, Infallible>);
    let caching = if is_private { PRIVATE_SEGMENT_CACHING } else { SEGMENT_CACHING };
    let headers = [(CONTENT_TYPE, codec.media_type()), (CACHE_CONTROL, caching)];
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
        assert_eq!(HlsPath::parse("a/hls/aac-64.m3u8"), Some(HlsPath::Variant("a", "aac-64")));
        assert_eq!((HlsPath::parse("a/1-ab.mp3"), HlsPath::parse("humor.m3u")), (None, None));
    }
}
