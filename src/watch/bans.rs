//! Addresses that may not connect for a time, on whichever node.

use std::collections::HashMap;
use std::net::IpAddr;

use serde::Serialize;

use crate::http::address::subscriber;
use crate::switchboard::Ledger;
use crate::time::Timestamp;

/// The fact that tells nodes of all bans.
const FACT: &str = "bans";

/// Banned addresses, each until a moment.
#[derive(Default)]
pub struct Bans {
    /// Those that hold here: a node does not ask the others about each newcomer.
    held: HashMap<IpAddr, Timestamp>,
    /// What the nodes tell each other.
    pub ledger: Ledger<String, String>,
}

/// A ban as operators see it.
#[derive(Debug, Serialize)]
pub struct Ban {
    /// The address; of IPv6, the first of the /64 that is banned.
    pub address: IpAddr,
    /// When it ends, in milliseconds since the epoch.
    pub until: u64,
}

impl Bans {
    /// Bans an address, and the others of its subscriber.
    pub fn add(&mut self, address: IpAddr, until: Timestamp) {
        self.learn();
        self.held.insert(subscriber(address), until);
        self.tell();
    }

    /// Lets an address in again; false if it was not banned.
    pub fn lift(&mut self, address: IpAddr) -> bool {
        self.learn();
        let was_banned = self.held.remove(&subscriber(address)).is_some();
        if was_banned {
            self.tell();
        }
        was_banned
    }

    /// Whether an address is banned.
    pub fn holds(&self, address: IpAddr, now: Timestamp) -> bool {
        self.held.get(&subscriber(address)).is_some_and(|until| *until > now)
    }

    /// Takes over what other nodes tell, and drops bans that have ended.
    pub fn look(&mut self, now: Timestamp) {
        self.learn();
        self.held.retain(|_, until| *until > now);
    }

    /// All of them, the first to end first.
    pub fn list(&self) -> Vec<Ban> {
        let mut list: Vec<Ban> = self
            .held
            .iter()
            .map(|(address, until)| Ban { address: *address, until: until.as_millis() })
            .collect();
        list.sort_by_key(|ban| (ban.until, ban.address));
        list
    }

    /// The bans of nodes that were out of each other's reach: both's, and of two for one address the longer.
    pub fn merge(theirs: &str, ours: &str) -> String {
        let mut bans = read(theirs).unwrap_or_default();
        for (address, until) in read(ours).unwrap_or_default() {
            let known = bans.entry(address).or_insert(until);
            *known = until.max(*known);
        }
        write(&bans)
    }

    /// Where nothing is told, what was known goes on to hold.
    fn learn(&mut self) {
        if let Some(told) = self.ledger.get(&FACT.to_owned()).and_then(|text| read(text)) {
            self.held = told;
        }
    }

    fn tell(&mut self) {
        self.ledger.insert(FACT.to_owned(), write(&self.held));
    }
}

fn read(text: &str) -> Option<HashMap<IpAddr, Timestamp>> {
    serde_json::from_str(text).ok()
}

fn write(bans: &HashMap<IpAddr, Timestamp>) -> String {
    serde_json::to_string(bans).expect("addresses are written as text")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn address(last: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, last])
    }

    fn after(seconds: u64) -> Timestamp {
        Timestamp::from_millis(NOW.as_millis() + seconds * 1000)
    }

    /// What a node knows once it has looked at what another one tells.
    fn told_by(other: &Bans) -> Bans {
        let mut bans = Bans::default();
        bans.ledger.put(FACT.to_owned(), other.ledger.peek(&FACT.to_owned()).cloned());
        bans.look(NOW);
        bans
    }

    #[test]
    fn a_ban_holds_wherever_it_was_heard_of_until_it_is_lifted_or_over() {
        let mut here = Bans::default();
        here.add(address(1), after(60));
        here.add(address(2), after(10));
        let mut there = told_by(&here);
        assert!(there.holds(address(1), NOW) && there.holds(address(2), NOW));
        assert!(!there.holds(address(2), after(10)) && !there.holds(address(3), NOW));
        assert!(there.lift(address(1)) && !there.lift(address(1)));
        let here = told_by(&there);
        assert!(!here.holds(address(1), NOW) && here.holds(address(2), NOW));
        there.look(after(11));
        assert!(told_by(&there).list().len() == 1 && here.list().len() == 1);
    }

    #[test]
    fn what_is_known_holds_while_nobody_tells_anything() {
        let mut bans = Bans::default();
        bans.add(address(1), after(60));
        bans.ledger.clear();
        bans.look(NOW);
        assert!(bans.holds(address(1), NOW));
        // Whoever tells again tells that too.
        bans.add(address(2), after(60));
        assert_eq!(told_by(&bans).list().len(), 2);
    }

    #[test]
    fn bans_of_both_sides_hold_after_a_separation_and_the_longer_of_two() {
        let (mut ours, mut theirs) = (Bans::default(), Bans::default());
        ours.add(address(1), after(60));
        theirs.add(address(1), after(90));
        theirs.add(address(2), after(60));
        let text = |bans: &Bans| bans.ledger.peek(&FACT.to_owned()).cloned().unwrap();
        let mut both = Bans::default();
        both.ledger.put(FACT.to_owned(), Some(Bans::merge(&text(&theirs), &text(&ours))));
        both.look(NOW);
        assert!(both.holds(address(1), after(80)) && both.holds(address(2), NOW));
    }
}
