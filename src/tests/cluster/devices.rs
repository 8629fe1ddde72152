//! Device rooms on several nodes with one database: one room, nothing lost, nothing doubled, whichever node fails.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::devices::client::Device;
use crate::devices::outages::contents;
use crate::devices::traffic::Traffic;
use crate::harness::cluster::Cluster;
use crate::harness::mariadb::MariaDb;
use crate::harness::redis::Redis;
use crate::harness::{eventually, http};

/// Three nodes with one database.
pub fn nodes(database: &MariaDb) -> Cluster {
    nodes_on(database, Redis::start())
}

/// The same on a Redis of one's choice.
pub fn nodes_on(database: &MariaDb, redis: Redis) -> Cluster {
    let urls = [(); 3].map(|()| redis.url());
    let more = [("DATABASE_URL", &*database.url()), ("ROOMHUB_DEVICES__OFFLINE_QUEUE", "5")];
    Cluster::at("devices", redis, &urls, &more)
}

#[test]
fn nodes_without_a_common_database_say_so() {
    let cluster = Cluster::of("devices");
    let words = "each node keeps its own messages: set [devices] database_url";
    for node in &cluster.nodes {
        node.await_log(words);
    }
}

fn said(content: &str) -> Value {
    json!({"type": "message", "content": content})
}

#[test]
fn a_device_room_is_one_room_on_three_nodes() {
    let database = MariaDb::start();
    let cluster = nodes(&database);
    let [a, b, c] = [0, 1, 2].map(|n| cluster.nodes[n].address);
    let (mut d1, status) = Device::join(a, "d1", None);
    assert_eq!(status, "created_new");
    let room = d1.room.clone();
    let (mut d2, status) = Device::join(b, "d2", Some(&room.to_lowercase()));
    assert_eq!((status.as_str(), &d2.room), ("joined_existing", &room));
    let (mut twin, status) = Device::join(c, "d1", None);
    assert_eq!((status.as_str(), &twin.room), ("reconnected", &room));
    let mut stranger = Device::connect(b);
    stranger.say(&json!({"device_id": "d9", "identity": "x", "room_id": "ZZZZZZZZ"}));
    assert_eq!(stranger.hear()["status"], "room_not_found");
    stranger.expect_close(1000);

    d2.say(&json!({"type": "query_room"}));
    let info = d2.hear();
    assert_eq!(info["total_clients"], 3);
    let d1s = json!([{"device_id": "d1", "identity": "test"}, {"device_id": "d1", "identity": "test"}]);
    assert_eq!(info["clients"], d1s);
    d2.say(&said("to all"));
    for device in [&mut d1, &mut twin] {
        assert_eq!(device.hear()["content"], "to all");
    }
    d1.say(&json!({"type": "message", "content": "to one", "target_device_id": "d2"}));
    let heard = d2.hear();
    assert_eq!((&heard["content"], &heard["message_type"]), (&json!("to one"), &json!("direct")));
    // The same message again, on another node.
    d1.say_for_sure("once");
    assert_eq!(d2.hear()["content"], "once");
    assert_eq!(twin.hear()["content"], "once");
    twin.say_for_sure("once");
    // What comes under the same id and says something else is another one.
    twin.say(&json!({"type": "message", "content": "twice", "message_id": "once"}));
    assert_eq!(twin.hear()["type"], "ack");
    for device in [&mut d1, &mut d2] {
        assert_eq!(device.hear()["content"], "twice");
    }
    twin.say(&said("after it"));
    assert_eq!(d2.hear()["content"], "after it");
    assert_eq!(d1.hear()["content"], "after it");

    // What waits for a device finds it on whichever node it returns to, once.
    drop(d2);
    eventually("d2 gone", || {
        d1.say(&json!({"type": "query_room"}));
        (d1.hear()["total_clients"] == 2).then_some(())
    });
    d1.say(&json!({"type": "message", "content": "for later", "target_device_id": "d2"}));
    d1.say_for_sure("marker");
    let (mut d2, _) = Device::join(c, "d2", None);
    let waited = d2.hear();
    assert_eq!((&waited["content"], &waited["queued"]), (&json!("for later"), &json!(true)));
    let (mut d2b, _) = Device::join(a, "d2", None);
    d2b.say(&json!({"type": "query_room"}));
    assert_eq!(d2b.hear()["type"], "room_info");

    // HTTP speaks for all nodes, and acts on them.
    for node in [a, b, c] {
        eventually("the room on every node", || {
            let told = http::get(node, &format!("/rooms/{room}"));
            (told.status == 200 && told.json()["total_clients"] == 4).then_some(())
        });
        assert_eq!(http::get(node, "/rooms/ZZZZZZZZ").status, 404);
    }
    eventually("the history of d2", || {
        let told = http::get(b, "/devices/d2");
        (told.status == 200 && told.json()["connections"].as_array().unwrap().len() == 3).then_some(())
    });
    let json_type = [("Content-Type", "application/json")];
    let sent =
        http::request(b, "POST", &format!("/rooms/{room}/messages"), &json_type, r#"{"content":"by hand"}"#);
    assert_eq!(sent.status, 202, "{sent:?}");
    for content in ["marker", "by hand"] {
        assert_eq!(twin.hear()["content"], content);
    }
    assert_eq!(d2.hear()["content"], "by hand");
    let kicked = http::request(b, "DELETE", "/devices/d2/connections", &[], "");
    assert_eq!(kicked.json()["disconnected"], 2, "{kicked:?}");
    d2.expect_close(1008);

    let expected = ["after it", "by hand", "for later", "marker", "once", "to all", "to one", "twice"];
    eventually("every message in the database, once", || {
        let mut stored = contents(&database);
        stored.sort();
        (stored == expected).then_some(())
    });
}

#[test]
fn what_is_said_for_a_device_that_another_node_has_yet_to_tell_of_is_kept() {
    let mut database = MariaDb::start();
    let cluster = nodes(&database);
    let n_know = || cluster.log().matches("the rooms and devices of the database are known").count();
    eventually("what the database knows on every node", || (n_know() == 3).then_some(()));
    database.go_down("TERM");
    let (d1, _) = Device::join(cluster.nodes[0].address, "d1", None);
    // Its own node has it in the spool, and no time to come to the database.
    cluster.nodes[0].signal("STOP");
    let path = format!("/rooms/{}/messages", d1.room);
    let json_type = [("Content-Type", "application/json")];
    let body = r#"{"content":"for d1","device_id":"d1"}"#;
    let sent = http::request(cluster.nodes[1].address, "POST", &path, &json_type, body);
    assert_eq!(sent.status, 202, "{sent:?}");
    database.come_up();
    eventually("the message in the database", || (contents(&database) == ["for d1"]).then_some(()));
    assert_eq!(database.run("SELECT COUNT(*) FROM devices").trim(), "1");
    cluster.nodes[0].signal("CONT");
    eventually("what the other node knows", || {
        (database.run("SELECT last_identity FROM devices").trim() == "test").then_some(())
    });
}

#[test]
fn kills_of_nodes_lose_nothing_and_double_nothing() {
    let database = MariaDb::start();
    let mut cluster = nodes(&database);
    let addresses: Vec<_> = cluster.nodes.iter().map(|node| node.address).collect();
    let traffic = Traffic::over(&addresses);
    for n in 0..9 {
        traffic.flow(15);
        cluster.kill(n % 3);
    }
    traffic.flow(15);
    traffic.settle(|| contents(&database));
    eventually("no connection left open by the dead", || {
        let live = http::get(addresses[0], "/status").json()["clients"].to_string();
        let open = database.run("SELECT COUNT(*) FROM connections WHERE disconnected_at IS NULL");
        (open.trim() == "0" && live == "0").then_some(())
    });
}

/// Joins a room; a node that has lost touch for a moment may cut its members off, who then come again.
fn come(address: SocketAddr, device_id: &str, room: &str) -> Device {
    loop {
        if let Some(device) = Device::try_join(address, device_id, room) {
            return device;
        }
    }
}

/// Joins a room, sends a message and leaves; false if the connection was cut before the acknowledgement.
fn send_as(address: SocketAddr, device_id: &str, room: &str, message_id: &str) -> bool {
    let mut device = come(address, device_id, room);
    device.try_say(&json!({"type": "message", "content": message_id, "message_id": message_id}));
    // The others are heard meanwhile.
    loop {
        match device.try_hear() {
            Ok(told) if told["type"] == "ack" => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

#[test]
fn every_listener_hears_the_same_in_one_order() {
    let database = MariaDb::start();
    let cluster = nodes(&database);
    let (first, _) = Device::join(cluster.nodes[0].address, "listener-0", None);
    let room = first.room.clone();
    let mut listeners = vec![first];
    for n in [1, 2] {
        let (listener, _) = Device::join(cluster.nodes[n].address, &format!("listener-{n}"), Some(&room));
        listeners.push(listener);
    }
    let talkers: Vec<_> = (0..3)
        .map(|n| {
            let (address, room) = (cluster.nodes[n].address, room.clone());
            std::thread::spawn(move || {
                for i in 0..100 {
                    // Devices that come and go change the room under the messages of others.
                    let name = format!("{n}-{i}");
                    while !send_as(address, &format!("talker-{n}"), &room, &name) {}
                }
            })
        })
        .collect();
    for talker in talkers {
        talker.join().unwrap();
    }
    let heard: Vec<Vec<String>> = listeners
        .iter_mut()
        .map(|listener| (0..300).map(|_| listener.hear()["content"].as_str().unwrap().to_owned()).collect())
        .collect();
    assert!(heard[0] == heard[1] && heard[1] == heard[2], "{heard:?}");
    for n in 0..3 {
        let own = heard[0].iter().filter_map(|said| said.strip_prefix(&format!("{n}-")));
        assert!(own.eq((0..100).map(|i| i.to_string())), "each in its own order");
    }
    eventually("every message in the database, once", || {
        let (mut stored, mut said) = (contents(&database), heard[0].clone());
        stored.sort();
        said.sort();
        (stored == said).then_some(())
    });
}

#[test]
fn who_comes_and_goes_on_every_node_leaves_no_ghost() {
    let database = MariaDb::start();
    let cluster = nodes(&database);
    let addresses = [0, 1, 2].map(|n| cluster.nodes[n].address);
    let (mut witness, _) = Device::join(addresses[0], "witness", None);
    let guests: Vec<_> = (0..9)
        .map(|n| {
            let (address, room) = (addresses[n % 3], witness.room.clone());
            std::thread::spawn(move || {
                for _ in 0..60 {
                    // Gone before its room has heard of it, or a moment later.
                    come(address, &format!("guest-{n}"), &room);
                }
            })
        })
        .collect();
    for guest in guests {
        guest.join().unwrap();
    }
    let room = witness.room.clone();
    eventually("only the witness", || {
        witness.try_say(&json!({"type": "query_room"}));
        let told = witness.try_hear();
        if told.is_err() {
            witness = come(addresses[0], "witness", &room);
        }
        (told.ok()?["total_clients"] == 1).then_some(())
    });
}

#[test]
fn without_redis_devices_go_on_node_by_node_and_meet_again() {
    let database = MariaDb::start();
    let mut cluster = nodes(&database);
    let [a, b, _] = [0, 1, 2].map(|n| cluster.nodes[n].address);
    let (mut d1, _) = Device::join(a, "d1", None);
    let (mut d2, _) = Device::join(b, "d2", Some(&d1.room.clone()));
    cluster.redis.go_down();
    d1.say_for_sure("alone");
    cluster.await_readiness(0, "redis is away");
    let (d3, status) = Device::join(a, "d3", None);
    assert_eq!(status, "created_new");
    cluster.redis.come_up();
    for n in 0..3 {
        eventually("together again", || {
            (!http::get(cluster.nodes[n].address, "/readyz").body.contains("redis")).then_some(())
        });
    }
    // A room that was made meanwhile is known everywhere, and a room from before is one room.
    let (_d4, status) = Device::join(b, "d4", Some(&d3.room));
    assert_eq!(status, "joined_existing");
    let (_d3, status) = Device::join(b, "d3", None);
    assert_eq!(status, "reconnected");
    d1.say(&said("together"));
    assert_eq!(d2.hear()["content"], "together");
    eventually("every message in the database, once", || {
        let mut stored = contents(&database);
        stored.sort();
        (stored == ["alone", "together"]).then_some(())
    });
}
