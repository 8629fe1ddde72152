//! Everything that can be configured, section by section, and which sections a command reads.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::{self, Alias, Findings, Layers, Loaded, Mistake, Validate};
use crate::http::tls;
use crate::{
    cluster, devices, error_reports, http, logging, metrics, music, radio, runtime, signal, socketio,
    switchboard, watch,
};

/// The services, each with its section of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Listening rooms.
    Music,
    /// Watch parties.
    Watch,
    /// WebRTC signalling.
    Signal,
    /// Device rooms.
    Devices,
    /// Radio stations.
    Radio,
}

impl Service {
    /// Every service there is.
    pub const ALL: [Self; 5] = [Self::Music, Self::Watch, Self::Signal, Self::Devices, Self::Radio];

    /// Its section, command and name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Music => "music",
            Self::Watch => "watch",
            Self::Signal => "signal",
            Self::Devices => "devices",
            Self::Radio => "radio",
        }
    }

    /// The key of its address.
    pub fn host_key(self) -> &'static str {
        match self {
            Self::Music => "music.host",
            Self::Watch => "watch.host",
            Self::Signal => "signal.host",
            Self::Devices => "devices.host",
            Self::Radio => "radio.host",
        }
    }

    /// The key of its port.
    pub fn port_key(self) -> &'static str {
        match self {
            Self::Music => "music.port",
            Self::Watch => "watch.port",
            Self::Signal => "signal.port",
            Self::Devices => "devices.port",
            Self::Radio => "radio.port",
        }
    }

    /// Variables that its forerunner reads.
    fn aliases(self) -> &'static [Alias] {
        match self {
            Self::Music => &music::ALIASES,
            Self::Watch => &watch::ALIASES,
            Self::Signal => &signal::ALIASES,
            Self::Devices => &devices::ALIASES,
            Self::Radio => &radio::ALIASES,
        }
    }
}

/// Variables that are customary for what every service has.
const COMMON_ALIASES: [Alias; 3] = [
    Alias { variable: "SENTRY_DSN", key: "sentry.dsn", unit: "" },
    Alias { variable: "ENVIRONMENT", key: "sentry.environment", unit: "" },
    Alias { variable: "RELEASE", key: "sentry.release", unit: "" },
];

/// The whole configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How the process ends.
    pub runtime: runtime::Config,
    /// How much is logged, and in which form.
    pub log: logging::Config,
    /// Where errors are reported.
    pub sentry: error_reports::Config,
    /// Limits and time-outs of every listener.
    pub network: http::Config,
    /// The certificate.
    pub tls: tls::Config,
    /// Who may read the figures.
    pub metrics: metrics::Config,
    /// Limits of every member.
    pub members: switchboard::Config,
    /// Whether rooms are shared with other nodes.
    pub cluster: cluster::Config,
    /// Whether rooms survive a restart.
    pub rooms: switchboard::chest::Config,
    /// What Socket.IO services limit besides.
    pub socketio: socketio::Config,
    /// Listening rooms.
    pub music: music::Config,
    /// Watch parties.
    pub watch: watch::Config,
    /// WebRTC signalling.
    pub signal: signal::Config,
    /// Device rooms.
    pub devices: devices::Config,
    /// Radio stations.
    pub radio: radio::Config,
}

impl Settings {
    /// Where a service is to listen.
    pub fn address(&self, service: Service) -> (&str, u16) {
        match service {
            Service::Music => (&self.music.host, self.music.port),
            Service::Watch => (&self.watch.host, self.watch.port),
            Service::Signal => (&self.signal.host, self.signal.port),
            Service::Devices => (&self.devices.host, self.devices.port),
            Service::Radio => (&self.radio.host, self.radio.port),
        }
    }
}

impl Validate for Settings {
    fn validate(&self, findings: &mut Findings) {
        self.log.validate(findings);
        self.sentry.validate(findings);
        self.network.validate(findings);
        self.tls.validate(findings);
        self.metrics.validate(findings);
        self.members.validate(findings);
        self.cluster.validate(findings);
        self.rooms.validate(findings);
        self.socketio.validate(findings);
        self.music.validate(findings);
        self.watch.validate(findings);
        self.signal.validate(findings);
        self.devices.validate(findings);
        self.radio.validate(findings);
    }
}

/// A flag that sets a key.
pub type Flag = (&'static str, String, &'static str);

/// Loads what the given services need.
///
/// # Errors
/// Every mistake in the sections that they read.
pub fn load(
    services: &[Service],
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
    flags: Vec<Flag>,
) -> Result<Loaded<Settings>, Vec<Mistake>> {
    let file = config::read_file(file).map_err(|mistake| vec![mistake])?;
    let ignored_sections: BTreeSet<&'static str> =
        Service::ALL.into_iter().filter(|service| !services.contains(service)).map(Service::name).collect();
    let is_alone = services.len() == 1;
    let of_services = services.iter().flat_map(|service| service.aliases());
    // With several services in one process, `PORT` names none of them.
    let aliases = of_services.filter(|alias| is_alone || !["HOST", "PORT"].contains(&alias.variable));
    config::load(&Layers {
        file,
        environment: environment.collect(),
        aliases: aliases.chain(&COMMON_ALIASES).copied().collect(),
        flags,
        ignored_sections,
    })
}

/// Variables that are set and that this program does not read, though other radio servers do.
pub fn unused_variables(
    services: &[Service],
    environment: impl Iterator<Item = (String, String)>,
) -> Vec<String> {
    let is_radio = services == [Service::Radio];
    let names = environment.map(|(name, _)| name);
    names.filter(|name| is_radio && radio::UNUSED.contains(&name.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_documents_every_key_with_its_default() {
        let example: toml::Table = include_str!("../config.example.toml").parse().unwrap();
        let defaults = toml::Table::try_from(Settings::default()).unwrap();
        for (section, keys) in &defaults {
            assert_eq!(example.get(section), Some(keys), "[{section}] of config.example.toml");
        }
        assert_eq!(example.len(), defaults.len());
    }

    #[test]
    fn the_defaults_are_valid() {
        let loaded = load(&Service::ALL, None, std::iter::empty(), Vec::new());
        assert_eq!(loaded.err(), None);
    }
}
