//! The audio files of a station's folder: scanning, watching, what is remembered of them, and their order.

mod index_database;
mod playback_failures;
pub mod playlist;
pub mod rescan_limiter;
pub mod track;
pub mod track_index;
pub mod track_queue;
pub mod watcher;
