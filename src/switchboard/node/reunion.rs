//! How a node finds the others, loses them and finds them again.
//!
//! When Redis is away, rooms go on with what this node knows and whom it reaches. When it is back, a room that nobody
//! else has changed becomes what it is here; of one that somebody has, theirs holds, and members who have no seat there
//! are sent back to join it anew. If Redis has lost its memory, each room becomes what the node knows that saw it last.

use std::collections::{HashMap, HashSet};
use std::mem;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::steps::Job;
use super::{Node, Together};
use crate::cluster::{Away, Change, Claim, Commit, FETCH, FactChange, FactClaim, Outcome, Pulse, Stale};
use crate::effect::MemberId;
use crate::switchboard::Shared;
use crate::switchboard::replica::{Known, age};

impl<H: Shared> Node<H> {
    /// Shows that this node is alive, and looks at what the others did.
    pub(super) async fn beat(&mut self) {
        if let Err(away) = self.try_beat().await {
            self.part(&away);
        }
    }

    async fn try_beat(&mut self) -> Result<(), Away> {
        let pulse = self.pulse().await?;
        if pulse.epoch != self.epoch || self.is_forgotten {
            return self.join(pulse).await;
        }
        self.look_around().await?;
        // After an outage, everybody is given the time to show again.
        if self.together_since.elapsed() >= self.link.lease {
            for node in pulse.silent {
                self.bury(&node).await?;
            }
        }
        self.link.discard(self.n_read).await
    }

    /// Shows that this node is alive, tells the others its figures and hears theirs, and sets its clock by Redis'.
    pub(super) async fn pulse(&mut self) -> Result<Pulse, Away> {
        let figures = self.hub.figures();
        let written = if figures.is_empty() { String::new() } else { write(&figures) };
        let asked = self.clock.own();
        let mut pulse = self.link.beat(&written).await?;
        self.is_forgotten |= !pulse.was_known;
        self.must_recount |= !pulse.was_known;
        pulse.figures.remove(&self.link.node);
        let read = |(node, text): (String, String)| Some((node, serde_json::from_str(&text).ok()?));
        self.hub.hear_figures(pulse.figures.drain().filter_map(read).collect());
        if let Some(put) = self.clock.heard(pulse.time, asked, self.clock.own()) {
            warn!(
                service = self.service,
                off_ms = put.as_millis(),
                "this machine's clock is not that of Redis, which all nodes go by"
            );
        }
        Ok(pulse)
    }

    /// Learns of all rooms that have changed, also of those that no member here sits in.
    async fn look_around(&mut self) -> Result<(), Away> {
        let at = self.link.versions().await?;
        self.read_up_to(at.letters).await;
        let gone: Vec<String> = self.names_without(&at.said);
        let is_news = |(room, version): &(&String, &String)| {
            H::room_id(room).is_some_and(|room| self.replica.version(&room) != **version)
        };
        let mut news: Vec<String> = at.said.iter().filter(is_news).map(|(room, _)| room.clone()).collect();
        news.extend(gone);
        self.fetch(&news).await?;
        Ok(())
    }

    fn names_without(&self, versions: &HashMap<String, String>) -> Vec<String> {
        let names = self.replica.all().map(|(room, _)| room.to_string());
        names.filter(|room| !versions.contains_key(room)).collect()
    }

    /// Learns of rooms. Members here that have no seat in them any more, and were told so by no letter, are sent back;
    /// gives how many.
    async fn fetch(&mut self, rooms: &[String]) -> Result<usize, Away> {
        let mut n_sent_back = 0;
        for some in rooms.chunks(FETCH) {
            let at = self.link.fetch(some).await?;
            self.read_up_to(at.letters).await;
            for stored in at.said {
                let unseated = self.learn(stored);
                n_sent_back += unseated.len();
                self.members.send_back(unseated.into_iter());
            }
        }
        Ok(n_sent_back)
    }

    /// A node is dead: its members leave their rooms. Whoever notices does it, and it is done once.
    async fn bury(&mut self, node: &str) -> Result<(), Away> {
        let orphans = |(room, known): (&H::RoomId, &Known)| {
            let members = known.homes.get(node).cloned().unwrap_or_default();
            let room = room.clone();
            members.into_iter().rev().map(move |member| Job::Lose(member, room.clone())).collect::<Vec<_>>()
        };
        let jobs: Vec<Job<H>> = self.replica.all().flat_map(orphans).collect();
        info!(
            service = self.service,
            node,
            members = jobs.len(),
            "a node has gone silent: its members leave"
        );
        self.run(jobs).await;
        self.link.bury(node).await
    }

    /// Redis does not answer: rooms go on with whom this node reaches.
    pub(super) fn part(&mut self, away: &Away) {
        if matches!(self.together, Together::Yes) {
            warn!(service = self.service, %away, "redis is away: rooms go on with the members of this node");
            self.together = Together::No { since: Instant::now(), changed: HashMap::new() };
            self.hub.hear_figures(HashMap::new());
            self.figures.is_together.set(0.0);
            self.context.remark(self.service, Some("redis is away: rooms go on node by node"));
        }
    }

    /// Redis answers again, or for the first time.
    pub(super) async fn come_together(&mut self) {
        let joined = match self.pulse().await {
            Ok(pulse) => self.join(pulse).await,
            Err(away) => Err(away),
        };
        if let Err(away) = joined {
            debug!(service = self.service, %away, "not together yet");
        }
    }

    /// Makes one of what is here and what is there.
    async fn join(&mut self, pulse: Pulse) -> Result<(), Away> {
        let has_forgotten = pulse.epoch != self.epoch;
        let versions = self.catch_up(&pulse.epoch).await?;
        let (ours, mut theirs) = self.compare(&versions, has_forgotten);
        let n_ours = ours.len();
        theirs.extend(self.give(ours).await?);
        self.give_facts().await?;
        let sent_back = self.fetch_and_compare(&theirs).await?;
        if has_forgotten {
            // Nodes may have died that only rooms tell of.
            let others = self.replica.other_nodes();
            self.link.expect(&others, pulse.time).await?;
        }
        let away_secs = match &self.together {
            Together::Yes => 0,
            Together::No { since, .. } => since.elapsed().as_secs(),
        };
        info!(
            service = self.service,
            away_secs,
            ours = n_ours,
            theirs = theirs.len(),
            sent_back,
            "together with the other nodes"
        );
        self.epoch = pulse.epoch;
        self.is_forgotten = false;
        self.together = Together::Yes;
        self.together_since = Instant::now();
        self.figures.is_together.set(1.0);
        self.context.remark(self.service, None);
        self.forget_facts();
        let departed = mem::take(&mut self.departed);
        self.run(departed.into_iter().map(|(member, room)| Job::Lose(member, room)).collect()).await;
        Ok(())
    }

    /// Reads the letters that were written meanwhile; gives the versions of all rooms.
    async fn catch_up(&mut self, epoch: &str) -> Result<HashMap<String, String>, Away> {
        // Once: what has been read since is not read again, should this attempt fail.
        if mem::take(&mut self.must_recount) || self.counted_in != epoch {
            epoch.clone_into(&mut self.counted_in);
            self.n_read = 0;
            self.last_read = None;
        }
        self.mail = self.link.mail(self.n_read);
        let at = self.link.versions().await?;
        if self.last_read.is_some() && self.link.letter(self.n_read).await? != self.last_read {
            warn!(service = self.service, "redis has forgotten the last letters: members are sent back");
            self.give_up_letters(at.letters);
        }
        self.is_comparing = true;
        self.read_up_to(at.letters).await;
        self.is_comparing = false;
        Ok(at.said)
    }

    /// Rooms that become what they are here, with the versions that they have there, and those that are learned of.
    fn compare(
        &self,
        there: &HashMap<String, String>,
        has_forgotten: bool,
    ) -> (Vec<(H::RoomId, String)>, Vec<String>) {
        let nothing = HashMap::new();
        let changed = match &self.together {
            Together::Yes => &nothing,
            Together::No { changed, .. } => changed,
        };
        let mine: HashSet<&H::RoomId> =
            self.replica.all().map(|(room, _)| room).chain(changed.keys()).collect();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for room in &mine {
            let name = room.to_string();
            let (here, there) = (self.replica.version(room), there.get(&name).map_or("", String::as_str));
            let base = changed.get(room).map_or(here, String::as_str);
            // What this node made there and heard no answer to, it went on from.
            let is_ours = there == base
                || there == here
                || self.replica.is_own(there)
                || (has_forgotten && age(there) < age(here));
            match is_ours {
                true if there != here || changed.contains_key(room) => {
                    ours.push(((*room).clone(), there.to_owned()));
                }
                true => {}
                false => theirs.push(name),
            }
        }
        let is_unknown = |name: &&String| H::room_id(name).is_some_and(|room| !mine.contains(&room));
        theirs.extend(there.keys().filter(is_unknown).cloned());
        (ours, theirs)
    }

    /// Puts rooms as they are here in Redis; gives those that somebody changed meanwhile.
    async fn give(&mut self, rooms: Vec<(H::RoomId, String)>) -> Result<Vec<String>, Away> {
        let (mut commits, mut made) = (Vec::new(), Vec::new());
        for (room, seen) in rooms {
            let known = self.replica.get(&room).cloned().map(|known| {
                let version = self.replica.next_version(&room);
                Known { version, ..known }
            });
            let change = match &known {
                Some(known) => {
                    Change::To { version: known.version.clone(), envelope: known.envelope().get().to_owned() }
                }
                None => Change::Gone,
            };
            commits.push(Commit {
                claims: vec![Claim { room: room.to_string(), seen, change }],
                ..Commit::default()
            });
            made.push((room, known));
        }
        let mut outcomes = Vec::with_capacity(commits.len());
        for some in commits.chunks(FETCH) {
            outcomes.extend(self.link.take(some).await?);
        }
        let mut refused = Vec::new();
        for ((room, known), outcome) in made.into_iter().zip(outcomes) {
            match outcome.said {
                Outcome::Done => self.note(vec![(room, known)]),
                Outcome::Stale(_) => refused.push(room.to_string()),
            }
        }
        Ok(refused)
    }

    /// Has the others know what was made known here while they were out of reach.
    async fn give_facts(&mut self) -> Result<(), Away> {
        let Some(facts) = self.hub.facts() else { return Ok(()) };
        let mut ours: Vec<(String, String)> =
            facts.all().map(|(fact, value)| (fact.clone(), value.clone())).collect();
        while !ours.is_empty() {
            let rest = ours.split_off(ours.len().min(FETCH));
            let claim = |(fact, value): &(String, String)| FactClaim {
                fact: fact.clone(),
                seen: self.learned.get(fact).cloned().unwrap_or_default(),
                change: FactChange::To { value: value.clone(), lifetime: self.hub.lifetime(fact) },
            };
            let commits: Vec<Commit> =
                ours.iter().map(|fact| Commit { facts: vec![claim(fact)], ..Commit::default() }).collect();
            let outcomes = self.link.take(&commits).await?;
            let mut again = rest;
            for ((fact, value), outcome) in ours.into_iter().zip(outcomes) {
                let Outcome::Stale(Stale { facts, .. }) = outcome.said else { continue };
                let theirs = facts.into_iter().find_map(|(name, theirs)| theirs.filter(|_| name == fact));
                if theirs.as_ref() == Some(&value) {
                    // It was taken in, and no answer heard.
                    continue;
                }
                let value =
                    theirs.as_ref().map_or_else(|| value.clone(), |theirs| H::merge(&fact, theirs, &value));
                self.learned.insert(fact.clone(), theirs.unwrap_or_default());
                if let Some(facts) = self.hub.facts() {
                    facts.put(fact.clone(), Some(value.clone()));
                }
                again.push((fact, value));
            }
            ours = again;
        }
        Ok(())
    }

    /// Learns of rooms that others have changed, and notes who has a seat there and left meanwhile; gives how many
    /// members here have none there and are sent back.
    async fn fetch_and_compare(&mut self, rooms: &[String]) -> Result<usize, Away> {
        let mut n_sent_back = 0;
        let occupants = |room: H::RoomId| {
            let occupants = self.replica.own_occupants(&room).to_vec();
            (room, occupants)
        };
        let before: HashMap<H::RoomId, Vec<MemberId>> =
            rooms.iter().filter_map(|room| H::room_id(room)).map(occupants).collect();
        for some in rooms.chunks(FETCH) {
            n_sent_back += self.fetch(some).await?;
            for room in some.iter().filter_map(|room| H::room_id(room)) {
                let is_news = |member: &&MemberId| !before[&room].contains(member);
                let seated = self.replica.own_occupants(&room).iter().filter(is_news);
                self.departed.extend(seated.map(|member| (*member, room.clone())));
            }
        }
        Ok(n_sent_back)
    }

    /// The process stops: its members are lost to their rooms at once, not after the lease.
    pub(super) async fn leave(&mut self) {
        if matches!(self.together, Together::No { .. }) {
            let now = self.tell_time();
            let effects = self.hub.stop(now);
            self.hub.settle(effects);
            return;
        }
        let own =
            |room: &H::RoomId| self.replica.own_occupants(room).iter().rev().copied().collect::<Vec<_>>();
        let jobs: Vec<Job<H>> = self
            .replica
            .all()
            .flat_map(|(room, _)| own(room).into_iter().map(|member| Job::Lose(member, room.clone())))
            .collect();
        self.run(jobs).await;
        let node = self.link.node.clone();
        if let Err(away) = self.link.bury(&node).await {
            debug!(service = self.service, %away, "the other nodes will notice");
        }
    }
}

fn write(figures: &[u64]) -> String {
    serde_json::to_string(figures).expect("numbers are written as text")
}
