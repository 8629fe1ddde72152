//! What the machine gives: ports, open files, the time.

use std::net::SocketAddr;
use std::net::ToSocketAddrs;

use rlimit::Resource;

use super::Report;
use crate::http::listener;
use crate::probe::health;
use crate::runtime::Clock;
use crate::settings::{Service, Settings};
use crate::time::Timestamp;

/// A clock that shows an earlier moment than this (2026-01-01) was never set.
const EARLIEST: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Ports below this one are the system's.
const FIRST_FREE_PORT: u16 = 1024;

/// Looks at what needs no other program.
pub fn look(services: &[Service], settings: &Settings, report: &mut Report) {
    clock(report);
    open_files(services, settings, report);
    for service in services {
        port(*service, settings, report);
    }
}

fn clock(report: &mut Report) {
    let now = Clock::start().now();
    if now < EARLIEST {
        report.wrong(
            "clock",
            format!("{now}: the clock was never set; tokens and certificates would be refused"),
        );
    } else {
        report.ok("clock", now.to_string());
    }
}

fn open_files(services: &[Service], settings: &Settings, report: &mut Report) {
    let wanted = (settings.network.max_connections * services.len()) as u64;
    match Resource::NOFILE.get_hard() {
        Ok(allowed) if allowed < wanted => report.warn(
            "open files",
            format!(
                "{allowed} are allowed, and [network] max_connections asks for {wanted}: fewer connections are taken; \
                 raise LimitNOFILE= (systemd) or ulimit -Hn"
            ),
        ),
        Ok(allowed) => report.ok("open files", format!("{allowed} are allowed")),
        Err(error) => report.warn("open files", error.to_string()),
    }
}

fn port(service: Service, settings: &Settings, report: &mut Report) {
    let (host, port) = settings.address(service);
    let scheme = if settings.tls.is_on() { "https" } else { "http" };
    let is_free = listener::bind(service.name(), host, port, settings.network.backlog);
    let Err(problem) = is_free else {
        let note = if 0 < port && port < FIRST_FREE_PORT { " (a port of the system's)" } else { "" };
        return report.ok(service.name(), format!("would listen on {scheme}://{host}:{port}{note}"));
    };
    let found: Option<SocketAddr> = (host, port).to_socket_addrs().ok().and_then(|mut found| found.next());
    match found.map(health::ask) {
        Some(Ok(())) => report.warn(service.name(), format!("a service answers on {host}:{port} already")),
        Some(Err(_)) | None => report.wrong(service.name(), format!("{problem:#}")),
    }
}
