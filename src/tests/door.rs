//! One door for all services: each below its path and at a host of its own, with everything that guards it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roomhub::settings::Service;
use serde_json::json;
use tempfile::TempDir;

use crate::clients::run_client_of;
use crate::harness::process::{Server, roomhub, run};
use crate::harness::radio::listen;
use crate::harness::{eventually, http, websocket};

const KEY: &str = "open sesame, long enough";

/// `roomhub all` behind one door, and where it keeps things.
pub struct Door {
    pub server: Server,
    port: u16,
    _data: TempDir,
}

impl Door {
    /// On all of 127.0.0.0/8, of which each address can be a service's host.
    pub fn open(environment: &[(&str, &str)]) -> Self {
        Self::at("0.0.0.0:0", environment)
    }

    fn at(listen: &str, environment: &[(&str, &str)]) -> Self {
        let data = TempDir::new().unwrap();
        let mut command = roomhub(&["all", "--listen", listen, "--log-format", "json"]);
        command.env("AUTH_KEY", KEY).env("ROOMHUB_RADIO__DATA_DIR", "");
        command.env("ROOMHUB_DEVICES__DATA_DIR", data.path()).env("ROOMHUB_RADIO__SOURCE_PASSWORD", "hackme");
        for (number, service) in Service::all().into_iter().enumerate() {
            let names = format!("{name}.example.org,127.0.0.{}", number + 2, name = service.name());
            command.env(format!("ROOMHUB_DOOR__{}", service.name().to_uppercase()), names);
        }
        command.envs(environment.iter().copied());
        let server = Server::spawn(command);
        let port = server.address.port();
        let door = Self { server, port, _data: data };
        eventually("all are ready", || (http::get(door.address(), "/readyz").status == 200).then_some(()));
        door
    }

    /// Where a service is found by its path.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Where a service is found by its host.
    fn address_of(&self, service: Service) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, service as u8 + 2], self.port))
    }

    /// Connections that a service counts.
    fn connections(&self, service: &str) -> f64 {
        metric(self.address(), &format!("roomhub_connections{{service=\"{service}\"}}"))
    }
}

fn metric(address: SocketAddr, name: &str) -> f64 {
    let text = http::get(address, "/metrics").body;
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0.0)
}

/// Sends a request on a connection that goes on, and gives the head of the answer; its body is read too.
fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{request}: {}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    if let Some(length) = head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
        stream.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
    }
    head
}

fn get(stream: &mut TcpStream, path: &str) -> String {
    ask(stream, &format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
}

/// Which service a page is of.
fn page_of(address: SocketAddr, path: &str, host: &str) -> String {
    let page = http::get_with(address, path, &[("host", host), ("Accept", "text/html")]);
    let title = page.body.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    title.map_or(format!("{} {path}", page.status), |(title, _)| title.to_lowercase())
}

#[test]
fn every_service_is_found_below_its_path_and_by_its_host() {
    let door = Door::open(&[]);
    for service in Service::all() {
        let name = service.name();
        let page = |path: &str, host: &str| page_of(door.address(), path, host);
        let path = if service == Service::Radio { "/web" } else { "/" };
        let hosts = [format!("{name}.example.org"), format!("{name}.example.org:8080").to_uppercase()];
        let mut found =
            vec![page(&format!("/{name}{path}"), "anything"), page(&format!("/{name}{path}"), "")];
        found.extend(hosts.iter().map(|host| page(path, host)));
        assert!(found.iter().all(|page| page.contains(name)), "{name}: {found:?}");
        assert_eq!(http::get(door.address_of(service), "/livez").body, "ok", "{name}");
        // A host has one service, whatever the path.
        let other = http::get(door.address_of(service), "/signal/livez").status;
        assert_eq!(other, 404, "{name}");
    }
    let services = http::get(door.address(), "/").json()["services"].to_string();
    assert_eq!(services, r#"["music","watch","signal","devices","radio"]"#);
    assert_eq!(page_of(door.address(), "/", "anything"), "roomhub");
    assert_eq!(http::get(door.address(), "/rooms").status, 404);
    assert_eq!(door.server.services().len(), 1, "services have no ports of their own");
}

#[test]
fn requests_are_understood_however_they_are_written() {
    let door = Door::open(&[]);
    let status = |request: &str| {
        let mut stream = http::connect(door.address());
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let close = "Connection: close\r\n\r\n";
    for (request, expected) in [
        ("GET /music/livez HTTP/1.0\r\n\r\n".to_owned(), "200"),
        (format!("GET http://else/music/livez HTTP/1.1\r\nHost: else\r\n{close}"), "200"),
        (format!("GET http://music.example.org/livez HTTP/1.1\r\nHost: music.example.org\r\n{close}"), "200"),
        (format!("GET /livez HTTP/1.1\r\nHost: music.example.org.:80\r\n{close}"), "200"),
        (format!("GET http://radio.example.org/livez HTTP/1.1\r\nHost: music.example.org\r\n{close}"), "400"),
        (
            format!("GET /livez HTTP/1.1\r\nHost: music.example.org\r\nHost: radio.example.org\r\n{close}"),
            "400",
        ),
        (format!("GET /radio/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n{close}"), "400"),
        (format!("GET //music/livez HTTP/1.1\r\nHost: a\r\n{close}"), "404"),
        (format!("GET /%6dusic/livez HTTP/1.1\r\nHost: a\r\n{close}"), "404"),
        (format!("GET /music/../radio/livez HTTP/1.1\r\nHost: a\r\n{close}"), "404"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (format!("GET /music/livez HTTP/1.1\r\nHost: a\r\nX: {}\r\n{close}", "x".repeat(20_000)), "200"),
        (format!("GET /music/livez HTTP/1.1\r\nHost: a\r\nX: {}\r\n{close}", "x".repeat(40_000)), "431"),
    ] {
        assert_eq!(status(&request), expected, "{}", &request[..request.len().min(120)]);
    }
    // Where a service is lies below wherever the door is.
    for (path, location) in [("/music?room=A%20B&x", "music/?room=A%20B&x"), ("/radio", "radio/")] {
        let answer = http::get(door.address(), path);
        assert_eq!((answer.status, answer.header("location")), (301, location));
    }
}

#[test]
fn a_connection_is_counted_by_the_service_of_its_last_request() {
    let door = Door::open(&[]);
    let mut stream = http::connect(door.address());
    let mut counted = Vec::new();
    for path in ["/music/livez", "/watch/livez", "/radio/streams", "/livez", "/devices/livez"] {
        assert!(get(&mut stream, path).starts_with("http/1.1 200"), "{path}");
        counted.push(["music", "watch", "radio", "devices"].map(|service| door.connections(service)));
    }
    assert_eq!(
        counted,
        [[1., 0., 0., 0.], [0., 1., 0., 0.], [0., 0., 1., 0.], [0., 0., 0., 0.], [0., 0., 0., 1.]]
    );
    // A stream on a connection that has served others.
    stream.write_all(b"GET /radio/ HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut sound = vec![0; 60_000];
    stream.read_exact(&mut sound).unwrap();
    assert!(sound.starts_with(b"HTTP/1.0 200") || sound.starts_with(b"HTTP/1.1 200"), "{:?}", &sound[..20]);
    assert_eq!((door.connections("devices"), door.connections("radio")), (0., 1.));
    drop(stream);
    eventually("its end", || (door.connections("radio") == 0.).then_some(()));
}

#[test]
fn a_full_service_refuses_and_the_others_do_not() {
    let door = Door::open(&[("ROOMHUB_NETWORK__MAX_CONNECTIONS", "2")]);
    let music = door.address_of(Service::Music);
    let held = [websocket::Client::connect(music), websocket::Client::connect(music)];
    assert_eq!(door.connections("music"), 2.);
    let mut stream = http::connect(door.address());
    assert!(get(&mut stream, "/watch/livez").starts_with("http/1.1 200"));
    let refused = get(&mut stream, "/music/livez");
    assert!(refused.starts_with("http/1.1 503") && refused.contains("connection: close"), "{refused}");
    let refusals = "roomhub_connections_refused_total{service=\"music\",reason=\"full\"}";
    assert_eq!(metric(door.address(), refusals), 1.);
    drop(stream);
    drop(held);
    eventually("a place", || (http::get(music, "/livez").status == 200).then_some(()));
}

#[test]
fn what_is_for_this_machine_itself_is_so_behind_a_door() {
    let door = Door::open(&[]);
    let paths =
        ["/metrics", "/music/metrics", "/watch/admin/api/overview", "/devices/rooms", "/radio/metrics"];
    for path in paths {
        let status = |headers: &[(&str, &str)]| http::get_with(door.address(), path, headers).status;
        assert_eq!(status(&[("host", "localhost")]), 200, "{path}");
        for header in [
            ("host", "evil.example"),
            ("X-Forwarded-For", "127.0.0.1"),
            ("Via", "1.1 proxy"),
            ("Origin", "http://evil.example"),
            ("Sec-Fetch-Site", "cross-site"),
            ("X-Forwarded-Prefix", "/hub"),
        ] {
            assert_eq!(status(&[header]), 401, "{path}: {header:?}");
        }
    }
    let devices = [("host", "devices.example.org")];
    assert_eq!(http::get_with(door.address(), "/rooms", &devices).status, 401);
}

#[test]
fn a_wrong_method_is_told_in_the_way_of_the_path_that_it_is_sent_to() {
    let door = Door::open(&[]);
    let wrong = |path: &str| http::request(door.address(), "PATCH", path, &[], "");
    let of_every_service = ["livez", "readyz", "metrics", "assets/x.js", "admin/", "admin/v1/state"];
    let of_services = ["music", "watch", "signal", "devices", "radio"];
    let own =
        of_services.iter().flat_map(|service| of_every_service.map(|path| format!("/{service}/{path}")));
    let others = [
        "/",
        "/livez",
        "/readyz",
        "/metrics",
        "/assets/x.js",
        "/admin",
        "/admin/",
        "/admin/assets/x.js",
        "/admin/v1/actions",
        "/music/ice",
        "/watch/ice",
        "/music/assets/sample.wav",
        "/devices/",
        "/devices/openapi.json",
        "/devices/rooms",
        "/devices/messages/per-minute",
    ];
    for path in own.chain(others.map(str::to_owned)) {
        let told = wrong(&path);
        let kind = told.header("content-type");
        assert_eq!((told.status, kind), (405, "application/problem+json"), "{path}: {told:?}");
        assert_eq!(told.json()["detail"], "method not allowed", "{path}");
        assert!(
            told.header("allow").contains(if path.ends_with("actions") { "POST" } else { "GET" }),
            "{path}"
        );
    }
    for path in [
        "/music/",
        "/music/health",
        "/music/rooms",
        "/music/room/AB12",
        "/watch/",
        "/watch/health",
        "/watch/stats",
        "/signal/",
        "/signal/ice",
    ] {
        let told = wrong(path);
        assert_eq!((told.status, told.json()), (405, json!({"error": "method not allowed"})), "{path}");
    }
    for path in ["/radio/streams", "/radio/history", "/radio/healthz", "/radio/next-track", "/radio/rock.m3u"]
    {
        let told = wrong(path);
        let status = if path.ends_with("m3u") { 404 } else { 405 };
        assert_eq!((told.status, &told.json()["status"]), (status, &json!("error")), "{path}: {told:?}");
    }
}

#[test]
fn bodies_keep_the_limits_of_their_service() {
    let door = Door::open(&[]);
    let body = "x".repeat(70_000);
    for path in ["/music/rooms", "/watch/rooms", "/devices/rooms"] {
        let answer = http::request(door.address(), "POST", path, &[("host", "localhost")], &body);
        assert!([405, 413].contains(&answer.status), "{path}: {answer:?}");
    }
    let large = "x".repeat(1_100_000);
    let session = http::get(door.address(), "/music/socket.io/?EIO=4&transport=polling").body;
    let sid = session.split_once("\"sid\":\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let path = format!("/music/socket.io/?EIO=4&transport=polling&sid={sid}");
    assert_eq!(http::request(door.address(), "POST", &path, &[], &large).status, 413);
}

#[test]
fn absolute_addresses_have_the_path_of_the_door_and_of_a_proxy_that_is_trusted() {
    let url = |door: &Door, path: &str, headers: &[(&str, &str)]| {
        let list = http::get_with(door.address(), path, headers).body;
        list.lines().find(|line| line.starts_with("http")).unwrap_or(&list).to_owned()
    };
    let hub = [("host", "hub.example"), ("X-Forwarded-Prefix", "/hub")];
    let door = Door::open(&[]);
    assert_eq!(url(&door, "/radio/index.m3u", &hub), "http://hub.example/radio/");
    let own = [("host", "radio.example.org")];
    assert_eq!(url(&door, "/index.m3u", &own), "http://radio.example.org/");
    let door = Door::open(&[("ROOMHUB_NETWORK__TRUSTED_PROXIES", "127.0.0.0/8")]);
    assert_eq!(url(&door, "/radio/index.m3u", &hub), "http://hub.example/hub/radio/");
    let streams = http::get_with(door.address(), "/radio/streams", &hub).body;
    assert!(streams.contains("http://hub.example/hub/radio/"), "{streams}");
    let playlist = http::get_with(door.address(), "/radio/index.pls", &hub).body;
    assert!(playlist.contains("File1=http://hub.example/hub/radio/"), "{playlist}");
    let hls = http::get_with(door.address(), "/radio/index.m3u8", &hub).body;
    assert!(hls.lines().all(|line| !line.contains("//")), "HLS has relative addresses: {hls}");
}

/// A connection that asks to broadcast, and the status of the answer.
fn broadcast(address: SocketAddr, request: &str) -> (TcpStream, String) {
    let key = STANDARD.encode("source:hackme");
    let mut stream = http::connect(address);
    write!(stream, "{request}\r\nHost: {address}\r\nAuthorization: Basic {key}\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    (stream, String::from_utf8_lossy(&answer[9..]).into_owned())
}

#[test]
fn sources_of_every_age_broadcast_by_path_and_by_host() {
    let door = Door::open(&[("ROOMHUB_RADIO__SOURCE_TIMEOUT", "1s")]);
    let by_host = door.address_of(Service::Radio);
    for (address, request) in [
        (door.address(), "SOURCE /radio/ ICE/1.0"),
        (door.address(), "SOURCE /radio HTTP/1.0"),
        (door.address(), "PUT /radio/ HTTP/1.1"),
        (by_host, "SOURCE / ICE/1.0"),
        (by_host, "PUT / HTTP/1.1"),
    ] {
        eventually("a mount that the source before has left", || match &*broadcast(address, request).1 {
            "200" => Some(()),
            status => {
                assert_eq!(status, "403", "{request}");
                None
            }
        });
    }
    // On a connection that has served others, the body might have begun where nobody can take it over.
    let mut stream = http::connect(door.address());
    get(&mut stream, "/music/livez");
    let refused = ask(
        &mut stream,
        "PUT /radio/stream HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    );
    assert!(refused.starts_with("http/1.1 503") && refused.contains("connection: close"), "{refused}");
}

#[test]
fn ffmpeg_broadcasts_and_mpv_and_curl_listen_by_path_and_by_host() {
    let door = Door::open(&[]);
    for base in [format!("127.0.0.1:{}/radio", door.port), format!("127.0.0.6:{}", door.port)] {
        let mut source = Command::new("ffmpeg")
            .args([
                "-v",
                "error",
                "-re",
                "-f",
                "lavfi",
                "-i",
                "sine=880",
                "-c:a",
                "libmp3lame",
                "-b:a",
                "128k",
            ])
            .args([
                "-content_type",
                "audio/mpeg",
                "-f",
                "mp3",
                &format!("icecast://source:hackme@{base}/stream"),
            ])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let now = || http::get(door.address(), "/radio/now-playing").json()["source"].to_string();
        eventually("a live source", || (now() == "\"live\"").then_some(()));
        let curl = Command::new("curl")
            .args(["-s", "-L", "--max-time", "2", &format!("http://{base}")])
            .output()
            .unwrap();
        assert!(curl.stdout.len() > 20_000, "{base}: {} bytes", curl.stdout.len());
        let mpv = Command::new("mpv")
            .args(["--no-config", "--ao=null", "--no-video", "--length=1", &format!("http://{base}/")])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(mpv.status.success(), "{base}: {}", String::from_utf8_lossy(&mpv.stdout));
        source.kill().unwrap();
        source.wait().unwrap();
        eventually("the folder", || (now() == "\"folder\"").then_some(()));
    }
    let (head, sound) = listen(door.address(), "/radio/", "Icy-MetaData: 1\r\n", Duration::from_millis(500));
    assert!(head.contains("icy-metaint") && sound.len() > 10_000, "{head}");
}

/// Runs a client by path, and by host, on a fresh server each.
fn run_by_path_and_host(program: &str, script: &str, service: Service, more: &[&str]) {
    let by_path = |door: &Door| format!("http://{}/{}/", door.address(), service.name());
    let by_host = |door: &Door| format!("http://{}/", door.address_of(service));
    let urls: [&dyn Fn(&Door) -> String; 2] = [&by_path, &by_host];
    for url in urls {
        let door = Door::open(&[]);
        run_client_of(program, script, &url(&door), more, &|| door.server.log());
    }
}

#[test]
fn the_deployed_players_library_behind_a_door() {
    run_by_path_and_host("node", "player.mjs", Service::Music, &[]);
}

#[test]
fn the_moontv_client_behind_a_door() {
    run_by_path_and_host("node", "moontv.mjs", Service::Watch, &[KEY]);
}

#[test]
fn python_socketio_and_a_bare_websocket_behind_a_door() {
    run_by_path_and_host("/usr/bin/python3", "signalling.py", Service::Signal, &[]);
}

#[test]
fn the_devices_python_library_behind_a_door() {
    run_by_path_and_host("/usr/bin/python3", "devices.py", Service::Devices, &[]);
}

#[test]
fn the_program_probes_its_services_behind_a_door() {
    let door = Door::open(&[]);
    for service in Service::all() {
        let url = format!("http://{}/{}", door.address(), service.name());
        let probed = run(&["probe", service.name(), "--url", &url, "--auto"], &[("AUTH_KEY", KEY)]);
        assert!(probed.status.success(), "{url}: {}", String::from_utf8_lossy(&probed.stdout));
    }
    let health = run(&["probe", "health", "--pid", &door.server.pid().to_string()], &[]);
    assert!(health.status.success(), "{}", String::from_utf8_lossy(&health.stderr));
}

#[test]
fn sessions_that_poll_outlive_other_services_on_their_connection() {
    let door = Door::open(&[]);
    let mut stream = http::connect(door.address());
    let polling = "/music/socket.io/?EIO=4&transport=polling";
    let opened = http::get(door.address(), polling).body;
    let sid = opened.split_once("\"sid\":\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    for packet in ["40", "42[\"heartbeat\"]"] {
        assert!(get(&mut stream, "/watch/livez").starts_with("http/1.1 200"));
        let length = packet.len();
        let post = format!(
            "POST {polling}&sid={sid} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{packet}"
        );
        assert!(ask(&mut stream, &post).starts_with("http/1.1 200"), "{packet}");
    }
    assert_eq!(metric(door.address(), "roomhub_polling_sessions{service=\"music\"}"), 1.);
}

#[test]
fn check_says_what_is_wrong_with_a_door() {
    let listen = ("ROOMHUB_DOOR__LISTEN", "127.0.0.1:0");
    let twice =
        [listen, ("ROOMHUB_DOOR__MUSIC", "a.example"), ("ROOMHUB_DOOR__RADIO", "b.example,A.example")];
    let told = run(&["check"], &twice);
    let told = (told.status.code(), String::from_utf8_lossy(&told.stderr).into_owned());
    assert!(
        told.0 == Some(2) && told.1.contains("door.radio") && told.1.contains("is a host of music already"),
        "{told:?}"
    );

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = run(&["check"], &[("ROOMHUB_DOOR__LISTEN", &address), ("AUTH_KEY", KEY)]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains(&format!("door: {address} is in use by another program")), "{told}");
    let told = run(&["all", "--listen", &address], &[("AUTH_KEY", KEY)]);
    let problem = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.status.code() == Some(1) && problem.contains("is in use by another program"), "{problem}");

    drop(taken);
    let same = [("ROOMHUB_DOOR__LISTEN", address.as_str()), ("ROOMHUB_MUSIC__LISTEN", &address)];
    let told = String::from_utf8_lossy(&run(&["check"], &same).stdout).into_owned();
    assert!(told.contains(&format!("{address} is the address of door too")), "{told}");
    for nonsense in ["8080", "unix:relative", "a.example", "::1:80"] {
        let told = run(&["all", "--listen", nonsense], &[]);
        let problem = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(told.status.code() == Some(2) && problem.contains("door.listen"), "{nonsense}: {problem}");
    }
}
