//! The URL under which a client reaches this service, for the URLs in responses.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::HOST;
use ipnet::IpNet;

use crate::http::switch::Mount;

/// The longest host or path that is accepted: the longest name of a host is 253 bytes, and paths of proxies are shorter.
const MAX_BYTES: usize = 255;

/// What the service itself knows of its URL.
#[derive(Debug, Clone)]
pub struct PublicUrl {
    /// Proxies whose forwarding headers are trusted.
    pub trusted: Vec<IpNet>,
    /// `https` if this process itself speaks TLS.
    pub scheme: &'static str,
    /// The port for clients that send no host.
    pub port: u16,
}

impl PublicUrl {
    /// The URL of `/` as a client sees it, without the slash.
    ///
    /// `X-Forwarded-Proto: https` is accepted from anyone, because it affects only the client's own response.
    /// `X-Forwarded-Host` and `X-Forwarded-Prefix` are accepted only from trusted proxies. `mount` is the path behind them
    /// that the request came by.
    pub fn base_for(&self, peer: IpAddr, headers: &HeaderMap, mount: Option<Mount>) -> String {
        let first = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            Some(value.split(',').next().unwrap_or_default().trim())
        };
        let is_trusted = self.trusted.iter().any(|network| network.contains(&peer));
        let forwarded = |name: &str| first(name).filter(|_| is_trusted);
        let scheme = match first("x-forwarded-proto") {
            Some("https") => "https",
            Some("http") if is_trusted => "http",
            _ => self.scheme,
        };
        let host =
            forwarded("x-forwarded-host").or_else(|| first(HOST.as_str())).filter(|host| is_host(host));
        let host = host.map_or_else(|| format!("localhost:{}", self.port), str::to_owned);
        let prefix = forwarded("x-forwarded-prefix").map(|prefix| prefix.trim_matches('/'));
        let prefix = prefix.filter(|prefix| !prefix.is_empty() && is_path(prefix));
        let parts = prefix.into_iter().chain(mount.map(|Mount(service)| service));
        parts.fold(format!("{scheme}://{host}"), |base, part| format!("{base}/{part}"))
    }
}

fn is_host(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    (1..=MAX_BYTES).contains(&text.len()) && text.chars().all(is_plain)
}

fn is_path(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~%/".contains(c);
    text.len() <= MAX_BYTES && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        seen_by(peer, headers, None)
    }

    fn seen_by(peer: &str, headers: &[(&'static str, &'static str)], mount: Option<Mount>) -> String {
        let public_url =
            PublicUrl { trusted: vec!["10.0.0.0/8".parse().unwrap()], scheme: "http", port: 9999 };
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        public_url.base_for(peer.parse().unwrap(), &headers, mount)
    }

    #[test]
    fn host_and_path_are_accepted_only_from_a_trusted_proxy() {
        let told = [
            ("host", "inside:9999"),
            ("x-forwarded-host", "radio.example.org"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/radio/"),
        ];
        assert_eq!(seen("10.0.0.1", &told), "https://radio.example.org/radio");
        assert_eq!(seen("203.0.113.9", &told), "https://inside:9999");
        assert_eq!(seen("203.0.113.9", &told[..1]), "http://inside:9999");
    }

    #[test]
    fn the_path_of_a_door_stands_behind_that_of_a_proxy() {
        let told = [("host", "example.org"), ("x-forwarded-prefix", "/hub")];
        assert_eq!(seen_by("10.0.0.1", &told, Some(Mount("radio"))), "http://example.org/hub/radio");
        assert_eq!(seen_by("203.0.113.9", &told, Some(Mount("radio"))), "http://example.org/radio");
    }

    #[test]
    fn malformed_hosts_and_paths_are_ignored() {
        assert_eq!(seen("10.0.0.1", &[]), "http://localhost:9999");
        for host in ["a\"b", "a/b", "", "a b", "user@b"] {
            assert_eq!(seen("10.0.0.1", &[("host", host)]), "http://localhost:9999", "{host}");
        }
        let told = [("host", "[::1]:80"), ("x-forwarded-prefix", "/a\"b")];
        assert_eq!(seen("10.0.0.1", &told), "http://[::1]:80");
    }
}
