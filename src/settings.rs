//! Everything that can be configured, section by section, and which sections a command reads; the table of services.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::config::{self, Alias, Findings, Layers, Loaded, Mistake, Validate};
use crate::http::socket::Listen;
use crate::http::tls;
use crate::service::{Running, ServiceContext};
use crate::{
    admin, cluster, devices, door, error_reports, http, logging, metrics, music, probe, radio, recordings,
    rooms, runtime, signal, socketio, watch,
};

/// The services, each with its section of the same name. What is known of each stands in [`SERVICES`].
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

/// What the command line, the configuration, the process and the probe need to know of a service.
pub struct Entry {
    /// Which one it is.
    pub service: Service,
    /// Its section, command and name.
    pub name: &'static str,
    /// The key of its address.
    pub host_key: &'static str,
    /// The key of its port.
    pub port_key: &'static str,
    /// The key of its list of addresses.
    pub listen_key: &'static str,
    /// Variables that its forerunner reads.
    aliases: &'static [Alias],
    listen: fn(&Settings) -> Listen<'_>,
    /// Opens its port and serves.
    pub start: fn(&Settings, &ServiceContext<'_>) -> Result<Running>,
    /// A client of it.
    pub probe: probe::Client,
}

/// Every service there is, in the order of [`Service`].
pub static SERVICES: [Entry; 5] = [
    Entry {
        service: Service::Music,
        name: "music",
        host_key: "music.host",
        port_key: "music.port",
        listen_key: "music.listen",
        aliases: &music::ALIASES,
        listen: |settings| settings.music.listen(),
        start: |settings, service_context| music::start(&settings.music, service_context),
        probe: probe::MUSIC,
    },
    Entry {
        service: Service::Watch,
        name: "watch",
        host_key: "watch.host",
        port_key: "watch.port",
        listen_key: "watch.listen",
        aliases: &watch::ALIASES,
        listen: |settings| settings.watch.listen(),
        start: |settings, service_context| watch::start(&settings.watch, service_context),
        probe: probe::WATCH,
    },
    Entry {
        service: Service::Signal,
        name: "signal",
        host_key: "signal.host",
        port_key: "signal.port",
        listen_key: "signal.listen",
        aliases: &signal::ALIASES,
        listen: |settings| settings.signal.listen(),
        start: |settings, service_context| signal::start(&settings.signal, service_context),
        probe: probe::SIGNAL,
    },
    Entry {
        service: Service::Devices,
        name: "devices",
        host_key: "devices.host",
        port_key: "devices.port",
        listen_key: "devices.listen",
        aliases: &devices::ALIASES,
        listen: |settings| settings.devices.listen(),
        start: |settings, service_context| devices::start(&settings.devices, service_context),
        probe: probe::DEVICES,
    },
    Entry {
        service: Service::Radio,
        name: "radio",
        host_key: "radio.host",
        port_key: "radio.port",
        listen_key: "radio.listen",
        aliases: &radio::ALIASES,
        listen: |settings| settings.radio.listen(),
        start: |settings, service_context| radio::start(&settings.radio, service_context),
        probe: probe::RADIO,
    },
];

impl Service {
    /// Every service there is.
    pub fn all() -> [Self; 5] {
        SERVICES.each_ref().map(|entry| entry.service)
    }

    /// Its row of the table.
    pub fn entry(self) -> &'static Entry {
        &SERVICES[self as usize]
    }

    /// Its section, command and name.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The port that it listens on where nothing else is configured.
    pub fn default_port(self) -> u16 {
        Settings::default().listen(self).port
    }
}

/// Variables that are customary for what every service has.
const COMMON_ALIASES: [Alias; 3] = [
    Alias { variable: "SENTRY_DSN", key: "sentry.dsn", unit: "" },
    Alias { variable: "ENVIRONMENT", key: "sentry.environment", unit: "" },
    Alias { variable: "RELEASE", key: "sentry.release", unit: "" },
];

/// Keys of earlier versions, and what they are called now.
const RENAMED: [(&str, &str); 2] = [
    ("cluster.max_letters", "cluster.max_log_entries"),
    ("members.max_fleeting_bytes", "members.max_lossy_bytes"),
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
    /// The one listener of all services together.
    pub door: door::Config,
    /// Who may read the metrics.
    pub metrics: metrics::Config,
    /// Who may see and steer all services.
    pub admin: admin::Config,
    /// Limits of every member.
    pub members: rooms::Config,
    /// Whether rooms are shared with other nodes.
    pub cluster: cluster::Config,
    /// Whether rooms survive a restart.
    pub rooms: rooms::snapshot_store::Config,
    /// Limits of recordings.
    pub recordings: recordings::Config,
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
    pub fn listen(&self, service: Service) -> Listen<'_> {
        (service.entry().listen)(self)
    }

    /// Whether services stand behind one door.
    pub fn has_door(&self, services: &[Service]) -> bool {
        services.len() > 1 && self.door.is_open()
    }

    /// How many parts share the open files. Connections that have not asked for a service yet are the door's.
    pub fn n_sharing_files(&self, services: &[Service]) -> usize {
        services.len() + usize::from(self.has_door(services))
    }

    /// Where services are to be found: each by itself, unless they stand behind one door, which then comes first.
    pub fn listens(&self, services: &[Service]) -> Vec<(&'static str, Listen<'_>)> {
        let has_door = self.has_door(services);
        let door = has_door.then(|| (door::SERVICE, self.door.listen()));
        let each = services.iter().map(|service| (service.name(), self.listen(*service)));
        door.into_iter().chain(each.filter(|(_, listen)| !has_door || !listen.listen.is_empty())).collect()
    }
}

impl Validate for Settings {
    fn validate(&self, findings: &mut Findings) {
        self.log.validate(findings);
        self.sentry.validate(findings);
        self.network.validate(findings);
        self.tls.validate(findings);
        self.door.validate(findings);
        self.admin.validate(&self.network, findings);
        for service in Service::all() {
            self.listen(service).validate(service.entry().listen_key, findings);
        }
        self.members.validate(findings);
        self.cluster.validate(findings);
        self.rooms.validate(findings);
        self.recordings.validate(findings);
        self.socketio.validate(findings);
        self.music.validate(findings);
        self.watch.validate(findings);
        self.signal.validate(findings);
        self.devices.validate(findings);
        self.radio.validate(findings);
        if self.cluster.url.is_set() && self.music.max_upload_bytes > 0 && self.music.uploads_dir.is_empty() {
            findings
                .add("music.uploads_dir", "several nodes need a folder for uploads that all of them share");
        }
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
    let environment: Vec<(String, String)> = environment.collect();
    let file = config::read_file(file, &environment).map_err(|mistake| vec![mistake])?;
    load_layers(services, file, environment, flags)
}

/// Loads what the given services would need of a file with that text, and of nothing else.
///
/// # Errors
/// Every mistake in the sections that they read.
pub fn load_text(services: &[Service], file: &Path, text: String) -> Result<Loaded<Settings>, Vec<Mistake>> {
    load_layers(services, Some((file.to_owned(), text)), Vec::new(), Vec::new())
}

fn load_layers(
    services: &[Service],
    file: Option<(PathBuf, String)>,
    environment: Vec<(String, String)>,
    flags: Vec<Flag>,
) -> Result<Loaded<Settings>, Vec<Mistake>> {
    // Members of rooms call each other by the servers of `[signal]`.
    let has_calls = services.iter().any(|service| matches!(service, Service::Music | Service::Watch));
    let is_read =
        |service: &Service| services.contains(service) || (has_calls && *service == Service::Signal);
    let ignored_sections: BTreeSet<&'static str> =
        Service::all().into_iter().filter(|service| !is_read(service)).map(Service::name).collect();
    let is_alone = services.len() == 1;
    let of_services = services.iter().flat_map(|service| service.entry().aliases);
    // With several services in one process, `PORT` names none of them.
    let aliases = of_services.filter(|alias| is_alone || !["HOST", "PORT"].contains(&alias.variable));
    config::load(&Layers {
        file,
        environment,
        aliases: aliases.chain(&COMMON_ALIASES).copied().collect(),
        renamed: &RENAMED,
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
    use crate::secret::MASK;

    /// Part of every secret here.
    const SECRET: &str = "hunter2hunter2";

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
    fn the_table_has_the_services_in_their_order() {
        for (place, service) in Service::all().into_iter().enumerate() {
            let Entry { name, host_key, port_key, listen_key, .. } = service.entry();
            assert_eq!(service as usize, place);
            assert_eq!((*host_key, *port_key), (&*format!("{name}.host"), &*format!("{name}.port")));
            assert_eq!(*listen_key, format!("{name}.listen"));
        }
    }

    #[test]
    fn the_defaults_are_valid() {
        let loaded = load(&Service::all(), None, std::iter::empty(), Vec::new());
        assert_eq!(loaded.err(), None);
    }

    /// Every key that holds a secret: what is put there shows as a mask.
    fn secret_keys() -> Vec<(String, String)> {
        let defaults = toml::Table::try_from(Settings::default()).unwrap();
        let mut found = Vec::new();
        for (section, keys) in &defaults {
            for (name, _) in keys.as_table().unwrap().iter().filter(|(_, value)| value.is_str()) {
                let mut tried = defaults.clone();
                tried[section][name] = SECRET.into();
                let Ok(settings) = tried.try_into::<Settings>() else { continue };
                let shown = toml::Table::try_from(settings).unwrap();
                if shown[section][name].as_str() == Some(MASK) {
                    found.push((section.clone(), name.clone()));
                }
            }
        }
        found
    }

    #[test]
    fn every_secret_may_be_in_a_file_and_is_never_shown() {
        let secrets = secret_keys();
        assert!(secrets.len() >= 14, "{secrets:?}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        for (section, name) in secrets {
            let word = match name.as_str() {
                "dsn" => format!("https://{SECRET}@host/1"),
                "url" => format!("redis://:{SECRET}@host:6379/0"),
                "database_url" => format!("mysql://hub:{SECRET}@host/rooms"),
                _ => SECRET.to_owned(),
            };
            std::fs::write(&file, format!("{word}\n")).unwrap();
            let variable = format!("ROOMHUB_{}__{}", section.to_uppercase(), name.to_uppercase());
            let path = file.to_str().unwrap().to_owned();
            for (variable, value) in [(variable.clone(), word), (format!("{variable}_FILE"), path)] {
                // Of several nodes, uploads need a folder.
                let folder = ("ROOMHUB_MUSIC__UPLOADS_DIR".to_owned(), "/srv/uploads".to_owned());
                let environment = [(variable.clone(), value), folder];
                let loaded = load(&Service::all(), None, environment.into_iter(), Vec::new());
                let loaded = loaded.unwrap_or_else(|mistakes| panic!("{variable}: {mistakes:?}"));
                let (_, value) =
                    loaded.keys().into_iter().find(|(key, _)| *key == format!("{section}.{name}")).unwrap();
                assert!(value.as_str().unwrap().contains(SECRET) && !value.as_str().unwrap().ends_with('\n'));
                assert!(!loaded.to_string().contains(SECRET), "{variable} shows");
            }
        }
    }
}
