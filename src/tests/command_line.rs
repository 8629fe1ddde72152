//! The command line: help, configuration from everywhere, mistakes, exit codes.

use std::fs;
use std::net::TcpListener;

use roomhub::settings::Service;

use crate::build_script;
use crate::harness::http;
use crate::harness::mariadb::MariaDb;
use crate::harness::process::{Server, roomhub, run};
use crate::harness::redis::Redis;

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

/// What `check` finds: its exit code, and its list without the gaps that make columns of it.
fn checked(services: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = run(&[&["check"], services].concat(), environment);
    let (stdout, stderr) = told(&output);
    let rows: Vec<String> =
        stdout.lines().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    (output.status.code(), format!("{}\n{stderr}", rows.join("\n")))
}

/// Variables by name.
type Environment<'a> = &'a [(&'a str, &'a str)];

/// Has every service take a free port.
const FREE_PORTS: [(&str, &str); 5] = [
    ("ROOMHUB_MUSIC__PORT", "0"),
    ("ROOMHUB_WATCH__PORT", "0"),
    ("ROOMHUB_SIGNAL__PORT", "0"),
    ("ROOMHUB_DEVICES__PORT", "0"),
    ("ROOMHUB_RADIO__PORT", "0"),
];

#[test]
fn the_version_and_a_metric_tell_the_same_commit() {
    let output = run(&["--version"], &[]);
    let line = told(&output).0;
    let version = line.trim().strip_prefix("roomhub ").unwrap();
    let server = Server::start();
    let figures = http::get(server.address, "/metrics").body;
    let info = figures.lines().find(|line| line.starts_with("roomhub_build_info{")).unwrap();
    let label = |name: &str| {
        let (_, rest) = info.split_once(&format!("{name}=\"")).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    assert!(info.ends_with(" 1"), "{info}");
    assert_eq!(version.split(' ').next(), Some(&*label("version")));
    assert!(version.contains(&label("commit")), "{version}: {info}");
}

#[test]
fn a_build_without_git_tells_the_commit_and_the_date_that_it_is_given() {
    let commit = build_script::shortened("25f0f16e24b7aa00\n");
    assert_eq!(commit, "25f0f16e24b7");
    assert_eq!(build_script::details(&commit, Some("1767225600")), " (25f0f16e24b7 2026-01-01)");
    assert_eq!(build_script::details(&commit, None), " (25f0f16e24b7)");
    assert_eq!(build_script::details("", Some("1767225599")), " (2025-12-31)");
    assert_eq!(build_script::details("", Some("yesterday")), "");
}

/// What `check` says of the configuration, in a folder of its own.
fn configuration_read(folder: &std::path::Path, args: &[&str], environment: Environment) -> String {
    let args = [&["check", "signal"], args].concat();
    let mut command = roomhub(&args);
    command.current_dir(folder).envs(FREE_PORTS).envs(environment.iter().copied());
    told(&command.output().unwrap()).0.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn the_first_configuration_file_that_is_found_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for sub in ["xdg/roomhub", "home/.config/roomhub"] {
        fs::create_dir_all(at(sub)).unwrap();
    }
    let (xdg, home) = (at("xdg"), at("home"));
    let (flag, variable) = (at("flag.toml"), at("variable.toml"));
    let of_user: Environment = &[("XDG_CONFIG_HOME", &*xdg), ("HOME", &*home)];
    // The weakest comes first: each file that is added outdoes those before it.
    for (file, args, environment, shown) in [
        (
            at("home/.config/roomhub/config.toml"),
            &[][..],
            &[("HOME", &*home)][..],
            "home/.config/roomhub/config.toml",
        ),
        (at("xdg/roomhub/config.toml"), &[], of_user, "xdg/roomhub/config.toml"),
        (at("config.toml"), &[], of_user, " config.toml"),
        (at("roomhub.toml"), &[], of_user, " roomhub.toml"),
        (variable.clone(), &[], &[("ROOMHUB_CONFIG", &*variable)], "variable.toml"),
        (flag.clone(), &["--config", &*flag], &[("ROOMHUB_CONFIG", &*variable)], "flag.toml"),
    ] {
        fs::write(&file, "").unwrap();
        let told = configuration_read(folder.path(), args, environment);
        assert!(told.contains(&format!("{shown} and the environment")), "{shown}: {told}");
    }
}

// Cargo hands what a build script sets to whatever `cargo run` starts, too.
#[test]
fn cargo_run_gives_the_program_no_variable_that_it_takes_for_a_setting() {
    let settings: Vec<_> = std::env::vars().filter(|(name, _)| name.starts_with("ROOMHUB_")).collect();
    assert!(settings.is_empty(), "{settings:?}");
}

#[test]
fn a_file_that_the_variable_names_and_that_is_missing_ends_with_2() {
    let output = run(&["check"], &[("ROOMHUB_CONFIG", "/nowhere/roomhub.toml")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).1.contains("/nowhere/roomhub.toml: cannot be read"));
}

#[test]
fn the_example_file_is_well() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config.example.toml");
    let output = run(&["check", "--config", example], &FREE_PORTS);
    let (stdout, stderr) = told(&output);
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("would listen on http://0.0.0.0:0"), "{stdout}");
}

#[test]
fn a_check_finds_what_would_stop_the_services_and_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("empty"), "").unwrap();
    fs::write(path("a file"), "no folder").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(path("cert.pem"), key.cert.pem()).unwrap();
    fs::write(path("key.pem"), key.signing_key.serialize_pem()).unwrap();
    fs::write(path("other.pem"), other.signing_key.serialize_pem()).unwrap();
    let nowhere = "mysql://hub:hunter2@127.0.0.1:1/rooms";
    let wrong: [(&str, Environment<'_>, &str); 12] = [
        ("music", &[("ROOMHUB_MUSIC__HOST", "203.0.113.1")], "wrong music"),
        ("music", &[("ROOMHUB_MUSIC__HOST", "127.0.0.1"), ("ROOMHUB_MUSIC__PORT", &port)], "wrong music"),
        (
            "music",
            &[("ROOMHUB_TLS__CERT", "/nonexistent.pem"), ("ROOMHUB_TLS__KEY", "/nonexistent.pem")],
            "wrong tls.cert",
        ),
        (
            "music",
            &[("ROOMHUB_TLS__CERT", &path("cert.pem")), ("ROOMHUB_TLS__KEY", &path("other.pem"))],
            "wrong tls.cert",
        ),
        (
            "music",
            &[("ROOMHUB_ROOMS__PERSIST", "true"), ("ROOMHUB_ROOMS__DATA_DIR", &path("a file"))],
            "wrong rooms.data_dir",
        ),
        ("watch", &[], "wrong watch.auth_key"),
        ("radio", &[("AUDIO_DIR", "/nonexistent/music")], "wrong radio.audio_dir"),
        ("radio", &[("AUDIO_DIR", &path("a file"))], "wrong radio.audio_dir"),
        (
            "radio",
            &[("DIRECTORY_ROUTES", r#"{"rock":"/nonexistent/rock"}"#)],
            "wrong radio.directory_routes /rock",
        ),
        ("devices", &[("ROOMHUB_DEVICES__DATA_DIR", "/dev/null/data")], "wrong devices.data_dir"),
        ("devices", &[("DATABASE_URL", nowhere)], "wrong database"),
        ("music", &[("ROOMHUB_CLUSTER__URL", "redis://:hunter2@127.0.0.1:1")], "wrong redis"),
    ];
    for (service, environment, row) in wrong {
        let environment = [&FREE_PORTS[..], environment].concat();
        let (code, list) = checked(&[service], &environment);
        assert_eq!(code, Some(1), "{row}:\n{list}");
        assert!(list.lines().any(|line| line.starts_with(row)), "{row} is not in\n{list}");
        assert!(!list.contains("hunter2"), "{list}");
    }
    let right = [("ROOMHUB_TLS__CERT", &*path("cert.pem")), ("ROOMHUB_TLS__KEY", &*path("key.pem"))];
    let (code, list) = checked(&["music"], &[&FREE_PORTS[..], &right].concat());
    assert_eq!(code, Some(0), "{list}");
    assert!(list.contains("would listen on https://0.0.0.0:0"), "{list}");
}

#[test]
fn a_check_asks_the_database_and_redis_for_their_versions() {
    let (database, redis) = (MariaDb::start(), Redis::start());
    let (database, redis) = (database.url(), redis.url());
    let environment =
        [&FREE_PORTS[..], &[("DATABASE_URL", &*database), ("ROOMHUB_CLUSTER__URL", &*redis)]].concat();
    let (code, list) = checked(&["devices"], &environment);
    assert_eq!(code, Some(0), "{list}");
    assert!(list.contains("ok database MariaDB ") && list.contains("ok redis Redis "), "{list}");
}

#[test]
fn a_check_beside_the_running_service_says_that_it_runs() {
    let server = Server::start();
    let port = server.address.port().to_string();
    let (code, list) = checked(&["music"], &[("ROOMHUB_MUSIC__HOST", "127.0.0.1"), ("PORT", &port)]);
    assert_eq!(code, Some(0), "{list}");
    assert!(list.contains(&format!("warning music a service answers on 127.0.0.1:{port} already")), "{list}");
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
    for service in Service::all() {
        command.env(format!("ROOMHUB_{}__PORT", service.name().to_uppercase()), "0");
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
    let services = Service::all().map(Service::name);
    for command in [&services[..], &["all", "check", "completions", "probe"]].concat() {
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

#[test]
fn one_service_alone_at_an_unusual_address_is_well_without_naming_it() {
    for (service, host) in
        [("music", "127.0.0.2"), ("signal", "0.0.0.0"), ("devices", "::"), ("radio", "::1")]
    {
        let data = tempfile::tempdir().unwrap();
        let mut command = roomhub(&[service, "--host", host, "--port", "0", "--log-format", "json"]);
        command.env("ROOMHUB_DEVICES__DATA_DIR", data.path()).env("ROOMHUB_RADIO__DATA_DIR", "");
        let server = Server::spawn(command);
        let pid = server.pid().to_string();
        let output = run(&["probe", "health", "--pid", &pid], &[]);
        assert_eq!(output.status.code(), Some(0), "{service}: {output:?}");
        drop(server);
        let output = run(&["probe", "health", "--pid", &pid], &[]);
        assert_eq!(output.status.code(), Some(1), "{service}: {output:?}");
        assert!(told(&output).1.contains("no service of this user listens here"), "{output:?}");
    }
}

#[test]
fn a_secret_is_read_from_the_file_that_a_variable_names_without_its_line_break() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    fs::write(&file, "sesame, sesame, sesame\n").unwrap();
    let path = file.to_str().unwrap();
    for (variable, service, route) in [
        ("AUTH_KEY_FILE", "watch", "/stats"),
        ("ROOMHUB_WATCH__AUTH_KEY_FILE", "watch", "/stats"),
        ("ROOMHUB_DEVICES__CONSOLE_KEY_FILE", "devices", "/status"),
    ] {
        let data = tempfile::tempdir().unwrap();
        let environment = [(variable, path), ("ROOMHUB_DEVICES__DATA_DIR", data.path().to_str().unwrap())];
        let server = Server::of(service, &[], &environment);
        let with = |key: &str| {
            http::get_with(server.address, route, &[("Authorization", &format!("Bearer {key}"))]).status
        };
        assert_eq!((with("sesame, sesame, sesame"), with("sesame")), (200, 401), "{variable}");
    }
}

#[test]
fn a_file_of_a_secret_that_holds_none_is_told_by_check_and_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("empty"), " \n").unwrap();
    fs::write(path("key"), "hunter2\n").unwrap();
    fs::write(path("film"), vec![b'x'; 1 << 20]).unwrap();
    let wrong: [(Environment<'_>, &str, &str); 5] = [
        (&[("AUTH_KEY_FILE", &path("nothing"))], "watch.auth_key_file", "cannot be read"),
        (&[("AUTH_KEY_FILE", &path("empty"))], "watch.auth_key_file", "is empty"),
        (&[("AUTH_KEY_FILE", &path("film"))], "watch.auth_key_file", "more than 64 KiB"),
        (
            &[("AUTH_KEY_FILE", &path("key")), ("AUTH_KEY", "hunter2")],
            "watch.auth_key_file",
            "either watch.auth_key or watch.auth_key_file is expected",
        ),
        (
            &[("AUTH_KEY", "hunter2"), ("SENTRY_DSN_FILE", &path("key"))],
            "sentry.dsn",
            "a DSN like https://key@host/project is expected",
        ),
    ];
    for (environment, key, problem) in wrong {
        for command in ["check", "watch"] {
            let args: &[&str] =
                if command == "check" { &["check", "watch"] } else { &["watch", "--port", "0"] };
            let output = run(args, environment);
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{command} {environment:?}: {output:?}");
            assert!(told.contains(key) && told.contains(problem), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}
