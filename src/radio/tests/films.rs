//! The sound of films, and of audio that ffmpeg alone decodes.

use super::files::{Folder, measure, measure_with};
use crate::audio::ffmpeg::{Ffmpeg, Limits};
use crate::audio::track_info::TrackInfo;

/// Names, arguments of ffmpeg, and what is said where it does not run; empty for what plays without it.
const FILES: [(&str, &str, &str); 18] = [
    ("vorbis.mkv", "-c:v mpeg4 -c:a libvorbis", ""),
    ("aac.mkv", "-c:v mpeg4 -c:a aac", ""),
    ("mp3.mkv", "-c:v mpeg4 -c:a libmp3lame", ""),
    ("flac.mka", "-vn -c:a flac", ""),
    ("opus.webm", "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus", "unsupported"),
    ("ac3.mkv", "-c:v mpeg4 -c:a ac3", "unsupported"),
    ("aac.mp4", "-c:v mpeg4 -c:a aac", ""),
    ("pcm.mov", "-c:v mpeg4 -c:a pcm_s16be", ""),
    ("ac3.mp4", "-c:v mpeg4 -c:a ac3", "unsupported"),
    ("mp3.avi", "-c:v mpeg4 -c:a libmp3lame", "AVI is decoded by ffmpeg, which does not run here"),
    ("aac.ts", "-c:v mpeg2video -c:a aac -f mpegts", "MPEG-TS is decoded by ffmpeg"),
    ("mp2.mpg", "-c:v mpeg2video -c:a mp2 -f vob", "MPEG-PS is decoded by ffmpeg"),
    ("a.wv", "-vn -c:a wavpack -metadata title=Eins", "WavPack is decoded by ffmpeg"),
    ("a.au", "-vn -c:a pcm_f64be", "AU is decoded by ffmpeg"),
    ("a.caf", "-vn -c:a alac", "CAF is decoded by ffmpeg"),
    ("a.tta", "-vn -c:a tta", "TTA is decoded by ffmpeg"),
    ("latm.aac", "-vn -c:a aac -f latm", "AAC in LATM is decoded by ffmpeg"),
    ("a.wma", "-vn -c:a wmav2 -metadata title=Eins", "WMA is decoded by ffmpeg"),
];

#[test]
fn the_sound_of_films_is_decoded_from_beginning_to_end_and_what_needs_ffmpeg_says_so() {
    let folder = Folder::new();
    let ffmpeg = Ffmpeg::find("ffmpeg", Limits { memory_bytes: 1 << 30, cpu_seconds: 60 }).unwrap();
    let mut problems = Vec::new();
    for (name, args, reason) in FILES {
        let source = "sine=500:sample_rate=48000:duration=2,volume=12dB[out1];testsrc=s=64x64:d=2:r=25[out0]";
        let path = folder.write(name, &folder.encode(name, source, args));
        match measure(&path) {
            Ok(_) if reason.is_empty() => {}
            Err(error) if !reason.is_empty() && format!("{error:#}").contains(reason) => {}
            other => problems.push(format!("{name} without ffmpeg: {other:?}")),
        }
        match measure_with(&path, Some(&ffmpeg)) {
            Ok(measured) if (measured.seconds - 2.0).abs() < 0.15 && measured.power_db[0] > -24.0 => {}
            other => problems.push(format!("{name}: {other:?}")),
        }
        if reason.contains("WavPack") || reason.contains("WMA") {
            assert_eq!(TrackInfo::read(&path).unwrap().title, "Eins");
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}
