//! The thread that writes a recording.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tracing::{info, warn};

use super::cue::CueSheet;
use super::shelf::{Shelf, save};
use super::{Recorded, Show, extension, names};
use crate::audio::stream_decoder::StreamKind;
use crate::radio::library::track::Track;
use crate::recordings::RecordingId;
use crate::time::Timestamp;
use crate::{private, random};

/// Pieces that may wait for the disk, of up to 8 KiB: a minute of what sources send.
const MAX_QUEUED_PIECES: usize = 512;

/// What was written is brought to the disk this often: no more is lost if the machine fails.
const SYNC_INTERVAL: Duration = Duration::from_secs(5);

/// Recordings that may begin in one second under one name.
const MAX_OF_ONE_NAME: usize = 100;

/// What is written.
#[derive(Debug)]
pub enum Piece {
    /// Bytes of the source, and the seconds of sound before them.
    Audio(Bytes, f64),
    /// A title, and the seconds before it.
    Title(Arc<Track>, f64),
    /// The seconds of all.
    End(f64),
}

/// Records one show.
struct Writer {
    shelf: Arc<Shelf>,
    show: Show,
    kind: StreamKind,
}

/// The files of a recording.
struct Files {
    base: String,
    sidecar: PathBuf,
    sound: File,
    cue: File,
    sheet: CueSheet,
    recorded: Recorded,
    is_unsynced: bool,
}

/// Why a recording ends before its show.
enum End {
    /// The disk says so.
    Disk(io::Error),
    /// A limit, by its key in the configuration.
    Limit(&'static str),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// Starts to record a show; `None`, and a line in the log, if that cannot be.
pub fn start(shelf: &Arc<Shelf>, show: &Show, kind: StreamKind) -> Option<SyncSender<Piece>> {
    let (pieces, queued) = sync_channel(MAX_QUEUED_PIECES);
    let writer = Writer { shelf: Arc::clone(shelf), show: show.clone(), kind };
    // A process that stops waits for what is being written.
    let token = shelf.context.token();
    let run = move || {
        writer.run(&queued);
        drop(token);
    };
    let name = format!("recording {}", show.route);
    match thread::Builder::new().name(name).spawn(run) {
        Ok(_) => Some(pieces),
        Err(error) => {
            warn!(route = show.route, %error, "a show cannot be recorded: no thread");
            None
        }
    }
}

impl Writer {
    /// Writes until the show ends, or the disk or a limit ends the recording.
    fn run(self, pieces: &Receiver<Piece>) {
        let route = &self.show.route;
        let mut files = match self.create() {
            Ok(files) => files,
            Err(end) => return end.tell(route, "a show is not recorded"),
        };
        info!(route, file = files.recorded.file, "a show is recorded");
        let end = self.write(&mut files, pieces);
        let finished = self.finish(&mut files);
        if let Some(end) = end.err().or(finished.err()) {
            end.tell(route, "a recording has ended before its show");
        }
        let Recorded { file, n_bytes, seconds, .. } = &files.recorded;
        info!(route, file, n_bytes, seconds, "a recording has ended");
    }

    fn create(&self) -> Result<Files, End> {
        let folder = self.shelf.folder(&self.show.route);
        private::make_folder(&folder)?;
        self.check(&folder, 0)?;
        let wall = self.shelf.context.clock.wall();
        let moment = jiff::Timestamp::from_millisecond(wall.as_millis().cast_signed()).unwrap_or_default();
        let local = self.show.zone.to_datetime(moment);
        let Show { route, title, dj, .. } = &self.show;
        for number in 1..=MAX_OF_ONE_NAME {
            let base = names::base(local, title, number);
            let recorded = Recorded {
                version: Recorded::VERSION,
                id: RecordingId::drawn(&random::bytes()),
                route: route.clone(),
                file: format!("{base}.{}", extension(self.kind)),
                title: title.clone(),
                dj: dj.clone(),
                started_at: wall.as_millis(),
                seconds: 0.0,
                n_bytes: 0,
                is_finished: false,
            };
            if !self.shelf.reserve(&base, recorded.clone()) {
                continue;
            }
            match Files::create(&folder, base.clone(), recorded, dj.as_deref().unwrap_or_default()) {
                Ok(files) => return Ok(files),
                Err(error) => {
                    self.shelf.note(route, &base, None);
                    if error.kind() != ErrorKind::AlreadyExists {
                        return Err(error.into());
                    }
                }
            }
        }
        Err(io::Error::from(ErrorKind::AlreadyExists).into())
    }

    fn write(&self, files: &mut Files, pieces: &Receiver<Piece>) -> Result<(), End> {
        let clock = self.shelf.context.clock;
        let mut synced_at = clock.now();
        loop {
            match pieces.recv_timeout(SYNC_INTERVAL) {
                Ok(Piece::Audio(audio, seconds)) => {
                    let n_bytes = files.recorded.n_bytes + audio.len() as u64;
                    if n_bytes > self.shelf.limits.max_recording_bytes {
                        return Err(End::Limit("radio.recording_max_bytes"));
                    }
                    files.sound.write_all(&audio)?;
                    files.recorded.n_bytes = n_bytes;
                    files.recorded.seconds = seconds;
                    files.is_unsynced = true;
                }
                Ok(Piece::Title(track, seconds)) => {
                    if let Some(lines) = files.sheet.track(&track.title, &track.artist, seconds) {
                        files.cue.write_all(lines.as_bytes())?;
                    }
                }
                Ok(Piece::End(seconds)) => files.recorded.seconds = seconds,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if clock.now().since(synced_at) >= SYNC_INTERVAL {
                synced_at = clock.now();
                if std::mem::take(&mut files.is_unsynced) {
                    self.sync(files)?;
                    self.check(&files.sidecar, files.recorded.n_bytes)?;
                }
            }
        }
    }

    /// Brings what was written to the disk, and takes note of it.
    fn sync(&self, files: &Files) -> Result<(), End> {
        files.sound.sync_data()?;
        files.cue.sync_data()?;
        self.shelf.note(&self.show.route, &files.base, Some(files.recorded.clone()));
        save(&files.sidecar, &files.recorded)?;
        Ok(())
    }

    /// Whether there is room for more than a recording has.
    fn check(&self, path: &Path, n_bytes: u64) -> Result<(), End> {
        let limits = &self.shelf.limits;
        let (n_recordings, all_bytes) = self.shelf.size();
        if n_bytes == 0 && n_recordings >= limits.max_recordings {
            return Err(End::Limit("radio.max_recordings"));
        }
        if all_bytes >= limits.max_bytes {
            return Err(End::Limit("radio.recordings_max_bytes"));
        }
        let disk = rustix::fs::statvfs(path).map_err(io::Error::from)?;
        let is_full = disk.f_bavail.saturating_mul(disk.f_frsize) < limits.min_free_bytes;
        if is_full { Err(End::Limit("radio.recordings_min_free_bytes")) } else { Ok(()) }
    }

    fn finish(&self, files: &mut Files) -> Result<(), End> {
        files.recorded.is_finished = true;
        // A disk that was full took a part of what came last.
        files.recorded.n_bytes = files.sound.metadata()?.len();
        // Listeners may have it even if the disk takes no more.
        self.shelf.note(&self.show.route, &files.base, Some(files.recorded.clone()));
        self.sync(files)
    }
}

impl Files {
    fn create(folder: &Path, base: String, recorded: Recorded, performer: &str) -> io::Result<Self> {
        let new = || {
            let mut options = OpenOptions::new();
            options.create_new(true).append(true);
            options
        };
        let sidecar = folder.join(format!("{base}.json"));
        let text = serde_json::to_string(&recorded)?;
        private::open(&sidecar, &mut new())?.write_all(text.as_bytes())?;
        let others = || -> io::Result<(File, File)> {
            let sound = private::open(&folder.join(&recorded.file), &mut new())?;
            let mut cue = private::open(&folder.join(format!("{base}.cue")), &mut new())?;
            let date = Timestamp::from_millis(recorded.started_at).to_string();
            cue.write_all(CueSheet::head(&recorded.file, &recorded.title, performer, &date).as_bytes())?;
            File::open(folder)?.sync_all()?;
            Ok((sound, cue))
        };
        // Somebody else's file of that name stays, and this one is called otherwise.
        let (sound, cue) = others().inspect_err(|_| drop(fs::remove_file(&sidecar)))?;
        Ok(Self { base, sidecar, sound, cue, sheet: CueSheet::default(), recorded, is_unsynced: false })
    }
}

impl End {
    fn tell(&self, route: &str, what: &'static str) {
        match self {
            Self::Disk(error) => warn!(route, %error, "{what}: the disk does not take it"),
            Self::Limit(key) => warn!(route, limit = key, "{what}: a limit is reached"),
        }
    }
}
