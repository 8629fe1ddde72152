//! Where services listen: unix sockets, several addresses, both families, sockets of systemd.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use roomhub::settings::Service;
use tempfile::TempDir;

use crate::harness::process::{Server, roomhub, run};
use crate::harness::{PATIENCE, eventually, free_port, http};

/// Asks over a unix socket, on a connection of its own.
fn ask(path: &Path, request: &str) -> http::Response {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{request}Connection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    http::parse(&answer)
}

fn get(path: &Path, target: &str) -> http::Response {
    ask(path, &format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n"))
}

/// A service at a unix socket, and at a port so that the tests know when it has started.
fn at_socket(service: &str, socket: &Path, environment: &[(&str, &str)]) -> (Server, TempDir) {
    let data = TempDir::new().unwrap();
    let listen = format!("unix:{},127.0.0.1:0", socket.display());
    let mut command = roomhub(&[service, "--listen", &listen, "--log-format", "json"]);
    command.env("AUTH_KEY", "open sesame").env("ROOMHUB_RADIO__DATA_DIR", "");
    command.env("ROOMHUB_DEVICES__DATA_DIR", data.path());
    command.envs(environment.iter().copied());
    (Server::spawn(command), data)
}

#[test]
fn every_service_listens_on_a_unix_socket_which_goes_with_it() {
    let folder = TempDir::new().unwrap();
    for service in Service::all() {
        let socket = folder.path().join(format!("{}.sock", service.name()));
        let (mut server, _data) = at_socket(service.name(), &socket, &[]);
        assert_eq!(get(&socket, "/livez").body, "ok", "{}", service.name());
        let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        server.await_log(&format!("unix:{}", socket.display()));
        let health = run(&["probe", "health", "--pid", &server.pid().to_string()], &[]);
        assert!(health.status.success(), "{}", String::from_utf8_lossy(&health.stderr));
        let key = format!("ROOMHUB_{}__LISTEN", service.name().to_uppercase());
        let listen = format!("unix:{}", socket.display());
        let asked =
            || run(&["probe", "health", service.name()], &[(&key, &listen), ("AUTH_KEY", "open sesame")]);
        assert!(asked().status.success(), "{}", String::from_utf8_lossy(&asked().stderr));
        server.signal("TERM");
        assert_eq!(server.wait(), 0);
        assert!(!socket.exists(), "{}", service.name());
        assert_eq!(asked().status.code(), Some(1), "{}", service.name());
    }
}

#[test]
fn a_socket_that_a_crash_left_is_replaced_and_one_that_is_in_use_is_not() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("music.sock");
    drop(UnixListener::bind(&socket).unwrap());
    let listen = format!("unix:{}", socket.display());
    let (server, _data) = at_socket("music", &socket, &[("ROOMHUB_NETWORK__UNIX_SOCKET_MODE", "600")]);
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    for command in ["music", "check"] {
        let told = match command {
            "music" => run(&["music", "--listen", &listen], &[]),
            _ => run(&["check", "music"], &[("ROOMHUB_MUSIC__LISTEN", &listen)]),
        };
        let words = [told.stdout.as_slice(), &told.stderr].concat();
        let words = String::from_utf8_lossy(&words).into_owned();
        assert!(told.status.code() == Some(1) && words.contains("in use by another program"), "{words}");
    }
    assert_eq!(get(&socket, "/livez").status, 200);
    drop(server);
    let file = folder.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let told = run(&["music", "--listen", &format!("unix:{}", file.display())], &[]);
    assert!(String::from_utf8_lossy(&told.stderr).contains("is no socket"), "{told:?}");
}

#[test]
fn whoever_comes_over_a_unix_socket_is_nobody_and_not_this_machine_itself() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("devices.sock");
    let limits = [
        ("ROOMHUB_METRICS__TOKEN", "a token for metrics"),
        ("ROOMHUB_NETWORK__MAX_CONNECTIONS_PER_ADDRESS", "2"),
    ];
    let (_server, _data) = at_socket("devices", &socket, &limits);
    for path in ["/metrics", "/rooms", "/messages"] {
        assert_eq!(get(&socket, path).status, 401, "{path}");
    }
    let with_token =
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a token for metrics\r\n";
    assert_eq!(ask(&socket, with_token).status, 200);
    // All who come that way are one address.
    let held: Vec<UnixStream> = (0..2).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    let forwarded = "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.9\r\n";
    eventually("a refusal", || (ask(&socket, forwarded).status == 503).then_some(()));
    drop(held);
    eventually("a place", || (ask(&socket, forwarded).status == 200).then_some(()));
}

#[test]
fn a_proxy_at_a_unix_socket_tells_who_the_client_is_if_it_is_trusted() {
    let folder = TempDir::new().unwrap();
    let tries = |trusted: &str| {
        let socket = folder.path().join(format!("watch-{trusted}.sock"));
        let limits = [
            ("ROOMHUB_NETWORK__TRUSTED_PROXIES", trusted),
            ("ROOMHUB_NETWORK__WRONG_KEYS", "2"),
            ("ROOMHUB_METRICS__TOKEN", "a token for metrics"),
        ];
        let (_server, _data) = at_socket("watch", &socket, &limits);
        let status = |client: &str| {
            let headers = format!("X-Forwarded-For: {client}\r\nAuthorization: Bearer wrong\r\n");
            ask(&socket, &format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{headers}")).status
        };
        ["203.0.113.1", "203.0.113.1", "203.0.113.1", "203.0.113.2"].map(status)
    };
    assert_eq!(tries("unix"), [401, 401, 429, 401]);
    assert_eq!(tries("10.0.0.1"), [401, 401, 429, 429]);
}

#[test]
fn a_service_listens_on_several_addresses_of_both_families() {
    let port = free_port();
    let addresses = [format!("127.0.0.1:{port}"), format!("[::1]:{port}")];
    for listen in [
        addresses.join(","),
        format!("0.0.0.0:{port},[::]:{port}"),
        format!("[::]:{port}"),
        format!("[::]:{port},127.0.0.1:{port}"),
    ] {
        let server = Server::spawn(roomhub(&["music", "--listen", &listen, "--log-format", "json"]));
        for address in &addresses {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(http::get(address, "/livez").status, 200, "{listen}: {address}");
            // An IPv4 client is one, whichever socket it comes by.
            assert_eq!(http::get_with(address, "/metrics", &[("host", "localhost")]).status, 200, "{listen}");
        }
        assert_eq!(server.services().len(), listen.split(',').count());
    }
}

#[test]
fn a_flag_is_stronger_than_a_list_in_the_file() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "[music]\nlisten = [\"127.0.0.1:1\"]\n").unwrap();
    let server = Server::start_with(&["--config", file.to_str().unwrap()], &[]);
    assert_eq!(http::get(server.address, "/livez").status, 200);
}

#[test]
fn systemd_hands_over_sockets_of_either_kind() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("roomhub.sock");
    for command in ["music", "all --listen 127.0.0.1:1"] {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let unix = UnixListener::bind(&path).unwrap();
        let program = env!("CARGO_BIN_EXE_roomhub");
        let script = format!(
            "exec 3<&0 4<&1 </dev/null >/dev/null; export LISTEN_PID=$$ LISTEN_FDS=2; exec {program} {command} --log-format json"
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).env_clear().env("AUTH_KEY", "open sesame").current_dir(folder.path());
        shell.env("ROOMHUB_DEVICES__DATA_DIR", folder.path()).env("ROOMHUB_RADIO__DATA_DIR", "");
        shell.stdin(OwnedFd::from(unix));
        let server = Server::spawn_with_output(shell, OwnedFd::from(tcp).into());
        assert_eq!(server.address, address);
        assert_eq!(
            (http::get(address, "/livez").status, get(&path, "/livez").status),
            (200, 200),
            "{command}"
        );
        drop(server);
        std::fs::remove_file(&path).unwrap();
    }
}
