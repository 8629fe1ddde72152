//! Devices and persons erased while services run: out of memory, files and databases, on every node, for good.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::devices::nodes;
use crate::devices::client::Device;
use crate::devices::database::Sqlite;
use crate::devices::outages::contents;
use crate::devices::traffic::Traffic;
use crate::devices::{start, start_at};
use crate::harness::cluster::Cluster;
use crate::harness::mariadb::MariaDb;
use crate::harness::process::{Server, roomhub, run};
use crate::harness::websocket::Client;
use crate::harness::{eventually, free_port, http};
use crate::rows::is_anywhere;

const WITH_KEY: (&str, &str) = ("AUTH_KEY", "open sesame");
const OWNER_KEY: &str = "ann's own key, of 32 characters.";

pub fn erase(whom: &str, name: &str, environment: &[(&str, &str)]) -> Output {
    run(&["erase", whom, name, "--json"], environment)
}

pub fn counts(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_device_is_erased_under_load_and_nothing_of_it_comes_back() {
    let server_of_rows = MariaDb::start();
    let url = server_of_rows.url();
    for url in ["", &url] {
        let folder = TempDir::new().unwrap();
        let data = folder.path();
        let environment = [("ROOMHUB_DEVICES__OFFLINE_QUEUE", "10"), ("DATABASE_URL", url)];
        let port = free_port();
        let mut server = start_at(port, data, &[], &environment);
        let traffic = Traffic::start(server.address);
        let (mut gone, _) = Device::join(server.address, "erased-device", None);
        let (mut left, _) = Device::join(server.address, "d2", Some(&gone.room));
        left.say(&json!({"type": "query_room"}));
        assert_eq!(left.hear()["type"], "room_info");
        gone.say_for_sure("words-of-the-erased");
        assert_eq!(left.hear()["content"], "words-of-the-erased");
        left.say(&json!({"type": "message", "content": "words-to-the-erased", "target_device_id": "erased-device", "message_id": "m1"}));
        assert_eq!(gone.hear()["content"], "words-to-the-erased");
        drop(left);
        let waiting = || {
            let directory = rusqlite::Connection::open(data.join("directory.db")).unwrap();
            directory.query_row("SELECT COUNT(*) FROM waiting", [], |row| row.get::<_, i64>(0)).unwrap()
        };
        let mut n_said = 0;
        eventually("what waits for a device that is away", || {
            n_said += 1;
            let id = format!("for-d2-{n_said}");
            gone.say(&json!({"type": "message", "content": "waits-for-d2", "target_device_id": "d2", "message_id": id}));
            assert_eq!(gone.hear()["message_id"], id);
            (waiting() > 0).then_some(())
        });

        let data_dir = data.to_str().unwrap();
        let told = counts(&erase("devices", "erased-device", &[("ROOMHUB_DEVICES__DATA_DIR", data_dir)]));
        for place in ["open_connections", "devices", "connections", "messages"] {
            assert!(told[place].as_u64().unwrap() > 0, "{place}: {told}");
        }
        assert!(told.get("spool").is_some(), "{told}");
        for text in ["erased-device", "words-of-the-erased", "words-to-the-erased", "waits-for-d2"] {
            assert!(!is_anywhere(data, text), "{text} is left of {told}");
        }
        while gone.try_hear().is_ok() {}

        // It may come back, as one that was never there.
        let (mut back, status) = Device::join(server.address, "erased-device", None);
        assert_eq!(status, "created_new");
        back.say_for_sure("said-in-a-new-life");
        let rows = || {
            if url.is_empty() { Sqlite::open(data).contents() } else { contents(&server_of_rows) }
        };
        traffic.settle(rows);
        server.signal("TERM");
        assert_eq!(server.wait(), 0);
        let server = start_at(port, data, &[], &environment);
        let (mut back, status) = Device::join(server.address, "erased-device", None);
        assert_ne!(status, "created_new");
        back.say_for_sure("after-the-restart");
        let found =
            eventually("all rows", || Some(rows()).filter(|rows| rows.contains(&"after-the-restart".into())));
        assert!(found.contains(&"said-in-a-new-life".to_owned()));
        for text in ["words-of-the-erased", "words-to-the-erased", "waits-for-d2"] {
            assert!(!found.contains(&text.to_owned()) && !is_anywhere(data, text), "{text}");
        }
    }
}

#[test]
fn an_erasure_outlives_a_crash_and_waits_for_a_database_that_is_away() {
    let folder = TempDir::new().unwrap();
    let data = folder.path();
    let mut rows = MariaDb::start();
    let url = rows.url();
    let environment = [("DATABASE_URL", url.as_str()), ("ROOMHUB_DEVICES__FIRST_START_WAIT", "0s")];
    let mut server = start(data, &[], &environment);
    let (mut gone, _) = Device::join(server.address, "erased-device", None);
    gone.say_for_sure("in-the-database");
    let stored = "SELECT COUNT(*) FROM messages WHERE from_device_id = 'erased-device'";
    eventually("its row", || rows.try_run(stored).is_ok_and(|n| n.trim() == "1").then_some(()));
    rows.go_down("TERM");
    gone.say_for_sure("in-the-spool");
    let data_dir = data.to_str().unwrap().to_owned();
    let asked =
        thread::spawn(move || erase("devices", "erased-device", &[("ROOMHUB_DEVICES__DATA_DIR", &data_dir)]));
    eventually("the order in the spool", || is_anywhere(data, "\"kind\":\"erased\"").then_some(()));
    server.signal("KILL");
    server.wait();
    let output = asked.join().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    rows.come_up();
    let server = start(data, &[], &environment);
    eventually("nothing of it", || (!is_anywhere(data, "erased-device")).then_some(()));
    assert_eq!(rows.run(stored).trim(), "0");
    let devices = "SELECT COUNT(*) FROM devices WHERE device_id = 'erased-device'";
    assert_eq!(rows.run(devices).trim(), "0");
    assert!(!server.log().contains("dead letter"), "{}", server.log());
    let (_, status) = Device::join(server.address, "erased-device", None);
    assert_eq!(status, "created_new");
}

fn ask(client: &mut Client, event: &str, payload: &Value) -> Value {
    let answer: Vec<Value> = serde_json::from_str(&client.ask(event, Some(payload))).unwrap();
    answer.into_iter().next().unwrap_or_default()
}

fn done(client: &mut Client, event: &str, payload: &Value) -> Value {
    let answer = ask(client, event, payload);
    assert_eq!(answer["success"], true, "{event}: {answer}");
    answer
}

fn hear(client: &mut Client, event: &str) {
    while client.hear().unwrap_or_else(|| panic!("closed before {event}")).0 != event {}
}

/// A page of that name in `watch`.
fn page(address: std::net::SocketAddr, name: &str) -> Client {
    let mut page = Client::connect_by(address, "", &[], r#"{"token":"open sesame"}"#);
    done(&mut page, "introduce", &json!({ "name": name }));
    page
}

/// Ann, who owns nothing, chats in Bob's room, which stays and is recorded.
pub fn film_night(of_bob: std::net::SocketAddr, of_ann: std::net::SocketAddr) -> (Client, Client, String) {
    let mut bob = page(of_bob, "Bob");
    let given = json!({"name": "Films", "description": "", "isPublic": true, "userName": "Bob"});
    let room = done(&mut bob, "room:create", &given)["room"]["id"].as_str().unwrap().to_owned();
    done(&mut bob, "recording:start", &json!({"ownerKey": OWNER_KEY, "withChat": true}));
    let mut ann = page(of_ann, "Ann-of-the-test");
    done(&mut ann, "room:join", &json!({"roomId": room, "userName": "Ann-of-the-test"}));
    ann.emit("chat:message", &json!({"content": "words of Ann", "type": "text"}));
    hear(&mut bob, "chat:message");
    bob.emit("chat:message", &json!({"content": "words of Bob", "type": "text"}));
    hear(&mut ann, "chat:message");
    (bob, ann, room)
}

fn chats(client: &mut Client) -> String {
    client.ask("chat:history", Some(&json!({})))
}

#[test]
fn a_person_is_erased_from_rooms_recordings_and_the_event_log_while_the_service_runs() {
    let folder = TempDir::new().unwrap();
    let data = folder.path();
    let at = |name: &str| data.join(name).display().to_string();
    let (rooms, recordings, log) = (at("rooms"), at("recordings"), at("events.jsonl"));
    let environment = [
        WITH_KEY,
        ("ROOMHUB_ROOMS__PERSIST", "true"),
        ("ROOMHUB_ROOMS__DATA_DIR", &*rooms),
        ("ROOMHUB_WATCH__RECORDINGS_DIR", &*recordings),
        ("ROOMHUB_WATCH__EVENT_LOG", &*log),
    ];
    let mut server = Server::of("watch", &[], &environment);
    let (mut bob, mut ann, _) = film_night(server.address, server.address);
    for place in [&rooms, &recordings] {
        eventually("her words on disk", || is_anywhere(Path::new(place), "words of Ann").then_some(()));
    }
    eventually("her name in the log", || {
        fs::read_to_string(&log).unwrap().contains("Ann-of-the-test").then_some(())
    });

    let told = counts(&erase("persons", "Ann-of-the-test", &environment));
    assert_eq!((&told["connections"], &told["chat_messages"]), (&json!(1), &json!(1)), "{told}");
    for place in ["recorded_lines", "event_log_lines"] {
        assert!(told[place].as_u64().unwrap() > 1, "{place}: {told}");
    }
    for text in ["Ann-of-the-test", "words of Ann"] {
        assert!(!is_anywhere(data, text), "{text}: {told}");
    }
    assert!(is_anywhere(data, "words of Bob"));
    while ann.read_text().is_some() {}
    assert!(!chats(&mut bob).contains("Ann") && chats(&mut bob).contains("words of Bob"));

    // What is recorded goes on behind what is left.
    bob.emit("chat:message", &json!({"content": "later words", "type": "text"}));
    done(&mut bob, "recording:stop", &json!({}));
    eventually("the recording's end", || {
        is_anywhere(Path::new(&recordings), "\"kind\":\"end\"").then_some(())
    });
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
    let server = Server::of("watch", &[], &environment);
    let bearer = format!("Bearer {OWNER_KEY}");
    let list = http::get_with(server.address, "/recordings", &[("authorization", &*bearer)]).json();
    let id = list["recordings"][0]["id"].as_str().unwrap_or_else(|| panic!("{list}"));
    let export =
        http::get_with(server.address, &format!("/recordings/{id}"), &[("authorization", &*bearer)]).body;
    assert!(export.contains("later words") && export.contains("words of Bob"), "{export}");
    assert!(!is_anywhere(data, "Ann-of-the-test"));
    drop(server);
    assert_eq!(counts(&erase("persons", "Bob", &environment))["chat_messages"], 2, "without a service, here");
    assert!(!is_anywhere(data, "words of Bob"));
}

#[test]
fn a_person_is_erased_on_every_node_whichever_is_asked() {
    let mut cluster = Cluster::of("watch");
    let [a, b] = [0, 1].map(|n| cluster.nodes[n].address);
    let (mut bob, _ann, room) = film_night(a, b);
    let folders = [0, 1, 2].map(|n| cluster.data_of(n));
    for folder in &folders {
        eventually("her words", || is_anywhere(folder, "words of Ann").then_some(()));
    }
    // Each node has a socket of its own, in its own folder.
    let data = folders[2].to_str().unwrap();
    let recordings = format!("{data}/recordings");
    let environment = [("ROOMHUB_ROOMS__DATA_DIR", data), ("ROOMHUB_WATCH__RECORDINGS_DIR", &*recordings)];
    let told = counts(&erase("persons", "Ann-of-the-test", &environment));
    assert!(told["recorded_lines"].as_u64().unwrap() > 0 && told["chat_messages"] == 1, "{told}");
    for folder in &folders {
        eventually("nothing of her", || (!is_anywhere(folder, "Ann-of-the-test")).then_some(()));
        assert!(is_anywhere(folder, "words of Bob"));
    }
    assert!(!chats(&mut bob).contains("words of Ann"));
    // Nodes that start anew take the rooms from Redis.
    let fresh = cluster.another().address;
    let mut carol = page(fresh, "Carol");
    done(&mut carol, "room:join", &json!({"roomId": room, "userName": "Carol"}));
    let told = chats(&mut carol);
    assert!(told.contains("words of Bob") && !told.contains("Ann"), "{told}");
}

#[test]
fn a_device_is_erased_on_every_node_whichever_is_asked() {
    let database = MariaDb::start();
    let cluster = nodes(&database);
    let [a, b, c] = [0, 1, 2].map(|n| cluster.nodes[n].address);
    let traffic = Traffic::over(&[a, b, c]);
    let (mut gone, _) = Device::join(a, "erased-device", None);
    let (mut twin, _) = Device::join(b, "erased-device", Some(&gone.room));
    gone.say_for_sure("words-of-the-erased");
    assert_eq!(twin.hear()["content"], "words-of-the-erased");
    twin.say_for_sure("words-of-the-twin");
    let data = cluster.data_of(2);
    let told =
        counts(&erase("devices", "erased-device", &[("ROOMHUB_DEVICES__DATA_DIR", data.to_str().unwrap())]));
    assert_eq!(told["open_connections"], 2, "{told}");
    let n_rows = || {
        let tables = [("devices", "device_id"), ("connections", "device_id"), ("messages", "from_device_id")];
        let count = |(table, column)| {
            database.run(&format!("SELECT COUNT(*) FROM {table} WHERE {column} = 'erased-device'"))
        };
        tables.map(count).concat()
    };
    eventually("nothing of it anywhere", || {
        let is_left = (0..3).any(|n| is_anywhere(&cluster.data_of(n), "erased-device"));
        (!is_left && n_rows().chars().all(|c| c == '0' || c.is_whitespace())).then_some(())
    });
    let (mut back, status) = Device::join(b, "erased-device", None);
    assert_eq!(status, "created_new");
    back.say_for_sure("said-in-a-new-life");
    traffic.settle(|| contents(&database));
    assert!(contents(&database).contains(&"said-in-a-new-life".to_owned()));
}

#[test]
fn a_socket_that_a_crash_left_is_passed_over_and_files_are_changed_in_place() {
    let folder = TempDir::new().unwrap();
    let data = folder.path();
    // A process that was killed has left its socket.
    let mut server = start(data, &[], &[]);
    let (mut device, _) = Device::join(server.address, "d1", None);
    device.say_for_sure("said");
    eventually("its row", || Sqlite::open(data).contents().contains(&"said".to_owned()).then_some(()));
    server.signal("KILL");
    server.wait();
    let sockets = || {
        fs::read_dir(data)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "control"))
            .count()
    };
    assert_eq!(sockets(), 1);
    let told = counts(&erase("devices", "d1", &[("ROOMHUB_DEVICES__DATA_DIR", data.to_str().unwrap())]));
    assert_eq!(told["messages"], 1, "{told}");
    assert_eq!(sockets(), 0);
    let refused = roomhub(&["erase", "devices", ""]).output().unwrap();
    assert!(!refused.status.success());
}
