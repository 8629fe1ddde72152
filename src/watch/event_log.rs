//! The event log on disk: a line a note, put aside when it has grown.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::value::RawValue;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tracing::error;

use crate::logging::clean_json;
use crate::private;
use crate::runtime::Context;

/// Notes that may wait for the disk; more are counted and lost, for no room waits for its log.
const MAX_WAITING: usize = 10_000;

/// Notes written at once.
const BATCH: usize = 256;

/// How large a log may grow, and how many are kept.
#[derive(Debug, Clone, Copy)]
pub struct Rotation {
    /// Bytes of one file.
    pub max_bytes: u64,
    /// Files kept beside the current one.
    pub n_kept: u32,
}

/// A log that is being written.
struct EventLog {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    n_bytes: u64,
}

/// Opens a log and writes down all notes that are sent, until no more can come.
///
/// # Errors
/// The file cannot be opened.
pub fn start(path: &Path, rotation: Rotation, context: &Context) -> Result<mpsc::Sender<Box<RawValue>>> {
    let file = private::append_to(path).with_context(|| format!("[watch] event_log = {}", path.display()))?;
    (1..=rotation.n_kept).for_each(|n| private::tighten(&aside(path, n)));
    let n_bytes = file.metadata().map_or(0, |metadata| metadata.len());
    let log = EventLog { path: path.to_owned(), rotation, file: File::from_std(file), n_bytes };
    let (notes, written) = mpsc::channel(MAX_WAITING);
    context.spawn(log.run(written));
    Ok(notes)
}

impl EventLog {
    async fn run(mut self, mut notes: mpsc::Receiver<Box<RawValue>>) {
        let mut batch = Vec::with_capacity(BATCH);
        while notes.recv_many(&mut batch, BATCH).await > 0 {
            let lines: String = batch.drain(..).map(|note| clean_json(note.get()) + "\n").collect();
            if let Err(problem) = self.write(lines.as_bytes()).await {
                error!(path = %self.path.display(), %problem, "lines of the event log are lost");
            }
        }
    }

    async fn write(&mut self, lines: &[u8]) -> std::io::Result<()> {
        if self.n_bytes > 0 && self.n_bytes + lines.len() as u64 > self.rotation.max_bytes {
            self.put_aside().await?;
        }
        self.file.write_all(lines).await?;
        self.file.flush().await?;
        self.n_bytes += lines.len() as u64;
        Ok(())
    }

    /// `log` becomes `log.1`, that becomes `log.2`, and so on; the last one goes.
    async fn put_aside(&mut self) -> std::io::Result<()> {
        let aside = |n: u32| aside(&self.path, n);
        if self.rotation.n_kept == 0 {
            fs::remove_file(&self.path).await?;
        }
        for n in (0..self.rotation.n_kept).rev() {
            let from = if n == 0 { self.path.clone() } else { aside(n) };
            if fs::try_exists(&from).await? {
                fs::rename(from, aside(n + 1)).await?;
            }
        }
        let path = self.path.clone();
        let opened = tokio::task::spawn_blocking(move || private::append_to(&path)).await;
        self.file = File::from_std(opened.map_err(std::io::Error::other)??);
        self.n_bytes = 0;
        Ok(())
    }
}

/// The name of a log that was put aside so many times.
fn aside(path: &Path, n: u32) -> PathBuf {
    PathBuf::from(format!("{}.{n}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{Clock, Config};

    #[tokio::test]
    async fn a_log_that_has_grown_is_put_aside_and_so_many_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        for n in 0..5 {
            let context = Context::new(Clock::start(), &Config::default());
            let notes = start(&path, Rotation { max_bytes: 20, n_kept: 2 }, &context).unwrap();
            let line = RawValue::from_string(format!("{{\"note\":{n},\"x\":1}}")).unwrap();
            notes.send(line).await.unwrap();
            drop(notes);
            context.stop();
            context.stopped().await;
        }
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        assert_eq!(read("events.jsonl"), "{\"note\":4,\"x\":1}\n");
        assert_eq!(read("events.jsonl.1"), "{\"note\":3,\"x\":1}\n");
        assert_eq!(read("events.jsonl.2"), "{\"note\":2,\"x\":1}\n");
        assert_eq!(read("events.jsonl.3"), "");
    }
}
