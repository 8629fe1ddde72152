//! Nodes that die, stop or are stopped, and a Redis that goes away: rooms go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::harness::cluster::Cluster;
use crate::harness::faulty_proxy::FaultyProxy;
use crate::harness::redis::Redis;
use crate::harness::websocket::Client;
use crate::harness::{eventually, free_port, http};

#[test]
fn the_members_of_a_dead_node_leave_and_the_host_is_followed_by_another() {
    let mut cluster = Cluster::of("music");
    let _ann = Client::host(cluster.nodes[0].address, "AB12");
    let _eve = Client::guest(cluster.nodes[0].address, "AB12");
    let mut bob = Client::guest(cluster.nodes[1].address, "AB12");
    let mut cyd = Client::guest(cluster.nodes[2].address, "AB12");
    bob.expect("room_users");
    drop(cluster.nodes.remove(0));
    assert_eq!(bob.expect("room_users")["count"], 3, "the guest of the dead node leaves first");
    bob.expect("become_host");
    for count in [3, 2] {
        assert_eq!(cyd.expect("room_users")["count"], count);
    }
    bob.emit("seek", &json!({"room_id": "AB12", "current_time": 5}));
    assert_eq!(cyd.expect("seek")["current_time"], 5);
}

#[test]
fn a_node_that_drains_hands_its_members_over_at_once() {
    let mut cluster = Cluster::of("music");
    let mut ann = Client::host(cluster.nodes[0].address, "AB12");
    let mut bob = Client::guest(cluster.nodes[1].address, "AB12");
    cluster.nodes[0].signal("TERM");
    bob.expect("become_host");
    while ann.hear().is_some() {}
    // The host comes back elsewhere, from the same address, and is the host again.
    let mut ann = Client::connect(cluster.nodes[2].address);
    ann.emit("create_room", &json!({"room_id": "AB12", "track": {"id": 1}}));
    assert_eq!(ann.expect("room_created")["user_count"], 2);
    drop(ann);
    assert_eq!(cluster.nodes[0].wait(), 0);
}

#[test]
fn rooms_outlive_all_nodes() {
    let mut cluster = Cluster::of("music");
    let mut ann = Client::host(cluster.nodes[0].address, "AB12");
    ann.emit("pause", &json!({"room_id": "AB12", "current_time": 12.5}));
    ann.emit("get_room_state", &json!({"room_id": "AB12"}));
    ann.expect("room_state");
    let mut bob = Client::host(cluster.nodes[1].address, "CD34");
    bob.emit("get_room_state", &json!({"room_id": "CD34"}));
    bob.expect("room_state");
    // One dies, two stop.
    cluster.nodes[0].signal("KILL");
    for node in &mut cluster.nodes[1..] {
        node.signal("TERM");
        assert_eq!(node.wait(), 0);
    }
    let address = cluster.another().address;
    for (room, position) in [("CD34", None), ("AB12", Some(12.5))] {
        eventually("the room without its dead members", || {
            let mut guest = Client::connect(address);
            guest.emit("join_room", &json!({"room_id": room}));
            let joined = guest.expect("room_joined");
            (joined["user_count"] == 1).then(|| {
                assert!(position.is_none_or(|position| joined["current_time"] == position), "{joined}");
            })
        });
    }
}

#[test]
fn a_node_that_was_stopped_for_too_long_sends_its_members_back() {
    let cluster = Cluster::of("music");
    let mut ann = Client::host(cluster.nodes[0].address, "AB12");
    let mut bob = Client::guest(cluster.nodes[1].address, "AB12");
    ann.expect("room_users");
    cluster.nodes[0].signal("STOP");
    bob.expect("become_host");
    cluster.nodes[0].signal("CONT");
    assert!(ann.hear().is_none(), "what it knows may be wrong: it has to come back");
    let mut ann = Client::guest(cluster.nodes[0].address, "AB12");
    bob.expect("room_users");
    bob.emit("seek", &json!({"room_id": "AB12", "current_time": 5}));
    assert_eq!(ann.expect("seek")["current_time"], 5);
}

#[test]
fn while_redis_is_away_rooms_go_on_node_by_node_and_come_together_again() {
    for how in ["it was stopped", "it has forgotten everything"] {
        let mut cluster = Cluster::of("music");
        let mut ann = Client::host(cluster.nodes[0].address, "AB12");
        let mut eve = Client::guest(cluster.nodes[0].address, "AB12");
        let mut bob = Client::guest(cluster.nodes[1].address, "AB12");
        for count in [2, 3] {
            assert_eq!(ann.expect("room_users")["count"], count);
        }
        assert_eq!(eve.expect("room_users")["count"], 3);
        if how == "it was stopped" {
            cluster.redis.signal("STOP");
        } else {
            cluster.redis.go_down();
        }
        ann.emit("seek", &json!({"room_id": "AB12", "current_time": 42.5}));
        assert_eq!(eve.expect("seek")["current_time"], 42.5, "{how}: nobody waits for Redis");
        cluster.await_readiness(0, "redis is away");
        // A node that is never at rest finds the time to look for Redis.
        let mut noise = Client::connect(cluster.nodes[0].address);
        let is_over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&is_over);
        let noise = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                noise.expect_silence();
            }
        });
        if how == "it was stopped" {
            cluster.redis.signal("CONT");
        } else {
            cluster.redis.come_up();
        }
        for n in 0..3 {
            eventually("ready without a remark", || {
                (http::get(cluster.nodes[n].address, "/readyz").body == "ready").then_some(())
            });
        }
        is_over.store(true, Ordering::Relaxed);
        noise.join().unwrap();
        if how == "it has forgotten everything" {
            let n_joined = |n: usize| cluster.nodes[n].log().matches("together with the other nodes").count();
            eventually("every node to have noticed", || (0..3).all(|n| n_joined(n) >= 2).then_some(()));
        }
        // Nobody was sent back, and the room is where the host put it.
        ann.emit("seek", &json!({"room_id": "AB12", "current_time": 50}));
        let mut heard = bob.expect("seek");
        if heard["current_time"] == 42.5 {
            // Redis had taken the first one in, and only its answer was late.
            heard = bob.expect("seek");
        }
        assert_eq!(heard["current_time"], 50, "{how}: {heard}");
        assert_eq!(eve.expect("seek")["current_time"], 50);
        let mut dan = Client::guest(cluster.nodes[2].address, "AB12");
        for member in [&mut ann, &mut eve, &mut bob] {
            assert_eq!(member.expect("room_users")["count"], 4, "{how}");
        }
        dan.expect_silence();
    }
}

#[test]
fn a_node_that_is_cut_off_goes_on_alone_and_the_others_without_it() {
    let redis = Redis::start();
    let proxy = FaultyProxy::to(redis.port);
    let urls = [format!("redis://127.0.0.1:{}", proxy.port), redis.url(), redis.url()];
    let cluster = Cluster::at("music", redis, &urls, &[]);
    let mut ann = Client::host(cluster.nodes[0].address, "AB12");
    let mut eve = Client::guest(cluster.nodes[0].address, "AB12");
    let mut bob = Client::guest(cluster.nodes[1].address, "AB12");
    for count in [2, 3] {
        assert_eq!(ann.expect("room_users")["count"], count);
    }
    eve.expect("room_users");
    proxy.cut();
    ann.emit("seek", &json!({"room_id": "AB12", "current_time": 42.5}));
    assert_eq!(eve.expect("seek")["current_time"], 42.5, "on this side the host is the host");
    assert_eq!(bob.expect("room_users")["count"], 2);
    bob.expect("become_host");
    let mut cyd = Client::guest(cluster.nodes[2].address, "AB12");
    bob.expect("room_users");
    bob.emit("seek", &json!({"room_id": "AB12", "current_time": 7}));
    assert_eq!(cyd.expect("seek")["current_time"], 7, "and on that side its heir");
    proxy.mend();
    for member in [&mut ann, &mut eve] {
        assert!(member.hear().is_none(), "theirs holds: ours come back");
    }
    let mut eve = Client::guest(cluster.nodes[0].address, "AB12");
    for member in [&mut bob, &mut cyd] {
        assert_eq!(member.expect("room_users")["count"], 3);
    }
    bob.emit("seek", &json!({"room_id": "AB12", "current_time": 8}));
    assert_eq!(eve.expect("seek")["current_time"], 8);
}

#[test]
fn who_left_and_who_came_while_a_node_was_cut_off_is_put_right_afterwards() {
    let redis = Redis::start();
    let proxy = FaultyProxy::to(redis.port);
    let urls = [redis.url(), format!("redis://127.0.0.1:{}", proxy.port), redis.url()];
    // Nobody takes it for dead meanwhile.
    let cluster = Cluster::at("music", redis, &urls, &[("ROOMHUB_CLUSTER__LEASE", "60s")]);
    let mut ann = Client::host(cluster.nodes[0].address, "AB12");
    let mut dan = Client::guest(cluster.nodes[1].address, "AB12");
    assert_eq!(ann.expect("room_users")["count"], 2);
    proxy.cut();
    cluster.await_readiness(1, "redis is away");
    let mut eve = Client::guest(cluster.nodes[1].address, "AB12");
    dan.expect("room_users");
    dan.emit("leave_room", &json!({"room_id": "AB12"}));
    dan.expect("room_left");
    // The cut-off node will hear of this, and of the room as it is over here.
    ann.emit("seek", &json!({"room_id": "AB12", "current_time": 42.5}));
    ann.emit("get_room_state", &json!({"room_id": "AB12"}));
    ann.expect("room_state");
    proxy.mend();
    assert_eq!(ann.expect("room_users")["count"], 1, "who left is gone");
    while eve.hear().is_some() {}
    let _eve = Client::guest(cluster.nodes[1].address, "AB12");
    assert_eq!(ann.expect("room_users")["count"], 2, "who came has come back");
    // Still connected.
    dan.emit("time_ping", &json!({"clientTime": 7}));
    while dan.hear().unwrap().0 != "time_pong" {}
}

#[test]
fn a_timer_fires_once_in_the_cluster() {
    let redis = Redis::start();
    let urls = [(); 3].map(|()| redis.url());
    let cluster = Cluster::at("watch", redis, &urls, &[("ROOMHUB_WATCH__STATE_SILENCE", "2s")]);
    let connect =
        |n: usize| Client::connect_by(cluster.nodes[n].address, "", &[], r#"{"token":"open sesame"}"#);
    let (mut ann, mut bob, mut cyd) = (connect(0), connect(1), connect(2));
    let made = ann.ask("room:create", Some(&json!({"name": "Films", "isPublic": true, "userName": "Ann"})));
    let made: Value = serde_json::from_str::<Value>(&made).unwrap()[0].clone();
    let room = made["room"]["id"].as_str().unwrap();
    for (member, name) in [(&mut bob, "Bob"), (&mut cyd, "Cyd")] {
        member.ask("room:join", Some(&json!({"roomId": room, "userName": name})));
    }
    ann.emit("play:change", &json!({"type": "play", "currentTime": 1, "isPlaying": true}));
    bob.expect("room:member-joined");
    for member in [&mut bob, &mut cyd] {
        member.expect("play:change");
        assert_eq!(member.expect("state:cleared"), Value::Null);
    }
    // Every node has looked at its timers again by the time that each of them has counted its rooms anew.
    let ticks = |n: usize| cluster.nodes[n].metric("roomhub_cluster_ticks_total{service=\"watch\"}");
    let before = [0, 1, 2].map(ticks);
    eventually("two more ticks on every node", || {
        [0, 1, 2].iter().all(|n| ticks(*n) >= before[*n] + 2.0).then_some(())
    });
    bob.emit("chat:message", &json!({"content": "the end", "type": "text"}));
    for member in [&mut bob, &mut cyd] {
        assert_eq!(member.expect("chat:message")["content"], "the end", "cleared once");
    }
}

/// Milliseconds since the epoch.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1000.0
}

#[test]
fn a_node_whose_clock_is_wrong_goes_by_the_common_one() {
    let mut cluster = Cluster::of("music");
    let five_seconds_fast = [
        ("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1"),
        ("FAKETIME", "+5s"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    cluster.another_with(&five_seconds_fast);
    for node in &cluster.nodes {
        let mut client = Client::connect(node.address);
        let asked = now();
        client.emit("time_ping", &json!({"clientTime": asked}));
        let told = client.expect("time_pong")["serverTime"].as_f64().unwrap();
        let off = (told - asked).min(0.0) + (told - now()).max(0.0);
        assert!(off.abs() < 100.0, "{off} ms off");
    }
    cluster.nodes[3].await_log("this machine's clock is not that of Redis");
}

#[test]
fn redis_may_want_a_user_a_password_and_tls() {
    let folder = tempfile::tempdir().unwrap();
    crate::tls::certify(folder.path());
    let tls_port = free_port().to_string();
    let lines = [
        "tls-cert-file cert.pem",
        "tls-key-file key.pem",
        "tls-auth-clients no",
        &format!("tls-port {tls_port}"),
        "user hub on >secret ~{roomhub* &{roomhub* +@all -@admin",
    ];
    let authority = folder.path().join("cert.pem").to_str().unwrap().to_owned();
    let redis = Redis::start_with(folder, &lines);
    let urls = [(); 3].map(|()| format!("rediss://hub:secret@localhost:{tls_port}"));
    let cluster = Cluster::at("music", redis, &urls, &[("ROOMHUB_CLUSTER__CA_FILE", &authority)]);
    let mut ann = Client::host(cluster.nodes[0].address, "AB12");
    let mut bob = Client::guest(cluster.nodes[1].address, "AB12");
    ann.emit("seek", &json!({"room_id": "AB12", "current_time": 42.5}));
    assert_eq!(bob.expect("seek")["current_time"], 42.5);
    assert!(!cluster.log().contains("secret"), "{}", cluster.log());
    let failed = |url: &str| {
        let output = crate::harness::process::run(&["music", "--port", "0", "--redis", url], &[]);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let port = cluster.redis.port;
    for url in
        [format!("redis://hub:other-secret@127.0.0.1:{port}"), "redis://:other-secret@127.0.0.1:1".into()]
    {
        let said = failed(&url);
        assert!(said.contains("redis cannot be reached") && !said.contains("other-secret"), "{said}");
    }
}
