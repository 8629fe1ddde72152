//! The head of a request, read before any HTTP library sees the connection.
//!
//! For services that take connections over at once, and for methods and versions older than HTTP/1.1.

use std::io;
use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use ipnet::IpNet;
use tokio::io::AsyncReadExt;

use super::address::{self, FORWARDED_FOR};
use super::guarded::Guarded;

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
    /// The host of a target that is written with scheme and host.
    pub authority: Option<String>,
    headers: Vec<(String, String)>,
}

/// What was read from a new connection.
pub enum RequestStart {
    /// A head, and every byte read with the length of the head among them.
    Head(Head, Bytes, usize),
    /// A TLS handshake on a plain port.
    Tls,
    /// More than a head may have: what was read of it.
    TooLong(Bytes),
    /// Whole lines, but no request.
    Malformed(Bytes),
}

impl Head {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The values of all headers of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The head of a request that the HTTP library has read.
    pub fn of<B>(request: &Request<B>) -> Self {
        let uri = request.uri();
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = request.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
        Self {
            method: request.method().as_str().into(),
            path: uri.path().into(),
            query: uri.query().unwrap_or_default().into(),
            authority: uri.authority().map(|authority| authority.as_str().into()),
            headers: headers.collect(),
        }
    }

    /// The address of the client, past trusted proxies.
    pub fn client(&self, peer: IpAddr, trusted: &[IpNet]) -> IpAddr {
        let mut headers = HeaderMap::new();
        for hops in self.all(FORWARDED_FOR).filter_map(|hops| HeaderValue::from_str(hops).ok()) {
            headers.append(FORWARDED_FOR, hops);
        }
        address::client(peer, &headers, trusted)
    }

    /// Reads it from its text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut words = lines.next()?.split_whitespace();
        let (method, target) = (words.next()?, words.next()?);
        let (authority, target) = origin_form(target);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = if path.is_empty() { "/" } else { path };
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let authority = authority.map(str::to_owned);
        Some(Self { method: method.into(), path: path.into(), query: query.into(), authority, headers })
    }
}

/// Reads up to the end of the head.
///
/// # Errors
/// The connection ended or failed before.
pub async fn read(io: &mut Guarded) -> io::Result<RequestStart> {
    let mut bytes = Vec::with_capacity(PIECE_BYTES);
    loop {
        let n = io.read_buf(&mut bytes).await?;
        if bytes.first() == Some(&0x16) {
            return Ok(RequestStart::Tls);
        }
        if let Some(end) = end(&bytes) {
            return Ok(match Head::parse(&String::from_utf8_lossy(&bytes[..end])) {
                Some(head) => RequestStart::Head(head, bytes.into(), end),
                None => RequestStart::Malformed(bytes.into()),
            });
        }
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if bytes.len() > MAX_BYTES {
            return Ok(RequestStart::TooLong(bytes.into()));
        }
        bytes.reserve(PIECE_BYTES);
    }
}

/// The path and query of a target, and the host, which proxies and some players write before it.
fn origin_form(target: &str) -> (Option<&str>, &str) {
    let is_http = |scheme: &&str| ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    match target.split_once("://").filter(|(scheme, _)| is_http(scheme)) {
        Some((_, rest)) => {
            let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            (Some(authority), if rest.is_empty() { "/" } else { rest })
        }
        None => (None, target),
    }
}

/// Where a head ends: at the first empty line, which old clients end with a line feed alone.
pub fn end(bytes: &[u8]) -> Option<usize> {
    let line_feeds = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    line_feeds.into_iter().find_map(|at| match bytes.get(at + 1..)? {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
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

    #[test]
    fn a_target_with_scheme_and_host_is_read_as_its_path() {
        let of = |target: &str| {
            let head = Head::parse(&format!("GET {target} HTTP/1.1\r\n\r\n")).unwrap();
            format!("{} {}", head.path, head.query)
        };
        assert_eq!(of("http://host:9999/rock?a=http://b"), "/rock a=http://b");
        assert_eq!((of("HTTP://host"), of("https://[::1]?a")), ("/ ".into(), "/ a".into()));
        assert_eq!(of("/a://b/c"), "/a://b/c ");
    }

    #[test]
    fn a_head_ends_at_the_first_empty_line() {
        assert_eq!(end(b"GET /\r\nA: b\r\n\r\nbody\n\n"), Some(15));
        assert_eq!((end(b"GET /\n\n"), end(b"GET /\n\r\n"), end(b"GET /\r\n\r")), (Some(7), Some(8), None));
    }
}
