//! Where a station's MP3 frames come from: its folder, a live source, or a relayed station.

pub mod external_source;
pub mod folder_source;
pub mod http_body;
pub mod icy;
pub mod live;
pub mod live_fade;
pub mod login;
pub mod muted;
mod open_track;
pub mod relay;
mod sample;
pub mod seam;
pub mod source_slot;
mod track_opener;
mod track_reader;
pub mod track_settings;
pub mod upstream;

use std::sync::Arc;

use super::library::track::Track;
use crate::audio::mp3::Frame;

/// What a source hands to its station, in order.
#[derive(Debug)]
pub enum SourceItem {
    /// The frames that follow belong to this track.
    Track(u64, Arc<Track>),
    /// One frame of the track with this number. What it was encoded from is with it where there are mountpoints.
    Frame(u64, Frame),
}
