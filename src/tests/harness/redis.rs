//! A private Redis: on a free port, in a folder of its own, gone with the test.

use std::fs;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{eventually, free_port};
use crate::clock::WrongClock;

/// A program that is a Redis.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Redis as the system has it, 7 or later.
    Redis,
    /// The oldest that will do.
    Redis62,
    /// Valkey.
    Valkey,
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Self::Redis => "redis-server",
            Self::Redis62 => concat!(env!("CARGO_MANIFEST_DIR"), "/target/servers/redis-server-6.2"),
            Self::Valkey => concat!(env!("CARGO_MANIFEST_DIR"), "/target/servers/valkey-server"),
        }
    }
}

/// A Redis of one test.
pub struct Redis {
    kind: Kind,
    child: Option<Child>,
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
    /// Where it listens.
    pub port: u16,
}

impl Redis {
    /// Starts one that keeps everything in memory.
    pub fn start() -> Self {
        Self::start_with(tempfile::tempdir().unwrap(), &[])
    }

    /// Starts one with more lines in its configuration, in a folder where the files are that they name.
    pub fn start_with(folder: TempDir, lines: &[&str]) -> Self {
        Self::of(Kind::Redis, folder, lines)
    }

    /// The same with a program of one's choice.
    pub fn of(kind: Kind, folder: TempDir, lines: &[&str]) -> Self {
        let port = free_port();
        fs::write(folder.path().join("redis.conf"), lines.join("\n")).unwrap();
        let mut redis = Self { kind, child: None, folder, environment: Vec::new(), port };
        redis.come_up();
        redis
    }

    /// Starts one that goes by a clock of the test's.
    pub fn with_clock(clock: &WrongClock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("redis.conf"), "").unwrap();
        let mut environment = Vec::from(clock.environment());
        // Its own allocator asks for the time before there is a clock.
        environment[0].1 += ":libc.so.6";
        let mut redis = Self { kind: Kind::Redis, child: None, folder, environment, port: free_port() };
        redis.come_up();
        redis
    }

    /// Starts the process, with nothing in it.
    pub fn come_up(&mut self) {
        let program = self.kind.program();
        let child = Command::new(program)
            .arg("redis.conf")
            .args([
                "--port",
                &self.port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .current_dir(self.folder.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}; src/tests/all.sh installs it"));
        self.child = Some(child);
        eventually("a Redis that answers", || (self.run(&["PING"]) == "PONG").then_some(()));
    }

    /// Ends the process, and all that it remembers.
    pub fn go_down(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What it answers.
    pub fn run(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// Three Redises that share the keys among themselves.
pub fn redis_cluster() -> Vec<Redis> {
    let nodes: Vec<Redis> =
        (0..3).map(|_| Redis::start_with(tempfile::tempdir().unwrap(), &["cluster-enabled yes"])).collect();
    let addresses: Vec<String> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let output = Command::new("redis-cli")
        .args(["--cluster", "create"])
        .args(&addresses)
        .args(["--cluster-replicas", "0", "--cluster-yes"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    for node in &nodes {
        eventually("a cluster", || node.run(&["CLUSTER", "INFO"]).contains("cluster_state:ok").then_some(()));
    }
    nodes
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.go_down();
    }
}
