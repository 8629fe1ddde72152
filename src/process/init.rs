//! `roomhub init`: asks whoever sits at the terminal, and writes the configuration.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};

use super::environment::variables;
use super::outcome::{complain, fail, print};
use crate::cli;
use crate::init::Draft;
use crate::init::next_steps::{self, Reader};
use crate::init::questions::Dialogue;
use crate::private;

/// Writes a configuration.
pub fn init(command: &cli::Init) -> ExitCode {
    let mut answers = command.clone();
    let file = command.file.as_path();
    let reader = if io::stdout().is_terminal() { Reader::Person } else { Reader::Other };
    let is_asking = !command.yes && reader == Reader::Person && io::stdin().is_terminal();
    if let Err(failure) = is_free(command).and_then(|()| if is_asking { ask(&mut answers) } else { Ok(()) }) {
        return fail(&failure);
    }
    let draft = Draft::new(&answers);
    let mistakes = draft.mistakes(file);
    if !mistakes.is_empty() {
        return complain(&mistakes);
    }
    match write(file, &draft) {
        Ok(()) => print(&next_steps::text(&draft, &answers, file, reader)),
        Err(failure) => fail(&failure.context(file.display().to_string())),
    }
}

fn is_free(command: &cli::Init) -> Result<()> {
    let is_there = fs::symlink_metadata(&command.file).is_ok();
    ensure!(
        !is_there || command.force,
        "{}: is there already; --force overwrites it",
        command.file.display()
    );
    Ok(())
}

fn ask(answers: &mut cli::Init) -> Result<()> {
    let home = variables().find(|(name, _)| name == "HOME").map(|(_, home)| home.into());
    let file = answers.file.clone();
    let (mut input, mut output) = (io::stdin().lock(), io::stdout());
    Dialogue { input: &mut input, output: &mut output, home, file: &file }.ask(answers)?;
    Ok(())
}

/// The file appears whole, or not at all.
fn write(file: &Path, draft: &Draft) -> Result<()> {
    let name = file.file_name().and_then(|name| name.to_str()).context("the name of a file is expected")?;
    let fresh = file.with_file_name(format!(".{name}.unfinished"));
    let text = draft.text();
    if draft.has_secrets() {
        private::write(&fresh, text.as_bytes())?;
    } else {
        fs::write(&fresh, text)?;
    }
    fs::File::open(&fresh)?.sync_all()?;
    Ok(fs::rename(&fresh, file)?)
}
