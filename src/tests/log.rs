//! The log under the hands of strangers: they write no lines of their own, and not as many as they like.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::process::Server;
use crate::harness::{eventually, websocket};

fn devices(folder: &tempfile::TempDir) -> Server {
    Server::of("devices", &[], &[("ROOMHUB_DEVICES__DATA_DIR", folder.path().to_str().unwrap())])
}

#[test]
fn a_member_cannot_flood_the_log_and_its_mistakes_are_no_errors() {
    const BATCHES: usize = 20;
    const FRAMES: usize = 100;
    let folder = tempfile::tempdir().unwrap();
    let server = devices(&folder);
    let mut device = websocket::open(server.address, "/", &[]).unwrap();
    device.read().unwrap();
    device.send(Message::text(r#"{"device_id":"d1","identity":"x"}"#)).unwrap();
    device.read().unwrap();
    for n in 0..BATCHES {
        for m in 0..FRAMES {
            device.send(Message::text(r#"{"type":"message"}"#)).unwrap();
            let absent = json!({"type": "message", "content": "x", "target_device_id": format!("d{n}-{m}")});
            device.send(Message::text(absent.to_string())).unwrap();
        }
        for _ in 0..2 * FRAMES {
            device.read().unwrap();
        }
    }
    device.close(None).unwrap();
    eventually("the end of it", || server.log().contains("device disconnected").then_some(()));
    let log = server.log();
    let count = |text: &str| log.matches(text).count();
    assert!((1..=10).contains(&count("bad frame")), "{} lines of the same", count("bad frame"));
    let n_absent = count("not found in room");
    assert!((500..1500).contains(&n_absent), "{n_absent} lines of {}", BATCHES * FRAMES);
    assert_eq!(count(r#""level":"ERROR""#), 0);
}

#[test]
fn a_devices_name_is_harmless_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let server = devices(&folder);
    let name = format!("d\n\u{1b}[2J\u{9b}31m\u{202e}{}", "x".repeat(200));
    let mut device = websocket::open(server.address, "/", &[]).unwrap();
    device.send(Message::text(json!({"device_id": name, "identity": "x"}).to_string())).unwrap();
    let line = eventually("the connect", || {
        server.log().lines().find(|line| line.contains("device connected")).map(str::to_owned)
    });
    assert!(!line.contains(['\u{9b}', '\u{202e}', '\u{1b}']), "{line:?}");
    let line: Value = serde_json::from_str(&line).unwrap();
    let logged = line["device"].as_str().unwrap();
    assert!(logged.starts_with(r"d\n\u{1b}[2J\u{9b}31m\u{202e}xxx") && logged.ends_with("x…"), "{logged}");
    assert!(logged.len() < 200, "{logged}");
}
