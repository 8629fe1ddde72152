//! What listeners of a station hear between two tracks, as ffmpeg decodes it.

use std::fs;
use std::process::Command;

use crate::harness::http;
use crate::harness::radio::{hear, make, on_air, station};

/// Samples of a second.
const SECOND: usize = 44_100;

/// Samples of the left channel, without the first ones: a decoder needs some frames to begin.
fn decoded(mp3: &[u8]) -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("heard.mp3");
    fs::write(&file, mp3).unwrap();
    let output = Command::new("ffmpeg")
        .args(["-v", "warning", "-f", "mp3", "-i"])
        .arg(&file)
        .args(["-af", "pan=mono|c0=c0", "-f", "f32le", "-"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !told.contains("rror"), "{told}");
    let samples = output.stdout.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    samples.skip(SECOND / 4).collect()
}

/// The highest and the lowest level of a hundredth of a second, in decibels.
fn levels(samples: &[f32]) -> (f64, f64) {
    let level = |piece: &[f32]| {
        let power = piece.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / piece.len() as f64;
        10.0 * power.max(1e-12).log10()
    };
    let levels = samples.chunks_exact(SECOND / 100).map(level);
    levels.fold((-200.0, 200.0), |(most, least), level| (f64::max(most, level), f64::min(least, level)))
}

#[test]
fn a_tone_that_goes_on_in_the_next_file_is_heard_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    for (n, args) in ["1.mp3 -b:a 128k", "2.flac -c:a flac", "3.mp3 -q:a 2"].into_iter().enumerate() {
        let (name, args) = args.split_once(' ').unwrap();
        let source = format!("aevalsrc=0.4*sin(2*PI*997*(t+{})):s=44100", 6 * n);
        make(folder.path(), name, &source, 6, &format!("-ac 2 {args}"));
    }
    let environment = [("ROOMHUB_RADIO__ORDER", "name"), ("ROOMHUB_RADIO__NORMALIZE", "false")];
    let server = station(&["--audio-dir", folder.path().to_str().unwrap()], &environment);
    on_air(&server);
    let samples = decoded(&hear(server.address, "/", 450_000));
    assert!(samples.len() > 17 * SECOND, "{} samples", samples.len());
    let loud: Vec<usize> = (0..samples.len()).filter(|at| samples[*at].abs() > 0.05).collect();
    let gap = loud.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    let (most, least) = levels(&samples);
    println!("gap {:.2} ms, {least:.1} to {most:.1} dB", gap as f64 * 1000.0 / SECOND as f64);
    assert!(gap < SECOND / 200, "a gap of {gap} samples");
    assert!(most - least < 3.0, "{least} to {most} dB");
}

#[test]
fn tracks_are_crossfaded_without_a_dip_and_the_title_changes_in_the_middle() {
    let folder = tempfile::tempdir().unwrap();
    for (n, pitch) in [440, 660, 880].into_iter().enumerate() {
        let source = format!("aevalsrc=0.4*sin(2*PI*{pitch}*t):s=44100");
        make(folder.path(), &format!("{n}.mp3"), &source, 10, "-ac 2 -b:a 128k");
    }
    let environment = [
        ("ROOMHUB_RADIO__ORDER", "name"),
        ("ROOMHUB_RADIO__NORMALIZE", "false"),
        ("ROOMHUB_RADIO__CROSSFADE", "3s"),
    ];
    let server = station(&["--audio-dir", folder.path().to_str().unwrap()], &environment);
    on_air(&server);
    let samples = decoded(&hear(server.address, "/", 400_000));
    let (most, least) = levels(&samples);
    println!("{least:.1} to {most:.1} dB");
    assert!(most - least < 3.0, "{least} to {most} dB");
    let history = http::get(server.address, "/history").json();
    let played = history["history"].as_array().unwrap();
    let started = |n: usize| played[n]["started_at"].as_f64().unwrap();
    assert!(played.len() >= 3, "{history}");
    // The first one begins with itself, and the others in the middle of an overlap.
    let first = (started(1) - started(0)).abs();
    let second = (started(2) - started(1)).abs();
    let (shorter, longer) = (first.min(second), first.max(second));
    assert!((shorter - 7.0).abs() < 0.3 && (longer - 8.5).abs() < 0.3, "{shorter} and {longer} s");
}
