//! What fails on this machine: the program itself, the disk, the spool's files. Every message is accounted for.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::client::Device;
use super::database::Sqlite;
use super::traffic::Traffic;
use super::{start, start_at};
use crate::harness::mariadb::MariaDb;
use crate::harness::{eventually, free_port, http};

/// Kills the server again and again under load.
fn kill_again_and_again(environment: &[(&str, &str)], stored: impl Fn(&Path) -> Vec<String>) {
    let data = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut server = start_at(port, data.path(), &[], environment);
    let traffic = Traffic::start(server.address);
    for _ in 0..20 {
        traffic.flow(15);
        server.signal("KILL");
        server.wait();
        server = start_at(port, data.path(), &[], environment);
    }
    traffic.flow(15);
    traffic.settle(|| stored(data.path()));
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
}

#[test]
fn twenty_kills_in_a_row_lose_nothing_with_sqlite() {
    kill_again_and_again(&[], |data| Sqlite::open(data).contents());
}

#[test]
fn twenty_kills_in_a_row_lose_nothing_with_mariadb() {
    let database = MariaDb::start();
    let url = database.url();
    kill_again_and_again(&[("DATABASE_URL", &url)], |_| super::outages::contents(&database));
    let open = database.run("SELECT COUNT(*) FROM connections WHERE disconnected_at IS NULL");
    assert_eq!(open, "0\n", "a crash leaves no connection open");
}

#[test]
fn connections_that_a_crash_cut_end_when_they_were_last_alive() {
    let data = tempfile::tempdir().unwrap();
    let mut server = start(data.path(), &[], &[]);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    ann.say_for_sure("one");
    server.signal("KILL");
    server.wait();
    let _server = start(data.path(), &[], &[]);
    let database = Sqlite::open(data.path());
    let ended = "SELECT COUNT(*) FROM connections WHERE disconnected_at >= connected_at \
                 AND disconnected_at <= strftime('%Y-%m-%d %H:%M:%f', 'now')";
    eventually("the end of the connection", || (database.count(ended) == 1).then_some(()));
}

fn segments(data: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(data.join("spool"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "segment"))
        .collect();
    found.sort();
    found
}

#[test]
fn a_torn_end_and_flipped_bits_cost_what_was_damaged_and_the_server_starts() {
    let data = tempfile::tempdir().unwrap();
    // A database that is never there leaves everything in the spool.
    let away = [("DATABASE_URL", "mysql://a:b@127.0.0.1:1/c")];
    let mut server = start(data.path(), &[], &away);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    for name in ["one", "two", "three"] {
        ann.say_for_sure(name);
    }
    server.signal("KILL");
    server.wait();
    let path = segments(data.path()).into_iter().next().unwrap();
    let bytes = fs::read(&path).unwrap();
    let place = |text: &[u8]| bytes.windows(text.len()).position(|window| window == text).unwrap() as u64;
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1;
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"tw0", place(b"two")).unwrap();
    file.write_all_at(b"RHr\x01\x99torn", end).unwrap();

    let server = start(data.path(), &[], &[]);
    let told = server.log();
    assert!(told.contains("damaged records were set aside"), "{told}");
    assert!(told.contains("a torn end was cut off"), "{told}");
    let (mut ann, status) = Device::join(server.address, "d1", None);
    assert_eq!(status, "reconnected");
    ann.say_for_sure("four");
    let database = Sqlite::open(data.path());
    eventually("all that was whole", || (database.contents() == ["one", "three", "four"]).then_some(()));
}

#[test]
fn a_full_spool_refuses_and_delivers_nothing_that_it_cannot_keep() {
    let data = tempfile::tempdir().unwrap();
    let mut limits = vec![
        ("ROOMHUB_DEVICES__SPOOL_MAX_BYTES", "4194304"),
        ("ROOMHUB_DEVICES__SPOOL_SEGMENT_BYTES", "1048576"),
        ("DATABASE_URL", "mysql://a:b@127.0.0.1:1/c"),
    ];
    let mut server = start(data.path(), &[], &limits);
    let kept = fill(&server, "ROOMHUB");
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
    // With a database that is there, it all goes in, and messages are taken again.
    limits.pop();
    let server = start(data.path(), &[], &limits);
    let database = Sqlite::open(data.path());
    let lengths = "SELECT COUNT(*) FROM messages";
    eventually("all that was kept", || (database.count(lengths) == kept).then_some(()));
    eventually("room for more", || (http::get(server.address, "/readyz").status == 200).then_some(()));
    let (mut ann, _) = Device::join(server.address, "d1", None);
    ann.say_for_sure("more");
}

/// Sends until the spool is full; gives how many messages were kept.
fn fill(server: &crate::harness::process::Server, name: &str) -> i64 {
    let (mut ann, _) = Device::join(server.address, "d1", None);
    let (mut bob, _) = Device::join(server.address, "d2", Some(&ann.room));
    let mut kept = 0;
    for length in [100_000, 10] {
        let content = format!("{name}{}", "x".repeat(length));
        loop {
            ann.say(&json!({"type": "message", "content": content, "message_id": kept.to_string()}));
            let told = ann.hear();
            if told["type"] == "error" {
                assert_eq!(told["message"], "Storage unavailable");
                break;
            }
            assert_eq!(told["type"], "ack");
            assert_eq!(bob.hear()["content"], content);
            kept += 1;
            assert!(kept < 10_000, "it is never full");
        }
    }
    assert!(kept > 5, "only {kept} messages fit");
    assert_eq!(http::get(server.address, "/readyz").status, 503);
    // What was refused was delivered to nobody.
    bob.say(&json!({"type": "nonsense"}));
    assert_eq!(bob.hear()["type"], "error");
    kept
}

/// A small disk of its own.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new(megabytes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let status =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).status();
        assert!(status.unwrap().success(), "a test of a full disk mounts one; run it as root");
        Self(folder)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[test]
fn a_disk_that_sqlite_has_filled_refuses_and_what_was_acknowledged_is_there() {
    let disk = Disk::new(24);
    let data = disk.0.path();
    let small = [("ROOMHUB_DEVICES__SPOOL_SEGMENT_BYTES", "1048576")];
    let mut server = start(data, &[], &small);
    // Messages go on to the database as long as it takes them, so the disk is full more than once.
    let (mut ann, _) = Device::join(server.address, "d1", None);
    let content = "x".repeat(100_000);
    let (mut n_kept, mut n_refused) = (0, 0);
    while n_refused < 20 {
        ann.say(&json!({"type": "message", "content": content, "message_id": n_kept.to_string()}));
        let told = ann.hear();
        if told["type"] == "ack" {
            n_kept += 1;
            assert!(n_kept < 1_000, "it is never full");
        } else {
            assert_eq!(told["message"], "Storage unavailable");
            n_refused += 1;
        }
    }
    assert!(n_kept > 20, "only {n_kept} messages fit");
    server.signal("KILL");
    server.wait();
    let resized = Command::new("mount").args(["-o", "remount,size=96m"]).arg(data).status().unwrap();
    assert!(resized.success());
    let server = start(data, &[], &small);
    let database = Sqlite::open(data);
    eventually("all that was acknowledged", || {
        (database.count("SELECT COUNT(*) FROM messages") == n_kept).then_some(())
    });
    let (mut ann, status) = Device::join(server.address, "d1", None);
    assert_eq!(status, "reconnected");
    ann.say_for_sure("more");
}

#[test]
fn a_full_disk_refuses_and_what_was_acknowledged_is_there() {
    let disk = Disk::new(24);
    let data = disk.0.path();
    let away =
        [("DATABASE_URL", "mysql://a:b@127.0.0.1:1/c"), ("ROOMHUB_DEVICES__SPOOL_SEGMENT_BYTES", "1048576")];
    let mut server = start(data, &[], &away);
    let kept = fill(&server, "disk");
    server.signal("KILL");
    server.wait();
    let database = MariaDb::start();
    let url = database.url();
    let there = [("DATABASE_URL", url.as_str()), away[1]];
    // Room for a start, as an operator would make it.
    let resized = Command::new("mount").args(["-o", "remount,size=32m"]).arg(data).status().unwrap();
    assert!(resized.success());
    let _server = start(data, &[], &there);
    let count = || database.run("SELECT COUNT(*) FROM messages").trim().parse::<i64>().unwrap_or(0);
    eventually("all that was acknowledged", || {
        let is_migrated = database.run("SHOW TABLES LIKE 'messages'").contains("messages");
        (is_migrated && count() == kept).then_some(())
    });
}
