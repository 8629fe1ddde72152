//! Whether services on this machine are alive, for container health checks.

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use super::environment::variables;
use super::outcome::{complain, fail, print};
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
        let file = command.config.as_deref();
        match settings::load(&command.services, file, variables(), Vec::new()) {
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
