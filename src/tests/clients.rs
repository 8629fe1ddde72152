//! The real client libraries, unchanged, against the real program.

use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::harness::deployment::{alone_and_together, everywhere};
use crate::harness::process::Server;

/// How long a client may run. What waits for ever would otherwise be known by the end of the whole test run alone.
const CLIENT_LIMIT: Duration = Duration::from_mins(8);

/// Runs a client that exits with 0 when all it checks holds.
pub fn run_client(program: &str, script: &str, server: &Server, more: &[&str]) {
    run_client_at(program, script, server.address, more, &|| server.log());
}

/// Runs a client that comes to one server, and to three.
pub fn run_client_everywhere(program: &str, script: &str, service: &'static str, more: &[&str]) {
    everywhere(service, &[], |deployment| {
        run_client_at(program, script, deployment.address, more, &|| deployment.log());
    });
}

/// Runs a client that comes to one server, and to three behind one load balancer, with more in their environment.
pub fn run_client_alone_and_together(
    program: &str,
    script: &str,
    service: &'static str,
    environment: &[(&str, &str)],
    more: &[&str],
) {
    alone_and_together(service, environment, |deployment| {
        run_client_at(program, script, deployment.address, more, &|| deployment.log());
    });
}

/// Runs a client that is many, who come to one server, and to different ones of three.
fn run_crowd_everywhere(program: &str, script: &str, service: &'static str, more: &[&str]) {
    everywhere(service, &[], |deployment| {
        deployment.spread(|| run_client_at(program, script, deployment.address, more, &|| deployment.log()));
    });
}

/// Runs a client that comes to one server, and to three behind one load balancer, with more in their environment. The
/// servers are restarted when it says so.
pub fn run_client_through_restarts(
    program: &str,
    script: &str,
    service: &'static str,
    environment: &[(&str, &str)],
    more: &[&str],
) {
    alone_and_together(service, environment, |deployment| {
        let url = format!("http://{}/", deployment.address);
        let told = converse(program, script, &url, more, &mut || deployment.restart());
        told.unwrap_or_else(|complaint| panic!("{complaint}\nserver:\n{}", deployment.log()));
    });
}

/// Runs a client against whatever listens there, and tells `log` if it fails.
pub fn run_client_at(
    program: &str,
    script: &str,
    address: SocketAddr,
    more: &[&str],
    log: &dyn Fn() -> String,
) {
    run_client_of(program, script, &format!("http://{address}/"), more, log);
}

/// The same by a URL.
pub fn run_client_of(program: &str, script: &str, url: &str, more: &[&str], log: &dyn Fn() -> String) {
    let restart = &mut || panic!("{script} wants a restart");
    converse(program, script, url, more, restart)
        .unwrap_or_else(|complaint| panic!("{complaint}\nserver:\n{}", log()));
}

/// Runs a client to its end. When it says `restart`, that is done, and then it is told so by a line.
fn converse(
    program: &str,
    script: &str,
    url: &str,
    more: &[&str],
    restart: &mut dyn FnMut(),
) -> Result<(), String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/clients");
    let mut complaints = tempfile::tempfile().unwrap();
    let mut client = Command::new(program)
        .arg(format!("{folder}/{script}"))
        .arg(url)
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(complaints.try_clone().unwrap())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; src/tests/all.sh installs it"));
    let _limit = ended_after(CLIENT_LIMIT, &client);
    let mut answers = client.stdin.take().unwrap();
    let mut told = String::new();
    for line in BufReader::new(client.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        println!("{line}");
        if line == "restart" {
            restart();
            writeln!(answers, "done").unwrap();
        }
        told = format!("{told}{line}\n");
    }
    let mut complained = String::new();
    complaints.rewind().unwrap();
    complaints.read_to_string(&mut complained).unwrap();
    let problem = if !client.wait().unwrap().success() {
        "failed"
    } else if !told.contains("ok  ") {
        "checked nothing"
    } else {
        return Ok(());
    };
    Err(format!("{script} {problem}:\n{told}\n{complained}"))
}

/// Ends a client that still runs after so long, unless what is returned has been dropped.
fn ended_after(limit: Duration, client: &Child) -> Sender<()> {
    let (runs, ended) = mpsc::channel();
    let pid = client.id().to_string();
    thread::spawn(move || {
        if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            // Puppeteer ends its browser at this signal.
            let _ = Command::new("kill").args(["-TERM", &pid]).status();
        }
    });
    runs
}

#[test]
fn who_came_to_a_full_server_gets_in_by_itself_once_there_is_a_place() {
    for transports in ["polling", "websocket", "polling,websocket"] {
        let server = Server::start_with(&[], &[("ROOMHUB_NETWORK__MAX_CONNECTIONS", "4")]);
        run_client("node", "full-server.mjs", &server, &[transports]);
    }
}

#[test]
fn the_deployed_players_library_in_both_versions() {
    run_crowd_everywhere("node", "player.mjs", "music", &[]);
}

#[test]
fn a_room_whose_connections_all_break_at_once_is_found_again_and_one_that_is_left_is_not() {
    run_crowd_everywhere("node", "breaks.mjs", "music", &[]);
}

#[test]
fn python_socketio_and_a_bare_websocket_in_one_room() {
    run_crowd_everywhere("/usr/bin/python3", "signalling.py", "signal", &[]);
}

#[test]
fn the_moontv_client_over_websocket_and_polling() {
    run_crowd_everywhere("node", "moontv.mjs", "watch", &["open sesame"]);
}

#[test]
fn the_moontv_client_outlives_a_restart_of_its_server() {
    let server = Server::of("watch", &[], &[("AUTH_KEY", "open sesame")]);
    run_client("node", "moontv-restart.mjs", &server, &[env!("CARGO_BIN_EXE_roomhub")]);
}

#[test]
fn the_signalling_clients_library_in_both_versions() {
    run_crowd_everywhere("node", "signalling.mjs", "signal", &[]);
}

#[test]
fn python_socketio_in_the_snake_dialect() {
    run_crowd_everywhere("/usr/bin/python3", "snake.py", "music", &[]);
}
