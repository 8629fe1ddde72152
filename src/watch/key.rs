//! The key that clients bring: configured, or made up and kept in a file.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tracing::info;

use super::Config;
use crate::random;
use crate::secret::Secret;
use crate::service::{Keys, ServiceContext};

/// The file of a made-up key, beside the rooms.
const KEY_FILE: &str = "watch.auth_key";

/// The key that clients bring, and the file that it is kept in if it was made up.
pub fn key(config: &Config, service_context: &ServiceContext<'_>) -> Result<(Secret, Option<PathBuf>)> {
    // Environment files of the original server have it in quotes.
    let key = config.auth_key.expose().trim().trim_matches(['"', '\'']).trim();
    if !key.is_empty() {
        return Ok((Secret::new(key), None));
    }
    match service_context.keys {
        Keys::MakeUp => {
            let file = service_context.rooms.data_dir.join(KEY_FILE);
            let key = made_up_key(&file).with_context(|| {
                format!(
                    "{}: no key can be kept there; set AUTH_KEY, or [watch] auth_key_file",
                    file.display()
                )
            })?;
            info!(file = %file.display(), "watch has no key configured: its clients bring the one in this file");
            Ok((key, Some(file)))
        }
        Keys::Require => {
            bail!("watch needs a key that its clients bring: set AUTH_KEY, or [watch] auth_key_file")
        }
    }
}

/// The key in a file, made up if there is none; the file is its owner's alone.
fn made_up_key(file: &Path) -> Result<Secret> {
    let kept = fs::read_to_string(file).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(String::new()),
        _ => Err(error),
    })?;
    if !kept.trim().is_empty() {
        return Ok(Secret::new(kept.trim()));
    }
    let key = hex::encode(random::bytes::<16>());
    fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    // A file that is there is whole.
    let draft = file.with_extension("draft");
    let mut written =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(written, "{key}")?;
    written.sync_all()?;
    fs::rename(&draft, file)?;
    Ok(Secret::new(key))
}
