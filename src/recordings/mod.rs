//! Recordings of rooms, as files: a line for the header, and a line for each thing that happened, in JSON.
//!
//! ```text
//! rules --RecordingStep--> runner --Recorder--> bounded queue --> writer (a thread) --> recordings_dir/ID.jsonl
//!                                                                     catalogue (memory) <-- routes <-- HTTP
//! ```
//! What rooms do never waits for the disk: a line that cannot be written is counted and lost. Each node has files of its own.
//! What is recorded, and by whose leave, is a matter of the rules; so is the end of a recording that has reached a limit, which
//! the writer finds and [`Stop`] tells them.

mod catalogue;
pub mod erase;
mod files;
mod format;
mod names;
mod recorder;
mod routes;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Findings;
use crate::control::Reports;
use crate::runtime::Context;
use crate::time::human;

pub use catalogue::Catalogue;
pub use format::{By, Entry, Header, Line};
pub use names::{Owner, RecordingId};
pub use recorder::Recorder;
pub use routes::{Replayed, Rooms, Site, router};

/// Lines of recordings, as reports name them.
pub const RECORDED_LINES: &str = "recorded_lines";

/// `[recordings]`: limits of the recordings of each service that has a folder for them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Recordings are deleted this long after their last line; 0 keeps them until their owner deletes them.
    #[serde(with = "human")]
    pub kept: Duration,
    /// Bytes of one recording; it ends there.
    pub max_recording_bytes: u64,
    /// Recordings in a folder; one more ends as it begins.
    pub max_recordings: usize,
    /// Bytes of all recordings in a folder; those that run end there.
    pub max_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kept: Duration::from_hours(30 * 24),
            max_recording_bytes: 16 * 1024 * 1024,
            max_recordings: 2_000,
            max_bytes: 1024 * 1024 * 1024,
        }
    }
}

impl Config {
    /// Checks that something can be recorded at all.
    pub fn validate(&self, findings: &mut Findings) {
        findings.at_least_one("recordings.max_recordings", self.max_recordings);
        for (key, bytes) in [
            ("recordings.max_recording_bytes", self.max_recording_bytes),
            ("recordings.max_bytes", self.max_bytes),
        ] {
            if bytes < format::MAX_HEADER_BYTES {
                findings.add(key, format!("at least {} are expected", format::MAX_HEADER_BYTES));
            }
        }
    }
}

/// What becomes of recordings whose process ended before they did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished {
    /// They end there: nobody goes on with them.
    End,
    /// Other nodes may have gone on with them, and so may this one.
    GoOn,
}

/// A limit at which a recording ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The bytes of one recording.
    TooLong,
    /// What all recordings in a folder may take.
    NoSpace,
}

/// Has the rules end a recording, on all nodes.
pub type Stop = Box<dyn Fn(RecordingId, Limit) + Send>;

/// The name of a service in the log, and what its trouble with recordings is called in `/readyz`.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// The service.
    pub name: &'static str,
    /// Where its remarks go.
    pub remarks: &'static str,
}

/// The recordings of a service: who writes them, and what is known of them.
pub struct Recordings {
    /// Takes what is to be written.
    pub recorder: Recorder,
    /// What there is.
    pub catalogue: Arc<Catalogue>,
}

/// Looks at the recordings that are there and starts to write; a folder that cannot be used is said, and looked at again
/// with each line.
pub fn start(
    service: Service,
    folder: &Path,
    config: &Config,
    unfinished: Unfinished,
    stop: Stop,
    reports: Reports,
    context: &Context,
) -> Recordings {
    let catalogue = Arc::new(Catalogue::new(folder));
    let (recorder, steps) = recorder::queue(service.name);
    let mut writer = writer::Writer::new(service, config, Arc::clone(&catalogue), stop, reports, context);
    writer.take_stock(unfinished);
    let thread = tokio::task::spawn_blocking(move || writer.run(&steps));
    // A process that stops waits for what is being written.
    context.spawn(async move {
        let _ = thread.await;
    });
    Recordings { recorder, catalogue }
}
