//! The device rooms as devices and operators meet them.

mod client;
mod database;
mod faults;
mod http;
mod mariadb;
mod wire;

use std::path::Path;

use crate::harness::process::{Server, roomhub};

/// Starts `roomhub devices` on a data directory.
pub fn start(data: &Path, flags: &[&str], environment: &[(&str, &str)]) -> Server {
    let mut args = vec!["devices", "--host", "127.0.0.1", "--port", "0", "--log-format", "json"];
    args.extend(["--data-dir", data.to_str().unwrap()]);
    args.extend(flags);
    let mut command = roomhub(&args);
    command.envs(environment.iter().copied());
    Server::spawn(command)
}
