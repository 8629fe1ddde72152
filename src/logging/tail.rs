//! The last lines of the log, in memory, for operators who look at it over HTTP.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::Subscriber;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{DefaultFields, FormatFields, Writer};
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

/// Bytes of one line: a message has up to 4,096 characters, most of them of one byte.
const MAX_LINE_BYTES: usize = 4096;

/// The last lines, numbered from the first of the process.
#[derive(Clone)]
pub struct Tail {
    max_lines: usize,
    lines: Arc<Mutex<Lines>>,
}

#[derive(Default)]
struct Lines {
    /// The number of the next one.
    next: u64,
    kept: VecDeque<Box<str>>,
}

impl Tail {
    /// Keeps so many lines.
    pub fn new(max_lines: usize) -> Self {
        Self { max_lines, lines: Arc::default() }
    }

    /// The layer that keeps lines, as text.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(self) -> impl Layer<S> {
        let lines = tracing_subscriber::fmt::layer().fmt_fields(OwnFields).with_target(false);
        lines.with_ansi(false).with_writer(self)
    }

    /// The lines from that number on, as far as they are kept, and the number that comes next.
    pub fn since(&self, number: u64) -> (Vec<Box<str>>, u64) {
        let lines = self.lines.lock();
        let n_new = usize::try_from(lines.next.saturating_sub(number)).unwrap_or(usize::MAX);
        let n_known = lines.kept.len().saturating_sub(n_new);
        (lines.kept.iter().skip(n_known).cloned().collect(), lines.next)
    }

    fn push(&self, line: &str) {
        let line = line.trim_end();
        if self.max_lines == 0 {
            return;
        }
        let line = &line[..line.floor_char_boundary(MAX_LINE_BYTES)];
        let mut lines = self.lines.lock();
        while lines.kept.len() >= self.max_lines {
            lines.kept.pop_front();
        }
        lines.kept.push_back(line.into());
        lines.next += 1;
    }
}

/// The layer that writes gives each line whole.
impl io::Write for Tail {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(&String::from_utf8_lossy(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Fields of spans are kept with each span for all layers that write them by the same type, colours with them: this type is
/// for this layer alone.
struct OwnFields;

impl<'a> FormatFields<'a> for OwnFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'a>, fields: R) -> std::fmt::Result {
        DefaultFields::new().format_fields(writer, fields)
    }
}

impl<'a> MakeWriter<'a> for Tail {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn so_many_lines_are_kept_and_each_is_told_once() {
        let mut tail = Tail::new(3);
        let said = |since| {
            let (lines, next) = tail.since(since);
            (lines.join(","), next)
        };
        assert_eq!(said(0), (String::new(), 0));
        for line in ["a\n", "b\n", "c\n", "d\n"] {
            tail.clone().write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(said(0), ("b,c,d".into(), 4));
        assert_eq!(said(3), ("d".into(), 4));
        assert_eq!(said(4), (String::new(), 4));
        assert_eq!(said(9), (String::new(), 4), "of another process");
        let long = "é".repeat(MAX_LINE_BYTES);
        tail.write_all(long.as_bytes()).unwrap();
        assert_eq!(tail.since(4).0[0].len(), MAX_LINE_BYTES);
    }
}
