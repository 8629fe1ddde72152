//! Load balancers in front of three nodes, as the program's own configurations make them: every client's library, its
//! members on whichever node they come to, cannot tell.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use super::{Cluster, NAMES, devices, free_port};
use crate::clients::run_client_at;
use crate::harness::mariadb::MariaDb;
use crate::harness::process::run;
use crate::harness::{eventually, http};

/// A load balancer.
struct Balancer {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Balancer {
    /// nginx, with `assets/deploy/nginx.conf`.
    fn nginx(cluster: &Cluster) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let site = at_nodes(include_str!("../../../assets/deploy/nginx.conf"), cluster)
            .replace("listen 80;", &format!("listen {address};"));
        let folder = tempfile::tempdir().unwrap();
        let whole = format!(
            "daemon off; pid nginx.pid; error_log stderr; events {{}} http {{ access_log off; \
             client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; \
             scgi_temp_path s;\n{site}\n}}"
        );
        std::fs::write(folder.path().join("nginx.conf"), whole).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf"]);
        Self::start(command, address, folder)
    }

    /// `HAProxy`, with `assets/deploy/haproxy.cfg`.
    fn haproxy(cluster: &Cluster) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let whole = at_nodes(include_str!("../../../assets/deploy/haproxy.cfg"), cluster)
            .replace("bind :80", &format!("bind {address}"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, whole).unwrap();
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-q").arg("-f").arg(file);
        Self::start(command, address, folder)
    }

    fn start(mut command: Command, address: SocketAddr, folder: tempfile::TempDir) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let balancer = Self { child, address, _folder: folder };
        eventually("a load balancer", || TcpStream::connect(address).ok());
        eventually("a node behind it", || (http::get(address, "/livez").status == 200).then_some(()));
        balancer
    }

    /// Runs a client, whose members come to every node.
    fn run(&self, cluster: &Cluster, program: &str, script: &str, more: &[&str]) {
        on_all_nodes(cluster, || run_client_at(program, script, self.address, more, &|| cluster.log()));
    }

    /// Plays the scenarios of the program's own probe, on each of the service's wires.
    fn probe(&self, cluster: &Cluster) {
        let url = format!("http://{}", self.address);
        on_all_nodes(cluster, || {
            let probe = ["probe", cluster.service, "--auto", "--url", &url];
            let output = run(&probe, &[("AUTH_KEY", "open sesame")]);
            let told = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{told}\n{}", cluster.log());
        });
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        // nginx takes its workers along.
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
    }
}

/// The configuration with the nodes' addresses.
fn at_nodes(configuration: &str, cluster: &Cluster) -> String {
    NAMES.iter().zip(&cluster.nodes).fold(configuration.to_owned(), |text, (name, node)| {
        text.replace(&format!("node-{name}:3000"), &node.address.to_string())
    })
}

/// Does something that every node must have a part in.
fn on_all_nodes(cluster: &Cluster, act: impl FnOnce()) {
    let steps = format!("roomhub_cluster_steps_total{{service=\"{}\"}}", cluster.service);
    let count = || cluster.nodes.iter().map(|node| node.metric(&steps)).collect::<Vec<f64>>();
    let before = count();
    act();
    let after = count();
    assert!(before.iter().zip(&after).all(|(before, after)| after > before), "{before:?} {after:?}");
}

fn every_balancer(cluster: &Cluster) -> [Balancer; 2] {
    [Balancer::nginx(cluster), Balancer::haproxy(cluster)]
}

#[test]
fn listening_rooms_on_three_nodes() {
    let cluster = Cluster::of("music");
    for balancer in every_balancer(&cluster) {
        balancer.run(&cluster, "node", "player.mjs", &[]);
        balancer.run(&cluster, "/usr/bin/python3", "snake.py", &[]);
        balancer.probe(&cluster);
    }
}

#[test]
fn watch_parties_on_three_nodes() {
    let cluster = Cluster::of("watch");
    for balancer in every_balancer(&cluster) {
        balancer.run(&cluster, "node", "moontv.mjs", &["open sesame"]);
        balancer.probe(&cluster);
    }
}

#[test]
fn calls_on_three_nodes() {
    let cluster = Cluster::of("signal");
    for balancer in every_balancer(&cluster) {
        balancer.run(&cluster, "node", "signalling.mjs", &[]);
        balancer.run(&cluster, "/usr/bin/python3", "signalling.py", &[]);
        balancer.probe(&cluster);
    }
}

#[test]
fn devices_on_three_nodes() {
    let database = MariaDb::start();
    let cluster = devices::nodes(&database);
    let [nginx, haproxy] = every_balancer(&cluster);
    nginx.run(&cluster, "/usr/bin/python3", "devices.py", &[]);
    nginx.probe(&cluster);
    haproxy.probe(&cluster);
}

#[test]
fn a_room_goes_on_while_all_nodes_are_restarted_one_after_another() {
    let mut cluster = Cluster::of("music");
    let balancer = Balancer::haproxy(&cluster);
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
