//! Reads the spool's records in order, from its files; damaged ones are passed over, for they were set aside.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::segment::{self, Found, Position};
use crate::devices::record::RecordId;

/// A place in the spool, and the file that it lies in.
pub struct Reader {
    folder: PathBuf,
    position: Position,
    open: Option<(u64, File)>,
}

impl Reader {
    /// Begins at a position.
    pub fn new(folder: &Path, position: Position) -> Self {
        Self { folder: folder.to_owned(), position, open: None }
    }

    /// Where the next record begins.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The next record before `end`; `None` when there is none.
    pub fn next(&mut self, end: Position) -> io::Result<Option<(RecordId, Vec<u8>)>> {
        while self.position < end {
            let offset = self.position.offset;
            let Some(file) = self.file()? else {
                self.turn();
                continue;
            };
            match segment::read_at(file, offset)? {
                Found::Record { id, payload, next } => {
                    self.position.offset = next;
                    return Ok(Some((id, payload)));
                }
                Found::Nothing | Found::Damage => match segment::next_record(file, offset)? {
                    Some(next) => self.position.offset = next,
                    None if self.position.segment < end.segment => self.turn(),
                    None => return Ok(None),
                },
            }
        }
        Ok(None)
    }

    /// Goes to the start of the next segment.
    fn turn(&mut self) {
        self.position = Position { segment: self.position.segment + 1, offset: 0 };
    }

    fn file(&mut self) -> io::Result<Option<&File>> {
        let number = self.position.segment;
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            self.open = match File::open(segment::path(&self.folder, number)) {
                Ok(file) => Some((number, file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
        }
        Ok(self.open.as_ref().map(|(_, file)| file))
    }
}
