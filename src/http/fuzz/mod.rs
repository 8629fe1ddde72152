//! Fuzz targets of HTTP: heads and bodies of requests, tokens, and frames of WebSockets.

pub(super) mod frames;
mod request_body;

use std::net::{IpAddr, Ipv4Addr};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;

use super::head::{self, Head};
use super::{address, routes};
use crate::jwt::{self, Flaw, Key};
use crate::secret::Secret;
use crate::time::Timestamp;

pub use frames::frames;
pub use request_body::request_body;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const SECRET: &str = "key";

#[derive(Debug, PartialEq, Deserialize)]
struct Claims {
    sub: String,
}

/// The head of a request.
pub fn request(input: &[u8]) {
    let Some(end) = head::end(input) else { return };
    assert!(input[..end].ends_with(b"\n\n") || input[..end].ends_with(b"\n\r\n"));
    assert_eq!(head::end(&input[..end]), Some(end));
    assert_eq!(head::end(&input[..end - 1]), None);
    let Some(head) = Head::parse(&String::from_utf8_lossy(&input[..end])) else { return };
    assert!(!head.method.is_empty() && !head.path.is_empty());
    let proxy = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let trusted: Vec<_> = address::network("127.0.0.0/8").into_iter().collect();
    let client = head.client(proxy, &trusted);
    assert_eq!(address::rate_limit_key(address::rate_limit_key(client)), address::rate_limit_key(client));
    assert_eq!(head.client(proxy, &[]), proxy);
    let mut headers = HeaderMap::new();
    if let Some(Ok(value)) = head.header("authorization").map(HeaderValue::from_str) {
        headers.insert(AUTHORIZATION, value);
        let _ = routes::bearer(&headers);
    }
}

/// A token as it comes, and one with a header and claims that are signed.
pub fn token(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let key = Key::shared(&Secret::new(SECRET));
    assert_eq!(jwt::read::<Claims>(&text, &key, NOW), Err(Flaw::Forged), "a token that nobody has signed");
    let _ = Key::ed25519(&text);
    let (header, claims) = text.split_once('\n').unwrap_or((r#"{"alg":"HS256"}"#, &text));
    let token = jwt::signed(header, claims, SECRET);
    if let Ok(token) = jwt::read::<Claims>(&token, &key, NOW) {
        assert!(token.until.is_none_or(|until| until > NOW));
        assert!(claims.contains("sub") || claims.contains('\\'));
    }
    assert!(jwt::read::<Claims>(&token, &Key::shared(&Secret::new("other")), NOW).is_err());
}
