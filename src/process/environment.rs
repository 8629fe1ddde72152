//! What the process is given: its variables, and the configuration that they, a file and flags make.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::cli::Request;
use crate::config::{Loaded, Mistake};
use crate::settings::{self, Settings};

/// The configuration of what a command asks to be run.
///
/// # Errors
/// Every mistake in it.
pub fn load(request: &Request) -> Result<Loaded<Settings>, Vec<Mistake>> {
    settings::load(&request.services, request.config.as_deref(), variables(), request.flags.clone())
}

/// The environment variables whose names and values are text.
#[allow(clippy::disallowed_methods, reason = "the process hands its environment to the loader here")]
pub fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Whether systemd's journal reads our standard error: it then says so as `device:inode`.
pub fn stderr_is_journal() -> bool {
    let Some((_, stream)) = variables().find(|(name, _)| name == "JOURNAL_STREAM") else { return false };
    std::fs::metadata(PathBuf::from("/proc/self/fd/2"))
        .is_ok_and(|stderr| stream == format!("{}:{}", stderr.dev(), stderr.ino()))
}
