//! What listeners get: the paced MP3 stream, HLS segments, and the status documents.

pub mod addresses;
pub mod audience;
pub mod backlog;
pub mod broadcast;
pub mod demand;
mod encoder_thread;
pub mod headcount;
pub mod hls;
pub mod hls_listeners;
pub mod listener;
pub mod listener_limits;
pub mod mountpoint;
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
