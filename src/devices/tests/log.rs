//! Several nodes: the same log, the same rooms.

use std::sync::Arc;

use arc_swap::ArcSwap;
use expect_test::expect;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::devices::Config;
use crate::devices::directory::{Directory, LocalFacts};
use crate::devices::durable_hub::DurableHub;
use crate::devices::spool::{self, Limits, Spool};
use crate::rooms::replication::replay::{self, Draw};
use crate::rooms::test_stage::START;
use crate::runtime::{self, Clock, Context};

const EVENTS: [&str; 12] = [
    r#"["",{"device_id":"d1","identity":"x"}]"#,
    r#"["",{"device_id":"d2","identity":"x"}]"#,
    r#"["",{"device_id":3,"identity":"x"}]"#,
    r#"["",{"device_id":"d1","identity":"y","room_id":"ZZZZZZZZ"}]"#,
    r#"["message",{"type":"message","content":"to all"}]"#,
    r#"["message",{"type":"message","content":"once","message_id":1}]"#,
    r#"["message",{"type":"message","content":"once","message_id":2}]"#,
    r#"["message",{"type":"message","content":"to one","target_device_id":"d2"}]"#,
    r#"["message",{"type":"message","content":"to one","target_device_id":"3","message_id":3}]"#,
    r#"["query_room",{"type":"query_room"}]"#,
    r#"["message",{"type":"message"}]"#,
    r#"["message",{"type":"message","content":"x","message_id":[]}]"#,
];

/// A durable hub in a folder of its own, which stays until the test ends.
fn make(folder: &TempDir) -> DurableHub {
    let folder = tempfile::tempdir_in(folder).unwrap().keep();
    let config = Config { offline_queue: 3, ..Config::default() };
    let directory = || Directory::open(&folder.join("directory.db")).unwrap();
    let context = Context::new(Clock::start(), &runtime::Config::default());
    let limits = Limits { max_bytes: 1 << 20, segment_bytes: 1 << 16 };
    let lock = spool::lock(&folder).unwrap();
    let (spool, _) = Spool::open(&folder, [7; 8], limits, directory(), lock, context.token()).unwrap();
    let facts = LocalFacts::new(directory(), spool.clone(), watch::channel(true).1, &config.rates());
    let auth = Arc::new(ArcSwap::from_pointee(config.auth().unwrap()));
    DurableHub::new(&config, facts, Some(&[7; 32]), spool, auth, START)
}

/// An event; those who are not in a room say who they are.
fn event(durable_hub: &DurableHub, draw: &mut Draw) -> String {
    let is_empty = durable_hub.hub().n_rooms() == 0;
    (*draw.of(if is_empty { &EVENTS[..3] } else { &EVENTS })).to_owned()
}

const GRANT: Option<&str> = Some(r#""AnyDevice""#);

#[test]
fn a_log_replayed_comes_to_the_same_rooms_also_from_a_snapshot_on() {
    let folder = tempfile::tempdir().unwrap();
    replay::check(|| make(&folder), event, GRANT);
}

#[test]
fn other_rules_have_another_number() {
    let folder = tempfile::tempdir().unwrap();
    expect!["rules 5: 32a1adf344e15693"].assert_eq(&replay::golden(|| make(&folder), event, GRANT));
}
