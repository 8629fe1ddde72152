//! `roomhub backup` and `roomhub restore`.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};

use super::outcome::{block_on, complain, tell};
use super::units;
use crate::backup::{self, Dump, Existing, Secrets};
use crate::cli;
use crate::devices::{Config, export as rows};
use crate::private;
use crate::runtime::Clock;

/// Writes all that services keep into an archive.
pub fn backup(command: &cli::Backup) -> ExitCode {
    let loaded = match units::load(&command.kept) {
        Ok(loaded) => loaded,
        Err(mistakes) => return complain(&mistakes),
    };
    // It was read a moment ago.
    let text = loaded.file.as_ref().and_then(|file| fs::read_to_string(file).ok());
    let settings = loaded.values;
    let secrets = if command.with_secrets { Secrets::Kept } else { Secrets::LeftOut };
    let dump = |path: &Path| {
        let file = private::open(path, File::options().create(true).write(true).truncate(true))?;
        let all = rows::Selection { table: None, since: None };
        let mut out = BufWriter::new(file);
        block_on(rows::export(&settings.devices, all, rows::Format::Jsonl, &mut out)).map(|_| ())
    };
    let dump: Option<&Dump> = if command.database { Some(&dump) } else { None };
    let now = Clock::start().wall();
    let created = backup::create(&settings, text.as_deref(), secrets, dump, &command.file, now);
    tell(created.map(|manifest| {
        format!(
            "{}: {} files, {} bytes\n{}",
            command.file.display(),
            manifest.files.len(),
            manifest.n_bytes(),
            folders(&manifest)
        )
    }))
}

/// Puts an archive's files back.
pub fn restore(command: &cli::Restore) -> ExitCode {
    let settings = match units::load(&command.kept) {
        Ok(loaded) => loaded.values,
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
    tell(restored.map(|manifest| {
        format!(
            "{} files, {} bytes, of roomhub {} and {}, are where they were\n",
            manifest.files.len(),
            manifest.n_bytes(),
            manifest.version,
            manifest.made_at
        )
    }))
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

fn folders(manifest: &backup::Manifest) -> String {
    let lines: Vec<String> =
        manifest.folders.iter().map(|(key, folder)| format!("  {key} = {folder}\n")).collect();
    lines.concat()
}
