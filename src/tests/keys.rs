//! Keys: each opens what it is for alone, wrong ones are counted, and what is weak or open is said at the start.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::process::{Server, roomhub};
use crate::harness::radio::{on_air, station};
use crate::harness::websocket::{self, Client};
use crate::harness::{eventually, http};

const MEMBERS: &str = "the key of all members";
const OPERATORS: &str = "the key of operators";

/// As many as are too many.
const LIMIT: (&str, &str) = ("ROOMHUB_NETWORK__WRONG_KEYS", "3");

/// The proxy that names clients to the server in these tests.
const PROXY: (&str, &str) = ("ROOMHUB_NETWORK__TRUSTED_PROXIES", "127.0.0.1");

fn watch(more: &[(&str, &str)]) -> Server {
    let mut keys = vec![("AUTH_KEY", MEMBERS), ("ROOMHUB_WATCH__ADMIN_KEY", OPERATORS)];
    keys.extend(more);
    Server::of("watch", &[], &keys)
}

fn devices(data: &TempDir, more: &[(&str, &str)]) -> Server {
    let mut keys = vec![
        ("ROOMHUB_DEVICES__DATA_DIR", data.path().to_str().unwrap()),
        ("ROOMHUB_DEVICES__AUTH", "key"),
        ("ROOMHUB_DEVICES__AUTH_KEY", MEMBERS),
    ];
    keys.extend(more);
    Server::of("devices", &[], &keys)
}

/// Asks as the client `from` of the proxy, with a bearer token.
fn ask(server: &Server, from: &str, method: &str, path: &str, key: &str) -> http::Response {
    let bearer = format!("Bearer {key}");
    let headers = [("X-Forwarded-For", from), ("Authorization", bearer.as_str())];
    http::request(server.address, method, path, &headers, "")
}

/// An address that brings wrong keys has to wait with the right one too, and others do not.
fn assert_guessing_is_slowed(server: &Server, method: &str, path: &str, right: &str, opened: u16) {
    for n in 0..3 {
        assert_eq!(ask(server, "203.0.113.1", method, path, &format!("guess {n}")).status, 401, "{path}");
    }
    for key in ["guess 4", right] {
        let refused = ask(server, "203.0.113.1", method, path, key);
        assert_eq!(refused.status, 429, "{path}: {refused:?}");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    assert_eq!(ask(server, "203.0.113.2", method, path, right).status, opened, "{path}");
}

#[test]
fn the_members_key_rules_nothing() {
    let server = watch(&[]);
    let with = |path: &str, key: &str| {
        http::get_with(server.address, path, &[("Authorization", &format!("Bearer {key}"))]).status
    };
    assert_eq!((with("/stats", MEMBERS), with("/admin/api/overview", MEMBERS)), (200, 401));
    assert_eq!((with("/stats", OPERATORS), with("/admin/api/overview", OPERATORS)), (401, 200));
    assert_eq!(
        http::get(server.address, "/admin/api/overview").status,
        401,
        "a key is set, so it is asked for"
    );
    let auth = json!({ "token": OPERATORS }).to_string();
    assert_eq!(Client::connect_by(server.address, "", &[], &auth).expect("error"), "Unauthorized");

    let data = TempDir::new().unwrap();
    let file = data.path().join("console");
    fs::write(&file, format!("{OPERATORS}\n")).unwrap();
    let server = devices(&data, &[("ROOMHUB_DEVICES__CONSOLE_KEY_FILE", file.to_str().unwrap())]);
    let with = |key: &str| {
        http::get_with(server.address, "/rooms", &[("Authorization", &format!("Bearer {key}"))]).status
    };
    assert_eq!((with(MEMBERS), with(OPERATORS)), (401, 200));
    let connect =
        |key: &str| websocket::open(server.address, "/", &[("Authorization", &format!("Bearer {key}"))]);
    assert!(connect(MEMBERS).is_ok() && connect(OPERATORS).is_err());
}

#[test]
fn guessing_is_slowed_for_every_key() {
    let limits = [LIMIT, PROXY];
    let server = watch(&limits);
    assert_guessing_is_slowed(&server, "GET", "/admin/api/overview", OPERATORS, 200);
    assert_guessing_is_slowed(&server, "GET", "/stats", MEMBERS, 200);
    let data = TempDir::new().unwrap();
    let server = devices(&data, &[LIMIT, PROXY, ("ROOMHUB_DEVICES__CONSOLE_KEY", OPERATORS)]);
    assert_guessing_is_slowed(&server, "GET", "/rooms", OPERATORS, 200);
    let server = Server::of("signal", &[], &[LIMIT, PROXY, ("ROOMHUB_SIGNAL__AUTH_KEY", MEMBERS)]);
    assert_guessing_is_slowed(&server, "GET", "/ice?userId=ann", MEMBERS, 200);
    let server = Server::start_with(&[], &[LIMIT, PROXY, ("ROOMHUB_METRICS__TOKEN", OPERATORS)]);
    assert_guessing_is_slowed(&server, "GET", "/metrics", OPERATORS, 200);
    let keys = [("ROOMHUB_RADIO__ADMIN_KEY", OPERATORS), ("ROOMHUB_RADIO__SOURCE_PASSWORD", MEMBERS)];
    let server = station(&[], &[LIMIT, PROXY, keys[0], keys[1]]);
    on_air(&server);
    assert_guessing_is_slowed(&server, "POST", "/next-track", OPERATORS, 200);

    let source = |from: &str, password: &str| {
        let mut stream = http::connect(server.address);
        let basic = STANDARD.encode(format!("source:{password}"));
        write!(stream, "PUT / HTTP/1.1\r\nX-Forwarded-For: {from}\r\nAuthorization: Basic {basic}\r\n\r\n")
            .unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        String::from_utf8_lossy(&status[9..]).into_owned()
    };
    for n in 0..3 {
        assert_eq!(source("203.0.113.1", &format!("guess {n}")), "401");
    }
    assert_eq!(source("203.0.113.1", MEMBERS), "429");
    assert_eq!(source("203.0.113.2", MEMBERS), "200");
}

#[test]
fn guessing_is_slowed_on_sockets_too() {
    let server = watch(&[LIMIT]);
    let told = |key: &str| {
        let auth = json!({ "token": key }).to_string();
        let mut member = Client::connect_by(server.address, "", &[], &auth);
        member.emit("heartbeat", &json!({}));
        let (event, payload) = member.hear().unwrap();
        if event == "error" { payload.as_str().unwrap().to_owned() } else { event }
    };
    assert_eq!(told(MEMBERS), "heartbeat:pong");
    for _ in 0..5 {
        assert_eq!(told(""), "Unauthorized", "no key is no guess");
    }
    for key in ["guess 1", "guess 2"] {
        assert_eq!(told(key), "Unauthorized");
    }
    assert_eq!(told(MEMBERS), "heartbeat:pong");
    assert_eq!(told("guess 3"), "Unauthorized");
    assert_eq!(told(MEMBERS), "Unauthorized");

    let data = TempDir::new().unwrap();
    let server = devices(&data, &[LIMIT]);
    let answer = |key: &str| match websocket::open(server.address, &format!("/?auth={key}"), &[]) {
        Ok(_) => String::new(),
        Err(error) => error,
    };
    for key in ["1", "2", "3"] {
        assert!(answer(key).contains("401"));
    }
    assert!(answer("the%20key%20of%20all%20members").contains("429"));
}

#[test]
fn an_address_that_was_wrong_may_try_again_after_a_while() {
    let server = watch(&[LIMIT, ("ROOMHUB_NETWORK__WRONG_KEY_WINDOW", "500ms")]);
    let status = |key: &str| {
        http::get_with(server.address, "/stats", &[("Authorization", &format!("Bearer {key}"))]).status
    };
    eventually("too many wrong keys", || (status("guess") == 429).then_some(()));
    eventually("another try", || (status(MEMBERS) == 200).then_some(()));
}

#[test]
fn every_401_says_what_is_wanted() {
    let asks = |server: &Server, method: &str, path: &str, challenge: &str| {
        let proxied = [("X-Forwarded-For", "203.0.113.9")];
        let refused = http::request(server.address, method, path, &proxied, "");
        let told = (refused.status, refused.header("www-authenticate"));
        assert_eq!(told, (401, challenge), "{method} {path}");
    };
    let bearer = "Bearer realm=\"roomhub\"";
    let server = watch(&[]);
    for path in ["/stats", "/admin/api/overview", "/metrics"] {
        asks(&server, "GET", path, bearer);
    }
    let data = TempDir::new().unwrap();
    let server = devices(&data, &[]);
    for path in ["/rooms", "/status", "/metrics"] {
        asks(&server, "GET", path, bearer);
    }
    let upgrade = [("Upgrade", "websocket"), ("Connection", "Upgrade")];
    let refused = http::get_with(server.address, "/", &upgrade);
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, bearer));
    let server = Server::of("signal", &[], &[("ROOMHUB_SIGNAL__AUTH_KEY", MEMBERS)]);
    asks(&server, "GET", "/ice?userId=ann", bearer);
    let server = station(&[], &[("ROOMHUB_RADIO__SOURCE_PASSWORD", MEMBERS)]);
    asks(&server, "POST", "/next-track", bearer);
    asks(&server, "GET", "/admin/metadata?mount=/&song=a", "Basic realm=\"radio\"");
    asks(&server, "PUT", "/", "Basic realm=\"radio\"");
}

/// The warnings of a start, each with the service or key that it names.
fn warnings(server: &Server) -> Vec<String> {
    let log = server.log();
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let named = |line: serde_json::Value| {
        let of = line["service"].as_str().or(line["key"].as_str())?.to_owned();
        (line["level"] == "WARN").then_some(of)
    };
    lines.filter_map(named).collect()
}

/// A service on all addresses, or on the one that is given.
fn start(service: &str, host: &str, more: &[(&str, &str)]) -> (Server, TempDir) {
    let data = TempDir::new().unwrap();
    let mut command = roomhub(&[service, "--host", host, "--port", "0", "--log-format", "json"]);
    command.env("ROOMHUB_DEVICES__DATA_DIR", data.path()).env("ROOMHUB_RADIO__DATA_DIR", "");
    command.envs(more.iter().copied());
    let server = Server::spawn(command);
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], server.address.port()));
    assert_eq!(http::get(address, "/livez").status, 200);
    (server, data)
}

/// The warnings of such a start.
fn warned(service: &str, host: &str, more: &[(&str, &str)]) -> Vec<String> {
    warnings(&start(service, host, more).0)
}

#[test]
fn what_is_open_to_everybody_is_said_at_the_start_in_one_line_each() {
    let key = [("ROOMHUB_DEVICES__AUTH", "key"), ("ROOMHUB_DEVICES__AUTH_KEY", MEMBERS)];
    assert_eq!(warned("devices", "0.0.0.0", &[]), ["devices"]);
    assert_eq!(warned("devices", "0.0.0.0", &key), Vec::<String>::new());
    assert_eq!(warned("devices", "127.0.0.1", &[]), Vec::<String>::new());
    assert_eq!(warned("signal", "0.0.0.0", &[]), ["signal"]);
    assert_eq!(warned("signal", "0.0.0.0", &[("ROOMHUB_SIGNAL__AUTH_KEY", MEMBERS)]), Vec::<String>::new());
    // Listening together has no key, and watch always has one.
    assert_eq!(warned("music", "0.0.0.0", &[]), Vec::<String>::new());
    assert_eq!(warned("watch", "0.0.0.0", &[("AUTH_KEY", MEMBERS)]), Vec::<String>::new());
}

#[test]
fn a_short_key_is_named_at_the_start_and_not_shown() {
    for (service, key, variable) in [
        ("watch", "watch.auth_key", "AUTH_KEY"),
        ("watch", "watch.admin_key", "ROOMHUB_WATCH__ADMIN_KEY"),
        ("signal", "signal.auth_key", "ROOMHUB_SIGNAL__AUTH_KEY"),
        ("devices", "devices.auth_key", "ROOMHUB_DEVICES__AUTH_KEY"),
        ("devices", "devices.console_key", "ROOMHUB_DEVICES__CONSOLE_KEY"),
        ("radio", "radio.admin_key", "ROOMHUB_RADIO__ADMIN_KEY"),
        ("radio", "radio.source_password", "ROOMHUB_RADIO__SOURCE_PASSWORD"),
        ("music", "metrics.token", "ROOMHUB_METRICS__TOKEN"),
        ("music", "admin.key", "ROOMHUB_ADMIN__KEY"),
        ("music", "admin.viewer_key", "ROOMHUB_ADMIN__VIEWER_KEY"),
    ] {
        let long = [("AUTH_KEY", MEMBERS)];
        let (server, _data) = start(service, "127.0.0.1", &[long[0], (variable, "hunter2 hunter2")]);
        assert_eq!(warnings(&server), [key]);
        assert!(!server.log().contains("hunter2"));
    }
}

#[test]
fn a_key_that_was_made_up_is_in_a_file_of_its_owners_and_stays() {
    let data = TempDir::new().unwrap();
    let all = || {
        let mut command = roomhub(&["all", "--host", "127.0.0.1", "--log-format", "json"]);
        for service in ["MUSIC", "WATCH", "SIGNAL", "DEVICES", "RADIO"] {
            command.env(format!("ROOMHUB_{service}__PORT"), "0");
        }
        for section in ["DEVICES", "ROOMS", "RADIO"] {
            command.env(format!("ROOMHUB_{section}__DATA_DIR"), data.path());
        }
        Server::spawn(command)
    };
    let file = data.path().join("watch.auth_key");
    let server = all();
    let key = fs::read_to_string(&file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(key.trim().len(), 32);
    let said = eventually("the address of watch", || {
        let log = server.log();
        let line = log.lines().find(|line| line.contains("listening") && line.contains("\"watch\""))?;
        serde_json::from_str::<serde_json::Value>(line).ok()?["address"].as_str().map(str::to_owned)
    });
    let bearer = format!("Bearer {}", key.trim());
    assert_eq!(http::get_with(said.parse().unwrap(), "/stats", &[("Authorization", &bearer)]).status, 200);
    server.await_log(file.to_str().unwrap());
    assert!(!server.log().contains(key.trim()));
    drop(server);
    let server = all();
    assert_eq!(fs::read_to_string(&file).unwrap(), key);
    assert!(!server.log().contains(key.trim()));
}

#[test]
fn whoever_starts_all_services_at_a_terminal_is_told_a_link_that_signs_in_and_a_log_is_not() {
    let data = TempDir::new().unwrap();
    let program = roomhub(&["all", "--host", "127.0.0.1"]);
    // `script` gives the program a terminal; the shell's number is the program's.
    let words =
        format!("echo $$; exec {} all --host 127.0.0.1 2>&1", program.get_program().to_str().unwrap());
    let mut command = Command::new("script");
    command.args(["-qec", &words, "/dev/null"]).env_clear().env("PATH", "/usr/bin:/bin");
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    for service in ["MUSIC", "WATCH", "SIGNAL", "DEVICES", "RADIO"] {
        command.env(format!("ROOMHUB_{service}__PORT"), "0");
    }
    for section in ["DEVICES", "ROOMS", "RADIO"] {
        command.env(format!("ROOMHUB_{section}__DATA_DIR"), data.path());
    }
    let mut terminal = command.spawn().unwrap();
    let mut lines = BufReader::new(terminal.stdout.take().unwrap()).lines().map_while(Result::ok);
    let pid = lines.next().unwrap();
    let seen: Vec<String> = lines.take_while(|line| !line.trim_start().starts_with("radio  ")).collect();
    assert!(Command::new("kill").arg(pid.trim()).status().unwrap().success());
    terminal.wait().unwrap();
    let key = fs::read_to_string(data.path().join("watch.auth_key")).unwrap();
    let telling: Vec<&String> = seen.iter().filter(|line| line.contains(key.trim())).collect();
    assert_eq!(telling.len(), 1, "{seen:?}");
    assert!(telling[0].trim_start().starts_with("watch ") && telling[0].contains("/#key="), "{telling:?}");
}
