//! How a command ended, told on standard output and standard error and by the exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::config::Mistake;

/// Exit code for a command line or a configuration that is wrong.
const EXIT_USAGE: u8 = 2;

/// The configuration is wrong: all its mistakes at once.
pub fn complain(mistakes: &[Mistake]) -> ExitCode {
    let noun = if mistakes.len() == 1 { "mistake" } else { "mistakes" };
    let lines: Vec<String> = mistakes.iter().map(|mistake| format!("  {mistake}")).collect();
    say(&format!("roomhub: {} {noun} in the configuration\n{}\n", mistakes.len(), lines.join("\n")));
    ExitCode::from(EXIT_USAGE)
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
    let _ = io::stderr().write_all(text.as_bytes());
}
