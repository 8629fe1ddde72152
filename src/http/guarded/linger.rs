//! A client whose request was answered before its body was here is heard out: bytes that nobody reads would make the
//! kernel reset the connection, and the reset would take the answer back.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::time::{Sleep, sleep};

use super::Guarded;

/// Time for a client to finish what it sends and to read the answer.
const LINGER: Duration = Duration::from_secs(5);

/// Bytes that are read at once, to be thrown away.
const PIECE_BYTES: usize = 16 * 1024;

/// When a client is heard no longer.
#[derive(Default)]
pub(super) struct Linger(Option<Pin<Box<Sleep>>>);

impl Guarded {
    /// Throws away what still comes in, until the client is done, or its time is over.
    pub(super) fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let due = self.linger.0.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if due.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut piece = [0; PIECE_BYTES];
        loop {
            self.connection.reader.register(cx.waker());
            self.connection.check()?;
            let mut buf = ReadBuf::new(&mut piece);
            match ready!(self.transport.poll_read(&self.connection, cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                // Whoever is gone needs no answer.
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}
