//! What the rules have decided and nobody has been told yet, because something must be on disk first.
//!
//! A decision waits for a write here, or for the node that writes it down. A member is told of nothing before what came
//! earlier, but for the refusals of a disk that takes no more; members whom a waiting decision does not concern do not wait.
//! A hub that keeps no journal never holds anything back.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::RandomState;
use tokio::sync::watch;

use crate::effect::{Effect, Effects, MemberId};
use crate::time::Timestamp;

/// Decisions that may wait; while there are as many, no arrivals are taken, and the inbox fills within its bounds.
const MAX_WAITING: usize = 16_384;

/// What came of one arrival.
#[derive(Debug)]
pub struct Decision<R> {
    /// What is to be done.
    pub effects: Effects<R>,
    /// Who asked, and under which number it wants its answer.
    pub asker: Option<(MemberId, i64)>,
    /// When the event came, if it was one.
    pub arrived_at: Option<Timestamp>,
    /// The event's number; 0 if it was none.
    pub event: u64,
}

impl<R> Decision<R> {
    /// A decision that answers nobody.
    pub fn of(effects: Effects<R>) -> Self {
        Self { effects, asker: None, arrived_at: None, event: 0 }
    }

    /// Everybody whom it tells something.
    fn members(&self, is_here: impl Fn(MemberId) -> bool) -> Vec<MemberId> {
        let mut members: Vec<MemberId> = self.asker.iter().map(|(member, _)| *member).collect();
        for effect in &self.effects {
            match effect {
                Effect::Emit { to, .. } => members.extend(to),
                Effect::Disconnect(member, _) => members.push(*member),
                Effect::Ack(_)
                | Effect::Refused(_)
                | Effect::Note(_)
                | Effect::Recording(_)
                | Effect::Forget(_)
                | Effect::Append(_)
                | Effect::Appended(_)
                | Effect::AwaitSync(_) => {}
            }
        }
        members.retain(|member| is_here(*member));
        members.sort_unstable();
        members.dedup();
        members
    }

    /// The last write that it waits for; 0 if there is none, `None` if it does not even wait for earlier decisions.
    fn awaited(&self) -> Option<u64> {
        let mut awaited = 0;
        for effect in &self.effects {
            match effect {
                Effect::AwaitSync(0) => return None,
                Effect::AwaitSync(number) => awaited = awaited.max(*number),
                _ => {}
            }
        }
        Some(awaited)
    }
}

/// The number of a decision that waits.
type Place = u64;

/// A decision that waits.
struct Waiting<R> {
    decision: Decision<R>,
    members: Vec<MemberId>,
    /// The members who are yet to be told of something earlier, and the write.
    n_obstacles: usize,
}

/// Decisions that wait, each for a write and for what its members are to be told before.
pub struct WriteBarrier<R> {
    waiting: HashMap<Place, Waiting<R>, RandomState>,
    n_decisions: Place,
    /// What each member is yet to be told, in order.
    queues: HashMap<MemberId, VecDeque<Place>, RandomState>,
    /// Decisions that wait for writes here, in the order of these.
    by_write: VecDeque<(u64, Place)>,
    /// Decisions that other nodes write down, in the order of the log.
    by_author: HashMap<Arc<str>, VecDeque<(u64, Place)>>,
    /// Entries of this node in the log whose records are on their way to the disk: the last write of each, and its offset.
    own_entries: VecDeque<(u64, u64)>,
    /// The last of them whose records are on disk.
    n_stored: u64,
    ready: VecDeque<Decision<R>>,
    writes: Option<watch::Receiver<u64>>,
    n_written: u64,
}

impl<R> WriteBarrier<R> {
    /// Nothing waits; `writes` is the number of the journal's last write on disk.
    pub fn new(writes: Option<watch::Receiver<u64>>) -> Self {
        let n_written = if writes.is_some() { 0 } else { u64::MAX };
        Self {
            waiting: HashMap::default(),
            n_decisions: 0,
            queues: HashMap::default(),
            by_write: VecDeque::new(),
            by_author: HashMap::new(),
            own_entries: VecDeque::new(),
            n_stored: 0,
            ready: VecDeque::new(),
            writes,
            n_written,
        }
    }

    /// Adds a decision behind all others, if it does not say that it waits for nothing.
    pub fn push(&mut self, decision: Decision<R>) {
        match decision.awaited() {
            None => self.ready.push_back(decision),
            Some(awaited) if awaited <= self.n_written => self.add(decision, 0, |_| true),
            Some(awaited) => {
                self.by_write.push_back((awaited, self.n_decisions));
                self.add(decision, 1, |_| true);
            }
        }
    }

    /// Adds a decision that another node writes down as the entry of that offset.
    pub fn push_of(
        &mut self,
        author: &Arc<str>,
        offset: u64,
        decision: Decision<R>,
        is_here: impl Fn(MemberId) -> bool,
    ) {
        self.by_author.entry(Arc::clone(author)).or_default().push_back((offset, self.n_decisions));
        self.add(decision, 1, is_here);
    }

    /// What is to be written down of this node's entry at that offset is on disk once that write is.
    pub fn note_entry(&mut self, last_write: u64, offset: u64) {
        self.own_entries.push_back((last_write, offset));
    }

    /// The offset of the last entry of this node whose records are known to be on disk.
    pub fn n_stored(&self) -> u64 {
        self.n_stored
    }

    fn add(&mut self, decision: Decision<R>, n_writes: usize, is_here: impl Fn(MemberId) -> bool) {
        if n_writes == 0 && self.queues.is_empty() {
            self.ready.push_back(decision);
            return;
        }
        let members = decision.members(is_here);
        let mut n_obstacles = n_writes;
        n_obstacles += members.iter().filter(|member| self.queues.contains_key(*member)).count();
        if n_obstacles == 0 {
            self.ready.push_back(decision);
            return;
        }
        let place = self.n_decisions;
        self.n_decisions += 1;
        for member in &members {
            self.queues.entry(*member).or_default().push_back(place);
        }
        self.waiting.insert(place, Waiting { decision, members, n_obstacles });
    }

    /// One obstacle less for that decision, and for those behind it if it was the last.
    fn clear(&mut self, place: Place) {
        let mut cleared = vec![place];
        while let Some(place) = cleared.pop() {
            let Some(waiting) = self.waiting.get_mut(&place) else { continue };
            waiting.n_obstacles -= 1;
            if waiting.n_obstacles > 0 {
                continue;
            }
            let Some(Waiting { decision, members, .. }) = self.waiting.remove(&place) else { continue };
            self.ready.push_back(decision);
            for member in members {
                let Some(queue) = self.queues.get_mut(&member) else { continue };
                queue.pop_front();
                match queue.front() {
                    Some(next) => cleared.push(*next),
                    None => {
                        self.queues.remove(&member);
                    }
                }
            }
        }
    }

    /// The next decision that waits for nothing any more.
    pub fn next(&mut self) -> Option<Decision<R>> {
        if self.ready.is_empty() && self.awaits_write() {
            self.look();
        }
        self.ready.pop_front()
    }

    /// Looks how far the journal is.
    fn look(&mut self) {
        if let Some(writes) = &self.writes {
            self.n_written = *writes.borrow();
        }
        while let Some((_, place)) = self.by_write.pop_front_if(|(awaited, _)| *awaited <= self.n_written) {
            self.clear(place);
        }
        while let Some((_, offset)) = self.own_entries.pop_front_if(|(write, _)| *write <= self.n_written) {
            self.n_stored = offset;
        }
    }

    /// A node has written down its entries up to that offset.
    pub fn stored(&mut self, author: &str, offset: u64) {
        loop {
            let Some(decisions) = self.by_author.get_mut(author) else { return };
            let Some((_, place)) = decisions.pop_front_if(|(at, _)| *at <= offset) else { return };
            self.clear(place);
        }
    }

    /// The nodes that decisions wait for.
    pub fn authors(&self) -> Vec<Arc<str>> {
        self.by_author
            .iter()
            .filter(|(_, decisions)| !decisions.is_empty())
            .map(|(author, _)| Arc::clone(author))
            .collect()
    }

    /// A node cannot be asked whether it has written its entries down: they are written down here.
    pub fn inherit(&mut self, author: &str, mut persist: impl FnMut(Effects<R>) -> Effects<R>) {
        for (_, place) in self.by_author.remove(author).unwrap_or_default() {
            let Some(waiting) = self.waiting.get_mut(&place) else { continue };
            waiting.decision.effects = persist(std::mem::take(&mut waiting.decision.effects));
            match waiting.decision.awaited() {
                Some(awaited) if awaited > self.n_written => self.by_write.push_back((awaited, place)),
                Some(_) | None => self.clear(place),
            }
        }
    }

    /// Whatever other nodes have yet to write down of what is void now, nobody writes down in their place.
    pub fn void(&mut self, is_void: &dyn Fn(&R) -> bool) {
        for (_, place) in self.by_author.values().flatten() {
            if let Some(waiting) = self.waiting.get_mut(place) {
                waiting.decision.effects.void_records(is_void);
            }
        }
    }

    /// Whether something waits for a write here.
    pub fn awaits_write(&self) -> bool {
        !self.by_write.is_empty() || !self.own_entries.is_empty()
    }

    /// The journal, for [`written`].
    pub fn writes(&self) -> Option<watch::Receiver<u64>> {
        self.writes.clone()
    }

    /// Whether as much waits as may.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_WAITING
    }
}

/// Resolves when more has been written.
pub async fn written(writes: &mut Option<watch::Receiver<u64>>) {
    if let Some(writes) = writes
        && writes.changed().await.is_ok()
    {
        return;
    }
    // The journal has ended without the write: what waits for it must never be done.
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::{Frame, NoRecord};

    fn member(name: &str) -> MemberId {
        MemberId::new(name).unwrap()
    }

    fn decision(event: &'static str, to: &[&str], awaited: Option<u64>) -> Decision<NoRecord> {
        let mut effects = Effects::none();
        if let Some(number) = awaited {
            effects.await_sync(number);
        }
        effects.tell_all(to.iter().map(|name| member(name)).collect(), Frame::bare(event));
        Decision::of(effects)
    }

    fn told(barrier: &mut WriteBarrier<NoRecord>) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(decision) = barrier.next() {
            for effect in decision.effects {
                if let Effect::Emit { frame, .. } = effect {
                    told.push(frame.event.into_owned());
                }
            }
        }
        told
    }

    #[test]
    fn nothing_overtakes_what_the_same_member_waits_for() {
        let (journal, writes) = watch::channel(0);
        let mut barrier = WriteBarrier::new(Some(writes));
        barrier.push(decision("first", &["ann"], None));
        barrier.push(decision("second", &["ann", "bob"], Some(2)));
        barrier.push(decision("third", &["bob", "cat"], None));
        barrier.push(decision("fourth", &["cat"], Some(1)));
        barrier.push(decision("elsewhere", &["dan"], None));
        assert_eq!(told(&mut barrier), ["first", "elsewhere"]);
        journal.send_replace(1);
        assert!(told(&mut barrier).is_empty(), "the fourth is behind the third, and that behind the second");
        journal.send_replace(2);
        assert_eq!(told(&mut barrier), ["second", "third", "fourth"]);
        assert!(barrier.waiting.is_empty());
    }

    #[test]
    fn a_refusal_of_the_disk_is_told_while_others_wait_for_it() {
        let (_journal, writes) = watch::channel(0);
        let mut barrier = WriteBarrier::new(Some(writes));
        barrier.push(decision("first", &["ann"], Some(1)));
        barrier.push(decision("refused", &["ann"], Some(0)));
        assert_eq!(told(&mut barrier), ["refused"]);
        assert!(!barrier.waiting.is_empty());
    }

    #[test]
    fn what_another_node_writes_down_is_told_once_it_has_or_once_it_is_written_down_here() {
        let (journal, writes) = watch::channel(0);
        let mut barrier = WriteBarrier::new(Some(writes));
        let [east, west] = ["east", "west"].map(Arc::<str>::from);
        barrier.push_of(&east, 1, decision("one", &["ann"], None), |_| true);
        barrier.push_of(&west, 2, decision("two", &["ann", "bob"], None), |_| true);
        barrier.push_of(&east, 3, decision("three", &["bob", "far"], None), |who| who != member("far"));
        barrier.push_of(&east, 4, decision("four", &["far"], None), |_| true);
        barrier.stored("east", 3);
        assert_eq!(told(&mut barrier), ["one"], "the third comes behind the second");
        barrier.inherit("west", |mut effects| {
            effects.await_sync(1);
            effects
        });
        assert!(told(&mut barrier).is_empty());
        journal.send_replace(1);
        assert_eq!(told(&mut barrier), ["two", "three"]);
        barrier.inherit("east", |effects| effects);
        assert_eq!(told(&mut barrier), ["four"]);
        assert!(barrier.waiting.is_empty());
    }

    #[test]
    fn what_is_void_is_written_down_for_no_node_that_is_lost() {
        let mut barrier = WriteBarrier::new(None);
        let east = Arc::<str>::from("east");
        let keeping = |records: &[&'static str]| {
            let mut effects = Effects::none();
            for record in records {
                effects.append_record(*record);
            }
            Decision::of(effects)
        };
        barrier.push_of(&east, 1, keeping(&["of ann", "of bob"]), |_| true);
        barrier.void(&|record| *record == "of ann");
        barrier.push_of(&east, 2, keeping(&["of ann, later"]), |_| true);
        let mut written = Vec::new();
        barrier.inherit("east", |effects| {
            written.extend(effects.into_iter().filter_map(|effect| match effect {
                Effect::Append(record) => Some(record),
                _ => None,
            }));
            Effects::none()
        });
        assert_eq!(written, ["of bob", "of ann, later"]);
    }
}
