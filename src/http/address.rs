//! Whose request it is: the peer, or the client that a trusted proxy names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderMap;
use ipnet::IpNet;

/// The header in which proxies name the client, and each other.
pub const FORWARDED_FOR: &str = "x-forwarded-for";

/// The peer of a connection over a unix socket, which has no address. No other connection comes from this one.
pub const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// How [`UNKNOWN`] is named among networks.
const UNIX: &str = "unix";

/// The network that a text names; a lone address is a network of one.
pub fn network(text: &str) -> Option<IpNet> {
    if text == UNIX {
        return Some(UNKNOWN.into());
    }
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// The address of the client, for limits and rules.
///
/// Reads `X-Forwarded-For` from the right, past every trusted proxy: what stands further left was
/// written by the client itself. A peer that is no trusted proxy is the client, whatever it says.
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return peer;
    }
    let mut client = peer;
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    for hop in lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.rsplit(',')) {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
        if !is_trusted(&client) {
            break;
        }
    }
    client
}

/// What limits count by: an IPv4 address, or the /64 that one IPv6 subscriber has.
pub fn rate_limit_key(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !(u128::MAX >> 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen_from(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let trusted = [network("10.0.0.0/8").unwrap(), network("192.0.2.7").unwrap()];
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_stranger_cannot_choose_its_address() {
        assert_eq!(seen_from("203.0.113.9", &["1.2.3.4"]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_names_the_client_and_what_the_client_wrote_is_ignored() {
        assert_eq!(seen_from("10.0.0.1", &["6.6.6.6, 203.0.113.9, 192.0.2.7"]), "203.0.113.9");
        assert_eq!(seen_from("10.0.0.1", &["6.6.6.6", "203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn over_a_unix_socket_the_client_is_nobody_unless_such_proxies_are_trusted() {
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, "203.0.113.9".parse().unwrap());
        assert_eq!(client(UNKNOWN, &headers, &[network("10.0.0.0/8").unwrap()]), UNKNOWN);
        assert_eq!(client(UNKNOWN, &headers, &[network("unix").unwrap()]).to_string(), "203.0.113.9");
        assert!(!UNKNOWN.is_loopback());
    }

    #[test]
    fn nonsense_from_a_trusted_proxy_is_the_proxy_itself() {
        assert_eq!(seen_from("10.0.0.1", &["nonsense"]), "10.0.0.1");
        assert_eq!(seen_from("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn one_ipv6_subscriber_is_one() {
        let of = |text: &str| rate_limit_key(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
