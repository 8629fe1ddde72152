//! What listeners get: the paced MP3 stream, HLS segments, and the status documents.

pub mod addresses;
pub mod audience;
pub mod broadcast;
pub mod burst;
mod encoder_thread;
pub mod headcount;
pub mod hls;
pub mod hls_listeners;
pub mod listener;
pub mod listener_limits;
pub mod mountpoint;
pub mod on_demand;
pub mod pace;
pub mod peaks;
pub mod presence;
pub mod ring;
pub mod segments;
pub mod sound_feed;
pub mod status;
pub mod status_cache;
mod timed_id3;
mod variant;
