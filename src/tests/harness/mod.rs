//! What the tests share: a server process, and small clients that do just what they are told.

pub mod balancer;
pub mod client_frames;
pub mod cluster;
pub mod deployment;
pub mod faulty_disk;
pub mod faulty_proxy;
pub mod frames;
pub mod http;
pub mod mariadb;
pub mod polling;
pub mod process;
pub mod radio;
pub mod recorder;
pub mod redis;
pub mod site;
pub mod websocket;

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Ports below those that the kernel gives to whoever asks for any: what stops and starts again finds its own free.
const LOWEST_PORT: u16 = 12_000;
const N_PORTS: u32 = 18_000;
static PORTS: AtomicU32 = AtomicU32::new(0);

/// The longest that anything local may take before a test gives it up; a busy machine takes its time.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Looks again and again until `found` finds something.
///
/// For what announces itself nowhere, like another process's memory; a socket is waited for by reading it.
pub fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE * 2, "{what} never came about");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A port that nobody listens on; whoever takes it has to be quick.
pub fn free_port() -> u16 {
    loop {
        let n = PORTS.fetch_add(1, Ordering::Relaxed);
        let port = LOWEST_PORT + u16::try_from((std::process::id() * 37 + n) % N_PORTS).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Makes a file an hour old: one that was written just now might not be whole, and is looked at again later.
pub fn age(path: &Path) {
    File::options()
        .append(true)
        .open(path)
        .unwrap()
        .set_modified(SystemTime::now() - Duration::from_hours(1))
        .unwrap();
}
