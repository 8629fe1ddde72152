//! Keys, tokens and passwords: they are in no error, no printed configuration and no log, at any level.

use std::fs;
use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::harness::process::{Server, roomhub, run};
use crate::harness::radio::{on_air, station};
use crate::harness::websocket::{self, Client};
use crate::harness::{eventually, http, polling};

/// Part of every secret here; what is logged of it would be found by it.
const SECRET: &str = "hunter2hunter2hunter2";

#[test]
fn a_misspelt_secret_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    for text in [
        "[radio]\nsource_pasword = \"hunter2\"",
        "[radio]\nsource_password = [\"hunter2\"]",
        "[radio]\nsource_password = hunter2",
        "[radio]\nrelays = '{\"news\":\"http://ann:hunter2@other/news\"}'",
        "[radio]\nrelays = '\"http://ann:hunter2@other/news\"'",
        "[watch]\nadmin_kye = \"hunter2\"",
        "[wach]\nadmin_key = \"hunter2\"",
    ] {
        fs::write(&file, text).unwrap();
        let output = run(&["all", "--config", file.to_str().unwrap()], &[]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("mistake in the configuration") && !told.contains("hunter2"), "{told}");
    }
    for (name, value) in [
        ("ROOMHUB_RADIO__SOURCE_PASWORD", "hunter2"),
        ("ROOMHUB_RADIO_SOURCE_PASSWORD", "hunter2"),
        ("ROOMHUB_CLUSTER__ULR", "redis://:hunter2@host"),
        ("ROOMHUB_CLUSTER__URL", "radis://:hunter2@host"),
        ("ROOMHUB_SENTRY__DSN", "hunter2"),
    ] {
        let output = run(&["all", "--print-config"], &[(name, value)]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(name) && !told.contains("hunter2"), "{told}");
    }
    let output = run(&["watch", "--auth-kye=hunter2"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("hunter2"));
}

/// A service at the most talkative level, with this secret in every key that it has.
fn talkative(service: &str, more: &[(&str, &str)]) -> Server {
    Server::of(service, &["--log-level", "trace"], more)
}

/// Asks with the secret wherever a request may carry one.
fn ask(server: &Server, path: &str) {
    let bearer = format!("Bearer {SECRET}");
    let basic = format!("Basic {}", STANDARD.encode(format!("source:{SECRET}")));
    for authorization in [&bearer, &basic] {
        let headers = [("authorization", authorization.as_str()), ("cookie", SECRET), ("x-api-key", SECRET)];
        http::request(
            server.address,
            "POST",
            &format!("{path}?auth={SECRET}&token={SECRET}"),
            &headers,
            "{}",
        );
        http::get_with(server.address, &format!("{path}?auth={SECRET}"), &headers);
    }
}

fn assert_silence(server: &Server) {
    let log = server.log();
    let encoded = STANDARD.encode(format!("source:{SECRET}"));
    for line in log.lines() {
        assert!(!line.contains(SECRET) && !line.contains(&encoded), "{line}");
    }
}

#[test]
fn nothing_secret_is_logged_at_the_most_talkative_level() {
    let auth = json!({ "token": SECRET }).to_string();

    let watch = talkative("watch", &[("AUTH_KEY", SECRET)]);
    ask(&watch, "/stats");
    ask(&watch, "/admin/api/overview");
    let mut owner = Client::connect_by(watch.address, "", &[], &auth);
    let room =
        json!({"name": "Films", "description": "", "password": SECRET, "isPublic": true, "userName": "Ann"});
    owner.ask("room:create", Some(&room));
    owner.ask("room:join", Some(&json!({"roomId": "ABCDEF", "password": SECRET, "ownerToken": SECRET})));
    owner.ask("room:create", Some(&json!({"password": [SECRET]})));
    assert_silence(&watch);
    watch.await_log("\"DEBUG\"");

    let keys = [("ROOMHUB_SIGNAL__AUTH_KEY", SECRET), ("ROOMHUB_SIGNAL__TURN_SECRET", SECRET)];
    let urls = [("ROOMHUB_SIGNAL__TURN_URLS", "turn:turn.example.org"), keys[0], keys[1]];
    let signal = talkative("signal", &urls);
    ask(&signal, "/ice");
    let mut caller = Client::connect_by(signal.address, "", &[], &auth);
    caller.emit("join", &json!({"userId": "ann", "roomId": "r", "token": SECRET, "resume": SECRET}));
    caller.expect("connected");
    let joined = caller.expect("joined");
    caller.ask("offer", Some(&json!({"roomId": "r", "sdp": SECRET})));
    assert_silence(&signal);
    assert!(!signal.log().contains(joined["iceServers"][0]["credential"].as_str().unwrap()));

    let data = tempfile::tempdir().unwrap();
    let devices = talkative(
        "devices",
        &[
            ("ROOMHUB_DEVICES__DATA_DIR", data.path().to_str().unwrap()),
            ("ROOMHUB_DEVICES__AUTH", "key"),
            ("ROOMHUB_DEVICES__AUTH_KEY", SECRET),
        ],
    );
    ask(&devices, "/rooms");
    let mut socket = websocket::open(devices.address, &format!("/?auth={SECRET}"), &[]).unwrap();
    for frame in
        [json!({"device_id": "d1", "identity": "mobile_user"}), json!({"type": "message", "content": SECRET})]
    {
        socket.send(frame.to_string().into()).unwrap();
        socket.read().unwrap();
    }
    assert_silence(&devices);

    let keys = [("ROOMHUB_RADIO__ADMIN_KEY", SECRET), ("ROOMHUB_RADIO__SOURCE_PASSWORD", SECRET)];
    let radio = station(&["--log-level", "trace"], &keys);
    on_air(&radio);
    ask(&radio, "/next-track");
    ask(&radio, "/admin/metadata");
    let mut source = http::connect(radio.address);
    let basic = STANDARD.encode(format!("source:{SECRET}"));
    write!(source, "PUT /?token={SECRET} HTTP/1.1\r\nAuthorization: Basic {basic}\r\n\r\n").unwrap();
    source.read_exact(&mut [0; 12]).unwrap();
    assert_silence(&radio);

    let music = talkative("music", &[("ROOMHUB_METRICS__TOKEN", SECRET)]);
    ask(&music, "/metrics");
    let mut host = Client::host(music.address, "AB12");
    host.ask("create_room", Some(&json!({"room_id": [SECRET], "password": SECRET})));
    let polling = polling::Client::connect(music.address);
    polling.post(&format!("42{}", json!(["create_room", {"password": SECRET}])));
    assert_silence(&music);

    // What is asked for by name is no exception.
    let named = Server::start_with(
        &["--log-level", "trace,hyper=trace,rustls=trace"],
        &[("ROOMHUB_METRICS__TOKEN", SECRET)],
    );
    ask(&named, "/metrics");
    assert_silence(&named);
}

#[test]
fn a_database_url_is_in_no_log() {
    let data = tempfile::tempdir().unwrap();
    let mut command = roomhub(&[
        "devices",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--log-format",
        "json",
        "--log-level",
        "trace",
    ]);
    command.env("ROOMHUB_DEVICES__DATA_DIR", data.path());
    command.env("DATABASE_URL", format!("mysql://hub:{SECRET}@127.0.0.1:9/rooms"));
    let server = Server::spawn(command);
    eventually("a try to reach the database", || server.log().contains("database").then_some(()));
    assert_silence(&server);
}
