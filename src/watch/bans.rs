//! Addresses that may not connect for a time, on whichever node.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use crate::http::address::rate_limit_key;
use crate::rooms::TrackedMap;
use crate::time::{Timestamp, WallOffset};

/// The fact that tells nodes of all bans.
const FACT: &str = "bans";

/// What nodes tell each other beside the rooms.
type Facts = TrackedMap<String, String>;

/// Banned addresses, each until a moment: those that hold here, for a node does not ask about each handshake.
#[derive(Default)]
pub struct Bans(BTreeMap<IpAddr, Timestamp>);

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
    pub fn add(&mut self, facts: &mut Facts, address: IpAddr, until: Timestamp, now: Timestamp) {
        self.look(facts, now);
        self.0.insert(rate_limit_key(address), until);
        self.tell(facts);
    }

    /// Lets an address in again; false if it was not banned.
    pub fn lift(&mut self, facts: &mut Facts, address: IpAddr) -> bool {
        self.learn(facts);
        let was_banned = self.0.remove(&rate_limit_key(address)).is_some();
        if was_banned {
            self.tell(facts);
        }
        was_banned
    }

    /// Whether an address is banned.
    pub fn holds(&self, address: IpAddr, now: Timestamp) -> bool {
        self.0.get(&rate_limit_key(address)).is_some_and(|until| *until > now)
    }

    /// Takes over what other nodes tell, and drops bans that have ended.
    pub fn look(&mut self, facts: &Facts, now: Timestamp) {
        self.learn(facts);
        self.0.retain(|_, until| *until > now);
    }

    /// All of them, the first to end first.
    pub fn list(&self, wall: WallOffset) -> Vec<Ban> {
        let mut list: Vec<Ban> = self
            .0
            .iter()
            .map(|(address, until)| Ban { address: *address, until: wall.wall(*until).as_millis() })
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
    fn learn(&mut self, facts: &Facts) {
        if let Some(told) = facts.get(&FACT.to_owned()).and_then(|text| read(text)) {
            self.0 = told;
        }
    }

    fn tell(&self, facts: &mut Facts) {
        facts.insert(FACT.to_owned(), write(&self.0));
    }
}

fn read(text: &str) -> Option<BTreeMap<IpAddr, Timestamp>> {
    serde_json::from_str(text).ok()
}

fn write(bans: &BTreeMap<IpAddr, Timestamp>) -> String {
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
    fn told_by(facts: &Facts) -> Bans {
        let mut bans = Bans::default();
        bans.look(facts, NOW);
        bans
    }

    fn told(bans: &Bans) -> Vec<Ban> {
        bans.list(WallOffset::default())
    }

    #[test]
    fn a_ban_holds_wherever_it_was_heard_of_until_it_is_lifted_or_over() {
        let mut facts = Facts::default();
        let mut here = Bans::default();
        here.add(&mut facts, address(1), after(60), NOW);
        here.add(&mut facts, address(2), after(10), NOW);
        let mut there = told_by(&facts);
        assert!(there.holds(address(1), NOW) && there.holds(address(2), NOW));
        assert!(!there.holds(address(2), after(10)) && !there.holds(address(3), NOW));
        assert!(there.lift(&mut facts, address(1)) && !there.lift(&mut facts, address(1)));
        let here = told_by(&facts);
        assert!(!here.holds(address(1), NOW) && here.holds(address(2), NOW));
        there.look(&facts, after(11));
        assert!(told(&there).is_empty() && told(&here).len() == 1);
    }

    #[test]
    fn what_is_known_holds_while_nobody_tells_anything() {
        let mut facts = Facts::default();
        let mut bans = Bans::default();
        bans.add(&mut facts, address(1), after(60), NOW);
        facts.take_all();
        bans.look(&facts, NOW);
        assert!(bans.holds(address(1), NOW));
        // Whoever tells again tells that too.
        bans.add(&mut facts, address(2), after(60), NOW);
        assert_eq!(told(&told_by(&facts)).len(), 2);
    }

    #[test]
    fn bans_of_both_sides_hold_after_a_separation_and_the_longer_of_two() {
        let (mut ours, mut theirs) = (Facts::default(), Facts::default());
        Bans::default().add(&mut ours, address(1), after(60), NOW);
        let mut there = Bans::default();
        there.add(&mut theirs, address(1), after(90), NOW);
        there.add(&mut theirs, address(2), after(60), NOW);
        let text = |facts: &Facts| facts.get(&FACT.to_owned()).cloned().unwrap();
        let mut both = Facts::default();
        both.put(FACT.to_owned(), Some(Bans::merge(&text(&theirs), &text(&ours))));
        let both = told_by(&both);
        assert!(both.holds(address(1), after(80)) && both.holds(address(2), NOW));
    }
}
