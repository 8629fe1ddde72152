//! Moments and spans as the rules see them: plain values, never a clock.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize, Serializer};

/// A moment, in microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment this many milliseconds after the epoch; the last there is, if that is later.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// The moment this many microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Whole milliseconds since the epoch, as wire formats say them.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Milliseconds since the epoch with their fraction.
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Time passed since `earlier`; zero if that is yet to come.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// So many microseconds later, or earlier.
    pub fn shifted(self, micros: i64) -> Self {
        Self(self.0.saturating_add_signed(micros))
    }

    /// So long before.
    pub fn earlier(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// How far the wall clock, which may be put forward and back, is ahead of the time that rules are told.
///
/// Rules hold spans against the one and what the world outside says against the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WallOffset {
    micros: i64,
}

impl WallOffset {
    /// The offset by which the wall clock says `wall` when rules are told `now`.
    pub const fn between(wall: Timestamp, now: Timestamp) -> Self {
        Self { micros: wall.0.cast_signed().wrapping_sub(now.0.cast_signed()) }
    }

    /// The nearest one of steps like that.
    pub fn rounded(self, step: Duration) -> Self {
        let step = i64::try_from(step.as_micros()).unwrap_or(i64::MAX).max(1);
        Self { micros: self.micros.saturating_add(step / 2).div_euclid(step).saturating_mul(step) }
    }

    /// What the wall clock says at a moment that rules know.
    pub fn wall(self, now: Timestamp) -> Timestamp {
        now.shifted(self.micros)
    }

    /// The moment for rules at which the wall clock will say that, unless it is put.
    pub fn steady(self, wall: Timestamp) -> Timestamp {
        wall.shifted(self.micros.saturating_neg())
    }
}

/// The last moment that ISO 8601 has a form for: the end of the year 9999.
const LAST_ISO_MILLIS: u64 = 253_402_300_799_999;

/// ISO 8601 in UTC with milliseconds: `2026-01-31T09:30:00.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(self.as_millis().min(LAST_ISO_MILLIS));
        humantime::format_rfc3339_millis(moment).fmt(f)
    }
}

/// A position in a track: finite seconds, never below zero.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Deserialize)]
#[serde(try_from = "f64")]
pub struct Seconds(f64);

impl Seconds {
    /// The start of a track.
    pub const ZERO: Self = Self(0.0);

    /// The position, if it is one: not negative, not infinite.
    pub fn new(seconds: f64) -> Option<Self> {
        (seconds.is_finite() && seconds >= 0.0).then_some(Self(seconds))
    }

    /// The position `span` further on.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0 + span.as_secs_f64())
    }

    /// The seconds themselves.
    pub fn as_f64(self) -> f64 {
        self.0
    }

    /// How far apart two positions are, in seconds.
    pub fn distance(self, other: Self) -> f64 {
        (self.0 - other.0).abs()
    }
}

impl TryFrom<f64> for Seconds {
    type Error = &'static str;

    fn try_from(seconds: f64) -> Result<Self, Self::Error> {
        Self::new(seconds).ok_or("not a finite number of seconds >= 0")
    }
}

/// Milliseconds are as fine as a player can seek; whole seconds are written without a fraction.
impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Above this the fraction of an `f64` no longer holds milliseconds.
        const EXACT: f64 = 1e12;
        if self.0 >= EXACT {
            return serializer.serialize_f64(self.0);
        }
        let millis = (self.0 * 1000.0).round();
        if millis % 1000.0 == 0.0 {
            serializer.serialize_u64((millis / 1000.0) as u64)
        } else {
            serializer.serialize_f64(millis / 1000.0)
        }
    }
}

/// Serde for spans written as people write them: `"10s"`, `"1m 30s"`, `"250ms"`.
pub mod human {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes `"10s"`.
    pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*span))
    }

    /// Reads `"10s"`; a bare number is refused, for its unit would be a guess.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer).map_err(|_| D::Error::custom(EXPECTED))?;
        humantime::parse_duration(&text).map_err(|_| D::Error::custom(EXPECTED))
    }

    /// The same for a duration that may be left out.
    pub mod option {
        use std::time::Duration;

        use serde::{Deserializer, Serializer};

        /// Writes `"10s"`.
        pub fn serialize<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
            match span {
                Some(span) => super::serialize(span, serializer),
                None => serializer.serialize_none(),
            }
        }

        /// Reads `"10s"`.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
            super::deserialize(deserializer).map(Some)
        }
    }

    const EXPECTED: &str = "a duration with its unit is expected, like \"10s\", \"250ms\" or \"5m\"";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_reads_as_iso_8601() {
        assert_eq!(Timestamp::from_millis(1_700_000_000_123).to_string(), "2023-11-14T22:13:20.123Z");
    }

    #[test]
    fn a_moment_beyond_all_years_is_the_last_one() {
        assert_eq!(Timestamp::from_millis(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(
            (Timestamp::from_micros(u64::MAX) + Duration::MAX).since(Timestamp::default()).as_micros(),
            u128::from(u64::MAX)
        );
        assert_eq!(Timestamp::from_millis(1).earlier(Duration::MAX), Timestamp::default());
    }

    #[test]
    fn a_date_that_is_told_again_is_the_same_although_two_clocks_are_never_read_at_once() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        for ahead in [0, 7_200_000_000, -7_200_000_000] {
            let dates = [-900, 0, 900].map(|late| {
                WallOffset::between(now.shifted(ahead + late), now)
                    .rounded(Duration::from_millis(100))
                    .wall(now)
            });
            assert_eq!(dates, [now.shifted(ahead); 3]);
        }
    }

    #[test]
    fn a_moment_yet_to_come_is_no_time_ago() {
        assert_eq!(Timestamp::from_millis(5).since(Timestamp::from_millis(9)), Duration::ZERO);
    }

    #[test]
    fn positions_are_written_to_the_millisecond() {
        let written = |seconds| serde_json::to_string(&Seconds::new(seconds)).unwrap();
        assert_eq!(written(0.0), "0");
        assert_eq!(written(12.0), "12");
        assert_eq!(written(12.503_000_001), "12.503");
        assert_eq!(written(1e300), "1e+300");
        assert_eq!(written(-1.0), "null");
        assert_eq!(written(f64::NAN), "null");
    }
}
