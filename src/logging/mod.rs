//! The log: one start, to the terminal, as JSON, or natively to the journal; its level can change while running.

mod clean;
mod floods;
mod journal;
mod tail;

use std::io::{self, IsTerminal};
use std::str::FromStr;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use tracing::{Event, Level, Metadata, Subscriber, info};
use tracing_subscriber::filter::{EnvFilter, FilterFn, filter_fn};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use clean::{Cleaning, Style};

use crate::config::Findings;

pub use clean::{brief, clean_json};
pub use floods::{Floods, REPORT_EVERY};
pub use journal::{Severity, with_severity};
pub use tail::Tail;

/// `[log]`: how much, and in which form.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives like `info,roomhub::music=debug`.
    pub level: String,
    /// Text for people, JSON for machines.
    pub format: Format,
    /// Lines a second that one place in the program may log on average; more are left out and counted.
    pub lines_per_second: u32,
    /// Lines that it may log at once.
    pub line_burst: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { level: "info".into(), format: Format::Text, lines_per_second: 20, line_burst: 500 }
    }
}

impl Config {
    /// Checks the level's spelling, and that the limits let something through.
    pub fn validate(&self, findings: &mut Findings) {
        findings.at_least_one("log.lines_per_second", self.lines_per_second as usize);
        findings.at_least_one("log.line_burst", self.line_burst as usize);
        if EnvFilter::from_str(&self.level).is_err() || self.level.trim().is_empty() {
            findings
                .add("log.level", "error, warn, info, debug, trace, or target=level directives are expected");
        }
    }
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text on a terminal; native fields when systemd's journal reads.
    Text,
    /// One JSON object a line.
    Json,
}

/// The running log's level.
pub struct LogLevel {
    /// What the log leaves out.
    pub floods: Floods,
    handle: reload::Handle<EnvFilter, Registry>,
    configured: String,
    is_debugging: bool,
}

impl LogLevel {
    /// Changes the level to the one now configured.
    pub fn configure(&mut self, level: &str) {
        level.clone_into(&mut self.configured);
        self.is_debugging = false;
        self.apply(level);
    }

    /// Logs at debug level, or goes back to the configured level.
    pub fn toggle_debug(&mut self) {
        self.is_debugging = !self.is_debugging;
        let level = if self.is_debugging { "info,roomhub=debug".to_owned() } else { self.configured.clone() };
        self.apply(&level);
    }

    fn apply(&self, level: &str) {
        let Ok(filter) = filter(level) else { return };
        if self.handle.reload(filter).is_ok() {
            info!(level, "log level changed");
        }
    }
}

/// Silences the decoders of files, which remark upon every file: their crates all begin with this.
const NO_DECODERS: &str = "symphonia=off,";

/// What logs no payloads, and so may log below `info`: this program, and the start and end of each request.
const DETAILED: [&str; 2] = ["roomhub", "tower_http"];

/// Keeps libraries at `info` whatever the level: below it they print what they send and receive, keys among it.
fn without_payloads() -> FilterFn {
    filter_fn(|metadata: &Metadata<'_>| {
        let module = metadata.target().split("::").next().unwrap_or_default();
        *metadata.level() <= Level::INFO || DETAILED.contains(&module)
    })
}

/// A layer that is given errors alone.
///
/// The library's filter for a single layer keeps its answers by thread until an event is written: one that [`Floods`]
/// leaves out would have the next error of the thread left out as well.
struct ErrorsOnly<L>(L);

impl<S: Subscriber, L: Layer<S>> Layer<S> for ErrorsOnly<L> {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if *event.metadata().level() == Level::ERROR {
            self.0.on_event(event, context);
        }
    }
}

/// A level, or directives; what a decoder of files remarks upon is nobody's business unless asked for.
fn filter(level: &str) -> Result<EnvFilter> {
    let quiet = if level.contains("symphonia") { "" } else { NO_DECODERS };
    Ok(EnvFilter::from_str(&format!("{quiet}{level}"))?)
}

/// Starts the log, whose last lines `tail` keeps; `to_journal` when the journal reads our standard error.
pub fn start(config: &Config, to_journal: bool, tail: Tail) -> Result<LogLevel> {
    let filter = filter(&config.level).context("[log] level")?;
    let (filter, handle) = reload::Layer::new(filter);
    let clean = |inner, style| Cleaning { inner, style };
    let writer =
        if to_journal { BoxMakeWriter::new(journal::Stderr) } else { BoxMakeWriter::new(io::stderr) };
    let native = if to_journal && config.format == Format::Text { journal::layer() } else { None };
    let layer = match (config.format, native) {
        (_, Some(native)) => clean(native.boxed(), Style::Journal),
        (Format::Json, None) => clean(
            tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .with_writer(writer)
                .boxed(),
            Style::Apart,
        ),
        (Format::Text, None) => clean(
            tracing_subscriber::fmt::layer()
                .with_target(false)
                .with_ansi(
                    io::stderr().is_terminal()
                        && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
                )
                .with_writer(writer)
                .boxed(),
            Style::Line,
        ),
    };
    let floods = Floods::new(config.lines_per_second, config.line_burst);
    tracing_subscriber::registry()
        .with(filter)
        .with(without_payloads())
        .with(layer)
        .with(Cleaning { inner: tail.layer(), style: Style::Line })
        .with(ErrorsOnly(sentry::integrations::tracing::ErrorLayer::new()))
        .with(floods.clone())
        .try_init()
        .context("the log is started once")?;
    Ok(LogLevel { floods, handle, configured: config.level.clone(), is_debugging: false })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tracing::subscriber::with_default;
    use tracing::{error, warn};

    use super::*;

    /// Counts what it is given.
    #[derive(Clone, Default)]
    struct Counter(Arc<AtomicUsize>);

    impl<S: Subscriber> Layer<S> for Counter {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn an_error_is_reported_after_a_line_was_left_out() {
        let counter = Counter::default();
        let log = tracing_subscriber::registry()
            .with(filter("info").unwrap())
            .with(without_payloads())
            .with(ErrorsOnly(counter.clone()))
            .with(Floods::new(1000, 1000));
        with_default(log, || {
            for _ in 0..10 {
                warn!("said again and again");
            }
            error!("one");
            error!("two");
        });
        assert_eq!(counter.0.load(Ordering::Relaxed), 2);
    }
    #[test]
    fn what_a_decoder_remarks_upon_a_film_is_not_in_the_log_unless_asked_for() {
        let n_logged = |level: &str| {
            let counter = Counter::default();
            let log = tracing_subscriber::registry().with(filter(level).unwrap()).with(counter.clone());
            with_default(log, || {
                error!(target: "symphonia_format_mkv::demuxer", "a stream");
                error!(target: "symphonia_codec_aac", "a frame");
            });
            counter.0.load(Ordering::Relaxed)
        };
        assert_eq!(n_logged("info"), 0);
        assert_eq!(n_logged("info,symphonia_codec_aac=info"), 2);
    }
}
