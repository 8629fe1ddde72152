//! `[[radio.djs]]`: accounts for live broadcasts, with the stations and times of each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::schedule::Times;
use super::{Config, paths};
use crate::audio::one_line::clean;
use crate::config::Findings;
use crate::secret::Secret;

/// The user name of source clients that bring `radio.source_password`.
pub const SOURCE: &str = "source";

/// Characters of a name.
const MAX_NAME_CHARS: usize = 64;

/// An account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DjConfig {
    /// Its name, which listeners see.
    pub name: String,
    /// Its password.
    pub password: Secret,
    /// A file that holds the password, instead of `password`.
    pub password_file: String,
    /// The stations that it broadcasts to; empty is all.
    pub routes: Vec<String>,
    /// When it may, like `fri 20:00-22:00`, by the clocks of the station; empty is always.
    pub times: String,
}

impl DjConfig {
    /// When it may broadcast; `None` is always.
    ///
    /// # Errors
    /// What is expected in place of what is there.
    pub fn times(&self) -> Result<Option<Times>, String> {
        if self.times.is_empty() { Ok(None) } else { Times::weekly(&self.times).map(Some) }
    }

    fn validate(&self, key: &str, findings: &mut Findings) {
        let is_name = !self.name.is_empty()
            && self.name == clean(&self.name)
            && self.name != SOURCE
            && !self.name.contains([':', '/'])
            && self.name.chars().count() <= MAX_NAME_CHARS;
        if !is_name {
            let problem = format!(
                "a name of up to {MAX_NAME_CHARS} characters is expected, without a colon or a slash, other than {SOURCE:?}"
            );
            findings.add(format!("{key}.name"), problem);
        }
        if !self.password.is_set() && self.password_file.is_empty() {
            findings.add(format!("{key}.password"), "a password is expected");
        }
        for route in self.routes.iter().filter(|route| !paths::is_route(&paths::route(route))) {
            let problem = format!("{route:?}: a path like \"/humor\" that no page has is expected");
            findings.add(format!("{key}.routes"), problem);
        }
        if let Err(problem) = self.times() {
            findings.add(format!("{key}.times"), problem);
        }
    }
}

/// Checks all accounts, and that no name has two.
pub fn validate(config: &Config, findings: &mut Findings) {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, dj) in config.djs.iter().enumerate() {
        let key = format!("radio.djs[{}]", place + 1);
        dj.validate(&key, findings);
        if let Some(other) = known.insert(&dj.name, place) {
            findings.add(format!("{key}.name"), format!("radio.djs[{}] has this name already", other + 1));
        }
    }
}
