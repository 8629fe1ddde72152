//! The ordered log, on every kind of server that takes Redis' place: all nodes read all of it, in order, whatever happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::cluster::Cluster;
use crate::harness::eventually;
use crate::harness::redis::{Kind, Redis};
use crate::harness::websocket::Client;

/// What the host does.
const SEEKS: u64 = 300;

/// A Redis of a busy machine is slow, not away: members would be sent back to join anew. And a host on a fast machine may
/// send as many events as it can.
const PATIENT: [(&str, &str); 3] = [
    ("ROOMHUB_CLUSTER__RESPONSE_TIMEOUT", "30s"),
    ("ROOMHUB_MEMBERS__EVENTS_PER_SECOND", "1000000"),
    ("ROOMHUB_MEMBERS__EVENT_BURST", "1000000"),
];

/// The connections on which nodes read the log end this often.
const SEEKS_PER_CUT: u64 = 60;

fn cluster_on(kind: Kind, lines: &[&str], user: &str) -> Cluster {
    let redis = Redis::of(kind, tempfile::tempdir().unwrap(), lines);
    let urls = [(); 3].map(|()| format!("redis://{user}127.0.0.1:{}", redis.port));
    Cluster::at("music", redis, &urls, &PATIENT)
}

/// How often Redis has been asked for something.
fn calls(redis: &Redis, command: &str) -> u64 {
    let stats = redis.run(&["INFO", "commandstats"]);
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
}

/// Ends the connections on which nodes read the log, as a network may.
fn cut_readers(redis: &Redis) -> usize {
    let clients = redis.run(&["CLIENT", "LIST"]);
    let hears = |line: &&str| ["cmd=xread ", "cmd=ssubscribe "].iter().any(|cmd| line.contains(cmd));
    let ids = clients.lines().filter(hears).map(|line| {
        let id = line.split(' ').find_map(|field| field.strip_prefix("id=")).unwrap();
        redis.run(&["CLIENT", "KILL", "ID", id])
    });
    ids.count()
}

/// A host on one node is heard by guests on the others, whatever becomes of the nodes' connections.
fn play(cluster: &Cluster) {
    let mut host = Client::host(cluster.nodes[0].address, "AB12");
    let mut guests = [1, 2].map(|n| Client::guest(cluster.nodes[n].address, "AB12"));
    guests[0].expect("room_users");
    for n in 1..=SEEKS {
        host.emit("seek", &json!({"room_id": "AB12", "current_time": n}));
        if n % SEEKS_PER_CUT == 0 {
            assert_eq!(cut_readers(&cluster.redis), 3, "one connection a node");
        }
        // One is heard at once, the other at the end.
        assert_eq!(guests[0].expect("seek")["current_time"], n);
    }
    for n in 1..=SEEKS {
        assert_eq!(guests[1].expect("seek")["current_time"], n);
    }
    for node in &cluster.nodes {
        assert_eq!(node.metric(r#"roomhub_cluster_missed_entries_total{service="music"}"#), 0.0);
    }
}

#[test]
fn redis_7_and_valkey_publish_entries_and_are_asked_for_what_was_missed_alone() {
    for kind in [Kind::Redis, Kind::Valkey] {
        let cluster = cluster_on(kind, &[], "");
        play(&cluster);
        let redis = &cluster.redis;
        let (said, asked) = (calls(redis, "spublish"), calls(redis, "xread"));
        assert!(said >= SEEKS && asked < SEEKS / 2, "{kind:?}: {said} said, asked {asked} times");
    }
}

#[test]
fn redis_6_2_is_asked_for_entries() {
    let cluster = cluster_on(Kind::Redis62, &[], "");
    play(&cluster);
    assert!(calls(&cluster.redis, "xread") > SEEKS);
}

#[test]
fn a_redis_whose_user_has_no_channels_is_asked_for_entries() {
    let cluster =
        cluster_on(Kind::Redis, &["user hub on >pw ~{roomhub* resetchannels +@all -@admin"], "hub:pw@");
    play(&cluster);
    assert!(calls(&cluster.redis, "xread") > SEEKS);
}

#[test]
fn what_comes_right_after_an_entry_waits_for_more_and_goes_with_it_in_order() {
    let cluster = Cluster::with("music", &[("ROOMHUB_CLUSTER__LINGER", "1s"), PATIENT[0]]);
    let mut host = Client::host(cluster.nodes[0].address, "AB12");
    let mut guest = Client::guest(cluster.nodes[1].address, "AB12");
    let seek = |position| json!({"room_id": "AB12", "current_time": position});
    host.emit("seek", &seek(0));
    assert_eq!(guest.expect("seek")["current_time"], 0);
    let begun = Instant::now();
    for position in 1..=20 {
        host.emit("seek", &seek(position));
        if position == 10 {
            assert_eq!(guest.expect("seek")["current_time"], 1);
        }
    }
    for position in 2..=20 {
        assert_eq!(guest.expect("seek")["current_time"], position);
    }
    // The first ten went in two entries at most, and what came after they were heard in a third.
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
}

fn patient() -> Cluster {
    Cluster::with("music", &PATIENT)
}

/// A host that seeks without end.
struct Load {
    is_over: Arc<AtomicBool>,
    position: Arc<AtomicU64>,
    host: JoinHandle<Client>,
}

impl Load {
    fn start(mut host: Client) -> Self {
        let (is_over, position) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (until, at) = (Arc::clone(&is_over), Arc::clone(&position));
        let host = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                let n = at.fetch_add(1, Ordering::Relaxed) + 1;
                host.emit("seek", &json!({"room_id": "AB12", "current_time": n}));
                // No faster than it is answered.
                host.emit("time_ping", &json!({"clientTime": n}));
                while host.hear().expect("the host stays").0 != "time_pong" {}
            }
            host
        });
        Self { is_over, position, host }
    }

    /// Waits until the host has gone on by so many seeks.
    fn flow(&self, cluster: &Cluster, n: u64) {
        let from = self.position.load(Ordering::Relaxed);
        eventually("the load", || {
            assert!(!self.host.is_finished(), "the host was cut off: {}", cluster.log());
            (self.position.load(Ordering::Relaxed) >= from + n).then_some(())
        });
    }

    /// Ends it; gives the host, and where it is.
    fn end(self) -> (Client, u64) {
        self.is_over.store(true, Ordering::Relaxed);
        let host = self.host.join().unwrap();
        (host, self.position.load(Ordering::Relaxed))
    }
}

/// Hears seeks up to that one, each exactly one further than the one before.
fn hear_all(guest: &mut Client, last: u64) {
    let mut heard: Option<u64> = None;
    while heard != Some(last) {
        let (event, payload) = guest.hear().expect("a guest that stays");
        if event == "seek" {
            let position = payload["current_time"].as_f64().unwrap() as u64;
            assert!(heard.is_none_or(|before| position == before + 1), "{heard:?} and then {position}");
            heard = Some(position);
        }
    }
}

#[test]
fn a_node_that_starts_in_the_middle_of_load_has_the_rooms_and_misses_nothing() {
    let mut cluster = patient();
    let mut host = Client::host(cluster.nodes[0].address, "AB12");
    host.emit("pause", &json!({"room_id": "AB12", "current_time": 0}));
    let mut early = Client::guest(cluster.nodes[1].address, "AB12");
    let load = Load::start(host);
    load.flow(&cluster, 100);
    let late = cluster.another().address;
    let mut guest = Client::guest(late, "AB12");
    load.flow(&cluster, 100);
    let (_host, last) = load.end();
    hear_all(&mut guest, last);
    hear_all(&mut early, last);
}

#[test]
fn a_node_stopped_for_longer_than_its_lease_under_load_comes_again_with_the_rooms() {
    let cluster = patient();
    let host = Client::host(cluster.nodes[0].address, "AB12");
    let mut witness = Client::guest(cluster.nodes[1].address, "AB12");
    let mut stopped = Client::guest(cluster.nodes[2].address, "AB12");
    let load = Load::start(host);
    load.flow(&cluster, 50);
    cluster.nodes[2].signal("STOP");
    eventually("the end of its lease", || {
        cluster.log().contains("a node has gone silent").then(|| load.flow(&cluster, 50))
    });
    cluster.nodes[2].signal("CONT");
    while stopped.hear().is_some() {}
    let mut back = Client::guest(cluster.nodes[2].address, "AB12");
    load.flow(&cluster, 50);
    let (_host, last) = load.end();
    hear_all(&mut back, last);
    hear_all(&mut witness, last);
}

#[test]
fn nodes_whose_rooms_differ_notice_it_themselves() {
    let mut cluster = Cluster::of("music");
    // Its rules are others: a node of another version, say.
    cluster.another_with(&[("ROOMHUB_MUSIC__MAX_USERS_PER_ROOM", "1")]);
    let mut host = Client::host(cluster.nodes[0].address, "AB12");
    let _guest = Client::guest(cluster.nodes[1].address, "AB12");
    eventually("an alarm", || {
        host.emit("seek", &json!({"room_id": "AB12", "current_time": 1}));
        let alarm = r#"roomhub_cluster_divergences_total{service="music"}"#;
        cluster.nodes.iter().any(|node| node.metric(alarm) > 0.0).then_some(())
    });
    eventually("its line in the log", || {
        cluster.log().contains("this node's rooms are not those of the others").then_some(())
    });
}

#[test]
fn rooms_of_an_earlier_version_are_taken_over_and_wait_for_their_members() {
    let redis = Redis::start();
    let seat = |id: &str| {
        json!({"id": id, "dialect": "Snake", "address": "127.0.0.1", "is_page": false, "name": null,
               "was_off": false, "corrected_at": null})
    };
    let playhead = json!({"is_playing": false, "position": 12.5, "at": 1_700_000_000_000_000_u64});
    let room = json!({"id": "AB12", "created_at": 1_700_000_000_000_000_u64, "seats": [seat("ann"), seat("bob")],
                      "host": "ann", "track": {"id": 1}, "playlist": null, "playhead": playhead,
                      "vacant_since": null});
    let envelope = json!({"homes": {"0123": ["ann", "bob"]}, "room": room}).to_string();
    redis.run(&["HSET", "{roomhub:music}:rooms", "AB12", &envelope]);
    let urls = [(); 3].map(|()| redis.url());
    let cluster = Cluster::at("music", redis, &urls, &[]);
    let mut guest = Client::connect(cluster.nodes[2].address);
    guest.emit("join_room", &json!({"room_id": "AB12"}));
    let joined = guest.expect("room_joined");
    assert_eq!((&joined["user_count"], &joined["current_time"]), (&json!(1), &json!(12.5)), "{joined}");
}
