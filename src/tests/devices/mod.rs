//! The device rooms as devices and operators meet them.

pub mod client;
pub mod database;
mod disk;
mod faults;
mod http;
mod ids;
mod missing;
mod operators;
pub mod outages;
pub mod traffic;
mod wire;

use std::path::Path;

use crate::harness::process::{Server, roomhub};

/// Starts `roomhub devices` on a data directory.
pub fn start(data: &Path, flags: &[&str], environment: &[(&str, &str)]) -> Server {
    start_at(0, data, flags, environment)
}

/// The same at a port, for clients that come back.
pub fn start_at(port: u16, data: &Path, flags: &[&str], environment: &[(&str, &str)]) -> Server {
    let port = port.to_string();
    let mut args = vec!["devices", "--host", "127.0.0.1", "--port", &port, "--log-format", "json"];
    args.extend(["--data-dir", data.to_str().unwrap()]);
    args.extend(flags);
    let mut command = roomhub(&args);
    command.envs(environment.iter().copied());
    Server::spawn(command)
}
