//! Errors to Sentry, only if a DSN is set, and without personal data.

use sentry::ClientInitGuard;
use serde::{Deserialize, Serialize};

use crate::config::Findings;
use crate::secret::Secret;

/// `[sentry]`: where errors are reported, if anywhere.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The project's DSN; empty reports nothing.
    pub dsn: Secret,
    /// A file that holds the DSN, instead of `dsn`.
    pub dsn_file: String,
    /// `production`, `staging`, …
    pub environment: String,
    /// The release to report under; empty stands for this program's version.
    pub release: String,
}

impl Config {
    /// Checks that the DSN is one.
    pub fn validate(&self, findings: &mut Findings) {
        if self.dsn.is_set() && self.dsn.expose().parse::<sentry::types::Dsn>().is_err() {
            findings.add("sentry.dsn", "a DSN like https://key@host/project is expected");
        }
    }
}

/// Starts reporting until the guard is dropped, which sends what is still queued.
pub fn start(config: &Config) -> Option<ClientInitGuard> {
    if !config.dsn.is_set() {
        return None;
    }
    let release = if config.release.is_empty() { env!("CARGO_PKG_VERSION") } else { &config.release };
    let options = sentry::ClientOptions::new()
        .dsn(config.dsn.expose())
        .release(release.to_owned())
        .send_default_pii(false)
        .server_name("");
    Some(sentry::init(match config.environment.as_str() {
        "" => options,
        environment => options.environment(environment.to_owned()),
    }))
}
