//! A file, or a part of it, as the body of an answer. The kernel sends it by itself where it can; else it is read in large
//! pieces. Neither takes a thread as long as the kernel has the file in memory.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use rustix::fs::{Advice, fadvise};
use rustix::io::{ReadWriteFlags, preadv2};
use tokio::task::JoinHandle;

use crate::http::connection::Connection;
use crate::http::sent_files::STAND_IN_BYTES;

/// Read, and handed to the kernel, at once: larger pieces make no difference in CPU.
const PIECE_BYTES: usize = 256 * 1024;

/// Whether a part of a file is in memory, one byte in so many tells: as much as the kernel reads ahead at the least.
const SAMPLE_EVERY: usize = 128 * 1024;

/// Buffers that are kept for the next piece, 16 MiB of them.
const MAX_SPARE: usize = 64;

/// Buffers that are not in use: a new one would have to be filled with zeros first.
static SPARE: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());

/// A buffer of [`PIECE_BYTES`], of which the first `len` are filled.
struct Piece {
    buffer: Box<[u8]>,
    len: usize,
}

impl Piece {
    fn take() -> Self {
        let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self { buffer: spare.unwrap_or_else(|| vec![0; PIECE_BYTES].into_boxed_slice()), len: 0 }
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < MAX_SPARE {
            spare.push(std::mem::take(&mut self.buffer));
        }
    }
}

/// A part of a file that is being sent.
struct FileBody {
    file: Arc<File>,
    at: u64,
    left: u64,
    /// The connection, if it sends files by itself.
    connection: Option<Arc<Connection>>,
    /// A read that has to wait for the disk.
    reading: Option<JoinHandle<io::Result<Piece>>>,
    /// What is given back once it is out.
    _held: Box<dyn Send + Sync>,
}

/// `n_bytes` of a file from `at` on, to who is on the connection; what is `held` is given back once they are out.
pub fn body(
    file: File,
    at: u64,
    n_bytes: u64,
    connection: Option<Arc<Connection>>,
    held: impl Send + Sync + 'static,
) -> Body {
    // Without the advice the kernel reads ahead less.
    let _ = fadvise(&file, at, NonZeroU64::new(n_bytes), Advice::Sequential);
    let connection = connection.filter(|connection| connection.sent_files().is_some());
    let file = Arc::new(file);
    Body::new(FileBody { file, at, left: n_bytes, connection, reading: None, _held: Box::new(held) })
}

impl FileBody {
    fn next_bytes(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let Some(files) = self.connection.as_deref().and_then(Connection::sent_files) else {
            return self.next_piece(left, cx).map_ok(Bytes::from_owner);
        };
        let n_bytes = left.min(STAND_IN_BYTES);
        // The kernel would wait for the disk, and all who share the thread with it.
        if self.reading.is_some() || !is_in_memory(&self.file, self.at, n_bytes) {
            let (file, at) = (Arc::clone(&self.file), self.at);
            let read = move || read_through(&file, at, n_bytes);
            let reading = self.reading.get_or_insert_with(|| tokio::task::spawn_blocking(read));
            let read = ready!(Pin::new(reading).poll(cx));
            self.reading = None;
            read.map_err(io::Error::other)??;
        }
        Poll::Ready(Ok(files.stand_in(&self.file, self.at, n_bytes)))
    }

    fn next_piece(&mut self, left: usize, cx: &mut Context<'_>) -> Poll<io::Result<Piece>> {
        if self.reading.is_none() {
            let mut piece = Piece::take();
            let room = piece.buffer.len().min(left);
            let space = &mut [io::IoSliceMut::new(&mut piece.buffer[..room])];
            // What is in memory is there at once; all else, also a file system that cannot tell, waits on a thread.
            if let Ok(len @ 1..) = preadv2(&*self.file, space, self.at, ReadWriteFlags::NOWAIT) {
                piece.len = len;
                return Poll::Ready(Ok(piece));
            }
            let (file, at) = (Arc::clone(&self.file), self.at);
            self.reading = Some(tokio::task::spawn_blocking(move || {
                piece.len = file.read_at(&mut piece.buffer[..room], at)?;
                Ok(piece)
            }));
        }
        let Some(reading) = &mut self.reading else { return Poll::Pending };
        let read = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        Poll::Ready(read.map_err(io::Error::other).flatten())
    }
}

/// Whether a part of a file is in memory, as far as samples tell.
fn is_in_memory(file: &File, at: u64, n_bytes: usize) -> bool {
    let samples = (0..n_bytes).step_by(SAMPLE_EVERY).chain([n_bytes - 1]);
    samples.into_iter().all(|sample| {
        let mut byte = [0];
        preadv2(file, &mut [io::IoSliceMut::new(&mut byte)], at + sample as u64, ReadWriteFlags::NOWAIT)
            == Ok(1)
    })
}

/// Reads a part of a file, which brings it into memory, and gives the last piece of it.
fn read_through(file: &File, at: u64, n_bytes: usize) -> io::Result<Piece> {
    let mut piece = Piece::take();
    let mut n_read = 0;
    while n_read < n_bytes {
        let room = piece.buffer.len().min(n_bytes - n_read);
        piece.len = file.read_at(&mut piece.buffer[..room], at + n_read as u64)?;
        if piece.len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        n_read += piece.len;
    }
    Ok(piece)
}

impl hyper::body::Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let bytes = ready!(self.next_bytes(cx));
        Poll::Ready(Some(match bytes {
            // Whoever is told a length must get it, or see that it has not.
            Ok(bytes) if bytes.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => {
                self.at += bytes.len() as u64;
                self.left -= bytes.len() as u64;
                Ok(Frame::data(bytes))
            }
            Err(error) => Err(error),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
