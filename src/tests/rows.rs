//! Rows of the device rooms, taken out, put in, aged out and erased.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::devices::client::Device;
use crate::devices::database::Sqlite;
use crate::devices::start;
use crate::harness::eventually;
use crate::harness::mariadb::MariaDb;
use crate::harness::process::run;

/// Runs a command on a data directory, and a database server if there is one.
fn done(data: &Path, url: &str, args: &[&str]) -> String {
    let data = data.to_str().unwrap();
    let environment = [
        ("ROOMHUB_DEVICES__DATA_DIR", data),
        ("ROOMHUB_ROOMS__DATA_DIR", data),
        ("ROOMHUB_RADIO__DATA_DIR", data),
        ("DATABASE_URL", url),
    ];
    let output = run(args, &environment);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The rows of an export, without the numbers that each database gives its own.
fn rows(text: &str) -> BTreeSet<String> {
    let row = |line: &str| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        row.as_object_mut().unwrap().remove("id");
        row.to_string()
    };
    text.lines().map(row).collect()
}

/// Two devices in a room say something; waits until it is in the database.
fn talk(data: &Path) {
    let server = start(data, &[], &[]);
    let (mut one, _) = Device::join(server.address, "d1", None);
    let (mut two, _) = Device::join(server.address, "d2", Some(&one.room));
    for text in ["plain", "with \"quotes\", commas,\nand lines 😀"] {
        one.say(&json!({"type": "message", "content": text, "message_id": text}));
    }
    two.say(&json!({"type": "message", "content": "back", "to_device_id": "d1", "message_id": "x"}));
    two.say(&json!({"type": "query_room"}));
    eventually("all rows", || {
        let found = Sqlite::open(data);
        (found.contents().len() == 3 && found.count("SELECT COUNT(*) FROM room_queries") == 1).then_some(())
    });
}

#[test]
fn rows_are_the_same_after_a_way_through_both_databases() {
    let root = tempfile::tempdir().unwrap();
    let (here, there) = (root.path().join("here"), root.path().join("there"));
    talk(&here);
    // Its connections end with it.
    let first = root.path().join("first.jsonl");
    let exported = eventually("the ends of connections", || {
        done(&here, "", &["export", "devices", first.to_str().unwrap()]);
        let text = fs::read_to_string(&first).unwrap();
        (!text.contains("\"disconnected_at\":null")).then_some(text).or_else(|| {
            drop(start(&here, &[], &[]));
            None
        })
    });
    assert_eq!(exported.matches("\"table\":\"messages\"").count(), 3);
    let server = MariaDb::start();
    for _ in 0..2 {
        done(&there, &server.url(), &["import", "devices", first.to_str().unwrap()]);
    }
    let second = done(&there, &server.url(), &["export", "devices"]);
    assert_eq!(rows(&second), rows(&exported));
    assert_eq!(second.lines().count(), exported.lines().count(), "twice is once");

    // A backup has the rows of a server too, and puts them into any database.
    let archive = root.path().join("x.tar.gz");
    let archive = archive.to_str().unwrap();
    done(&here, &server.url(), &["backup", archive, "--database"]);
    let fresh = MariaDb::start();
    done(&there, &fresh.url(), &["restore", archive, "--database"]);
    assert_eq!(rows(&done(&there, &fresh.url(), &["export", "devices"])), rows(&exported));

    let csv = done(&here, "", &["export", "devices", "--format", "csv", "--table", "messages"]);
    assert!(csv.starts_with("id,record_id,from_device_id,to_device_id,"), "{csv}");
    assert!(csv.contains("\"{\"\"type\"\":\"\"message\"\",\"\"content\"\":\"\"plain\"\""), "{csv}");
    let later = done(&here, "", &["export", "devices", "--since", "2999-01-01T00:00:00Z"]);
    assert_eq!(later, "");
}

#[test]
fn old_rows_go_and_messages_are_stored_meanwhile_in_both_databases() {
    let server = MariaDb::start();
    let url = server.url();
    for url in ["", &url] {
        let folder = tempfile::tempdir().unwrap();
        let hub = start(
            folder.path(),
            &[],
            &[
                ("DATABASE_URL", url),
                ("ROOMHUB_DEVICES__RETENTION__MESSAGES_MAX_AGE", "1day"),
                ("ROOMHUB_DEVICES__RETENTION__MESSAGES_MAX_COUNT", "100"),
                ("ROOMHUB_DEVICES__RETENTION__CONNECTIONS_MAX_AGE", "1day"),
                ("ROOMHUB_DEVICES__RETENTION__QUERIES_MAX_AGE", "1day"),
                ("ROOMHUB_DEVICES__RETENTION__QUERIES_MAX_COUNT", "3"),
                ("ROOMHUB_DEVICES__RETENTION__INTERVAL", "50ms"),
            ],
        );
        let (mut device, _) = Device::join(hub.address, "d1", None);
        device.say_for_sure("first");
        let old = "{\"table\":\"messages\",\"from_device_id\":\"d0\",\"room_id\":\"E03EI3TX\",\"message_content\":\"old\",\
                   \"sent_at\":\"2020-01-01T00:00:00Z\",\"record_id\":\"";
        let lines: Vec<String> = (0..2000).map(|n| format!("{old}{n:032x}\"}}\n")).collect();
        let file = folder.path().join("old.jsonl");
        let over = "{\"table\":\"connections\",\"device_id\":\"d0\",\"room_id\":\"E03EI3TX\",\"identity\":\"x\",\
                    \"client_ip\":\"::1\",\"connected_at\":\"2020-01-01T00:00:00Z\"";
        let over = format!("{over},\"disconnected_at\":\"2020-01-01T00:00:01Z\"}}\n{over}}}\n");
        let asked = "{\"table\":\"room_queries\",\"device_id\":\"d7\",\"room_id\":\"E03EI3TX\",\
                     \"queried_at\":\"2020-01-01T00:00:00Z\",\"record_id\":\"";
        let asked: Vec<String> = (0..700).map(|n| format!("{asked}f{n:031x}\"}}\n")).collect();
        fs::write(&file, lines.concat() + &over + &asked.concat()).unwrap();
        done(folder.path(), url, &["import", "devices", file.to_str().unwrap()]);
        for n in 0..150 {
            device.say_for_sure(&format!("m{n}"));
        }
        for _ in 0..5 {
            device.say(&json!({"type": "query_room"}));
            assert_eq!(device.hear()["type"], "room_info");
        }
        eventually("only young rows", || {
            let left = done(folder.path(), url, &["export", "devices"]);
            let n_messages = left.matches("\"table\":\"messages\"").count();
            let n_open = left.matches("\"device_id\":\"d0\"").count();
            let n_asked = left.matches("\"table\":\"room_queries\"").count();
            (n_messages == 100
                && left.contains("m149")
                && !left.contains("\"old\"")
                && n_open == 1
                && n_asked == 3)
                .then_some(())
        });
        let problems = hub.log();
        assert!(!problems.contains("dead letters") && !problems.contains("\"ERROR\""), "{problems}");
    }
}

/// Whether a text is anywhere in the files of a folder.
pub fn is_anywhere(folder: &Path, text: &str) -> bool {
    folder.read_dir().unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return is_anywhere(&path, text);
        }
        // Sockets hold nothing, and files come and go.
        fs::read(&path).unwrap_or_default().windows(text.len()).any(|bytes| bytes == text.as_bytes())
    })
}

#[test]
fn a_device_that_is_erased_is_nowhere_and_others_are_where_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let waiting = ("ROOMHUB_DEVICES__OFFLINE_QUEUE", "10");
    let away =
        [("DATABASE_URL", "mysql://a:b@127.0.0.1:1/c"), ("ROOMHUB_DEVICES__FIRST_START_WAIT", "0s"), waiting];
    // Some of it is in the database, and some in the spool.
    for (environment, n) in [(&[waiting][..], 1), (&away[..], 2)] {
        let mut server = start(data, &[], environment);
        let (mut gone, _) = Device::join(server.address, "erased-device", None);
        let (mut left, _) = Device::join(server.address, "d2", None);
        gone.say_for_sure(&format!("of-the-erased-{n}"));
        gone.say(&json!({"type": "message", "content": "to-d2", "to_device_id": "d2", "message_id": "y"}));
        left.say_for_sure(&format!("left-{n}"));
        if n == 1 {
            eventually("rows", || Sqlite::open(data).contents().contains(&"left-1".into()).then_some(()));
        }
        server.signal("TERM");
        assert_eq!(server.wait(), 0);
    }
    assert!(is_anywhere(data, "erased-device"));
    let told = done(data, "", &["erase", "devices", "erased-device", "--json"]);
    let counts: Value = serde_json::from_str(&told).unwrap();
    for place in ["spool", "directory", "messages", "connections", "devices"] {
        assert!(counts[place].as_u64().unwrap() > 0, "{place}: {told}");
    }
    for text in ["erased-device", "of-the-erased-1", "of-the-erased-2"] {
        assert!(!is_anywhere(data, text), "{text}");
    }
    let _server = start(data, &[], &[]);
    let found = eventually("what others said", || {
        let found = Sqlite::open(data).contents();
        found.contains(&"left-2".to_owned()).then_some(found)
    });
    assert_eq!(found, ["left-1", "left-2"]);
}
