//! What the machine gives: ports, open files, the time.

use std::net::SocketAddr;

use rlimit::Resource;

use super::Report;
use crate::http::socket::{self, Address, Listen, Wanted};
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
    let found = settings.listens(services);
    for (service, listen) in &found {
        for_service(service, *listen, settings, report);
    }
    overlaps(&found, report);
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
    let wanted = (settings.network.max_connections * settings.n_sharing_files(services)) as u64;
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

/// Each address of a service.
fn for_service(service: &'static str, listen: Listen<'_>, settings: &Settings, report: &mut Report) {
    let wanted = match listen.wanted() {
        Ok(wanted) => wanted,
        Err(problem) => return report.wrong(service, format!("{problem:#}")),
    };
    for wanted in wanted {
        match &wanted {
            Wanted::Unix(path) => {
                let is_free = socket::look_at_path(service, path);
                report.add(service, is_free.map(|_| format!("would listen on {wanted}")));
            }
            Wanted::Tcp(host, port) => {
                tcp(service, &wanted, Listen { host, port: *port, listen: &[] }, settings, report);
            }
        }
    }
}

fn tcp(service: &'static str, wanted: &Wanted, listen: Listen<'_>, settings: &Settings, report: &mut Report) {
    let scheme = if settings.tls.is_on() { "https" } else { "http" };
    let Err(problem) = socket::open(service, listen, &settings.network) else {
        let note =
            if 0 < listen.port && listen.port < FIRST_FREE_PORT { " (a port of the system's)" } else { "" };
        return report.ok(service, format!("would listen on {scheme}://{wanted}{note}"));
    };
    let found: Option<SocketAddr> = wanted.resolve().ok().flatten();
    match found.map(|address| health::ask(&Address::Tcp(address))) {
        Some(Ok(())) => report.warn(service, format!("a service answers on {wanted} already")),
        Some(Err(_)) | None => report.wrong(service, format!("{problem:#}")),
    }
}

/// Services that would be in each other's way.
fn overlaps(listens: &[(&'static str, Listen<'_>)], report: &mut Report) {
    let mut taken: Vec<(&'static str, Wanted)> = Vec::new();
    for (service, listen) in listens {
        for wanted in listen.wanted().unwrap_or_default() {
            let other = taken.iter().find(|(other, taken)| other != service && is_same_place(taken, &wanted));
            if let Some((other, _)) = other {
                report.wrong(*service, format!("{wanted} is the address of {other} too: choose another one"));
            }
            taken.push((service, wanted));
        }
    }
}

fn is_same_place(a: &Wanted, b: &Wanted) -> bool {
    let resolved = |wanted: &Wanted| wanted.resolve().ok().flatten();
    a == b && !matches!(a, Wanted::Tcp(_, 0))
        || resolved(a).zip(resolved(b)).is_some_and(|(a, b)| socket::is_same_place(a, b))
}
