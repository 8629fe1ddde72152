//! How a command runs, and how it ended: told on standard output and standard error and by the exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use super::environment::stderr_is_journal;
use crate::config::Mistake;
use crate::logging::{Severity, with_severity};

/// Exit code for a command line or a configuration that is wrong.
const EXIT_USAGE: u8 = 2;

/// The configuration is wrong: all its mistakes at once.
pub fn complain(mistakes: &[Mistake]) -> ExitCode {
    let noun = if mistakes.len() == 1 { "mistake" } else { "mistakes" };
    let lines: Vec<String> = mistakes.iter().map(|mistake| format!("  {mistake}")).collect();
    say(&format!("roomhub: {} {noun} in the configuration\n{}\n", mistakes.len(), lines.join("\n")));
    ExitCode::from(EXIT_USAGE)
}

/// Runs what is asynchronous of a command on this thread.
pub fn block_on<A>(work: impl Future<Output = Result<A>>) -> Result<A> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("the async runtime")?.block_on(work)
}

/// The command has something to say, or failed.
pub fn tell(outcome: Result<String>) -> ExitCode {
    match outcome {
        Ok(text) => print(&text),
        Err(failure) => fail(&failure),
    }
}

/// The command failed.
pub fn fail(failure: &anyhow::Error) -> ExitCode {
    say(&format!("roomhub: {failure:#}\n"));
    ExitCode::FAILURE
}

/// Writes to standard output; a reader that has gone away is no failure.
pub fn print(text: &str) -> ExitCode {
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn say(text: &str) {
    let text = if stderr_is_journal() { with_severity(text, Severity::Error) } else { text.to_owned() };
    let _ = io::stderr().write_all(text.as_bytes());
}
