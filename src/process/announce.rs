//! What is told of services that have started: to operators in the log, to people as a table, to systemd in a line.

use tracing::{info, warn};

use super::outcome::print;
use crate::runtime::Clock;
use crate::service::Running;

/// Says where the services are: to operators in the log, to people as a table.
pub fn announce(running: &[Running], clock: Clock) {
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

/// Where they listen, in one line.
pub fn summary(running: &[Running]) -> String {
    let parts: Vec<String> =
        running.iter().map(|service| format!("{} on {}", service.service, service.address)).collect();
    parts.join(", ")
}
