//! What a polling client posts, as far as it is looked at before the library reads it.

/// Between the packets of one payload, posted or polled.
pub const SEPARATOR: u8 = 0x1e;

/// A longer name of a namespace is no client's: the library answers with the name, and keeps the answer.
pub const MAX_NAMESPACE_BYTES: usize = 256;

/// Whether a payload asks for a namespace with too long a name.
pub fn is_abusive(payload: &[u8]) -> bool {
    let mut packets = payload.split(|byte| *byte == SEPARATOR);
    packets.any(|packet| {
        let namespace = packet.strip_prefix(b"40").filter(|rest| rest.starts_with(b"/")).unwrap_or_default();
        namespace.iter().take_while(|byte| **byte != b',').count() > MAX_NAMESPACE_BYTES
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_of_a_namespace_is_what_a_web_socket_may_say() {
        let named = |length: usize| format!("40/{},", "x".repeat(length - 1));
        assert!(!is_abusive(named(MAX_NAMESPACE_BYTES).as_bytes()));
        assert!(is_abusive(named(MAX_NAMESPACE_BYTES + 1).as_bytes()));
    }

    #[test]
    fn a_namespace_has_a_short_name() {
        let long = "x".repeat(300);
        assert!(is_abusive(format!("2\u{1e}40/{long},{{}}").as_bytes()));
        assert!(is_abusive(format!("40/{long}").as_bytes()));
        assert!(!is_abusive(format!("40/chat,{{\"token\":\"{long}\"}}").as_bytes()));
        assert!(!is_abusive(format!("40{{\"token\":\"/{long}\"}}").as_bytes()));
        assert!(!is_abusive(format!("42[\"40/{long}\"]").as_bytes()));
    }
}
