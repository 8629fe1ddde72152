//! `[radio]` in the configuration: its keys, their defaults, and what is made of them.

mod encodings;
mod files;
pub mod routes;
pub mod station;
mod validation;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::files::{audio_folders, check_countries, playlist_files};
use self::station::StationConfig;
use super::djs::DjConfig;
use super::library::playlist::Order;
use super::output::addresses::AddressRule;
use super::requests::settings::Rules;
use super::webhooks::WebhookConfig;
use crate::audio::ffmpeg::{Ffmpeg, Limits};
use crate::audio::silence::TrimSilence;
use crate::audio::streams::Encoding;
use crate::http::socket::Listen;
use crate::secret::Secret;
use crate::time::human;

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
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
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
    /// Further encodings of each station.
    pub mountpoints: Vec<Encoding>,
    /// The encoder of a mountpoint runs for this long after its last listener has left.
    #[serde(with = "human")]
    pub mountpoint_idle_timeout: Duration,
    /// Whether stations are available as HLS too, for listeners behind caches.
    pub hls: bool,
    /// URLs of streams that routes relay, as a JSON object.
    pub relays: String,
    /// A file that holds them, in place of `relays`: URLs may have passwords.
    pub relays_file: String,
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
    /// The longest overlap of two tracks; zero lets none overlap.
    #[serde(with = "human")]
    pub crossfade: Duration,
    /// The longest silence that is cut off at each end of a track; zero cuts off none.
    #[serde(with = "human")]
    pub trim_silence: Duration,
    /// The level below which sound is silence, in decibels of full scale.
    pub silence_dbfs: f64,
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
    /// The first listener of HLS waits for this long at most until variants whose encoders start have a segment.
    #[serde(with = "human")]
    pub hls_variant_timeout: Duration,
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
    /// The most bytes of a cover; 0 shows none.
    pub max_cover_bytes: usize,
    /// The most bytes of covers that are held in memory.
    pub cover_cache_bytes: usize,
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
    /// Whether the sound of video files is played.
    pub include_video: bool,
    /// The most files of one folder.
    pub max_tracks: usize,
    /// Where the index of tracks is kept between starts; empty keeps it in memory only.
    pub data_dir: String,
    /// What is kept of listeners' addresses.
    pub listener_addresses: AddressRule,
    /// A database of countries by address (`.mmdb`); empty knows none.
    pub geoip_database: String,
    /// Whether statistics are kept, in `data_dir`.
    pub statistics: bool,
    /// Statistics that are older are deleted.
    #[serde(with = "human")]
    pub statistics_max_age: Duration,
    /// Entries that may wait to be written.
    pub statistics_max_queued: usize,
    /// The most plays, and the most sessions, that are kept: the oldest are deleted.
    pub statistics_max_rows: u64,
    /// The most tracks of a report.
    pub report_max_rows: usize,
    /// Servers that are notified of events.
    pub webhooks: Vec<WebhookConfig>,
    /// A webhook that does not answer within this time has failed.
    #[serde(with = "human")]
    pub webhook_timeout: Duration,
    /// How often a delivery is tried again.
    pub webhook_retries: u32,
    /// The first pause before a delivery is tried again.
    #[serde(with = "human")]
    pub webhook_retry_pause: Duration,
    /// Events that may wait for a webhook.
    pub webhook_max_queued: usize,
    /// Directories that list public stations.
    pub yp_urls: Vec<String>,
    /// The public URL of the stations, for directories.
    pub yp_base_url: String,
    /// Whether stations without a setting of their own are public.
    pub yp_public: bool,
    /// A directory that does not answer within this time has failed.
    #[serde(with = "human")]
    pub yp_timeout: Duration,
    /// The shortest time between two touches of a directory.
    #[serde(with = "human")]
    pub yp_min_touch_interval: Duration,
    /// A directory that has failed is tried again after this time.
    #[serde(with = "human")]
    pub yp_retry_pause: Duration,
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
    /// How long the folder and a live source are faded into each other; zero cuts.
    #[serde(with = "human")]
    pub live_fade: Duration,
    /// How long a live show may continue after the time of its DJ.
    #[serde(with = "human")]
    pub end_grace: Duration,
    /// Where live shows are recorded; empty records none.
    pub recordings_dir: String,
    /// Bytes of one recording; it ends there.
    pub recording_max_bytes: u64,
    /// Bytes of all recordings; those that run end there.
    pub recordings_max_bytes: u64,
    /// The number of recordings; further shows are not recorded.
    pub max_recordings: usize,
    /// Recordings are deleted this long after their end; 0 keeps them.
    #[serde(with = "human")]
    pub recordings_kept: Duration,
    /// Bytes of the disk that recordings leave free.
    pub recordings_min_free_bytes: u64,
    /// Whether recordings are a podcast.
    pub podcast: bool,
    /// The most recordings that are sent at a time, in total.
    pub max_downloads: usize,
    /// The most recordings that are sent at a time to one address.
    pub max_downloads_per_address: usize,
    /// A live source or a relay that sends no sound for this long, whatever else it sends, is disconnected.
    #[serde(with = "human")]
    pub source_timeout: Duration,
    /// A live source or a relay that sends this many bytes without sound is disconnected.
    pub source_max_junk_bytes: usize,
    /// The most frames of a live source or a relay that are buffered.
    pub source_max_queued_frames: usize,
    /// The time zone of schedules, like `Europe/Berlin`; empty is the machine's.
    pub time_zone: String,
    /// Accounts for live broadcasts.
    pub djs: Vec<DjConfig>,
    /// Stations with their own settings.
    pub stations: Vec<StationConfig>,
    /// The rules for song requests.
    pub requests: Rules,
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
            mountpoints: Vec::new(),
            mountpoint_idle_timeout: Duration::from_secs(30),
            hls: true,
            relays: String::new(),
            relays_file: String::new(),
            relay_ca: String::new(),
            relay_max_pause: Duration::from_mins(1),
            relay_max_redirects: 5,
            relay_max_head_bytes: 16 * 1024,
            relay_max_playlist_bytes: 64 * 1024,
            stream_mode: StreamMode::Radio,
            buffer_size: 2_097_152,
            max_preload_tracks: 2,
            normalize: true,
            crossfade: Duration::ZERO,
            trim_silence: Duration::ZERO,
            silence_dbfs: -60.0,
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
            hls_variant_timeout: Duration::from_secs(3),
            status_max_age: Duration::from_millis(100),
            event_interval: Duration::from_millis(250),
            rescan_interval: Duration::from_mins(1),
            reload_interval: Duration::from_secs(5),
            max_cover_bytes: 4 * 1024 * 1024,
            cover_cache_bytes: 16 * 1024 * 1024,
            ffmpeg: "ffmpeg".into(),
            ffmpeg_max_bytes: 1024 * 1024 * 1024,
            ffmpeg_max_cpu_time: Duration::from_mins(30),
            order: Order::Shuffle,
            orders: String::new(),
            follow_links: false,
            include_video: false,
            max_tracks: 200_000,
            data_dir: "./data".into(),
            listener_addresses: AddressRule::Short,
            geoip_database: String::new(),
            statistics: false,
            statistics_max_age: Duration::from_hours(90 * 24),
            statistics_max_queued: 10_000,
            statistics_max_rows: 10_000_000,
            report_max_rows: 100_000,
            webhooks: Vec::new(),
            webhook_timeout: Duration::from_secs(5),
            webhook_retries: 3,
            webhook_retry_pause: Duration::from_secs(1),
            webhook_max_queued: 100,
            yp_urls: Vec::new(),
            yp_base_url: String::new(),
            yp_public: false,
            yp_timeout: Duration::from_secs(15),
            yp_min_touch_interval: Duration::from_secs(30),
            yp_retry_pause: Duration::from_mins(20),
            name: "roomhub radio".into(),
            description: "Folders of audio as radio".into(),
            genre: "various".into(),
            admin_key: Secret::default(),
            admin_key_file: String::new(),
            source_password: Secret::default(),
            source_password_file: String::new(),
            live_fade: Duration::ZERO,
            end_grace: Duration::from_mins(5),
            recordings_dir: String::new(),
            recording_max_bytes: 2 * 1024 * 1024 * 1024,
            recordings_max_bytes: 20 * 1024 * 1024 * 1024,
            max_recordings: 2_000,
            recordings_kept: Duration::from_hours(30 * 24),
            recordings_min_free_bytes: 1024 * 1024 * 1024,
            podcast: false,
            max_downloads: 200,
            max_downloads_per_address: 8,
            source_timeout: Duration::from_secs(10),
            source_max_junk_bytes: 1024 * 1024,
            source_max_queued_frames: 400,
            time_zone: String::new(),
            djs: Vec::new(),
            stations: Vec::new(),
            requests: Rules::default(),
        }
    }
}

impl Config {
    /// Where to listen.
    pub fn listen(&self) -> Listen<'_> {
        Listen { host: &self.host, port: self.port, listen: &self.listen }
    }

    /// Which silence is cut off.
    pub fn trim_silence(&self) -> TrimSilence {
        TrimSilence { longest: self.trim_silence, threshold_db: self.silence_dbfs }
    }

    /// ffmpeg, if it is wanted and runs here.
    pub fn ffmpeg(&self) -> Option<Ffmpeg> {
        let limits =
            Limits { memory_bytes: self.ffmpeg_max_bytes, cpu_seconds: self.ffmpeg_max_cpu_time.as_secs() };
        Ffmpeg::find(&self.ffmpeg, limits)
    }
}

/// The path, with `~` replaced by the home folder.
pub fn home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => path.into(),
    }
}
