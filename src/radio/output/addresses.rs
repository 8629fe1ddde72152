//! What is kept of a listener's address, and the country that it is from.
//!
//! The country is looked up first: what is kept need not tell it any more.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use maxminddb::{Reader, path};
use parking_lot::Mutex;
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::random;
use crate::time::Timestamp;

/// The longest database of countries that is read into memory; that of cities has some 60 MB.
const MAX_DATABASE_BYTES: u64 = 512 * 1024 * 1024;

/// Bytes of a hash that are kept: enough to tell the listeners of a day apart.
const HASH_BYTES: usize = 8;

/// The length of a day, in milliseconds.
const DAY_MILLIS: u64 = 86_400_000;

/// What is kept of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressRule {
    /// All of it.
    Full,
    /// The network of it: /24, or /48 of IPv6.
    Short,
    /// A hash, with a key that is random and another one each day.
    Hash,
    /// Nothing.
    None,
}

/// Where a listener is from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// What is kept of its address; may be empty.
    pub address: Box<str>,
    /// Its country, like `DE`; empty if unknown.
    pub country: Box<str>,
}

/// Makes origins of addresses.
pub struct Addresses {
    rule: AddressRule,
    /// The day since the epoch, and its key.
    key: Mutex<(u64, hmac::Key)>,
    countries: Option<Reader<Vec<u8>>>,
}

impl Addresses {
    /// By a rule, with a database of countries if one is named.
    ///
    /// # Errors
    /// The database cannot be read, or is none.
    pub fn new(rule: AddressRule, database: &str) -> Result<Self> {
        let countries = (!database.is_empty()).then(|| read(Path::new(database))).transpose()?;
        Ok(Self { rule, key: Mutex::new((0, fresh_key())), countries })
    }

    /// What is kept of an address that is seen at a time of the wall clock.
    pub fn origin(&self, address: IpAddr, wall: Timestamp) -> Origin {
        let address = address.to_canonical();
        let country = self.country(address).unwrap_or_default();
        let address = match self.rule {
            AddressRule::Full => address.to_string(),
            AddressRule::Short => network(address).to_string(),
            AddressRule::Hash => self.hash(address, wall.as_millis() / DAY_MILLIS),
            AddressRule::None => String::new(),
        };
        Origin { address: address.into(), country }
    }

    fn country(&self, address: IpAddr) -> Option<Box<str>> {
        let found = self.countries.as_ref()?.lookup(address).ok()?;
        let code = |kind: &str| found.decode_path::<String>(&path![kind, "iso_code"]).ok().flatten();
        let code = code("country").or_else(|| code("registered_country"))?;
        let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        is_code.then(|| code.into())
    }

    fn hash(&self, address: IpAddr, day: u64) -> String {
        let mut key = self.key.lock();
        if key.0 != day {
            *key = (day, fresh_key());
        }
        hex::encode(&hmac::sign(&key.1, address.to_string().as_bytes()).as_ref()[..HASH_BYTES])
    }
}

/// Reads a database of countries.
///
/// # Errors
/// It cannot be read, or is none.
pub fn read(path: &Path) -> Result<Reader<Vec<u8>>> {
    let named = || format!("[radio] geoip_database = {:?}", path.display().to_string());
    let n_bytes = std::fs::metadata(path).with_context(named)?.len();
    ensure!(n_bytes <= MAX_DATABASE_BYTES, "{}: it has more than {MAX_DATABASE_BYTES} bytes", named());
    Reader::open_readfile(path).with_context(named)
}

fn fresh_key() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<32>())
}

/// The network of an address; this machine is no person.
fn network(address: IpAddr) -> IpAddr {
    match address {
        address if address.is_loopback() => address,
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & !0xff).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !(u128::MAX >> 48)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(addresses: &Addresses, address: &str, day: u64) -> String {
        let wall = Timestamp::from_millis(day * DAY_MILLIS + 1);
        addresses.origin(address.parse().unwrap(), wall).address.into()
    }

    #[test]
    fn no_more_is_kept_of_an_address_than_the_rule_says() {
        let by = |rule| Addresses::new(rule, "").unwrap();
        for (rule, v4, v6) in [
            (AddressRule::Full, "203.0.113.77", "2001:db8:1:2::3"),
            (AddressRule::Short, "203.0.113.0", "2001:db8:1::"),
            (AddressRule::None, "", ""),
        ] {
            assert_eq!(kept(&by(rule), "203.0.113.77", 1), v4, "{rule:?}");
            assert_eq!(kept(&by(rule), "2001:db8:1:2::3", 1), v6, "{rule:?}");
        }
        assert_eq!(kept(&by(AddressRule::Short), "::ffff:203.0.113.77", 1), "203.0.113.0");
        assert_eq!(kept(&by(AddressRule::Short), "127.0.0.1", 1), "127.0.0.1");
    }

    #[test]
    fn hashes_tell_listeners_of_a_day_apart_and_not_those_of_two_days() {
        let addresses = Addresses::new(AddressRule::Hash, "").unwrap();
        let first = kept(&addresses, "203.0.113.1", 1);
        assert_eq!(first.len(), 2 * HASH_BYTES);
        assert_eq!(first, kept(&addresses, "203.0.113.1", 1));
        assert_ne!(first, kept(&addresses, "203.0.113.2", 1));
        assert_ne!(first, kept(&addresses, "203.0.113.1", 2));
        let other = Addresses::new(AddressRule::Hash, "").unwrap();
        assert_ne!(first, kept(&other, "203.0.113.1", 1));
    }
}
