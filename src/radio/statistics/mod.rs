//! Statistics: tracks that were played and to how many, sessions of listeners, and the most that ever listened.
//!
//! ```text
//! headcount, listeners --entries--> thread: tags of files, database
//! ```
//! Nobody waits for the thread: entries that find its queue full are dropped and counted.

mod csv;
mod database;
mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

pub use report::Reports;

use database::Database;

use super::library::track::Track;
use super::output::addresses::Origin;
use super::{Config, player_family};
use crate::audio::track_info::album_and_isrc;
use crate::runtime::{Clock, Context};
use crate::time::Timestamp;

/// Entries that are written in one transaction.
const BATCH: usize = 500;

/// Entries wait for others to be written with for so long.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// Old rows are looked for this often…
const PRUNE_INTERVAL: Duration = Duration::from_mins(10);

/// …and deleted so many at a time, between which others are written.
const PRUNED_ROWS: usize = 1000;

/// What is written down.
#[derive(Debug)]
pub enum Entry {
    /// A track has ended.
    Play(Play),
    /// A listener has gone.
    Session(Session),
    /// More listen to a station than ever.
    Peak(Arc<str>, usize, Timestamp),
    /// Nothing comes any more.
    End,
}

/// A track that was played.
#[derive(Debug, Clone)]
pub struct Play {
    /// The station.
    pub route: Arc<str>,
    /// What was played.
    pub track: Arc<Track>,
    /// Where it came from: `folder`, `jingle`, `live` or `relay`.
    pub kind: &'static str,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it was.
    pub seconds: f64,
    /// The listeners when it began, when it ended, and the most in between.
    pub listeners: [usize; 3],
    /// Seconds of all listeners together.
    pub listener_seconds: u64,
}

/// The time that a listener has listened.
#[derive(Debug, Clone)]
pub struct Session {
    /// The station that it heard last.
    pub route: Arc<str>,
    /// The path of the stream that it heard last.
    pub path: Arc<str>,
    /// Where it is from.
    pub origin: Origin,
    /// What its player called itself.
    pub player: Box<str>,
    /// When it came.
    pub joined_at: Timestamp,
    /// How long it stayed.
    pub seconds: f64,
    /// Bytes of sound that it was sent.
    pub n_bytes: u64,
}

/// Where entries go.
#[derive(Debug, Clone)]
pub struct Ledger {
    entries: SyncSender<Entry>,
}

impl Ledger {
    /// Has an entry written, unless too many wait.
    pub fn enter(&self, entry: Entry) {
        if self.entries.try_send(entry).is_err() {
            metrics::counter!("roomhub_radio_statistics_dropped_total").increment(1);
        }
    }
}

/// What is kept, and where more goes.
pub struct Statistics {
    /// Where entries go.
    pub ledger: Ledger,
    /// The most that ever listened, by route.
    pub peaks: BTreeMap<String, usize>,
}

/// The database in a data directory.
fn file(config: &Config) -> PathBuf {
    Path::new(&config.data_dir).join("radio.statistics.db")
}

/// Opens the database and starts its thread, if statistics are kept.
///
/// # Errors
/// The database cannot be opened.
pub fn start(config: &Config, context: &Context) -> Result<Option<Statistics>> {
    if !config.statistics {
        return Ok(None);
    }
    let path = file(config);
    let database = Database::open(&path).with_context(|| path.display().to_string())?;
    let peaks = database.peaks()?;
    let (entries, queued) = sync_channel(config.statistics_max_queued);
    let writer = Writer {
        database,
        max_age: config.statistics_max_age,
        max_rows: config.statistics_max_rows,
        clock: context.clock,
        pruned_at: None,
        is_failing: false,
    };
    context.spawn(async move {
        // A thread that panics loses statistics, and nothing else.
        let _ = spawn_blocking(move || writer.run(&queued)).await;
    });
    Ok(Some(Statistics { ledger: Ledger { entries }, peaks }))
}

struct Writer {
    database: Database,
    max_age: Duration,
    max_rows: u64,
    clock: Clock,
    /// When old rows were last looked for; `None` while there may be more.
    pruned_at: Option<Timestamp>,
    is_failing: bool,
}

impl Writer {
    fn run(mut self, queued: &Receiver<Entry>) {
        loop {
            let (entries, is_over) = next_batch(queued);
            if !entries.is_empty() {
                let written = self.write(entries);
                self.tell(&written);
            }
            if is_over {
                return;
            }
            let now = self.clock.now();
            if self.pruned_at.is_none_or(|pruned_at| now.since(pruned_at) >= PRUNE_INTERVAL) {
                let before = self.clock.wall().earlier(self.max_age);
                let pruned = self.database.prune(before, self.max_rows, PRUNED_ROWS);
                self.pruned_at = if matches!(pruned, Ok(n) if n > 0) { None } else { Some(now) };
                self.tell(&pruned.map(drop));
            }
        }
    }

    fn write(&mut self, entries: Vec<Entry>) -> rusqlite::Result<()> {
        let offset = self.clock.offset();
        let mut batch = self.database.batch()?;
        for entry in entries {
            match entry {
                Entry::Play(play) => {
                    let path = play.track.path.as_deref();
                    let (album, isrc) = path.and_then(|path| album_and_isrc(path).ok()).unwrap_or_default();
                    batch.add_play(&play, offset.wall(play.started_at), [&album, &isrc])?;
                }
                Entry::Session(session) => {
                    let family = player_family::of(&session.player);
                    batch.add_session(&session, offset.wall(session.joined_at), &family)?;
                }
                Entry::Peak(route, n_listeners, at) => {
                    batch.set_peak(&route, n_listeners, offset.wall(at))?;
                }
                Entry::End => {}
            }
        }
        batch.commit()
    }

    /// Says once that nothing is written, and once that it is again.
    fn tell(&mut self, result: &rusqlite::Result<()>) {
        match (result, self.is_failing) {
            (Err(error), false) => warn!(%error, "statistics of radio are lost: they cannot be written"),
            (Ok(()), true) => info!("statistics of radio are written again"),
            (Err(_), true) | (Ok(()), false) => {}
        }
        self.is_failing = result.is_err();
    }
}

/// The entries of about a second, and whether they were the last.
fn next_batch(queued: &Receiver<Entry>) -> (Vec<Entry>, bool) {
    let mut entries = Vec::new();
    let is_over = loop {
        match queued.recv_timeout(WRITE_INTERVAL) {
            Ok(Entry::End) | Err(RecvTimeoutError::Disconnected) => break true,
            Ok(entry) => entries.push(entry),
            Err(RecvTimeoutError::Timeout) => break false,
        }
        if entries.len() == BATCH {
            break false;
        }
    };
    (entries, is_over)
}
