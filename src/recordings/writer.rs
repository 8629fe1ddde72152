//! The thread that writes recordings down, deletes them when their time is over, and bears a disk that fails.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, error, info, warn};

use super::catalogue::{Catalogue, Known};
use super::files;
use super::format::Header;
use super::names::{Owner, RecordingId};
use super::recorder::{Steps, count_lost};
use super::{Config, Limit, RECORDED_LINES, Service, Stop, Unfinished, erase};
use crate::control::{Executed, Reports};
use crate::effect::{Erasure, RecordingLine, RecordingStep};
use crate::private;
use crate::runtime::Context;

/// Recordings whose time is over are looked for this often.
const CLEAN_EVERY: Duration = Duration::from_mins(1);

/// Recordings of which is remembered that they were deleted or have reached a limit, so that a room that goes on does not
/// begin them anew, nor go on with them.
const MAX_REMEMBERED: usize = 1_000;

/// What `/readyz` says of a disk that fails.
const REMARK: &str = "recordings cannot be written: what happens in rooms is not recorded";

/// Why a line is in no recording.
enum Lost {
    /// There is no more room, by a limit of the configuration.
    Full(Limit),
    /// The recording has reached a limit before, and its room has yet to hear of it.
    Over,
    /// The recording was deleted.
    Deleted,
    /// The disk does not take it.
    Disk(io::Error),
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// Writes the recordings of a service.
pub struct Writer {
    service: Service,
    config: Config,
    catalogue: Arc<Catalogue>,
    stop: Stop,
    reports: Reports,
    executed: Executed,
    context: Context,
    deleted: Remembered,
    /// Those whose rooms were told that they have reached a limit, until their last line comes.
    stopped: Remembered,
    /// The file of the line before, while a batch lasts.
    current: Option<(RecordingId, File)>,
    is_failing: bool,
    is_full: bool,
}

impl Writer {
    /// Writes nothing yet.
    pub fn new(
        service: Service,
        config: &Config,
        catalogue: Arc<Catalogue>,
        stop: Stop,
        reports: Reports,
        context: &Context,
    ) -> Self {
        let executed = catalogue.folder().join(format!("{}.erasures", service.name));
        Self {
            service,
            config: config.clone(),
            catalogue,
            stop,
            reports,
            executed: Executed::open(&executed),
            context: context.clone(),
            deleted: Remembered::default(),
            stopped: Remembered::default(),
            current: None,
            is_failing: false,
            is_full: false,
        }
    }

    /// Looks at the recordings that are there.
    pub fn take_stock(&mut self, unfinished: Unfinished) {
        match self.look(unfinished) {
            Ok(()) => self.clean(),
            Err(failure) => self.failed(&failure),
        }
    }

    fn look(&self, unfinished: Unfinished) -> io::Result<()> {
        private::make_folder(self.catalogue.folder())?;
        for entry in self.catalogue.folder().read_dir()? {
            let path = entry?.path();
            if files::id_of(&path).is_none() {
                continue;
            }
            match files::look(&path, self.service.name, unfinished) {
                Ok(Some(known)) => self.catalogue.put(known),
                Ok(None) => debug!(path = %path.display(), "no recording of this service"),
                Err(failure) => {
                    warn!(service = self.service.name, path = %path.display(), %failure, "a recording cannot be read: left out");
                }
            }
        }
        Ok(())
    }

    /// Writes until nothing more can come.
    pub fn run(mut self, steps: &Steps) {
        let mut batch = Vec::new();
        let mut cleaned_at = self.context.clock.now();
        while steps.next(&mut batch, CLEAN_EVERY) {
            for step in batch.drain(..) {
                self.perform(step);
            }
            self.current = None;
            let now = self.context.clock.now();
            if now.since(cleaned_at) >= CLEAN_EVERY {
                cleaned_at = now;
                self.clean();
            }
        }
    }

    fn perform(&mut self, step: RecordingStep) {
        let line = match step {
            RecordingStep::Write(line) => line,
            RecordingStep::Delete { id, owner } => {
                if let (Some(id), Some(owner)) = (RecordingId::read(&id), Owner::from_hex(&owner)) {
                    self.delete(id, owner);
                }
                return;
            }
            RecordingStep::Forget(erasure) => return self.forget_person(&erasure),
        };
        match self.write(&line) {
            Ok(()) => self.works(),
            Err(Lost::Full(limit)) => {
                self.reached(limit, &line);
                count_lost(self.service.name, "limit");
            }
            Err(Lost::Over) => count_lost(self.service.name, "limit"),
            Err(Lost::Deleted) => count_lost(self.service.name, "deleted"),
            Err(Lost::Disk(failure)) => {
                self.current = None;
                self.failed(&failure);
                count_lost(self.service.name, "disk");
            }
        }
    }

    /// A line would be over a limit: its recording ends here.
    fn reached(&mut self, limit: Limit, line: &RecordingLine) {
        if limit == Limit::NoSpace && !self.is_full {
            self.is_full = true;
            warn!(service = self.service.name, "[recordings] allows no more: what comes now is not recorded");
        }
        let Some(id) = RecordingId::read(&line.id) else { return };
        info!(service = self.service.name, recording = %id, ?limit, "a recording ends: it has reached a limit");
        self.stopped.add(id);
        (self.stop)(id, limit);
    }

    fn write(&mut self, line: &RecordingLine) -> Result<(), Lost> {
        let Some(id) = RecordingId::read(&line.id).filter(|id| !self.deleted.has(*id)) else {
            return Err(Lost::Deleted);
        };
        let known = self.catalogue.find(id);
        let is_over = self.stopped.has(id);
        if line.is_last {
            self.stopped.forget(id);
        }
        match known {
            Some(known) if !is_over || line.is_last => self.go_on(known, line),
            None if !is_over => self.begin(line),
            Some(_) | None => Err(Lost::Over),
        }
    }

    fn begin(&mut self, line: &RecordingLine) -> Result<(), Lost> {
        let Some(header) = Header::read(line.header.get().as_bytes()) else { return Err(Lost::Deleted) };
        let text = format!("{}\n{}\n", line.header.get(), line.text.get());
        let (n_recordings, all_bytes) = self.catalogue.size();
        let n_bytes = text.len() as u64;
        if n_recordings >= self.config.max_recordings || all_bytes + n_bytes > self.config.max_bytes {
            return Err(Lost::Full(Limit::NoSpace));
        }
        if n_bytes > self.config.max_recording_bytes {
            return Err(Lost::Full(Limit::TooLong));
        }
        let path = self.catalogue.path(header.id);
        private::make_folder(self.catalogue.folder())?;
        let mut file = private::open(&path, OpenOptions::new().create_new(true).append(true))?;
        if let Err(failure) = file.write_all(text.as_bytes()) {
            // Half a header would be in the way of the next try.
            let _ = fs::remove_file(&path);
            return Err(failure.into());
        }
        self.current = Some((header.id, file));
        self.catalogue.put(Known {
            header_bytes: line.header.get().len() as u64 + 1,
            header,
            n_bytes,
            next: next_after(line),
            seconds: line.seconds,
            is_running: !line.is_last,
        });
        Ok(())
    }

    fn go_on(&mut self, mut known: Known, line: &RecordingLine) -> Result<(), Lost> {
        if line.number < known.next {
            return Ok(());
        }
        let text = format!("{}\n", line.text.get());
        let n_bytes = known.n_bytes + text.len() as u64;
        known.is_running = !line.is_last;
        // An end is short, and says more than its bytes.
        let limit = if line.is_last {
            None
        } else if n_bytes > self.config.max_recording_bytes {
            Some(Limit::TooLong)
        } else {
            let all_bytes = self.catalogue.size().1 + text.len() as u64;
            (all_bytes > self.config.max_bytes).then_some(Limit::NoSpace)
        };
        if let Some(limit) = limit {
            self.catalogue.put(known);
            return Err(Lost::Full(limit));
        }
        let id = known.header.id;
        let file = match self.open(id, known.n_bytes) {
            Err(failure) if failure.kind() == io::ErrorKind::NotFound => {
                self.forget(id);
                return Err(Lost::Deleted);
            }
            opened => opened?,
        };
        if let Err(failure) = (&*file).write_all(text.as_bytes()) {
            // What follows must not stand behind half a line.
            let _ = file.set_len(known.n_bytes);
            return Err(failure.into());
        }
        known.n_bytes = n_bytes;
        known.next = next_after(line);
        known.seconds = line.seconds;
        self.catalogue.put(known);
        Ok(())
    }

    /// The file of a recording, which has so many bytes.
    fn open(&mut self, id: RecordingId, n_bytes: u64) -> io::Result<&File> {
        if self.current.as_ref().is_none_or(|(current, _)| *current != id) {
            let path = self.catalogue.path(id);
            let file = private::open(&path, OpenOptions::new().append(true))?;
            if file.metadata()?.len() != n_bytes {
                file.set_len(n_bytes)?;
            }
            self.current = Some((id, file));
        }
        let (_, file) = self.current.as_ref().expect("it was opened");
        Ok(file)
    }

    fn delete(&mut self, id: RecordingId, owner: Owner) {
        if self.catalogue.find(id).is_some_and(|known| known.header.owner != Some(owner)) {
            return;
        }
        self.forget(id);
        self.remove_file(id);
    }

    /// Takes note that a recording is no more.
    fn forget(&mut self, id: RecordingId) {
        self.current = None;
        self.catalogue.remove(id);
        self.deleted.add(id);
    }

    fn remove_file(&self, id: RecordingId) {
        match fs::remove_file(self.catalogue.path(id)) {
            Err(failure) if failure.kind() != io::ErrorKind::NotFound => {
                error!(service = self.service.name, recording = %id, %failure, "a recording cannot be deleted");
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn forget_person(&mut self, erasure: &Erasure) {
        if erasure.is_late && self.executed.has(erasure.at) {
            return;
        }
        let outcome = self.take_out(&erasure.name);
        if outcome.is_ok() {
            self.executed.add(erasure.at);
        }
        let outcome = outcome.map_err(|failure| failure.to_string());
        self.reports.tell(&erasure.name, RECORDED_LINES, outcome);
    }

    /// Takes a person out of all recordings; gives the number of lines.
    fn take_out(&mut self, name: &str) -> io::Result<u64> {
        // Who goes on with one opens it anew.
        self.current = None;
        let mut n_lines = 0;
        for mut known in self.catalogue.all() {
            let path = self.catalogue.path(known.header.id);
            // What may be half a line stays out.
            let Some((n, n_bytes)) = erase::from_file(&path, known.n_bytes, name)? else { continue };
            known.n_bytes = n_bytes;
            self.catalogue.put(known);
            n_lines += n;
        }
        Ok(n_lines)
    }

    /// Deletes recordings whose time is over.
    fn clean(&mut self) {
        if self.config.kept.is_zero() {
            return;
        }
        let wall_ms = self.context.clock.wall().earlier(self.config.kept).as_millis();
        for id in self.catalogue.older_than(wall_ms) {
            info!(service = self.service.name, recording = %id, "a recording is deleted: its time is over");
            self.forget(id);
            self.remove_file(id);
        }
    }

    fn works(&mut self) {
        self.is_full = false;
        if self.is_failing {
            self.is_failing = false;
            info!(service = self.service.name, "recordings are written again");
            self.context.remark(self.service.remarks, None);
        }
    }

    fn failed(&mut self, failure: &io::Error) {
        if !self.is_failing {
            self.is_failing = true;
            let folder = self.catalogue.folder().display();
            error!(service = self.service.name, %folder, %failure, "recordings cannot be written: rooms go on without");
            self.context.remark(self.service.remarks, Some(REMARK));
        }
    }
}

/// The latest of some recordings.
#[derive(Default)]
struct Remembered(VecDeque<RecordingId>);

impl Remembered {
    fn add(&mut self, id: RecordingId) {
        if self.has(id) {
            return;
        }
        if self.0.len() >= MAX_REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(id);
    }

    fn has(&self, id: RecordingId) -> bool {
        self.0.contains(&id)
    }

    fn forget(&mut self, id: RecordingId) {
        self.0.retain(|other| *other != id);
    }
}

/// The number of the line that may follow; nothing follows the last one.
fn next_after(line: &RecordingLine) -> u64 {
    if line.is_last { u64::MAX } else { line.number.saturating_add(1) }
}
