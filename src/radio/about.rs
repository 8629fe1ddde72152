//! What listeners are told about a station apart from its tracks.

use serde::Serialize;

use super::Config;

/// A station's name and the like, each on one line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct About {
    /// Its name, as players show it.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its genre.
    pub genre: String,
    /// The language that is spoken; empty if it tells none.
    pub language: String,
    /// Whether the name is its own: that of others is made of their route.
    pub is_named: bool,
    /// Whether the description is its own.
    pub is_described: bool,
    /// Whether it is one of `[[radio.stations]]`.
    #[serde(skip)]
    pub is_configured: bool,
}

impl About {
    /// Of a station that has nothing of its own.
    pub fn of(config: &Config, route: &str) -> Self {
        let name = line(&config.name);
        Self {
            name: if route == "/" { name } else { format!("{name} {route}") },
            description: line(&config.description),
            genre: line(&config.genre),
            language: String::new(),
            is_named: false,
            is_described: false,
            is_configured: false,
        }
    }
}

/// Text without line breaks.
pub fn line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}
