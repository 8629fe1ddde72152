//! What a crash left behind: a torn end is cut, a damaged record is set aside, everything else is as it was.

use std::collections::{HashSet, VecDeque};
use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use tracing::{error, warn};

use super::reader::Reader;
use super::segment::{self, Found, Position};
use crate::devices::directory::Directory;
use crate::devices::record::{Record, RecordId};
use crate::private;
use crate::time::Timestamp;

/// Damaged bytes are kept here, for whoever wants to look at them.
pub const QUARANTINE: &str = "damaged";

/// Records that the directory is told at once.
const BATCH: usize = 1000;

/// Records are revoked, if at all, before so many others follow: a batch of arrivals makes fewer.
const REVOCABLE: usize = 4096;

/// What was found at the start.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Records that have not been drained.
    pub n_records: u64,
    /// The oldest segment that is left.
    pub first_segment: u64,
    /// The number of the segment to begin.
    pub next_segment: u64,
    /// When the last of all records was made.
    pub last_at: Timestamp,
    /// Records that are not to be drained.
    pub revoked: HashSet<RecordId>,
}

/// Mends a folder, and tells the directory what it does not know yet.
pub fn recover(folder: &Path, cursor: Position, directory: &mut Directory) -> Result<Recovered> {
    let segments = segment::list(folder).with_context(|| format!("{}: cannot be read", folder.display()))?;
    let known = directory.position().context("the directory")?;
    let oldest = cursor.min(known).segment;
    for number in segments.iter().filter(|number| **number < oldest) {
        fs::remove_file(segment::path(folder, *number)).context("a segment that has been drained")?;
    }
    let left: Vec<u64> = segments.into_iter().filter(|number| *number >= oldest).collect();
    let mut last_used = None;
    for number in &left {
        let file = File::open(segment::path(folder, *number)).context("a segment of the spool")?;
        if segment::end_of_bytes(&file, 0)? > 0 {
            last_used = Some(*number);
        }
    }
    for number in &left {
        mend(folder, *number, last_used == Some(*number))
            .with_context(|| format!("segment {number} of the spool"))?;
    }
    let next_segment = left.last().map_or(cursor.segment, |last| (last + 1).max(cursor.segment));
    let mut recovered = Recovered {
        first_segment: left.first().copied().unwrap_or(next_segment),
        next_segment,
        ..Recovered::default()
    };
    let end = Position { segment: next_segment, offset: 0 };
    let mut reader = Reader::new(folder, Position { segment: recovered.first_segment, offset: 0 });
    let mut unknown = Vec::new();
    // The last records, and whether they will be drained: what was revoked is among them.
    let mut recent = VecDeque::with_capacity(REVOCABLE);
    loop {
        let at = reader.position();
        let Some((id, payload)) = reader.next(end)? else { break };
        recovered.n_records += u64::from(at >= cursor);
        let Ok(record) = Record::from_bytes(&payload) else { continue };
        // A write that failed may have come to the disk after all, before it was done again elsewhere.
        let is_repeated = record.is_waiting() && recent.iter().any(|(found, _)| *found == id);
        if recent.len() == REVOCABLE {
            recent.pop_front();
        }
        recent.push_back((id, at >= cursor));
        recovered.last_at = recovered.last_at.max(record.at());
        if let Record::Revoked { records, .. } = &record {
            let is_to_come = |id: &&RecordId| {
                recent
                    .iter()
                    .rev()
                    .find(|(recent, _)| recent == *id)
                    .is_some_and(|(_, is_to_come)| *is_to_come)
            };
            recovered.revoked.extend(records.iter().filter(is_to_come));
        }
        if at >= known && record.concerns_directory() && !is_repeated {
            unknown.push(record);
        }
        if unknown.len() == BATCH {
            directory.apply(&unknown, reader.position(), 0).context("the directory")?;
            unknown.clear();
        }
    }
    directory.apply(&unknown, end, 0).context("the directory")?;
    Ok(recovered)
}

/// Refuses what a newer version of this program has written and nobody has drained: this one could only lose it.
pub fn check_that_all_are_known(folder: &Path, cursor: Position) -> Result<()> {
    let segments = segment::list(folder).with_context(|| format!("{}: cannot be read", folder.display()))?;
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return Ok(()) };
    let start = cursor.max(Position { segment: *first, offset: 0 });
    let mut reader = Reader::new(folder, start);
    while let Some((id, payload)) = reader.next(Position { segment: last + 1, offset: 0 })? {
        if let Err(problem) = Record::from_bytes(&payload) {
            bail!(
                "{}: record {id} was written by a newer version ({problem}); start that version until the spool is \
                 empty. Nothing was changed",
                folder.display()
            );
        }
    }
    Ok(())
}

/// Cuts a torn end, and sets aside what is damaged between two records.
fn mend(folder: &Path, number: u64, is_last: bool) -> io::Result<()> {
    let path = segment::path(folder, number);
    let file = File::options().read(true).write(true).open(&path)?;
    let mut offset = 0;
    loop {
        match segment::read_at(&file, offset)? {
            Found::Record { next, .. } => offset = next,
            // A segment in use reaches on in zeros; a page that never came to the disk is zeros too.
            Found::Nothing | Found::Damage => {
                if segment::end_of_bytes(&file, offset)? == offset {
                    break;
                }
                let Some(next) = segment::next_record(&file, offset)? else { break };
                let kept = set_aside(folder, &file, number, offset, next)?;
                error!(segment = number, offset, bytes = next - offset, %kept, "damaged records were set aside; what follows them is whole");
                offset = next;
            }
        }
    }
    let end = segment::end_of_bytes(&file, offset)?;
    if end > offset && !is_last {
        let kept = set_aside(folder, &file, number, offset, end)?;
        error!(segment = number, offset, bytes = end - offset, %kept, "damaged records were set aside");
    } else if end > offset {
        let kept = set_aside(folder, &file, number, offset, end)?;
        warn!(segment = number, offset, bytes = end - offset, %kept, "a torn end was cut off: nobody had been told of it");
    }
    file.set_len(offset)?;
    file.sync_all()
}

fn set_aside(folder: &Path, file: &File, number: u64, start: u64, end: u64) -> io::Result<String> {
    use std::os::unix::fs::FileExt;
    let folder = folder.join(QUARANTINE);
    private::make_own_folder(&folder)?;
    let mut bytes = vec![0; usize::try_from(end - start).unwrap_or(0)];
    file.read_exact_at(&mut bytes, start)?;
    let path = folder.join(format!("{number:016}-{start}.bytes"));
    private::write(&path, &bytes)?;
    Ok(path.display().to_string())
}
