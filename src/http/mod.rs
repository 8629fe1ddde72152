//! HTTP as every service speaks it: how it listens, what stands around its routes.

mod accept;
pub mod address;
pub mod assets;
pub mod backend;
pub mod budget;
pub mod connection;
pub mod frames;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod guarded;
pub mod head;
pub mod inbound;
pub mod keys;
pub mod layers;
pub mod limits;
pub mod listener;
pub mod local;
pub mod operators;
pub mod origin;
mod pieces;
pub mod problem;
mod request_body;
pub mod requests;
pub mod routes;
pub mod sent_files;
pub mod socket;
pub mod switch;
pub mod tls;
mod transport;
pub mod upgrade;

use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::config::Findings;
use crate::time::human;

/// What a browser's request needs at the least.
const MIN_HEAD_BYTES: usize = 1024;

/// `[network]`: limits and time-outs of every listener.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Reverse proxies whose `X-Forwarded-For` is believed, as addresses or networks; `unix` is those over unix sockets.
    pub trusted_proxies: Vec<String>,
    /// Connections a service holds at most, and as many polling sessions; one more is answered 503.
    pub max_connections: usize,
    /// Connections, and sessions, from one address (IPv6: one /64); loopback and trusted proxies are exempt.
    pub max_connections_per_address: usize,
    /// New connections, and new sessions, a second from one address, exempt as above.
    pub connects_per_second: u32,
    /// Connections, and sessions, that one address may open at once before that rate counts.
    pub connect_burst: u32,
    /// Refused connections that are told so at a time; beyond it they are reset.
    pub max_refusals: usize,
    /// Connections that may wait for `accept`, as far as the kernel allows.
    pub backlog: i32,
    /// Who may connect to unix sockets that are made, as file modes are written.
    pub unix_socket_mode: String,
    /// A request's head must be here within this time; so long may a connection also idle between requests.
    #[serde(with = "human")]
    pub header_timeout: Duration,
    /// A TLS handshake must be done within this time.
    #[serde(with = "human")]
    pub handshake_timeout: Duration,
    /// The largest head of a request; a larger one is answered 431.
    pub max_head_bytes: usize,
    /// A request's body must be here within this time.
    #[serde(with = "human")]
    pub body_timeout: Duration,
    /// A message on a WebSocket must be here within this time, from its first byte to its last.
    #[serde(with = "human")]
    pub message_timeout: Duration,
    /// Bytes of messages and bodies that are not here whole, of all connections of the process.
    pub max_unfinished_bytes: usize,
    /// A blocked connection that takes less than `stall_progress_bytes` in this time is cut.
    #[serde(with = "human")]
    pub stall_timeout: Duration,
    /// What a reader must take within `stall_timeout` once it is behind.
    pub stall_progress_bytes: usize,
    /// Wrong keys of one address, for one access key, within `wrong_key_window`; then it waits, with the right key too.
    pub wrong_keys: u32,
    /// After this time it may try again.
    #[serde(with = "human")]
    pub wrong_key_window: Duration,
    /// Addresses whose wrong keys are remembered; of more, the first are forgotten.
    pub wrong_key_addresses: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            max_connections: 10_000,
            max_connections_per_address: 1_000,
            connects_per_second: 100,
            connect_burst: 1_000,
            max_refusals: 64,
            backlog: 4096,
            unix_socket_mode: "660".into(),
            header_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            max_head_bytes: 32 * 1024,
            body_timeout: Duration::from_secs(30),
            message_timeout: Duration::from_secs(30),
            max_unfinished_bytes: 64 * 1024 * 1024,
            stall_timeout: Duration::from_secs(10),
            stall_progress_bytes: 64 * 1024,
            wrong_keys: 10,
            wrong_key_window: Duration::from_mins(1),
            wrong_key_addresses: 65_536,
        }
    }
}

impl Config {
    /// Checks limits and networks.
    pub fn validate(&self, findings: &mut Findings) {
        findings.at_least_one("network.max_connections", self.max_connections);
        findings.at_least_one("network.max_connections_per_address", self.max_connections_per_address);
        findings.at_least_one("network.connects_per_second", self.connects_per_second as usize);
        findings.at_least_one("network.connect_burst", self.connect_burst as usize);
        findings.not_zero("network.header_timeout", self.header_timeout);
        findings.not_zero("network.handshake_timeout", self.handshake_timeout);
        findings.not_zero("network.body_timeout", self.body_timeout);
        findings.not_zero("network.message_timeout", self.message_timeout);
        findings.not_zero("network.stall_timeout", self.stall_timeout);
        findings.at_least_one("network.wrong_keys", self.wrong_keys as usize);
        findings.not_zero("network.wrong_key_window", self.wrong_key_window);
        findings.at_least_one("network.wrong_key_addresses", self.wrong_key_addresses);
        if self.max_head_bytes < MIN_HEAD_BYTES {
            findings.add("network.max_head_bytes", "at least 1024 is expected");
        }
        if self.backlog < 1 {
            findings.add("network.backlog", "at least 1 is expected");
        }
        if mode(&self.unix_socket_mode).is_none() {
            findings.add("network.unix_socket_mode", "three digits are expected, like \"660\" or \"666\"");
        }
        for proxy in &self.trusted_proxies {
            if address::network(proxy).is_none() {
                findings.add(
                    "network.trusted_proxies",
                    format!("{proxy:?}: an address, a network like \"10.0.0.0/8\", or \"unix\" is expected"),
                );
            }
        }
    }

    /// The mode of the file of a unix socket.
    pub fn socket_mode(&self) -> u32 {
        mode(&self.unix_socket_mode).unwrap_or(0o600)
    }

    /// The trusted proxies as networks.
    pub fn trusted_networks(&self) -> Vec<IpNet> {
        self.trusted_proxies.iter().filter_map(|proxy| address::network(proxy)).collect()
    }
}

fn mode(text: &str) -> Option<u32> {
    let is_mode = text.len() == 3 && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    is_mode.then(|| u32::from_str_radix(text, 8).ok()).flatten()
}
