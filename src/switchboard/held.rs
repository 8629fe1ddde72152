//! What the rules have decided and nobody has been told yet, because something must be on disk first.
//!
//! Effects are performed in the order of the rules, whether they wait or not: a member is told of nothing before
//! what came earlier, but for the refusals of a disk that takes no more. A hub that keeps no journal never holds
//! anything back.

use std::collections::VecDeque;

use tokio::sync::watch;

use crate::effect::{Effect, Effects, MemberId};
use crate::time::Timestamp;

/// Deeds that may wait; while there are as many, no arrivals are taken, and the inbox fills within its bounds.
const MAX_HELD: usize = 16_384;

/// What came of one arrival.
pub struct Deed {
    /// What is to be done.
    pub effects: Effects,
    /// Who asked, and under which number it wants its answer.
    pub asker: Option<(MemberId, i64)>,
    /// When the event came, if it was one.
    pub arrived_at: Option<Timestamp>,
}

impl Deed {
    /// A deed that answers nobody.
    pub fn of(effects: Effects) -> Self {
        Self { effects, asker: None, arrived_at: None }
    }
}

/// Deeds in order, each with the write that it waits for.
pub struct Held {
    deeds: VecDeque<(u64, Deed)>,
    /// Deeds that wait for nothing, not even for others: that the disk takes no more is told while it does not.
    urgent: VecDeque<Deed>,
    writes: Option<watch::Receiver<u64>>,
    n_written: u64,
}

impl Held {
    /// Nothing waits; `writes` is the number of the journal's last write on disk.
    pub fn new(writes: Option<watch::Receiver<u64>>) -> Self {
        Self { deeds: VecDeque::new(), urgent: VecDeque::new(), writes, n_written: 0 }
    }

    /// Adds a deed behind all others, if it does not say that it waits for nothing.
    pub fn push(&mut self, deed: Deed) {
        if deed.effects.iter().any(|effect| matches!(effect, Effect::AwaitWrite(0))) {
            self.urgent.push_back(deed);
            return;
        }
        let number = |effect: &Effect| match effect {
            Effect::AwaitWrite(number) => *number,
            _ => 0,
        };
        let awaited = deed.effects.iter().map(number).max().unwrap_or(0);
        self.deeds.push_back((awaited, deed));
    }

    /// The next deed, unless it has to wait.
    pub fn next(&mut self) -> Option<Deed> {
        if let Some(deed) = self.urgent.pop_front() {
            return Some(deed);
        }
        let (awaited, _) = self.deeds.front()?;
        if *awaited > self.n_written {
            self.n_written = self.writes.as_mut().map_or(u64::MAX, |writes| *writes.borrow_and_update());
            if *awaited > self.n_written {
                return None;
            }
        }
        self.deeds.pop_front().map(|(_, deed)| deed)
    }

    /// Whether something waits.
    pub fn is_waiting(&self) -> bool {
        !self.deeds.is_empty()
    }

    /// Whether as much waits as may.
    pub fn is_full(&self) -> bool {
        self.deeds.len() >= MAX_HELD
    }

    /// Resolves when more has been written.
    pub async fn written(&mut self) {
        if let Some(writes) = &mut self.writes
            && writes.changed().await.is_err()
        {
            // The journal has ended without the write: what waits for it must never be done.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(code: &'static str, awaited: Option<u64>) -> Deed {
        let mut effects = Effects::none();
        if let Some(number) = awaited {
            effects.await_write(number);
        }
        effects.refused(code);
        Deed::of(effects)
    }

    #[tokio::test]
    async fn nothing_overtakes_a_deed_that_waits_for_the_disk() {
        let (journal, writes) = watch::channel(0);
        let mut held = Held::new(Some(writes));
        held.push(deed("first", None));
        held.push(deed("second", Some(2)));
        held.push(deed("third", None));
        assert!(held.next().is_some());
        assert!(held.next().is_none());
        journal.send_replace(1);
        held.written().await;
        assert!(held.next().is_none());
        journal.send_replace(2);
        held.written().await;
        assert!(held.next().is_some() && held.next().is_some());
        assert!(!held.is_waiting());
    }

    #[test]
    fn a_refusal_of_the_disk_is_told_while_others_wait_for_it() {
        let (_journal, writes) = watch::channel(0);
        let mut held = Held::new(Some(writes));
        held.push(deed("first", Some(1)));
        held.push(deed("refused", Some(0)));
        assert_eq!(held.next().unwrap().effects.iter().count(), 2);
        assert!(held.next().is_none() && held.is_waiting());
    }
}
