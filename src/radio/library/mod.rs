//! The audio files of a station's folder: scanning, watching, what is remembered of them, and their order.

pub mod cover;
pub mod cover_cache;
mod index_database;
pub mod jingles;
mod listed_files;
pub mod order;
mod playback_failures;
pub mod playlist;
pub mod playlist_file;
pub mod rescan_limiter;
pub mod spread;
pub mod track;
pub mod track_index;
pub mod track_queue;
pub mod watcher;
