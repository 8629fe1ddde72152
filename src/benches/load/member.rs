//! One member: a Socket.IO client over WebSocket, so spare that one CPU of them can busy one CPU of server.
//!
//! It knows what the server sends in these rooms, text frames, and no more of the protocol.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Room to read into, at least: a few frames.
const SPARE_BYTES: usize = 4096;

/// A final text frame.
const TEXT: u8 = 0x81;
/// Set in the length of every frame that a client sends.
const MASKED: u8 = 0x80;
/// The masking key; zeros are a key like any other, and leave the text as it is.
const MASK: [u8; 4] = [0; 4];
/// In place of a length: the length is in the next two bytes.
const LENGTH_FOLLOWS: u8 = 126;
/// In place of a length: the length is in the next eight bytes.
const LONG_LENGTH_FOLLOWS: u8 = 127;

/// The packets by which Engine.IO sees who is still there.
const PING: &[u8] = b"2";
const PONG: &str = "3";

/// A connection.
pub struct Member {
    stream: TcpStream,
    /// What has been read; before `start` also heard.
    buffer: Vec<u8>,
    start: usize,
    /// Where the packet is that was heard last.
    last: Range<usize>,
}

impl Member {
    /// Connects, and is admitted.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        Self::connect_with(address, "").await
    }

    /// Connects with a key, and is admitted.
    pub async fn connect_with(address: SocketAddr, auth: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut member = Self { stream, buffer: Vec::new(), start: 0, last: 0..0 };
        member.upgrade(address).await?;
        member.await_packet("0").await?;
        member.send(&format!("40{auth}")).await?;
        member.await_packet("40").await?;
        Ok(member)
    }

    async fn upgrade(&mut self, address: SocketAddr) -> Result<()> {
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\n\
             Upgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: cm9vbWh1YiB1bmRlciBsb2FkIQ==\r\n\r\n"
        );
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

    /// Sends an event.
    pub async fn emit(&mut self, event: &str, payload: &Value) -> Result<()> {
        self.send(&format!("42{}", json!([event, payload]))).await
    }

    async fn send(&mut self, packet: &str) -> Result<()> {
        let length = u16::try_from(packet.len()).context("a packet below 64 KiB")?;
        let mut frame = Vec::with_capacity(8 + packet.len());
        frame.push(TEXT);
        match u8::try_from(length) {
            Ok(short) if short < LENGTH_FOLLOWS => frame.push(MASKED | short),
            _ => {
                frame.push(MASKED | LENGTH_FOLLOWS);
                frame.extend(length.to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(packet.as_bytes());
        self.stream.write_all(&frame).await.context("the server hung up")
    }

    /// Waits for an event, past all others.
    pub async fn await_event(&mut self, event: &str) -> Result<()> {
        self.await_packet(&format!("42[\"{event}\"")).await
    }

    /// Asks for something and waits for the answer, past all events.
    pub async fn ask(&mut self, event: &str, payload: &Value) -> Result<Value> {
        self.send(&format!("421{}", json!([event, payload]))).await?;
        let mut arguments: Vec<Value> = serde_json::from_slice(self.answer(event).await?)?;
        Ok(arguments.pop().unwrap_or_default())
    }

    /// Asks for something large, and only weighs it.
    pub async fn ask_for_bytes(&mut self, event: &str) -> Result<usize> {
        self.send(&format!("421{}", json!([event]))).await?;
        Ok(self.answer(event).await?.len())
    }

    async fn answer(&mut self, event: &str) -> Result<&[u8]> {
        self.await_packet("431").await.with_context(|| event.to_owned())?;
        Ok(&self.buffer[self.last.clone()][b"431".len()..])
    }

    async fn await_packet(&mut self, beginning: &str) -> Result<()> {
        let heard = async {
            while !self.hear().await?.starts_with(beginning.as_bytes()) {}
            Ok(())
        };
        timeout(PATIENCE, heard).await.with_context(|| format!("{beginning} never came"))?
    }

    /// The next packet; pings are answered in passing.
    pub async fn hear(&mut self) -> Result<&[u8]> {
        loop {
            let Some(packet) = self.next_packet()? else {
                self.read().await?;
                continue;
            };
            self.start = packet.end;
            self.last = packet.clone();
            if &self.buffer[packet.clone()] == PING {
                self.send(PONG).await?;
            } else {
                return Ok(&self.buffer[packet]);
            }
        }
    }

    /// Where the next packet is in the buffer, if it is all there.
    fn next_packet(&self) -> Result<Option<Range<usize>>> {
        let (length, head) = match self.buffer[self.start..] {
            [] | [TEXT] | [TEXT, LENGTH_FOLLOWS] | [TEXT, LENGTH_FOLLOWS, _] => return Ok(None),
            [TEXT, LENGTH_FOLLOWS, high, low, ..] => (usize::from(u16::from_be_bytes([high, low])), 4),
            [TEXT, LONG_LENGTH_FOLLOWS, ..] => {
                let Some(length) = self.buffer[self.start + 2..].first_chunk() else { return Ok(None) };
                (usize::try_from(u64::from_be_bytes(*length))?, 10)
            }
            [TEXT, length, ..] if length < LENGTH_FOLLOWS => (usize::from(length), 2),
            [kind, ..] => bail!("a frame of kind {kind:#x} came"),
        };
        let from = self.start + head;
        let packet = from..from + length;
        Ok((packet.end <= self.buffer.len()).then_some(packet))
    }

    async fn read(&mut self) -> Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.reserve(SPARE_BYTES);
        let n_bytes = self.stream.read_buf(&mut self.buffer).await.context("the server hung up")?;
        ensure!(n_bytes > 0, "the server hung up");
        Ok(())
    }
}
