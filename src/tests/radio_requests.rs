//! Requests of listeners: tracks that they ask for play next, by votes and then time, within limits.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::harness::process::Server;
use crate::harness::site::Site;
use crate::harness::{eventually, http};

const NAMES: [&str; 5] = ["a.mp3", "b.mp3", "c.mp3", "d.mp3", "e.mp3"];

/// Posts JSON as somebody behind a trusted proxy.
fn post(server: &Server, path: &str, person: &str, body: &str) -> http::Response {
    let headers = [("content-type", "application/json"), ("x-forwarded-for", person)];
    http::request(server.address, "POST", path, &headers, body)
}

/// Asks for the track with that title.
fn ask(server: &Server, route: &str, title: &str, person: &str) -> http::Response {
    let track = find(server, route, title)["track"].clone();
    let body = serde_json::json!({ "route": route, "track": track }).to_string();
    post(server, "/requests", person, &body)
}

fn vote(server: &Server, route: &str, id: u64, person: &str) -> http::Response {
    post(server, "/requests/vote", person, &format!("{{\"route\":\"{route}\",\"id\":{id}}}"))
}

/// The track with that title, once its tags have been read.
fn find(server: &Server, route: &str, title: &str) -> Value {
    eventually("a track that is found", || {
        let found = http::get(server.address, &format!("/requests/search?route={route}&q={title}")).json();
        found["tracks"].as_array()?.iter().find(|track| track["title"] == title).cloned()
    })
}

/// Titles and votes of all requests.
fn asked(server: &Server, route: &str) -> String {
    let told = http::get(server.address, &format!("/requests?route={route}")).json();
    let requests = told["requests"].as_array().unwrap_or_else(|| panic!("{told}")).iter();
    let told = requests.map(|request| format!("{} {}", request["title"].as_str().unwrap(), request["votes"]));
    told.collect::<Vec<_>>().join(", ")
}

fn now(server: &Server, route: &str, key: &str) -> Value {
    http::get(server.address, &format!("/now-playing?route={route}")).json()[key].clone()
}

fn skip(server: &Server, route: &str) {
    let key = [("authorization", "Bearer the key of operators")];
    assert_eq!(http::request(server.address, "POST", &format!("/next-track{route}"), &key, "").status, 200);
}

/// Waits until a station plays that title.
fn plays(server: &Server, route: &str, title: &str) {
    eventually(&format!("{title} on {route}"), || (now(server, route, "title") == title).then_some(()));
}

/// Those of some titles that are not on the air.
fn others(server: &Server, route: &str) -> Vec<String> {
    let on_air = now(server, route, "title");
    let titles = NAMES.map(|name| name.trim_end_matches(".mp3").to_owned());
    titles.into_iter().filter(|title| on_air != title.as_str()).collect()
}

/// A problem, with the program's word for it.
fn problem(answer: &http::Response) -> (u16, String) {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
    assert_ne!(answer.json()["detail"], "", "{answer:?}");
    (answer.status, answer.json()["reason"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn what_listeners_ask_for_plays_next_by_votes_and_then_time() {
    let site = Site::with("music", &NAMES, 60);
    let server = site.start_on_air(
        r#"
        [network]
        trusted_proxies = ["127.0.0.1"]

        [radio]
        admin_key = "the key of operators"

        [radio.requests]
        every_tracks = 0

        [[radio.stations]]
        route = "/music"
        folders = ["DIR/music"]
        requests = { enabled = true, interval = "0s" }
        "#,
    );
    let route = "/music";
    let titles = others(&server, route);
    let [first, second, third, ..] = &*titles else { panic!("{titles:?}") };
    let version = now(&server, route, "requests_version");
    for (title, person) in [(first, "192.0.2.1"), (second, "192.0.2.2"), (third, "192.0.2.3")] {
        assert_eq!(ask(&server, route, title, person).status, 201);
    }
    assert_eq!(asked(&server, route), format!("{first} 1, {second} 1, {third} 1"));
    assert_eq!(now(&server, route, "next"), format!("{first}.mp3"));
    let voted = vote(&server, route, 2, "192.0.2.1");
    assert_eq!((voted.status, &voted.json()["votes"]), (200, &2.into()));
    assert_eq!(asked(&server, route), format!("{second} 2, {first} 1, {third} 1"));
    assert_eq!(now(&server, route, "next"), format!("{second}.mp3"));
    assert_eq!(now(&server, route, "requests"), 3);
    assert_ne!(now(&server, route, "requests_version"), version);
    let streams = http::get(server.address, "/streams").json();
    assert_eq!(streams["streams"][0]["requests"], 3);

    for title in [second, first, third] {
        skip(&server, route);
        plays(&server, route, title);
    }
    assert_eq!(asked(&server, route), "");
    let history = http::get(server.address, "/history?route=/music").json()["history"].clone();
    let requested = history.as_array().unwrap().iter().map(|track| track["is_requested"].as_bool().unwrap());
    assert_eq!(requested.collect::<Vec<_>>(), [false, true, true, true]);
    // What has played is not asked for again within its time.
    let again = ask(&server, route, first, "192.0.2.9");
    assert_eq!(problem(&again), (429, "played".into()));
    assert!((3500..=3600).contains(&again.header("retry-after").parse::<u32>().unwrap()), "{again:?}");
    let metrics = http::get(server.address, "/metrics").body;
    for line in [
        "roomhub_radio_requests_played_total{route=\"/music\"} 3",
        "roomhub_radio_requests_total{route=\"/music\",outcome=\"accepted\"} 3",
        "roomhub_radio_request_votes_total{route=\"/music\"} 1",
        "roomhub_radio_requests_waiting{route=\"/music\"} 0",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
}

#[test]
fn requests_beyond_the_limits_are_refused_with_a_reason() {
    let site = Site::with("music", &NAMES, 60);
    let server = site.start_on_air(
        r#"
        [network]
        trusted_proxies = ["127.0.0.1"]

        [radio]
        admin_key = "the key of operators"

        [[radio.stations]]
        route = "/fast"
        folders = ["DIR/music"]
        requests = { enabled = true, interval = "0s", max_per_person = 2, max_waiting = 3 }

        [[radio.stations]]
        route = "/slow"
        folders = ["DIR/music"]
        requests = { enabled = true, interval = "10m" }
        "#,
    );
    let titles = others(&server, "/fast");
    let refused = |answer: http::Response| {
        assert!(answer.status != 429 || answer.header("retry-after").parse::<u32>().unwrap() > 0);
        problem(&answer)
    };
    // One subscriber of IPv6 is one person.
    assert_eq!(ask(&server, "/fast", &titles[0], "2001:db8:1:2::1").status, 201);
    assert_eq!(refused(ask(&server, "/fast", &titles[0], "192.0.2.1")), (409, "asked".into()));
    assert_eq!(ask(&server, "/fast", &titles[1], "2001:db8:1:2:ffff::1").status, 201);
    assert_eq!(refused(ask(&server, "/fast", &titles[2], "2001:db8:1:2::2")), (429, "enough".into()));
    assert_eq!(ask(&server, "/fast", &titles[2], "192.0.2.1").status, 201);
    assert_eq!(refused(ask(&server, "/fast", &titles[3], "192.0.2.2")), (429, "full".into()));
    assert_eq!(refused(vote(&server, "/fast", 1, "2001:db8:1:2::9")), (409, "voted".into()));
    assert_eq!(vote(&server, "/fast", 1, "192.0.2.1").status, 200);
    assert_eq!(refused(vote(&server, "/fast", 1, "192.0.2.1")), (409, "voted".into()));
    assert_eq!(refused(vote(&server, "/fast", 9, "192.0.2.1")), (404, "gone".into()));
    let on_air = now(&server, "/fast", "title").as_str().unwrap().to_owned();
    assert_eq!(refused(ask(&server, "/fast", &on_air, "192.0.2.3")), (429, "played".into()));

    let titles = others(&server, "/slow");
    assert_eq!(ask(&server, "/slow", &titles[0], "192.0.2.1").status, 201);
    assert_eq!(refused(ask(&server, "/slow", &titles[1], "192.0.2.1")), (429, "early".into()));
    assert_eq!(ask(&server, "/slow", &titles[1], "192.0.2.2").status, 201);

    // The owner takes one out, with the key.
    let take_out = |headers: &[(&str, &str)]| {
        http::request(server.address, "DELETE", "/requests?route=/fast&id=2", headers, "").status
    };
    let key = [("authorization", "Bearer the key of operators")];
    assert_eq!((take_out(&[]), take_out(&key), take_out(&key)), (401, 204, 404));
    assert_eq!(asked(&server, "/fast"), format!("{} 2, {} 1", titles_of(&server, 0), titles_of(&server, 1)));
}

/// The title of a request of `/fast`.
fn titles_of(server: &Server, place: usize) -> String {
    let told = http::get(server.address, "/requests?route=/fast").json();
    told["requests"][place]["title"].as_str().unwrap().to_owned()
}

#[test]
fn requests_are_for_those_who_may_hear_the_station_and_not_for_pages_of_other_sites() {
    let site = Site::with("music", &["a.mp3", "b.mp3"], 60);
    let server = site.start_on_air(
        r#"
        [[radio.stations]]
        route = "/off"
        folders = ["DIR/music"]

        [[radio.stations]]
        route = "/private"
        folders = ["DIR/music"]
        listener_key = "the key of listeners"
        requests = { enabled = true }
        "#,
    );
    let get = |path: &str| http::get(server.address, path);
    let key = "key=the%20key%20of%20listeners";
    for path in ["/requests?route=/off", "/requests/search?route=/off&q=a"] {
        assert_eq!(problem(&get(path)), (403, "off".into()), "{path}");
    }
    assert_eq!(get("/now-playing?route=/off").json()["requests"], Value::Null);
    for path in ["/requests?route=/nowhere", "/requests?route=%00&q=%ff"] {
        assert_eq!(problem(&get(path)).0, 404, "{path}");
    }
    let long = format!("/requests/search?route=/private&{key}&q={}", "x".repeat(201));
    for path in [&*long, "/requests/search?offset=-1", "/requests?id=many"] {
        assert_eq!(problem(&get(path)).0, 400, "{path}");
    }
    for path in ["/requests?route=/private", "/requests/search?route=/private&q=a"] {
        assert_eq!(problem(&get(path)).0, 401, "{path}");
        assert_eq!(get(&format!("{path}&{key}")).status, 200, "{path}");
    }
    let most =
        get(&format!("/requests/search?route=/private&{key}&q=&limit=999999&offset=99999999999")).json();
    assert_eq!((&most["total"], most["tracks"].as_array().map(Vec::len)), (&2.into(), Some(0)));

    let send = |headers: &[(&str, &str)], body: &str| {
        problem(&http::request(server.address, "POST", &format!("/requests?{key}"), headers, body)).0
    };
    let json = ("content-type", "application/json");
    let body = "{\"route\":\"/private\",\"track\":\"0123456789abcdef\"}";
    assert_eq!(send(&[json], body), 404);
    assert_eq!(send(&[("content-type", "text/plain")], body), 415);
    assert_eq!(send(&[("content-type", "application/x-www-form-urlencoded")], "route=/private"), 415);
    assert_eq!(send(&[json, ("sec-fetch-site", "cross-site")], body), 403);
    for body in ["", "[]", "{\"track\":1}", "{\"track\":\"a\",\"more\":1}", &*"[".repeat(60_000)] {
        assert_eq!(send(&[json], body), 400);
    }
    let origin = [("origin", "https://example.org"), ("access-control-request-method", "POST")];
    let preflight = http::request(server.address, "OPTIONS", "/requests", &origin, "");
    assert_eq!(preflight.header("access-control-allow-origin"), "", "{preflight:?}");
}

#[test]
fn requests_wait_for_the_end_of_a_live_source_and_of_shows_that_play_none() {
    let site = Site::with("music", &NAMES, 60);
    site.fill("show", &["s.mp3", "t.mp3"], 60);
    let station = |route: &str, requests: bool| {
        format!(
            r#"
            [[radio.stations]]
            route = "{route}"
            folders = ["DIR/music"]
            requests = {{ enabled = true, track_interval = "0s" }}

            [[radio.stations.schedule]]
            name = "Always"
            times = "00:00-24:00"
            folder = "DIR/show"
            requests = {requests}
            "#
        )
    };
    let server = site.start(&format!(
        r#"
        [radio]
        admin_key = "the key of operators"
        source_password = "hackme"
        {}
        {}
        [[radio.stations]]
        route = "/live"
        folders = ["DIR/music"]
        requests = {{ enabled = true }}
        "#,
        station("/closed", false),
        station("/open", true)
    ));
    for route in ["/closed", "/open"] {
        eventually("a show", || {
            ["s", "t"].iter().any(|title| now(&server, route, "title") == *title).then_some(())
        });
        assert_eq!(ask(&server, route, "c", "192.0.2.1").status, 201);
    }
    let waits_for = |route: &str| {
        http::get(server.address, &format!("/requests?route={route}")).json()["waits_for"].clone()
    };
    assert_eq!((waits_for("/closed"), waits_for("/open")), ("show".into(), Value::Null));
    skip(&server, "/open");
    plays(&server, "/open", "c");
    let before = now(&server, "/closed", "title");
    skip(&server, "/closed");
    eventually("the next track of the show", || (now(&server, "/closed", "title") != before).then_some(()));
    assert_ne!(now(&server, "/closed", "title"), "c");
    assert_eq!(asked(&server, "/closed"), "c 1");

    eventually("the station without shows", || (now(&server, "/live", "title") != "").then_some(()));
    site.fill("source", &["source.mp3"], 30);
    let sound = std::fs::read(site.path("source/source.mp3")).unwrap();
    let mut source = http::connect(server.address);
    let password = STANDARD.encode("source:hackme");
    write!(
        source,
        "PUT /live HTTP/1.1\r\nAuthorization: Basic {password}\r\nContent-Type: audio/mpeg\r\n\r\n"
    )
    .unwrap();
    source.read_exact(&mut [0; 12]).unwrap();
    source.write_all(&sound[..100_000]).unwrap();
    eventually("a live source", || (now(&server, "/live", "source") == "live").then_some(()));
    let title = others(&server, "/live").remove(0);
    assert_eq!(ask(&server, "/live", &title, "192.0.2.1").status, 201);
    assert_eq!((waits_for("/live"), asked(&server, "/live")), ("live".into(), format!("{title} 1")));
    drop(source);
    plays(&server, "/live", &title);
    assert_eq!((waits_for("/live"), asked(&server, "/live")), (Value::Null, String::new()));
}
