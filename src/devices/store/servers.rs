//! What servers and their operators do to the tables, and what files of other versions do: against a private MariaDB.
#![allow(clippy::disallowed_methods, reason = "patience is measured by the real clock")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::contract::{append, at, beginning, device, id, mariadb, message, place, room, seen, texts};
use super::{Failure, MessageQuery, Store};
use crate::devices::record::Record;

/// The tables of version 1, which refer to each other.
const VERSION_1: &str = include_str!("version_1.sql");
const VERSION_1_SQLITE: &str = include_str!("version_1_sqlite.sql");

const VERSION_1_MARK: &str = "CREATE TABLE roomhub_schema (version INT NOT NULL PRIMARY KEY, \
    applied_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP); INSERT INTO roomhub_schema (version) VALUES (1)";

const ROWS: &str = "INSERT INTO rooms VALUES ('E03EI3TX', '2024-07-01 12:00:00.5'); \
    INSERT INTO devices VALUES ('d1', '2024-07-01 12:00:00.5', '2024-07-01 12:00:00.5', 'E03EI3TX', 'x'); \
    INSERT INTO connections (device_id, room_id, identity, client_ip, connected_at) \
      VALUES ('d1', 'E03EI3TX', 'x', '::1', '2024-07-01 12:00:00.5'); \
    INSERT INTO messages (from_device_id, room_id, message_type, message_content, sent_at) \
      VALUES ('d1', 'E03EI3TX', 'broadcast', '{}', '2024-07-01 12:00:00.5'); \
    INSERT INTO room_queries (device_id, room_id, queried_at) VALUES ('d1', 'E03EI3TX', '2024-07-01 12:00:00.5');";

const KEYS: &str =
    "SELECT COUNT(*) FROM information_schema.referential_constraints WHERE constraint_schema = 'rooms'";

fn store(server: &mariadb::MariaDb) -> Store {
    Store::new(&place(&server.url(), PathBuf::new())).unwrap()
}

fn sqlite(folder: &Path) -> Store {
    Store::new(&place("", folder.join("devices.db"))).unwrap()
}

fn all() -> MessageQuery {
    MessageQuery::default()
}

#[tokio::test]
async fn rows_are_deleted_from_any_table_and_nothing_is_refused_for_it() {
    let server = mariadb::MariaDb::start();
    server.run(&format!("{VERSION_1}{VERSION_1_MARK}; {ROWS}"));
    assert_eq!(server.run(KEYS), "6\n");
    let store = store(&server);
    store.migrate().await.unwrap();
    assert_eq!(server.run(KEYS), "0\n");
    for table in ["rooms", "devices", "connections", "messages", "room_queries"] {
        server.run(&format!("DELETE FROM {table}"));
        let query = Record::RoomQuery { device: device("d1"), room: room(), at: at(3) };
        let end = Record::Disconnected { connection: id(900), at: at(4) };
        append(&store, vec![message(2, "d1", None, "hi"), (id(3), query), (id(4), end)]).await;
    }
    assert_eq!(texts(&store, all()).await.len(), 1);
}

#[tokio::test]
async fn rows_are_deleted_from_any_table_of_an_earlier_sqlite_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let database = rusqlite::Connection::open(folder.path().join("devices.db")).unwrap();
    database.execute_batch(VERSION_1_SQLITE).unwrap();
    database.execute_batch(ROWS).unwrap();
    database.pragma_update(None, "user_version", 1).unwrap();
    database.pragma_update(None, "foreign_keys", "on").unwrap();
    assert!(database.execute("DELETE FROM devices", []).is_err());
    drop(database);
    let store = sqlite(folder.path());
    store.migrate().await.unwrap();
    append(&store, beginning()).await;
    let database = rusqlite::Connection::open(folder.path().join("devices.db")).unwrap();
    database.pragma_update(None, "foreign_keys", "on").unwrap();
    for table in ["rooms", "devices"] {
        database.execute(&format!("DELETE FROM {table}"), []).unwrap();
    }
    append(&store, vec![message(2, "d1", None, "hi")]).await;
    assert_eq!(texts(&store, all()).await.len(), 2);
    let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

#[tokio::test]
async fn moments_are_in_utc_whatever_the_zone_of_the_server_is() {
    let mut server = mariadb::MariaDb::start();
    server.go_down("TERM");
    server.come_up_with(&["--default-time-zone=+05:30"]);
    server.run(&format!("{VERSION_1}{VERSION_1_MARK}; {ROWS}"));
    let moments = || {
        server.run(
            "SELECT sent_at FROM messages; SELECT created_at FROM rooms; SELECT connected_at FROM connections; \
             SELECT first_connected_at FROM devices; SELECT queried_at FROM room_queries",
        )
    };
    for _ in 0..2 {
        store(&server).migrate().await.unwrap();
        assert_eq!(moments(), "2024-07-01 06:30:00.500\n".repeat(5), "once, however often it is asked for");
    }
    let store = store(&server);
    append(&store, vec![message(5, "d1", None, "new")]).await;
    let stored = store.messages(MessageQuery { limit: 1, ..all() }).await.unwrap();
    assert_eq!(stored[0].sent_at, at(5).to_string());
    let written = server.run("SELECT sent_at FROM messages ORDER BY id DESC LIMIT 1");
    assert_eq!(written.trim().replace(' ', "T") + "Z", at(5).to_string());
}

#[tokio::test]
async fn tables_of_old_row_formats_and_engines_take_ids_of_any_length() {
    let mut server = mariadb::MariaDb::start();
    server.go_down("TERM");
    server.come_up_with(&["--innodb-default-row-format=compact", "--default-storage-engine=MyISAM"]);
    for format in
        ["ENGINE=InnoDB ROW_FORMAT=COMPACT", "ENGINE=InnoDB ROW_FORMAT=REDUNDANT", "ENGINE=MyISAM", ""]
    {
        server.run("DROP DATABASE rooms; CREATE DATABASE rooms CHARACTER SET latin1");
        if !format.is_empty() {
            server.run(&format!(
                "CREATE TABLE rooms (room_id VARCHAR(8) PRIMARY KEY, created_at DATETIME) {format}; \
                 CREATE TABLE devices (device_id VARCHAR(255) PRIMARY KEY, first_connected_at DATETIME, \
                 last_connected_at DATETIME) {format}; INSERT INTO devices VALUES ('d1', NOW(), NOW())"
            ));
        }
        let store = store(&server);
        store.migrate().await.unwrap();
        let long = "😀".repeat(255);
        append(
            &store,
            vec![seen(1, &long), message(2, &long, Some(&long), "hi"), message(3, "d1", None, "ho")],
        )
        .await;
        let formats = server.run(
            "SELECT DISTINCT engine, row_format FROM information_schema.tables WHERE table_schema = 'rooms'",
        );
        assert_eq!(formats, "InnoDB\tDynamic\n", "{format}");
    }
}

#[tokio::test]
async fn tables_that_are_dropped_while_the_server_runs_are_made_again() {
    let server = mariadb::MariaDb::start();
    let store = store(&server);
    store.migrate().await.unwrap();
    for (step, loss) in [
        "DROP DATABASE rooms; CREATE DATABASE rooms",
        "DROP TABLE messages",
        "ALTER TABLE messages DROP COLUMN message_type",
        "DROP TABLE roomhub_schema",
        "DROP TABLE roomhub_schema, messages",
    ]
    .into_iter()
    .enumerate()
    {
        append(&store, beginning()).await;
        server.run(loss);
        let number = 100 + step as u64;
        let (records, outcome) = store.append(vec![message(number, "d1", None, "hi")]).await;
        assert!(!matches!(outcome, Err(Failure::Broken(_))), "{loss}: {outcome:?}");
        store.migrate().await.unwrap();
        append(&store, records).await;
        let found = store.messages(MessageQuery { limit: 1, ..all() }).await.unwrap();
        assert_eq!(found[0].sent_at, at(number).to_string(), "{loss}");
    }
    server.run("DROP DATABASE rooms");
    let (_, outcome) = store.append(vec![message(200, "d1", None, "hi")]).await;
    assert!(!matches!(outcome, Ok(()) | Err(Failure::Broken(_))), "{outcome:?}");
    let Err(Failure::Unusable { remedy, .. }) = store.migrate().await else { panic!("there is no database") };
    assert!(remedy.contains("create it"), "{remedy}");
}

#[tokio::test]
async fn a_server_that_is_read_only_is_waited_for() {
    let server = mariadb::MariaDb::start();
    let store = store(&server);
    store.migrate().await.unwrap();
    server.run("SET GLOBAL read_only = 1");
    let (records, outcome) = store.append(beginning()).await;
    let Err(Failure::Unusable { remedy, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(remedy.contains("read-only"), "{remedy}");
    server.run("SET GLOBAL read_only = 0");
    append(&store, records).await;
}

#[tokio::test]
async fn a_connection_that_was_ended_while_nothing_was_said_is_no_failure() {
    let server = mariadb::MariaDb::start();
    let store = store(&server);
    store.migrate().await.unwrap();
    append(&store, beginning()).await;
    server.run("SET GLOBAL wait_timeout = 1");
    // `KILL USER` is MariaDB's alone.
    for id in server.run("SELECT id FROM information_schema.processlist WHERE user = 'hub'").lines() {
        server.run(&format!("KILL {id}"));
    }
    await_no_connections(&server);
    append(&store, vec![message(2, "d1", None, "after a kill")]).await;
    // This connection's time is that of the server now.
    await_no_connections(&server);
    append(&store, vec![message(3, "d1", None, "after its time")]).await;
    assert_eq!(texts(&store, all()).await.len(), 2);
}

fn await_no_connections(server: &mariadb::MariaDb) {
    let n = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'hub'";
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.run(n) != "0\n" {
        assert!(Instant::now() < deadline, "connections do not end");
    }
}

#[tokio::test]
async fn two_servers_that_start_at_once_make_the_tables_together() {
    let server = mariadb::MariaDb::start();
    server.run(&format!("{VERSION_1}{VERSION_1_MARK}; {ROWS}"));
    let (one, two) = (store(&server), store(&server));
    let (one, two) = tokio::join!(one.migrate(), two.migrate());
    one.unwrap();
    two.unwrap();
    assert_eq!(server.run("SELECT MAX(version) FROM roomhub_schema"), "3\n");
}

#[tokio::test]
async fn an_older_version_leaves_newer_tables_as_they_are() {
    let server = mariadb::MariaDb::start();
    let newer = store(&server);
    newer.migrate().await.unwrap();
    server.run("INSERT INTO roomhub_schema (version) VALUES (99)");
    let Err(Failure::Unusable { remedy, .. }) = store(&server).migrate().await else { panic!("it goes on") };
    assert!(remedy.contains("newer version"), "{remedy}");

    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path());
    store.migrate().await.unwrap();
    store.check_version().await.unwrap();
    drop(store);
    let database = rusqlite::Connection::open(folder.path().join("devices.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    let Err(Failure::Unusable { remedy, .. }) = sqlite(folder.path()).check_version().await else {
        panic!("it goes on")
    };
    assert!(remedy.contains("newer version"), "{remedy}");
    assert!(sqlite(folder.path()).append(beginning()).await.1.is_err());
}

#[tokio::test]
async fn a_sqlite_file_at_its_limit_is_full_until_rows_are_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let limited = super::Place { max_bytes: 2 << 20, ..place("", folder.path().join("devices.db")) };
    let store = Store::new(&limited).unwrap();
    store.migrate().await.unwrap();
    let long = "x".repeat(100_000);
    let mut n_kept = 0;
    let rest = loop {
        match store.append(vec![message(n_kept, "d1", None, &long)]).await {
            (_, Ok(())) => n_kept += 1,
            (rest, Err(Failure::Full(_))) => break rest,
            (_, other) => panic!("{other:?}"),
        }
        assert!(n_kept < 30, "there is no limit");
    };
    assert!(n_kept > 10, "only {n_kept} fit");
    let database = rusqlite::Connection::open(folder.path().join("devices.db")).unwrap();
    database.busy_timeout(Duration::from_secs(5)).unwrap();
    database.execute("DELETE FROM messages WHERE id < 5", []).unwrap();
    append(&store, rest).await;
}
