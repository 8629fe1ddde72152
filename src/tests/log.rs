//! The log under the hands of strangers: they write no lines of their own, and not as many as they like; and its colours.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::process::{Server, roomhub};
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

/// The line of the log that says where a service listens, as a terminal gets it.
fn line_at_a_terminal(environment: &[(&str, &str)]) -> String {
    let program = roomhub(&[]).get_program().to_str().unwrap().to_owned();
    // `script` gives the program a terminal; the shell's number is the program's.
    let words = format!("echo $$; exec {program} music --host 127.0.0.1 --port 0 2>&1");
    let mut command = Command::new("script");
    command.args(["-qec", &words, "/dev/null"]).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("ROOMHUB_ROOMS__PERSIST", "false").envs(environment.iter().copied());
    let mut terminal = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(terminal.stdout.take().unwrap()).lines().map_while(Result::ok);
    let pid = lines.next().unwrap();
    let line = lines.find(|line| line.contains("listening")).unwrap();
    assert!(Command::new("kill").arg(pid.trim()).status().unwrap().success());
    terminal.wait().unwrap();
    line
}

#[test]
fn a_terminal_gets_colours_unless_no_color_is_set_to_something() {
    let has_colours = |environment| line_at_a_terminal(environment).contains('\u{1b}');
    assert!(has_colours(&[]));
    assert!(has_colours(&[("NO_COLOR", "")]));
    assert!(!has_colours(&[("NO_COLOR", "1")]));
}
