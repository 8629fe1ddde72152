//! What is told of services that have started: to operators in the log, to people as a table, to systemd in a line.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;

use tracing::{info, warn};

use super::environment::stderr_is_journal;
use super::outcome::print;
use crate::logging::Format;
use crate::runtime::Clock;
use crate::service::Running;

/// Says where the services are: to operators in the log, to people as a table, unless that would end up among lines that
/// programs read.
pub fn announce(running: &[Running], format: Format, clock: Clock) {
    for service in running {
        // Who listens on this machine alone needs no key.
        if let Some(keys) = service.open_without
            && service.is_reachable
        {
            warn!(
                service = service.service,
                url = service.url,
                "open to everybody who reaches this address: set {keys}, or listen on 127.0.0.1"
            );
        }
        let startup_ms = clock.uptime().as_millis() as u64;
        if service.addresses.is_empty() {
            info!(service = service.service, url = service.url, startup_ms, "behind the door");
        }
        for address in &service.addresses {
            info!(service = service.service, url = service.url, %address, startup_ms, "listening");
        }
    }
    let is_read_by_people = format == Format::Text && !stderr_is_journal();
    if !is_read_by_people && !io::stdout().is_terminal() {
        return;
    }
    let width = running.iter().map(|service| service.service.len()).max().unwrap_or(0);
    let row = |service: &Running| format!("  {:<width$}  {}\n", service.service, way_in(service));
    print(&running.iter().map(row).collect::<Vec<_>>().concat());
}

/// The address of a service, and how to get in where it made up a key: a link for whoever sits at the terminal, else the
/// key's file, since what is no terminal may be somebody's log.
fn way_in(service: &Running) -> String {
    let url = service.url.clone();
    let Some(file) = &service.key_file else { return url };
    match made_up_key(file).filter(|_| io::stdout().is_terminal()) {
        Some(key) => format!("{url}/#key={key}"),
        None => format!("{url}  its key is in {}", file.display()),
    }
}

fn made_up_key(file: &Path) -> Option<String> {
    let key = fs::read_to_string(file).ok()?;
    Some(key.trim().to_owned())
}

/// Where they listen, in one line.
pub fn summary(running: &[Running]) -> String {
    let at = |service: &Running| {
        let addresses: Vec<String> = service.addresses.iter().map(ToString::to_string).collect();
        let at = if addresses.is_empty() { service.url.clone() } else { addresses.join(" and ") };
        format!("{} on {at}", service.service)
    };
    running.iter().map(at).collect::<Vec<_>>().join(", ")
}
