//! How much devices may send: each, and all those of one address together. Time comes in.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use super::protocol::names::DeviceId;
use crate::http::address::rate_limit_key;
use crate::rooms::{Allowance, Bucket};
use crate::time::Timestamp;

/// Senders that are remembered before those are looked for that need not be.
const KEPT: usize = 1024;

/// What one sender may send.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Frames a second on average, and at once.
    pub events: (u32, u32),
    /// Bytes a second on average, and at once.
    pub bytes: (u32, u32),
    /// All devices of one address may send as much as so many.
    pub devices_per_address: u32,
}

/// What everybody has sent lately.
pub struct Rates {
    devices: Senders<DeviceId>,
    addresses: Senders<IpAddr>,
}

impl Rates {
    /// Nobody has sent anything.
    pub fn new(limits: &Limits) -> Self {
        let n = limits.devices_per_address;
        let many = |(average, burst): (u32, u32)| (average.saturating_mul(n), burst.saturating_mul(n));
        Self {
            devices: Senders::new(limits.events, limits.bytes),
            addresses: Senders::new(many(limits.events), many(limits.bytes)),
        }
    }

    /// Forgets a device.
    pub fn forget(&mut self, device: &DeviceId) {
        self.devices.sent.remove(device);
    }

    /// Whether a device may send so many bytes more.
    pub fn take(&mut self, device: &DeviceId, address: IpAddr, bytes: usize, now: Timestamp) -> bool {
        self.devices.take(device, bytes as u64, now)
            && self.addresses.take(&rate_limit_key(address), bytes as u64, now)
    }
}

/// Senders of one kind.
struct Senders<K> {
    sent: HashMap<K, Sent>,
    events: Allowance,
    bytes: Allowance,
    /// As soon as there are so many, those are forgotten that have all of their allowance again.
    crowded: usize,
}

/// What one has sent.
#[derive(Default)]
struct Sent {
    events: Bucket,
    bytes: Bucket,
}

impl<K: Clone + Eq + Hash> Senders<K> {
    fn new(events: (u32, u32), bytes: (u32, u32)) -> Self {
        Self {
            sent: HashMap::new(),
            events: Allowance::new(events.0, events.1),
            bytes: Allowance::new(bytes.0, bytes.1),
            crowded: KEPT,
        }
    }

    fn take(&mut self, sender: &K, bytes: u64, now: Timestamp) -> bool {
        if self.sent.len() >= self.crowded {
            self.sent.retain(|_, sent| !(sent.events.is_empty(now) && sent.bytes.is_empty(now)));
            self.crowded = KEPT.max(2 * self.sent.len());
        }
        if !self.sent.contains_key(sender) {
            self.sent.insert(sender.clone(), Sent::default());
        }
        let Some(sent) = self.sent.get(sender) else { return false };
        sent.events.take(self.events, now) && sent.bytes.take_many(bytes, self.bytes, now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn many_ids_of_one_address_send_no_more_than_it_may() {
        let limits = Limits { events: (1, 2), bytes: (10, 1000), devices_per_address: 3 };
        let mut rates = Rates::new(&limits);
        let mut sent = |address: [u8; 4], bytes: usize, now: Timestamp| {
            let devices = (0..100).map(|n| DeviceId::new(&format!("d{n}")).unwrap());
            devices.filter(|device| rates.take(device, address.into(), bytes, now)).count()
        };
        assert_eq!(sent([10, 0, 0, 1], 1, NOW), 6, "three devices, two each");
        assert_eq!(sent([10, 0, 0, 2], 800, NOW), 3, "by bytes");
        assert_eq!(sent([10, 0, 0, 3], 1001, NOW + Duration::from_mins(1)), 0, "more than ever at once");
    }

    #[test]
    fn who_has_its_whole_allowance_again_is_forgotten() {
        let mut rates = Rates::new(&Limits { events: (1, 1), bytes: (1, 1), devices_per_address: 1 });
        for n in 0..10 * KEPT as u64 {
            let device = DeviceId::new(&format!("d{n}")).unwrap();
            let address = IpAddr::from([10, 0, (n >> 8) as u8, n as u8]);
            rates.take(&device, address, 1, NOW + Duration::from_secs(10 * n));
        }
        assert!(rates.devices.sent.len() <= KEPT && rates.addresses.sent.len() <= KEPT);
    }
}
