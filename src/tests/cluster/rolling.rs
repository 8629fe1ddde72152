//! Nodes that are restarted behind a load balancer.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::harness::balancer::Balancer;
use crate::harness::cluster::Cluster;

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
