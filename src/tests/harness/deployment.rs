//! Where clients come to: one server, or three that are one behind a load balancer. Clients must not be able to tell.

use std::net::SocketAddr;

use tempfile::TempDir;

use super::balancer::Balancer;
use super::cluster::Cluster;
use super::eventually;
use super::http::{self, Response};
use super::mariadb::MariaDb;
use super::process::{Server, roomhub};

/// What opens `/admin` of watch, through a load balancer too.
pub const ADMIN_KEY: &str = "a key of operators";

/// How it is brought.
pub const ADMIN_BEARER: &str = "Bearer a key of operators";

/// One address with a service behind it.
pub struct Deployment {
    pub address: SocketAddr,
    service: &'static str,
    environment: Vec<(String, String)>,
    servers: Servers,
    /// What a server alone keeps.
    data: TempDir,
}

enum Servers {
    One(Box<Server>),
    Three { _balancer: Balancer, cluster: Box<Cluster>, _database: Option<MariaDb> },
}

/// Plays on one server, and on three behind a load balancer: what takes long, and is the same behind any of them.
pub fn alone_and_together(
    service: &'static str,
    environment: &[(&str, &str)],
    play: impl Fn(&mut Deployment),
) {
    println!("on one server");
    play(&mut Deployment::alone(service, environment));
    println!("on three nodes behind nginx");
    play(&mut Deployment::behind(Balancer::nginx, service, environment));
}

/// Plays on one server, and on three behind each of the load balancers.
pub fn everywhere(service: &'static str, environment: &[(&str, &str)], play: impl Fn(&mut Deployment)) {
    alone_and_together(service, environment, &play);
    println!("on three nodes behind HAProxy");
    play(&mut Deployment::behind(Balancer::haproxy, service, environment));
}

impl Deployment {
    fn alone(service: &'static str, environment: &[(&str, &str)]) -> Self {
        let data = TempDir::new().unwrap();
        let server = start(service, 0, &data, environment.iter().copied());
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let (address, servers) = (server.address, Servers::One(Box::new(server)));
        Self { address, service, environment: environment.collect(), servers, data }
    }

    fn behind(
        balance: impl Fn(&Cluster) -> Balancer,
        service: &'static str,
        environment: &[(&str, &str)],
    ) -> Self {
        let database = (service == "devices").then(MariaDb::start);
        let url = database.as_ref().map(MariaDb::url);
        let mut more = environment.to_vec();
        more.extend(url.iter().map(|url| ("DATABASE_URL", url.as_str())));
        let cluster = Cluster::with(service, &more);
        let balancer = balance(&cluster);
        let address = balancer.address;
        let servers = Servers::Three { _balancer: balancer, cluster: Box::new(cluster), _database: database };
        Self { address, service, environment: Vec::new(), servers, data: TempDir::new().unwrap() }
    }

    /// Stops every server, starts all of them again, and waits until they answer.
    pub fn restart(&mut self) {
        match &mut self.servers {
            Servers::One(server) => {
                server.signal("TERM");
                assert_eq!(server.wait(), 0);
                let environment = self.environment.iter().map(|(name, value)| (&**name, &**value));
                **server = start(self.service, self.address.port(), &self.data, environment);
            }
            Servers::Three { cluster, .. } => cluster.restart_all(),
        }
        self.told("/livez", &[], |answer| answer.status == 200);
    }

    /// Every server behind it.
    pub fn servers(&self) -> &[Server] {
        match &self.servers {
            Servers::One(server) => std::slice::from_ref(server),
            Servers::Three { cluster, .. } => &cluster.nodes,
        }
    }

    /// What it answers once it is what it should be: a server hears of what happened on another a little later.
    pub fn told(&self, path: &str, headers: &[(&str, &str)], is_it: impl Fn(&Response) -> bool) -> Response {
        eventually(path, || Some(http::get_with(self.address, path, headers)).filter(&is_it))
    }

    /// What all of them logged.
    pub fn log(&self) -> String {
        self.servers().iter().map(Server::log).collect::<Vec<_>>().join("\n\n")
    }

    /// The sum of a figure of `/metrics`.
    pub fn metric(&self, name: &str) -> f64 {
        self.servers().iter().map(|server| server.metric(name)).sum()
    }

    /// Resident memory of all of them, in KiB.
    pub fn rss_kib(&self) -> u64 {
        self.servers().iter().map(Server::rss_kib).sum()
    }

    /// Does something that members on different servers must have a part in, if there are several.
    pub fn spread(&self, act: impl FnOnce()) {
        let events = format!("roomhub_events_in_total{{service=\"{}\"}}", self.service);
        let count = || self.servers().iter().map(|server| server.metric(&events)).collect::<Vec<_>>();
        let before = count();
        act();
        let after = count();
        let n_servers = before.iter().zip(&after).filter(|(before, after)| after > before).count();
        assert!(n_servers >= before.len().min(2), "{before:?} {after:?}");
    }
}

/// Starts a server that is alone.
fn start<'a>(
    service: &str,
    port: u16,
    data: &TempDir,
    environment: impl Iterator<Item = (&'a str, &'a str)>,
) -> Server {
    let port = port.to_string();
    let mut command = roomhub(&[service, "--host", "127.0.0.1", "--port", &port, "--log-format", "json"]);
    command.env("AUTH_KEY", "open sesame").env("ROOMHUB_WATCH__ADMIN_KEY", ADMIN_KEY);
    command.env("ROOMHUB_DEVICES__DATA_DIR", data.path()).env("ROOMHUB_ROOMS__DATA_DIR", data.path());
    command.env("ROOMHUB_WATCH__RECORDINGS_DIR", data.path().join("recordings"));
    command.envs(environment);
    Server::spawn(command)
}
