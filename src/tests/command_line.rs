//! The command line: help, configuration from everywhere, mistakes, exit codes.

use std::fs;
use std::net::TcpListener;

use crate::harness::http;
use crate::harness::process::{Server, roomhub, run};

fn told(output: &std::process::Output) -> (String, String) {
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn all_mistakes_are_told_at_once_and_end_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.toml");
    fs::write(&file, "[music]\nport = 99999\nmax_rooms = 0\nmax_romms = 5\n[log]\nformat = \"xml\"\n")
        .unwrap();
    let path = file.to_str().unwrap();
    let output =
        run(&["music", "--config", path, "--log-level", ""], &[("ROOMHUB_NETWORK__BACKLOG", "many")]);
    let (stdout, stderr) = told(&output);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout, "");
    for expected in [
        "roomhub: 6 mistakes in the configuration".to_owned(),
        format!("{path}: music.port = 99999: a whole number from 0 to 65535 is expected"),
        format!("{path}: music.max_romms: unknown key; did you mean music.max_rooms?"),
        format!("{path}: log.format = \"xml\": `text` or `json` is expected"),
        format!("{path}: music.max_rooms = 0: at least 1 is expected"),
        "environment ROOMHUB_NETWORK__BACKLOG: network.backlog = \"many\": a whole number is expected"
            .to_owned(),
        "flag --log-level: log.level = \"\"".to_owned(),
    ] {
        assert!(stderr.contains(&expected), "{expected} is not in\n{stderr}");
    }
    let output = run(&["check", "--config", path], &[]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_right_file_is_right() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config.example.toml");
    let output = run(&["check", "--config", example], &[]);
    assert_eq!((output.status.code(), told(&output).0.as_str()), (Some(0), "the configuration is valid\n"));
}

#[test]
fn a_file_that_is_named_and_missing_is_a_mistake() {
    let output = run(&["music", "--config", "/nonexistent/config.toml"], &[]);
    let (_, stderr) = told(&output);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.contains("/nonexistent/config.toml: cannot be read"), "{stderr}");
}

#[test]
fn a_file_in_the_working_folder_is_found() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.toml"), "[music]\nmax_rooms = 7\n").unwrap();
    let output = roomhub(&["music", "--print-config"]).current_dir(folder.path()).output().unwrap();
    let (stdout, _) = told(&output);
    let line = stdout.lines().find(|line| line.starts_with("max_rooms")).unwrap();
    assert!(line.contains("= 7") && line.ends_with("# config.toml"), "{line}");
}

#[test]
fn the_original_servers_variables_count_and_their_source_is_shown() {
    let environment = [
        ("PORT", "4001"),
        ("CORS_ORIGIN", "https://a.example,https://b.example"),
        ("MAX_ROOMS", "11"),
        ("MAX_USERS_PER_ROOM", "22"),
        ("ROOM_CLEANUP_INTERVAL", "90000"),
        ("ROOMHUB_METRICS__TOKEN", "open-sesame"),
    ];
    let output = run(&["music", "--print-config", "--host", "127.0.0.1"], &environment);
    let (stdout, _) = told(&output);
    for (line, source) in [
        ("port = 4001", "environment PORT"),
        ("cors_origin = [\"https://a.example\", \"https://b.example\"]", "environment CORS_ORIGIN"),
        ("max_rooms = 11", "environment MAX_ROOMS"),
        ("max_users_per_room = 22", "environment MAX_USERS_PER_ROOM"),
        ("room_cleanup_interval = \"90000ms\"", "environment ROOM_CLEANUP_INTERVAL"),
        ("host = \"127.0.0.1\"", "flag --host"),
        ("ping_interval = \"25s\"", "default"),
        ("token = \"********\"", "environment ROOMHUB_METRICS__TOKEN"),
    ] {
        let found = stdout
            .lines()
            .any(|printed| printed.starts_with(line) && printed.ends_with(&format!("# {source}")));
        assert!(found, "{line} # {source} is not in\n{stdout}");
    }
    assert!(!stdout.contains("open-sesame"));
}

#[test]
fn a_taken_port_is_one_clear_line_and_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(&["music", "--host", "127.0.0.1", "--port", &port, "--log-level", "error"], &[]);
    let (_, stderr) = told(&output);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr,
        format!(
            "roomhub: music: 127.0.0.1:{port} is in use by another program; stop it or choose another port with --port\n"
        )
    );
}

#[test]
fn an_address_that_is_not_ours_is_one_clear_line_and_1() {
    let output = run(&["music", "--host", "203.0.113.1", "--port", "0", "--log-level", "error"], &[]);
    let (_, stderr) = told(&output);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr,
        "roomhub: music: 203.0.113.1:0 is not an address of this machine; try --host 0.0.0.0\n"
    );
}

#[test]
fn a_certificate_that_is_missing_is_one_clear_line_and_1() {
    let environment =
        [("ROOMHUB_TLS__CERT", "/nonexistent/cert.pem"), ("ROOMHUB_TLS__KEY", "/nonexistent/key.pem")];
    let output = run(&["music", "--host", "127.0.0.1", "--port", "0", "--log-level", "error"], &environment);
    let (_, stderr) = told(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.starts_with("roomhub: [tls] cert = \"/nonexistent/cert.pem\": "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn all_services_start_together_and_say_where_they_are() {
    let data = tempfile::tempdir().unwrap();
    let mut command = roomhub(&["all", "--host", "127.0.0.1", "--log-format", "json"]);
    for service in ["MUSIC", "WATCH", "SIGNAL", "DEVICES", "RADIO"] {
        command.env(format!("ROOMHUB_{service}__PORT"), "0");
    }
    command.env("ROOMHUB_DEVICES__DATA_DIR", data.path()).env("ROOMHUB_ROOMS__DATA_DIR", data.path());
    let server = Server::spawn(command);
    assert_eq!(http::get(server.address, "/livez").status, 200);
}

#[test]
fn the_password_of_a_database_is_never_shown() {
    let url = [("DATABASE_URL", "mysql://hub:hunter2@localhost/rooms")];
    let output = run(&["devices", "--print-config"], &url);
    let (stdout, stderr) = told(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stdout.contains("environment DATABASE_URL") && !stdout.contains("hunter2"), "{stdout}");
    let output =
        run(&["devices", "--print-config"], &[("DATABASE_URL", "postgres://hub:hunter2@localhost/rooms")]);
    let (stdout, stderr) = told(&output);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.contains("mysql://user:password@host:3306/name is expected"), "{stderr}");
    assert!(!stderr.contains("hunter2") && !stdout.contains("hunter2"), "{stdout}{stderr}");
}

#[test]
fn completions_and_help_name_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell], &[]);
        assert!(output.status.success());
        assert!(told(&output).0.contains("print-config"), "{shell}");
    }
    let (help, _) = told(&run(&["--help"], &[]));
    for command in ["music", "devices", "all", "check", "completions", "probe"] {
        assert!(help.contains(command), "{command} is not in\n{help}");
    }
    assert_eq!(run(&["musik"], &[]).status.code(), Some(2));
}

#[test]
fn the_health_command_says_whether_a_service_is_well() {
    let server = Server::start();
    let port = server.address.port().to_string();
    let environment = [("PORT", port.as_str())];
    assert_eq!(run(&["probe", "health", "music"], &environment).status.code(), Some(0));
    drop(server);
    let output = run(&["probe", "health", "music"], &environment);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).1.contains(&format!("music on port {port}: cannot be reached")));
    assert_eq!(run(&["probe", "health", "musik"], &[]).status.code(), Some(2));
}
