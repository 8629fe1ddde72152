//! `roomhub check`: what services would do with this configuration on this machine, and what would stop them.
//!
//! It looks, and changes nothing: ports are bound for a moment, servers are connected to, and no file is written.

mod machine;
mod paths;
mod servers;

use std::fmt;

use crate::config::{Loaded, Source};
use crate::settings::{Service, Settings};

/// How a row of the list is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// As it should be.
    Ok,
    /// The services start, and do less than is meant.
    Warning,
    /// A service would not start, or not do what it is for.
    Wrong,
}

/// What was found, in the order in which it was looked at.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<(Verdict, String, String)>,
}

impl Report {
    fn ok(&mut self, subject: impl Into<String>, text: impl Into<String>) {
        self.rows.push((Verdict::Ok, subject.into(), text.into()));
    }

    fn warn(&mut self, subject: impl Into<String>, text: impl Into<String>) {
        self.rows.push((Verdict::Warning, subject.into(), text.into()));
    }

    fn wrong(&mut self, subject: impl Into<String>, text: impl Into<String>) {
        self.rows.push((Verdict::Wrong, subject.into(), text.into()));
    }

    /// Adds what came of one look.
    fn add(&mut self, subject: impl Into<String>, found: anyhow::Result<String>) {
        match found {
            Ok(text) => self.ok(subject, text),
            Err(problem) => self.wrong(subject, format!("{problem:#}")),
        }
    }

    /// Whether nothing is wrong.
    pub fn is_well(&self) -> bool {
        self.count(Verdict::Wrong) == 0
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|(found, _, _)| *found == verdict).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|(_, subject, _)| subject.chars().count()).max().unwrap_or(0);
        for (verdict, subject, text) in &self.rows {
            let verdict = match verdict {
                Verdict::Ok => "ok",
                Verdict::Warning => "warning",
                Verdict::Wrong => "wrong",
            };
            writeln!(f, "{verdict:<8} {subject:<width$}  {text}")?;
        }
        match (self.count(Verdict::Wrong), self.count(Verdict::Warning)) {
            (0, 0) => writeln!(f, "all is well"),
            (n_wrong, n_warnings) => writeln!(f, "{n_wrong} wrong, {n_warnings} warnings"),
        }
    }
}

/// Looks at everything that the services would need.
pub async fn run(services: &[Service], loaded: &Loaded<Settings>) -> Report {
    let settings = &loaded.values;
    let mut report = Report::default();
    report.ok("configuration", configuration(loaded));
    required_keys(services, settings, &mut report);
    machine::look(services, settings, &mut report);
    paths::look(services, loaded, &mut report);
    servers::look(services, settings, &mut report).await;
    report
}

/// Alone, watch parties do not start without a key; beside others one is made up for the run.
fn required_keys(services: &[Service], settings: &Settings, report: &mut Report) {
    if !services.contains(&Service::Watch) || settings.watch.has_key() {
        return;
    }
    let problem = "no key is set (AUTH_KEY): `roomhub watch` does not start without one";
    if services.len() == 1 {
        report.wrong("watch.auth_key", problem);
    } else {
        report.warn("watch.auth_key", format!("{problem}, `roomhub all` makes one up"));
    }
}

fn configuration(loaded: &Loaded<Settings>) -> String {
    let sources: Vec<Source> = loaded.keys().iter().map(|(key, _)| loaded.source(key)).collect();
    let n_set = sources.iter().filter(|source| **source != Source::Default).count();
    let values = if n_set == 1 { "1 value".to_owned() } else { format!("{n_set} values") };
    match (&loaded.file, n_set) {
        (Some(file), _) => format!("{values} from {} and the environment", file.display()),
        (None, 0) => "the defaults".into(),
        (None, _) => format!("{values} from the environment"),
    }
}
