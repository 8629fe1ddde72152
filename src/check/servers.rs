//! Programs that the services would talk to: the database, Redis, stations that are relayed.

use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::Report;
use crate::cluster::Cluster;
use crate::devices;
use crate::runtime::Clock;
use crate::settings::{Service, Settings};
use crate::time::Timestamp;

/// Redis before this version has not all that nodes need.
const REDIS: [u64; 2] = [6, 2];

/// Servers of databases before these versions have never been tried.
const MYSQL: [u64; 2] = [5, 7];
const MARIADB: [u64; 2] = [10, 3];

/// Two clocks this far apart are wrong; what is less may be the way.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

/// Looks at the servers of the services.
pub async fn look(services: &[Service], settings: &Settings, report: &mut Report) {
    if services.contains(&Service::Devices) {
        match devices::database(&settings.devices).await {
            Ok(None) => report.ok("database", "SQLite in devices.data_dir"),
            Ok(Some((version, now))) => {
                report.add("database", known_database(&version));
                compare_clocks("database", now, report);
            }
            Err(problem) => report.wrong("database", format!("{problem:#}")),
        }
    }
    match Cluster::look(&settings.cluster).await {
        Ok(None) => {}
        Ok(Some((version, now))) => {
            report.add("redis", known_redis(&version));
            compare_clocks("redis", now, report);
        }
        Err(problem) => report.wrong("redis", format!("{problem:#}")),
    }
}

fn compare_clocks(server: &str, theirs: Timestamp, report: &mut Report) {
    let ours = Clock::start().now();
    let apart = ours.since(theirs).max(theirs.since(ours));
    if apart > CLOCK_TOLERANCE {
        let seconds = apart.as_secs();
        report.warn("clock", format!("{seconds} s from the clock of the {server} server: set both by NTP"));
    }
}

fn known_database(version: &str) -> Result<String> {
    let (name, oldest) = if version.contains("MariaDB") { ("MariaDB", MARIADB) } else { ("MySQL", MYSQL) };
    let is_known = numbers(version).is_some_and(|found| found >= oldest);
    ensure!(is_known, "{name} {version} is too old: {}.{} is the least", oldest[0], oldest[1]);
    Ok(format!("{name} {version} answers"))
}

fn known_redis(version: &str) -> Result<String> {
    let Some(found) = numbers(version) else {
        bail!("answers with no version ({version:?}): is it a Redis?")
    };
    ensure!(found >= REDIS, "Redis {version} is too old: {}.{} is the least", REDIS[0], REDIS[1]);
    Ok(format!("Redis {version} answers"))
}

/// The first two numbers of a version.
fn numbers(version: &str) -> Option<[u64; 2]> {
    let mut parts = version.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    Some([parts.next()?.parse().ok()?, parts.next()?.parse().ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_servers_are_known_or_too_old() {
        for version in ["8.0.36", "5.7.44-log", "9.1.0", "10.11.6-MariaDB-0+deb12u1", "11.4.2-MariaDB"] {
            assert!(known_database(version).is_ok(), "{version}");
        }
        for version in ["5.6.51", "5.5.68-MariaDB", "", "PostgreSQL"] {
            assert!(known_database(version).is_err(), "{version}");
        }
        assert!(
            known_redis("7.2.4").is_ok() && known_redis("6.2.14").is_ok() && known_redis("10.0.0").is_ok()
        );
        assert!(known_redis("6.0.16").is_err() && known_redis("").is_err());
    }
}
