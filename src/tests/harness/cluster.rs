//! Three nodes of a service that are one: real processes on a real Redis.

use std::path::Path;

use tempfile::TempDir;

use super::deployment::ADMIN_KEY;
use super::process::{Server, roomhub};
use super::redis::Redis;
use super::{eventually, free_port, http};

/// A node that has not shown for this long is dead, in these tests: long enough for one that a busy machine lets wait.
const LEASE: &str = "6s";

/// The nodes' names.
pub const NAMES: [&str; 3] = ["a", "b", "c"];

/// Three nodes of a service.
pub struct Cluster {
    pub redis: Redis,
    pub nodes: Vec<Server>,
    pub service: &'static str,
    data: TempDir,
    more: Vec<(String, String)>,
}

impl Cluster {
    pub fn of(service: &'static str) -> Self {
        Self::with(service, &[])
    }

    /// Three nodes with more in their environment.
    pub fn with(service: &'static str, more: &[(&str, &str)]) -> Self {
        let redis = Redis::start();
        let urls = [(); 3].map(|()| redis.url());
        Self::at(service, redis, &urls, more)
    }

    /// Three nodes that reach Redis by those URLs, with more in their environment.
    pub fn at(service: &'static str, redis: Redis, urls: &[String; 3], more: &[(&str, &str)]) -> Self {
        let data = TempDir::new().unwrap();
        let more: Vec<(String, String)> =
            more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let nodes = NAMES
            .iter()
            .zip(urls)
            .map(|(name, url)| node(service, name, free_port(), url, data.path(), &more));
        Self { nodes: nodes.collect(), redis, service, data, more }
    }

    /// Where a node keeps its data.
    pub fn data_of(&self, n: usize) -> std::path::PathBuf {
        self.data.path().join(NAMES[n])
    }

    /// Starts another node.
    pub fn another(&mut self) -> &Server {
        self.another_with(&[])
    }

    /// Starts another node, with more in its environment.
    pub fn another_with(&mut self, environment: &[(&str, &str)]) -> &Server {
        let more = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let more: Vec<_> = self.more.iter().cloned().chain(more).collect();
        let (url, data) = (self.redis.url(), self.data.path());
        self.nodes.push(node(self.service, "d", free_port(), &url, data, &more));
        self.nodes.last().unwrap()
    }

    /// Stops a node and starts it again, at the same address.
    pub fn restart(&mut self, n: usize) {
        self.nodes[n].signal("TERM");
        assert_eq!(self.nodes[n].wait(), 0);
        self.start_again(n);
    }

    /// Stops all nodes, so that Redis alone remembers, and starts them again.
    pub fn restart_all(&mut self) {
        for node in &mut self.nodes {
            node.signal("TERM");
            assert_eq!(node.wait(), 0);
        }
        for n in 0..self.nodes.len() {
            self.start_again(n);
        }
    }

    /// Kills a node and starts it again, at the same address.
    pub fn kill(&mut self, n: usize) {
        self.take_away(n);
        self.start_again(n);
    }

    /// Kills a node.
    pub fn take_away(&mut self, n: usize) {
        self.nodes[n].signal("KILL");
        self.nodes[n].wait();
    }

    /// Starts a node that has ended, at the same address.
    pub fn start_again(&mut self, n: usize) {
        let port = self.nodes[n].address.port();
        self.nodes[n] = node(self.service, NAMES[n], port, &self.redis.url(), self.data.path(), &self.more);
    }

    /// Waits until a node says of its readiness what it should.
    pub fn await_readiness(&self, n: usize, words: &str) {
        eventually(words, || {
            let answer = http::get(self.nodes[n].address, "/readyz");
            (answer.status == 200 && answer.body.contains(words)).then_some(())
        });
    }

    /// What all nodes logged.
    pub fn log(&self) -> String {
        self.nodes.iter().map(Server::log).collect::<Vec<_>>().join("\n\n")
    }
}

fn node(service: &str, name: &str, port: u16, url: &str, data: &Path, more: &[(String, String)]) -> Server {
    let port = port.to_string();
    let mut command =
        roomhub(&[service, "--host", "127.0.0.1", "--port", &port, "--log-format", "json", "--redis", url]);
    command.envs([
        ("ROOMHUB_CLUSTER__LEASE", LEASE),
        ("ROOMHUB_CLUSTER__HEARTBEAT", "300ms"),
        ("ROOMHUB_SOCKETIO__NODE", name),
        ("ROOMHUB_NETWORK__TRUSTED_PROXIES", "127.0.0.0/8"),
        ("AUTH_KEY", "open sesame"),
        ("ROOMHUB_WATCH__ADMIN_KEY", ADMIN_KEY),
    ]);
    command.env("ROOMHUB_DEVICES__DATA_DIR", data.join(name)).env("ROOMHUB_ROOMS__DATA_DIR", data.join(name));
    command.env("ROOMHUB_WATCH__RECORDINGS_DIR", data.join(name).join("recordings"));
    command.envs(more.iter().map(|(name, value)| (name, value)));
    Server::spawn(command)
}
