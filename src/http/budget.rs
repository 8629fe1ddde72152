//! Memory for what is not here whole: messages and bodies of all connections share one budget.
//!
//! A slow sender costs what it has sent so far, for as long as it takes. A connection's own place pays for a small
//! part of it; the rest comes out of the budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::runtime::memory;

/// Bytes of one unfinished message or body that come out of no budget: small ones always get through.
pub const FREE_BYTES: usize = 16 * 1024;

/// What all unfinished messages and bodies of the process may hold.
#[derive(Debug)]
pub struct Budget {
    max_bytes: usize,
    used_bytes: AtomicUsize,
}

impl Budget {
    /// A budget of which nothing is used.
    pub fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self { max_bytes, used_bytes: AtomicUsize::new(0) })
    }

    fn take(&self, bytes: usize) -> Result<(), Exhausted> {
        let fits = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.max_bytes);
        let taken = self.used_bytes.try_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        taken.map(drop).map_err(|_| Exhausted)
    }
}

/// Others hold all that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

/// A part of a budget, given back when dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Share {
    /// Holds nothing yet.
    pub fn new(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Takes or gives back, so that `held_bytes` are paid for.
    pub fn cover(&mut self, held_bytes: usize) -> Result<(), Exhausted> {
        let needed = held_bytes.saturating_sub(FREE_BYTES);
        if needed > self.bytes {
            self.budget.take(needed - self.bytes)?;
        } else if needed < self.bytes {
            self.give_back(self.bytes - needed);
        }
        self.bytes = needed;
        Ok(())
    }

    fn give_back(&self, bytes: usize) {
        self.budget.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        memory::freed(bytes);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.give_back(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_by_others() {
        let budget = Budget::new(1000);
        let (mut first, mut second) = (Share::new(&budget), Share::new(&budget));
        assert_eq!(first.cover(FREE_BYTES + 800), Ok(()));
        assert_eq!(second.cover(FREE_BYTES), Ok(()), "small ones cost nothing");
        assert_eq!(second.cover(FREE_BYTES + 201), Err(Exhausted));
        assert_eq!(first.cover(0), Ok(()));
        assert_eq!(second.cover(FREE_BYTES + 1000), Ok(()));
        drop(second);
        assert_eq!(first.cover(FREE_BYTES + 1000), Ok(()));
    }
}
