//! The spool on disk: what is written comes back, whatever happens to its files.
#![allow(clippy::disallowed_methods, reason = "the test runs where there is no clock to be given")]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::reader::Reader;
use super::segment::{self, HEAD_BYTES, Position};
use super::{Limits, Recovered, Spool, lock};
use crate::devices::directory::Directory;
use crate::devices::protocol::names::{DeviceId, RoomId};
use crate::devices::record::{Message, Record, RecordId};
use crate::runtime::{Clock, Config, Context};
use crate::time::Timestamp;

const LIMITS: Limits = Limits { max_bytes: 16 * 1024 * 1024, segment_bytes: 1024 * 1024 };

fn open(folder: &Path) -> (Spool, Recovered, Context) {
    open_with(folder, LIMITS)
}

fn open_with(folder: &Path, limits: Limits) -> (Spool, Recovered, Context) {
    let context = Context::new(Clock::start(), &Config::default());
    let directory = Directory::open(&folder.join("directory.db")).unwrap();
    let run = context.clock.now().as_micros().to_be_bytes();
    let lock = lock(folder).unwrap();
    let (spool, recovered) = Spool::open(folder, run, limits, directory, lock, context.token()).unwrap();
    (spool, recovered, context)
}

/// Ends a spool's thread, with everything on disk.
async fn end(spool: Spool, context: Context) {
    spool.close();
    drop(spool);
    context.stop();
    context.stopped().await;
}

fn message(number: usize, bytes: usize) -> Record {
    Record::Message(Message {
        from: DeviceId::new("d1").unwrap(),
        to: None,
        room: RoomId::new("AAAAAAAA").unwrap(),
        content: format!("{number} {}", "x".repeat(bytes)).into(),
        identity: None,
        waiting: None,
        at: Timestamp::from_millis(1_000_000 + number as u64),
    })
}

/// The numbers of the messages that are found, in order.
fn numbers(folder: &Path) -> Vec<usize> {
    let segments = segment::list(folder).unwrap();
    let mut reader = Reader::new(folder, Position { segment: segments[0], offset: 0 });
    let end = Position { segment: segments.last().unwrap() + 1, offset: 0 };
    let mut found = Vec::new();
    while let Some((_, payload)) = reader.next(end).unwrap() {
        let Record::Message(message) = Record::from_bytes(&payload).unwrap() else { panic!("no message") };
        found.push(message.content.split(' ').next().unwrap().parse().unwrap());
    }
    found
}

async fn fill(folder: &Path, n: usize, bytes: usize) {
    let (spool, _, context) = open(folder);
    let mut written = spool.written();
    for number in 0..n {
        spool.append(message(number, bytes));
    }
    written.wait_for(|written| *written >= n as u64).await.unwrap();
    end(spool, context).await;
}

#[tokio::test]
async fn what_was_written_comes_back_in_order_over_many_segments() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 100, 50_000).await;
    assert!(segment::list(folder.path()).unwrap().len() > 5);
    assert_eq!(numbers(folder.path()), (0..100).collect::<Vec<_>>());
    let (spool, recovered, context) = open(folder.path());
    assert_eq!(recovered.n_records, 100);
    assert_eq!(recovered.last_at, Timestamp::from_millis(1_000_099));
    spool.append(message(100, 10));
    end(spool, context).await;
    assert_eq!(numbers(folder.path()), (0..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_record_larger_than_a_segment_is_kept_too() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 3, 1_500_000).await;
    assert_eq!(numbers(folder.path()), [0, 1, 2]);
}

#[tokio::test]
async fn a_torn_end_is_cut_wherever_it_is_torn() {
    let whole = tempfile::tempdir().unwrap();
    fill(whole.path(), 3, 10).await;
    let first = segment::list(whole.path()).unwrap()[0];
    let bytes = fs::read(segment::path(whole.path(), first)).unwrap();
    let record = HEAD_BYTES + message(0, 10).to_bytes().len();
    for torn in 1..record {
        let folder = tempfile::tempdir().unwrap();
        let mut cut = bytes[..2 * record + torn].to_vec();
        cut.resize(bytes.len(), 0);
        fs::write(segment::path(folder.path(), first), cut).unwrap();
        let (spool, recovered, context) = open(folder.path());
        assert_eq!(recovered.n_records, 2, "torn after {torn} bytes");
        spool.append(message(7, 10));
        end(spool, context).await;
        assert_eq!(numbers(folder.path()), [0, 1, 7], "torn after {torn} bytes");
    }
}

#[tokio::test]
async fn a_flipped_bit_costs_its_own_record_and_no_other() {
    let whole = tempfile::tempdir().unwrap();
    fill(whole.path(), 3, 10).await;
    let first = segment::list(whole.path()).unwrap()[0];
    let path = segment::path(whole.path(), first);
    let bytes = fs::read(&path).unwrap();
    let record = HEAD_BYTES + message(0, 10).to_bytes().len();
    for at in record..2 * record {
        let folder = tempfile::tempdir().unwrap();
        let path = segment::path(folder.path(), first);
        fs::write(&path, &bytes).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[bytes[at] ^ 4], at as u64).unwrap();
        let (spool, recovered, context) = open(folder.path());
        assert_eq!(recovered.n_records, 2, "bit at {at}");
        end(spool, context).await;
        assert_eq!(numbers(folder.path()), [0, 2], "bit at {at}");
        let kept = fs::read_dir(folder.path().join("damaged")).unwrap().count();
        assert_eq!(kept, 1, "what was damaged is kept");
    }
}

#[tokio::test]
async fn the_limit_is_told_before_a_message_is_taken_and_draining_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { max_bytes: 4 * 1024 * 1024, segment_bytes: 1024 * 1024 };
    let (spool, _, context) = open_with(folder.path(), limits);
    let mut written = spool.written();
    let mut n = 0;
    while spool.has_room(50_000) {
        let sequence = spool.append(message(n, 50_000));
        written.wait_for(|written| *written >= sequence).await.unwrap();
        n += 1;
        assert!(n < 200, "there is no limit");
    }
    assert!(n > 30, "only {n} messages fit into 4 MiB");
    assert!(spool.status().bytes <= limits.max_bytes);
    spool.drained(spool.end(), n as u64);
    while !spool.has_room(50_000) {
        tokio::task::yield_now().await;
    }
    assert_eq!(spool.status().records, 0);
    end(spool, context).await;
}

#[tokio::test]
async fn a_second_program_is_told_that_the_spool_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, _, context) = open(folder.path());
    let refused = lock(folder.path()).err().unwrap().to_string();
    assert!(refused.contains("another roomhub has this spool open"), "{refused}");
    end(spool, context).await;
    assert!(lock(folder.path()).is_ok());
}

/// The numbers of the messages that are to be drained.
fn drained(folder: &Path, spool: &Spool) -> Vec<usize> {
    let mut reader = Reader::new(folder, Position::default());
    let mut found = Vec::new();
    while let Some((id, payload)) = reader.next(spool.end()).unwrap() {
        if spool.was_revoked(id) {
            spool.forget_revoked(&[id].into());
            continue;
        }
        if let Record::Message(message) = Record::from_bytes(&payload).unwrap() {
            found.push(message.content.split(' ').next().unwrap().parse().unwrap());
        }
    }
    found
}

#[tokio::test]
async fn what_an_earlier_version_has_struck_out_is_never_drained() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, _, context) = open(folder.path());
    let mut written = spool.written();
    let named = |number: usize| {
        let Record::Message(message) = message(number, 10) else { unreachable!("it is a message") };
        Record::Message(Message { identity: Some(RecordId([9; 16])), ..message })
    };
    let ids = [1, 2, 3].map(|number| RecordId([number; 16]));
    for (id, number) in ids.into_iter().zip(1..) {
        spool.append_as(Some(id), message(number, 10));
    }
    spool.append(named(4));
    let struck_out = vec![ids[2], RecordId([9; 16])];
    spool.append(Record::Revoked { records: struck_out, at: context.clock.now() });
    // The rules have said the same once more, and this time it holds.
    let last = spool.append(named(4));
    written.wait_for(|written| *written >= last).await.unwrap();
    end(spool, context).await;

    // Nobody has drained before the crash: the next run finds what was revoked.
    let (spool, recovered, context) = open(folder.path());
    assert_eq!((recovered.n_records, recovered.revoked.len()), (6, 2));
    assert_eq!(drained(folder.path(), &spool), [1, 2, 4]);
    end(spool, context).await;
}
