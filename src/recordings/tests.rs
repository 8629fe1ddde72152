//! The writer at work: what is in its folder, and what it bears.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::*;
use crate::control::Reports;
use crate::effect::{RecordingLine, RecordingStep};
use crate::runtime::{Clock, Config as RuntimeConfig};
use crate::time::Seconds;

const WATCH: Service = Service { name: "watch", remarks: "recordings of watch" };

fn owner(letter: &str) -> Owner {
    Owner::of(&letter.repeat(32)).unwrap()
}

fn id(n: u8) -> RecordingId {
    RecordingId::drawn(&[n; 32])
}

/// A writer that has ended once this has been dropped.
struct Desk {
    context: Context,
    recordings: Recordings,
    /// Which recordings rooms were told to end, and why.
    stops: Arc<Mutex<Vec<(RecordingId, Limit)>>>,
    /// When the recordings began, by the wall clock, in milliseconds.
    began_at: u64,
}

impl Desk {
    fn open(folder: &Path, config: &Config, unfinished: Unfinished) -> Self {
        let context = Context::new(Clock::start(), &RuntimeConfig::default());
        let stops = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&stops);
        let stop = Box::new(move |id, limit| told.lock().push((id, limit)));
        let recordings = start(WATCH, folder, config, unfinished, stop, Reports::default(), &context);
        let began_at = context.clock.wall().as_millis();
        Self { context, recordings, stops, began_at }
    }

    /// Line `n` of a recording.
    fn line(&self, recording: u8, n: u64, text: &str) {
        let header = Header::new(id(recording), "watch", "Films".into(), self.began_at, true, owner("a"));
        let entry = if text == "end" {
            Entry::End
        } else {
            Entry::Chat { by: None, content: text, r#type: "text", position: None }
        };
        let line = Line { n, at: Seconds::new(n as f64).unwrap(), entry };
        self.recordings.recorder.take(RecordingStep::Write(RecordingLine {
            id: id(recording).as_str().into(),
            header: to_raw_value(&header).unwrap(),
            number: n,
            seconds: n as f64,
            is_last: text == "end",
            text: to_raw_value(&line).unwrap(),
        }));
    }

    fn delete(&self, recording: u8, owner: Owner) {
        let (id, owner) = (id(recording).as_str().into(), owner.to_hex().into());
        self.recordings.recorder.take(RecordingStep::Delete { id, owner });
    }

    /// Lets everything be written; gives what is known then, and what `/readyz` says.
    async fn close(self) -> (Arc<Catalogue>, Vec<&'static str>) {
        let Self { context, recordings: Recordings { recorder, catalogue }, .. } = self;
        drop(recorder);
        context.stop();
        context.stopped().await;
        (catalogue, context.remarks().into_values().collect())
    }
}

/// What the lines of a recording say.
fn read(folder: &Path, recording: u8) -> Vec<String> {
    let text = fs::read_to_string(folder.join(format!("{}.jsonl", id(recording)))).unwrap_or_default();
    let said = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let said = line["content"].as_str().or(line["kind"].as_str()).or(line["roomhub"].as_str());
        said.unwrap().to_owned()
    };
    text.lines().map(said).collect()
}

#[tokio::test]
async fn what_happens_in_two_rooms_is_in_two_files_that_are_their_owners_alone() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("deep/recordings");
    let desk = Desk::open(&folder, &Config::default(), Unfinished::End);
    desk.line(1, 0, "one");
    desk.line(2, 0, "other");
    desk.line(1, 1, "two\nlines");
    // Another node has told it already.
    desk.line(1, 1, "two again");
    desk.line(1, 2, "end");
    desk.line(1, 3, "too late");
    let (catalogue, remarks) = desk.close().await;
    assert!(remarks.is_empty());
    assert_eq!(read(&folder, 1), ["recording", "one", "two\nlines", "end"]);
    assert_eq!(read(&folder, 2), ["recording", "other"]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&catalogue.path(id(1)))), (0o700, 0o600));
    let text = fs::read_to_string(catalogue.path(id(1))).unwrap();
    assert!(!text.contains(&"a".repeat(32)) && text.contains(&owner("a").to_hex()));
    let listed = serde_json::to_value(catalogue.list(owner("a"))).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(catalogue.list(owner("b")).is_empty());
    let known = catalogue.find(id(1)).unwrap();
    assert_eq!((known.n_bytes, known.seconds, known.is_running), (text.len() as u64, 2.0, false));
}

#[tokio::test]
async fn the_next_process_ends_what_the_one_before_left_and_other_nodes_may_go_on_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let desk = Desk::open(folder, &Config::default(), Unfinished::GoOn);
    desk.line(1, 0, "one");
    desk.close().await;
    let path = folder.join(format!("{}.jsonl", id(1)));
    let half = fs::read_to_string(&path).unwrap() + "{\"n\":1,\"at\":";
    fs::write(&path, half).unwrap();
    let desk = Desk::open(folder, &Config::default(), Unfinished::GoOn);
    assert!(!desk.recordings.catalogue.find(id(1)).unwrap().is_running);
    desk.line(1, 0, "one again");
    desk.line(1, 2, "three");
    desk.close().await;
    assert_eq!(read(folder, 1), ["recording", "one", "three"]);
    let desk = Desk::open(folder, &Config::default(), Unfinished::End);
    let known = desk.recordings.catalogue.find(id(1)).unwrap();
    assert_eq!((known.next, known.seconds, known.is_running), (u64::MAX, 2.0, false));
    desk.close().await;
    assert_eq!(read(folder, 1), ["recording", "one", "three", "end"]);
}

#[tokio::test]
async fn a_recording_that_is_deleted_does_not_begin_anew_and_nobody_deletes_anothers() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path(), &Config::default(), Unfinished::End);
    desk.line(1, 0, "one");
    desk.line(2, 0, "one");
    desk.delete(1, owner("a"));
    desk.delete(2, owner("b"));
    desk.line(1, 1, "two");
    desk.line(2, 1, "two");
    let (catalogue, _) = desk.close().await;
    assert!(catalogue.find(id(1)).is_none() && !catalogue.path(id(1)).exists());
    assert_eq!(read(folder.path(), 2), ["recording", "one", "two"]);
}

#[tokio::test]
async fn nothing_grows_beyond_its_limits() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        Config { max_recordings: 2, max_recording_bytes: 5_000, max_bytes: 8_000, ..Config::default() };
    let desk = Desk::open(folder.path(), &config, Unfinished::End);
    for recording in 1..=3 {
        for n in 0..10 {
            desk.line(recording, n, &"x".repeat(900));
        }
        desk.line(recording, 10, "end");
    }
    let stops = Arc::clone(&desk.stops);
    let (catalogue, remarks) = desk.close().await;
    assert!(remarks.is_empty(), "a limit is no trouble");
    let told = [(id(1), Limit::TooLong), (id(2), Limit::NoSpace), (id(3), Limit::NoSpace)];
    assert_eq!(*stops.lock(), told, "rooms are told once that their recording ends");
    assert!(catalogue.find(id(3)).is_none());
    let bytes = [1, 2].map(|n| fs::metadata(catalogue.path(id(n))).unwrap().len());
    assert!((4_000..5_100).contains(&bytes[0]) && bytes[0] + bytes[1] < 8_200, "{bytes:?}");
    assert_eq!(read(folder.path(), 1).last().unwrap(), "end");
}

#[tokio::test]
async fn nothing_is_written_behind_a_limit_but_the_end_though_there_were_room_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { max_recordings: 1, max_recording_bytes: 2_000, ..Config::default() };
    let desk = Desk::open(folder.path(), &config, Unfinished::End);
    desk.line(1, 0, "one");
    desk.line(1, 1, &"x".repeat(2_000));
    desk.line(1, 2, "short");
    desk.line(1, 3, "end");
    desk.line(2, 0, "one too many");
    desk.delete(1, owner("a"));
    desk.line(2, 1, "end");
    let (catalogue, _) = desk.close().await;
    assert!(catalogue.find(id(2)).is_none(), "an end alone is no recording");
    let desk = Desk::open(folder.path(), &config, Unfinished::End);
    desk.line(3, 0, "one");
    desk.line(3, 1, &"x".repeat(2_000));
    desk.line(3, 2, "short");
    desk.line(3, 3, "end");
    desk.close().await;
    assert_eq!(read(folder.path(), 3), ["recording", "one", "end"]);
}

#[tokio::test]
async fn recordings_whose_time_is_over_are_deleted_and_what_is_none_stays() {
    let folder = tempfile::tempdir().unwrap();
    let forever = Config { kept: Duration::ZERO, ..Config::default() };
    let mut desk = Desk::open(folder.path(), &forever, Unfinished::End);
    desk.began_at = 1;
    desk.line(1, 0, "end");
    desk.close().await;
    let stranger = folder.path().join("abcdefghijklmnop.jsonl");
    fs::write(&stranger, "notes of mine\n").unwrap();
    Desk::open(folder.path(), &forever, Unfinished::End).close().await;
    assert!(!read(folder.path(), 1).is_empty());
    Desk::open(folder.path(), &Config::default(), Unfinished::End).close().await;
    assert!(read(folder.path(), 1).is_empty() && stranger.exists());
}

#[tokio::test]
async fn a_recording_that_runs_is_not_deleted_though_its_last_line_is_old() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), &Config::default(), Unfinished::GoOn);
    desk.began_at = 1;
    desk.line(1, 0, "long ago");
    desk.close().await;
    // Its room has come back with it, and nothing has happened there yet.
    let mut desk = Desk::open(folder.path(), &Config::default(), Unfinished::GoOn);
    desk.began_at = 1;
    desk.line(1, 1, "and now");
    let (catalogue, _) = desk.close().await;
    assert_eq!(read(folder.path(), 1), ["recording", "long ago", "and now"]);
    assert!(catalogue.find(id(1)).unwrap().is_running);
    let mut desk = Desk::open(folder.path(), &Config::default(), Unfinished::GoOn);
    desk.began_at = 1;
    desk.line(1, 2, "end");
    desk.close().await;
    Desk::open(folder.path(), &Config::default(), Unfinished::GoOn).close().await;
    assert!(read(folder.path(), 1).is_empty(), "its time is over once it has ended");
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_said_and_mends_itself() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("recordings");
    fs::write(&folder, "in the way").unwrap();
    let desk = Desk::open(&folder, &Config::default(), Unfinished::End);
    assert_eq!(desk.context.remarks().len(), 1);
    fs::remove_file(&folder).unwrap();
    desk.line(1, 3, "at last");
    let (_, remarks) = desk.close().await;
    assert!(remarks.is_empty(), "{remarks:?}");
    assert_eq!(read(&folder, 1), ["recording", "at last"]);
}

#[test]
fn a_line_is_raw_json() {
    let line = Line { n: 0, at: Seconds::ZERO, entry: Entry::Screen { state: None } };
    let written: Box<RawValue> = to_raw_value(&line).unwrap();
    assert_eq!(written.get(), r#"{"n":0,"at":0,"kind":"screen","state":null}"#);
}
