//! Files that somebody deletes or moves while the service runs: what is acknowledged then is in those that are there.

use std::fs;
use std::path::Path;

use super::client::Device;
use super::database::Sqlite;
use super::{start, start_at};
use crate::harness::{eventually, free_port, http};
use crate::rows::is_anywhere;

fn remove(data: &Path, names: &[&str]) {
    for name in names {
        fs::remove_file(data.join(name)).unwrap();
    }
}

fn move_away(data: &Path) {
    for name in ["devices.db", "devices.db-wal", "devices.db-shm"] {
        fs::rename(data.join(name), data.join(format!("old-{name}"))).unwrap();
    }
}

#[test]
fn messages_are_in_the_database_file_that_is_there_after_another_was_deleted_or_moved() {
    let ways: [fn(&Path); 4] = [
        |data| remove(data, &["devices.db"]),
        |data| remove(data, &["devices.db", "devices.db-wal", "devices.db-shm"]),
        |data| remove(data, &["devices.db-wal"]),
        move_away,
    ];
    for (n, way) in ways.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let port = free_port();
        let mut server = start_at(port, data, &[], &[]);
        let (mut ann, _) = Device::join(server.address, "d1", None);
        ann.say_for_sure("before");
        // Whoever else opens the file would make one.
        let has = |content: &str| http::get(server.address, "/messages").body.contains(content);
        eventually("the first row", || has("before").then_some(()));
        way(data);
        ann.say_for_sure("after");
        eventually(&format!("the next row, in way {n}"), || has("after").then_some(()));
        server.signal("KILL");
        server.wait();
        let server = start_at(port, data, &[], &[]);
        assert!(Sqlite::open(data).contents().contains(&"after".to_owned()), "way {n}");
        let (_, status) = Device::join(server.address, "d1", None);
        assert_eq!(status, "reconnected");
        assert!(!server.log().contains("damaged"), "{}", server.log());
    }
}

#[test]
fn messages_are_on_disk_after_the_files_of_the_spool_were_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let away = [("DATABASE_URL", "mysql://a:b@127.0.0.1:1/c"), ("ROOMHUB_DEVICES__FIRST_START_WAIT", "0s")];
    let mut server = start(data, &[], &away);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    ann.say_for_sure("before");
    let spool = data.join("spool");
    for entry in fs::read_dir(&spool).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "segment") {
            fs::remove_file(path).unwrap();
        }
    }
    assert!(!is_anywhere(&spool, "before"), "its files are deleted");
    ann.say_for_sure("after");
    server.signal("KILL");
    server.wait();
    assert!(is_anywhere(&spool, "after"));
    let server = start(data, &[], &away);
    server.await_log("the spool holds records that are not in the database yet");
}
