//! The wire: heads of streams, and the JSON that describes stations.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::Config;
use super::library::track::Track;
use super::library::track_queue::ScanProgress;
use super::output::ring::{IcyMode, META_INTERVAL};
use super::sources::source_slot::SourceKind;
use crate::audio::format::Format;

/// The header that lists the stations through which a stream came.
pub const PATH_HEADER: &str = "roomhub-path";

/// What players show as the name of a station.
pub fn station_name(config: &Config, route: &str) -> String {
    if route == "/" { line(&config.name) } else { format!("{} {route}", line(&config.name)) }
}

/// The media types of MP3, including obsolete and generic ones.
const MP3_TYPES: [&str; 8] = [
    "audio/mpeg",
    "audio/mp3",
    "audio/mpeg3",
    "audio/mpg",
    "audio/x-mpeg",
    "audio/x-mp3",
    "audio/x-mpeg-3",
    "application/octet-stream",
];

/// A media type without its parameters.
pub fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a media type may be MP3.
pub fn is_mp3(essence: &str) -> bool {
    MP3_TYPES.contains(&essence)
}

/// Text without line breaks.
fn line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

/// The response head of a stream, which ends with the connection, as players and relays expect.
///
/// `path` lists this station and those through which its stream came, so that relays can detect loops.
pub fn stream_head(
    config: &Config,
    route: &str,
    format: Format,
    bitrate_kbps: u32,
    icy_mode: IcyMode,
    path: &str,
) -> Bytes {
    let mut head = String::from("HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\nConnection: close\r\n");
    let name = station_name(config, route);
    let _ = write!(
        head,
        "Server: roomhub/{}\r\nicy-name: {name}\r\nicy-description: {}\r\nicy-genre: {}\r\nicy-pub: 0\r\nicy-br: {}\r\n\
         ice-audio-info: samplerate={};channels={};bitrate={}\r\n",
        env!("CARGO_PKG_VERSION"),
        line(&config.description),
        line(&config.genre),
        bitrate_kbps,
        format.rate,
        format.channels,
        bitrate_kbps,
    );
    let _ = write!(head, "{PATH_HEADER}: {path}\r\n");
    if icy_mode == IcyMode::Titled {
        let _ = write!(head, "icy-metaint: {META_INTERVAL}\r\n");
    }
    head.push_str(
        "Cache-Control: no-cache, no-store, must-revalidate\r\nPragma: no-cache\r\nExpires: 0\r\n\
         X-Content-Type-Options: nosniff\r\nAccess-Control-Allow-Origin: *\r\n\
         Access-Control-Allow-Headers: Icy-MetaData, Range\r\n\
         Access-Control-Expose-Headers: icy-name, icy-description, icy-genre, icy-br, icy-metaint, ice-audio-info\r\n\
         Cross-Origin-Resource-Policy: cross-origin\r\n\r\n",
    );
    head.into()
}

/// The response to a listener beyond the limits.
pub const FULL: &str = "HTTP/1.0 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Type: application/json\r\n\
    Access-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n{\"status\":\"error\",\"message\":\"too many listeners\"}";

/// A station in `GET /streams`.
#[derive(Debug, Serialize)]
pub struct StreamReport {
    /// Its path.
    pub route: String,
    /// Its URL, below the base URL of the client.
    pub url: String,
    /// The name of the file on the air.
    pub current_track: String,
    /// The number of listeners.
    pub listeners: usize,
    /// From the tags.
    pub title: String,
    /// From the tags.
    pub artist: String,
    /// When the track started at the head of the stream, in seconds since the epoch; 0 before the first track.
    pub started_at: f64,
    /// Seconds since then.
    pub elapsed_seconds: f64,
    /// The length of the track; `null` if unknown.
    pub duration_seconds: Option<f64>,
    /// The bitrate of the latest frame.
    pub bitrate_kbps: u32,
    /// What plays: the `folder`, a `live` source, or a `relay`.
    pub source: SourceKind,
    /// Skipped files, with the reasons.
    pub skipped: Vec<(String, String)>,
    /// The number of files.
    pub tracks: usize,
    /// The progress of the library scan.
    pub scan: ScanProgress,
    /// Why the folder does not play; `null` if it does, or will soon.
    pub remark: Option<String>,
}

/// A track in the answer to `GET /history`.
#[derive(Debug, Serialize)]
pub struct PlayedTrack {
    /// The track.
    #[serde(flatten)]
    pub track: Arc<Track>,
    /// When its first frame was sent, in seconds since the epoch.
    pub started_at: f64,
}

/// `GET /now-playing`.
#[derive(Debug, Serialize)]
pub struct NowPlaying {
    /// `success`.
    pub status: &'static str,
    /// The station.
    pub route: String,
    /// The name of the file.
    pub track: String,
    /// From the tags.
    pub title: String,
    /// From the tags.
    pub artist: String,
    /// When the track started at the head of the stream, in seconds since the epoch.
    pub started_at: f64,
    /// Seconds since then.
    pub elapsed_seconds: f64,
    /// The length of the track; `null` if unknown.
    pub duration_seconds: Option<f64>,
    /// How far a new listener is behind the head of the stream.
    pub burst_seconds: f64,
    /// The name of the next file.
    pub next: String,
    /// The number of listeners.
    pub listeners: usize,
    /// What plays.
    pub source: SourceKind,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_station_name_cannot_inject_headers() {
        let config = Config { name: "x\r\nSet-Cookie: a=b".into(), ..Config::default() };
        let head = stream_head(&config, "/", Format::USUAL, 192, IcyMode::Titled, "");
        let head = std::str::from_utf8(&head).unwrap();
        assert!(!head.contains("\r\nSet-Cookie") && head.contains("\r\nicy-metaint: 16000\r\n"));
    }
}
