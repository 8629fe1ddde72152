//! `roomhub radio`: folders of audio as internet radio stations for every player.
//!
//! `GET /` and `GET /<route>` are endless MP3 streams, the same for all listeners, with titles for players that send
//! `Icy-MetaData: 1`. MP3 files of the station's format are passed through frame by frame, everything else is decoded
//! and encoded as it streams. `/streams`, `/now-playing`, `/history` and `/events` tell what is playing; `/web` is the page of all
//! stations, and `/web/<route>` that of one. Live sources broadcast by `PUT` and `SOURCE`, as with Icecast, and streams of other
//! servers are relayed.
//!
//! `library` finds files and orders them, `sources` make frames of them, `station` paces the frames, and `output` sends
//! them. `crate::audio` reads, converts and encodes; it knows no stations.

mod about;
mod access;
mod answers;
mod config;
mod covers;
mod director;
mod djs;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod icecast;
mod library;
mod live_orders;
mod news;
mod operators;
mod output;
mod pages;
mod paths;
mod player_family;
mod podcast;
mod post;
mod protocol;
mod public_url;
mod recording;
mod requests;
mod routes;
mod schedule;
mod server;
mod sources;
mod station;
mod station_handle;
mod stations;
mod statistics;
#[cfg(test)]
mod tests;
mod visitor;
mod webhooks;
mod xml;
mod yp;

use crate::config::{Alias, KBPS};

pub use config::{Config, StreamMode, audio_folders, check_countries, playlist_files};
pub use server::start;

/// The service's name in logs and metrics.
const SERVICE: &str = "radio";

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
    Alias { variable: "BITRATE", key: "radio.bitrate_kbps", unit: KBPS },
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
