//! Nodes that are restarted behind a load balancer.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::harness::balancer::Balancer;
use crate::harness::cluster::Cluster;
use crate::harness::websocket::Client;
use crate::harness::{eventually, http};

#[test]
fn a_room_goes_on_while_all_nodes_are_restarted_one_after_another() {
    for balance in [Balancer::nginx, Balancer::haproxy] {
        let mut cluster = Cluster::of("music");
        let balancer = balance(&cluster);
        let mut client = Command::new("node")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/clients/rolling.mjs"))
            .arg(format!("http://{}/", balancer.address))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(client.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(told.next().as_deref(), Some("everybody is there"));
        for n in 0..cluster.nodes.len() {
            cluster.restart(n);
            writeln!(client.stdin.as_ref().unwrap(), "again").unwrap();
            assert_eq!(
                told.next().as_deref(),
                Some("everybody hears the host"),
                "after node {n}:\n{}",
                cluster.log()
            );
        }
        drop(client.stdin.take());
        assert!(client.wait().unwrap().success(), "{:?}", told.collect::<Vec<_>>());
    }
}

/// Appends an entry as a node of another version would.
fn append(cluster: &Cluster, sequence: u32, inputs: &str) {
    let key = |name: &str| format!("{{roomhub:{}}}:{name}", cluster.service);
    let keys = ["log", "head", "epoch", "appended"].map(key);
    let epoch = cluster.redis.run(&["GET", &keys[2]]);
    let sequence = sequence.to_string();
    let mut words = vec!["EVAL", include_str!("../../cluster/append.lua"), "4"];
    words.extend(keys.iter().map(String::as_str));
    words.extend(["newer", &sequence, &epoch, "0", "10000", inputs]);
    let answer = cluster.redis.run(&words);
    assert!(answer.lines().count() == 2 && !answer.starts_with('0'), "{answer}");
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
        append(&cluster, n, inputs);
        host.emit("seek", &json!({"room_id": "AB12", "current_time": n}));
        assert_eq!(guest.expect("seek")["current_time"], n);
    }
    for n in 0..cluster.nodes.len() {
        cluster.await_readiness(n, "a newer version runs on another node");
        let metrics = http::get(cluster.nodes[n].address, "/metrics").body;
        assert!(
            !metrics
                .lines()
                .any(|line| line.starts_with("roomhub_cluster_divergences_total") && !line.ends_with(" 0")),
            "{metrics}"
        );
    }
    // An operator is told, in the log of each node.
    for node in &cluster.nodes {
        eventually("a word on it in the log", || {
            node.log().contains("inputs cannot be read: is another node of another version?").then_some(())
        });
    }
}
