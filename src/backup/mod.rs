//! `roomhub backup` and `restore`: all that the services keep, in one archive, while they run or not.
//!
//! ```text
//! folders --in an order in which nothing is lost--> archive (tar) --checked whole--> folders, empty or put aside
//! ```
//! What is acknowledged while the archive is written may be in it or not; what was acknowledged before is. Caches are left out:
//! what is made of films is made again.

mod archive;
mod collect;
mod database;
mod manifest;
mod restore;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::config;
use crate::settings::Settings;

pub use collect::{Dump, Secrets, create};
pub use manifest::Manifest;
pub use restore::{Existing, restore, take_database};

/// The configuration file in an archive.
const CONFIGURATION: &str = "config.toml";

/// The rows of a database server in an archive, as `roomhub export` writes them.
const DATABASE: &str = "database.jsonl";

/// What is in the way of a restore is moved into a folder of such a name.
const PUT_ASIDE: &str = "before-restore-";

/// What a restore has not put in place yet.
const UNPACKED: &str = "restore.unfinished";

/// What is left of an archive that was not finished.
const STAGING: &str = "backup.unfinished";

/// The folders that services keep something in, by the keys that name them.
fn folders(settings: &Settings) -> Vec<(&'static str, PathBuf)> {
    let named = [
        ("devices.data_dir", settings.devices.data_dir.clone()),
        ("rooms.data_dir", settings.rooms.data_dir.clone()),
        ("radio.data_dir", settings.radio.data_dir.clone().into()),
        ("music.recordings_dir", settings.music.recordings_dir.clone().into()),
        ("watch.recordings_dir", settings.watch.recordings_dir.clone().into()),
        ("radio.recordings_dir", settings.radio.recordings_dir.clone().into()),
        ("music.uploads_dir", settings.music.uploads_dir.clone().into()),
    ];
    named.into_iter().filter(|(_, path)| !path.as_os_str().is_empty()).collect()
}

/// The text of a configuration file, as it is kept.
fn configuration(text: &str, secrets: Secrets) -> Result<String> {
    Ok(match secrets {
        Secrets::Kept => text.to_owned(),
        Secrets::LeftOut => config::without_secrets(text)?,
    })
}

/// A path as it is told apart from others: two that lead to one folder are the same.
fn same(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
