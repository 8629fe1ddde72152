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

/// What a station without its certificate says of its start, a warning and an error: as JSON, or as it is configured to be
/// with a mistake. `reader` is what reads its standard error.
fn failing_start(format: &str, reader: Reader) -> (Vec<String>, String) {
    let program = roomhub(&["radio", "--host", "127.0.0.1", "--port", "0", "--log-format", format]);
    let mut command = Command::new("/bin/sh");
    let variable = match reader {
        Reader::Journal => "JOURNAL_STREAM=$(stat -Lc %d:%i /dev/stderr) ",
        Reader::Program => "JOURNAL_STREAM=1:2 ",
    };
    command.args(["-c", &format!("{variable}exec \"$0\" \"$@\"")]);
    command.arg(program.get_program()).args(program.get_args());
    command.envs([("ROOMHUB_TLS__CERT", "/nonexistent/c.pem"), ("ROOMHUB_TLS__KEY", "/nonexistent/k.pem")]);
    // Of another server's, which is told.
    command.env("CROSSFADE", "1").env("ROOMHUB_RADIO__DATA_DIR", "");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let lines = String::from_utf8(output.stderr).unwrap().lines().map(str::to_owned).collect();
    (lines, String::from_utf8(output.stdout).unwrap())
}

/// What reads the log.
#[derive(Debug, Clone, Copy)]
enum Reader {
    Journal,
    Program,
}

#[test]
fn errors_are_errors_in_the_journal_when_the_log_is_json() {
    let (lines, _) = failing_start("json", Reader::Journal);
    let of = |severity: &str| -> Vec<Value> {
        let lines = lines.iter().filter_map(|line| line.strip_prefix(severity));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (warnings, errors) = (of("<4>"), of("<3>"));
    assert_eq!(warnings.iter().map(|line| &line["level"]).collect::<Vec<_>>(), ["WARN"], "{lines:?}");
    assert_eq!(errors.iter().map(|line| &line["level"]).collect::<Vec<_>>(), ["ERROR"], "{lines:?}");
    let (lines, _) = failing_start("verse", Reader::Journal);
    assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with("<3>")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("log.format")), "{lines:?}");
}

#[test]
fn a_log_of_json_has_nothing_else_in_it_when_the_start_fails() {
    let (lines, output) = failing_start("json", Reader::Program);
    assert_eq!(output, "");
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.last().unwrap();
    assert_eq!(last["level"], "ERROR");
    assert!(last["failure"].as_str().unwrap().contains("/nonexistent/c.pem"), "{last}");
}
