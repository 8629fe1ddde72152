//! What `--version` says beside the number: the commit and its date. Without git, neither is known.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

fn main() {
    for variable in ["SOURCE_COMMIT", "SOURCE_DATE_EPOCH"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    println!("cargo:rerun-if-changed=src/build.rs");
    // Sources unpacked within somebody else's repository are not of its commit.
    let is_own = git(&["rev-parse", "--show-toplevel"])
        .is_some_and(|top| Path::new(&top).canonicalize().ok() == Path::new(".").canonicalize().ok());
    // Written at each commit, checkout and merge.
    if let Some(log) = is_own.then(|| git(&["rev-parse", "--git-path", "logs/HEAD"])).flatten()
        && Path::new(&log).exists()
    {
        println!("cargo:rerun-if-changed={log}");
    }
    let of_git = |args: &[&str]| if is_own { git(args) } else { None };
    let commit = variable("SOURCE_COMMIT")
        .map(|commit| shortened(&commit))
        .or_else(|| of_git(&["rev-parse", "--short=12", "HEAD"]))
        .unwrap_or_default();
    let seconds = variable("SOURCE_DATE_EPOCH").or_else(|| of_git(&["log", "-1", "--format=%ct"]));
    let details = details(&commit, seconds.as_deref());
    println!("cargo:rustc-env=BUILD_COMMIT={commit}");
    println!("cargo:rustc-env=BUILD_DETAILS={details}");
}

/// A variable that is set to something.
#[allow(clippy::disallowed_methods, reason = "a build script has no configuration")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What git answers, if it is there and knows.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// As many characters as git shows of a commit.
pub fn shortened(commit: &str) -> String {
    commit.chars().filter(char::is_ascii_alphanumeric).take(12).collect()
}

/// What stands behind the number of the version: ` (commit date)`, or as much of it as is known.
pub fn details(commit: &str, seconds: Option<&str>) -> String {
    let date = seconds.and_then(|seconds| seconds.parse().ok()).map(date).unwrap_or_default();
    let known: Vec<&str> = [commit, &*date].into_iter().filter(|detail| !detail.is_empty()).collect();
    if known.is_empty() { String::new() } else { format!(" ({})", known.join(" ")) }
}

/// The day in UTC, like `2026-01-31`.
fn date(seconds: u64) -> String {
    let moment = UNIX_EPOCH + Duration::from_secs(seconds);
    humantime::format_rfc3339_seconds(moment).to_string().chars().take(10).collect()
}
