//! What every database must do: one list of checks, run against SQLite and against a private MariaDB.
#![allow(clippy::disallowed_methods, reason = "patience is measured by the real clock")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use super::{Failure, MessageQuery, Named, Place, Store};
use crate::devices::protocol::MessageType;
use crate::devices::protocol::names::{DeviceId, RoomId};
use crate::devices::record::{Message, Record, RecordId};
use crate::secret::Secret;
use crate::time::Timestamp;

#[path = "../../tests/harness/mariadb.rs"]
#[allow(dead_code, reason = "the whole program's tests use the rest")]
pub(super) mod mariadb;

const START: u64 = 1_700_000_000_123;

pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(START + seconds * 1000)
}

pub(super) fn room() -> RoomId {
    RoomId::new("E03EI3TX").unwrap()
}

pub(super) fn device(name: &str) -> DeviceId {
    DeviceId::new(name).unwrap()
}

pub(super) fn id(number: u64) -> RecordId {
    RecordId::new(*b"contract", number)
}

pub(super) fn message(number: u64, from: &str, to: Option<&str>, text: &str) -> Named {
    let record = Record::Message(Message {
        from: device(from),
        to: to.map(device),
        room: room(),
        content: format!("{{\"content\":{text:?}}}").into(),
        identity: None,
        waiting: None,
        at: at(number),
    });
    (id(number), record)
}

pub(super) fn seen(number: u64, name: &str) -> Named {
    (
        id(number),
        Record::DeviceSeen {
            device: device(name),
            identity: "x".into(),
            room: room(),
            is_provisional: false,
            at: at(number),
        },
    )
}

fn connected(number: u64, connection: RecordId) -> Named {
    let record = Record::Connected {
        connection,
        device: device("d1"),
        identity: "phone".into(),
        room: room(),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        at: at(number),
    };
    (id(number), record)
}

pub(super) fn beginning() -> Vec<Named> {
    vec![
        (id(1), Record::RoomCreated { room: room(), at: at(1) }),
        seen(2, "d1"),
        seen(3, "D1"),
        connected(4, id(900)),
    ]
}

pub(super) async fn append(store: &Store, records: Vec<Named>) {
    store.append(records).await.1.unwrap();
}

pub(super) async fn texts(store: &Store, query: MessageQuery) -> Vec<String> {
    let messages = store.messages(MessageQuery { limit: 100, ..query }).await.unwrap();
    messages.into_iter().map(|message| message.message_content).collect()
}

/// Every check on one store, in an order in which each finds what it needs. `refuse` makes the database refuse messages
/// with that word in them.
async fn check_everything(store: &Store, refuse: impl FnOnce()) {
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();

    // Records come once, however often they are sent, and in order.
    append(store, beginning()).await;
    let told = vec![
        message(10, "d1", None, "eins 😀"),
        message(11, "D1", Some("d1"), "zwei"),
        message(12, "d1", None, "drei"),
    ];
    append(store, told.clone()).await;
    append(store, [beginning(), told].concat()).await;
    let all = texts(store, MessageQuery::default()).await;
    assert_eq!(all, [r#"{"content":"drei"}"#, r#"{"content":"zwei"}"#, r#"{"content":"eins 😀"}"#]);
    assert_eq!(store.rooms_after("", 10).await.unwrap(), ["E03EI3TX"]);
    assert_eq!(store.rooms_after("E03EI3TX", 10).await.unwrap(), [""; 0]);
    let devices = store.devices_after("", 10).await.unwrap();
    assert_eq!(
        devices,
        [("D1".into(), "E03EI3TX".into()), ("d1".into(), "E03EI3TX".into())],
        "ids are binary"
    );

    // Pages and filters.
    let of = |query: MessageQuery| texts(store, query);
    assert_eq!(of(MessageQuery { device: Some(device("D1")), ..Default::default() }).await.len(), 1);
    assert_eq!(of(MessageQuery { kind: Some(MessageType::Direct), ..Default::default() }).await, all[1..2]);
    assert_eq!(of(MessageQuery { since_ms: Some(at(12).as_millis()), ..Default::default() }).await, all[..1]);
    assert_eq!(of(MessageQuery { until_ms: Some(at(11).as_millis()), ..Default::default() }).await, all[2..]);
    assert_eq!(of(MessageQuery { room: RoomId::new("AAAAAAAA"), ..Default::default() }).await.len(), 0);
    let first = store.messages(MessageQuery { limit: 1, ..Default::default() }).await.unwrap();
    assert_eq!(first[0].sent_at, at(12).to_string());
    let rest = of(MessageQuery { before: Some(first[0].id), ..Default::default() }).await;
    assert_eq!(rest, all[1..]);
    let minutes = store.minutes(Some(room()), START - 60_000).await.unwrap();
    assert_eq!(minutes.iter().map(|minute| minute.messages).sum::<u64>(), 3);
    assert!(minutes.iter().all(|minute| minute.at % 60_000 == 0), "{minutes:?}");

    // A connection ends once.
    append(store, vec![(id(20), Record::Disconnected { connection: id(900), at: at(20) })]).await;
    append(store, vec![(id(21), Record::Disconnected { connection: id(900), at: at(30) })]).await;
    let connections = store.connections(device("d1"), None, 10).await.unwrap();
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0].connected_at, at(4).to_string());
    assert_eq!(connections[0].disconnected_at, Some(at(20).to_string()));

    // A bad row is refused, and takes its whole batch with it; the good ones go in without it.
    refuse();
    let stranger = message(31, "d1", None, "refused");
    let batch = vec![message(30, "d1", None, "vier"), stranger, message(32, "d1", None, "fünf")];
    let (mut batch, outcome) = store.append(batch).await;
    assert!(matches!(outcome, Err(Failure::Broken(_))), "{outcome:?}");
    assert_eq!(texts(store, MessageQuery::default()).await.len(), 3);
    batch.remove(1);
    append(store, batch).await;
    assert_eq!(texts(store, MessageQuery::default()).await.len(), 5);

    // Somebody speaks for a device that another node has seen and not told of yet.
    let named = (id(40), Record::DeviceNamed { device: device("d3"), at: at(40) });
    append(store, vec![named, message(41, "d3", None, "für d3")]).await;
    append(store, vec![seen(39, "d3")]).await;
    assert!(
        store.devices_after("d2", 10).await.unwrap() == [("d3".into(), "E03EI3TX".into())],
        "what was seen earlier and told later counts"
    );
    let named = (id(42), Record::DeviceNamed { device: device("d3"), at: at(42) });
    append(store, vec![named]).await;
    assert_eq!(store.devices_after("d2", 10).await.unwrap().len(), 1, "what is known of a device stays");
    assert_eq!(texts(store, MessageQuery::default()).await.len(), 6);

    // Rows of devices may be gone, for operators delete what they like: nothing is refused for that.
    append(
        store,
        vec![
            message(43, "nobody", None, "sieben"),
            (id(44), Record::RoomQuery { device: device("nobody"), room: room(), at: at(44) }),
        ],
    )
    .await;
    assert_eq!(texts(store, MessageQuery::default()).await.len(), 7);

    // A space at the end makes another device.
    append(store, vec![seen(45, "d4"), seen(46, "d4 "), message(47, "d4 ", None, "acht")]).await;
    let found: Vec<String> =
        store.devices_after("d3", 10).await.unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(found, ["d4", "d4 "]);
    assert_eq!(of(MessageQuery { device: Some(device("d4")), ..Default::default() }).await.len(), 0);
    assert_eq!(of(MessageQuery { device: Some(device("d4 ")), ..Default::default() }).await.len(), 1);

    // A clock that was years ahead, beyond what 32 bits count, holds nothing up once it is right again.
    let ahead = 20 * 365 * 24 * 60 * 60;
    append(store, vec![seen(ahead, "d5"), message(ahead, "d5", None, "neun")]).await;
    let far = MessageQuery { since_ms: Some(at(ahead).as_millis()), limit: 10, ..Default::default() };
    let far = store.messages(far).await.unwrap();
    assert_eq!((far.len(), far[0].sent_at.as_str()), (1, at(ahead).to_string().as_str()));
    let elsewhere = RoomId::new("AAAAAAAA").unwrap();
    let back = Record::DeviceSeen {
        device: device("d5"),
        identity: "x".into(),
        room: elsewhere,
        is_provisional: false,
        at: at(50),
    };
    append(store, vec![(id(50), back)]).await;
    assert_eq!(store.devices_after("d4 ", 10).await.unwrap(), [("d5".into(), "AAAAAAAA".into())]);

    // A batch of any size.
    let many: Vec<Named> = (1000..4000).map(|number| message(number, "d1", None, "viele")).collect();
    append(store, many).await;
    let query = (id(4001), Record::RoomQuery { device: device("d1"), room: room(), at: at(1) });
    append(store, vec![query.clone(), query]).await;
    let large = "x".repeat(1_000_000);
    append(store, vec![message(5000, "d1", None, &large)]).await;
    let until_ms = Some(at(5001).as_millis());
    let last = MessageQuery { since_ms: Some(at(5000).as_millis()), until_ms, ..Default::default() };
    assert_eq!(texts(store, last).await[0].len(), 1_000_014);
}

pub(super) fn place(url: &str, file: PathBuf) -> Place {
    Place {
        url: Secret::new(url),
        authorities: None,
        file,
        max_bytes: 1 << 30,
        pool: 2,
        timeout: Duration::from_secs(30),
    }
}

#[tokio::test]
async fn sqlite_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("devices.db");
    let refuse = || {
        let database = rusqlite::Connection::open(&file).unwrap();
        let trigger = "CREATE TRIGGER stubborn BEFORE INSERT ON messages WHEN NEW.message_content LIKE '%refused%' \
                       BEGIN SELECT RAISE(ABORT, 'refused'); END";
        database.execute_batch(trigger).unwrap();
    };
    check_everything(&Store::new(&place("", file.clone())).unwrap(), refuse).await;
}

#[tokio::test]
async fn mariadb_keeps_the_contract() {
    check_server(&mariadb::MariaDb::start()).await;
}

#[tokio::test]
async fn a_server_whose_sql_is_that_of_oracle_knows_its_rooms_all_the_same() {
    let mut server = mariadb::MariaDb::start();
    server.go_down("TERM");
    server.come_up_with(&["--sql-mode=ORACLE,EMPTY_STRING_IS_NULL,PAD_CHAR_TO_FULL_LENGTH,NO_ZERO_DATE"]);
    check_server(&server).await;
}

async fn check_server(server: &mariadb::MariaDb) {
    let refuse = || {
        server.run(
            "SET SESSION sql_mode = ''; CREATE TRIGGER stubborn BEFORE INSERT ON messages FOR EACH ROW \
             SET NEW.room_id = IF(NEW.message_content LIKE '%refused%', NULL, NEW.room_id)",
        );
    };
    check_everything(&Store::new(&place(&server.url(), PathBuf::new())).unwrap(), refuse).await;
}

#[tokio::test]
async fn a_server_is_spoken_to_in_tls_and_has_to_prove_itself() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let authority = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = rcgen::CertifiedIssuer::self_signed(parameters, authority).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let (key, certificate) = (write("key.pem", &key.serialize_pem()), write("cert.pem", &certificate.pem()));
    let mut server = mariadb::MariaDb::start();
    server.go_down("TERM");
    server.come_up_with(&[
        &format!("--ssl-key={}", key.display()),
        &format!("--ssl-cert={}", certificate.display()),
        "--require-secure-transport=ON",
    ]);
    let trusting = |authorities: Option<PathBuf>| {
        Store::new(&Place { authorities, ..place(&server.url(), PathBuf::new()) }).unwrap()
    };
    let store = trusting(Some(write("authority.pem", &issuer.pem())));
    store.migrate().await.unwrap();
    append(&store, beginning()).await;
    let stranger = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let deceived = trusting(Some(write("stranger.pem", &stranger.cert.pem())));
    let Err(Failure::Unusable { remedy, reason }) = deceived.migrate().await else {
        panic!("a stranger is trusted")
    };
    assert!(remedy.contains("database_ca"), "{remedy}: {reason}");
    assert!(trusting(None).migrate().await.is_err(), "without TLS");
    // A certificate without a name for this host, as servers make them for themselves.
    let key = rcgen::KeyPair::generate().unwrap();
    let nameless = rcgen::CertificateParams::new(Vec::new()).unwrap().signed_by(&key, &issuer).unwrap();
    let (key, nameless) = (write("key.pem", &key.serialize_pem()), write("nameless.pem", &nameless.pem()));
    server.go_down("TERM");
    server.come_up_with(&[
        &format!("--ssl-key={}", key.display()),
        &format!("--ssl-cert={}", nameless.display()),
        "--require-secure-transport=ON",
    ]);
    let asking = |query: &str, authorities: Option<&str>| {
        let authorities = authorities.map(|name| folder.path().join(name));
        Store::new(&Place { authorities, ..place(&format!("{}{query}", server.url()), PathBuf::new()) })
            .unwrap()
    };
    let Err(Failure::Unusable { remedy, reason }) = asking("", Some("authority.pem")).migrate().await else {
        panic!("a certificate without a name is trusted")
    };
    assert!(remedy.contains("VERIFY_CA"), "{remedy}: {reason}");
    asking("?ssl-mode=VERIFY_CA", Some("authority.pem")).migrate().await.unwrap();
    asking("?verify_identity=false", Some("authority.pem")).migrate().await.unwrap();
    asking("?ssl-mode=REQUIRED", None).migrate().await.unwrap();
    let deceived = asking("?verify_identity=false", Some("stranger.pem")).migrate().await;
    assert!(deceived.is_err(), "a stranger's certificate");
}

#[tokio::test]
async fn a_message_that_is_too_long_for_the_server_is_refused_alone() {
    let server = mariadb::MariaDb::start();
    server.run("SET GLOBAL max_allowed_packet = 1048576");
    let store = Store::new(&place(&server.url(), PathBuf::new())).unwrap();
    store.migrate().await.unwrap();
    append(&store, beginning()).await;
    let long = |number: u64, bytes: usize| message(number, "d1", None, &"x".repeat(bytes));
    append(&store, (10..13).map(|number| long(number, 600_000)).collect()).await;
    let refused = store.append(vec![long(20, 1_100_000)]).await.1;
    assert!(matches!(refused, Err(Failure::Broken(_))), "{refused:?}");
    append(&store, vec![long(21, 10)]).await;
    assert_eq!(texts(&store, MessageQuery::default()).await.len(), 4);
}

#[tokio::test]
async fn what_is_away_is_unavailable_and_not_broken() {
    let nowhere = Store::new(&place("mysql://a:b@127.0.0.1:1/c", PathBuf::new())).unwrap();
    assert!(matches!(nowhere.migrate().await, Err(Failure::Unavailable(_))));
    assert!(matches!(nowhere.append(beginning()).await.1, Err(Failure::Unavailable(_))));
    let nowhere = Store::new(&place("", PathBuf::from("/nonexistent/devices.db"))).unwrap();
    assert!(matches!(nowhere.append(beginning()).await.1, Err(Failure::Unavailable(_))));
    assert!(Store::new(&place("mysql://a:b@127.0.0.1:1", PathBuf::new())).is_err());
}

/// The tables of the first system, and of the second, which knew types of messages.
const OLDER: [&str; 2] = [
    "CREATE TABLE messages (id INT AUTO_INCREMENT PRIMARY KEY, from_device_id VARCHAR(255) NOT NULL, \
     to_device_id VARCHAR(255), room_id VARCHAR(8) NOT NULL, message_content TEXT NOT NULL, \
     sent_at DATETIME DEFAULT CURRENT_TIMESTAMP, FOREIGN KEY (from_device_id) REFERENCES devices(device_id), \
     FOREIGN KEY (room_id) REFERENCES rooms(room_id))",
    "CREATE TABLE messages (id INT AUTO_INCREMENT PRIMARY KEY, from_device_id VARCHAR(255) NOT NULL, \
     to_device_id VARCHAR(255), room_id VARCHAR(8) NOT NULL, \
     message_type ENUM('broadcast','direct') NOT NULL DEFAULT 'broadcast', message_content TEXT NOT NULL, \
     sent_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, FOREIGN KEY (from_device_id) REFERENCES devices(device_id), \
     FOREIGN KEY (room_id) REFERENCES rooms(room_id))",
];

const OLDER_REST: &str = "CREATE TABLE rooms (room_id VARCHAR(8) PRIMARY KEY, created_at DATETIME DEFAULT CURRENT_TIMESTAMP); \
    CREATE TABLE devices (device_id VARCHAR(255) PRIMARY KEY, first_connected_at DATETIME DEFAULT CURRENT_TIMESTAMP, \
      last_connected_at DATETIME DEFAULT CURRENT_TIMESTAMP, last_room_id VARCHAR(8), last_identity VARCHAR(255), \
      FOREIGN KEY (last_room_id) REFERENCES rooms(room_id)); \
    CREATE TABLE connections (id INT AUTO_INCREMENT PRIMARY KEY, device_id VARCHAR(255) NOT NULL, \
      room_id VARCHAR(8) NOT NULL, identity VARCHAR(255) NOT NULL, client_ip VARCHAR(45), \
      connected_at DATETIME DEFAULT CURRENT_TIMESTAMP, disconnected_at DATETIME, \
      FOREIGN KEY (device_id) REFERENCES devices(device_id), FOREIGN KEY (room_id) REFERENCES rooms(room_id)); \
    CREATE TABLE room_queries (id INT AUTO_INCREMENT PRIMARY KEY, device_id VARCHAR(255) NOT NULL, \
      room_id VARCHAR(8) NOT NULL, queried_at DATETIME DEFAULT CURRENT_TIMESTAMP, \
      FOREIGN KEY (device_id) REFERENCES devices(device_id), FOREIGN KEY (room_id) REFERENCES rooms(room_id)); ";

const OLDER_ROWS: &str = "INSERT INTO rooms (room_id) VALUES ('E03EI3TX'), ('AAAAAAAA'); \
    INSERT INTO devices (device_id, last_room_id) VALUES ('d1', 'E03EI3TX'), ('gerät 2', 'AAAAAAAA'); \
    INSERT INTO connections (device_id, room_id, identity, client_ip, connected_at) \
      VALUES ('d1', 'E03EI3TX', 'phone', '10.0.0.1', '2023-01-01 10:00:00'); \
    INSERT INTO messages (from_device_id, to_device_id, room_id, message_content, sent_at) VALUES \
      ('d1', NULL, 'E03EI3TX', '{\"content\": \"hallo\"}', '2023-01-01 10:05:00'), \
      ('d1', 'gerät 2', 'E03EI3TX', '{\"content\": \"hör\"}', '2023-01-01 10:06:00'); \
    INSERT INTO room_queries (device_id, room_id) VALUES ('d1', 'E03EI3TX'); ";

const FIGURES: &str = "SELECT (SELECT COUNT(*) FROM rooms), (SELECT COUNT(*) FROM devices), \
    (SELECT COUNT(*) FROM connections), (SELECT COUNT(*) FROM room_queries); \
    SELECT id, from_device_id, to_device_id, room_id, message_content, sent_at + INTERVAL 0 SECOND FROM messages ORDER BY id";

#[tokio::test]
async fn tables_of_both_earlier_systems_are_brought_on_with_their_rows() {
    let server = mariadb::MariaDb::start();
    for (place_of_script, script) in OLDER.into_iter().enumerate() {
        for charset in ["latin1", "utf8mb4"] {
            server.run(&format!("DROP DATABASE rooms; CREATE DATABASE rooms CHARACTER SET {charset}"));
            server.run(&format!("{OLDER_REST}{script}; {OLDER_ROWS}"));
            if place_of_script == 1 {
                server.run("UPDATE messages SET message_type = 'direct' WHERE to_device_id IS NOT NULL");
            }
            let before = server.run(FIGURES);
            assert_eq!(before.lines().count(), 3, "{before}");
            let store = Store::new(&place(&server.url(), PathBuf::new())).unwrap();
            store.migrate().await.unwrap();
            assert_eq!(server.run(FIGURES), before, "{charset}");
            let types = server.run("SELECT message_type FROM messages ORDER BY id");
            assert_eq!(types, "broadcast\ndirect\n");
            let ended = server.run("SELECT disconnected_at FROM connections");
            assert!(ended.starts_with("2023-01-01 10:06:00"), "{ended}");
            let kinds = server.run(
                "SELECT data_type FROM information_schema.columns WHERE table_schema = 'rooms' AND \
                 (column_name = 'id' OR column_name = 'message_content') ORDER BY table_name, column_name",
            );
            assert_eq!(kinds, "bigint\nbigint\nmediumtext\nbigint\n");
            append(&store, beginning()).await;
            append(&store, vec![message(10, "D1", Some("d1"), "neu 😀")]).await;
            assert_eq!(texts(&store, MessageQuery::default()).await.len(), 3);
            // What operators ask already.
            assert_eq!(server.run("SELECT COUNT(*) FROM connections WHERE disconnected_at IS NULL"), "1\n");
            let counts =
                server.run("SELECT message_type, COUNT(*) FROM messages GROUP BY message_type ORDER BY 1");
            assert_eq!(counts, "broadcast\t1\ndirect\t2\n");
        }
    }
}

#[tokio::test]
async fn a_user_who_may_not_alter_tables_is_told_what_to_run() {
    let server = mariadb::MariaDb::start();
    server.run(&format!("{OLDER_REST}{}; {OLDER_ROWS}", OLDER[0]));
    server.run("CREATE USER 'poor'@'127.0.0.1' IDENTIFIED BY 'pass'; GRANT SELECT, INSERT, UPDATE ON rooms.* TO 'poor'@'127.0.0.1'");
    let url = server.url().replace("hub:", "poor:");
    let store = Store::new(&place(&url, PathBuf::new())).unwrap();
    let Err(Failure::Unusable { reason: told, .. }) = store.migrate().await else { panic!("it migrated") };
    assert!(told.contains("may not change tables") && told.contains("message_type"), "{told}");
    let script = told.split_once("run this:\n").unwrap().1;
    server.run(&format!("USE rooms; {script}").replace("USE rooms;", ""));
    store.migrate().await.unwrap();
    append(&store, beginning()).await;
}
