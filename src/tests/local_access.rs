//! Operators' routes without a key: open to this machine itself, and to nothing that comes by way of it.

use std::io::{Read, Write};

use tempfile::TempDir;

use crate::harness::balancer::Balancer;
use crate::harness::process::{Server, roomhub};
use crate::harness::{eventually, http};

/// Every service, with its operators' routes.
const ROUTES: [(&str, &[&str]); 5] = [
    ("music", &["/metrics", "/admin/v1/state", "/admin/v1/log"]),
    ("watch", &["/metrics", "/admin/api/overview", "/admin/v1/state"]),
    ("signal", &["/metrics", "/admin/v1/configuration"]),
    ("devices", &["/metrics", "/rooms", "/messages", "/status", "/messages/per-minute", "/admin/v1/state"]),
    ("radio", &["/metrics", "/admin/v1/state"]),
];

/// Names under which a page of elsewhere, or a proxy, may come to this machine.
const FOREIGN_HOSTS: [&str; 16] = [
    "127.evil.example:PORT",
    "127.evil.example",
    "localhost.evil.example:PORT",
    "localhost:PORT@evil.example",
    "evil.example@localhost:PORT",
    "127.0.0.1.nip.io:PORT",
    "localhost.:PORT",
    "a.localhost:PORT",
    "0x7f.1:PORT",
    "127.1:PORT",
    "0.0.0.0:PORT",
    "[::]:PORT",
    "rooms.example.org",
    "192.168.1.7:PORT",
    "localhost:PORT, evil.example",
    "",
];

/// What proxies add.
const PROXY_HEADERS: [(&str, &str); 14] = [
    ("Via", "1.1 proxy"),
    ("Forwarded", "for=203.0.113.9"),
    ("X-Forwarded-For", "203.0.113.9"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "localhost"),
    ("X-Real-IP", "203.0.113.9"),
    ("CF-Ray", "1"),
    ("CF-Connecting-IP", "203.0.113.9"),
    ("True-Client-IP", "203.0.113.9"),
    ("X-Client-IP", "127.0.0.1"),
    ("X-Original-URL", "/"),
    ("Fastly-Client-IP", "203.0.113.9"),
    ("X-Envoy-External-Address", "203.0.113.9"),
    ("X-Amzn-Trace-Id", "Root=1"),
];

/// What browsers send for pages of other origins.
const FOREIGN_PAGES: [(&str, &str); 4] = [
    ("Origin", "http://evil.example"),
    ("Origin", "null"),
    ("Origin", "http://localhost:1"),
    ("Sec-Fetch-Site", "cross-site"),
];

/// Starts a service that is ready, with no key for operators.
pub fn start(service: &str, data: &TempDir) -> Server {
    let mut command = roomhub(&[service, "--host", "127.0.0.1", "--port", "0", "--log-format", "json"]);
    command.env("AUTH_KEY", "open sesame").env("ROOMHUB_DEVICES__DATA_DIR", data.path());
    command.env("ROOMHUB_RADIO__DATA_DIR", "");
    let server = Server::spawn(command);
    eventually("readiness", || (http::get(server.address, "/readyz").status == 200).then_some(()));
    server
}

fn on_every_route(play: impl Fn(&Server, &str)) {
    for (service, paths) in ROUTES {
        let data = TempDir::new().unwrap();
        let server = start(service, &data);
        for path in paths {
            play(&server, path);
        }
    }
}

/// The status of an answer to a request written as it is.
fn raw(server: &Server, request: &str) -> u16 {
    let mut stream = http::connect(server.address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    String::from_utf8_lossy(&status[9..]).parse().unwrap()
}

#[test]
fn a_name_that_was_made_to_point_here_opens_no_route() {
    on_every_route(|server, path| {
        let port = server.address.port().to_string();
        let status = |host: &str| {
            http::get_with(server.address, path, &[("host", host.replace("PORT", &port).as_str())]).status
        };
        for host in
            ["localhost:PORT", "LOCALHOST:PORT", "127.0.0.1:PORT", "[::1]:PORT", "localhost", "localhost:9"]
        {
            assert_eq!(status(host), 200, "{path}: {host:?}");
        }
        for host in FOREIGN_HOSTS {
            assert_eq!(status(host), 401, "{path}: {host:?}");
        }
        let port = server.address.port();
        let own = format!("Host: localhost:{port}\r\nConnection: close\r\n");
        assert_eq!(
            raw(server, &format!("GET http://localhost:{port}{path} HTTP/1.1\r\n{own}\r\n")),
            200,
            "{path}"
        );
        for request in [
            format!("GET {path} HTTP/1.1\r\n{own}Host: evil.example\r\n\r\n"),
            format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n{own}\r\n"),
            format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n"),
            format!("GET http://evil.example{path} HTTP/1.1\r\n{own}\r\n"),
        ] {
            let status = raw(server, &request);
            assert!([400, 401].contains(&status), "{status} to {request}");
        }
    });
}

#[test]
fn a_proxy_on_this_machine_opens_no_route() {
    on_every_route(|server, path| {
        for header in PROXY_HEADERS {
            let refused = http::get_with(server.address, path, &[header]);
            assert_eq!(refused.status, 401, "{path}: {header:?}");
            let what_to_set = ["metrics", "token", "watch.admin_key", "devices.console_key", "admin.key"];
            assert!(what_to_set.iter().any(|key| refused.body.contains(key)), "{refused:?}");
        }
        // As nginx asks that is told `proxy_pass http://127.0.0.1:PORT;` and no more.
        let bare = format!("GET {path} HTTP/1.0\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address);
        assert_eq!(raw(server, &bare), 401, "{path}");
    });
}

#[test]
fn nginx_that_was_told_no_more_than_where_to_pass_requests_opens_no_route() {
    let for_websockets = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                          proxy_set_header Connection \"upgrade\";";
    let data = TempDir::new().unwrap();
    let server = start("devices", &data);
    for more in ["", for_websockets] {
        let proxy = Balancer::bare(server.address, more);
        for path in ["/metrics", "/rooms", "/messages"] {
            assert_eq!(http::get(proxy.address, path).status, 401, "{path}: {more}");
            assert_eq!(
                http::get_with(proxy.address, path, &[("host", "localhost")]).status,
                401,
                "{path}: {more}"
            );
        }
    }
}

#[test]
fn a_page_of_another_origin_reads_nothing_of_operators() {
    on_every_route(|server, path| {
        let own = format!("http://{}", server.address);
        assert_eq!(http::get_with(server.address, path, &[("Origin", &own)]).status, 200, "{path}");
        for page in FOREIGN_PAGES {
            assert_eq!(http::get_with(server.address, path, &[page]).status, 401, "{path}: {page:?}");
        }
        let asks = [
            ("Origin", "http://evil.example"),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", "authorization"),
            ("Access-Control-Request-Private-Network", "true"),
        ];
        for method in ["GET", "OPTIONS"] {
            let answer = http::request(server.address, method, path, &asks, "");
            assert_ne!(answer.status, 200, "{method} {path}");
            let allowed: Vec<_> =
                answer.headers.keys().filter(|name| name.starts_with("access-control")).collect();
            assert!(allowed.is_empty(), "{method} {path}: {allowed:?}");
        }
    });
}

#[test]
fn pages_of_other_origins_still_read_what_is_public() {
    let server = Server::start();
    let page = ("Origin", "https://app.example");
    for path in ["/rooms", "/health", "/no/such/path"] {
        let answer = http::get_with(server.address, path, &[page]);
        assert_eq!(answer.header("access-control-allow-origin"), page.1, "{path}");
    }
    let asks = [page, ("Access-Control-Request-Method", "GET")];
    let preflight = http::request(server.address, "OPTIONS", "/rooms", &asks, "");
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (200, page.1));
}
