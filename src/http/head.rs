//! The head of a request, read before any HTTP library sees the connection.
//!
//! For services that take connections over at once, and for methods and versions older than HTTP/1.1.

use std::io;

use bytes::Bytes;
use tokio::io::AsyncReadExt;

use super::guard::Guarded;

/// A longer head is nobody's we know.
const MAX_BYTES: usize = 16 * 1024;

/// Read at a time; the head of an ordinary request fits.
const PIECE_BYTES: usize = 1024;

/// A request's first line and headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// `GET`, `PUT`, `SOURCE`…
    pub method: String,
    /// The path, still encoded.
    pub path: String,
    /// What follows the question mark.
    pub query: String,
    headers: Vec<(String, String)>,
}

/// What was read from a new connection.
pub enum Opening {
    /// A head, and every byte read with the length of the head among them.
    Head(Head, Bytes, usize),
    /// A TLS handshake on a plain port.
    Tls,
}

impl Head {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut words = lines.next()?.split_whitespace();
        let (method, target) = (words.next()?, words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Self { method: method.into(), path: path.into(), query: query.into(), headers })
    }
}

/// Reads up to the end of the head.
///
/// # Errors
/// The connection ended, or what it says is no request.
pub async fn read(io: &mut Guarded) -> io::Result<Opening> {
    let mut bytes = Vec::with_capacity(PIECE_BYTES);
    loop {
        let n = io.read_buf(&mut bytes).await?;
        if bytes.first() == Some(&0x16) {
            return Ok(Opening::Tls);
        }
        if let Some(end) = end(&bytes) {
            let head = Head::parse(&String::from_utf8_lossy(&bytes[..end]));
            let head = head.ok_or(io::ErrorKind::InvalidData)?;
            return Ok(Opening::Head(head, bytes.into(), end));
        }
        if n == 0 || bytes.len() > MAX_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        bytes.reserve(PIECE_BYTES);
    }
}

fn end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_clients_head_is_read_like_any_other() {
        let head =
            Head::parse("SOURCE /live?a=b ICE/1.0\r\nAuthorization: Basic eA==\r\nice-name:x\r\n").unwrap();
        assert_eq!(
            (head.method.as_str(), head.path.as_str(), head.query.as_str()),
            ("SOURCE", "/live", "a=b")
        );
        assert_eq!((head.header("authorization"), head.header("ice-name")), (Some("Basic eA=="), Some("x")));
        assert_eq!(Head::parse("\r\n"), None);
    }
}
