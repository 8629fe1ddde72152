//! The process: what each command does, and the exit code that says how it went.

mod announce;
mod archive;
mod environment;
mod health;
mod init;
mod outcome;
mod rows;
mod serve;
mod units;

use std::fs;
use std::io::{self, BufReader};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

pub use archive::{backup, restore};
pub use health::health;
pub use init::init;
pub use rows::{erase, export, import};
pub use serve::serve;

use crate::cli::{self, ProbeService, Request, SpoolTask};
use crate::probe::{Scenarios, Target};
use crate::settings::{self, Service};
use crate::{check, config, devices};
use environment::{load, variables};
use outcome::{block_on, complain, fail, print, tell};

/// Says what services would do with a configuration on this machine, and everything that is wrong.
pub fn check(command: &cli::Check) -> ExitCode {
    let all = Service::all();
    let services = if command.services.is_empty() { &all[..] } else { &command.services };
    let loaded = match settings::load(services, command.config.path.as_deref(), variables(), Vec::new()) {
        Ok(loaded) => loaded,
        Err(mistakes) => return complain(&mistakes),
    };
    let report = match block_on(async { Ok(check::run(services, &loaded).await) }) {
        Ok(report) => report,
        Err(failure) => return fail(&failure),
    };
    print(&report.to_string());
    if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Writes the manual: a page for the program, and one for each command.
pub fn man(program: clap::Command, folder: &Path) -> ExitCode {
    let written = fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(program, folder));
    match written.with_context(|| folder.display().to_string()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure),
    }
}

/// Tries a server: by the scenarios of its service, or with whoever sits at the keyboard.
pub fn probe(service: Service, command: &ProbeService) -> ExitCode {
    // A probe has no configuration: its key comes from where a service's would.
    let variable = |name: &str| variables().find(|(known, _)| known == name).map(|(_, value)| value);
    let key = match command.auth_key_file.clone().or_else(|| variable("AUTH_KEY_FILE")) {
        None => variable("AUTH_KEY").unwrap_or_default().trim().to_owned(),
        Some(file) => match config::secret_in(&file) {
            Ok(key) => key.expose().to_owned(),
            Err(problem) => return fail(&anyhow::anyhow!("{file}: {problem}")),
        },
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
    match load(request) {
        Ok(loaded) => tell(match task {
            SpoolTask::Inspect => devices::spool_command::inspect(&loaded.values.devices),
            SpoolTask::Retry => devices::spool_command::retry(&loaded.values.devices),
        }),
        Err(mistakes) => complain(&mistakes),
    }
}
