//! Who may have files: a ticket is good while the member that it was given to sits in a room.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::effect::MemberId;
use crate::rooms::{Hub, Queries};
use crate::time::Timestamp;

/// What one member is sent at a time: a film, posters and subtitles, in several windows, with some that end late.
const MAX_OF_MEMBER: usize = 64;

/// Who asks, as its room has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The member.
    pub member: MemberId,
    /// Whether it may add to what its room plays.
    pub may_add: bool,
}

/// Says who brings a ticket, if it is good.
pub type Door = Arc<dyn Fn(&str) -> BoxFuture<'static, Option<Caller>> + Send + Sync>;

/// The door of a service: `read` says whose a ticket is, and the hub whether that one sits in a room.
pub fn door<H: Hub>(
    queries: Queries<H>,
    read: impl Fn(&str) -> Option<MemberId> + Send + Sync + 'static,
    caller: fn(&H, MemberId, Timestamp) -> Option<Caller>,
) -> Door {
    Arc::new(move |ticket| {
        let (member, queries) = (read(ticket), queries.clone());
        Box::pin(async move {
            let member = member?;
            queries.find(move |hub, now| caller(hub, member, now)).await?
        })
    })
}

/// How much is sent at a time, in all and to one member.
pub struct Slots {
    all: Arc<Semaphore>,
    of_member: Arc<Mutex<HashMap<MemberId, usize>>>,
}

/// The right to be sent something, until dropped.
pub struct Slot {
    _of_all: OwnedSemaphorePermit,
    member: MemberId,
    of_member: Arc<Mutex<HashMap<MemberId, usize>>>,
}

/// Why there is no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// All of them are taken.
    Full,
    /// The member has all that it may have.
    TooManyOfMember,
}

impl Slots {
    /// So many in all.
    pub fn new(max: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))), of_member: Arc::default() }
    }

    /// Takes one for a member.
    pub fn take(&self, member: MemberId) -> Result<Slot, Busy> {
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Busy::Full)?;
        let mut taken = self.of_member.lock();
        let n = taken.entry(member).or_default();
        if *n >= MAX_OF_MEMBER {
            return Err(Busy::TooManyOfMember);
        }
        *n += 1;
        drop(taken);
        Ok(Slot { _of_all: of_all, member, of_member: Arc::clone(&self.of_member) })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.of_member.lock();
        if let Some(n) = taken.get_mut(&self.member) {
            *n -= 1;
            if *n == 0 {
                taken.remove(&self.member);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_member_cannot_take_every_slot_and_gives_back_what_it_has() {
        let slots = Slots::new(MAX_OF_MEMBER + 2);
        let [ann, bob] = ["ann", "bob"].map(|name| MemberId::new(name).unwrap());
        let held: Vec<Slot> = (0..MAX_OF_MEMBER).map(|_| slots.take(ann).ok().unwrap()).collect();
        assert_eq!(slots.take(ann).err(), Some(Busy::TooManyOfMember));
        let of_bob = [slots.take(bob).ok(), slots.take(bob).ok()];
        assert_eq!(slots.take(bob).err(), Some(Busy::Full));
        drop((held, of_bob));
        assert!(slots.take(ann).is_ok());
        assert!(slots.of_member.lock().is_empty());
    }
}
