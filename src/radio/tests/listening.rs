//! A folder source without a station: what is heard of some files, one after the other.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::audio::decode::Mp3Decoder;
use crate::audio::ffmpeg::{Ffmpeg, Limits};
use crate::audio::format::Format;
use crate::audio::mp3::Frame;
use crate::audio::silence::TrimSilence;
use crate::radio::library::playlist::Order;
use crate::radio::library::track_index::TrackIndex;
use crate::radio::library::track_queue::TrackQueue;
use crate::radio::sources::SourceItem;
use crate::radio::sources::folder_source::start;
use crate::radio::sources::track_settings::{Leveling, TrackSettings, TrackSource};
use crate::runtime::Clock;

/// What was heard.
pub struct Heard {
    /// Samples of the left channel.
    pub samples: Vec<f32>,
    /// Where each track was announced, and its file.
    pub tracks: Vec<(usize, String)>,
    /// All frames.
    pub frames: Vec<Frame>,
}

/// Settings that leave everything as it is.
pub fn settings() -> TrackSettings {
    TrackSettings {
        route: "/".into(),
        bitrate_kbps: 192,
        leveling: Leveling::AsRecorded,
        crossfade: Duration::ZERO,
        trim_silence: TrimSilence::OFF,
        tracks_ahead: 1,
        ffmpeg: Ffmpeg::find("ffmpeg", Limits { memory_bytes: 1 << 30, cpu_seconds: 60 }),
        max_cover_bytes: 0,
        mountpoints: Vec::new(),
        source: TrackSource::Queue,
    }
}

/// Plays files in the order of their names, until `n_tracks` have been announced and the next one is.
pub fn listen(settings: TrackSettings, files: &[PathBuf], n_tracks: usize) -> Heard {
    let queue = TrackQueue::new(Order::Name, 1, None);
    queue.playlist.lock().add(files.iter().map(|path| Arc::from(path.as_path())));
    queue.format.set(Format::USUAL).unwrap();
    let mut items =
        start(settings, Arc::clone(&queue), TrackIndex::new("", Vec::new(), 10), Clock::start()).unwrap();
    let mut mp3 = Mp3Decoder::new();
    let mut heard = Heard { samples: Vec::new(), tracks: Vec::new(), frames: Vec::new() };
    while heard.tracks.len() <= n_tracks {
        match items.blocking_recv().unwrap() {
            SourceItem::Track(_, track) => heard.tracks.push((heard.samples.len(), track.file.clone())),
            SourceItem::Frame(_, frame) => {
                heard.samples.extend(mp3.decode(&frame).samples.chunks_exact(2).map(|both| both[0]));
                heard.frames.push(frame);
            }
        }
    }
    heard
}

impl Heard {
    /// Seconds of the longest silence between the first and the last sound.
    pub fn longest_silence(&self) -> f64 {
        let loud: Vec<usize> = (0..self.samples.len()).filter(|at| self.samples[*at].abs() > 0.05).collect();
        let longest = loud.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(usize::MAX);
        longest as f64 / f64::from(Format::USUAL.rate)
    }

    /// The level of each hundredth of a second between two samples, in decibels of full scale.
    pub fn levels(&self, from: usize, to: usize) -> Vec<f64> {
        let pieces = self.samples[from..to.min(self.samples.len())].chunks_exact(441);
        let power = |piece: &[f32]| {
            piece.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / piece.len() as f64
        };
        pieces.map(|piece| 10.0 * power(piece).max(1e-12).log10()).collect()
    }
}
