//! The thread of a folder, without a station.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::audio::encode::Encoder;
use crate::audio::loudness::TARGET_LUFS;
use crate::audio::silence::TrimSilence;
use crate::radio::library::playlist::Order;
use crate::radio::sources::track_settings::Leveling;

/// Frames of a second and a half of noise, by LAME.
fn write_mp3(path: &Path) -> usize {
    let mut encoder = Encoder::new(Format::USUAL, 128).unwrap();
    let sound: Vec<f32> =
        (0..132_300_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 20) as f32 / 8192.0).collect();
    encoder.encode(&sound).unwrap();
    encoder.finish().unwrap();
    let frames: Vec<Frame> = std::iter::from_fn(|| encoder.next_frame()).collect();
    std::fs::write(path, frames.iter().flat_map(|frame| frame.bytes.clone()).collect::<Vec<_>>()).unwrap();
    frames.len()
}

#[test]
fn a_disk_that_hangs_does_not_block_frames_that_were_read_before() {
    let folder = tempfile::tempdir().unwrap();
    let (good, hung) = (folder.path().join("good.mp3"), folder.path().join("hung.mp3"));
    let n_frames = write_mp3(&good);
    // Opening a pipe that nobody writes to waits for ever, as a file on a server that is down does.
    assert!(Command::new("mkfifo").arg(&hung).status().unwrap().success());
    let queue = TrackQueue::new(Order::Shuffle, 1, None);
    queue.playlist.lock().add([good.clone().into(), Arc::from(hung)]);
    while queue.playlist.lock().peek() != Some(&good) {
        queue.playlist.lock().shuffle();
    }
    let settings = TrackSettings {
        route: "/".into(),
        bitrate_kbps: 128,
        leveling: Leveling::Normalized(TARGET_LUFS),
        crossfade: Duration::ZERO,
        trim_silence: TrimSilence::OFF,
        tracks_ahead: 1,
        ffmpeg: None,
        max_cover_bytes: 0,
        mountpoints: Vec::new(),
        source: TrackSource::Queue,
    };
    queue.format.set(Format::USUAL).unwrap();
    let index = TrackIndex::new("", Vec::new(), 10);
    let mut items = start(settings, Arc::clone(&queue), index, Clock::start()).unwrap();
    let Some(SourceItem::Track(_, track)) = items.blocking_recv() else { panic!("a track comes first") };
    assert_eq!(track.file, "good.mp3");
    for n in 0..n_frames {
        assert!(matches!(items.blocking_recv(), Some(SourceItem::Frame(..))), "frame {n} of {n_frames}");
    }
    assert!(items.try_recv().is_err());
    assert_eq!(queue.playlist.lock().n_tracks(), 2);
}
