//! A connection to the server that is probed: plain, or by TLS.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustls::{ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;

use super::Target;
use crate::http::tls;

/// What a URL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// With its port, if it is not the usual one.
    pub host: String,
    /// What stands before the service's own paths; no slash at its end.
    pub path: String,
    is_tls: bool,
}

/// An open connection.
pub enum Stream {
    /// As it is.
    Plain(TcpStream),
    /// By TLS.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Place {
    /// Reads a URL like `https://host:port/path`; `ws` and `wss` are taken too.
    pub fn of(url: &str) -> Result<Self> {
        let (scheme, rest) = url
            .split_once("://")
            .with_context(|| format!("{url}: a URL like http://host:port is expected"))?;
        let is_tls = match scheme {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => bail!("{url}: a URL like http://host:port or https://host is expected"),
        };
        let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, _)| (host, &rest[host.len()..]));
        if host.is_empty() {
            bail!("{url}: a host is expected");
        }
        Ok(Self { host: host.to_owned(), path: path.trim_end_matches('/').to_owned(), is_tls })
    }

    /// The host without its port.
    fn name(&self) -> &str {
        let name = match self.host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
            _ => &self.host,
        };
        name.trim_matches(['[', ']'])
    }

    /// The same place as a WebSocket's URL.
    pub fn websocket(&self, path: &str) -> String {
        let scheme = if self.is_tls { "wss" } else { "ws" };
        format!("{scheme}://{}{}{path}", self.host, self.path)
    }
}

impl Stream {
    /// Connects.
    pub fn open(target: &Target, place: &Place) -> Result<Self> {
        let port = if place.is_tls { 443 } else { 80 };
        let has_port =
            place.host.ends_with(|c: char| c.is_ascii_digit()) && place.host.len() > place.name().len();
        let address = if has_port && place.host.contains(':') {
            place.host.clone()
        } else {
            format!("{}:{port}", place.host)
        };
        let addresses = address.to_socket_addrs().with_context(|| format!("{address} is not to be found"))?;
        let stream = addresses
            .into_iter()
            .find_map(|address| TcpStream::connect_timeout(&address, target.patience).ok())
            .with_context(|| format!("{address} cannot be reached"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(target.patience))?;
        stream.set_write_timeout(Some(target.patience))?;
        if !place.is_tls {
            return Ok(Self::Plain(stream));
        }
        let name = ServerName::try_from(place.name().to_owned()).context("a host's name is expected")?;
        let config = tls::client(target.ca_file.as_deref())?;
        let mut stream = StreamOwned::new(ClientConnection::new(config, name)?, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).with_context(|| format!("no TLS with {address}"))?;
        }
        Ok(Self::Tls(Box::new(stream)))
    }

    /// How long a read may take.
    pub fn set_patience(&self, patience: Duration) -> io::Result<()> {
        let socket = match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        };
        socket.set_read_timeout(Some(patience))
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Nothing came.
#[derive(Debug, thiserror::Error)]
#[error("nothing came in time")]
pub struct Silence;

/// Whether a read ended because nothing came.
pub fn is_silence(problem: &io::Error) -> bool {
    [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut].contains(&problem.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_host_and_what_stands_before_the_endpoint() {
        let place = |url: &str| Place::of(url).map(|place| (place.host, place.path, place.is_tls)).unwrap();
        assert_eq!(place("http://localhost:5000"), ("localhost:5000".into(), String::new(), false));
        assert_eq!(place("https://example.org/rooms/"), ("example.org".into(), "/rooms".into(), true));
        assert_eq!(Place::of("wss://[::1]:99/x").unwrap().name(), "::1");
        for bad in ["", "localhost:5000", "ftp://x", "http://", "http:///x"] {
            assert!(Place::of(bad).is_err(), "{bad}");
        }
    }
}
