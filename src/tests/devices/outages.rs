//! A database that is stopped, killed, frozen, cut off, absent or stubborn, while messages flow.

use std::time::Duration;

use super::client::Device;
use super::start;
use super::traffic::Traffic;
use crate::harness::cable::Cable;
use crate::harness::eventually;
use crate::harness::mariadb::MariaDb;
use crate::harness::process::run;

/// Nobody waits longer than this for a message because the database is away.
const PROMPT: Duration = Duration::from_millis(100);

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
    let p99 = traffic.p99();
    println!("p99 while {what}: {p99:?}");
    assert!(p99 < PROMPT, "p99 while {what}: {p99:?}");
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
        let (mut newcomer, _) = Device::join(server.address, &format!("born during {signal}"), None);
        newcomer.say_for_sure(signal);
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

#[test]
fn messages_flow_while_the_network_swallows_what_is_said_to_the_database() {
    let database = MariaDb::start();
    let cable = Cable::to(database.port);
    let data = tempfile::tempdir().unwrap();
    let environment =
        [("DATABASE_URL", MariaDb::url_at(cable.port)), ("ROOMHUB_DEVICES__DATABASE_TIMEOUT", "1s".into())];
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = start(data.path(), &[], &environment);
    let traffic = Traffic::start(server.address);
    traffic.flow(100);
    cable.cut();
    traffic.flow_for(Duration::from_secs(4));
    check_promptness(&traffic, "swallowed");
    cable.mend();
    traffic.flow(100);
    traffic.settle(|| contents(&database));
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
