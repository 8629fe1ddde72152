//! The wire: routes, heads of streams, and what is told of stations in JSON.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::Config;
use super::format::Format;
use super::microphone::Origin;
use super::ring::{Flavour, META_INTERVAL};
use super::shelf::Scan;
use super::track::Track;

/// The header in which a station says through which others its sound came.
pub const PATH_HEADER: &str = "roomhub-path";

/// What players show as the name of a station.
pub fn station_name(config: &Config, route: &str) -> String {
    if route == "/" { line(&config.name) } else { format!("{} {route}", line(&config.name)) }
}

/// What MP3 is sent as, by old programs too; some know nothing better than bytes.
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

/// Whether a media type may be that of MP3.
pub fn is_mp3(essence: &str) -> bool {
    MP3_TYPES.contains(&essence)
}

/// Text that stays within its line.
fn line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

/// The head of a stream's answer: an end that is the connection's, as players and relays expect it.
///
/// `path` names this station, and those through which its sound came, for relays to find loops by.
pub fn stream_head(
    config: &Config,
    route: &str,
    format: Format,
    bitrate_kbps: u32,
    flavour: Flavour,
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
    if flavour == Flavour::Titled {
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

/// What a listener is told for whom there is no room.
pub const FULL: &str = "HTTP/1.0 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Type: application/json\r\n\
    Access-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n{\"status\":\"error\",\"message\":\"too many listeners\"}";

/// A station in `GET /streams`.
#[derive(Debug, Serialize)]
pub struct StreamReport {
    /// Its path.
    pub route: String,
    /// Its whole address, as the request named this host.
    pub url: String,
    /// The name of the file on the air.
    pub current_track: String,
    /// Who listens.
    pub listeners: usize,
    /// From the tags.
    pub title: String,
    /// From the tags.
    pub artist: String,
    /// When it began at the head of the stream, in seconds since the epoch; 0 before the first.
    pub started_at: f64,
    /// Since the track began.
    pub elapsed_seconds: f64,
    /// How long the track is; `null` if nobody knows.
    pub duration_seconds: Option<f64>,
    /// Of the frame that left last.
    pub bitrate_kbps: u32,
    /// Where the sound comes from: the `folder`, somebody `live`, a `relay`.
    pub source: Origin,
    /// Files that were skipped, with the reasons.
    pub skipped: Vec<(String, String)>,
    /// How many files there are.
    pub tracks: usize,
    /// How far the folder has been looked through.
    pub scan: Scan,
    /// Why the folder does not play; `null` if it does, or is about to.
    pub remark: Option<String>,
}

/// A track in the answer to `GET /history`.
#[derive(Debug, Serialize)]
pub struct PlayedTrack {
    /// What it was.
    #[serde(flatten)]
    pub track: Arc<Track>,
    /// When its first sound left, in seconds since the epoch.
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
    /// When it began at the head of the stream, in seconds since the epoch.
    pub started_at: f64,
    /// Since then.
    pub elapsed_seconds: f64,
    /// How long it is; `null` if nobody knows.
    pub duration_seconds: Option<f64>,
    /// What a new listener is behind that head.
    pub burst_seconds: f64,
    /// The name of the file to come.
    pub next: String,
    /// Who listens.
    pub listeners: usize,
    /// Where the sound comes from.
    pub source: Origin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_add_headers() {
        let config = Config { name: "x\r\nSet-Cookie: a=b".into(), ..Config::default() };
        let head = stream_head(&config, "/", Format::USUAL, 192, Flavour::Titled, "");
        let head = std::str::from_utf8(&head).unwrap();
        assert!(!head.contains("\r\nSet-Cookie") && head.contains("\r\nicy-metaint: 16000\r\n"));
    }
}
