//! A database that is stopped, killed, frozen, cut off, absent or stubborn, while messages flow.

use std::time::Duration;

use super::client::Device;
use super::start;
use super::traffic::Traffic;
use crate::harness::eventually;
use crate::harness::faulty_disk::FaultyDisk;
use crate::harness::faulty_proxy::FaultyProxy;
use crate::harness::mariadb::MariaDb;
use crate::harness::process::run;

/// A message that waited for the database would take longer than this, which is its shortest time-out here.
const PROMPT: Duration = Duration::from_secs(1);

/// What the messages in a database say.
pub fn contents(database: &MariaDb) -> Vec<String> {
    let sql = "SELECT JSON_UNQUOTE(JSON_EXTRACT(message_content, '$.content')) FROM messages ORDER BY id";
    match database.try_run(sql) {
        Ok(told) => told.lines().map(str::to_owned).collect(),
        // The server has not made its tables yet.
        Err(problem) if problem.contains("doesn't exist") => Vec::new(),
        Err(problem) => panic!("{sql}: {problem}"),
    }
}

fn check_promptness(traffic: &Traffic, what: &str) {
    let latency = traffic.median_latency();
    println!("median latency while {what}: {latency:?}");
    assert!(latency < PROMPT, "while {what}: {latency:?}");
}

#[test]
fn messages_flow_while_the_database_is_stopped_and_while_it_is_killed() {
    let mut database = MariaDb::start();
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path(), &[], &[("DATABASE_URL", &database.url())]);
    let traffic = Traffic::start(server.address);
    for signal in ["TERM", "KILL"] {
        traffic.flow(100);
        database.go_down(signal);
        traffic.flow(300);
        let (mut handshake, _) = Device::join(server.address, &format!("born during {signal}"), None);
        handshake.say_for_sure(signal);
        check_promptness(&traffic, signal);
        database.come_up();
    }
    traffic.settle(|| contents(&database));
    let found = contents(&database);
    assert!(found.contains(&"TERM".to_owned()) && found.contains(&"KILL".to_owned()));
    // Order within a room is the order in the database.
    for sender in 0..3 {
        let prefix = format!("{sender}-");
        let numbers: Vec<u64> =
            found.iter().filter_map(|name| name.strip_prefix(&prefix)?.parse().ok()).collect();
        assert!(numbers.is_sorted(), "sender {sender}: {numbers:?}");
    }
}

#[test]
fn messages_flow_while_the_database_is_frozen_for_twenty_seconds() {
    let database = MariaDb::start();
    let data = tempfile::tempdir().unwrap();
    let environment = [("DATABASE_URL", database.url()), ("ROOMHUB_DEVICES__DATABASE_TIMEOUT", "3s".into())];
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = start(data.path(), &[], &environment);
    let traffic = Traffic::start(server.address);
    traffic.flow(100);
    database.signal("STOP");
    traffic.flow_for(Duration::from_secs(20));
    check_promptness(&traffic, "frozen");
    database.signal("CONT");
    traffic.flow(100);
    traffic.settle(|| contents(&database));
}

#[test]
fn a_database_that_is_absent_at_the_start_gets_everything_when_it_comes() {
    let mut database = MariaDb::start();
    database.go_down("TERM");
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path(), &[], &[("DATABASE_URL", &database.url())]);
    let traffic = Traffic::start(server.address);
    traffic.flow(300);
    check_promptness(&traffic, "absent");
    eventually("the error", || server.log().contains("the database is away").then_some(()));
    database.come_up();
    traffic.flow(100);
    traffic.settle(|| contents(&database));
}

/// A database as the original server leaves it, with a device in its room.
fn old_database() -> MariaDb {
    let database = MariaDb::start();
    let keys = "FOREIGN KEY (device_id) REFERENCES devices(device_id), FOREIGN KEY (room_id) REFERENCES rooms(room_id)";
    database.run(&format!(
        "USE rooms; CREATE TABLE rooms (room_id VARCHAR(8) PRIMARY KEY, created_at DATETIME); \
         CREATE TABLE devices (device_id VARCHAR(255) PRIMARY KEY, first_connected_at DATETIME, \
         last_connected_at DATETIME, last_room_id VARCHAR(8), last_identity VARCHAR(255)); \
         CREATE TABLE connections (id INT AUTO_INCREMENT PRIMARY KEY, device_id VARCHAR(255) NOT NULL, \
         room_id VARCHAR(8) NOT NULL, identity VARCHAR(255) NOT NULL, client_ip VARCHAR(45), \
         connected_at DATETIME, disconnected_at DATETIME, {keys}); \
         CREATE TABLE room_queries (id INT AUTO_INCREMENT PRIMARY KEY, device_id VARCHAR(255) NOT NULL, \
         room_id VARCHAR(8) NOT NULL, queried_at DATETIME, {keys}); \
         CREATE TABLE messages (id INT AUTO_INCREMENT PRIMARY KEY, from_device_id VARCHAR(255) NOT NULL, \
         to_device_id VARCHAR(255), room_id VARCHAR(8) NOT NULL, message_content TEXT NOT NULL, \
         sent_at DATETIME, FOREIGN KEY (from_device_id) REFERENCES devices(device_id), \
         FOREIGN KEY (room_id) REFERENCES rooms(room_id)); \
         INSERT INTO rooms VALUES ('AAAA1111', NOW()); \
         INSERT INTO devices VALUES ('old', NOW(), NOW(), 'AAAA1111', 'x')",
    ));
    database
}

#[test]
fn a_device_of_the_old_server_is_back_in_its_room_at_the_first_start() {
    let mut database = old_database();
    for is_up in [true, false] {
        if !is_up {
            database.go_down("TERM");
        }
        let data = tempfile::tempdir().unwrap();
        let environment =
            [("DATABASE_URL", database.url()), ("ROOMHUB_DEVICES__FIRST_START_WAIT", "1m".into())];
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let server = start(data.path(), &[], &environment);
        let address = server.address;
        let old = std::thread::spawn(move || Device::join(address, "old", None));
        let guest = std::thread::spawn(move || Device::join(address, "guest", Some("AAAA1111")));
        if !is_up {
            let ready = crate::harness::http::get(address, "/readyz");
            assert_eq!((ready.status, ready.body.contains("not known yet")), (503, true), "{ready:?}");
            database.come_up();
        }
        let (old, status) = old.join().unwrap();
        assert_eq!((status.as_str(), old.room.as_str()), ("reconnected", "AAAA1111"));
        assert_eq!(guest.join().unwrap().1, "joined_existing");
    }
}

#[test]
fn a_room_that_was_given_before_the_database_could_be_asked_takes_no_other_ones_place() {
    let mut database = old_database();
    database.go_down("TERM");
    let data = tempfile::tempdir().unwrap();
    let environment = [("DATABASE_URL", database.url()), ("ROOMHUB_DEVICES__FIRST_START_WAIT", "0s".into())];
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = start(data.path(), &[], &environment);
    let (mut old, status) = Device::join(server.address, "old", None);
    assert_eq!(status, "created_new");
    let (again, status) = Device::join(server.address, "old", None);
    assert_eq!((status.as_str(), &again.room), ("reconnected", &old.room));
    let (new, _) = Device::join(server.address, "new", None);
    let (_guest, status) = Device::join(server.address, "guest", Some("AAAA1111"));
    assert_eq!(status, "joined_existing");
    old.say_for_sure("kept");
    database.come_up();
    eventually("the message", || (contents(&database) == ["kept"]).then_some(()));
    for (device, room) in [("old", "AAAA1111"), ("new", new.room.as_str()), ("guest", "AAAA1111")] {
        let sql = format!("SELECT last_room_id FROM rooms.devices WHERE device_id = '{device}'");
        eventually("its room", || (database.run(&sql).trim() == room).then_some(()));
        let (back, status) = Device::join(server.address, device, None);
        assert_eq!((status.as_str(), back.room.as_str()), ("reconnected", room), "{device}");
    }
    let mut stranger = Device::connect(server.address);
    stranger.say(&serde_json::json!({"device_id": "d9", "identity": "x", "room_id": "ZZZZZZZZ"}));
    assert_eq!(stranger.hear()["status"], "room_not_found");
}

#[test]
fn messages_flow_while_the_network_swallows_what_is_said_to_the_database() {
    let database = MariaDb::start();
    let proxy = FaultyProxy::to(database.port);
    let data = tempfile::tempdir().unwrap();
    let environment =
        [("DATABASE_URL", MariaDb::url_at(proxy.port)), ("ROOMHUB_DEVICES__DATABASE_TIMEOUT", "1s".into())];
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = start(data.path(), &[], &environment);
    let traffic = Traffic::start(server.address);
    traffic.flow(100);
    proxy.cut();
    traffic.flow_for(Duration::from_secs(4));
    check_promptness(&traffic, "swallowed");
    proxy.mend();
    traffic.flow(100);
    traffic.settle(|| contents(&database));
}

#[test]
fn a_name_that_is_looked_up_for_ever_holds_nothing_up() {
    let disk = FaultyDisk::new();
    let mut environment = disk.environment();
    environment.push(("DATABASE_URL", "mysql://a:b@db.silent/rooms".into()));
    environment.push(("ROOMHUB_DEVICES__DATABASE_TIMEOUT", "100ms".into()));
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut server = start(disk.data(), &[], &environment);
    let traffic = Traffic::start(server.address);
    eventually("the error", || server.log().contains("no answer to the lookup").then_some(()));
    traffic.flow(300);
    check_promptness(&traffic, "a name is looked up");
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    assert_eq!(
        names.filter(|name| name.trim() == "lookup").count(),
        1,
        "one lookup, however often it is tried"
    );
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
}

#[test]
fn a_row_that_the_database_refuses_is_set_aside_and_can_be_put_back() {
    let database = MariaDb::start();
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path(), &[], &[("DATABASE_URL", &database.url())]);
    let (mut ann, _) = Device::join(server.address, "d1", None);
    ann.say_for_sure("first");
    eventually("the table", || {
        database.run("SHOW TABLES LIKE 'messages'").contains("messages").then_some(())
    });
    eventually("the first row", || contents(&database).contains(&"first".to_owned()).then_some(()));
    database.run(
        "CREATE TRIGGER stubborn BEFORE INSERT ON messages FOR EACH ROW \
         SET NEW.room_id = IF(NEW.message_content LIKE '%refused%', NULL, NEW.room_id)",
    );
    let traffic = Traffic::start(server.address);
    traffic.flow(50);
    ann.say_for_sure("refused");
    ann.say_for_sure("after");
    traffic.flow(50);
    traffic.settle(|| contents(&database));
    eventually("the next one", || contents(&database).contains(&"after".to_owned()).then_some(()));
    assert!(!contents(&database).contains(&"refused".to_owned()));

    let folder = data.path().to_str().unwrap();
    let told = |arguments: &[&str]| {
        let output = run(&[&["devices", "spool"], arguments, &["--data-dir", folder]].concat(), &[]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let inspected = told(&[]);
    assert!(inspected.contains("dead letters  1") && inspected.contains("cannot be null"), "{inspected}");
    database.run("DROP TRIGGER stubborn");
    assert_eq!(told(&["retry"]), "1 dead letters go back to the database\n");
    eventually("the mended row", || contents(&database).contains(&"refused".to_owned()).then_some(()));
    eventually("no letters", || told(&[]).contains("dead letters  0").then_some(()));
    assert_eq!(contents(&database).iter().filter(|text| *text == "refused").count(), 1);
}
