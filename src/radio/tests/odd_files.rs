//! Files of every type are decoded from the first sample to the last; a file that cannot be decoded has a reason.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::files::{Folder, measure, measure_with};
use crate::audio::ffmpeg::{Ffmpeg, Limits};
use crate::audio::loudness::{self, Loudness};
use crate::audio::track_info::TrackInfo;

/// Two seconds of a tone each, with the arguments that make ffmpeg write them, and the name that they get.
const PLAIN: [(&str, &str); 40] = [
    ("u8.wav", "-c:a pcm_u8"),
    ("s16.wav", "-c:a pcm_s16le"),
    ("s24.wav", "-c:a pcm_s24le"),
    ("s32.wav", "-c:a pcm_s32le"),
    ("f32.wav", "-c:a pcm_f32le"),
    ("f64.wav", "-c:a pcm_f64le"),
    ("alaw.wav", "-c:a pcm_alaw"),
    ("mulaw.wav", "-c:a pcm_mulaw"),
    ("ima.wav", "-c:a adpcm_ima_wav"),
    ("ms.wav", "-c:a adpcm_ms"),
    ("stereo ms.wav", "-ac 2 -c:a adpcm_ms"),
    ("rf64.wav", "-rf64 always"),
    ("wave64.w64", ""),
    ("extensible.wav", "-ac 6"),
    ("mp3 inside.wav", "-c:a libmp3lame"),
    ("a.aiff", ""),
    ("a.aifc", "-f aiff -c:a pcm_f32be"),
    ("a.flac", ""),
    ("24.flac", "-sample_fmt s32 -ar 96000"),
    ("5.0.flac", "-af pan=5.0|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0"),
    ("7.1.flac", "-af pan=7.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0|c6=c0|c7=c0"),
    ("a.ogg", "-c:a libvorbis"),
    ("5.1.ogg", "-ac 6 -c:a libvorbis"),
    ("flac.oga", "-c:a flac -f ogg"),
    ("a.m4a", "-c:a aac"),
    ("stereo.m4a", "-ac 2 -c:a aac"),
    ("alac.m4a", "-c:a alac"),
    ("fast.m4a", "-c:a aac -movflags +faststart"),
    ("adts.aac", "-c:a aac"),
    ("a.mp3", "-b:a 128k"),
    ("stereo.mp3", "-ac 2 -b:a 320k"),
    ("joint.mp3", "-ac 2 -joint_stereo 1 -b:a 96k"),
    ("vbr.mp3", "-ac 2 -q:a 5"),
    ("bare.mp3", "-write_xing 0 -id3v2_version 0 -b:a 64k"),
    ("24k.mp3", "-ar 24000 -b:a 32k"),
    ("22k.mp3", "-ac 2 -ar 22050 -b:a 48k"),
    ("11k.mp3", "-ar 11025 -b:a 16k"),
    ("8k.mp3", "-ar 8000 -b:a 8k"),
    ("layer two.mp3", "-c:a mp2 -f mp2"),
    ("a.mp2", "-ac 2 -c:a mp2"),
];

#[test]
fn every_file_of_ffmpeg_is_decoded_from_beginning_to_end() {
    let folder = Folder::new();
    let mut problems = Vec::new();
    for (name, args) in PLAIN {
        let extension = name.rsplit('.').next().unwrap();
        let bytes = folder.tone(&format!("{}.{extension}", name.len()), args);
        match measure(&folder.write(name, &bytes)) {
            Ok(measured) => {
                let is_long = (measured.seconds - 2.0).abs() < 0.1;
                let is_loud = measured.power_db.iter().all(|power| (-24.0..-3.0).contains(power));
                let has_gaps = measured.silence.iter().any(|silence| *silence > 0.05);
                if !is_long || !is_loud || has_gaps {
                    problems.push(format!("{name}: {measured:?}"));
                }
            }
            Err(error) => problems.push(format!("{name}: {error:#}")),
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

/// Malformed and unusual files, with the seconds that are decoded.
fn odd_files(folder: &Folder) -> Vec<(&'static str, Vec<u8>, f64)> {
    let wav = folder.tone("plain.wav", "-c:a pcm_s16le");
    let mp3 = folder.tone("plain.mp3", "-b:a 128k -write_xing 0 -id3v2_version 0");
    let stereo = folder.tone("two.mp3", "-ac 2 -ar 44100 -b:a 128k");
    let flac = folder.tone("plain.flac", "");
    let aac = folder.tone("plain.aac", "-c:a aac");
    let m4a = folder.tone("plain.m4a", "-c:a aac");
    let ogg = folder.tone("plain.ogg", "-c:a libvorbis");
    let long_ogg = folder.encode("long.ogg", "sine=500:duration=10,volume=12dB", "-c:a libvorbis");
    let opus = folder.encode("long.opus", "sine=500:duration=10,volume=12dB", "-c:a libopus");
    let other_ogg = folder.tone("other.ogg", "-ac 2 -ar 44100 -c:a libvorbis -serial_offset 9");
    let data = wav.windows(4).position(|four| four == b"data").unwrap();
    let with_length = |n: u32| {
        let mut wav = wav.clone();
        wav[data + 4..data + 8].copy_from_slice(&n.to_le_bytes());
        wav
    };
    let with_chunk = |chunk: &[u8]| [&wav[..12], chunk, &wav[12..]].concat();
    let id3 = |n_bytes: usize| {
        let size = [(n_bytes >> 21) as u8, (n_bytes >> 14) as u8 & 0x7f, (n_bytes >> 7) as u8 & 0x7f];
        let head = [b"ID3\x03\0\0", &size[..], &[n_bytes as u8 & 0x7f]].concat();
        [head, vec![0xff; n_bytes]].concat()
    };
    let mut ape = b"APETAGEX\xd0\x07\0\0".to_vec();
    ape.extend(1_500_032_u32.to_le_bytes());
    ape.extend(b"\x01\0\0\0\0\0\0\xa0\0\0\0\0\0\0\0\0");
    ape.extend(vec![0x41; 1_500_032]);
    let mut free = mp3.clone();
    let starts: Vec<usize> =
        (0..free.len() - 4).filter(|at| free[*at..].starts_with(&[0xff, 0xfb])).collect();
    for at in starts {
        free[at + 2] &= 0x0f;
    }
    let wide = {
        // 24 bits in containers of 32, of two channels.
        let mut head =
            b"RIFF\xff\xff\xff\xffWAVEfmt \x28\0\0\0\xfe\xff\x02\0\x80\xbb\0\0\0\xdc\x05\0\x08\0\x20\0"
                .to_vec();
        head.extend(
            b"\x16\0\x18\0\x03\0\0\0\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71data\xff\xff\xff\xff",
        );
        let tone = (0..96_000_u32).map(|n| ((f64::from(n) * 0.065).sin() * 1e9) as i32);
        [head, tone.flat_map(|sample| [sample.to_le_bytes(); 2].concat()).collect()].concat()
    };
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let html = b"<html><body>404 Not Found</body></html>".repeat(100);
    vec![
        ("to a pipe.wav", with_length(u32::MAX), 2.0),
        ("killed.wav", with_length(0), 2.0),
        ("longer than it is.wav", with_length(4_000_000), 2.0),
        ("half.wav", half(&wav), 1.0),
        ("padded.wav", with_chunk(b"JUNK\x03\0\0\0abc\0"), 2.0),
        ("unpadded.wav", with_chunk(b"bext\x03\0\0\0abc"), 2.0),
        ("24 in 32.wav", wide, 2.0),
        ("an mp3.wav", mp3.clone(), 2.0),
        ("a wav.mp3", wav.clone(), 2.0),
        ("an aac.mp3", aac.clone(), 2.0),
        ("an m4a.aac", m4a.clone(), 2.0),
        ("a flac.mp3", flac.clone(), 2.0),
        ("an ogg.m4a", ogg.clone(), 2.0),
        ("an mp3.ogg", mp3.clone(), 2.0),
        ("id3.flac", [id3(3000), flac.clone()].concat(), 2.0),
        ("id3.aac", [id3(3000), aac.clone()].concat(), 2.0),
        ("id3.wav", [id3(3000), wav.clone()].concat(), 2.0),
        ("cover.mp3", [id3(10_000_000), mp3.clone()].concat(), 2.0),
        ("two tags.mp3", [id3(100), id3(200), mp3.clone()].concat(), 2.0),
        ("ape.mp3", [mp3.clone(), ape.clone()].concat(), 2.0),
        ("ape first.mp3", [ape, mp3.clone()].concat(), 2.0),
        ("zeros.mp3", [vec![0; 200_000], mp3.clone()].concat(), 2.0),
        ("html.mp3", [html.clone(), mp3.clone()].concat(), 2.0),
        ("between.mp3", [mp3.clone(), html, mp3.clone(), vec![0; 5000], mp3.clone()].concat(), 6.0),
        ("mono and stereo.mp3", [mp3.clone(), stereo.clone()].concat(), 4.0),
        ("stereo and mono.mp3", [stereo.clone(), mp3.clone(), stereo.clone()].concat(), 6.0),
        ("free format.mp3", free, 2.0),
        ("half.mp3", half(&mp3), 1.0),
        ("chained.ogg", [ogg.clone(), other_ogg.clone(), ogg.clone()].concat(), 6.0),
        ("half.ogg", half(&long_ogg), 4.5),
        ("half.opus", half(&opus), 4.5),
        ("half.flac", half(&flac), 0.9),
        ("half.aac", half(&aac), 1.0),
    ]
}

#[test]
fn odd_files_are_decoded_to_their_end() {
    let folder = Folder::new();
    let mut problems = Vec::new();
    for (name, bytes, seconds) in odd_files(&folder) {
        let path = folder.write(name, &bytes);
        match measure(&path) {
            Ok(measured) => {
                let is_long = (measured.seconds - seconds).abs() < 0.12 * seconds.max(1.0);
                if !is_long || measured.power_db.iter().any(|power| !(-24.0..-3.0).contains(power)) {
                    problems.push(format!("{name}: {measured:?}"));
                }
            }
            Err(error) => problems.push(format!("{name}: {error:#}")),
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    let measured = loudness::measure(&folder.path("stereo and mono.mp3"), None, None, || true).unwrap();
    assert!((measured.seconds - 6.0).abs() < 0.2, "{measured:?}");
}

#[test]
fn a_file_that_cannot_be_decoded_has_a_reason() {
    let folder = Folder::new();
    let wav = folder.tone("plain.wav", "-c:a pcm_s16le");
    let with = |at: usize, bytes: &[u8]| {
        let mut wav = wav.clone();
        wav[at..at + bytes.len()].copy_from_slice(bytes);
        wav
    };
    let random: Vec<u8> = (0..50_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
    let opus = folder.tone("surround.opus.ogg", "-ac 6 -c:a libopus");
    let cases = [
        ("one hertz.wav", with(24, &1_u32.to_le_bytes()), "1 Hz"),
        ("ten megahertz.wav", with(24, &10_000_000_u32.to_le_bytes()), "10000000 Hz"),
        ("many channels.wav", with(22, &255_u16.to_le_bytes()), "255 channels"),
        ("no channels.wav", with(22, &[0, 0]), "0 channels"),
        ("another codec.wav", with(20, &[0x34, 0x12]), ""),
        ("nothing.mp3", Vec::new(), ""),
        ("random.mp3", random.clone(), ""),
        ("random.wav", random.clone(), ""),
        ("random.flac", random.clone(), ""),
        ("random.m4a", random, ""),
        ("surround.ogg", opus, "unsupported"),
        ("surround.m4a", folder.tone("surround.m4a", "-ac 6 -c:a aac"), "6 channels"),
        ("zeros.mp3", vec![0; 300_000], ""),
        ("head.wav", wav[..44].to_vec(), ""),
    ];
    for (name, bytes, reason) in cases {
        let error = measure(&folder.write(name, &bytes)).expect_err(name);
        let said = format!("{error:#}");
        assert!(!said.is_empty() && said.contains(reason), "{name}: {said}");
    }
}

fn ffmpeg(memory_bytes: u64, cpu_seconds: u64) -> Ffmpeg {
    Ffmpeg::find("ffmpeg", Limits { memory_bytes, cpu_seconds }).unwrap()
}

#[test]
fn aac_and_opus_of_six_channels_are_decoded_by_ffmpeg_from_beginning_to_end() {
    let folder = Folder::new();
    let ffmpeg = ffmpeg(1 << 30, 60);
    for (name, args) in [
        ("5.1.m4a", "-af pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0 -c:a aac"),
        ("5.1.aac", "-af pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0 -c:a aac"),
        ("7.1.m4a", "-af pan=7.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0|c6=c0|c7=c0 -c:a aac"),
        ("5.1.ogg", "-af pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0 -c:a libopus"),
    ] {
        let path = folder.write(name, &folder.tone(name, args));
        assert!(measure(&path).is_err(), "{name} is decoded without ffmpeg");
        let measured = measure_with(&path, Some(&ffmpeg)).unwrap();
        assert!((measured.seconds - 2.0).abs() < 0.1, "{name}: {measured:?}");
        assert!(measured.power_db.iter().all(|power| (-24.0..-3.0).contains(power)), "{name}: {measured:?}");
        assert!(measured.silence.iter().all(|silence| *silence < 0.05), "{name}: {measured:?}");
    }
}

#[test]
fn ffmpeg_is_ended_beyond_its_limits_and_the_file_has_the_reason_of_the_first_decoder() {
    let folder = Folder::new();
    let path = folder.write("a.m4a", &folder.tone("a.m4a", "-ac 6 -c:a aac"));
    let no_memory = measure_with(&path, Some(&ffmpeg(1 << 20, 60))).unwrap_err();
    assert!(format!("{no_memory:#}").contains("6 channels"), "{no_memory:#}");
    // Something that says it is ffmpeg, and only wants the CPU.
    let script = folder.write("busy", b"#!/bin/sh\n[ \"$1\" = -version ] || while :; do :; done\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let busy =
        Ffmpeg::find(script.to_str().unwrap(), Limits { memory_bytes: 1 << 30, cpu_seconds: 1 }).unwrap();
    let no_time = busy.open(&path).err().unwrap();
    assert!(format!("{no_time:#}").contains("no sound"), "{no_time:#}");
}

#[test]
fn damaged_files_do_no_more_harm_than_a_panic_that_is_caught() {
    let folder = Folder::new();
    let mut n_played = 0;
    for (name, args) in [
        ("a.wav", "-c:a pcm_s16le"),
        ("b.wav", "-c:a adpcm_ms"),
        ("c.flac", ""),
        ("d.ogg", "-c:a libvorbis"),
        ("e.m4a", "-c:a aac"),
        ("f.mp3", "-b:a 64k"),
        ("g.aac", "-c:a aac"),
        ("h.aiff", ""),
    ] {
        let source = "sine=500:sample_rate=8000:duration=0.5,volume=12dB";
        let whole = folder.encode(name, source, args);
        let mut seed = 7_u32;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as usize % below
        };
        for round in 0..30 {
            let mut bytes = whole.clone();
            // Heads are where lengths and formats stand.
            let reach = if round % 2 == 0 { bytes.len().min(200) } else { bytes.len() };
            for _ in 0..4 {
                bytes[random(reach)] = random(256) as u8;
            }
            let path = folder.write(name, &bytes);
            let result = catch_unwind(AssertUnwindSafe(|| measure(&path).map(|measured| measured.seconds)));
            n_played += usize::from(matches!(result, Ok(Ok(seconds)) if seconds < 60.0));
            // Tags are read with their own guard.
            let _ = TrackInfo::read(&path);
        }
    }
    assert!(n_played > 60, "{n_played} of 240 play");
}

#[test]
fn one_channel_is_as_loud_as_the_same_on_two_and_peaks_between_samples_count() {
    let folder = Folder::new();
    let level = |name: &str, args: &str| {
        let source = "sine=1000:sample_rate=48000:duration=2,volume=12dB";
        let bytes = folder.encode(name, source, args);
        match loudness::measure(&folder.write(name, &bytes), None, None, || true).unwrap().loudness {
            Loudness::Level { lufs, peak_db } => (lufs, peak_db),
            Loudness::Silence => panic!("{name} is silent"),
        }
    };
    let (mono, peak) = level("mono.wav", "-ac 1");
    let (stereo, _) = level("stereo.wav", "-af pan=stereo|c0=c0|c1=c0");
    assert!((mono - stereo).abs() < 0.1, "{mono} and {stereo} LUFS");
    assert!((peak + 6.0).abs() < 0.3, "{peak} dBTP");
    // A quarter of the sample rate, whose samples miss the peaks by 3 dB.
    let source = "aevalsrc=0.9*sin(2*PI*12000*t+PI/4):s=48000:d=2";
    let bytes = folder.encode("between.wav", source, "-c:a pcm_f32le");
    let measured = loudness::measure(&folder.write("between.wav", &bytes), None, None, || true).unwrap();
    let Loudness::Level { peak_db, .. } = measured.loudness else { panic!("silent") };
    assert!((peak_db + 0.9).abs() < 0.5, "{peak_db} dBTP");
}
