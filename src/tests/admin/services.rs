//! What operators see of each service, and what they do in it.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Admin, KEY, act_by, bearer, get, is_problem, items, order, service, sign_in};
use crate::harness::cluster::Cluster;
use crate::harness::process::{Server, roomhub};
use crate::harness::radio::{make, noise, on_air, station};
use crate::harness::websocket::{self, Client};
use crate::harness::{PATIENCE, eventually, http};

/// Hears a member's events up to one.
fn until(client: &mut Client, event: &str) {
    while client.hear().expect("the server goes on").0 != event {}
}

#[test]
fn one_door_has_all_services_and_each_listener_has_those_of_its_process() {
    let data = TempDir::new().unwrap();
    let mut command = roomhub(&["all", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.env("AUTH_KEY", "open sesame, all members").env("ROOMHUB_ADMIN__KEY", KEY);
    command.env("ROOMHUB_DEVICES__DATA_DIR", data.path()).env("ROOMHUB_ROOMS__DATA_DIR", data.path());
    command.env("ROOMHUB_RADIO__DATA_DIR", "");
    let server = Server::spawn(command);
    for prefix in ["", "/music", "/watch", "/signal", "/devices", "/radio"] {
        let page = http::get(server.address, &format!("{prefix}/admin/"));
        assert_eq!(page.status, 200, "{prefix}");
        assert!(page.header("content-security-policy").contains("script-src 'self'"), "{page:?}");
        assert_eq!(http::get(server.address, &format!("{prefix}/admin/assets/js/main.js")).status, 200);
        let redirect = http::get(server.address, &format!("{prefix}/admin"));
        assert_eq!((redirect.status, redirect.header("location")), (308, "admin/"), "{prefix}");
        let headers = [("authorization", bearer(KEY))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let state = http::get_with(server.address, &format!("{prefix}/admin/v1/state"), &headers).json();
        let names: Vec<&str> =
            state["services"].as_array().unwrap().iter().map(|each| each["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["music", "watch", "signal", "devices", "radio", "door"], "{prefix}");
    }
    let alone = Admin::of("devices", &[]);
    let state = get(alone.address(), "state", KEY).json();
    assert_eq!(state["services"].as_array().unwrap().len(), 1);
    assert_eq!(state["version"], env!("CARGO_PKG_VERSION"));
    eventually("the service is ready", || {
        (service(&get(alone.address(), "state", KEY).json(), "devices")["isReady"] == true).then_some(())
    });
}

#[test]
fn users_of_signalling_are_taken_out_of_rooms() {
    let admin = Admin::of("signal", &[]);
    let address = admin.address();
    let auth = json!({ "token": "open sesame, all members" }).to_string();
    let join = |user: &str| {
        let mut client = Client::connect_by(address, "", &[], &auth);
        client.emit("join", &json!({ "userId": user, "roomId": "r" }));
        until(&mut client, "joined");
        client
    };
    let (mut ann, mut bob) = (join("ann"), join("bob"));
    let mut kick = order("signal", "kick", "member", "bob");
    assert_eq!(act_by(address, KEY, &kick).status, 404, "it is in a room");
    kick["within"] = json!("r");
    assert_eq!(act_by(address, KEY, &kick).status, 204);
    assert_eq!(bob.expect("error")["code"], "removed");
    assert_eq!(ann.expect("user-joined")["userId"], "bob");
    assert_eq!(ann.expect("user-left")["userId"], "bob");
    assert_eq!(act_by(address, KEY, &order("signal", "close", "room", "r")).status, 204);
    assert_eq!(ann.expect("error")["code"], "removed");
    assert!(items(address, "signal").is_empty());
}

#[test]
fn devices_are_disconnected_and_found_by_name() {
    let admin = Admin::of("devices", &[]);
    let address = admin.address();
    let mut socket = websocket::open(address, "/", &[]).unwrap();
    let hello = json!({ "device_id": "Kitchen-1", "identity": "mobile_user" });
    socket.send(hello.to_string().into()).unwrap();
    socket.read().unwrap();
    let found = |text: &str| {
        let state = get(address, &format!("state?find={text}"), KEY).json();
        service(&state, "devices")["overview"]["sections"][0]["items"].as_array().unwrap().clone()
    };
    let room = eventually("the device in its room", || found("kitchen").first().cloned());
    assert_eq!(room["items"][0]["id"], "Kitchen-1");
    assert!(found("cellar").is_empty());
    let mut order = order("devices", "disconnect", "device", "Kitchen-1");
    order["within"] = room["id"].clone();
    assert_eq!(act_by(address, KEY, &order).status, 204);
    while socket.read().is_ok() {}
    assert_eq!(act_by(address, KEY, &order).status, 404);
}

#[test]
fn a_station_skips_and_a_live_source_is_ended() {
    let folder = TempDir::new().unwrap();
    for n in 0..2 {
        make(folder.path(), &format!("{n}.mp3"), &noise(n), 20, "-b:a 128k");
    }
    let data = TempDir::new().unwrap();
    let server = station(
        &["--audio-dir", folder.path().to_str().unwrap()],
        &[
            ("ROOMHUB_ADMIN__KEY", KEY),
            ("ROOMHUB_ROOMS__DATA_DIR", data.path().to_str().unwrap()),
            ("ROOMHUB_RADIO__SOURCE_PASSWORD", "the password of sources"),
        ],
    );
    on_air(&server);
    let on_the_air = || items(server.address, "radio")[0].clone();
    let plays = |item: &Value| {
        let details = item["details"].as_array().unwrap().clone();
        details.into_iter().find(|detail| detail[0] == "plays").map(|detail| detail[1].clone())
    };
    let first = plays(&on_the_air());
    assert!(first.is_some());
    let act = |action: &str| act_by(server.address, KEY, &order("radio", action, "station", "/"));
    assert_eq!(act("skip").status, 204);
    eventually("the other track", || (plays(&on_the_air()) != first).then_some(()));
    for action in ["previous", "shuffle", "rescan"] {
        assert_eq!(act(action).status, 204, "{action}");
    }
    assert!(is_problem(&act("endSource"), 409));
    assert!(is_problem(&act_by(server.address, KEY, &order("radio", "skip", "station", "/none")), 404));

    let sound = fs::read(folder.path().join("0.mp3")).unwrap();
    let mut source = http::connect(server.address);
    source.set_write_timeout(Some(PATIENCE)).unwrap();
    let head = "PUT / HTTP/1.1\r\nHost: test\r\nAuthorization: Basic \
                c291cmNlOnRoZSBwYXNzd29yZCBvZiBzb3VyY2Vz\r\nContent-Type: audio/mpeg\r\n\r\n";
    std::io::Write::write_all(&mut source, head.as_bytes()).unwrap();
    std::io::Write::write_all(&mut source, &sound[..sound.len() / 2]).unwrap();
    eventually("the live source", || (on_the_air()["badges"][0] == "live").then_some(()));
    assert!(is_problem(&act("skip"), 409));
    assert_eq!(act("endSource").status, 204);
    eventually("the folder again", || (on_the_air()["badges"][0] == "folder").then_some(()));
}

#[test]
fn operators_act_in_listening_rooms_and_calls_from_any_node() {
    let data = TempDir::new().unwrap();
    let log = data.path().join("audit.jsonl");
    let environment = [("ROOMHUB_ADMIN__KEY", KEY), ("ROOMHUB_ADMIN__AUDIT_LOG", log.to_str().unwrap())];
    let cluster = Cluster::with("music", &environment);
    let [first, second, third] = [0, 1, 2].map(|n| cluster.nodes[n].address);
    let mut ann = Client::host(first, "AB12");
    let mut bob = Client::guest(second, "AB12");
    eventually("both on the third node", || {
        let rooms = items(third, "music");
        (rooms.first()?["items"].as_array()?.len() == 2).then_some(())
    });
    assert_eq!(act_by(third, KEY, &order("music", "kick", "member", &bob.id)).status, 204);
    until(&mut bob, "room_left");
    assert_eq!(act_by(third, KEY, &order("music", "close", "room", "AB12")).status, 204);
    until(&mut ann, "room_left");
    for node in [first, second, third] {
        eventually("no room on any node", || items(node, "music").is_empty().then_some(()));
    }
    // A session that one node began holds on the others.
    let cookie = sign_in(first, KEY, &[]).header("set-cookie").split(';').next().unwrap().to_owned();
    assert_eq!(http::get_with(second, "/admin/v1/state", &[("cookie", &cookie)]).status, 200);
}
