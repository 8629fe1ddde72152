//! The life of the process: load, log, start the services, wait for the word to stop, drain, exit.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::cli::{self, ProbeService, Request, SpoolTask};
use crate::cluster::Cluster;
use crate::config::{Loaded, Mistake};
use crate::http::budget::Budget;
use crate::http::keys::{KeyedDoor, WrongKeys};
use crate::http::listener::Opening;
use crate::logging::{self, Floods, LogLevel, REPORT_EVERY};
use crate::probe::{Scenarios, Target};
use crate::runtime::limits::{self, Allotment};
use crate::runtime::signals::{self, Signals};
use crate::runtime::systemd::{self, ActivatedSockets};
use crate::runtime::{self, Clock, Context, memory};
use crate::service::{Keys, Premises, Running};
use crate::settings::{self, Service, Settings};
use crate::{check, devices, error_reports, http, metrics, probe};

/// Exit code for a command line or a configuration that is wrong.
const EXIT_USAGE: u8 = 2;

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
    match start_and_wait(settings, request, clock) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure),
    }
}

/// Says what services would do with a configuration on this machine, and everything that is wrong.
pub fn check(command: &cli::Check) -> ExitCode {
    let all = Service::all();
    let services = if command.services.is_empty() { &all[..] } else { &command.services };
    let loaded = match settings::load(services, command.config.as_deref(), environment(), Vec::new()) {
        Ok(loaded) => loaded,
        Err(mistakes) => return complain(&mistakes),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("the async runtime")),
    };
    let report = runtime.block_on(check::run(services, &loaded));
    print(&report.to_string());
    if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Asks services on this machine whether they are alive: those that are named at their configured addresses, else all
/// that run here at those where they listen.
pub fn health(command: &cli::Health) -> ExitCode {
    let addresses = if command.services.is_empty() {
        probe::health::listening(command.pid).map(|found| {
            found
                .into_iter()
                .map(|address| (format!("the service on {address}"), address))
                .collect::<Vec<_>>()
        })
    } else {
        let file = command.config.as_deref();
        match settings::load(&command.services, file, environment(), Vec::new()) {
            Ok(loaded) => configured(&command.services, &loaded.values),
            Err(mistakes) => return complain(&mistakes),
        }
    };
    let asked = addresses.and_then(|addresses| {
        addresses.into_iter().try_for_each(|(name, address)| probe::health::ask(address).context(name))
    });
    match asked {
        Ok(()) => print("ok\n"),
        Err(failure) => fail(&failure),
    }
}

/// Services by name, with the addresses at which they are configured to listen.
fn configured(services: &[Service], settings: &Settings) -> Result<Vec<(String, SocketAddr)>> {
    let of = |service: &Service| {
        let (host, port) = settings.address(*service);
        let resolved = (host, port).to_socket_addrs().ok().and_then(|mut found| found.next());
        let address = resolved.with_context(|| format!("{}: {host:?} is no address", service.name()))?;
        Ok((format!("{} on port {port}", service.name()), address))
    };
    services.iter().map(of).collect()
}

/// Tries a server: by the scenarios of its service, or with whoever sits at the keyboard.
pub fn probe(service: Service, command: &ProbeService) -> ExitCode {
    let key = match &command.auth_key_file {
        #[allow(clippy::disallowed_methods, reason = "a probe has no configuration: its key comes from here")]
        None => Ok(std::env::var("AUTH_KEY").unwrap_or_default()),
        Some(file) => {
            std::fs::read_to_string(file).with_context(|| format!("--auth-key-file {}", file.display()))
        }
    };
    let key = match key {
        Ok(key) => key.trim().to_owned(),
        Err(failure) => return fail(&failure),
    };
    let target = Target {
        url: command.url.clone().unwrap_or_else(|| format!("http://localhost:{}", service.default_port())),
        key,
        ca_file: command.ca_file.clone(),
        patience: command.timeout,
    };
    let client = &service.entry().probe;
    if !command.auto {
        return match (client.talk)(&target, Box::new(BufReader::new(io::stdin())), &mut io::stdout()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => fail(&failure),
        };
    }
    let scenarios = Scenarios {
        users: command.users.into(),
        room: command.room.clone().unwrap_or_default(),
        transport: command.transport,
    };
    if client.play(&target, &scenarios, &mut io::stdout()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Looks into the spool of the device rooms, or puts back what the database refused.
pub fn spool(request: &Request, task: SpoolTask) -> ExitCode {
    let settings = match load(request) {
        Ok(loaded) => loaded.values,
        Err(mistakes) => return complain(&mistakes),
    };
    let told = match task {
        SpoolTask::Inspect => devices::spool_command::inspect(&settings.devices),
        SpoolTask::Retry => devices::spool_command::retry(&settings.devices),
    };
    match told {
        Ok(text) => print(&text),
        Err(failure) => fail(&failure),
    }
}

fn start_and_wait(settings: &Settings, request: &Request, clock: Clock) -> Result<()> {
    let log_level = logging::start(&settings.log, stderr_is_journal())?;
    runtime::report_panics();
    let unused = settings::unused_variables(&request.services, environment());
    if !unused.is_empty() {
        warn!(
            variables = unused.join(", "),
            "these variables are not used: config.example.toml lists what can be configured"
        );
    }
    let network = fit(&settings.network, request.services.len());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the async runtime")?;
    let outcome = runtime.block_on(run(settings, &network, request, clock, log_level));
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
    settings: &Settings,
    network: &http::Config,
    request: &Request,
    clock: Clock,
    log_level: LogLevel,
) -> Result<()> {
    let signals = Signals::listen().context("signals")?;
    let context = Context::new(clock, &settings.runtime);
    metrics::start(&context)?;
    context.spawn(report_floods(log_level.floods.clone(), context.clone()));
    memory::spawn_upkeep(&context);
    let activated = ActivatedSockets::from_environment();
    let cluster = Cluster::join(&settings.cluster).await?;
    let wrong_keys = WrongKeys::new(&settings.network);
    let unfinished = Budget::new(network.max_unfinished_bytes);
    let premises = Premises {
        context: &context,
        cluster: cluster.as_ref(),
        opening: Opening { network, tls: &settings.tls, activated: &activated, unfinished: &unfinished },
        members: &settings.members,
        rooms: &settings.rooms,
        socketio: &settings.socketio,
        metrics: KeyedDoor::new("metrics.token", settings.metrics.token()?, &wrong_keys),
        wrong_keys,
        keys: if request.services.len() > 1 { Keys::MakeUp } else { Keys::Require },
    };
    let start = |service: &Service| (service.entry().start)(settings, &premises);
    let running: Vec<Running> = request.services.iter().map(start).collect::<Result<_>>()?;
    announce(&running, clock);
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
                context.reload();
                match load(request) {
                    Ok(loaded) => log_level.configure(&loaded.values.log.level),
                    Err(mistakes) => mistakes.iter().for_each(|mistake| error!(%mistake, "not reloaded")),
                }
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

fn load(request: &Request) -> Result<Loaded<Settings>, Vec<Mistake>> {
    settings::load(&request.services, request.config.as_deref(), environment(), request.flags.clone())
}

/// Says where the services are: to operators in the log, to people as a table.
fn announce(running: &[Running], clock: Clock) {
    for service in running {
        // Who listens on loopback alone has closed the door already.
        if let Some(keys) = service.open_without
            && !service.address.ip().to_canonical().is_loopback()
        {
            warn!(
                service = service.service,
                address = %service.address,
                "open to everybody who reaches this address: set {keys}, or listen on 127.0.0.1"
            );
        }
        info!(
            service = service.service,
            url = service.url(),
            address = %service.address,
            startup_ms = clock.uptime().as_millis() as u64,
            "listening"
        );
    }
    let width = running.iter().map(|service| service.service.len()).max().unwrap_or(0);
    let row = |service: &Running| {
        let key = service.key_file.as_ref().map(|file| format!("  its key is in {}", file.display()));
        let key = key.unwrap_or_default();
        format!("  {:<width$}  {}{key}\n", service.service, service.url())
    };
    print(&running.iter().map(row).collect::<Vec<_>>().concat());
}

fn summary(running: &[Running]) -> String {
    let parts: Vec<String> =
        running.iter().map(|service| format!("{} on {}", service.service, service.address)).collect();
    parts.join(", ")
}

fn complain(mistakes: &[Mistake]) -> ExitCode {
    let noun = if mistakes.len() == 1 { "mistake" } else { "mistakes" };
    let lines: Vec<String> = mistakes.iter().map(|mistake| format!("  {mistake}")).collect();
    say(&format!("roomhub: {} {noun} in the configuration\n{}\n", mistakes.len(), lines.join("\n")));
    ExitCode::from(EXIT_USAGE)
}

fn fail(failure: &anyhow::Error) -> ExitCode {
    say(&format!("roomhub: {failure:#}\n"));
    ExitCode::FAILURE
}

/// Writes to standard output; a reader that has gone away is no failure.
fn print(text: &str) -> ExitCode {
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

#[allow(clippy::disallowed_methods, reason = "the process hands its environment to the loader here")]
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Whether systemd's journal reads our standard error: it then says so as `device:inode`.
fn stderr_is_journal() -> bool {
    let Some((_, stream)) = environment().find(|(name, _)| name == "JOURNAL_STREAM") else { return false };
    std::fs::metadata(PathBuf::from("/proc/self/fd/2"))
        .is_ok_and(|stderr| stream == format!("{}:{}", stderr.dev(), stderr.ino()))
}
