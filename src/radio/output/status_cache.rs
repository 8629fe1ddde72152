//! The cache of status documents: anyone may request them at any rate, so each is written at intervals.

use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::time::Timestamp;

/// The placeholder for the client's base URL in a cached document. Titles contain no control characters.
pub const BASE: &str = "\u{7f}base\u{7f}";

/// A status document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusDocument {
    /// `GET /streams`
    Streams,
    /// An event of `GET /events`.
    Events,
    /// `GET /status-json.xsl`
    Icecast,
}

/// The latest version of each document.
#[derive(Debug, Default)]
pub struct StatusCache {
    streams: Mutex<Option<CachedDocument>>,
    events: Mutex<Option<CachedDocument>>,
    icecast: Mutex<Option<CachedDocument>>,
}

#[derive(Debug)]
struct CachedDocument {
    written_at: Timestamp,
    text: String,
    /// The text for the latest base URL.
    rendered: Option<(String, Bytes)>,
}

impl StatusCache {
    /// A document with URLs below `base`; one older than `max_age` is written again.
    pub fn text(
        &self,
        document: StatusDocument,
        base: &str,
        max_age: Duration,
        now: Timestamp,
        write: impl FnOnce() -> String,
    ) -> Bytes {
        let mut cached = match document {
            StatusDocument::Streams => self.streams.lock(),
            StatusDocument::Events => self.events.lock(),
            StatusDocument::Icecast => self.icecast.lock(),
        };
        if cached.as_ref().is_none_or(|cached| now.since(cached.written_at) >= max_age) {
            *cached = Some(CachedDocument { written_at: now, text: write(), rendered: None });
        }
        let Some(cached) = cached.as_mut() else { return Bytes::new() };
        match &cached.rendered {
            Some((known, bytes)) if known == base => bytes.clone(),
            _ => {
                let bytes = Bytes::from(cached.text.replace(BASE, base));
                cached.rendered = Some((base.to_owned(), bytes.clone()));
                bytes
            }
        }
    }
}
