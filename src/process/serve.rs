//! Services from their start to their end: load, log, start, wait for the signal to stop, drain.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::announce::{announce, summary};
use super::environment::{load, stderr_is_journal, variables};
use super::outcome::{complain, fail, print};
use crate::admin::{self, Admin};
use crate::cli::Request;
use crate::cluster::Cluster;
use crate::config::Loaded;
use crate::door::Door;
use crate::http::backend::Backends;
use crate::http::budget::Budget;
use crate::http::keys::{AccessKey, WrongKeys};
use crate::http::listener::Opening;
use crate::logging::{self, Floods, Format, LogLevel, REPORT_EVERY, Tail};
use crate::runtime::limits::{self, Allotment};
use crate::runtime::signals::{self, Signals};
use crate::runtime::systemd::{self, ActivatedSockets, Share};
use crate::runtime::{self, Clock, Context, memory};
use crate::service::{Keys, Running, ServiceContext};
use crate::settings::{self, Service, Settings};
use crate::{error_reports, http, metrics};

/// Runs services until the process is told to stop.
pub fn serve(request: &Request) -> ExitCode {
    let clock = Clock::start();
    let loaded = match load(request) {
        Ok(loaded) => loaded,
        Err(mistakes) => return complain(&mistakes),
    };
    if request.print_config {
        return print(&loaded.to_string());
    }
    let settings = &loaded.values;
    let _reports = error_reports::start(&settings.sentry);
    match start_and_wait(&loaded, request, clock) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads lines of JSON reads this one too.
        Err(failure) if settings.log.format == Format::Json => {
            error!(failure = format!("{failure:#}"), "the services cannot be started");
            ExitCode::FAILURE
        }
        Err(failure) => fail(&failure),
    }
}

fn start_and_wait(loaded: &Loaded<Settings>, request: &Request, clock: Clock) -> Result<()> {
    let settings = &loaded.values;
    let tail = Tail::new(settings.admin.log_lines);
    let log_level = logging::start(&settings.log, stderr_is_journal(), tail.clone())?;
    runtime::report_panics();
    let unused = settings::unused_variables(&request.services, variables());
    if !unused.is_empty() {
        warn!(
            variables = unused.join(", "),
            "these variables are not used: config.example.toml lists what can be configured"
        );
    }
    let network = fit(&settings.network, settings.n_sharing_files(&request.services));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the async runtime")?;
    let outcome = runtime.block_on(run(loaded, tail, &network, request, clock, log_level));
    // What is left by now has had its time.
    runtime.shutdown_background();
    outcome
}

/// Limits of every listener, as far as the system allows open files for them.
fn fit(network: &http::Config, n_services: usize) -> http::Config {
    let wanted = Allotment { connections: network.max_connections, refusals: network.max_refusals };
    let given = limits::allot_open_files(wanted, n_services);
    http::Config { max_connections: given.connections, max_refusals: given.refusals, ..network.clone() }
}

async fn run(
    loaded: &Loaded<Settings>,
    tail: Tail,
    network: &http::Config,
    request: &Request,
    clock: Clock,
    log_level: LogLevel,
) -> Result<()> {
    let settings = &loaded.values;
    let signals = Signals::listen().context("signals")?;
    let context = Context::new(clock, &settings.runtime);
    metrics::start(&context)?;
    context.spawn(report_floods(log_level.floods.clone(), context.clone()));
    memory::spawn_upkeep(&context);
    let has_door = settings.has_door(&request.services);
    let is_one = has_door || request.services.len() == 1;
    let activated = ActivatedSockets::from_environment(if is_one { Share::All } else { Share::One });
    let cluster = Cluster::join(&settings.cluster).await?;
    let wrong_keys = WrongKeys::new(&settings.network);
    let ice = settings.signal.ice();
    let unfinished = Budget::new(network.max_unfinished_bytes);
    let backends = Backends::default();
    let mut opening = Opening {
        network,
        tls: &settings.tls,
        activated: &activated,
        unfinished: &unfinished,
        door: None,
        backends: &backends,
    };
    let metrics = AccessKey::new("metrics.token", settings.metrics.token.clone(), &wrong_keys);
    let door = has_door.then(|| Door::open(&settings.door, &opening, &context)).transpose()?;
    opening.door = door.as_ref().map(Door::doorway);
    let known = admin::Known {
        rooms: settings.rooms.data_dir.clone(),
        tail,
        configuration: loaded.shown(),
        backends: backends.clone(),
        wrong_keys: Arc::clone(&wrong_keys),
    };
    let admin = Admin::new(&settings.admin, &settings.network, known, &context);
    let service_context = ServiceContext {
        context: &context,
        cluster: cluster.as_ref(),
        opening,
        members: &settings.members,
        rooms: &settings.rooms,
        ice: &ice,
        recordings: &settings.recordings,
        socketio: &settings.socketio,
        metrics: metrics.clone(),
        wrong_keys,
        admin: Arc::clone(&admin),
        keys: if request.services.len() > 1 { Keys::MakeUp } else { Keys::Require },
    };
    let start = |service: &Service| (service.entry().start)(settings, &service_context);
    let mut running: Vec<Running> = request.services.iter().map(start).collect::<Result<_>>()?;
    if let Some(door) = door {
        running.insert(0, door.serve(metrics, &admin, &context)?);
    }
    announce(&running, settings.log.format, clock);
    systemd::ready(&summary(&running));
    systemd::spawn_watchdog(&context);
    wait_and_drain(signals, &context, log_level, request).await;
    Ok(())
}

/// Has the log tell from time to time what it has left out.
async fn report_floods(floods: Floods, context: Context) {
    let mut due = tokio::time::interval(REPORT_EVERY);
    loop {
        tokio::select! {
            () = context.stopping() => return floods.report_all(),
            _ = due.tick() => floods.report(),
        }
    }
}

async fn wait_and_drain(mut signals: Signals, context: &Context, mut log_level: LogLevel, request: &Request) {
    loop {
        match signals.next().await {
            signals::Request::Stop => break,
            signals::Request::ToggleDebug => log_level.toggle_debug(),
            signals::Request::Reload => {
                systemd::reloading();
                context.reload().await;
                match load(request) {
                    Ok(loaded) => log_level.configure(&loaded.values.log.level),
                    Err(mistakes) => mistakes.iter().for_each(|mistake| error!(%mistake, "not reloaded")),
                }
                systemd::reloaded();
            }
        }
    }
    info!(grace_secs = context.shutdown_grace.as_secs_f64(), "stopping: clients are told to come back");
    systemd::stopping();
    context.stop();
    let second_signal = async { while signals.next().await != signals::Request::Stop {} };
    tokio::select! {
        stopped = timeout(context.shutdown_grace, context.stopped()) => match stopped {
            Ok(()) => info!("stopped"),
            Err(elapsed) => warn!(left = context.n_tasks(), %elapsed, "stopped: the grace period is over"),
        },
        () = second_signal => warn!(left = context.n_tasks(), "stopped at once: asked twice"),
    }
}
