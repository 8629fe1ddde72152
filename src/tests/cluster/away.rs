//! Somebody is erased while nodes are away, for days or for a moment: their files follow when they are back.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::clock::WrongClock;
use crate::cluster::devices::nodes_on;
use crate::devices::client::Device;
use crate::devices::outages::contents;
use crate::erasure::{counts, erase, film_night};
use crate::harness::cluster::Cluster;
use crate::harness::mariadb::MariaDb;
use crate::harness::redis::Redis;
use crate::harness::{eventually, http};
use crate::rows::is_anywhere;

/// Has two days pass for the nodes, and the log go on until they know.
fn pass_two_days(cluster: &Cluster, clock: &WrongClock) {
    let key = format!("{{roomhub:{}}}:state", cluster.service);
    let time = || {
        let meta: serde_json::Value =
            serde_json::from_str(&cluster.redis.run(&["HGET", &key, "meta"])).unwrap_or_default();
        meta["time"].as_u64().unwrap_or(0)
    };
    let before = eventually("a snapshot", || Some(time()).filter(|time| *time > 0));
    clock.put("+2d");
    eventually("a snapshot two days later", || (time() > before + 24 * 60 * 60 * 1_000_000).then_some(()));
}

fn erase_person(data: &Path, name: &str) {
    let recordings = data.join("recordings").display().to_string();
    let environment = [
        ("ROOMHUB_ROOMS__DATA_DIR", data.to_str().unwrap()),
        ("ROOMHUB_WATCH__RECORDINGS_DIR", &*recordings),
    ];
    counts(&erase("persons", name, &environment));
}

#[test]
fn a_node_that_comes_back_after_two_days_does_not_keep_a_person_who_was_erased_meanwhile() {
    let clock = WrongClock::new("+0");
    let redis = Redis::with_clock(&clock);
    let urls = [(); 3].map(|()| redis.url());
    let mut cluster = Cluster::at("watch", redis, &urls, &[]);
    let a = cluster.nodes[0].address;
    let (mut bob, _ann, _) = film_night(a, a);
    let folders = [0, 1, 2].map(|n| cluster.data_of(n));
    for folder in &folders {
        eventually("the words of both", || {
            (is_anywhere(folder, "words of Ann") && is_anywhere(folder, "words of Bob")).then_some(())
        });
    }
    for n in [1, 2] {
        cluster.nodes[n].signal("TERM");
        assert_eq!(cluster.nodes[n].wait(), 0);
    }
    erase_person(&folders[0], "Ann-of-the-test");
    pass_two_days(&cluster, &clock);
    assert!(is_anywhere(&folders[2], "words of Ann"), "it was away");
    cluster.start_again(2);
    eventually("nothing of her", || (!is_anywhere(&folders[2], "Ann-of-the-test")).then_some(()));
    assert!(is_anywhere(&folders[2], "words of Bob"));

    // Who comes back under that name later is somebody else, also for a node that starts once more.
    bob.emit("chat:message", &json!({"content": "who is there?", "type": "text"}));
    let c = cluster.nodes[2].address;
    let (_bob, _ann, _) = film_night(c, c);
    eventually("her new words", || is_anywhere(&folders[2], "words of Ann").then_some(()));
    let log = |cluster: &Cluster| cluster.nodes[2].log().matches("together with the other nodes").count();
    cluster.restart(2);
    eventually("the node", || (log(&cluster) > 0).then_some(()));
    erase_person(&folders[2], "nobody");
    assert!(is_anywhere(&folders[2], "words of Ann"), "files are done when an erasure is that came later");
}

#[test]
fn a_person_who_is_erased_while_redis_is_away_is_erased_on_every_node_once_it_is_back() {
    for forgets in [false, true] {
        let mut cluster = Cluster::of("watch");
        let [a, b] = [0, 1].map(|n| cluster.nodes[n].address);
        let (_bob, _ann, _) = film_night(a, b);
        let folders = [0, 1, 2].map(|n| cluster.data_of(n));
        for folder in &folders {
            eventually("her words", || is_anywhere(folder, "words of Ann").then_some(()));
        }
        if forgets {
            cluster.redis.go_down();
        } else {
            cluster.redis.signal("STOP");
        }
        cluster.await_readiness(0, "redis is away");
        erase_person(&folders[0], "Ann-of-the-test");
        assert!(is_anywhere(&folders[2], "Ann-of-the-test"), "it has not heard of it");
        if forgets {
            cluster.redis.come_up();
        } else {
            cluster.redis.signal("CONT");
        }
        for folder in &folders {
            eventually("nothing of her", || (!is_anywhere(folder, "Ann-of-the-test")).then_some(()));
        }
    }
}

#[test]
fn a_node_that_comes_back_after_two_days_does_not_bring_back_a_device_that_was_erased_meanwhile() {
    let mut database = MariaDb::start();
    let clock = WrongClock::new("+0");
    let mut cluster = nodes_on(&database, Redis::with_clock(&clock));
    let n_know = || cluster.log().matches("the rooms and devices of the database are known").count();
    eventually("what the database knows on every node", || (n_know() == 3).then_some(()));
    database.go_down("TERM");
    let c = cluster.nodes[2].address;
    let (mut gone, _) = Device::join(c, "erased-device", None);
    let (mut left, _) = Device::join(c, "d2", None);
    gone.say_for_sure("words-of-the-erased");
    left.say_for_sure("words-of-d2");
    for n in [1, 2] {
        cluster.take_away(n);
    }
    eventually("the other nodes' end", || {
        let status = http::get(cluster.nodes[0].address, "/status");
        (status.json()["clients"] == 0).then_some(())
    });
    database.come_up();
    let folders = [0, 2].map(|n| cluster.data_of(n));
    let environment = [("ROOMHUB_DEVICES__DATA_DIR", folders[0].to_str().unwrap())];
    counts(&erase("devices", "erased-device", &environment));
    pass_two_days(&cluster, &clock);
    assert!(is_anywhere(&folders[1], "words-of-the-erased"), "it was away");
    cluster.start_again(2);
    eventually("what else its spool held", || {
        contents(&database).contains(&"words-of-d2".to_owned()).then_some(())
    });
    let n_rows = || {
        let tables = [("devices", "device_id"), ("connections", "device_id"), ("messages", "from_device_id")];
        tables.map(|(table, column)| {
            database.run(&format!("SELECT COUNT(*) FROM {table} WHERE {column} = 'erased-device'"))
        })
    };
    assert_eq!(n_rows().map(|n| n.trim().to_owned()), ["0", "0", "0"], "not for a moment");
    eventually("nothing of it", || (!is_anywhere(&folders[1], "erased-device")).then_some(()));
    assert_eq!(n_rows().map(|n| n.trim().to_owned()), ["0", "0", "0"]);
    assert!(!fs::read_to_string(folders[1].join("erasures")).unwrap().is_empty());
    let (_, status) = Device::join(cluster.nodes[2].address, "erased-device", None);
    assert_eq!(status, "created_new");
}
