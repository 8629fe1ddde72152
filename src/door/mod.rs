//! One listener for all services: each below the path of its name, or at a host of its own, and a start page that leads to
//! them.
//!
//! The door only chooses whose a request is. The service then has it with all of its own limits: a connection is counted
//! by the service that its last request was for, and by the door until there is one.

mod routes;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::admin::Admin;
use crate::config::Findings;
use crate::http::backend::Backends;
use crate::http::keys::AccessKey;
use crate::http::listener::{Listener, Opening};
use crate::http::socket::Listen;
use crate::http::switch::{Doorway, Switch};
use crate::runtime::Context;
use crate::service::Running;

/// Its section, and its name in logs and metrics.
pub const SERVICE: &str = "door";

/// The key of its addresses.
pub const LISTEN_KEY: &str = "door.listen";

/// The longest name of a host.
const MAX_NAME_BYTES: usize = 253;

/// `[door]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where all services are served together; nowhere, and each has a port of its own.
    pub listen: Vec<String>,
    /// Hosts of the listening rooms.
    pub music: Vec<String>,
    /// Hosts of the watch parties.
    pub watch: Vec<String>,
    /// Hosts of signalling.
    pub signal: Vec<String>,
    /// Hosts of the device rooms.
    pub devices: Vec<String>,
    /// Hosts of the radio stations.
    pub radio: Vec<String>,
}

impl Config {
    /// Whether there is a door.
    pub fn is_open(&self) -> bool {
        !self.listen.is_empty()
    }

    /// Where to listen.
    pub fn listen(&self) -> Listen<'_> {
        Listen { host: "", port: 0, listen: &self.listen }
    }

    /// Checks addresses and names.
    pub fn validate(&self, findings: &mut Findings) {
        self.listen().validate(LISTEN_KEY, findings);
        let mut known = BTreeMap::new();
        for (service, names) in self.names() {
            for name in names {
                let key = format!("{SERVICE}.{service}");
                if !is_name(name) {
                    findings.add(
                        key,
                        format!("{name:?}: the name of a host is expected, without a port, like \"{service}.example.org\""),
                    );
                } else if let Some(other) = known.insert(name.to_ascii_lowercase(), service) {
                    findings
                        .add(key, format!("{name:?}: is a host of {other} already; a host has one service"));
                }
            }
        }
    }

    fn names(&self) -> [(&'static str, &[String]); 5] {
        [
            ("music", &self.music),
            ("watch", &self.watch),
            ("signal", &self.signal),
            ("devices", &self.devices),
            ("radio", &self.radio),
        ]
    }

    /// The hosts of a service, in lower case.
    fn hosts(&self, service: &str) -> Vec<String> {
        let names = self.names().into_iter().filter(|(known, _)| *known == service);
        names.flat_map(|(_, names)| names).map(|name| name.to_ascii_lowercase()).collect()
    }
}

/// An open door, before services stand behind it.
pub struct Door {
    listener: Listener,
    doorway: Arc<Doorway>,
    backends: Backends,
    config: Config,
}

impl Door {
    /// Opens its addresses.
    ///
    /// # Errors
    /// One line that says what to do.
    pub fn open(config: &Config, opening: &Opening<'_>, context: &Context) -> Result<Self> {
        let listener = Listener::open(SERVICE, config.listen(), opening, context)?;
        let doorway = Arc::new(Doorway { addresses: listener.addresses()?, is_tls: listener.is_tls() });
        Ok(Self { listener, doorway, backends: opening.backends.clone(), config: config.clone() })
    }

    /// What stands before the services.
    pub fn doorway(&self) -> Arc<Doorway> {
        Arc::clone(&self.doorway)
    }

    /// Serves those that stand behind it until the process stops.
    pub fn serve(self, metrics: AccessKey, admin: &Arc<Admin>, context: &Context) -> Result<Running> {
        let running = Running::new(SERVICE, &self.listener)?;
        let backends = self.backends.all();
        let router = routes::router(backends.clone(), admin.routes(&self.listener), metrics, context);
        let switch = Switch::new(backends, |service| self.config.hosts(service));
        self.listener.switched_by(switch).serve(router, context);
        Ok(running)
    }
}

fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.chars().all(is_plain) && !name.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(config: &Config) -> Vec<String> {
        let mut findings = Findings::default();
        config.validate(&mut findings);
        findings.into_iter().map(|(key, problem)| format!("{key}: {problem}")).collect()
    }

    #[test]
    fn a_host_has_one_service_and_is_a_name() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let config = Config {
            music: names(&["music.example.org", "listen.example.org"]),
            radio: names(&["Music.example.org", "radio.example.org:80"]),
            ..Config::default()
        };
        let found = mistakes(&config);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("door.radio: \"Music.example.org\": is a host of music already"),
            "{found:?}"
        );
        assert!(found[1].contains("without a port"), "{found:?}");
        assert!(mistakes(&Config::default()).is_empty());
    }
}
