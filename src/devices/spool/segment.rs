//! A segment of the spool: records one behind the other in a file, and zeros up to its end.
//!
//! ```text
//! record = mark (4) · length of payload (4, little endian) · CRC32C of id and payload (4) · id (16) · payload
//! ```
//! Files are allocated ahead of what is written, so a full disk shows before a record is taken, not after.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

use crate::devices::record::RecordId;
use crate::private;

/// Begins every record; recovery looks for it behind a damaged one.
const MARK: [u8; 4] = *b"RHr\x01";

/// Bytes before a record's payload.
pub const HEAD_BYTES: usize = 12 + RecordId::BYTES;

/// The longest payload; a frame of 1 MiB, escaped, fits.
pub const MAX_PAYLOAD_BYTES: usize = 16 * 1024 * 1024;

/// A segment's file is called by its number.
const SUFFIX: &str = "segment";

/// A place in the spool.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Position {
    /// The segment's number.
    pub segment: u64,
    /// Bytes from its start.
    pub offset: u64,
}

/// A segment's file.
pub fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016}.{SUFFIX}"))
}

/// The numbers of a folder's segments, in order.
pub fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in folder.read_dir()? {
        let name = entry?.file_name();
        let number: Option<u64> =
            name.to_str().and_then(|name| name.strip_suffix(SUFFIX)?.strip_suffix('.')?.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// A folder of segments, held open: it is synced when no other file can be opened.
pub struct Folder {
    path: PathBuf,
    handle: File,
}

impl Folder {
    /// Opens a folder that is there.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), handle: File::open(path)? })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a file of zeros, whose space is its own. What an attempt before this one left under that number is taken over.
    pub fn create(&self, number: u64, bytes: u64) -> io::Result<File> {
        let path = path(&self.path, number);
        let mut options = OpenOptions::new();
        let file = private::open(&path, options.read(true).write(true).create(true).truncate(true))?;
        self.allocate(&file, bytes).inspect_err(|_| {
            // Where it cannot be removed it is taken over.
            let _ = std::fs::remove_file(&path);
        })?;
        Ok(file)
    }

    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        match fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => {}
            // A file system that cannot allocate ahead grows the file with each write.
            Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(bytes)?,
            Err(error) => return Err(error.into()),
        }
        file.sync_all()?;
        self.handle.sync_all()
    }
}

/// Writes a record's bytes behind `buffer`.
pub fn put(buffer: &mut Vec<u8>, id: RecordId, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("a payload is far below 4 GiB");
    buffer.extend_from_slice(&MARK);
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&checksum(id, payload).to_le_bytes());
    buffer.extend_from_slice(&id.0);
    buffer.extend_from_slice(payload);
}

fn checksum(id: RecordId, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&id.0), payload)
}

/// What stands at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A record.
    #[allow(missing_docs, reason = "its name, what it says, and where the next one begins")]
    Record { id: RecordId, payload: Vec<u8>, next: u64 },
    /// Zeros, or the end of the file: nothing was written here.
    Nothing,
    /// Something that is no record.
    Damage,
}

/// Reads what stands at `offset`.
pub fn read_at(file: &File, offset: u64) -> io::Result<Found> {
    let mut head = [0; HEAD_BYTES];
    let n = read_up_to(file, &mut head, offset)?;
    if head[..n].iter().all(|byte| *byte == 0) {
        return Ok(Found::Nothing);
    }
    let (mark, rest) = head.split_at(4);
    let word =
        |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().expect("four bytes are four bytes"));
    let length = word(0) as usize;
    if n < HEAD_BYTES || mark != MARK || length > MAX_PAYLOAD_BYTES {
        return Ok(Found::Damage);
    }
    let id = RecordId(rest[8..].try_into().expect("an id ends the head"));
    let mut payload = vec![0; length];
    let start = offset + HEAD_BYTES as u64;
    if read_up_to(file, &mut payload, start)? < length || checksum(id, &payload) != word(4) {
        return Ok(Found::Damage);
    }
    Ok(Found::Record { id, payload, next: start + length as u64 })
}

/// Where the next record behind `offset` starts, if there is one in this segment.
pub fn next_record(file: &File, offset: u64) -> io::Result<Option<u64>> {
    let mut rest = vec![0; usize::try_from(file.metadata()?.len().saturating_sub(offset)).unwrap_or(0)];
    let n = read_up_to(file, &mut rest, offset)?;
    for (at, _) in rest[..n].windows(MARK.len()).enumerate().filter(|(_, bytes)| *bytes == MARK) {
        let place = offset + at as u64;
        if at > 0 && matches!(read_at(file, place)?, Found::Record { .. }) {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// Where zeros begin that reach to the end of the file, looking from `offset` on.
pub fn end_of_bytes(file: &File, offset: u64) -> io::Result<u64> {
    let mut rest = vec![0; usize::try_from(file.metadata()?.len().saturating_sub(offset)).unwrap_or(0)];
    let n = read_up_to(file, &mut rest, offset)?;
    let used = rest[..n].iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    Ok(offset + used as u64)
}

fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match file.read_at(&mut buffer[n..], offset + n as u64) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n)
}
