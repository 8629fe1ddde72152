//! Rooms that are kept in pieces, with the rules of `watch` as those of any service.

use super::*;
use crate::watch::Config as WatchConfig;
use crate::watch::tests::stage;

#[test]
fn a_thousand_changed_rooms_do_not_hold_up_members_and_all_are_written() {
    let mut stage = stage(&WatchConfig::default());
    stage.hub.rooms().note_changes();
    for n in 0..1_000 {
        stage.play(&format!(
            r#"m{n} connects with key
            m{n}: room:create {{"name":"{n}","userName":"Ann"}}"#
        ));
    }
    let (writer, batches) = channel();
    let is_writing = Arc::new(AtomicBool::new(false));
    let mut store = SnapshotStore {
        seed: random_seed(),
        clock: Clock::start(),
        service: "watch",
        found: Vec::new(),
        changed: Vec::new(),
        texts: Vec::new(),
        forgotten: Vec::new(),
        offset: WallOffset::default(),
        writer,
        is_writing: Arc::clone(&is_writing),
    };
    assert!(store.keep(&mut stage.hub, Flush::Soon), "there is another piece");
    stage.play("m7: play:change {\"type\":\"play\",\"url\":\"late\"}");
    let mut n_pieces = 2;
    while store.keep(&mut stage.hub, Flush::Soon) {
        n_pieces += 1;
    }
    let batch = batches.try_recv().unwrap().rooms;
    let n_bytes: usize = batch.iter().filter_map(|(_, text)| text.as_ref()).map(String::len).sum();
    assert!(n_pieces >= n_bytes / (2 * PIECE_BYTES), "{n_pieces} pieces of {n_bytes} bytes");
    assert_eq!(batch.len(), 1_000);
    assert!(!store.keep(&mut stage.hub, Flush::Soon));
    assert!(batches.try_recv().is_err(), "the disk is behind");
    is_writing.store(false, Ordering::Release);
    assert!(!store.keep(&mut stage.hub, Flush::Soon));
    let (_, text) = batches.try_recv().unwrap().rooms.pop().unwrap();
    assert!(text.unwrap().contains("late"));
}
