//! One node alone, or several with the Redis that they share; all of them have the server's CPU.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::cores::Cores;
use crate::report::{ClusterRow, ClusterTable};
use crate::rooms::{Load, Pace, Talk};
use crate::server::Server;
use crate::{tls, usage};

/// The longest that Redis may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// What nodes wait for more by default, and not at all.
const LINGERS: &str = "5ms";
const GOES_AT_ONCE: &str = "0s";

/// How many nodes share a load, and their `cluster.linger`.
type Sharing = (usize, &'static str);

/// Loads, and who shares each. Members of a room sit on all nodes in turn.
const LOADS: [(&str, Load, &[Sharing]); 3] = [
    (
        "100 rooms of 10 at 10 events a second each",
        Load { talk: Talk::Tracks, n_rooms: 100, n_listeners: 9, pace: Pace::PerSecond(10) },
        &[(1, LINGERS), (2, LINGERS), (3, LINGERS), (3, GOES_AT_ONCE)],
    ),
    (
        "100 rooms of 10 as fast as they go",
        Load { talk: Talk::Tracks, n_rooms: 100, n_listeners: 9, pace: Pace::ClosedLoop },
        &[(3, LINGERS), (3, GOES_AT_ONCE)],
    ),
    (
        "one room of 1,000 at 10 events a second",
        Load { talk: Talk::Tracks, n_rooms: 1, n_listeners: 999, pace: Pace::PerSecond(10) },
        &[(3, LINGERS)],
    ),
];

/// The service's nodes.
pub struct Nodes {
    pub servers: Vec<Server>,
    redis: Option<Redis>,
}

impl Nodes {
    /// One node, without Redis.
    pub fn alone(talk: Talk, cores: Cores) -> Result<Self> {
        let folder = Rc::new(tempfile::tempdir()?);
        let environment = match talk {
            Talk::SealedTracks => &tls::certify(folder.path())?[..],
            Talk::Tracks | Talk::Calls | Talk::Messages => &[],
        };
        Ok(Self::of(Server::start_in(folder, talk.service(), cores, &[], environment)?))
    }

    /// That one, without Redis.
    pub fn of(server: Server) -> Self {
        Self { servers: vec![server], redis: None }
    }

    /// So many nodes that share their rooms.
    pub fn sharing(n: usize, linger: &str, cores: Cores) -> Result<Self> {
        let redis = Redis::start(cores)?;
        let url = format!("redis://{}", redis.address);
        let environment = [("ROOMHUB_CLUSTER__LINGER", linger)];
        let start = || {
            let folder = Rc::new(tempfile::tempdir()?);
            Server::start_in(folder, "music", cores, &["--redis", &url], &environment)
        };
        let servers = (0..n).map(|_| start()).collect::<Result<_>>()?;
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

/// The same loads on one node alone, and on several that share their rooms: of `n_runs`, the one whose deliveries cost the
/// median.
pub async fn measure(span: Duration, n_runs: usize, cores: Cores) -> Result<Vec<ClusterTable>> {
    let mut tables = Vec::new();
    for (name, load, sharing) in LOADS {
        let mut rows = Vec::new();
        for together in [None].into_iter().chain(sharing.iter().copied().map(Some)) {
            let nodes_name = together
                .map_or("one node alone".to_owned(), |(n, linger)| format!("{n} sharing, linger {linger}"));
            let mut runs = Vec::new();
            for run in 1..=n_runs {
                eprintln!("{name}, {nodes_name}, run {run} of {n_runs}");
                let nodes = together.map_or_else(
                    || Nodes::alone(load.talk, cores),
                    |(n, linger)| Nodes::sharing(n, linger, cores),
                )?;
                runs.push(load.run(nodes, span).await?);
            }
            runs.sort_by_key(|(figures, _)| figures.cpu);
            let (figures, redis) = runs.swap_remove(n_runs / 2);
            rows.push(ClusterRow { name: nodes_name, figures, redis });
        }
        tables.push(ClusterTable { name, n_listeners: load.n_listeners, rows });
    }
    Ok(tables)
}
