//! What a service starts: the task that owns its hub, with an inbox for its members.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::encode::Pending;
use super::inbox::{Arrivals, Queries, inbox};
use super::local::Local;
use super::members::{Farewell, Members};
use super::replication::Node;
use super::sequencer::run;
use super::session::Ingress;
use super::storage::Storage;
use super::{Config, Hub};
use crate::control::Reports;
use crate::effect::Note;
use crate::recordings::Recorder;
use crate::runtime::Context;

/// A hub's members, and what is counted on the way to them.
pub struct Runner<H: Hub> {
    /// The service's name, for metrics.
    pub service: &'static str,
    /// The process that it runs in.
    pub context: Context,
    /// What its members may do.
    pub limits: Config,
    ingress: Arc<Ingress<H>>,
    arrivals: Arrivals<H>,
    farewells: Vec<Farewell>,
    members: Members<H::Record>,
}

impl<H: Hub> Runner<H> {
    /// Nobody is connected yet.
    pub fn new(service: &'static str, config: &Config, context: &Context) -> Self {
        let (inbox, arrivals) = inbox(config);
        Self {
            service,
            context: context.clone(),
            limits: config.clone(),
            ingress: Ingress::new(service, config, inbox, context.clock),
            arrivals,
            farewells: Vec::new(),
            members: Members::new(service, config, context),
        }
    }

    /// Where sessions of new members end.
    pub fn ingress(&self) -> &Arc<Ingress<H>> {
        &self.ingress
    }

    /// What waits for all members together.
    pub fn pending(&self) -> &Pending {
        self.members.pending()
    }

    /// Adds what is to be done when the process stops, before whoever is left is cut.
    pub fn on_stop(&mut self, farewell: impl Future<Output = ()> + Send + 'static) {
        self.farewells.push(Box::pin(farewell));
    }

    /// Hands the notes of the rules to whoever writes them down; those that it cannot take are counted and lost.
    pub fn keep_notes(&mut self, notes: mpsc::Sender<Note>) {
        self.members.notes = Some(notes);
    }

    /// Where those report that erase somebody from files.
    pub fn reports(&self) -> Reports {
        self.members.reports.clone()
    }

    /// Hands what is recorded to whoever writes it down, on this node.
    pub fn keep_recordings(&mut self, recorder: Recorder) {
        self.members.recorder = Some(recorder);
    }

    /// Follows a journal, by the number of its last write on disk: effects may wait for one.
    pub fn follow(&mut self, writes: watch::Receiver<u64>) {
        self.members.follow(writes);
    }

    /// Starts the task that owns `hub`, whose rooms live there; gives the right to ask it.
    pub fn run(self, storage: Storage, hub: H) -> Queries<H> {
        let Self { context, ingress, arrivals, farewells, members, .. } = self;
        let clock = storage.clock(&context);
        let snapshots = match storage {
            Storage::Log(log) => {
                let node = Node::new(hub, members, *log);
                context.spawn(async move { run(node.started().await, arrivals, farewells).await });
                return ingress.queries();
            }
            Storage::SnapshotStore(snapshots) => Some(snapshots),
            Storage::Memory(_) => None,
        };
        context.spawn(run(Local::new(hub, members, clock, snapshots), arrivals, farewells));
        ingress.queries()
    }
}
