//! Letters between nodes, on every kind of server that takes Redis' place: all of them arrive, in order.

use serde_json::json;

use crate::harness::cluster::Cluster;
use crate::harness::redis::{Kind, Redis};
use crate::harness::websocket::Client;

/// What the host does.
const SEEKS: u64 = 300;

/// The nodes' connections for letters end this often.
const SEEKS_PER_CUT: u64 = 60;

fn cluster_on(kind: Kind, lines: &[&str], user: &str) -> Cluster {
    let redis = Redis::of(kind, tempfile::tempdir().unwrap(), lines);
    let urls = [(); 3].map(|()| format!("redis://{user}127.0.0.1:{}", redis.port));
    Cluster::at("music", redis, &urls, &[])
}

/// How often Redis has been asked for something.
fn calls(redis: &Redis, command: &str) -> u64 {
    let stats = redis.run(&["INFO", "commandstats"]);
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
}

/// Ends the connections on which nodes hear of letters, as a network may.
fn cut_letters(redis: &Redis) -> usize {
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
            assert_eq!(cut_letters(&cluster.redis), 3, "one connection a node");
        }
        // One is heard at once, the other at the end.
        assert_eq!(guests[0].expect("seek")["current_time"], n);
    }
    for n in 1..=SEEKS {
        assert_eq!(guests[1].expect("seek")["current_time"], n);
    }
    for node in &cluster.nodes {
        assert_eq!(node.metric(r#"roomhub_cluster_letters_lost_total{service="music"}"#), 0.0);
    }
}

#[test]
fn redis_7_and_valkey_say_letters_and_are_asked_for_what_was_missed_alone() {
    for kind in [Kind::Redis, Kind::Valkey] {
        let cluster = cluster_on(kind, &[], "");
        play(&cluster);
        let redis = &cluster.redis;
        let (said, asked) = (calls(redis, "spublish"), calls(redis, "xread"));
        assert!(said >= 2 * SEEKS && asked < SEEKS / 2, "{kind:?}: {said} said, asked {asked} times");
    }
}

#[test]
fn redis_6_2_is_asked_for_letters() {
    let cluster = cluster_on(Kind::Redis62, &[], "");
    play(&cluster);
    assert!(calls(&cluster.redis, "xread") > SEEKS);
}

#[test]
fn a_redis_whose_user_has_no_channels_is_asked_for_letters() {
    let cluster =
        cluster_on(Kind::Redis, &["user hub on >pw ~{roomhub* resetchannels +@all -@admin"], "hub:pw@");
    play(&cluster);
    assert!(calls(&cluster.redis, "xread") > SEEKS);
}
