//! `roomhub backup` and `roomhub restore`.

use std::path::Path;
use std::process::ExitCode;

use super::environment::variables;
use super::outcome::{complain, fail, print};
use crate::backup::{self, Existing, Secrets};
use crate::cli;
use crate::config::{self, Mistake};
use crate::runtime::Clock;
use crate::settings::{self, Service, Settings};

/// Writes all that services keep into an archive.
pub fn backup(command: &cli::Backup) -> ExitCode {
    let (settings, text) = match load(command.config.as_deref()) {
        Ok(loaded) => loaded,
        Err(mistakes) => return complain(&mistakes),
    };
    let secrets = if command.with_secrets { Secrets::Kept } else { Secrets::LeftOut };
    match backup::create(&settings, text.as_deref(), secrets, &command.file, Clock::start().wall()) {
        Ok(manifest) => print(&format!(
            "{}: {} files, {} bytes\n{}",
            command.file.display(),
            manifest.files.len(),
            manifest.n_bytes(),
            folders(&manifest)
        )),
        Err(failure) => fail(&failure),
    }
}

/// Puts an archive's files back.
pub fn restore(command: &cli::Restore) -> ExitCode {
    let settings = match load(command.config.as_deref()) {
        Ok((settings, _)) => settings,
        Err(mistakes) => return complain(&mistakes),
    };
    let existing = if command.force { Existing::PutAside } else { Existing::Refused };
    let now = Clock::start().wall();
    match backup::restore(&settings, &command.file, command.config_to.as_deref(), existing, now) {
        Ok(manifest) => print(&format!(
            "{} files, {} bytes, of roomhub {} and {}, are where they were\n",
            manifest.files.len(),
            manifest.n_bytes(),
            manifest.version,
            manifest.made_at
        )),
        Err(failure) => fail(&failure),
    }
}

fn folders(manifest: &backup::Manifest) -> String {
    manifest.folders.iter().map(|(key, folder)| format!("  {key} = {folder}\n")).collect()
}

/// The settings of all services, and the text of the configuration file.
fn load(file: Option<&Path>) -> Result<(Settings, Option<String>), Vec<Mistake>> {
    let text = config::read_file(file).map_err(|mistake| vec![mistake])?.map(|(_, text)| text);
    let loaded = settings::load(&Service::all(), file, variables(), Vec::new())?;
    Ok((loaded.values, text))
}
