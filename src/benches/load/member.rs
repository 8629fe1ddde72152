//! One member: a client of Socket.IO over a WebSocket, or of a plain WebSocket.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, Result};
use roomhub::probe::packet;
use serde_json::Value;
use tokio::time::timeout;

use crate::websocket::WebSocket;

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection.
pub struct Member {
    socket: WebSocket,
    dialect: Dialect,
    /// Where the packet is that was heard last.
    last: Range<usize>,
}

/// What is spoken on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    SocketIo,
    Plain,
}

impl Member {
    /// Connects over Socket.IO, and is admitted.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        Self::connect_with(address, "").await
    }

    /// Connects over Socket.IO with a key, and is admitted.
    pub async fn connect_with(address: SocketAddr, auth: &str) -> Result<Self> {
        Self::admit(WebSocket::connect(address, packet::WEBSOCKET_PATH).await?, auth).await
    }

    async fn admit(socket: WebSocket, auth: &str) -> Result<Self> {
        let mut member = Self { socket, dialect: Dialect::SocketIo, last: 0..0 };
        member.await_packet(packet::OPEN).await?;
        member.socket.send(&packet::connect(auth)).await?;
        member.await_packet(packet::CONNECT).await?;
        Ok(member)
    }

    /// Connects over Socket.IO and TLS, and is admitted.
    pub async fn connect_over_tls(address: SocketAddr) -> Result<Self> {
        let socket = WebSocket::connect_over_tls(address, packet::WEBSOCKET_PATH).await?;
        Self::admit(socket, "").await
    }

    /// Connects over a plain WebSocket, on which each frame is an object.
    pub async fn connect_plain(address: SocketAddr) -> Result<Self> {
        let socket = WebSocket::connect(address, "/").await?;
        Ok(Self { socket, dialect: Dialect::Plain, last: 0..0 })
    }

    /// The socket, which blocks nobody, and what was read from it and not heard.
    pub fn into_socket(self) -> Result<(std::net::TcpStream, Vec<u8>)> {
        self.socket.into_socket()
    }

    /// Sends an event of Socket.IO.
    pub async fn emit(&mut self, event: &str, payload: &Value) -> Result<()> {
        self.socket.send(&packet::event(event, payload)).await
    }

    /// Sends an object on a plain WebSocket.
    pub async fn send(&mut self, object: &Value) -> Result<()> {
        self.socket.send(&object.to_string()).await
    }

    /// Waits for an event of Socket.IO, past all others.
    pub async fn await_event(&mut self, event: &str) -> Result<()> {
        self.await_packet(&format!("{}[\"{event}\"", packet::EVENT)).await
    }

    /// Waits for an event of Socket.IO, past all others, for its payload.
    pub async fn await_payload(&mut self, event: &str) -> Result<Value> {
        self.await_event(event).await?;
        let packet = &self.socket.text(self.last.clone())[packet::EVENT.len()..];
        let mut arguments: Vec<Value> = serde_json::from_slice(packet)?;
        Ok(arguments.pop().unwrap_or_default())
    }

    /// Waits for an object of that type on a plain WebSocket, past all others.
    pub async fn await_object(&mut self, kind: &str) -> Result<Value> {
        self.await_packet(&format!("{{\"type\":\"{kind}\"")).await?;
        Ok(serde_json::from_slice(self.socket.text(self.last.clone()))?)
    }

    /// Asks for something and waits for the answer, past all events.
    pub async fn ask(&mut self, event: &str, payload: &Value) -> Result<Value> {
        self.socket.send(&packet::question(1, event, Some(payload))).await?;
        let mut arguments: Vec<Value> = serde_json::from_slice(self.answer(event).await?)?;
        Ok(arguments.pop().unwrap_or_default())
    }

    /// Asks for something large, and only weighs it.
    pub async fn ask_for_bytes(&mut self, event: &str) -> Result<usize> {
        self.socket.send(&packet::question(1, event, None)).await?;
        Ok(self.answer(event).await?.len())
    }

    async fn answer(&mut self, event: &str) -> Result<&[u8]> {
        self.await_packet("431").await.with_context(|| event.to_owned())?;
        Ok(&self.socket.text(self.last.clone())[b"431".len()..])
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
            self.last = self.socket.receive().await?;
            let is_ping = self.dialect == Dialect::SocketIo
                && self.socket.text(self.last.clone()) == packet::PING.as_bytes();
            if !is_ping {
                return Ok(self.socket.text(self.last.clone()));
            }
            self.socket.send(packet::PONG).await?;
        }
    }
}
