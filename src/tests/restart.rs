//! Rooms that outlive their process: what is on disk, and who finds it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use crate::harness::process::Server;
use crate::harness::{eventually, http, websocket};

fn start(folder: &Path) -> Server {
    let folder = folder.to_str().unwrap();
    Server::start_with(&[], &[("ROOMHUB_ROOMS__PERSIST", "true"), ("ROOMHUB_ROOMS__DATA_DIR", folder)])
}

/// Whether the file of rooms, as a crash would leave it, knows of a room at 12.5 seconds.
fn holds_12_5(folder: &Path) -> bool {
    let log = fs::read(folder.join("music.rooms.db-wal")).unwrap_or_default();
    log.windows(4).any(|text| text == b"12.5")
}

/// Pauses a room of that name at 12.5 seconds.
fn host_at_12_5(server: &Server, room: &str) -> websocket::Client {
    let mut host = websocket::Client::host(server.address, room);
    host.emit("pause", &json!({"room_id": room, "current_time": 12.5}));
    host.emit("get_room_state", &json!({"room_id": room}));
    assert_eq!(host.expect("room_state")["current_time"], 12.5);
    host
}

/// A guest finds the room as its host left it.
fn guest_finds_12_5(server: &Server, room: &str) {
    let mut guest = websocket::Client::connect(server.address);
    guest.emit("join_room", &json!({"room_id": room}));
    let joined = guest.expect("room_joined");
    assert_eq!((&joined["current_time"], &joined["is_playing"]), (&json!(12.5), &json!(false)));
    guest.expect("become_host");
}

#[test]
fn a_room_is_there_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = start(folder.path());
    let _host = host_at_12_5(&first, "AB12");
    first.signal("TERM");
    assert_eq!(first.wait(), 0);
    let second = start(folder.path());
    assert_eq!(http::get(second.address, "/room/AB12").status, 404, "nobody is there yet");
    guest_finds_12_5(&second, "AB12");
    let mode = fs::metadata(folder.path().join("music.rooms.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "what rooms keep secret is nobody else's business");
}

#[test]
fn a_room_is_there_again_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path());
    let _host = host_at_12_5(&first, "AB12");
    eventually("the paused room on disk", || holds_12_5(folder.path()).then_some(()));
    first.signal("KILL");
    drop(first);
    guest_finds_12_5(&start(folder.path()), "AB12");
}

#[test]
fn a_room_that_everybody_left_is_not_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = start(folder.path());
    let mut host = host_at_12_5(&first, "AB12");
    host.emit("leave_room", &json!({"room_id": "AB12"}));
    host.expect("room_left");
    first.signal("TERM");
    first.wait();
    let second = start(folder.path());
    let mut guest = websocket::Client::connect(second.address);
    guest.emit("join_room", &json!({"room_id": "AB12"}));
    guest.expect("error");
}

#[test]
fn without_a_disk_of_its_own_a_server_says_so_and_serves() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path());
    let second = start(folder.path());
    second.await_log("rooms will not survive a restart");
    assert!(!first.log().contains("rooms will not survive"), "{}", first.log());
    let nowhere = start(Path::new("/proc/nowhere"));
    nowhere.await_log("rooms will not survive a restart");
    for server in [&second, &nowhere] {
        let _host = websocket::Client::host(server.address, "AB12");
    }
}
