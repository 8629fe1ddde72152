//! Nodes that answer late behind a load balancer, because their machine is busy.

use std::thread;
use std::time::Duration;

use crate::harness::balancer::Balancer;
use crate::harness::cluster::Cluster;
use crate::harness::http;

/// Longer than two checks of a load balancer are apart, and shorter than it may wait for one.
const BUSY: Duration = Duration::from_millis(2500);

#[test]
fn nobody_is_turned_away_while_all_nodes_answer_late() {
    for balance in [Balancer::nginx, Balancer::haproxy] {
        let cluster = Cluster::of("music");
        let balancer = balance(&cluster);
        let address = balancer.address;
        let ask = || thread::spawn(move || http::get(address, "/rooms").status);
        cluster.nodes.iter().for_each(|node| node.signal("STOP"));
        let early = ask();
        // Not to wait for anything: this is how busy they are.
        thread::sleep(BUSY);
        let late = ask();
        cluster.nodes.iter().for_each(|node| node.signal("CONT"));
        assert_eq!([early, late].map(|asked| asked.join().unwrap()), [200; 2]);
    }
}
