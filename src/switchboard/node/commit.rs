//! How steps come to hold: Redis agrees, their records are on disk, and then whoever is concerned is told.
//!
//! ```text
//! looked up right? -> written down -> taken by Redis -> told
//!        | no                              | no: struck out
//!        '--------- undo, learn, again ----'
//! ```
//! A hub that writes nothing down begins with the third.

use std::mem;

use tokio::time::{Instant, timeout};

use super::steps::{Group, Job, Made};
use super::{Node, Together};
use crate::cluster::{At, Away, Commit, Outcome, Stale};
use crate::effect::{Effect, Effects};
use crate::switchboard::Shared;

/// Facts that are kept for the others while they are out of reach; later ones they learn from the database.
const MAX_FACTS_ALONE: usize = 65_536;

/// What Redis was asked, and for which group.
type Asked<H> = Vec<(Made<H>, Group<H>)>;

/// What Redis said of groups, in order, each with the number of the last letter before it.
type Answers<H> = Vec<(u64, Heard<H>)>;

/// What Redis said of a group.
enum Heard<H: Shared> {
    /// It holds.
    Holds(Made<H>, Group<H>),
    /// It saw something else than there is.
    Stale(Stale),
}

impl<H: Shared> Node<H> {
    /// Sees whether the groups hold, and does what they want; gives the jobs of those that do not.
    pub(super) async fn agree(&mut self, groups: Vec<Group<H>>) -> Vec<Job<H>> {
        let (mut groups, mut again) = match self.look_up(groups).await {
            Ok(looked_up) => looked_up,
            Err(jobs) => return jobs,
        };
        self.hub.propose();
        self.write_down(&mut groups).await;
        again.extend(self.commit(groups).await);
        self.hub.confirm();
        again
    }

    /// Sees whether facts are what the rules took them for, before anything is written down; gives the groups whose
    /// are, and the jobs of the others.
    async fn look_up(&mut self, groups: Vec<Group<H>>) -> Result<(Vec<Group<H>>, Vec<Job<H>>), Vec<Job<H>>> {
        let (curious, mut right): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| !group.facts.is_empty());
        if curious.is_empty() {
            return Ok((right, Vec::new()));
        }
        let questions: Vec<Commit> = curious.iter().map(|group| self.question(group)).collect();
        let outcomes = match self.link.take(&questions).await {
            Ok(outcomes) => outcomes,
            Err(away) => {
                self.part(&away);
                right.extend(curious);
                self.go_alone(right).await;
                return Err(Vec::new());
            }
        };
        let asked = curious.into_iter().map(|group| (Vec::new(), group)).collect();
        let (heard, mut again) = self.hear(asked, outcomes);
        for (letters, heard) in heard {
            self.read_up_to(letters).await;
            match heard {
                Heard::Holds(_, group) => right.push(group),
                Heard::Stale(stale) => self.learn_stale(stale),
            }
        }
        // A letter may have told of a room that a group saw as it was before.
        let (overtaken, right): (Vec<_>, Vec<_>) =
            right.into_iter().partition(|group| self.is_overtaken(group));
        again.extend(overtaken.into_iter().flat_map(|group| self.undo(group)));
        Ok((right, again))
    }

    /// Writes down what the rules want to be kept, and waits until it is on disk.
    async fn write_down(&mut self, groups: &mut [Group<H>]) {
        let mut awaited = 0;
        for step in groups.iter_mut().flat_map(|group| &mut group.steps) {
            step.deed.effects = self.hub.settle(mem::take(&mut step.deed.effects));
            awaited = last_write(&step.deed.effects).max(awaited);
        }
        self.await_write(awaited).await;
    }

    /// Waits for the disk; the others are shown meanwhile that this node is alive.
    async fn await_write(&mut self, number: u64) {
        while let Some(writes) = &mut self.writes {
            if *writes.borrow_and_update() >= number {
                return;
            }
            let changed = timeout(self.link.heartbeat, writes.changed()).await;
            if changed.is_err() && matches!(self.together, Together::Yes) {
                // If Redis is away, the next question to it tells.
                let _ = self.pulse().await;
            }
        }
    }

    async fn commit(&mut self, groups: Vec<Group<H>>) -> Vec<Job<H>> {
        let (mut asked, mut commits, mut held) = (Vec::new(), Vec::new(), Vec::new());
        for group in groups {
            let (commit, made) = self.draw_up(&group);
            if commit.is_empty() {
                held.push(group);
            } else {
                commits.push(commit);
                asked.push((made, group));
            }
        }
        if commits.is_empty() {
            self.perform(held);
            return Vec::new();
        }
        let asked_at = Instant::now();
        let outcomes = match self.link.take(&commits).await {
            Ok(outcomes) => Ok(outcomes),
            Err(away) => self.take_again(&commits, away).await,
        };
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(away) => {
                self.part(&away);
                self.perform(held);
                self.hold_alone(asked);
                return Vec::new();
            }
        };
        self.figures.latency.record(asked_at.elapsed().as_secs_f64());
        // In the order in which Redis took them, between the letters that others wrote: so members here hear all of it
        // as members elsewhere do.
        let (heard, again) = self.hear(asked, outcomes);
        for (letters, heard) in heard {
            self.read_up_to(letters).await;
            match heard {
                Heard::Holds(made, group) => {
                    self.figures.steps.increment(1);
                    self.note(made);
                    self.perform(vec![group]);
                }
                Heard::Stale(stale) => self.learn_stale(stale),
            }
        }
        self.perform(held);
        again
    }

    /// Tells groups that hold from those that saw what is no more, which are undone; each with the letters before it.
    fn hear(&mut self, asked: Asked<H>, outcomes: Vec<At<Outcome>>) -> (Answers<H>, Vec<Job<H>>) {
        let (mut heard, mut again) = (Vec::with_capacity(asked.len()), Vec::new());
        for ((made, group), At { letters, said }) in asked.into_iter().zip(outcomes) {
            let said = match said {
                Outcome::Done => Heard::Holds(made, group),
                Outcome::Stale(stale) => {
                    again.extend(self.undo(group));
                    Heard::Stale(stale)
                }
            };
            heard.push((letters, said));
        }
        // Of steps that were asked for twice, the first may have been taken after others.
        heard.sort_by_key(|(letters, _)| *letters);
        (heard, again)
    }

    /// Whether a room is known by now to be another one than the group saw.
    fn is_overtaken(&self, group: &Group<H>) -> bool {
        group.rooms.iter().any(|(room, seen)| self.replica.version(room) != seen)
    }

    /// A connection may end while Redis is well: over another one, steps are taken that were not.
    async fn take_again(&mut self, commits: &[Commit], away: Away) -> Result<Vec<At<Outcome>>, Away> {
        if timeout(self.link.patience, self.link.connect()).await.is_err() {
            return Err(away);
        }
        let pulse = self.pulse().await?;
        if pulse.epoch != self.epoch || !pulse.was_known {
            return Err(away);
        }
        self.link.take_again(commits).await
    }

    /// Does what the rules said, as far as this node reaches, whether it holds or not.
    pub(super) async fn go_alone(&mut self, mut groups: Vec<Group<H>>) {
        self.write_down(&mut groups).await;
        let drawn_up = groups.into_iter().map(|group| (self.draw_up(&group).1, group)).collect();
        self.hold_alone(drawn_up);
    }

    fn hold_alone(&mut self, groups: Asked<H>) {
        for (made, group) in groups {
            for (room, _) in &made {
                let version = self.replica.version(room).to_owned();
                if let Together::No { changed, .. } = &mut self.together {
                    changed.entry(room.clone()).or_insert(version);
                }
            }
            self.note(made);
            self.perform(vec![group]);
        }
    }

    /// Takes back what the rules did.
    fn undo(&mut self, group: Group<H>) -> Vec<Job<H>> {
        let now = self.now();
        let mut jobs = Vec::with_capacity(group.steps.len());
        for step in group.steps.into_iter().rev() {
            self.hub.revoke(&step.deed.effects, now);
            self.hub.rooms().undo(step.rooms);
            self.hub.members().undo(step.members);
            if let Some(facts) = self.hub.facts() {
                facts.undo(step.facts);
            }
            jobs.push(step.job);
        }
        // What was learned meanwhile of a room and of who sits there is what it is.
        for (room, seen) in group.rooms {
            if self.replica.version(&room) != seen {
                self.restore(&room);
            }
        }
        for (member, room) in self.unseated.iter().filter(|(member, _)| group.members.contains(member)) {
            self.hub.unseat(*member, room);
        }
        self.hub.members().step();
        jobs.reverse();
        jobs
    }

    fn perform(&self, groups: Vec<Group<H>>) {
        for step in groups.into_iter().flat_map(|group| group.steps) {
            self.members.perform_deed(step.deed);
            if let Job::Task(task) = step.job {
                task.conclude();
            }
        }
    }

    /// What was looked up is looked up again by the next step that needs it, which may be a while later. What has
    /// changed while the others are out of reach is kept for them.
    pub(super) fn forget_facts(&mut self) {
        let is_alone = matches!(self.together, Together::No { .. });
        let Some(facts) = self.hub.facts() else { return };
        if is_alone && facts.count() <= MAX_FACTS_ALONE {
            return;
        }
        self.learned.clear();
        facts.clear();
    }
}

/// The last write that effects wait for.
fn last_write(effects: &Effects) -> u64 {
    let number = |effect: &Effect| if let Effect::AwaitWrite(number) = effect { *number } else { 0 };
    effects.iter().map(number).max().unwrap_or(0)
}
