//! Where a service's rooms live: in this process's memory, on its disk too, or on all nodes of a cluster.

use tracing::warn;

use super::snapshot_store::{Config, Seed, SnapshotStore, random_seed};
use crate::cluster::{Cluster, Log};
use crate::runtime::{Clock, Context};

/// Where rooms live.
pub enum Storage {
    /// In memory: they end with the process.
    Memory(Seed),
    /// On disk too: the next process finds them.
    SnapshotStore(SnapshotStore),
    /// On all nodes, in the order of a log.
    Log(Box<Log>),
}

impl Storage {
    /// The storage of a service's rooms: Redis if there is a cluster, else the disk; memory, if that is not to be had.
    pub fn open(
        service: &'static str,
        cluster: Option<&Cluster>,
        config: &Config,
        context: &Context,
    ) -> Self {
        if let Some(cluster) = cluster {
            return Self::Log(Box::new(cluster.log(service)));
        }
        if !config.persist {
            return Self::Memory(random_seed());
        }
        match SnapshotStore::open(service, config, context) {
            Ok(snapshots) => Self::SnapshotStore(snapshots),
            Err(failure) => {
                let failure = format!("{failure:#}");
                warn!(
                    service,
                    failure, "rooms will not survive a restart; mend it, or set [rooms] persist = false"
                );
                Self::Memory(random_seed())
            }
        }
    }

    /// Whether they are in a file of this process's.
    pub fn is_on_disk(&self) -> bool {
        matches!(self, Self::SnapshotStore(_))
    }

    /// The clock that its rooms go by: where they outlived a process, its own.
    pub fn clock(&self, context: &Context) -> Clock {
        match self {
            Self::Memory(_) | Self::Log(_) => context.clock,
            Self::SnapshotStore(snapshots) => snapshots.clock,
        }
    }

    /// The secret that all that is drawn at random comes from: this process's own, or that of all nodes.
    pub fn random_source(&self) -> Seed {
        match self {
            Self::Memory(_) | Self::SnapshotStore(_) => random_seed(),
            Self::Log(log) => log.seed,
        }
    }

    /// The secret that all that is secret in rooms comes from.
    pub fn seed(&self) -> &Seed {
        match self {
            Self::Memory(seed) => seed,
            Self::SnapshotStore(snapshots) => &snapshots.seed,
            Self::Log(log) => &log.seed,
        }
    }
}
