//! Recordings of rooms: made, listed, exported, replayed and deleted over real sockets, on disks that fail too.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::harness::deployment::everywhere;
use crate::harness::faulty_disk::{ENOSPC, FaultyDisk};
use crate::harness::process::Server;
use crate::harness::websocket::Client;
use crate::harness::{eventually, http};

const KEY: &str = "ann's own key, of 32 characters.";
const OTHER_KEY: &str = "another's key, of 32 characters.";

const WITH_KEY: (&str, &str) = ("AUTH_KEY", "open sesame");
const STUN: (&str, &str) = ("ROOMHUB_SIGNAL__STUN_URLS", "stun:stun.example.org");

/// Connects as a page of that name.
fn page(address: SocketAddr, name: &str) -> Client {
    let mut page = Client::connect_by(address, "", &[], r#"{"token":"open sesame"}"#);
    done(&mut page, "introduce", &json!({ "name": name }));
    page
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

/// The next event of that name that is what it should be.
fn hear(client: &mut Client, event: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    loop {
        let (heard, payload) = client.hear().unwrap_or_else(|| panic!("closed before {event}"));
        if heard == event && is_it(&payload) {
            return payload;
        }
    }
}

fn open_room(owner: &mut Client, name: &str) -> String {
    let given = json!({"name": name, "description": "", "isPublic": true, "userName": "Ann"});
    done(owner, "room:create", &given)["room"]["id"].as_str().unwrap().to_owned()
}

fn start_recording(owner: &mut Client) -> String {
    done(owner, "recording:start", &json!({"ownerKey": KEY, "withChat": true}));
    let room = hear(owner, "party:room", |room| room["recording"].is_object());
    room["recording"]["id"].as_str().unwrap().to_owned()
}

fn request(address: SocketAddr, method: &str, path: &str, key: &str) -> http::Response {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    http::request(address, method, path, if key.is_empty() { &[] } else { &headers }, "")
}

/// What somebody owns, once that is what it should be.
fn listed(address: SocketAddr, key: &str, is_it: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    eventually("the list", || {
        let answer = request(address, "GET", "/recordings", key);
        assert_eq!(answer.status, 200, "{answer:?}");
        Some(answer.json()["recordings"].as_array().unwrap().clone()).filter(|list| is_it(list))
    })
}

fn lines(export: &http::Response) -> Vec<Value> {
    assert_eq!(export.status, 200, "{export:?}");
    export.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn kinds(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["kind"].as_str().or(line["roomhub"].as_str()).unwrap()).collect()
}

#[test]
fn a_session_is_recorded_on_every_node_listed_exported_replayed_and_deleted() {
    everywhere("watch", &[STUN], |deployment| {
        let mut ann = page(deployment.address, "Ann");
        let room = open_room(&mut ann, "Films");
        let id = start_recording(&mut ann);
        let mut bob = page(deployment.address, "Bob");
        done(&mut bob, "room:join", &json!({"roomId": room, "userName": "Bob"}));
        let bobs = bob.ticket();
        ann.emit("play:change", &json!({"url": "a/film.mp4", "currentTime": 0, "isPlaying": true}));
        hear(&mut bob, "play:change", |_| true);
        bob.emit("chat:message", &json!({"content": "What a film", "type": "text"}));
        hear(&mut ann, "chat:message", |_| true);
        done(&mut bob, "party:react", &json!({"emoji": "🎉"}));
        bob.emit("play:seek", &json!(60));
        hear(&mut ann, "play:seek", |_| true);
        done(&mut ann, "recording:stop", &json!({}));

        for server in deployment.servers() {
            let at = server.address;
            let list = listed(at, KEY, |list| list.len() == 1 && list[0]["isRunning"] == false);
            assert_eq!((&list[0]["id"], &list[0]["room"]), (&json!(id), &json!("Films")));
            assert_eq!(list[0]["withChat"], true);
            let file = format!("/recordings/{id}");
            let export = request(at, "GET", &file, KEY);
            let said = lines(&export);
            assert_eq!(
                kinds(&said),
                [
                    "recording",
                    "joined",
                    "screen",
                    "joined",
                    "screen",
                    "play",
                    "chat",
                    "reaction",
                    "seek",
                    "end"
                ]
            );
            assert_eq!((&said[6]["by"]["name"], &said[6]["content"]), (&json!("Bob"), &json!("What a film")));
            assert_eq!((&said[8]["by"]["name"], said[8]["position"].as_f64()), (&json!("Bob"), Some(60.0)));
            assert!(said[6]["position"].is_number() && said[4]["state"]["url"] == "a/film.mp4");
            assert!(!export.body.contains("owner") && !export.body.contains(KEY));
            assert!(export.header("content-disposition").contains(&id));

            assert_eq!(listed(at, OTHER_KEY, |_| true), Vec::<Value>::new());
            assert_eq!(request(at, "GET", "/recordings", "").status, 401);
            assert_eq!(request(at, "GET", &file, "").status, 401);
            assert_eq!(request(at, "GET", &file, OTHER_KEY).status, 404);
            assert_eq!(request(at, "DELETE", &file, OTHER_KEY).status, 404);
            let nowhere = http::get(at, &format!("/recordings/..%2f..%2fetc%2fpasswd?ticket={bobs}"));
            assert_eq!(nowhere.status, 403);
            let early = http::get(at, &format!("{file}?ticket={bobs}"));
            assert_eq!(early.status, 403, "it is not replayed");
        }

        let mut eve = page(deployment.address, "Eve");
        open_room(&mut eve, "Elsewhere");
        let eves = eve.ticket();
        done(&mut eve, "replay:start", &json!({"id": id, "ownerKey": OTHER_KEY}));
        done(&mut ann, "replay:start", &json!({"id": id, "ownerKey": KEY}));
        hear(&mut bob, "party:room", |room| room["replay"]["id"] == id.as_str());
        for server in deployment.servers() {
            let with = |ticket: &str| http::get(server.address, &format!("/recordings/{id}?ticket={ticket}"));
            let replayed = eventually("the recording", || Some(with(&bobs)).filter(|got| got.status == 200));
            assert_eq!(kinds(&lines(&replayed)).last(), Some(&"end"));
            assert_eq!((with(&eves).status, with("").status, with("YW5u.YW5u").status), (403, 403, 403));
            let ice = |ticket: &str| http::get(server.address, &format!("/ice?ticket={ticket}"));
            assert_eq!(ice(&bobs).json()["iceServers"][0]["urls"], json!(["stun:stun.example.org"]));
            assert_eq!((ice("").status, http::get(server.address, "/ice").status), (403, 403));
        }

        let one = deployment.servers()[0].address;
        assert_eq!(request(one, "DELETE", &format!("/recordings/{id}"), KEY).status, 204);
        assert!(listed(one, KEY, |_| true).is_empty());
        for server in deployment.servers() {
            listed(server.address, KEY, <[Value]>::is_empty);
            let gone = http::get(server.address, &format!("/recordings/{id}?ticket={bobs}"));
            assert_eq!(gone.status, 403);
        }
        hear(&mut bob, "party:room", |room| room["replay"].is_null());
    });
}

#[test]
fn a_recording_that_reaches_a_limit_ends_on_every_node_and_members_are_told_why() {
    let limits =
        [("ROOMHUB_RECORDINGS__MAX_RECORDINGS", "1"), ("ROOMHUB_RECORDINGS__MAX_RECORDING_BYTES", "4096")];
    everywhere("watch", &limits, |deployment| {
        let mut ann = page(deployment.address, "Ann");
        let room = open_room(&mut ann, "Films");
        let id = start_recording(&mut ann);
        let mut bob = page(deployment.address, "Bob");
        done(&mut bob, "room:join", &json!({"roomId": room, "userName": "Bob"}));
        let words = "x".repeat(1_900);
        for _ in 0..2 {
            bob.emit("chat:message", &json!({"content": words, "type": "text"}));
        }
        for member in [&mut ann, &mut bob] {
            let told = hear(member, "party:room", |room| room["recordingStopped"].is_string());
            assert_eq!((&told["recordingStopped"], &told["recording"]), (&json!("too_long"), &Value::Null));
        }
        for server in deployment.servers() {
            listed(server.address, KEY, |list| list.len() == 1 && list[0]["isRunning"] == false);
            let export = request(server.address, "GET", &format!("/recordings/{id}"), KEY);
            assert_eq!(kinds(&lines(&export)), ["recording", "joined", "screen", "joined", "chat", "end"]);
            assert!(export.body.len() < 4_200, "{}", export.body.len());
        }

        let mut cyd = page(deployment.address, "Cyd");
        open_room(&mut cyd, "More films");
        done(&mut cyd, "recording:start", &json!({"ownerKey": OTHER_KEY, "withChat": true}));
        let told = hear(&mut cyd, "party:room", |room| room["recordingStopped"].is_string());
        assert_eq!((&told["recordingStopped"], &told["recording"]), (&json!("no_space"), &Value::Null));
        for server in deployment.servers() {
            assert_eq!(listed(server.address, OTHER_KEY, |_| true), Vec::<Value>::new());
        }
    });
}

#[test]
fn a_full_disk_takes_nothing_from_the_room_and_what_is_written_again_is_whole() {
    let disk = FaultyDisk::new();
    let folder = disk.data().join("recordings");
    let mut environment = disk.environment();
    environment.push(("ROOMHUB_WATCH__RECORDINGS_DIR", folder.to_str().unwrap().to_owned()));
    let mut environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    environment.push(WITH_KEY);
    let server = Server::of("watch", &[], &environment);
    let mut ann = page(server.address, "Ann");
    open_room(&mut ann, "Films");
    let id = start_recording(&mut ann);
    listed(server.address, KEY, |list| list.len() == 1);
    let mut say = |words: &str| {
        ann.emit("chat:message", &json!({"content": words, "type": "text"}));
        assert_eq!(hear(&mut ann, "chat:message", |_| true)["content"], words);
    };
    disk.fail("write open", ENOSPC);
    say("lost");
    eventually("a word on the disk", || {
        let ready = http::get(server.address, "/readyz");
        (ready.status == 200 && ready.body.contains("recordings cannot be written")).then_some(())
    });
    say("lost too");
    eventually("both lines", || {
        let lost = r#"roomhub_recording_lines_lost_total{service="watch",reason="disk"}"#;
        (server.metric(lost) >= 2.0).then_some(())
    });
    disk.work();
    say("kept");
    eventually("a good word", || (http::get(server.address, "/readyz").body == "ready").then_some(()));
    let told = server.log().matches("recordings cannot be written: rooms go on").count();
    assert_eq!(told, 1, "it is said once");
    let export = request(server.address, "GET", &format!("/recordings/{id}"), KEY);
    let said = lines(&export);
    assert_eq!(kinds(&said), ["recording", "joined", "screen", "chat"]);
    assert_eq!((&said[3]["content"], &said[3]["n"]), (&json!("kept"), &json!(4)), "what is lost shows");
}

#[test]
fn a_crash_ends_what_was_recorded_and_loses_nothing_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [("ROOMHUB_MUSIC__RECORDINGS_DIR", folder.path().to_str().unwrap())];
    let server = Server::of("music", &[], &environment);
    let mut host = Client::connect(server.address);
    host.emit("introduce", &json!({"name": "Ann"}));
    host.emit("create-room", &json!({"roomId": "AB12", "track": {"id": 1}}));
    hear(&mut host, "party:room", |_| true);
    let id = start_recording(&mut host);
    host.emit("pause", &json!({"roomId": "AB12", "currentTime": 12.5}));
    let lines_of = |address| lines(&request(address, "GET", &format!("/recordings/{id}"), KEY));
    listed(server.address, KEY, |list| list.len() == 1);
    eventually("the pause", || (kinds(&lines_of(server.address)).last() == Some(&"pause")).then_some(()));
    server.signal("KILL");
    drop(server);
    let again = Server::of("music", &[], &environment);
    let list = listed(again.address, KEY, |_| true);
    assert_eq!((list.len(), &list[0]["isRunning"]), (1, &json!(false)));
    assert_eq!(kinds(&lines_of(again.address)), ["recording", "joined", "screen", "play", "pause", "end"]);
}

#[test]
fn keys_that_own_nothing_are_counted_and_without_a_folder_nothing_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let limits = [
        ("ROOMHUB_MUSIC__RECORDINGS_DIR", folder.path().to_str().unwrap()),
        ("ROOMHUB_NETWORK__WRONG_KEYS", "3"),
    ];
    let server = Server::of("music", &[], &limits);
    let guess = || request(server.address, "GET", "/recordings/abcdefghijklmnop", OTHER_KEY).status;
    assert_eq!([guess(), guess(), guess(), guess()], [404, 404, 404, 429]);
    assert_eq!(request(server.address, "GET", "/recordings", KEY).status, 429);
    let without = Server::of("music", &[], &[]);
    assert_eq!(request(without.address, "GET", "/recordings", KEY).status, 404);
    let mut host = Client::connect(without.address);
    host.emit("introduce", &json!({"name": "Ann"}));
    host.emit("create-room", &json!({"roomId": "AB12"}));
    hear(&mut host, "party:room", |_| true);
    let refused = ask(&mut host, "recording:start", &json!({"ownerKey": KEY}));
    assert_eq!(refused["code"], "forbidden");
}
