//! A load balancer in front of three nodes, as the program's own configurations make it.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use super::cluster::{Cluster, NAMES};
use super::{eventually, free_port, http};

/// A load balancer.
pub struct Balancer {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Balancer {
    /// nginx, with `assets/deploy/nginx.conf`.
    pub fn nginx(cluster: &Cluster) -> Self {
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
    pub fn haproxy(cluster: &Cluster) -> Self {
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
