//! A disk that fails for a while, a process without descriptors, and who may read what is on the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::client::Device;
use super::database::Sqlite;
use super::start;
use crate::harness::faulty_disk::{EIO, EMFILE, ENOSPC, FaultyDisk};
use crate::harness::process::{Server, roomhub, run};
use crate::harness::{eventually, http};

const SMALL_SEGMENTS: (&str, &str) = ("ROOMHUB_DEVICES__SPOOL_SEGMENT_BYTES", "1048576");

fn be_ready(server: &Server) {
    eventually("a ready server", || (http::get(server.address, "/readyz").body == "ready").then_some(()));
}

/// Hears the answers to so many messages; gives those that were acknowledged.
fn answers(device: &mut Device, n: usize) -> Vec<String> {
    let answer = |_| {
        let told = device.hear();
        let is_acked = told["type"] == "ack";
        assert!(is_acked || told["message"] == "Storage unavailable", "{told}");
        is_acked.then(|| told["message_id"].as_str().unwrap().to_owned())
    };
    (0..n).filter_map(answer).collect()
}

#[test]
fn whatever_call_on_the_disk_fails_all_goes_on_when_it_works_again() {
    let disk = FaultyDisk::new();
    let environment = disk.environment();
    let mut environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    environment.push(SMALL_SEGMENTS);
    let server = start(disk.data(), &[], &environment);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    ann.say_for_sure("before");
    let mut kept: BTreeSet<String> = ["before".to_owned()].into();
    let faults = [
        ("fsync", EIO),
        ("fdatasync", EIO),
        ("open", EIO),
        ("open", EMFILE),
        ("pwrite", EIO),
        ("pwrite", ENOSPC),
        ("write", ENOSPC),
        ("pread", EIO),
        ("ftruncate", EIO),
        ("rename", EIO),
        ("unlink", EIO),
    ];
    for (round, (calls, error)) in faults.into_iter().enumerate() {
        disk.fail(calls, error);
        // More than a segment, so that files are made and deleted.
        let content = "x".repeat(60_000);
        for n in 0..30 {
            let id = format!("{round}-{n}");
            ann.say(&json!({"type": "message", "content": content, "message_id": id}));
        }
        eventually(&format!("a failure of {calls}"), || disk.has_failed().then_some(()));
        disk.work();
        kept.extend(answers(&mut ann, 30));
        be_ready(&server);
        let after = format!("after {calls} {error}");
        ann.say_for_sure(&after);
        kept.insert(after);
        let (_newcomer, status) = Device::join(server.address, "d1", None);
        assert_eq!(status, "reconnected", "after {calls}");
    }
    let database = Sqlite::open(disk.data());
    let ids = "SELECT json_extract(message_content, '$.message_id') FROM messages";
    eventually("all that was acknowledged", || {
        let stored = database.texts(ids);
        let found: BTreeSet<String> = stored.iter().cloned().collect();
        assert_eq!(found.len(), stored.len(), "each once");
        (found == kept).then_some(())
    });
    assert!(!disk.data().join("spool/dead-letters.jsonl").exists());
}

#[test]
fn when_every_call_on_the_disk_fails_each_message_is_answered_by_its_id() {
    let disk = FaultyDisk::new();
    let environment = disk.environment();
    let mut environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    environment.push(SMALL_SEGMENTS);
    let server = start(disk.data(), &[], &environment);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    ann.say_for_sure("before");
    for round in 0..3 {
        disk.fail("open fsync fdatasync write pwrite read pread ftruncate rename unlink", EIO);
        let sent: BTreeSet<String> = (0..40).map(|n| format!("{round}-{n}")).collect();
        for id in &sent {
            let content = "x".repeat(60_000);
            ann.say(&json!({"type": "message", "content": content, "message_id": id}));
        }
        eventually("a disk that fails", || disk.has_failed().then_some(()));
        disk.work();
        let told: Vec<_> = sent.iter().map(|_| ann.hear()).collect();
        assert!(told.iter().all(|told| told["type"] == "ack" || told["message"] == "Storage unavailable"));
        let answered: BTreeSet<String> =
            told.iter().map(|told| told["message_id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(answered, sent);
        be_ready(&server);
        ann.say_for_sure(&format!("after {round}"));
    }
}

#[test]
fn a_disk_that_cannot_sync_is_told_and_nothing_is_acknowledged_until_it_can() {
    let disk = FaultyDisk::new();
    let environment = disk.environment();
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = start(disk.data(), &[], &environment);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    let (mut bob, _) = Device::join(server.address, "d2", Some(&ann.room));
    ann.say_for_sure("before");
    assert_eq!(bob.hear()["content"], "before");
    disk.fail("fsync fdatasync", EIO);
    ann.say(&json!({"type": "message", "content": "under way", "message_id": "under way"}));
    let told = eventually("a server that is not ready", || {
        let answer = http::get(server.address, "/readyz");
        (answer.status == 503).then_some(answer.body)
    });
    assert!(told.contains("the spool cannot be written"), "{told}");
    ann.say(&json!({"type": "message", "content": "refused", "message_id": "refused"}));
    let refused = ann.hear();
    assert_eq!(refused["message"], "Storage unavailable", "{refused}");
    disk.work();
    ann.expect(&json!({"type": "ack", "message_id": "under way", "status": "stored"}));
    assert_eq!(bob.hear()["content"], "under way");
    be_ready(&server);
    ann.say_for_sure("after");
    assert_eq!(bob.hear()["content"], "after");
    let database = Sqlite::open(disk.data());
    eventually("the messages", || (database.contents() == ["before", "under way", "after"]).then_some(()));
}

fn allow_files(server: &Server, n: &str) {
    let status = Command::new("prlimit")
        .args(["--pid", &server.pid().to_string(), &format!("--nofile={n}:4096")])
        .status()
        .unwrap();
    assert!(status.success(), "prlimit is of util-linux");
}

#[test]
fn a_server_that_was_out_of_descriptors_drains_and_takes_messages_again() {
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path(), &[], &[SMALL_SEGMENTS]);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    ann.say_for_sure("before");
    // None is left, not even for a handshake.
    allow_files(&server, "8");
    let idle: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    for n in 0..100 {
        let content = format!("{n}{}", "x".repeat(60_000));
        ann.say(&json!({"type": "message", "content": content, "message_id": n.to_string()}));
    }
    let n_acked = answers(&mut ann, 100).len();
    assert!(n_acked > 10, "segments are made ahead: {n_acked}");
    allow_files(&server, "1024");
    drop(idle);
    be_ready(&server);
    ann.say_for_sure("after");
    let (_bob, _) = Device::join(server.address, "d2", Some(&ann.room));
    let database = Sqlite::open(data.path());
    let n_stored = "SELECT COUNT(*) FROM messages";
    eventually("all that was acknowledged", || {
        (database.count(n_stored) == i64::try_from(n_acked).unwrap() + 2).then_some(())
    });
}

/// Every file below a folder, with what is in it.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = Vec::new();
    modes(folder, &mut found);
    let files = found.into_iter().map(|(path, _)| path).filter(|path| path.is_file());
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn an_older_version_refuses_newer_data_and_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let away = [("DATABASE_URL", "mysql://a:b@127.0.0.1:1/c")];
    let mut server = start(data.path(), &[], &away);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    ann.say_for_sure("from the future");
    server.signal("TERM");
    server.wait();
    let folder = data.path().to_str().unwrap();
    let refused = |what: &str| {
        let before = contents(data.path());
        let output = run(&["devices", "--host", "127.0.0.1", "--port", "0", "--data-dir", folder], &[]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains("newer version"), "{what}: {told}");
        let after = contents(data.path());
        let is_noted = |path: &&PathBuf| !path.to_str().unwrap().ends_with("-shm");
        let changed: Vec<&PathBuf> =
            before.keys().filter(is_noted).filter(|path| after.get(*path) != before.get(*path)).collect();
        assert!(changed.is_empty(), "{what}: {changed:?}");
    };
    // A kind of record that this version does not know, with a checksum that is right.
    let segment = fs::read_dir(data.path().join("spool")).unwrap().map(|entry| entry.unwrap().path());
    let segment =
        segment.filter(|path| path.extension().is_some_and(|ending| ending == "segment")).min().unwrap();
    let bytes = fs::read(&segment).unwrap();
    let start_of = |text: &[u8], from: usize| {
        from + bytes[from..].windows(text.len()).position(|window| window == text).unwrap()
    };
    let name = start_of(br#""kind":"message""#, 0);
    let head = bytes[..name].windows(4).rposition(|window| window == b"RHr\x01").unwrap();
    let length = u32::from_le_bytes(bytes[head + 4..head + 8].try_into().unwrap()) as usize;
    let mut newer = bytes.clone();
    newer[name + 8..name + 15].copy_from_slice(b"massage");
    let checksum = crc32c::crc32c(&newer[head + 12..head + 28 + length]);
    newer[head + 8..head + 12].copy_from_slice(&checksum.to_le_bytes());
    fs::write(&segment, newer).unwrap();
    refused("a record");
    fs::write(&segment, bytes).unwrap();

    let set_version = |file: &str, version: u32| {
        let database = rusqlite::Connection::open(data.path().join(file)).unwrap();
        database.pragma_update(None, "user_version", version).unwrap();
    };
    set_version("directory.db", 99);
    refused("the directory");
    set_version("directory.db", 1);
    set_version("devices.db", 99);
    refused("the database");
    fs::remove_file(data.path().join("devices.db")).unwrap();
    // All is as it was.
    let _server = start(data.path(), &[], &[]);
    let database = Sqlite::open(data.path());
    eventually("the message", || (database.contents() == ["from the future"]).then_some(()));
}

/// Every file and folder below one, with its mode.
fn modes(folder: &Path, found: &mut Vec<(PathBuf, u32)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::metadata(&path).unwrap();
        found.push((path.clone(), metadata.mode() & 0o777));
        if metadata.is_dir() {
            modes(&path, found);
        }
    }
}

#[test]
fn nobody_else_may_read_what_is_kept_whoever_made_it() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("new/data");
    let log = root.path().join("events.jsonl");
    fs::write(&log, "").unwrap();
    let open_to_all =
        |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open_to_all(&log, 0o644);
    let run = || {
        let devices = start(&data, &[], &[]);
        let (mut ann, _) = Device::join(devices.address, "d1", None);
        ann.say_for_sure("hi");
        eventually("the row", || (Sqlite::open(&data).contents().contains(&"hi".into())).then_some(()));
        let mut watch = roomhub(&["watch", "--host", "127.0.0.1", "--port", "0", "--log-format", "json"]);
        watch.env("ROOMHUB_WATCH__EVENT_LOG", &log).env("ROOMHUB_WATCH__AUTH_KEY", "k").env("AUTH_KEY", "k");
        watch.env("ROOMHUB_ROOMS__PERSIST", "true").env("ROOMHUB_ROOMS__DATA_DIR", &data);
        let _watch = Server::spawn(watch);
        let mut found = vec![(log.clone(), fs::metadata(&log).unwrap().mode() & 0o777)];
        modes(&root.path().join("new"), &mut found);
        found
    };
    let check = |found: Vec<(PathBuf, u32)>| {
        assert!(found.len() > 8, "{found:?}");
        for (path, mode) in found {
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, expected, "{}", path.display());
        }
    };
    check(run());
    // As an earlier version has left it.
    let mut left = Vec::new();
    modes(&data, &mut left);
    for (path, _) in &left {
        open_to_all(path, if path.is_dir() { 0o755 } else { 0o644 });
    }
    check(run());
}
