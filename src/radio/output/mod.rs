//! What listeners get: the paced MP3 stream, HLS segments, and the status documents.

pub mod hls;
pub mod hls_listeners;
pub mod listener;
pub mod listener_limits;
pub mod pace;
pub mod ring;
pub mod segments;
pub mod status;
pub mod status_cache;
