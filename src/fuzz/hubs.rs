//! Fuzz targets of the services' rules: two members say the input, line by line.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytes::Bytes;

use crate::effect::MemberId;
use crate::rooms::{Departure, Handshake, Hub, Incoming};
use crate::time::Timestamp;
use crate::{devices, music, signal, watch};

/// When every input begins.
const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// What passes at an empty line.
const PAUSE: Duration = Duration::from_secs(20);

/// More lines are of no interest.
const MAX_LINES: usize = 200;

pub fn devices(input: &[u8]) {
    converse(devices::fuzz::Rules::default(), input, Incoming::frame, |_| ());
}

pub fn music(input: &[u8]) {
    converse(music::fuzz::hub(START), input, packet, keep);
}

pub fn signal(input: &[u8]) {
    converse(signal::fuzz::hub(), input, packet, keep);
}

pub fn watch(input: &[u8]) {
    converse(watch::fuzz::hub(START), input, packet, keep);
}

fn packet(text: Bytes) -> Incoming {
    Incoming::packet(text, Some(1))
}

/// A line is said by the first member, or by the second if it begins with a blank; at an empty one time passes.
fn converse<H: Hub>(mut hub: H, input: &[u8], incoming: fn(Bytes) -> Incoming, check: fn(&mut H)) {
    let mut now = START;
    let (ann, bob) = (connect(&mut hub, "ann", now), connect(&mut hub, "bob", now));
    for line in input.split(|byte| *byte == b'\n').take(MAX_LINES) {
        let (who, line) = match line {
            [] => {
                now = now + PAUSE;
                let _ = hub.handle_timeout(now);
                continue;
            }
            [b' ', line @ ..] => (bob, line),
            line => (ann, line),
        };
        // A message that is no text goes no further.
        let Ok(line) = str::from_utf8(line) else { continue };
        let incoming = incoming(Bytes::copy_from_slice(line.as_bytes()));
        if let Some(event) = incoming.read() {
            let _ = hub.handle(who, &event.name, event.payload, now);
        }
    }
    check(&mut hub);
    let cat = connect(&mut hub, "cat", now);
    for member in [ann, bob, cat] {
        let _ = hub.leave(member, Departure::CutOff, now);
    }
    assert_eq!(hub.census().n_seated, 0, "who has left has a seat");
}

fn connect(hub: &mut impl Hub, name: &str, now: Timestamp) -> MemberId {
    let member = MemberId::new(name).expect("a short name is a member's");
    let handshake = Handshake { address: IpAddr::V4(Ipv4Addr::LOCALHOST), token: None };
    let _ = hub.connect(member, handshake, now);
    member
}

/// Every room comes back from the disk as it went.
fn keep<H: Hub>(hub: &mut H) {
    for (id, room) in hub.rooms().all() {
        let kept = serde_json::to_string(room).expect("a room has string keys");
        let back: H::Room =
            serde_json::from_str(&kept).unwrap_or_else(|error| panic!("{id}: {error}: {kept}"));
        let value = |room| serde_json::to_value(room).expect("a room has string keys");
        assert_eq!(value(&back), value(room));
    }
}
