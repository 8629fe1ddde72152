//! Which part of a file a request wants: `Range` and `If-Range`, for one range. Pure.

use http::HeaderMap;
use http::header::{IF_RANGE, RANGE};

/// What of a file is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All of it.
    Whole,
    /// From the first byte to the last, both included.
    Part(u64, u64),
    /// A part that it does not have.
    Nothing,
}

impl Wanted {
    /// What a request for a file of that length, under that tag, wants.
    ///
    /// A range that cannot be read counts for none, and so do several: whoever asks for them takes the whole, too. With
    /// `If-Range`, a range counts for the file that has this tag.
    pub fn of(headers: &HeaderMap, n_bytes: u64, tag: &str) -> Self {
        let Some(range) = headers.get(RANGE).and_then(|range| range.to_str().ok()) else {
            return Self::Whole;
        };
        if headers.get(IF_RANGE).is_some_and(|known| known.as_bytes() != tag.as_bytes()) {
            return Self::Whole;
        }
        Self::part(range, n_bytes).unwrap_or(Self::Whole)
    }

    fn part(range: &str, n_bytes: u64) -> Option<Self> {
        let (first, last) = range.trim().strip_prefix("bytes=")?.split_once('-')?;
        let (first, last) = (first.trim(), last.trim());
        if !first.bytes().chain(last.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let end = n_bytes.saturating_sub(1);
        let (first, last) = match (number(first), number(last)) {
            (None, None) => return None,
            (None, Some(suffix)) => (n_bytes.saturating_sub(suffix), end),
            (Some(first), None) => (first, end),
            (Some(first), Some(last)) if last < first => return None,
            (Some(first), Some(last)) => (first, last.min(end)),
        };
        Some(if first < n_bytes { Self::Part(first, last) } else { Self::Nothing })
    }
}

/// The number that digits are; a longer one than any file has counts as the largest.
fn number(digits: &str) -> Option<u64> {
    (!digits.is_empty()).then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(range: &str, if_range: Option<&str>, n_bytes: u64) -> Wanted {
        let mut headers = HeaderMap::from_iter([(RANGE, range.parse().unwrap())]);
        if let Some(tag) = if_range {
            headers.insert(IF_RANGE, tag.parse().unwrap());
        }
        Wanted::of(&headers, n_bytes, "\"tag\"")
    }

    #[test]
    fn one_range_is_read_and_nonsense_counts_for_none() {
        assert_eq!(Wanted::of(&HeaderMap::new(), 10, "\"tag\""), Wanted::Whole);
        let cases = [
            ("bytes=0-", Wanted::Part(0, 9)),
            ("bytes=2-4", Wanted::Part(2, 4)),
            ("bytes=2-400", Wanted::Part(2, 9)),
            ("bytes=9-99999999999999999999999", Wanted::Part(9, 9)),
            ("bytes=-3", Wanted::Part(7, 9)),
            ("bytes=-30", Wanted::Part(0, 9)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=5-4", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
            ("", Wanted::Whole),
        ];
        for (range, expected) in cases {
            assert_eq!(wanted(range, None, 10), expected, "{range}");
        }
        assert_eq!(wanted("bytes=-0", None, 10), Wanted::Nothing);
        assert_eq!(wanted("bytes=0-", None, 0), Wanted::Nothing);
        assert_eq!(wanted("bytes=-5", None, 0), Wanted::Nothing);
    }

    #[test]
    fn a_range_of_an_earlier_file_is_none() {
        assert_eq!(wanted("bytes=2-4", Some("\"tag\""), 10), Wanted::Part(2, 4));
        for other in ["\"other\"", "W/\"tag\"", "Sat, 28 Nov 2026 00:00:00 GMT"] {
            assert_eq!(wanted("bytes=2-4", Some(other), 10), Wanted::Whole, "{other}");
        }
    }
}
