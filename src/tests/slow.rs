//! Readers that do not read: cut in time, at a bounded cost, and nobody else's trouble.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::process::Server;
use crate::harness::site::{Site, everywhere};
use crate::harness::{eventually, http, polling, websocket};

/// Short windows, so that the tests are.
const SHORT: [(&str, &str); 3] = [
    ("ROOMHUB_NETWORK__STALL_TIMEOUT", "2s"),
    ("ROOMHUB_MUSIC__PING_INTERVAL", "1s"),
    ("ROOMHUB_MUSIC__PING_TIMEOUT", "2s"),
];

/// A reader that does not read is gone within this time, with the windows above far sooner.
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// How many members the room has, as far as whoever is asked has heard.
fn n_members(site: &Site) -> u64 {
    http::get(site.address, "/room/AB12").json()["user_count"].as_u64().unwrap_or(0)
}

fn await_members(site: &Site, n: u64) {
    eventually("so many members in the room", || (n_members(site) == n).then_some(()));
}

/// Floods a room until `done`; the host and one good guest keep up all the while.
fn flood(
    host: &mut websocket::Client,
    guest: &mut websocket::Client,
    mut done: impl FnMut() -> bool,
) -> usize {
    let started = Instant::now();
    let track = json!({"text": "x".repeat(100_000)});
    let mut sent = 0;
    while !done() {
        assert!(started.elapsed() < GONE_WITHIN, "still there after {sent} frames");
        host.emit("track_change", &json!({"room_id": "AB12", "track": track}));
        while guest.hear().unwrap().0 != "track_change" {}
        sent += 1;
    }
    sent
}

#[test]
fn a_reader_that_never_reads_is_cut_and_the_memory_is_back() {
    everywhere("music", &SHORT, |site| {
        let mut host = websocket::Client::host(site.address, "AB12");
        let mut guest = websocket::Client::guest(site.address, "AB12");
        let before = site.rss_kib();
        let sleepers: Vec<_> = (0..20).map(|_| websocket::Client::guest(site.address, "AB12")).collect();
        let cut = || {
            site.metric(r#"roomhub_connections_killed_total{service="music",reason="slow"}"#)
                + site.metric(r#"roomhub_connections_killed_total{service="music",reason="stalled"}"#)
        };
        let sent = flood(&mut host, &mut guest, || cut() >= sleepers.len() as f64);
        assert!(sent > 0);
        await_members(site, 2);
        let grown = site.rss_kib().saturating_sub(before);
        assert!(grown < 64 * 1024, "{grown} KiB more than before");
    });
}

#[test]
fn a_reader_that_drips_is_cut_too() {
    everywhere("music", &SHORT, |site| {
        let mut host = websocket::Client::host(site.address, "AB12");
        let mut guest = websocket::Client::guest(site.address, "AB12");
        let dripping = websocket::Client::guest(site.address, "AB12");
        let mut stream = dripping.stream().try_clone().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let drip = thread::spawn(move || {
            let mut byte = [0];
            while !over.load(Ordering::Relaxed) && stream.read_exact(&mut byte).is_ok() {
                thread::park_timeout(Duration::from_millis(50));
            }
        });
        await_members(site, 3);
        assert!(flood(&mut host, &mut guest, || n_members(site) == 2) > 0);
        is_over.store(true, Ordering::Relaxed);
        drip.join().unwrap();
    });
}

#[test]
fn a_blocked_connection_with_little_to_tell_is_cut_by_the_stall_limit() {
    // Behind a load balancer, the buffers of two connections would hold all of it.
    let server = Server::start_with(&[], &SHORT);
    let mut host = websocket::Client::host(server.address, "AB12");
    let mut guest = websocket::Client::guest(server.address, "AB12");
    let _sleeper = websocket::Client::guest(server.address, "AB12");
    let stalled = || server.metric(r#"roomhub_connections_killed_total{service="music",reason="stalled"}"#);
    let blocked =
        || server.metric(r#"roomhub_connections_killed_total{service="music",reason="slow"}"#) > 0.0;
    // Until the kernel's buffers are full, and not so much that the queue's limit cuts it first.
    let track = json!({"text": "x".repeat(100_000)});
    let started = Instant::now();
    let mut n = 0;
    while stalled() == 0.0 {
        assert!(!blocked(), "the queue's limit came first");
        assert!(started.elapsed() < GONE_WITHIN, "never cut");
        if n < 80 {
            host.emit("track_change", &json!({"room_id": "AB12", "track": track}));
            while guest.hear().unwrap().0 != "track_change" {}
            n += 1;
        } else {
            thread::park_timeout(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_polling_member_that_never_polls_is_ended_and_must_come_anew() {
    everywhere("music", &SHORT, |site| {
        let mut host = websocket::Client::host(site.address, "AB12");
        let mut guest = websocket::Client::guest(site.address, "AB12");
        let mut sleeper = polling::Client::connect(site.address);
        sleeper.emit("join_room", &json!({"room_id": "AB12"}));
        sleeper.expect("room_joined");
        await_members(site, 3);
        assert!(flood(&mut host, &mut guest, || n_members(site) == 2) > 0);
        assert_eq!(sleeper.poll().status, 400);
    });
}

#[test]
fn a_member_that_leaves_in_the_middle_of_a_flood_disturbs_nobody() {
    everywhere("music", &SHORT, |site| {
        let mut host = websocket::Client::host(site.address, "AB12");
        let mut guest = websocket::Client::guest(site.address, "AB12");
        let mut visitors: Vec<_> = (0..50).map(|_| websocket::Client::guest(site.address, "AB12")).collect();
        let mut rounds = 0;
        flood(&mut host, &mut guest, || {
            visitors.pop();
            rounds += 1;
            rounds > 60
        });
        await_members(site, 2);
    });
}
