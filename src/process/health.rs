//! Whether services on this machine are alive, for container health checks.

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use super::environment::variables;
use super::outcome::{complain, fail, print};
use crate::http::socket::{Address, Wanted};
use crate::settings::{self, Service, Settings};
use crate::{cli, probe};

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
        let file = command.config.path.as_deref();
        match settings::load(&command.services, file, variables(), Vec::new()) {
            Ok(loaded) => configured(&command.services, &loaded.values),
            Err(mistakes) => return complain(&mistakes),
        }
    };
    let asked = addresses.and_then(|addresses| {
        addresses.into_iter().try_for_each(|(name, address)| probe::health::ask(&address).context(name))
    });
    match asked {
        Ok(()) => print("ok\n"),
        Err(failure) => fail(&failure),
    }
}

/// Where services are configured to be found.
fn configured(services: &[Service], settings: &Settings) -> Result<Vec<(String, Address)>> {
    let mut found = Vec::new();
    for (name, listen) in settings.listens(services) {
        for wanted in listen.wanted().with_context(|| name.to_owned())? {
            match &wanted {
                Wanted::Unix(path) => {
                    found.push((format!("{name} on {wanted}"), Address::Unix(path.clone())));
                }
                Wanted::Tcp(..) => {
                    let address = wanted.resolve().with_context(|| name.to_owned())?;
                    let address = address.with_context(|| format!("{name} has no address"))?;
                    found.push((format!("{name} on port {}", address.port()), Address::Tcp(address)));
                }
            }
        }
    }
    Ok(found)
}
