//! What keeps the log from being flooded: the same news is told a few times and then counted, and each call site may
//! write so many lines a second. What was left out is told in numbers.
//!
//! Lines below `info` are not limited: they are written for who asked for them.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber, info, warn};
use tracing_subscriber::layer::{Context, Layer};

use super::clean::clean;

/// What was left out is told this often.
pub const REPORT_EVERY: Duration = Duration::from_secs(10);

/// Warnings and errors that say the same are told so often before they are counted: a trouble may come, go and come.
const TOLD: u32 = 3;

/// For so long they are counted at first; twice as long each time that there are more.
const COUNTED: Duration = Duration::from_mins(1);

/// The longest that they are counted before their number is told.
const MAX_COUNTED: Duration = Duration::from_hours(1);

/// Different warnings and errors that are kept in mind; what else there is has the call site's limit alone.
const MAX_NEWS: usize = 1024;

/// The limits of a log, and what they have left out.
#[derive(Clone)]
pub struct Floods {
    started: Instant,
    tally: Arc<Mutex<Tally>>,
}

/// What was told lately.
struct Tally {
    /// Between two lines of a call site on average.
    interval: Duration,
    /// How far its lines may run ahead of that.
    burst: Duration,
    sites: HashMap<Identifier, Site>,
    news: HashMap<u64, News>,
}

/// A call site.
struct Site {
    empty_at: Duration,
    n_left_out: u64,
    level: Level,
    /// What it last said.
    like: String,
}

/// Lines that say the same.
struct News {
    n_told: u32,
    n_left_out: u64,
    level: Level,
    like: String,
    counted: Duration,
    until: Duration,
}

/// Lines that were left out.
#[derive(Debug, PartialEq, Eq)]
struct LeftOut {
    level: Level,
    like: String,
    n_lines: u64,
}

impl Floods {
    /// A log that has said nothing yet.
    #[allow(
        clippy::disallowed_methods,
        reason = "the log is written from everywhere: nobody can give it the time"
    )]
    pub fn new(lines_per_second: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / lines_per_second.max(1);
        let tally = Tally {
            interval,
            burst: interval.saturating_mul(burst.max(1)),
            sites: HashMap::new(),
            news: HashMap::new(),
        };
        Self { started: Instant::now(), tally: Arc::new(Mutex::new(tally)) }
    }

    /// Tells of what was left out and has not been told of.
    pub fn report(&self) {
        let left_out = self.tally.lock().report(self.started.elapsed());
        tell(left_out);
    }

    /// Tells of all that was left out: there will be no more.
    pub fn report_all(&self) {
        let left_out = self.tally.lock().report(Duration::MAX);
        tell(left_out);
    }
}

fn tell(left_out: Vec<LeftOut>) {
    for LeftOut { level, like, n_lines } in left_out {
        metrics::counter!("roomhub_log_lines_left_out_total").increment(n_lines);
        if level == Level::INFO {
            info!(n_lines, like, "more lines like one before were left out");
        } else {
            warn!(n_lines, like, "more lines like one before were left out");
        }
    }
}

impl<S: Subscriber> Layer<S> for Floods {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let level = *event.metadata().level();
        if level > Level::INFO {
            return true;
        }
        let mut said = Said::default();
        event.record(&mut said);
        let now = self.started.elapsed();
        self.tally.lock().permits(event.metadata().callsite(), level, said, now)
    }
}

impl Tally {
    fn permits(&mut self, site: Identifier, level: Level, said: Said, now: Duration) -> bool {
        let mut hasher = said.hasher;
        site.hash(&mut hasher);
        self.is_news(hasher.finish(), level, &said.message, now)
            && self.has_its_turn(site, level, said.message, now)
    }

    fn is_news(&mut self, key: u64, level: Level, message: &str, now: Duration) -> bool {
        if level == Level::INFO {
            return true;
        }
        let n_news = self.news.len();
        let fresh = || News {
            n_told: 1,
            n_left_out: 0,
            level,
            like: message.to_owned(),
            counted: COUNTED,
            until: now + COUNTED,
        };
        match self.news.get_mut(&key) {
            None if n_news >= MAX_NEWS => true,
            None => {
                self.news.insert(key, fresh());
                true
            }
            Some(news) if news.until <= now && news.n_left_out == 0 => {
                *news = fresh();
                true
            }
            Some(news) if news.n_told < TOLD => {
                news.n_told += 1;
                true
            }
            Some(news) => {
                news.n_left_out += 1;
                false
            }
        }
    }

    fn has_its_turn(&mut self, site: Identifier, level: Level, message: String, now: Duration) -> bool {
        let site = self.sites.entry(site).or_insert_with(|| Site {
            empty_at: now,
            n_left_out: 0,
            level,
            like: String::new(),
        });
        let empty_at = site.empty_at.max(now) + self.interval;
        if empty_at.saturating_sub(now) > self.burst {
            site.n_left_out += 1;
            site.like = message;
            return false;
        }
        site.empty_at = empty_at;
        true
    }

    fn report(&mut self, now: Duration) -> Vec<LeftOut> {
        let mut left_out = Vec::new();
        self.news.retain(|_, news| {
            if news.until > now {
                return true;
            }
            let n_lines = mem::take(&mut news.n_left_out);
            if n_lines == 0 {
                return false;
            }
            left_out.push(LeftOut { level: news.level, like: news.like.clone(), n_lines });
            news.counted = (news.counted * 2).min(MAX_COUNTED);
            news.until = now.saturating_add(news.counted);
            true
        });
        for site in self.sites.values_mut().filter(|site| site.n_left_out > 0) {
            let n_lines = mem::take(&mut site.n_left_out);
            left_out.push(LeftOut { level: site.level, like: mem::take(&mut site.like), n_lines });
        }
        left_out
    }
}

/// What an event says: its message, and all of it as a hash.
#[derive(Default)]
struct Said {
    message: String,
    hasher: DefaultHasher,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = clean(field, format_args!("{value:?}"));
        (field.index(), &text).hash(&mut self.hasher);
        if field.name() == "message" {
            self.message = text;
        } else if self.message.is_empty() {
            let _ = write!(self.message, "{text}");
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::Metadata;
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// Counts what is let through.
    #[derive(Clone, Default)]
    struct Counter(Arc<Mutex<Vec<&'static Metadata<'static>>>>);

    impl<S: Subscriber> Layer<S> for Counter {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().push(event.metadata());
        }
    }

    fn let_through(floods: &Floods, act: impl FnOnce()) -> usize {
        let counter = Counter::default();
        let log = tracing_subscriber::registry().with(counter.clone()).with(floods.clone());
        with_default(log, act);
        counter.0.lock().len()
    }

    #[test]
    fn a_call_site_writes_so_many_lines_and_the_rest_is_counted() {
        let floods = Floods::new(1, 100);
        let connects = || (0..10_000).for_each(|n| info!(n, "device connected"));
        let n = let_through(&floods, || {
            connects();
            info!("something else");
        });
        assert!((101..=110).contains(&n), "{n} lines");
        let left_out = floods.tally.lock().report(Duration::from_secs(1));
        assert_eq!(left_out.len(), 1, "{left_out:?}");
        assert_eq!((&*left_out[0].like, left_out[0].n_lines as usize), ("device connected", 10_001 - n));
        assert_eq!(floods.tally.lock().report(Duration::from_secs(1)), []);
    }

    #[test]
    fn the_same_news_is_told_three_times_and_then_counted_for_longer_and_longer() {
        let floods = Floods::new(1_000_000, 1_000_000);
        let n = let_through(&floods, || {
            for _ in 0..1000 {
                for file in ["a.mp3", "b.mp3"] {
                    warn!(file, "a file cannot be played");
                }
            }
        });
        assert_eq!(n, 2 * TOLD as usize);
        let report = |secs| floods.tally.lock().report(Duration::from_secs(secs));
        assert_eq!(report(50), []);
        assert_eq!(report(70).iter().map(|left_out| left_out.n_lines).collect::<Vec<_>>(), [997, 997]);
        assert_eq!(report(100), []);
        assert_eq!(floods.tally.lock().news.len(), 2);
        assert_eq!(report(7200), []);
        assert_eq!(floods.tally.lock().news.len(), 0, "what is not said again is forgotten");
    }

    #[test]
    fn what_is_asked_for_is_not_limited() {
        let floods = Floods::new(1, 1);
        let n = let_through(&floods, || (0..100).for_each(|n| tracing::debug!(n, "frame")));
        assert_eq!(n, 100);
    }

    #[test]
    fn endless_different_news_take_no_endless_memory() {
        let floods = Floods::new(1, 10);
        let_through(&floods, || (0..5000).for_each(|n| warn!(n, "room does not exist")));
        assert_eq!(floods.tally.lock().news.len(), MAX_NEWS);
    }
}
