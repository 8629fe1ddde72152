//! systemd's journal, by the severities of syslog: natively, or as lines that begin with theirs (`<3>`), which the journal takes
//! off. Lines that do not are all of one severity there, and `journalctl --priority=err` finds nothing.

use std::fmt::Write as _;
use std::io::{self, Write};

use tracing::{Level, Metadata};
use tracing_journald::{Layer, Priority, PriorityMappings};
use tracing_subscriber::fmt::MakeWriter;

/// Severities of syslog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Severity {
    Error = 3,
    Warning = 4,
    Informational = 6,
    Debug = 7,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warning,
            Level::INFO => Self::Informational,
            _ => Self::Debug,
        }
    }
}

/// Writes natively; `None` where the journal's socket is not to be seen, as under another root directory.
pub fn layer() -> Option<Layer> {
    let severities = PriorityMappings {
        error: Priority::Error,
        warn: Priority::Warning,
        info: Priority::Informational,
        debug: Priority::Debug,
        trace: Priority::Debug,
    };
    Some(tracing_journald::layer().ok()?.with_priority_mappings(severities))
}

/// A text, each of its lines of that severity.
pub fn with_severity(text: &str, severity: Severity) -> String {
    let mut lines = String::with_capacity(text.len() + "<6>".len());
    for line in text.split_inclusive('\n') {
        let _ = write!(lines, "<{}>{line}", severity as u8);
    }
    lines
}

/// Standard error, where each line begins with its severity.
pub struct Stderr;

/// A line of a severity.
pub struct Line(Severity);

impl MakeWriter<'_> for Stderr {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line(Severity::Informational)
    }

    fn make_writer_for(&self, metadata: &Metadata<'_>) -> Line {
        Line(Severity::from(*metadata.level()))
    }
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // At once, or lines of several threads would mix.
        io::stderr().write_all(&[format!("<{}>", self.0 as u8).as_bytes(), line].concat())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
