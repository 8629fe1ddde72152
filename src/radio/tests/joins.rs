//! What is heard where one file that is passed through ends and the next one begins.
//!
//! Frames that hold only the encoder's padding are dropped. What is left is less than the two frames that also hold sound:
//! the rest of the last one, and the encoder's and the decoder's delay (576 and 529 samples) in the first one, of which 47
//! samples are sound. Dropping the first one would silence the second, which begins in its bit reservoir.

use std::sync::Arc;

use super::files::Folder;
use crate::audio::decode::Mp3Decoder;
use crate::audio::format::Format;
use crate::radio::library::playlist::Order;
use crate::radio::library::track_index::TrackIndex;
use crate::radio::library::track_queue::TrackQueue;
use crate::radio::sources::SourceItem;
use crate::radio::sources::folder_source::{Leveling, TrackSettings, TrackSource, start};
use crate::runtime::Clock;

/// Samples of a frame.
const FRAME: usize = 1152;

/// Samples in the first frame of a file of LAME that are none of the sound's.
const DELAY: usize = 576 + 529;

/// Samples by which a tone's beginning and end are below what counts as sound.
const SLACK: usize = 16;

#[test]
fn where_files_are_passed_through_the_silence_between_them_is_shorter_than_what_two_frames_leave() {
    let folder = Folder::new();
    let files: Vec<_> = [1.0, 1.007, 1.013, 1.02]
        .into_iter()
        .map(|seconds| {
            let source = format!("sine=997:sample_rate=44100:duration={seconds},volume=12dB");
            let name = format!("{seconds}.mp3");
            folder.write(&name, &folder.encode(&name, &source, "-ac 2 -b:a 128k"))
        })
        .collect();
    let queue = TrackQueue::new(Order::Name, 1, None);
    queue.playlist.lock().add(files.iter().map(|path| Arc::from(path.as_path())));
    queue.format.set(Format::USUAL).unwrap();
    let settings = TrackSettings {
        route: "/".into(),
        bitrate_kbps: 128,
        leveling: Leveling::AsRecorded,
        tracks_ahead: 1,
        ffmpeg: None,
        source: TrackSource::Queue,
    };
    let mut items =
        start(settings, Arc::clone(&queue), TrackIndex::new("", Vec::new(), 10), Clock::start()).unwrap();
    let (mut mp3, mut is_loud, mut n_tracks) = (Mp3Decoder::new(), Vec::new(), 0);
    while n_tracks <= 2 * files.len() {
        match items.blocking_recv().unwrap() {
            SourceItem::Track(..) => n_tracks += 1,
            SourceItem::Frame(_, frame) => {
                let samples = mp3.decode(&frame).samples;
                is_loud.extend(samples.chunks_exact(2).map(|both| both[0].abs().max(both[1].abs()) > 0.05));
            }
        }
    }
    // A tone crosses zero: what is silent for longer than that is between two files.
    let loud: Vec<usize> = (0..is_loud.len()).filter(|at| is_loud[*at]).collect();
    let gaps: Vec<usize> =
        loud.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > FRAME / 2).collect();
    assert_eq!(gaps.len(), 2 * files.len() - 1, "{gaps:?}");
    assert!(gaps.iter().all(|gap| *gap < DELAY + FRAME + SLACK), "{gaps:?}");
}
