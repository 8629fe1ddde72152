//! Files that the kernel sends by itself, on connections without TLS: their bytes never come to this program.
//!
//! HTTP libraries send bytes that are in memory. So a body gives *stand-ins*: as many bytes as the file has, all at one
//! place that nothing else uses. Whoever writes to the socket knows them by where they lie, and has the kernel send the
//! file in their place. That holds as long as nobody copies them: bodies that are compressed or cut may have none.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use parking_lot::Mutex;
use rustix::fs::sendfile;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// The longest stand-in: so much is sent by one system call.
pub const STAND_IN_BYTES: usize = 1024 * 1024;

/// What all stand-ins are parts of. Nobody reads it, so it takes no memory.
static STAND_IN: LazyLock<Bytes> = LazyLock::new(|| vec![0; STAND_IN_BYTES].into());

/// What stand-ins stand for on one connection, in their order.
#[derive(Debug, Default)]
pub struct SentFiles(Mutex<VecDeque<Part>>);

/// A part of a file that is to be sent.
#[derive(Debug)]
struct Part {
    file: Arc<File>,
    at: u64,
    left: usize,
}

impl SentFiles {
    /// Stands in for a part of a file, of at most [`STAND_IN_BYTES`]; it must be written before any later one.
    pub fn stand_in(&self, file: &Arc<File>, at: u64, n_bytes: usize) -> Bytes {
        let stand_in = STAND_IN.slice(..n_bytes.min(STAND_IN_BYTES));
        self.0.lock().push_back(Part { file: Arc::clone(file), at, left: stand_in.len() });
        stand_in
    }

    /// Sends up to `n_bytes` of what the first stand-in stands for.
    ///
    /// # Errors
    /// `WouldBlock` if the socket is full, and `UnexpectedEof` if the file has become shorter.
    pub fn send(&self, socket: &TcpStream, n_bytes: usize) -> io::Result<usize> {
        let mut parts = self.0.lock();
        let Some(part) = parts.front_mut() else { return Err(io::ErrorKind::InvalidData.into()) };
        let n_wanted = part.left.min(n_bytes);
        let n = socket.try_io(Interest::WRITABLE, || {
            Ok(sendfile(socket, &*part.file, Some(&mut part.at), n_wanted)?)
        })?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        part.left -= n;
        if part.left == 0 {
            parts.pop_front();
        }
        Ok(n)
    }
}

/// Whether some bytes are a stand-in.
pub fn is_stand_in(bytes: &[u8]) -> bool {
    let start = STAND_IN.as_ptr().addr();
    !bytes.is_empty() && (start..start + STAND_IN_BYTES).contains(&bytes.as_ptr().addr())
}
