//! Who may have files: a ticket is good while the person that it was given to is in its room.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::party::{Holder, PersonId, TicketKey};
use crate::rooms::{Hub, Queries};
use crate::time::Timestamp;

/// What one person is sent at a time: a film, posters and subtitles, in several windows, with some that end late.
pub const MAX_SENT_TO_PERSON: usize = 64;

/// What one person uploads at a time: a page sends file after file, and there may be another window. Slow ones leave room for
/// others.
pub const MAX_TAKEN_FROM_PERSON: usize = 2;

/// Who asks, as its room has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The person.
    pub person: PersonId,
    /// Whether it may add to what its room plays.
    pub may_add: bool,
    /// The address that what it brings counts for; none if it is not there, or many share that one.
    pub from: Option<IpAddr>,
}

/// Says who brings a ticket, if it is good.
pub type TicketCheck = Arc<dyn Fn(&str) -> BoxFuture<'static, Option<Caller>> + Send + Sync>;

/// The check of a service: `tickets` says whose a ticket is, and the hub whether that one is in its room.
pub fn ticket_check<H: Hub>(
    queries: Queries<H>,
    tickets: TicketKey,
    caller: fn(&H, &Holder, Timestamp) -> Option<Caller>,
) -> TicketCheck {
    Arc::new(move |ticket| {
        let (holder, queries) = (tickets.read(ticket), queries.clone());
        Box::pin(async move {
            let holder = holder?;
            queries.find(move |hub, now| caller(hub, &holder, now)).await?
        })
    })
}

/// How much is sent, or taken, at a time, in all and of one person.
pub struct Slots {
    all: Arc<Semaphore>,
    max_of_person: usize,
    of_person: Arc<Mutex<HashMap<PersonId, usize>>>,
}

/// The right to one of them, until dropped.
pub struct Slot {
    _of_all: OwnedSemaphorePermit,
    person: PersonId,
    of_person: Arc<Mutex<HashMap<PersonId, usize>>>,
}

/// Why there is no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// All of them are taken.
    Full,
    /// The person has all that it may have.
    TooManyOfPerson,
}

impl Slots {
    /// So many in all, and of one person.
    pub fn new(max: usize, max_of_person: usize) -> Self {
        let all = Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        Self { all, max_of_person, of_person: Arc::default() }
    }

    /// Takes one for a person.
    pub fn take(&self, person: PersonId) -> Result<Slot, Busy> {
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Busy::Full)?;
        let mut taken = self.of_person.lock();
        let n = taken.entry(person).or_default();
        if *n >= self.max_of_person {
            return Err(Busy::TooManyOfPerson);
        }
        *n += 1;
        drop(taken);
        Ok(Slot { _of_all: of_all, person, of_person: Arc::clone(&self.of_person) })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.of_person.lock();
        if let Some(n) = taken.get_mut(&self.person) {
            *n -= 1;
            if *n == 0 {
                taken.remove(&self.person);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rooms::test_stage::member;

    #[test]
    fn one_person_cannot_take_every_slot_and_gives_back_what_it_has() {
        let slots = Slots::new(MAX_SENT_TO_PERSON + 2, MAX_SENT_TO_PERSON);
        let [ann, bob] = ["ann", "bob"].map(|name| PersonId::of_connection(member(name)));
        let held: Vec<Slot> = (0..MAX_SENT_TO_PERSON).map(|_| slots.take(ann).ok().unwrap()).collect();
        assert_eq!(slots.take(ann).err(), Some(Busy::TooManyOfPerson));
        let of_bob = [slots.take(bob).ok(), slots.take(bob).ok()];
        assert_eq!(slots.take(bob).err(), Some(Busy::Full));
        drop((held, of_bob));
        assert!(slots.take(ann).is_ok());
        assert!(slots.of_person.lock().is_empty());
    }
}
