//! How many rooms one address may have made: whoever makes more takes them from everybody else.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::http::address::rate_limit_key;

/// How many rooms of one address may exist at a time.
#[derive(Debug, Clone)]
pub struct RoomQuota {
    max: usize,
    exempt: Vec<IpNet>,
}

impl RoomQuota {
    /// So many; loopback and those networks, which many clients share, may make any number.
    pub fn new(max: usize, exempt: Vec<IpNet>) -> Self {
        Self { max, exempt }
    }

    /// What a room that is made from there is counted under: the address, or the /64 of IPv6; `None` if it is exempt.
    pub fn counted(&self, address: IpAddr) -> Option<IpAddr> {
        let is_exempt = address.is_loopback() || self.exempt.iter().any(|network| network.contains(&address));
        (!is_exempt).then(|| rate_limit_key(address))
    }

    /// Whether one more room may be made, beside those that were made from the given addresses and still exist.
    pub fn allows(&self, counted: Option<IpAddr>, made_from: impl Iterator<Item = Option<IpAddr>>) -> bool {
        counted.is_none() || made_from.filter(|from| *from == counted).take(self.max).count() < self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_makes_so_many_rooms_and_no_other_pays_for_it() {
        let quota = RoomQuota::new(2, vec!["10.0.0.0/8".parse().unwrap()]);
        let [eve, eve2, bob] =
            ["2001:db8::1", "2001:db8::2", "192.0.2.1"].map(|text| quota.counted(address(text)));
        assert_eq!(eve, eve2, "a /64 of IPv6 is one address");
        let made = [eve, eve, bob, None];
        assert!(!quota.allows(eve2, made.into_iter()) && quota.allows(bob, made.into_iter()));
        assert!(quota.allows(eve, made[1..].iter().copied()), "a room that is gone does not count");
        for exempt in ["127.0.0.1", "::1", "10.1.2.3"] {
            assert_eq!(quota.counted(address(exempt)), None, "{exempt}");
            assert!(quota.allows(None, [None; 5].into_iter()));
        }
    }
}
