//! The event log on disk: a line a note, put aside when it has grown.

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::time::interval;
use tracing::{debug, error};

use crate::control::{Executed, Reports};
use crate::effect::{Erasure, Note};
use crate::logging::clean_json;
use crate::private;
use crate::rooms::EVENT_LOG;
use crate::runtime::{Clock, Context};

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
    /// Older lines are taken out; 0 keeps them.
    pub max_age: Duration,
}

impl Rotation {
    /// How often old lines are looked for: they stay for a tenth of their time longer, within bounds.
    fn pause(self) -> Duration {
        (self.max_age / 10).clamp(Duration::from_secs(1), Duration::from_hours(1))
    }
}

/// A log that is being written.
struct EventLog {
    path: PathBuf,
    rotation: Rotation,
    reports: Reports,
    executed: Executed,
    clock: Clock,
    file: File,
    n_bytes: u64,
}

/// Opens a log and writes down all notes that are sent, until no more can come.
///
/// # Errors
/// The file cannot be opened.
pub fn start(
    path: &Path,
    rotation: Rotation,
    reports: Reports,
    context: &Context,
) -> Result<mpsc::Sender<Note>> {
    let file = private::append_to(path).with_context(|| format!("[watch] event_log = {}", path.display()))?;
    (1..=rotation.n_kept).for_each(|n| private::tighten(&aside(path, n)));
    let n_bytes = file.metadata().map_or(0, |metadata| metadata.len());
    let log = EventLog {
        path: path.to_owned(),
        rotation,
        reports,
        executed: Executed::open(&PathBuf::from(format!("{}.erasures", path.display()))),
        clock: context.clock,
        file: File::from_std(file),
        n_bytes,
    };
    let (notes, written) = mpsc::channel(MAX_WAITING);
    context.spawn(log.run(written));
    Ok(notes)
}

impl EventLog {
    async fn run(mut self, mut notes: mpsc::Receiver<Note>) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut due = interval(self.rotation.pause());
        loop {
            tokio::select! {
                biased;
                n = notes.recv_many(&mut batch, BATCH) => if n == 0 { return },
                _ = due.tick(), if !self.rotation.max_age.is_zero() => self.forget_old().await,
            }
            let mut lines = String::new();
            for note in batch.drain(..) {
                match note {
                    Note::Line(note) => lines += &(clean_json(note.get()) + "\n"),
                    Note::Forget(erasure) => {
                        self.write_all(&mem::take(&mut lines)).await;
                        self.forget(&erasure).await;
                    }
                }
            }
            self.write_all(&lines).await;
        }
    }

    async fn forget_old(&mut self) {
        let first = self.clock.wall().earlier(self.rotation.max_age).to_string();
        let is_old = move |line: &Value| line["time"].as_str().is_some_and(|time| time < &*first);
        match self.take_out(is_old).await {
            Ok(0) => {}
            Ok(n) => debug!(lines = n, "old lines of the event log were deleted"),
            Err(problem) => error!(path = %self.path.display(), %problem, "old lines of the event log stay"),
        }
    }

    async fn write_all(&mut self, lines: &str) {
        if lines.is_empty() {
            return;
        }
        if let Err(problem) = self.write(lines.as_bytes()).await {
            error!(path = %self.path.display(), %problem, "lines of the event log are lost");
        }
    }

    /// Makes the files anew without the lines of a person.
    async fn forget(&mut self, erasure: &Erasure) {
        if erasure.is_late && self.executed.has(erasure.at) {
            return;
        }
        let name = erasure.name.clone();
        let outcome = self.take_out(move |line| line["member"] == *name).await;
        if outcome.is_ok() {
            self.executed.add(erasure.at);
        }
        self.reports.tell(&erasure.name, EVENT_LOG, outcome.map_err(|problem| problem.to_string()));
    }

    /// Makes the files anew without some lines; gives their number.
    async fn take_out(&mut self, is_out: impl Fn(&Value) -> bool + Send + 'static) -> io::Result<u64> {
        let files = files(&self.path, self.rotation.n_kept);
        let own = self.path.clone();
        let erased = tokio::task::spawn_blocking(move || {
            let mut n_erased = 0;
            for path in &files {
                n_erased += take_out_of(path, &is_out)?;
            }
            let file = private::append_to(&own)?;
            let n_bytes = file.metadata()?.len();
            Ok::<_, io::Error>((n_erased, file, n_bytes))
        });
        let (n_erased, file, n_bytes) = erased.await.map_err(io::Error::other)??;
        (self.file, self.n_bytes) = (File::from_std(file), n_bytes);
        Ok(n_erased)
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

/// Makes a log anew without the lines of a person; gives their number.
pub fn erase_from(path: &Path, name: &str) -> io::Result<u64> {
    take_out_of(path, &|line| line["member"] == *name)
}

fn take_out_of(path: &Path, is_out: &dyn Fn(&Value) -> bool) -> io::Result<u64> {
    let fresh = PathBuf::from(format!("{}.unfinished", path.display()));
    let mut out = BufWriter::new(private::open(
        &fresh,
        std::fs::File::options().create(true).write(true).truncate(true),
    )?);
    let mut n_erased = 0;
    for line in BufReader::new(std::fs::File::open(path)?).split(b'\n') {
        let mut line = line?;
        if serde_json::from_slice::<Value>(&line).is_ok_and(|line| is_out(&line)) {
            n_erased += 1;
            continue;
        }
        line.push(b'\n');
        out.write_all(&line)?;
    }
    out.into_inner()?.sync_all()?;
    if n_erased == 0 {
        std::fs::remove_file(&fresh)?;
    } else {
        private::give_to_owner_of(path, &fresh);
        std::fs::rename(&fresh, path)?;
    }
    Ok(n_erased)
}

/// Every file of a log, as far as they are there.
pub fn files(path: &Path, n_kept: u32) -> Vec<PathBuf> {
    let asides = (1..=n_kept).map(|n| aside(path, n));
    asides.chain([path.to_owned()]).filter(|path| path.exists()).collect()
}

/// The name of a log that was put aside so many times.
fn aside(path: &Path, n: u32) -> PathBuf {
    PathBuf::from(format!("{}.{n}", path.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::runtime::Config;

    #[tokio::test]
    async fn lines_that_are_old_are_taken_out_of_all_files_and_what_follows_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let context = Context::new(Clock::start(), &Config::default());
        let (old, now) = ("2020-01-01T00:00:00.000Z", context.clock.wall().to_string());
        let line = |time: &str, member: &str| format!("{{\"time\":\"{time}\",\"member\":\"{member}\"}}\n");
        std::fs::write(&path, line(old, "Ann") + &line(&now, "Bob")).unwrap();
        std::fs::write(aside(&path, 1), line(old, "Ann")).unwrap();
        let rotation = Rotation { max_bytes: 1000, n_kept: 2, max_age: Duration::from_hours(24) };
        let notes = start(&path, rotation, Reports::default(), &context).unwrap();
        while std::fs::read_to_string(&path).unwrap().contains("Ann") {
            tokio::task::yield_now().await;
        }
        notes
            .send(Note::Line(RawValue::from_string(line(&now, "Cyd").trim().into()).unwrap()))
            .await
            .unwrap();
        drop(notes);
        context.stop();
        context.stopped().await;
        assert_eq!(std::fs::read_to_string(&path).unwrap(), line(&now, "Bob") + &line(&now, "Cyd"));
        assert_eq!(std::fs::read_to_string(aside(&path, 1)).unwrap(), "");
    }

    #[tokio::test]
    async fn a_log_that_has_grown_is_put_aside_and_so_many_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        for n in 0..5 {
            let context = Context::new(Clock::start(), &Config::default());
            let rotation = Rotation { max_bytes: 20, n_kept: 2, max_age: Duration::ZERO };
            let notes = start(&path, rotation, Reports::default(), &context).unwrap();
            let line = RawValue::from_string(format!("{{\"note\":{n},\"x\":1}}")).unwrap();
            notes.send(Note::Line(line)).await.unwrap();
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
