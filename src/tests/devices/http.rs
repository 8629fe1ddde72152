//! What HTTP tells and does, and to whom.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::client::Device;
use super::start;
use crate::clients::{run_client, run_client_everywhere};
use crate::harness::deployment::{Deployment, everywhere};
use crate::harness::process::Server;
use crate::harness::{eventually, http};

/// Whoever has it may ask from anywhere, also through a load balancer.
const KEY: (&str, &str) = ("ROOMHUB_DEVICES__CONSOLE_KEY", "sesame");

/// How it is brought.
const BEARER: (&str, &str) = ("authorization", "Bearer sesame");

fn get(deployment: &Deployment, path: &str) -> Value {
    let answer = http::get_with(deployment.address, path, &[BEARER]);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

fn status_of(deployment: &Deployment, path: &str) -> u16 {
    http::get_with(deployment.address, path, &[BEARER]).status
}

#[test]
fn rooms_devices_and_messages_are_told() {
    everywhere("devices", &[KEY], |deployment| {
        let (mut ann, _) = Device::join(deployment.address, "d1", None);
        let (bob, _) = Device::join(deployment.address, "d/2", Some(&ann.room));
        for number in 0..7 {
            ann.say_for_sure(&format!("message {number}"));
        }
        ann.say(
            &json!({"type": "message", "content": "for bob", "target_device_id": "d/2", "message_id": "x"}),
        );
        ann.hear();

        let is_full = |rooms: &http::Response| rooms.json()["rooms"][0]["total_clients"] == 2;
        assert_eq!(deployment.told("/rooms", &[BEARER], is_full).json()["count"], 1);
        let path = format!("/rooms/{}", ann.room.to_lowercase());
        let room = deployment.told(&path, &[BEARER], |room| room.json()["total_clients"] == 2).json();
        assert_eq!(room["clients"][1]["device_id"], "d/2");
        assert_eq!(room["clients"][1]["client_ip"], "127.0.0.1");
        assert_eq!(status_of(deployment, "/rooms/AAAAAAAA"), 404);
        assert_eq!(status_of(deployment, "/devices/nobody"), 404);
        drop(bob);
        let history = eventually("the connection's end", || {
            let device = get(deployment, "/devices/d%2F2");
            let ended =
                device["connections"][0]["disconnected_at"].is_string() && device["connected"] == json!([]);
            ended.then_some(device)
        });
        assert_eq!(history["last_room_id"], json!(ann.room));

        let all = eventually("every message", || {
            let page = get(deployment, &format!("/messages?room={}", ann.room));
            (page["messages"].as_array().unwrap().len() == 8).then_some(page)
        });
        assert_eq!(all["next"], Value::Null);
        assert_eq!(all["messages"][0]["to_device_id"], "d/2");
        let (mut before, mut found) = (String::new(), Vec::new());
        loop {
            let page = get(deployment, &format!("/messages?limit=3{before}"));
            found.extend(
                page["messages"].as_array().unwrap().iter().map(|message| message["id"].as_i64().unwrap()),
            );
            let Some(next) = page["next"].as_i64() else { break };
            before.clear();
            write!(before, "&before={next}").unwrap();
        }
        assert_eq!(found, (1..=8).rev().collect::<Vec<_>>());
        let direct = get(deployment, "/messages?type=direct&device=d%2F2&since=2020-01-01T00:00:00Z");
        assert_eq!(direct["messages"].as_array().unwrap().len(), 1);
        assert_eq!(get(deployment, "/messages?until=2020-01-01T00:00:00Z")["messages"], json!([]));
        for bad in ["since=yesterday", "room=x", "type=loud", "limit=many"] {
            assert_eq!(status_of(deployment, &format!("/messages?{bad}")), 400, "{bad}");
        }
        let minutes = get(deployment, "/messages/per-minute");
        let total: u64 = minutes["minutes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|minute| minute["messages"].as_u64().unwrap())
            .sum();
        assert_eq!(total, 8);
        let status = deployment.told("/status", &[BEARER], |status| status.json()["clients"] == 1).json();
        assert_eq!((&status["clients"], &status["database"]["is_up"]), (&json!(1), &json!(true)));
    });
}

#[test]
fn no_query_whatever_it_says_is_more_than_a_bad_request() {
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path(), &[], &[KEY]);
    let get = |path: &str| http::get_with(server.address, path, &[BEARER]);
    eventually("the tables", || (get("/messages").status == 200).then_some(()));
    let largest = ["18446744073709551615", "9223372036854775807", "253402300800000"];
    for moment in largest {
        for path in [format!("/messages?since={moment}"), format!("/messages?until={moment}")] {
            let told = get(&path);
            assert_eq!((told.status, told.json()["messages"] == json!([])), (200, true), "{path}: {told:?}");
        }
    }
    let (long, mut n) = ("9".repeat(4000), 0);
    let values = ["-1", "1.5", "NaN", "1e3", "%ff", "18446744073709551616", "x", "1&KEY=2", long.as_str()];
    let keys = [
        ("/messages", "limit"),
        ("/messages", "before"),
        ("/messages", "since"),
        ("/messages", "room"),
        ("/messages/per-minute", "minutes"),
        ("/messages/per-minute", "room"),
        ("/devices/d1", "limit"),
        ("/devices/d1", "before"),
        ("/rooms", "limit"),
        ("/rooms", "after"),
    ];
    for (path, key) in keys {
        for value in values {
            let path = format!("{path}?{key}={}", value.replace("KEY", key));
            let told = get(&path);
            if told.status == 200 || (told.status == 404 && path.starts_with("/devices")) {
                assert!(key == "before" && value == "-1", "{path}: {told:?}");
                continue;
            }
            assert_eq!(told.status, 400, "{path}: {told:?}");
            assert!(told.json()["detail"].is_string(), "{path}: {told:?}");
            n += 1;
        }
    }
    assert!(n > 80, "{n}");
    assert_eq!(get(&format!("/messages?device={}", "x".repeat(256))).status, 400);
    assert!(get("/rooms/%ff").json()["detail"].is_string());
}

#[test]
fn lists_are_told_in_pages() {
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path(), &[], &[KEY]);
    let get = |path: &str| http::get_with(server.address, path, &[BEARER]).json();
    let mut devices: Vec<Device> =
        (0..3).map(|n| Device::join(server.address, &format!("d{n}"), None).0).collect();
    let mut rooms: Vec<String> = devices.iter().map(|device| device.room.clone()).collect();
    rooms.sort();
    let first = get("/rooms?limit=2");
    assert_eq!((&first["count"], &first["next"]), (&json!(3), &json!(rooms[1])));
    let second = get(&format!("/rooms?limit=2&after={}", rooms[1]));
    assert_eq!((&second["rooms"][0]["room_id"], &second["next"]), (&json!(rooms[2]), &Value::Null));
    // A page of messages ends early if they are long.
    let content = "x".repeat(900_000);
    for n in 0..7 {
        devices[0].say(&json!({"type": "message", "content": content, "message_id": n}));
        devices[0].hear();
    }
    let n_messages = |page: &Value| page["messages"].as_array().map(Vec::len);
    let page = eventually("the last message", || {
        let page = get("/messages?limit=500");
        (page["messages"][0]["id"] == 7).then_some(page)
    });
    assert_eq!(n_messages(&page), Some(5));
    let rest = get(&format!("/messages?limit=500&before={}", page["next"]));
    assert_eq!((n_messages(&rest), &rest["next"]), (Some(2), &Value::Null));
}

#[test]
fn a_message_is_sent_and_a_device_is_let_go_from_outside() {
    everywhere("devices", &[KEY], |deployment| {
        let (mut ann, _) = Device::join(deployment.address, "d1", None);
        let path = format!("/rooms/{}/messages", ann.room);
        let post = |path: &str, kind: &str, body: &str| {
            http::request(deployment.address, "POST", path, &[("content-type", kind), BEARER], body).status
        };
        assert_eq!(post(&path, "application/json", r#"{"content":"hello"}"#), 202);
        let told = ann.hear();
        assert_eq!((&told["content"], &told["from_device_id"]), (&json!("hello"), &json!("console")));
        assert_eq!(
            post(
                &path,
                "application/json",
                r#"{"content":{"a":1},"target_device_id":"d1","device_id":"d7"}"#
            ),
            202
        );
        assert_eq!(ann.hear()["message_type"], "direct");
        assert_eq!(post(&path, "text/plain", r#"{"content":"forged"}"#), 415, "a form of a foreign page");
        for bad in ["", "[]", "{}", r#"{"content":7}"#, r#"{"content":"x","device_id":""}"#] {
            assert_eq!(post(&path, "application/json", bad), 400, "{bad}");
        }
        assert_eq!(post("/rooms/AAAAAAAA/messages", "application/json", r#"{"content":"x"}"#), 404);
        assert_eq!(post(&path, "application/json", r#"{"content":"x","target_device_id":"nobody"}"#), 404);
        deployment
            .told("/messages", &[BEARER], |told| told.json()["messages"].as_array().unwrap().len() == 2);

        let kick = |device: &str| {
            http::request(
                deployment.address,
                "DELETE",
                &format!("/devices/{device}/connections"),
                &[BEARER],
                "",
            )
        };
        assert_eq!(kick("d1").json()["disconnected"], 1);
        ann.expect_close(1008);
        eventually("nobody", || (kick("d1").status == 404).then_some(()));
    });
}

#[test]
fn the_interface_is_for_this_machine_or_for_whoever_has_the_key() {
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path(), &[], &[]);
    let with =
        |server: &Server, headers: &[(&str, &str)]| http::get_with(server.address, "/rooms", headers).status;
    assert_eq!(with(&server, &[]), 200);
    assert_eq!(with(&server, &[("x-forwarded-for", "203.0.113.9")]), 401, "through a proxy");
    assert_eq!(with(&server, &[("host", "rebound.example:8765")]), 401, "a name that points here");
    drop(server);
    let server = start(data.path(), &[], &[("ROOMHUB_DEVICES__CONSOLE_KEY", "sesame")]);
    assert_eq!(with(&server, &[]), 401);
    assert_eq!(with(&server, &[("authorization", "Bearer wrong")]), 401);
    assert_eq!(with(&server, &[("authorization", "Bearer sesame")]), 200);
    // Devices need no key unless that is asked for.
    Device::join(server.address, "d1", None);
}

#[test]
fn every_route_is_described() {
    let described: Value =
        serde_json::from_str(include_str!("../../../assets/devices/openapi.json")).unwrap();
    let mut paths: Vec<&str> = described["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    paths.sort_unstable();
    let mut routes: Vec<&str> = include_str!("../../devices/routes.rs")
        .split(".route(\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .filter(|path| !["/", "/openapi.json"].contains(path))
        .chain(["/health", "/livez", "/readyz"])
        .collect();
    routes.sort_unstable();
    assert_eq!(paths, routes);
}

#[test]
fn the_python_library_of_the_original_clients() {
    run_client_everywhere("/usr/bin/python3", "devices.py", "devices", &[]);
}

#[test]
fn the_console_page_in_a_browser() {
    let data = tempfile::tempdir().unwrap();
    run_client("node", "console.mjs", &start(data.path(), &[], &[]), &[]);
}
