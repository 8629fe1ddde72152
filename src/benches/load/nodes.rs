//! One node alone, or several with the Redis that they share; all of them have the server's CPU.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::cores::Cores;
use crate::report::ClusterRow;
use crate::rooms::{Load, Pace, Talk};
use crate::server::Server;
use crate::usage;

/// The longest that Redis may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Many small rooms: what a cluster is for. Their members sit on all nodes in turn.
pub const LOAD: Load = Load { talk: Talk::Tracks, n_rooms: 100, n_listeners: 9, pace: Pace::PerSecond(10) };

/// The service's nodes.
pub struct Nodes {
    pub servers: Vec<Server>,
    redis: Option<Redis>,
}

impl Nodes {
    /// One node, without Redis.
    pub fn alone(service: &str, cores: Cores) -> Result<Self> {
        Ok(Self { servers: vec![Server::start(service, cores, &[])?], redis: None })
    }

    /// So many nodes that share their rooms.
    pub fn sharing(n: usize, cores: Cores) -> Result<Self> {
        let redis = Redis::start(cores)?;
        let url = format!("redis://{}", redis.address);
        let servers =
            (0..n).map(|_| Server::start("music", cores, &["--redis", &url])).collect::<Result<_>>()?;
        Ok(Self { servers, redis: Some(redis) })
    }

    /// Where they listen.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(|server| server.address).collect()
    }

    /// CPU time so far, that of Redis included.
    pub fn cpu_time(&self) -> Result<Duration> {
        let nodes: Duration = self.servers.iter().map(Server::cpu_time).sum::<Result<_>>()?;
        Ok(nodes + self.redis_cpu_time()?)
    }

    /// CPU time of Redis so far.
    pub fn redis_cpu_time(&self) -> Result<Duration> {
        self.redis.as_ref().map_or(Ok(Duration::ZERO), |redis| usage::cpu_time(redis.child.id()))
    }

    /// Waits until none of them has anything left to do.
    pub async fn rest(&self) -> Result<()> {
        for server in &self.servers {
            server.rest().await?;
        }
        Ok(())
    }
}

/// A Redis that keeps everything in memory.
struct Redis {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Redis {
    fn start(cores: Cores) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = tempfile::tempdir()?;
        let child = cores
            .server_side("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--port", &address.port().to_string()])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("redis-server")?;
        let redis = Self { child, address, _folder: folder };
        let waits_since = Instant::now();
        while TcpStream::connect(address).is_err() {
            if waits_since.elapsed() > PATIENCE {
                bail!("redis-server does not listen");
            }
        }
        Ok(redis)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same load on one node alone, and on one, two and three that share their rooms.
pub async fn measure(span: Duration, cores: Cores) -> Result<Vec<ClusterRow>> {
    let mut rows = Vec::new();
    for n_nodes in [None, Some(1), Some(2), Some(3)] {
        let name = n_nodes.map_or("one node alone".to_owned(), |n| format!("{n} sharing"));
        eprintln!("{name}");
        let nodes = n_nodes.map_or_else(|| Nodes::alone("music", cores), |n| Nodes::sharing(n, cores))?;
        let (figures, redis) = LOAD.run(nodes, span).await?;
        rows.push(ClusterRow { name, figures, redis });
    }
    Ok(rows)
}
