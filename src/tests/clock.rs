//! A system clock that is wrong when the program starts, and is put right while it runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::process::Server;
use crate::harness::radio::{make, noise, on_air};
use crate::harness::websocket::{self, Client};
use crate::harness::{eventually, http};

/// Says to one process what time it is.
pub struct WrongClock {
    folder: tempfile::TempDir,
}

impl WrongClock {
    /// A clock that is off by that, like `-2d`.
    pub fn new(off: &str) -> Self {
        let clock = Self { folder: tempfile::tempdir().unwrap() };
        clock.put(off);
        clock
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    /// Puts it: off by that from now on.
    pub fn put(&self, off: &str) {
        let new = self.folder.path().join("new");
        fs::write(&new, off).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    /// What a process needs in its environment to go by it.
    pub fn environment(&self) -> [(&'static str, String); 6] {
        [
            ("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1".to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", self.file().to_str().unwrap().to_owned()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }

    /// Starts a service that goes by it.
    pub fn start(&self, service: &str, environment: &[(&str, &str)]) -> Server {
        let of_clock = self.environment();
        let mut all: Vec<_> = of_clock.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.extend(environment);
        Server::of(service, &[], &all)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A token under the secret `north`.
fn token(claims: &Value) -> String {
    let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(claims.to_string().as_bytes()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"north"), signed.as_bytes());
    format!("{signed}.{}", encode(tag.as_ref()))
}

const DAY: u64 = 24 * 60 * 60;

#[test]
fn tokens_and_credentials_go_by_a_clock_that_was_corrected() {
    let clock = WrongClock::new("-2d");
    let server = clock.start(
        "signal",
        &[
            ("ROOMHUB_SIGNAL__TOKEN_SECRET", "north"),
            ("ROOMHUB_SIGNAL__TURN_URLS", "turn:localhost"),
            ("ROOMHUB_SIGNAL__TURN_SECRET", "south"),
        ],
    );
    let join = |user: &str, exp: u64| {
        let token = token(&json!({"room": "r", "user": user, "exp": exp}));
        json!({"userId": user, "roomId": "r", "token": token})
    };
    let mut ann = Client::connect_silently(server.address);
    ann.expect("connected");
    let yesterday = now() - DAY;
    ann.emit("join", &join("ann", yesterday));
    ann.expect("joined");
    clock.put("+0");
    assert_eq!(ann.expect("error")["code"], "token_expired", "it has ended by the corrected clock");
    ann.emit("join", &join("ann", yesterday));
    assert_eq!(ann.expect("error")["code"], "token_expired");
    ann.emit("join", &join("ann", now() + 3 * DAY));
    let joined = ann.expect("joined");
    let username = joined["iceServers"][0]["username"].as_str().unwrap();
    let expiry: u64 = username.split(':').next().unwrap().parse().unwrap();
    assert!(expiry > now() && expiry <= now() + DAY, "credentials are for the hours to come: {username}");
    let told = http::get(server.address, "/health").json();
    let today = humantime::parse_rfc3339(told["timestamp"].as_str().unwrap()).unwrap();
    assert!(today.duration_since(UNIX_EPOCH).unwrap().as_secs().abs_diff(now()) < 60, "{told}");
}

/// What the database holds, once it does.
fn stored(folder: &Path, what: &str) -> String {
    let path = folder.join("devices.db");
    eventually("a row in the database", || {
        let database = rusqlite::Connection::open(&path).ok()?;
        database.query_row(what, [], |row| row.get(0)).ok()
    })
}

#[test]
fn devices_are_stored_with_the_time_of_a_corrected_clock_and_go_with_their_tokens() {
    let clock = WrongClock::new("-2d");
    let data = tempfile::tempdir().unwrap();
    let server = clock.start(
        "devices",
        &[
            ("ROOMHUB_DEVICES__DATA_DIR", data.path().to_str().unwrap()),
            ("ROOMHUB_DEVICES__AUTH", "tokens"),
            ("ROOMHUB_DEVICES__JWT_SECRET", "north"),
        ],
    );
    let connect = |device: &str, exp: u64| {
        let token = token(&json!({"sub": device, "exp": exp}));
        let mut socket = websocket::open(server.address, &format!("/?auth={token}"), &[]).unwrap();
        socket.read().unwrap();
        socket.send(Message::text(json!({"device_id": device, "identity": "x"}).to_string())).unwrap();
        socket.read().unwrap();
        socket
    };
    let mut early = connect("d1", now() - DAY);
    let mut late = connect("d2", now() + DAY);
    clock.put("+0");
    assert!(early.read().unwrap().into_text().unwrap().contains("Token expired"));
    let Message::Close(Some(close)) = early.read().unwrap() else { panic!("it is let go") };
    assert_eq!(u16::from(close.code), 1008);
    late.send(Message::text(r#"{"type":"message","content":"hi","message_id":"m"}"#)).unwrap();
    late.read().unwrap();
    let off = "SELECT CAST(abs(strftime('%s', sent_at) - strftime('%s', 'now')) < 60 AS TEXT) FROM messages";
    assert_eq!(stored(data.path(), off), "1");
    let ended = "SELECT CAST(abs(strftime('%s', disconnected_at) - strftime('%s', 'now')) < 60 AS TEXT)
        FROM connections WHERE device_id = 'd1' AND disconnected_at IS NOT NULL";
    assert_eq!(stored(data.path(), ended), "1");
}

/// Whether that was within the last minute, in milliseconds since the epoch.
fn is_lately(millis: &Value) -> bool {
    millis.as_f64().is_some_and(|millis| (millis / 1000.0 - now() as f64).abs() < 60.0)
}

#[test]
fn rooms_of_music_have_dates_of_a_corrected_clock() {
    let clock = WrongClock::new("-2d");
    let server = clock.start("music", &[]);
    let _ann = Client::host(server.address, "AB12");
    clock.put("+0");
    let room = http::get(server.address, "/room/AB12").json();
    assert!(is_lately(&room["createdAt"]), "{room}");
    let room = http::get(server.address, "/rooms").json()["rooms"][0].clone();
    assert!(is_lately(&room["createdAt"]), "{room}");
}

#[test]
fn watch_rooms_and_their_event_log_have_dates_of_a_corrected_clock() {
    let clock = WrongClock::new("-2d");
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("events.jsonl");
    let server =
        clock.start("watch", &[("AUTH_KEY", "north"), ("ROOMHUB_WATCH__EVENT_LOG", log.to_str().unwrap())]);
    let mut ann = Client::connect_by(server.address, "", &[], r#"{"token":"north"}"#);
    ann.ask("room:create", Some(&json!({"name": "Films", "isPublic": true, "userName": "Ann"})));
    clock.put("+0");
    ann.emit("heartbeat", &json!({}));
    let pong = ann.expect("heartbeat:pong");
    assert!(is_lately(&pong["timestamp"]), "{pong}");
    let rooms: Value = serde_json::from_str(&ann.ask("room:list", None)).unwrap();
    assert!(is_lately(&rooms[0][0]["createdAt"]), "{rooms}");
    ann.emit("room:leave", &json!({}));
    let line = eventually("the end of the room", || {
        let text = fs::read_to_string(&log).ok()?;
        text.lines().find(|line| line.contains("room_deleted")).map(str::to_owned)
    });
    let line: Value = serde_json::from_str(&line).unwrap();
    let time = humantime::parse_rfc3339(line["time"].as_str().unwrap()).unwrap();
    assert!(time.duration_since(UNIX_EPOCH).unwrap().as_secs().abs_diff(now()) < 60, "{line}");
}

#[test]
fn stations_tell_when_a_track_began_by_a_corrected_clock() {
    let clock = WrongClock::new("-2d");
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "a.mp3", &noise(1), 30, "-ac 2 -ar 44100 -b:a 128k");
    let server = clock.start(
        "radio",
        &[("ROOMHUB_RADIO__DATA_DIR", ""), ("ROOMHUB_RADIO__AUDIO_DIR", folder.path().to_str().unwrap())],
    );
    on_air(&server);
    clock.put("+0");
    let is_recent = |seconds: &Value| is_lately(&json!(seconds.as_f64().unwrap() * 1000.0));
    let playing = http::get(server.address, "/now-playing").json();
    assert!(is_recent(&playing["started_at"]), "{playing}");
    assert!(playing["elapsed_seconds"].as_f64().unwrap() < 60.0, "{playing}");
    let history = http::get(server.address, "/history").json();
    assert!(is_recent(&history["history"][0]["started_at"]), "{history}");
}

#[test]
fn the_music_does_not_jump_with_the_clock() {
    for (before, after) in [("-2d", "+0"), ("+0", "-3h"), ("+0", "+5h")] {
        let clock = WrongClock::new(before);
        let server = clock.start("music", &[]);
        let mut ann = Client::host(server.address, "AB12");
        clock.put(after);
        ann.emit("get_room_state", &json!({"room_id": "AB12"}));
        let position = ann.expect("room_state")["current_time"].as_f64().unwrap();
        assert!(position < 600.0, "{before} {after}: {position}");
    }
}

/// Starts a service that keeps its rooms there, by a clock that is off by that.
fn keeping(folder: &Path, service: &str, off: &str, more: &[(&str, &str)]) -> (WrongClock, Server) {
    let clock = WrongClock::new(off);
    let mut environment = vec![
        ("AUTH_KEY", "north"),
        ("ROOMHUB_ROOMS__PERSIST", "true"),
        ("ROOMHUB_ROOMS__DATA_DIR", folder.to_str().unwrap()),
    ];
    environment.extend(more);
    let server = clock.start(service, &environment);
    (clock, server)
}

fn stop(mut server: Server) {
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
}

/// Ann, who has a page: she makes the room, or is back in it.
fn ann(server: &Server, event: &str, room: &str) -> Client {
    let mut ann = Client::connect(server.address);
    ann.emit("introduce", &json!({"name": "Ann", "person": "ann-0123456789abcdef"}));
    ann.emit(event, &json!({"room_id": room, "track": {"id": 1}, "person": "ann-0123456789abcdef"}));
    ann
}

/// When an invitation is said to end, in seconds from now.
fn ends_in(invitation: &Value) -> f64 {
    invitation["expiresAt"].as_f64().unwrap() / 1000.0 - now() as f64
}

/// What starts with a clock that is off by that, and is corrected before it stops.
const OFF: [&str; 2] = ["-2d", "+2d"];

#[test]
fn rooms_of_music_are_as_they_were_when_the_clock_was_corrected_before_a_restart() {
    for off in OFF {
        let folder = tempfile::tempdir().unwrap();
        let (clock, server) = keeping(folder.path(), "music", off, &[]);
        let mut host = ann(&server, "create_room", "AB12");
        let invited = host.ask("party:invite", Some(&json!({"expiresIn": DAY, "skipsPassword": true})));
        assert!(invited.contains("\"success\":true"), "{invited}");
        clock.put("+0");
        stop(server);
        let (_clock, server) = keeping(folder.path(), "music", "+0", &[]);
        let mut host = ann(&server, "join_room", "AB12");
        let told: Value = serde_json::from_str(&host.ask("party:invitations", None)).unwrap();
        let room = http::get(server.address, "/room/AB12").json();
        assert!(is_lately(&room["createdAt"]), "{off}: {room}");
        let position = room["currentTime"].as_f64().unwrap();
        assert!(position > 0.0 && position < 600.0, "{off}: it has played since it was made: {position}");
        let left = ends_in(&told[0]["invitations"][0]);
        assert!((left - DAY as f64).abs() < 600.0, "{off}: {left} s of {told}");
    }
}

#[test]
fn a_room_that_stays_is_kept_for_as_long_as_it_should_when_the_clock_was_corrected_before_a_restart() {
    for off in OFF {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("events.jsonl");
        let more = [
            ("ROOMHUB_WATCH__EVENT_LOG", log.to_str().unwrap()),
            ("ROOMHUB_WATCH__PERMANENT_UNUSED", "25h"),
            ("ROOMHUB_WATCH__SWEEP_INTERVAL", "100ms"),
            ("ROOMHUB_WATCH__ROOM_COMEBACK", "1s"),
        ];
        let make = |server: &Server, name: &str| {
            let mut owner = Client::connect_by(server.address, "", &[], r#"{"token":"north"}"#);
            owner.emit("introduce", &json!({"name": "Ann", "person": "ann-0123456789abcdef"}));
            let made =
                owner.ask("room:create", Some(&json!({"name": name, "isPublic": true, "userName": "Ann"})));
            let made: Value = serde_json::from_str(&made).unwrap();
            (owner, made[0]["room"]["id"].as_str().unwrap().to_owned())
        };
        let await_end = |room: &str| {
            eventually("the end of a room", || {
                let text = fs::read_to_string(&log).ok()?;
                text.lines().find(|line| line.contains("room_deleted") && line.contains(room)).map(drop)
            });
        };
        let (clock, mut server) = keeping(folder.path(), "watch", off, &more);
        let (mut ann, lasting) = make(&server, "Films");
        let set = ann.ask("party:set", Some(&json!({"isPermanent": true})));
        assert!(set.contains("\"success\":true"), "{set}");
        ann.ask("room:leave", None);
        clock.put("+0");
        for off_then in ["+0", "+24h"] {
            let (_ann, other) = make(&server, "Other");
            stop(server);
            let (_clock, again) = keeping(folder.path(), "watch", off_then, &more);
            server = again;
            // Nobody comes back to it, so rooms have been looked through.
            await_end(&other);
            let mut bob = Client::connect_by(server.address, "", &[], r#"{"token":"north"}"#);
            let rooms = bob.ask("room:list", None);
            assert!(rooms.contains(&lasting), "{off}, {off_then}: {rooms}");
        }
        stop(server);
        let (_clock, _server) = keeping(folder.path(), "watch", "+26h", &more);
        await_end(&lasting);
    }
}

#[test]
fn rooms_of_watch_are_as_they_were_when_the_clock_was_corrected_before_a_restart() {
    for off in OFF {
        let folder = tempfile::tempdir().unwrap();
        let (clock, server) = keeping(folder.path(), "watch", off, &[]);
        let connect = |server: &Server| Client::connect_by(server.address, "", &[], r#"{"token":"north"}"#);
        let mut ann = connect(&server);
        let made =
            ann.ask("room:create", Some(&json!({"name": "Films", "isPublic": true, "userName": "Ann"})));
        let made: Value = serde_json::from_str(&made).unwrap();
        ann.emit("play:change", &json!({"type": "play", "url": "u", "currentTime": 60, "isPlaying": true}));
        ann.ask("heartbeat", None);
        clock.put("+0");
        stop(server);
        let (_clock, server) = keeping(folder.path(), "watch", "+0", &[]);
        let mut bob = connect(&server);
        let joined = bob.ask("room:join", Some(&json!({"roomId": made[0]["room"]["id"], "userName": "Bob"})));
        let joined: Value = serde_json::from_str(&joined).unwrap();
        assert!(is_lately(&joined[0]["room"]["createdAt"]), "{off}: {joined}");
        let position = loop {
            let (event, told) = bob.hear().unwrap();
            if event == "play:update" {
                break told["currentTime"].as_f64().unwrap();
            }
        };
        assert!((60.0..600.0).contains(&position), "{off}: {position}");
    }
}

#[test]
fn a_clock_that_is_wrong_again_after_a_restart_does_not_age_rooms() {
    let folder = tempfile::tempdir().unwrap();
    let (_clock, server) = keeping(folder.path(), "music", "+0", &[]);
    let mut host = ann(&server, "create_room", "AB12");
    let invited = host.ask("party:invite", Some(&json!({"expiresIn": DAY, "skipsPassword": true})));
    assert!(invited.contains("\"success\":true"), "{invited}");
    stop(server);
    let (clock, server) = keeping(folder.path(), "music", "-2d", &[]);
    let mut host = ann(&server, "join_room", "AB12");
    clock.put("+0");
    // The correction is heard of at the next look at the timers.
    eventually("a room's date by the corrected clock", || {
        let room = http::get(server.address, "/room/AB12").json();
        is_lately(&room["createdAt"]).then_some(())
    });
    let told: Value = serde_json::from_str(&host.ask("party:invitations", None)).unwrap();
    let left = ends_in(&told[0]["invitations"][0]);
    assert!((left - DAY as f64).abs() < 600.0, "{left} s of {told}");
}
