//! `roomhub export`, `import` and `erase`: rows of the device rooms, and persons.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use super::outcome::{block_on, complain, tell};
use super::units;
use crate::cli::{self, Whom};
use crate::devices::{self, export as rows};
use crate::erase as persons;
use crate::private;
use crate::settings::Settings;

/// Writes rows.
pub fn export(command: &cli::Export) -> ExitCode {
    let selection = rows::Selection { table: command.table.as_deref(), since: command.since };
    with(&command.kept, async |settings| {
        let mut out: Box<dyn Write + Send> = match &command.file {
            None => Box::new(BufWriter::new(io::stdout())),
            Some(path) => {
                let file = private::open(path, File::options().create(true).write(true).truncate(true));
                Box::new(BufWriter::new(file.with_context(|| path.display().to_string())?))
            }
        };
        let n = rows::export(&settings.devices, selection, command.format, &mut *out).await?;
        // On standard output are the rows alone.
        Ok(command.file.as_ref().map_or(String::new(), |path| format!("{}: {n} rows\n", path.display())))
    })
}

/// Reads rows.
pub fn import(command: &cli::Import) -> ExitCode {
    with(&command.kept, async |settings| {
        let n = rows::import(&settings.devices, &mut *input(command.file.as_ref())?).await?;
        Ok(format!("{n} rows are in the database\n"))
    })
}

/// Erases a device or a person.
pub fn erase(command: &cli::Erase) -> ExitCode {
    with(&command.kept, async |settings| {
        let erased = match command.whom {
            Whom::Devices => devices::erase::device(&settings.devices, &command.name).await?,
            Whom::Persons => persons::person(settings, &command.name)?,
        };
        if command.json {
            let counts: serde_json::Map<String, serde_json::Value> =
                erased.into_iter().map(|(place, n)| (place, n.into())).collect();
            return Ok(format!("{}\n", serde_json::Value::from(counts)));
        }
        let lines: Vec<String> = erased.iter().map(|(place, n)| format!("{place:<16}{n}\n")).collect();
        Ok(lines.concat())
    })
}

fn input(path: Option<&PathBuf>) -> Result<Box<dyn BufRead + Send>> {
    Ok(match path {
        None => Box::new(BufReader::new(io::stdin())),
        Some(path) => Box::new(BufReader::new(File::open(path).with_context(|| path.display().to_string())?)),
    })
}

/// Does something with the configuration, and prints what came of it.
fn with(kept: &cli::Kept, work: impl AsyncFnOnce(&Settings) -> Result<String>) -> ExitCode {
    match units::load(kept) {
        Ok(loaded) => tell(block_on(work(&loaded.values))),
        Err(mistakes) => complain(&mistakes),
    }
}
