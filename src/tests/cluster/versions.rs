//! Nodes of different versions side by side, as while a cluster is upgraded: the others' words, numbers and snapshots.

use serde_json::{Value, json};

use crate::cluster::devices::nodes;
use crate::devices::outages::contents;
use crate::devices::traffic::Traffic;
use crate::harness::cluster::Cluster;
use crate::harness::mariadb::MariaDb;
use crate::harness::websocket::Client;
use crate::harness::{eventually, http};

const KEY: &str = r#"{"token":"open sesame"}"#;

/// More than any version has.
const NEWER: &str = "1000";

fn key(cluster: &Cluster, name: &str) -> String {
    format!("{{roomhub:{}}}:{name}", cluster.service)
}

/// Appends an entry as a node of another version would; gives its offset.
fn append(cluster: &Cluster, node: &str, sequence: u32, inputs: &str) -> u64 {
    let keys = ["log", "head", "epoch", "appended"].map(|name| key(cluster, name));
    let epoch = cluster.redis.run(&["GET", &keys[2]]);
    let sequence = sequence.to_string();
    let mut words = vec!["EVAL", include_str!("../../cluster/append.lua"), "4"];
    words.extend(keys.iter().map(String::as_str));
    words.extend([node, &sequence, &epoch, "0", "10000", inputs]);
    let answer = cluster.redis.run(&words);
    let offset = answer.lines().next().and_then(|offset| offset.parse().ok()).unwrap_or(0);
    assert!(answer.lines().count() == 2 && offset > 0, "{answer}");
    offset
}

/// A node of another version that takes part in a cluster.
struct Stranger<'a> {
    cluster: &'a Cluster,
    name: &'static str,
    rules: &'static str,
    sequence: u32,
}

impl<'a> Stranger<'a> {
    fn new(cluster: &'a Cluster, name: &'static str, rules: &'static str) -> Self {
        Self { cluster, name, rules, sequence: 0 }
    }

    fn say(&mut self, inputs: &str) -> u64 {
        self.sequence += 1;
        append(self.cluster, self.name, self.sequence, inputs)
    }

    /// Joins, and says what others do not know.
    fn join(&mut self) {
        self.say(&format!(r#"[{{"j":{}}}]"#, self.rules));
        self.say(r#"[{"z":["AB12"]},{"o":{"Redecorate":"AB12"}},"t"]"#);
    }

    /// Joins, and has rooms that are not the others'. The log has to be quiet: in between, nobody may say anything.
    fn take_part(&mut self) {
        self.join();
        loop {
            let rules = self.rules;
            let first = self.say(&format!(r#"[{{"k":{{"written":0,"previous":null,"rules":{rules}}}}}]"#));
            let second =
                self.say(&format!(r#"[{{"k":{{"written":0,"previous":[{first},1],"rules":{rules}}}}}]"#));
            // With another checkpoint in between, nobody would compare.
            if second == first + 1 {
                return;
            }
        }
    }
}

fn assert_no_divergence(cluster: &Cluster) {
    for node in &cluster.nodes {
        let metrics = http::get(node.address, "/metrics").body;
        let counts = metrics.lines().filter(|line| line.starts_with("roomhub_cluster_divergences_total"));
        for line in counts {
            assert!(line.ends_with(" 0"), "{line}\n{}", node.log());
        }
    }
}

/// Has nodes of a newer and of an earlier version take part.
fn mix_versions(cluster: &Cluster, round: usize) {
    let names = [["newer-0", "earlier-0"], ["newer-1", "earlier-1"], ["newer-2", "earlier-2"]][round];
    for (name, rules) in names.into_iter().zip([NEWER, "0"]) {
        Stranger::new(cluster, name, rules).take_part();
    }
}

#[test]
fn what_a_newer_version_says_that_this_one_does_not_know_changes_nothing_and_disturbs_nobody() {
    let cluster = Cluster::of("music");
    let mut host = Client::host(cluster.nodes[0].address, "AB12");
    let mut guest = Client::guest(cluster.nodes[1].address, "AB12");
    host.expect("room_users");
    let said = [
        r#"[{"j":1000}]"#,
        r#"[{"o":{"Redecorate":"AB12"}}]"#,
        r#"[{"z":["AB12"]}]"#,
        r#"[{"o":{"CloseRoom":["AB12","kindly"]}}]"#,
        r#"["t"]"#,
    ];
    for (inputs, n) in said.into_iter().zip(1..) {
        append(&cluster, "newer", n, inputs);
        host.emit("seek", &json!({"room_id": "AB12", "current_time": n}));
        assert_eq!(guest.expect("seek")["current_time"], n);
    }
    for n in 0..cluster.nodes.len() {
        cluster.await_readiness(n, "a newer version runs on another node");
    }
    assert_no_divergence(&cluster);
    // An operator is told, in the log of each node.
    for node in &cluster.nodes {
        eventually("a word on it in the log", || {
            node.log().contains("inputs cannot be read: is another node of another version?").then_some(())
        });
    }
}

#[test]
fn rooms_of_nodes_of_other_versions_are_not_taken_for_ones_that_have_diverged() {
    for service in ["music", "watch", "signal", "devices"] {
        let cluster = Cluster::of(service);
        mix_versions(&cluster, 0);
        append(&cluster, "marker", 1, r#"[{"z":[]}]"#);
        for (n, node) in cluster.nodes.iter().enumerate() {
            node.await_log("\"marker\"");
            cluster.await_readiness(n, "a newer version runs on another node");
        }
        assert_no_divergence(&cluster);
    }
}

#[test]
fn the_newest_version_writes_the_snapshots() {
    let cluster = Cluster::of("music");
    let mut host = Client::host(cluster.nodes[0].address, "AB12");
    let mut guests = [1, 2].map(|n| Client::guest(cluster.nodes[n].address, "AB12"));
    let writer = key(&cluster, "checkpointer");
    cluster.redis.run(&["SET", &writer, "newer", "PX", "600000"]);
    Stranger::new(&cluster, "newer", NEWER).take_part();
    host.emit("seek", &json!({"room_id": "AB12", "current_time": 7}));
    for guest in &mut guests {
        while guest.hear().expect("it stays").0 != "seek" {}
    }
    let seconds = cluster.redis.run(&["TIME"]).lines().next().unwrap().parse::<u64>().unwrap();
    let now_ms = ((seconds + 1) * 1000).to_string();
    eventually("a heartbeat of all nodes", || {
        let n = cluster.redis.run(&["ZCOUNT", &key(&cluster, "nodes"), &now_ms, "+inf"]);
        (n == "3").then_some(())
    });
    assert_eq!(cluster.redis.run(&["GET", &writer]), "newer");
    cluster.redis.run(&["SET", &writer, "earlier", "PX", "600000"]);
    Stranger::new(&cluster, "earlier", "0").take_part();
    eventually("another writer", || (cluster.redis.run(&["GET", &writer]) != "earlier").then_some(()));
}

#[test]
fn a_node_that_cannot_read_rooms_of_a_newer_version_says_so() {
    let mut cluster = Cluster::of("music");
    let _host = Client::host(cluster.nodes[0].address, "AB12");
    cluster.redis.run(&["HSET", &key(&cluster, "state:rooms"), "ZZ99", r#"1 {"isRound":true}"#]);
    let fresh = cluster.another();
    fresh.await_log("rooms of a newer version cannot be read");
    cluster.await_readiness(3, "a newer version runs on another node");
}

/// A page of `watch`, of a member that has said its name.
fn page(cluster: &Cluster, n: usize) -> Client {
    Client::connect_by(cluster.nodes[n].address, "", &[], KEY)
}

fn answer(client: &mut Client, event: &str, payload: &Value) -> Value {
    let answer: Vec<Value> = serde_json::from_str(&client.ask(event, Some(payload))).unwrap();
    assert_eq!(answer[0]["success"], true, "{event}: {answer:?}");
    answer.into_iter().next().unwrap()
}

#[test]
fn a_watch_party_goes_on_while_its_nodes_are_replaced_beside_other_versions() {
    let mut cluster = Cluster::of("watch");
    let mut owner = page(&cluster, 0);
    let given = json!({"name": "Films", "description": "", "isPublic": true, "userName": "Ann"});
    let made = answer(&mut owner, "room:create", &given);
    let (room, token) = (made["room"]["id"].clone(), made["room"]["ownerToken"].clone());
    let join = json!({"roomId": room, "userName": "Ann", "ownerToken": token});
    let mut guest = page(&cluster, 1);
    answer(&mut guest, "room:join", &json!({"roomId": room, "userName": "Bob"}));
    let (mut of_owner, mut of_guest) = (0, 1);
    for n in 0..3 {
        mix_versions(&cluster, n);
        let words = format!("before node {n}");
        owner.emit("chat:message", &json!({"content": words, "type": "text"}));
        while !guest.hear().is_some_and(|(event, told)| event == "chat:message" && told["content"] == words) {
        }
        cluster.restart(n);
        if n == of_owner {
            while owner.hear().is_some() {}
            of_owner = (n + 1) % 3;
            owner = page(&cluster, of_owner);
            assert_eq!(
                answer(&mut owner, "room:join", &join)["room"]["ownerToken"],
                token,
                "it is hers still"
            );
        }
        if n == of_guest {
            while guest.hear().is_some() {}
            of_guest = (n + 1) % 3;
            guest = page(&cluster, of_guest);
            answer(&mut guest, "room:join", &json!({"roomId": room, "userName": "Bob"}));
        }
    }
    let kept = owner.ask("chat:history", Some(&json!({})));
    for n in 0..3 {
        assert!(kept.contains(&format!("before node {n}")), "{kept}");
    }
}

#[test]
fn a_call_goes_on_while_its_nodes_are_replaced_beside_other_versions() {
    let mut cluster = Cluster::of("signal");
    let join = |cluster: &Cluster, n: usize, user: &str| {
        let mut client = Client::connect_silently(cluster.nodes[n].address);
        client.expect("connected");
        client.emit("join", &json!({"userId": user, "roomId": "r1"}));
        client.expect("joined");
        client
    };
    let mut homes = [0, 1, 2];
    let users = ["ann", "bob", "cyd"];
    let mut clients: Vec<Client> = (0..3).map(|n| join(&cluster, homes[n], users[n])).collect();
    for n in 0..3 {
        mix_versions(&cluster, n);
        cluster.restart(n);
        for of in (0..3).filter(|of| homes[*of] == n).collect::<Vec<_>>() {
            while clients[of].hear().is_some() {}
            homes[of] = (n + 1) % 3;
            clients[of] = join(&cluster, homes[of], users[of]);
        }
        for (from, to) in [(0, 1), (1, 2), (2, 0)] {
            clients[from].emit("offer", &json!({"roomId": "r1", "to": users[to], "sdp": format!("v={n}")}));
            let offer = loop {
                let (event, told) = clients[to].hear().expect("it stays in its room");
                if event == "offer" {
                    break told;
                }
            };
            assert_eq!((&offer["from"], &offer["sdp"]), (&json!(users[from]), &json!(format!("v={n}"))));
        }
    }
}

#[test]
fn no_message_of_a_device_is_lost_while_its_nodes_are_replaced_beside_other_versions() {
    let database = MariaDb::start();
    let mut cluster = nodes(&database);
    let addresses: Vec<_> = cluster.nodes.iter().map(|node| node.address).collect();
    let traffic = Traffic::over(&addresses);
    for n in 0..3 {
        Stranger::new(&cluster, ["newer-0", "newer-1", "newer-2"][n], NEWER).join();
        Stranger::new(&cluster, ["earlier-0", "earlier-1", "earlier-2"][n], "0").join();
        traffic.flow(15);
        cluster.restart(n);
        traffic.flow(15);
    }
    traffic.settle(|| contents(&database));
    assert_no_divergence(&cluster);
}
