//! One node of a cluster: the rules run here, on what is known of the rooms, and what they did holds once Redis agrees.
//!
//! ```text
//! arrivals -> rules -> groups -> Redis: all of a group, or nothing -> letters that came before -> effects
//!               ^                            | the rooms had changed
//!               '------- undo, learn --------'
//! ```
//! A batch is under way at a time. Steps that share a room or a member are one group, in their order; groups have
//! nothing to do with each other, so one that has to be run again holds up no other. Nobody is told of a step before it
//! holds, and all nodes tell their members in the order in which Redis took the steps.

mod commit;
mod post;
mod proposal;
mod reunion;
mod steps;

use std::collections::HashMap;
use std::mem;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::warn;

use super::Shared;
use super::common_clock::CommonClock;
use super::held::Deed;
use super::inbox::{Arrival, Arrivals};
use super::ledger::Ledger;
use super::members::{FAREWELL, Farewell, Members};
use super::replica::Replica;
use crate::cluster::{Link, Mail};
use crate::effect::MemberId;
use crate::runtime::Context;
use crate::time::Timestamp;
use steps::{Group, Job, Step};

/// Arrivals, or other jobs, in one batch.
const BATCH: usize = 256;

/// Timers of rooms are looked at this often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// A node of a service.
pub struct Node<H: Shared> {
    service: &'static str,
    context: Context,
    clock: CommonClock,
    hub: H,
    members: Members,
    link: Link,
    mail: Mail,
    /// The number of the journal's last write on disk, if the hub keeps one.
    writes: Option<watch::Receiver<u64>>,
    replica: Replica<H::RoomId>,
    /// Facts as Redis has them, as far as the steps under way have looked for them.
    learned: HashMap<String, String>,
    /// The last letter that was read.
    n_read: u64,
    /// What that one said: whether Redis still has it, tells whether it is the Redis that was known.
    last_read: Option<String>,
    /// Whether Redis has been found to know nothing of this node.
    is_forgotten: bool,
    /// Whether letters are numbered from 1 again.
    must_recount: bool,
    /// The name of what Redis remembered when that numbering began.
    counted_in: String,
    /// Whether it is being found out which rooms are as here, and which as there: letters do not tell it.
    is_comparing: bool,
    /// Who has lost a seat since the steps under way began.
    unseated: Vec<(MemberId, H::RoomId)>,
    /// Members that left while the others were out of reach, and have yet to be lost there.
    departed: Vec<(MemberId, H::RoomId)>,
    /// The name of what Redis remembers.
    epoch: String,
    together: Together<H::RoomId>,
    together_since: Instant,
    figures: Figures,
}

/// Whether Redis answers.
enum Together<K> {
    /// It does.
    Yes,
    /// It does not: these rooms have changed here meanwhile.
    No {
        since: Instant,
        /// The version in Redis that each of them comes from.
        changed: HashMap<K, String>,
    },
}

/// What is counted.
struct Figures {
    steps: metrics::Counter,
    reruns: metrics::Counter,
    letters: metrics::Counter,
    sweeps: metrics::Counter,
    latency: metrics::Histogram,
    is_together: metrics::Gauge,
}

impl<H: Shared> Node<H> {
    /// A node that knows nothing yet.
    pub fn new(
        service: &'static str,
        context: &Context,
        mut hub: H,
        members: Members,
        writes: Option<watch::Receiver<u64>>,
        link: Link,
    ) -> Self {
        hub.rooms().note_steps();
        hub.members().note_steps();
        if let Some(facts) = hub.facts() {
            facts.note_steps();
        }
        Self {
            service,
            context: context.clone(),
            clock: CommonClock::new(context.clock),
            hub,
            members,
            mail: link.mail(0),
            writes,
            learned: HashMap::new(),
            replica: Replica::new(&link.node),
            link,
            n_read: 0,
            last_read: None,
            is_forgotten: false,
            must_recount: true,
            counted_in: String::new(),
            is_comparing: false,
            unseated: Vec::new(),
            departed: Vec::new(),
            epoch: String::new(),
            together_since: Instant::now(),
            together: Together::No { since: Instant::now(), changed: HashMap::new() },
            figures: Figures {
                steps: metrics::counter!("roomhub_cluster_steps_total", "service" => service),
                reruns: metrics::counter!("roomhub_cluster_reruns_total", "service" => service),
                letters: metrics::counter!("roomhub_cluster_letters_total", "service" => service),
                sweeps: metrics::counter!("roomhub_cluster_sweeps_total", "service" => service),
                latency: metrics::histogram!("roomhub_cluster_step_seconds", "service" => service),
                is_together: metrics::gauge!("roomhub_cluster_together", "service" => service),
            },
        }
    }

    /// Runs until the process stops and the members have been told.
    pub async fn serve(mut self, mut arrivals: Arrivals<H>, farewells: Vec<Farewell>) {
        let context = self.context.clone();
        let mut stopping = pin!(context.stopping());
        let mut batch = Vec::with_capacity(BATCH);
        let mut sweeps = interval(SWEEP_EVERY);
        let mut beats = interval(self.link.heartbeat);
        // Nobody is served before the rooms are known, unless Redis goes away in this very moment.
        if timeout(self.link.patience, self.link.connect()).await.is_ok() {
            self.come_together().await;
        }
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_alone = matches!(self.together, Together::No { .. });
            tokio::select! {
                biased;
                () = &mut stopping => break,
                () = self.link.connect(), if is_alone => self.come_together().await,
                _ = beats.tick(), if !is_alone => self.beat().await,
                _ = sweeps.tick() => self.sweep().await,
                Some(letter) = self.mail.next(), if !is_alone => self.read(letter),
                _ = arrivals.next(&mut batch, BATCH) => {
                    let arrivals = std::mem::take(&mut batch);
                    self.take(arrivals).await;
                    batch.reserve(BATCH);
                }
            }
        }
        let patience = context.shutdown_grace / FAREWELL;
        if timeout(patience, self.leave()).await.is_err() {
            warn!(service = self.service, "the other nodes learn of the end by its silence alone");
        }
        self.members.dismiss(farewells, patience).await;
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The present moment, after the hub was told how the wall clock stands to it.
    fn tell_time(&mut self) -> Timestamp {
        self.hub.set_wall(self.clock.offset());
        self.now()
    }

    async fn take(&mut self, arrivals: Vec<Arrival<H>>) {
        let now = self.tell_time();
        let mut jobs = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            match arrival {
                Arrival::Question(question) => {
                    self.run(mem::take(&mut jobs)).await;
                    question(&self.hub, now);
                }
                arrival => jobs.extend(self.members.admit(arrival).map(Job::Task)),
            }
        }
        self.run(jobs).await;
    }

    /// Does what time has come for, in any room of the cluster: of several nodes that try, one finds it to be done.
    async fn sweep(&mut self) {
        let now = self.tell_time();
        let due = self.hub.due(now).into_iter().map(Job::Sweep);
        self.run([Job::Upkeep].into_iter().chain(due).collect()).await;
        self.members.count(&self.hub);
        self.figures.sweeps.increment(1);
    }

    /// Runs jobs until all of them hold; of many, some after the others.
    async fn run(&mut self, jobs: Vec<Job<H>>) {
        let mut jobs = jobs.into_iter().peekable();
        while jobs.peek().is_some() {
            self.run_some(jobs.by_ref().take(BATCH).collect()).await;
        }
    }

    async fn run_some(&mut self, mut jobs: Vec<Job<H>>) {
        while !jobs.is_empty() {
            let groups = self.try_all(jobs);
            jobs = match self.together {
                Together::Yes => self.agree(groups).await,
                Together::No { .. } => {
                    self.go_alone(groups).await;
                    Vec::new()
                }
            };
            self.figures.reruns.increment(jobs.len() as u64);
        }
        self.forget_facts();
    }

    /// Has the rules do all jobs, as if they held.
    fn try_all(&mut self, jobs: Vec<Job<H>>) -> Vec<Group<H>> {
        let now = self.tell_time();
        let mut groups: Vec<Group<H>> = Vec::new();
        self.unseated.clear();
        // Whoever only looked did no step.
        self.hub.rooms().step();
        self.hub.members().step();
        for mut job in jobs {
            let deed = match &mut job {
                Job::Task(task) => task.run(&mut self.hub, now),
                Job::Sweep(room) => Deed::of(self.hub.sweep(room, now)),
                Job::Upkeep => Deed::of(self.hub.upkeep(now)),
                Job::Lose(member, room) => Deed::of(self.hub.lose(*member, room, now)),
            };
            let (rooms, members) = (self.hub.rooms().step(), self.hub.members().step());
            let facts = self.hub.facts().map(Ledger::step).unwrap_or_default();
            let seen = |room: &H::RoomId| (room.clone(), self.replica.version(room).to_owned());
            let mut group = Group {
                rooms: rooms.before.keys().chain(&rooms.read).map(seen).collect(),
                members: members.before.keys().copied().collect(),
                facts: facts.before.keys().chain(&facts.read).cloned().collect(),
                steps: Vec::new(),
            };
            if let Job::Task(task) = &job {
                group.members.extend(task.member());
            }
            // Earlier steps that this one hangs together with, and this one, are one group.
            let (related, others) = groups.into_iter().partition(|other| other.is_related_to(&group));
            groups = others;
            let step = Step { job, deed, rooms: rooms.before, members: members.before, facts: facts.before };
            groups.push(group.after(related, step));
        }
        groups
    }
}
