//! Ids of any spelling: none is taken for another, and what is acknowledged under one is in the database, once.

use std::collections::BTreeSet;

use tokio_tungstenite::tungstenite::Message;

use super::client::Device;
use super::database::Sqlite;
use super::start_at;
use crate::harness::mariadb::MariaDb;
use crate::harness::process::Server;
use crate::harness::{eventually, free_port};

/// Ids of messages, as JSON.
const MESSAGE_IDS: [&str; 34] = [
    "0",
    "-0",
    "-1",
    "1",
    "1.0",
    "1.5",
    "1e400",
    "18446744073709551616",
    "true",
    "false",
    "null",
    "[]",
    "{}",
    "[1]",
    r#""""#,
    r#""0""#,
    r#""01""#,
    r#""a""#,
    r#""A""#,
    r#""a ""#,
    r#"" a""#,
    r#""a\u0000""#,
    r#""a\n""#,
    r#""'; --""#,
    r#""\u00e9""#,
    r#""e\u0301""#,
    r#""\u00df""#,
    r#""ss""#,
    r#""SS""#,
    r#""\u212a""#,
    r#""k""#,
    r#""\ud835\udcb3""#,
    r#""\ud83d""#,
    r#""x\u202ey""#,
];

/// Ids of devices, as JSON.
const DEVICE_IDS: [&str; 24] = [
    r#""d1""#,
    r#""D1""#,
    r#""d1 ""#,
    r#"" d1""#,
    r#""d1\u0000""#,
    r#""d1\t""#,
    r#""d\u00e9""#,
    r#""de\u0301""#,
    r#""d\u00df""#,
    r#""dss""#,
    r#""dSS""#,
    r#""d\u212a""#,
    r#""dk""#,
    r#""dK""#,
    r#""d\u0130""#,
    r#""di""#,
    r#""d\ud835\udcb3""#,
    r#""d\ufb00""#,
    r#""dff""#,
    "1",
    "1.0",
    "1e0",
    "-1",
    r#""01""#,
];

fn start(port: u16, data: &std::path::Path, url: &str) -> Server {
    start_at(port, data, &[], &[("DATABASE_URL", url)])
}

/// What the messages say; MySQL cannot read JSON with numbers that fit no type of its own.
fn rows(database: &MariaDb) -> Vec<String> {
    let rows = database.try_run("SELECT message_content FROM messages").unwrap_or_default();
    let content = |row: &str| Some(row.split_once(r#""content":""#)?.1.split_once('"')?.0.to_owned());
    rows.lines().filter_map(content).collect()
}

/// What comes of a message under an id: whether it is acknowledged.
fn say(device: &mut Device, id: &str, content: &str) -> bool {
    device.send(Message::text(format!(r#"{{"type":"message","content":"{content}","message_id":{id}}}"#)));
    // Not every number fits a number type here.
    let told = device.hear_text();
    let is_acknowledged = told.starts_with(r#"{"type":"ack""#);
    assert!(is_acknowledged || told.starts_with(r#"{"type":"error""#), "{id}: {told}");
    is_acknowledged
}

#[test]
fn whatever_a_message_is_called_it_is_in_the_database_once_if_it_is_acknowledged() {
    let database = MariaDb::start();
    for url in [String::new(), database.url()] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let port = free_port();
        let mut acknowledged = BTreeSet::new();
        for round in ["first", "first", "again"] {
            let mut server = start(port, data, &url);
            let (mut ann, _) = Device::join(server.address, "d1", None);
            for (n, id) in MESSAGE_IDS.iter().enumerate() {
                let content = format!("{round}-{n}");
                if say(&mut ann, id, &content) {
                    acknowledged.insert(content);
                }
            }
            ann.say_for_sure("marker");
            server.signal("KILL");
            server.wait();
        }
        acknowledged.insert("marker".to_owned());
        assert!(acknowledged.len() > 2 * 20, "most are ids: {acknowledged:?}");
        let _server = start(port, data, &url);
        let stored = || if url.is_empty() { Sqlite::open(data).contents() } else { rows(&database) };
        let expected: Vec<String> = acknowledged.into_iter().collect();
        eventually("what was acknowledged, once", || {
            let mut stored = stored();
            stored.sort();
            (stored == expected).then_some(())
        });
    }
}

#[test]
fn devices_whose_ids_look_alike_are_apart_in_the_database_too() {
    let database = MariaDb::start();
    for url in [String::new(), database.url()] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let server = start(free_port(), data, &url);
        for id in DEVICE_IDS {
            let mut device = Device::connect(server.address);
            device.send(Message::text(format!(r#"{{"device_id":{id},"identity":"x"}}"#)));
            let told = device.hear();
            assert_eq!(told["status"], "created_new", "{id}");
            assert!(say(&mut device, "7", "hello"), "{id}");
            assert!(say(&mut device, "7", "hello"), "{id}");
        }
        let count = |table: &str, column: &str| {
            let sql = |binary: &str| format!("SELECT COUNT(DISTINCT {binary}({column})) FROM {table}");
            if url.is_empty() {
                Sqlite::open(data).count(&sql("hex"))
            } else {
                database.try_run(&sql("HEX")).map_or(0, |told| told.trim().parse().unwrap())
            }
        };
        for (table, column) in
            [("devices", "device_id"), ("messages", "from_device_id"), ("messages", "record_id")]
        {
            eventually(&format!("{column} in {table}"), || {
                (usize::try_from(count(table, column)) == Ok(DEVICE_IDS.len())).then_some(())
            });
        }
    }
}
