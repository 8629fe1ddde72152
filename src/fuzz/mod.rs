//! Fuzz targets for everything that is parsed by hand here: functions of any bytes, which panic at a fault.
//!
//! The test replays the files in `corpus/<target>`, which are examples and inputs of past faults, and mutations of
//! them. `fuzz/run.sh` looks for new inputs, led by coverage.

mod hubs;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, process};

use bytes::Bytes;
use serde_json::Value;

use crate::{admin, devices, http, json, media, radio, socketio};

/// A function of any bytes.
pub type Target = fn(&[u8]);

/// All targets by their names.
pub const TARGETS: &[(&str, Target)] = &[
    ("audio", audio),
    ("body", radio::fuzz::body),
    ("charset", radio::fuzz::charset),
    ("devices", hubs::devices),
    ("frames", http::fuzz::frames),
    ("icy", radio::fuzz::icy),
    ("json", json_text),
    ("jwt", http::fuzz::token),
    ("meter", socketio::fuzz::meter),
    ("mp3", radio::fuzz::mp3),
    ("music", hubs::music),
    ("packet", socketio::fuzz::packet),
    ("playlist", radio::fuzz::playlist),
    ("post", socketio::fuzz::post),
    ("range", media::fuzz::range),
    ("record", devices::fuzz::record),
    ("relay_answer", radio::fuzz::relay_response),
    ("request_body", http::fuzz::request_body),
    ("request_head", http::fuzz::request),
    ("routes", radio::fuzz::routes),
    ("session", admin::fuzz::session),
    ("signal", hubs::signal),
    ("spool", spool),
    ("subtitles", media::fuzz::subtitles),
    ("watch", hubs::watch),
];

/// A file of the extension in the first line, with what follows it.
fn audio(input: &[u8]) {
    const EXTENSIONS: [&str; 12] =
        ["mp3", "wav", "flac", "ogg", "m4a", "mp4", "aac", "aiff", "caf", "mp2", "ape", "opus"];
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let Some(extension) = EXTENSIONS.iter().find(|known| known.as_bytes() == &input[..end]) else { return };
    let folder = Folder::new();
    radio::fuzz::audio(&folder.file(&format!("track.{extension}"), input.get(end + 1..).unwrap_or_default()));
}

fn spool(input: &[u8]) {
    devices::fuzz::spool(&Folder::new().0, input);
}

/// JSON as clients write it.
fn json_text(input: &[u8]) {
    let mended = json::mended(Bytes::copy_from_slice(input));
    assert_eq!(json::mended(mended.clone()), mended.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&mended));
    let Ok(text) = str::from_utf8(&mended) else { return };
    assert!(json::written_bytes(text) >= serde_json::to_string(text).expect("a text is JSON").len());
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    assert!(json::is_readable(text.as_bytes()), "what serde_json reads, others do too");
    assert_eq!(serde_json::from_str(&json::compact(text)).ok(), Some(value.clone()));
    if let Some(object) = value.as_object() {
        let read: Option<std::collections::HashMap<String, Value>> = json::object(text);
        assert_eq!(read.map(|entries| entries.len()), Some(object.len()));
    }
}

/// A folder for one input.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static N: AtomicU64 = AtomicU64::new(0);
        let number = N.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("roomhub-fuzz-{}-{number}", process::id()));
        fs::create_dir_all(&path).expect("there is a place for temporary folders");
        Self(path)
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path: PathBuf = Path::new(&self.0).join(name);
        fs::write(&path, content).expect("there is room for a small file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left lies among other temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
