//! What every service is started with, and what is known of it once it runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;

use crate::cluster::Cluster;
use crate::http::keys::{KeyedDoor, WrongKeys};
use crate::http::listener::{Listener, Opening};
use crate::ice::IceServers;
use crate::recordings::{Recordings, Stop, Unfinished};
use crate::rooms::{Storage, random_seed};
use crate::runtime::Context;
use crate::{recordings, rooms, socketio};

/// What every service is started with, beside its own section.
pub struct ServiceContext<'a> {
    /// The process.
    pub context: &'a Context,
    /// How ports are opened.
    pub opening: Opening<'a>,
    /// Limits of members.
    pub members: &'a rooms::Config,
    /// The other nodes, if there are any.
    pub cluster: Option<&'a Cluster>,
    /// Whether rooms survive a restart.
    pub rooms: &'a rooms::snapshot_store::Config,
    /// What calls between members need, as `[signal]` has it.
    pub ice: &'a IceServers,
    /// Limits of recordings.
    pub recordings: &'a recordings::Config,
    /// What Socket.IO limits besides.
    pub socketio: &'a socketio::Config,
    /// Who else may read the metrics.
    pub metrics: KeyedDoor,
    /// Wrong keys lately, at all doors.
    pub wrong_keys: Arc<WrongKeys>,
    /// What to do about keys that are required and not set.
    pub keys: Keys,
}

impl ServiceContext<'_> {
    /// Where rooms live that survive a restart.
    pub fn persistent_storage(&self, service: &'static str) -> Storage {
        Storage::open(service, self.cluster, self.rooms, self.context)
    }

    /// Starts to write what is recorded in the rooms of a service into its folder; nothing without one. `stop` ends those that
    /// have reached a limit.
    pub fn recordings(&self, service: recordings::Service, folder: &str, stop: Stop) -> Option<Recordings> {
        let unfinished = if self.cluster.is_some() { Unfinished::GoOn } else { Unfinished::End };
        let start =
            |folder| recordings::start(service, folder, self.recordings, unfinished, stop, self.context);
        (!folder.is_empty()).then(|| start(Path::new(folder)))
    }

    /// Where rooms live that end with their last connection.
    pub fn ephemeral_storage(&self, service: &'static str) -> Storage {
        let alone = || Storage::Memory(random_seed());
        self.cluster.map_or_else(alone, |cluster| Storage::Log(Box::new(cluster.log(service))))
    }
}

/// What to do about a key that is required and not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Make one up, and keep it in a file.
    MakeUp,
    /// Do not start.
    Require,
}

/// A running service.
#[derive(Debug, Clone)]
pub struct Running {
    /// Its name, like `music`.
    pub service: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub is_tls: bool,
    /// The file of a key that was made up.
    pub key_file: Option<PathBuf>,
    /// Which keys would close it, if all who reach it may use it.
    pub open_without: Option<&'static str>,
}

impl Running {
    /// The service behind an open port.
    pub fn new(service: &'static str, listener: &Listener) -> Result<Self> {
        Ok(Self {
            service,
            address: listener.address()?,
            is_tls: listener.is_tls(),
            key_file: None,
            open_without: None,
        })
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
