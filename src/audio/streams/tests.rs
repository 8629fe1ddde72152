//! Streams of all codecs, read by ffmpeg as players do.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;
use crate::audio::ffmpeg::Limits;

/// A tone of so many samples in both channels, from a place on.
fn tone(from: usize, n: usize) -> Block {
    let samples = (from..from + n).flat_map(|at| [(at as f32 * 0.06).sin() * 0.5; 2]).collect();
    Block { rate: 44_100, channels: 2, samples }
}

fn ffmpeg() -> Ffmpeg {
    let limits = Limits { memory_bytes: 1024 * 1024 * 1024, cpu_seconds: 600 };
    Ffmpeg::find("ffmpeg", limits).expect("the tests need ffmpeg")
}

/// What ffmpeg makes of a stream: samples of the first channel.
fn decoded(stream: &[u8]) -> Vec<f32> {
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error", "-i", "pipe:0", "-f", "f32le", "-ac", "1", "-ar", "44100", "pipe:1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = stream.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    // What it does not read it does not need.
    let _ = writer.join().unwrap();
    output.stdout.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn tags(title: &str) -> Tags {
    Tags { title: title.to_owned(), artist: "Ann".to_owned() }
}

/// Three tracks of one tone that goes on, in tenths of a second.
fn pieces(encoder: &mut dyn StreamEncoder) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for track in 0..3 {
        pieces.extend(encoder.begin(&tags(&format!("Track {track}"))).unwrap());
        for n in 0..10 {
            pieces.extend(encoder.encode(&[tone((track * 10 + n) * 4_410, 4_410)]).unwrap());
        }
    }
    pieces
}

fn is_loud(sound: &[f32]) -> Vec<bool> {
    let loudest = |piece: &[f32]| piece.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
    sound.chunks(221).map(|piece| loudest(piece) > 0.3).collect()
}

#[test]
fn a_tone_over_three_tracks_has_no_gap_of_five_milliseconds_in_ogg() {
    for encoding in ["opus 96", "flac"] {
        let mut encoder = encoder(encoding.parse().unwrap(), Format::USUAL, None).unwrap();
        let pieces = pieces(&mut *encoder);
        let stream: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes.clone()).collect();
        let loud = is_loud(&decoded(&stream));
        let last = loud.iter().rposition(|is_loud| *is_loud).unwrap();
        let quiet = loud[1..last].iter().filter(|is_loud| !**is_loud).count();
        assert_eq!(quiet, 0, "{encoding}: {loud:?}");
        let seconds: f64 = pieces.iter().map(|piece| piece.seconds).sum();
        assert!((seconds - 3.0).abs() < 0.15, "{encoding}: {seconds} s");
    }
}

#[test]
fn whoever_begins_at_any_piece_hears_the_rest() {
    for encoding in ["mp3 128", "aac 96", "opus 64", "flac"] {
        let mut encoder = encoder(encoding.parse().unwrap(), Format::USUAL, Some(&ffmpeg())).unwrap();
        let mut all = Vec::new();
        // ffmpeg works beside: it is given sound until it has given frames.
        let mut n = 0;
        while all.iter().map(|piece: &Piece| piece.seconds).sum::<f64>() < 3.0 {
            if n % 10 == 0 {
                all.extend(encoder.begin(&tags(&format!("Track {n}"))).unwrap());
            }
            all.extend(encoder.encode(&[tone(n * 4_410, 4_410)]).unwrap());
            n += 1;
        }
        for start in [0, all.len() / 3, all.len() / 2] {
            let rest = &all[start..];
            let mut stream = if rest[0].has_head { Vec::new() } else { rest[0].head.to_vec() };
            stream.extend(rest.iter().flat_map(|piece| piece.bytes.iter().copied()));
            let seconds: f64 = rest.iter().map(|piece| piece.seconds).sum();
            let heard = decoded(&stream).len() as f64 / 44_100.0;
            assert!((heard - seconds).abs() < 0.2, "{encoding} from {start}: {heard} of {seconds} s");
        }
    }
}

#[test]
fn aac_that_is_given_at_once_is_encoded_but_for_a_moment() {
    let mut encoder = encoder("aac 96".parse().unwrap(), Format::USUAL, Some(&ffmpeg())).unwrap();
    let mut seconds = 0.0;
    for n in 0..50 {
        seconds += encoder.encode(&[tone(n * 4_410, 4_410)]).unwrap().map_or(0.0, |piece| piece.seconds);
    }
    seconds += encoder.catch_up().unwrap().map_or(0.0, |piece| piece.seconds);
    assert!((4.5..=5.1).contains(&seconds), "{seconds} s");
}

#[test]
fn a_chain_names_its_track() {
    let mut encoder = encoder("opus".parse().unwrap(), Format::USUAL, None).unwrap();
    let pieces = pieces(&mut *encoder);
    let text =
        |piece: &Piece| String::from_utf8_lossy(&[&piece.head[..], &piece.bytes].concat()).into_owned();
    assert!(text(&pieces[0]).contains("TITLE=Track 0") && text(&pieces[0]).contains("ARTIST=Ann"));
    assert!(text(pieces.last().unwrap()).contains("TITLE=Track 2"));
}

#[test]
fn encodings_are_a_codec_and_a_bitrate_that_it_has() {
    let read = |text: &str| text.parse::<Encoding>().map(|encoding| encoding.to_string());
    assert_eq!(read("opus 96"), Ok("opus 96".to_owned()));
    assert_eq!((read("aac"), read("flac")), (Ok("aac 96".to_owned()), Ok("flac".to_owned())));
    for wrong in ["", "vorbis", "opus 9", "opus x", "mp3 100", "flac 96", "opus 96 96"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
