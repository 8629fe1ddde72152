//! What is heard where one file ends and the next one begins.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files::Folder;
use super::listening::{Heard, listen, settings};
use crate::audio::frame_reader::{FILE_JUNK_BYTES, FrameReader};
use crate::audio::loudness::{self, Loudness};
use crate::audio::mp3::Frame;
use crate::audio::silence::TrimSilence;
use crate::audio::track_info::TrackInfo;
use crate::radio::sources::track_settings::TrackSettings;

/// The longest gap that is not heard as one, in seconds.
const GAP: f64 = 0.005;

/// Samples of a second.
const SECOND: usize = 44_100;

/// One continuous tone, cut into files of so many seconds.
fn cut_tone(folder: &Folder, extension: &str, args: &str, seconds: &[f64]) -> Vec<PathBuf> {
    let mut from = 0.0;
    let file = |(n, seconds): (usize, &f64)| {
        let source = format!("aevalsrc=0.5*sin(2*PI*997*(t+{from})):s=44100:d={seconds}");
        from += seconds;
        let name = format!("{n}.{extension}");
        folder.write(&name, &folder.encode(&name, &source, args))
    };
    seconds.iter().enumerate().map(file).collect()
}

/// A file with a tone whose level is an expression.
fn tone(folder: &Folder, name: &str, level: &str, pitch: u32, seconds: f64, args: &str) -> PathBuf {
    let source = format!("aevalsrc='({level})*sin(2*PI*{pitch}*t)':s=44100:d={seconds}");
    folder.write(name, &folder.encode(name, &source, args))
}

fn crossfaded(seconds: u64) -> TrackSettings {
    TrackSettings { crossfade: Duration::from_secs(seconds), ..settings() }
}

/// How much levels differ, in decibels.
fn dip(levels: &[f64]) -> f64 {
    let (least, most) = levels.iter().fold((0.0_f64, -200.0_f64), |(a, b), db| (a.min(*db), b.max(*db)));
    most - least
}

fn begins(heard: &Heard, n: usize) -> f64 {
    heard.tracks[n].0 as f64 / SECOND as f64
}

fn frames(file: &Path) -> Vec<Frame> {
    let mut reader = FrameReader::new(fs::File::open(file).unwrap(), FILE_JUNK_BYTES);
    std::iter::from_fn(|| reader.next_frame().unwrap()).collect()
}

#[test]
fn one_tone_cut_into_files_is_heard_without_a_gap_in_every_format() {
    let mut problems = Vec::new();
    for (name, extension, args) in [
        ("LAME, passed", "mp3", "-ac 2 -b:a 128k"),
        ("LAME at 320, passed", "mp3", "-ac 2 -b:a 320k"),
        ("LAME VBR, passed", "mp3", "-ac 2 -q:a 4"),
        ("LAME mono, encoded", "mp3", "-ac 1 -b:a 96k"),
        ("AAC", "m4a", "-ac 2 -c:a aac -b:a 128k"),
        ("ALAC", "m4a", "-ac 2 -c:a alac"),
        ("Opus", "opus", "-ac 2 -c:a libopus -b:a 128k"),
        ("Vorbis", "ogg", "-ac 2 -c:a libvorbis -q:a 5"),
        ("FLAC", "flac", "-ac 2"),
        ("WAV", "wav", "-ac 2"),
    ] {
        let folder = Folder::new();
        let files = cut_tone(&folder, extension, args, &[9.3, 10.007, 9.513]);
        let heard = listen(settings(), &files, files.len());
        let silence = heard.longest_silence();
        let dip = dip(&heard.levels(SECOND, heard.tracks[files.len() - 1].0 + 5 * SECOND));
        if silence > GAP || dip > 3.0 {
            problems.push(format!("{name}: {:.1} ms, {dip:.1} dB", silence * 1000.0));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn files_of_different_formats_and_bitrates_are_heard_without_a_gap_too() {
    for kbps in [128, 320] {
        let folder = Folder::new();
        let cut = [7.1, 8.003, 7.307, 8.201];
        let mut files = cut_tone(&folder, "mp3", "-ac 2 -b:a 128k", &cut);
        let flac = cut_tone(&folder, "flac", "-ac 2", &cut);
        files[1] = flac[1].clone();
        files[2] = flac[2].clone();
        let heard = listen(TrackSettings { bitrate_kbps: kbps, ..settings() }, &files, 4);
        let dip = dip(&heard.levels(SECOND, heard.tracks[3].0 + 4 * SECOND));
        assert!(heard.longest_silence() < GAP && dip < 3.0, "{kbps}: {} s", heard.longest_silence());
    }
}

#[test]
fn files_of_itunes_are_heard_without_a_gap() {
    let folder = Folder::new();
    let cut = [8.0, 8.5];
    let described = cut_tone(&folder, "mp3", "-ac 2 -b:a 128k", &cut);
    let files: Vec<PathBuf> = described
        .iter()
        .map(|file| {
            let bytes = fs::read(file).unwrap();
            // The same without what LAME says, and with what iTunes would say.
            let at = bytes.windows(4).position(|four| four == b"Lavf" || four == b"Lavc" || four == b"LAME");
            let lame = &bytes[at.unwrap() + 21..at.unwrap() + 24];
            let (delay, padding) = (
                u32::from(lame[0]) << 4 | u32::from(lame[1] >> 4),
                u32::from(lame[1] & 15) << 8 | u32::from(lame[2]),
            );
            let comment = format!("\0engiTunSMPB\0 00000000 {delay:08X} {padding:08X} 0000000000056220");
            let frame =
                [&b"COMM"[..], &(comment.len() as u32).to_be_bytes(), &[0, 0], comment.as_bytes()].concat();
            let head = [&b"ID3\x03\0\0\0\0\0"[..], &[frame.len() as u8]].concat();
            let mut audio = bytes.clone();
            audio[at.unwrap()..at.unwrap() + 4].fill(0);
            folder.write(&format!("i{}", file.file_name().unwrap().display()), &[head, frame, audio].concat())
        })
        .collect();
    let heard = listen(settings(), &files, 2);
    assert!(heard.longest_silence() < GAP, "{} s", heard.longest_silence());
}

#[test]
fn short_files_that_are_passed_through_are_heard_without_gaps_too() {
    let folder = Folder::new();
    let files = cut_tone(&folder, "mp3", "-ac 2 -b:a 128k", &[1.0, 1.007, 1.013, 1.02]);
    let heard = listen(settings(), &files, 2 * files.len());
    // The last one does not go on where the first one begins, but both sound there.
    assert!(heard.longest_silence() < GAP, "{} s", heard.longest_silence());
    assert_eq!(heard.tracks.len(), 2 * files.len() + 1);
}

#[test]
fn a_crossfade_has_no_dip_and_frames_that_do_not_overlap_pass_as_they_are() {
    for (first, second) in [("mp3", "mp3"), ("mp3", "flac"), ("flac", "mp3"), ("flac", "flac")] {
        let folder = Folder::new();
        let files = [
            tone(&folder, &format!("a.{first}"), "0.4", 440, 12.345, "-ac 2"),
            tone(&folder, &format!("b.{second}"), "0.4", 660, 12.345, "-ac 2"),
        ];
        let heard = listen(crossfaded(4), &files, 2);
        // It changes in the middle of the overlap.
        assert!((begins(&heard, 1) - (12.345 - 2.0)).abs() < 0.12, "{first} {second}: {}", begins(&heard, 1));
        // Who skips the first one in the overlap hears the second one from there, in frames that need none before them.
        let at_title = &heard.frames[heard.tracks[1].0 / 1152];
        assert_eq!(at_title.main_data_begin(), 0, "{first} {second}");
        let ends = 2.0 * 12.345 - 4.0 - 2.0;
        assert!((begins(&heard, 2) - ends).abs() < 0.2, "{first} {second}: {}", begins(&heard, 2));
        let dip = dip(&heard.levels(3 * SECOND, 17 * SECOND));
        assert!(dip < 3.0, "{first} {second}: {dip} dB");
        let passed = |file: &Path| {
            let of_file = frames(file);
            of_file.iter().filter(|frame| heard.frames.contains(frame)).count() as f64 * 1152.0 / 44_100.0
        };
        if first == "mp3" {
            assert!(passed(&files[0]) > 12.345 - 4.2, "{} s pass", passed(&files[0]));
        }
        if second == "mp3" {
            // Its own end is in the next overlap.
            assert!(passed(&files[1]) > 12.345 - 8.4, "{} s pass", passed(&files[1]));
        }
    }
}

#[test]
fn tracks_that_follow_each_other_in_an_album_do_not_overlap() {
    let folder = Folder::new();
    let place = |n: u32| format!("-ac 2 -metadata album=Live -metadata track={n}/3");
    for extension in ["mp3", "flac", "m4a", "ogg"] {
        let files = [
            tone(&folder, &format!("1.{extension}"), "0.4", 440, 9.1, &place(1)),
            tone(&folder, &format!("2.{extension}"), "0.4", 660, 9.1, &place(2)),
            tone(
                &folder,
                &format!("3.{extension}"),
                "0.4",
                880,
                9.1,
                "-ac 2 -metadata album=Other -metadata track=3",
            ),
        ];
        let heard = listen(crossfaded(4), &files, 2);
        let starts = [begins(&heard, 1), begins(&heard, 2)];
        assert!((starts[0] - 9.1).abs() < 0.1 && (starts[1] - 16.2).abs() < 0.15, "{extension}: {starts:?}");
        assert!(heard.longest_silence() < GAP, "{extension}: {} s", heard.longest_silence());
    }
}

#[test]
fn an_ending_of_its_own_overlaps_less_and_is_not_faded_again() {
    let folder = Folder::new();
    let fade = "0.4*min(1,max(0,(12-t)/5))";
    let files =
        [tone(&folder, "a.mp3", fade, 440, 12.0, "-ac 2"), tone(&folder, "b.mp3", "0.4", 660, 9.0, "-ac 2")];
    let heard = listen(crossfaded(6), &files, 1);
    // 10 dB down 1.6 s before the end: the middle of the overlap is 0.8 s before it.
    assert!((begins(&heard, 1) - 11.2).abs() < 0.25, "{}", begins(&heard, 1));
}

#[test]
fn silence_at_both_ends_is_cut_off_and_quiet_music_is_not() {
    let trim_silence = TrimSilence { longest: Duration::from_secs(5), threshold_db: -60.0 };
    let trimmed = TrackSettings { trim_silence, ..settings() };
    for extension in ["mp3", "flac"] {
        let folder = Folder::new();
        let level = "if(between(t,2,7),0.4,0)";
        let files = [
            tone(&folder, &format!("a.{extension}"), level, 440, 10.0, "-ac 2"),
            tone(&folder, &format!("b.{extension}"), level, 660, 10.0, "-ac 2"),
            tone(&folder, &format!("c.{extension}"), "0.4*if(between(t,2,7),1,0.01)", 880, 10.0, "-ac 2"),
        ];
        let heard = listen(trimmed.clone(), &files, 3);
        let starts = [begins(&heard, 1), begins(&heard, 2), begins(&heard, 3)];
        // A tenth of a second is left at each end, of frames no more than two besides.
        assert!((starts[0] - 5.2).abs() < 0.12, "{extension}: {starts:?}");
        assert!((starts[1] - starts[0] - 5.2).abs() < 0.12, "{extension}: {starts:?}");
        assert!((starts[2] - starts[1] - 10.0).abs() < 0.12, "{extension}: {starts:?}");
    }
}

#[test]
fn only_what_is_between_cue_points_plays() {
    let folder = Folder::new();
    let points = "-ac 2 -metadata liq_cue_in=2 -metadata liq_cue_out=7.5 -metadata liq_cross_duration=1";
    for (extension, args) in [("mp3", ""), ("flac", ""), ("ogg", " -c:a libvorbis")] {
        let level = "if(between(t,2,7.5),0.4,0.01)";
        let files = [
            tone(&folder, &format!("a.{extension}"), level, 440, 10.0, &format!("{points}{args}")),
            tone(&folder, &format!("b.{extension}"), level, 660, 10.0, &format!("{points}{args}")),
        ];
        let heard = listen(settings(), &files, 2);
        let starts = [begins(&heard, 1), begins(&heard, 2)];
        assert!((starts[0] - 5.5).abs() < 0.12 && (starts[1] - 11.0).abs() < 0.2, "{extension}: {starts:?}");
        assert!(heard.longest_silence() < GAP, "{extension}: {} s", heard.longest_silence());
        let heard = listen(crossfaded(4), &files, 1);
        assert!((begins(&heard, 1) - 5.0).abs() < 0.12, "{extension}: {}", begins(&heard, 1));
    }
}

#[test]
fn loudness_of_tags_is_used_and_wrong_tags_lift_no_peak_above_the_ceiling() {
    let folder = Folder::new();
    for extension in ["mp3", "flac", "ogg", "opus"] {
        let found = |name: &str, level: &str, tag: &str| {
            let args = if tag.is_empty() { "-ac 2".into() } else { format!("-ac 2 -metadata {tag}") };
            let file = tone(&folder, &format!("{name}.{extension}"), level, 997, 3.0, &args);
            let tagged = TrackInfo::read(&file).unwrap().tagged_lufs;
            let measured =
                loudness::measure(&file, settings().ffmpeg.as_ref(), tagged, || true).unwrap().loudness;
            let Loudness::Level { lufs, peak_db } = measured else { panic!("{name}.{extension} is silent") };
            let steps = loudness::steps_db(loudness::gain_steps(measured));
            assert!(peak_db + steps <= -1.0, "{name}.{extension}: {peak_db} and {steps} dB");
            assert!(peak_db + loudness::gain_db(measured) <= -1.5 + 1e-9, "{name}.{extension}");
            lufs
        };
        let measured = found("measured", "0.3", "");
        assert!((measured + 13.5).abs() < 1.0, "{extension}: {measured} LUFS");
        let tagged = found("tagged", "0.3", "REPLAYGAIN_TRACK_GAIN=+4.00dB");
        assert!((tagged + 22.0).abs() < 1e-9, "{extension}: {tagged} LUFS");
        let tagged = found("r128", "0.3", "R128_TRACK_GAIN=256");
        assert!((tagged + 24.0).abs() < 1e-9, "{extension}: {tagged} LUFS");
        // 12 dB are to be added to what has only 5 dB of room.
        found("lying", "0.7", "REPLAYGAIN_TRACK_GAIN=+12.00dB");
        let absurd = found("absurd", "0.3", "REPLAYGAIN_TRACK_GAIN=-17.50dB");
        assert!((absurd - measured).abs() < 0.1, "{extension}: {absurd} LUFS");
    }
}

#[test]
fn damaged_files_stop_nothing_where_they_are_joined() {
    let folder = Folder::new();
    let mut seed = 11_u32;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    let mut files = Vec::new();
    for (n, (extension, args)) in [
        ("mp3", "-ac 2 -b:a 128k"),
        ("mp3", "-ac 2 -q:a 2"),
        ("flac", "-ac 2"),
        ("ogg", "-c:a libvorbis"),
        ("m4a", "-c:a aac"),
    ]
    .into_iter()
    .enumerate()
    {
        let whole = folder.encode(&format!("whole{n}.{extension}"), "anoisesrc=d=3:a=0.4:r=44100", args);
        for round in 0..6 {
            let mut bytes = whole.clone();
            for _ in 0..20 {
                let n_bytes = bytes.len();
                // Where tracks are joined: the beginning, but for the head of the container, and the end.
                let at = if random(2) == 0 {
                    300 + random(n_bytes / 4)
                } else {
                    n_bytes - 1 - random(n_bytes / 4)
                };
                bytes[at] = random(256) as u8;
            }
            bytes.truncate(bytes.len() - random(2000));
            files.push(folder.write(&format!("{round}{n}.{extension}"), &bytes));
        }
    }
    files.push(folder.write("zz.mp3", &folder.tone("good.mp3", "-ac 2 -ar 44100")));
    for crossfade in [0, 1] {
        let heard = listen(crossfaded(crossfade), &files, 15);
        assert!(heard.samples.iter().all(|sample| sample.is_finite()));
        assert!(heard.frames.len() > 500);
    }
}

#[test]
fn a_crossfade_between_passed_files_costs_only_what_overlaps() {
    let folder = Folder::new();
    let files: Vec<PathBuf> =
        (0..4).map(|n| tone(&folder, &format!("{n}.mp3"), "0.4", 440 + 110 * n, 20.0, "-ac 2")).collect();
    let encoded = |crossfade| {
        let heard = listen(TrackSettings { tracks_ahead: 10, ..crossfaded(crossfade) }, &files, 8);
        let own: Vec<Frame> = files.iter().flat_map(|file| frames(file)).collect();
        heard.frames.iter().filter(|frame| !own.contains(frame)).count()
    };
    // Eight joins of four seconds, and the frames around them.
    let n_encoded = encoded(4);
    assert!(n_encoded < 8 * (4 * 44_100 / 1152 + 8), "{n_encoded} frames");
}
