//! A Redis that forgets, or that takes nothing in: rooms go on, and nobody is left behind.

use serde_json::json;

use crate::harness::cluster::Cluster;
use crate::harness::websocket::Client;
use crate::harness::{eventually, http};

/// Seats a guest that may have been sent back meanwhile, and gives it once it hears its host.
fn hear_host(cluster: &Cluster, host: &mut Client, guest: &mut Client, position: u64) {
    host.emit("seek", &json!({"room_id": "AB12", "current_time": position}));
    loop {
        match guest.hear() {
            Some((event, payload)) if event == "seek" && payload["current_time"] == position => return,
            Some(_) => {}
            None => {
                // It comes back as clients do, and is told where the room is.
                *guest = Client::connect(cluster.nodes[1].address);
                guest.emit("join_room", &json!({"room_id": "AB12"}));
                guest.expect("room_joined");
                host.emit("seek", &json!({"room_id": "AB12", "current_time": position}));
            }
        }
    }
}

#[test]
fn what_redis_has_forgotten_of_the_last_moment_is_made_good() {
    let mut cluster = Cluster::of("music");
    let mut host = Client::host(cluster.nodes[0].address, "AB12");
    let mut guest = Client::guest(cluster.nodes[1].address, "AB12");
    assert_eq!(cluster.redis.run(&["SAVE"]), "OK");
    for position in 1..=20 {
        hear_host(&cluster, &mut host, &mut guest, position);
    }
    // What comes back is what was saved, as of a replica that takes over.
    cluster.redis.go_down();
    cluster.await_readiness(0, "redis is away");
    cluster.redis.come_up();
    for n in 0..3 {
        eventually("ready without a remark", || {
            (http::get(cluster.nodes[n].address, "/readyz").body == "ready").then_some(())
        });
    }
    hear_host(&cluster, &mut host, &mut guest, 21);
    for position in 22..=40 {
        hear_host(&cluster, &mut host, &mut guest, position);
    }
}

#[test]
fn a_node_that_died_while_redis_forgot_everything_is_missed_all_the_same() {
    let mut cluster = Cluster::of("music");
    let _ann = Client::host(cluster.nodes[0].address, "AB12");
    let mut bob = Client::guest(cluster.nodes[1].address, "AB12");
    cluster.redis.go_down();
    cluster.await_readiness(1, "redis is away");
    drop(cluster.nodes.remove(0));
    cluster.redis.come_up();
    // Its members leave as those of any dead node.
    bob.expect("become_host");
    bob.emit("seek", &json!({"room_id": "AB12", "current_time": 5}));
    let mut cyd = Client::connect(cluster.nodes[1].address);
    cyd.emit("join_room", &json!({"room_id": "AB12"}));
    assert_eq!(cyd.expect("room_joined")["user_count"], 2);
}

#[test]
fn a_redis_that_takes_nothing_in_is_away_and_is_not_besieged() {
    let cluster = Cluster::of("music");
    let mut ann = Client::host(cluster.nodes[0].address, "AB12");
    let mut eve = Client::guest(cluster.nodes[0].address, "AB12");
    ann.expect("room_users");
    assert_eq!(cluster.redis.run(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
    ann.emit("seek", &json!({"room_id": "AB12", "current_time": 7}));
    assert_eq!(eve.expect("seek")["current_time"], 7);
    cluster.await_readiness(0, "redis is away");
    let n_connections = || {
        let stats = cluster.redis.run(&["INFO", "stats"]);
        let line = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        line.unwrap().parse::<u64>().unwrap()
    };
    let ticks = || cluster.nodes[0].metric(r#"roomhub_cluster_ticks_total{service="music"}"#);
    let (before, since) = (n_connections(), ticks());
    eventually("two seconds", || (ticks() >= since + 2.0).then_some(()));
    let n = n_connections() - before;
    // A few times a second each, and this test's own questions.
    assert!((3..200).contains(&n), "{n} connections");
    assert_eq!(cluster.redis.run(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    for node in &cluster.nodes {
        eventually("together again", || (http::get(node.address, "/readyz").body == "ready").then_some(()));
    }
    ann.emit("seek", &json!({"room_id": "AB12", "current_time": 8}));
    assert_eq!(eve.expect("seek")["current_time"], 8);
}
