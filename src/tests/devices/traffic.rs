//! Messages under way while something fails, and the account of each of them in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Device;
use crate::harness::eventually;

/// Devices that send; one more listens.
const SENDERS: usize = 3;

/// Between two messages of one sender.
const PACE: Duration = Duration::from_millis(4);

/// What has happened to the messages.
#[derive(Default)]
struct Account {
    acked: Mutex<BTreeSet<String>>,
    /// How often each was delivered to the listener.
    delivered: Mutex<BTreeMap<String, usize>>,
    latencies: Mutex<Vec<Duration>>,
    n_acked: AtomicUsize,
    is_over: AtomicBool,
}

/// Senders and a listener in one room; they come back whenever they are cut.
pub struct Traffic {
    account: Arc<Account>,
    threads: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Starts in a new room, for good.
    pub fn start(address: SocketAddr) -> Self {
        Self::over(&[address])
    }

    /// The same, over several nodes: who is cut off comes back to another one.
    pub fn over(addresses: &[SocketAddr]) -> Self {
        let nodes = |first: usize| Nodes { addresses: addresses.to_vec(), next: first };
        let (listener, _) = Device::join(addresses[0], "listener", None);
        let room = listener.room.clone();
        let account = Arc::new(Account::default());
        let epoch = Instant::now();
        let mut threads = vec![{
            let (account, room) = (Arc::clone(&account), room.clone());
            let nodes = nodes(1);
            std::thread::spawn(move || listen(&account, nodes, listener, &room, epoch))
        }];
        for sender in 0..SENDERS {
            let (account, room) = (Arc::clone(&account), room.clone());
            let nodes = nodes(sender);
            threads.push(std::thread::spawn(move || send(&account, nodes, sender, &room, epoch)));
        }
        Self { account, threads }
    }

    /// Waits until so many more messages were acknowledged.
    pub fn flow(&self, n: usize) {
        let goal = self.account.n_acked.load(Ordering::Relaxed) + n;
        eventually("acknowledgements", || {
            (self.account.n_acked.load(Ordering::Relaxed) >= goal).then_some(())
        });
    }

    /// Lets messages flow for a time.
    pub fn flow_for(&self, span: Duration) {
        let end = Instant::now() + span;
        while Instant::now() < end {
            self.flow(1);
        }
    }

    /// The latency that half of all deliveries stayed below since the last time this was asked.
    pub fn median_latency(&self) -> Duration {
        let mut latencies = std::mem::take(&mut *self.account.latencies.lock().unwrap());
        assert!(latencies.len() > 100, "only {} deliveries", latencies.len());
        latencies.sort_unstable();
        latencies[latencies.len() / 2]
    }

    /// Ends it; every message that was acknowledged or delivered must be stored exactly once.
    pub fn settle(self, stored: impl Fn() -> Vec<String>) {
        self.account.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        let acked = self.account.acked.lock().unwrap().clone();
        let delivered = self.account.delivered.lock().unwrap().clone();
        assert!(acked.len() > 100 && delivered.len() > 100, "{} and {}", acked.len(), delivered.len());
        let found = eventually("every message in the database", || {
            let mut found: BTreeMap<String, usize> = BTreeMap::new();
            for name in stored() {
                *found.entry(name).or_default() += 1;
            }
            let is_there = |name: &String| found.contains_key(name);
            (acked.iter().all(is_there) && delivered.keys().all(is_there)).then_some(found)
        });
        let doubled: Vec<_> = found.iter().filter(|(_, n)| **n > 1).collect();
        assert!(doubled.is_empty(), "stored twice: {doubled:?}");
        let doubled: Vec<_> = delivered.iter().filter(|(_, n)| **n > 1).collect();
        assert!(doubled.is_empty(), "delivered twice: {doubled:?}");
        println!("{} acknowledged, {} delivered, {} stored", acked.len(), delivered.len(), found.len());
    }
}

/// Where a device can connect to, in turn.
struct Nodes {
    addresses: Vec<SocketAddr>,
    next: usize,
}

impl Nodes {
    fn next(&mut self) -> SocketAddr {
        self.next += 1;
        self.addresses[(self.next - 1) % self.addresses.len()]
    }
}

/// Joins as soon as there is a server.
fn join(account: &Account, nodes: &mut Nodes, device: &str, room: &str) -> Option<Device> {
    loop {
        let address = nodes.next();
        let joined = std::panic::catch_unwind(|| {
            std::net::TcpStream::connect(address).ok()?;
            Device::try_join(address, device, room)
        });
        if let Ok(Some(device)) = joined {
            return Some(device);
        }
        if account.is_over.load(Ordering::Relaxed) {
            return None;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Sends one message after the other; what was not acknowledged is sent again after a cut.
fn send(account: &Account, mut nodes: Nodes, sender: usize, room: &str, epoch: Instant) {
    let name = format!("sender-{sender}");
    let Some(mut device) = join(account, &mut nodes, &name, room) else { return };
    let mut number = 0;
    while !account.is_over.load(Ordering::Relaxed) {
        let message_id = format!("{sender}-{number}");
        let at = epoch.elapsed().as_micros() as u64;
        let message =
            json!({"type": "message", "content": message_id, "message_id": message_id, "timestamp": at});
        device.try_say(&message);
        match heard_of(&mut device, &message_id) {
            Some(true) => {
                account.acked.lock().unwrap().insert(message_id);
                account.n_acked.fetch_add(1, Ordering::Relaxed);
                number += 1;
            }
            // The spool is full: it is said again later.
            Some(false) => {}
            None => match join(account, &mut nodes, &name, room) {
                Some(joined) => device = joined,
                None => return,
            },
        }
        std::thread::park_timeout(PACE);
    }
}

/// Whether a message was kept or refused; nothing if the connection ended.
fn heard_of(device: &mut Device, message_id: &str) -> Option<bool> {
    loop {
        let told = device.try_hear().ok()?;
        if told["type"] == "ack" {
            assert_eq!(told["message_id"], message_id);
            return Some(true);
        }
        if told["type"] == "error" {
            assert_eq!(told["message"], "Storage unavailable");
            return Some(false);
        }
    }
}

fn listen(account: &Account, mut nodes: Nodes, mut device: Device, room: &str, epoch: Instant) {
    device.be_impatient();
    while !account.is_over.load(Ordering::Relaxed) {
        match device.poll() {
            Ok(Some(told)) => {
                let Value::String(name) = &told["content"] else { continue };
                *account.delivered.lock().unwrap().entry(name.clone()).or_default() += 1;
                let sent = Duration::from_micros(told["timestamp"].as_u64().unwrap());
                account.latencies.lock().unwrap().push(epoch.elapsed().saturating_sub(sent));
            }
            Ok(None) => {}
            Err(()) => match join(account, &mut nodes, "listener", room) {
                Some(joined) => {
                    device = joined;
                    device.be_impatient();
                }
                None => return,
            },
        }
    }
}
