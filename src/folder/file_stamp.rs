//! A file's size and modification time, by which a changed file is recognised.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::time::Timestamp;

/// A file's size and modification time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    /// Its size.
    pub n_bytes: u64,
    /// When it was last written to.
    pub modified_at: Timestamp,
}

impl FileStamp {
    /// Reads a file's stamp.
    pub fn read(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::of(&metadata))
    }

    /// The stamp in a file's metadata.
    pub fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let modified_at = Timestamp::from_micros(modified.unwrap_or_default().as_micros() as u64);
        Self { n_bytes: metadata.len(), modified_at }
    }
}
