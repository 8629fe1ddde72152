//! What operators do to a database while messages flow: nothing that was acknowledged is lost, or among the dead letters.

use serde_json::json;

use super::client::Device;
use super::outages::contents;
use super::start;
use super::traffic::Traffic;
use crate::harness::eventually;
use crate::harness::mariadb::MariaDb;

fn end_connections(database: &MariaDb) {
    let ids = database.run("SELECT id FROM information_schema.processlist WHERE user = 'hub'");
    for id in ids.lines() {
        // It may have ended by itself.
        let _ = database.try_run(&format!("KILL {id}"));
    }
}

#[test]
fn messages_survive_whatever_is_set_or_refused_on_the_server_for_a_while() {
    let database = MariaDb::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let server = start(data, &[], &[("DATABASE_URL", &database.url())]);
    server.await_log("the rooms and devices of the database are known");
    let traffic = Traffic::start(server.address);
    traffic.flow(50);
    let packet = database.run("SELECT @@GLOBAL.max_allowed_packet");
    let packet_before = format!("SET GLOBAL max_allowed_packet = {}", packet.trim());
    for (act, undo) in [
        ("SELECT 1", "SELECT 1"),
        ("SET GLOBAL wait_timeout = 1", "SET GLOBAL wait_timeout = 28800"),
        ("SET GLOBAL max_allowed_packet = 8192", &packet_before),
        ("SET GLOBAL max_connections = 10", "SET GLOBAL max_connections = 50"),
        ("SET GLOBAL sql_mode = ''", "SET GLOBAL sql_mode = 'STRICT_ALL_TABLES'"),
        ("SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0"),
        ("ALTER DATABASE rooms CHARACTER SET latin1", "ALTER DATABASE rooms CHARACTER SET utf8mb4"),
        ("REVOKE INSERT ON rooms.* FROM 'hub'@'127.0.0.1'", "GRANT INSERT ON rooms.* TO 'hub'@'127.0.0.1'"),
        (
            "ALTER USER 'hub'@'127.0.0.1' IDENTIFIED BY 'another'",
            "ALTER USER 'hub'@'127.0.0.1' IDENTIFIED BY 'pass'",
        ),
        ("ALTER TABLE messages ADD COLUMN note TEXT NULL", "ALTER TABLE messages DROP COLUMN note"),
        (
            "ALTER TABLE messages RENAME COLUMN sent_at TO at",
            "ALTER TABLE messages RENAME COLUMN at TO sent_at",
        ),
    ] {
        database.run(act);
        end_connections(&database);
        traffic.flow(30);
        if act.contains("packet") {
            let (mut ann, _) = Device::join(server.address, "long", None);
            let content = "x".repeat(6_000);
            ann.say(&json!({"type": "message", "content": content, "message_id": act}));
            ann.expect(&json!({"type": "ack", "message_id": act, "status": "stored"}));
        }
        // It may be that the program was faster and has the column again.
        let _ = database.try_run(undo);
        end_connections(&database);
        traffic.flow(30);
    }
    traffic.settle(|| contents(&database));
    assert!(!server.log().contains("dead letter"), "{}", server.log());
}

#[test]
fn messages_go_into_new_tables_when_tables_or_the_database_are_renamed_or_dropped() {
    let database = MariaDb::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let server = start(data, &[], &[("DATABASE_URL", &database.url())]);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    let mut say = |content: &str| {
        ann.say_for_sure(content);
        eventually(content, || {
            database
                .try_run("SELECT message_content FROM messages")
                .is_ok_and(|rows| rows.contains(content))
                .then_some(())
        });
    };
    say("at first");
    for (n, act) in [
        "RENAME TABLE messages TO old_messages",
        "RENAME TABLE devices TO old_devices, rooms TO old_rooms",
        "DROP TABLE connections, room_queries, roomhub_schema",
        "DROP DATABASE rooms; CREATE DATABASE rooms CHARACTER SET latin1",
        "DROP DATABASE rooms; CREATE DATABASE rooms CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    ]
    .into_iter()
    .enumerate()
    {
        database.run(act);
        say(&format!("after act {n}, in \u{1f600} letters"));
    }
    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'rooms'";
    eventually("all tables", || (database.run(tables).trim() == "6").then_some(()));
    assert!(!server.log().contains("dead letter"), "{}", server.log());
}
