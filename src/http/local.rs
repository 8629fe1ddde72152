//! Whether a request comes from a program on this machine itself: not through a proxy, not from a page of elsewhere.
//!
//! It is what operators' routes ask where no key is set. A proxy on this machine connects from loopback too, and so does a
//! browser for a foreign page whose name was made to point here, so the connection alone says nothing. Closed when in
//! doubt. One thing cannot be told apart: a proxy on this machine that speaks HTTP/1.1, adds no header, and names this
//! machine as the host, or passes on `Host: localhost` as its client wrote it. Behind such a one, set the keys.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::header::{CONNECTION, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Version};

/// Parts of the names of headers that proxies add: `X-Forwarded-For`, `X-ProxyUser-Ip`, `True-Client-IP`, `X-Real-IP`…
const PROXY_WORDS: [&str; 11] = [
    "forward",
    "proxy",
    "client-ip",
    "user-ip",
    "connecting-ip",
    "real-",
    "original-",
    "remote-",
    "scheme",
    "front-end",
    "rewrite",
];

/// How names begin of headers that are some proxy's or content delivery network's own.
const PROXY_PREFIXES: [&str; 17] = [
    "x-host",
    "x-ssl",
    "cf-",
    "cdn-",
    "fastly-",
    "akamai-",
    "x-akamai-",
    "x-amzn-",
    "x-amz-",
    "x-azure-",
    "x-arr-",
    "x-appengine-",
    "x-cloud-",
    "x-envoy-",
    "x-varnish",
    "x-vercel-",
    "fly-",
];

/// Whether a request is this machine's own.
pub fn is_local(peer: IpAddr, request: &Parts) -> bool {
    peer.is_loopback()
        // HTTP/1.0 is what nginx speaks to where it passes requests on, with its own name for the host.
        && request.version == Version::HTTP_11
        && !request.headers.keys().any(is_of_proxy)
        && !asks_for_upgrade(&request.headers)
        && names_this_machine(request)
        && !is_of_foreign_page(&request.headers)
}

fn is_of_proxy(name: &HeaderName) -> bool {
    let name = name.as_str();
    // Who sets a proxy up for WebSockets has it pass `Upgrade` on with every request.
    ["via", "upgrade"].contains(&name)
        || PROXY_WORDS.iter().any(|word| name.contains(word))
        || PROXY_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What such a proxy says itself, whether its client asked for one or not; no program asks for it.
fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    let mut options = headers.get_all(CONNECTION).iter();
    options.any(|options| options.as_bytes().to_ascii_lowercase().windows(7).any(|word| word == b"upgrade"))
}

/// Whether there is one `Host`, and it is a name that can point nowhere else.
fn names_this_machine(request: &Parts) -> bool {
    let Some(host) = host(&request.headers) else { return false };
    let is_meant = |authority: &http::uri::Authority| authority.as_str().eq_ignore_ascii_case(host);
    request.uri.authority().is_none_or(is_meant) && is_loopback(host)
}

fn host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        _ => None,
    }
}

/// Whether `host` is `localhost`, or a loopback address as programs write it, with or without a port.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => (&host[..colon], Some(&host[colon + 1..])),
        _ => (host, None),
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let is_name = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(address) => {
            address.parse::<Ipv6Addr>().is_ok_and(|address| address.to_canonical().is_loopback())
        }
        None => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        }
    };
    is_name && port.is_none_or(is_port)
}

/// Whether a browser says that a page of another origin asks.
fn is_of_foreign_page(headers: &HeaderMap) -> bool {
    let origins = headers.get_all(ORIGIN).iter();
    let is_foreign_origin = |origin: &http::HeaderValue| {
        let authority =
            origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
        authority
            .is_none_or(|authority| !host(headers).is_some_and(|host| host.eq_ignore_ascii_case(authority)))
    };
    origins.into_iter().any(is_foreign_origin) || is_of_foreign_site(headers)
}

/// The same by what browsers alone say, whatever name a proxy has for the host.
pub fn is_of_foreign_site(headers: &HeaderMap) -> bool {
    // `none` is a person who typed the address.
    let mut sites = headers.get_all("sec-fetch-site").iter();
    sites.any(|site| *site != "same-origin" && *site != "none")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn is_local_with(peer: &str, uri: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().uri(uri).version(Version::HTTP_11);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        is_local(peer.parse().unwrap(), &request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_host_is_this_machine_by_localhost_or_a_loopback_address_alone() {
        let named = |host: &str| is_local_with("127.0.0.1", "/", &[("host", host)]);
        for host in [
            "localhost",
            "LocalHost:8765",
            "127.0.0.1",
            "127.9.8.7:1",
            "[::1]",
            "[::1]:80",
            "[::ffff:127.0.0.1]:80",
        ] {
            assert!(named(host), "{host}");
        }
        for host in [
            "",
            ":80",
            "127.evil.example:8765",
            "localhost.evil.example",
            "localhost:8765@evil.example",
            "evil@localhost",
            "127.0.0.1.nip.io",
            "localhost.",
            "127.0.0.1.",
            "a.localhost",
            "0x7f.1",
            "127.1",
            "2130706433",
            "0177.0.0.1",
            "0.0.0.0",
            "[::]",
            "::1",
            "[::1%lo]",
            "[::1",
            "[::1]x",
            "[127.0.0.1]",
            "localhost:",
            "localhost:x",
            "localhost:+80",
            "localhost:99999",
            "localhost:80:80",
            " localhost",
            "localhost,localhost",
            "localhost/evil",
            "192.168.0.1",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
        ] {
            assert!(!named(host), "{host}");
        }
    }

    #[test]
    fn one_host_is_named_and_the_target_names_no_other() {
        let host = ("host", "localhost:80");
        assert!(is_local_with("::1", "http://LOCALHOST:80/rooms", &[host]));
        assert!(!is_local_with("127.0.0.1", "/", &[]));
        assert!(!is_local_with("127.0.0.1", "/", &[host, host]));
        for target in ["http://evil.example/rooms", "http://localhost/rooms", "http://a@localhost:80/rooms"] {
            assert!(!is_local_with("127.0.0.1", target, &[host]), "{target}");
        }
        assert!(!is_local_with("192.0.2.7", "/", &[host]));
    }

    #[test]
    fn any_sign_of_a_proxy_is_one() {
        let host = ("host", "localhost");
        assert!(is_local_with(
            "127.0.0.1",
            "/",
            &[host, ("user-agent", "curl"), ("x-request-id", "1"), ("accept", "*/*")]
        ));
        for name in [
            "via",
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded",
            "x-real-ip",
            "x-client-ip",
            "true-client-ip",
            "cf-ray",
            "cf-connecting-ip",
            "x-original-url",
            "x-proxyuser-ip",
            "fastly-client-ip",
            "x-envoy-external-address",
            "x-amzn-trace-id",
            "x-cluster-client-ip",
            "proxy-connection",
            "cdn-loop",
            "wl-proxy-client-ip",
            "x-remote-addr",
            "upgrade",
            "x-scheme",
            "x-url-scheme",
            "front-end-https",
            "x-ssl",
            "x-host",
            "x-rewrite-url",
        ] {
            assert!(!is_local_with("127.0.0.1", "/", &[host, (name, "")]), "{name}");
        }
        assert!(is_local_with("127.0.0.1", "/", &[host, ("connection", "close")]));
        assert!(!is_local_with("127.0.0.1", "/", &[host, ("connection", "keep-alive, Upgrade")]));
        let old = Request::builder().version(Version::HTTP_10).header("host", "localhost").body(()).unwrap();
        assert!(!is_local([127, 0, 0, 1].into(), &old.into_parts().0), "as nginx asks");
    }

    #[test]
    fn a_page_of_elsewhere_is_not_this_machine() {
        let asked = |name: &str, value: &str| {
            is_local_with("127.0.0.1", "/", &[("host", "localhost:80"), (name, value)])
        };
        assert!(
            asked("origin", "http://localhost:80")
                && asked("sec-fetch-site", "same-origin")
                && asked("sec-fetch-site", "none")
        );
        for origin in ["http://evil.example", "null", "http://localhost", "http://localhost:81", ""] {
            assert!(!asked("origin", origin), "{origin}");
        }
        for site in ["cross-site", "same-site", ""] {
            assert!(!asked("sec-fetch-site", site), "{site}");
        }
    }
}
