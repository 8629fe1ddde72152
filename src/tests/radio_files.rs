//! What becomes of odd files on the air: how loud they are, and what is said of those that do not play.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::radio::{hear, make, noise, on_air, station};
use crate::harness::{eventually, http};

/// Loudness and true peak of a sound, in LUFS and dBTP, as ffmpeg measures them on two loudspeakers.
fn measure(sound: &[u8]) -> (f64, f64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recorded.mp3");
    fs::write(&file, sound).unwrap();
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostats", "-i"])
        .arg(&file)
        .args(["-af", "ebur128=peak=true", "-f", "null", "-"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let summary = told.rsplit("Summary:").next().unwrap();
    let number = |mark: &str| {
        let after = summary.split(mark).nth(1).unwrap();
        after.split_whitespace().next().unwrap().parse::<f64>().unwrap()
    };
    (number("I:"), number("Peak:"))
}

/// What a station of one file sends.
fn aired(write: &dyn Fn(&Path)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let server = station(&["--audio-dir", folder.path().to_str().unwrap()], &[]);
    on_air(&server);
    hear(server.address, "/", 300_000)
}

#[test]
fn nothing_on_the_air_peaks_above_the_ceiling_and_mono_is_as_loud_as_stereo() {
    // Quiet noise, and a short click in each second that nearly reaches full scale.
    let dynamic = "aevalsrc=0.06*(random(0)-0.5)+0.66*sin(2*PI*900*t)*lt(mod(t\\,1)\\,0.01):s=44100";
    let mono = "anoisesrc=color=pink:amplitude=0.5:seed=3:sample_rate=44100,volume=-6dB";
    let mut told = Vec::new();
    for (name, source, args) in [
        ("dynamic.mp3", dynamic, "-ac 2 -ar 44100 -b:a 192k"),
        ("dynamic.wav", dynamic, "-ac 2 -ar 44100"),
        ("mono.wav", mono, "-ac 1 -ar 44100"),
        ("stereo.wav", mono, "-ac 2 -ar 44100"),
    ] {
        let (lufs, peak) = measure(&aired(&|folder| make(folder, name, source, 10, args)));
        println!("{name}: {lufs} LUFS, {peak} dBTP");
        assert!(peak <= -0.8, "{name}: {peak} dBTP");
        told.push(lufs);
    }
    assert!((told[2] - told[3]).abs() < 0.5 && (told[2] + 16.0).abs() < 1.0, "{told:?} LUFS");
}

#[test]
fn a_broken_file_is_logged_once_and_forgotten_when_it_is_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.mp3");
    fs::write(&broken, vec![0x55; 50_000]).unwrap();
    let server = station(&["--audio-dir", folder.path().to_str().unwrap()], &[]);
    let n_logged = || server.log().lines().filter(|line| line.contains("a file cannot be played")).count();
    let skipped = || http::get(server.address, "/streams").json()["streams"][0]["skipped"].to_string();
    eventually("the broken file is skipped", || skipped().contains("broken.mp3").then_some(()));
    make(folder.path(), "good.mp3", &noise(1), 2, "-ac 2 -ar 44100 -b:a 128k");
    on_air(&server);
    // Rounds of the playlist, and scans of the folder.
    for _ in 0..3 {
        http::get(server.address, "/reload-playlist");
    }
    let n_played = || http::get(server.address, "/history").json()["history"].as_array().unwrap().len();
    eventually("some turns", || (n_played() > 5).then_some(()));
    assert_eq!(n_logged(), 1, "{}", server.log());
    assert!(skipped().contains("broken.mp3"));
    make(folder.path(), "broken.mp3", &noise(2), 2, "-ac 2 -ar 44100 -b:a 128k");
    eventually("the mended file", || (!skipped().contains("broken.mp3")).then_some(()));
    assert_eq!(n_logged(), 1);
}
