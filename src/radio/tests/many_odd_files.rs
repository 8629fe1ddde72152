//! A thousand files by chance, played one after the other: each plays or has a reason, and none stops the station.
//!
//! They are played in a process of their own with a limit of memory, so that what would end the program is seen as well.

#![expect(clippy::print_stdout, reason = "the process tells the test what it has played")]

use std::collections::BTreeSet;
use std::env;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::damage::{Chance, File, damaged};
use super::files::Folder;
use super::listening::settings;
use crate::audio::ffmpeg::{Ffmpeg, Limits};
use crate::audio::format::Format;
use crate::audio::loudness::TARGET_LUFS;
use crate::folder::file_stamp::FileStamp;
use crate::radio::library::playlist::Order;
use crate::radio::library::track_index::TrackIndex;
use crate::radio::library::track_queue::TrackQueue;
use crate::radio::sources::SourceItem;
use crate::radio::sources::folder_source::start;
use crate::radio::sources::track_settings::{Leveling, TrackSettings};
use crate::runtime::Clock;

/// How many files; `ROOMHUB_ODD_FILES=10000` has more played.
const N_FILES: usize = 1_000;

/// Files that are played by one run, which is as many as may fail before one of them is forgotten.
const BATCH: usize = 100;

/// A process that plays files ends well before this, on any machine. Ten thousand take longer.
const LONGEST: Duration = Duration::from_mins(15);

/// The most memory that the process may address: its threads' stacks, and 64 MiB that the allocator reserves for each.
const MAX_ADDRESSES: u64 = 3 << 30;

/// The most memory that it may use at any time, in KiB: files of some kilobytes need no more than their lengths would.
const MAX_RESIDENT_KIB: u64 = 400 * 1024;

/// The longest sound of one file, in seconds.
const LONGEST_SOUND: f64 = 1_200.0;

/// Tells the process which files to play, and where they are.
const FOLDER: &str = "ROOMHUB_ODD_FILES_FOLDER";

/// This test, which the process is told to run.
const TEST: &str = "a_thousand_odd_files_play_or_say_why_and_none_stops_a_station";

/// What files are before something happens to them: extensions and arguments of ffmpeg.
const WHOLE: [(&str, &str); 36] = [
    ("wav", "-c:a pcm_s16le -ar 8000"),
    ("wav", "-c:a pcm_f32le -ac 2 -ar 24000"),
    ("wav", "-c:a pcm_s24le -ac 6 -ar 11025"),
    ("wav", "-c:a pcm_u8"),
    ("wav", "-c:a adpcm_ms"),
    ("wav", "-c:a adpcm_ima_wav"),
    ("wav", "-c:a pcm_alaw -rf64 always"),
    ("wav", "-c:a libmp3lame"),
    ("w64", "-ar 16000"),
    ("aiff", "-ar 22050"),
    ("aifc", "-f aiff -c:a pcm_f32be"),
    ("flac", ""),
    ("flac", "-sample_fmt s32 -ar 96000 -ac 2"),
    ("oga", "-c:a flac -f ogg"),
    ("ogg", "-c:a libvorbis"),
    ("ogg", "-c:a libvorbis -ac 6"),
    ("opus", "-c:a libopus"),
    ("ogg", "-c:a libopus -ac 6"),
    ("m4a", "-c:a aac"),
    ("m4a", "-c:a aac -movflags +faststart -ac 2"),
    ("m4a", "-c:a alac"),
    ("mp4", "-c:a aac -movflags +frag_keyframe+empty_moov"),
    ("aac", "-c:a aac"),
    ("mp3", "-b:a 32k -ar 24000 -ac 1"),
    ("mp3", "-b:a 32k -ar 24000 -ac 1 -id3v2_version 3"),
    ("mp3", "-ac 2 -q:a 5"),
    ("mp3", "-b:a 64k -write_xing 0 -id3v2_version 0"),
    ("mp2", "-ac 2 -c:a mp2"),
    ("mka", "-c:a libvorbis"),
    ("mkv", "-c:a aac"),
    ("webm", "-c:a libopus"),
    ("mov", "-c:a pcm_s16be"),
    ("avi", "-c:a libmp3lame"),
    ("ts", "-c:a aac -f mpegts"),
    ("wv", "-c:a wavpack"),
    ("wma", "-c:a wmav2"),
];

/// How each of them is called within itself.
const TAGS: &str = "-metadata title=Eins -metadata artist=Ann -metadata album=Viele -metadata track=2/9 \
     -metadata REPLAYGAIN_TRACK_GAIN=-3.1dB -metadata liq_cue_in=0.01";

#[test]
#[allow(clippy::disallowed_methods, reason = "the process is told by it which part it has")]
fn a_thousand_odd_files_play_or_say_why_and_none_stops_a_station() {
    if let Ok(folder) = env::var(FOLDER) {
        play_folder(Path::new(&folder));
        return;
    }
    let n_files = env::var("ROOMHUB_ODD_FILES").ok().and_then(|n| n.parse().ok()).unwrap_or(N_FILES);
    let folder = Folder::new();
    let source = "sine=500:sample_rate=24000:duration=0.2,volume=12dB";
    let whole = WHOLE.iter().enumerate().map(|(n, (extension, args))| {
        let args = format!("{args} {TAGS}");
        ((*extension).to_owned(), folder.encode(&format!("{n}.{extension}"), source, &args))
    });
    let whole: Vec<File> = whole.collect();
    let odd = tempfile::tempdir().unwrap();
    for n in 0..n_files {
        let (extension, bytes) = damaged(&whole, &mut Chance::of(n as u64));
        std::fs::write(odd.path().join(format!("{n:05}.{extension}")), bytes).unwrap();
    }
    let told = played_elsewhere(odd.path(), LONGEST * n_files.div_ceil(N_FILES) as u32);
    let line = |word: &str| -> u64 {
        let found = told.lines().find_map(|line| line.strip_prefix(word));
        found.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("{word}: {told}"))
    };
    let (played, failed, resident) = (line("played "), line("failed "), line("resident "));
    assert_eq!(played + failed, n_files as u64, "{told}");
    assert!(played * 3 > n_files as u64 && failed * 20 > n_files as u64, "{told}");
    assert!(line("panics ") * 50 < n_files as u64, "{told}");
    assert!(resident < MAX_RESIDENT_KIB, "{resident} KiB");
}

/// Has another process play the files of a folder; what it says.
fn played_elsewhere(folder: &Path, longest: Duration) -> String {
    // As the test is called outside its crate.
    let (_, module) = module_path!().split_once("::").unwrap();
    let name = format!("{module}::{TEST}");
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture", "--test-threads", "1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut output, mut complaints) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let listen = thread::spawn(move || {
        let mut text = String::new();
        complaints.read_to_string(&mut text).map(|_| text)
    });
    let (ended, is_ended) = channel();
    let read = thread::spawn(move || {
        let mut text = String::new();
        let read = output.read_to_string(&mut text).map(|_| text);
        // Nobody waits any more once it is too late.
        let _ = ended.send(());
        read
    });
    let is_late = is_ended.recv_timeout(longest).is_err();
    if is_late {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    let (told, complaints) = (read.join().unwrap().unwrap(), listen.join().unwrap().unwrap());
    let last: String = told.lines().rev().take(3).collect::<Vec<_>>().join(", before it ");
    assert!(!is_late, "it still plays {last}");
    assert!(status.success(), "{status} at {last}: {complaints}");
    // Decoders of others may panic, which is caught where they are called: in sums that overflow, where those are checked.
    let (own, others): (Vec<&str>, Vec<&str>) = complaints
        .lines()
        .filter(|line| line.contains("panicked at"))
        .partition(|line| line.contains("at src/"));
    assert!(own.is_empty(), "{own:#?}, last {last}");
    format!("{told}\npanics {}\n", others.len())
}

/// Plays all files of a folder, and says how many played, how many did not, and what memory that took.
fn play_folder(folder: &Path) {
    let most = Rlimit { current: Some(MAX_ADDRESSES), maximum: Some(MAX_ADDRESSES) };
    setrlimit(Resource::As, most).unwrap();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut n_played, mut n_failed) = (0, 0);
    for batch in files.chunks(BATCH) {
        // ffmpeg lets everything else go first, which on a busy machine takes a while: one file in twenty is enough.
        for (with_ffmpeg, part) in [(true, 0..BATCH / 20), (false, BATCH / 20..BATCH)] {
            let files = batch.get(part.start.min(batch.len())..part.end.min(batch.len())).unwrap();
            let (played, failed) = play(files, with_ffmpeg);
            n_played += played;
            n_failed += failed;
        }
    }
    println!("\nplayed {n_played}\nfailed {n_failed}\nresident {}", peak_resident_kib());
}

/// The most memory that this process has used.
fn peak_resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Plays files in the order of their names; how many played, and how many did not, each with a reason.
fn play(files: &[PathBuf], with_ffmpeg: bool) -> (usize, usize) {
    let format = Format { rate: 24_000, channels: 1 };
    let limits = Limits { memory_bytes: 1 << 30, cpu_seconds: 20 };
    let settings = TrackSettings {
        bitrate_kbps: 32,
        leveling: Leveling::Normalized(TARGET_LUFS),
        ffmpeg: with_ffmpeg.then(|| Ffmpeg::find("ffmpeg", limits).unwrap()),
        ..settings()
    };
    let queue = TrackQueue::new(Order::Name, 1, None);
    queue.playlist.lock().add(files.iter().map(|path| Arc::from(path.as_path())));
    queue.format.set(format).unwrap();
    let (index, clock) = (TrackIndex::new("", Vec::new(), BATCH), Clock::start());
    let mut items = start(settings, Arc::clone(&queue), Arc::clone(&index), clock).unwrap();
    let (mut played, mut seconds) = (BTreeSet::new(), 0.0);
    while let Some(item) = items.blocking_recv() {
        match item {
            SourceItem::Track(_, track) => {
                println!("{}", track.file);
                assert!(!track.title.is_empty() && track.title.len() < 1_000, "{track:?}");
                seconds = 0.0;
                // After the last file, the first comes again.
                if !played.insert(track.file.clone()) {
                    break;
                }
            }
            SourceItem::Frame(_, frame) => {
                seconds += f64::from(frame.header.n_samples) / f64::from(frame.header.format.rate);
                assert!(seconds < LONGEST_SOUND, "{seconds} s");
            }
        }
    }
    let silent = files.iter().filter(|file| !played.contains(&*file.file_name().unwrap().to_string_lossy()));
    let mut n_failed = 0;
    for file in silent {
        let reason = index.failures.recent(file, FileStamp::read(file).ok(), clock.uptime());
        let reason = reason.unwrap_or_else(|| panic!("{} neither plays nor has a reason", file.display()));
        assert!(!reason.is_empty(), "{}", file.display());
        n_failed += 1;
    }
    (played.len(), n_failed)
}
