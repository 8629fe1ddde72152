//! A client's side of a WebSocket, so spare that one CPU of clients can busy one CPU of server.
//!
//! It knows what the server sends under load, whole text frames and pings, and no more of the protocol.

use std::net::SocketAddr;
use std::ops::Range;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::tls;

use crate::client_frames::{PING, TEXT, frame, upgrade_request};

/// Room to read into, at least: a few frames.
const SPARE_BYTES: usize = 4096;

/// The answer to a ping.
const PONG: u8 = 0x8a;

/// In place of a length: the length is in the next two bytes.
const LENGTH_FOLLOWS: u8 = 126;
/// In place of a length: the length is in the next eight bytes.
const LONG_LENGTH_FOLLOWS: u8 = 127;

/// A connection.
pub struct WebSocket {
    stream: Stream,
    /// What has been read; before `start` also received.
    buffer: Vec<u8>,
    start: usize,
}

/// What it runs over.
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl WebSocket {
    /// Connects to a path.
    pub async fn connect(address: SocketAddr, path: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Self::over(Stream::Plain(stream), address, path).await
    }

    /// Connects to a path over TLS.
    pub async fn connect_over_tls(address: SocketAddr, path: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Self::over(Stream::Tls(Box::new(tls::connect(stream).await?)), address, path).await
    }

    /// The socket, which blocks nobody, and what was read from it and not received.
    pub fn into_socket(self) -> Result<(std::net::TcpStream, Vec<u8>)> {
        let Stream::Plain(stream) = self.stream else { bail!("a socket without TLS is expected") };
        Ok((stream.into_std()?, self.buffer[self.start..].to_vec()))
    }

    async fn over(stream: Stream, address: SocketAddr, path: &str) -> Result<Self> {
        let mut socket = Self { stream, buffer: Vec::new(), start: 0 };
        socket.upgrade(address, path).await?;
        Ok(socket)
    }

    async fn upgrade(&mut self, address: SocketAddr, path: &str) -> Result<()> {
        let request = upgrade_request(&address.to_string(), path);
        self.stream.write_all(request.as_bytes()).await?;
        loop {
            self.read().await?;
            let head = String::from_utf8_lossy(&self.buffer);
            if let Some(end) = head.find("\r\n\r\n") {
                ensure!(head.starts_with("HTTP/1.1 101 "), "not upgraded: {head}");
                self.start = end + "\r\n\r\n".len();
                return Ok(());
            }
        }
    }

    /// Sends a text.
    pub async fn send(&mut self, text: &str) -> Result<()> {
        self.send_frame(TEXT, text.as_bytes()).await
    }

    async fn send_frame(&mut self, kind: u8, payload: &[u8]) -> Result<()> {
        self.stream.write_all(&frame(kind, payload)).await.context("the server hung up")
    }

    /// Waits for the next text, and tells where it is; pings are answered in passing.
    pub async fn receive(&mut self) -> Result<Range<usize>> {
        loop {
            let Some((kind, payload)) = self.next_frame()? else {
                self.read().await?;
                continue;
            };
            self.start = payload.end;
            if kind == TEXT {
                return Ok(payload);
            }
            let payload = self.buffer[payload].to_vec();
            self.send_frame(PONG, &payload).await?;
        }
    }

    /// The text that was received last, or a part of it.
    pub fn text(&self, place: Range<usize>) -> &[u8] {
        &self.buffer[place]
    }

    /// Where the payload of the next frame is in the buffer, if it is all there.
    fn next_frame(&self) -> Result<Option<(u8, Range<usize>)>> {
        let (kind, length, head) = match self.buffer[self.start..] {
            [] | [_] | [_, LENGTH_FOLLOWS] | [_, LENGTH_FOLLOWS, _] => return Ok(None),
            [kind @ (TEXT | PING), LENGTH_FOLLOWS, high, low, ..] => {
                (kind, usize::from(u16::from_be_bytes([high, low])), 4)
            }
            [kind @ TEXT, LONG_LENGTH_FOLLOWS, ..] => {
                let Some(length) = self.buffer[self.start + 2..].first_chunk() else { return Ok(None) };
                (kind, usize::try_from(u64::from_be_bytes(*length))?, 10)
            }
            [kind @ (TEXT | PING), length, ..] if length < LENGTH_FOLLOWS => (kind, usize::from(length), 2),
            [kind, ..] => bail!("a frame of kind {kind:#x} came"),
        };
        let from = self.start + head;
        let payload = from..from + length;
        Ok((payload.end <= self.buffer.len()).then_some((kind, payload)))
    }

    async fn read(&mut self) -> Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.reserve(SPARE_BYTES);
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read_buf(&mut self.buffer).await,
            Stream::Tls(stream) => stream.read_buf(&mut self.buffer).await,
        };
        let n_bytes = read.context("the server hung up")?;
        ensure!(n_bytes > 0, "the server hung up");
        Ok(())
    }
}

impl Stream {
    async fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }
}
