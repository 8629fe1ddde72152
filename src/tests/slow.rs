//! Readers that do not read: cut in time, at a bounded cost, and nobody else's trouble.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::deployment::{Deployment, everywhere};
use crate::harness::process::Server;
use crate::harness::{eventually, http, polling, websocket};

/// Short windows, so that the tests are.
const SHORT: [(&str, &str); 3] = [
    ("ROOMHUB_NETWORK__STALL_TIMEOUT", "2s"),
    ("ROOMHUB_MUSIC__PING_INTERVAL", "1s"),
    ("ROOMHUB_MUSIC__PING_TIMEOUT", "2s"),
];

/// No member is taken for dead meanwhile, however long it takes: what is at work is the limit that the test is about.
const NO_PINGS: (&str, &str) = ("ROOMHUB_MUSIC__PING_INTERVAL", "10m");

/// Bytes of a track in a flood.
const TRACK_BYTES: usize = 60_000;

/// A reader that does not read is gone within so many tracks: several times what the kernel may hold on the way to it.
const MAX_FRAMES: usize = 5_000;

fn track() -> Value {
    json!({"text": "x".repeat(TRACK_BYTES)})
}

/// How many members the room has, as far as whoever is asked has heard.
fn n_members(deployment: &Deployment) -> u64 {
    http::get(deployment.address, "/room/AB12").json()["user_count"].as_u64().unwrap_or(0)
}

fn await_members(deployment: &Deployment, n: u64) {
    eventually("so many members in the room", || (n_members(deployment) == n).then_some(()));
}

/// Floods a room until `done`; the host and one good guest keep up all the while.
fn flood(
    host: &mut websocket::Client,
    guest: &mut websocket::Client,
    mut done: impl FnMut() -> bool,
) -> usize {
    let track = track();
    let mut sent = 0;
    while !done() {
        assert!(sent < MAX_FRAMES, "still there after {sent} frames");
        host.emit("track_change", &json!({"room_id": "AB12", "track": track}));
        while guest.hear().unwrap().0 != "track_change" {}
        sent += 1;
    }
    sent
}

#[test]
fn a_reader_that_never_reads_is_cut_and_the_memory_is_back() {
    everywhere("music", &[SHORT[0], NO_PINGS], |deployment| {
        let mut host = websocket::Client::host(deployment.address, "AB12");
        let mut guest = websocket::Client::guest(deployment.address, "AB12");
        let before = deployment.rss_kib();
        let sleepers: Vec<_> =
            (0..20).map(|_| websocket::Client::sleeper(deployment.address, "AB12")).collect();
        let cut = || {
            deployment.metric(r#"roomhub_connections_killed_total{service="music",reason="slow"}"#)
                + deployment.metric(r#"roomhub_connections_killed_total{service="music",reason="stalled"}"#)
        };
        let sent = flood(&mut host, &mut guest, || cut() >= sleepers.len() as f64);
        assert!(sent > 0);
        await_members(deployment, 2);
        let grown = deployment.rss_kib().saturating_sub(before);
        assert!(grown < 64 * 1024, "{grown} KiB more than before");
    });
}

#[test]
fn a_reader_that_drips_is_cut_too() {
    everywhere("music", &SHORT, |deployment| {
        let mut host = websocket::Client::host(deployment.address, "AB12");
        let mut guest = websocket::Client::guest(deployment.address, "AB12");
        let dripping = websocket::Client::sleeper(deployment.address, "AB12");
        let mut stream = dripping.stream().try_clone().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let drip = thread::spawn(move || {
            let mut byte = [0];
            while !over.load(Ordering::Relaxed) && stream.read_exact(&mut byte).is_ok() {
                thread::park_timeout(Duration::from_millis(50));
            }
        });
        await_members(deployment, 3);
        assert!(flood(&mut host, &mut guest, || n_members(deployment) == 2) > 0);
        is_over.store(true, Ordering::Relaxed);
        drip.join().unwrap();
    });
}

#[test]
fn a_blocked_connection_with_little_to_tell_is_cut_by_the_stall_limit() {
    // Behind a load balancer, the buffers of two connections would hold all of it. The queue may hold all of it too, so
    // that its limit is not what cuts.
    let queue = ("ROOMHUB_MEMBERS__MAX_QUEUED_BYTES", "1000000000");
    let server = Server::start_with(&[], &[SHORT[0], NO_PINGS, queue]);
    let mut host = websocket::Client::host(server.address, "AB12");
    let mut guest = websocket::Client::guest(server.address, "AB12");
    let _sleeper = websocket::Client::sleeper(server.address, "AB12");
    let killed = |reason: &str| {
        server.metric(&format!("roomhub_connections_killed_total{{service=\"music\",reason=\"{reason}\"}}"))
    };
    let track = track();
    // More than the kernel holds; from there on, nothing moves.
    for _ in 0..1_000 {
        host.emit("track_change", &json!({"room_id": "AB12", "track": track}));
        while guest.hear().unwrap().0 != "track_change" {}
    }
    eventually("the end of a blocked connection", || (killed("stalled") > 0.0).then_some(()));
    assert_eq!(killed("slow"), 0.0);
}

#[test]
fn slow_readers_of_many_rooms_hold_no_more_memory_together_than_they_may() {
    assert_memory_together_is_bounded(websocket::Client::sleeper);
}

#[test]
fn polling_members_of_many_rooms_that_never_poll_hold_no_more_memory_together_than_they_may() {
    assert_memory_together_is_bounded(|address, room| {
        let mut sleeper = polling::Client::connect(address);
        sleeper.emit("join_room", &json!({"room_id": room}));
        sleeper.expect("room_joined");
        sleeper
    });
}

/// Floods twenty rooms, in each of which somebody sleeps, until all sleepers are cut.
fn assert_memory_together_is_bounded<Sleeper>(sleep_in: impl Fn(SocketAddr, &str) -> Sleeper) {
    const ROOMS: usize = 20;
    const ROUNDS: usize = 400;
    let limits = [
        ("ROOMHUB_MEMBERS__MAX_PENDING_BYTES", "4000000"),
        ("ROOMHUB_NETWORK__STALL_TIMEOUT", "10m"),
        NO_PINGS,
    ];
    let server = Server::start_with(&[], &limits);
    let mut host = websocket::Client::host(server.address, "AB12");
    let mut guest = websocket::Client::guest(server.address, "AB12");
    let names: Vec<String> = (0..ROOMS).map(|n| format!("ROOM{n}")).collect();
    let mut hosts: Vec<_> = names.iter().map(|room| websocket::Client::host(server.address, room)).collect();
    let _sleepers: Vec<_> = names.iter().map(|room| sleep_in(server.address, room)).collect();
    let settled = server.rss_kib();
    let killed = || server.metric(r#"roomhub_connections_killed_total{service="music",reason="slow"}"#);
    let track = track();
    let (mut grown, mut rounds) = (0, 0);
    while killed() < ROOMS as f64 {
        assert!(rounds < ROUNDS, "{} of {ROOMS} are cut", killed());
        rounds += 1;
        for (host, room) in hosts.iter_mut().zip(&names) {
            host.emit("track_change", &json!({"room_id": room, "track": track}));
        }
        // What is asked after it has been decided after it.
        host.emit("seek", &json!({"room_id": "AB12", "current_time": rounds}));
        while guest.hear().unwrap().0 != "seek" {}
        grown = server.rss_kib().saturating_sub(settled).max(grown);
    }
    // Twenty queues of 4 MiB each would be 80.
    assert!(grown < 40 * 1024, "{grown} KiB");
}

#[test]
fn a_polling_member_that_never_polls_is_ended_and_must_come_anew() {
    everywhere("music", &SHORT, |deployment| {
        let mut host = websocket::Client::host(deployment.address, "AB12");
        let mut guest = websocket::Client::guest(deployment.address, "AB12");
        let mut sleeper = polling::Client::connect(deployment.address);
        sleeper.emit("join_room", &json!({"room_id": "AB12"}));
        sleeper.expect("room_joined");
        await_members(deployment, 3);
        assert!(flood(&mut host, &mut guest, || n_members(deployment) == 2) > 0);
        assert_eq!(sleeper.poll().status, 400);
    });
}

#[test]
fn a_member_that_leaves_in_the_middle_of_a_flood_disturbs_nobody() {
    everywhere("music", &SHORT, |deployment| {
        let mut host = websocket::Client::host(deployment.address, "AB12");
        let mut guest = websocket::Client::guest(deployment.address, "AB12");
        let mut visitors: Vec<_> =
            (0..50).map(|_| websocket::Client::guest(deployment.address, "AB12")).collect();
        let mut rounds = 0;
        flood(&mut host, &mut guest, || {
            visitors.pop();
            rounds += 1;
            rounds > 60
        });
        await_members(deployment, 2);
    });
}
