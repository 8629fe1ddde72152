//! `roomhub backup` and `roomhub restore`.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};

use super::environment::variables;
use super::outcome::{complain, fail, print};
use crate::backup::{self, Dump, Existing, Secrets};
use crate::cli;
use crate::config::{self, Mistake};
use crate::devices::{Config, export as rows};
use crate::private;
use crate::runtime::Clock;
use crate::settings::{self, Service, Settings};

/// Writes all that services keep into an archive.
pub fn backup(command: &cli::Backup) -> ExitCode {
    let (settings, text) = match load(command.config.path.as_deref()) {
        Ok(loaded) => loaded,
        Err(mistakes) => return complain(&mistakes),
    };
    let secrets = if command.with_secrets { Secrets::Kept } else { Secrets::LeftOut };
    let dump = |path: &Path| {
        let file = private::open(path, File::options().create(true).write(true).truncate(true))?;
        let all = rows::Selection { table: None, since: None };
        let mut out = BufWriter::new(file);
        block_on(rows::export(&settings.devices, all, rows::Format::Jsonl, &mut out)).map(|_| ())
    };
    let dump: Option<&Dump> = if command.database { Some(&dump) } else { None };
    match backup::create(&settings, text.as_deref(), secrets, dump, &command.file, Clock::start().wall()) {
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
    let settings = match load(command.config.path.as_deref()) {
        Ok((settings, _)) => settings,
        Err(mistakes) => return complain(&mistakes),
    };
    let existing = if command.force { Existing::PutAside } else { Existing::Refused };
    let now = Clock::start().wall();
    let restored = backup::restore(&settings, &command.file, command.config_to.as_deref(), existing, now)
        .and_then(|manifest| {
            if command.database {
                import(&settings.devices, &command.file)?;
            }
            Ok(manifest)
        });
    match restored {
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

/// Puts the rows of an archive into the database.
fn import(devices: &Config, archive: &Path) -> Result<()> {
    private::make_folder(&devices.data_dir)?;
    let lines = devices.data_dir.join("database.unfinished");
    ensure!(backup::take_database(archive, &lines)?, "there are no rows of a database server in the archive");
    let imported = block_on(rows::import(devices, &mut BufReader::new(File::open(&lines)?)));
    fs::remove_file(&lines)?;
    imported.map(|_| ())
}

fn block_on<A>(work: impl Future<Output = Result<A>>) -> Result<A> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn folders(manifest: &backup::Manifest) -> String {
    let lines: Vec<String> =
        manifest.folders.iter().map(|(key, folder)| format!("  {key} = {folder}\n")).collect();
    lines.concat()
}

/// The settings of all services, and the text of the configuration file.
fn load(file: Option<&Path>) -> Result<(Settings, Option<String>), Vec<Mistake>> {
    let environment: Vec<(String, String)> = variables().collect();
    let read = config::read_file(file, &environment).map_err(|mistake| vec![mistake])?;
    let loaded = settings::load(&Service::all(), file, environment.into_iter(), Vec::new())?;
    Ok((loaded.values, read.map(|(_, text)| text)))
}
