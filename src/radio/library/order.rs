//! In which orders tracks can play, and what those go by. Pure.

use std::fmt::Write as _;
use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use crate::audio::album_place::AlbumPlace;
use crate::audio::track_info::TrackInfo;
use crate::time::Timestamp;

/// In which order tracks play.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Order {
    /// By chance.
    #[default]
    Shuffle,
    /// By their paths, numbers by their value.
    Name,
    /// Folders by chance, and the tracks of each by their numbers, or else their names.
    Album,
    /// The latest first.
    Newest,
    /// As playlist files have it.
    Playlist,
}

impl TryFrom<String> for Order {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "shuffle" | "true" | "1" | "yes" | "on" => Ok(Self::Shuffle),
            "name" | "false" | "0" | "no" | "off" => Ok(Self::Name),
            "album" => Ok(Self::Album),
            "newest" => Ok(Self::Newest),
            "playlist" => Ok(Self::Playlist),
            _ => Err("shuffle, name, album, newest or playlist is expected"),
        }
    }
}

/// What orders go by, of one track.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrackFacts {
    /// When its file was last written to.
    pub modified_at: Timestamp,
    /// A number for its artist; 0 if unknown.
    pub artist: u64,
    /// The number of its disc, if known.
    pub disc: Option<u32>,
    /// Its number on the disc, if known.
    pub number: Option<u32>,
}

impl TrackFacts {
    /// Of a file of which nothing else is known.
    pub fn of(modified_at: Timestamp) -> Self {
        Self { modified_at, ..Self::default() }
    }

    /// Of a file whose tags were read.
    pub fn of_info(modified_at: Timestamp, info: &TrackInfo) -> Self {
        let place = info.place.as_deref().filter(|place| place.track > 0);
        let known = |number: fn(&AlbumPlace) -> u32| place.map(number).filter(|number| *number > 0);
        let (disc, number) = (known(|place| place.disc), known(|place| place.track));
        Self { modified_at, artist: artist(&info.artist), disc, number }
    }
}

/// A number for the first of some artists, the same however it is written.
fn artist(text: &str) -> u64 {
    let text = text.to_lowercase();
    let end = [", ", "; ", " feat", " ft."].iter().filter_map(|mark| text.find(mark)).min();
    let first = text[..end.unwrap_or(text.len())].trim();
    if first.is_empty() { 0 } else { FixedState::with_seed(0).hash_one(first).max(1) }
}

/// Text that sorts numbers by their value, capitals with small letters, and a folder's files together.
pub fn by_value(text: &str) -> String {
    let mut key = String::with_capacity(text.len() + 16);
    let mut digits = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if !digits.is_empty() {
            let _ = write!(key, "{digits:0>9}");
            digits.clear();
        }
        match c {
            '/' => key.push('\0'),
            c => key.extend(c.to_lowercase()),
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artist_is_the_same_with_guests_and_in_capitals() {
        assert_eq!(artist("Ann"), artist("ANN feat. Bob"));
        assert_eq!(artist("Ann"), artist("ann, Bob"));
        assert_ne!(artist("Ann"), artist("Bob"));
        assert_eq!(artist(" "), 0);
    }
}
