//! What every service is started with, and what is known of it once it runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;

use crate::admin::Admin;
use crate::cluster::Cluster;
use crate::control::{self, ErasedFromRooms, Reports, Request};
use crate::http::keys::{AccessKey, WrongKeys};
use crate::http::listener::{Listener, Opening};
use crate::http::socket::Address;
use crate::ice::IceServers;
use crate::recordings::{Catalogue, Recordings, Stop, Unfinished};
use crate::rooms::{Hub, ROOMS_FILE, Runner, Storage, random_seed};
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
    pub metrics: AccessKey,
    /// Wrong keys lately, of every kind.
    pub wrong_keys: Arc<WrongKeys>,
    /// What operators see and steer.
    pub admin: Arc<Admin>,
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
    pub fn record<H: Hub>(
        &self,
        runner: &mut Runner<H>,
        service: recordings::Service,
        folder: &str,
        stop: Stop,
    ) -> Option<Arc<Catalogue>> {
        if folder.is_empty() {
            return None;
        }
        let folder = Path::new(folder);
        let unfinished = if self.cluster.is_some() { Unfinished::GoOn } else { Unfinished::End };
        let (limits, reports) = (self.recordings, runner.reports());
        let Recordings { recorder, catalogue } =
            recordings::start(service, folder, limits, unfinished, stop, reports, self.context);
        runner.keep_recordings(recorder);
        Some(catalogue)
    }

    /// Has `roomhub erase persons` ask the rules of a service that keeps something, and those who write its files, which
    /// report from those places.
    pub fn serve_erasures<F>(
        &self,
        service: &'static str,
        places: Vec<&'static str>,
        reports: Reports,
        erase: impl Fn(String) -> F + Clone + Send + Sync + 'static,
    ) where
        F: Future<Output = Option<ErasedFromRooms>> + Send,
    {
        if places.is_empty() && self.cluster.is_none() {
            return;
        }
        control::serve(service, &self.rooms.data_dir, self.context, move |Request::Erase(name)| {
            let (reports, places, erase) = (reports.clone(), places.clone(), erase.clone());
            async move {
                let listening = reports.listen();
                let Some(found) = erase(name.clone()).await else { return Err("stopping".to_owned()) };
                let mut erased = found.counts();
                control::await_reports(listening, &name, &places, &mut erased).await?;
                // It tells when, and not how much.
                erased.remove(ROOMS_FILE);
                Ok(erased)
            }
        });
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
    /// Where it listens; nowhere, if it is only to be found behind a door.
    pub addresses: Vec<Address>,
    /// Where browsers find it.
    pub url: String,
    /// Whether others than this machine reach it.
    pub is_reachable: bool,
    /// The file of a key that was made up.
    pub key_file: Option<PathBuf>,
    /// Which keys would close it, if all who reach it may use it.
    pub open_without: Option<&'static str>,
}

impl Running {
    /// The service behind open ports, or behind a door.
    pub fn new(service: &'static str, listener: &Listener) -> Result<Self> {
        let addresses = listener.addresses()?;
        let url = match (listener.door(), addresses.first()) {
            (Some(door), _) => door.url(service),
            (None, first) => first.map(|first| first.url(listener.is_tls())).unwrap_or_default(),
        };
        let of_door = listener.door().map(|door| door.addresses.as_slice()).unwrap_or_default();
        let is_reachable = addresses.iter().chain(of_door).any(|address| !address.is_of_this_machine());
        Ok(Self { service, addresses, url, is_reachable, key_file: None, open_without: None })
    }
}
