//! A load balancer in front of three nodes, as the program's own configurations make it; and a proxy for one server.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use roomhub::settings::Service;

use super::cluster::{Cluster, NAMES};
use super::{eventually, free_port, http};

/// What the kernel holds for a balancer and a client that does not read; left alone it is megabytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// The services that are balanced, and their ports.
fn ports() -> impl Iterator<Item = (&'static str, u16)> {
    let balanced = Service::all().into_iter().filter(|service| *service != Service::Radio);
    balanced.map(|service| (service.name(), service.default_port()))
}

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
        let mut site = at_nodes(include_str!("../../../assets/deploy/nginx.conf"), cluster);
        for (service, port) in ports() {
            let listen = format!("    listen {port};\n");
            let (listens, named) = if service == cluster.service {
                (
                    format!("    listen {address} sndbuf={BUFFER_BYTES};\n"),
                    format!("    {} {service};\n", address.port()),
                )
            } else {
                (String::new(), String::new())
            };
            site = replaced(&site, &listen, &listens);
            site = replaced(&site, &format!("    {port} {service};\n"), &named);
        }
        Self::nginx_with(&site, address)
    }

    /// nginx with one server below `/radio/`, and below `/bare` as a configuration without its slashes does it.
    pub fn below_paths(server: SocketAddr) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let site = format!(
            "server {{ listen {address}; proxy_buffering off; proxy_set_header Host $http_host;
             location = /livez {{ proxy_pass http://{server}; }}
             location /radio/ {{ proxy_pass http://{server}/; proxy_set_header X-Forwarded-Prefix /radio; }}
             location /bare {{ proxy_pass http://{server}/; }} }}"
        );
        Self::nginx_with(&site, address)
    }

    fn nginx_with(site: &str, address: SocketAddr) -> Self {
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

    /// nginx as it is first tried: `proxy_pass` to one server, with or without what WebSockets need.
    pub fn bare(server: SocketAddr, more: &str) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        Self::nginx_with(
            &format!("server {{ listen {address}; location / {{ proxy_pass http://{server}; {more} }} }}"),
            address,
        )
    }

    /// nginx with each service under a path of its name, as people write it: without a word about the path to the service.
    pub fn under_paths(services: &[(String, SocketAddr)]) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let location = |(service, at): &(String, SocketAddr)| {
            format!(
                "location /{service}/ {{ proxy_pass http://{at}/; proxy_http_version 1.1; proxy_set_header Host \
                 $http_host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; \
                 proxy_set_header X-Forwarded-For $remote_addr; proxy_buffering off; }}"
            )
        };
        let locations: String = services.iter().map(location).collect();
        let health = format!("location = /livez {{ proxy_pass http://{}/livez; }}", services[0].1);
        Self::nginx_with(&format!("server {{ listen {address}; {locations} {health} }}"), address)
    }

    /// nginx with a server below a path, and not a word about the path to the server.
    pub fn below(server: SocketAddr, path: &str) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        Self::nginx_with(
            &format!(
                "server {{ listen {address}; location /{path}/ {{ proxy_pass http://{server}/; proxy_http_version 1.1; \
                 proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \
                 upgrade; proxy_set_header X-Forwarded-For $remote_addr; proxy_buffering off; }} \
                 location = /livez {{ proxy_pass http://{server}/livez; }} }}"
            ),
            address,
        )
    }

    /// `HAProxy`, with `assets/deploy/haproxy.cfg`.
    pub fn haproxy(cluster: &Cluster) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut whole = at_nodes(include_str!("../../../assets/deploy/haproxy.cfg"), cluster);
        for (service, port) in ports() {
            let own = if service == cluster.service { address.port() } else { free_port() };
            whole = replaced(&whole, &format!("bind :{port}\n"), &format!("bind 127.0.0.1:{own}\n"));
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("haproxy.cfg");
        let buffers =
            format!("global\n    tune.sndbuf.client {BUFFER_BYTES}\n    tune.rcvbuf.server {BUFFER_BYTES}\n");
        std::fs::write(&file, [buffers, whole].concat()).unwrap();
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-q").arg("-f").arg(file);
        Self::start(command, address, folder)
    }

    fn start(mut command: Command, address: SocketAddr, folder: tempfile::TempDir) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let mut balancer = Self { child, address, _folder: folder };
        eventually("a load balancer", || {
            assert_eq!(balancer.child.try_wait().unwrap(), None, "it does not start: {command:?}");
            TcpStream::connect(address).ok()
        });
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

/// The configuration with the addresses of the service's nodes; those of the other services lead nowhere.
fn at_nodes(configuration: &str, cluster: &Cluster) -> String {
    let mut text = configuration.to_owned();
    for (name, node) in NAMES.iter().zip(&cluster.nodes) {
        for (service, port) in ports() {
            let address =
                if service == cluster.service { node.address.to_string() } else { "127.0.0.1:1".to_owned() };
            text = replaced(&text, &format!("node-{name}:{port}"), &address);
        }
    }
    text
}

fn replaced(text: &str, words: &str, others: &str) -> String {
    assert!(text.contains(words), "{words} is not in\n{text}");
    text.replace(words, others)
}
