//! The spool's thread: gathers, writes, syncs, says so; allocates ahead, and deletes what has been drained.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tracing::{error, info, warn};

use super::recovery::{self, Recovered};
use super::segment::{self, Folder, Position};
use super::{Limits, Shared, load_cursor};
use crate::devices::directory::Directory;
use crate::devices::record::Record;

/// A disk that fails is tried again after this pause.
const RETRY: Duration = Duration::from_millis(100);

/// What has been drained meanwhile is looked for this often when nothing is written.
const IDLE: Duration = Duration::from_millis(500);

/// Buffers that have grown beyond this are given back.
const KEPT_BYTES: usize = 1024 * 1024;

/// The segment that is written to, and one that lies ready.
pub struct Writer {
    folder: Folder,
    limits: Limits,
    number: u64,
    file: File,
    offset: u64,
    /// Whether a write or a sync has failed: the kernel may have dropped what it had not written, and says so once.
    is_suspect: bool,
    /// Allocated and empty, so that the disk cannot be full when the present one is.
    spare: Option<(u64, File)>,
    /// Whether the disk had no room for one.
    is_cramped: bool,
    first: u64,
}

impl Writer {
    /// Mends the folder and stands behind its last record.
    pub fn recover(folder: &Path, limits: Limits, directory: &mut Directory) -> Result<(Self, Recovered)> {
        let recovered = recovery::recover(folder, load_cursor(folder), directory)?;
        let first = recovered.first_segment;
        let number = recovered.next_segment;
        let folder =
            Folder::open(folder).with_context(|| format!("{}: cannot be opened", folder.display()))?;
        let file = folder
            .create(number, limits.segment_bytes)
            .with_context(|| format!("{}: no room for the spool's first segment", folder.path().display()))?;
        let mut writer = Self {
            folder,
            limits,
            number,
            file,
            offset: 0,
            is_suspect: false,
            spare: None,
            is_cramped: false,
            first,
        };
        writer.make_spare();
        Ok((writer, recovered))
    }

    /// Where the next record begins.
    pub fn end(&self) -> Position {
        Position { segment: self.number, offset: self.offset }
    }

    /// Bytes that can be written for sure.
    pub fn free_bytes(&self) -> u64 {
        let spare = if self.spare.is_some() { self.limits.segment_bytes } else { 0 };
        (self.limits.segment_bytes.saturating_sub(self.offset) + spare)
            .saturating_sub(self.limits.segment_bytes / 16)
    }

    /// Bytes of all segments.
    pub fn used_bytes(&self) -> u64 {
        (self.number - self.first + 1 + u64::from(self.spare.is_some())) * self.limits.segment_bytes
    }

    /// Writes until the spool is closed and everything is on disk.
    pub fn run(mut self, shared: &Shared, mut directory: Directory) {
        let (mut bytes, mut ends, mut of_directory) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let mut pending = shared.pending.lock();
            if pending.bytes.is_empty() && !pending.is_closed {
                shared.wake.wait_for(&mut pending, IDLE);
            }
            let is_over = pending.is_closed && pending.bytes.is_empty();
            std::mem::swap(&mut bytes, &mut pending.bytes);
            std::mem::swap(&mut ends, &mut pending.ends);
            of_directory.append(&mut pending.for_directory);
            let last = pending.last;
            drop(pending);
            if is_over && of_directory.is_empty() {
                return;
            }
            if !bytes.is_empty() {
                self.write_for_sure(&bytes, &ends, shared);
                // Counted before they can be drained.
                shared.backlog.fetch_add(ends.len() as u64, Ordering::Relaxed);
                *shared.end.lock() = self.end();
                shared.written.send_replace(last);
            }
            self.tell_directory(&mut directory, &mut of_directory, last, shared);
            if is_over {
                return;
            }
            if of_directory.is_empty() {
                self.delete_drained(shared.drained_segment.load(Ordering::Relaxed));
            }
            if self.spare.is_none() {
                self.make_spare();
            }
            bytes.clear();
            ends.clear();
            bytes.shrink_to(KEPT_BYTES);
            let promised = shared.pending.lock();
            shared
                .free_bytes
                .store(self.free_bytes().saturating_sub(promised.bytes.len() as u64), Ordering::Relaxed);
            drop(promised);
            shared.used_bytes.store(self.used_bytes(), Ordering::Relaxed);
        }
    }

    /// Tells lookups of what is on disk; what they cannot take now, they are told later.
    fn tell_directory(
        &self,
        directory: &mut Directory,
        records: &mut Vec<Record>,
        last: u64,
        shared: &Shared,
    ) {
        if !records.is_empty() {
            if let Err(problem) = directory.apply(records, self.end(), last) {
                if !shared.directory_is_failing.swap(true, Ordering::Relaxed) {
                    error!(%problem, "the directory of rooms and devices cannot be written; look at its disk");
                }
                std::thread::sleep(RETRY);
                return;
            }
            records.clear();
            shared.directory_is_failing.store(false, Ordering::Relaxed);
        }
        shared.known.store(last, Ordering::Release);
    }

    /// Writes until it has worked: nobody has been told of these records, and they are not given up.
    fn write_for_sure(&mut self, bytes: &[u8], ends: &[usize], shared: &Shared) {
        let mut start = 0;
        while start < bytes.len() {
            if self.is_suspect
                && let Err(problem) = self.leave_suspect()
            {
                self.pause(&problem, shared);
                continue;
            }
            let room = self.limits.segment_bytes.saturating_sub(self.offset);
            let fitting = ends.partition_point(|end| (end.saturating_sub(start)) as u64 <= room);
            let end = ends[..fitting].last().copied().filter(|end| *end > start);
            // A record larger than a segment gets one that grows.
            let end = end.or_else(|| {
                (self.offset == 0).then(|| *ends.iter().find(|end| **end > start).expect("records end"))
            });
            let outcome = match end {
                Some(end) => self.write(&bytes[start..end]).map(|()| start = end),
                None => self.rotate(),
            };
            if let Err(problem) = outcome {
                self.pause(&problem, shared);
            }
        }
        if shared.is_failing.swap(false, Ordering::Relaxed) {
            info!("the spool is written again");
        }
    }

    /// Says once what is wrong, and waits before the next attempt.
    fn pause(&self, problem: &io::Error, shared: &Shared) {
        if !shared.is_failing.swap(true, Ordering::Relaxed) {
            let folder = self.folder.path().display();
            error!(%problem, %folder, "the spool cannot be written; nothing is delivered until it can");
        }
        std::thread::sleep(RETRY);
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all_at(bytes, self.offset).and_then(|()| self.file.sync_data());
        let written = written.and_then(|()| self.check_place());
        self.is_suspect = written.is_err();
        written?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// What is written to a file that somebody has deleted is nowhere after the next start.
    fn check_place(&self) -> io::Result<()> {
        let is_deleted = self.file.metadata()?.nlink() == 0;
        if is_deleted { Err(io::Error::other("somebody has deleted a file of the spool")) } else { Ok(()) }
    }

    /// Goes on in a new file: a sync that works after one that failed tells nothing of what the failed one was to write.
    fn leave_suspect(&mut self) -> io::Result<()> {
        if self.offset == 0 {
            self.file = self.folder.create(self.number, self.limits.segment_bytes)?;
        } else {
            // Whoever reads goes on in the next segment, where these records are written again.
            self.file.set_len(self.offset)?;
            self.rotate()?;
        }
        self.is_suspect = false;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let (number, file) = match self.spare.take() {
            Some(spare) => spare,
            None => (self.number + 1, self.folder.create(self.number + 1, self.limits.segment_bytes)?),
        };
        self.number = number;
        self.file = file;
        self.offset = 0;
        Ok(())
    }

    /// Allocates the next segment, as far as the limit and the disk allow.
    fn make_spare(&mut self) {
        if self.used_bytes() + self.limits.segment_bytes > self.limits.max_bytes {
            return;
        }
        match self.folder.create(self.number + 1, self.limits.segment_bytes) {
            Ok(file) => {
                self.spare = Some((self.number + 1, file));
                self.is_cramped = false;
            }
            Err(problem) => {
                if !self.is_cramped {
                    warn!(%problem, "the spool's next segment cannot be made");
                }
                self.is_cramped = true;
            }
        }
    }

    fn delete_drained(&mut self, drained: u64) {
        while self.first < drained.min(self.number) {
            // It is drained; if it stays, the next start deletes it.
            let _ = fs::remove_file(segment::path(self.folder.path(), self.first));
            self.first += 1;
        }
    }
}
