//! The device rooms on the network: the spool, the database, the rooms behind their WebSocket, and the routes.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use http::HeaderValue;
use http::header::UPGRADE;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tracing::{error, info, warn};

use super::auth::{Auth, Demand};
use super::directory::{Directory, LocalFacts};
use super::drain::{DatabaseStatus, Drain};
use super::durable_hub::DurableHub;
use super::operators::ManagedDevices;
use super::record::Record;
use super::routes::{self as pages, Site};
use super::spool::{Limits, Recovered, Spool};
use super::store::{Failure, Store};
use super::{Config, SERVICE, erase, retention, spool};
use crate::cluster::Cluster;
use crate::control::{Executed, Reports};
use crate::http::connection::Connection;
use crate::http::keys::{AccessKey, Denied, WrongKeys, warn_if_short};
use crate::http::listener::Listener;
use crate::http::operators::OperatorAccess;
use crate::http::origin::AllowedOrigins;
use crate::http::{layers, routes};
use crate::private;
use crate::random;
use crate::rooms::{self, Pings, Runner};
use crate::runtime::Context;
use crate::service::{Running, ServiceContext};
use crate::time::Timestamp;
use crate::websocket::PlainEndpoint;

/// Under which name `/readyz` says what is not known yet.
const LEARNING: &str = "devices rooms";

/// How often it is written down that the program is alive: connections that a crash cuts end at that moment.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// What is told of a start on a database that could not be asked yet.
const UNKNOWN: &str = "the rooms and devices of the database are not known yet";

/// A message may wait for the rules, but is not dropped for coming soon after another.
const EVENTS_PER_SECOND: u32 = 1_000_000;

/// What stands before the routes.
#[derive(Clone)]
struct Gate {
    endpoint: Arc<PlainEndpoint<DurableHub>>,
    auth: Arc<ArcSwap<Auth>>,
    wrong_keys: Arc<WrongKeys>,
    spool: Spool,
    /// Whether the rooms and devices of the database are known.
    learned: watch::Receiver<bool>,
    /// Devices are let in at this time at the latest, known or not.
    opens_at: Instant,
    context: Context,
}

impl Gate {
    /// Waits until it is known who may be known, within bounds.
    async fn opened(&self) {
        let mut learned = self.learned.clone();
        // A sender that is gone has ended with the process.
        let _ = timeout_at(self.opens_at, learned.wait_for(|is_learned| *is_learned)).await;
    }

    fn is_open(&self) -> bool {
        *self.learned.borrow() || Instant::now() >= self.opens_at
    }
}

/// Opens the spool and the port and serves until the process stops.
pub fn start(config: &Config, service_context: &ServiceContext<'_>) -> Result<Running> {
    let context = service_context.context;
    let listener = Listener::open(SERVICE, config.listen(), &service_context.opening, context)?;
    let mut running = Running::new(SERVICE, &listener)?;
    if config.auth == Demand::None {
        running.open_without = Some("[devices] auth = \"key\" or \"tokens\"");
    }
    warn_if_short("devices.auth_key", &config.auth_key);
    warn_if_short("devices.jwt_secret", &config.jwt_secret);
    let console_key = config.console_key.clone();
    if console_key.is(config.auth_key.expose()) {
        warn!(
            "devices.console_key is devices.auth_key: all devices may read every message, send and disconnect"
        );
    }
    let console_key = AccessKey::new("devices.console_key", console_key, &service_context.wrong_keys);
    let place = config.place();
    if service_context.cluster.is_some() && !place.url.is_set() {
        warn!("each node keeps its own messages: set [devices] database_url, one database for all of them");
    }
    let store = Store::new(&place).map_err(anyhow::Error::msg).context("[devices] database_url")?;
    // Nobody is served yet who could be held up.
    let checked = tokio::task::block_in_place(|| Handle::current().block_on(store.check_version()));
    if let Err(Failure::Unusable { reason, remedy }) = checked {
        bail!("{}: {reason}; {remedy}. Nothing was changed", place.name_or_file());
    }
    let store = Arc::new(store);
    let auth = Arc::new(ArcSwap::from_pointee(config.auth()?));
    context.spawn(keep_fresh(config.clone(), Arc::clone(&auth), context.clone()));
    let spool = open_spool(config, context)?;
    let directory = || open_directory(&config.data_dir);
    let name = place.name();
    let is_learned = directory()?.has_learned(&name).context("the directory")?;
    let (tell_learned, learned) = watch::channel(is_learned);
    if !is_learned {
        let wait = config.first_start_wait;
        context.spawn(learning(learned.clone(), wait, context.clone()));
    }
    let status = DatabaseStatus { kind: store.kind(), is_up: false, problem: None };
    let status = Arc::new(Mutex::new(status));
    let reports = Reports::default();
    let late = Arc::default();
    let drain = Drain {
        spool: spool.clone(),
        store: Arc::clone(&store),
        has_company: service_context.cluster.is_some(),
        directory: Mutex::new(directory()?),
        name,
        learned: tell_learned,
        status: Arc::clone(&status),
        reports: reports.clone(),
        executed: Mutex::new(Executed::open(&config.erasures())),
        late: Arc::clone(&late),
        late_wait: service_context.cluster.map_or(Duration::ZERO, Cluster::lease),
        context: context.clone(),
    };
    context.spawn(drain.run());
    context.spawn(retention::run(config.retention.clone(), Arc::clone(&store), context.clone()));
    context.spawn(beat(config.data_dir.clone(), context.clone()));

    let members = rooms::Config {
        max_payload_bytes: config.max_frame_bytes,
        events_per_second: EVENTS_PER_SECOND,
        event_burst: EVENTS_PER_SECOND,
        ..service_context.members.clone()
    };
    let pings = Pings { interval: config.ping_interval, timeout: config.ping_timeout };
    let mut runner = Runner::new(SERVICE, &members, context);
    runner.follow(spool.written());
    let origins = AllowedOrigins::new(&config.cors_origin);
    let endpoint = PlainEndpoint::new(&runner, pings, &origins, &listener);
    let commands = runner.ingress().commands();
    let facts = LocalFacts::new(directory()?, spool.clone(), learned.clone(), &config.rates());
    let storage = service_context.ephemeral_storage(SERVICE);
    let shared = service_context.cluster.map(|_| storage.seed());
    let durable_hub =
        DurableHub::new(config, facts, shared, spool.clone(), Arc::clone(&auth), late, context.clock.now());
    let queries = runner.run(storage, durable_hub);

    erase::serve(config, commands.clone(), reports, context);
    let site = Site { queries, commands, store, spool: spool.clone(), status, clock: context.clock };
    let managed = ManagedDevices {
        queries: site.queries.clone(),
        commands: site.commands.clone(),
        spool: spool.clone(),
    };
    service_context.admin.add(Arc::new(managed), Some(("devices.console_key", &config.console_key)));
    let pages = pages::routes(site, OperatorAccess::new(console_key, context.clock))
        .merge(service_context.admin.routes(&listener));
    let none_foreign = AllowedOrigins::new(&[]);
    let pages = layers::with_common_layers(
        routes::health(context.clock),
        Router::new(),
        pages,
        &none_foreign,
        service_context.metrics.clone(),
        context,
    );
    let wrong_keys = Arc::clone(&service_context.wrong_keys);
    let opens_at = Instant::now() + config.first_start_wait;
    let gate = Gate { endpoint, auth, wrong_keys, spool, learned, opens_at, context: context.clone() };
    listener.serve(pages.layer(middleware::from_fn_with_state(gate, pass)), context);
    Ok(running)
}

impl Gate {
    /// Whether a request for a WebSocket brings what is asked for.
    fn judge(&self, connection: &Connection, request: &Request) -> Result<(), Denied> {
        let auth = self.auth.load();
        if matches!(**auth, Auth::Open) {
            return Ok(());
        }
        let now = self.context.clock.now();
        let token = routes::token(request).filter(|token| !token.is_empty());
        let is_right = token.map(|token| auth.grant(Some(&token), self.context.clock.wall()).is_some());
        let address = self.wrong_keys.address(connection.peer.ip(), request.headers());
        self.wrong_keys.judge("devices.auth", address, is_right, now)
    }
}

/// WebSockets come in on any path; everything else goes on to the routes.
async fn pass(
    State(gate): State<Gate>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
    next: Next,
) -> Response {
    let is_websocket = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"websocket");
    if request.headers().get(UPGRADE).is_some_and(is_websocket) {
        if let Err(denied) = gate.judge(&connection, &request) {
            return denied.answer("a key or token is needed");
        }
        gate.opened().await;
        return gate.endpoint.open(&connection, request);
    }
    if request.uri().path() == "/readyz" && !gate.is_open() {
        return layers::not_ready(UNKNOWN);
    }
    if request.uri().path() == "/readyz"
        && let Some(problem) = gate.spool.problem()
    {
        return layers::not_ready(problem);
    }
    next.run(request).await
}

/// Tells of a first start on a database until its rooms and devices are known.
async fn learning(mut learned: watch::Receiver<bool>, wait: Duration, context: Context) {
    info!(?wait, "{UNKNOWN}; devices wait for them, within bounds");
    context.remark(LEARNING, Some(UNKNOWN));
    let mut is_late = false;
    loop {
        tokio::select! {
            () = context.stopping() => return,
            ended = learned.wait_for(|is_learned| *is_learned) => {
                if ended.is_ok() {
                    info!("the rooms and devices of the database are known");
                    context.remark(LEARNING, None);
                }
                return;
            }
            () = tokio::time::sleep(wait), if !is_late => {
                is_late = true;
                warn!(
                    "{UNKNOWN}: devices that nothing is known of get new rooms for the time being, and rooms that \
                     they name are taken to exist"
                );
            }
        }
    }
}

/// Opens the spool, and ends what a crash left open.
fn open_spool(config: &Config, context: &Context) -> Result<Spool> {
    let folder = config.spool_folder();
    private::make_own_folder(&folder)
        .with_context(|| format!("[devices] data_dir = \"{}\": cannot be made", config.data_dir.display()))?;
    let limits = Limits { max_bytes: config.spool_max_bytes, segment_bytes: config.spool_segment_bytes };
    let alive_at = last_beat(&config.data_dir);
    // The lock comes before the directory: two programs in one folder must not meet there either.
    let lock = spool::lock(&folder)?;
    let directory = open_directory(&config.data_dir)?;
    let (spool, recovered) = Spool::open(&folder, random::bytes(), limits, directory, lock, context.token())?;
    let Recovered { n_records, last_at, .. } = recovered;
    if n_records > 0 {
        info!(records = n_records, "the spool holds records that are not in the database yet");
    }
    // A clock that was ahead for a while has left moments that are still to come.
    let alive_at = alive_at.max(last_at).min(context.clock.wall());
    let left_open = open_directory(&config.data_dir)?.open_connections().context("the directory")?;
    if !left_open.is_empty() {
        info!(connections = left_open.len(), at = %alive_at, "connections that a crash left open are ended");
    }
    for open in left_open {
        let at = open.at.max(alive_at);
        spool.append(Record::Disconnected { connection: open.connection, at });
    }
    Ok(spool)
}

fn open_directory(data_dir: &Path) -> Result<Directory> {
    let path = data_dir.join(super::backup::DIRECTORY);
    Directory::open(&path).with_context(|| format!("{}: cannot be opened", path.display()))
}

/// Reads the tokens again whenever SIGHUP asks for it.
async fn keep_fresh(config: Config, auth: Arc<ArcSwap<Auth>>, context: Context) {
    let mut reloads = context.reloads();
    loop {
        tokio::select! {
            Some(_reload) = reloads.recv() => match config.auth() {
                Ok(fresh) => auth.store(Arc::new(fresh)),
                Err(error) => error!(error = format!("{error:#}"), "the tokens were not read again"),
            },
            () = context.stopping() => return,
        }
    }
}

/// Writes the time to a file as long as the program runs. The file stays open, for there may be no descriptor left.
async fn beat(data_dir: PathBuf, context: Context) {
    let mut beat = tokio::time::interval(HEARTBEAT);
    let mut open = None;
    loop {
        tokio::select! {
            _ = beat.tick() => {
                let text = context.clock.wall().as_micros().to_string();
                // A disk that fails is told of elsewhere.
                open = write_beat(open.take(), &data_dir, &text).ok();
            }
            () = context.stopping() => return,
        }
    }
}

fn write_beat(open: Option<File>, data_dir: &Path, text: &str) -> io::Result<File> {
    let file = match open {
        Some(file) => file,
        None => private::open(&data_dir.join("alive"), OpenOptions::new().create(true).write(true))?,
    };
    file.write_all_at(text.as_bytes(), 0)?;
    file.set_len(text.len() as u64)?;
    Ok(file)
}

fn last_beat(data_dir: &Path) -> Timestamp {
    let text = fs::read_to_string(data_dir.join("alive")).unwrap_or_default();
    Timestamp::from_micros(text.trim().parse().unwrap_or(0))
}
