//! The wire: heads of streams, and the JSON that describes stations.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::about::About;
use super::library::track::Track;
use super::library::track_queue::{ScanProgress, TrackQueue};
use super::output::ring::{IcyMode, META_INTERVAL};
use super::sources::source_slot::SourceKind;
use super::station_handle::{OnAir, StationHandle};
use crate::audio::format::Format;
use crate::audio::streams::{Codec, Encoding};
use crate::http::keys::Denied;

/// The header that lists the stations through which a stream came.
pub const PATH_HEADER: &str = "roomhub-path";

/// The media types of what sources send, including obsolete and generic ones; what it is, its bytes tell.
const PLAYABLE_TYPES: [&str; 18] = [
    "audio/mpeg",
    "audio/mp3",
    "audio/mpeg3",
    "audio/mpg",
    "audio/x-mpeg",
    "audio/x-mp3",
    "audio/x-mpeg-3",
    "audio/ogg",
    "application/ogg",
    "audio/vorbis",
    "audio/opus",
    "audio/flac",
    "audio/x-flac",
    "audio/aac",
    "audio/aacp",
    "audio/x-aac",
    "audio/aac-adts",
    "application/octet-stream",
];

/// A media type without its parameters.
pub fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a media type may be sound that is decoded.
pub fn is_playable(essence: &str) -> bool {
    PLAYABLE_TYPES.contains(&essence)
}

/// The response head of a stream, which ends with the connection, as players and relays expect.
///
/// `path` lists this station and those through which its stream came, so that relays can detect loops.
pub fn stream_head(
    about: &About,
    format: Format,
    encoding: Encoding,
    icy_mode: IcyMode,
    path: &str,
) -> Bytes {
    let media_type = encoding.codec.media_type();
    let mut head = format!("HTTP/1.0 200 OK\r\nContent-Type: {media_type}\r\nConnection: close\r\n");
    let About { name, description, genre, language, .. } = about;
    let _ = write!(
        head,
        "Server: roomhub/{}\r\nicy-name: {name}\r\nicy-description: {description}\r\nicy-genre: {genre}\r\nicy-pub: 0\r\n\
         ice-audio-info: samplerate={};channels={}",
        env!("CARGO_PKG_VERSION"),
        encoding.rate(format),
        format.channels,
    );
    // FLAC has none.
    if encoding.kbps > 0 {
        let _ = write!(head, ";bitrate={}\r\nicy-br: {}", encoding.kbps, encoding.kbps);
    }
    head.push_str("\r\n");
    let _ = write!(head, "{PATH_HEADER}: {path}\r\n");
    if !language.is_empty() {
        let _ = write!(head, "Content-Language: {language}\r\n");
    }
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

/// The response to a listener without the key of a station.
pub fn denied(denied: Denied) -> String {
    let (status, header, message) = match denied {
        Denied::Missing | Denied::Wrong => {
            ("401 Unauthorized", LISTENER_CHALLENGE.to_owned(), "the key of this station is expected")
        }
        Denied::TooOften(wait) => (
            "429 Too Many Requests",
            format!("Retry-After: {}", wait.as_secs().max(1)),
            "too many wrong keys from this address",
        ),
    };
    format!(
        "HTTP/1.0 {status}\r\n{header}\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n\
         Access-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n{{\"status\":\"error\",\"message\":\"{message}\"}}"
    )
}

/// What asks a listener for a key: players ask for user and password then.
const LISTENER_CHALLENGE: &str = "WWW-Authenticate: Basic realm=\"radio\"";

/// A station in `GET /streams`.
#[derive(Debug, Serialize)]
pub struct StreamReport {
    /// Its path.
    pub route: String,
    /// Its URL, below the base URL of the client.
    pub url: String,
    /// What it is called, and what it is about.
    #[serde(flatten)]
    pub about: Arc<About>,
    /// The name of the file on the air.
    pub current_track: String,
    /// The number of listeners.
    pub listeners: usize,
    /// From the tags.
    pub title: String,
    /// From the tags.
    pub artist: String,
    /// From the tags; empty if unknown.
    pub album: String,
    /// From the tags; `null` if unknown.
    pub year: Option<u32>,
    /// The URL of the cover; `null` if there is none.
    pub cover: Option<String>,
    /// What plays next, as far as that is known.
    pub next_track: Option<UpcomingTrack>,
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
    /// The DJ who broadcasts; `null` if none does.
    pub dj: Option<Arc<str>>,
    /// The URL of its HLS playlist; `null` if there is none.
    pub hls_url: Option<String>,
    /// The same in other encodings.
    pub mountpoints: Vec<MountpointReport>,
    /// Skipped files, with the reasons.
    pub skipped: Vec<(String, String)>,
    /// The number of files.
    pub tracks: usize,
    /// The progress of the library scan.
    pub scan: ScanProgress,
    /// Why the folder does not play; `null` if it does, or will soon.
    pub remark: Option<String>,
    /// Whether it needs a key.
    pub is_private: bool,
    /// What the schedule says.
    #[serde(flatten)]
    pub shows: ShowReports,
    /// What listeners ask for.
    #[serde(flatten)]
    pub requests: RequestCount,
}

/// How much listeners ask for.
#[derive(Debug, Serialize)]
pub struct RequestCount {
    /// How many requests there are; `null` where there can be none.
    pub requests: Option<usize>,
    /// Changes with them and their votes.
    pub requests_version: Option<u64>,
}

impl RequestCount {
    /// Of a station.
    pub fn of(station: &StationHandle) -> Self {
        let count = station.requests.as_ref().map(|requests| requests.desk.count());
        let (requests, requests_version) = count.unzip();
        Self { requests, requests_version }
    }
}

/// What a schedule says of a station.
#[derive(Debug, Serialize)]
pub struct ShowReports {
    /// The show that is on; `null` if none is.
    pub show: Option<ShowReport>,
    /// The next show; `null` if there is none.
    pub next_show: Option<NextShowReport>,
}

/// A show that is on.
#[derive(Debug, Serialize)]
pub struct ShowReport {
    /// Its name.
    pub name: Arc<str>,
    /// When it ends, in seconds since the epoch.
    pub ends_at: f64,
}

/// An upcoming show.
#[derive(Debug, Serialize)]
pub struct NextShowReport {
    /// Its name.
    pub name: Arc<str>,
    /// When it starts, in seconds since the epoch.
    pub starts_at: f64,
}

impl ShowReports {
    /// Of what is on the air.
    pub fn of(on_air: &OnAir) -> Self {
        let show = on_air.show.as_ref().map(|show| ShowReport {
            name: Arc::clone(&show.name),
            ends_at: show.ends_at.as_millis_f64() / 1000.0,
        });
        let next_show = on_air.next_show.as_ref().map(|next| NextShowReport {
            name: Arc::clone(&next.name),
            starts_at: next.starts_at.as_millis_f64() / 1000.0,
        });
        Self { show, next_show }
    }
}

/// What a station plays next.
#[derive(Debug, Serialize)]
pub struct UpcomingTrack {
    /// From the tags.
    pub title: String,
    /// From the tags.
    pub artist: String,
}

impl UpcomingTrack {
    /// Of a station's queue, unless something else plays.
    pub fn of(source: SourceKind, queue: &TrackQueue) -> Option<Self> {
        let track = queue.next_track_known().filter(|_| source == SourceKind::Folder)?;
        Some(Self { title: track.title.clone(), artist: track.artist.clone() })
    }
}

/// A further encoding of a station in `GET /streams`.
#[derive(Debug, Serialize)]
pub struct MountpointReport {
    /// Its URL, below the base URL of the client.
    pub url: String,
    /// Its media type.
    #[serde(rename = "type")]
    pub media_type: &'static str,
    /// Its codec: `mp3`, `aac`, `opus` or `flac`.
    pub codec: Codec,
    /// Its bitrate; 0 for a codec without loss.
    pub bitrate_kbps: u32,
    /// The number of its listeners.
    pub listeners: usize,
}

/// A track in the answer to `GET /history`.
#[derive(Debug, Serialize)]
pub struct PlayedTrack {
    /// The track.
    #[serde(flatten)]
    pub track: Arc<Track>,
    /// The URL of its cover; `null` if it has none.
    pub cover: Option<String>,
    /// When its first frame was sent, in seconds since the epoch.
    pub started_at: f64,
    /// The DJ who played it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dj: Option<Arc<str>>,
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
    /// From the tags; empty if unknown.
    pub album: String,
    /// From the tags; `null` if unknown.
    pub year: Option<u32>,
    /// The URL of the cover; `null` if there is none.
    pub cover: Option<String>,
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
    /// What plays next, as far as that is known.
    pub next_track: Option<UpcomingTrack>,
    /// The number of listeners.
    pub listeners: usize,
    /// What plays.
    pub source: SourceKind,
    /// The DJ who broadcasts; `null` if none does.
    pub dj: Option<Arc<str>>,
    /// What the schedule says.
    #[serde(flatten)]
    pub shows: ShowReports,
    /// What listeners ask for.
    #[serde(flatten)]
    pub requests: RequestCount,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::radio::Config;

    #[test]
    fn a_station_name_cannot_inject_headers() {
        let config = Config { name: "x\r\nSet-Cookie: a=b".into(), ..Config::default() };
        let encoding = Encoding { codec: Codec::Mp3, kbps: 192 };
        let head = stream_head(&About::of(&config, "/"), Format::USUAL, encoding, IcyMode::Titled, "");
        let head = std::str::from_utf8(&head).unwrap();
        assert!(!head.contains("\r\nSet-Cookie") && head.contains("\r\nicy-metaint: 16000\r\n"));
    }
}
