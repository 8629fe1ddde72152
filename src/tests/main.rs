//! The program as its users meet it: real processes, real sockets, real clients.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a failed client's words belong to the report")]
#![allow(clippy::disallowed_methods, reason = "patience is measured by the real clock")]
#![allow(clippy::float_cmp, reason = "counters are whole numbers and positions are relayed to the letter")]

mod admin;
mod admin_description;
mod backup;
mod browser;
#[path = "../build.rs"]
#[allow(dead_code, reason = "a build script has a main, and tests need its functions alone")]
mod build_script;
mod clients;
mod clock;
mod close_frames;
mod cluster;
mod command_line;
mod crowding;
mod devices;
mod documentation;
mod door;
mod endpoint;
mod erasure;
mod floors;
mod harness;
mod health;
mod http;
mod init;
mod keys;
mod licences;
mod lifecycle;
mod limits;
mod local_access;
mod log;
mod media;
mod metrics;
mod music;
mod packaging;
mod probe;
mod radio;
mod radio_air;
mod radio_audience;
mod radio_covers;
mod radio_directories;
mod radio_djs;
mod radio_files;
mod radio_hls;
mod radio_http;
mod radio_icecast;
mod radio_library;
mod radio_live;
mod radio_mountpoints;
mod radio_pages;
mod radio_recordings;
mod radio_relay;
mod radio_requests;
mod radio_seams;
mod radio_shows;
mod radio_stations;
mod radio_variants;
mod radio_webhooks;
mod recordings;
mod restart;
mod rows;
mod rude;
mod secrets;
mod sessions;
mod signal;
mod slow;
mod sockets;
mod tls;
mod unfinished;
mod units;
mod watch;
