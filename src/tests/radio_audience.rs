//! Who listens to stations, what is kept of it, and listeners that are moved.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::harness::process::{Server, run};
use crate::harness::radio::{Recording, make, on_air, station};
use crate::harness::site::Site;
use crate::harness::{eventually, http};

const KEY: &str = "the key of the station's operators";

/// Bytes of sound between two titles.
const META_INTERVAL: usize = 16_000;

/// A database of countries in the format of `MaxMind`, by which 127.0.0.0/8 is in `ZZ` and nothing else is anywhere.
fn countries() -> Vec<u8> {
    let text = |text: &str| [&[0x40 | text.len() as u8][..], text.as_bytes()].concat();
    let u16_ = |value: u8| vec![0xa1, value];
    let node = |n: u32| n.to_be_bytes()[1..].to_vec();
    let n_nodes = 8_u32;
    let mut bytes = Vec::new();
    for (place, bit) in (0..8_u32).map(|bit| (bit, (127_u8 >> (7 - bit)) & 1)) {
        let next = if place + 1 == n_nodes { n_nodes + 16 } else { place + 1 };
        let (left, right) = if bit == 1 { (n_nodes, next) } else { (next, n_nodes) };
        bytes.extend([node(left), node(right)].concat());
    }
    bytes.extend([0; 16]);
    bytes.extend([vec![0xe1], text("country"), vec![0xe1], text("iso_code"), text("ZZ")].concat());
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    bytes.push(0xe9);
    bytes.extend([text("node_count"), vec![0xc1, 8], text("record_size"), u16_(24)].concat());
    bytes.extend([text("ip_version"), u16_(4), text("database_type"), text("Test")].concat());
    bytes
        .extend([text("languages"), vec![0x00, 0x04], text("binary_format_major_version"), u16_(2)].concat());
    bytes.extend([text("binary_format_minor_version"), u16_(0), text("build_epoch")].concat());
    bytes.extend([vec![0x01, 0x02, 0x01], text("description"), vec![0xe0]].concat());
    bytes
}

fn listener(address: SocketAddr, path: &str, headers: &str) -> TcpStream {
    let mut stream = http::connect(address);
    write!(stream, "GET {path} HTTP/1.0\r\n{headers}\r\n").unwrap();
    stream
}

/// What Icecast's administration answers.
fn asked(address: SocketAddr, path: &str) -> (u16, String) {
    let authorization = format!("Basic {}", STANDARD.encode(format!("admin:{KEY}")));
    let answer = http::get_with(address, path, &[("Authorization", &authorization)]);
    (answer.status, answer.body.trim_end().to_owned())
}

/// The first station as `/admin/v1` tells it.
fn shown(server: &Server) -> Value {
    let headers = [("authorization", &*format!("Bearer {KEY}"))];
    let state = http::get_with(server.address, "/admin/v1/state", &headers).json();
    state["services"][0]["overview"]["sections"][0]["items"][0].clone()
}

fn detail(item: &Value, name: &str) -> String {
    let details = item["details"].as_array().unwrap();
    let found = details.iter().find(|detail| detail[0] == name);
    found.map_or(String::new(), |detail| detail[1].as_str().unwrap().to_owned())
}

#[test]
fn operators_see_who_listens_and_from_where_and_may_disconnect_one() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "a.mp3", "sine=f=440:r=44100", 20, "-ac 2 -b:a 128k");
    let database = folder.path().join("countries.mmdb");
    fs::write(&database, countries()).unwrap();
    let flags = ["--audio-dir", folder.path().to_str().unwrap(), "--stream-routes", "/jazz"];
    let environment = [
        ("ROOMHUB_RADIO__MOUNTPOINTS", "opus 32"),
        ("ROOMHUB_RADIO__ADMIN_KEY", KEY),
        ("ROOMHUB_RADIO__GEOIP_DATABASE", database.to_str().unwrap()),
    ];
    let server = station(&flags, &environment);
    on_air(&server);
    let mut stream = listener(server.address, "/jazz.opus", "User-Agent: VLC/3.0.18 LibVLC/3.0.18\r\n");
    let heard = eventually("a listener who is sent sound", || {
        let heard = shown(&server)["items"].get(0)?.clone();
        (detail(&heard, "sentBytes").parse::<u64>().ok()? > 0).then_some(heard)
    });
    assert_eq!(heard["title"], "VLC");
    let details = ["address", "country", "mount"].map(|name| detail(&heard, name));
    assert_eq!(details, ["127.0.0.1", "ZZ", "/jazz.opus"]);
    assert!(detail(&heard, "since").ends_with('Z'), "{heard}");
    eventually("the peaks", || {
        let station = shown(&server);
        (detail(&station, "peakToday") == "1" && detail(&station, "peakEver") == "1").then_some(())
    });
    eventually("seconds of listeners", || {
        let seconds = "roomhub_radio_listener_seconds_total{route=\"/jazz\",mount=\"/jazz.opus\"}";
        (server.metric(seconds) >= 1.0).then_some(())
    });
    let order = json!({"service": "radio", "action": "disconnect", "kind": "listener", "id": heard["id"], "within": "/jazz"});
    let headers = [("authorization", &*format!("Bearer {KEY}")), ("content-type", "application/json")];
    let act = |order: &Value| {
        http::request(server.address, "POST", "/admin/v1/actions", &headers, &order.to_string()).status
    };
    assert_eq!(act(&order), 204);
    stream.read_to_end(&mut Vec::new()).unwrap();
    eventually("nobody", || shown(&server)["items"].as_array()?.is_empty().then_some(()));
    assert_eq!(act(&order), 404);
    assert_eq!(detail(&shown(&server), "peakEver"), "1");
}

#[test]
fn no_more_of_an_address_is_shown_than_the_operator_wants() {
    for (rule, shown) in [("short", "203.0.113.0"), ("full", "203.0.113.77"), ("none", "")] {
        let environment = [
            ("ROOMHUB_RADIO__ADMIN_KEY", KEY),
            ("ROOMHUB_RADIO__LISTENER_ADDRESSES", rule),
            ("ROOMHUB_NETWORK__TRUSTED_PROXIES", "127.0.0.1"),
        ];
        let server = station(&[], &environment);
        on_air(&server);
        let headers = "Icy-MetaData: 1\r\nX-Forwarded-For: 203.0.113.77\r\n";
        let _stream = listener(server.address, "/", headers);
        let told = eventually("a listener", || {
            let (_, told) = asked(server.address, "/admin/listclients?mount=/");
            told.contains("<Listeners>1</Listeners>").then_some(told)
        });
        assert!(told.contains(&format!("<IP>{shown}</IP>")), "{rule}: {told}");
    }
}

#[test]
fn a_file_that_is_no_database_of_countries_is_told_at_the_start() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "203.0.113.0/24,DE").unwrap();
    let environment = [("ROOMHUB_RADIO__GEOIP_DATABASE", file.path().to_str().unwrap())];
    let output = run(&["radio", "--host", "127.0.0.1", "--port", "0"], &environment);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("geoip_database"), "{told}");
}

/// Two stations of one track each, which is called as they are.
fn two_stations(folder: &Path) -> Server {
    for (name, tone) in [("one", 440), ("two", 880)] {
        let args = format!("-ac 2 -b:a 128k -metadata title={name}");
        fs::create_dir(folder.join(name)).unwrap();
        make(&folder.join(name), "a.mp3", &format!("sine=f={tone}:r=44100"), 30, &args);
    }
    let routes = json!({"one": folder.join("one"), "two": folder.join("two")}).to_string();
    let flags = ["--directory-routes", &*routes, "--stream-routes", "/one,/two"];
    let environment = [("ROOMHUB_RADIO__MOUNTPOINTS", "opus 32"), ("ROOMHUB_RADIO__ADMIN_KEY", KEY)];
    let server = station(&flags, &environment);
    on_air(&server);
    server
}

/// The next title of a stream, from a place where sound begins.
fn next_title(stream: &mut TcpStream) -> String {
    stream.read_exact(&mut [0; META_INTERVAL]).unwrap();
    let mut units = [0];
    stream.read_exact(&mut units).unwrap();
    let mut title = vec![0; usize::from(units[0]) * 16];
    stream.read_exact(&mut title).unwrap();
    String::from_utf8(title).unwrap().trim_end_matches('\0').to_owned()
}

#[test]
fn listeners_are_moved_to_another_mount_and_titles_stay_in_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let server = two_stations(folder.path());
    let address = server.address;
    let mut stream = listener(address, "/one", "Icy-MetaData: 1\r\n");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert_eq!(next_title(&mut stream), "StreamTitle='one';");
    let recording = Recording::start(address, "/one");
    let of = |mount: &str| asked(address, &format!("/admin/listclients?mount={mount}")).1;
    eventually("both listeners", || of("/one").contains("<Listeners>2</Listeners>").then_some(()));

    let moved = |query: &str| asked(address, &format!("/admin/moveclients?{query}"));
    let response = |message: &str, code: u8| {
        format!(
            "<?xml version=\"1.0\"?>\n<iceresponse><message>{message}</message><return>{code}</return></iceresponse>"
        )
    };
    for (query, problem) in [
        ("mount=/none&destination=/two", "Source does not exist"),
        ("mount=/one&destination=/none", "No such destination"),
        ("mount=/one&destination=/one", "supplied mountpoints are identical"),
        ("mount=/one&destination=/two.opus", "the two mounts have different codecs"),
        ("mount=/one&destination=/two&id=x", "the id of a client is expected"),
    ] {
        assert_eq!(moved(query), (400, response(problem, 0)), "{query}");
    }
    let (status, others) = moved("mount=/one");
    assert!(status == 200 && others.contains("<icestats><current_source>/one</current_source>"), "{others}");
    assert!(
        others.contains("<source mount=\"/two\">") && !others.contains("<source mount=\"/one\">"),
        "{others}"
    );
    let none = response("Client 999 not found", 0);
    assert_eq!(moved("mount=/one&destination=/two&id=999"), (200, none));
    let done = response("Clients moved from /one to /two", 1);
    assert_eq!(moved("mount=/one&destination=/two"), (200, done));
    eventually("both listeners elsewhere", || of("/two").contains("<Listeners>2</Listeners>").then_some(()));
    assert!(of("/one").contains("<Listeners>0</Listeners>") && of("/two").contains("<ID>1</ID>"));

    let titles: Vec<String> = (0..9).map(|_| next_title(&mut stream)).collect();
    assert!(titles.iter().all(|title| title.is_empty() || title.starts_with("StreamTitle='")), "{titles:?}");
    assert_eq!(titles.last().unwrap(), "StreamTitle='two';");
    let recorded = recording.stop();
    assert_eq!(recorded.formats(), "44100,2");
}

#[test]
fn statistics_tell_what_was_played_and_to_how_many() {
    let site = Site::new();
    let path = site.path("music");
    fs::create_dir(&path).unwrap();
    let args = "-ac 2 -ar 44100 -b:a 64k -metadata artist=Ann -metadata album=Live -metadata TSRC=DE-A12-34-56789 -metadata title";
    make(&path, "a.mp3", "sine=440", 3, &format!("{args}==1+1"));
    let config = site.configure(
        "[admin]\nviewer_key = \"the key of the viewers here\"\n[radio]\nstatistics = true\n[[radio.stations]]\n\
         route = \"/jazz\"\nfolders = [\"DIR/music\"]\n",
    );
    let data = site.path("data");
    let mut server = station(&["--config", &config], &[("ROOMHUB_RADIO__DATA_DIR", data.to_str().unwrap())]);
    on_air(&server);
    let stream = listener(server.address, "/jazz", "User-Agent: mpv 0.35.1\r\n");
    let report = |query: &str| {
        let headers = [("authorization", "Bearer the key of the viewers here")];
        http::get_with(server.address, &format!("/admin/v1/radio/report.csv?{query}"), &headers)
    };
    assert_eq!(
        http::get(server.address, "/admin/v1/radio/report.csv?from=2026-01-01&to=2099-01-01").status,
        401
    );
    assert_eq!(report("from=2026-01-01").status, 400);
    let always = "from=2000-01-01&to=2099-01-01&route=/jazz";
    let line = eventually("a track that somebody heard", || {
        let answer = report(always);
        assert_eq!(answer.status, 200, "{answer:?}");
        // It comes in pieces, between which their lengths stand.
        let line = answer.body.lines().find(|line| line.starts_with("Ann,"))?.to_owned();
        (!line.ends_with(",0.0000")).then_some(line)
    });
    assert!(line.starts_with("Ann,\"'=1+1\",Live,DEA123456789,"), "{line}");
    let cells: Vec<f64> = line.split(',').skip(4).map(|cell| cell.parse().unwrap()).collect();
    assert!(cells[0] >= 1.0 && (cells[1] - 3.0 * cells[0]).abs() <= cells[0], "{line}");
    let before = report("from=2000-01-01&to=2000-01-02").body;
    assert!(
        before.contains("artist,title,album,isrc,plays,seconds,listener_hours") && !before.contains("Ann"),
        "{before}"
    );
    // A session that is not over is written down when the process stops.
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
    drop(stream);
    let database = rusqlite::Connection::open(data.join("radio.statistics.db")).unwrap();
    let session = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, f64>(2)?, row.get::<_, i64>(3)?))
    };
    let (player, address, seconds, n_bytes) =
        database.query_row("SELECT player, address, seconds, n_bytes FROM sessions", [], session).unwrap();
    assert_eq!((&*player, &*address), ("mpv", "127.0.0.1"));
    assert!(seconds > 1.0 && n_bytes > 16_000, "{seconds} s, {n_bytes} bytes");
}
