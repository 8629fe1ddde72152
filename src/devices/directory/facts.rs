//! Looks up what the rules ask for: in what has just happened, then in the directory.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::error;

use super::Directory;
use super::recent::Recent;
use crate::devices::facts::{Capacity, Facts};
use crate::devices::protocol::names::{DeviceId, RoomId};
use crate::devices::rates::{self, Rates};
use crate::devices::record::{Record, RecordId, SequenceNumber};
use crate::devices::spool::Spool;
use crate::random;
use crate::time::Timestamp;

/// Random bytes that make a room's name, nearly always.
const NAME_RANDOMNESS: usize = 32;

/// The facts of this machine.
pub struct LocalFacts {
    /// Never shared: a hub must be `Sync`, and a database's handle is not.
    directory: Mutex<Directory>,
    recent: Recent,
    spool: Spool,
    /// Whether the directory has all that the database knows.
    learned: watch::Receiver<bool>,
    /// What devices have sent to this node lately.
    rates: Mutex<Rates>,
    /// Whether the last lookup failed: its answer was no answer, and nothing is decided by it.
    is_failing: AtomicBool,
}

impl LocalFacts {
    /// Facts from a directory, and from what goes into the spool.
    pub fn new(
        directory: Directory,
        spool: Spool,
        learned: watch::Receiver<bool>,
        rates: &rates::Limits,
    ) -> Self {
        Self {
            directory: Mutex::new(directory),
            recent: Recent::default(),
            spool,
            learned,
            rates: Mutex::new(Rates::new(rates)),
            is_failing: AtomicBool::new(false),
        }
    }

    /// Takes note of a record that has just been appended.
    pub fn note(&mut self, sequence: SequenceNumber, record: Record) {
        self.recent.forget(self.spool.known());
        if let Record::Erased { device, .. } = &record {
            self.rates.lock().forget(device);
        }
        self.recent.add(sequence, record);
    }

    /// What a lookup says. Of one that fails, [`Facts::storage`] is told: it is asked after the others.
    fn known<T: Default>(&self, look_up: impl FnOnce(&Directory) -> rusqlite::Result<T>) -> T {
        let looked_up = look_up(&self.directory.lock());
        let has_failed = self.is_failing.swap(looked_up.is_err(), Ordering::Relaxed);
        looked_up.unwrap_or_else(|problem| {
            if !has_failed {
                error!(%problem, "the directory of rooms and devices cannot be read; messages and joins are refused");
            }
            T::default()
        })
    }
}

impl Facts for LocalFacts {
    fn are_complete(&self) -> bool {
        *self.learned.borrow()
    }

    fn has_room(&self, room: RoomId) -> bool {
        self.recent.has_room(room) || self.known(|directory| directory.has_room(room))
    }

    fn last_room(&self, device: &DeviceId) -> Option<RoomId> {
        self.recent.last_room(device).or_else(|| self.known(|directory| directory.last_room(device)))
    }

    fn was_said(&self, device: &DeviceId, identity: RecordId) -> bool {
        self.recent.was_said(identity) || self.known(|directory| directory.was_said(device, identity))
    }

    fn waiting(&self, device: &DeviceId, room: RoomId) -> Vec<Box<str>> {
        let (sequence, mut waiting) = self.known(|directory| directory.waiting(device, room));
        self.recent.add_waiting(device, room, sequence, &mut waiting);
        waiting
    }

    fn capacity(&self, bytes: usize) -> Capacity {
        let is_failing = self.is_failing.load(Ordering::Relaxed)
            && self.known(|directory| directory.position().map(Some)).is_none();
        if self.spool.has_room(bytes) && !is_failing { Capacity::Available } else { Capacity::Full }
    }

    fn are_within_limits(&self, device: &DeviceId, address: IpAddr, bytes: usize, now: Timestamp) -> bool {
        self.rates.lock().take(device, address, bytes, now)
    }

    fn new_room(&self) -> RoomId {
        loop {
            let drawn = RoomId::from_random(&random::bytes::<NAME_RANDOMNESS>());
            if let Some(room) = drawn.filter(|room| !self.has_room(*room)) {
                return room;
            }
        }
    }

    fn new_connection(&self) -> RecordId {
        RecordId(random::bytes())
    }
}
