//! What was checked, how it went and how long it took: a line each, as it happens, and the round trips in the end.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;

/// The width of a check's name.
const NAME_WIDTH: usize = 52;

/// A run of checks.
pub struct Report<'a> {
    out: &'a mut dyn Write,
    n_failed: usize,
    trips: Vec<Duration>,
}

impl<'a> Report<'a> {
    /// Nothing has been checked; lines go to `out`.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out, n_failed: 0, trips: Vec::new() }
    }

    /// Runs a check; it gives the round trips that it took.
    pub fn check(&mut self, name: &str, check: impl FnOnce(&mut Vec<Duration>) -> Result<()>) {
        let started = Instant::now();
        let outcome = check(&mut self.trips);
        let millis = started.elapsed().as_secs_f64() * 1000.0;
        let line = match &outcome {
            Ok(()) => format!("ok    {name:<NAME_WIDTH$} {millis:>8.1} ms"),
            Err(failure) => format!("FAIL  {name:<NAME_WIDTH$} {millis:>8.1} ms  {failure:#}"),
        };
        self.n_failed += usize::from(outcome.is_err());
        self.say(&line);
    }

    /// Sums up; true if every check held.
    pub fn conclude(mut self) -> bool {
        self.trips.sort_unstable();
        let quantile = |percent: usize| {
            self.trips.get(self.trips.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
        };
        let [p50, p99] = [50, 99].map(|percent| quantile(percent).as_secs_f64() * 1000.0);
        let line = format!("{} round trips, p50 {p50:.2} ms, p99 {p99:.2} ms", self.trips.len());
        self.say(&line);
        self.n_failed == 0
    }

    /// Writes a line.
    pub fn say(&mut self, line: &str) {
        // Whoever reads may have gone away.
        let _ = writeln!(self.out, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_failed_and_why() {
        let mut written = Vec::new();
        let mut report = Report::new(&mut written);
        report.check("one and one", |trips| {
            trips.push(Duration::from_millis(2));
            Ok(())
        });
        report.check("one and two", |_| anyhow::bail!("it is three"));
        assert!(!report.conclude());
        let written = String::from_utf8(written).unwrap();
        let lines: Vec<&str> = written.lines().collect();
        assert!(lines[0].starts_with("ok    one and one "), "{written}");
        assert!(lines[1].starts_with("FAIL  one and two ") && lines[1].ends_with("it is three"), "{written}");
        assert_eq!(lines[2], "1 round trips, p50 2.00 ms, p99 2.00 ms");
    }
}
