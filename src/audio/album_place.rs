//! A track's album, its place in it and its year, according to its tags. No I/O.

/// A track's album, and its place in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlbumPlace {
    /// The album; empty if unknown.
    pub album: String,
    /// The number of its disc; 0 if unknown.
    pub disc: u32,
    /// Its number on the disc; 0 if unknown.
    pub track: u32,
    /// The year in which it appeared; 0 if unknown.
    pub year: u32,
}

impl AlbumPlace {
    /// Reads `3`, or `3/12`.
    pub fn number(text: &str) -> Option<u32> {
        text.split('/').next()?.trim().parse().ok().filter(|number| *number > 0)
    }

    /// Reads the year of a date, like `2026-03-01`.
    pub fn year(text: &str) -> Option<u32> {
        let years = text.split(|c: char| !c.is_ascii_digit()).filter(|word| word.len() == 4);
        years.filter_map(|word| word.parse().ok()).find(|year| *year >= 1000)
    }

    /// Whether a track comes right after this one in the album.
    pub fn is_followed_by(&self, next: &Self) -> bool {
        let is_next = next.disc == self.disc && next.track.checked_sub(1) == Some(self.track);
        let is_next_disc = next.disc.checked_sub(1) == Some(self.disc) && next.track == 1;
        self.album.to_lowercase() == next.album.to_lowercase() && (is_next || is_next_disc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_track_of_the_album_follows_also_on_the_next_disc() {
        let place = |album: &str, disc, track| AlbumPlace { album: album.into(), disc, track, year: 0 };
        let third = place("Live", 1, 3);
        assert!(third.is_followed_by(&place("LIVE", 1, 4)) && third.is_followed_by(&place("Live", 2, 1)));
        for other in [place("Live", 1, 3), place("Live", 1, 5), place("Dead", 1, 4), place("Live", 3, 1)] {
            assert!(!third.is_followed_by(&other), "{other:?}");
        }
        assert_eq!(AlbumPlace::number(" 3/12"), Some(3));
        for (text, year) in
            [("2026-03-01", Some(2026)), ("1. 5. 1999", Some(1999)), ("0000", None), ("199", None)]
        {
            assert_eq!(AlbumPlace::year(text), year, "{text}");
        }
        assert!(AlbumPlace::number("0").is_none() && AlbumPlace::number("A1").is_none());
    }
}
