//! The audio files of a station's folder: scanning, watching, tags, what is remembered of them, and their order.

pub mod charset;
pub mod file_stamp;
mod id3;
mod index_database;
pub mod one_line;
mod playback_failures;
pub mod playlist;
pub mod rescan_limiter;
mod stable_files;
mod tags;
pub mod track;
pub mod track_index;
pub mod track_info;
pub mod track_queue;
pub mod walk;
pub mod watcher;
