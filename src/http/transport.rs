//! A connection's bytes on their way to the kernel and back, plain or encrypted.

use std::io::{self, Read as _};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::connection::Connection;
use super::sent_files::is_stand_in;

/// A connection's bytes, plain or encrypted.
pub enum Transport {
    /// TCP as it is, through the [`Connection`]'s socket.
    Plain,
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    pub(super) fn poll_read(
        &mut self,
        connection: &Connection,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Plain => loop {
                let socket = plain(connection)?;
                ready!(socket.poll_read_ready(cx))?;
                match read_some(socket, buf) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    outcome => return Poll::Ready(outcome),
                }
            },
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    pub(super) fn poll_shutdown(
        &mut self,
        connection: &Connection,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain => Poll::Ready(SockRef::from(plain(connection)?).shutdown(Shutdown::Write)),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    pub(super) fn poll_write(
        &mut self,
        connection: &Connection,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(connection, cx, &[io::IoSlice::new(bytes)])
    }

    pub(super) fn poll_write_vectored(
        &mut self,
        connection: &Connection,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Self::Plain => loop {
                let socket = plain(connection)?;
                ready!(socket.poll_write_ready(cx))?;
                let n_own = parts.iter().take_while(|part| !is_stand_in(part)).count();
                let outcome = match (&parts[..n_own], parts.first()) {
                    ([], Some(stand_in)) => connection.files.send(socket, stand_in.len()),
                    ([part], _) => socket.try_write(part),
                    (own, _) => socket.try_write_vectored(own),
                };
                match outcome {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    outcome => return Poll::Ready(outcome),
                }
            },
        }
    }
}

fn plain(connection: &Connection) -> io::Result<&TcpStream> {
    connection.way_out.plain.as_ref().ok_or_else(|| io::Error::other("a plain connection has its socket"))
}

/// Reads what there is. A socket that gave less than there was room for is empty, and is not asked before it tells of
/// more.
fn read_some(socket: &TcpStream, buf: &mut ReadBuf<'_>) -> io::Result<()> {
    let room = buf.initialize_unfilled();
    let mut n_read = None;
    let tried = socket.try_io(Interest::READABLE, || {
        let n = (&*SockRef::from(socket)).read(room)?;
        n_read = Some(n);
        if 0 < n && n < room.len() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    });
    match n_read {
        Some(n) => {
            buf.advance(n);
            Ok(())
        }
        None => tried,
    }
}
