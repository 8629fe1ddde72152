//! `roomhub init`: by flags without a terminal, and by questions at one.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::harness::process::{Server, roomhub};
use crate::harness::{eventually, http};

fn init(folder: &Path, args: &[&str]) -> Output {
    roomhub(&[&["init"], args].concat()).current_dir(folder).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The keys in a configuration: 32 digits of hex each.
fn keys(text: &str) -> Vec<&str> {
    let words = text.split('"').filter(|word| word.len() == 32);
    words.filter(|word| word.bytes().all(|byte| byte.is_ascii_hexdigit())).collect()
}

/// Starts what the file is for.
fn serve(folder: &Path, services: &[&str]) -> Server {
    let mut command = roomhub(services);
    command.args(["--config", "roomhub.toml", "--log-format", "json"]).current_dir(folder);
    Server::spawn(command)
}

#[test]
fn flags_write_a_file_that_passes_its_check_and_that_services_start_with() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["films", "data"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let flags =
        ["--listen", "127.0.0.1:0", "--proxy", "10.0.0.0/8", "--films", "films", "--data", "data", "--live"];
    let output = init(folder.path(), &flags);
    assert!(output.status.success(), "{}", told(&output));
    let path = folder.path().join("roomhub.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing else is left");
    assert_eq!(keys(&text).len(), 7, "{text}");
    for key in keys(&text) {
        assert!(!out(&output).contains(key) && !told(&output).contains(key), "what may be a log has a key");
    }
    let n_keys = text.lines().filter(|line| line.contains(" = ")).count();
    let n_reasons = text.lines().filter(|line| line.starts_with("# ")).count();
    assert_eq!(n_reasons, n_keys + 2, "each has a reason, and two lines say what the file is:\n{text}");

    let check = roomhub(&["check", "--config", "roomhub.toml"]).current_dir(folder.path()).output().unwrap();
    assert!(check.status.success(), "{}", out(&check));
    let server = serve(folder.path(), &["all"]);
    eventually("a server that is ready", || {
        (http::get(server.address, "/readyz").status == 200).then_some(())
    });
    let token = text.split("token = \"").nth(1).unwrap().split('"').next().unwrap();
    let with = |token: &str| {
        let headers = [("Authorization", &*format!("Bearer {token}")), ("X-Forwarded-For", "192.0.2.1")];
        http::get_with(server.address, "/metrics", &headers).status
    };
    assert_eq!((with(token), with("guess")), (200, 401));
}

#[test]
fn stations_uploads_recordings_and_calls_are_there_as_they_were_answered() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("late jazz")).unwrap();
    let answers = [
        "--stations",
        "jazz=late jazz",
        "--uploads",
        "50",
        "--recordings",
        "kept",
        "--turn",
        "turn.example.org:3478",
    ];
    let network = ["--services", "music,watch,signal,radio", "--listen", "127.0.0.1:0", "--data", "data"];
    let output = init(folder.path(), &[&answers[..], &network].concat());
    assert!(output.status.success(), "{}", told(&output));
    let server = serve(folder.path(), &["all", "--only", "music,watch,signal,radio"]);
    eventually("a station", || {
        (http::get(server.address, "/radio/streams").body.contains("\"/jazz\"")).then_some(())
    });
    for service in ["music", "watch"] {
        assert!(folder.path().join("kept").join(service).is_dir(), "{service} has no place for recordings");
    }
    let check = roomhub(&["music", "--print-config", "--config", "roomhub.toml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let shown = out(&check);
    assert!(
        shown.contains("max_upload_bytes = 50000000") && shown.contains("turn:turn.example.org:3478"),
        "{shown}"
    );
}

#[test]
fn who_runs_the_units_is_told_what_they_cannot_see_or_write() {
    let folder = tempfile::tempdir().unwrap();
    let output = init(folder.path(), &["--services", "music", "--data", "data", "--recordings", "kept"]);
    let text = out(&output);
    assert!(text.contains("/var/lib/roomhub"), "{text}");
    assert!(text.contains("ReadWritePaths="), "{text}");
}

#[test]
fn a_file_that_is_there_is_overwritten_by_force_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roomhub.toml");
    fs::write(&path, "# mine\n").unwrap();
    let output = init(folder.path(), &["--services", "music"]);
    assert_eq!(
        (output.status.code(), told(&output)),
        (Some(1), "roomhub: roomhub.toml: is there already; --force overwrites it\n".into())
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\n");
    let output = init(folder.path(), &["--services", "music", "--force"]);
    assert!(output.status.success(), "{}", told(&output));
    assert!(fs::read_to_string(&path).unwrap().starts_with("# Written by"));
}

#[test]
fn wrong_answers_are_told_at_once_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        init(folder.path(), &["--films", "nowhere", "--proxy", "somewhere", "--database", "no-such-file"]);
    assert_eq!(output.status.code(), Some(2));
    for expected in ["3 mistakes", "--films", "network.trusted_proxies", "devices.database_url_file"] {
        assert!(told(&output).contains(expected), "{expected} is not in\n{}", told(&output));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn some_services_are_started_together_by_the_command_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let output = init(folder.path(), &["--services", "signal,music", "--listen", "127.0.0.1:0"]);
    let text = out(&output);
    assert!(text.contains("  roomhub all --only music,signal --config roomhub.toml\n"), "{text}");
    assert!(text.contains("  roomhub check music signal --config roomhub.toml\n"), "{text}");
    let server = serve(folder.path(), &["all", "--only", "music,signal"]);
    let status = |path: &str| http::get(server.address, path).status;
    assert_eq!((status("/music/health"), status("/signal/health"), status("/radio/health")), (200, 200, 404));
}

#[test]
fn questions_are_asked_at_a_terminal_and_keys_are_shown_there_once() {
    let folder = tempfile::tempdir().unwrap();
    // The program of that name runs a command at a terminal of its own.
    let program = roomhub(&[]);
    let command = format!("{} init --services watch,signal", program.get_program().to_str().unwrap());
    let mut terminal = std::process::Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &command, "/dev/null"]).current_dir(folder.path());
    let mut terminal = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // Proxies, an address (first a wrong one), TLS, names, films, recordings, data, TURN, Redis, keys of operators, of clients.
    let typed = "\n8080\n127.0.0.1:0\n\nrooms.example.org\n\n\n\n\n\nyes\nno\n";
    terminal.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let output = terminal.wait_with_output().unwrap();
    let shown = out(&output);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("door.listen") && shown.contains("an address with a port is expected"), "{shown}");
    let text = fs::read_to_string(folder.path().join("roomhub.toml")).unwrap();
    let keys = keys(&text);
    assert_eq!(keys.len(), 4, "{text}");
    for key in keys {
        assert_eq!(shown.matches(key).count(), 1, "{shown}");
    }
    assert!(shown.contains("http://rooms.example.org:0/"), "{shown}");
    let server = serve(folder.path(), &["all", "--only", "watch,signal"]);
    eventually("a server that is ready", || {
        (http::get(server.address, "/readyz").status == 200).then_some(())
    });
}
