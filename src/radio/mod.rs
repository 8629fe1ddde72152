//! `roomhub radio`: folders of audio as internet radio stations for every player.
//!
//! `GET /` and `GET /<route>` are endless MP3 streams, the same for all listeners, with titles for players that send
//! `Icy-MetaData: 1`. MP3 files of the station's format are passed through frame by frame, everything else is decoded
//! and encoded as it streams. `/streams`, `/now-playing`, `/history` and `/events` tell what plays; `/web` is the page.
//! Live sources broadcast by `PUT` and `SOURCE`, as to Icecast; streams of other servers are relayed.
//!
//! `library` finds files and orders them, `sources` make frames of them, `station` paces the frames, and `output` sends
//! them. `crate::audio` reads, converts and encodes; it knows no stations.

#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod library;
mod output;
mod paths;
mod protocol;
mod public_url;
mod routes;
mod server;
mod sources;
mod station;
mod station_handle;
mod stations;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::audio::ffmpeg::{Ffmpeg, Limits};
use crate::config::{self, Alias, Findings};
use crate::http::socket::Listen;
use crate::secret::Secret;
use crate::time::human;

pub use server::start;

use library::playlist::Order;

/// The environment variables of the original server.
pub const ALIASES: [Alias; 11] = [
    Alias { variable: "AUDIO_DIR", key: "radio.audio_dir", unit: "" },
    Alias { variable: "HOST", key: "radio.host", unit: "" },
    Alias { variable: "PORT", key: "radio.port", unit: "" },
    Alias { variable: "AUDIO_STREAM_ROUTES", key: "radio.stream_routes", unit: "" },
    Alias { variable: "DIRECTORY_ROUTES", key: "radio.directory_routes", unit: "" },
    Alias { variable: "STREAM_MODE", key: "radio.stream_mode", unit: "" },
    Alias { variable: "BUFFER_SIZE", key: "radio.buffer_size", unit: "" },
    Alias { variable: "MAX_PRELOAD_TRACKS", key: "radio.max_preload_tracks", unit: "" },
    Alias { variable: "BITRATE", key: "radio.bitrate_kbps", unit: config::KBPS },
    Alias { variable: "MAX_CLIENTS", key: "radio.max_listeners", unit: "" },
    Alias { variable: "SHUFFLE", key: "radio.order", unit: "" },
];

/// Environment variables of other radio servers that are ignored.
pub const UNUSED: [&str; 10] = [
    "SAMPLE_RATE",
    "CHANNELS",
    "CHUNK_SIZE",
    "CACHE_SIZE",
    "CROSSFADE",
    "AUDIO_FORMAT",
    "ALLOWED_EXTENSIONS",
    "LOG_LEVEL",
    "DEBUG",
    "WORKERS",
];

/// The most frames that `source_max_queued_frames` may allow: an hour.
const MAX_QUEUED_FRAMES: usize = 150_000;

/// The least that `ffmpeg_max_bytes` may allow: its libraries alone take some 200 MiB of addresses.
const MIN_FFMPEG_BYTES: u64 = 512 * 1024 * 1024;

/// Whether listeners share a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamMode {
    /// All listeners of a route hear the same stream.
    Radio,
    /// Each listener has a stream of its own.
    Individual,
}

/// `[radio]`: the stations.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address to listen on.
    pub host: String,
    /// The port to listen on.
    pub port: u16,
    /// Addresses to listen on, in place of these two.
    pub listen: Vec<String>,
    /// The folder of `/`; empty is `/app/audio` if it exists, else the built-in sample.
    pub audio_dir: String,
    /// Routes with stations; empty means all routes with a folder.
    pub stream_routes: Vec<String>,
    /// Folders of routes, as a JSON object; `~` is the home folder.
    pub directory_routes: String,
    /// Whether stations are available as HLS too, for listeners behind caches.
    pub hls: bool,
    /// URLs of streams that routes relay, as a JSON object.
    pub relays: String,
    /// A PEM file of certificate authorities that are trusted besides the public ones.
    pub relay_ca: String,
    /// The longest pause before a relay reconnects; pauses grow with each failure.
    #[serde(with = "human")]
    pub relay_max_pause: Duration,
    /// The most redirects and playlists that a relay follows.
    pub relay_max_redirects: usize,
    /// The longest response head that a relay accepts.
    pub relay_max_head_bytes: usize,
    /// The longest playlist that a relay accepts.
    pub relay_max_playlist_bytes: usize,
    /// Whether listeners share a stream.
    pub stream_mode: StreamMode,
    /// Bytes of MP3 that a station buffers for listeners who are behind.
    pub buffer_size: usize,
    /// The number of tracks that are read ahead.
    pub max_preload_tracks: usize,
    /// Whether tracks are levelled to -16 LUFS, as far as their true peaks stay below -1 dBTP.
    pub normalize: bool,
    /// The bitrate at which tracks are encoded.
    pub bitrate_kbps: u32,
    /// The length of audio that a new listener gets at once.
    pub burst_seconds: f64,
    /// The most listeners in total.
    pub max_listeners: usize,
    /// The most listeners of one station.
    pub max_listeners_per_station: usize,
    /// The most listeners from one address; loopback and trusted proxies are exempt.
    pub max_listeners_per_address: usize,
    /// The most listeners in total where each has a stream of its own, and so a decoder and a thread.
    pub max_individual_listeners: usize,
    /// A listener that accepts no data for this long is disconnected.
    #[serde(with = "human")]
    pub stall_timeout: Duration,
    /// A listener that falls behind the buffer twice within this time is disconnected.
    #[serde(with = "human")]
    pub lag_interval: Duration,
    /// The kernel's send buffer of a listener.
    pub listener_send_buffer_bytes: usize,
    /// An HLS listener counts for this long after it has fetched the playlist.
    #[serde(with = "human")]
    pub hls_listener_timeout: Duration,
    /// The largest age of a cached status document.
    #[serde(with = "human")]
    pub status_max_age: Duration,
    /// The shortest interval between two events of `/events`.
    #[serde(with = "human")]
    pub event_interval: Duration,
    /// Folders are rescanned this often, for file systems that report no changes.
    #[serde(with = "human")]
    pub rescan_interval: Duration,
    /// The shortest interval between two rescans that clients request.
    #[serde(with = "human")]
    pub reload_interval: Duration,
    /// The name or the path of ffmpeg, for files that no built-in decoder reads; empty uses none.
    pub ffmpeg: String,
    /// Bytes of address space that one run of ffmpeg may take.
    pub ffmpeg_max_bytes: u64,
    /// Time on the CPU that one run of ffmpeg may take, which is for one file.
    #[serde(with = "human")]
    pub ffmpeg_max_cpu_time: Duration,
    /// The order in which tracks play.
    pub order: Order,
    /// Orders of single routes, as a JSON object.
    pub orders: String,
    /// Whether symbolic links out of a folder are followed.
    pub follow_links: bool,
    /// The most files of one folder.
    pub max_tracks: usize,
    /// Where the index of tracks is kept between starts; empty keeps it in memory only.
    pub data_dir: String,
    /// The station's name, as players show it.
    pub name: String,
    /// The station's description.
    pub description: String,
    /// The station's genre.
    pub genre: String,
    /// The key for skipping and shuffling; empty disables both.
    pub admin_key: Secret,
    /// A file that holds the key, instead of `admin_key`.
    pub admin_key_file: String,
    /// The password for live sources; empty disables them.
    pub source_password: Secret,
    /// A file that holds the password, instead of `source_password`.
    pub source_password_file: String,
    /// A live source or a relay that sends nothing for this long is disconnected.
    #[serde(with = "human")]
    pub source_timeout: Duration,
    /// A live source or a relay that sends so many bytes without an MP3 frame is disconnected.
    pub source_max_junk_bytes: usize,
    /// The most frames of a live source or a relay that are buffered.
    pub source_max_queued_frames: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".into(),
            port: 9999,
            listen: Vec::new(),
            audio_dir: String::new(),
            stream_routes: Vec::new(),
            directory_routes: String::new(),
            hls: true,
            relays: String::new(),
            relay_ca: String::new(),
            relay_max_pause: Duration::from_mins(1),
            relay_max_redirects: 5,
            relay_max_head_bytes: 16 * 1024,
            relay_max_playlist_bytes: 64 * 1024,
            stream_mode: StreamMode::Radio,
            buffer_size: 2_097_152,
            max_preload_tracks: 2,
            normalize: true,
            bitrate_kbps: 192,
            burst_seconds: 5.0,
            max_listeners: 10_000,
            max_listeners_per_station: 10_000,
            max_listeners_per_address: 1_000,
            max_individual_listeners: 200,
            stall_timeout: Duration::from_mins(1),
            lag_interval: Duration::from_mins(1),
            listener_send_buffer_bytes: 256 * 1024,
            hls_listener_timeout: Duration::from_secs(20),
            status_max_age: Duration::from_millis(100),
            event_interval: Duration::from_millis(250),
            rescan_interval: Duration::from_mins(1),
            reload_interval: Duration::from_secs(5),
            ffmpeg: "ffmpeg".into(),
            ffmpeg_max_bytes: 1024 * 1024 * 1024,
            ffmpeg_max_cpu_time: Duration::from_mins(30),
            order: Order::Shuffle,
            orders: String::new(),
            follow_links: false,
            max_tracks: 200_000,
            data_dir: "./data".into(),
            name: "roomhub radio".into(),
            description: "Folders of audio as radio".into(),
            genre: "various".into(),
            admin_key: Secret::default(),
            admin_key_file: String::new(),
            source_password: Secret::default(),
            source_password_file: String::new(),
            source_timeout: Duration::from_secs(10),
            source_max_junk_bytes: 1024 * 1024,
            source_max_queued_frames: 400,
        }
    }
}

impl Config {
    /// Where to listen.
    pub fn listen(&self) -> Listen<'_> {
        Listen { host: &self.host, port: self.port, listen: &self.listen }
    }

    /// Checks what the types do not.
    pub fn validate(&self, findings: &mut Findings) {
        findings.at_least_one("radio.max_preload_tracks", self.max_preload_tracks);
        findings.at_least_one("radio.max_listeners", self.max_listeners);
        findings.at_least_one("radio.max_listeners_per_station", self.max_listeners_per_station);
        findings.at_least_one("radio.max_listeners_per_address", self.max_listeners_per_address);
        findings.at_least_one("radio.max_individual_listeners", self.max_individual_listeners);
        findings.at_least_one("radio.max_tracks", self.max_tracks);
        findings.not_zero("radio.stall_timeout", self.stall_timeout);
        findings.not_zero("radio.rescan_interval", self.rescan_interval);
        findings.not_zero("radio.hls_listener_timeout", self.hls_listener_timeout);
        if self.ffmpeg_max_cpu_time < Duration::from_secs(1) {
            findings.add("radio.ffmpeg_max_cpu_time", "at least a second is expected");
        }
        if self.ffmpeg_max_bytes < MIN_FFMPEG_BYTES {
            findings.add("radio.ffmpeg_max_bytes", format!("at least {MIN_FFMPEG_BYTES} bytes are expected"));
        }
        findings.not_zero("radio.event_interval", self.event_interval);
        findings.at_least_one("radio.listener_send_buffer_bytes", self.listener_send_buffer_bytes);
        findings.at_least_one("radio.relay_max_head_bytes", self.relay_max_head_bytes);
        findings.at_least_one("radio.relay_max_playlist_bytes", self.relay_max_playlist_bytes);
        findings.at_least_one("radio.source_max_junk_bytes", self.source_max_junk_bytes);
        if !(1..=MAX_QUEUED_FRAMES).contains(&self.source_max_queued_frames) {
            findings.add("radio.source_max_queued_frames", format!("1 to {MAX_QUEUED_FRAMES} are expected"));
        }
        if self.buffer_size < 512 * 1024 {
            findings.add("radio.buffer_size", "at least 524288 bytes are expected: the burst must fit");
        }
        if !(0.0..=30.0).contains(&self.burst_seconds) {
            findings.add("radio.burst_seconds", "0 to 30 seconds are expected");
        }
        if !crate::audio::encode::BITRATES.iter().any(|(kbps, _)| *kbps == self.bitrate_kbps) {
            let allowed: Vec<String> =
                crate::audio::encode::BITRATES.iter().map(|(kbps, _)| kbps.to_string()).collect();
            findings.add("radio.bitrate_kbps", format!("one of {} is expected", allowed.join(", ")));
        }
        if let Err(problem) = self.directories() {
            findings.add("radio.directory_routes", problem);
        }
        if let Err(problem) = self.orders_of_routes() {
            findings.add("radio.orders", problem);
        }
        match self.relayed() {
            Err(problem) => findings.add("radio.relays", problem),
            Ok(relayed) if !relayed.is_empty() && self.stream_mode == StreamMode::Individual => {
                findings.add(
                    "radio.relays",
                    "stations to relay are the same for all: stream_mode = \"radio\" is expected",
                );
            }
            Ok(_) => {}
        }
        findings.not_zero("radio.relay_max_pause", self.relay_max_pause);
        for route in self.stream_routes.iter().filter(|route| !paths::is_route(&paths::route(route))) {
            findings.add(
                "radio.stream_routes",
                format!("{route:?}: a path like \"/humor\" that no page has is expected"),
            );
        }
        findings.not_zero("radio.source_timeout", self.source_timeout);
    }

    /// The folders of routes.
    fn directories(&self) -> Result<BTreeMap<String, PathBuf>, String> {
        let folders = by_route(&self.directory_routes, "{\"humor\":\"~/audio/humor\"}")?;
        Ok(folders.into_iter().map(|(route, folder)| (route, home(&folder))).collect())
    }

    /// The orders of single routes.
    fn orders_of_routes(&self) -> Result<BTreeMap<String, Order>, String> {
        let orders = by_route(&self.orders, "{\"audiobook\":\"name\"}")?;
        let read = |(route, order): (String, String)| {
            let known = serde_json::from_value(order.as_str().into());
            known
                .map(|known| (route, known))
                .map_err(|_| format!("{order:?}: shuffle, name or album is expected"))
        };
        orders.into_iter().map(read).collect()
    }

    /// The URLs that routes relay.
    fn relayed(&self) -> Result<BTreeMap<String, Url>, String> {
        let urls = by_route(&self.relays, "{\"news\":\"http://other:9999/news\"}")?;
        urls.into_iter()
            .map(|(route, url)| Ok((route, sources::upstream::parse_station_url(&url)?)))
            .collect()
    }

    /// ffmpeg, if it is wanted and runs here.
    pub fn ffmpeg(&self) -> Option<Ffmpeg> {
        let limits =
            Limits { memory_bytes: self.ffmpeg_max_bytes, cpu_seconds: self.ffmpeg_max_cpu_time.as_secs() };
        Ffmpeg::find(&self.ffmpeg, limits)
    }
}

/// The configured folders of audio, each with its key.
pub fn audio_folders(config: &Config) -> Vec<(String, PathBuf)> {
    let default =
        (!config.audio_dir.is_empty()).then(|| ("radio.audio_dir".to_owned(), home(&config.audio_dir)));
    let of_routes = config.directories().unwrap_or_default().into_iter();
    let of_routes = of_routes.map(|(route, folder)| (format!("radio.directory_routes {route}"), folder));
    default.into_iter().chain(of_routes).collect()
}

/// Parses a JSON object whose keys are routes.
fn by_route(text: &str, example: &str) -> Result<BTreeMap<String, String>, String> {
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let values: BTreeMap<String, String> = serde_json::from_str(text)
        .map_err(|error| config::without_credentials(&error.to_string()))
        .map_err(|error| format!("a JSON object like {example} is expected: {error}"))?;
    let mut routes = BTreeMap::new();
    for (route, value) in values {
        let route = paths::route(&route);
        if !paths::is_route(&route) {
            return Err(format!("{route:?}: a path like \"/humor\" that no page has is expected"));
        }
        routes.insert(route, value);
    }
    Ok(routes)
}

/// A path with `~` for the home folder.
fn home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => path.into(),
    }
}
