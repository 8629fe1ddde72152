//! A service that has been started: what it is called and where it is found.

use std::net::SocketAddr;

use anyhow::Result;

use crate::http::listener::Listener;

/// A running service.
#[derive(Debug, Clone, Copy)]
pub struct Running {
    /// Its name, like `music`.
    pub service: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub is_tls: bool,
}

impl Running {
    /// The service behind an open port.
    pub fn new(service: &'static str, listener: &Listener) -> Result<Self> {
        Ok(Self { service, address: listener.address()?, is_tls: listener.is_tls() })
    }

    /// The address as a browser takes it; a service on every address is found on this machine.
    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        let host = if self.address.ip().is_unspecified() { "localhost".into() } else { self.host() };
        format!("{scheme}://{host}:{}", self.address.port())
    }

    fn host(&self) -> String {
        if self.address.is_ipv6() {
            format!("[{}]", self.address.ip())
        } else {
            self.address.ip().to_string()
        }
    }
}
