//! `/admin`: all services of the process for its operators, as a page and as a JSON interface.
//!
//! It knows no service. Each one registers as [`Managed`]: it tells what it holds as plain items with the actions that they
//! take, and does those actions by the commands of its own rules. Who may look and who may act is decided once
//! (`access.rs`), and everything that is done stands in the audit log (`audit.rs`).

mod access;
mod audit;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod managed;
mod routes;
mod sessions;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

pub use managed::{Action, Asked, Future, Input, Item, Listing, Managed, Order, Outcome, Overview, Section};

use crate::config::{Findings, ShownValue};
use crate::http as own_http;
use crate::http::backend::Backends;
use crate::http::keys::WrongKeys;
use crate::http::listener::Listener;
use crate::logging::Tail;
use crate::runtime::Context;
use crate::secret::Secret;
use crate::time::human;
use access::{Access, Identity, Role, Way};
use audit::AuditLog;

/// The audit log where none is named, in the folder of the rooms.
const AUDIT_LOG: &str = "audit.jsonl";

/// `[admin]`: who may see and steer all services of the process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The key of operators, who see everything and may act.
    pub key: Secret,
    /// A file that holds the key, in place of `key`.
    pub key_file: String,
    /// The key of viewers, who see everything.
    pub viewer_key: Secret,
    /// A file that holds the key, in place of `viewer_key`.
    pub viewer_key_file: String,
    /// The header in which a trusted proxy names the user that it has signed in; empty believes none.
    pub remote_user_header: String,
    /// Users of that header who are operators; `*` is any.
    pub operators: Vec<String>,
    /// Users of that header who are viewers; `*` is any.
    pub viewers: Vec<String>,
    /// A browser is signed in for this long.
    #[serde(with = "human")]
    pub session_time: Duration,
    /// Sessions that are remembered as ended before their time; with one more, all that were begun by then end.
    pub max_ended_sessions: usize,
    /// Rooms, members, devices and stations of each service that one answer lists; the others are counted.
    pub max_listed: usize,
    /// Lines of the log that are kept in memory; 0 keeps none.
    pub log_lines: usize,
    /// Where it is written down who did what; empty for a file in `rooms.data_dir`.
    pub audit_log: String,
    /// An audit log of this size is put aside, in place of the one before, and a new one begun.
    pub audit_log_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            key: Secret::default(),
            key_file: String::new(),
            viewer_key: Secret::default(),
            viewer_key_file: String::new(),
            remote_user_header: String::new(),
            operators: Vec::new(),
            viewers: Vec::new(),
            session_time: Duration::from_hours(12),
            max_ended_sessions: 1000,
            max_listed: 1000,
            log_lines: 500,
            audit_log: String::new(),
            audit_log_bytes: 10_000_000,
        }
    }
}

impl Config {
    /// Checks what the types do not.
    pub fn validate(&self, network: &own_http::Config, findings: &mut Findings) {
        findings.not_zero("admin.session_time", self.session_time);
        findings.at_least_one("admin.max_ended_sessions", self.max_ended_sessions);
        findings.at_least_one("admin.max_listed", self.max_listed);
        if self.remote_user_header.is_empty() {
            return;
        }
        if HeaderName::try_from(&self.remote_user_header).is_err() {
            findings
                .add("admin.remote_user_header", "the name of a header is expected, like \"Remote-User\"");
        }
        if network.trusted_proxies.is_empty() {
            let problem = "network.trusted_proxies is empty, so that nobody is believed this header";
            findings.add("admin.remote_user_header", problem);
        }
        if self.operators.is_empty() && self.viewers.is_empty() {
            let problem =
                "admin.operators and admin.viewers are empty, so that no user of this header may come in";
            findings.add("admin.remote_user_header", problem);
        }
    }

    /// The audit log, where rooms are kept in that folder.
    pub fn audit_path(&self, rooms: &Path) -> PathBuf {
        if self.audit_log.is_empty() { rooms.join(AUDIT_LOG) } else { PathBuf::from(&self.audit_log) }
    }
}

/// What is known of the process before its services start.
pub struct Known {
    /// Where rooms are kept.
    pub rooms: PathBuf,
    /// The last lines of the log.
    pub tail: Tail,
    /// Every value of the configuration.
    pub configuration: Vec<ShownValue>,
    /// All services, once they are served.
    pub backends: Backends,
    /// Wrong keys lately, of every kind.
    pub wrong_keys: Arc<WrongKeys>,
}

/// What the routes of all listeners share.
pub struct Admin {
    access: Access,
    audit: Arc<AuditLog>,
    services: RwLock<Vec<Arc<dyn Managed>>>,
    backends: Backends,
    tail: Tail,
    configuration: Vec<ShownValue>,
    max_listed: usize,
    context: Context,
}

impl Admin {
    /// No service is registered yet.
    pub fn new(config: &Config, network: &own_http::Config, known: Known, context: &Context) -> Arc<Self> {
        Arc::new(Self {
            access: Access::new(config, network, &known.wrong_keys, context.clock),
            audit: Arc::new(AuditLog::new(config.audit_path(&known.rooms), config.audit_log_bytes)),
            services: RwLock::default(),
            backends: known.backends,
            tail: known.tail,
            configuration: known.configuration,
            max_listed: config.max_listed,
            context: context.clone(),
        })
    }

    /// Registers a service. Whoever brings the key of its own operators, if one is set, sees and steers it alone.
    pub fn add(&self, service: Arc<dyn Managed>, key: Option<(&'static str, &Secret)>) {
        if let Some((name, key)) = key {
            self.access.add_key_of(service.name(), name, key);
        }
        self.services.write().push(service);
    }

    /// Has something done in a service for whoever brought the key of its own operators, which is called `key`.
    pub async fn act_with_key(&self, key: &str, address: IpAddr, order: Order) -> Outcome {
        let (who, way) = (key.to_owned(), Way::Key);
        self.act(&Identity { who, role: Role::Operator, way, service: None, address }, order).await
    }

    /// `/admin` on a listener.
    pub fn routes(self: &Arc<Self>, listener: &Listener) -> axum::Router {
        routes::router(self, listener.is_tls())
    }
}
