//! Schedules: which show is on at a moment, and which comes next. Pure; the moment comes in.
//!
//! Times of the day are those of a time zone. A time that is left out when clocks are put forward is the first moment
//! after the gap; one that comes twice when they are put back is the first of the two. So each show begins once.

use std::cmp::Reverse;
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// Days before and after a moment whose weekly shows are looked at: one that is on now may have begun the day before
/// yesterday, and the next one begins within a week.
const DAYS_BEFORE: i64 = 2;
const DAYS_AFTER: i64 = 8;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const EXPECTED: &str = "times like \"mon-fri 07:00-09:00; sat,sun 22:00-02:00\" are expected";

/// When one programme takes over from another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interrupt {
    /// At the end of the track on the air.
    #[default]
    TrackEnd,
    /// Within that track.
    AtOnce,
}

/// A week's days from Monday, and minutes of the day; an end beyond the day is on the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    days: [bool; 7],
    from: u32,
    to: u32,
}

/// When a show is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Weekly(Vec<Span>),
    Once(DateTime, Duration),
}

/// One time that a show is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// The number of the show in its schedule.
    pub show: usize,
    /// When it begins, by the wall clock.
    pub starts_at: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
}

/// What a schedule says of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agenda {
    /// What is on.
    pub on: Option<Occurrence>,
    /// What begins next.
    pub next: Option<Occurrence>,
    /// The first moment at which this may be different; `None` is never.
    pub until: Option<Timestamp>,
}

/// The shows of a station.
#[derive(Debug, Clone)]
pub struct Schedule {
    zone: TimeZone,
    shows: Vec<Times>,
}

/// A time zone by its name; empty is the machine's.
///
/// # Errors
/// There is none of that name.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    if name.is_empty() {
        return Ok(TimeZone::try_system().unwrap_or(TimeZone::UTC));
    }
    TimeZone::get(name).map_err(|_| "a time zone like \"Europe/Berlin\" is expected".to_owned())
}

impl Times {
    /// Reads times like `mon-fri 07:00-09:00; sat,sun 22:00-02:00`; without days, they are those of every day.
    ///
    /// # Errors
    /// What is expected.
    pub fn weekly(text: &str) -> Result<Self, String> {
        let spans: Option<Vec<Span>> = text.split(';').map(span).collect();
        spans.map(|spans| Self(Kind::Weekly(spans))).ok_or_else(|| EXPECTED.to_owned())
    }

    /// A single time, from a date like `2026-12-31 23:55` on.
    ///
    /// # Errors
    /// What is expected.
    pub fn once(text: &str, lasts: Duration) -> Result<Self, String> {
        let read = || {
            let (date, time) = text.trim().split_once([' ', 'T'])?;
            let mut parts = date.split('-');
            let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
            let (year, month, day) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
            let date = Date::new(year, month, day).ok().filter(|_| parts.next().is_none())?;
            let minute = minute_of(time.trim()).filter(|minute| *minute < DAY)?;
            Some(at(date, minute))
        };
        let moment = read().ok_or("a moment like \"2026-12-31 23:55\" is expected")?;
        Ok(Self(Kind::Once(moment, lasts)))
    }
}

/// Reads `mon-fri 07:00-09:00`.
fn span(text: &str) -> Option<Span> {
    let text = text.trim().to_lowercase();
    let (days, times) = text.rsplit_once(char::is_whitespace).unwrap_or(("daily", &text));
    let (from, to) = times.split_once('-')?;
    let (from, to) = (minute_of(from)?, minute_of(to)?);
    if from == DAY {
        return None;
    }
    Some(Span { days: days_of(days)?, from, to: if to <= from { to + DAY } else { to } })
}

/// Reads `sat,sun`, `fri-mon` or `daily`.
fn days_of(text: &str) -> Option<[bool; 7]> {
    let number = |name: &str| DAYS.iter().position(|day| *day == name.trim());
    let mut days = [false; 7];
    for part in text.split(',').map(str::trim) {
        let (first, last) = match part.split_once('-') {
            _ if part == "daily" => (0, 6),
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(part)?, number(part)?),
        };
        let n_days = (last + 7 - first) % 7 + 1;
        (first..first + n_days).for_each(|day| days[day % 7] = true);
    }
    Some(days)
}

/// Reads `07:30`; `24:00` is the end of a day.
fn minute_of(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let is_number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !is_number(hours, 1..=2) || !is_number(minutes, 2..=2) {
        return None;
    }
    let minute =
        hours.parse::<u32>().ok()? * 60 + minutes.parse::<u32>().ok().filter(|minutes| *minutes < 60)?;
    (minute <= DAY).then_some(minute)
}

/// A minute of a day, or of the one after it.
fn at(date: Date, minute: u32) -> DateTime {
    let date = date.saturating_add(i64::from(minute / DAY).days());
    let minute = minute % DAY;
    date.at((minute / 60) as i8, (minute % 60) as i8, 0, 0)
}

impl Schedule {
    /// Shows, by the clocks of a zone. Where two are on at once, one that is on once goes first, then the one that began
    /// last, then the first in the list.
    pub fn new(zone: TimeZone, shows: Vec<Times>) -> Self {
        Self { zone, shows }
    }

    /// What is on, and what comes next.
    pub fn agenda(&self, now: Timestamp) -> Agenda {
        let all = self.around(now);
        let is_once = |occurrence: &Occurrence| matches!(self.shows[occurrence.show].0, Kind::Once(..));
        let rank =
            |occurrence: &&Occurrence| (is_once(occurrence), occurrence.starts_at, Reverse(occurrence.show));
        let on = all.iter().filter(|show| show.starts_at <= now && now < show.ends_at).max_by_key(rank);
        let next = all.iter().filter(|show| show.starts_at > now);
        let next = next.min_by_key(|show| (show.starts_at, Reverse(is_once(show)), show.show));
        let changes = all.iter().flat_map(|show| [show.starts_at, show.ends_at]);
        Agenda { on: on.copied(), next: next.copied(), until: changes.filter(|change| *change > now).min() }
    }

    /// Whatever is on about that moment, and all that is on once.
    fn around(&self, now: Timestamp) -> Vec<Occurrence> {
        let today = jiff::Timestamp::from_microsecond(now.as_micros().cast_signed())
            .map_or(Date::ZERO, |now| self.zone.to_datetime(now).date());
        let days = (-DAYS_BEFORE..=DAYS_AFTER).map(|days| today.saturating_add(days.days()));
        let days: Vec<Date> = days.collect();
        let mut found = Vec::new();
        for (show, Times(kind)) in self.shows.iter().enumerate() {
            match kind {
                Kind::Weekly(spans) => {
                    let spans = spans.iter().flat_map(|span| days.iter().map(move |day| (span, *day)));
                    let spans = spans.filter(|(span, day)| span.days[weekday(*day)]);
                    found.extend(spans.map(|(span, day)| self.occurrence(show, span, day)));
                }
                Kind::Once(moment, lasts) => {
                    let starts_at = self.moment(*moment);
                    found.push(Occurrence { show, starts_at, ends_at: starts_at + *lasts });
                }
            }
        }
        found
    }

    fn occurrence(&self, show: usize, span: &Span, day: Date) -> Occurrence {
        let (starts_at, ends_at) = (self.moment(at(day, span.from)), self.moment(at(day, span.to)));
        // A show that is left out as a whole is on after the gap for as long as it would have been.
        let length = Duration::from_mins(u64::from(span.to - span.from));
        let ends_at = if ends_at > starts_at { ends_at } else { starts_at + length };
        Occurrence { show, starts_at, ends_at }
    }

    /// The moment at which clocks show that for the first time, or else the first one after they have left it out.
    fn moment(&self, time: DateTime) -> Timestamp {
        let moment = match self.zone.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(time),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(time),
            AmbiguousOffset::Gap { after, .. } => after.to_timestamp(time).map(|before| {
                let mut changes = self.zone.following(before);
                changes.find(|change| change.offset() == after).map_or(before, |change| change.timestamp())
            }),
        };
        let micros = moment.map_or(0, jiff::Timestamp::as_microsecond);
        Timestamp::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

/// Days from Monday.
fn weekday(day: Date) -> usize {
    match day.weekday() {
        Weekday::Monday => 0,
        Weekday::Tuesday => 1,
        Weekday::Wednesday => 2,
        Weekday::Thursday => 3,
        Weekday::Friday => 4,
        Weekday::Saturday => 5,
        Weekday::Sunday => 6,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    use super::*;

    fn weekly(text: &str) -> Times {
        Times::weekly(text).unwrap_or_else(|problem| panic!("{text}: {problem}"))
    }

    fn schedule(zone_name: &str, shows: &[&str]) -> Schedule {
        Schedule::new(zone(zone_name).unwrap(), shows.iter().map(|times| weekly(times)).collect())
    }

    fn moment(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_micros(moment.as_microsecond().cast_unsigned())
    }

    fn local(schedule: &Schedule, moment: Timestamp) -> String {
        let moment = jiff::Timestamp::from_microsecond(moment.as_micros().cast_signed()).unwrap();
        let (time, offset) = (schedule.zone.to_datetime(moment), schedule.zone.to_offset(moment));
        format!("{}{offset}", time.strftime("%a %F %H:%M"))
    }

    /// Every change of what is on from one moment to another.
    fn changes(schedule: &Schedule, from: &str, to: &str) -> Vec<(Timestamp, Agenda)> {
        let (mut now, end) = (moment(from), moment(to));
        let mut found = Vec::new();
        let mut last = None;
        loop {
            let agenda = schedule.agenda(now);
            let on = agenda.on.map(|on| (on.show, on.starts_at));
            if last.replace(on) != Some(on) {
                found.push((now, agenda));
            }
            match agenda.until.filter(|until| *until < end) {
                Some(until) => now = until,
                None => return found,
            }
        }
    }

    fn transcript(schedule: &Schedule, from: &str, to: &str) -> String {
        let mut text = String::new();
        for (now, agenda) in changes(schedule, from, to) {
            let on = agenda.on.map_or("-".to_owned(), |on| on.show.to_string());
            writeln!(text, "{} {on}", local(schedule, now)).unwrap();
        }
        text
    }

    #[test]
    fn times_are_read_and_what_is_none_is_refused() {
        let of = |text: &str| match weekly(text).0 {
            Kind::Weekly(spans) => spans
                .iter()
                .map(|span| {
                    let days: String = span.days.iter().map(|on| if *on { 'x' } else { '.' }).collect();
                    format!("{days} {}-{}", span.from, span.to)
                })
                .collect::<Vec<_>>()
                .join("; "),
            Kind::Once(..) => unreachable!(),
        };
        assert_eq!(of("mon-fri 07:00-09:00"), "xxxxx.. 420-540");
        assert_eq!(of("Sat, Sun 22:00-02:00; 7:05-7:06"), ".....xx 1320-1560; xxxxxxx 425-426");
        assert_eq!(of("fri-mon 00:00-24:00"), "x...xxx 0-1440");
        assert_eq!(of("daily 06:00-06:00"), "xxxxxxx 360-1800");
        for wrong in [
            "",
            "mon",
            "mon 7-9",
            "mon 07:00",
            "mo 07:00-08:00",
            "07:60-08:00",
            "24:00-25:00",
            "24:00-01:00",
            "+7:00-08:00",
            "mon-fri 07:00-09:00;",
            "mon-fri-sun 07:00-08:00",
            "07:00-08:00 mon",
        ] {
            assert_eq!(Times::weekly(wrong), Err(EXPECTED.to_owned()), "{wrong}");
        }
        for wrong in
            ["", "2026-12-31", "2026-02-30 10:00", "2026-12-31 24:00", "31.12.2026 10:00", "2026-1-1-1 10:00"]
        {
            assert!(Times::once(wrong, Duration::from_secs(1)).is_err(), "{wrong}");
        }
        assert!(zone("Europe/Berlin").is_ok() && zone("Mars/Olympus").is_err() && zone("").is_ok());
    }

    #[test]
    fn a_week_of_shows_over_midnight_and_one_within_another() {
        let week =
            schedule("Europe/Berlin", &["mon-fri 07:00-09:00", "fri,sat 22:00-02:00", "fri 23:00-24:00"]);
        expect_test::expect![[r"
            Wed 2026-06-03 14:00+02 -
            Thu 2026-06-04 07:00+02 0
            Thu 2026-06-04 09:00+02 -
            Fri 2026-06-05 07:00+02 0
            Fri 2026-06-05 09:00+02 -
            Fri 2026-06-05 22:00+02 1
            Fri 2026-06-05 23:00+02 2
            Sat 2026-06-06 00:00+02 1
            Sat 2026-06-06 02:00+02 -
            Sat 2026-06-06 22:00+02 1
            Sun 2026-06-07 02:00+02 -
            Mon 2026-06-08 07:00+02 0
            Mon 2026-06-08 09:00+02 -
        "]]
        .assert_eq(&transcript(&week, "2026-06-03T12:00:00Z", "2026-06-08T12:00:00Z"));
    }

    #[test]
    fn what_is_on_once_goes_before_what_is_on_every_week() {
        let shows = vec![
            weekly("thu 23:00-01:00"),
            Times::once("2026-12-31 23:55", Duration::from_mins(10)).unwrap(),
            weekly("fri 00:00-03:00"),
        ];
        let eve = Schedule::new(zone("Europe/Berlin").unwrap(), shows);
        expect_test::expect![[r"
            Thu 2026-12-31 13:00+01 -
            Thu 2026-12-31 23:00+01 0
            Thu 2026-12-31 23:55+01 1
            Fri 2027-01-01 00:05+01 2
            Fri 2027-01-01 03:00+01 -
        "]]
        .assert_eq(&transcript(&eve, "2026-12-31T12:00:00Z", "2027-01-01T12:00:00Z"));
        let agenda = eve.agenda(moment("2026-06-01T00:00:00Z"));
        assert_eq!(
            agenda.next.map(|next| local(&eve, next.starts_at)).as_deref(),
            Some("Thu 2026-06-04 23:00+02")
        );
        let once = Schedule::new(eve.zone.clone(), eve.shows[1..2].to_vec());
        let next = once.agenda(moment("2026-06-01T00:00:00Z")).next.unwrap();
        assert_eq!(local(&once, next.starts_at), "Thu 2026-12-31 23:55+01");
        assert_eq!(once.agenda(moment("2027-06-01T00:00:00Z")), Agenda { on: None, next: None, until: None });
    }

    #[test]
    fn a_year_has_each_daily_show_once_a_day_in_every_zone() {
        let zones = [
            "Europe/Berlin",
            "America/New_York",
            "America/St_Johns",
            "Australia/Lord_Howe",
            "Pacific/Chatham",
            "Africa/Casablanca",
            "America/Santiago",
            "Asia/Kolkata",
            "UTC",
        ];
        let mut text = String::new();
        for name in zones {
            // 02:30 is left out or comes twice in most of them, 00:10 in Santiago.
            for (times, minutes) in
                [("02:30-03:30", 60), ("00:10-00:20", 10), ("23:30-00:05", 35), ("02:05-02:10", 5)]
            {
                let year = schedule(name, &[times]);
                let found = changes(&year, "2025-01-01T12:00:00Z", "2026-01-01T12:00:00Z");
                let starts: Vec<Occurrence> = found.iter().filter_map(|(_, agenda)| agenda.on).collect();
                for on in &starts {
                    let at = local(&year, on.starts_at);
                    let took = on.ends_at.since(on.starts_at).as_secs() / 60;
                    if took != minutes || !at.contains(&times[..5]) {
                        writeln!(text, "{name} {times}: {at} for {took} min").unwrap();
                    }
                }
                let days: BTreeSet<String> =
                    starts.iter().map(|on| local(&year, on.starts_at)[..14].to_owned()).collect();
                assert_eq!((starts.len(), days.len()), (365, 365), "{name} {times}");
            }
        }
        expect_test::expect![[r"
            Europe/Berlin 02:30-03:30: Sun 2025-03-30 03:00+02 for 30 min
            Europe/Berlin 02:30-03:30: Sun 2025-10-26 02:30+02 for 120 min
            Europe/Berlin 02:05-02:10: Sun 2025-03-30 03:00+02 for 5 min
            America/New_York 02:30-03:30: Sun 2025-03-09 03:00-04 for 30 min
            America/New_York 02:05-02:10: Sun 2025-03-09 03:00-04 for 5 min
            America/St_Johns 02:30-03:30: Sun 2025-03-09 03:00-02:30 for 30 min
            America/St_Johns 02:05-02:10: Sun 2025-03-09 03:00-02:30 for 5 min
            Australia/Lord_Howe 02:05-02:10: Sun 2025-10-05 02:30+11 for 5 min
            Pacific/Chatham 02:30-03:30: Sun 2025-09-28 02:30+12:45 for 15 min
            Africa/Casablanca 02:30-03:30: Sun 2025-02-23 02:30+01 for 120 min
            Africa/Casablanca 02:30-03:30: Sun 2025-04-06 03:00+01 for 30 min
            Africa/Casablanca 02:05-02:10: Sun 2025-04-06 03:00+01 for 5 min
            America/Santiago 00:10-00:20: Sun 2025-09-07 01:00-03 for 10 min
            America/Santiago 23:30-00:05: Sat 2025-04-05 23:30-03 for 95 min
            America/Santiago 23:30-00:05: Sat 2025-09-06 23:30-04 for 30 min
        "]]
        .assert_eq(&text);
    }
}
