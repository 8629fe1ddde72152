//! What is written down, and who waits for it.

use std::path::Path;

use super::*;
use crate::devices::directory::Directory;
use crate::devices::spool::{self, Limits};
use crate::effect::Effect;
use crate::rooms::Hub as _;
use crate::rooms::test_stage::{START, member};
use crate::runtime::{self, Clock, Context};

fn durable_hub(durability: Durability, folder: &Path) -> DurableHub {
    let config = Config { durability, ..Config::default() };
    let directory = || Directory::open(&folder.join("directory.db")).unwrap();
    let context = Context::new(Clock::start(), &runtime::Config::default());
    let limits = Limits { max_bytes: 64 << 20, segment_bytes: 1 << 20 };
    let lock = spool::lock(folder).unwrap();
    let (spool, _) = Spool::open(folder, [7; 8], limits, directory(), lock, context.token()).unwrap();
    let facts =
        LocalFacts::new(directory(), spool.clone(), tokio::sync::watch::channel(true).1, &config.rates());
    let auth = Arc::new(ArcSwap::from_pointee(config.auth().unwrap()));
    DurableHub::new(&config, facts, None, spool, auth, Arc::default(), START)
}

#[test]
fn others_are_told_after_the_disk_unless_durability_is_relaxed() {
    for (durability, waits) in [(Durability::Group, true), (Durability::Relaxed, false)] {
        let folder = tempfile::tempdir().unwrap();
        let mut durable_hub = durable_hub(durability, folder.path());
        let mut handshake = Handshake { address: [10, 0, 0, 1].into(), token: None };
        assert!(durable_hub.admit(member("ann"), &mut handshake, START).is_ok());
        durable_hub.connect(member("ann"), handshake, START);
        let named = RawValue::from_string(r#"{"device_id":"d1","identity":"x"}"#.into()).unwrap();
        let effects = durable_hub.handle(member("ann"), "", Some(&named), START);
        let effects = durable_hub.persist(effects);
        let told = effects.iter().position(|effect| matches!(effect, Effect::Emit { .. })).unwrap();
        let awaited = effects.iter().position(|effect| matches!(effect, Effect::AwaitSync(_)));
        assert_eq!(awaited.is_some_and(|awaited| awaited < told), waits, "{durability:?}: {effects:?}");
    }
}

#[test]
fn what_a_node_has_yet_to_write_of_an_erased_device_is_void() {
    let folder = tempfile::tempdir().unwrap();
    let mut durable_hub = durable_hub(Durability::Group, folder.path());
    durable_hub.shared = Some(Shared::new(&[7; 32]));
    let entry = |name: &str| {
        let device = DeviceId::new(name).unwrap();
        Entry {
            id: None,
            record: Record::RoomQuery { device, room: RoomId::new("E03EI3TX").unwrap(), at: START },
        }
    };
    assert!(durable_hub.take_void().is_none());
    durable_hub.command(Command::Erase(DeviceId::new("d1").unwrap()), START);
    let is_void = durable_hub.take_void().unwrap();
    assert!(is_void(&entry("d1")) && !is_void(&entry("d2")) && durable_hub.take_void().is_none());
}

#[test]
fn a_node_that_was_away_erases_what_was_erased_meanwhile_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut durable_hub = durable_hub(Durability::Group, folder.path());
    durable_hub.shared = Some(Shared::new(&[7; 32]));
    let erasures = [Erasure::new("d1", START)];
    let marker = || Record::Revoked { records: Vec::new(), at: START };
    let first = durable_hub.append(None, marker());
    durable_hub.catch_up(&erasures);
    durable_hub.catch_up(&erasures);
    assert_eq!(durable_hub.append(None, marker()), first + 2);
    // Its own are in its spool from the first.
    let later = START + Duration::from_secs(1);
    durable_hub.command(Command::Erase(DeviceId::new("d2").unwrap()), later);
    durable_hub.catch_up(&[Erasure::new("d1", START), Erasure::new("d2", later)]);
    assert_eq!(durable_hub.append(None, marker()), first + 4);
    // What the spool has of it from before is void, and what it said later is not.
    let query = |name: &str, at| {
        let device = DeviceId::new(name).unwrap();
        Record::RoomQuery { device, room: RoomId::new("E03EI3TX").unwrap(), at }
    };
    let is_void = |name, at| durable_hub.late.void(&query(name, at));
    assert!(is_void("d1", START) && !is_void("d1", later) && !is_void("d2", START));
}
